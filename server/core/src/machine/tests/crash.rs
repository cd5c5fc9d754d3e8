//! The process dies, the power goes: what was acknowledged is there, what was judged is judged
//! once, and a rebuild gives the same bytes.

use std::collections::BTreeMap;

use ledger::key::{Key as _, KeyBytes, KeyRange};
use ledger::memory::MemoryTables;
use ledger::schema::book::{ChangesTable, Intakes, Outcomes};
use ledger::tables::{Read as _, Table as _, TableId, Tables as _};
use protocol::frame::{Frame, Subscribe};
use protocol::identity::{Lsn, Seq};

use super::world::{Device, MORNING, World, config, small_company};
use crate::machine::Machine;
use crate::poster::rebuild::{BookFault, Fold};
use crate::schema::{APART, FeedIndex};
use crate::store::MemoryStore;

/// A day with two devices, a fork, a poison and a desk.
pub(super) fn busy_world() -> (World, [Device; 2]) {
    let mut world = World::new();
    let (mut one, mut two) = (world.enrolled(7), world.enrolled(8));
    for device in [&mut one, &mut two] {
        device.come_in(&mut world);
        let head = world.machine.head().lsn;
        world.receive(device.connection, Frame::Subscribe(Subscribe { cursor: Some(head) }));
    }
    for round in 0..10 {
        one.record(&mut world, 1, "A-01");
        two.record(&mut world, 2, if round % 3 == 0 { "A-02" } else { "A-01" });
        if round == 4 {
            one.record_item(&mut world, "PANIC", 1, "A-01");
        }
        one.cursor = world.machine.head().lsn;
        if round % 2 == 0 {
            push_rest(&mut world, &one);
        }
        push_rest(&mut world, &two);
        world.persist();
        if round % 3 == 0 {
            world.settle();
        }
    }
    push_rest(&mut world, &one);
    world.command(vec![1, 2, 3], Some([round_key(); 16]));
    world.settle();
    (world, [one, two])
}

fn round_key() -> u8 {
    9
}

/// Sends what is not durable yet, as far as the store says.
fn push_rest(world: &mut World, device: &Device) {
    let key = (device.id, device.incarnation);
    let stream = world.tables().row::<crate::schema::Streams>(&key);
    device.push(world, stream.map_or(0, |stream| stream.accepted.0) + 1);
}

/// Every row but those that are no part of the book.
fn book_rows(tables: &MemoryTables) -> BTreeMap<(TableId, KeyBytes), Vec<u8>> {
    tables
        .rows()
        .filter(|((table, _key), _record)| !APART.contains(table))
        .map(|((table, key), record)| ((table, KeyBytes::from_slice(key)), record.bytes().to_vec()))
        .collect()
}

fn rebuilt(book: &MemoryTables, slice: usize) -> Result<MemoryTables, BookFault> {
    let mut into = small_company();
    let mut fold = Fold::default();
    loop {
        let changes = fold.step(book, &into, slice)?;
        if changes.is_empty() {
            return Ok(into);
        }
        into.apply(changes);
    }
}

#[test]
fn a_rebuild_from_the_book_gives_the_same_bytes() {
    let (world, _devices) = busy_world();
    let book = world.store.tables();
    for slice in [1, 7, 1_000] {
        let again = rebuilt(book, slice).unwrap();
        let (wanted, found) = (book_rows(book), book_rows(&again));
        for (key, bytes) in &wanted {
            assert_eq!(found.get(key), Some(bytes), "table {:?}", key.0);
        }
        assert_eq!(found.len(), wanted.len());
    }
    assert!(book.list::<FeedIndex>(&KeyRange::all()).len() > 20, "the run was not empty");
}

