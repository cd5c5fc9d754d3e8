//! A body of each kind, in the order of the kinds.

use std::fmt::Debug;

use chrono::NaiveDate;

use crate::identity::{CaseId, Incarnation, Seq, TaskId};
use crate::operation::*;
use crate::quantity::{Quantity, UnitFactor};

/// A code of whatever kind is wanted.
pub(super) fn word<T: TryFrom<&'static str, Error: Debug>>(text: &'static str) -> T {
    text.try_into().unwrap()
}

pub(super) fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

pub(super) fn factor(text: &str) -> UnitFactor {
    quantity(text).try_into().unwrap()
}

pub(super) fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

pub(super) fn tracking(serial: &'static str) -> Tracking {
    Tracking { lot: Some(word("LOT7")), serial: Some(word(serial)), package: Some(word("PK-1")) }
}

fn place(bin: &'static str) -> Place {
    Place { location: word("MAIN"), bin: Some(word(bin)), plate: Some(word("LP-0001")) }
}

fn goods() -> Goods {
    Goods {
        item: word("BOLT-M8"),
        variant: Some(word("ZN")),
        unit: word("TENTH"),
        factor: factor("0.1"),
        quantity: quantity("10"),
        base: quantity("1"),
        tracking: tracking("SN-1"),
        expiry: day(2027, 3, 12),
        raw: Some("\u{1D}0104006381333931".to_owned()),
    }
}

fn count_bin() -> CountBin {
    let line = CountedLine { goods: goods(), plate: Some(word("LP-0001")), mono_us: 3_600_000_000 };
    CountBin {
        location: word("MAIN"),
        bin: word("A-01"),
        lines: vec![line],
        plates_seen_closed: vec![word("LP-0002"), word("340123450000000018")],
        started_us: Some(3_599_000_000),
        task: Some(TaskId(70_001)),
    }
}

fn attach() -> Attach {
    Attach {
        incarnation: Incarnation(2),
        seq: Seq(118),
        hash: serde_bytes::ByteBuf::from([0xAB; 32]),
        length: 100_000,
        media: MediaType::Jpeg,
        kind: AttachmentKind::Signature,
    }
}

/// What counts, comes and goes.
fn of_goods() -> Vec<Body> {
    let goods = goods();
    let count = Count {
        place: place("A-01"),
        goods: goods.clone(),
        started_us: Some(7),
        task: Some(TaskId(70_001)),
    };
    let receive =
        Receive { to: place("DOCK"), goods: goods.clone(), condition: Condition::Inspect };
    let pick = Pick {
        from: place("A-01"),
        to: Some(place("CART-1")),
        goods: goods.clone(),
        short: Some(word("not there")),
        emptied: Some(true),
    };
    vec![
        Body::Count(count),
        Body::CountBin(count_bin()),
        Body::Receive(receive),
        Body::Pick(pick),
        Body::Ship(Ship { from: place("GATE"), goods: goods.clone() }),
        Body::Move(Move { from: place("A-01"), to: place("A-02"), goods: goods.clone() }),
        Body::MovePlate(MovePlate { plate: word("LP-0002"), to: place("A-02") }),
        Body::TransferShip(TransferShip { from: place("GATE"), goods: goods.clone() }),
        Body::TransferReceive(TransferReceive { to: place("DOCK"), goods }),
    ]
}

/// What sets right, answers and goes along.
fn of_words() -> Vec<Body> {
    let adjust = Adjust {
        place: place("A-01"),
        goods: goods(),
        direction: Direction::Decrease,
        reason: word("broken"),
    };
    let reclassify = Reclassify {
        place: place("A-01"),
        goods: goods(),
        to_tracking: tracking("SN-2"),
        to_expiry: day(2028, 12, 31),
    };
    let unidentified = Unidentified {
        place: place("A-01"),
        raw: "]C10104006381333931".to_owned(),
        quantity: quantity("2.5"),
    };
    let answer = Answer { task: Some(TaskId(70_001)), case: Some(CaseId(9)), answer: word("here") };
    vec![
        Body::Adjust(adjust),
        Body::Reclassify(reclassify),
        Body::Undo(Undo { incarnation: Incarnation(2), seq: Seq(118) }),
        Body::Unidentified(unidentified),
        Body::Answer(answer),
        Body::SignIn(SignIn { method: SignInMethod::BadgeAndPin, online: true }),
        Body::SignOut(Nothing {}),
        Body::Attach(attach()),
        Body::Void(Nothing {}),
    ]
}

pub(super) fn bodies() -> Vec<Body> {
    let mut bodies = of_goods();
    bodies.extend(of_words());
    bodies
}
