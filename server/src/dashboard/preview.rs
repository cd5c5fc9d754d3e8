//! What a decision would do: it is taken by the same call as in earnest, on a draft that is thrown
//! away, and the rows that it would write are shown.

use ledger::costing::outstanding::Outstanding;
use ledger::draft::{Changes, Draft};
use ledger::key::{KeyBytes, KeyRange};
use ledger::operation::{Request, judge};
use ledger::schema::EntryNo;
use ledger::schema::SiteId;
use ledger::schema::book::{Heads, Intake, Intakes, Origin, OutcomeRow, Outcomes, Timing};
use ledger::schema::case::{Task, Tasks};
use ledger::schema::entry::{ItemLedger, ItemLedgerEntry, WarehouseEntry, WarehouseLedger};
use ledger::schema::gl::GlLedger;
use ledger::schema::item::{Identifier, Identifiers};
use ledger::schema::money::ValueLedger;
use ledger::schema::stock::{Hold, Holds};
use ledger::tables::{Read as _, Table, TableId, Tables, typed_key};
use protocol::code::Code;
use protocol::identity::{Hash16, HoldId, IntakeNo, OperationId, ServerTime, TaskId};
use protocol::outcome::{Decision, Reason};
use protocol::words::{IdentifierCode, OperatorId};
use serde_bytes::ByteBuf;

use crate::view::money::accounts::LedgerEntryView;
use crate::view::money::value::ValueView;

/// What a decision would do.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// Item ledger entries that it would post.
    pub item_entries: Vec<(EntryNo, ItemLedgerEntry)>,
    /// Warehouse entries that it would write.
    pub warehouse: Vec<(EntryNo, WarehouseEntry)>,
    /// Operations whose outcome it would state anew.
    pub outcomes: Vec<(OperationId, OutcomeRow)>,
    /// Tasks that it would ask for or close.
    pub tasks: Vec<(TaskId, Task)>,
    /// Barcodes that would mean something else from then on.
    pub identifiers: Vec<(IdentifierCode, Option<Identifier>)>,
    /// Holds that it would set; none: that it would lift.
    pub holds: Vec<(HoldId, Option<Hold>)>,
    /// Why it would be refused.
    pub refused: Vec<Reason>,
}

impl Preview {
    /// Whether it would post nothing at all.
    pub fn posts_nothing(&self) -> bool {
        self.item_entries.is_empty() && self.warehouse.is_empty() && self.holds.is_empty()
    }
}

/// What a command would write of the money side.
#[derive(Debug, Clone, Default)]
pub struct MoneyPreview {
    /// How many warehouse entries.
    pub warehouse_entries: usize,
    /// How many item ledger entries.
    pub item_entries: usize,
    /// The value entries.
    pub values: Vec<ValueView>,
    /// The entries of the general ledger.
    pub ledger: Vec<LedgerEntryView>,
    /// Why it would be refused: all that is in the way.
    pub refused: Vec<Reason>,
}

/// What `command` (encoded) would write of the money side, given by `user` at `now`.
pub fn of_money(
    view: &dyn Tables,
    raw: Vec<u8>,
    user: &OperatorId,
    now: ServerTime,
) -> MoneyPreview {
    let mut draft = Draft::over(view);
    let by = match judged(&mut draft, raw, user, now) {
        Ok(by) => by,
        Err(refused) => return MoneyPreview { refused: vec![refused], ..MoneyPreview::default() },
    };
    let refused = draft
        .row::<Outcomes>(&by)
        .filter(|row| row.outcome.decision == Decision::Refused)
        .map(|row| row.outcome.reasons.clone())
        .unwrap_or_default();
    let (mut values, mut ledger) = (Vec::new(), Vec::new());
    let numbers: Vec<(TableId, KeyBytes)> = draft
        .changes()
        .keys()
        .filter(|(table, _key)| [ValueLedger::ID, GlLedger::ID].contains(table))
        .cloned()
        .collect();
    let outstanding = Outstanding::now(&draft);
    for (table, key) in numbers {
        if table == ValueLedger::ID {
            let no = typed_key::<ValueLedger>(&key);
            values.extend(ValueView::at(&draft, no, &outstanding));
        } else {
            let no = typed_key::<GlLedger>(&key);
            let row = draft.row::<GlLedger>(&no);
            ledger
                .extend(row.map(|row| LedgerEntryView::of(&draft, (no, &row), outstanding.any())));
        }
    }
    let changes = draft.finish();
    let item_entries = present::<ItemLedger>(&changes).len();
    let warehouse_entries = present::<WarehouseLedger>(&changes).len();
    MoneyPreview { warehouse_entries, item_entries, values, ledger, refused }
}

