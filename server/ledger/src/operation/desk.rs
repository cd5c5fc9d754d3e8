//! Commands: refused whole, with a code, or done.

use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::OperationId;
use protocol::operation::Body;
use protocol::outcome::Reason;

use crate::command::{self, Command, Handle};
use crate::conflict;
use crate::count;
use crate::draft::Draft;
use crate::operation::{
    Poison, Request, act_of, again, complete, finish, place, post_body, stopped,
};
use crate::period;
use crate::posting::{Posting, Stop};
use crate::right;
use crate::schema::book::{Idempotency, Origin};

/// Judges a command.
///
/// # Errors
///
/// [`Poison`].
pub(crate) fn judge(
    draft: &mut Draft<'_>,
    request: &Request<'_>,
    operation: OperationId,
) -> Result<(), Poison> {
    let command = Command::decode(&request.intake.raw);
    let mut act = act_of(request, operation, None);
    if command.as_ref().is_ok_and(books_what_was_done) {
        // Nobody chose the date: it is that of a decision about what was done before.
        period::move_to_open(&*draft, &mut act);
    }
    let kind = command.as_ref().map_or_else(|_bad| String::new(), |known| known.name().to_owned());
    if let Origin::Desk { idempotency: Some(key), .. } = &request.intake.origin {
        draft.put::<Idempotency>(key, operation);
    }
    let before = draft.savepoint();
    let mut posting = Posting::new(draft, act);
    let judged = match &command {
        Ok(command) => may(&posting, &request.intake.origin, command)
            .and_then(|()| run(&mut posting, &request.intake.origin, command))
            .and_then(|()| complete(&mut posting)),
        Err(reason) => Err(Stop::Refuse(reason.clone())),
    };
    if let Err(stop) = judged {
        let act = posting.act;
        draft.restore(before);
        posting = Posting::new(draft, act);
        let (stop, further) = refusal(stop);
        stopped(&mut posting, stop, None)?;
        for reason in further {
            posting.decision.note(reason);
        }
    }
    finish(posting, request, (request.intake.hash, kind))
}

/// Nothing that a desk asks for is parked: it is refused, with all that is in the way.
fn refusal(stop: Stop) -> (Stop, Vec<Reason>) {
    match stop {
        Stop::Park(reasons, _choices) => {
            let mut reasons = reasons.into_iter();
            let first = reasons.next().unwrap_or_else(|| Reason::new(Code::MalformedRequest));
            (Stop::Refuse(first), reasons.collect())
        }
        Stop::Refuse(_) | Stop::Overflow => (stop, Vec::new()),
    }
}

/// Whether a command books what is a fact already: never refused for its date.
const fn books_what_was_done(command: &Command) -> bool {
    matches!(
        command,
        Command::Settle(_)
            | Command::Decide(_)
            | Command::EnterCounts(_)
            | Command::CloseTransfer(_)
    )
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other command is of the dispatcher")]
fn run(posting: &mut Posting<'_, '_>, origin: &Origin, command: &Command) -> Result<(), Stop> {
    match command {
        Command::ActivateImport(activate) => {
            command::import::activate(posting, activate, |posting, command| {
                may(posting, origin, command).and_then(|()| command::run(posting, command))
            })
        }
        Command::Handle(handle) => handled(posting, handle),
        Command::Settle(settle) => count::settle(posting, &settle.sites).map(|_more| ()),
        Command::JudgeAgain(again) => {
            again::judge_unsupported(posting, &again.operations);
            Ok(())
        }
        Command::Decide(decide) => {
            // What is decided is a fact by then: it may go below zero, and is counted.
            posting.act.approved = true;
            conflict::decide(posting, decide)
        }
        other => command::run(posting, other),
    }
}

/// Work like that of a device, done at a desk: the same rules, but the desk is refused where a fact
/// would be changed, parked or posted below zero.
fn handled(posting: &mut Posting<'_, '_>, handle: &Handle) -> Result<(), Stop> {
    let body = Body::decode(&handle.kind, handle.version, &handle.body)
        .map_err(|error| Stop::Refuse(Reason::new(Code::MalformedRequest).word("why", error)))?;
    posting.act.document.clone_from(&handle.document);
    if let Some(date) = handle.date {
        posting.act.posting_date = date;
    }
    period::check_posting(posting, posting.act.posting_date)?;
    post_body(posting, &body)
}

/// Whether the person may ask for `command`, and for each part of a batch. The system may.
#[expect(clippy::wildcard_enum_match_arm, reason = "only what changes for others is looked at")]
fn may(posting: &Posting<'_, '_>, origin: &Origin, command: &Command) -> Result<(), Stop> {
    if *origin == Origin::System {
        return Ok(());
    }
    match command {
        Command::Batch(batch) => {
            return batch.commands.iter().try_for_each(|part| may(posting, origin, part));
        }
        // What an import holds is asked for when it is done, each command for itself.
        Command::ActivateImport(_) => return Ok(()),
        _ if skips_checks(command) => {
            let reason = Reason::new(Code::RightMissing).word("operator", right::name(posting));
            return Err(Stop::Refuse(reason));
        }
        _ => {}
    }
    let location = place::of_command(&*posting.draft, command);
    right::claim(posting, roles_for(command), location)
}

/// Whether a command leaves out the checks that a user meets: the system sets a company up so, and nobody
/// else, whatever their role (COSTING 19).
#[expect(clippy::wildcard_enum_match_arm, reason = "no other command can leave its checks out")]
const fn skips_checks(command: &Command) -> bool {
    match command {
        Command::SetInventorySetup(set) => set.unchecked,
        Command::PutInventoryPeriod(put) => put.unchecked_closed.is_some(),
        _ => false,
    }
}

/// Roles, beside administrators, that may ask for a command.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not named is everyday work")]
fn roles_for(command: &Command) -> &'static [Role] {
    match command {
        Command::SetCompany(_)
        | Command::PutSite(_)
        | Command::PutOperator(_)
        | Command::GrantRole(_)
        | Command::RevokeRole(_) => &[],
        Command::Settle(_)
        | Command::JudgeAgain(_)
        | Command::Decide(_)
        | Command::AskCounts(_)
        | Command::AssignTask(_) => &[Role::Supervisor],
        Command::SetInventorySetup(_)
        | Command::PutUserSetup(_)
        | Command::PutGlAccount(_)
        | Command::PutInventoryPostingSetup(_)
        | Command::PutGeneralPostingSetup(_)
        | Command::SetReasonGroups(_)
        | Command::PostCostToGl(_)
        | Command::CreateFiscalYear(_)
        | Command::CloseFiscalYear(_)
        | Command::PutInventoryPeriod(_)
        | Command::CloseInventoryPeriod(_)
        | Command::ReopenInventoryPeriod(_)
        | Command::DeleteInventoryPeriod(_) => &[Role::Accountant],
        _ => &[Role::Supervisor, Role::Accountant, Role::Integrator],
    }
}
