//! The keys that stand alone in a symbol: GTIN and SSCC.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::check_digit;
use super::fault::ScanError;

/// A trade item number in its 14-digit form; its check digit is right.
///
/// GTIN-8, GTIN-12 and GTIN-13 are padded with zeros on the left, so that one item has one key.
///
/// Source: GS1 General Specifications 3.3.2.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gtin14(String);

impl Gtin14 {
    /// Checks 8, 12, 13 or 14 digits and pads them.
    ///
    /// # Errors
    ///
    /// - [`ScanError::GtinLength`]: another length, or not all digits.
    /// - [`ScanError::GtinCheckDigit`]: the last digit does not fit the others.
    pub fn new(digits: &str) -> Result<Self, ScanError> {
        if !has_length_of_gtin(digits) {
            return Err(ScanError::GtinLength { digits: digits.to_owned() });
        }
        if !check_digit::digit_fits(digits) {
            return Err(ScanError::GtinCheckDigit { digits: digits.to_owned() });
        }
        Ok(Self(format!("{digits:0>14}")))
    }

    /// The 14 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of a logistic unit, 18 digits; its check digit is right.
///
/// Source: GS1 General Specifications 3.3.1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sscc(String);

impl Sscc {
    /// Checks 18 digits.
    ///
    /// # Errors
    ///
    /// [`ScanError::SsccMalformed`]: not 18 digits, or the last does not fit the others.
    pub fn new(digits: &str) -> Result<Self, ScanError> {
        if digits.len() == 18 && all_digits(digits) && check_digit::digit_fits(digits) {
            return Ok(Self(digits.to_owned()));
        }
        Err(ScanError::SsccMalformed { digits: digits.to_owned() })
    }

    /// The 18 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text` is as many digits as an item number has.
pub(super) fn has_length_of_gtin(text: &str) -> bool {
    matches!(text.len(), 8 | 12 | 13 | 14) && all_digits(text)
}

pub(super) fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

macro_rules! text_forms {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ScanError;
            fn try_from(text: String) -> Result<Self, ScanError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> Self {
                key.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_forms!(Gtin14);
text_forms!(Sscc);
