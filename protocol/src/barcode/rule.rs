//! Which elements belong together and which do not.
//!
//! Real labels break these rules every day, so they make warnings, and the flow decides.
//!
//! **Source:** GS1 General Specifications 4.13 and 4.14.

use super::element::{Element, Elements};
use super::fault::Warning;
use super::table::Row;

/// Every rule that `elements` break, in the order of the label.
pub(super) fn broken(elements: &Elements) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let mut earlier = elements.iter().take(index).filter(|other| other.ai() == element.ai());
        if let Some(other) = earlier.next() {
            warnings.push(repeated(other, element));
            continue; // what it goes with was judged the first time
        }
        let Some(row) = Row::of(element.ai()) else { continue };
        for rule in row.needs.split_whitespace() {
            if !rule.split('|').any(|group| group.split('+').all(|ai| holds(elements, ai))) {
                let needs = spelled_out(rule);
                warnings.push(Warning::CompanionMissing { ai: element.ai().to_owned(), needs });
            }
        }
        for pattern in row.bars.split_whitespace() {
            let barred = elements
                .iter()
                .find(|other| other.ai() != element.ai() && fits(other.ai(), pattern));
            if let Some(other) = barred {
                let with = other.ai().to_owned();
                warnings.push(Warning::PairExcluded { ai: element.ai().to_owned(), with });
            }
        }
    }
    warnings
}

fn repeated(first: &Element, second: &Element) -> Warning {
    let ai = second.ai().to_owned();
    if first.value() == second.value() {
        Warning::Repeated { ai }
    } else {
        Warning::RepeatedDifferently { ai }
    }
}

fn holds(elements: &Elements, pattern: &str) -> bool {
    elements.iter().any(|element| fits(element.ai(), pattern))
}

/// An `n` in the pattern stands for any digit.
pub(super) fn fits(ai: &str, pattern: &str) -> bool {
    ai.len() == pattern.len() && ai.bytes().zip(pattern.bytes()).all(|(a, p)| p == b'n' || a == p)
}

/// `01+21|8006` as `(01) and (21) or (8006)`.
fn spelled_out(rule: &str) -> String {
    format!("({})", rule.replace('+', ") and (").replace('|', ") or ("))
}
