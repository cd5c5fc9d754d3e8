use protocol::feed::{DocumentStatus, FeedRow, StockRow};
use protocol::identity::{Boot, DeviceId, Incarnation, Lsn, OperationId, Seq, ServerEpoch};
use protocol::operation::{
    Body, Condition, CountBin, CountedLine, DocumentKind, DocumentRef, Envelope, Move, MovePlate,
    Place, Receive, Reclassify, Recorded, Tracking, Undo,
};
use protocol::outcome::{Decision, Outcome};
use protocol::words::LotNo;

use super::*;
use crate::outbox::Outbox;
use crate::recorder::{Identity, MemoryDisk, Options, Recorder};
use crate::sample::*;
use crate::store::MemoryStore;

/// A device in memory: what it recorded, what the server has told it.
struct Desk {
    recorder: Recorder,
    outbox: Outbox,
    replica: Replica,
    view: View,
    cursor: u64,
}

impl Desk {
    fn new() -> Self {
        let identity = Identity { device: 7, incarnation: 1, store: [0; 16] };
        let options = Options { segment_bytes: 1 << 16, ballast_bytes: 0, ..Options::default() };
        let disk = MemoryDisk::new();
        let recorder = Recorder::create(Box::new(disk), identity, options).unwrap();
        let replica = Replica::open(Box::new(MemoryStore::new())).unwrap();
        let (outbox, _) =
            Outbox::open(Box::new(MemoryStore::new()), &recorder, replica.marks()).unwrap();
        let mut desk = Self { recorder, outbox, replica, view: View::default(), cursor: 0 };
        desk.tell(vec![put("loc", &location_row())], Vec::new());
        desk
    }

    fn record(&mut self, body: &Body) -> OperationId {
        self.record_for(body, None)
    }

    fn record_for(&mut self, body: &Body, document: Option<DocumentRef>) -> OperationId {
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: 0,
            cursor: Lsn(0),
            epoch: ServerEpoch(1),
            operator: None,
            document,
        };
        let content = Recorded::new(envelope, body).to_content();
        let seq = Seq(self.recorder.append(&content).unwrap().seq);
        self.outbox.insert(seq, &content).unwrap();
        self.show(seq);
        name(seq.0)
    }

    fn show(&mut self, seq: Seq) {
        let entry = self.outbox.get(seq).unwrap();
        let target = match &entry.body {
            Some(Body::Undo(undo)) => {
                let target = OperationId {
                    device: DeviceId(7),
                    incarnation: undo.incarnation,
                    seq: undo.seq,
                };
                let operation = self.recorder.read(undo.seq.0).unwrap();
                let body = Recorded::from_content(&operation.content).unwrap();
                Some((target, body.decode_body().unwrap()))
            }
            _ => None,
        };
        let target = target.as_ref().map(|(name, body)| (*name, body));
        let replica = &self.replica;
        self.view.add(entry, target, |location| replica.location(location).unwrap());
    }

    /// The server decides something, and the device hears of it.
    fn tell(&mut self, records: Vec<protocol::feed::FeedRecord>, outcomes: Vec<Outcome>) {
        let (from, to) = (self.cursor, self.cursor + 1);
        self.cursor = to;
        let told = delta(from, to, vec![group(to, records, outcomes)]);
        let applied = self.replica.apply(&told, ServerEpoch(1), |name| name).unwrap();
        for seq in self.outbox.take(&applied.judged) {
            self.view.remove(seq);
        }
    }

    fn judge(&mut self, name: OperationId, decision: Decision, rows: &[(&str, StockRow)]) {
        let records =
            rows.iter().map(|(key, row)| put(key, &FeedRow::Stock(row.clone()))).collect();
        let lsn = self.cursor + 1;
        self.tell(records, vec![outcome(name, lsn, decision)]);
    }

    fn fold(&self) -> Fold<'_> {
        Fold { view: &self.view, replica: &self.replica, outbox: &self.outbox }
    }

    fn lines(&self, code: &str) -> Vec<StockLine> {
        self.fold().stock_in_bin(&main_location(), Some(&bin(code)), 99).unwrap()
    }

    /// Item and quantity of each line; none for a withheld quantity.
    fn stock(&self, code: &str) -> Vec<(String, Option<i32>)> {
        let shown = |line: &StockLine| {
            let quantity = line.quantity.map(|q| i32::try_from(q.units() / 100_000).unwrap());
            (line.item.to_string(), quantity)
        };
        self.lines(code).iter().map(shown).collect()
    }

    fn bolts(&self, code: &str) -> i32 {
        let lines = self.lines(code);
        let bolts = lines.iter().filter(|line| line.item == item("BOLT"));
        bolts.map(|line| i32::try_from(line.quantity.unwrap().units() / 100_000).unwrap()).sum()
    }
}

