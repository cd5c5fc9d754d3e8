//! What each kind of operation says: one struct of short field names for each kind.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::goods::{Goods, Place, Tracking};
use crate::identity::{CaseId, Incarnation, Seq, TaskId};
use crate::quantity::Quantity;
use crate::words::{BinCode, LocationCode, PlateNo, ReasonText};

/// The state in which goods arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Fit for stock.
    #[default]
    Good,
    /// Damaged: on hold in the scanned bin.
    Damaged,
    /// To be inspected: on hold in the scanned bin.
    Inspect,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to skip_serializing_if"
)]
fn is_good(condition: &Condition) -> bool {
    *condition == Condition::Good
}

/// Which way an adjustment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into stock.
    Increase,
    /// Out of stock.
    Decrease,
}

/// Observation: so much of one thing lies in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Where.
    #[serde(rename = "p")]
    pub place: Place,
    /// What and how much; nothing is a valid quantity.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// Monotonic instant of the first scan of this count, in the boot of the envelope; none when
    /// the count is one scan.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub started_us: Option<u64>,
    /// The task that asked for it.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

/// One thing seen in a whole-bin count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedLine {
    /// What and how much.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// The licence plate it lies on.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<PlateNo>,
    /// Monotonic instant of the scan of this line, in the boot of the envelope.
    #[serde(rename = "m")]
    pub mono_us: u64,
}

/// Observation: this, and nothing else, lies in this bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountBin {
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin.
    #[serde(rename = "b")]
    pub bin: BinCode,
    /// What lies there. Each stock key at most once. Empty: the bin is empty.
    #[serde(rename = "g")]
    pub lines: Vec<CountedLine>,
    /// Licence plates seen closed: their place is confirmed, their content taken as booked.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub plates_seen_closed: Vec<PlateNo>,
    /// Monotonic instant of the first scan; none when the bin was empty or had one scan.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub started_us: Option<u64>,
    /// The task that asked for it.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
}

/// Fact: goods arrived and were put into a bin. The document says against which order; without one
/// it is an unordered receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receive {
    /// Where they were put.
    #[serde(rename = "p")]
    pub to: Place,
    /// What arrived.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// In which state.
    #[serde(rename = "c", default, skip_serializing_if = "is_good")]
    pub condition: Condition,
}

/// Fact: goods were taken from a bin for the document, onto a cart, tote or staging bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// Where they were taken.
    #[serde(rename = "p")]
    pub from: Place,
    /// Where they were dropped; none: the shipment bin of the location.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Place>,
    /// What was taken.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// Why less was taken than asked for.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub short: Option<ReasonText>,
    /// The operator's answer to "is the bin empty now?".
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub emptied: Option<bool>,
}

/// Fact: goods left the house for the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ship {
    /// Where they were loaded from.
    #[serde(rename = "p")]
    pub from: Place,
    /// What left.
    #[serde(rename = "g")]
    pub goods: Goods,
}

/// Fact: goods went from one place to another within a location. A put-away is a move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where they were.
    #[serde(rename = "p")]
    pub from: Place,
    /// Where they are.
    #[serde(rename = "o")]
    pub to: Place,
    /// What was moved.
    #[serde(rename = "g")]
    pub goods: Goods,
}

/// Fact: a licence plate with all that is on it is in this place now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovePlate {
    /// The plate.
    #[serde(rename = "n")]
    pub plate: PlateNo,
    /// Where it is now. The `plate` member names the new parent, none for the floor of the bin.
    #[serde(rename = "o")]
    pub to: Place,
}

/// Fact: goods left for another location, on the transfer order of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferShip {
    /// Where they were loaded from.
    #[serde(rename = "p")]
    pub from: Place,
    /// What left.
    #[serde(rename = "g")]
    pub goods: Goods,
}

/// Fact: goods arrived from another location, on the transfer order of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferReceive {
    /// Where they were put.
    #[serde(rename = "p")]
    pub to: Place,
    /// What arrived.
    #[serde(rename = "g")]
    pub goods: Goods,
}

/// Claim: the book should be changed by this much, for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjust {
    /// Where.
    #[serde(rename = "p")]
    pub place: Place,
    /// What and how much.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// Which way.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// Why.
    #[serde(rename = "y")]
    pub reason: ReasonText,
}

/// Fact: these goods are of another lot, serial or expiry than was booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclassify {
    /// Where.
    #[serde(rename = "p")]
    pub place: Place,
    /// What was booked, and how much of it.
    #[serde(rename = "g")]
    pub goods: Goods,
    /// What it really is.
    #[serde(rename = "o")]
    pub to_tracking: Tracking,
    /// The expiration date it really has.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub to_expiry: Option<NaiveDate>,
}

/// Correction: an earlier operation of this device did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The incarnation in which the operation was first recorded.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its number there.
    #[serde(rename = "s")]
    pub seq: Seq,
}

/// Fact: goods that nobody could name were seen or put somewhere. Kept raw, bound to an item later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unidentified {
    /// Where they are.
    #[serde(rename = "p")]
    pub place: Place,
    /// The barcode exactly as it came from the scanner.
    #[serde(rename = "r")]
    pub raw: String,
    /// How many, in whatever the operator counted.
    #[serde(rename = "q")]
    pub quantity: Quantity,
}

/// How a person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInMethod {
    /// Badge and PIN.
    BadgeAndPin,
    /// Chosen from the list, and PIN.
    NameAndPin,
}

/// Harmless: the person of the envelope took the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// How.
    #[serde(rename = "m")]
    pub method: SignInMethod,
    /// Whether the server could be asked.
    #[serde(rename = "o")]
    pub online: bool,
}

/// Observation: a task or a case is answered by the operator (for example "here", "done"); refused only
/// where the task or case is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The task that is answered.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The case that is answered.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
    /// The answer in a word.
    #[serde(rename = "a")]
    pub answer: ReasonText,
}

/// What an attachment is, in the words of the person who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A photo.
    Photo,
    /// A signature, drawn on the screen.
    Signature,
}

/// How an attachment is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    /// `image/jpeg`.
    Jpeg,
    /// `image/png`.
    Png,
    /// `image/webp`.
    Webp,
}

impl MediaType {
    /// The name in a `Content-Type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// The type of the bytes of a file, by how they begin; none for all that is not an image.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let is_webp = bytes.starts_with(b"RIFF")
            && bytes.get(8..12).is_some_and(|signature| signature == b"WEBP");
        if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else {
            is_webp.then_some(Self::Webp)
        }
    }
}

/// Fact: a photo or a signature belongs to an earlier operation of this device. Its bytes travel
/// beside the operations, by their hash; nothing waits for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// The incarnation in which that operation was first recorded.
    #[serde(rename = "i")]
    pub incarnation: Incarnation,
    /// Its number there.
    #[serde(rename = "s")]
    pub seq: Seq,
    /// SHA-256 of the bytes.
    #[serde(rename = "h")]
    pub hash: serde_bytes::ByteBuf,
    /// Their length.
    #[serde(rename = "n")]
    pub length: u32,
    /// How they are encoded.
    #[serde(rename = "m")]
    pub media: MediaType,
    /// What they show.
    #[serde(rename = "k")]
    pub kind: AttachmentKind,
}

/// Harmless: an operation without fields ([`Body::SignOut`](super::Body::SignOut),
/// [`Body::Void`](super::Body::Void)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Nothing {}
