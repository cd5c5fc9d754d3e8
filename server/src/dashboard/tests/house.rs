//! A small company, filled by the ledger's own judgement.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use ledger::command::Command;
use ledger::command::stock::{AssignTask, Settle};
use ledger::count::SiteWatermark;
use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::operation::{Request, judge};
use ledger::schema::book::{
    Bound, Head, Heads, Intake, Intakes, Origin, OutcomeRow, Outcomes, Timing,
};
use ledger::schema::identity::{Device, DeviceState, Devices, Incarnations};
use ledger::schema::{LocationId, SiteId};
use ledger::tables::Read as _;
use protocol::feed::Role;
use protocol::frame::{KeyAlgorithm, OriginOf};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, Lsn, OperationId, Seq, ServerEpoch, ServerTime, TaskId,
    operation_hash,
};
use protocol::operation::{
    Body, Count, DocumentRef, Envelope, Goods, Move, Pick, Place, Receive, Recorded, Tracking,
    Unidentified,
};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::text::Language;
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use server_core::schema::{Link, Links, Statement, Statements};

use crate::backup::folder::Verified;
use crate::backup::schedule::BackupStatus;
use crate::backup::segment;
use crate::dashboard::address::page_at;
use crate::dashboard::context::{PageContext, Person, Theme};
use crate::dashboard::page::{Missing, Page};
use crate::dashboard::present::devices_now;
use crate::dashboard::query::Query;
use crate::dashboard::shell;

/// 13:04:10 in Copenhagen on 2026-11-23.
pub(super) const NOW: ServerTime = ServerTime(1_795_435_450_000_000);
pub(super) const MINUTE_US: i64 = 60_000_000;

fn proved_a_minute_ago() -> BackupStatus {
    let verified = Verified {
        number: 1,
        sha256: String::new(),
        to: segment::Place::default(),
        received_us: NOW.0 - MINUTE_US,
        at_us: NOW.0 - MINUTE_US,
        full_at_us: NOW.0 - MINUTE_US,
    };
    BackupStatus {
        folder: Some("/backup".to_owned()),
        every_s: 900,
        verified: Some(verified),
        ..BackupStatus::default()
    }
}

/// A page for an administrator.
pub(crate) fn context() -> PageContext {
    PageContext {
        language: Language::English,
        theme: Theme::Auto,
        single_keys: true,
        zone: Tz::Europe__Copenhagen,
        now: NOW,
        head: Lsn(7),
        company: "Bolts".to_owned(),
        person: Some(Person {
            id: operator("mette"),
            name: "Mette".to_owned(),
            roles: vec![(Role::Administrator, LocationId(0))],
        }),
        devices: BTreeMap::new(),
        backup: proved_a_minute_ago(),
        replicas: server_core::check::ReplicaHealth::default(),
        no_room: None,
        alarms: Vec::new(),
    }
}

pub(super) fn operator(id: &str) -> OperatorId {
    OperatorId::new(id).unwrap()
}

pub(super) fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(super) fn place(location: &str, bin: &str) -> Place {
    let bin = Some(bin.try_into().unwrap());
    Place { location: location.try_into().unwrap(), bin, plate: None }
}

pub(super) fn goods(item: &str, quantity: &str) -> Goods {
    Goods {
        item: item.try_into().unwrap(),
        variant: None,
        unit: "PCS".try_into().unwrap(),
        factor: UnitFactor::ONE,
        quantity: q(quantity),
        base: q(quantity),
        tracking: Tracking::NONE,
        expiry: None,
        raw: Some("04006381333931".to_owned()),
    }
}

pub(super) fn receive(bin: &str, quantity: &str) -> Body {
    receive_of(bin, "BOLT", quantity)
}

pub(super) fn receive_of(bin: &str, item: &str, quantity: &str) -> Body {
    let (to, goods) = (place("MAIN", bin), goods(item, quantity));
    Body::Receive(Receive { to, goods, condition: protocol::operation::Condition::Good })
}

pub(super) fn moved(from: &str, to: &str, quantity: &str) -> Body {
    let (from, to) = (place("MAIN", from), place("MAIN", to));
    Body::Move(Move { from, to, goods: goods("BOLT", quantity) })
}

pub(super) fn pick(bin: &str, quantity: &str) -> Body {
    Body::Pick(Pick {
        from: place("MAIN", bin),
        to: None,
        goods: goods("BOLT", quantity),
        short: None,
        emptied: None,
    })
}

