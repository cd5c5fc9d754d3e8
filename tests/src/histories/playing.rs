//! Plays a history to the ledger, through its one door.

use std::collections::BTreeMap;

use ledger::assembly::capacity::{PostCapacity, PutCapacity};
use ledger::assembly::post::{
    AssemblyItem, AssemblyResource, FinishProductionOrder, PostAssembly, PutProductionOrder,
};
use ledger::command::Command;
use ledger::command::costing::{
    ChargeEntries, ChargeLine, InvoiceEntries, InvoiceLine, PutItemCost, SetInventorySetup,
};
use ledger::command::journal::{JournalLine, JournalTracking, JournalType, PostItemJournal};
use ledger::command::ledger::{PutGeneralPostingSetup, PutGlAccount, PutInventoryPostingSetup};
use ledger::costing::revalue::{PostRevaluation, RevaluationLine};
use ledger::costing::work::{self, AdjustCost, WorkOff};
use ledger::dimension::Dimensions;
use ledger::gl::batch::PostCostToGl;
use ledger::key::KeyRange;
use ledger::money::{Money, UnitAmount};
use ledger::schema::entry::{ItemLedger, ItemLedgerStates};
use ledger::schema::gl::{
    AccountRole, GeneralPostingSetup, GlLedger, InventoryPostingSetup, PostingMethod,
};
use ledger::schema::money::{
    AdjustmentWindow, AveragePeriod, AverageType, InventorySetup, OrderKind, UnadjustedItems,
    ValueEntry, ValueLedger,
};
use ledger::schema::order::CapacityKind;
use ledger::schema::{EntryNo, Written};
use ledger::tables::Read as _;
use protocol::feed::TrackingRule;
use protocol::operation::Tracking;
use protocol::quantity::Quantity;
use rust_decimal::Decimal;

use super::making::{CAPACITY_PERCENT, CAPACITY_UNIT, PLACES, day};
use super::{History, Said, When};
use crate::prng::Prng;
use crate::reference::cost::accounts::Account;
use crate::reference::cost::{Cents, Fact, Kind, Line, Method, Period, Pieces, Unit};
use crate::vectors::company::{Company, word};
use crate::vectors::json::Dec;
use crate::vectors::money::{self, Card};
use crate::vectors::settings::Costing;

const LOTS: &str = "LOTS";
const GROUPS: [&str; 2] = ["RAW", "FINISHED"];
const ITEMS: [&str; 3] = ["MAIN", "PART", "KIT"];
const LOCATIONS: [&str; PLACES] = ["", "EAST", "WEST"];
const CAPACITY: &str = "BENCH";
/// Slices after which what is queued does not end.
const SLICES_MAX: usize = 20_000;

/// What a fact is, in a word or two.
pub const fn name_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::Post(line) => match (line.kind, line.quantity > 0) {
            (Kind::Purchase, true) => "purchases",
            (Kind::Purchase, false) => "returns to vendors",
            (Kind::Sale, false) => "sales",
            (Kind::Sale, true) if line.applies_from != 0 => "exact returns",
            (Kind::Sale, true) => "plain returns",
            (Kind::Consumption, _) => "consumption",
            (Kind::Output, _) => "output",
            _ => "adjustments",
        },
        Fact::Transfer { .. } => "transfers",
        Fact::Invoice { .. } => "invoices",
        Fact::Charge { .. } => "charges",
        Fact::Revalue { .. } => "revaluations of entries",
        Fact::RevalueItem { .. } => "revaluations of items",
        Fact::SetStandard { .. } => "new standard costs",
        Fact::Assemble { .. } => "assemblies",
        Fact::Begin { .. } => "production orders begun",
        Fact::Capacity { .. } => "capacity",
        Fact::Finish { .. } => "production orders finished",
    }
}

/// Plays a history; answers what the ledger says in the end.
///
/// # Errors
///
/// The ledger posts what the naive costing refuses, or the other way round; its work does not end.
pub fn play(history: &History, when: When) -> Result<Said, String> {
    let mut player = Player::new(history, when);
    for (fact, posted) in &history.facts {
        if *posted && needs_adjusted(history, fact) {
            player.adjust()?;
        }
        player.post(fact, *posted)?;
        player.between()?;
    }
    player.end()
}

