//! What a device asks for: facts, observations, claims and corrections, each with the evidence of
//! when it was done and what its operator had seen.
//!
//! An operation is recorded **after** the physical act. Its *content* (see [`Recorded::to_content`])
//! is what the recorder stores, what the hash chain covers and what the server keeps for ever, also
//! when it cannot decode the body.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::frame::shape::{self, Shape};
use crate::identity::{Boot, CaseId, Incarnation, Lsn, Seq, ServerEpoch, TaskId};
use crate::quantity::{Quantity, UnitFactor};
use crate::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, OperatorId, PackageNo, PlateNo, ReasonText,
    SerialNo, UnitCode, VariantCode,
};

/// The evidence around a body, in the order of the recorder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The boot of the device in which it was done.
    pub boot: Boot,
    /// Microseconds of that boot's monotonic clock when it was done.
    pub mono_us: u64,
    /// The last decision that the operator's screen had taken into account.
    pub cursor: Lsn,
    /// The server epoch that `cursor` belongs to.
    pub epoch: ServerEpoch,
    /// Who did it; none before anybody signed in.
    pub operator: Option<OperatorId>,
    /// The document it was done for.
    pub document: Option<DocumentRef>,
}

/// An operation as the recorder holds it: evidence, kind, version and the encoded body.
///
/// Kinds and versions that this build does not know are carried unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The evidence.
    pub envelope: Envelope,
    /// The kind of the body, see [`Body::kind`].
    pub kind: String,
    /// The version of that kind's fields. All bodies of this build have version 1.
    pub version: u16,
    /// The body: a MessagePack map with short field names.
    pub body: Vec<u8>,
}

/// Why stored or received bytes are not an operation that this build can judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The bytes are not content in the layout of [`Recorded::to_content`].
    #[error("the content of the operation is damaged")]
    Content,
    /// A kind or version of a later release. It is kept and judged after an upgrade.
    #[error("operation {kind} version {version} is not known here")]
    Unsupported {
        /// The kind as it was sent.
        kind: String,
        /// Its version.
        version: u16,
    },
    /// The body does not have the fields of its kind.
    #[error("the body of the operation cannot be read: {reason}")]
    Body {
        /// What the decoder says.
        reason: String,
    },
}

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Goods that a vendor will deliver.
    PurchaseOrder,
    /// Goods that go back to a vendor.
    PurchaseReturnOrder,
    /// Goods that a customer will get.
    SalesOrder,
    /// Goods that a customer sends back.
    SalesReturnOrder,
    /// Goods that go from one location to another.
    TransferOrder,
    /// Goods that an assembly consumes and puts out.
    AssemblyOrder,
    /// A planned count.
    CountOrder,
}

/// A document, or one line of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DocumentRef {
    /// Its kind.
    #[serde(rename = "k")]
    pub kind: DocumentKind,
    /// Its number.
    #[serde(rename = "n")]
    pub no: DocumentNo,
    /// The line, where the operator worked on one line.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Where goods are: a bin of a location, or a licence plate in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The location.
    #[serde(rename = "l")]
    pub location: LocationCode,
    /// The bin; none at locations without bins.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub bin: Option<BinCode>,
    /// The licence plate that the goods are on; none for loose goods.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<PlateNo>,
}

/// The tracking key of goods. Empty members mean "none".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Tracking {
    /// The lot.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotNo>,
    /// The serial number; the base quantity is then 1.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialNo>,
    /// The package.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageNo>,
}

impl Tracking {
    /// No lot, no serial, no package.
    pub const NONE: Self = Self { lot: None, serial: None, package: None };

    /// Whether no member is given.
    pub fn is_none(&self) -> bool {
        self.lot.is_none() && self.serial.is_none() && self.package.is_none()
    }
}