/// What `command` (encoded) would do, given by `user` at `now`.
pub fn of(view: &dyn Tables, raw: Vec<u8>, user: &OperatorId, now: ServerTime) -> Preview {
    let mut draft = Draft::over(view);
    match judged(&mut draft, raw, user, now) {
        Ok(by) => of_changes(&draft.finish(), by),
        Err(refused) => Preview { refused: vec![refused], ..Preview::default() },
    }
}

/// Judges the command on `draft`; answers the operation that it would be.
fn judged(
    draft: &mut Draft<'_>,
    raw: Vec<u8>,
    user: &OperatorId,
    now: ServerTime,
) -> Result<OperationId, Reason> {
    let last = draft.last::<Intakes>(&KeyRange::all()).map_or(IntakeNo(0), |(no, _intake)| no);
    let head = draft.row::<Heads>(&()).map(|head| *head).unwrap_or_default();
    let no = last.next();
    let time = now.max(head.time.plus_us(1));
    let intake = Intake {
        origin: Origin::Desk { user: user.clone(), idempotency: None },
        site: SiteId(0),
        received: time,
        timing: Timing::exact(time),
        local_date: time.utc().map(|utc| utc.date_naive()),
        evidence: ByteBuf::new(),
        raw: ByteBuf::from(raw),
        previous: Hash16::default(),
        hash: Hash16::default(),
    };
    let by = intake.identity(no);
    let request = Request { intake_no: no, intake: &intake, lsn: head.lsn.next(), time };
    judge(draft, &request).map_err(|poison| Reason::new(Code::Poison).word("why", poison))?;
    Ok(by)
}

/// The rows of one table that `changes` write, in order.
fn written<T: Table>(changes: &Changes) -> Vec<(T::Key, Option<T::Row>)> {
    changes
        .iter()
        .filter(|((table, _key), _change)| *table == T::ID)
        .map(|((_table, key), change)| {
            let row = change.as_ref().map(|record| (*record.row::<T::Row>()).clone());
            (typed_key::<T>(key), row)
        })
        .collect()
}

fn present<T: Table>(changes: &Changes) -> Vec<(T::Key, T::Row)> {
    written::<T>(changes).into_iter().filter_map(|(key, row)| row.map(|row| (key, row))).collect()
}

/// What is to be shown of `changes`, which the operation `by` would make.
fn of_changes(changes: &Changes, by: OperationId) -> Preview {
    let outcomes = present::<Outcomes>(changes);
    let own = outcomes.iter().find(|(operation, _row)| *operation == by);
    let refused = own
        .filter(|(_operation, row)| row.outcome.decision == Decision::Refused)
        .map(|(_operation, row)| row.outcome.reasons.clone())
        .unwrap_or_default();
    Preview {
        item_entries: present::<ItemLedger>(changes),
        warehouse: present::<WarehouseLedger>(changes),
        outcomes: outcomes.into_iter().filter(|(operation, _row)| *operation != by).collect(),
        tasks: present::<Tasks>(changes),
        identifiers: written::<Identifiers>(changes),
        holds: written::<Holds>(changes),
        refused,
    }
}
