//! What was posted, as plain data: the only thing that the naive costing knows.

use chrono::NaiveDate;

/// Hundredths of the currency.
pub type Cents = i128;
/// Hundredths of a base unit.
pub type Pieces = i128;
/// Cost per base unit in hundred-thousandths of the currency.
pub type Unit = i128;
/// Number of an item ledger entry, from 1; 0 for none.
pub type No = usize;

/// How an item is valued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the methods of COSTING 6.1")]
pub enum Method {
    Fifo,
    Lifo,
    Average,
    Specific,
    Standard,
}

/// The period of an average (COSTING 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the periods of COSTING 9.1")]
pub enum Period {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// An item card.
#[derive(Debug, Clone)]
pub struct Item {
    /// How it is valued.
    pub method: Method,
    /// What a unit is valued at where the method is Standard.
    pub standard: Unit,
    /// Overhead in whole percent of the direct cost.
    pub indirect_percent: i128,
    /// Overhead per base unit.
    pub overhead_rate: Unit,
    /// Its inventory posting group, by its place in the list.
    pub group: usize,
}

/// The type of an item ledger entry (COSTING 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the types of COSTING 2.1")]
pub enum Kind {
    Purchase,
    Sale,
    Positive,
    Negative,
    Transfer,
    Consumption,
    Output,
    AssemblyConsumption,
    AssemblyOutput,
}

/// A line of a journal; a quantity below zero leaves.
#[derive(Debug, Clone)]
pub struct Line {
    /// The type of its entry.
    pub kind: Kind,
    /// Posting date.
    pub date: NaiveDate,
    /// The item, by its place in the list.
    pub item: usize,
    /// The location, by its place in the list.
    pub place: usize,
    /// The lot of an item that is valued by it.
    pub lot: Option<u32>,
    /// Signed.
    pub quantity: Pieces,
    /// Direct cost of an increase.
    pub amount: Cents,
    /// Received or shipped, and invoiced with it.
    pub invoiced: bool,
    /// Fixed application to an entry of the other sign.
    pub applies_to: No,
    /// The decrease that an increase brings back.
    pub applies_from: No,
    /// The production order, by its place in the list.
    pub order: Option<usize>,
}

/// Something that was posted.
#[derive(Debug, Clone)]
pub enum Fact {
    /// A line of a journal.
    Post(Line),
    /// From one location to another; `line.quantity` is below zero.
    Transfer {
        /// The leg that leaves.
        line: Line,
        /// Where it goes.
        to: usize,
    },
    /// An invoice of something that was posted without.
    Invoice {
        /// The entry.
        entry: No,
        /// How much of it, above zero.
        quantity: Pieces,
        /// What was paid: of an increase.
        amount: Cents,
        /// When.
        date: NaiveDate,
    },
    /// An item charge.
    Charge {
        /// On which entry.
        entry: No,
        /// How much.
        amount: Cents,
        /// When.
        date: NaiveDate,
    },
    /// A named increase changes its value by `amount`: what of it is left at the date.
    Revalue {
        /// The entry.
        entry: No,
        /// The date.
        date: NaiveDate,
        /// The change.
        amount: Cents,
    },
    /// All that is left of an item gets a new cost per unit. Costs are adjusted before.
    RevalueItem {
        /// The item.
        item: usize,
        /// The date.
        date: NaiveDate,
        /// The new cost.
        unit: Unit,
    },
    /// A new standard cost on the card.
    SetStandard {
        /// The item.
        item: usize,
        /// The new cost.
        unit: Unit,
    },
    /// An assembly: what is used (quantities above zero), capacity, what is made.
    Assemble {
        /// When.
        date: NaiveDate,
        /// What is made: item, place, quantity.
        output: (usize, usize, Pieces),
        /// What is used: item, place, quantity.
        components: Vec<(usize, usize, Pieces)>,
        /// Direct and indirect cost of resources.
        resources: Vec<(Cents, Cents)>,
    },
    /// A production order begins: it will make this item at this place.
    Begin {
        /// The order.
        order: usize,
        /// The item, by its place in the list.
        item: usize,
        /// The location, by its place in the list.
        place: usize,
    },
    /// Work on a production order: direct and indirect cost.
    Capacity {
        /// The order.
        order: usize,
        /// Direct cost.
        direct: Cents,
        /// Overhead of it.
        indirect: Cents,
        /// When.
        date: NaiveDate,
    },
    /// The production order is finished.
    Finish {
        /// The order.
        order: usize,
        /// When.
        date: NaiveDate,
    },
}

/// What the naive costing would not post either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub &'static str);
