//! What devices see: the replica of a device is the server's projection, byte for byte.

use std::collections::BTreeMap;

use ledger::command::Command;
use ledger::command::papers::SetDocumentStatus;
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::place::SitesByCode;
use ledger::tables::{Read as _, Tables};
use protocol::feed::{DocumentStatus, FeedGroup, FeedRow, Role};
use protocol::frame::{Frame, SnapBegin, Subscribe};
use protocol::identity::{Lsn, OperationId};
use protocol::operation::{Body, Condition, Count, Move, Receive};
use protocol::outcome::{Outcome, Settlement};
use protocol::words::SiteCode;

use super::company::{
    goods, on_hand, place, purchase, put_bin, put_item, put_operator, rename_bin,
};
use super::world::{Device, MORNING, World, config};
use crate::feed::OBJECTS;
use crate::feed::project::SiteView;
use crate::machine::Event;

pub(super) type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// What a device keeps of its feed.
#[derive(Default, Clone)]
pub(super) struct Replica {
    pub(super) rows: Rows,
    pub(super) cursor: Lsn,
    outcomes: BTreeMap<OperationId, Outcome>,
    pub(super) snapshot: Option<(SnapBegin, u32)>,
}

impl Replica {
    pub(super) fn apply(&mut self, frames: Vec<Frame>) {
        for frame in frames {
            match frame {
                Frame::Delta(delta) => {
                    assert_eq!(delta.from, self.cursor, "a delta continues the cursor");
                    delta.groups.into_iter().for_each(|group| self.take_group(group));
                    self.cursor = delta.to;
                }
                Frame::SnapBegin(begin) => {
                    self.rows.clear();
                    self.snapshot = Some((begin, 0));
                }
                Frame::SnapChunk(chunk) => {
                    let (begin, next) = self.snapshot.as_mut().unwrap();
                    assert_eq!((chunk.snapshot, chunk.index), (begin.snapshot, *next));
                    *next += 1;
                    for row in chunk.rows {
                        let key = (row.table, row.key.into_vec());
                        let known = self.rows.insert(key, row.row.unwrap().into_vec());
                        assert_eq!(known, None, "no row comes twice");
                    }
                }
                Frame::SnapEnd(end) => {
                    let (begin, next) = self.snapshot.take().unwrap();
                    assert_eq!((begin.chunks, begin.lsn), (next, end.lsn));
                    assert_eq!(begin.rows, u64::try_from(self.rows.len()).unwrap());
                    self.cursor = end.lsn;
                }
                _ => {}
            }
        }
    }

    fn take_group(&mut self, group: FeedGroup) {
        assert!(group.lsn > self.cursor);
        for record in group.records {
            let key = (record.table, record.key.into_vec());
            match record.row {
                Some(row) => self.rows.insert(key, row.into_vec()),
                None => self.rows.remove(&key),
            };
        }
        for outcome in group.outcomes {
            self.outcomes.insert(outcome.operation, outcome);
        }
    }

    pub(super) fn read<R>(&self, table: u8, read: impl Fn(FeedRow) -> Option<R>) -> Vec<R> {
        self.rows
            .iter()
            .filter(|((of, _key), _row)| *of == table)
            .filter_map(|(_key, row)| read(FeedRow::decode(table, row).unwrap()?))
            .collect()
    }

    /// Bin and quantity of everything that it shows.
    fn stock(&self) -> Vec<(String, Option<String>)> {
        self.read(7, |row| {
            let FeedRow::Stock(stock) = row else { return None };
            let bin = stock.bin.map_or(String::new(), String::from);
            Some((bin, stock.quantity.map(|quantity| quantity.to_string())))
        })
    }
}

fn site(world: &World, code: &str) -> SiteId {
    let code: SiteCode = code.try_into().unwrap();
    *world.tables().row::<SitesByCode>(&code).unwrap()
}

/// What the server shows to a site, from its tables alone.
fn projection(tables: &dyn Tables, site: SiteId) -> Rows {
    let view = SiteView { tables, site };
    let mut rows = Rows::new();
    for (table, feed) in OBJECTS {
        tables.scan(table, &KeyRange::all(), false, &mut |key, _record| {
            if let Some(row) = view.row(table, key) {
                rows.insert((feed, key.to_vec()), row.encode());
            }
            std::ops::ControlFlow::Continue(())
        });
    }
    rows
}

