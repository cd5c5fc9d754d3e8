//! The books of a company as the files speak of them: entries numbered from 1 in the order of their
//! posting, codes as text, every entry with the step that wrote it.

use chrono::NaiveDate;
use rust_decimal::Decimal;

/// An item ledger entry.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.1")]
pub struct ItemEntry {
    pub no: u64,
    pub step: String,
    pub line: Option<u32>,
    pub kind: &'static str,
    pub date: NaiveDate,
    pub item: String,
    pub variant: String,
    pub location: String,
    pub lot: String,
    pub serial: String,
    pub expiration: Option<NaiveDate>,
    pub quantity: Decimal,
    pub remaining: Decimal,
    pub invoiced: Decimal,
    pub correction: bool,
}

/// A value entry.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "yes or no, as the schema has it")]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.3")]
pub struct Value {
    pub no: u64,
    pub step: String,
    /// Number of the item ledger entry; 0 for none.
    pub ile: u64,
    /// Number of the capacity ledger entry; 0 for none.
    pub capacity: u64,
    pub item: String,
    pub variant: String,
    pub location: String,
    pub kind: &'static str,
    pub entry_type: &'static str,
    pub variance: &'static str,
    pub date: NaiveDate,
    pub valuation_date: NaiveDate,
    pub valued_quantity: Decimal,
    pub invoiced_quantity: Decimal,
    pub ile_quantity: Decimal,
    pub cost_actual: Decimal,
    pub cost_expected: Decimal,
    pub cost_non_inventoriable: Decimal,
    pub sales_actual: Decimal,
    pub sales_expected: Decimal,
    pub cost_per_unit: Decimal,
    pub cost_in_gl: Decimal,
    pub expected_in_gl: Decimal,
    pub inventoriable: bool,
    pub expected: bool,
    pub adjustment: bool,
    /// Number of the value entry that an adjustment corrects; 0 for none.
    pub applies_to: u64,
    pub charge: String,
    pub order: String,
    pub order_kind: &'static str,
    pub by_average: bool,
}

/// Who supplied whom.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.2")]
pub struct Application {
    pub owner: u64,
    pub inbound: u64,
    pub outbound: u64,
    pub quantity: Decimal,
    pub date: NaiveDate,
    pub cost_application: bool,
}

/// An entry of the general ledger.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.4")]
pub struct GlEntry {
    pub no: u64,
    /// The step that wrote the value entries it comes from; "" for several.
    pub step: String,
    /// The step that posted it.
    pub posted_in: String,
    pub account: String,
    pub date: NaiveDate,
    pub amount: Decimal,
    pub register: u64,
}

/// Which value entry an entry of the general ledger comes from.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.4")]
pub struct GlRelation {
    pub gl: u64,
    pub value: u64,
    pub register: u64,
}

/// Whether a pool is adjusted up to the end of a period.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.4")]
pub struct EntryPoint {
    pub item: String,
    pub variant: String,
    pub location: String,
    pub valuation_date: NaiveDate,
    pub adjusted: bool,
}

/// The cost side of an item card.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 1.2 and 20")]
pub struct ItemCard {
    pub item: String,
    pub unit_cost: Decimal,
    pub standard_cost: Decimal,
    pub last_direct_cost: Decimal,
    pub average_cost: Decimal,
    pub is_adjusted: bool,
}

/// A stockkeeping unit.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 20.5")]
pub struct StockkeepingUnit {
    pub item: String,
    pub location: String,
    pub variant: String,
    pub unit_cost: Decimal,
    pub average_cost: Decimal,
}

/// A line of a document.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "quantities of the line, in its unit")]
pub struct DocumentLine {
    pub document: String,
    pub line: u32,
    pub quantity: Decimal,
    pub handled: Decimal,
    pub invoiced: Decimal,
}

/// Everything that a file may ask about the money side, at one moment.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the lists are those of the schemas")]
pub struct Book {
    pub entries: Vec<ItemEntry>,
    pub values: Vec<Value>,
    pub applications: Vec<Application>,
    pub gl: Vec<GlEntry>,
    /// The same, taken apart by the value entries that an entry sums.
    pub gl_parts: Vec<GlEntry>,
    pub relations: Vec<GlRelation>,
    pub points: Vec<EntryPoint>,
    pub items: Vec<ItemCard>,
    pub units: Vec<StockkeepingUnit>,
    pub periods: Vec<(NaiveDate, bool)>,
    pub lines: Vec<DocumentLine>,
}

/// The symbolic accounts of variances.
pub const VARIANCE_ACCOUNTS: [&str; 6] = [
    "purchase_variance",
    "material_variance",
    "capacity_variance",
    "capacity_overhead_variance",
    "mfg_overhead_variance",
    "subcontracted_variance",
];

impl Book {
    /// Value entries of an item ledger entry.
    pub fn values_of(&self, ile: u64) -> impl Iterator<Item = &Value> {
        self.values.iter().filter(move |value| value.ile == ile)
    }

    /// The sum of one amount over the value entries of an item ledger entry.
    pub fn sum(&self, ile: u64, amount: impl Fn(&Value) -> Decimal) -> Decimal {
        self.values_of(ile).map(amount).sum()
    }

    /// The net of the accounts that a symbolic name stands for, over the entries that `counts`.
    pub fn net(&self, account: &str, counts: impl Fn(&GlEntry) -> bool) -> Decimal {
        self.gl_parts
            .iter()
            .filter(|entry| is_account(account, &entry.account) && counts(entry))
            .map(|entry| entry.amount)
            .sum()
    }
}

/// Whether `account` is among those that the symbolic name stands for.
pub fn is_account(symbol: &str, account: &str) -> bool {
    symbol == account || symbol == "variance_any" && VARIANCE_ACCOUNTS.contains(&account)
}

/// `value` to five decimals, half away from zero.
pub fn to_five(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(5, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}

/// `value` to the decimals of a currency, half away from zero.
pub fn to_places(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}