#[test]
fn a_book_with_a_hole_or_a_changed_record_is_found() {
    let (world, _devices) = busy_world();
    let damage = |table: TableId, key: KeyBytes, record| {
        let mut tables = world.store.tables().clone();
        tables.apply([((table, key), record)].into_iter().collect());
        tables
    };
    let hole = damage(ChangesTable::ID, Lsn(5).to_bytes(), None);
    assert_eq!(rebuilt(&hole, 100).unwrap_err(), BookFault::ChangeMissing(Lsn(5)));
    let open = |tables: MemoryTables| {
        let store = MemoryStore::holding(tables);
        let judge = super::world::PlainJudge::default();
        Machine::open(&store, config(), Box::new(judge), MORNING).err()
    };
    assert_eq!(open(hole), Some(BookFault::ChangeMissing(Lsn(5))));

    let other = world.store.tables().get_raw(Intakes::ID, 4);
    let swapped = damage(Intakes::ID, protocol::identity::IntakeNo(3).to_bytes(), other);
    assert!(matches!(rebuilt(&swapped, 100), Err(BookFault::IntakeChain(_))));
    assert!(matches!(open(swapped), Some(BookFault::IntakeChain(_))));

    // The head says less than the log holds: somebody put an old head back.
    let head = ledger::record::Record::from_bytes(ledger::record::encode_row(
        &ledger::schema::book::Head::default(),
    ));
    let behind = damage(ledger::schema::book::Heads::ID, ().to_bytes(), Some(head));
    assert!(open(behind).is_some());
}

trait GetRaw {
    fn get_raw(&self, table: TableId, no: u64) -> Option<ledger::record::Record>;
}

impl GetRaw for MemoryTables {
    fn get_raw(&self, table: TableId, no: u64) -> Option<ledger::record::Record> {
        self.get(table, &no.to_bytes())
    }
}

/// One device sends, and after each event the power goes, with each part of what was under way.
#[test]
fn an_acknowledged_operation_survives_every_power_cut() {
    for cut_after in 0..40 {
        for kept in 0..2 {
            let mut world = World::new();
            let mut device = world.enrolled(7);
            device.come_in(&mut world);
            let mut acked = Seq(0);
            let mut steps = 0;
            'day: for n in 1..=6 {
                device.record(&mut world, 1, "A-01");
                device.push(&mut world, n);
                for _turn in 0..6 {
                    steps += 1;
                    if steps > cut_after {
                        break 'day;
                    }
                    if steps % 2 == 0 {
                        world.persist();
                    } else if world.machine.wants_work() {
                        world.step(crate::machine::Event::Work);
                    }
                }
                for frame in world.take(device.connection) {
                    if let Frame::Ack(ack) = frame {
                        acked = ack.accepted_seq;
                    }
                }
            }
            world.crash(kept);
            let welcome = device.come_in(&mut world);
            assert!(welcome.accepted_seq >= acked, "{acked} was promised");
            let (last, _hash) = device.last();
            if welcome.accepted_seq < last {
                device.push(&mut world, welcome.accepted_seq.0 + 1);
            }
            world.settle();
            let n = i128::from(last.0);
            assert_eq!(world.on_hand(1), n, "each is posted once (cut after {cut_after})");
            let outcomes = world.tables().list::<Outcomes>(&KeyRange::all());
            let of_device = outcomes.iter().filter(|(id, _row)| id.device == device.id).count();
            assert_eq!(i128::try_from(of_device).unwrap(), n);
        }
    }
}

#[test]
fn numbers_and_times_rise_without_gaps_over_crashes() {
    let mut world = World::new();
    let mut device = world.enrolled(7);
    for n in 1..=8 {
        device.come_in(&mut world);
        device.record(&mut world, 1, "A-01");
        device.push(&mut world, n);
        if n % 2 == 0 {
            world.settle();
        } else {
            world.persist();
        }
        // A clock that steps back does not take server time along.
        world.now = world.now.plus_us(-30_000_000);
        if n % 3 == 0 {
            world.crash(1);
        }
    }
    world.settle();
    let intakes = world.tables().list::<Intakes>(&KeyRange::all());
    let changes = world.tables().list::<ChangesTable>(&KeyRange::all());
    assert_eq!(intakes.len(), changes.len(), "every operation is decided once");
    for pair in intakes.windows(2) {
        let [(no, before), (next, after)] = pair else { unreachable!("windows of two") };
        assert_eq!(no.next(), *next);
        assert!(before.received < after.received);
        assert_eq!(after.previous, before.hash);
    }
    for pair in changes.windows(2) {
        let [(lsn, before), (next, after)] = pair else { unreachable!("windows of two") };
        assert_eq!(lsn.next(), *next);
        assert!(before.time < after.time);
        assert_eq!(after.previous, before.hash);
    }
    for (_lsn, change) in &changes {
        let intake = world.tables().row::<Intakes>(&change.intake).unwrap();
        assert!(change.time > intake.received && intake.timing.tau <= intake.received);
    }
}
