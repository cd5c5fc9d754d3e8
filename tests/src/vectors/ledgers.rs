//! The general ledger and the periods of a company.
//!
//! There is one account for each role, numbered by the role: the symbolic accounts of the files. Every
//! general and every inventory posting setup in use names these same accounts.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use ledger::command::Command;
use ledger::command::ledger::{PutGeneralPostingSetup, PutGlAccount, PutInventoryPostingSetup};
use ledger::gl::batch::PostCostToGl;
use ledger::key::KeyRange;
use ledger::period::accounting::{CloseFiscalYear, CreateFiscalYear, LengthUnit};
use ledger::period::inventory::{InventoryPeriodOf, PutInventoryPeriod};
use ledger::schema::EntryNo;
use ledger::schema::gl::{
    self, AccountRole, GeneralPostingSetup, GlLedger, GlRegisters, InventoryPostingSetup,
    ValuesOfGl,
};
use ledger::schema::money::InventoryPeriods;
use ledger::tables::Read as _;
use rust_decimal::Decimal;

use super::book::{Book, GlEntry, GlRelation};
use super::company::{Company, Done, lacking};
use super::costing::PostingMethod;
use super::money::location;
use super::settings::PeriodState;

/// The general business posting group of everything that a file posts.
pub const BUSINESS: &str = "TRADE";

/// The number of the account of a role.
fn number(role: AccountRole) -> String {
    format!("A{:02}", role.number())
}

/// The symbolic name of an account.
fn symbol(account: &str) -> String {
    let role = account.strip_prefix('A').and_then(|number| number.parse().ok());
    let role = role.and_then(AccountRole::from_number);
    role.map_or_else(|| account.to_owned(), |role| role.name().to_owned())
}

/// One general and one inventory posting setup for each location and group in use.
///
/// # Errors
///
/// A code that cannot be kept.
pub fn set_up(company: &mut Company, locations: &[String], groups: &[String]) -> Done {
    for role in AccountRole::ALL {
        let name = role.name().to_owned();
        company.system(Command::PutGlAccount(PutGlAccount { account: number(role), name }));
    }
    let accounts = InventoryPostingSetup {
        inventory: number(AccountRole::Inventory),
        inventory_interim: number(AccountRole::InventoryInterim),
        wip: number(AccountRole::Wip),
        material_variance: number(AccountRole::MaterialVariance),
        capacity_variance: number(AccountRole::CapacityVariance),
        capacity_overhead_variance: number(AccountRole::CapacityOverheadVariance),
        mfg_overhead_variance: number(AccountRole::ManufacturingOverheadVariance),
        subcontracted_variance: number(AccountRole::SubcontractedVariance),
        material_non_inventory_variance: number(AccountRole::MaterialNonInventoryVariance),
    };
    let blank = String::new();
    let locations: BTreeSet<&String> = locations.iter().chain([&blank]).collect();
    for place in locations {
        // What an order without output uses belongs to no group of items.
        for group in groups.iter().chain([&blank]) {
            company.system(Command::PutInventoryPostingSetup(PutInventoryPostingSetup {
                location: location(Some(place))?,
                inventory_group: group.clone(),
                accounts: accounts.clone(),
            }));
        }
    }
    let accounts = GeneralPostingSetup {
        cogs: number(AccountRole::Cogs),
        cogs_interim: number(AccountRole::CogsInterim),
        inventory_adjmt: number(AccountRole::InventoryAdjustment),
        direct_cost_applied: number(AccountRole::DirectCostApplied),
        overhead_applied: number(AccountRole::OverheadApplied),
        purchase_variance: number(AccountRole::PurchaseVariance),
        invt_accrual_interim: number(AccountRole::AccrualInterim),
        direct_cost_non_inventory_applied: number(AccountRole::DirectCostNonInventoryApplied),
    };
    let capacity = super::orders::CAPACITY_GROUP.to_owned();
    for group in groups.iter().chain([&capacity]) {
        for business in ["", BUSINESS] {
            company.system(Command::PutGeneralPostingSetup(PutGeneralPostingSetup {
                business_group: business.to_owned(),
                product_group: group.clone(),
                accounts: accounts.clone(),
            }));
        }
    }
    Ok(())
}

/// The command that brings an inventory period to a state, as setup data.
pub fn period_command(period: PeriodState) -> Command {
    Command::PutInventoryPeriod(PutInventoryPeriod {
        ending_date: period.ending_date,
        name: String::new(),
        unchecked_closed: Some(period.closed),
    })
}

/// Posts cost to the general ledger.
///
/// # Errors
///
/// The refusal.
pub fn post_cost(company: &mut Company, method: PostingMethod) -> Done {
    let method = match method {
        PostingMethod::PerEntry => gl::PostingMethod::PerEntry,
        PostingMethod::PerPostingGroup => gl::PostingMethod::PerPostingGroup,
    };
    company.ask(&Command::PostCostToGl(PostCostToGl { method, ..PostCostToGl::default() }))?;
    Ok(())
}

