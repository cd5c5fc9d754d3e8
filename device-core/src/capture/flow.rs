//! The flows, and what each of them works with.

use protocol::operation::DocumentKind;
use serde::{Deserialize, Serialize};

/// A piece of work that a person does with a handheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// Goods arrive, with or without an order.
    Receive,
    /// Received goods go to their storage bin.
    PutAway,
    /// Goods, or a whole licence plate, go from one bin to another.
    Move,
    /// Goods are taken for an order.
    Pick,
    /// Goods leave the house for an order.
    Ship,
    /// One item in one bin is counted.
    Count,
    /// Everything in a bin is counted: what is not seen is not there.
    CountBin,
    /// Goods leave for another location.
    TransferShip,
    /// Goods arrive from another location.
    TransferReceive,
    /// The book is corrected, with a reason.
    Adjust,
    /// What is this, and where is it?
    LookUp,
}

/// Which end of a movement a bin or a licence plate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Where goods are taken, counted or corrected.
    From,
    /// Where goods are put.
    To,
}

/// One of the things that a flow collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// The order, or "none".
    Document,
    /// The bin goods come from, or the only bin.
    From,
    /// The item.
    Item,
    /// Its variant.
    Variant,
    /// The lot.
    Lot,
    /// The expiration date.
    Expiry,
    /// The serial numbers.
    Serial,
    /// How far apart the serial numbers of a range are.
    Step,
    /// The package number.
    Package,
    /// Plus, minus, or "set to".
    Direction,
    /// How much.
    Quantity,
    /// The bin goods go to.
    To,
    /// The licence plate.
    Plate,
    /// Why.
    Reason,
    /// Whether the bin is empty now.
    Emptied,
}

/// The slots of a flow in the order in which it asks for them.
const RECEIVE: &[Slot] = &[
    Slot::Document,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Expiry,
    Slot::Serial,
    Slot::Package,
    Slot::Quantity,
    Slot::To,
];
const MOVE: &[Slot] = &[
    Slot::From,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Serial,
    Slot::Package,
    Slot::Quantity,
    Slot::To,
];
const PICK: &[Slot] = &[
    Slot::Document,
    Slot::From,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Serial,
    Slot::Package,
    Slot::Quantity,
    Slot::Reason,
    Slot::Emptied,
];
const SHIP: &[Slot] = &[
    Slot::Document,
    Slot::From,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Serial,
    Slot::Package,
    Slot::Quantity,
];
const COUNT: &[Slot] = &[
    Slot::From,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Expiry,
    Slot::Serial,
    Slot::Package,
    Slot::Quantity,
];
const ADJUST: &[Slot] = &[
    Slot::From,
    Slot::Item,
    Slot::Variant,
    Slot::Lot,
    Slot::Serial,
    Slot::Package,
    Slot::Direction,
    Slot::Quantity,
    Slot::Reason,
];
const LOOK_UP: &[Slot] = &[Slot::Item];

impl Flow {
    /// Every flow, in the order of the menu.
    pub const ALL: [Self; 11] = [
        Self::Receive,
        Self::PutAway,
        Self::Pick,
        Self::Ship,
        Self::Move,
        Self::Count,
        Self::CountBin,
        Self::TransferShip,
        Self::TransferReceive,
        Self::Adjust,
        Self::LookUp,
    ];

    /// The slots in the order in which the flow asks for them.
    pub const fn slots(self) -> &'static [Slot] {
        match self {
            Self::Receive | Self::TransferReceive => RECEIVE,
            Self::PutAway | Self::Move => MOVE,
            Self::Pick => PICK,
            Self::Ship | Self::TransferShip => SHIP,
            Self::Count | Self::CountBin => COUNT,
            Self::Adjust => ADJUST,
            Self::LookUp => LOOK_UP,
        }
    }

    /// The kinds of document that the flow works on; none for flows without documents.
    pub const fn documents(self) -> &'static [DocumentKind] {
        match self {
            Self::Receive => &[DocumentKind::PurchaseOrder, DocumentKind::SalesReturnOrder],
            Self::Pick | Self::Ship => {
                &[DocumentKind::SalesOrder, DocumentKind::PurchaseReturnOrder]
            }
            Self::TransferShip | Self::TransferReceive => &[DocumentKind::TransferOrder],
            Self::PutAway
            | Self::Move
            | Self::Count
            | Self::CountBin
            | Self::Adjust
            | Self::LookUp => &[],
        }
    }

    /// The kind of operation that the flow records on a line of a document.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::PutAway | Self::Move => "move",
            Self::Pick => "pick",
            Self::Ship => "ship",
            Self::Count => "count",
            Self::CountBin => "count_bin",
            Self::TransferShip => "transfer_ship",
            Self::TransferReceive => "transfer_receive",
            Self::Adjust => "adjust",
            Self::LookUp => "",
        }
    }

    /// The word for the flow in addresses, texts and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PutAway => "put_away",
            Self::Move => "move",
            Self::LookUp => "look_up",
            _ => self.operation(),
        }
    }

    /// The flow of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flow| flow.word() == word)
    }

    /// Whether goods come into the location.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Receive | Self::TransferReceive)
    }

    /// Whether goods are taken from a bin.
    pub const fn is_outbound(self) -> bool {
        matches!(self, Self::PutAway | Self::Move | Self::Pick | Self::Ship | Self::TransferShip)
    }

    /// Whether goods are counted.
    pub const fn is_count(self) -> bool {
        matches!(self, Self::Count | Self::CountBin)
    }

    /// Whether goods stay where they are: they are counted, corrected or looked at.
    pub const fn stays(self) -> bool {
        matches!(self, Self::Count | Self::CountBin | Self::Adjust | Self::LookUp)
    }

    /// Whether goods go from one bin of the location to another.
    pub const fn is_move(self) -> bool {
        matches!(self, Self::PutAway | Self::Move)
    }

    /// The end of the movement that the flow's only bin is.
    pub const fn side(self) -> Side {
        if self.is_inbound() { Side::To } else { Side::From }
    }
}
