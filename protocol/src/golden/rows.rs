//! A row of each table, in the order of the tables.

use serde_bytes::ByteBuf;

use super::bodies::{day, factor, quantity, tracking, word};
use crate::feed::*;
use crate::identity::{
    CaseId, DeviceId, HoldId, Incarnation, OperationId, Seq, ServerTime, TaskId,
};
use crate::operation::DocumentKind;

fn stock() -> StockRow {
    StockRow {
        location: word("MAIN"),
        bin: Some(word("A-01")),
        plate: Some(word("LP-0001")),
        item: word("BOLT-M8"),
        variant: Some(word("ZN")),
        unit: Some(word("BOX")),
        tracking: tracking("SN-1"),
        quantity: Some(quantity("-2.5")),
        held: quantity("1"),
    }
}

fn site() -> SiteRow {
    SiteRow {
        site: word("LEEDS"),
        company: "Nordic Fasteners".to_owned(),
        never_quantities: true,
        separator: Some("|".to_owned()),
    }
}

fn location() -> LocationRow {
    LocationRow {
        location: word("MAIN"),
        name: "Main hall".to_owned(),
        site: word("LEEDS"),
        time_zone: word("Europe/London"),
        bin_mandatory: true,
        receipt_bin: Some(word("DOCK")),
        shipment_bin: Some(word("GATE")),
        in_transit: true,
    }
}

fn bin() -> BinRow {
    BinRow {
        location: word("MAIN"),
        bin: word("A-01"),
        zone: Some(word("A")),
        kind: BinKind::Quarantine,
        blocked: true,
    }
}

fn item() -> ItemRow {
    ItemRow {
        item: word("BOLT-M8"),
        description: "Bolt M8 × 40".to_owned(),
        base_unit: word("PCS"),
        precision: quantity("0.00001"),
        units: vec![
            ItemUnit { unit: word("PCS"), factor: factor("1") },
            ItemUnit { unit: word("BOX"), factor: factor("100") },
        ],
        variants: vec![word("ZN"), word("A4")],
        variant_required: true,
        tracking: TrackingRule { lot: true, serial: true, package: true, expiry: true },
        blocked: true,
        supervisor_from: Some(quantity("500")),
        second_count_from: Some(quantity("10")),
    }
}

fn identifier() -> IdentifierRow {
    let meaning = IdentifierMeaning {
        item: word("BOLT-M8"),
        variant: Some(word("ZN")),
        unit: Some(word("BOX")),
    };
    IdentifierRow { code: word("4006381333931"), meanings: vec![meaning] }
}

fn lot() -> LotRow {
    LotRow {
        item: word("BOLT-M8"),
        variant: Some(word("ZN")),
        lot: word("LOT7"),
        expiry: day(2027, 3, 12),
        blocked: true,
        provisional: true,
    }
}

fn plate() -> PlateRow {
    PlateRow {
        plate: word("LP-0001"),
        location: word("MAIN"),
        bin: Some(word("A-01")),
        parent: Some(word("LP-0002")),
        state: PlateState::InTransit,
    }
}

fn document() -> DocumentRow {
    DocumentRow {
        kind: DocumentKind::TransferOrder,
        no: word("TO-4711"),
        status: DocumentStatus::Released,
        partner: "WEST".to_owned(),
        location: word("MAIN"),
        to_location: Some(word("WEST")),
        due: day(2026, 11, 30),
    }
}

fn document_line() -> DocumentLineRow {
    DocumentLineRow {
        kind: DocumentKind::TransferOrder,
        no: word("TO-4711"),
        line: 10_000,
        item: word("BOLT-M8"),
        variant: Some(word("ZN")),
        unit: word("BOX"),
        quantity: quantity("1000"),
        handled: quantity("250"),
        picked: quantity("300"),
        tolerance: quantity("12.5"),
        tracking: tracking("SN-1"),
        bin: Some(word("A-01")),
    }
}

fn task() -> TaskRow {
    TaskRow {
        task: TaskId(70_001),
        kind: TaskKind::CompleteTracking,
        location: word("MAIN"),
        bin: Some(word("A-01")),
        item: Some(word("BOLT-M8")),
        variant: Some(word("ZN")),
        plate: Some(word("LP-0001")),
        assigned: Some(word("MK")),
        not_by: Some(word("JD")),
        blind: true,
    }
}

fn operator() -> OperatorRow {
    OperatorRow {
        operator: word("MK"),
        name: "Mette K.".to_owned(),
        badge_hash: Some(ByteBuf::from([0xCD; 32])),
        pin_verifier: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned(),
        roles: vec![Role::Operator, Role::Supervisor],
        valid_until: ServerTime(1_790_000_000_000_000),
        language: "da".to_owned(),
    }
}

fn case() -> CaseRow {
    CaseRow {
        case: CaseId(9),
        operation: OperationId { device: DeviceId(17), incarnation: Incarnation(1), seq: Seq(118) },
        title: "11 more than ordered".to_owned(),
        effects: vec![stock()],
        open: true,
    }
}

pub(super) fn rows() -> Vec<FeedRow> {
    vec![
        FeedRow::Site(site()),
        FeedRow::Location(location()),
        FeedRow::Bin(bin()),
        FeedRow::Item(item()),
        FeedRow::Identifier(identifier()),
        FeedRow::Lot(lot()),
        FeedRow::Stock(stock()),
        FeedRow::Plate(plate()),
        FeedRow::Document(document()),
        FeedRow::DocumentLine(document_line()),
        FeedRow::Task(task()),
        FeedRow::Operator(operator()),
        FeedRow::Case(case()),
        FeedRow::Hold(HoldRow { hold: HoldId(4), stock: stock(), reason: "damaged".to_owned() }),
    ]
}
