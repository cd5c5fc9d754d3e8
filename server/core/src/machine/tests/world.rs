//! A world in one thread: a machine, its store, and devices that speak the protocol by hand.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ed25519_dalek::Signer as _;
use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::schema::book::{Companies, Company, Outcomes};
use ledger::schema::identity::{Right, Rights, RoleKey};
use ledger::schema::item::{Item, ItemType, Items, NegativeInventory};
use ledger::schema::place::{Bin, Bins, Location, Locations, LocationsByCode, Site, Sites};
use ledger::schema::stock::{Stock, Stocks};
use ledger::schema::{
    BinId, ItemId, LocationId, PlateId, SiteId, StockKey, TrackingId, UnitId, VariantId, Written,
};
use ledger::tables::{Read as _, Tables};
use protocol::code::Code;
use protocol::evidence::BootEvidence;
use protocol::feed::{BinKind, Role};
use protocol::frame::{
    Auth, Enrol, Frame, Hello, KeyAlgorithm, Lease, OriginOf, Push, auth_digest, capability, codec,
    push,
};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    operation_hash,
};
use protocol::operation::{Body, DocumentRef, Envelope, Goods, Place, Receive, Recorded, Tracking};
use protocol::outcome::{Decision, Reason};
use protocol::quantity::{Quantity, UnitFactor};
use serde_bytes::ByteBuf;

use crate::identity::command::MachineCommand;
use crate::identity::digest;
use crate::intake::command::{Command, CommandOrigin};
use crate::ledger_judge::LedgerJudge;
use crate::machine::{Action, Config, Event, Machine, Token};
use crate::poster::judge::{Judge, Poison, Request, write_outcome};
use crate::session::lease::LeaseSecret;
use crate::session::order::OrderKey;
use crate::session::proof;
use crate::session::wire::{ConnectionNo, Incoming};
use crate::store::MemoryStore;
use crate::watermark::SiteWatermark;

/// 2026-11-23T08:00:00Z.
pub(crate) const MORNING: ServerTime = ServerTime(1_795_420_800_000_000);
pub(crate) const SITE: SiteId = SiteId(1);

/// A judge that receives goods, and panics when told to. It stands for the ledger's, whose rules
/// are not what is tested here.
#[derive(Clone, Default)]
pub(crate) struct PlainJudge {
    pub(crate) n_judged: Arc<AtomicUsize>,
}

impl Judge for PlainJudge {
    fn judge(&self, draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), Poison> {
        self.n_judged.fetch_add(1, Ordering::Relaxed);
        let id = request.intake.identity(request.intake_no);
        if draft.has::<Outcomes>(&id) {
            return Ok(());
        }
        let Ok(recorded) = Recorded::from_content(&request.intake.raw) else {
            write_outcome(draft, request, Decision::Accepted, Vec::new());
            return Ok(());
        };
        if let Ok(Body::Receive(body)) = recorded.decode_body() {
            if body.goods.item.as_str() == "PANIC" {
                draft.put::<Sites>(&SiteId(99), site("HALF"));
                panic!("the judge fell over");
            }
            if body.goods.item.as_str() == "GREEDY" {
                draft.put::<Sites>(&SiteId(99), site("HALF"));
                while !draft.is_exhausted() {
                    let _found = draft.has::<Items>(&ItemId(1));
                }
            }
            receive(draft, request, id, &body);
            write_outcome(draft, request, Decision::Accepted, Vec::new());
        } else {
            let reasons = vec![Reason::new(Code::UnsupportedOperation)];
            write_outcome(draft, request, Decision::Parked, reasons);
        }
        Ok(())
    }

    fn park_poison(&self, draft: &mut Draft<'_>, request: &Request<'_>, why: &str) {
        let reasons = vec![Reason::new(Code::Poison).word("why", why)];
        write_outcome(draft, request, Decision::Parked, reasons);
    }

