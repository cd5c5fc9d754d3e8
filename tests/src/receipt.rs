//! The operation that scripts and killed processes do again and again.

use device_core::engine::Work;
use protocol::operation::{
    Body, Condition, DocumentKind, DocumentRef, Goods, Place, Receive, Tracking,
};
use protocol::quantity::{Quantity, UnitFactor};

/// A code of protocol words.
pub(crate) fn word<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("a short printable code")
}

/// Pieces of NUT arrive at DOCK in `location`, for a line of the purchase order PO1.
pub fn nuts(pieces: i32, location: &str, line: u32) -> Work {
    let pieces = Quantity::whole(pieces);
    let goods = Goods {
        item: word("NUT"),
        variant: None,
        unit: word("PCS"),
        factor: UnitFactor::ONE,
        quantity: pieces,
        base: pieces,
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    };
    let to = Place { location: word(location), bin: Some(word("DOCK")), plate: None };
    let body = Receive { to, goods, condition: Condition::Good };
    let no = word("PO1");
    let document = DocumentRef { kind: DocumentKind::PurchaseOrder, no, line: Some(line) };
    Work { body: Body::Receive(body), document: Some(document) }
}
