//! A small company for tests: two locations and the way between them, a few items, two people, and
//! devices whose acts arrive in any order. Everything goes through the one door.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::feed::{Role, TrackingRule};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    operation_hash,
};
use protocol::operation::{
    Body, Direction, DocumentKind, DocumentRef, Envelope, Goods, Place, Receive, Recorded, Tracking,
};
use protocol::outcome::{Decision, Outcome};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::OperatorId;

use crate::command::papers::{PutDocument, PutLine, SetDocumentStatus};
use crate::command::{Command, SetCompany, master, people, places, stock};
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::lookup;
use crate::memory::MemoryTables;
use crate::operation::{Request, judge};
use crate::schema::StockKey;
use crate::schema::book::{Bound, Companies, Intake, Intakes, Origin, Outcomes, Timing};
use crate::schema::case::{Case, CaseState, Cases, Task, TaskState, Tasks};
use crate::schema::document::{Document, DocumentLine, DocumentLines, Documents};
use crate::schema::entry::{ItemLedger, ItemLedgerEntry, ItemLedgerState, ItemLedgerStates};
use crate::schema::item::CostingMethod;
use crate::schema::stock::Stocks;
use crate::tables::Read as _;
use crate::tracking;

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;
/// 2026-01-05T00:00:00Z, the day on which everything happens.
const MIDNIGHT: i64 = 1_767_571_200_000_000;

/// A company in memory.
pub(crate) struct World {
    pub(crate) tables: MemoryTables,
    intake: u64,
    lsn: u64,
    seqs: BTreeMap<u32, u64>,
    now: i64,
    /// Half the width of the interval of what devices do next.
    pub(crate) epsilon_us: u64,
    /// Who works with the devices.
    pub(crate) operator: Option<OperatorId>,
    /// Reads and writes of the last judgement.
    pub(crate) spent: u64,
}

/// Something that a device did, ready to arrive.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) operation: OperationId,
    pub(crate) minute: i64,
    pub(crate) document: Option<DocumentRef>,
    pub(crate) body: Body,
}

pub(crate) fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

/// `minute` of the day in server time.
pub(crate) const fn at(minute: i64) -> ServerTime {
    ServerTime(MIDNIGHT + minute * MINUTE)
}

/// A bin of MAIN, or of the location before a slash.
pub(crate) fn place(text: &str) -> Place {
    let (location, bin) = text.split_once('/').unwrap_or(("MAIN", text));
    let (bin, plate) = match bin.split_once('+') {
        Some((bin, plate)) => (bin, Some(plate.try_into().unwrap())),
        None => (bin, None),
    };
    let bin = (!bin.is_empty()).then(|| bin.try_into().unwrap());
    Place { location: location.try_into().unwrap(), bin, plate }
}

/// Pieces of an item.
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

/// Pieces of a lot of CREAM.
pub(crate) fn lot(no: &str, quantity: &str) -> Goods {
    let tracking = Tracking { lot: Some(no.try_into().unwrap()), ..Tracking::NONE };
    Goods { tracking, ..goods("CREAM", quantity) }
}

/// One DRILL with a serial.
pub(crate) fn serial(no: &str) -> Goods {
    let tracking = Tracking { serial: Some(no.try_into().unwrap()), ..Tracking::NONE };
    Goods { tracking, ..goods("DRILL", "1") }
}

pub(crate) fn receive(to: &str, goods: Goods) -> Body {
    let condition = protocol::operation::Condition::Good;
    Body::Receive(Receive { to: place(to), goods, condition })
}

pub(crate) fn moved(from: &str, to: &str, goods: Goods) -> Body {
    Body::Move(protocol::operation::Move { from: place(from), to: place(to), goods })
}

pub(crate) fn pick(from: &str, goods: Goods) -> Body {
    Body::Pick(protocol::operation::Pick {
        from: place(from),
        to: None,
        goods,
        short: None,
        emptied: None,
    })
}

pub(crate) fn ship(from: &str, goods: Goods) -> Body {
    Body::Ship(protocol::operation::Ship { from: place(from), goods })
}

pub(crate) fn move_plate(plate: &str, to: &str) -> Body {
    let plate = plate.try_into().unwrap();
    Body::MovePlate(protocol::operation::MovePlate { plate, to: place(to) })
}

pub(crate) fn transfer_ship(from: &str, goods: Goods) -> Body {
    Body::TransferShip(protocol::operation::TransferShip { from: place(from), goods })
}