/// When what postings queue is worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// After each of them.
    AfterEach,
    /// Where the next posting needs it, and in the end.
    WhenNeeded,
}

/// Plays a history whose postings queue what they change, and works that off in slices of `size` reads and
/// writes. Answers the value entries by number, without the decision that wrote each, and how many slices
/// there were.
///
/// # Errors
///
/// As [`play`].
pub fn play_in_slices(
    history: &History,
    pace: Pace,
    size: u64,
) -> Result<(Vec<(EntryNo, ValueEntry)>, usize), String> {
    let mut player = Player { slice: Some(size), ..Player::new(history, When::AtOnce) };
    for (fact, posted) in &history.facts {
        if *posted && needs_adjusted(history, fact) {
            player.settle()?;
        }
        player.post(fact, *posted)?;
        if pace == Pace::AfterEach {
            player.settle()?;
        }
    }
    player.settle()?;
    let written = Written::default();
    let values = player.company.tables.list::<ValueLedger>(&KeyRange::all()).into_iter();
    let values = values.map(|(no, value)| (no, ValueEntry { written, ..(*value).clone() }));
    Ok((values.collect(), player.n_slices))
}

/// Whether costs are adjusted before something is posted: what is calculated counts all that is known, and the
/// output of a finished order is invoiced when it is adjusted (COSTING 11.1, 15).
fn needs_adjusted(history: &History, fact: &Fact) -> bool {
    match fact {
        Fact::RevalueItem { .. } => true,
        Fact::Revalue { entry, .. } => history.books.entry(*entry).kind == Kind::Output,
        _ => false,
    }
}

struct Player {
    company: Company,
    when: When,
    /// How large a slice is; none: any size.
    slice: Option<u64>,
    n_slices: usize,
    dice: Prng,
    accounts: BTreeMap<String, Account>,
}

fn amount(cents: Cents) -> Money {
    Money::new(Decimal::from_i128_with_scale(cents, 2)).expect("histories are about small amounts")
}

fn pieces(quantity: Pieces) -> Quantity {
    Quantity::new(Decimal::from_i128_with_scale(quantity, 2)).expect("a small quantity")
}

fn per_unit(unit: Unit) -> UnitAmount {
    UnitAmount::new(Decimal::from_i128_with_scale(unit, 5)).expect("a small amount")
}

fn number(no: usize) -> EntryNo {
    EntryNo(u64::try_from(no).expect("a small number"))
}

/// Whole hundredths of a decimal.
fn hundredths(value: Decimal) -> i128 {
    let scaled = value * Decimal::ONE_HUNDRED;
    assert!(scaled.fract().is_zero(), "{value} is finer than a hundredth");
    scaled.trunc().mantissa()
}

impl Player {
    fn new(history: &History, when: When) -> Self {
        let mut company = Company::new(day());
        money::found(&mut company);
        for place in LOCATIONS {
            money::plain_location(&mut company, place, false).expect("a code");
        }
        let rule = TrackingRule { lot: true, ..TrackingRule::default() };
        money::tracking_code(&mut company, LOTS, rule, [true, false]);
        let setup = InventorySetup {
            automatic_cost_posting: when == When::AtOnce,
            expected_cost_posting: when != When::InTheEnd,
            automatic_adjustment: if when == When::AtOnce {
                AdjustmentWindow::Always
            } else {
                AdjustmentWindow::Never
            },
            average_period: match history.plan.period {
                Period::Day => AveragePeriod::Day,
                Period::Week => AveragePeriod::Week,
                Period::Month => AveragePeriod::Month,
                Period::Quarter => AveragePeriod::Quarter,
                Period::Year => AveragePeriod::Year,
            },
            average_type: if history.plan.by_place {
                AverageType::ItemLocationVariant
            } else {
                AverageType::Item
            },
            ..InventorySetup::default()
        };
        company.system(Command::SetInventorySetup(SetInventorySetup { setup, unchecked: true }));
        let mut player = Self {
            company,
            when,
            slice: None,
            n_slices: 0,
            dice: Prng::new(history.plan.seed ^ 0xABCD),
            accounts: BTreeMap::new(),
        };
        player.items(history);
        player.posting_setups();
        player
    }