/// Closes an inventory period; with `create`, one that is not there is made first.
///
/// # Errors
///
/// The refusal.
pub fn close_period(company: &mut Company, ending_date: NaiveDate, create: bool) -> Done {
    let mut commands = Vec::new();
    if create && !company.tables.has::<InventoryPeriods>(&ending_date) {
        let name = String::new();
        let put = PutInventoryPeriod { ending_date, name, unchecked_closed: None };
        commands.push(Command::PutInventoryPeriod(put));
    }
    commands.push(Command::CloseInventoryPeriod(InventoryPeriodOf { ending_date }));
    company.ask_all(commands)?;
    Ok(())
}

/// Reopens an inventory period.
///
/// # Errors
///
/// The refusal.
pub fn reopen_period(company: &mut Company, ending_date: NaiveDate) -> Done {
    company.ask(&Command::ReopenInventoryPeriod(InventoryPeriodOf { ending_date }))?;
    Ok(())
}

/// Deletes an inventory period.
///
/// # Errors
///
/// The refusal.
pub fn delete_period(company: &mut Company, ending_date: NaiveDate) -> Done {
    company.ask(&Command::DeleteInventoryPeriod(InventoryPeriodOf { ending_date }))?;
    Ok(())
}

/// Fills in the general ledger.
pub fn read(company: &Company, values: &BTreeMap<EntryNo, u64>, book: &mut Book) {
    let tables = &company.tables;
    let all = KeyRange::all();
    let registers = tables.list::<GlRegisters>(&all);
    let registers: BTreeMap<u64, u64> =
        registers.into_iter().map(|(no, _row)| no).zip(1..).collect();
    for (no, (entry, row)) in (1..).zip(tables.list::<GlLedger>(&all)) {
        let register = registers.get(&row.register).copied().unwrap_or(0);
        let sources: Vec<u64> = match row.value {
            EntryNo(0) => tables
                .list::<ValuesOfGl>(&KeyRange::prefix(&(entry,)))
                .into_iter()
                .filter_map(|((_entry, value), _row)| values.get(&value).copied())
                .collect(),
            value => values.get(&value).copied().into_iter().collect(),
        };
        book.relations.extend(sources.iter().map(|value| GlRelation {
            gl: no,
            value: *value,
            register,
        }));
        let whole = GlEntry {
            no,
            step: String::new(),
            posted_in: company.step_of(row.written.lsn).to_owned(),
            account: symbol(&row.account),
            date: row.posting_date,
            amount: row.amount.decimal(),
            register,
        };
        let parts = parts_of(&whole, interim(row.role), &sources, book);
        let step = match parts.as_slice() {
            [first, rest @ ..] if rest.iter().all(|part| part.step == first.step) => {
                first.step.clone()
            }
            _ => String::new(),
        };
        book.gl_parts.extend(parts);
        book.gl.push(GlEntry { step, ..whole });
    }
}

/// Whether an account shows expected cost.
const fn interim(role: AccountRole) -> bool {
    matches!(
        role,
        AccountRole::InventoryInterim | AccountRole::CogsInterim | AccountRole::AccrualInterim
    )
}

/// An entry that sums several value entries, taken apart: each has the amount of its own cost, with the
/// sign of the entry.
fn parts_of(whole: &GlEntry, interim: bool, sources: &[u64], book: &Book) -> Vec<GlEntry> {
    let found: Vec<_> =
        sources.iter().filter_map(|no| book.values.iter().find(|value| value.no == *no)).collect();
    if let [only] = found.as_slice() {
        return vec![GlEntry { step: only.step.clone(), ..whole.clone() }];
    }
    let sign = if whole.amount.is_sign_negative() { -Decimal::ONE } else { Decimal::ONE };
    let expected_too = |value: &super::book::Value| interim || value.cost_in_gl.is_zero();
    found
        .into_iter()
        .map(|value| {
            let cost = if expected_too(value) { value.expected_in_gl } else { value.cost_in_gl };
            GlEntry { step: value.step.clone(), amount: sign * cost.abs(), ..whole.clone() }
        })
        .collect()
}

/// Creates a fiscal year with its accounting periods.
///
/// # Errors
///
/// The refusal.
pub(crate) fn create_year(company: &mut Company, year: &super::documents::op::FiscalYear) -> Done {
    let text = year.period_length.clone().unwrap_or_else(|| "1M".to_owned());
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let unit = match text.trim_start_matches(|c: char| c.is_ascii_digit()).to_uppercase().as_str() {
        "D" => LengthUnit::Day,
        "W" => LengthUnit::Week,
        "M" => LengthUnit::Month,
        "Q" => LengthUnit::Quarter,
        "Y" => LengthUnit::Year,
        _ => return lacking(format!("a period of {text}")),
    };
    let Some(start_date) = year.start_date else { return lacking("a year without start") };
    company.ask(&Command::CreateFiscalYear(CreateFiscalYear {
        start_date,
        periods: year.periods.map_or(12, super::json::Int::line),
        length: digits.parse().unwrap_or(1),
        unit,
    }))?;
    Ok(())
}

/// Closes the earliest fiscal year that is open.
///
/// # Errors
///
/// The refusal.
pub(crate) fn close_year(company: &mut Company) -> Done {
    match company.ask(&Command::CloseFiscalYear(CloseFiscalYear {})) {
        // No year is open and over: there is nothing to close.
        Err(refusal) if refusal.codes.iter().any(|code| code == "not_found") => Ok(()),
        done => done.map(|_outcome| ()).map_err(super::company::Stop::from),
    }
}
