//! A company in memory, devices that report to it in any order, and an auditor after each step.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::audit::audit;
use ledger::command::stock::{Decide, OpeningStock, Settle};
use ledger::command::{Command, Handle, SetCompany, master, people, places};
use ledger::count::{DeviceStatement, SiteWatermark};
use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::memory::MemoryTables;
use ledger::operation::{Request, judge};
use ledger::schema::book::{Bound, Head, Heads, Intake, Intakes, Origin, Timing};
use ledger::schema::book::{OutcomeRow, Outcomes};
use ledger::schema::case::{Case, Cases, Choice, OpenCases, OpenTasks, Task, Tasks};
use ledger::schema::count::{CountRow, Counts, CountsByOperation};
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use ledger::schema::stock::{Stocks, StocksByItem};
use ledger::schema::{ItemId, SiteId, StockKey};
use ledger::tables::Read as _;
use protocol::feed::{BinKind, Role, TrackingRule};
use protocol::identity::{
    Boot, CaseId, DeviceId, Hash16, Incarnation, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    TaskId,
};
use protocol::operation::{
    Body, Condition, Count, CountBin, CountedLine, DocumentRef, Envelope, Goods, Move, Pick, Place,
    Receive, Recorded, Tracking,
};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;

/// Midnight of the day on which everything happens.
const MIDNIGHT: i64 = 1_790_035_200_000_000;
const MINUTE: i64 = 60_000_000;

/// `"09:30"` or `"09:30:15"` of that day.
pub(crate) fn at(clock: &str) -> ServerTime {
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = parts.get(2).copied().unwrap_or(0);
    ServerTime(MIDNIGHT + (parts[0] * 60 + parts[1]) * MINUTE + seconds * 1_000_000)
}

/// The same, some days later.
pub(crate) fn days_later(days: i64, clock: &str) -> ServerTime {
    at(clock).plus_us(days * 24 * 60 * MINUTE)
}

pub(crate) fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(crate) fn place(bin: &str) -> Place {
    let bin = Some(bin.try_into().unwrap());
    Place { location: "MAIN".try_into().unwrap(), bin, plate: None }
}

pub(crate) fn on_plate(bin: &str, plate: &str) -> Place {
    Place { plate: Some(plate.try_into().unwrap()), ..place(bin) }
}

pub(crate) fn goods(item: &str, quantity: &str) -> Goods {
    Goods {
        item: item.try_into().unwrap(),
        variant: None,
        unit: "PCS".try_into().unwrap(),
        factor: UnitFactor::ONE,
        quantity: q(quantity),
        base: q(quantity),
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

pub(crate) fn serial(item: &str, no: &str) -> Goods {
    let tracking = Tracking { serial: Some(no.try_into().unwrap()), ..Tracking::NONE };
    Goods { tracking, ..goods(item, "1") }
}

/// Goods of a lot of item L.
pub(crate) fn lot(no: &str, quantity: &str) -> Goods {
    let tracking = Tracking { lot: Some(no.try_into().unwrap()), ..Tracking::NONE };
    Goods { tracking, ..goods("L", quantity) }
}

pub(crate) fn count(bin: &str, item: &str, quantity: &str) -> Body {
    Body::Count(Count {
        place: place(bin),
        goods: goods(item, quantity),
        started_us: None,
        task: None,
    })
}

/// Everything in the bin, all seen at the end of the count.
pub(crate) fn count_bin(bin: &str, lines: Vec<Goods>) -> Body {
    let lines =
        lines.into_iter().map(|goods| CountedLine { goods, plate: None, mono_us: MONO }).collect();
    Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: bin.try_into().unwrap(),
        lines,
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    })
}

pub(crate) fn pick(bin: &str, item: &str, quantity: &str) -> Body {
    Body::Pick(Pick {
        from: place(bin),
        to: Some(place("CART")),
        goods: goods(item, quantity),
        short: None,
        emptied: None,
    })
}

