//! The form in which a person says how an operation should have been captured: fields of the
//! operation as it came in, and the operation that the filled form describes.

use chrono::NaiveDate;
use ledger::schema::item::{ItemUnits, UnitsByCode};
use ledger::tables::{Read as _, Tables};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::operation::{
    Body, Condition, Count, Direction, DocumentKind, DocumentRef, Goods, Place, Receive, Tracking,
};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, PackageNo, PlateNo, ReasonText, SerialNo,
    UnitCode, VariantCode, WordError,
};

use super::context::PageContext;
use super::format;
use super::names;
use super::query::Query;

/// Names of the fields of a correction start so, in forms and addresses.
pub const PREFIX: &str = "c_";

/// What of an operation a form can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editable {
    /// The goods; none where nobody could name them, or where a plate is moved as a whole.
    pub goods: Option<Goods>,
    /// Whether goods must be named.
    pub names_goods: bool,
    /// Where they were.
    pub from: Option<Place>,
    /// Where they are.
    pub to: Option<Place>,
    /// The barcode that nobody could name.
    pub unknown: Option<(String, Quantity)>,
    /// What is not about goods and places.
    pub more: More,
}

/// What of an operation a form can change besides goods and places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum More {
    /// Nothing.
    Nothing,
    /// The number of the plate that was moved: it may have been misread.
    Plate(PlateNo),
    /// Which way the book is to be changed, and why.
    Adjustment(Direction, ReasonText),
    /// What the goods really are.
    Really(Tracking, Option<NaiveDate>),
}

impl Editable {
    /// What of `body` a form can change; none for bodies that are counted again instead.
    pub fn of(body: &Body) -> Option<Self> {
        let with = |goods: &Goods, from: Option<&Place>, to: Option<&Place>| {
            Some(Self {
                goods: Some(goods.clone()),
                names_goods: true,
                from: from.cloned(),
                to: to.cloned(),
                unknown: None,
                more: More::of(body),
            })
        };
        match body {
            Body::Count(count) => with(&count.goods, None, Some(&count.place)),
            Body::Receive(receive) => with(&receive.goods, None, Some(&receive.to)),
            Body::Pick(pick) => with(&pick.goods, Some(&pick.from), pick.to.as_ref()),
            Body::Ship(ship) => with(&ship.goods, Some(&ship.from), None),
            Body::Move(moved) => with(&moved.goods, Some(&moved.from), Some(&moved.to)),
            Body::TransferShip(ship) => with(&ship.goods, Some(&ship.from), None),
            Body::TransferReceive(receive) => with(&receive.goods, None, Some(&receive.to)),
            Body::Adjust(adjust) => with(&adjust.goods, None, Some(&adjust.place)),
            Body::Reclassify(change) => with(&change.goods, None, Some(&change.place)),
            Body::MovePlate(moved) => Some(Self {
                goods: None,
                names_goods: false,
                from: None,
                to: Some(moved.to.clone()),
                unknown: None,
                more: More::of(body),
            }),
            Body::Unidentified(seen) => Some(Self {
                goods: None,
                names_goods: true,
                from: None,
                to: Some(seen.place.clone()),
                unknown: Some((seen.raw.clone(), seen.quantity)),
                more: More::of(body),
            }),
            Body::CountBin(_)
            | Body::Undo(_)
            | Body::Answer(_)
            | Body::SignIn(_)
            | Body::SignOut(_)
            | Body::Attach(_)
            | Body::Void(_) => None,
        }
    }
}

impl More {
    fn of(body: &Body) -> Self {
        match body {
            Body::MovePlate(moved) => Self::Plate(moved.plate.clone()),
            Body::Adjust(adjust) => Self::Adjustment(adjust.direction, adjust.reason.clone()),
            Body::Reclassify(change) => Self::Really(change.to_tracking.clone(), change.to_expiry),
            Body::Count(_)
            | Body::CountBin(_)
            | Body::Receive(_)
            | Body::Pick(_)
            | Body::Ship(_)
            | Body::Move(_)
            | Body::TransferShip(_)
            | Body::TransferReceive(_)
            | Body::Undo(_)
            | Body::Unidentified(_)
            | Body::Answer(_)
            | Body::SignIn(_)
            | Body::SignOut(_)
            | Body::Attach(_)
            | Body::Void(_) => Self::Nothing,
        }
    }
}

/// One field: its name, its label, what it holds when nothing was typed yet.
struct Field<'f> {
    name: &'f str,
    label: &'f str,
    kind: &'f str,
    value: String,
}