/// What was handled, as the operator saw it.
///
/// The quantity is never negative: the kind of the operation tells the direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goods {
    /// The item.
    #[serde(rename = "i")]
    pub item: ItemNo,
    /// Its variant.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<VariantCode>,
    /// The unit that was counted in.
    #[serde(rename = "u")]
    pub unit: UnitCode,
    /// How many base units that unit held, as the device knew it. It stands, also when the item's
    /// unit has another factor by now (CONFLICTS 21).
    #[serde(rename = "f")]
    pub factor: UnitFactor,
    /// The quantity in that unit.
    #[serde(rename = "q")]
    pub quantity: Quantity,
    /// The quantity in the item's base unit: `quantity × factor`, rounded once by the device.
    #[serde(rename = "b")]
    pub base: Quantity,
    /// Lot, serial, package.
    #[serde(rename = "t", default, skip_serializing_if = "Tracking::is_none")]
    pub tracking: Tracking,
    /// The expiration date that was read or keyed.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<NaiveDate>,
    /// The barcode as scanned, when one was.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

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

/// Claim: a task or a case is answered by the operator (for example "verified", "put back").
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

/// Harmless: an operation without fields ([`Body::SignOut`], [`Body::Void`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Nothing {}

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident($inner:ty) = $kind:literal;)*) => {
        /// What a device asks for.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $variant($inner),)*
        }

        impl Body {
            /// Every kind of this build.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The word for this kind on the wire.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// The body as a MessagePack map with short field names.
            pub fn encode(&self) -> Vec<u8> {
                let bytes = match self { $(Self::$variant(body) => rmp_serde::to_vec_named(body),)* };
                bytes.expect("writing to memory cannot fail, and no body holds an unsized sequence")
            }

            /// Reads a body of `kind` in `version`.
            ///
            /// # Errors
            ///
            /// [`OperationError::Unsupported`] for a kind or version of a later release,
            /// [`OperationError::Body`] where the fields are not those of the kind.
            pub fn decode(kind: &str, version: u16, bytes: &[u8]) -> Result<Self, OperationError> {
                match (kind, version) {
                    $(($kind, 1) => shape::read(bytes, &Shape::OF_DEVICES).map(Self::$variant).map_err(
                        |error| OperationError::Body { reason: error.to_string() }),)*
                    _ => Err(OperationError::Unsupported { kind: kind.to_owned(), version }),
                }
            }
        }
    };
}

bodies! {
    /// See [`Count`].
    Count(Count) = "count";
    /// See [`CountBin`].
    CountBin(CountBin) = "count_bin";
    /// See [`Receive`].
    Receive(Receive) = "receive";
    /// See [`Pick`].
    Pick(Pick) = "pick";
    /// See [`Ship`].
    Ship(Ship) = "ship";
    /// See [`Move`].
    Move(Move) = "move";
    /// See [`MovePlate`].
    MovePlate(MovePlate) = "move_plate";
    /// See [`TransferShip`].
    TransferShip(TransferShip) = "transfer_ship";
    /// See [`TransferReceive`].
    TransferReceive(TransferReceive) = "transfer_receive";
    /// See [`Adjust`].
    Adjust(Adjust) = "adjust";
    /// See [`Reclassify`].
    Reclassify(Reclassify) = "reclassify";
    /// See [`Undo`].
    Undo(Undo) = "undo";
    /// See [`Unidentified`].
    Unidentified(Unidentified) = "unidentified";
    /// See [`Answer`].
    Answer(Answer) = "answer";
    /// See [`SignIn`].
    SignIn(SignIn) = "sign_in";
    /// The person of the envelope gave the device back.
    SignOut(Nothing) = "sign_out";
    /// See [`Attach`].
    Attach(Attach) = "attach";
    /// Stands where the recorder lost an operation, so that the loss is counted and visible.
    Void(Nothing) = "void";
}

