//! The second opinion: what the books must say, worked out from nothing but the set of operations.
//!
//! The ledger posts one operation after the other and corrects itself when a late one arrives. This
//! model does not. It takes *all* operations, sorts them by their order key, walks each stock key
//! once from the beginning, and so cannot make the mistakes an increment can make. The two share no
//! code and no types; when they differ, one of them is wrong.
//!
//! Always true here:
//! 1. The opinion depends on the *set* of operations, never on the order of the slice.
//! 2. A count sets the level at its place on the time line; its difference is what it found less
//!    the book just before it.
//! 3. A whole-bin count is a count of zero for every key of the bin it does not list, also for keys
//!    that appear only later.
//! 4. Ambiguity changes no quantity: it is a mark.
//!
//! Deliberately not here: money ([`cost`] is that), documents, negative-stock tasks, serial numbers, rights, parking (a
//! parked operation is simply not in the set), and speed.
//!
//! Order of reading: the types below, [`fold`], [`ambiguity`], [`settlement`]; [`clock`] stands
//! alone and answers where the order keys come from.

pub mod ambiguity;
pub mod clock;
pub mod cost;
pub mod fold;
pub mod settlement;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod laws;

use std::collections::BTreeMap;

pub use ambiguity::Reading;

/// One piece. Quantities are whole multiples of 0.00001 of the base unit.
pub const ONE: i128 = 100_000;

/// What stock is kept by. The projection on a bin is what a whole-bin count needs.
pub trait StockKey: Ord + Clone {
    /// The place that is counted as a whole.
    type Bin: Ord + Clone + std::fmt::Debug;

    /// The bin this key lies in.
    fn bin(&self) -> Self::Bin;
}

/// The place of an operation on the time line. A total order: two legs never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// Estimated server time of the act, in microseconds.
    pub tau_us: i64,
    /// The device, or the number that stands for the desk.
    pub device: u32,
    /// The generation of the device's store.
    pub incarnation: u32,
    /// The contiguous number of the operation within the incarnation.
    pub seq: u64,
    /// The part of the operation: a movement between bins has two.
    pub leg: u8,
}

impl Order {
    /// Whether both come from one recorder, so that their sequence decides and no clock is asked.
    pub fn same_recorder(&self, other: &Self) -> bool {
        (self.device, self.incarnation) == (other.device, other.incarnation)
    }
}

/// A listed line of a whole-bin count, with the instant of its own scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinLine<K> {
    /// What was found.
    pub key: K,
    /// How much of it, in units of 0.00001.
    pub quantity: i128,
    /// Where the line lies on the time line: its own scan, not the end of the count.
    pub order: Order,
}

/// What an operation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What<K: StockKey> {
    /// Stock came (positive) or went (negative).
    Movement {
        /// The stock that changed.
        key: K,
        /// By how much, in units of 0.00001.
        delta: i128,
    },
    /// So much was there at that instant.
    Count {
        /// The stock that was counted.
        key: K,
        /// What was found, in units of 0.00001.
        quantity: i128,
    },
    /// This was everything in the bin at that instant.
    BinCount {
        /// The bin that was counted as a whole.
        bin: K::Bin,
        /// What was found; a key stands here at most once.
        lines: Vec<BinLine<K>>,
    },
}

/// Whether a count still takes part in the fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<K> {
    /// It does. Movements are always posted.
    Posted,
    /// A refused count: on record, but it sets no level.
    TakenOut,
    /// A whole-bin count refused for these keys only.
    TakenOutFor(Vec<K>),
}

/// Causality: what the actor had been told, and when others could be told of this.
///
/// Both are places in the order of decisions (Lsn), so they compare without a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Knowledge {
    /// The highest Lsn the device had received when the act was recorded; `None` for nothing.
    pub cursor: Option<u64>,
    /// The Lsn of the outcome of this operation; `None` while it has none.
    pub outcome: Option<u64>,
}

impl Knowledge {
    /// Whether the actor of `self` had seen the outcome of `other`, so that `other` came first.
    pub fn had_seen(&self, other: &Self) -> bool {
        matches!((self.cursor, other.outcome), (Some(cursor), Some(outcome)) if outcome <= cursor)
    }
}

/// One leg of an operation as the intake placed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation<K: StockKey> {
    /// Its place.
    pub order: Order,
    /// Half the width of the interval the place is known to; never negative.
    pub epsilon_us: i64,
    /// Its boot is not bracketed, or its clock samples were dropped.
    pub uncertain: bool,
    /// What it knew and who could know it.
    pub knowledge: Knowledge,
    /// First and last scan of a count that took a while, in server time.
    pub span_us: Option<(i64, i64)>,
    /// Whether it takes part.
    pub standing: Standing<K>,
    /// What it says.
    pub what: What<K>,
}

impl<K: StockKey> Operation<K> {
    /// An operation that is placed exactly and knew nothing.
    pub fn exact(order: Order, what: What<K>) -> Self {
        Self {
            order,
            epsilon_us: 0,
            uncertain: false,
            knowledge: Knowledge::default(),
            span_us: None,
            standing: Standing::Posted,
            what,
        }
    }
}

/// What the model found out about one count of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What the counter found.
    pub counted: i128,
    /// The book just before the count.
    pub before: i128,
    /// `counted - before`: what is posted as the difference, net of all corrections.
    pub difference: i128,
    /// The movements that may as well lie on the other side of the count.
    pub ambiguous: Vec<Reading>,
    /// The least difference under any choice of sides for the ambiguous movements.
    pub difference_min: i128,
    /// The greatest such difference.
    pub difference_max: i128,
    /// The count is uncertain itself, or an uncertain movement of the key touches its interval.
    pub uncertain: bool,
    /// Other counts of the key that may as well lie on the other side of this one.
    pub unordered_counts: Vec<Order>,
}

impl Finding {
    /// Whether a movement may lie on either side.
    pub fn is_ambiguous(&self) -> bool {
        !self.ambiguous.is_empty()
    }

    /// Whether anything but the figures speaks against this count.
    pub fn is_marked(&self) -> bool {
        self.uncertain || self.is_ambiguous() || !self.unordered_counts.is_empty()
    }
}

/// The second opinion on a whole set of operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion<K> {
    /// The final quantity of every key that any operation names, also of those at zero.
    pub book: BTreeMap<K, i128>,
    /// One finding for every count that stands, by key and place; implicit zeros included.
    pub counts: BTreeMap<(K, Order), Finding>,
}

impl<K: StockKey> Opinion<K> {
    /// The final quantity of `key`; zero for a key nobody named.
    pub fn quantity(&self, key: &K) -> i128 {
        self.book.get(key).copied().unwrap_or(0)
    }
}

/// Works out the final quantities from scratch, and nothing else: cheap enough to be asked after
/// every operation.
pub fn book<K: StockKey>(operations: &[Operation<K>]) -> BTreeMap<K, i128> {
    let lines = fold::time_lines(operations);
    lines.into_iter().map(|(key, line)| (key, fold::walk(&line).last)).collect()
}

/// Works out the books from scratch.
pub fn judge<K: StockKey>(operations: &[Operation<K>]) -> Opinion<K> {
    let mut opinion = Opinion { book: BTreeMap::new(), counts: BTreeMap::new() };
    for (key, line) in fold::time_lines(operations) {
        let levels = fold::walk(&line);
        opinion.book.insert(key.clone(), levels.last);
        for (order, before) in levels.before_counts {
            let finding = ambiguity::examine(&line, order, before);
            opinion.counts.insert((key.clone(), order), finding);
        }
    }
    opinion
}