fn bolt(code: &str, units: i32) -> StockRow {
    stock(code, "BOLT", Some(units))
}

fn shelf(units: i32) -> Desk {
    let mut desk = Desk::new();
    desk.tell(vec![put("a", &FeedRow::Stock(bolt("A-01", units)))], Vec::new());
    desk
}

#[test]
fn an_effect_shows_once_before_and_once_after_its_outcome() {
    let mut desk = shelf(10);
    let took = desk.record(&pick("A-01", "BOLT", 4));
    assert_eq!((desk.bolts("A-01"), desk.bolts("SHIP")), (6, 4));
    desk.judge(took, Decision::Accepted, &[("a", bolt("A-01", 6)), ("s", bolt("SHIP", 4))]);
    assert_eq!((desk.bolts("A-01"), desk.bolts("SHIP")), (6, 4));
    assert!(desk.lines("A-01").iter().all(|line| line.n_pending == 0));
}

#[test]
fn every_kind_of_work_is_a_plus_or_a_minus() {
    let mut desk = shelf(10);
    desk.record(&receive("A-01", "BOLT", 5));
    desk.record(&moved("A-01", "B-01", "BOLT", 3));
    desk.record(&adjust("A-01", "BOLT", -1));
    desk.record(&adjust("B-01", "BOLT", 2));
    assert_eq!((desk.bolts("A-01"), desk.bolts("B-01")), (11, 5));
    desk.record(&moved("B-01", "C-01", "BOLT", 5));
    assert_eq!((desk.bolts("B-01"), desk.bolts("C-01")), (0, 5));
    assert_eq!(desk.lines("B-01")[0].n_pending, 3);
}

#[test]
fn a_count_sets_at_its_place_in_the_order_of_this_device() {
    let mut desk = shelf(10);
    desk.record(&pick("A-01", "BOLT", 2));
    desk.record(&count("A-01", "BOLT", 7));
    assert_eq!(desk.bolts("A-01"), 7);
    desk.record(&receive("A-01", "BOLT", 1));
    assert_eq!(desk.bolts("A-01"), 8);
    // Somebody else's movement changes the row, not what was counted here.
    desk.tell(vec![put("a", &FeedRow::Stock(bolt("A-01", 4)))], Vec::new());
    assert_eq!(desk.bolts("A-01"), 8);
}

fn count_bin(lines: Vec<CountedLine>, closed: &[&str]) -> Body {
    Body::CountBin(CountBin {
        location: main_location(),
        bin: bin("A-01"),
        lines,
        plates_seen_closed: closed.iter().map(|no| plate(no)).collect(),
        started_us: None,
        task: None,
    })
}

fn seen(no: &str, units: i32) -> CountedLine {
    CountedLine { goods: goods(no, units), plate: None, mono_us: 0 }
}

