//! Whether a code can be looked up: a scan of it has to be found under the text that is written down.

use super::{Gtin14, Meaning, ScanError, ScanProfile, Warning, read};

/// Why no scan of a code is looked up under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLookedUp {
    /// A scan of it means nothing.
    Unreadable(ScanError),
    /// As long as an item number, and its check digit is wrong: mistyped, or misread.
    LooksLikeGtin,
    /// A scanner puts something in front that is taken off again; this is left.
    Prefixed(String),
    /// A label: the item number in it is looked up, where there is one.
    Label(Option<Gtin14>),
    /// One of our own labels, or a logistic unit: it names no item.
    Other(Meaning),
}

impl NotLookedUp {
    /// The code that would be found, where it can be told.
    pub fn instead(&self) -> Option<&str> {
        match self {
            Self::Prefixed(text) => Some(text),
            Self::Label(gtin) => gtin.as_ref().map(Gtin14::as_str),
            Self::Unreadable(_) | Self::LooksLikeGtin | Self::Other(_) => None,
        }
    }
}

/// Whether a scan of `code` is looked up under it.
///
/// # Errors
///
/// [`NotLookedUp`]: whoever wrote it down could scan it for ever.
pub fn check_looked_up(code: &str) -> Result<(), NotLookedUp> {
    // The year is of no account: no date is looked up.
    let reading = read(code, &ScanProfile::tested(2000));
    if let Some(error) = reading.error {
        return Err(NotLookedUp::Unreadable(error));
    }
    if reading.warnings.contains(&Warning::LooksLikeGtin) {
        return Err(NotLookedUp::LooksLikeGtin);
    }
    let mut last = None;
    for meaning in &reading.meanings {
        let text = match meaning {
            Meaning::Plain(text) => text.as_str(),
            Meaning::Gtin(gtin) => gtin.as_str(),
            Meaning::Bin(_)
            | Meaning::Badge(_)
            | Meaning::Document(_)
            | Meaning::LicencePlate(_)
            | Meaning::Command(_)
            | Meaning::Enrolment(_)
            | Meaning::DigitalLink { .. }
            | Meaning::Gs1(_)
            | Meaning::Sscc(_) => continue,
        };
        if text == code {
            return Ok(());
        }
        last = Some(text);
    }
    match (last, reading.meanings.first()) {
        (Some(text), _) => Err(NotLookedUp::Prefixed(text.to_owned())),
        (None, Some(meaning)) => Err(match meaning.elements() {
            Some(elements) => NotLookedUp::Label(elements.gtin()),
            None => NotLookedUp::Other(meaning.clone()),
        }),
        // A reading without an error has a meaning.
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_looked_up_under_what_a_scan_of_it_gives() {
        for code in ["BOLT-M8", "4006381333931X", "12345", "04006381333931"] {
            assert_eq!(check_looked_up(code), Ok(()), "{code}");
        }
    }

    #[test]
    fn what_no_scan_is_looked_up_under_is_told_with_what_is() {
        let refused = |code| check_looked_up(code).expect_err(code);
        assert_eq!(refused("4006381333932"), NotLookedUp::LooksLikeGtin);
        assert_eq!(refused("]C0BOLT"), NotLookedUp::Prefixed("BOLT".to_owned()));
        let label = refused("]C10109506000134352");
        assert_eq!(label.instead(), Some("09506000134352"), "{label:?}");
        assert!(matches!(refused("B:A-01"), NotLookedUp::Other(Meaning::Bin(_))));
        assert!(matches!(refused("]C10109506000134353"), NotLookedUp::Unreadable(_)));
    }
}
