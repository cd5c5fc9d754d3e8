//! What must hold after each decision, and at the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::audit::audit_changes;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::memory::MemoryTables;
use ledger::schema::StockKey;
use ledger::schema::book::{Intake, Intakes, Origin, OutcomeRevisions, OutcomeRow, Outcomes};
use ledger::schema::case::{CaseState, Cases, OpenTasks};
use ledger::schema::count::{CountRow, CountState, Counts};
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use protocol::identity::{DeviceId, IntakeNo, OperationId};
use protocol::operation::{Body, Nothing, Recorded};
use protocol::outcome::Decision;
use server_core::poster::rebuild::Fold;
use server_core::store::MemoryStore;

use super::World;
use super::floor::Key;
use crate::reference::{self, BinLine, Knowledge, Operation, Opinion, Order, Standing, What};

/// Tables that no decision writes: desk sessions, leases, what devices last said of themselves and of
/// their storage, what is safe, where the feed starts, photos. They are about conversations, not
/// about goods.
const NOT_OF_THE_BOOK: [u8; 8] = [95, 102, 104, 105, 107, 230, 231, 232];

/// Piece count of a quantity in units of 0.00001.
const PIECE: i128 = 100_000;

/// After so many decisions, and after each crash, the audit looks at everything.
const DECISIONS_PER_WHOLE_AUDIT: u64 = 16;

/// Audits what the decisions that became durable have touched, from time to time everything, and asks
/// for the second opinion on all that lies anywhere.
pub(super) fn after_decision(world: &mut World) {
    if !world.server.is_new {
        return;
    }
    world.server.is_new = false;
    if !world.plan.audit_each || !is_all_judged(world) {
        return;
    }
    let changed = std::mem::take(&mut world.server.changed);
    let has_crashed = std::mem::take(&mut world.server.has_crashed);
    let store = world.server.store();
    world.n_audits += 1;
    let whole = has_crashed || world.n_audits.is_multiple_of(DECISIONS_PER_WHOLE_AUDIT);
    let violations =
        if whole { ledger::audit::audit(store) } else { audit_changes(store, &changed) };
    world.violations.extend(violations.iter().map(|violation| format!("audit: {violation}")));
    world.successes.audited.ran(world.server.store(), whole);
    if !counts_were_taken_out(world) {
        let naive = reference::book(&operations(world));
        the_book_is_the_naive_fold(world, &naive);
    }
}

/// Whether every operation that was taken in has been judged: until then it has no outcome.
fn is_all_judged(world: &World) -> bool {
    let store = world.server.store();
    let last = store.last::<Intakes>(&KeyRange::all()).map(|(no, _intake)| no);
    let judged = store.row::<ledger::schema::book::Heads>(&()).map(|head| head.intake);
    last == judged
}

/// The last checks, when everything has arrived and settled.
pub(super) fn at_the_end(world: &mut World) {
    if !world.violations.is_empty() {
        return;
    }
    let violations = ledger::audit::audit(world.server.store());
    world.violations.extend(violations.iter().map(|violation| format!("audit: {violation}")));
    world.successes.audited.ran(world.server.store(), true);
    world.successes.audited.ended(world.server.store());
    every_fact_has_one_outcome(world);
    if !counts_were_taken_out(world) {
        let opinion = reference::judge(&operations(world));
        the_book_is_the_naive_fold(world, &opinion.book);
        no_count_differs_in_silence(world, &opinion);
    }
    the_book_is_what_lies_there(world);
    the_book_rebuilds_itself(world);
    devices_show_what_the_server_has(world);
    tally(world);
}

/// I1, I2, I5: every confirmed operation was judged, exactly once. A device whose store was replaced
/// by an old copy uses numbers twice, so what counts is how many facts there are, not only how they
/// are named.
fn every_fact_has_one_outcome(world: &mut World) {
    let store = world.server.store();
    let mut found = Vec::new();
    let mut confirmed: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (place, name) in &world.confirmed {
        *confirmed.entry(name.device).or_default() += 1;
        if !store.has::<Outcomes>(name) {
            found.push(format!("lost: operation {name} of device {place} has no outcome"));
        }
    }
    let mut judged: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for (name, row) in store.list::<Outcomes>(&KeyRange::all()) {
        let is_fact = row.outcome.decision != Decision::Duplicate;
        if name.device.0 != 0 && is_fact && row.kind != Body::Void(Nothing {}).kind() {
            *judged.entry(name.device).or_default() += 1;
        }
    }
    for (device, confirmed) in confirmed {
        let judged = judged.get(&device).copied().unwrap_or_default();
        let broken = match judged.cmp(&confirmed) {
            Ordering::Less => "lost",
            Ordering::Equal => continue,
            Ordering::Greater => "doubled",
        };
        found.push(format!(
            "{broken}: device {device} confirmed {confirmed} operations, {judged} were judged"
        ));
        found.extend(names_not_confirmed(world, device));
    }
    world.violations.extend(found);
}