pub(crate) fn transfer_receive(to: &str, goods: Goods) -> Body {
    Body::TransferReceive(protocol::operation::TransferReceive { to: place(to), goods })
}

pub(crate) fn count(place_text: &str, goods: Goods) -> Body {
    Body::Count(protocol::operation::Count {
        place: place(place_text),
        goods,
        started_us: None,
        task: None,
    })
}

pub(crate) fn adjust(place_text: &str, direction: Direction, goods: Goods) -> Body {
    Body::Adjust(protocol::operation::Adjust {
        place: place(place_text),
        goods,
        direction,
        reason: "damaged".try_into().unwrap(),
    })
}

pub(crate) fn undo(operation: OperationId) -> Body {
    Body::Undo(protocol::operation::Undo { incarnation: operation.incarnation, seq: operation.seq })
}

pub(crate) fn order(kind: DocumentKind, no: &str) -> DocumentRef {
    DocumentRef { kind, no: no.try_into().unwrap(), line: None }
}

impl World {
    /// The company with its master records.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            tables: MemoryTables::new(),
            intake: 0,
            lsn: 0,
            seqs: BTreeMap::new(),
            now: at(-600).0,
            epsilon_us: 0,
            operator: Some("ANA".try_into().unwrap()),
            spent: 0,
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        self.system(Command::SetCompany(SetCompany {
            name: "Demo".to_owned(),
            negative_inventory_allowed: false,
            absent_after_hours: 12,
        }));
        self.system(Command::PutSite(places::PutSite {
            site: "MAIN".try_into().unwrap(),
            never_quantities: false,
            separator: None,
        }));
        self.location("MAIN", true, false);
        self.location("LEEDS", true, false);
        self.location("YARD", false, false);
        self.location("WAY", false, true);
        for (location, bin) in
            [("MAIN", "A"), ("MAIN", "B"), ("MAIN", "C"), ("LEEDS", "L"), ("LEEDS", "M")]
        {
            self.system(Command::PutBin(places::PutBin {
                location: location.try_into().unwrap(),
                bin: bin.try_into().unwrap(),
                zone: None,
                kind: protocol::feed::BinKind::Storage,
                ranking: 0,
                blocked: false,
            }));
        }
        self.tracking_code("LOT", TrackingRule { lot: true, ..TrackingRule::default() });
        self.tracking_code("SERIAL", TrackingRule { serial: true, ..TrackingRule::default() });
        self.item("BOLT", CostingMethod::Fifo, None);
        self.item("NUT", CostingMethod::Lifo, None);
        self.item("CREAM", CostingMethod::Fifo, Some("LOT"));
        self.item("DRILL", CostingMethod::Fifo, Some("SERIAL"));
        for (operator, role) in
            [("ANA", Role::Operator), ("BEN", Role::Operator), ("KIM", Role::Administrator)]
        {
            self.system(Command::PutOperator(people::PutOperator {
                operator: operator.try_into().unwrap(),
                name: operator.to_owned(),
                badge_hash: None,
                pin_verifier: None,
                password_verifier: None,
                language: None,
                disabled: false,
            }));
            self.system(Command::GrantRole(people::GrantRole {
                operator: operator.try_into().unwrap(),
                role,
                location: None,
            }));
        }
    }

    fn location(&mut self, code: &str, bin_mandatory: bool, in_transit: bool) {
        self.system(Command::PutLocation(places::PutLocation {
            location: code.try_into().unwrap(),
            name: code.to_owned(),
            site: "MAIN".try_into().unwrap(),
            time_zone: "Europe/Copenhagen".try_into().unwrap(),
            bin_mandatory,
            directed: false,
            in_transit,
            receipt_bin: None,
            shipment_bin: None,
        }));
    }

    /// A set of tracking rules.
    pub(crate) fn tracking_code(&mut self, code: &str, rule: TrackingRule) {
        self.system(Command::PutTrackingCode(master::PutTrackingCode {
            code: code.try_into().unwrap(),
            rule,
            serial_specific: true,
            lot_specific: true,
            package_specific: false,
            strict_expiration: false,
        }));
    }

    /// An item card in pieces.
    pub(crate) fn item(&mut self, no: &str, costing_method: CostingMethod, tracking: Option<&str>) {
        self.system(Command::PutItem(master::PutItem {
            item: no.try_into().unwrap(),
            description: no.to_lowercase(),
            item_type: crate::schema::item::ItemType::Inventory,
            base_unit: "PCS".try_into().unwrap(),
            precision: Some(q("1")),
            costing_method,
            tracking_code: tracking.map(|code| code.try_into().unwrap()),
            variant_required: false,
            blocked: false,
            negative_inventory: crate::schema::item::NegativeInventory::Default,
            count_tolerance: Quantity::ZERO,
            second_count_from: None,
            supervisor_from: Some(q("50")),
            shelf_life_days: None,
            over_receipt_percent: q("5"),
            category: String::new(),
        }));
    }

    /// A released document with one line per pair of item and quantity.
    pub(crate) fn document(
        &mut self,
        kind: DocumentKind,
        no: &str,
        lines: &[(&str, &str)],
    ) -> DocumentRef {
        let transfer = kind == DocumentKind::TransferOrder;
        let lines = lines.iter().zip(1_u32..).map(|((item, quantity), n)| PutLine {
            line: n * 10_000,
            item: (*item).try_into().unwrap(),
            variant: None,
            unit: None,
            quantity: q(quantity),
            tracking: Tracking::NONE,
        });
        self.system(Command::PutDocument(PutDocument {
            kind,
            no: no.try_into().unwrap(),
            partner: None,
            partner_name: String::new(),
            location: "MAIN".try_into().unwrap(),
            to_location: transfer.then(|| "LEEDS".try_into().unwrap()),
            in_transit: transfer.then(|| "WAY".try_into().unwrap()),
            due: None,
            document_date: None,
            status: protocol::feed::DocumentStatus::Released,
            lines: lines.collect(),
        }));
        order(kind, no)
    }

    /// Brings a document to a status.
    pub(crate) fn set_status(
        &mut self,
        document: &DocumentRef,
        status: protocol::feed::DocumentStatus,
        may_reopen: bool,
    ) {
        self.system(Command::SetDocumentStatus(SetDocumentStatus {
            kind: document.kind,
            no: document.no.clone(),
            status,
            may_reopen,
        }));
    }

    /// Opening stock.
    pub(crate) fn opening(&mut self, place_text: &str, goods: Goods) {
        let place = place(place_text);
        self.system(Command::OpeningStock(stock::OpeningStock { place, goods }));
    }

    /// Something that the system asks for and gets.
    #[expect(clippy::needless_pass_by_value, reason = "tests build the command in place")]
    pub(crate) fn system(&mut self, command: Command) {
        let outcome = self.command(Origin::System, &command);
        assert_eq!(outcome.decision, Decision::Accepted, "{command:?}: {:?}", outcome.reasons);
    }

    /// Something that the administrator asks for.
    pub(crate) fn desk(&mut self, command: &Command) -> Outcome {
        self.desk_as("KIM", command)
    }

    /// Something that somebody asks for at a desk.
    pub(crate) fn desk_as(&mut self, user: &str, command: &Command) -> Outcome {
        let user = user.try_into().unwrap();
        self.command(Origin::Desk { user, idempotency: None }, command)
    }

    fn command(&mut self, origin: Origin, command: &Command) -> Outcome {
        self.now += 1_000_000;
        let timing = Timing::exact(ServerTime(self.now));
        let no = self.arrive(origin, timing, command.encode());
        let operation = OperationId { seq: Seq(no.0), ..OperationId::default() };
        self.outcome(operation)
    }

    /// What a device did at `minute`, not yet sent.
    pub(crate) fn done(
        &mut self,
        device: u32,
        minute: i64,
        document: Option<&DocumentRef>,
        body: Body,
    ) -> Done {
        let seq = self.seqs.entry(device).or_insert(0);
        *seq += 1;
        let operation =
            OperationId { device: DeviceId(device), incarnation: Incarnation(1), seq: Seq(*seq) };
        Done { operation, minute, document: document.cloned(), body }
    }

    fn recorded(&self, done: &Done) -> Recorded {
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: u64::try_from(done.minute * MINUTE).unwrap_or(0),
            cursor: Lsn(0),
            epoch: ServerEpoch(1),
            operator: self.operator.clone(),
            document: done.document.clone(),
        };
        Recorded::new(envelope, &done.body)
    }

    /// It arrives and is judged.
    pub(crate) fn send(&mut self, done: &Done) -> Outcome {
        let raw = self.recorded(done).to_content();
        self.send_raw(done, raw)
    }

    /// It arrives in a version that this build cannot read.
    pub(crate) fn send_of_later(&mut self, done: &Done) -> (OperationId, Outcome) {
        let raw = Recorded { version: 99, ..self.recorded(done) }.to_content();
        (done.operation, self.send_raw(done, raw))
    }

    /// This build can read what [`World::send_of_later`] sent: as if it were a later one.
    pub(crate) fn learn_to_read(&mut self, done: &Done) {
        let row = self.tables.row::<Outcomes>(&done.operation).unwrap();
        let intake = self.tables.row::<Intakes>(&row.intake).unwrap();
        let raw = serde_bytes::ByteBuf::from(self.recorded(done).to_content());
        let mut draft = Draft::over(&self.tables);
        draft.put::<Intakes>(&row.intake, Intake { raw, ..(*intake).clone() });
        let changes = draft.finish();
        self.tables.apply(changes);
    }

    fn send_raw(&mut self, done: &Done, raw: Vec<u8>) -> Outcome {
        let hash = operation_hash(Hash16::default(), done.operation.seq, &raw);
        let tau = at(done.minute);
        self.now = self.now.max(tau.0) + 1_000_000;
        let timing = Timing {
            tau,
            epsilon_us: self.epsilon_us,
            uncertain: false,
            lower: Bound::Sample,
            upper: Bound::Sample,
        };
        let origin = Origin::Device { sent_as: done.operation, hash, first: None };
        self.arrive(origin, timing, raw);
        self.outcome(done.operation)
    }

    /// A device does something at `minute` and sends it at once.
    pub(crate) fn scan(
        &mut self,
        device: u32,
        minute: i64,
        document: Option<&DocumentRef>,
        body: Body,
    ) -> (OperationId, Outcome) {
        let done = self.done(device, minute, document, body);
        let outcome = self.send(&done);
        (done.operation, outcome)
    }

    fn arrive(&mut self, origin: Origin, timing: Timing, raw: Vec<u8>) -> IntakeNo {
        self.intake += 1;
        self.lsn += 1;
        let no = IntakeNo(self.intake);
        let received = ServerTime(self.now);
        let site = crate::schema::SiteId(u32::from(matches!(origin, Origin::Device { .. })));
        let intake = Intake {
            origin,
            site,
            received,
            timing,
            local_date: timing.tau.utc().map(|at| at.date_naive()),
            evidence: serde_bytes::ByteBuf::new(),
            hash: Intake::link(Hash16::default(), no, received, &raw),
            raw: serde_bytes::ByteBuf::from(raw),
            previous: Hash16::default(),
        };
        let mut draft = Draft::over(&self.tables);
        draft.put::<Intakes>(&no, intake.clone());
        let request = Request {
            intake_no: no,
            intake: &intake,
            lsn: Lsn(self.lsn),
            time: ServerTime(self.now + 1),
        };
        judge(&mut draft, &request).expect("nothing in these tests is poison");
        self.spent = draft.spent();
        let changes = draft.finish();
        self.tables.apply(changes);
        let violations = crate::audit::audit(&self.tables);
        assert!(violations.is_empty(), "after {no}: {violations:#?}");
        no
    }

    pub(crate) fn outcome(&self, operation: OperationId) -> Outcome {
        self.tables.row::<Outcomes>(&operation).unwrap().outcome.clone()
    }

    /// The current outcome of every operation.
    pub(crate) fn tables_outcomes(&self) -> Vec<(OperationId, Outcome)> {
        self.tables
            .list::<Outcomes>(&KeyRange::all())
            .into_iter()
            .map(|(id, row)| (id, row.outcome.clone()))
            .collect()
    }

    /// What the book holds, with everything at zero left out.
    pub(crate) fn stocks(&self) -> BTreeMap<String, Quantity> {
        self.tables
            .list::<Stocks>(&KeyRange::all())
            .into_iter()
            .filter(|(_key, row)| !row.quantity.is_zero())
            .map(|(key, row)| (self.text(&key), row.quantity))
            .collect()
    }

    /// `LOCATION/BIN+PLATE ITEM NUMBER`.
    fn text(&self, key: &StockKey) -> String {
        let location = lookup::location_text(&self.tables, key.location);
        let bin = if key.bin.0 == 0 {
            String::new()
        } else {
            lookup::bin_text(&self.tables, key.location, key.bin)
        };
        let plate = match key.plate.0 {
            0 => String::new(),
            _ => format!("+{}", lookup::plate_text(&self.tables, key.plate)),
        };
        let item = lookup::item_text(&self.tables, key.item);
        let tracking = tracking::tracking_of(&self.tables, key.tracking);
        let number = tracking
            .lot
            .map(|lot| format!(" {lot}"))
            .into_iter()
            .chain(tracking.serial.map(|serial| format!(" {serial}")))
            .collect::<String>();
        format!("{location}/{bin}{plate} {item}{number}")
    }

    /// What lies under `LOCATION/BIN+PLATE ITEM NUMBER`.
    pub(crate) fn stock(&self, text: &str) -> Quantity {
        self.stocks().get(text).copied().unwrap_or(Quantity::ZERO)
    }

    /// How much is on hold under `LOCATION/BIN ITEM`.
    pub(crate) fn held(&self, text: &str) -> Quantity {
        self.tables
            .list::<Stocks>(&KeyRange::all())
            .into_iter()
            .find(|(key, _row)| self.text(key) == text)
            .map_or(Quantity::ZERO, |(_key, row)| row.held)
    }

    /// Entries of an item in order, with what they have left.
    pub(crate) fn entries(&self, item: &str) -> Vec<(ItemLedgerEntry, ItemLedgerState)> {
        let (item, _card) = lookup::item(&self.tables, &item.try_into().unwrap()).unwrap();
        self.tables
            .list::<ItemLedger>(&KeyRange::all())
            .into_iter()
            .filter(|(_no, entry)| entry.item == item)
            .map(|(no, entry)| {
                ((*entry).clone(), *self.tables.row::<ItemLedgerStates>(&no).unwrap())
            })
            .collect()
    }

    /// Quantity and remaining quantity of the entries of an item, in order.
    pub(crate) fn remaining(&self, item: &str) -> Vec<(String, String)> {
        self.entries(item)
            .into_iter()
            .map(|(entry, state)| (entry.quantity.to_string(), state.remaining.to_string()))
            .collect()
    }

    pub(crate) fn header(&self, document: &DocumentRef) -> Document {
        (*self.tables.row::<Documents>(&(document.kind, document.no.clone())).unwrap()).clone()
    }

    pub(crate) fn line(&self, document: &DocumentRef, line: u32) -> DocumentLine {
        let key = (document.kind, document.no.clone(), line);
        (*self.tables.row::<DocumentLines>(&key).unwrap()).clone()
    }

    pub(crate) fn open_cases(&self) -> Vec<Case> {
        self.tables
            .list::<Cases>(&KeyRange::all())
            .into_iter()
            .map(|(_id, case)| (*case).clone())
            .filter(|case| case.state == CaseState::Open)
            .collect()
    }

    pub(crate) fn open_tasks(&self) -> Vec<Task> {
        self.tables
            .list::<Tasks>(&KeyRange::all())
            .into_iter()
            .map(|(_id, task)| (*task).clone())
            .filter(|task| task.state == TaskState::Open)
            .collect()
    }
}