fn input(context: &PageContext, form: &Query, field: &Field<'_>) -> Markup {
    let name = format!("{PREFIX}{}", field.name);
    let typed = form.get(&name).map_or(field.value.as_str(), |typed| typed);
    html! {
        div class="field" {
            label for=(name) { (context.t(field.label)) }
            input id=(name) name=(name) type=(field.kind) value=(typed) autocomplete="off"
                spellcheck="false" inputmode=[(field.name == "quantity").then_some("decimal")];
        }
    }
}

fn text<T: ToString>(word: Option<&T>) -> String {
    word.map(ToString::to_string).unwrap_or_default()
}

/// The fields of a correction, filled with the operation as it came in, or with what was typed.
pub fn fields(
    context: &PageContext,
    of: &Editable,
    document: Option<&DocumentRef>,
    form: &Query,
) -> Markup {
    let place = |which: &'static str, label, place: &Place| {
        let names = [format!("{which}_location"), format!("{which}_bin"), format!("{which}_plate")];
        let [location, bin, plate] = &names;
        html! {
            (input(context, form, &Field { name: bin, label, kind: "text", value: text(place.bin.as_ref()) }))
            (input(context, form, &Field { name: location, label: "location", kind: "text", value: place.location.to_string() }))
            (input(context, form, &Field { name: plate, label: "plate", kind: "text", value: text(place.plate.as_ref()) }))
        }
    };
    html! {
        @if of.unknown.is_some() { (meaning(context, form)) }
        @if of.names_goods { (goods_fields(context, of, form)) }
        (more_fields(context, &of.more, form))
        @if let Some(from) = &of.from { (place("from", "from-bin", from)) }
        @if let Some(to) = &of.to { (place("to", if of.from.is_some() { "to-bin" } else { "bin" }, to)) }
        (document_fields(context, document, form))
        @if of.unknown.is_some() { p class="muted" { (context.t("bind-identifier")) } }
    }
}

/// What goods that nobody could name were: seen there, or brought there.
fn meaning(context: &PageContext, form: &Query) -> Markup {
    html! {
        div class="field" {
            label for="c_kind" { (context.t("kind")) }
            select id="c_kind" name="c_kind" {
                option value="count" selected[form.is("c_kind", "count")] { (context.t("meant-count")) }
                option value="receive" selected[form.is("c_kind", "receive")] { (context.t("meant-receive")) }
            }
        }
    }
}

fn goods_fields(context: &PageContext, of: &Editable, form: &Query) -> Markup {
    let goods = of.goods.as_ref();
    let tracking = goods.map(|goods| &goods.tracking);
    let quantity = goods
        .map(|goods| goods.quantity)
        .or(of.unknown.as_ref().map(|(_raw, quantity)| *quantity))
        .map(|quantity| format::quantity(context, quantity))
        .unwrap_or_default();
    let field = |name, label, value: String| {
        input(context, form, &Field { name, label, kind: "text", value })
    };
    html! {
        (field("item", "item", text(goods.map(|goods| &goods.item))))
        (field("variant", "variant", text(goods.and_then(|goods| goods.variant.as_ref()))))
        (field("quantity", "quantity", quantity))
        (field("unit", "unit", text(goods.map(|goods| &goods.unit))))
        (field("lot", "lot", text(tracking.and_then(|tracking| tracking.lot.as_ref()))))
        (field("serial", "serial", text(tracking.and_then(|tracking| tracking.serial.as_ref()))))
        (field("package", "package", text(tracking.and_then(|tracking| tracking.package.as_ref()))))
        (input(context, form, &Field {
            name: "expiry",
            label: "expiry",
            kind: "date",
            value: text(goods.and_then(|goods| goods.expiry.as_ref())),
        }))
    }
}

fn more_fields(context: &PageContext, more: &More, form: &Query) -> Markup {
    let field = |name, label, kind, value: String| {
        input(context, form, &Field { name, label, kind, value })
    };
    match more {
        More::Nothing => html! {},
        More::Plate(plate) => field("plate", "plate-moved", "text", plate.to_string()),
        More::Adjustment(direction, reason) => {
            let chosen = direction_typed(form).unwrap_or(*direction);
            html! {
                div class="field" {
                    label for="c_direction" { (context.t("direction")) }
                    select id="c_direction" name="c_direction" {
                        option value="increase" selected[chosen == Direction::Increase] { (context.t("increase")) }
                        option value="decrease" selected[chosen == Direction::Decrease] { (context.t("decrease")) }
                    }
                }
                (field("reason", "reason", "text", reason.to_string()))
            }
        }
        More::Really(tracking, expiry) => html! {
            (field("new_lot", "really-lot", "text", text(tracking.lot.as_ref())))
            (field("new_serial", "really-serial", "text", text(tracking.serial.as_ref())))
            (field("new_package", "really-package", "text", text(tracking.package.as_ref())))
            (field("new_expiry", "really-expiry", "date", text(expiry.as_ref())))
        },
    }
}

