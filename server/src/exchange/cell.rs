//! Cells: how each type of value reads from and writes to one cell of a CSV file.

use chrono::NaiveDate;
use ledger::dimension::DimensionsOf;
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use protocol::feed::{BinKind, DocumentStatus, Role};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words;

/// Why a cell cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellProblem {
    /// What is wrong, without a full stop.
    pub reason: String,
    /// An imperative sentence.
    pub remedy: String,
}

impl CellProblem {
    /// A problem with its remedy.
    pub fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }
}

/// A value that fits in a cell. `parse(print(x)) == x`.
pub trait Cell: Sized {
    /// What an empty cell means; none where a value is needed.
    fn empty() -> Option<Self>;

    /// Reads a cell that is not empty.
    ///
    /// # Errors
    ///
    /// [`CellProblem`].
    fn parse(text: &str) -> Result<Self, CellProblem>;

    /// Writes the value; empty where it is what an empty cell means.
    fn print(&self) -> String;
}

impl<T: Cell> Cell for Option<T> {
    fn empty() -> Option<Self> {
        Some(None)
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        T::parse(text).map(Some)
    }

    fn print(&self) -> String {
        self.as_ref().map_or_else(String::new, T::print)
    }
}

/// Characters that make a spreadsheet read a cell as a formula when they stand first.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Whether a spreadsheet could read `text`, after any apostrophes, as a formula.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// `text` with an apostrophe in front where a spreadsheet would read it as a formula.
pub fn guarded(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// Takes away the apostrophe that [`guarded`] set.
pub fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => text,
    }
}

macro_rules! word_cells {
    ($($name:ident),*) => {$(
        impl Cell for words::$name {
            fn empty() -> Option<Self> {
                None
            }

            fn parse(text: &str) -> Result<Self, CellProblem> {
                Self::new(unguarded(text)).map_err(|error| {
                    let max = Self::CHARACTERS_MAX;
                    let remedy = format!("Write a code of at most {max} printable characters.");
                    CellProblem::new(error.to_string(), remedy)
                })
            }

            fn print(&self) -> String {
                guarded(self.as_str())
            }
        }
    )*};
}
word_cells!(
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
    TrackingCode,
    ZoneName
);

/// The most characters of free text in a cell.
const TEXT_CHARACTERS_MAX: usize = 200;

impl Cell for String {
    fn empty() -> Option<Self> {
        Some(Self::new())
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        let text = unguarded(text);
        if text.chars().count() > TEXT_CHARACTERS_MAX {
            let reason = format!("more than {TEXT_CHARACTERS_MAX} characters");
            return Err(CellProblem::new(reason, "Shorten the text."));
        }
        if text.chars().any(char::is_control) {
            let remedy = "Write the text on one line, without control characters.";
            return Err(CellProblem::new("a character that cannot be printed", remedy));
        }
        Ok(text.to_owned())
    }

    fn print(&self) -> String {
        guarded(self)
    }
}

impl Cell for bool {
    fn empty() -> Option<Self> {
        Some(false)
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" | "ja" => Ok(true),
            "no" | "false" | "0" | "nej" => Ok(false),
            _ => Err(CellProblem::new(format!("'{text}' is not yes or no"), "Write yes or no.")),
        }
    }

    fn print(&self) -> String {
        if *self { "yes".to_owned() } else { String::new() }
    }
}

impl Cell for Quantity {
    fn empty() -> Option<Self> {
        None
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        text.parse().map_err(|error: protocol::quantity::QuantityError| {
            CellProblem::new(
                format!("'{text}': {error}"),
                "Write a plain decimal with at most 5 decimals, like 12.5.",
            )
        })
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl Cell for UnitFactor {
    fn empty() -> Option<Self> {
        None
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        Self::try_from(Quantity::parse(text)?).map_err(|_not_positive| {
            let remedy = "Write how many base units the unit holds, above zero.";
            CellProblem::new(format!("'{text}' is not above zero"), remedy)
        })
    }

    fn print(&self) -> String {
        self.quantity().to_string()
    }
}

impl Cell for NaiveDate {
    fn empty() -> Option<Self> {
        None
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        let plain =
            text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        Self::parse_from_str(text, "%Y-%m-%d").ok().filter(|_date| plain).ok_or_else(|| {
            CellProblem::new(format!("'{text}' is not a date"), "Write the date as 2026-12-31.")
        })
    }

    fn print(&self) -> String {
        self.format("%Y-%m-%d").to_string()
    }
}

macro_rules! number_cells {
    ($($type:ty),*) => {$(
        impl Cell for $type {
            fn empty() -> Option<Self> {
                None
            }

            fn parse(text: &str) -> Result<Self, CellProblem> {
                text.parse().map_err(|_not_whole| {
                    let reason = format!("'{text}' is not a whole number in range");
                    CellProblem::new(reason, "Write a whole number.")
                })
            }

            fn print(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
number_cells!(u32, i32);

/// A value that is one of a few words.
pub trait Choice: Sized + Copy + PartialEq + 'static {
    /// The words and what they mean; an empty cell means the first where `EMPTY` says so.
    const WORDS: &'static [(&'static str, Self)];
    /// Whether an empty cell means the first word.
    const EMPTY: bool;
}

/// What kind of master record proposes dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the file")]
pub enum DimensionRecord {
    Item = 1,
    Location = 2,
    Vendor = 3,
    Customer = 4,
    Resource = 5,
    WorkCenter = 6,
    MachineCenter = 7,
}

impl DimensionRecord {
    /// The kind with that number in keys.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::WORDS.iter().map(|(_word, kind)| *kind).find(|kind| *kind as u8 == number)
    }

    /// The record of this kind that has `code`; none when it cannot have it.
    pub fn of(self, code: &str) -> Option<DimensionsOf> {
        DimensionsOf::from_key(&(self as u8, code.to_owned())).filter(|_of| !code.is_empty())
    }
}

macro_rules! choices {
    ($($type:ty, $empty:literal: $($word:literal => $value:expr),*;)*) => {$(
        impl Choice for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, $value)),*];
            const EMPTY: bool = $empty;
        }

        impl Cell for $type {
            fn empty() -> Option<Self> {
                empty_choice()
            }

            fn parse(text: &str) -> Result<Self, CellProblem> {
                parse_choice(text)
            }

            fn print(&self) -> String {
                print_choice(*self)
            }
        }
    )*};
}
choices! {
    ItemType, true: "inventory" => Self::Inventory, "non_inventory" => Self::NonInventory,
        "service" => Self::Service;
    CostingMethod, true: "fifo" => Self::Fifo, "lifo" => Self::Lifo, "average" => Self::Average,
        "standard" => Self::Standard, "specific" => Self::Specific;
    NegativeInventory, true: "default" => Self::Default, "allowed" => Self::Allowed,
        "prevented" => Self::Prevented;
    BinKind, true: "storage" => Self::Storage, "receipt" => Self::Receipt,
        "shipment" => Self::Shipment, "question" => Self::Question, "missing" => Self::Missing,
        "cart" => Self::Cart, "quarantine" => Self::Quarantine, "transit" => Self::Transit,
        "adjustment" => Self::Adjustment;
    DocumentStatus, true: "released" => Self::Released, "open" => Self::Open,
        "closed" => Self::Closed, "cancelled" => Self::Cancelled;
    DimensionRecord, false: "item" => Self::Item, "location" => Self::Location,
        "vendor" => Self::Vendor, "customer" => Self::Customer, "resource" => Self::Resource,
        "work_center" => Self::WorkCenter, "machine_center" => Self::MachineCenter;
    Role, false: "operator" => Self::Operator, "supervisor" => Self::Supervisor,
        "accountant" => Self::Accountant, "administrator" => Self::Administrator,
        "integrator" => Self::Integrator, "auditor" => Self::Auditor;
}

