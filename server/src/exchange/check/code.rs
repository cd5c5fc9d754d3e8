//! Barcodes: whether a scan of the code can ever be looked up under it.

use protocol::barcode::{Meaning, NotLookedUp, check_looked_up};

use super::Faults;
use crate::exchange::At;
use crate::exchange::line::IdentifierLine;

/// Tells of a code that no scan is looked up by.
pub(super) fn check(at: &At<IdentifierLine>, faults: &mut Faults) {
    if let Err(why) = check_looked_up(at.row.code.as_str()) {
        let (reason, remedy) = told(&why);
        faults.add(at, "code", (reason, &remedy));
    }
}

fn told(why: &NotLookedUp) -> (String, String) {
    let (reason, remedy) = match why {
        NotLookedUp::Unreadable(error) => {
            return (
                format!("a scan of it cannot be read: {error}"),
                "Write the code that the label carries.".to_owned(),
            );
        }
        NotLookedUp::LooksLikeGtin => (
            "it is as long as an item number, and its check digit is wrong",
            "Scan the label again and correct the digits; a number of your own needs another \
             length, or a letter."
                .to_owned(),
        ),
        NotLookedUp::Prefixed(text) => {
            ("a scanner puts that in front, and it is taken off again", format!("Write {text}."))
        }
        NotLookedUp::Label(Some(gtin)) => (
            "a scan of it is looked up by the item number that is in it",
            format!("Write that number: {gtin}."),
        ),
        NotLookedUp::Label(None) => ("a scan of it names no item", "Leave the row out.".to_owned()),
        NotLookedUp::Other(meaning) => {
            return (
                format!("a scan of it is read as {}", read_as(meaning)),
                "Labels of our own name no item: write the code of the item's own label."
                    .to_owned(),
            );
        }
    };
    (reason.to_owned(), remedy)
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