pub(super) fn assert_same(replica: &Replica, world: &World, code: &str) {
    let wanted = projection(world.tables(), site(world, code));
    for (key, row) in &wanted {
        let found = replica.rows.get(key);
        let shown = FeedRow::decode(key.0, row);
        assert_eq!(
            found,
            Some(row),
            "{shown:?}, not {:?}",
            found.map(|r| FeedRow::decode(key.0, r))
        );
    }
    for key in replica.rows.keys() {
        assert!(wanted.contains_key(key), "{:?}", FeedRow::decode(key.0, &replica.rows[key]));
    }
}

pub(super) fn receive(bin: &str, item: &str, n: i32) -> Body {
    let condition = Condition::Good;
    Body::Receive(Receive { to: place("MAIN", bin), goods: goods(item, n), condition })
}

/// Nobody is closed for being silent.
pub(super) fn patient() -> crate::machine::Config {
    crate::machine::Config { silence_max_us: u64::MAX, ..config() }
}

/// A device with a replica.
pub(super) struct Follower {
    pub(super) device: Device,
    pub(super) replica: Replica,
}

impl Follower {
    pub(super) fn new(world: &mut World, seed: u8) -> Self {
        let device = world.enrolled(seed);
        let mut follower = Self { device, replica: Replica::default() };
        follower.come_in(world);
        follower
    }

    pub(super) fn come_in(&mut self, world: &mut World) {
        let welcome = self.device.come_in(world);
        let cursor = match welcome.resume {
            protocol::frame::Resume::Snapshot => None,
            _ => Some(self.replica.cursor),
        };
        world.receive(self.device.connection, Frame::Subscribe(Subscribe { cursor }));
        world.settle();
        self.look(world);
    }

    pub(super) fn look(&mut self, world: &mut World) {
        let frames = world.take(self.device.connection);
        self.replica.apply(frames);
        self.device.cursor = self.replica.cursor;
    }

    pub(super) fn does(&mut self, world: &mut World, body: &Body) -> OperationId {
        let id = self.device.record_body(world, body, None);
        let (last, _hash) = self.device.last();
        self.device.push(world, last.0);
        id
    }
}

#[test]
fn a_snapshot_and_the_deltas_after_it_are_the_projection() {
    let mut world = World::with_ledger(config());
    let order = purchase(&mut world, "PO-1", &[("BOLT", 100), ("NUT", 10)]);
    let mut first = Follower::new(&mut world, 1);
    assert_same(&first.replica, &world, "NORTH");
    let order_lines = first.replica.read(10, |row| match row {
        FeedRow::DocumentLine(line) => Some((line.quantity.to_string(), line.handled.to_string())),
        _ => None,
    });
    assert_eq!(order_lines, [("100".into(), "0".into()), ("10".into(), "0".into())]);

    let id = first.device.record_body(&mut world, &receive("A-01", "BOLT", 40), Some(order));
    first.device.push(&mut world, 1);
    world.settle();
    first.look(&mut world);
    assert_same(&first.replica, &world, "NORTH");
    assert!(first.replica.outcomes.contains_key(&id), "the outcome came with the rows");
    assert_eq!(first.replica.stock(), [("A-01".into(), Some("40".into()))]);

    let mut second = Follower::new(&mut world, 2);
    assert_eq!(second.replica.rows, first.replica.rows);
    assert!(second.replica.outcomes.is_empty(), "outcomes are their device's own");
    for body in [
        Body::Move(Move {
            from: place("MAIN", "A-01"),
            to: place("MAIN", "A-02"),
            goods: goods("BOLT", 15),
        }),
        receive("A-02", "NUT", 3),
    ] {
        second.does(&mut world, &body);
    }
    put_item(&mut world, "WASHER");
    put_bin(&mut world, "MAIN", "A-03");
    put_operator(&mut world, "CARL", Role::Supervisor, None);
    world.settle();
    for follower in [&mut first, &mut second] {
        follower.look(&mut world);
        assert_same(&follower.replica, &world, "NORTH");
    }
    assert_eq!(on_hand(&world, "A-02"), 18);
}

#[test]
fn a_device_that_was_away_catches_up_with_what_changed() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let mut away = Follower::new(&mut world, 2);
    world.step(Event::Closed { connection: away.device.connection });
    let before = away.replica.cursor;
    for n in 1..=30 {
        here.does(&mut world, &receive(if n % 2 == 0 { "A-01" } else { "A-02" }, "BOLT", n));
        world.settle();
    }
    here.look(&mut world);
    away.come_in(&mut world);
    assert!(away.replica.cursor > before);
    assert_same(&away.replica, &world, "NORTH");
    assert_eq!(away.replica.rows, here.replica.rows);
}

