//! What a scan means: GS1 element strings, item numbers, logistic units, web links, our own
//! labels.
//!
//! Invariants:
//!
//! 1. Every text has a [`Reading`]; nothing here panics, reads a clock or looks anything up.
//! 2. Nothing is guessed. Where the characters allow several meanings, all of them are answered, in
//!    the order of [`Meaning`], and whoever knows the items and the flow decides.
//! 3. A check digit, a character or a date that is wrong makes an error and no meaning at all; an
//!    odd combination of sound elements makes a warning.
//! 4. A value that is handed out is valid: [`Gtin14`], [`Sscc`] and [`Element`] cannot be made of
//!    anything else.
//!
//! Deliberately not here: which item a number belongs to, and the allocation of company prefixes.
//!
//! Order of reading: [`read`], then `own` (our labels), `link` (web links), `gs1` (element
//! strings), `table` and `part` (what each application identifier may hold), `check` (what the
//! content must be), `rule` (what goes together).

mod check;
mod check_digit;
mod code_list;
mod coupon;
mod date;
mod element;
mod fault;
mod gs1;
mod key;
mod link;
mod lookup;
mod own;
mod part;
mod profile;
mod rule;
mod symbology;
mod table;

#[cfg(test)]
mod facts;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::fmt;

pub use check::Check;
pub use check_digit::{check_digit, check_pair};
pub use element::{ELEMENTS_MAX, Element, Elements};
pub use fault::{ScanError, Warning};
pub use key::{Gtin14, Sscc};
pub use lookup::{NotLookedUp, check_looked_up};
pub use own::{BadgeCode, Enrolment, OWN_CODE_CHARACTERS_MAX, ScanCommand};
pub use profile::{GROUP_SEPARATOR, ScanProfile, SeparatorProfile, SeparatorTrust};
pub use symbology::Symbology;

/// More than the largest symbol holds (QR Code, 7,089 digits), in bytes.
pub const SCAN_BYTES_MAX: usize = 8192;

/// From how many characters on a text that is twice the same makes one wonder.
const REPEATED_CHARACTERS_MIN: usize = 4;

/// One way to understand a scan.
///
/// Several meanings come in this order: one of our own labels (then alone), a link (then alone),
/// element strings, a logistic unit, an item number, the plain text. Of several element strings,
/// the one without missing separators comes first. Where the whole text is a logistic unit or an item
/// number by its check digit, element strings that nothing proves come behind that; where it is as long
/// as an item number, and is none, they come behind the plain text: it is a number of one's own, or one
/// that was misread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// `B:`: a bin.
    Bin(String),
    /// `U:`: a person's badge.
    Badge(BadgeCode),
    /// `D:`: a warehouse document.
    Document(String),
    /// `L:`: a licence plate, our own name for a pallet or a box.
    LicencePlate(String),
    /// `CMD:`: a command from the wall chart.
    Command(ScanCommand),
    /// `TALLYMAN1:`: a new device is invited.
    Enrolment(Enrolment),
    /// A GS1 Digital Link.
    DigitalLink {
        /// What its path and query carry, path first.
        elements: Elements,
        /// The link as scanned.
        uri: String,
    },
    /// A GS1 element string.
    Gs1(Elements),
    /// 18 digits that are a logistic unit.
    Sscc(Sscc),
    /// 8, 12, 13 or 14 digits that are an item number.
    Gtin(Gtin14),
    /// The text itself, to be looked up: our own item numbers and references look like this. Last
    /// wherever nothing proves that the text is something else.
    Plain(String),
}

impl Meaning {
    /// The elements of an element string or a link.
    pub fn elements(&self) -> Option<&Elements> {
        match self {
            Self::Gs1(elements) | Self::DigitalLink { elements, .. } => Some(elements),
            Self::Bin(_)
            | Self::Badge(_)
            | Self::Document(_)
            | Self::LicencePlate(_)
            | Self::Command(_)
            | Self::Enrolment(_)
            | Self::Sscc(_)
            | Self::Gtin(_)
            | Self::Plain(_) => None,
        }
    }
}