fn empty_choice<T: Choice>() -> Option<T> {
    T::WORDS.first().filter(|_first| T::EMPTY).map(|(_word, value)| *value)
}

fn parse_choice<T: Choice>(text: &str) -> Result<T, CellProblem> {
    let found = T::WORDS.iter().find(|(word, _value)| word.eq_ignore_ascii_case(text));
    found.map(|(_word, value)| *value).ok_or_else(|| {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _value)| *word).collect();
        let remedy = format!("Write one of: {}.", words.join(", "));
        CellProblem::new(format!("'{text}' is not known here"), remedy)
    })
}

/// The word for `value`; empty where an empty cell means it.
pub fn print_choice<T: Choice>(value: T) -> String {
    if empty_choice() == Some(value) {
        return String::new();
    }
    let found = T::WORDS.iter().find(|(_word, known)| *known == value);
    found.map_or_else(String::new, |(word, _value)| (*word).to_owned())
}

/// The roles of a person: `operator@MAIN supervisor@MAIN administrator`. Without a location, a role
/// holds everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(pub Vec<(Role, Option<words::LocationCode>)>);

impl Cell for Roles {
    fn empty() -> Option<Self> {
        Some(Self::default())
    }

    fn parse(text: &str) -> Result<Self, CellProblem> {
        let role = |part: &str| {
            let (role, location) = match part.split_once('@') {
                Some((role, location)) => (role, Some(words::LocationCode::parse(location)?)),
                None => (part, None),
            };
            Ok((parse_choice::<Role>(role)?, location))
        };
        let mut roles: Vec<_> =
            text.split_ascii_whitespace().map(role).collect::<Result<_, CellProblem>>()?;
        roles.sort();
        roles.dedup();
        Ok(Self(roles))
    }

    fn print(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort();
        let parts: Vec<_> = sorted
            .iter()
            .map(|(role, location)| match location {
                Some(location) => format!("{}@{location}", print_choice(*role)),
                None => print_choice(*role),
            })
            .collect();
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<T: Cell + PartialEq + std::fmt::Debug>(value: &T) {
        let text = value.print();
        let read = if text.is_empty() { T::empty().unwrap() } else { T::parse(&text).unwrap() };
        assert_eq!(&read, value, "{text}");
    }

    #[test]
    fn what_is_written_reads_back() {
        reads_back(&true);
        reads_back(&false);
        reads_back(&Some(Quantity::whole(-3)));
        reads_back(&None::<u32>);
        reads_back(&BinKind::Storage);
        reads_back(&BinKind::Cart);
        reads_back(&NaiveDate::from_ymd_opt(2027, 2, 28).unwrap());
        reads_back(&"=cmd()".to_owned());
        reads_back(&"'=cmd()".to_owned());
        reads_back(&"'quoted'".to_owned());
        let hall = words::LocationCode::new("HALL-2").unwrap();
        reads_back(&Roles(vec![(Role::Operator, Some(hall)), (Role::Administrator, None)]));
    }

    #[test]
    fn a_text_that_looks_like_a_formula_never_starts_a_cell() {
        for text in ["=1+1", "+45 12", "-x", "@a", "\tx", "'=1"] {
            assert!(guarded(text).starts_with('\''), "{text}");
        }
        assert_eq!(guarded("Bolt -M8"), "Bolt -M8");
    }

    #[test]
    fn a_number_that_is_not_plain_is_refused() {
        for text in ["1e3", "1,5", "+5", "1.000001"] {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
        assert!(NaiveDate::parse("31-12-2026").is_err());
        assert!(NaiveDate::parse("2026-13-01").is_err());
    }
}
