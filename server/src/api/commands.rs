//! Writing: every command of the ledger by name, and desk work like that of a device.
//!
//! `POST /commands` `{"put_bin": {"location": "MAIN", "bin": "A-01"}}` → 200 [`JudgedView`] when the
//! outcome is durable; 422, 409, 403 with the reason when it was refused whole. The names and fields
//! are those of [`ledger::command::Command`]. Secrets (PIN, password, badge) are set through
//! `/people` instead, cases are decided through `/cases`, and imports are made through `/import`.
//!
//! `POST /work` [`Work`] → the same: an adjustment, a move, a count and so on, done now at a desk.
//!
//! Both take an `Idempotency-Key` header (up to 200 characters): the same request under the same key
//! is done once, and answered with the first outcome; another request under it is refused with 409
//! `different_under_same_id`.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use chrono::NaiveDate;
use ledger::command::{Command, Handle};
use ledger::tables::Tables;
use protocol::identity::Lsn;
use protocol::operation::{
    Adjust, Body as Deed, Condition, Count, Direction, DocumentKind, DocumentRef, Goods, Move,
    MovePlate, Pick, Place, Receive, Reclassify, Ship, Tracking, TransferReceive, TransferShip,
};
use protocol::outcome::Decision;
use protocol::quantity::{Quantity, base_quantity};
use protocol::text::Language;
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, PackageNo, PlateNo, ReasonText, SerialNo,
    UnitCode, VariantCode,
};
use serde::{Deserialize, Serialize};
use server_core::intake::command::CommandOrigin;

use super::extract::Body;
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::desk::token::Scope;
use crate::exchange::Batch;
use crate::exchange::check::World;
use crate::runtime::Judged;
use crate::secret;
use crate::state::AppState;
use crate::view::operation::{ChangeView, ReasonView, reasons};

/// What was decided about a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedView {
    /// Its identity.
    pub operation: String,
    /// What was decided.
    pub decision: Decision,
    /// The decision's place in the log.
    pub lsn: Lsn,
    /// Why.
    pub reasons: Vec<ReasonView>,
    /// What was booked differently.
    pub changes: Vec<ChangeView>,
    /// The case that was opened.
    pub case: Option<u64>,
}

impl JudgedView {
    /// What a reader of `language` is told.
    pub fn of(judged: &Judged, language: Language) -> Self {
        let outcome = &judged.outcome.outcome;
        Self {
            operation: judged.operation.to_string(),
            decision: outcome.decision,
            lsn: outcome.lsn,
            reasons: reasons(&outcome.reasons, language),
            changes: outcome.changes.iter().map(ChangeView::from).collect(),
            case: outcome.case.map(|case| case.0),
        }
    }
}

/// A place, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// The location.
    pub location: LocationCode,
    /// The bin.
    #[serde(default)]
    pub bin: Option<BinCode>,
    /// The licence plate.
    #[serde(default)]
    pub plate: Option<PlateNo>,
}

impl From<&At> for Place {
    fn from(at: &At) -> Self {
        Self { location: at.location.clone(), bin: at.bin.clone(), plate: at.plate.clone() }
    }
}

/// A document or one line of it, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfDocument {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// The line.
    #[serde(default)]
    pub line: Option<u32>,
}