impl Recorded {
    /// Wraps `body` with its evidence.
    pub fn new(envelope: Envelope, body: &Body) -> Self {
        Self { envelope, kind: body.kind().to_owned(), version: 1, body: body.encode() }
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// See [`Body::decode`].
    pub fn decode_body(&self) -> Result<Body, OperationError> {
        Body::decode(&self.kind, self.version, &self.body)
    }

    /// The bytes that the recorder stores and the hash chain covers. All integers little endian:
    ///
    /// | bytes | field |
    /// |---|---|
    /// | 1 | layout version, 1 |
    /// | 4, 8, 8, 4 | boot, mono_us, cursor, epoch |
    /// | 1 + n | length and text of the operator, 0 for none |
    /// | 2 + n | length and MessagePack map of the document, 0 for none |
    /// | 1 + n | length and text of the kind |
    /// | 2 | version of the kind |
    /// | 4 + n | length and bytes of the body |
    pub fn to_content(&self) -> Vec<u8> {
        let document = self.envelope.document.as_ref().map(|document| {
            rmp_serde::to_vec_named(document).expect("writing to memory cannot fail")
        });
        let operator = self.envelope.operator.as_ref().map_or("", OperatorId::as_str);
        let mut content = Vec::with_capacity(64_usize.saturating_add(self.body.len()));
        content.push(1);
        content.extend_from_slice(&self.envelope.boot.0.to_le_bytes());
        content.extend_from_slice(&self.envelope.mono_us.to_le_bytes());
        content.extend_from_slice(&self.envelope.cursor.0.to_le_bytes());
        content.extend_from_slice(&self.envelope.epoch.0.to_le_bytes());
        push_short(&mut content, operator.as_bytes());
        let document = document.unwrap_or_default();
        let length = u16::try_from(document.len()).expect("a document reference is short");
        content.extend_from_slice(&length.to_le_bytes());
        content.extend_from_slice(&document);
        push_short(&mut content, self.kind.as_bytes());
        content.extend_from_slice(&self.version.to_le_bytes());
        let length = u32::try_from(self.body.len()).expect("a body is below the frame limit");
        content.extend_from_slice(&length.to_le_bytes());
        content.extend_from_slice(&self.body);
        content
    }

    /// Reads what [`Recorded::to_content`] wrote.
    ///
    /// # Errors
    ///
    /// [`OperationError::Content`]: cut short, bytes left over, or another layout version.
    pub fn from_content(content: &[u8]) -> Result<Self, OperationError> {
        let mut rest = Cut(content);
        if rest.take::<1>()? != [1] {
            return Err(OperationError::Content);
        }
        let boot = Boot(u32::from_le_bytes(rest.take()?));
        let mono_us = u64::from_le_bytes(rest.take()?);
        let cursor = Lsn(u64::from_le_bytes(rest.take()?));
        let epoch = ServerEpoch(u32::from_le_bytes(rest.take()?));
        let operator = match rest.short_text()? {
            "" => None,
            text => Some(OperatorId::new(text).map_err(|_bad| OperationError::Content)?),
        };
        let length = usize::from(u16::from_le_bytes(rest.take()?));
        let document = match rest.bytes(length)? {
            [] => None,
            bytes => Some(
                shape::read(bytes, &Shape::OF_DEVICES).map_err(|_bad| OperationError::Content)?,
            ),
        };
        let kind = rest.short_text()?.to_owned();
        let version = u16::from_le_bytes(rest.take()?);
        let length = usize::try_from(u32::from_le_bytes(rest.take()?))
            .map_err(|_too_long| OperationError::Content)?;
        let body = rest.bytes(length)?.to_vec();
        if !rest.0.is_empty() {
            return Err(OperationError::Content);
        }
        let envelope = Envelope { boot, mono_us, cursor, epoch, operator, document };
        Ok(Self { envelope, kind, version, body })
    }
}

fn push_short(content: &mut Vec<u8>, text: &[u8]) {
    let length = u8::try_from(text.len()).expect("operators and kinds are at most 80 bytes long");
    content.push(length);
    content.extend_from_slice(text);
}

/// What is left of some content.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], OperationError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(OperationError::Content)?;
        self.0 = tail;
        Ok(head)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], OperationError> {
        self.bytes(N)?.try_into().map_err(|_length| OperationError::Content)
    }

    fn short_text(&mut self) -> Result<&'a str, OperationError> {
        let length = usize::from(u8::from_le_bytes(self.take()?));
        std::str::from_utf8(self.bytes(length)?).map_err(|_bad| OperationError::Content)
    }
}
