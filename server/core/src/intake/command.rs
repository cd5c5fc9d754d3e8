//! Operations of desks, imports and the system itself: the same intake, the same order.

use chrono::NaiveDate;
use ledger::draft::{Changes, Draft};
use ledger::schema::SiteId;
use ledger::schema::book::{Intake, Intakes, Origin, Timing};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{IntakeNo, ServerTime};
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;

use super::IntakeHead;
use crate::schema::CommandKeys;

/// Who gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOrigin {
    /// A person at a desk, with the key that makes a repetition harmless.
    Desk {
        /// Who.
        user: OperatorId,
        /// The key.
        idempotency: Option<[u8; 16]>,
    },
    /// An import that was staged.
    Import {
        /// Who started it.
        user: OperatorId,
    },
    /// The system.
    System,
}

/// A command that is to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who gives it.
    pub origin: CommandOrigin,
    /// The encoded command.
    pub raw: Vec<u8>,
    /// The local date of now at the location that it concerns, where there is one.
    pub local_date: Option<NaiveDate>,
}

/// What became of a command at the door.
#[derive(Debug)]
pub enum TakenCommand {
    /// It is new.
    New {
        /// The rows to make durable.
        changes: Changes,
        /// Its number.
        no: IntakeNo,
    },
    /// The same command was given before under this key.
    Known {
        /// Its number.
        no: IntakeNo,
    },
    /// Another command was given before under this key.
    DifferentUnderSameKey,
}

/// Makes `command` part of the intake log that ends at `head`.
pub fn take_command(
    tables: &dyn Tables,
    head: &mut IntakeHead,
    command: Command,
    now: ServerTime,
) -> TakenCommand {
    let (origin, key) = match command.origin {
        CommandOrigin::Desk { user, idempotency } => {
            (Origin::Desk { user, idempotency }, idempotency)
        }
        CommandOrigin::Import { user } => (Origin::Import { user }, None),
        CommandOrigin::System => (Origin::System, None),
    };
    if let Some(no) = key.and_then(|key| tables.row::<CommandKeys>(&key)) {
        let known = tables.row::<Intakes>(&no);
        let same = known.is_some_and(|known| known.origin == origin && *known.raw == *command.raw);
        return if same {
            TakenCommand::Known { no: *no }
        } else {
            TakenCommand::DifferentUnderSameKey
        };
    }
    let received = head.next_received(now);
    let mut draft = Draft::over(tables);
    let no = head.append(&mut draft, |link| Intake {
        origin,
        site: SiteId(0),
        received,
        timing: Timing::exact(received),
        local_date: command.local_date,
        evidence: ByteBuf::new(),
        previous: link.previous,
        hash: Intake::link(link.previous, link.no, received, &command.raw),
        raw: ByteBuf::from(command.raw),
    });
    if let Some(key) = key {
        draft.put::<CommandKeys>(&key, no);
    }
    TakenCommand::New { changes: draft.finish(), no }
}
