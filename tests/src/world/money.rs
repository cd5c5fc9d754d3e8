//! Goods of the world have a cost: what the company needs for that, and a desk that invoices and charges
//! what devices received and shipped, so that costs change after goods have gone.

use chrono::DateTime;
use ledger::command::costing::{
    ChargeEntries, ChargeLine, InvoiceEntries, InvoiceLine, PutItemCost, SetInventorySetup,
};
use ledger::command::ledger::{PutGeneralPostingSetup, PutGlAccount, PutInventoryPostingSetup};
use ledger::command::master::PutItem;
use ledger::command::{Batch, Command};
use ledger::dimension::Dimensions;
use ledger::key::KeyRange;
use ledger::money::{Money, UnitAmount};
use ledger::schema::EntryNo;
use ledger::schema::entry::{ItemLedger, ItemLedgerStates};
use ledger::schema::gl::{AccountRole, GeneralPostingSetup, GlLedger, InventoryPostingSetup};
use ledger::schema::item::CostingMethod;
use ledger::schema::money::{AdjustmentWindow, AveragePeriod, InventorySetup, ValueLedger};
use ledger::tables::Read as _;
use rust_decimal::Decimal;
use server_core::store::MemoryStore;

use super::company::{put_item, word};
use super::floor::{ITEMS, LOCATION, WAY, YARD};
use crate::prng::Prng;

/// How the items of the hall are valued.
const METHODS: [CostingMethod; 5] = [
    CostingMethod::Fifo,
    CostingMethod::Average,
    CostingMethod::Lifo,
    CostingMethod::Standard,
    CostingMethod::Fifo,
];

/// What the auditor looked at, and what there was of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// Runs of the auditor, each after a durable decision.
    pub runs: u64,
    /// Value entries that it looked at in those over everything.
    pub values: u64,
    /// Entries of the general ledger that it looked at in those over everything.
    pub gl_entries: u64,
    /// Value entries in the end whose amount is not zero.
    pub amounts: u64,
    /// Of them, adjustments of a cost that was known late.
    pub adjustments: u64,
    /// Of them, charges.
    pub charges: u64,
}

impl Audited {
    /// Adds what another world saw.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.values += other.values;
        self.gl_entries += other.gl_entries;
        self.amounts += other.amounts;
        self.adjustments += other.adjustments;
        self.charges += other.charges;
    }

    /// The auditor ran: over all of `store`, or over what had changed only.
    pub(super) fn ran(&mut self, store: &MemoryStore, whole: bool) {
        self.runs += 1;
        if !whole {
            return;
        }
        let all = KeyRange::all();
        self.values += store.last::<ValueLedger>(&all).map_or(0, |(no, _value)| no.0);
        self.gl_entries += store.last::<GlLedger>(&all).map_or(0, |(no, _entry)| no.0);
    }

    /// What there is in the end.
    pub(super) fn ended(&mut self, store: &MemoryStore) {
        for (_no, value) in store.list::<ValueLedger>(&KeyRange::all()) {
            if value.cost_actual.is_zero() && value.cost_expected.is_zero() {
                continue;
            }
            self.amounts += 1;
            self.adjustments += u64::from(value.adjustment);
            self.charges += u64::from(!value.charge.is_empty());
        }
    }
}