    fn items(&mut self, history: &History) {
        for (at, item) in history.items.iter().enumerate() {
            let costing = match item.method {
                Method::Fifo => Costing::Fifo,
                Method::Lifo => Costing::Lifo,
                Method::Average => Costing::Average,
                Method::Specific => Costing::Specific,
                Method::Standard => Costing::Standard,
            };
            let by_lot = item.method == Method::Specific;
            let card = Card {
                no: ITEMS[at].to_owned(),
                base_unit: "PCS".to_owned(),
                costing: Some(costing),
                standard_cost: Some(Dec(per_unit(item.standard).decimal())),
                overhead_rate: Some(Dec(per_unit(item.overhead_rate).decimal())),
                indirect_cost_pct: Some(Dec(Decimal::from_i128_with_scale(
                    item.indirect_percent,
                    0,
                ))),
                posting_group: GROUPS[item.group].to_owned(),
                precision: Some(Dec(Decimal::new(1, 2))),
                tracking: by_lot.then(|| LOTS.to_owned()),
                ..Card::default()
            };
            money::item(&mut self.company, &card).expect("a card");
        }
        for kind in [CapacityKind::Resource, CapacityKind::WorkCenter] {
            self.company.system(Command::PutCapacity(PutCapacity {
                kind,
                code: CAPACITY.to_owned(),
                name: String::new(),
                direct_unit_cost: UnitAmount::new(Decimal::from_i128_with_scale(CAPACITY_UNIT, 2))
                    .expect("a small amount"),
                indirect_cost_percent: pieces(CAPACITY_PERCENT * 100),
                overhead_rate: UnitAmount::ZERO,
                minimum_amount: Money::ZERO,
                product_group: GROUPS[0].to_owned(),
            }));
        }
    }

    /// One account for each role; those of stock one for each location and group.
    fn posting_setups(&mut self) {
        for (place, location) in LOCATIONS.iter().enumerate() {
            for (group, name) in GROUPS.iter().enumerate() {
                let mut account = |role| self.account(role, Some((place, group)));
                let accounts = InventoryPostingSetup {
                    inventory: account(AccountRole::Inventory),
                    inventory_interim: account(AccountRole::InventoryInterim),
                    wip: account(AccountRole::Wip),
                    material_variance: account(AccountRole::MaterialVariance),
                    capacity_variance: account(AccountRole::CapacityVariance),
                    capacity_overhead_variance: account(AccountRole::CapacityOverheadVariance),
                    mfg_overhead_variance: account(AccountRole::ManufacturingOverheadVariance),
                    subcontracted_variance: account(AccountRole::SubcontractedVariance),
                    material_non_inventory_variance: account(
                        AccountRole::MaterialNonInventoryVariance,
                    ),
                };
                self.company.system(Command::PutInventoryPostingSetup(PutInventoryPostingSetup {
                    location: money::location(Some(location)).expect("a code"),
                    inventory_group: (*name).to_owned(),
                    accounts,
                }));
            }
        }
        let mut account = |role| self.account(role, None);
        let accounts = GeneralPostingSetup {
            cogs: account(AccountRole::Cogs),
            cogs_interim: account(AccountRole::CogsInterim),
            inventory_adjmt: account(AccountRole::InventoryAdjustment),
            direct_cost_applied: account(AccountRole::DirectCostApplied),
            overhead_applied: account(AccountRole::OverheadApplied),
            purchase_variance: account(AccountRole::PurchaseVariance),
            invt_accrual_interim: account(AccountRole::AccrualInterim),
            direct_cost_non_inventory_applied: account(AccountRole::DirectCostNonInventoryApplied),
        };
        for group in GROUPS {
            self.company.system(Command::PutGeneralPostingSetup(PutGeneralPostingSetup {
                business_group: String::new(),
                product_group: group.to_owned(),
                accounts: accounts.clone(),
            }));
        }
    }

