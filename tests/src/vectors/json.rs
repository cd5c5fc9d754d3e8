//! What vector files are made of: decimals and integers that never were floats, dates, rows that
//! remember how they were written.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A decimal, read from a string or from the digits of a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "Value")]
pub struct Dec(pub Decimal);

impl TryFrom<Value> for Dec {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(format!("{other} is no decimal")),
        };
        Decimal::from_str_exact(&text)
            .or_else(|_plain| Decimal::from_scientific(&text))
            .map(Self)
            .map_err(|error| format!("{text} is no decimal: {error}"))
    }
}

/// A count or a number of an entry, a line, a step: an integer, or the same digits as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(try_from = "Value")]
pub struct Int(pub u64);

impl TryFrom<Value> for Int {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(format!("{other} is no number of an entry")),
        };
        text.parse().map(Self).map_err(|error| format!("{text} is no number of an entry: {error}"))
    }
}

impl Int {
    /// The number as a line number.
    pub fn line(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// The number as a size.
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A row of a list, with its text for messages.
#[derive(Debug, Clone)]
pub struct Row<T> {
    /// As it is written in the file.
    pub raw: Value,
    /// What it says.
    pub row: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Row<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Value::deserialize(deserializer)?;
        let row =
            T::deserialize(&raw).map_err(|error| D::Error::custom(format!("{error} in {raw}")))?;
        Ok(Self { raw, row })
    }
}

/// For a member that may be missing, or null with a meaning of its own: `Some(None)`.
pub fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The last day of a vector's time, for open ends.
pub fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// Whether `T` has an arm for `key`: a member that is unknown is refused before its value is read.
pub fn knows<T: DeserializeOwned>(key: &str) -> bool {
    let object = Value::Object([(key.to_owned(), Value::Null)].into_iter().collect());
    match serde_json::from_value::<T>(object) {
        Ok(_read) => true,
        Err(error) => !error.to_string().contains("unknown field"),
    }
}