    fn settle_command(&self, watermarks: &[SiteWatermark]) -> Vec<u8> {
        format!("settle {}", watermarks.len()).into_bytes()
    }
}

fn receive(draft: &mut Draft<'_>, request: &Request<'_>, id: OperationId, body: &Receive) {
    let bin = body.to.bin.as_ref().map_or("A-01", protocol::words::BinCode::as_str);
    let key = stock_key(if bin == "A-01" { BinId(1) } else { BinId(2) });
    let before = draft.row::<Stocks>(&key).map_or(Quantity::ZERO, |stock| stock.quantity);
    let stock = Stock {
        quantity: before.checked_add(body.goods.base).unwrap(),
        held: Quantity::ZERO,
        written: Written { lsn: request.lsn, operation: id },
    };
    draft.put::<Stocks>(&key, stock);
}

pub(crate) fn stock_key(bin: BinId) -> StockKey {
    StockKey {
        location: LocationId(1),
        bin,
        plate: PlateId(0),
        item: ItemId(1),
        variant: VariantId(0),
        unit: UnitId(0),
        tracking: TrackingId(0),
    }
}

pub(crate) fn site(code: &str) -> Site {
    Site {
        code: code.try_into().unwrap(),
        never_quantities: false,
        separator: None,
        scope_version: 1,
    }
}

pub(crate) fn item(no: &str) -> Item {
    Item {
        no: no.try_into().unwrap(),
        description: format!("{no} in a box"),
        item_type: ItemType::Inventory,
        base_unit: "PCS".try_into().unwrap(),
        precision: Quantity::ONE,
        costing_method: ledger::schema::item::CostingMethod::Fifo,
        tracking_code: None,
        variant_required: false,
        blocked: false,
        negative_inventory: NegativeInventory::Default,
        count_tolerance: Quantity::ZERO,
        second_count_from: None,
        supervisor_from: None,
        shelf_life_days: None,
        over_receipt_percent: Quantity::ZERO,
        category: String::new(),
    }
}

/// One site with one location of two bins, and one item.
pub(crate) fn small_company() -> MemoryTables {
    let mut tables = MemoryTables::new();
    let mut draft = Draft::over(&tables);
    draft.put::<Companies>(
        &(),
        Company {
            name: "Nordwind".into(),
            epoch: ServerEpoch(1),
            negative_inventory_allowed: false,
            absent_after_hours: 12,
        },
    );
    draft.put::<Sites>(&SITE, site("NORTH"));
    let location = Location {
        code: "MAIN".try_into().unwrap(),
        name: "Main hall".into(),
        site: SITE,
        time_zone: "Europe/Copenhagen".try_into().unwrap(),
        bin_mandatory: true,
        directed: false,
        in_transit: false,
        receipt_bin: BinId(1),
        shipment_bin: BinId(0),
        question_bin: BinId(0),
        missing_bin: BinId(0),
        transit_bin: BinId(0),
    };
    draft.put::<LocationsByCode>(&location.code.clone(), LocationId(1));
    draft.put::<Locations>(&LocationId(1), location);
    for (id, code) in [(1, "A-01"), (2, "A-02")] {
        let bin = Bin {
            location: LocationId(1),
            code: code.try_into().unwrap(),
            zone: None,
            kind: BinKind::Storage,
            ranking: 0,
            blocked: false,
            deleted: false,
        };
        draft.put::<Bins>(&BinId(id), bin);
    }
    draft.put::<Items>(&ItemId(1), item("BOLT"));
    let anna = "ANNA".try_into().unwrap();
    let right = Right { until: None, written: Written::default() };
    draft.put::<Rights>(&(anna, RoleKey(Role::Administrator), LocationId(0), MORNING), right);
    let changes = draft.finish();
    tables.apply(changes);
    tables
}

