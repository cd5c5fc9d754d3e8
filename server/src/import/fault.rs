//! Refusals as faults of rows.

use protocol::code::Code;
use protocol::outcome::{Argument, Reason};
use protocol::text::{self, Language};

use super::plan::Planned;
use crate::exchange::{RowFault, column_names};

/// The fault of the row that `planned` comes from, refused for `reason`.
pub(super) fn of(planned: &Planned, reason: &Reason) -> RowFault {
    RowFault {
        column: column_of(planned.file, reason).to_owned(),
        reason: text::sentence(reason, Language::English).trim_end_matches('.').to_owned(),
        remedy: text::next_step(reason, Language::English),
        ..at(planned, Some(reason))
    }
}

/// A fault of the row that `planned` comes from, without words yet; for a document the row of the line
/// that `reason` names.
pub(super) fn at(planned: &Planned, reason: Option<&Reason>) -> RowFault {
    let line = reason.and_then(|reason| word(reason, "line")?.parse::<u32>().ok());
    let of_line = line.and_then(|line| planned.lines.iter().find(|(no, _line)| *no == line));
    RowFault {
        file: planned.file.to_owned(),
        line: of_line.map_or(planned.line, |(_no, line)| *line),
        column: String::new(),
        reason: String::new(),
        remedy: String::new(),
    }
}

/// The word that `reason` carries under `name`.
pub(super) fn word<'a>(reason: &'a Reason, name: &str) -> Option<&'a str> {
    let (_name, argument) = reason.arguments.iter().find(|(known, _argument)| known == name)?;
    match argument {
        Argument::Word(word) => Some(word),
        Argument::Quantity(_) | Argument::Number(_) | Argument::Time(_) => None,
    }
}

/// The column of `file` that `reason` is about; empty where it is about the row as a whole.
fn column_of(file: &str, reason: &Reason) -> &'static str {
    let columns = column_names(file);
    let known = |name: &str| columns.iter().find(|column| **column == name).copied();
    let named = |(name, _argument): &(String, Argument)| known(name).filter(|name| *name != "line");
    column_of_code(&reason.code)
        .and_then(known)
        .or_else(|| word(reason, "field").and_then(known))
        .or_else(|| reason.arguments.iter().find_map(named))
        .unwrap_or_default()
}

/// What a code is about, where that is not the first thing that it names.
const fn column_of_code(code: &Code) -> Option<&'static str> {
    Some(match code {
        Code::BinUnknown | Code::BinRequired | Code::BinBlocked => "bin",
        Code::VariantRequired | Code::VariantUnknown => "variant",
        Code::UnitUnknown | Code::UnitChanged => "unit",
        Code::BaseQuantityRoundsToZero | Code::BaseQuantityMismatch | Code::SerialQuantity => {
            "quantity"
        }
        Code::CostingMethodLocked => "costing_method",
        Code::TrackingRequired
        | Code::TrackingIncomplete
        | Code::TrackingBlocked
        | Code::LotUnknown => "lot",
        Code::ExpirationMismatch | Code::ExpirationRequired => "expiry",
        Code::SerialAlreadyInStock | Code::SerialElsewhere | Code::SerialShipped => "serial",
        Code::PlateElsewhere | Code::PlateVoid | Code::PlateClosed | Code::PlateLoop => "plate",
        Code::DocumentEnded => "document",
        Code::IdentifierNamesNoItem | Code::IdentifierLookedUpAs | Code::IdentifierMisread => {
            "code"
        }
        Code::AlreadyExists => "item",
        _ => return None,
    })
}