fn direction_typed(form: &Query) -> Option<Direction> {
    match form.get("c_direction")? {
        "increase" => Some(Direction::Increase),
        "decrease" => Some(Direction::Decrease),
        _ => None,
    }
}

fn document_fields(context: &PageContext, document: Option<&DocumentRef>, form: &Query) -> Markup {
    let chosen = form
        .get("c_document_kind")
        .map(str::to_owned)
        .or_else(|| document.map(|document| names::document_word(document.kind).to_owned()));
    html! {
        div class="field" {
            label for="c_document_kind" { (context.t("document-kind")) }
            select id="c_document_kind" name="c_document_kind" {
                option value="" { (context.t("none")) }
                @for kind in names::DOCUMENT_KINDS {
                    @let word = names::document_word(kind);
                    option value=(word) selected[chosen.as_deref() == Some(word)] {
                        (context.word("document", word))
                    }
                }
            }
        }
        (input(context, form, &Field {
            name: "document_no", label: "document", kind: "text",
            value: text(document.map(|document| &document.no)),
        }))
        (input(context, form, &Field {
            name: "document_line", label: "line", kind: "text",
            value: text(document.and_then(|document| document.line.as_ref())),
        }))
    }
}

/// The filled form.
struct Typed<'f>(&'f Query);

fn malformed(error: &WordError) -> Reason {
    Reason::new(Code::MalformedRequest).word("why", error)
}

impl Typed<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(&format!("{PREFIX}{name}"))
    }

    fn word<T: std::str::FromStr<Err = WordError>>(&self, name: &str) -> Result<Option<T>, Reason> {
        self.get(name).map(str::parse).transpose().map_err(|error: WordError| malformed(&error))
    }

    fn place(&self, which: &str) -> Result<Place, Reason> {
        let location: Option<LocationCode> = self.word(&format!("{which}_location"))?;
        Ok(Place {
            location: location.ok_or_else(|| Reason::new(Code::LocationRequired))?,
            bin: self.word::<BinCode>(&format!("{which}_bin"))?,
            plate: self.word::<PlateNo>(&format!("{which}_plate"))?,
        })
    }

    fn goods(&self, view: &dyn Tables, raw: Option<String>) -> Result<Goods, Reason> {
        let no: ItemNo =
            self.word("item")?.ok_or_else(|| Reason::new(Code::NotFound).word("what", "item"))?;
        let unknown = || Reason::new(Code::ItemUnknown).word("item", &no);
        let id = names::item_of(view, no.as_str()).ok_or_else(unknown)?;
        let item = names::item(view, id).ok_or_else(unknown)?;
        let unit: UnitCode = self.word("unit")?.unwrap_or_else(|| item.base_unit.clone());
        let factor = factor(view, id, &item.base_unit, &unit)
            .ok_or_else(|| Reason::new(Code::UnitUnknown).word("item", &no).word("unit", &unit))?;
        let range = || Reason::new(Code::NumberOutOfRange).word("field", "quantity");
        let quantity = self.get("quantity").and_then(format::typed_quantity).ok_or_else(range)?;
        if quantity.is_negative() {
            return Err(range());
        }
        let base = base_quantity(quantity, factor, item.precision).ok_or_else(range)?;
        Ok(Goods {
            item: no,
            variant: self.word::<VariantCode>("variant")?,
            unit,
            factor,
            quantity,
            base,
            tracking: self.tracking("")?,
            expiry: self.expiry("")?,
            raw,
        })
    }

    fn tracking(&self, which: &str) -> Result<Tracking, Reason> {
        Ok(Tracking {
            lot: self.word::<LotNo>(&format!("{which}lot"))?,
            serial: self.word::<SerialNo>(&format!("{which}serial"))?,
            package: self.word::<PackageNo>(&format!("{which}package"))?,
        })
    }

    fn expiry(&self, which: &str) -> Result<Option<NaiveDate>, Reason> {
        let expiry = self.get(&format!("{which}expiry")).map(str::parse).transpose();
        expiry.map_err(|_not_a_date| Reason::new(Code::NumberOutOfRange).word("field", "expiry"))
    }

    /// What the form says besides goods and places; what it leaves out stays as it was.
    fn more(&self, was: &More) -> Result<More, Reason> {
        Ok(match was {
            More::Nothing => More::Nothing,
            More::Plate(plate) => More::Plate(self.word("plate")?.unwrap_or_else(|| plate.clone())),
            More::Adjustment(direction, reason) => More::Adjustment(
                direction_typed(self.0).unwrap_or(*direction),
                self.word("reason")?.unwrap_or_else(|| reason.clone()),
            ),
            More::Really(..) => More::Really(self.tracking("new_")?, self.expiry("new_")?),
        })
    }

    fn document(&self) -> Result<Option<DocumentRef>, Reason> {
        let Some(no) = self.word::<DocumentNo>("document_no")? else { return Ok(None) };
        let wanted = self.get("document_kind").unwrap_or_default();
        let kind: Option<DocumentKind> =
            names::DOCUMENT_KINDS.into_iter().find(|kind| names::document_word(*kind) == wanted);
        let kind = kind.ok_or_else(|| Reason::new(Code::DocumentUnknown).word("document", &no))?;
        let line = self.get("document_line").map(str::parse).transpose();
        let line = line
            .map_err(|_not_a_number| Reason::new(Code::NumberOutOfRange).word("field", "line"))?;
        Ok(Some(DocumentRef { kind, no, line }))
    }
}

