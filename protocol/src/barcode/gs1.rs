//! GS1 element strings: as symbols carry them, and in brackets as people read them.
//!
//! A value without a fixed length ends at a separator. A scanner that swallows separators leaves
//! `10ABC` `21123` as `10ABC21123`, which is also one legal lot. Nothing in the data decides, so
//! nothing here does: on a device that has not passed its separator test, every reading is
//! answered.

use super::element::{ELEMENTS_MAX, Element, Elements, split_characters};
use super::fault::{ScanError, Warning};
use super::key::all_digits;
use super::profile::{GROUP_SEPARATOR, SeparatorTrust};
use super::rule;
use super::table::{Framing, Row};

/// The most readings that are worth showing to a person.
pub(super) const READINGS_MAX: usize = 8;

/// The most steps that a search for readings takes; beyond it the scan counts as ambiguous.
const SEARCH_STEPS_MAX: usize = 20_000;

/// How much of a text an error quotes.
const QUOTE_CHARACTERS: usize = 12;

/// What an element string may mean, and what is odd about it.
#[derive(Debug)]
pub(super) struct Readings {
    /// At least one. The first is what the data says if no separator is missing, if that is legal;
    /// the others follow with the longer first values first.
    pub(super) all: Vec<Elements>,
    pub(super) warnings: Vec<Warning>,
}

/// Reads `text`, whose separators are raw.
pub(super) fn read(text: &str, trust: SeparatorTrust, year: i32) -> Result<Readings, ScanError> {
    let plain = as_it_stands(text, year);
    // Where one separator came through, the others would have, too.
    if trust == SeparatorTrust::Transmitted || text.contains(GROUP_SEPARATOR) {
        return plain;
    }
    let others = Search::through(text, year)?;
    let Ok(mut readings) = plain else {
        return restored(others, plain);
    };
    readings.all.extend(others);
    if readings.all.len() > READINGS_MAX {
        return Err(ScanError::Ambiguous);
    }
    if readings.all.len() > 1 {
        readings.warnings.push(Warning::SeparatorMaybeMissing);
    }
    Ok(readings)
}

/// The readings that remain when the data as it stands has none.
fn restored(
    others: Vec<Elements>,
    plain: Result<Readings, ScanError>,
) -> Result<Readings, ScanError> {
    let warning = match others.len() {
        0 => return plain,
        1 => Warning::SeparatorRestored,
        2..=READINGS_MAX => Warning::SeparatorMaybeMissing,
        _ => return Err(ScanError::Ambiguous),
    };
    Ok(Readings { all: others, warnings: vec![warning] })
}

/// The reading in which no separator is missing.
fn as_it_stands(text: &str, year: i32) -> Result<Readings, ScanError> {
    let mut list = Vec::new();
    let mut superfluous = false;
    // FNC1 in front is the mark of GS1 itself, and one at the very end does no harm.
    let text = text.strip_prefix(GROUP_SEPARATOR).unwrap_or(text);
    let text = text.strip_suffix(GROUP_SEPARATOR).unwrap_or(text);
    for segment in text.split(GROUP_SEPARATOR) {
        superfluous |= segment.is_empty();
        let mut rest = segment;
        while !rest.is_empty() {
            let (row, ai, behind) = identifier(rest)?;
            let (value, behind) = match row.framing {
                Framing::Fixed => split_characters(behind, row.length_max()),
                Framing::Open => (behind, ""),
            };
            list.push(Element::of_row(row, ai, value, year)?);
            if list.len() > ELEMENTS_MAX {
                return Err(ScanError::TooManyElements { max: ELEMENTS_MAX });
            }
            rest = behind;
        }
    }
    let elements = Elements::of(list, year)?;
    let mut warnings = rule::broken(&elements);
    if superfluous {
        warnings.push(Warning::SeparatorSuperfluous);
    }
    Ok(Readings { all: vec![elements], warnings })
}

/// The row and the identifier that `text` starts with, and what stands behind it.
fn identifier(text: &str) -> Result<(&'static Row, &str, &str), ScanError> {
    Row::at(text)
        .and_then(|(row, rest)| Some((row, text.strip_suffix(rest)?, rest)))
        .ok_or_else(|| ScanError::UnknownIdentifier { found: quote(text) })
}

fn quote(text: &str) -> String {
    split_characters(text, QUOTE_CHARACTERS).0.to_owned()
}