/// Costs of items and accounts for them, all adjusted and posted at once.
pub(super) fn set_up() -> Command {
    let mut commands = vec![Command::SetInventorySetup(SetInventorySetup {
        setup: InventorySetup {
            automatic_cost_posting: true,
            expected_cost_posting: true,
            automatic_adjustment: AdjustmentWindow::Always,
            average_period: AveragePeriod::Month,
            ..InventorySetup::default()
        },
        unchecked: true,
    })];
    commands.extend(AccountRole::ALL.map(|role| {
        Command::PutGlAccount(PutGlAccount { account: account(role), name: role.name().to_owned() })
    }));
    commands.extend([LOCATION, YARD, WAY].map(|location| {
        Command::PutInventoryPostingSetup(PutInventoryPostingSetup {
            location: Some(word(location)),
            inventory_group: String::new(),
            accounts: InventoryPostingSetup {
                inventory: account(AccountRole::Inventory),
                inventory_interim: account(AccountRole::InventoryInterim),
                ..InventoryPostingSetup::default()
            },
        })
    }));
    commands.push(Command::PutGeneralPostingSetup(PutGeneralPostingSetup {
        business_group: String::new(),
        product_group: String::new(),
        accounts: GeneralPostingSetup {
            cogs: account(AccountRole::Cogs),
            cogs_interim: account(AccountRole::CogsInterim),
            inventory_adjmt: account(AccountRole::InventoryAdjustment),
            direct_cost_applied: account(AccountRole::DirectCostApplied),
            overhead_applied: account(AccountRole::OverheadApplied),
            purchase_variance: account(AccountRole::PurchaseVariance),
            invt_accrual_interim: account(AccountRole::AccrualInterim),
            direct_cost_non_inventory_applied: account(AccountRole::DirectCostNonInventoryApplied),
        },
    }));
    for ((item, costing_method), cents) in
        ITEMS.iter().zip(METHODS).zip([333, 1_207, 95, 2_050, 7_000])
    {
        commands.push(Command::PutItem(PutItem { costing_method, ..put_item(item) }));
        let cost = UnitAmount::new(Decimal::new(cents, 2)).expect("a small amount");
        let standard = costing_method == CostingMethod::Standard;
        commands.push(Command::PutItemCost(PutItemCost {
            item: word(item),
            unit_cost: (!standard).then_some(cost),
            standard_cost: standard.then_some(cost),
            last_direct_cost: None,
            indirect_cost_percent: None,
            overhead_rate: None,
            inventory_group: None,
            product_group: None,
            net_weight: None,
            unit_volume: None,
            excluded_from_adjustment: None,
        }));
    }
    Command::Batch(Batch { commands })
}

fn account(role: AccountRole) -> String {
    format!("A{:02}", role.number())
}

/// What the desk does next about an entry that chance picks: it invoices what is not invoiced, above or
/// below what was expected, and charges freight on what is.
pub(super) fn next(store: &MemoryStore, now_us: i64, prng: &mut Prng) -> Option<Command> {
    let (last, _entry) = store.last::<ItemLedger>(&KeyRange::all())?;
    let no = EntryNo(1 + prng.below(last.0));
    let (entry, state) = (store.row::<ItemLedger>(&no)?, store.row::<ItemLedgerStates>(&no)?);
    let date = DateTime::from_timestamp_micros(now_us)?.date_naive();
    let cents = Decimal::new(prng.between(1, 2_999), 2);
    let open = entry.quantity.checked_sub(state.invoiced)?;
    let (document_no, business_group) = (String::new(), String::new());
    if open.is_zero() {
        let amount = Money::new(cents).ok()?;
        let assignments = vec![ChargeLine { entry: no, amount }];
        let charge = "FREIGHT".to_owned();
        return entry.quantity.is_positive().then_some(Command::ChargeEntries(ChargeEntries {
            dimensions: Dimensions::NONE,
            charge,
            date,
            document_no,
            business_group,
            assignments,
        }));
    }
    let priced = entry.quantity.is_positive() && entry.applies_from.0 == 0;
    let paid = Money::new(state.cost.expected.decimal().abs() + cents - Decimal::new(1_500, 2));
    let amount = paid.ok().filter(|paid| priced && !paid.is_negative());
    let line = InvoiceLine { entry: no, quantity: open.abs(), amount, sales: Money::ZERO };
    let lines = vec![line];
    let dimensions = Dimensions::NONE;
    Some(Command::InvoiceEntries(InvoiceEntries {
        date,
        document_no,
        business_group,
        lines,
        dimensions,
    }))
}