fn factor(
    view: &dyn Tables,
    item: ledger::schema::ItemId,
    base_unit: &UnitCode,
    unit: &UnitCode,
) -> Option<UnitFactor> {
    if unit == base_unit {
        return Some(UnitFactor::ONE);
    }
    let unit = view.row::<UnitsByCode>(unit)?;
    view.row::<ItemUnits>(&(item, *unit)).map(|row| row.factor)
}

/// The operation as the filled form describes it: `original` with other values.
///
/// # Errors
///
/// The first field that cannot be used.
pub fn corrected(
    view: &dyn Tables,
    original: &Body,
    form: &Query,
) -> Result<(Body, Option<DocumentRef>), Reason> {
    let typed = Typed(form);
    let editable = Editable::of(original).ok_or_else(|| Reason::new(Code::ChoiceNotOffered))?;
    let raw = match (&editable.goods, &editable.unknown) {
        (Some(goods), _) => goods.raw.clone(),
        (None, Some((raw, _quantity))) => Some(raw.clone()),
        (None, None) => None,
    };
    let mut body = original.clone();
    let goods = if editable.names_goods { Some(typed.goods(view, raw)?) } else { None };
    let from = editable.from.is_some().then(|| typed.place("from")).transpose()?;
    let to = editable.to.is_some().then(|| typed.place("to")).transpose()?;
    put(&mut body, (goods, from, to), typed.get("kind"));
    put_more(&mut body, typed.more(&editable.more)?);
    Ok((body, typed.document()?))
}

fn put(
    body: &mut Body,
    (goods, from, to): (Option<Goods>, Option<Place>, Option<Place>),
    kind: Option<&str>,
) {
    fn set<T>(slot: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *slot = value;
        }
    }
    match body {
        Body::Count(count) => {
            set(&mut count.goods, goods);
            set(&mut count.place, to);
        }
        Body::Receive(receive) => {
            set(&mut receive.goods, goods);
            set(&mut receive.to, to);
        }
        Body::Pick(pick) => {
            set(&mut pick.goods, goods);
            set(&mut pick.from, from);
            pick.to = to;
        }
        Body::Ship(ship) => {
            set(&mut ship.goods, goods);
            set(&mut ship.from, from);
        }
        Body::Move(moved) => {
            set(&mut moved.goods, goods);
            set(&mut moved.from, from);
            set(&mut moved.to, to);
        }
        Body::MovePlate(moved) => set(&mut moved.to, to),
        Body::TransferShip(ship) => {
            set(&mut ship.goods, goods);
            set(&mut ship.from, from);
        }
        Body::TransferReceive(receive) => {
            set(&mut receive.goods, goods);
            set(&mut receive.to, to);
        }
        Body::Adjust(adjust) => {
            set(&mut adjust.goods, goods);
            set(&mut adjust.place, to);
        }
        Body::Reclassify(change) => {
            set(&mut change.goods, goods);
            set(&mut change.place, to);
        }
        Body::Unidentified(_) => {
            if let (Some(goods), Some(place)) = (goods, to) {
                *body = named(goods, place, kind);
            }
        }
        Body::CountBin(_)
        | Body::Undo(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => {}
    }
}

fn put_more(body: &mut Body, more: More) {
    match (body, more) {
        (Body::MovePlate(moved), More::Plate(plate)) => moved.plate = plate,
        (Body::Adjust(adjust), More::Adjustment(direction, reason)) => {
            (adjust.direction, adjust.reason) = (direction, reason);
        }
        (Body::Reclassify(change), More::Really(tracking, expiry)) => {
            (change.to_tracking, change.to_expiry) = (tracking, expiry);
        }
        (_other, _nothing) => {}
    }
}

/// What goods that nobody could name turned out to be.
fn named(goods: Goods, place: Place, kind: Option<&str>) -> Body {
    if kind == Some("receive") {
        Body::Receive(Receive { to: place, goods, condition: Condition::Good })
    } else {
        Body::Count(Count { place, goods, started_us: None, task: None })
    }
}