    fn account(&mut self, role: AccountRole, of: Option<(usize, usize)>) -> String {
        let account = match of {
            Some((place, group)) => format!("A{:02}{place}{group}", role.number()),
            None => format!("A{:02}", role.number()),
        };
        self.company.system(Command::PutGlAccount(PutGlAccount {
            account: account.clone(),
            name: role.name().to_owned(),
        }));
        self.accounts.insert(account.clone(), (role.name(), of));
        account
    }

    /// Posts a fact, or is refused, as the naive costing was.
    fn post(&mut self, fact: &Fact, posted: bool) -> Result<(), String> {
        let when = self.when;
        let before = self.company.digest();
        let command = self.command(fact);
        let done = self.company.ask(&command);
        match (&done, posted) {
            (Ok(_), true) | (Err(_), false) => {}
            (Ok(_), false) => return Err(format!("{when:?}: posted by the ledger: {fact:?}")),
            (Err(why), true) => return Err(format!("{when:?}: {why}: {fact:?}")),
        }
        if done.is_err() && self.company.digest() != before {
            return Err(format!("{when:?}: a refusal leaves something: {fact:?}"));
        }
        Ok(())
    }

    /// Works off what is queued.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..SLICES_MAX {
            if !work::is_waiting(&self.company.tables) {
                return Ok(());
            }
            let slice = self.slice.or_else(|| Some(1 + self.dice.below(300)));
            self.n_slices += 1;
            let done = self.company.by_system(&Command::WorkOff(WorkOff { slice }));
            done.map_err(|why| format!("a slice: {why}"))?;
        }
        Err("what is queued does not end".to_owned())
    }

    fn ask(&mut self, command: &Command) -> Result<(), String> {
        self.company.ask(command).map_err(|why| format!("{}: {why}", command.name()))?;
        self.settle()
    }

    fn adjust(&mut self) -> Result<(), String> {
        if self.when == When::ItemByItem {
            return self.adjust_each();
        }
        self.ask(&Command::AdjustCost(AdjustCost::default()))
    }

    /// Item by item, in any order, until nothing is to be adjusted.
    fn adjust_each(&mut self) -> Result<(), String> {
        for _ in 0..20 {
            let mut items = ITEMS;
            self.dice.shuffle(&mut items);
            for item in items {
                let ask = AdjustCost { items: vec![word(item)], ..AdjustCost::default() };
                self.ask(&Command::AdjustCost(ask))?;
            }
            let left = self.company.tables.first::<UnadjustedItems>(&KeyRange::all());
            if left.is_none() {
                // Orders belong to no item: the run over all of them works their marks off.
                self.ask(&Command::AdjustCost(AdjustCost::default()))?;
                if self.company.tables.first::<UnadjustedItems>(&KeyRange::all()).is_none() {
                    return Ok(());
                }
            }
        }
        self.ask(&Command::AdjustCost(AdjustCost::default()))
    }

    /// What happens between two facts.
    fn between(&mut self) -> Result<(), String> {
        match self.when {
            When::AtOnce => self.settle(),
            When::ItemByItem if self.dice.chance(1, 5) => {
                let items = vec![word(ITEMS[usize::try_from(self.dice.below(3)).expect("few")])];
                self.ask(&Command::AdjustCost(AdjustCost { items, ..AdjustCost::default() }))
            }
            When::InTheEnd | When::ItemByItem => Ok(()),
        }
    }

    fn end(mut self) -> Result<Said, String> {
        self.adjust()?;
        let method = match self.when {
            When::ItemByItem => PostingMethod::PerPostingGroup,
            When::AtOnce | When::InTheEnd => PostingMethod::PerEntry,
        };
        self.ask(&Command::PostCostToGl(PostCostToGl { method, ..PostCostToGl::default() }))?;
        let violations = ledger::audit::audit(&self.company.tables);
        if !violations.is_empty() {
            return Err(format!("{:?}: {violations:#?}", self.when));
        }
        let values = self.company.tables.list::<ValueLedger>(&KeyRange::all());
        self.ask(&Command::AdjustCost(AdjustCost::default()))?;
        let again = self.company.tables.list::<ValueLedger>(&KeyRange::all());
        if again.len() != values.len() {
            return Err(format!("{:?}: a second adjustment writes something", self.when));
        }
        let mut said = Said::default();
        for (at, (no, _entry)) in
            self.company.tables.list::<ItemLedger>(&KeyRange::all()).into_iter().enumerate()
        {
            let state = self.company.tables.row::<ItemLedgerStates>(&no).expect("with its entry");
            let cost = state.cost.actual.decimal() + state.cost.expected.decimal();
            let left = hundredths(state.remaining.decimal());
            said.entries.insert(at + 1, (left, hundredths(cost)));
        }
        for (_no, row) in self.company.tables.list::<GlLedger>(&KeyRange::all()) {
            let account = self.accounts.get(&row.account).copied().expect("an account of ours");
            *said.accounts.entry(account).or_default() += hundredths(row.amount.decimal());
        }
        said.accounts.retain(|_account, sum| *sum != 0);
        Ok(said)
    }

    fn command(&self, fact: &Fact) -> Command {
        match fact {
            Fact::Post(line) => journal(line, None),
            Fact::Transfer { line, to } => journal(line, Some(*to)),
            Fact::Invoice { entry, quantity, amount: paid, date } => {
                let row = self.company.tables.row::<ItemLedger>(&number(*entry));
                let row = row.expect("an entry");
                let priced = row.quantity.is_positive() && row.applies_from.0 == 0;
                Command::InvoiceEntries(InvoiceEntries {
                    dimensions: Dimensions::NONE,
                    date: *date,
                    document_no: String::new(),
                    business_group: String::new(),
                    lines: vec![InvoiceLine {
                        entry: number(*entry),
                        quantity: pieces(*quantity),
                        amount: priced.then(|| amount(*paid)),
                        sales: Money::ZERO,
                    }],
                })
            }
            Fact::Charge { entry, amount: cost, date } => Command::ChargeEntries(ChargeEntries {
                dimensions: Dimensions::NONE,
                charge: "FREIGHT".to_owned(),
                date: *date,
                document_no: String::new(),
                business_group: String::new(),
                assignments: vec![ChargeLine { entry: number(*entry), amount: amount(*cost) }],
            }),
            Fact::Revalue { entry, date, amount: change } => {
                let row = self.company.tables.row::<ItemLedger>(&number(*entry));
                let item = row.expect("an entry").item;
                let no = ledger::lookup::item_text(&self.company.tables, item);
                let line = RevaluationLine {
                    applies_to: number(*entry),
                    amount: Some(amount(*change)),
                    ..revaluation(&no, *date)
                };
                Command::PostRevaluation(PostRevaluation { lines: vec![line] })
            }
            Fact::RevalueItem { item, date, unit } => {
                let unit_cost = Some(per_unit(*unit));
                let line = RevaluationLine { unit_cost, ..revaluation(ITEMS[*item], *date) };
                Command::PostRevaluation(PostRevaluation { lines: vec![line] })
            }
            Fact::SetStandard { item, unit } => Command::PutItemCost(PutItemCost {
                item: word(ITEMS[*item]),
                unit_cost: None,
                standard_cost: Some(per_unit(*unit)),
                last_direct_cost: None,
                indirect_cost_percent: None,
                overhead_rate: None,
                inventory_group: None,
                product_group: None,
                net_weight: None,
                unit_volume: None,
                excluded_from_adjustment: None,
            }),
            Fact::Assemble { .. }
            | Fact::Begin { .. }
            | Fact::Capacity { .. }
            | Fact::Finish { .. } => self.order_command(fact),
        }
    }

    fn order_command(&self, fact: &Fact) -> Command {
        let place = |at: usize| money::location(Some(LOCATIONS[at])).expect("a code");
        let part = |(item, at, quantity): (usize, usize, Pieces)| AssemblyItem {
            item: word(ITEMS[item]),
            variant: None,
            location: place(at),
            bin: None,
            quantity: pieces(quantity),
            tracking: Vec::new(),
        };
        match fact {
            Fact::Assemble { date, output, components, resources } => {
                let last = self.company.tables.last::<ItemLedger>(&KeyRange::all());
                let seen = last.map_or(0, |(no, _entry)| no.0);
                Command::PostAssembly(PostAssembly {
                    dimensions: Dimensions::NONE,
                    order: word(&format!("A{seen}")),
                    date: *date,
                    sale_date: None,
                    output: part(*output),
                    components: components.iter().copied().map(part).collect(),
                    resources: resources
                        .iter()
                        .map(|(direct, _indirect)| AssemblyResource {
                            resource: CAPACITY.to_owned(),
                            quantity: pieces(direct / CAPACITY_UNIT * 100),
                        })
                        .collect(),
                    business_group: String::new(),
                })
            }
            Fact::Begin { order, item, place: at } => {
                Command::PutProductionOrder(PutProductionOrder {
                    order: word(&format!("P{order}")),
                    item: word(ITEMS[*item]),
                    location: place(*at),
                })
            }
            Fact::Capacity { order, direct, date, .. } => Command::PostCapacity(PostCapacity {
                dimensions: Dimensions::NONE,
                kind: CapacityKind::WorkCenter,
                code: CAPACITY.to_owned(),
                order: word(&format!("P{order}")),
                date: *date,
                quantity: pieces(direct / CAPACITY_UNIT * 100),
                amount: None,
                business_group: String::new(),
            }),
            Fact::Finish { order, date } => {
                let order = word(&format!("P{order}"));
                Command::FinishProductionOrder(FinishProductionOrder { order, date: *date })
            }
            _ => unreachable!("the others are no orders"),
        }
    }
}