/// All that can be known of a scan without looking anything up. `Debug` hides badges and tickets.
#[derive(Clone, PartialEq, Eq)]
pub struct Reading {
    /// What arrived, untouched.
    pub raw: String,
    /// The data of the symbol: without noise around it and without the symbology identifier.
    pub text: String,
    /// The kind of symbol, where the scanner told.
    pub symbology: Option<Symbology>,
    /// How the first separator arrived, for the self-test of a device.
    pub separator: Option<String>,
    /// All the scan may mean; empty exactly when there is an error.
    pub meanings: Vec<Meaning>,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// Why it means nothing.
    pub error: Option<ScanError>,
}

impl Reading {
    /// The meaning, if there is only one.
    pub fn only(&self) -> Option<&Meaning> {
        match self.meanings.as_slice() {
            [meaning] => Some(meaning),
            _ => None,
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reading = f.debug_struct("Reading");
        reading.field("symbology", &self.symbology);
        if own::is_secret(&self.raw) {
            let error = self.error.as_ref().map(ScanError::code);
            return reading.field("error", &error).finish_non_exhaustive();
        }
        reading
            .field("raw", &self.raw)
            .field("text", &self.text)
            .field("separator", &self.separator)
            .field("meanings", &self.meanings)
            .field("warnings", &self.warnings)
            .field("error", &self.error)
            .finish()
    }
}

/// What the application identifier `ai` means, in English, or none if there is none such.
pub fn title(ai: &str) -> Option<&'static str> {
    table::Row::of(ai).map(|row| row.title)
}

/// Reads one scan of a device with this profile.
pub fn read(raw: &str, profile: &ScanProfile) -> Reading {
    let mut reading = Reading {
        raw: raw.to_owned(),
        text: String::new(),
        symbology: None,
        separator: None,
        meanings: Vec::new(),
        warnings: Vec::new(),
        error: None,
    };
    if let Err(error) = understand(&mut reading, profile) {
        reading.meanings.clear();
        reading.error = Some(error);
    }
    reading
}

/// The code under which an item is looked up by this scan, whatever the scanner puts around it: the item
/// number among the elements of a label, otherwise the text of the symbol without noise and without the
/// symbology identifier.
pub fn item_code(raw: &str) -> String {
    // The year is of no account: dates are no part of it.
    let reading = read(raw, &ScanProfile::tested(2000));
    let elements = reading.meanings.first().and_then(Meaning::elements);
    elements
        .and_then(Elements::gtin)
        .map_or_else(|| reading.text.clone(), |gtin| gtin.as_str().to_owned())
}

fn understand(reading: &mut Reading, profile: &ScanProfile) -> Result<(), ScanError> {
    if reading.raw.len() > SCAN_BYTES_MAX {
        return Err(ScanError::TooLong { length: reading.raw.len() });
    }
    clean(reading)?;
    let text = reading.text.clone();
    if reading.symbology.is_some_and(Symbology::is_gs1) {
        return element_string(reading, profile);
    }
    if let Some(meaning) = own::read(&text) {
        reading.meanings.push(meaning?);
        return Ok(());
    }
    if let Some(link) = link::read(&text, profile.year) {
        let (elements, warnings) = link?;
        reading.meanings.push(Meaning::DigitalLink { elements, uri: text });
        reading.warnings.extend(warnings);
        return Ok(());
    }
    if matches!(reading.symbology, Some(Symbology::Ean13 | Symbology::Ean8)) {
        reading.meanings.push(Meaning::Gtin(ean(reading.symbology, &text)?));
        return Ok(());
    }
    unmarked(reading, profile)
}

/// Takes off noise and the symbology identifier.
fn clean(reading: &mut Reading) -> Result<(), ScanError> {
    // The separator is a control character, too, but one with a meaning.
    let noise =
        |c: char| (c.is_control() && c != GROUP_SEPARATOR) || c.is_whitespace() || c == '\u{FEFF}';
    let trimmed = reading.raw.trim_matches(noise);
    if trimmed.len() != reading.raw.len() {
        reading.warnings.push(Warning::NoiseTrimmed);
    }
    let (symbology, text) = Symbology::split(trimmed);
    reading.symbology = symbology;
    reading.text = text.to_owned();
    if reading.text.is_empty() {
        return Err(ScanError::Empty);
    }
    if is_repeated(trimmed) {
        reading.warnings.push(Warning::MaybeRepeated);
    }
    if text.chars().any(|c| c.is_control() && c != GROUP_SEPARATOR) {
        return Err(ScanError::ControlInside);
    }
    Ok(())
}