/// What was judged of a device under a name that it never confirmed: names of an operation that was
/// labelled again, and what should not be there.
fn names_not_confirmed(world: &World, device: DeviceId) -> Vec<String> {
    let store = world.server.store();
    let known: BTreeSet<_> = world.confirmed.iter().map(|(_, name)| *name).collect();
    let judged = store.list::<Outcomes>(&KeyRange::all());
    judged
        .into_iter()
        .filter(|(name, _)| name.device == device && !known.contains(name))
        .map(|(name, row)| format!("  {name} was never confirmed: {row:?}"))
        .collect()
}

impl reference::StockKey for Key {
    type Bin = &'static str;

    fn bin(&self) -> Self::Bin {
        self.0
    }
}

fn interned(text: &str, of: &[&'static str]) -> &'static str {
    of.iter().find(|known| **known == text).copied().unwrap_or("?")
}

fn key_of(bin: &str, goods: &protocol::operation::Goods) -> Key {
    let lot = goods.tracking.lot.as_ref().map(|lot| interned(lot.as_str(), &super::floor::LOTS));
    (interned(bin, &super::floor::BINS), interned(goods.item.as_str(), &super::floor::ITEMS), lot)
}

/// The legs of one operation as the reference model reads them.
fn legs(body: &Body, order: Order, at_leg: impl Fn(u8, u64) -> Order) -> Vec<(Order, What<Key>)> {
    let bin = |place: &protocol::operation::Place| {
        place.bin.as_ref().map_or(String::new(), ToString::to_string)
    };
    let movement = |leg: u8, bin: &str, goods: &protocol::operation::Goods, sign: i128| {
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
            let bin = interned(body.bin.as_str(), &super::floor::BINS);
            vec![(Order { leg: u8::MAX, ..order }, What::BinCount { bin, lines })]
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

/// What the second opinion has heard of, in order of intake. What is durable never changes, so each
/// record is read once.
#[derive(Debug)]
pub(super) struct Heard {
    to: IntakeNo,
    names: Vec<OperationId>,
    operations: Vec<Operation<Key>>,
}

impl Heard {
    /// The opening stock.
    pub(super) fn opening() -> Self {
        let operations = opening();
        let names = vec![OperationId::default(); operations.len()];
        Self { to: IntakeNo(0), names, operations }
    }

    /// Hears of everything that `store` has and that was judged.
    fn listen(&mut self, store: &MemoryStore) {
        let range = KeyRange::between(&IntakeNo(self.to.0 + 1), &IntakeNo(u64::MAX));
        for (no, intake) in store.list::<Intakes>(&range) {
            self.to = no;
            self.hear(store, no, &intake);
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
        let at_leg = |leg: u8, mono_us: u64| Order {
            tau_us: order.tau_us - i64::try_from(envelope.mono_us - mono_us).unwrap_or(0),
            leg,
            ..order
        };
        let first = store.row::<OutcomeRevisions>(&(name, 1));
        let outcome = first.map(|first| first.outcome.lsn.0);
        for (order, what) in legs(&body, order, at_leg) {
            self.names.push(name);
            self.operations.push(Operation {
                order,
                epsilon_us: i64::try_from(intake.timing.epsilon_us).unwrap_or(i64::MAX),
                uncertain: intake.timing.uncertain,
                knowledge: Knowledge { cursor: Some(envelope.cursor.0), outcome },
                span_us: None,
                standing: Standing::Posted,
                what,
            });
        }
    }

    /// Everything that stands: what is parked is not in the book.
    fn standing(&self, store: &MemoryStore) -> Vec<Operation<Key>> {
        let is_parked = |name: &OperationId| {
            let row = store.row::<Outcomes>(name);
            row.is_some_and(|row| row.outcome.decision == Decision::Parked)
        };
        let all = self.names.iter().zip(&self.operations);
        all.filter(|(name, _operation)| !is_parked(name)).map(|(_name, one)| one.clone()).collect()
    }
}

/// What the second opinion judges now.
fn operations(world: &mut World) -> Vec<Operation<Key>> {
    world.heard.listen(world.server.store());
    world.heard.standing(world.server.store())
}

/// Opening stock, before everything else.
fn opening() -> Vec<Operation<Key>> {
    let order = Order { tau_us: 0, device: 0, incarnation: 0, seq: 0, leg: 0 };
    super::floor::Floor::opening()
        .stock()
        .zip(1_u64..)
        .map(|((key, pieces), seq)| {
            let delta = i128::from(*pieces) * PIECE;
            Operation::exact(Order { seq, ..order }, What::Movement { key: *key, delta })
        })
        .collect()
}

/// What the server's book says, by key of the floor; other bins are left out.
fn book(world: &World) -> BTreeMap<Key, i128> {
    let store = world.server.store();
    let mut book = BTreeMap::new();
    for (key, row) in store.list::<Stocks>(&KeyRange::all()) {
        if let Some(named) = floor_key(world, &key) {
            *book.entry(named).or_default() += row.quantity.units();
        }
    }
    book.retain(|_key, units| *units != 0);
    book
}

fn floor_key(world: &World, key: &StockKey) -> Option<Key> {
    let store = world.server.store();
    let bin = interned(&lookup::bin_text(store, key.location, key.bin), &super::floor::BINS);
    let item = interned(&lookup::item_text(store, key.item), &super::floor::ITEMS);
    let lot = lookup::lot_of(store, key.tracking);
    let lot = lot.map(|lot| interned(lot.as_str(), &super::floor::LOTS));
    (bin != "?" && item != "?").then_some((bin, item, lot))
}

/// I10: the book is the fold by τ, worked out by code that shares nothing with the ledger.
fn the_book_is_the_naive_fold(world: &mut World, naive: &BTreeMap<Key, i128>) {
    let book = book(world);
    let mut found = Vec::new();
    let keys: BTreeSet<Key> = naive.keys().chain(book.keys()).copied().collect();
    for key in keys {
        let ours = book.get(&key).copied().unwrap_or_default();
        let theirs = naive.get(&key).copied().unwrap_or_default();
        if ours != theirs {
            let (ours, theirs) = (ours / PIECE, theirs / PIECE);
            found.push(format!("book of {key:?} is {ours}, the naive fold says {theirs}"));
        }
    }
    world.violations.extend(found);
}

/// I11: nothing vanishes here and everybody counts right, so a count that differs from the book says
/// that the book is wrong. That may be where the order of two acts is not known, and is said then;
/// the count after it may differ because the book was set wrong before.
fn no_count_differs_in_silence(world: &mut World, opinion: &Opinion<Key>) {
    let is_parked = |row: &OutcomeRow| row.outcome.decision == Decision::Parked;
    let outcomes = world.server.store().list::<Outcomes>(&KeyRange::all());
    if outcomes.iter().any(|(_name, row)| is_parked(row)) {
        return;
    }
    let mut doubtful: Option<Key> = None;
    let mut found = Vec::new();
    for ((key, order), finding) in &opinion.counts {
        if finding.is_marked() {
            doubtful = Some(*key);
            continue;
        }
        let was_doubtful = doubtful.take() == Some(*key);
        if finding.difference != 0 && !was_doubtful {
            let (counted, before) = (finding.counted / PIECE, finding.before / PIECE);
            found.push(format!(
                "wrong book: {key:?} was counted {counted} where the book had {before}, nothing \
                 vanished and nobody is told ({order:?})"
            ));
        }
    }
    world.violations.extend(found);
}

fn counts_were_taken_out(world: &World) -> bool {
    let counts = world.server.store().list::<Counts>(&KeyRange::all());
    counts.iter().any(|(_key, row)| row.state == CountState::TakenOut)
}

/// I11: what lies there is in the book, or the bin is flagged.
fn the_book_is_what_lies_there(world: &mut World) {
    let store = world.server.store();
    let book = book(world);
    let mut flagged: BTreeSet<String> = BTreeSet::new();
    for ((location, bin, ..), ()) in
        store.list::<OpenTasks>(&KeyRange::all()).into_iter().map(|(key, _row)| (key, ()))
    {
        flagged.insert(lookup::bin_text(store, location, bin));
    }
    for (_id, case) in store.list::<Cases>(&KeyRange::all()) {
        if case.state == CaseState::Open
            && let Some(key) = case.stock
        {
            flagged.insert(lookup::bin_text(store, key.location, key.bin));
        }
    }
    let truth: BTreeMap<Key, i128> =
        world.floor.stock().map(|(key, pieces)| (*key, i128::from(*pieces) * PIECE)).collect();
    let keys: BTreeSet<Key> = truth.keys().chain(book.keys()).copied().collect();
    let mut found = Vec::new();
    for key in keys {
        let (ours, real) = (book.get(&key).copied(), truth.get(&key).copied());
        if ours != real && !flagged.contains(key.0) {
            let (ours, real) = (ours.unwrap_or(0) / PIECE, real.unwrap_or(0) / PIECE);
            found.push(format!("bin wrong and not flagged: {key:?} book {ours}, there {real}"));
        }
    }
    world.violations.extend(found);
}

/// S4: the change records rebuild every other table, byte for byte.
fn the_book_rebuilds_itself(world: &mut World) {
    let store = world.server.store();
    let mut rebuilt = MemoryTables::new();
    let mut fold = Fold::default();
    loop {
        match fold.step(store, &rebuilt, 256) {
            Err(fault) => return world.violations.push(format!("rebuild: {fault}")),
            Ok(changes) if changes.is_empty() => break,
            Ok(changes) => rebuilt.apply(changes),
        }
    }
    let live: BTreeMap<_, _> = store.tables().rows().collect();
    let again: BTreeMap<_, _> = rebuilt.rows().collect();
    let names: BTreeSet<_> = live.keys().chain(again.keys()).collect();
    let unlike: Vec<String> = names
        .into_iter()
        .filter(|key| !NOT_OF_THE_BOOK.contains(&key.0.0))
        .filter(|key| live.get(*key) != again.get(*key))
        .take(3)
        .map(|key| format!("table {} key {:02x?}", key.0.0, key.1))
        .collect();
    if !unlike.is_empty() {
        world.violations.push(format!("the rebuilt tables differ: {}", unlike.join(", ")));
    }
}

/// I8, S3: once connected and quiet, each replica shows the server's stock.
fn devices_show_what_the_server_has(world: &mut World) {
    let book = book(world);
    let mut found = Vec::new();
    for (place, device) in world.devices.iter().enumerate() {
        let Some(core) = device.core() else { continue };
        let mut shown: BTreeMap<Key, i128> = BTreeMap::new();
        let mut withheld: BTreeSet<&str> = BTreeSet::new();
        let location = super::floor::LOCATION.try_into().expect("a short code");
        let bins = super::floor::BINS.iter().flat_map(|bin| {
            let bin = (*bin).try_into().expect("a short code");
            core.replica().stock_in_bin(&location, Some(&bin), 1_000).unwrap_or_default()
        });
        for row in bins {
            let bin = row.bin.as_ref().map_or("", protocol::words::BinCode::as_str);
            let bin = interned(bin, &super::floor::BINS);
            let Some(quantity) = row.quantity else {
                withheld.insert(bin);
                continue;
            };
            let item = interned(row.item.as_str(), &super::floor::ITEMS);
            let lot = row.tracking.lot.as_ref();
            let lot = lot.map(|lot| interned(lot.as_str(), &super::floor::LOTS));
            if bin != "?" && item != "?" {
                *shown.entry((bin, item, lot)).or_default() += quantity.units();
            }
        }
        // What is counted blind is not shown to anybody.
        shown.retain(|key, units| *units != 0 && !withheld.contains(key.0));
        let mut open = book.clone();
        open.retain(|key, _units| !withheld.contains(key.0));
        if shown != open {
            found.push(format!("device {place} shows {shown:?}, the server has {open:?}"));
        }
    }
    world.violations.extend(found);
}

fn tally(world: &mut World) {
    let store = world.server.store();
    for (_no, row) in store.list::<Outcomes>(&KeyRange::all()) {
        if row.outcome.operation.device.0 == 0 {
            continue;
        }
        let decision = format!("{:?}", row.outcome.decision).to_lowercase();
        *world.successes.decisions.entry(decision).or_default() += 1;
        world.successes.restated += u64::from(row.outcome.revision > 1);
    }
    progress(world);
}

/// Notes what got done since the phase before ended.
pub(super) fn progress(world: &mut World) {
    let store = world.server.store();
    let outcomes = store.list::<Outcomes>(&KeyRange::all());
    let judged = outcomes.iter().filter(|(name, _row)| name.device.0 != 0).count() as u64;
    let counts = store.list::<Counts>(&KeyRange::all());
    let is_settled = |row: &CountRow| row.state == CountState::Settled;
    let settled = counts.iter().filter(|(_key, row)| is_settled(row)).count() as u64;
    let before = world.successes.phases[..world.phase as usize].iter();
    let (judged_before, settled_before) =
        before.fold((0, 0), |sum, phase| (sum.0 + phase.judged, sum.1 + phase.settled));
    let now = &mut world.successes.phases[world.phase as usize];
    now.judged = judged.saturating_sub(judged_before);
    now.settled = settled.saturating_sub(settled_before);
}
