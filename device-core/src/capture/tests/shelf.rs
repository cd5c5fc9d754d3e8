//! A small warehouse for the tests.

use chrono::NaiveDate;
use protocol::barcode::{ScanProfile, read};
use protocol::feed::{
    BinKind, BinRow, DocumentLineRow, DocumentRow, DocumentStatus, IdentifierMeaning, ItemRow,
    ItemUnit, LocationRow, LotRow, PlateRow, PlateState, StockRow, TaskRow, TrackingRule,
};
use protocol::identity::{DeviceId, Incarnation, OperationId, Seq};
use protocol::operation::{Body, DocumentKind, DocumentRef, Tracking};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, ItemNo, LocationCode};

use crate::capture::catalogue::Catalogue;
use crate::capture::{Capture, Event, Flow, Memory, Ready, Scan, Screen, Signal, World};

pub(super) fn q(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Rows as plain lists.
#[derive(Default, Clone)]
pub(super) struct Shelf {
    pub items: Vec<ItemRow>,
    pub meanings: Vec<(String, IdentifierMeaning)>,
    pub bins: Vec<BinRow>,
    pub documents: Vec<DocumentRow>,
    pub lines: Vec<DocumentLineRow>,
    pub stock: Vec<StockRow>,
    pub lots: Vec<LotRow>,
    pub plates: Vec<PlateRow>,
    /// Own work without an answer, with its kind.
    pub pending: Vec<(DocumentRef, &'static str, Quantity)>,
    pub never_quantities: bool,
}

impl Catalogue for Shelf {
    fn location(&self, location: &LocationCode) -> Option<LocationRow> {
        let bin = |kind: BinKind| {
            self.bins.iter().find(|row| row.kind == kind).map(|row| row.bin.clone())
        };
        Some(LocationRow {
            location: location.clone(),
            name: "Main".into(),
            site: "MAIN".try_into().unwrap(),
            time_zone: "Europe/Copenhagen".try_into().unwrap(),
            bin_mandatory: true,
            receipt_bin: bin(BinKind::Receipt),
            shipment_bin: bin(BinKind::Shipment),
            in_transit: false,
        })
    }
    fn meanings(&self, code: &str) -> Vec<IdentifierMeaning> {
        self.meanings.iter().filter(|(text, _)| text == code).map(|(_, m)| m.clone()).collect()
    }
    fn item(&self, item: &ItemNo) -> Option<ItemRow> {
        self.items.iter().find(|row| row.item == *item).cloned()
    }
    fn bin(&self, _: &LocationCode, bin: &BinCode) -> Option<BinRow> {
        self.bins.iter().find(|row| row.bin == *bin).cloned()
    }
    fn bins_of_kind(&self, _: &LocationCode, kind: BinKind) -> Vec<BinRow> {
        self.bins.iter().filter(|row| row.kind == kind).cloned().collect()
    }
    fn documents_numbered(&self, no: &str) -> Vec<DocumentRow> {
        self.documents.iter().filter(|row| row.no.as_str() == no).cloned().collect()
    }
    fn open_documents(&self, kind: DocumentKind, _: &LocationCode) -> Vec<DocumentRow> {
        let open = |row: &&DocumentRow| row.kind == kind && row.status == DocumentStatus::Released;
        self.documents.iter().filter(open).cloned().collect()
    }
    fn lines(&self, kind: DocumentKind, no: &str) -> Vec<DocumentLineRow> {
        let on = |row: &&DocumentLineRow| row.kind == kind && row.no.as_str() == no;
        self.lines.iter().filter(on).cloned().collect()
    }
    fn pending_on(&self, line: &DocumentRef, kind: &str) -> Quantity {
        let mine = self.pending.iter().filter(|(of, its, _)| of == line && *its == kind);
        mine.fold(Quantity::ZERO, |sum, (_, _, q)| sum.checked_add(*q).unwrap())
    }
    fn stock_in(&self, _: &LocationCode, bin: Option<&BinCode>) -> Vec<StockRow> {
        self.stock.iter().filter(|row| row.bin.as_ref() == bin).cloned().collect()
    }
    fn stock_of(&self, _: &LocationCode, item: &ItemNo) -> Vec<StockRow> {
        self.stock.iter().filter(|row| row.item == *item).cloned().collect()
    }
    fn stock_on(&self, plate: &str) -> Vec<StockRow> {
        let on = |row: &&StockRow| row.plate.as_ref().is_some_and(|p| p.as_str() == plate);
        self.stock.iter().filter(on).cloned().collect()
    }
    fn lots_numbered(&self, lot: &str) -> Vec<LotRow> {
        self.lots.iter().filter(|row| row.lot.as_str() == lot).cloned().collect()
    }
    fn serials_numbered(&self, serial: &str) -> Vec<StockRow> {
        let is =
            |row: &&StockRow| row.tracking.serial.as_ref().is_some_and(|s| s.as_str() == serial);
        self.stock.iter().filter(is).cloned().collect()
    }
    fn plate(&self, plate: &str) -> Option<PlateRow> {
        self.plates.iter().find(|row| row.plate.as_str() == plate).cloned()
    }
    fn tasks(&self, _: &LocationCode) -> Vec<TaskRow> {
        Vec::new()
    }
    fn never_quantities(&self) -> bool {
        self.never_quantities
    }
}

impl Shelf {
    /// Bins DOCK, OUT, Q-1, A-01, A-02, B-01 and X-01 (blocked); BOLT in boxes of 100, MILK by lot
    /// and expiry, DRILL by serial, CHEESE by weight, SHIRT in variants.
    pub(super) fn usual() -> Self {
        let mut shelf = Self::default();
        for (bin, kind) in [
            ("DOCK", BinKind::Receipt),
            ("OUT", BinKind::Shipment),
            ("Q-1", BinKind::Question),
            ("A-01", BinKind::Storage),
            ("A-02", BinKind::Storage),
            ("B-01", BinKind::Storage),
            ("X-01", BinKind::Storage),
        ] {
            shelf.bins.push(BinRow {
                location: "MAIN".try_into().unwrap(),
                bin: bin.try_into().unwrap(),
                zone: None,
                kind,
                blocked: bin == "X-01",
            });
        }
        shelf.add_item("BOLT", "Bolt M8x40", TrackingRule::default());
        shelf.add_item("NUT", "Nut M8", TrackingRule::default());
        let lot = TrackingRule { lot: true, expiry: true, ..TrackingRule::default() };
        shelf.add_item("MILK", "Milk", lot);
        shelf.add_item("DRILL", "Drill", TrackingRule { serial: true, ..TrackingRule::default() });
        shelf.add_item("SHIRT", "Shirt", TrackingRule::default());
        let shirt = shelf.items.last_mut().unwrap();
        shirt.variant_required = true;
        shirt.variants = vec!["RED".try_into().unwrap(), "BLUE".try_into().unwrap()];
        shelf.add_item("CHEESE", "Cheese", TrackingRule::default());
        let cheese = shelf.items.last_mut().unwrap();
        cheese.base_unit = "KG".try_into().unwrap();
        cheese.precision = q("0.00001");
        cheese.units = vec![unit("KG", "1")];
        shelf.barcode("4006381333931", "BOLT", None, None);
        shelf.barcode("BOX-BOLT", "BOLT", None, Some("BOX"));
        shelf.barcode("09506000134352", "MILK", None, None);
        shelf.barcode("DRILL-EAN", "DRILL", None, None);
        shelf.barcode("SHIRT-RED", "SHIRT", Some("RED"), None);
        shelf.barcode("AMBIG", "BOLT", None, None);
        shelf.barcode("AMBIG", "NUT", None, None);
        shelf
    }

    pub(super) fn add_item(&mut self, item: &str, description: &str, tracking: TrackingRule) {
        self.items.push(ItemRow {
            item: item.try_into().unwrap(),
            description: description.into(),
            base_unit: "PCS".try_into().unwrap(),
            precision: Quantity::ONE,
            units: vec![unit("PCS", "1"), unit("BOX", "100")],
            variants: Vec::new(),
            variant_required: false,
            tracking,
            blocked: false,
            supervisor_from: None,
            second_count_from: None,
        });
    }

    pub(super) fn barcode(
        &mut self,
        code: &str,
        item: &str,
        variant: Option<&str>,
        unit: Option<&str>,
    ) {
        let meaning = IdentifierMeaning {
            item: item.try_into().unwrap(),
            variant: variant.map(|v| v.try_into().unwrap()),
            unit: unit.map(|u| u.try_into().unwrap()),
        };
        self.meanings.push((code.to_owned(), meaning));
    }

    pub(super) fn stock(&mut self, bin: &str, item: &str, quantity: Option<&str>) -> &mut StockRow {
        self.stock.push(StockRow {
            location: "MAIN".try_into().unwrap(),
            bin: Some(bin.try_into().unwrap()),
            plate: None,
            item: item.try_into().unwrap(),
            variant: None,
            unit: None,
            tracking: Tracking::NONE,
            quantity: quantity.map(q),
            held: Quantity::ZERO,
        });
        self.stock.last_mut().unwrap()
    }

    pub(super) fn lot(&mut self, item: &str, lot: &str, expiry: &str) -> &mut LotRow {
        self.lots.push(LotRow {
            item: item.try_into().unwrap(),
            variant: None,
            lot: lot.try_into().unwrap(),
            expiry: Some(day(expiry)),
            blocked: false,
            provisional: false,
        });
        self.lots.last_mut().unwrap()
    }

    pub(super) fn add_plate(&mut self, plate: &str, bin: &str) -> &mut PlateRow {
        self.plates.push(PlateRow {
            plate: plate.try_into().unwrap(),
            location: "MAIN".try_into().unwrap(),
            bin: Some(bin.try_into().unwrap()),
            parent: None,
            state: PlateState::Open,
        });
        self.plates.last_mut().unwrap()
    }

    pub(super) fn order(&mut self, kind: DocumentKind, no: &str) -> &mut DocumentRow {
        self.documents.push(DocumentRow {
            kind,
            no: no.try_into().unwrap(),
            status: DocumentStatus::Released,
            partner: "Partner".into(),
            location: "MAIN".try_into().unwrap(),
            to_location: None,
            due: None,
        });
        self.documents.last_mut().unwrap()
    }

    pub(super) fn line(&mut self, no: &str, item: &str, quantity: &str) -> &mut DocumentLineRow {
        let kind = self.documents.iter().find(|row| row.no.as_str() == no).unwrap().kind;
        let n = self.lines.iter().filter(|row| row.no.as_str() == no).count();
        self.lines.push(DocumentLineRow {
            kind,
            no: no.try_into().unwrap(),
            line: u32::try_from(n + 1).unwrap() * 10_000,
            item: item.try_into().unwrap(),
            variant: None,
            unit: "PCS".try_into().unwrap(),
            quantity: q(quantity),
            handled: Quantity::ZERO,
            picked: Quantity::ZERO,
            tolerance: Quantity::ZERO,
            tracking: Tracking::NONE,
            bin: None,
        });
        self.lines.last_mut().unwrap()
    }
}

pub(super) fn unit(code: &str, factor: &str) -> ItemUnit {
    ItemUnit { unit: code.try_into().unwrap(), factor: q(factor).try_into().unwrap() }
}

/// A flow in a warehouse, driven like a person drives it.
pub(super) struct Hand {
    pub shelf: Shelf,
    pub capture: Capture,
    pub mono_us: u64,
    pub online: bool,
    pub recorded: Vec<Ready>,
    pub signals: Vec<Signal>,
    location: LocationCode,
    seq: u64,
}

/// What a person does, in a word: a scan as it is; `=12` typed; `#1` chosen; `OK`, `UNDO`, `BACK`.
impl Hand {
    pub(super) fn new(shelf: Shelf, flow: Flow) -> Self {
        let location = LocationCode::new("MAIN").unwrap();
        let world = World {
            catalogue: &shelf,
            location: &location,
            today: day("2026-11-23"),
            mono_us: 1_000,
            online: true,
        };
        let capture = Capture::start(flow, Memory::default(), &world);
        Self {
            shelf,
            capture,
            mono_us: 1_000,
            online: true,
            recorded: Vec::new(),
            signals: Vec::new(),
            location,
            seq: 0,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Capture, &World<'_>) -> T) -> T {
        let world = World {
            catalogue: &self.shelf,
            location: &self.location,
            today: day("2026-11-23"),
            mono_us: self.mono_us,
            online: self.online,
        };
        act(&mut self.capture, &world)
    }

    pub(super) fn does(&mut self, what: &str) -> Signal {
        let scan = Scan::of(&read(what, &ScanProfile::tested(2026)));
        let event = match what {
            "OK" => Event::Confirm,
            "UNDO" => Event::Undo,
            "BACK" => Event::Back,
            "KEYPAD" => Event::Keypad,
            _ => match (what.strip_prefix('='), what.strip_prefix('#')) {
                (Some(text), _) => Event::Keyed(text),
                (_, Some(id)) => Event::Choose(id),
                _ => Event::Scan(&scan),
            },
        };
        let step = self.with(|capture, world| capture.step(event, world));
        if !step.ready.is_empty() {
            let mut ids = Vec::new();
            for ready in step.ready {
                self.seq += 1;
                ids.push(OperationId {
                    device: DeviceId(7),
                    incarnation: Incarnation(1),
                    seq: Seq(self.seq),
                });
                self.recorded.push(ready);
            }
            self.with(|capture, world| capture.recorded(&ids, world));
        }
        self.signals.push(step.signal);
        step.signal
    }

    pub(super) fn all(&mut self, script: &[&str]) -> Signal {
        let mut last = Signal::Quiet;
        for what in script {
            last = self.does(what);
        }
        last
    }

    pub(super) fn screen(&mut self) -> Screen {
        self.with(|capture, world| capture.screen(world))
    }

    pub(super) fn code(&mut self) -> &'static str {
        self.screen().notice.map_or("", |notice| notice.code)
    }

    /// Another flow of the same device has recorded this.
    pub(super) fn hear(&mut self, body: &Body) {
        self.with(|capture, world| capture.heard(body, world));
    }

    /// The screen as its readers get it.
    pub(super) fn json(&mut self) -> String {
        serde_json::to_string(&self.screen()).unwrap()
    }

    /// Presses the choice whose text has this name.
    pub(super) fn choose(&mut self, text: &str) -> Signal {
        let screen = self.screen();
        let all = screen.choices.iter().chain(&screen.exceptions);
        let found = all.clone().find(|choice| choice.text.id == text);
        let ids: Vec<&str> = all.map(|choice| choice.text.id).collect();
        let id = found.unwrap_or_else(|| panic!("{text} is not offered: {ids:?}")).id.clone();
        self.does(&format!("#{id}"))
    }
}

/// Every order of some things.
pub(super) fn orders<'a>(things: &[&'a str]) -> Vec<Vec<&'a str>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, thing) in things.iter().enumerate() {
        let mut rest = things.to_vec();
        rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, thing);
            all.push(order);
        }
    }
    all
}