#[test]
fn a_catch_up_in_parts_shows_each_part_as_it_was() {
    use crate::feed::delta::{Extent, groups, read};
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let start = here.replica.clone();
    // The snapshot was made when the device was invited: that it has joined comes after its cut.
    let joined = world.machine.head().lsn;
    let mut cuts = BTreeMap::from([(joined, world.store.cut_tables())]);
    for n in 1..=20 {
        here.does(&mut world, &receive(if n % 3 == 0 { "A-01" } else { "A-02" }, "BOLT", n));
        world.settle();
        cuts.insert(world.machine.head().lsn, world.store.cut_tables());
    }
    let site = site(&world, "NORTH");
    let head = world.machine.head().lsn;
    for mentions_max in [1, 3, 7] {
        let mut replica = start.clone();
        while replica.cursor < head {
            let extent = Extent { from: replica.cursor, up_to: head, head, mentions_max };
            let span = read(world.tables(), site, extent);
            for group in groups(&[&span], (here.device.id, replica.cursor)) {
                replica.take_group(group);
            }
            replica.cursor = span.to;
            let then = &cuts[&span.to];
            assert_eq!(replica.rows, projection(then, site), "as of {}", span.to);
            // The outcomes that it has are those of the rows that it has.
            let n = replica.outcomes.len() - start.outcomes.len();
            assert_eq!(u64::try_from(n).unwrap(), span.to.0 - joined.0);
        }
    }
}

#[test]
fn whoever_comes_back_sees_what_changed_whatever_others_have_asked_before() {
    use crate::feed::ring::{Next, Position, Rings};
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let mut cuts = BTreeMap::new();
    for n in 1..=700 {
        here.does(
            &mut world,
            &receive(if n % 3 == 0 { "A-01" } else { "A-02" }, "BOLT", n % 7 + 1),
        );
        world.settle();
        here.look(&mut world);
        if n % 23 == 0 {
            cuts.insert(world.machine.head().lsn, world.store.cut_tables());
        }
    }
    let (site, device) = (site(&world, "NORTH"), here.device.id);
    let head = world.machine.head().lsn;
    let at_head = projection(&world.store.cut_tables(), site);
    let cursors: Vec<Lsn> = cuts.keys().copied().collect();
    let mut middle_first = cursors.clone();
    middle_first.rotate_left(cursors.len() / 2);
    let orders = [cursors.clone(), cursors.iter().rev().copied().collect(), middle_first];
    for order in orders {
        let mut rings = Rings::default();
        for cursor in order {
            let mut replica = Replica { cursor, ..Replica::default() };
            replica.rows = projection(&cuts[&cursor], site);
            let mut position = Position { told: cursor, scanned: cursor };
            while position.scanned < head {
                match rings.next((world.tables(), head), (site, device), (position, None)) {
                    Next::Nothing(to) => position.scanned = to,
                    Next::Delta { message, to } => {
                        let Frame::Delta(delta) = message.frame().into_owned() else {
                            panic!("a delta")
                        };
                        assert_eq!((delta.from, delta.to), (position.told, to));
                        delta.groups.iter().for_each(|group| {
                            assert!(group.lsn > position.scanned, "it was told already");
                            replica.take_group(group.clone());
                        });
                        position = Position { told: to, scanned: to };
                    }
                    Next::TooLarge => panic!("nothing is large here"),
                }
            }
            assert_eq!(replica.rows, at_head, "from {cursor}");
            let n = u64::try_from(replica.outcomes.len()).unwrap();
            assert_eq!(n, head.0 - cursor.0, "each outcome once, from {cursor}");
        }
    }
}

trait CutTables {
    fn cut_tables(&self) -> ledger::memory::MemoryTables;
}

impl CutTables for crate::store::MemoryStore {
    fn cut_tables(&self) -> ledger::memory::MemoryTables {
        self.tables().clone()
    }
}

#[test]
fn a_site_sees_nothing_of_another() {
    let mut world = World::with_ledger(config());
    let mut north = Follower::new(&mut world, 1);
    let south = site(&world, "SOUTH");
    let mut other = {
        let code = [2; 16];
        let allow = crate::identity::command::MachineCommand::AllowEnrolment {
            code_hash: serde_bytes::ByteBuf::from(crate::identity::digest(&code).to_vec()),
            site: south.0,
            expires: world.now.plus_us(1_000_000_000),
            compare: false,
        };
        world.system_raw(allow.encode());
        let mut device = Device::new(2);
        let connection = world.connect();
        world.receive(connection, device.enrol(&code));
        world.settle();
        let Frame::EnrolOk(ok) = world.take(connection).remove(0) else { panic!() };
        device.id = ok.device;
        device.incarnation = ok.incarnation;
        device.lease = ok.lease;
        let mut follower = Follower { device, replica: Replica::default() };
        follower.come_in(&mut world);
        follower
    };
    north.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    north.look(&mut world);
    other.look(&mut world);
    assert_same(&other.replica, &world, "SOUTH");
    assert!(other.replica.stock().is_empty());
    let people = |replica: &Replica| {
        replica.read(12, |row| match row {
            FeedRow::Operator(operator) => Some(String::from(operator.operator)),
            _ => None,
        })
    };
    assert_eq!(people(&north.replica), ["ANNA", "BEN"]);
    assert_eq!(people(&other.replica), ["ANNA"], "Ben has a right at MAIN only");
}