/// The codes of an outcome's reasons.
pub(crate) fn codes(outcome: &Outcome) -> Vec<Code> {
    outcome.reasons.iter().map(|reason| reason.code.clone()).collect()
}

/// Sends `acts` in every order and asserts that what lies where ends up the same; gives the world of
/// the first order back. At most six acts.
pub(crate) fn in_any_order(
    prepare: impl Fn() -> World,
    acts: impl Fn(&mut World) -> Vec<Done>,
) -> World {
    let mut first = prepare();
    let list = acts(&mut first);
    for done in &list {
        first.send(done);
    }
    for order in permutations(list.len()) {
        let mut world = prepare();
        let list = acts(&mut world);
        for n in &order {
            world.send(&list[*n]);
        }
        assert_eq!(world.stocks(), first.stocks(), "order {order:?}");
    }
    first
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    permutations(n - 1)
        .into_iter()
        .flat_map(|shorter| {
            (0..n).map(move |place| {
                let mut longer = shorter.clone();
                longer.insert(place, n - 1);
                longer
            })
        })
        .collect()
}

/// A date in 2026.
pub(crate) fn date(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

#[test]
fn the_company_of_the_tests_stands() {
    let world = World::new();
    assert_eq!(world.tables.row::<Companies>(&()).unwrap().name, "Demo");
    assert!(world.stocks().is_empty());
}