#[test]
fn a_whole_bin_count_empties_what_it_does_not_list() {
    let mut desk = shelf(10);
    let nut = FeedRow::Stock(stock("A-01", "NUT", Some(3)));
    let on_open =
        FeedRow::Stock(StockRow { plate: Some(plate("P1")), ..stock("A-01", "CAP", Some(6)) });
    let on_closed =
        FeedRow::Stock(StockRow { plate: Some(plate("P2")), ..stock("A-01", "RING", Some(8)) });
    desk.tell(
        vec![
            put("n", &nut),
            put("p1", &plate_row("P1", "A-01", None)),
            put("p2", &plate_row("P2", "A-01", None)),
            put("c", &on_open),
            put("r", &on_closed),
        ],
        Vec::new(),
    );
    desk.record(&receive("A-01", "NUT", 2));
    desk.record(&count_bin(vec![seen("BOLT", 9), seen("GEAR", 1)], &["P2"]));
    let expected = [("BOLT", 9), ("CAP", 0), ("GEAR", 1), ("NUT", 0), ("RING", 8)];
    let expected: Vec<(String, Option<i32>)> =
        expected.iter().map(|(no, units)| ((*no).to_owned(), Some(*units))).collect();
    assert_eq!(desk.stock("A-01"), expected);
    // What comes afterwards is added to what was counted.
    desk.record(&receive("A-01", "NUT", 2));
    assert!(desk.stock("A-01").contains(&("NUT".to_owned(), Some(2))));
}

#[test]
fn a_withheld_quantity_stays_withheld() {
    let mut desk = Desk::new();
    desk.tell(vec![put("a", &FeedRow::Stock(stock("A-01", "BOLT", None)))], Vec::new());
    desk.record(&pick("A-01", "BOLT", 2));
    desk.record(&count("A-01", "BOLT", 5));
    assert_eq!(desk.stock("A-01"), [("BOLT".to_owned(), None)]);
    assert_eq!(desk.lines("A-01")[0].booked, None);
}

#[test]
fn a_refused_claim_is_gone_in_the_step_that_refuses_it() {
    let mut desk = shelf(10);
    let claim = desk.record(&adjust("A-01", "BOLT", -4));
    assert_eq!(desk.bolts("A-01"), 6);
    desk.judge(claim, Decision::Refused, &[]);
    assert_eq!(desk.bolts("A-01"), 10);
}

#[test]
fn a_parked_operation_is_shown_from_its_case_marked_and_once() {
    let mut desk = shelf(10);
    let put_away = desk.record(&receive("A-01", "BOLT", 4));
    assert_eq!(desk.bolts("A-01"), 14);
    let lsn = desk.cursor + 1;
    let parked = case(1, put_away, vec![bolt("A-01", 4)], true);
    desk.tell(vec![put("k", &parked)], vec![outcome(put_away, lsn, Decision::Parked)]);
    assert_eq!(desk.bolts("A-01"), 14);
    let line = &desk.lines("A-01")[0];
    assert_eq!((line.parked, line.booked, line.n_pending), (q(4), Some(q(10)), 0));
    // Accepted by the supervisor: the row and the end of the case come together.
    let mut accepted = outcome(put_away, lsn + 1, Decision::Accepted);
    accepted.revision = 2;
    let closed = case(1, put_away, vec![bolt("A-01", 4)], false);
    desk.tell(vec![put("k", &closed), put("a", &FeedRow::Stock(bolt("A-01", 14)))], vec![accepted]);
    assert_eq!(desk.bolts("A-01"), 14);
    assert_eq!(desk.lines("A-01")[0].parked, q(0));
}

fn undo(target: OperationId) -> Body {
    Body::Undo(Undo { incarnation: target.incarnation, seq: target.seq })
}

#[test]
fn an_undo_before_the_outcome_cancels_and_after_it_reverses_until_it_is_judged() {
    let mut desk = shelf(10);
    let took = desk.record(&pick("A-01", "BOLT", 4));
    let back = desk.record(&undo(took));
    assert_eq!((desk.bolts("A-01"), desk.bolts("SHIP")), (10, 0));
    desk.judge(took, Decision::Accepted, &[("a", bolt("A-01", 6)), ("s", bolt("SHIP", 4))]);
    assert_eq!((desk.bolts("A-01"), desk.bolts("SHIP")), (10, 0));
    desk.judge(back, Decision::Accepted, &[("a", bolt("A-01", 10)), ("s", bolt("SHIP", 0))]);
    assert_eq!((desk.bolts("A-01"), desk.bolts("SHIP")), (10, 0));
}