#[test]
fn a_bin_with_a_new_code_is_shown_with_it_everywhere() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    rename_bin(&mut world, "A-01", "B-77");
    here.look(&mut world);
    assert_eq!(here.replica.stock(), [("B-77".into(), Some("5".into()))]);
    assert_same(&here.replica, &world, "NORTH");
}

#[test]
fn a_site_that_never_shows_quantities_shows_none() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "BOLT", 5));
    world.settle();
    for never_quantities in [true, false] {
        world.system(&Command::PutSite(ledger::command::places::PutSite {
            site: "NORTH".try_into().unwrap(),
            never_quantities,
            separator: None,
        }));
        here.look(&mut world);
        let shown = (!never_quantities).then(|| "5".to_owned());
        assert_eq!(here.replica.stock(), [("A-01".into(), shown)]);
        assert_same(&here.replica, &world, "NORTH");
    }
}

#[test]
fn a_new_location_of_a_site_brings_a_new_snapshot() {
    let mut world = World::with_ledger(patient());
    let mut here = Follower::new(&mut world, 1);
    super::company::put_location(&mut world, "YARD", "NORTH");
    let frames = world.take(here.device.connection);
    let code = |frame: &Frame| match frame {
        Frame::Fault(fault) => Some(fault.code),
        _ => None,
    };
    let codes: Vec<_> = frames.iter().filter_map(code).collect();
    assert_eq!(codes, [protocol::frame::FaultCode::CURSOR_TOO_OLD]);
    world.receive(here.device.connection, Frame::Subscribe(Subscribe { cursor: None }));
    world.settle();
    here.look(&mut world);
    assert_same(&here.replica, &world, "NORTH");
}

#[test]
fn a_location_that_goes_to_another_site_leaves_the_replicas_of_the_one_it_was_of() {
    let mut world = World::with_ledger(patient());
    super::company::put_location(&mut world, "YARD", "NORTH");
    super::company::put_bin(&mut world, "YARD", "Y-01");
    let mut here = Follower::new(&mut world, 1);
    let shows_yard = |replica: &Replica| {
        let bins = replica.read(3, |row| match row {
            FeedRow::Bin(bin) => Some(String::from(bin.bin)),
            _ => None,
        });
        bins.contains(&"Y-01".to_owned())
    };
    assert!(shows_yard(&here.replica));
    super::company::put_location(&mut world, "YARD", "SOUTH");
    here.look(&mut world);
    here.come_in(&mut world);
    assert!(!shows_yard(&here.replica));
    assert_same(&here.replica, &world, "NORTH");
}

#[test]
fn a_closed_document_leaves_the_replica() {
    let mut world = World::with_ledger(config());
    let order = purchase(&mut world, "PO-1", &[("BOLT", 100)]);
    let mut here = Follower::new(&mut world, 1);
    let shown = here.replica.rows.keys().filter(|key| key.0 == 9).count();
    assert_eq!(shown, 1);
    world.system(&Command::SetDocumentStatus(SetDocumentStatus {
        kind: order.kind,
        no: order.no,
        status: DocumentStatus::Closed,
        may_reopen: true,
    }));
    here.look(&mut world);
    assert!(!here.replica.rows.keys().any(|key| key.0 == 9));
    assert_same(&here.replica, &world, "NORTH");
}

