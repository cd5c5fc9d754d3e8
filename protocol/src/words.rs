//! Codes and numbers that people read and scan: each a type of its own, checked where it is born.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// Nothing was given.
    #[error("{word}: nothing was given")]
    Empty {
        /// The kind of code that was expected.
        word: &'static str,
    },
    /// More characters than the code may have.
    #[error("{word}: at most {max} characters, {length} were given")]
    TooLong {
        /// The kind of code that was expected.
        word: &'static str,
        /// The most characters it may have.
        max: usize,
        /// How many were given.
        length: usize,
    },
    /// A control character, or white space at either end.
    #[error("{word}: holds a character that cannot be printed, or starts or ends with a space")]
    Alphabet {
        /// The kind of code that was expected.
        word: &'static str,
    },
}

fn checked(word: &'static str, max: usize, text: &str) -> Result<(), WordError> {
    if text.is_empty() {
        return Err(WordError::Empty { word });
    }
    let length = text.chars().count();
    if length > max {
        return Err(WordError::TooLong { word, max, length });
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(WordError::Alphabet { word });
    }
    Ok(())
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident, $max:literal, $word:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The most characters that this code may have.
            pub const CHARACTERS_MAX: usize = $max;

            /// Checks `text` and makes it a code.
            ///
            /// # Errors
            ///
            /// [`WordError`]: empty, too long, unprintable, or with space at an end.
            pub fn new(text: impl Into<String>) -> Result<Self, WordError> {
                let text = text.into();
                checked($word, $max, &text)?;
                Ok(Self(text))
            }

            /// The code as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = WordError;
            fn try_from(text: String) -> Result<Self, WordError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = WordError;
            fn try_from(text: &str) -> Result<Self, WordError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = WordError;
            fn from_str(text: &str) -> Result<Self, WordError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> Self {
                code.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

words! {
    /// Number of an item card.
    ItemNo, 20, "item number";
    /// Code of a variant of an item.
    VariantCode, 10, "variant code";
    /// Code of a unit of measure.
    UnitCode, 10, "unit code";
    /// Text of a barcode or reference that stands for an item, with or without unit and variant.
    IdentifierCode, 100, "identifier";
    /// Code of a location, the place in the ERP's sense.
    LocationCode, 10, "location code";
    /// Code of a site: a set of locations that a group of devices works in.
    SiteCode, 20, "site code";
    /// Code of a zone within a location.
    ZoneCode, 10, "zone code";
    /// Code of a bin within a location.
    BinCode, 20, "bin code";
    /// Number of a lot. Case is significant.
    LotNo, 50, "lot number";
    /// Serial number. Case is significant.
    SerialNo, 50, "serial number";
    /// Package number, the third dimension of item tracking.
    PackageNo, 50, "package number";
    /// Number of a licence plate (LPN): ours, or the SSCC of whoever packed it.
    PlateNo, 30, "licence plate";
    /// Number of a document.
    DocumentNo, 20, "document number";
    /// Number of a customer or vendor.
    PartnerNo, 20, "partner number";
    /// A reason that a person gives for an adjustment or a short pick.
    ReasonText, 50, "reason";
    /// A person who works with a device or at a desk.
    OperatorId, 20, "operator";
    /// Code of a tracking rule set ("item tracking code").
    TrackingCode, 10, "tracking code";
    /// Name of an IANA time zone.
    ZoneName, 64, "time zone";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_checked_where_it_is_born() {
        assert!(ItemNo::new("BOLT-M8").is_ok());
        assert!(matches!(ItemNo::new(""), Err(WordError::Empty { .. })));
        assert!(matches!(ItemNo::new(" X"), Err(WordError::Alphabet { .. })));
        assert!(matches!(ItemNo::new("A\u{1D}B"), Err(WordError::Alphabet { .. })));
        assert!(matches!(BinCode::new("x".repeat(21)), Err(WordError::TooLong { .. })));
    }
}
