//! Records: the bytes of a row, shared, decoded once.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Format version in front of every record of this release.
pub const RECORD_VERSION: u8 = 1;

type Shared = Arc<dyn Any + Send + Sync>;

struct Inner {
    bytes: Box<[u8]>,
    decoded: OnceLock<Shared>,
}

/// The bytes of a row: a format version, then the row in postcard. Cloning shares it.
#[derive(Clone)]
pub struct Record(Arc<Inner>);

impl Record {
    /// Takes bytes as they are in a store.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Arc::new(Inner { bytes: bytes.into(), decoded: OnceLock::new() }))
    }

    /// Encodes `row` and keeps it decoded.
    pub(crate) fn from_row<R: Serialize + Send + Sync + 'static>(row: &Arc<R>) -> Self {
        let bytes = encode_row(&**row).into_boxed_slice();
        let shared: Shared = Arc::<R>::clone(row);
        Self(Arc::new(Inner { bytes, decoded: OnceLock::from(shared) }))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
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
                decode_row(&self.0.bytes).expect("a stored record decodes as its table says");
            Arc::new(row)
        });
        Arc::clone(shared).downcast().expect("a record belongs to one table and has its row type")
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.0.bytes.len())
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Record {}

/// The bytes of a row: format version, then postcard.
pub fn encode_row<R: Serialize>(row: &R) -> Vec<u8> {
    let bytes = vec![RECORD_VERSION];
    postcard::to_extend(row, bytes)
        .expect("writing to memory cannot fail, and rows have known lengths")
}

/// Reads what [`encode_row`] wrote; none for another format version or damaged bytes.
pub fn decode_row<R: DeserializeOwned>(bytes: &[u8]) -> Option<R> {
    let (&version, row) = bytes.split_first()?;
    if version != RECORD_VERSION {
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