pub(crate) fn moved(from: &str, to: &str, goods: Goods) -> Body {
    Body::Move(Move { from: place(from), to: place(to), goods })
}

pub(crate) fn receive(bin: &str, goods: Goods) -> Body {
    Body::Receive(Receive { to: place(bin), goods, condition: Condition::Good })
}

/// The monotonic clock of a device when it records: as if each boot were old.
pub(crate) const MONO: u64 = 100_000_000_000;

/// An operation that a device has recorded and perhaps not sent yet.
#[derive(Debug, Clone)]
pub(crate) struct Op {
    pub(crate) id: OperationId,
    pub(crate) timing: Timing,
    content: Vec<u8>,
    hash: Hash16,
}

/// People, in order of their devices.
const PEOPLE: [&str; 8] = ["ANA", "BEN", "CID", "DORA", "EVE", "FIN", "GUS", "HAL"];

pub(crate) struct World {
    pub(crate) tables: MemoryTables,
    /// What the replicas of all devices have applied.
    pub(crate) cursor: Lsn,
    head: Head,
    clock: ServerTime,
    seqs: BTreeMap<u32, u64>,
}

impl World {
    /// One site, one location MAIN with bins, CART and those of states; items X, Y, Z
    /// without tolerance, T with a tolerance of 5, S with serial numbers, L with lots.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            tables: MemoryTables::new(),
            cursor: Lsn(0),
            head: Head::default(),
            clock: at("00:00"),
            seqs: BTreeMap::new(),
        };
        for command in setup() {
            world.system(&command);
        }
        world.clock = at("08:00");
        world
    }

    /// Stock from the start of the day.
    pub(crate) fn opening(&mut self, bin: &str, item: &str, quantity: &str) {
        self.opening_of(bin, goods(item, quantity));
    }

    pub(crate) fn opening_of(&mut self, bin: &str, goods: Goods) {
        self.system(&Command::OpeningStock(OpeningStock { place: place(bin), goods }));
    }

    /// The server's clock moves on, if it is not there yet.
    pub(crate) fn clock(&mut self, clock: &str) {
        self.clock = self.clock.max(at(clock));
    }

    /// What a device records at τ = `clock`, exactly known.
    pub(crate) fn record(&mut self, device: u32, clock: &str, body: &Body) -> Op {
        self.record_about(device, (at(clock), 0, false), body)
    }

    /// What a device records at τ ± ε microseconds, perhaps with an uncertain boot.
    pub(crate) fn record_about(
        &mut self,
        device: u32,
        timing: (ServerTime, u64, bool),
        body: &Body,
    ) -> Op {
        self.record_for(device, timing, None, body)
    }

    /// What a device records for a document.
    pub(crate) fn record_for(
        &mut self,
        device: u32,
        (tau, epsilon_us, uncertain): (ServerTime, u64, bool),
        document: Option<DocumentRef>,
        body: &Body,
    ) -> Op {
        let seq = self.seqs.entry(device).or_insert(0);
        *seq += 1;
        let person = usize::try_from(device).unwrap() - 1;
        let operator = OperatorId::new(PEOPLE[person]).unwrap();
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: MONO,
            cursor: self.cursor,
            epoch: ServerEpoch(1),
            operator: Some(operator),
            document,
        };
        let content = Recorded::new(envelope, body).to_content();
        let id =
            OperationId { device: DeviceId(device), incarnation: Incarnation(1), seq: Seq(*seq) };
        let hash = protocol::identity::operation_hash(Hash16::default(), id.seq, &content);
        let timing =
            Timing { tau, epsilon_us, uncertain, lower: Bound::Sample, upper: Bound::Sample };
        Op { id, timing, content, hash }
    }

    /// The operation reaches the server and is judged.
    pub(crate) fn arrive(&mut self, op: &Op) -> OperationId {
        self.clock = self.clock.max(op.timing.tau);
        let origin = Origin::Device { sent_as: op.id, hash: op.hash, first: None };
        self.judge(origin, op.timing, op.content.clone());
        op.id
    }

    /// Recorded and sent at once.
    pub(crate) fn online(&mut self, device: u32, clock: &str, body: &Body) -> OperationId {
        let op = self.record(device, clock, body);
        self.arrive(&op)
    }

    /// A command of the server itself.
    pub(crate) fn system(&mut self, command: &Command) -> OperationId {
        let timing = Timing::exact(self.clock.plus_us(1));
        self.judge(Origin::System, timing, command.encode())
    }

    /// A command of the supervisor.
    pub(crate) fn desk(&mut self, command: &Command) -> OperationId {
        self.desk_of("KIM", command)
    }

    /// A command of `user`.
    pub(crate) fn desk_of(&mut self, user: &str, command: &Command) -> OperationId {
        let user = OperatorId::new(user).unwrap();
        let timing = Timing::exact(self.clock.plus_us(1));
        self.judge(Origin::Desk { user, idempotency: None }, timing, command.encode())
    }

    /// The watermark of the site passes `clock`.
    pub(crate) fn settle(&mut self, clock: &str) {
        self.settle_with(clock, Vec::new());
    }

    pub(crate) fn settle_with(&mut self, clock: &str, devices: Vec<DeviceStatement>) {
        self.clock(clock);
        let until = at(clock);
        let sites = vec![SiteWatermark { site: SiteId(1), until, devices }];
        self.system(&Command::Settle(Settle { sites }));
    }

    /// The watermark of the site passes `until`.
    pub(crate) fn settle_until(&mut self, until: ServerTime) {
        self.clock = self.clock.max(until);
        let sites = vec![SiteWatermark { site: SiteId(1), until, devices: Vec::new() }];
        self.system(&Command::Settle(Settle { sites }));
    }

    pub(crate) fn decide(&mut self, case: CaseId, choice: Choice) -> OperationId {
        let version = self.case(case).version;
        self.decide_seen(case, version, choice)
    }

    pub(crate) fn decide_seen(
        &mut self,
        case: CaseId,
        version: u32,
        choice: Choice,
    ) -> OperationId {
        self.desk(&Command::Decide(Decide {
            case,
            version,
            choice,
            correction: None,
            remark: String::new(),
        }))
    }

    /// The last decision.
    pub(crate) fn lsn(&self) -> Lsn {
        self.head.lsn
    }

    pub(crate) fn correct(&mut self, case: CaseId, body: &Body) -> OperationId {
        self.correct_for(case, body, None)
    }

    /// A correction that is for a document.
    pub(crate) fn correct_for(
        &mut self,
        case: CaseId,
        body: &Body,
        document: Option<DocumentRef>,
    ) -> OperationId {
        let version = self.case(case).version;
        self.desk(&Command::Decide(Decide {
            case,
            version,
            choice: Choice::Correct,
            correction: Some(Handle::new(body, document)),
            remark: String::new(),
        }))
    }

    fn judge(&mut self, origin: Origin, timing: Timing, raw: Vec<u8>) -> OperationId {
        self.clock = self.clock.plus_us(10);
        let no = self.head.intake.next();
        let intake = Intake {
            origin,
            site: SiteId(u32::from(no.0 > 1)),
            received: self.clock,
            timing,
            local_date: NaiveDate::from_ymd_opt(2026, 9, 22),
            evidence: ByteBuf::new(),
            raw: ByteBuf::from(raw),
            previous: Hash16::default(),
            hash: protocol::identity::chained(&[&no.0.to_le_bytes()]),
        };
        let mut arrived = Draft::over(&self.tables);
        arrived.put::<Intakes>(&no, intake.clone());
        let arrived = arrived.finish();
        self.tables.apply(arrived);
        let time = self.clock.plus_us(5);
        let request = Request { intake_no: no, intake: &intake, lsn: self.head.lsn.next(), time };
        let mut draft = Draft::over(&self.tables);
        judge(&mut draft, &request).unwrap();
        self.head = Head { lsn: request.lsn, time, intake: no, hash: Hash16::default() };
        draft.put::<Heads>(&(), self.head);
        let changes = draft.finish();
        self.tables.apply(changes);
        self.check();
        intake.identity(no)
    }

    /// The books are sound.
    pub(crate) fn check(&self) {
        let violations = audit(&self.tables);
        let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "after intake {}:\n{}", self.head.intake, lines.join("\n"));
    }

    pub(crate) fn item(&self, item: &str) -> ItemId {
        lookup::item(&self.tables, &item.try_into().unwrap()).unwrap().0
    }

    /// What lies in a bin, over all plates and tracking keys, as text.
    pub(crate) fn stock(&self, bin: &str, item: &str) -> String {
        let id = self.item(item);
        let mut sum = Quantity::ZERO;
        for ((_item, key), _row) in self.tables.list::<StocksByItem>(&KeyRange::prefix(&(id,))) {
            let row = self.tables.row::<Stocks>(&key).unwrap();
            if lookup::bin_text(&self.tables, key.location, key.bin) == bin {
                sum = sum.checked_add(row.quantity).unwrap();
            }
        }
        sum.to_string()
    }

    /// Everything that lies anywhere, by stock key.
    pub(crate) fn book(&self) -> BTreeMap<String, Quantity> {
        let stocks = self.tables.list::<Stocks>(&KeyRange::all());
        stocks
            .into_iter()
            .filter(|(_key, row)| !row.quantity.is_zero())
            .map(|(key, row)| (self.name(&key), row.quantity))
            .collect()
    }

    /// A stock key in words: the numbers of plates and tracking keys depend on the order of arrival.
    pub(crate) fn name(&self, key: &StockKey) -> String {
        format!(
            "{} {} {:?} {:?}",
            lookup::bin_text(&self.tables, key.location, key.bin),
            lookup::item_text(&self.tables, key.item),
            ledger::tracking::tracking_of(&self.tables, key.tracking).serial,
            (key.plate.0 != 0).then(|| lookup::plate_text(&self.tables, key.plate)),
        )
    }

    /// The counts of an operation that are not taken out, by stock key, with a difference or not.
    pub(crate) fn counts(&self, op: OperationId) -> Vec<(StockKey, CountRow)> {
        self.tables
            .list::<CountsByOperation>(&KeyRange::prefix(&(op,)))
            .into_iter()
            .filter_map(|((_op, key, order), _row)| {
                let row = self.tables.row::<Counts>(&(key, order))?;
                Some((key, (*row).clone()))
            })
            .collect()
    }

    /// The count of `item` by an operation.
    pub(crate) fn counted(&self, op: OperationId, item: &str) -> CountRow {
        let id = self.item(item);
        let counts = self.counts(op);
        counts.into_iter().find(|(key, _row)| key.item == id).expect("it was counted").1
    }

    pub(crate) fn difference(&self, op: OperationId, item: &str) -> String {
        self.counted(op, item).difference.to_string()
    }

    pub(crate) fn outcome(&self, op: OperationId) -> OutcomeRow {
        (*self.tables.row::<Outcomes>(&op).expect("it was judged")).clone()
    }

    /// The codes of the reasons of the current outcome.
    pub(crate) fn codes(&self, op: OperationId) -> Vec<String> {
        self.outcome(op).outcome.reasons.iter().map(|reason| reason.code.to_string()).collect()
    }

    pub(crate) fn case(&self, id: CaseId) -> Case {
        (*self.tables.row::<Cases>(&id).expect("the case was opened")).clone()
    }

    pub(crate) fn open_cases(&self) -> Vec<(CaseId, Case)> {
        let open = self.tables.list::<OpenCases>(&KeyRange::all());
        open.into_iter().map(|((_site, id), _row)| (id, self.case(id))).collect()
    }

    pub(crate) fn open_tasks(&self) -> Vec<Task> {
        self.open_task_ids().into_iter().map(|id| self.task(id)).collect()
    }

    pub(crate) fn open_task_ids(&self) -> Vec<TaskId> {
        let open = self.tables.list::<OpenTasks>(&KeyRange::all());
        open.into_iter().map(|(key, _row)| key.5).collect()
    }

    pub(crate) fn task(&self, id: TaskId) -> Task {
        (*self.tables.row::<Tasks>(&id).expect("the task was asked for")).clone()
    }
}

