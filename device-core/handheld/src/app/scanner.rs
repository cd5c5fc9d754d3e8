//! What scans of this device say, and whether its scanner can be trusted: the site names what all of its
//! scanners send for the separator, a test finds what this one sends.

use device_core::engine::SeparatorFound;
use protocol::barcode::{self, GROUP_SEPARATOR, Reading, ScanProfile, SeparatorProfile};

use super::App;
use crate::clock;

/// What the printed test code says: its separator is what scanners lose.
pub(crate) const TEST_CODE: &str = "TALLYMAN\u{1d}TEST";
/// The longest text that is taken for a separator, in characters.
const ALIAS_CHARACTERS_MAX: usize = 12;

/// What came of a scan of the test code.
#[derive(Debug)]
pub(crate) enum CodeTest {
    /// The separator arrived as it is.
    Whole,
    /// This text is taken for the separator from here on.
    Alias(String),
    /// The separator is gone.
    Lost,
    /// This text came in its place, and may be part of a code.
    Unclear(String),
    /// It was passed, and could not be kept.
    NotKept,
}

impl App {
    /// What a scan says, by what the site and the last test know of the scanner; nothing is done with it.
    pub(crate) fn read_scan(&self, raw: &str) -> Reading {
        let mono_us = self.device.now_us();
        let (time, site, test) = self.device.read(|core| {
            let site = core.replica().site().ok().flatten();
            (core.server_time(mono_us), site, core.scanner_test().cloned())
        });
        let year = chrono::Datelike::year(&clock::day(time, None));
        let mut profile = match test.map(|test| test.separator) {
            None | Some(SeparatorFound::Lost) => ScanProfile::untested(year),
            Some(SeparatorFound::Raw) => ScanProfile::tested(year),
            Some(SeparatorFound::Alias(alias)) => {
                let mut profile = ScanProfile::tested(year);
                profile.separators.aliases.push(alias);
                profile
            }
        };
        profile.separators.aliases.extend(site.and_then(|site| site.separator));
        barcode::read(raw, &profile)
    }

    /// What a scan says of the scanner, and keeps it; none where it is not the test code.
    pub(crate) fn test_scanner(&self, raw: &str) -> Option<CodeTest> {
        let (before, after) = TEST_CODE.split_once(GROUP_SEPARATOR)?;
        let (_noise, rest) = raw.split_once(before)?;
        let (between, _noise) = rest.split_once(after)?;
        let (found, told) = match between {
            "" => (SeparatorFound::Lost, CodeTest::Lost),
            "\u{1d}" => (SeparatorFound::Raw, CodeTest::Whole),
            alias if can_be_nothing_else(alias) => {
                (SeparatorFound::Alias(alias.to_owned()), CodeTest::Alias(alias.to_owned()))
            }
            other => (SeparatorFound::Lost, CodeTest::Unclear(other.to_owned())),
        };
        let is_passed = found != SeparatorFound::Lost;
        Some(match self.device.keep_scanner_test(found) {
            Err(error) if is_passed => {
                tracing::error!(%error, "the test of the scanner could not be kept");
                CodeTest::NotKept
            }
            // A doubt that is not on the disk yet is written with the next chores.
            Ok(()) | Err(_) => told,
        })
    }
}

/// Whether a text that came in place of a separator is no part of any code: one that scanners are known
/// to send, or one with a character that no GS1 value may hold.
///
/// Source: GS1 General Specifications 7.11, the character sets 82 and 39.
fn can_be_nothing_else(alias: &str) -> bool {
    let is_known = |known: &&str| alias.eq_ignore_ascii_case(known);
    let is_of_no_value =
        |c: char| !c.is_ascii_alphanumeric() && !"!\"%&'()*+,-./_:;<=>?#".contains(c);
    alias.chars().count() <= ALIAS_CHARACTERS_MAX
        && !alias.contains(|c: char| c.is_control() || c.is_whitespace())
        && (SeparatorProfile::DEFAULT_ALIASES.iter().any(is_known)
            || alias.contains(is_of_no_value))
}