/// The world.
pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) store: MemoryStore,
    pub(crate) now: ServerTime,
    pub(crate) judge: PlainJudge,
    pub(crate) config: Config,
    /// Everything that was sent, in order.
    pub(crate) sent: Vec<(ConnectionNo, Frame)>,
    pub(crate) closed: Vec<ConnectionNo>,
    /// Answers that no connection gets.
    pub(crate) said: Vec<Action>,
    /// Sockets take what they are given at once; else only when told.
    pub(crate) sockets_read: bool,
    next_connection: u64,
    next_token: u64,
    is_ledger: bool,
}

pub(crate) fn config() -> Config {
    Config { feed_interval_us: 0, ..Config::new(LeaseSecret::new([5; 32]), OrderKey::new([6; 32])) }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::over(small_company(), config())
    }

    /// A company that the ledger judges, set up by commands.
    pub(crate) fn with_ledger(config: Config) -> Self {
        let mut world = Self::open(MemoryTables::new(), config, true);
        super::company::set_up(&mut world);
        world
    }

    pub(crate) fn over(tables: MemoryTables, config: Config) -> Self {
        Self::open(tables, config, false)
    }

    fn open(tables: MemoryTables, config: Config, is_ledger: bool) -> Self {
        let store = MemoryStore::holding(tables);
        let judge = PlainJudge::default();
        let boxed: Box<dyn Judge + Send> =
            if is_ledger { Box::new(LedgerJudge) } else { Box::new(judge.clone()) };
        let machine = Machine::open(&store, config.clone(), boxed, MORNING).unwrap();
        Self {
            next_token: 0,
            is_ledger,
            machine,
            store,
            now: MORNING,
            judge,
            config,
            sent: Vec::new(),
            closed: Vec::new(),
            said: Vec::new(),
            sockets_read: true,
            next_connection: 0,
        }
    }

    /// One event, one millisecond later; nothing else happens.
    pub(crate) fn step(&mut self, event: Event) {
        self.now = self.now.plus_us(1_000);
        let actions = self.machine.step(&self.store, self.now, event);
        let mut written = VecDeque::new();
        for action in actions {
            match action {
                Action::Persist(batch) => self.store.begin(batch),
                Action::Send { connection, message, .. } => {
                    self.sent.push((connection, message.frame().into_owned()));
                    written.push_back(connection);
                }
                Action::Close { connection } => self.closed.push(connection),
                other => self.said.push(other),
            }
        }
        if self.sockets_read {
            for connection in written {
                self.step(Event::Sent { connection });
            }
        }
    }

    /// The oldest batch reaches the disk.
    pub(crate) fn persist(&mut self) -> bool {
        match self.store.complete_next() {
            Some(batch) => {
                self.step(Event::Persisted { batch });
                true
            }
            None => false,
        }
    }

    /// Until there is nothing more to do.
    pub(crate) fn settle(&mut self) {
        for _round in 0..10_000 {
            if self.persist() {
                continue;
            }
            if !self.machine.wants_work() {
                return;
            }
            self.step(Event::Work);
        }
        panic!("the machine does not come to rest");
    }

    /// Time passes.
    pub(crate) fn wait_us(&mut self, us: i64) {
        self.now = self.now.plus_us(us);
        self.step(Event::Tick);
        self.settle();
    }

    /// The process ends and begins again; `kept` batches under way had reached the disk.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.store.power_cut(kept);
        let judge: Box<dyn Judge + Send> =
            if self.is_ledger { Box::new(LedgerJudge) } else { Box::new(self.judge.clone()) };
        self.machine = Machine::open(&self.store, self.config.clone(), judge, self.now).unwrap();
        self.sent.clear();
        self.closed.clear();
    }

    pub(crate) fn connect(&mut self) -> ConnectionNo {
        self.next_connection += 1;
        let connection = ConnectionNo(self.next_connection);
        let nonce = digest(&self.next_connection.to_le_bytes());
        self.step(Event::Opened { connection, nonce });
        connection
    }

    pub(crate) fn receive(&mut self, connection: ConnectionNo, frame: impl Into<Box<Frame>>) {
        let bytes = codec::encode(&frame.into(), true);
        let incoming = Incoming::read(&bytes, &self.config.limits);
        self.step(Event::Received { connection, incoming });
    }

    /// What was sent to `connection` since the last call.
    pub(crate) fn take(&mut self, connection: ConnectionNo) -> Vec<Frame> {
        let (theirs, others) =
            std::mem::take(&mut self.sent).into_iter().partition(|(to, _frame)| *to == connection);
        self.sent = others;
        theirs.into_iter().map(|(_to, frame): (ConnectionNo, Frame)| frame).collect()
    }

    pub(crate) fn command(&mut self, raw: Vec<u8>, idempotency: Option<[u8; 16]>) -> Token {
        self.command_of("ANNA", raw, idempotency)
    }

    pub(crate) fn command_of(
        &mut self,
        user: &str,
        raw: Vec<u8>,
        idempotency: Option<[u8; 16]>,
    ) -> Token {
        self.next_token += 1;
        let token = Token(self.next_token);
        let user = user.try_into().unwrap();
        let origin = CommandOrigin::Desk { user, idempotency };
        let command = Command { origin, raw, local_date: None };
        self.step(Event::Command { token, command });
        token
    }

    /// The system asks for something that must be granted.
    pub(crate) fn system(&mut self, command: &ledger::command::Command) {
        self.system_raw(command.encode());
        let last = self.machine.head().intake;
        let id = OperationId { seq: Seq(last.0), ..OperationId::default() };
        let row = self.tables().row::<Outcomes>(&id).unwrap();
        assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome.reasons);
    }

    pub(crate) fn system_raw(&mut self, raw: Vec<u8>) {
        self.next_token += 1;
        let command = Command { origin: CommandOrigin::System, raw, local_date: None };
        self.step(Event::Command { token: Token(self.next_token), command });
        self.settle();
    }

    pub(crate) fn allow_enrolment(&mut self, code: [u8; 16]) {
        let command = MachineCommand::AllowEnrolment {
            code_hash: ByteBuf::from(digest(&code).to_vec()),
            site: SITE.0,
            expires: self.now.plus_us(600_000_000),
            compare: false,
        };
        self.system_raw(command.encode());
    }

    /// A device that has joined.
    pub(crate) fn enrolled(&mut self, seed: u8) -> Device {
        let code = [seed; 16];
        self.allow_enrolment(code);
        let mut device = Device::new(seed);
        let connection = self.connect();
        self.receive(connection, device.enrol(&code));
        self.settle();
        let frames = self.take(connection);
        let [Frame::EnrolOk(ok)] = frames.as_slice() else { panic!("{frames:?}") };
        device.id = ok.device;
        device.incarnation = ok.incarnation;
        device.lease = ok.lease.clone();
        device
    }

    pub(crate) fn tables(&self) -> &dyn Tables {
        self.store.tables()
    }

    pub(crate) fn decision(&self, operation: OperationId) -> Option<Decision> {
        self.tables().row::<Outcomes>(&operation).map(|row| row.outcome.decision)
    }

    pub(crate) fn on_hand(&self, bin: u32) -> i128 {
        let stock = self.tables().row::<Stocks>(&stock_key(BinId(bin)));
        stock.map_or(0, |stock| stock.quantity.units() / 100_000)
    }
}

