//! How one device delivers what it scans: the century it lives in and the disguises of its
//! separator.

use serde::{Deserialize, Serialize};

/// FNC1 as scanners transmit it inside a message.
///
/// Source: GS1 General Specifications 7.8.
pub const GROUP_SEPARATOR: char = '\u{1D}';

/// The picture of the separator that some terminals print in place of it.
const PICTURE: &str = "\u{241D}";

/// What a scan cannot tell by itself and the caller therefore has to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanProfile {
    /// Today's year, four digits: two-digit years on labels are read around it.
    pub year: i32,
    /// How the separator arrives from this device.
    pub separators: SeparatorProfile,
}

impl ScanProfile {
    /// The profile of a device nobody has tested yet, in the given year.
    pub fn untested(year: i32) -> Self {
        Self { year, separators: SeparatorProfile::default() }
    }

    /// The profile of a device that passed its separator test, in the given year.
    pub fn tested(year: i32) -> Self {
        Self {
            year,
            separators: SeparatorProfile {
                trust: SeparatorTrust::Transmitted,
                ..SeparatorProfile::default()
            },
        }
    }
}

/// Whether a missing separator means that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeparatorTrust {
    /// The device passed its separator test: a value ends where the data ends.
    Transmitted,
    /// Never tested, or known to swallow separators: a scan that shows a separator is trusted, one
    /// that shows none is doubted.
    Doubted,
}

/// The texts by which one device delivers the separator, and whether it does at all.
///
/// The raw separator (0x1D) is always understood and needs no alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeparatorProfile {
    /// Texts that stand for a separator in a GS1 message, compared without regard to ASCII case.
    /// Empty texts are ignored; where two aliases fit, the longer one wins.
    pub aliases: Vec<String>,
    /// Whether a missing separator means that there was none.
    pub trust: SeparatorTrust,
}

impl SeparatorProfile {
    /// The aliases that cannot be mistaken: but for `<GS>`, each holds a character that no GS1
    /// value may hold. `0029`, left over when Alt+0029 loses its Alt, is all digits and therefore
    /// never assumed; a device that needs it says so in its own profile.
    pub const DEFAULT_ALIASES: [&'static str; 15] = [
        "<GS>", "{GS}", "[GS]", PICTURE, "\\x1d", "\\u001d", "\\u{1d}", "\\029", "<Ctrl+]>",
        "Ctrl+]", "^]", "]", "^", "|", "~",
    ];

    /// Replaces every disguise in `text` by the raw separator.
    pub(super) fn unmask(&self, text: &str) -> Unmasked {
        let mut aliases: Vec<&str> =
            self.aliases.iter().map(String::as_str).filter(|alias| !alias.is_empty()).collect();
        aliases.sort_by_key(|alias| std::cmp::Reverse(alias.len()));
        let mut unmasked = Unmasked { text: String::with_capacity(text.len()), seen: None };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let raw = text_of(GROUP_SEPARATOR, first);
            let found = raw.or_else(|| aliases.iter().copied().find(|alias| starts(rest, alias)));
            let taken = if let Some(alias) = found {
                unmasked.text.push(GROUP_SEPARATOR);
                unmasked.seen.get_or_insert_with(|| alias.to_owned());
                alias.len()
            } else {
                unmasked.text.push(first);
                first.len_utf8()
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        unmasked
    }
}

impl Default for SeparatorProfile {
    fn default() -> Self {
        Self {
            aliases: Self::DEFAULT_ALIASES.iter().map(|&alias| alias.to_owned()).collect(),
            trust: SeparatorTrust::Doubted,
        }
    }
}

/// A text whose separators are all raw.
pub(super) struct Unmasked {
    /// The text with raw separators.
    pub(super) text: String,
    /// How the first separator arrived, or none if there was no separator.
    pub(super) seen: Option<String>,
}

impl Unmasked {
    /// Whether the separator alone proves that this is a GS1 message. A single printable character
    /// proves nothing, a shelf label may well read `10A|21B`; nor do letters and digits.
    pub(super) fn proves(&self) -> bool {
        self.seen.as_deref().is_some_and(|seen| {
            let telling = seen.chars().any(|c| !c.is_ascii_alphanumeric());
            seen == PICTURE || seen == "\u{1D}" || (telling && seen.chars().nth(1).is_some())
        })
    }
}

fn text_of(expected: char, found: char) -> Option<&'static str> {
    (expected == found).then_some("\u{1D}")
}

fn starts(text: &str, alias: &str) -> bool {
    text.get(..alias.len()).is_some_and(|head| head.eq_ignore_ascii_case(alias))
}
