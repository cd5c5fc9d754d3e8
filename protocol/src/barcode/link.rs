//! GS1 Digital Link: a web address whose path and query carry elements.
//!
//! Any host and any path in front will do; the last key of the path counts. Compressed links are
//! not read: they are web addresses like any other.
//!
//! **Source:** GS1 Digital Link URI Syntax 1.4; the short names are those of release 1.0.

use super::element::{Element, Elements};
use super::fault::{ScanError, Warning};
use super::rule;
use super::table::Row;

/// What a link carries, or none if `text` is no GS1 Digital Link.
pub(super) fn read(text: &str, year: i32) -> Option<Result<(Elements, Vec<Warning>), ScanError>> {
    let address = behind_scheme(text)?;
    let (address, _) = address.split_once('#').unwrap_or((address, ""));
    let (location, query) = address.split_once('?').unwrap_or((address, ""));
    let (host, path) = location.split_once('/')?;
    let steps = steps(path)?;
    if host.is_empty() {
        return None;
    }
    let mut link = Contents { year, list: Vec::new(), warnings: Vec::new() };
    match link.read(&steps, query) {
        // `/2026/01/02` is a path like any other: only a value of the right form makes a link.
        Err(_) if link.list.is_empty() && !link.key_was_misread(&steps) => None,
        Err(error) => Some(Err(error)),
        Ok(()) => Some(link.finish()),
    }
}

fn behind_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")).then_some(rest)
}

/// Key and qualifiers, from the last key of the path on.
fn steps(path: &str) -> Option<Vec<(&str, &str)>> {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let mut steps = Vec::new();
    for pair in segments.rchunks(2) {
        let [name, value] = pair else { return None };
        let ai = identifier(name)?;
        steps.push((ai, *value));
        if Row::of(ai)?.key.is_some() {
            steps.reverse();
            return Some(steps);
        }
    }
    None
}

/// What has been read of a link so far.
struct Contents {
    year: i32,
    list: Vec<Element>,
    warnings: Vec<Warning>,
}

impl Contents {
    fn read(&mut self, steps: &[(&str, &str)], query: &str) -> Result<(), ScanError> {
        for (ai, value) in steps {
            self.push(ai, &decoded(value, false)?)?;
        }
        self.judge_order(steps);
        for (name, value) in query.split(['&', ';']).filter_map(|pair| pair.split_once('=')) {
            let Some(ai) = identifier(name) else {
                if super::key::all_digits(name) {
                    return Err(ScanError::UnknownIdentifier { found: name.to_owned() });
                }
                continue; // a parameter of the web server, none of ours
            };
            self.push(ai, &decoded(value, true)?)?;
            if Row::of(ai).is_some_and(|row| !row.in_query) {
                self.warnings.push(Warning::LinkAttribute { ai: ai.to_owned() });
            }
        }
        Ok(())
    }

    fn push(&mut self, ai: &str, value: &str) -> Result<(), ScanError> {
        let padded = padded(ai, value);
        let value = padded.as_deref().unwrap_or(value);
        self.list.push(Element::new(ai, value, self.year)?);
        if padded.is_some() {
            self.warnings.push(Warning::GtinPadded);
        }
        Ok(())
    }

    /// Qualifiers stand in the order of one of the sequences of their key.
    fn judge_order(&mut self, steps: &[(&str, &str)]) {
        let Some(((key, _), qualifiers)) = steps.split_first() else { return };
        let sequences = Row::of(key).and_then(|row| row.key).unwrap_or_default();
        let stray = |sequence: &str| {
            let mut allowed = sequence.split(' ');
            qualifiers.iter().map(|(ai, _)| *ai).find(|ai| !allowed.any(|next| next == *ai))
        };
        let strays: Vec<&str> = sequences.split('|').map_while(stray).collect();
        if strays.len() == sequences.split('|').count()
            && let Some(ai) = strays.first()
        {
            self.warnings.push(Warning::LinkOrder { ai: (*ai).to_owned() });
        }
    }

    /// Whether the value of the key has the right form and only fails a check.
    fn key_was_misread(&self, steps: &[(&str, &str)]) -> bool {
        steps.first().is_some_and(|(ai, value)| {
            let padded = padded(ai, value);
            let value = padded.as_deref().unwrap_or(value);
            matches!(Element::new(ai, value, self.year), Err(ScanError::CheckFailed { .. }))
        })
    }

    fn finish(mut self) -> Result<(Elements, Vec<Warning>), ScanError> {
        let elements = Elements::of(self.list, self.year)?;
        self.warnings.extend(rule::broken(&elements));
        Ok((elements, self.warnings))
    }
}

/// The 14 digits of a shorter item number, which release 1.0 allowed in links.
fn padded(ai: &str, value: &str) -> Option<String> {
    (ai == "01" && matches!(value.len(), 8 | 12 | 13)).then(|| format!("{value:0>14}"))
}

/// The application identifier behind its number or its short name.
fn identifier(name: &str) -> Option<&str> {
    let known = match name {
        "sscc" => "00",
        "gtin" => "01",
        "lot" => "10",
        "exp" => "17",
        "ser" => "21",
        "cpv" => "22",
        "tpx" => "235",
        "gdti" => "253",
        "glnx" => "254",
        "gcn" => "255",
        "ginc" => "401",
        "gsin" => "402",
        "gln" => "414",
        "payTo" => "415",
        "party" => "417",
        "expdt" => "7003",
        "grai" => "8003",
        "giai" => "8004",
        "itip" => "8006",
        "cpid" => "8010",
        "cpsn" => "8011",
        "gmn" => "8013",
        "gsrnp" => "8017",
        "gsrn" => "8018",
        "srin" => "8019",
        "refno" => "8020",
        _ => name,
    };
    Row::of(known).map(|_| known)
}

/// `text` without its percent encoding. In a query, a plus stands for a space.
fn decoded(text: &str, in_query: bool) -> Result<String, ScanError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => escaped(rest.next(), rest.next()).ok_or(ScanError::LinkEncoding)?,
            b'+' if in_query => b' ',
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok().ok_or(ScanError::LinkEncoding)
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
