//! What must hold after each decision, and at the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ledger::audit::audit_changes;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::memory::MemoryTables;
use ledger::schema::StockKey;
use ledger::schema::book::{Intakes, OutcomeRevisions, Outcomes};
use ledger::schema::case::{CaseState, Cases, OpenTasks};
use ledger::schema::count::{CountRow, CountState, Counts};
use ledger::schema::stock::Stocks;
use ledger::schema::tracking::TrackingKeys;
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::identity::{DeviceId, OperationId};
use protocol::operation::{Body, Nothing, Tracking};
use protocol::outcome::Decision;
use server_core::poster::rebuild::Fold;
use server_core::store::MemoryStore;

use super::floor::{Key, NUMBERS, WAY, number_of};
use super::heard::{PIECE, interned};
use super::{World, heard, people};
use crate::reference::{self, Operation, Opinion};

/// Tables that no decision writes: desk sessions, leases, what devices last said of themselves and of
/// their storage, what is safe, where the feed starts, photos. They are about conversations, not
/// about goods.
const NOT_OF_THE_BOOK: [u8; 8] = [95, 102, 104, 105, 107, 230, 231, 232];

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
    if !has_crashed {
        let rewritten = ledger::audit::audit_appended(store, &changed);
        world.violations.extend(rewritten.iter().map(|violation| format!("audit: {violation}")));
    }
    world.successes.audited.ran(world.server.store(), whole);
    if !counts_were_taken_out(world) {
        let mut naive = reference::book(&operations(world));
        complete(world, &mut naive);
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
    if counts_were_taken_out(world) {
        world.successes.without_opinion += 1;
    } else {
        let mut opinion = reference::judge(&operations(world));
        complete(world, &mut opinion.book);
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

/// What the second opinion judges now.
fn operations(world: &mut World) -> Vec<Operation<Key>> {
    world.heard.listen(world.server.store());
    world.heard.standing(world.server.store())
}

/// Adds to a book by quantities what is kept by other rules.
fn complete(world: &World, book: &mut BTreeMap<Key, i128>) {
    book.extend(world.heard.serials(world.server.store()));
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
    let row = store.row::<TrackingKeys>(&key.tracking);
    let number = row.and_then(|row| {
        let tracking = Tracking { lot: row.lot.clone(), serial: row.serial.clone(), package: None };
        number_of(&tracking).map(|number| interned(number, &NUMBERS))
    });
    (bin != "?" && item != "?").then_some((bin, item, number))
}

/// I10: the book is the fold by τ, worked out by code that shares nothing with the ledger.
fn the_book_is_the_naive_fold(world: &mut World, naive: &BTreeMap<Key, i128>) {
    let book = book(world);
    let mut found = Vec::new();
    let not_yet = heard::arrived_unsent(naive);
    let keys: BTreeSet<Key> = naive.keys().chain(book.keys()).copied().collect();
    for key in keys.difference(&not_yet) {
        let ours = book.get(key).copied().unwrap_or_default();
        let theirs = naive.get(key).copied().unwrap_or_default();
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
    let doubts = doubts(world);
    let mut doubtful: Option<Key> = None;
    let mut found = Vec::new();
    for ((key, order), finding) in &opinion.counts {
        if doubts.contains(&(key.0, key.1)) {
            world.successes.counts_in_doubt += 1;
            continue;
        }
        world.successes.counts_compared += 1;
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

/// Items, by bin, of which something is not in the book though it happened, or was for good though it did not:
/// what was refused, what is parked or was to be counted instead.
fn doubts(world: &World) -> BTreeSet<(&'static str, &'static str)> {
    let store = world.server.store();
    let mut doubts = world.doubts.clone();
    for (name, row) in store.list::<Outcomes>(&KeyRange::all()) {
        let is_open = row.outcome.decision == Decision::Parked;
        if heard::is_count(&row) || (!is_open && !heard::says(&row, &Code::CaseRecount)) {
            continue;
        }
        match people::captured(store, name) {
            Some(Body::Unidentified(seen)) => {
                let unnamed = world.floor.unnamed.get(&seen.raw);
                doubts.extend(unnamed.map(|(key, _pieces)| (key.0, key.1)));
            }
            Some(body) => doubts.extend(people::About::of(&body).pairs()),
            None => {}
        }
    }
    doubts
}

/// Whether a count does not stand though its person did not take it back.
fn counts_were_taken_out(world: &World) -> bool {
    let store = world.server.store();
    let is_undone = |name: &OperationId| {
        store.row::<Outcomes>(name).is_some_and(|row| heard::says(&row, &Code::UndoneByOperator))
    };
    let counts = store.list::<Counts>(&KeyRange::all());
    let mut taken_out = counts.iter().filter(|(_key, row)| row.state == CountState::TakenOut);
    taken_out.any(|(_key, row)| !is_undone(&row.operation))
}

/// I11: what lies there is in the book, or the bin is flagged. What is on its way lies in no bin that could
/// be counted: there it is enough that whoever was refused an undo knows of it.
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
        if case.state != CaseState::Open {
            continue;
        }
        flagged.extend(case.stock.map(|key| lookup::bin_text(store, key.location, key.bin)));
        // The supervisor sees both acts side by side: the serial is where the one or the other left it.
        if case.reasons.first().is_some_and(|reason| reason.code == Code::SerialPlaceUnsure) {
            let acts: Vec<_> = case.others.iter().copied().chain([case.operation]).collect();
            flagged.extend(heard::bins_of(store, &acts).into_iter().map(str::to_owned));
        }
    }
    let parked = store.list::<Outcomes>(&KeyRange::all()).into_iter();
    let parked: Vec<_> = parked
        .filter(|(_name, row)| row.outcome.decision == Decision::Parked)
        .map(|(name, _row)| name)
        .collect();
    flagged.extend(heard::bins_of(store, &parked).into_iter().map(str::to_owned));
    let truth: BTreeMap<Key, i128> =
        world.floor.stock().map(|(key, pieces)| (*key, i128::from(*pieces) * PIECE)).collect();
    let keys: BTreeSet<Key> = truth.keys().chain(book.keys()).copied().collect();
    let mut found = Vec::new();
    for key in keys {
        let (ours, real) = (book.get(&key).copied(), truth.get(&key).copied());
        let is_flagged =
            flagged.contains(key.0) || (key.0 == WAY && world.doubts.contains(&(key.0, key.1)));
        if ours != real && !is_flagged {
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
        let bins = super::floor::BINS.iter().filter(|bin| **bin != WAY).flat_map(|bin| {
            let location = super::floor::location_of(bin);
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
            let lot = number_of(&row.tracking).map(|number| interned(number, &NUMBERS));
            if bin != "?" && item != "?" {
                *shown.entry((bin, item, lot)).or_default() += quantity.units();
            }
        }
        // What is counted blind is not shown to anybody.
        shown.retain(|key, units| *units != 0 && !withheld.contains(key.0));
        let mut open = book.clone();
        open.retain(|key, _units| key.0 != WAY && !withheld.contains(key.0));
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
    let kinds = parked_and_decided(store);
    let phase = world.phase as usize;
    let before = world.successes.phases[..phase].iter();
    let (judged_before, settled_before) =
        before.fold((0, 0), |sum, phase| (sum.0 + phase.judged, sum.1 + phase.settled));
    let now = &mut world.successes.phases[phase];
    now.judged = judged.saturating_sub(judged_before);
    now.settled = settled.saturating_sub(settled_before);
    for (kind, n) in kinds {
        let all = world.successes.kinds.entry(kind).or_default();
        all[phase] = n.saturating_sub(all[..phase].iter().sum());
    }
}

/// What was parked at any time, and what was decided of it, until now.
fn parked_and_decided(store: &MemoryStore) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    let revisions = store.list::<OutcomeRevisions>(&KeyRange::all());
    let parked = revisions.iter().filter(|(_key, row)| row.outcome.decision == Decision::Parked);
    let parked: BTreeSet<_> = parked.map(|((name, _no), _row)| *name).collect();
    kinds.insert("parked".to_owned(), parked.len() as u64);
    for (_id, case) in store.list::<Cases>(&KeyRange::all()) {
        let what = match &case.state {
            CaseState::Decided { choice, .. } => format!("decided: {choice:?}").to_lowercase(),
            CaseState::Resolved { .. } if case.parked => "resolved by itself".to_owned(),
            CaseState::Resolved { .. } | CaseState::Open => continue,
        };
        *kinds.entry(what).or_default() += 1;
    }
    kinds
}