pub(super) fn count(bin: &str, quantity: &str) -> Body {
    let (place, goods) = (place("MAIN", bin), goods("BOLT", quantity));
    Body::Count(Count { place, goods, started_us: None, task: None })
}

pub(super) fn unidentified(bin: &str, raw: &str) -> Body {
    let place = place("MAIN", bin);
    Body::Unidentified(Unidentified { place, raw: raw.to_owned(), quantity: q("3") })
}

/// The DRILL with a serial number that [`House::with_serials`] knows of.
pub(super) fn drill() -> Goods {
    let tracking = Tracking { serial: Some("S1".try_into().unwrap()), ..Tracking::NONE };
    Goods { tracking, ..goods("DRILL", "1") }
}

/// It comes in.
pub(super) fn drill_came(location: &str, bin: &str) -> Body {
    let condition = protocol::operation::Condition::Good;
    Body::Receive(Receive { to: place(location, bin), goods: drill(), condition })
}

/// The company.
pub(super) struct House {
    pub(super) tables: MemoryTables,
    clock: ServerTime,
    seqs: BTreeMap<DeviceId, u64>,
}

impl House {
    /// Two locations of one site, two items, stock, an order, a device and its operator.
    pub(super) fn furnished() -> Self {
        let clock = NOW.plus_us(-60 * MINUTE_US);
        let mut house = Self { tables: MemoryTables::new(), clock, seqs: BTreeMap::new() };
        let zone = "Europe/Copenhagen";
        for command in [
            json!({"set_company": {"name": "Bolts"}}),
            json!({"put_site": {"site": "HALL"}}),
            json!({"put_site": {"site": "FAR"}}),
            json!({"put_location": {"location": "MAIN", "name": "Main", "site": "HALL", "time_zone": zone, "bin_mandatory": true}}),
            json!({"put_location": {"location": "SHOP", "name": "Shop", "site": "FAR", "time_zone": zone, "bin_mandatory": true}}),
            json!({"put_bin": {"location": "MAIN", "bin": "A-01"}}),
            json!({"put_bin": {"location": "MAIN", "bin": "A-02"}}),
            json!({"put_bin": {"location": "SHOP", "bin": "S-01"}}),
            json!({"put_item": {"item": "BOLT", "description": "Bolt <script>alert(1)</script> & \"M8\"", "base_unit": "PCS", "count_tolerance": "1"}}),
            json!({"put_item": {"item": "NUT", "description": "Nut M8", "base_unit": "PCS"}}),
            json!({"put_identifier": {"code": "4006381333931", "item": "BOLT", "unit": "PCS"}}),
            json!({"put_document": {"kind": "purchase_order", "no": "PO-1", "partner_name": "Acme", "location": "MAIN",
                "lines": [{"line": 10, "item": "BOLT", "unit": "PCS", "quantity": "20"}]}}),
            json!({"put_operator": {"operator": "anna", "name": "Anna <b>"}}),
            json!({"grant_role": {"operator": "anna", "role": "operator"}}),
            json!({"put_operator": {"operator": "mette", "name": "Mette"}}),
            json!({"grant_role": {"operator": "mette", "role": "administrator"}}),
            opening("MAIN", "A-01", "BOLT", "10"),
            opening("SHOP", "S-01", "NUT", "4"),
        ] {
            house.system(&command);
        }
        house.add_device(1, "H-01", 1);
        house.add_device(2, "H-02", 1);
        house
    }

    /// The same, with an item of which each piece has a serial number.
    pub(super) fn with_serials() -> Self {
        let mut house = Self::furnished();
        for command in [
            json!({"put_tracking_code": {"code": "SERIAL", "rule": {"serial": true}, "serial_specific": true}}),
            json!({"put_item": {"item": "DRILL", "description": "Drill", "base_unit": "PCS", "tracking_code": "SERIAL"}}),
        ] {
            house.system(&command);
        }
        house
    }

    fn add_device(&mut self, id: u32, name: &str, site: u32) {
        let row = Device {
            name: name.to_owned(),
            model: "TC22".to_owned(),
            site: SiteId(site),
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from([7; 32]),
            state: DeviceState::Active,
            incarnation: Incarnation(1),
            declared_lost: None,
            enrolled: self.clock,
        };
        let at = self.clock;
        self.write(|draft| {
            draft.put::<Devices>(&DeviceId(id), row);
            draft.put::<Incarnations>(&(DeviceId(id), Incarnation(1)), at);
        });
    }

