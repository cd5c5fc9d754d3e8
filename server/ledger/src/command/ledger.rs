//! Accounts and posting setups.

use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::words::LocationCode;
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found};
use crate::gl::account::{general_account, inventory_account};
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::LocationId;
use crate::schema::gl::{
    AccountRole, GeneralPostingSetup, GeneralPostingSetups, GlAccount, GlAccounts,
    InventoryPostingSetup, InventoryPostingSetups, ReasonGroups, ReasonGroupsOf,
};
use crate::tables::Read as _;

/// Characters of an account number or the code of a posting group at most.
const CODE_MAX: usize = 20;

/// Puts an account of the chart, so that setups may name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutGlAccount {
    /// Its number.
    pub account: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
}

/// Accounts of an inventory posting group at a location, as a whole. What is left empty is missing: what
/// needs it is refused where it is posted at once, and left out by runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutInventoryPostingSetup {
    /// The location; none for the blank one.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// The inventory posting group; empty for items without one.
    #[serde(default)]
    pub inventory_group: String,
    /// The accounts.
    pub accounts: InventoryPostingSetup,
}

/// Accounts of a general business and a general product posting group, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutGeneralPostingSetup {
    /// General business posting group; empty for postings without one.
    #[serde(default)]
    pub business_group: String,
    /// General product posting group; empty for items without one.
    #[serde(default)]
    pub product_group: String,
    /// The accounts.
    pub accounts: GeneralPostingSetup,
}

/// Sets the general business posting groups of count differences and of losses in transit, both: what is left
/// out is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetReasonGroups {
    /// Of differences that counts find.
    #[serde(default)]
    pub count_differences: String,
    /// Of what is lost on its way between two locations.
    #[serde(default)]
    pub transit_losses: String,
}

pub(crate) fn set_reason_groups(
    posting: &mut Posting<'_, '_>,
    set: &SetReasonGroups,
) -> Result<(), Stop> {
    check_code(&set.count_differences)?;
    check_code(&set.transit_losses)?;
    let row = ReasonGroups {
        count_differences: set.count_differences.clone(),
        transit_losses: set.transit_losses.clone(),
    };
    posting.draft.put::<ReasonGroupsOf>(&(), row);
    Ok(())
}

pub(crate) fn put_account(posting: &mut Posting<'_, '_>, put: &PutGlAccount) -> Result<(), Stop> {
    if put.account.is_empty() {
        return Err(Stop::Refuse(malformed(&"an account has a number")));
    }
    check_code(&put.account)?;
    posting.draft.put::<GlAccounts>(&put.account, GlAccount { name: put.name.clone() });
    Ok(())
}

pub(crate) fn put_inventory_setup(
    posting: &mut Posting<'_, '_>,
    put: &PutInventoryPostingSetup,
) -> Result<(), Stop> {
    check_code(&put.inventory_group)?;
    let location = match &put.location {
        Some(code) => lookup::location(posting.draft, code).map_err(Stop::Refuse)?.0,
        None => LocationId(0),
    };
    for role in AccountRole::ALL {
        check_account(posting, inventory_account(&put.accounts, role))?;
    }
    let key = (location, put.inventory_group.clone());
    posting.draft.put::<InventoryPostingSetups>(&key, put.accounts.clone());
    Ok(())
}

pub(crate) fn put_general_setup(
    posting: &mut Posting<'_, '_>,
    put: &PutGeneralPostingSetup,
) -> Result<(), Stop> {
    check_code(&put.business_group)?;
    check_code(&put.product_group)?;
    for role in AccountRole::ALL {
        check_account(posting, general_account(&put.accounts, role))?;
    }
    let key = (put.business_group.clone(), put.product_group.clone());
    posting.draft.put::<GeneralPostingSetups>(&key, put.accounts.clone());
    Ok(())
}

/// A setup names accounts that exist.
fn check_account(posting: &Posting<'_, '_>, account: &str) -> Result<(), Stop> {
    if account.is_empty() || posting.draft.has::<GlAccounts>(&account.to_owned()) {
        return Ok(());
    }
    Err(not_found(&account))
}

/// Whether something can be the code of an account or of a posting group.
///
/// # Errors
///
/// `malformed_request`.
pub(crate) fn check_code(code: &str) -> Result<(), Stop> {
    if code.chars().count() > CODE_MAX || code.chars().any(char::is_control) {
        return Err(Stop::Refuse(Reason::new(Code::MalformedRequest).word("why", code)));
    }
    Ok(())
}
