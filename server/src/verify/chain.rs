//! The audit trail: both logs from their beginning to their end, each record linked to the one
//! before it. Who wrote down a head earlier (a device with each acknowledgement, a person with
//! `tallyman verify --chain`) can prove later that nothing before it was changed or taken out.

use ledger::key::KeyRange;
use ledger::schema::book::{ChangesTable, Heads, Intake, Intakes};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::{Hash16, IntakeNo, Lsn, ServerTime};
use server_core::poster::change;
use server_core::poster::rebuild::BookFault;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::VerifyError;

/// A head of one of the two chains: where it stood, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Number of the record.
    pub no: u64,
    /// Its hash, which stands for everything before it.
    pub hash: Hash16,
    /// When it was received, or decided.
    pub at: ServerTime,
}

/// What was found at a place that somebody had written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witnessed {
    /// The chain goes through it.
    Agrees,
    /// Another record stands there: what lies before was changed.
    Differs,
    /// The log ends before it: something was cut off.
    Beyond,
}

/// Both chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chains {
    /// The end of the intake log; none when it is empty.
    pub intake: Option<Link>,
    /// The last decision; none when there is none.
    pub change: Option<Link>,
    /// What became of the witnesses, in the order in which they were given.
    pub witnesses: Vec<Witnessed>,
}

/// Walks both chains of `book` and holds `witnesses` of the intake chain against it.
///
/// # Errors
///
/// [`VerifyError::Book`]: a record is missing, or does not follow the one before it.
pub fn walk(book: &dyn Tables, witnesses: &[(IntakeNo, Hash16)]) -> Result<Chains, VerifyError> {
    let mut found = vec![Witnessed::Beyond; witnesses.len()];
    let intake = walk_intake(book, &mut |no, hash| {
        for (place, (of, wanted)) in witnesses.iter().enumerate() {
            if *of == no {
                found[place] = if *wanted == hash { Witnessed::Agrees } else { Witnessed::Differs };
            }
        }
    })?;
    let change = walk_changes(book)?;
    Ok(Chains { intake, change, witnesses: found })
}

fn walk_intake(
    book: &dyn Tables,
    each: &mut dyn FnMut(IntakeNo, Hash16),
) -> Result<Option<Link>, BookFault> {
    let mut last: Option<Link> = None;
    let mut fault = None;
    each_of::<Intakes>(book, &KeyRange::all(), false, &mut |no: IntakeNo, row: Arc<Intake>| {
        let (before, hash, at) =
            last.map_or((0, Hash16::default(), ServerTime(i64::MIN)), |l| (l.no, l.hash, l.at));
        let wanted = before.saturating_add(1);
        if no.0 != wanted {
            fault = Some(BookFault::IntakeMissing(IntakeNo(wanted)));
        } else if row.previous != hash
            || row.received <= at
            || row.hash != Intake::link(row.previous, no, row.received, &row.raw)
        {
            fault = Some(BookFault::IntakeChain(no));
        }
        if fault.is_some() {
            return ControlFlow::Break(());
        }
        each(no, row.hash);
        last = Some(Link { no: no.0, hash: row.hash, at: row.received });
        ControlFlow::Continue(())
    });
    fault.map_or(Ok(last), Err)
}

fn walk_changes(book: &dyn Tables) -> Result<Option<Link>, BookFault> {
    let mut last: Option<Link> = None;
    let mut fault = None;
    each_of::<ChangesTable>(book, &KeyRange::all(), false, &mut |lsn: Lsn, row| {
        let (before, hash, at) =
            last.map_or((0, Hash16::default(), ServerTime(i64::MIN)), |l| (l.no, l.hash, l.at));
        let wanted = before.saturating_add(1);
        if lsn.0 != wanted {
            fault = Some(BookFault::ChangeMissing(Lsn(wanted)));
        } else if row.previous != hash
            || row.time <= at
            || row.hash != change::link(row.previous, lsn, &row.rows)
        {
            fault = Some(BookFault::ChangeChain(lsn));
        }
        if fault.is_some() {
            return ControlFlow::Break(());
        }
        last = Some(Link { no: lsn.0, hash: row.hash, at: row.time });
        ControlFlow::Continue(())
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    // A head without its record is a log whose end was cut off.
    let head = book.row::<Heads>(&()).map_or(0, |head| head.lsn.0);
    let end = last.map_or(0, |last| last.no);
    if head == end { Ok(last) } else { Err(BookFault::ChangeMissing(Lsn(end.saturating_add(1)))) }
}