#[test]
fn an_undo_of_what_was_refused_has_nothing_to_reverse() {
    let mut desk = shelf(10);
    let claim = desk.record(&adjust("A-01", "BOLT", -4));
    desk.record(&undo(claim));
    desk.judge(claim, Decision::Refused, &[]);
    assert_eq!(desk.bolts("A-01"), 10);
}

#[test]
fn goods_on_a_plate_are_where_the_plate_is() {
    let mut desk = Desk::new();
    let on_p1 = StockRow { plate: Some(plate("P1")), ..stock("A-01", "BOLT", Some(5)) };
    let on_p2 = StockRow { plate: Some(plate("P2")), ..stock("A-01", "NUT", Some(3)) };
    desk.tell(
        vec![
            put("p1", &plate_row("P1", "A-01", None)),
            put("p2", &plate_row("P2", "A-01", Some("P1"))),
            put("a", &FeedRow::Stock(on_p1)),
            put("b", &FeedRow::Stock(on_p2)),
        ],
        Vec::new(),
    );
    let to = Place { location: main_location(), bin: Some(bin("B-01")), plate: None };
    desk.record(&Body::MovePlate(MovePlate { plate: plate("P1"), to }));
    assert_eq!(desk.stock("A-01"), []);
    assert_eq!(
        desk.stock("B-01"),
        [("BOLT".to_owned(), Some(5)), ("NUT".to_owned(), Some(3))],
        "the plate that stands on it comes along"
    );
    // Goods taken from the plate at its new place.
    desk.record(&Body::Move(Move {
        from: on_plate("B-01", "P1"),
        to: place("C-01"),
        goods: goods("BOLT", 2),
    }));
    assert_eq!(desk.stock("B-01")[0], ("BOLT".to_owned(), Some(3)));
    assert_eq!(desk.bolts("C-01"), 2);
    let line = &desk.fold().stock_on_plate(&plate("P1")).unwrap()[0];
    assert_eq!(line.bin, Some(bin("B-01")));
}

#[test]
fn a_plate_that_nobody_knew_is_where_goods_were_put_on_it() {
    let mut desk = Desk::new();
    desk.record(&Body::Receive(Receive {
        to: on_plate("A-01", "NEW"),
        goods: goods("BOLT", 2),
        condition: Condition::Good,
    }));
    assert_eq!(desk.bolts("A-01"), 2);
    let place = desk.fold().plate_place(&plate("NEW")).unwrap().unwrap();
    assert_eq!(place.bin, Some(bin("A-01")));
}

#[test]
fn damaged_goods_come_on_hold_and_another_lot_is_another_line() {
    let mut desk = shelf(10);
    desk.record(&Body::Receive(Receive {
        to: place("A-01"),
        goods: lot(goods("BOLT", 3), "L1"),
        condition: Condition::Damaged,
    }));
    let lines = desk.lines("A-01");
    assert_eq!(lines.len(), 2);
    let held: Vec<_> = lines.iter().map(|line| (line.quantity, line.held)).collect();
    assert_eq!(held, [(Some(q(10)), q(0)), (Some(q(3)), q(3))]);
    desk.record(&Body::Reclassify(Reclassify {
        place: place("A-01"),
        goods: lot(goods("BOLT", 3), "L1"),
        to_tracking: Tracking { lot: Some(LotNo::new("L2").unwrap()), ..Tracking::NONE },
        to_expiry: None,
    }));
    let lots: Vec<_> = desk
        .lines("A-01")
        .iter()
        .map(|line| (line.tracking.lot.as_ref().map(ToString::to_string), line.quantity))
        .collect();
    let lot_of = |no: &str| Some(no.to_owned());
    assert_eq!(
        lots,
        [(None, Some(q(10))), (lot_of("L1"), Some(q(0))), (lot_of("L2"), Some(q(3))),]
    );
}