/// Desk work like that of a device, in long names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// `adjust`, `count`, `move`, `receive`, `pick`, `ship`, `move_plate`, `transfer_ship`,
    /// `transfer_receive` or `reclassify`.
    pub kind: String,
    /// Where from; for `count`, `adjust` and `reclassify` where.
    #[serde(default)]
    pub from: Option<At>,
    /// Where to.
    #[serde(default)]
    pub to: Option<At>,
    /// The item.
    #[serde(default)]
    pub item: Option<ItemNo>,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// The unit of the quantity; the base unit when left out.
    #[serde(default)]
    pub unit: Option<UnitCode>,
    /// How much.
    #[serde(default)]
    pub quantity: Option<Quantity>,
    /// The lot.
    #[serde(default)]
    pub lot: Option<LotNo>,
    /// The serial number.
    #[serde(default)]
    pub serial: Option<SerialNo>,
    /// The package.
    #[serde(default)]
    pub package: Option<PackageNo>,
    /// The expiration date.
    #[serde(default)]
    pub expiry: Option<NaiveDate>,
    /// For `adjust`: `increase` or `decrease`.
    #[serde(default)]
    pub direction: Option<Direction>,
    /// For `adjust`: why.
    #[serde(default)]
    pub reason: Option<ReasonText>,
    /// For `receive`: `good` (default), `damaged` or `inspect`.
    #[serde(default)]
    pub condition: Condition,
    /// For `move_plate`: the licence plate.
    #[serde(default)]
    pub plate: Option<PlateNo>,
    /// For `reclassify`: the lot it really is.
    #[serde(default)]
    pub to_lot: Option<LotNo>,
    /// For `reclassify`: the serial it really is.
    #[serde(default)]
    pub to_serial: Option<SerialNo>,
    /// For `reclassify`: the expiration date it really has.
    #[serde(default)]
    pub to_expiry: Option<NaiveDate>,
    /// The document that it is done for.
    #[serde(default)]
    pub document: Option<OfDocument>,
}

fn missing(field: &str) -> Problem {
    Problem::malformed(format!("'{field}' is missing"))
}

impl Work {
    /// The work as a command.
    ///
    /// # Errors
    ///
    /// [`Problem`]: a field is missing, or the item or unit is unknown.
    pub fn handle(&self, tables: &dyn Tables) -> Result<Handle, Problem> {
        let document = self.document.as_ref().map(|document| DocumentRef {
            kind: document.kind,
            no: document.no.clone(),
            line: document.line,
        });
        Ok(Handle::new(&self.deed(tables)?, document))
    }

    fn from(&self) -> Result<Place, Problem> {
        self.from.as_ref().map(Place::from).ok_or_else(|| missing("from"))
    }

    fn to(&self) -> Result<Place, Problem> {
        self.to.as_ref().map(Place::from).ok_or_else(|| missing("to"))
    }

    fn goods(&self, tables: &dyn Tables) -> Result<Goods, Problem> {
        let no = self.item.as_ref().ok_or_else(|| missing("item"))?;
        let quantity = self.quantity.ok_or_else(|| missing("quantity"))?;
        let nothing = Batch::default();
        let world = World::new(&nothing, tables);
        let item = world.item(no).ok_or_else(|| Problem::not_found(no))?;
        let factor = world.factor(no, &item, self.unit.as_ref());
        let factor = factor.ok_or_else(|| Problem::malformed("the item has no such unit"))?;
        let base = base_quantity(quantity, factor, item.precision);
        Ok(Goods {
            item: no.clone(),
            variant: self.variant.clone(),
            unit: self.unit.clone().unwrap_or(item.base_unit),
            factor,
            quantity,
            base: base.ok_or_else(|| Problem::malformed("the quantity is out of range"))?,
            tracking: Tracking {
                lot: self.lot.clone(),
                serial: self.serial.clone(),
                package: self.package.clone(),
            },
            expiry: self.expiry,
            raw: None,
        })
    }

