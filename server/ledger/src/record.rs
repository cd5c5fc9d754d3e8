//! Records: the bytes of a row, shared, decoded once.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Format version in front of every record of this release. It goes up when the layout of any table
/// changes: see [`crate::upgrade`].
///
/// | version | differs from the one before |
/// |---|---|
/// | 1 | |
/// | 2 | entry states and applications carry cost and valuation dates |
/// | 3 | the terms of document lines carry a discount |
pub const RECORD_VERSION: u8 = 3;

/// Room for most rows.
const ROW_BYTES: usize = 192;

type Shared = Arc<dyn Any + Send + Sync>;

/// How the row of a record becomes bytes.
type Encode = fn(&Shared) -> Box<[u8]>;

struct Inner {
    bytes: OnceLock<Box<[u8]>>,
    decoded: OnceLock<Shared>,
    /// For records that were made from a row.
    encode: Option<Encode>,
}

/// The bytes of a row: a format version, then the row in postcard. Cloning shares it.
///
/// One that is made from a row is encoded when its bytes are wanted: a row that is written several
/// times within one decision is encoded once.
#[derive(Clone)]
pub struct Record(Arc<Inner>);

impl Record {
    /// Takes bytes as they are in a store.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = OnceLock::from(bytes.into());
        Self(Arc::new(Inner { bytes, decoded: OnceLock::new(), encode: None }))
    }

    /// Keeps `row`, decoded. Rows that say nothing but that they are there share one record.
    pub(crate) fn from_row<R: Serialize + Send + Sync + 'static>(row: R) -> Self {
        static BARE: OnceLock<Record> = OnceLock::new();
        if TypeId::of::<R>() == TypeId::of::<()>() {
            return BARE.get_or_init(|| Self::of(Arc::new(()))).clone();
        }
        Self::of(Arc::new(row))
    }

    fn of<R: Serialize + Send + Sync + 'static>(row: Arc<R>) -> Self {
        let row: Shared = row;
        let decoded = OnceLock::from(row);
        Self(Arc::new(Inner { bytes: OnceLock::new(), decoded, encode: Some(encode_shared::<R>) }))
    }

    /// The bytes.
    ///
    /// # Panics
    ///
    /// Never: a record has its bytes, or a row and the way to encode it.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes.get_or_init(|| {
            let row = self.0.decoded.get().zip(self.0.encode);
            let (row, encode) = row.expect("a record has bytes, or a row and its encoding");
            encode(row)
        })
    }

    /// Keeps the bytes alone, where nobody else has this record: who asks for the row again has it
    /// decoded again.
    pub fn forget_row(&mut self) {
        let _encoded = self.bytes();
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.decoded = OnceLock::new();
        }
    }

    /// The bytes without the version that they were written in: what two stores are compared by.
    pub fn content(&self) -> &[u8] {
        self.bytes().get(1..).unwrap_or_default()
    }

    /// The row, decoded at the first call.
    ///
    /// # Panics
    ///
    /// When the bytes are not such a row: what is stored was encoded here, in this version or one
    /// that the store has migrated, and was checked by its sums when it was read.
    pub fn row<R: DeserializeOwned + Send + Sync + 'static>(&self) -> Arc<R> {
        let shared = self.0.decoded.get_or_init(|| {
            let row: R =
                decode_row(self.bytes()).expect("a stored record decodes as its table says");
            Arc::new(row)
        });
        Arc::clone(shared).downcast().expect("a record belongs to one table and has its row type")
    }
}

/// The bytes of a row that is kept as a record keeps it.
fn encode_shared<R: Serialize + 'static>(row: &Shared) -> Box<[u8]> {
    let row: &R = row.downcast_ref().expect("a record was made from a row of this type");
    let mut room = [0_u8; ROW_BYTES];
    let used = room.split_first_mut().and_then(|(version, rest)| {
        *version = RECORD_VERSION;
        postcard::to_slice(row, rest).ok().map(|row| row.len().saturating_add(1))
    });
    match used.and_then(|n_bytes| room.get(..n_bytes)) {
        Some(bytes) => bytes.into(),
        None => encode_row(row).into_boxed_slice(),
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.bytes().len())
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Record {}

/// The bytes of a row: format version, then postcard.
pub fn encode_row<R: Serialize>(row: &R) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    bytes.push(RECORD_VERSION);
    postcard::to_extend(row, bytes)
        .expect("writing to memory cannot fail, and rows have known lengths")
}

/// Appends the next members of a row, as [`encode_row`] writes them, to those in `bytes`.
pub fn append_row<R: Serialize>(members: &R, bytes: &mut Vec<u8>) {
    let before = std::mem::take(bytes);
    *bytes = postcard::to_extend(members, before)
        .expect("writing to memory cannot fail, and rows have known lengths");
}

/// The first member of a row, without reading the others; none for another format version or
/// damaged bytes.
pub fn first_member<M: DeserializeOwned>(bytes: &[u8]) -> Option<M> {
    let (&version, row) = bytes.split_first()?;
    if version == 0 || version > RECORD_VERSION {
        return None;
    }
    postcard::take_from_bytes(row).ok().map(|(member, _rest)| member)
}

/// The bytes of `what` as links of hash chains are made of: the same in every release.
pub fn encode_for_link<R: Serialize>(what: &R) -> Vec<u8> {
    postcard::to_extend(what, vec![1])
        .expect("writing to memory cannot fail, and rows have known lengths")
}

/// Reads what [`encode_row`] wrote, in this version or one whose layout of the table was the same:
/// a store brings all others to this one when it is opened. None for a later version or damaged
/// bytes.
pub fn decode_row<R: DeserializeOwned>(bytes: &[u8]) -> Option<R> {
    let (&version, row) = bytes.split_first()?;
    if version == 0 || version > RECORD_VERSION {
        return None;
    }
    postcard::from_bytes(row).ok()
}

/// For fields of rows whose type leaves out empty members (outcomes, reasons, document references):
/// kept as a MessagePack map inside the positional record. Use as `#[serde(with = "packed")]`.
pub mod packed {
    use serde::de::{DeserializeOwned, Error as _};
    use serde::{Deserialize as _, Deserializer, Serialize, Serializer};
    use serde_bytes::ByteBuf;

    /// Writes `value` as MessagePack bytes.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        let bytes = rmp_serde::to_vec_named(value).map_err(serde::ser::Error::custom)?;
        to.serialize_bytes(&bytes)
    }

    /// Reads MessagePack bytes.
    ///
    /// # Errors
    ///
    /// Those of the deserializer, or bytes that are not the value.
    pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let bytes = ByteBuf::deserialize(from)?;
        rmp_serde::from_slice(&bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_the_same_before_and_after_its_row_was_forgotten() {
        let row = (7_u32, "x".repeat(2 * ROW_BYTES), Some(true));
        let mut record = Record::from_row(row.clone());
        let shared = record.clone();
        record.forget_row();
        assert_eq!(record.bytes(), encode_row(&row));
        assert_eq!(*record.row::<(u32, String, Option<bool>)>(), row);
        drop(shared);
        record.forget_row();
        assert_eq!(*record.row::<(u32, String, Option<bool>)>(), row);
    }

    #[test]
    fn rows_that_say_nothing_share_one_record() {
        let (one, other) = (Record::from_row(()), Record::from_row(()));
        assert_eq!(one.bytes(), encode_row(&()));
        assert!(Arc::ptr_eq(&one.0, &other.0));
    }
}
