//! Small things that tests are made of.

use protocol::feed::{
    CaseRow, DocumentLineRow, DocumentRow, DocumentStatus, FeedGroup, FeedRecord, FeedRow,
    LocationRow, PlateRow, PlateState, StockRow,
};
use protocol::frame::Delta;
use protocol::identity::{CaseId, DeviceId, Incarnation, Lsn, OperationId, Seq, ServerTime};
use protocol::operation::{
    Adjust, Body, Condition, Count, Direction, DocumentKind, DocumentRef, Goods, Move, Pick, Place,
    Receive, Tracking,
};
use protocol::outcome::{Decision, Outcome};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, PlateNo, ReasonText, UnitCode,
};
use serde_bytes::ByteBuf;

pub(crate) fn q(units: i32) -> Quantity {
    Quantity::whole(units)
}

pub(crate) fn main_location() -> LocationCode {
    LocationCode::new("MAIN").unwrap()
}

pub(crate) fn bin(code: &str) -> BinCode {
    BinCode::new(code).unwrap()
}

pub(crate) fn item(no: &str) -> ItemNo {
    ItemNo::new(no).unwrap()
}

pub(crate) fn plate(no: &str) -> PlateNo {
    PlateNo::new(no).unwrap()
}

pub(crate) fn place(code: &str) -> Place {
    Place { location: main_location(), bin: Some(bin(code)), plate: None }
}

pub(crate) fn on_plate(code: &str, no: &str) -> Place {
    Place { plate: Some(plate(no)), ..place(code) }
}

pub(crate) fn goods(no: &str, units: i32) -> Goods {
    Goods {
        item: item(no),
        variant: None,
        unit: UnitCode::new("PCS").unwrap(),
        factor: UnitFactor::ONE,
        quantity: q(units),
        base: q(units),
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

pub(crate) fn lot(mut goods: Goods, no: &str) -> Goods {
    goods.tracking.lot = Some(LotNo::new(no).unwrap());
    goods
}

pub(crate) fn receive(to: &str, no: &str, units: i32) -> Body {
    Body::Receive(Receive { to: place(to), goods: goods(no, units), condition: Condition::Good })
}

pub(crate) fn moved(from: &str, to: &str, no: &str, units: i32) -> Body {
    Body::Move(Move { from: place(from), to: place(to), goods: goods(no, units) })
}

pub(crate) fn pick(from: &str, no: &str, units: i32) -> Body {
    Body::Pick(Pick {
        from: place(from),
        to: None,
        goods: goods(no, units),
        short: None,
        emptied: None,
    })
}

pub(crate) fn count(at: &str, no: &str, units: i32) -> Body {
    Body::Count(Count { place: place(at), goods: goods(no, units), started_us: None, task: None })
}

pub(crate) fn adjust(at: &str, no: &str, units: i32) -> Body {
    Body::Adjust(Adjust {
        place: place(at),
        goods: goods(no, units.abs()),
        direction: if units < 0 { Direction::Decrease } else { Direction::Increase },
        reason: ReasonText::new("damaged").unwrap(),
    })
}

pub(crate) fn stock(code: &str, no: &str, units: Option<i32>) -> StockRow {
    StockRow {
        location: main_location(),
        bin: Some(bin(code)),
        plate: None,
        item: item(no),
        variant: None,
        unit: None,
        tracking: Tracking::NONE,
        quantity: units.map(q),
        held: Quantity::ZERO,
    }
}

pub(crate) fn location_row() -> FeedRow {
    FeedRow::Location(LocationRow {
        location: main_location(),
        name: "Main".to_owned(),
        site: protocol::words::SiteCode::new("HALL").unwrap(),
        time_zone: protocol::words::ZoneName::new("Europe/Copenhagen").unwrap(),
        bin_mandatory: true,
        receipt_bin: None,
        shipment_bin: Some(bin("SHIP")),
        in_transit: false,
    })
}

pub(crate) fn plate_row(no: &str, code: &str, parent: Option<&str>) -> FeedRow {
    FeedRow::Plate(PlateRow {
        plate: plate(no),
        location: main_location(),
        bin: Some(bin(code)),
        parent: parent.map(plate),
        state: PlateState::Open,
    })
}

pub(crate) fn order_no(no: &str) -> DocumentNo {
    DocumentNo::new(no).unwrap()
}

pub(crate) fn order(kind: DocumentKind, no: &str, status: DocumentStatus) -> FeedRow {
    FeedRow::Document(DocumentRow {
        kind,
        no: order_no(no),
        status,
        partner: String::new(),
        location: main_location(),
        to_location: None,
        due: None,
    })
}

pub(crate) fn order_line(kind: DocumentKind, no: &str, line: u32, units: i32) -> FeedRow {
    FeedRow::DocumentLine(DocumentLineRow {
        kind,
        no: order_no(no),
        line,
        item: item("BOLT"),
        variant: None,
        unit: UnitCode::new("PCS").unwrap(),
        quantity: q(units),
        handled: Quantity::ZERO,
        picked: Quantity::ZERO,
        tolerance: Quantity::ZERO,
        tracking: Tracking::NONE,
        bin: None,
    })
}

pub(crate) fn document(kind: DocumentKind, no: &str, line: Option<u32>) -> DocumentRef {
    DocumentRef { kind, no: order_no(no), line }
}

pub(crate) fn case(
    case: u64,
    operation: OperationId,
    effects: Vec<StockRow>,
    open: bool,
) -> FeedRow {
    FeedRow::Case(CaseRow {
        case: CaseId(case),
        operation,
        title: "parked".to_owned(),
        effects,
        open,
    })
}

pub(crate) fn put(key: &str, row: &FeedRow) -> FeedRecord {
    FeedRecord {
        table: row.table(),
        key: ByteBuf::from(key.as_bytes()),
        row: Some(ByteBuf::from(row.encode())),
    }
}

pub(crate) fn delete(key: &str, table: u8) -> FeedRecord {
    FeedRecord { table, key: ByteBuf::from(key.as_bytes()), row: None }
}

pub(crate) fn name(seq: u64) -> OperationId {
    OperationId { device: DeviceId(7), incarnation: Incarnation(1), seq: Seq(seq) }
}

pub(crate) fn outcome(operation: OperationId, lsn: u64, decision: Decision) -> Outcome {
    Outcome {
        operation,
        revision: 1,
        decision,
        lsn: Lsn(lsn),
        tau: ServerTime(0),
        epsilon_us: 0,
        uncertain: false,
        settlement: None,
        reasons: Vec::new(),
        changes: Vec::new(),
        case: None,
        text_en: String::new(),
    }
}

pub(crate) fn group(lsn: u64, records: Vec<FeedRecord>, outcomes: Vec<Outcome>) -> FeedGroup {
    let time = ServerTime(i64::try_from(lsn).unwrap() * 1_000_000);
    FeedGroup { lsn: Lsn(lsn), time, records, outcomes }
}

pub(crate) fn delta(from: u64, to: u64, groups: Vec<FeedGroup>) -> Delta {
    Delta { from: Lsn(from), to: Lsn(to), groups }
}