#[test]
fn quantities_of_a_bin_that_is_counted_blind_are_withheld_until_the_count_is_in() {
    use ledger::draft::Draft;
    use ledger::schema::case::{OpenTasks, Task, TaskState, Tasks};
    use ledger::schema::place::{BinsByCode, LocationsByCode};
    use ledger::schema::{PlateId, VariantId, Written};
    use protocol::feed::TaskKind;
    use protocol::identity::TaskId;

    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    here.does(&mut world, &receive("A-01", "BOLT", 31_337));
    here.does(&mut world, &receive("A-02", "BOLT", 5));
    world.settle();
    here.look(&mut world);

    // What asking for a blind count writes, as one decision.
    let main = "MAIN".try_into().unwrap();
    let location = *world.tables().row::<LocationsByCode>(&main).unwrap();
    let bin = *world.tables().row::<BinsByCode>(&(location, "A-01".try_into().unwrap())).unwrap();
    let task = |state| Task {
        kind: TaskKind::Count,
        location,
        bin,
        item: None,
        variant: VariantId(0),
        plate: PlateId(0),
        assigned: None,
        not_by: None,
        blind: true,
        asked: MORNING,
        state,
        reason: "count_variance".into(),
        case: None,
        written: Written::default(),
    };
    let key = (location, bin, 1, None, PlateId(0), TaskId(900));
    let turn = |world: &World, open: bool| {
        let mut draft = Draft::over(world.tables());
        if open {
            draft.put::<Tasks>(&TaskId(900), task(TaskState::Open));
            draft.put::<OpenTasks>(&key, ());
        } else {
            draft.put::<Tasks>(&TaskId(900), task(TaskState::Done));
            draft.delete::<OpenTasks>(&key);
        }
        let changes = draft.finish();
        let mut after = ledger::draft::Overlay::over(world.tables());
        after.absorb(changes.clone());
        let turn = crate::feed::sites::Turn { before: world.tables(), after: &after };
        (turn.touched(&changes), changes)
    };
    let (touched, changes) = turn(&world, true);
    assert_eq!(touched.len(), 2, "stock and hold of that bin are shown again");
    world.store.overwrite(changes);
    let shown = projection(world.tables(), site(&world, "NORTH"));
    let replica = Replica { rows: shown, ..Replica::default() };
    assert_eq!(
        replica.stock(),
        [("A-01".into(), None), ("A-02".into(), Some("5".into()))],
        "the row stays, its quantity does not"
    );
    let bytes: Vec<u8> = replica.rows.values().flatten().copied().collect();
    // 31337 as a MessagePack uint16: the book quantity is nowhere in what is sent.
    assert!(!bytes.windows(3).any(|window| window == [0xCD, 0x7A, 0x69]));
    let control: Vec<u8> = here.replica.rows.values().flatten().copied().collect();
    assert!(control.windows(3).any(|window| window == [0xCD, 0x7A, 0x69]), "but it was before");

    let (touched, changes) = turn(&world, false);
    assert_eq!(touched.len(), 2, "and shown again when the count is in");
    world.store.overwrite(changes);
    let shown = projection(world.tables(), site(&world, "NORTH"));
    let replica = Replica { rows: shown, ..Replica::default() };
    assert_eq!(replica.stock()[0].1.as_deref(), Some("31337"));
}

#[test]
fn a_count_settles_when_the_site_has_reported() {
    let mut world = World::with_ledger(config());
    let mut here = Follower::new(&mut world, 1);
    let mut other = Follower::new(&mut world, 2);
    here.does(&mut world, &receive("A-01", "BOLT", 10));
    world.settle();
    here.look(&mut world);
    let count = Body::Count(Count {
        place: place("MAIN", "A-01"),
        goods: goods("BOLT", 10),
        started_us: None,
        task: None,
    });
    let id = here.does(&mut world, &count);
    world.settle();
    here.look(&mut world);
    let settlement = |follower: &Follower| follower.replica.outcomes[&id].settlement;
    assert_eq!(settlement(&here), Some(Settlement::Provisional));
    let beat = |world: &mut World, follower: &Follower| {
        let heartbeat = protocol::frame::Heartbeat {
            sent_us: follower.device.mono(world.now),
            boot: follower.device.boot,
            applied: follower.replica.cursor,
            pending: 0,
            oldest_pending_us: None,
            battery: None,
            operator: None,
            sample: None,
            storage: None,
        };
        world.receive(follower.device.connection, Frame::Heartbeat(heartbeat));
    };
    world.wait_us(60_000_000);
    beat(&mut world, &here);
    world.wait_us(10_000_000);
    here.look(&mut world);
    assert_eq!(
        settlement(&here),
        Some(Settlement::Provisional),
        "the other handheld has not reported"
    );
    beat(&mut world, &other);
    world.wait_us(10_000_000);
    world.wait_us(10_000_000);
    here.look(&mut world);
    other.look(&mut world);
    assert_eq!(settlement(&here), Some(Settlement::Settled));
    assert_same(&here.replica, &world, "NORTH");
    assert_same(&other.replica, &world, "NORTH");
}
