//! One scan, read: what the symbol says, before anybody has looked up what it means here.

use chrono::NaiveDate;
use protocol::barcode::{self, Meaning, Reading, ScanCommand};
use protocol::quantity::Quantity;

/// How a text came into the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From a scanner: stored with the operation as evidence.
    Scanner,
    /// Typed by a person.
    Keyed,
}

/// One scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The text exactly as it was delivered.
    pub raw: String,
    /// How it was delivered.
    pub source: Source,
    /// What it says. Several readings where the symbol can honestly be read in several ways.
    pub readings: Vec<Content>,
}

/// What a symbol says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A text that may be anything: item, bin, document, lot …
    Plain(String),
    /// An item number of 14 digits.
    Gtin(String),
    /// A GS1 message.
    Elements(Elements),
    /// One of our own bin labels.
    Bin(String),
    /// A licence plate: ours, or an SSCC.
    Plate(String),
    /// One of our own document labels.
    Document(String),
    /// A printed command.
    Command(ScanCommand),
    /// A label with no meaning inside a flow: a badge, an enrolment code.
    Elsewhere,
    /// A damaged code, with the stable name of what is wrong.
    Damaged(&'static str),
}

/// The parts of a GS1 message that a flow can use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Elements {
    /// The item number, 14 digits: of the thing itself, or of what it contains.
    pub gtin: Option<String>,
    /// The lot.
    pub lot: Option<String>,
    /// The serial number.
    pub serial: Option<String>,
    /// The expiration date; the best-before date where there is no other.
    pub expiry: Option<NaiveDate>,
    /// How many, in the unit that the item number stands for.
    pub count: Option<Quantity>,
    /// The net weight in kilograms.
    pub kilograms: Option<Quantity>,
    /// The logistic unit.
    pub sscc: Option<String>,
}

impl Elements {
    fn of(elements: &barcode::Elements) -> Self {
        let gtin = elements.gtin().or_else(|| elements.contained_gtin());
        let count = elements.count().and_then(|n| i128::from(n).checked_mul(100_000));
        Self {
            gtin: gtin.map(String::from),
            lot: elements.lot().map(str::to_owned),
            serial: elements.serial().map(str::to_owned),
            expiry: elements.expiry().or_else(|| elements.best_before()),
            count: count.and_then(Quantity::from_units),
            kilograms: elements.net_weight_kg().and_then(|weight| Quantity::new(weight).ok()),
            sscc: elements.sscc().map(String::from),
        }
    }

    /// Whether a check digit proves that this was meant to be a GS1 message.
    fn is_proven(&self) -> bool {
        self.gtin.is_some() || self.sscc.is_some()
    }
}

impl Scan {
    /// What a reading says to a flow.
    pub fn of(reading: &Reading) -> Self {
        let readings = match &reading.error {
            Some(error) => vec![Content::Damaged(error.code())],
            None => contents(&reading.meanings),
        };
        Self { raw: reading.raw.clone(), source: Source::Scanner, readings }
    }

    /// A text that a person typed where a scan was expected.
    pub fn keyed(text: &str) -> Self {
        let text = text.trim().to_owned();
        Self { raw: text.clone(), source: Source::Keyed, readings: vec![Content::Plain(text)] }
    }

    /// The command, when it is one.
    pub fn command(&self) -> Option<ScanCommand> {
        match self.readings.as_slice() {
            [Content::Command(command)] => Some(*command),
            _ => None,
        }
    }

    /// What a person sees on the label: the text without symbology and separators. Nothing of a
    /// badge or an enrolment code.
    pub fn shown(&self) -> String {
        if self.readings.contains(&Content::Elsewhere) {
            return String::new();
        }
        let plain = self.readings.iter().rev().find_map(|content| match content {
            Content::Plain(text)
            | Content::Gtin(text)
            | Content::Bin(text)
            | Content::Plate(text)
            | Content::Document(text) => Some(text.clone()),
            _ => None,
        });
        plain.unwrap_or_else(|| self.raw.chars().filter(|c| !c.is_control()).collect())
    }
}

fn contents(meanings: &[Meaning]) -> Vec<Content> {
    // A plain code that merely looks like an element string is not torn apart: without a
    // separator or a symbology identifier, only a check digit makes it one.
    let unsure = meanings.iter().any(|meaning| matches!(meaning, Meaning::Plain(_)));
    let mut contents = Vec::new();
    for meaning in meanings {
        contents.push(match meaning {
            Meaning::Bin(code) => Content::Bin(code.clone()),
            Meaning::Document(no) => Content::Document(no.clone()),
            Meaning::LicencePlate(no) => Content::Plate(no.clone()),
            Meaning::Command(command) => Content::Command(*command),
            Meaning::Badge(_) | Meaning::Enrolment(_) => Content::Elsewhere,
            Meaning::Gs1(elements) | Meaning::DigitalLink { elements, .. } => {
                let elements = Elements::of(elements);
                if unsure && !elements.is_proven() {
                    continue;
                }
                Content::Elements(elements)
            }
            Meaning::Sscc(sscc) => Content::Plate(sscc.as_str().to_owned()),
            Meaning::Gtin(gtin) => Content::Gtin(gtin.as_str().to_owned()),
            Meaning::Plain(text) => Content::Plain(text.clone()),
        });
    }
    contents
}

#[cfg(test)]
mod tests {
    use protocol::barcode::{ScanProfile, read};

    use super::*;

    fn scan(raw: &str) -> Scan {
        Scan::of(&read(raw, &ScanProfile::tested(2026)))
    }

    #[test]
    fn a_gs1_label_fills_item_lot_expiry_and_serial_at_once() {
        let scan = scan("]d201095060001343521727033110LOT7\u{1D}21S1");
        let [Content::Elements(elements)] = scan.readings.as_slice() else {
            panic!("one reading: {scan:?}");
        };
        assert_eq!(elements.gtin.as_deref(), Some("09506000134352"));
        assert_eq!(elements.lot.as_deref(), Some("LOT7"));
        assert_eq!(elements.serial.as_deref(), Some("S1"));
        assert_eq!(elements.expiry, NaiveDate::from_ymd_opt(2027, 3, 31));
    }

    #[test]
    fn a_plain_code_that_looks_like_a_lot_element_is_not_torn_apart() {
        assert_eq!(scan("10ABC").readings, [Content::Plain("10ABC".into())]);
    }

    #[test]
    fn a_damaged_code_says_what_is_wrong_with_it() {
        assert_eq!(scan("]E09506000134353").readings, [Content::Damaged("gtin_check_digit")]);
    }
}
