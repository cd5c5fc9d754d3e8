//! Order-preserving keys: the order of the bytes is the order of the values.
//!
//! Numbers are big endian, signed ones with the sign bit turned; texts are closed by `00 00`, with
//! `00` inside escaped as `00 01`, so that a shorter text sorts before its extensions and a prefix
//! of a key is a prefix of its bytes.

use chrono::{Datelike as _, NaiveDate};
use smallvec::SmallVec;

/// The bytes of a key. Those of most keys lie where it lies: to compare two, nothing else has to be fetched
/// from memory, and nothing is asked of the allocator.
pub type KeyBytes = SmallVec<[u8; 40]>;

/// A value that can be part of a key.
pub trait Key: Sized {
    /// Appends the value to `bytes`.
    fn write(&self, bytes: &mut KeyBytes);
    /// Reads the value from the front of `bytes` and moves it on; none when they are not such a key.
    fn read(bytes: &mut &[u8]) -> Option<Self>;

    /// The bytes of this key.
    fn to_bytes(&self) -> KeyBytes {
        let mut bytes = KeyBytes::new();
        self.write(&mut bytes);
        bytes
    }

    /// The key that `bytes` are, wholly.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let key = Self::read(&mut bytes)?;
        bytes.is_empty().then_some(key)
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}

macro_rules! unsigned {
    ($($type:ty),*) => {$(
        impl Key for $type {
            fn write(&self, bytes: &mut KeyBytes) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(Self::from_be_bytes)
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

impl<const N: usize> Key for [u8; N] {
    fn write(&self, bytes: &mut KeyBytes) {
        bytes.extend_from_slice(self);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}

impl Key for i64 {
    fn write(&self, bytes: &mut KeyBytes) {
        (self.cast_unsigned() ^ (1 << 63)).write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((u64::read(bytes)? ^ (1 << 63)).cast_signed())
    }
}

impl Key for i32 {
    fn write(&self, bytes: &mut KeyBytes) {
        (self.cast_unsigned() ^ (1 << 31)).write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((u32::read(bytes)? ^ (1 << 31)).cast_signed())
    }
}

impl Key for bool {
    fn write(&self, bytes: &mut KeyBytes) {
        u8::from(*self).write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Key for String {
    fn write(&self, bytes: &mut KeyBytes) {
        write_text(self, bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        read_text(bytes)
    }
}

/// Writes `text` as a part of a key.
pub fn write_text(text: &str, bytes: &mut KeyBytes) {
    for byte in text.bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(1);
        }
    }
    bytes.extend_from_slice(&[0, 0]);
}

/// Reads what [`write_text`] wrote.
pub fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if byte == 0 {
            let (&mark, rest) = bytes.split_first()?;
            *bytes = rest;
            match mark {
                0 => return String::from_utf8(text).ok(),
                1 => text.push(0),
                _ => return None,
            }
        } else {
            text.push(byte);
        }
    }
}

impl Key for NaiveDate {
    fn write(&self, bytes: &mut KeyBytes) {
        self.num_days_from_ce().write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Self::from_num_days_from_ce_opt(i32::read(bytes)?)
    }
}

impl Key for () {
    fn write(&self, _bytes: &mut KeyBytes) {}
    fn read(_bytes: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Key),+> Key for ($($name,)+) {
            fn write(&self, bytes: &mut KeyBytes) {
                #[expect(non_snake_case, reason = "the parts are named after their types")]
                let ($($name,)+) = self;
                $($name.write(bytes);)+
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($name::read(bytes)?,)+))
            }
        }
    )*};
}
tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

/// Declares a struct that is a key: its fields in order.
#[macro_export]
macro_rules! key_struct {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)+ })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        impl $crate::key::Key for $name {
            fn write(&self, bytes: &mut $crate::key::KeyBytes) {
                $($crate::key::Key::write(&self.$field, bytes);)+
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: <$type as $crate::key::Key>::read(bytes)?,)+ })
            }
        }
    )*};
}