fn revaluation(item: &str, date: chrono::NaiveDate) -> RevaluationLine {
    RevaluationLine {
        dimensions: Dimensions::NONE,
        item: word(item),
        date,
        location: None,
        variant: None,
        applies_to: EntryNo(0),
        quantity: None,
        calculated: false,
        unit_cost: None,
        value: None,
        amount: None,
        update_standard_cost: false,
        document_no: String::new(),
    }
}

fn journal(line: &Line, to: Option<usize>) -> Command {
    let inbound = line.quantity > 0;
    let line_type = match (line.kind, inbound) {
        (Kind::Purchase, true) => JournalType::Purchase,
        (Kind::Purchase, false) => JournalType::PurchaseReturn,
        (Kind::Sale, true) => JournalType::SaleReturn,
        (Kind::Sale, false) => JournalType::Sale,
        (Kind::Positive, _) => JournalType::PositiveAdjustment,
        (Kind::Negative, _) => JournalType::NegativeAdjustment,
        (Kind::Transfer, _) => JournalType::Transfer,
        (Kind::Consumption, _) => JournalType::Consumption,
        (Kind::Output, _) => JournalType::Output,
        (Kind::AssemblyConsumption | Kind::AssemblyOutput, _) => {
            unreachable!("assemblies are posted whole")
        }
    };
    let place = |at: usize| money::location(Some(LOCATIONS[at])).expect("a code");
    let tracking = line.lot.map(|lot| JournalTracking {
        tracking: Tracking { lot: Some(word(&format!("L{lot}"))), ..Tracking::NONE },
        quantity: pieces(line.quantity.abs()),
        expiry: None,
        new_lot: None,
        new_expiry: None,
    });
    let line = JournalLine {
        location: place(line.place),
        new_location: to.and_then(place),
        tracking: tracking.into_iter().collect(),
        amount: (inbound && line.applies_from == 0).then(|| amount(line.amount)),
        applies_to: number(line.applies_to),
        applies_from: number(line.applies_from),
        not_invoiced: !line.invoiced,
        order: line.order.map(|order| (OrderKind::Production, word(&format!("P{order}")))),
        ..JournalLine::new(
            line_type,
            line.date,
            word(ITEMS[line.item]),
            pieces(line.quantity.abs()),
        )
    };
    Command::PostItemJournal(PostItemJournal { lines: vec![line] })
}
