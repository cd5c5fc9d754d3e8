//! What the second opinion has heard of: every operation that was judged, as it was captured or as a
//! supervisor corrected it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::command::Command;
use ledger::key::KeyRange;
use ledger::schema::book::{Intake, Intakes, Origin, OutcomeRevisions, OutcomeRow, Outcomes};
use ledger::schema::case::{Cases, Choice};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::identity::{IntakeNo, OperationId};
use protocol::operation::{Body, Direction, Goods, Place, Recorded};
use protocol::outcome::Decision;
use server_core::store::MemoryStore;

use super::floor::{BINS, Floor, ITEMS, Key, NUMBERS, WAY, number_of};
use super::serials;
use crate::reference::{self, BinLine, Knowledge, Operation, Order, Standing, What};

/// Piece count of a quantity in units of 0.00001.
pub(super) const PIECE: i128 = 100_000;

impl reference::StockKey for Key {
    type Bin = &'static str;

    fn bin(&self) -> Self::Bin {
        self.0
    }
}

/// The word of a list that `text` is, or a question mark.
pub(super) fn interned(text: &str, of: &[&'static str]) -> &'static str {
    of.iter().find(|known| **known == text).copied().unwrap_or("?")
}

fn key_of(bin: &str, goods: &Goods) -> Key {
    let number = number_of(&goods.tracking).map(|number| interned(number, &NUMBERS));
    (interned(bin, &BINS), interned(goods.item.as_str(), &ITEMS), number)
}

/// The legs of one operation as the reference model reads them.
fn legs(body: &Body, order: Order, at_leg: impl Fn(u8, u64) -> Order) -> Vec<(Order, What<Key>)> {
    let bin = |place: &Place| place.bin.as_ref().map_or(String::new(), ToString::to_string);
    let movement = |leg: u8, bin: &str, goods: &Goods, sign: i128| {
        let what = What::Movement { key: key_of(bin, goods), delta: sign * goods.base.units() };
        (Order { leg, ..order }, what)
    };
    match body {
        Body::Receive(body) => vec![movement(0, &bin(&body.to), &body.goods, 1)],
        Body::Ship(body) => vec![movement(0, &bin(&body.from), &body.goods, -1)],
        Body::Move(body) => vec![
            movement(0, &bin(&body.from), &body.goods, -1),
            movement(1, &bin(&body.to), &body.goods, 1),
        ],
        Body::Pick(body) => {
            let to = body.to.as_ref().map_or(String::new(), bin);
            vec![movement(0, &bin(&body.from), &body.goods, -1), movement(1, &to, &body.goods, 1)]
        }
        Body::Count(body) => {
            let key = key_of(&bin(&body.place), &body.goods);
            vec![(order, What::Count { key, quantity: body.goods.base.units() })]
        }
        Body::CountBin(body) => {
            let lines = body
                .lines
                .iter()
                .zip(0_u8..)
                .map(|(line, n)| BinLine {
                    key: key_of(body.bin.as_str(), &line.goods),
                    quantity: line.goods.base.units(),
                    order: at_leg(n, line.mono_us),
                })
                .collect();
            let bin = interned(body.bin.as_str(), &BINS);
            vec![(Order { leg: u8::MAX, ..order }, What::BinCount { bin, lines })]
        }
        Body::TransferShip(body) => {
            vec![movement(0, &bin(&body.from), &body.goods, -1), movement(1, WAY, &body.goods, 1)]
        }
        Body::TransferReceive(body) => {
            vec![movement(0, WAY, &body.goods, -1), movement(1, &bin(&body.to), &body.goods, 1)]
        }
        Body::Adjust(body) => {
            let sign = if body.direction == Direction::Increase { 1 } else { -1 };
            vec![movement(0, &bin(&body.place), &body.goods, sign)]
        }
        Body::Reclassify(body) => {
            let to = Goods { tracking: body.to_tracking.clone(), ..body.goods.clone() };
            let bin = bin(&body.place);
            vec![movement(0, &bin, &body.goods, -1), movement(1, &bin, &to, 1)]
        }
        _ => Vec::new(),
    }
}

/// The name under which an intake record was judged, with its outcome; none where it was only a
/// repetition. A number that was used twice is the name of the fact that came first.
fn judged_as(
    store: &MemoryStore,
    no: IntakeNo,
    intake: &Intake,
) -> Option<(OperationId, Arc<OutcomeRow>)> {
    let Origin::Device { sent_as, .. } = &intake.origin else { return None };
    [intake.identity(no), *sent_as]
        .into_iter()
        .find_map(|name| Some((name, store.row::<Outcomes>(&name).filter(|row| row.intake == no)?)))
        .filter(|(_name, row)| row.outcome.decision != Decision::Duplicate)
}

/// Where and how an operation lies on the time line, whatever it says.
#[derive(Debug, Clone, Copy)]
struct Heading {
    order: Order,
    epsilon_us: i64,
    uncertain: bool,
    knowledge: Knowledge,
    mono_us: u64,
}

impl Heading {
    fn operations(self, body: &Body) -> impl Iterator<Item = Operation<Key>> {
        let at_leg = move |leg: u8, mono_us: u64| Order {
            tau_us: self.order.tau_us - i64::try_from(self.mono_us - mono_us).unwrap_or(0),
            leg,
            ..self.order
        };
        legs(body, self.order, at_leg).into_iter().map(move |(order, what)| Operation {
            order,
            epsilon_us: self.epsilon_us,
            uncertain: self.uncertain,
            knowledge: self.knowledge,
            span_us: None,
            standing: Standing::Posted,
            what,
        })
    }
}

/// What the second opinion has heard of, in order of intake. What is durable never changes, so each
/// record is read once.
#[derive(Debug)]
pub(super) struct Heard {
    to: IntakeNo,
    headings: BTreeMap<OperationId, Heading>,
    operations: BTreeMap<OperationId, Vec<Operation<Key>>>,
}

impl Heard {
    /// The opening stock.
    pub(super) fn opening() -> Self {
        let operations = BTreeMap::from([(OperationId::default(), opening())]);
        Self { to: IntakeNo(0), headings: BTreeMap::new(), operations }
    }

    /// Hears of everything that `store` has and that was judged.
    pub(super) fn listen(&mut self, store: &MemoryStore) {
        let range = KeyRange::between(&IntakeNo(self.to.0 + 1), &IntakeNo(u64::MAX));
        for (no, intake) in store.list::<Intakes>(&range) {
            self.to = no;
            if matches!(intake.origin, Origin::Device { .. }) {
                self.hear(store, no, &intake);
            } else {
                self.hear_decision(store, no, &intake);
            }
        }
    }

    fn hear(&mut self, store: &MemoryStore, no: IntakeNo, intake: &Intake) {
        let Some((name, _row)) = judged_as(store, no, intake) else { return };
        let Ok(recorded) = Recorded::from_content(&intake.raw) else { return };
        let Ok(body) = recorded.decode_body() else { return };
        let order = Order {
            tau_us: intake.timing.tau.0,
            device: name.device.0,
            incarnation: name.incarnation.0,
            seq: name.seq.0,
            leg: 0,
        };
        let envelope = &recorded.envelope;
        let first = store.row::<OutcomeRevisions>(&(name, 1));
        let outcome = first.map(|first| first.outcome.lsn.0);
        let heading = Heading {
            order,
            epsilon_us: i64::try_from(intake.timing.epsilon_us).unwrap_or(i64::MAX),
            uncertain: intake.timing.uncertain,
            knowledge: Knowledge { cursor: Some(envelope.cursor.0), outcome },
            mono_us: envelope.mono_us,
        };
        self.headings.insert(name, heading);
        self.operations.insert(name, heading.operations(&body).collect());
    }

    /// What a supervisor corrected takes the place of what was captured, at the same instant.
    fn hear_decision(&mut self, store: &MemoryStore, no: IntakeNo, intake: &Intake) {
        let Ok(Command::Decide(decide)) = Command::decode(&intake.raw) else { return };
        let outcome = store.row::<Outcomes>(&intake.identity(no));
        let is_done = outcome.is_some_and(|row| row.outcome.decision == Decision::Accepted);
        let case = store.row::<Cases>(&decide.case).filter(|_case| is_done);
        let (Choice::Correct, Some(case), Some(handle)) = (decide.choice, case, decide.correction)
        else {
            return;
        };
        let heading = self.headings.get(&case.operation);
        let body = Body::decode(&handle.kind, handle.version, &handle.body);
        if let (Some(heading), Ok(body)) = (heading, body) {
            self.operations.insert(case.operation, heading.operations(&body).collect());
        }
    }

    /// Everything that stands: what is parked, refused, taken back or dismissed is not in the book.
    pub(super) fn standing(&self, store: &MemoryStore) -> Vec<Operation<Key>> {
        let all = self.operations.iter().filter(|(name, _all)| stands(store, name) == Some(true));
        serials::without(all.flat_map(|(_name, legs)| legs.iter().cloned()).collect())
    }

    /// Where each serial is. What is parked takes part: whether it contradicts the acts before it is for
    /// the opinion to say.
    pub(super) fn serials(&self, store: &MemoryStore) -> BTreeMap<Key, i128> {
        let takes_part = |name: &OperationId| {
            let stands = stands(store, name);
            // A claim waits for a right, not for other acts.
            let is_claim = || store.row::<Outcomes>(name).is_some_and(|row| row.kind == "adjust");
            stands == Some(true) || (stands == Some(false) && !is_claim())
        };
        let all = self.operations.iter().filter(|(name, _all)| takes_part(name));
        serials::book(all.map(|(_name, legs)| legs.as_slice()))
    }
}

/// Whether `code` is among the reasons of an outcome.
pub(super) fn says(row: &OutcomeRow, code: &Code) -> bool {
    row.outcome.reasons.iter().any(|reason| reason.code == *code)
}

/// Whether an operation is in the book; none where nothing of it happened, by its person or a decision. A
/// count is, also where one of the serials that it saw waits for a decision.
fn stands(store: &MemoryStore, name: &OperationId) -> Option<bool> {
    let Some(row) = store.row::<Outcomes>(name) else { return Some(true) };
    let is_parked = row.outcome.decision == Decision::Parked;
    let dismissed = [Code::CaseDismissed, Code::CaseRecount].iter().any(|code| says(&row, code));
    let is_gone = row.outcome.decision == Decision::Refused
        || says(&row, &Code::UndoneByOperator)
        || (dismissed && !is_count(&row));
    (!is_gone).then_some(!is_parked || is_count(&row))
}

/// Whether the operation is a count.
pub(super) fn is_count(row: &OutcomeRow) -> bool {
    row.kind.starts_with("count")
}

/// What is not compared yet: goods that arrived before their shipment was reported, at both ends. Which part
/// of it stands for which shipment is told by what is reported later, and compared then.
pub(super) fn arrived_unsent(book: &BTreeMap<Key, i128>) -> BTreeSet<Key> {
    let unsent = book.iter().filter(|(key, units)| key.0 == WAY && **units < 0);
    unsent.flat_map(|(key, _units)| [*key, ("SHIP", key.1, key.2)]).collect()
}

/// The bins that operations of `names` are about.
pub(super) fn bins_of(store: &MemoryStore, names: &[OperationId]) -> BTreeSet<&'static str> {
    let bodies = names.iter().filter_map(|name| super::people::captured(store, *name));
    bodies.flat_map(|body| super::people::About::of(&body).bins).collect()
}

/// Opening stock, before everything else.
fn opening() -> Vec<Operation<Key>> {
    let order = Order { tau_us: 0, device: 0, incarnation: 0, seq: 0, leg: 0 };
    Floor::opening()
        .stock()
        .zip(1_u64..)
        .map(|((key, pieces), seq)| {
            let delta = i128::from(*pieces) * PIECE;
            Operation::exact(Order { seq, ..order }, What::Movement { key: *key, delta })
        })
        .collect()
}
