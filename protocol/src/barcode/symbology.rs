//! Which kind of symbol was scanned, by the AIM identifier that the scanner puts in front.
//!
//! **Source:** ISO/IEC 15424; GS1 General Specifications, symbology identifiers.

/// The kind of symbol, where the scanner tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Symbology {
    /// `]C1`: GS1-128.
    Gs1Code128,
    /// `]C0`: Code 128 without GS1 data.
    Code128,
    /// `]e0` to `]e2`: GS1 DataBar and GS1 Composite.
    Gs1DataBar,
    /// `]d2`: GS1 DataMatrix.
    Gs1DataMatrix,
    /// `]d1` and other `]d`: Data Matrix without GS1 data.
    DataMatrix,
    /// `]Q3`: GS1 QR Code.
    Gs1QrCode,
    /// `]Q1` and other `]Q`: QR Code without GS1 data.
    QrCode,
    /// `]J1`: GS1 DotCode.
    Gs1DotCode,
    /// `]J0` and other `]J`: DotCode without GS1 data.
    DotCode,
    /// `]E0`: EAN-13, UPC-A or UPC-E, transmitted as 13 digits.
    Ean13,
    /// `]E4`: EAN-8.
    Ean8,
    /// `]I0`, `]I1`: Interleaved 2 of 5, the symbol of ITF-14.
    Interleaved,
    /// `]A0` to `]A7`: Code 39.
    Code39,
    /// An identifier that nothing here depends on; the data is read as if it were unmarked.
    Unlisted {
        /// The letter that names the symbology.
        letter: char,
        /// The character that says how it was decoded.
        modifier: char,
    },
}

impl Symbology {
    /// Splits the identifier off `text`; what is left is the data of the symbol.
    pub(super) fn split(text: &str) -> (Option<Self>, &str) {
        let mut chars = text.chars();
        if let (Some(']'), Some(letter), Some(modifier)) =
            (chars.next(), chars.next(), chars.next())
            && letter.is_ascii_alphabetic()
            && modifier.is_ascii_alphanumeric()
        {
            return (Some(Self::named(letter, modifier)), chars.as_str());
        }
        (None, text)
    }

    /// Whether the symbol itself says that it carries a GS1 element string.
    pub fn is_gs1(self) -> bool {
        matches!(
            self,
            Self::Gs1Code128
                | Self::Gs1DataBar
                | Self::Gs1DataMatrix
                | Self::Gs1QrCode
                | Self::Gs1DotCode
        )
    }

    fn named(letter: char, modifier: char) -> Self {
        match (letter, modifier) {
            ('C', '1') => Self::Gs1Code128,
            ('C', '0') => Self::Code128,
            ('e', '0'..='2') => Self::Gs1DataBar,
            ('d', '2') => Self::Gs1DataMatrix,
            ('d', _) => Self::DataMatrix,
            ('Q', '3') => Self::Gs1QrCode,
            ('Q', _) => Self::QrCode,
            ('J', '1') => Self::Gs1DotCode,
            ('J', _) => Self::DotCode,
            ('E', '0') => Self::Ean13,
            ('E', '4') => Self::Ean8,
            ('I', '0' | '1') => Self::Interleaved,
            ('A', '0'..='7') => Self::Code39,
            _ => Self::Unlisted { letter, modifier },
        }
    }
}
