//! The money side of the small company of the tests: accounts, and lines of the item journal.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::{Decision, Outcome};
use protocol::words::OperatorId;

use crate::command::Command;
use crate::command::costing::{
    ChargeEntries, ChargeLine, InvoiceEntries, InvoiceLine, PutItemCost, PutUserSetup,
    SetInventorySetup,
};
use crate::command::journal::{JournalLine, JournalType, PostItemJournal};
use crate::command::ledger::{PutGeneralPostingSetup, PutGlAccount, PutInventoryPostingSetup};
use crate::costing;
use crate::costing::revalue::{PostRevaluation, RevaluationLine};
use crate::costing::work::{self, AdjustCost, WorkOff};
use crate::dimension::Dimensions;
use crate::gl::batch::PostCostToGl;
use crate::key::KeyRange;
use crate::lookup;
use crate::money::Money;
use crate::schema::entry::ItemLedgerStates;
use crate::schema::gl::{
    GeneralPostingSetup, GlEntry, GlLedger, InventoryPostingSetup, PostingMethod,
};
use crate::schema::item::CostingMethod;
use crate::schema::money::{InventorySetup, ValueEntry, ValueLedger};
use crate::schema::{EntryNo, ItemId};
use crate::tables::Read as _;
use crate::world::{World, codes, q};

/// The company with its books.
pub(crate) struct Books {
    pub(crate) world: World,
}

/// A date written `2020-01-31`.
pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn m(text: &str) -> Money {
    text.parse().unwrap()
}

/// A line of the journal, at the blank location.
pub(crate) fn line(
    line_type: JournalType,
    date: &str,
    item: &str,
    quantity: &str,
    amount: Option<&str>,
) -> JournalLine {
    JournalLine {
        amount: amount.map(m),
        ..JournalLine::new(line_type, day(date), item.try_into().unwrap(), q(quantity))
    }
}

pub(crate) fn purchase(date: &str, item: &str, quantity: &str, amount: &str) -> JournalLine {
    line(JournalType::Purchase, date, item, quantity, Some(amount))
}

pub(crate) fn sale(date: &str, item: &str, quantity: &str) -> JournalLine {
    line(JournalType::Sale, date, item, quantity, None)
}