fn setup() -> Vec<Command> {
    let mut commands = vec![
        Command::SetCompany(SetCompany {
            name: "Example".to_owned(),
            negative_inventory_allowed: false,
            absent_after_hours: 12,
        }),
        Command::PutSite(places::PutSite {
            site: "HALL".try_into().unwrap(),
            never_quantities: false,
            separator: None,
        }),
        Command::PutLocation(places::PutLocation {
            location: "MAIN".try_into().unwrap(),
            name: "Main hall".to_owned(),
            site: "HALL".try_into().unwrap(),
            time_zone: "Europe/Copenhagen".try_into().unwrap(),
            bin_mandatory: true,
            directed: false,
            in_transit: false,
            receipt_bin: None,
            shipment_bin: None,
        }),
        tracked("SN", TrackingRule { serial: true, ..TrackingRule::default() }),
        tracked("LOT", TrackingRule { lot: true, ..TrackingRule::default() }),
    ];
    for bin in ["A-1", "A-2", "A-3", "CART"] {
        commands.push(Command::PutBin(places::PutBin {
            location: "MAIN".try_into().unwrap(),
            bin: bin.try_into().unwrap(),
            zone: None,
            kind: if bin == "CART" { BinKind::Cart } else { BinKind::Storage },
            ranking: 0,
            blocked: false,
        }));
    }
    for (item, tolerance, tracking) in [
        ("X", "0", None),
        ("Y", "0", None),
        ("Z", "0", None),
        ("T", "5", None),
        ("S", "0", Some("SN")),
        ("L", "0", Some("LOT")),
    ] {
        commands.push(Command::PutItem(master::PutItem {
            item: item.try_into().unwrap(),
            description: format!("item {item}"),
            item_type: ItemType::default(),
            base_unit: "PCS".try_into().unwrap(),
            precision: None,
            costing_method: CostingMethod::default(),
            tracking_code: tracking.map(|code: &str| code.try_into().unwrap()),
            variant_required: false,
            blocked: false,
            negative_inventory: NegativeInventory::default(),
            count_tolerance: q(tolerance),
            second_count_from: None,
            supervisor_from: None,
            shelf_life_days: None,
            over_receipt_percent: Quantity::ZERO,
            category: String::new(),
        }));
    }
    commands.extend(people());
    commands
}

fn tracked(code: &str, rule: TrackingRule) -> Command {
    Command::PutTrackingCode(master::PutTrackingCode {
        code: code.try_into().unwrap(),
        serial_specific: rule.serial,
        lot_specific: rule.lot,
        rule,
        package_specific: false,
        strict_expiration: false,
    })
}

/// KIM decides, the others work with devices.
fn people() -> Vec<Command> {
    let kim = std::iter::once(("KIM", Role::Supervisor));
    kim.chain(PEOPLE.map(|name| (name, Role::Operator)))
        .flat_map(|(name, role)| {
            let operator = OperatorId::new(name).unwrap();
            [
                Command::PutOperator(people::PutOperator {
                    operator: operator.clone(),
                    name: name.to_owned(),
                    badge_hash: None,
                    pin_verifier: None,
                    password_verifier: None,
                    language: None,
                    disabled: false,
                }),
                Command::GrantRole(people::GrantRole { operator, role, location: None }),
            ]
        })
        .collect()
}