/// A walk through all readings of a text in which separators are missing.
struct Search {
    year: i32,
    found: Vec<Elements>,
    steps: usize,
}

impl Search {
    /// Every reading that takes at least one missing separator, if there are few.
    fn through(text: &str, year: i32) -> Result<Vec<Elements>, ScanError> {
        let mut search = Self { year, found: Vec::new(), steps: 0 };
        search.walk(text, &mut Vec::new(), false)?;
        Ok(search.found)
    }

    fn walk(&mut self, text: &str, list: &mut Vec<Element>, cut: bool) -> Result<(), ScanError> {
        if text.is_empty() {
            return if cut { self.keep(list) } else { Ok(()) };
        }
        let Ok((row, ai, behind)) = identifier(text) else { return Ok(()) };
        if list.len() == ELEMENTS_MAX {
            return Ok(());
        }
        let lengths = match row.framing {
            Framing::Fixed => row.length_max()..=row.length_max(),
            Framing::Open => row.length_min()..=row.length_max().min(behind.len()),
        };
        for length in lengths.rev() {
            self.steps += 1;
            if self.steps > SEARCH_STEPS_MAX {
                return Err(ScanError::Ambiguous);
            }
            let Some((value, rest)) = behind.split_at_checked(length) else { continue };
            let Ok(element) = Element::of_row(row, ai, value, self.year) else { continue };
            let cut = cut || (row.framing == Framing::Open && !rest.is_empty());
            list.push(element);
            self.walk(rest, list, cut)?;
            list.pop();
        }
        Ok(())
    }

    /// Keeps a reading if it breaks no rule: made up of missing separators and of elements that do
    /// not belong together, it would only be a coincidence of digits.
    fn keep(&mut self, list: &[Element]) -> Result<(), ScanError> {
        let elements = Elements::of(list.to_vec(), self.year)?;
        if rule::broken(&elements).is_empty() {
            self.found.push(elements);
        }
        if self.found.len() > READINGS_MAX { Err(ScanError::Ambiguous) } else { Ok(()) }
    }
}

/// Reads `(01)09506000134352(10)ABC`.
///
/// Brackets are legal inside a value as well: a value ends only before brackets that enclose a
/// known application identifier. Spaces around a value, as printed for people, are dropped.
pub(super) fn read_bracketed(text: &str, year: i32) -> Result<Readings, ScanError> {
    let mut list = Vec::new();
    let mut rest = text.trim_start_matches(GROUP_SEPARATOR);
    while !rest.is_empty() {
        let Some((row, ai, behind)) = bracket(rest) else {
            return Err(ScanError::BracketsMalformed { found: quote(rest) });
        };
        let mut starts = behind.match_indices('(').map(|(at, _)| at);
        let known = |&at: &usize| behind.get(at..).is_some_and(|tail| bracket(tail).is_some());
        let end = starts.find(known).unwrap_or(behind.len());
        let (value, behind) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let value = value.trim_matches(|c| c == ' ' || c == GROUP_SEPARATOR);
        list.push(Element::of_row(row, ai, value, year)?);
        rest = behind;
    }
    let elements = Elements::of(list, year)?;
    let warnings = rule::broken(&elements);
    Ok(Readings { all: vec![elements], warnings })
}

/// Whether `text` starts with brackets around digits: nothing else looks like that.
pub(super) fn is_bracketed(text: &str) -> bool {
    text.strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(ai, _)| matches!(ai.len(), 2..=4) && all_digits(ai))
}

/// Whether there is nothing but identifiers 90 to 99, whose meaning is a private matter.
pub(super) fn is_internal(elements: &Elements) -> bool {
    elements.iter().all(|element| element.ai().starts_with('9'))
}

/// Whether `text` has the shape of a label that starts with a logistic unit or an item: damaged,
/// it must not pass for an item number of one's own.
pub(super) fn is_evident(text: &str) -> bool {
    identifier(text).is_ok_and(|(row, ai, behind)| {
        let (value, _) = split_characters(behind, row.length_max());
        matches!(ai, "00" | "01" | "02") && value.len() == row.length_max() && all_digits(value)
    })
}

/// The row and the identifier in the brackets that `text` starts with, and what stands behind.
fn bracket(text: &str) -> Option<(&'static Row, &str, &str)> {
    let (ai, behind) = text.strip_prefix('(')?.split_once(')')?;
    Some((Row::of(ai)?, ai, behind))
}