impl Books {
    /// The company, with an item AVG that is valued by average and accounts for everything.
    pub(crate) fn new(set: impl FnOnce(&mut InventorySetup)) -> Self {
        let mut books = Self { world: World::new() };
        books.world.item("AVG", CostingMethod::Average, None);
        books.world.item("STD", CostingMethod::Standard, None);
        for account in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            let account = account.to_owned();
            books.ok(&Command::PutGlAccount(PutGlAccount { account, name: String::new() }));
        }
        books.inventory_accounts(None, "");
        let accounts = GeneralPostingSetup {
            cogs: "4".to_owned(),
            cogs_interim: "5".to_owned(),
            inventory_adjmt: "6".to_owned(),
            direct_cost_applied: "7".to_owned(),
            overhead_applied: "7".to_owned(),
            purchase_variance: "8".to_owned(),
            invt_accrual_interim: "5".to_owned(),
            direct_cost_non_inventory_applied: "7".to_owned(),
        };
        books.ok(&Command::PutGeneralPostingSetup(PutGeneralPostingSetup {
            business_group: String::new(),
            product_group: String::new(),
            accounts,
        }));
        books.set(set);
        books
    }

    /// Accounts of a posting group at a location.
    pub(crate) fn inventory_accounts(&mut self, location: Option<&str>, group: &str) {
        let accounts = InventoryPostingSetup {
            inventory: "1".to_owned(),
            inventory_interim: "2".to_owned(),
            wip: "3".to_owned(),
            material_variance: "8".to_owned(),
            capacity_variance: "8".to_owned(),
            capacity_overhead_variance: "8".to_owned(),
            mfg_overhead_variance: "8".to_owned(),
            subcontracted_variance: "8".to_owned(),
            material_non_inventory_variance: "8".to_owned(),
        };
        self.ok(&Command::PutInventoryPostingSetup(PutInventoryPostingSetup {
            location: location.map(|code| code.try_into().unwrap()),
            inventory_group: group.to_owned(),
            accounts,
        }));
    }

    /// Changes the setup, with the checks.
    pub(crate) fn try_set(&mut self, set: impl FnOnce(&mut InventorySetup)) -> Outcome {
        let mut setup = (*costing::setup(&self.world.tables)).clone();
        set(&mut setup);
        let set = SetInventorySetup { setup, unchecked: false };
        self.world.desk(&Command::SetInventorySetup(set))
    }

    pub(crate) fn set(&mut self, set: impl FnOnce(&mut InventorySetup)) {
        let outcome = self.try_set(set);
        assert_eq!(outcome.decision, Decision::Accepted, "{:?}", outcome.reasons);
    }

    /// The cost side of a card, of which everything stays as it is.
    pub(crate) fn cost_of_card(item: &str) -> PutItemCost {
        PutItemCost {
            item: item.try_into().unwrap(),
            unit_cost: None,
            standard_cost: None,
            last_direct_cost: None,
            indirect_cost_percent: None,
            overhead_rate: None,
            inventory_group: None,
            product_group: None,
            net_weight: None,
            unit_volume: None,
            excluded_from_adjustment: None,
        }
    }

    /// The cost side of a card.
    pub(crate) fn card(&mut self, item: &str, set: impl FnOnce(&mut PutItemCost)) {
        let mut put = Self::cost_of_card(item);
        set(&mut put);
        self.ok(&Command::PutItemCost(put));
    }

    /// Posting dates of a user.
    pub(crate) fn user(&mut self, user: &str, from: Option<&str>, to: Option<&str>) {
        self.ok(&Command::PutUserSetup(PutUserSetup {
            user: OperatorId::new(user.to_owned()).unwrap(),
            allow_posting_from: from.map(day),
            allow_posting_to: to.map(day),
        }));
    }

    /// Something that is done.
    pub(crate) fn ok(&mut self, command: &Command) {
        let outcome = self.world.desk(command);
        assert_eq!(outcome.decision, Decision::Accepted, "{command:?}: {:?}", outcome.reasons);
        self.drain();
    }

    /// Something that is refused: the codes.
    pub(crate) fn refused(&mut self, command: &Command) -> Vec<Code> {
        let before = self.values().len();
        let outcome = self.world.desk(command);
        assert_eq!(outcome.decision, Decision::Refused, "{command:?}");
        assert_eq!(self.values().len(), before, "nothing is left of what is refused");
        codes(&outcome)
    }

    /// What is queued is worked off, in small slices.
    pub(crate) fn drain(&mut self) {
        for _ in 0..10_000 {
            if !work::is_waiting(&self.world.tables) {
                return;
            }
            self.world.system(Command::WorkOff(WorkOff { slice: Some(40) }));
        }
        panic!("what is queued does not end");
    }

    pub(crate) fn post(&mut self, line: JournalLine) {
        self.ok(&journal(line));
    }

    pub(crate) fn invoice(&mut self, entry: u64, quantity: &str, date: &str, amount: Option<&str>) {
        self.ok(&Command::InvoiceEntries(InvoiceEntries {
            dimensions: Dimensions::NONE,
            date: day(date),
            document_no: String::new(),
            business_group: String::new(),
            lines: vec![InvoiceLine {
                entry: EntryNo(entry),
                quantity: q(quantity),
                amount: amount.map(m),
                sales: Money::ZERO,
            }],
        }));
    }

    pub(crate) fn charge(&mut self, entry: u64, date: &str, amount: &str) {
        self.ok(&charge(entry, date, amount));
    }

    /// What is left of an item gets a new unit cost.
    pub(crate) fn revalue(&mut self, item: &str, date: &str, unit_cost: &str) {
        let line = RevaluationLine {
            item: item.try_into().unwrap(),
            date: day(date),
            location: None,
            variant: None,
            applies_to: EntryNo(0),
            quantity: None,
            calculated: false,
            unit_cost: Some(unit_cost.parse().unwrap()),
            value: None,
            amount: None,
            update_standard_cost: false,
            document_no: String::new(),
            dimensions: Dimensions::NONE,
        };
        self.ok(&Command::PostRevaluation(PostRevaluation { lines: vec![line] }));
    }

    pub(crate) fn adjust(&mut self) {
        self.ok(&Command::AdjustCost(AdjustCost::default()));
    }

    pub(crate) fn post_to_gl(&mut self, method: PostingMethod) {
        self.ok(&Command::PostCostToGl(PostCostToGl { method, ..PostCostToGl::default() }));
    }

    pub(crate) fn item(&self, no: &str) -> ItemId {
        lookup::item(&self.world.tables, &no.try_into().unwrap()).unwrap().0
    }

    pub(crate) fn values(&self) -> Vec<(EntryNo, ValueEntry)> {
        let rows = self.world.tables.list::<ValueLedger>(&KeyRange::all());
        rows.into_iter().map(|(no, row)| (no, (*row).clone())).collect()
    }

    /// Posting date, actual cost of the value entries that adjusted an entry.
    pub(crate) fn adjustments(&self, entry: u64) -> Vec<(String, String)> {
        self.values()
            .into_iter()
            .filter(|(_no, value)| value.entry == EntryNo(entry) && value.adjustment)
            .map(|(_no, value)| (value.posting_date.to_string(), value.cost_actual.to_string()))
            .collect()
    }

    /// The actual cost of an item ledger entry.
    pub(crate) fn cost(&self, entry: u64) -> String {
        let state = self.world.tables.row::<ItemLedgerStates>(&EntryNo(entry)).unwrap();
        state.cost.actual.to_string()
    }

    pub(crate) fn ledger(&self) -> Vec<(EntryNo, GlEntry)> {
        let rows = self.world.tables.list::<GlLedger>(&KeyRange::all());
        rows.into_iter().map(|(no, row)| (no, (*row).clone())).collect()
    }

    /// The general ledger, a line per entry: date, role, amount.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.ledger()
            .into_iter()
            .map(|(_no, row)| format!("{} {} {}", row.posting_date, row.role.name(), row.amount))
            .collect()
    }

    /// Sums by role, without what nets to zero.
    pub(crate) fn roles(&self) -> std::collections::BTreeMap<&'static str, Money> {
        let mut sums = std::collections::BTreeMap::new();
        for (_no, row) in self.ledger() {
            let sum: &mut Money = sums.entry(row.role.name()).or_default();
            *sum = sum.checked_add(row.amount).unwrap();
        }
        sums.retain(|_role, sum| !sum.is_zero());
        sums
    }
}

pub(crate) fn journal(line: JournalLine) -> Command {
    Command::PostItemJournal(PostItemJournal { lines: vec![line] })
}

pub(crate) fn charge(entry: u64, date: &str, amount: &str) -> Command {
    Command::ChargeEntries(ChargeEntries {
        dimensions: Dimensions::NONE,
        charge: "FREIGHT".to_owned(),
        date: day(date),
        document_no: String::new(),
        business_group: String::new(),
        assignments: vec![ChargeLine { entry: EntryNo(entry), amount: m(amount) }],
    })
}
