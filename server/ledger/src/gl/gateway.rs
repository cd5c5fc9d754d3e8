//! The one gateway to the general ledger: start (register, numbers), collect, check that the sum is zero,
//! write (COSTING 4).

use crate::costing::plus;
use crate::gl::Due;
use crate::gl::account::place_of_role;
use crate::money::Money;
use crate::posting::{Posting, Stop};
use crate::schema::gl::{
    GlByAccount, GlEntry, GlLedger, GlOfValue, GlRegister, GlRegisters, GlSums, ValuesOfGl,
};
use crate::schema::money::ValueEntry;
use crate::schema::{Counter, EntryNo, next_number};
use crate::tables::Read as _;
use crate::valuation::sums::{DAY, MONTH, first_day};

/// The register of this posting, opened with its first entry.
pub(crate) fn register_of(posting: &mut Posting<'_, '_>) -> u64 {
    if let Some(register) = posting.gl_register {
        return register;
    }
    let register = next_number(posting.draft, Counter::GeneralLedgerRegister);
    posting.gl_register = Some(register);
    register
}

/// Writes both entries of what is due of one value entry, and their relations.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn post_pair(
    posting: &mut Posting<'_, '_>,
    register: u64,
    (no, value): (EntryNo, &ValueEntry),
    due: &Due,
) -> Result<(), Stop> {
    let pair = pair_of(posting, register, (no, value), due);
    let first = write(posting, pair)?;
    for entry in both(first) {
        posting.draft.put::<GlOfValue>(&(no, entry), register);
    }
    Ok(())
}

/// Writes both entries of a sum that `value` is the first part of.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn open_sum(
    posting: &mut Posting<'_, '_>,
    (register, document_no): (u64, &str),
    (no, value): (EntryNo, &ValueEntry),
    due: &Due,
) -> Result<EntryNo, Stop> {
    let mut pair = pair_of(posting, register, (no, value), due);
    for entry in &mut pair {
        entry.value = EntryNo(0);
        document_no.clone_into(&mut entry.document_no);
    }
    let first = write(posting, pair)?;
    relate(posting, register, no, first);
    Ok(first)
}

/// Adds what is due of a value entry to a sum of a register that is still open.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub(crate) fn grow_sum(
    posting: &mut Posting<'_, '_>,
    (register, first): (u64, EntryNo),
    no: EntryNo,
    due: &Due,
) -> Result<(), Stop> {
    for (entry_no, amount) in both(first).into_iter().zip([due.amount, due.amount.negated()]) {
        let Some(entry) = posting.draft.row::<GlLedger>(&entry_no) else {
            return Err(Stop::Overflow);
        };
        let grown = GlEntry { amount: plus(entry.amount, amount)?, ..(*entry).clone() };
        add_to_sums(posting, &grown, amount)?;
        posting.draft.put::<GlLedger>(&entry_no, grown);
    }
    relate(posting, register, no, first);
    Ok(())
}

/// The number of an entry and the one after it: a pair is written together.
const fn both(first: EntryNo) -> [EntryNo; 2] {
    [first, EntryNo(first.0.saturating_add(1))]
}

fn relate(posting: &mut Posting<'_, '_>, register: u64, value: EntryNo, first: EntryNo) {
    for entry in both(first) {
        posting.draft.put::<GlOfValue>(&(value, entry), register);
        posting.draft.put::<ValuesOfGl>(&(entry, value), ());
    }
}

fn pair_of(
    posting: &Posting<'_, '_>,
    register: u64,
    (no, value): (EntryNo, &ValueEntry),
    due: &Due,
) -> [GlEntry; 2] {
    let entry = |(role, account): &(_, String), amount| {
        let (location, inventory_group) = place_of_role(&*posting.draft, value, *role);
        GlEntry {
            register,
            account: account.clone(),
            role: *role,
            posting_date: value.posting_date,
            amount,
            value: no,
            location,
            inventory_group,
            business_group: value.business_group.clone(),
            product_group: value.product_group.clone(),
            document_no: value.document_no.clone(),
            dimension_set: value.dimension_set,
            written: posting.written(),
        }
    };
    [entry(&due.accounts.account, due.amount), entry(&due.accounts.balancing, due.amount.negated())]
}

/// Checks and writes lines that belong together; answers the number of the first.
///
/// # Panics
///
/// When they do not sum to zero: that is no posting, and the operation is kept as poison.
fn write(
    posting: &mut Posting<'_, '_>,
    lines: impl IntoIterator<Item = GlEntry>,
) -> Result<EntryNo, Stop> {
    let lines: Vec<GlEntry> = lines.into_iter().collect();
    let mut sum = Money::ZERO;
    for line in &lines {
        sum = plus(sum, line.amount)?;
    }
    assert!(sum.is_zero(), "a document of the general ledger balances");
    let mut first = EntryNo(0);
    for line in lines {
        let no = EntryNo(next_number(posting.draft, Counter::GeneralLedgerEntry));
        first = if first.0 == 0 { no } else { first };
        add_to_sums(posting, &line, line.amount)?;
        enter(posting, line.register, no);
        let by_account = (line.account.clone(), line.posting_date, no);
        posting.draft.put::<GlByAccount>(&by_account, ());
        posting.draft.put::<GlLedger>(&no, line);
    }
    Ok(first)
}

/// The register grows by an entry.
fn enter(posting: &mut Posting<'_, '_>, register: u64, no: EntryNo) {
    let row = match posting.draft.row::<GlRegisters>(&register) {
        Some(row) => GlRegister { last: no, ..*row },
        None => GlRegister {
            first: no,
            last: no,
            run: 0,
            closed: true,
            operation: posting.act.operation,
            written: posting.written(),
        },
    };
    posting.draft.put::<GlRegisters>(&register, row);
}

/// The sums of the account follow.
fn add_to_sums(posting: &mut Posting<'_, '_>, entry: &GlEntry, amount: Money) -> Result<(), Stop> {
    for level in [MONTH, DAY] {
        let key = (
            level,
            first_day(level, entry.posting_date),
            entry.account.clone(),
            entry.role.number(),
            entry.inventory_group.clone(),
            entry.location,
        );
        let before = posting.draft.row::<GlSums>(&key).map(|sum| *sum).unwrap_or_default();
        posting.draft.put::<GlSums>(&key, plus(before, amount)?);
    }
    Ok(())
}