#[test]
fn where_stock_is_kept_by_unit_the_work_goes_to_its_unit() {
    let mut desk = Desk::new();
    let unit = |code: &str| Some(protocol::words::UnitCode::new(code).unwrap());
    let pieces = StockRow { unit: unit("PCS"), ..bolt("A-01", 10) };
    let boxes = StockRow { unit: unit("BOX"), ..bolt("A-01", 60) };
    desk.tell(
        vec![put("a", &FeedRow::Stock(pieces)), put("b", &FeedRow::Stock(boxes))],
        Vec::new(),
    );
    desk.record(&pick("A-01", "BOLT", 4));
    let shown: Vec<_> =
        desk.lines("A-01").iter().map(|line| (line.unit.clone(), line.quantity)).collect();
    assert_eq!(shown, [(unit("BOX"), Some(q(60))), (unit("PCS"), Some(q(6)))]);
    // A bin that was empty is kept by unit as well.
    assert_eq!(desk.lines("SHIP")[0].unit, unit("PCS"));
    // A case names no unit, and is no line of its own.
    let parked = desk.record(&pick("SHIP", "BOLT", 1));
    let effects = vec![bolt("A-01", -1)];
    let lsn = desk.cursor + 1;
    desk.tell(
        vec![put("k", &case(1, parked, effects, true))],
        vec![outcome(parked, lsn, Decision::Parked)],
    );
    let parked: Vec<_> = desk.lines("A-01").iter().map(|line| line.parked).collect();
    assert_eq!(parked, [q(-1), q(0)]);
}

#[test]
fn a_line_shows_own_work_until_the_server_has_answered() {
    let mut desk = shelf(50);
    let kind = DocumentKind::SalesOrder;
    desk.tell(
        vec![
            put("d", &order(kind, "SO1", DocumentStatus::Released)),
            put("l1", &order_line(kind, "SO1", 10_000, 5)),
            put("l2", &order_line(kind, "SO1", 20_000, 5)),
        ],
        Vec::new(),
    );
    let line = document(kind, "SO1", Some(20_000));
    let named = desk.record_for(&pick("A-01", "BOLT", 2), Some(line.clone()));
    desk.record_for(&pick("A-01", "BOLT", 7), Some(document(kind, "SO1", None)));
    let picked = |desk: &Desk| -> Vec<_> {
        let lines = desk.fold().lines(kind, &order_no("SO1")).unwrap();
        lines.iter().map(LineView::picked).collect()
    };
    assert_eq!(picked(&desk), [q(7), q(2)], "work without a line goes where something is wanted");
    assert_eq!(desk.fold().pending_on(&line, "pick").unwrap(), q(2));
    assert_eq!(desk.fold().pending_on(&line, "receive").unwrap(), q(0));
    desk.record(&undo(named));
    assert_eq!(picked(&desk), [q(7), q(0)]);
}

#[test]
fn where_an_item_lies_includes_bins_that_only_own_work_put_it_into() {
    let mut desk = shelf(10);
    desk.record(&moved("A-01", "Z-09", "BOLT", 10));
    let lines = desk.fold().stock_of_item(&item("BOLT"), Some(&main_location())).unwrap();
    let shown: Vec<_> = lines.iter().map(|line| (line.bin.clone(), line.quantity)).collect();
    assert_eq!(shown, [(Some(bin("A-01")), Some(q(0))), (Some(bin("Z-09")), Some(q(10)))]);
}

#[test]
fn incarnations_keep_their_own_numbers() {
    // The same number in another incarnation is another operation.
    let mut desk = shelf(10);
    let took = desk.record(&pick("A-01", "BOLT", 4));
    let other = OperationId { incarnation: Incarnation(9), ..took };
    desk.judge(other, Decision::Accepted, &[]);
    assert_eq!(desk.bolts("A-01"), 6, "still waiting for its own outcome");
}