/// Whether `text` is one text twice, with or without noise between.
fn is_repeated(text: &str) -> bool {
    let half = text.len() >> 1;
    let joined = text.split_at_checked(half).is_some_and(|(first, rest)| first == rest);
    let parted = text.split_once(char::is_control).is_some_and(|(first, rest)| {
        first.len() >= REPEATED_CHARACTERS_MIN && rest.trim_matches(char::is_control) == first
    });
    parted || (joined && half >= REPEATED_CHARACTERS_MIN)
}

/// The element string of a symbol that says it has one.
fn element_string(reading: &mut Reading, profile: &ScanProfile) -> Result<(), ScanError> {
    let unmasked = profile.separators.unmask(&reading.text);
    reading.separator = unmasked.seen;
    let readings = if reading.text.starts_with('(') {
        gs1::read_bracketed(&unmasked.text, profile.year)?
    } else {
        gs1::read(&unmasked.text, profile.separators.trust, profile.year)?
    };
    keep(reading, readings);
    Ok(())
}

fn keep(reading: &mut Reading, readings: gs1::Readings) {
    reading.meanings.extend(readings.all.into_iter().map(Meaning::Gs1));
    reading.warnings.extend(readings.warnings);
}

/// The item number of an EAN symbol, which holds nothing else.
fn ean(symbology: Option<Symbology>, text: &str) -> Result<Gtin14, ScanError> {
    let fits = match text.len() {
        8 => symbology == Some(Symbology::Ean8),
        // UPC-A is an EAN-13 that some scanners send without its leading zero.
        12 | 13 => symbology == Some(Symbology::Ean13),
        _ => false,
    };
    if fits { Gtin14::new(text) } else { Err(ScanError::GtinLength { digits: text.to_owned() }) }
}

/// A text that only its own form can explain.
fn unmarked(reading: &mut Reading, profile: &ScanProfile) -> Result<(), ScanError> {
    let text = reading.text.clone();
    let unmasked = profile.separators.unmask(&text);
    let proven = unmasked.proves() || gs1::is_bracketed(&text);
    if proven {
        return element_string(reading, profile);
    }
    // The length of an item number, or the check digit of a logistic unit, says more than an identifier
    // that the number happens to begin with.
    let is_number = Sscc::new(&text).is_ok() || key::has_length_of_gtin(&text);
    let mut behind = Vec::new();
    // A symbol that says it is not GS1 is believed, unless a separator shows that it is.
    if reading.symbology.is_none() || unmasked.seen.is_some() {
        match gs1::read(&unmasked.text, profile.separators.trust, profile.year) {
            // Many an item number starts like one of the identifiers that anybody may use for
            // anything; alone and unmarked, such an element says nothing.
            Ok(readings) if readings.all.iter().all(gs1::is_internal) => {}
            Ok(mut readings) => {
                if is_number {
                    let (proven, unproven) = readings.all.into_iter().partition(is_proven);
                    readings.all = proven;
                    behind = unproven;
                }
                keep(reading, readings);
                reading.separator = unmasked.seen;
            }
            Err(error) if gs1::is_evident(&unmasked.text) => return Err(error),
            // A number of one's own stays one, but somebody should hear of it.
            Err(ScanError::Ambiguous) => reading.warnings.push(Warning::SeparatorMaybeMissing),
            Err(_) => {}
        }
    }
    if let Ok(sscc) = Sscc::new(&text) {
        reading.meanings.push(Meaning::Sscc(sscc));
    }
    match Gtin14::new(&text) {
        Ok(gtin) => reading.meanings.push(Meaning::Gtin(gtin)),
        // Eight digits are common as item numbers of one's own, so they raise no eyebrow.
        Err(ScanError::GtinCheckDigit { .. }) if text.len() > 8 => {
            reading.warnings.push(Warning::LooksLikeGtin);
        }
        Err(_) => {}
    }
    let is_key = reading.meanings.iter().any(|known| !matches!(known, Meaning::Gs1(_)));
    let behind = behind.into_iter().map(Meaning::Gs1);
    if is_key {
        reading.meanings.extend(behind.chain([Meaning::Plain(text)]));
    } else {
        reading.meanings.extend([Meaning::Plain(text)].into_iter().chain(behind));
    }
    Ok(())
}

/// Whether a check digit inside shows that it is an element string.
fn is_proven(elements: &Elements) -> bool {
    elements.gtin().is_some() || elements.sscc().is_some()
}
