//! Barcodes: whether a scan of the code can ever be looked up under it.

use protocol::barcode::{self, Elements, Meaning, Reading, ScanProfile, Warning};

use super::Faults;
use crate::exchange::At;
use crate::exchange::line::IdentifierLine;

/// Tells of a code that no scan is looked up by.
pub(super) fn check(at: &At<IdentifierLine>, faults: &mut Faults) {
    let code = at.row.code.as_str();
    // The year is of no account: no date is looked up.
    let reading = barcode::read(code, &ScanProfile::tested(2000));
    if let Some((reason, remedy)) = problem(code, &reading) {
        faults.add(at, "code", (reason, &remedy));
    }
}

fn problem(code: &str, reading: &Reading) -> Option<(String, String)> {
    if let Some(error) = &reading.error {
        return Some((
            format!("a scan of it cannot be read: {error}"),
            "Write the code that the label carries.".to_owned(),
        ));
    }
    if reading.warnings.contains(&Warning::LooksLikeGtin) {
        let remedy = "Scan the label again and correct the digits; a number of your own needs \
                      another length, or a letter.";
        let reason = "it is as long as an item number, and its check digit is wrong".to_owned();
        return Some((reason, remedy.to_owned()));
    }
    let looked_up = |meaning: &Meaning| match meaning {
        Meaning::Plain(text) => Some(text.clone()),
        Meaning::Gtin(gtin) => Some(gtin.as_str().to_owned()),
        _ => None,
    };
    let texts: Vec<String> = reading.meanings.iter().filter_map(looked_up).collect();
    if texts.iter().any(|text| text == code) {
        return None;
    }
    if let Some(text) = texts.last() {
        return Some((
            "a scanner puts that in front, and it is taken off again".to_owned(),
            format!("Write {text}."),
        ));
    }
    let first = reading.meanings.first()?;
    if let Some(elements) = first.elements() {
        return Some(of_elements(elements));
    }
    Some((
        format!("a scan of it is read as {}", read_as(first)),
        "Labels of our own name no item: write the code of the item's own label.".to_owned(),
    ))
}

/// A label whose item number is looked up.
fn of_elements(elements: &Elements) -> (String, String) {
    match elements.gtin() {
        Some(gtin) => (
            "a scan of it is looked up by the item number that is in it".to_owned(),
            format!("Write that number: {gtin}."),
        ),
        None => ("a scan of it names no item".to_owned(), "Leave the row out.".to_owned()),
    }
}

const fn read_as(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::Bin(_) => "a bin",
        Meaning::Badge(_) => "the badge of a person",
        Meaning::Document(_) => "an order",
        Meaning::LicencePlate(_) | Meaning::Sscc(_) => "a licence plate",
        Meaning::Command(_) => "a command to the device",
        Meaning::Enrolment(_) => "the invitation of a device",
        Meaning::DigitalLink { .. } => "a link",
        Meaning::Gs1(_) => "a label",
        Meaning::Gtin(_) | Meaning::Plain(_) => "a number",
    }
}