/// A device that speaks the protocol by hand.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) key: ed25519_dalek::SigningKey,
    pub(crate) id: DeviceId,
    pub(crate) incarnation: Incarnation,
    pub(crate) lease: Lease,
    pub(crate) epoch: ServerEpoch,
    pub(crate) cursor: Lsn,
    pub(crate) scope_version: u64,
    pub(crate) boot: Boot,
    /// Server time at which its boot started.
    pub(crate) booted: ServerTime,
    /// Content with the hash that follows it, and where it was recorded first.
    pub(crate) recorder: Vec<(Recorded, Hash16, Option<OriginOf>)>,
    pub(crate) connection: ConnectionNo,
    /// Its app can read orders.
    pub(crate) takes_orders: bool,
}

impl Device {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            key: ed25519_dalek::SigningKey::from_bytes(&[seed; 32]),
            id: DeviceId(0),
            incarnation: Incarnation(0),
            lease: Lease::default(),
            epoch: ServerEpoch(1),
            cursor: Lsn(0),
            scope_version: 0,
            boot: Boot(1),
            booted: MORNING.plus_us(-3_600_000_000),
            recorder: Vec::new(),
            connection: ConnectionNo(0),
            takes_orders: false,
        }
    }

    pub(crate) fn enrol(&self, code: &[u8]) -> Frame {
        Frame::Enrol(Enrol {
            code: ByteBuf::from(code.to_vec()),
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from(self.key.verifying_key().to_bytes().to_vec()),
            signature: ByteBuf::from(self.key.sign(&proof::enrol_message(code)).to_vec()),
            name: "handheld 17".into(),
            model: "test".into(),
        })
    }

    pub(crate) fn mono(&self, now: ServerTime) -> u64 {
        u64::try_from(now.us_since(self.booted)).unwrap()
    }

    pub(crate) fn last(&self) -> (Seq, Hash16) {
        let n = u64::try_from(self.recorder.len()).unwrap();
        (Seq(n), self.recorder.last().map_or_else(Hash16::default, |last| last.1))
    }

    pub(crate) fn hello(&self, now: ServerTime) -> Hello {
        let (last, tail_hash) = self.last();
        Hello {
            protocol_min: 1,
            protocol_max: 1,
            app_version: "1".into(),
            capabilities: if self.takes_orders {
                capability::ALL
            } else {
                capability::ALL & !capability::ORDERS
            },
            device: self.id,
            incarnation: self.incarnation,
            lease: self.lease.clone(),
            epoch: self.epoch,
            next_seq: last.next(),
            tail_hash,
            cursor: self.cursor,
            scope_version: self.scope_version,
            table_version: 1,
            oldest_seq: Seq(1),
            boots: Vec::new(),
            boot: self.boot,
            sent_us: self.mono(now),
            pending: 0,
            oldest_pending_age_us: 0,
            battery: None,
        }
    }

    /// HELLO, CHALLENGE, AUTH. Returns what came after it, once everything is durable.
    pub(crate) fn connect(&mut self, world: &mut World) -> Vec<Frame> {
        self.connection = world.connect();
        let hello = Frame::Hello(self.hello(world.now));
        world.receive(self.connection, hello.clone());
        let frames = world.take(self.connection);
        let [challenge @ Frame::Challenge(_)] = frames.as_slice() else { return frames };
        let auth = self.auth(&hello, challenge, world.now);
        world.receive(self.connection, auth);
        world.settle();
        world.take(self.connection)
    }

    pub(crate) fn auth(&self, hello: &Frame, challenge: &Frame, now: ServerTime) -> Frame {
        let digest = auth_digest(&codec::body(hello), &codec::body(challenge));
        Frame::Auth(Auth {
            signature: ByteBuf::from(self.key.sign(&digest).to_vec()),
            received_us: self.mono(now),
        })
    }

    /// Comes in, keeps the lease, subscribes from its cursor or for a snapshot.
    pub(crate) fn come_in(&mut self, world: &mut World) -> protocol::frame::Welcome {
        let frames = self.connect(world);
        let [Frame::Welcome(welcome), ..] = frames.as_slice() else { panic!("{frames:?}") };
        self.lease = welcome.lease.clone();
        self.scope_version = welcome.scope_version;
        let counter = welcome.lease.counter;
        world.receive(self.connection, Frame::LeaseOk(protocol::frame::LeaseOk { counter }));
        world.settle();
        welcome.clone()
    }

    /// The same for a device that is told the server's key.
    pub(crate) fn come_in_with_key(&mut self, world: &mut World) {
        self.takes_orders = false;
        self.come_in(world);
        self.takes_orders = true;
    }

    /// Records that `n` bolts arrived in `bin`.
    pub(crate) fn record(&mut self, world: &mut World, n: i32, bin: &str) -> OperationId {
        self.record_item(world, "BOLT", n, bin)
    }

    /// Records `body`, done by BEN for `document`.
    pub(crate) fn record_body(
        &mut self,
        world: &mut World,
        body: &Body,
        document: Option<DocumentRef>,
    ) -> OperationId {
        world.now = world.now.plus_us(1_000_000);
        let envelope = Envelope {
            boot: self.boot,
            mono_us: self.mono(world.now),
            cursor: self.cursor,
            epoch: self.epoch,
            operator: Some("BEN".try_into().unwrap()),
            document,
        };
        self.append(Recorded::new(envelope, body), None)
    }

    pub(crate) fn record_item(
        &mut self,
        world: &mut World,
        item: &str,
        n: i32,
        bin: &str,
    ) -> OperationId {
        world.now = world.now.plus_us(1_000_000);
        let body = Body::Receive(Receive {
            to: Place {
                location: "MAIN".try_into().unwrap(),
                bin: Some(bin.try_into().unwrap()),
                plate: None,
            },
            goods: Goods {
                item: item.try_into().unwrap(),
                variant: None,
                unit: "PCS".try_into().unwrap(),
                factor: UnitFactor::ONE,
                quantity: Quantity::whole(n),
                base: Quantity::whole(n),
                tracking: Tracking::NONE,
                expiry: None,
                raw: None,
            },
            condition: protocol::operation::Condition::Good,
        });
        let envelope = Envelope {
            boot: self.boot,
            mono_us: self.mono(world.now),
            cursor: self.cursor,
            epoch: self.epoch,
            operator: None,
            document: None,
        };
        self.append(Recorded::new(envelope, &body), None)
    }

    pub(crate) fn append(&mut self, recorded: Recorded, origin: Option<OriginOf>) -> OperationId {
        let (last, hash) = self.last();
        let seq = last.next();
        let hash = operation_hash(hash, seq, &recorded.to_content());
        self.recorder.push((recorded, hash, origin));
        OperationId { device: self.id, incarnation: self.incarnation, seq }
    }

    /// A PUSH of everything from `base` on.
    pub(crate) fn push_from(&self, base: u64) -> Push {
        self.push_with(base, Vec::new())
    }

    pub(crate) fn push_with(&self, base: u64, boots: Vec<BootEvidence>) -> Push {
        let skip = usize::try_from(base - 1).unwrap();
        let operations: Vec<Recorded> =
            self.recorder.iter().skip(skip).map(|kept| kept.0.clone()).collect();
        let (columns, bodies) = push::pack(&operations);
        let previous_hash = match skip {
            0 => Hash16::default(),
            n => self.recorder[n - 1].1,
        };
        let origins = (0..)
            .zip(self.recorder.iter().skip(skip))
            .filter_map(|(position, kept)| kept.2.map(|origin| (position, origin)))
            .collect();
        Push {
            incarnation: self.incarnation,
            base_seq: Seq(base),
            previous_hash,
            epoch: self.epoch,
            boots,
            columns,
            bodies,
            origins,
        }
    }

    pub(crate) fn push(&self, world: &mut World, base: u64) {
        world.receive(self.connection, Frame::Push(self.push_from(base)));
    }

    /// Re-labels everything into a new incarnation.
    pub(crate) fn reincarnate(&mut self, stale: &protocol::frame::StaleStore) {
        let kept = std::mem::take(&mut self.recorder);
        let before = self.incarnation;
        self.incarnation = stale.incarnation;
        self.lease = stale.lease.clone();
        for (seq, (recorded, hash, origin)) in (1..).zip(kept) {
            let origin = origin.unwrap_or(OriginOf { incarnation: before, seq: Seq(seq), hash });
            self.append(recorded, Some(origin));
        }
    }
}
