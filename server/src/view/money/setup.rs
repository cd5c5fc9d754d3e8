//! How the money side is set up: the inventory setup, and which account stands where.

use std::collections::BTreeSet;

use ledger::gl::account::{general_account, inventory_account};
use ledger::key::KeyRange;
use ledger::schema::gl::{
    AccountRole, GeneralPostingSetups, GlAccounts, InventoryPostingSetups, ReasonGroups,
    ReasonGroupsOf,
};
use ledger::schema::money::{InventorySetup, ItemCosts};
use ledger::tables::{Read as _, Tables};
use serde::Serialize;

use super::location_text;
use crate::view::sheet::{Cell, Line};

/// The inventory setup, as `set_inventory_setup` takes it, and the groups of `set_reason_groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetupView {
    /// The inventory setup.
    pub setup: InventorySetup,
    /// Through whose accounts go differences and losses that no document stands behind.
    pub reason_groups: ReasonGroups,
}

/// The setup as it is.
pub fn setup(tables: &dyn Tables) -> SetupView {
    let groups = tables.row::<ReasonGroupsOf>(&());
    SetupView {
        setup: (*ledger::costing::setup(tables)).clone(),
        reason_groups: groups.map(|row| (*row).clone()).unwrap_or_default(),
    }
}

/// An account of a posting setup, or that it is missing there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostingAccountView {
    /// `inventory`: by location and inventory posting group; `general`: by the general groups.
    pub setup: &'static str,
    /// The location; empty for the blank one, and for a general setup.
    pub location: String,
    /// Inventory posting group.
    pub inventory_group: String,
    /// General business posting group.
    pub business_group: String,
    /// General product posting group.
    pub product_group: String,
    /// What the account is for.
    pub role: &'static str,
    /// Its number; empty where none is set up.
    pub account: String,
    /// What people call it.
    pub name: String,
    /// What goes here cannot be posted.
    pub missing: bool,
}

impl Line for PostingAccountView {
    const HEAD: &'static [&'static str] = &[
        "setup",
        "location",
        "inventory_group",
        "business_group",
        "product_group",
        "role",
        "account",
        "name",
        "missing",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.setup.into(),
            self.location.as_str().into(),
            self.inventory_group.as_str().into(),
            self.business_group.as_str().into(),
            self.product_group.as_str().into(),
            self.role.into(),
            self.account.as_str().into(),
            self.name.as_str().into(),
            Cell::Flag(self.missing),
        ]
    }
}

/// Whether goods that are bought, sold, counted and moved need the account: production, overhead and
/// standard cost need more. Interim accounts are needed where expected cost is posted.
const fn is_needed(role: AccountRole, setup: &InventorySetup) -> bool {
    match role {
        AccountRole::Inventory
        | AccountRole::Cogs
        | AccountRole::InventoryAdjustment
        | AccountRole::DirectCostApplied => true,
        AccountRole::InventoryInterim | AccountRole::CogsInterim | AccountRole::AccrualInterim => {
            setup.expected_cost_posting
        }
        AccountRole::Wip
        | AccountRole::MaterialVariance
        | AccountRole::CapacityVariance
        | AccountRole::CapacityOverheadVariance
        | AccountRole::ManufacturingOverheadVariance
        | AccountRole::SubcontractedVariance
        | AccountRole::MaterialNonInventoryVariance
        | AccountRole::OverheadApplied
        | AccountRole::PurchaseVariance
        | AccountRole::DirectCostNonInventoryApplied => false,
    }
}

/// Every account of every posting setup, and what is missing there: accounts that a setup leaves empty, and
/// groups of items that no setup is for.
pub fn posting_accounts(tables: &dyn Tables) -> Vec<PostingAccountView> {
    let setup = ledger::costing::setup(tables);
    let mut rows = Vec::new();
    let (mut inventory_groups, mut product_groups) = groups_of_items(tables);
    for ((location, group), accounts) in tables.list::<InventoryPostingSetups>(&KeyRange::all()) {
        inventory_groups.remove(&group);
        let key = row_of("inventory", [&location_text(tables, location), &group, "", ""]);
        let found = |role| inventory_account(&accounts, role).to_owned();
        rows.extend(accounts_of(tables, &setup, (&key, is_inventory), found));
    }
    for group in inventory_groups {
        let key = row_of("inventory", ["", &group, "", ""]);
        rows.extend(accounts_of(tables, &setup, (&key, is_inventory), |_role| String::new()));
    }
    for ((business, product), accounts) in tables.list::<GeneralPostingSetups>(&KeyRange::all()) {
        product_groups.remove(&product);
        let key = row_of("general", ["", "", &business, &product]);
        let found = |role| general_account(&accounts, role).to_owned();
        rows.extend(accounts_of(tables, &setup, (&key, is_general), found));
    }
    for group in product_groups {
        let key = row_of("general", ["", "", "", &group]);
        rows.extend(accounts_of(tables, &setup, (&key, is_general), |_role| String::new()));
    }
    rows
}

/// Inventory posting groups and general product posting groups that cards of items name.
fn groups_of_items(tables: &dyn Tables) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut groups = (BTreeSet::new(), BTreeSet::new());
    for (_item, card) in tables.list::<ItemCosts>(&KeyRange::all()) {
        groups.0.insert(card.inventory_group.clone());
        groups.1.insert(card.product_group.clone());
    }
    groups
}

/// Whether the account is found by location and inventory posting group; the others by the general groups.
const fn is_inventory(role: AccountRole) -> bool {
    // Numbers of a location's own accounts come first.
    role.number() <= AccountRole::MaterialNonInventoryVariance.number()
}

const fn is_general(role: AccountRole) -> bool {
    !is_inventory(role)
}

fn row_of(
    setup: &'static str,
    [location, inventory_group, business_group, product_group]: [&str; 4],
) -> PostingAccountView {
    PostingAccountView {
        setup,
        location: location.to_owned(),
        inventory_group: inventory_group.to_owned(),
        business_group: business_group.to_owned(),
        product_group: product_group.to_owned(),
        role: "",
        account: String::new(),
        name: String::new(),
        missing: false,
    }
}

/// The rows of one setup: accounts that are there, and those that are needed and are not.
fn accounts_of(
    tables: &dyn Tables,
    setup: &InventorySetup,
    (key, is_here): (&PostingAccountView, fn(AccountRole) -> bool),
    account: impl Fn(AccountRole) -> String,
) -> Vec<PostingAccountView> {
    let rows = AccountRole::ALL.into_iter().filter(|role| is_here(*role)).map(|role| {
        let account = account(role);
        let name = tables.row::<GlAccounts>(&account).map(|row| row.name.clone());
        PostingAccountView {
            role: role.name(),
            missing: account.is_empty() && is_needed(role, setup),
            account,
            name: name.unwrap_or_default(),
            ..key.clone()
        }
    });
    rows.filter(|row| row.missing || !row.account.is_empty()).collect()
}