    /// What a device said of itself `minutes` ago.
    pub(super) fn says(&mut self, device: u32, minutes: i64, pending: u64) {
        let at = NOW.plus_us(-minutes * MINUTE_US);
        let complete_to = if pending > 0 { at.plus_us(-MINUTE_US) } else { at };
        let said = Statement { at, pending, complete_to, battery: Some(41) };
        self.write(|draft| draft.put::<Statements>(&DeviceId(device), said));
    }

    pub(super) fn write(&mut self, fill: impl FnOnce(&mut Draft<'_>)) {
        let base = self.tables.clone();
        let mut draft = Draft::over(&base);
        fill(&mut draft);
        self.tables.apply(draft.finish());
    }

    pub(super) fn head(&self) -> Head {
        self.tables.row::<Heads>(&()).map(|head| *head).unwrap_or_default()
    }

    /// Takes `intake` in and judges it, as the server does.
    fn take(&mut self, intake: Intake) -> (OperationId, OutcomeRow) {
        let head = self.head();
        let (no, lsn) = (head.intake.next(), head.lsn.next());
        let time = intake.received.max(head.time).plus_us(1);
        let base = self.tables.clone();
        let mut draft = Draft::over(&base);
        draft.put::<Intakes>(&no, intake.clone());
        if let Origin::Device { sent_as, hash, .. } = &intake.origin {
            let link = Link { hash: *hash, intake: no };
            draft.put::<Links>(&(sent_as.device, sent_as.incarnation, sent_as.seq), link);
        }
        let request = Request { intake_no: no, intake: &intake, lsn, time };
        judge(&mut draft, &request).unwrap();
        draft.put::<Heads>(&(), Head { lsn, time, intake: no, hash: Hash16::default() });
        self.tables.apply(draft.finish());
        let operation = intake.identity(no);
        let row = self.tables.row::<Outcomes>(&operation).expect("it was judged");
        (operation, (*row).clone())
    }

    fn command(&mut self, origin: Origin, command: &Command) -> (OperationId, OutcomeRow) {
        self.clock = self.clock.plus_us(1_000_000);
        let received = self.clock;
        self.take(Intake {
            origin,
            site: SiteId(0),
            received,
            timing: Timing::exact(received),
            local_date: received.utc().map(|utc| utc.date_naive()),
            evidence: ByteBuf::new(),
            raw: ByteBuf::from(command.encode()),
            previous: Hash16::default(),
            hash: Hash16([u8::try_from(received.0 / 1_000_000 % 251).unwrap(); 16]),
        })
    }

    pub(super) fn system(&mut self, command: &Value) {
        let command: Command = serde_json::from_value(command.clone()).unwrap();
        let (_operation, row) = self.command(Origin::System, &command);
        let granted = row.outcome.decision == protocol::outcome::Decision::Accepted;
        assert!(granted, "{command:?}: {:?}", row.outcome);
    }

    /// Everything at the hall is here: what was counted is judged.
    pub(super) fn settle(&mut self) {
        let site = SiteWatermark { site: SiteId(1), until: NOW, devices: Vec::new() };
        let settle = Command::Settle(Settle { sites: vec![site] });
        let (_operation, row) = self.command(Origin::System, &settle);
        assert_eq!(row.outcome.decision, protocol::outcome::Decision::Accepted);
    }

    /// A person at a desk asks for something.
    pub(super) fn desk(&mut self, user: &str, command: &Command) -> (OperationId, OutcomeRow) {
        let origin = Origin::Desk { user: operator(user), idempotency: None };
        self.command(origin, command)
    }

    /// A supervisor makes a task `operator`'s.
    pub(super) fn assign(&mut self, task: TaskId, whose: &str) {
        let ask = AssignTask { task, operator: Some(operator(whose)) };
        let (_asked, row) = self.desk("mette", &Command::AssignTask(ask));
        let done = row.outcome.decision == protocol::outcome::Decision::Accepted;
        assert!(done, "{:?}", row.outcome);
    }

    /// A device of Anna did `body` so many minutes ago, and it came in so many minutes ago.
    pub(super) fn device(
        &mut self,
        device: u32,
        body: &Body,
        times: (i64, i64),
        document: Option<DocumentRef>,
    ) -> (OperationId, OutcomeRow) {
        self.device_of("anna", device, (body, document), times)
    }

    /// The same of a person.
    pub(super) fn device_of(
        &mut self,
        person: &str,
        device: u32,
        (body, document): (&Body, Option<DocumentRef>),
        (done, came): (i64, i64),
    ) -> (OperationId, OutcomeRow) {
        let seq = self.seqs.entry(DeviceId(device)).or_insert(0);
        *seq += 1;
        let sent_as =
            OperationId { device: DeviceId(device), incarnation: Incarnation(1), seq: Seq(*seq) };
        let envelope = envelope(person, sent_as.seq, document);
        let content = Recorded::new(envelope, body).to_content();
        self.sent((sent_as, None), content, (done, came))
    }

    /// A device of Anna did something that this release cannot read.
    pub(super) fn of_later(&mut self, device: u32, times: (i64, i64)) -> (OperationId, OutcomeRow) {
        let device = DeviceId(device);
        let seq = self.seqs.entry(device).or_insert(0);
        *seq += 1;
        let sent_as = OperationId { device, incarnation: Incarnation(1), seq: Seq(*seq) };
        let envelope = envelope("anna", sent_as.seq, None);
        let kind = "teleport".to_owned();
        let later = Recorded { envelope, kind, version: 3, body: vec![0x80] };
        self.sent((sent_as, None), later.to_content(), times)
    }

    /// The store that a copy of `device` had: it used the number of `first` for `body` of Anna, which
    /// came in under `seq` of the second store.
    pub(super) fn copy_of(
        &mut self,
        first: OperationId,
        body: &Body,
        seq: u64,
        minutes: (i64, i64),
    ) -> (OperationId, OutcomeRow) {
        let content = Recorded::new(envelope("anna", first.seq, None), body).to_content();
        let hash = operation_hash(Hash16::default(), first.seq, &content);
        let origin = OriginOf { incarnation: first.incarnation, seq: first.seq, hash };
        let (device, incarnation) = (first.device, Incarnation(2));
        let sent_as = OperationId { device, incarnation, seq: Seq(seq) };
        self.write(|draft| {
            let card = draft.row::<Devices>(&device).expect("it is enrolled");
            draft.put::<Devices>(&device, Device { incarnation, ..(*card).clone() });
            draft.put::<Incarnations>(&(device, incarnation), NOW.plus_us(-minutes.1 * MINUTE_US));
        });
        self.sent((sent_as, Some(origin)), content, minutes)
    }

    fn sent(
        &mut self,
        (sent_as, first): (OperationId, Option<OriginOf>),
        content: Vec<u8>,
        (done, came): (i64, i64),
    ) -> (OperationId, OutcomeRow) {
        let hash = operation_hash(Hash16::default(), sent_as.seq, &content);
        let tau = NOW.plus_us(-done * MINUTE_US);
        self.take(Intake {
            origin: Origin::Device { sent_as, hash, first },
            site: SiteId(1),
            received: NOW.plus_us(-came * MINUTE_US),
            timing: Timing {
                tau,
                epsilon_us: 1_200_000,
                uncertain: false,
                lower: Bound::Sample,
                upper: Bound::Receipt,
            },
            local_date: tau.utc().map(|utc| utc.date_naive()),
            evidence: ByteBuf::new(),
            raw: ByteBuf::from(content),
            previous: Hash16::default(),
            hash,
        })
    }

    pub(super) fn context(&self) -> PageContext {
        PageContext {
            devices: devices_now(&self.tables, &[DeviceId(1)], &BTreeMap::new()),
            head: self.head().lsn,
            ..context()
        }
    }

    /// The page at `address`, as the document that a browser gets.
    pub(super) fn document(&self, context: &PageContext, address: &str) -> String {
        let page =
            self.page(context, address).unwrap_or_else(|missing| panic!("{address}: {missing:?}"));
        shell::document(context, &page, address).into_string()
    }

    pub(super) fn page(&self, context: &PageContext, address: &str) -> Result<Page, Missing> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let decoded = |text: &str| crate::dashboard::query::decoded(text).unwrap();
        let query = Query::new(pairs.map(|(key, value)| (decoded(key), decoded(value))).collect());
        page_at(&self.tables, context, (path, &query))
    }
}

fn envelope(person: &str, seq: Seq, document: Option<DocumentRef>) -> Envelope {
    Envelope {
        boot: Boot(1),
        mono_us: 1_000_000 * seq.0,
        cursor: Lsn(3),
        epoch: ServerEpoch(1),
        operator: Some(operator(person)),
        document,
    }
}

fn opening(location: &str, bin: &str, item: &str, quantity: &str) -> Value {
    json!({"opening_stock": {
        "place": {"l": location, "b": bin},
        "goods": {"i": item, "u": "PCS", "f": "1", "q": quantity, "b": quantity}
    }})
}
