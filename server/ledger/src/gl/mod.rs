//! The general ledger: which accounts a value entry belongs to, and posting it there, at once or in runs.
//!
//! Invariants (COSTING 3.7):
//! 1. What is written together sums to zero; [`gateway`] writes entries, and nothing else does.
//! 2. What of a value entry is in the inventory accounts is what its state says, at every moment: between
//!    two slices of a run too.
//! 3. A value entry that is not wholly posted is listed: a run costs what is not posted.
//!
//! Not here: payables, receivables, revenue; what stock is worth (`valuation`).
//!
//! Order of reading: this file, [`account`] (which accounts), [`gateway`] (writing), [`batch`] (runs),
//! [`read`] (questions).

pub mod account;
pub mod batch;
pub mod gateway;
pub mod read;

use protocol::outcome::Reason;

use crate::costing::value::state_of;
use crate::costing::{minus, plus, setup};
use crate::gl::account::{Accounts, Cost};
use crate::money::Money;
use crate::period;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::gl::UnpostedValues;
use crate::schema::money::{InventorySetup, ValueEntry, ValueState, ValueStates};
use crate::tables::{Read as _, Tables};

/// Not posted, to be posted.
pub(crate) const DUE: u8 = 1;
/// Not posted: expected cost, which is not posted as long as the setup says so.
pub(crate) const EXPECTED_OFF: u8 = 2;

/// What is to be posted of a value entry, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Of which cost.
    pub(crate) cost: Cost,
    /// How much goes to the account; the balancing account gets the opposite.
    pub(crate) amount: Money,
    /// Where.
    pub(crate) accounts: Accounts,
}

/// What of a value entry is not in the general ledger: actual and expected cost that has accounts.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn open_amounts(
    tables: &(impl Tables + ?Sized),
    (no, value): (EntryNo, &ValueEntry),
) -> Result<(Money, Money), Stop> {
    let state = state_of(tables, (no, value));
    let open = |cost: Cost, amount: Money, posted: Money| {
        if account::roles_of(value, cost).is_some() {
            minus(amount, posted)
        } else {
            Ok(Money::ZERO)
        }
    };
    Ok((
        open(Cost::Actual, value.cost_actual, state.cost_in_gl)?,
        open(Cost::Expected, value.cost_expected, state.expected_in_gl)?,
    ))
}

/// What is to be posted of a value entry now: expected cost first, and only where the setup posts it.
///
/// # Errors
///
/// `account_missing`; a figure out of range is an overflow.
pub(crate) fn due_of(
    tables: &(impl Tables + ?Sized),
    setup: &InventorySetup,
    (no, value): (EntryNo, &ValueEntry),
) -> Result<Vec<Due>, Stop> {
    let (actual, expected) = open_amounts(tables, (no, value))?;
    let expected = if setup.expected_cost_posting { expected } else { Money::ZERO };
    let mut due = Vec::new();
    for (cost, amount) in [(Cost::Expected, expected), (Cost::Actual, actual)] {
        if amount.is_zero() {
            continue;
        }
        let found = account::accounts_of(tables, value, cost).map_err(Stop::Refuse)?;
        due.extend(found.map(|accounts| Due { cost, amount, accounts }));
    }
    Ok(due)
}

/// What follows a value entry in the general ledger: it is posted at once where the setup says so, and
/// listed as far as it is not. A closed accounting period takes nothing; what is dated there stays
/// listed, with that reason.
///
/// # Errors
///
/// `account_missing` for what somebody asks for at a desk; [`Stop::Overflow`].
pub(crate) fn value_written(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    value: &ValueEntry,
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let open = !setup.automatic_cost_posting
        || period::is_year_closed(&*posting.draft, value.posting_date);
    if open {
        // Nothing of a new entry is posted or listed yet: nothing is read.
        let amount = |cost: Cost, amount: Money| {
            account::roles_of(value, cost).map_or(Money::ZERO, |_roles| amount)
        };
        let actual = amount(Cost::Actual, value.cost_actual);
        let expected = amount(Cost::Expected, value.cost_expected);
        if let Some(kind) = kind_of(&setup, actual, expected) {
            posting.draft.put::<UnpostedValues>(&(kind, no), ());
        }
        return Ok(());
    }
    let due = match due_of(&*posting.draft, &setup, (no, value)) {
        // A fact is booked whatever the setup lacks, and so is what the system adjusts: the next run
        // posts it.
        Err(Stop::Refuse(_)) if !posting.act.desk || posting.lists_missing => Vec::new(),
        due => due?,
    };
    if !due.is_empty() {
        let register = gateway::register_of(posting);
        for due in &due {
            gateway::post_pair(posting, register, (no, value), due)?;
        }
        posted(posting, (no, value), &due)?;
    }
    list_unposted(posting, &setup, (no, value))
}

/// Under which kind a value entry is listed that has so much open; none: it is not listed.
fn kind_of(setup: &InventorySetup, actual: Money, expected: Money) -> Option<u8> {
    if !actual.is_zero() || (setup.expected_cost_posting && !expected.is_zero()) {
        return Some(DUE);
    }
    (!expected.is_zero()).then_some(EXPECTED_OFF)
}

/// The state of a value entry of which `due` was posted.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn posted(
    posting: &mut Posting<'_, '_>,
    (no, value): (EntryNo, &ValueEntry),
    due: &[Due],
) -> Result<(), Stop> {
    let mut state: ValueState = state_of(&*posting.draft, (no, value));
    for due in due {
        match due.cost {
            Cost::Actual => state.cost_in_gl = plus(state.cost_in_gl, due.amount)?,
            Cost::Expected => state.expected_in_gl = plus(state.expected_in_gl, due.amount)?,
        }
    }
    posting.draft.put::<ValueStates>(&no, state);
    Ok(())
}

/// Lists a value entry among what is not posted, or takes it from there.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn list_unposted(
    posting: &mut Posting<'_, '_>,
    setup: &InventorySetup,
    (no, value): (EntryNo, &ValueEntry),
) -> Result<(), Stop> {
    let (actual, expected) = open_amounts(&*posting.draft, (no, value))?;
    let wanted = kind_of(setup, actual, expected);
    for kind in [DUE, EXPECTED_OFF] {
        let (key, listed) = ((kind, no), wanted == Some(kind));
        let is_listed = posting.draft.has::<UnpostedValues>(&key);
        if listed && !is_listed {
            posting.draft.put::<UnpostedValues>(&key, ());
        } else if !listed && is_listed {
            posting.draft.delete::<UnpostedValues>(&key);
        }
    }
    Ok(())
}

/// The reason of a refusal as one line of English, for lists.
pub(crate) fn as_text(reason: &Reason) -> String {
    protocol::text::fallback(std::slice::from_ref(reason))
}

#[cfg(test)]
mod tests;