/// Declares numbers of the ledger that are parts of keys.
#[macro_export]
macro_rules! key_number {
    ($($(#[$doc:meta])* pub struct $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default,
            serde::Serialize, serde::Deserialize,
        )]
        pub struct $name(pub $inner);

        impl $crate::key::Key for $name {
            fn write(&self, bytes: &mut $crate::key::KeyBytes) {
                $crate::key::Key::write(&self.0, bytes);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                <$inner as $crate::key::Key>::read(bytes).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

macro_rules! protocol_numbers {
    ($($name:ident),*) => {$(
        impl Key for protocol::identity::$name {
            fn write(&self, bytes: &mut KeyBytes) {
                self.0.write(bytes);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(Self(Key::read(bytes)?))
            }
        }
    )*};
}
protocol_numbers!(
    DeviceId,
    Incarnation,
    Seq,
    Boot,
    IntakeNo,
    Lsn,
    ServerEpoch,
    CaseId,
    TaskId,
    HoldId,
    ServerTime
);

impl Key for protocol::identity::OperationId {
    fn write(&self, bytes: &mut KeyBytes) {
        self.device.write(bytes);
        self.incarnation.write(bytes);
        self.seq.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let device = Key::read(bytes)?;
        let incarnation = Key::read(bytes)?;
        let seq = Key::read(bytes)?;
        Some(Self { device, incarnation, seq })
    }
}

macro_rules! protocol_words {
    ($($name:ident),*) => {$(
        impl Key for protocol::words::$name {
            fn write(&self, bytes: &mut KeyBytes) {
                write_text(self.as_str(), bytes);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Self::new(read_text(bytes)?).ok()
            }
        }
    )*};
}
protocol_words!(
    ItemNo,
    VariantCode,
    UnitCode,
    IdentifierCode,
    LocationCode,
    SiteCode,
    ZoneCode,
    BinCode,
    LotNo,
    SerialNo,
    PackageNo,
    PlateNo,
    DocumentNo,
    PartnerNo,
    OperatorId,
    TrackingCode
);

impl Key for protocol::operation::DocumentKind {
    fn write(&self, bytes: &mut KeyBytes) {
        let number: u8 = match self {
            Self::PurchaseOrder => 1,
            Self::PurchaseReturnOrder => 2,
            Self::SalesOrder => 3,
            Self::SalesReturnOrder => 4,
            Self::TransferOrder => 5,
            Self::AssemblyOrder => 6,
            Self::CountOrder => 7,
        };
        number.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(match u8::read(bytes)? {
            1 => Self::PurchaseOrder,
            2 => Self::PurchaseReturnOrder,
            3 => Self::SalesOrder,
            4 => Self::SalesReturnOrder,
            5 => Self::TransferOrder,
            6 => Self::AssemblyOrder,
            7 => Self::CountOrder,
            _ => return None,
        })
    }
}

impl<T: Key> Key for Option<T> {
    fn write(&self, bytes: &mut KeyBytes) {
        match self {
            None => bytes.push(0),
            Some(value) => {
                bytes.push(1);
                value.write(bytes);
            }
        }
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(None),
            1 => T::read(bytes).map(Some),
            _ => None,
        }
    }
}

/// A half-open range of key bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub from: KeyBytes,
    /// First key beyond it.
    pub to: KeyBytes,
}

impl KeyRange {
    /// All keys that start with `prefix`.
    pub fn prefix(prefix: &impl Key) -> Self {
        let from = prefix.to_bytes();
        let to = after_prefix(&from);
        Self { from, to }
    }

    /// All keys that start with `prefix` and are not below `from`, which itself starts with it.
    pub fn prefix_from(prefix: &impl Key, from: &impl Key) -> Self {
        Self { from: from.to_bytes(), to: after_prefix(&prefix.to_bytes()) }
    }

    /// All keys that start with `prefix` and lie after `key` and all its extensions.
    pub fn prefix_after(prefix: &impl Key, key: &impl Key) -> Self {
        Self { from: after_prefix(&key.to_bytes()), to: after_prefix(&prefix.to_bytes()) }
    }

    /// All keys that start with `prefix` and lie before `key`.
    pub fn prefix_before(prefix: &impl Key, key: &impl Key) -> Self {
        Self { from: prefix.to_bytes(), to: key.to_bytes() }
    }

    /// All keys `from ≤ key < to`.
    pub fn between(from: &impl Key, to: &impl Key) -> Self {
        Self { from: from.to_bytes(), to: to.to_bytes() }
    }

    /// All keys of a table.
    pub fn all() -> Self {
        Self { from: KeyBytes::new(), to: after_prefix(&[]) }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// The first key after `key` itself: nothing lies between a key and itself with a zero behind.
pub fn after(key: &[u8]) -> KeyBytes {
    let mut next = KeyBytes::from_slice(key);
    next.push(0);
    next
}

/// The first bytes after everything that starts with `prefix`.
fn after_prefix(prefix: &[u8]) -> KeyBytes {
    let mut bytes = KeyBytes::from_slice(prefix);
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return bytes;
        }
    }
    // No key is longer than a few hundred bytes, and none starts with this many ones.
    KeyBytes::from_elem(u8::MAX, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered<K: Key + Ord + std::fmt::Debug + PartialEq>(values: &[K]) {
        for pair in values.windows(2) {
            let [left, right] = pair else { unreachable!("windows of two") };
            assert!(left < right, "the example is not in order");
            assert!(left.to_bytes() < right.to_bytes(), "{left:?} {right:?}");
        }
        for value in values {
            assert_eq!(K::from_bytes(&value.to_bytes()).as_ref(), Some(value));
        }
    }

    #[test]
    fn the_order_of_bytes_is_the_order_of_values() {
        ordered(&[i64::MIN, -1, 0, 1, i64::MAX]);
        ordered(&[0_u32, 1, 255, 256, u32::MAX]);
        ordered(&[
            String::new(),
            "\0".to_owned(),
            "\0a".to_owned(),
            "a".to_owned(),
            "ab".to_owned(),
        ]);
        ordered(&[("a".to_owned(), 9_u32), ("ab".to_owned(), 1), ("b".to_owned(), 0)]);
        ordered(&[None, Some(0_u8), Some(1)]);
    }

    #[test]
    fn a_prefix_range_holds_exactly_the_extensions() {
        let range = KeyRange::prefix(&(7_u32,));
        for (key, inside) in [((7_u32, 0_u32), true), ((7, u32::MAX), true), ((8, 0), false)] {
            let bytes = key.to_bytes();
            assert_eq!(range.from <= bytes && bytes < range.to, inside, "{key:?}");
        }
    }
}