    fn deed(&self, tables: &dyn Tables) -> Result<Deed, Problem> {
        Ok(match self.kind.as_str() {
            "count" => Deed::Count(Count {
                place: self.from()?,
                goods: self.goods(tables)?,
                started_us: None,
                task: None,
            }),
            "adjust" => Deed::Adjust(Adjust {
                place: self.from()?,
                goods: self.goods(tables)?,
                direction: self.direction.ok_or_else(|| missing("direction"))?,
                reason: self.reason.clone().ok_or_else(|| missing("reason"))?,
            }),
            "move" => {
                let (from, to) = (self.from()?, self.to()?);
                Deed::Move(Move { from, to, goods: self.goods(tables)? })
            }
            "receive" => Deed::Receive(Receive {
                to: self.to()?,
                goods: self.goods(tables)?,
                condition: self.condition,
            }),
            "pick" => Deed::Pick(Pick {
                from: self.from()?,
                to: self.to.as_ref().map(Place::from),
                goods: self.goods(tables)?,
                short: None,
                emptied: None,
            }),
            "ship" => Deed::Ship(Ship { from: self.from()?, goods: self.goods(tables)? }),
            "transfer_ship" => {
                Deed::TransferShip(TransferShip { from: self.from()?, goods: self.goods(tables)? })
            }
            "transfer_receive" => Deed::TransferReceive(TransferReceive {
                to: self.to()?,
                goods: self.goods(tables)?,
            }),
            "move_plate" => Deed::MovePlate(MovePlate {
                plate: self.plate.clone().ok_or_else(|| missing("plate"))?,
                to: self.to()?,
            }),
            "reclassify" => Deed::Reclassify(Reclassify {
                place: self.from()?,
                goods: self.goods(tables)?,
                to_tracking: Tracking {
                    lot: self.to_lot.clone(),
                    serial: self.to_serial.clone(),
                    package: None,
                },
                to_expiry: self.to_expiry,
            }),
            other => return Err(Problem::malformed(format!("'{other}' is no work of a desk"))),
        })
    }

    /// Where it is done, for the date of the books.
    fn location(&self) -> Option<&LocationCode> {
        self.from.as_ref().or(self.to.as_ref()).map(|at| &at.location)
    }
}

/// The longest idempotency key.
const KEY_BYTES_MAX: usize = 200;

/// Somebody at a desk, with the idempotency key of the request.
///
/// # Errors
///
/// [`Problem`]: the key is not printable, or too long.
pub fn desk_origin(signed_in: &SignedIn, headers: &HeaderMap) -> Result<CommandOrigin, Problem> {
    let key = match headers.get("idempotency-key").map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) if !text.is_empty() && text.len() <= KEY_BYTES_MAX => {
            // Two people may choose the same key.
            let hash = secret::sha256(format!("{}\0{text}", signed_in.user).as_bytes());
            hash.first_chunk::<16>().copied()
        }
        Some(_) => return Err(Problem::malformed("the idempotency key")),
    };
    Ok(CommandOrigin::Desk { user: signed_in.user.clone(), idempotency: key })
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/commands", post(command)).route("/work", post(work))
}

/// Whether a command holds a part that is given through an endpoint of its own.
fn is_elsewhere(command: &Command) -> bool {
    match command {
        Command::Settle(_)
        | Command::JudgeAgain(_)
        | Command::StageImport(_)
        | Command::ActivateImport(_)
        | Command::DropImport(_) => true,
        Command::PutOperator(put) => {
            put.badge_hash.is_some()
                || put.pin_verifier.is_some()
                || put.password_verifier.is_some()
        }
        Command::Batch(batch) => batch.commands.iter().any(is_elsewhere),
        _ => false,
    }
}

async fn command(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Body(command): Body<Command>,
) -> Result<Json<JudgedView>, Problem> {
    if is_elsewhere(&command) {
        return Err(Problem::malformed("this is not given as a command"));
    }
    if concerns_people(&command) {
        signed_in.demand_scope(Some(Scope::People))?;
    }
    let origin = desk_origin(&signed_in, &headers)?;
    let judged = app.command(origin, &command, None).await;
    let judged = judged.map_err(|problem| problem.in_language(signed_in.language))?;
    Ok(Json(JudgedView::of(&judged, signed_in.language)))
}

/// Whether a command changes who may do what: a key that may write may not give itself more.
fn concerns_people(command: &Command) -> bool {
    match command {
        Command::PutOperator(_) | Command::GrantRole(_) | Command::RevokeRole(_) => true,
        Command::Batch(batch) => batch.commands.iter().any(concerns_people),
        _ => false,
    }
}

async fn work(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Body(work): Body<Work>,
) -> Result<Json<JudgedView>, Problem> {
    let handle = work.handle(&app.company().snapshot())?;
    let origin = desk_origin(&signed_in, &headers)?;
    let judged = app.command(origin, &Command::Handle(handle), work.location()).await;
    let judged = judged.map_err(|problem| problem.in_language(signed_in.language))?;
    Ok(Json(JudgedView::of(&judged, signed_in.language)))
}
