//! Our own labels: a prefix, a colon and a code.

use std::fmt;

use super::Meaning;
use super::check::is_name_byte;
use super::fault::ScanError;

/// The most characters of a code on one of our own labels.
pub const OWN_CODE_CHARACTERS_MAX: usize = 40;

/// What stands in front of an enrolment code; the digit is its version.
const ENROLMENT: &str = "TALLYMAN1:";

/// What stands in front of a command.
const COMMAND: &str = "CMD:";

/// A command that a wall chart lets the operator scan instead of touching the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanCommand {
    /// `CMD:OK`: confirm.
    Ok,
    /// `CMD:BACK`: one step back.
    Back,
    /// `CMD:UNDO`: take back what was confirmed last.
    Undo,
    /// `CMD:SKIP`: leave this line for later.
    Skip,
    /// `CMD:QTY`: ask for a quantity.
    Quantity,
}

/// The secret on a badge. It proves who the operator is, so it is never printed: `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BadgeCode(String);

impl BadgeCode {
    /// The secret itself, to be compared and forgotten.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BadgeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadgeCode(hidden)")
    }
}

/// How a new device finds its server and proves that it was invited. `Debug` hides the ticket.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enrolment {
    url: String,
    ticket: String,
}

impl Enrolment {
    /// Where the server is, `https://` or `http://`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The ticket, base64url, to be handed back to the server.
    pub fn ticket(&self) -> &str {
        &self.ticket
    }

    fn parse(text: &str) -> Option<Self> {
        let (url, ticket) = text.rsplit_once('#')?;
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let sound = !host.is_empty()
            && !url.contains(|c: char| c.is_control() || c.is_whitespace())
            && !ticket.is_empty()
            && ticket.bytes().all(is_name_byte);
        sound.then(|| Self { url: url.to_owned(), ticket: ticket.to_owned() })
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Whether `text` carries something that must not be printed.
pub(super) fn is_secret(text: &str) -> bool {
    text.contains("U:") || text.contains(ENROLMENT)
}

/// What one of our own labels means, or none if `text` is not one.
pub(super) fn read(text: &str) -> Option<Result<Meaning, ScanError>> {
    if let Some(command) = text.strip_prefix(COMMAND) {
        return Some(self::command(command).map(Meaning::Command));
    }
    if let Some(enrolment) = text.strip_prefix(ENROLMENT) {
        let enrolment = Enrolment::parse(enrolment).ok_or(ScanError::EnrolmentMalformed);
        return Some(enrolment.map(Meaning::Enrolment));
    }
    let (prefix, meaning): (_, fn(String) -> Meaning) = match text.get(..2)? {
        "B:" => ("B:", Meaning::Bin),
        "U:" => ("U:", |code| Meaning::Badge(BadgeCode(code))),
        "D:" => ("D:", Meaning::Document),
        "L:" => ("L:", Meaning::LicencePlate),
        _ => return None,
    };
    Some(code(prefix, text.strip_prefix(prefix)?).map(meaning))
}

fn command(name: &str) -> Result<ScanCommand, ScanError> {
    match name {
        "OK" => Ok(ScanCommand::Ok),
        "BACK" => Ok(ScanCommand::Back),
        "UNDO" => Ok(ScanCommand::Undo),
        "SKIP" => Ok(ScanCommand::Skip),
        "QTY" => Ok(ScanCommand::Quantity),
        _ => Err(ScanError::UnknownCommand { command: name.chars().take(16).collect() }),
    }
}

fn code(prefix: &'static str, code: &str) -> Result<String, ScanError> {
    let length = code.chars().count();
    if length == 0
        || length > OWN_CODE_CHARACTERS_MAX
        || code.trim() != code
        || code.chars().any(char::is_control)
    {
        return Err(ScanError::OwnCodeMalformed { prefix, max: OWN_CODE_CHARACTERS_MAX });
    }
    Ok(code.to_owned())
}
