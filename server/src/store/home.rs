//! Which keyspace a table lies in, and how much of it may wait for its file.
//!
//! Nothing here reads or writes rows.

use ledger::schema::book::{ChangesTable, Intakes, OperationsByTime, OutcomeRevisions, Outcomes};
use ledger::schema::case::CasesByOperation;
use ledger::schema::count::{BinCounts, Counts, CountsByOperation, Movements, WideMovements};
use ledger::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, ItemLedger, ItemLedgerByItem,
    ItemLedgerStates, PostedBy, Registers, WarehouseByStock, WarehouseLedger,
};
use ledger::schema::gl::{GlByAccount, GlLedger, GlOfValue, ValuesOfGl};
use ledger::schema::money::{
    ApplicationsByDate, AverageDecreases, RunValues, ValueLedger, ValuesByEntry,
};
use ledger::schema::place::PlateActs;
use ledger::schema::posted::{PostedLines, Uninvoiced};
use ledger::schema::tracking::SerialActs;
use ledger::tables::{Table as _, TableId};

/// Tables that grow with every posting, and only at their end: their keys begin with a number that was
/// given last, or with a time. Those by operation grow at the end of each device, and are merged where
/// several work at once, but not with others. In one keyspace with others they would all be merged again
/// and again, and make up two thirds of what is merged.
const GROWN: [TableId; 15] = [
    Outcomes::ID,
    OperationsByTime::ID,
    ItemLedger::ID,
    ItemLedgerStates::ID,
    Applications::ID,
    ApplicationsByInbound::ID,
    ApplicationsByOutbound::ID,
    WarehouseLedger::ID,
    Registers::ID,
    PostedBy::ID,
    ValueLedger::ID,
    ValuesByEntry::ID,
    GlLedger::ID,
    GlOfValue::ID,
    ValuesOfGl::ID,
];

/// Tables that keep what happened to each thing: their keys begin with the thing, so that they grow in
/// their middle for ever, and have to be merged. What is open now stays small beside them, and is not
/// merged with them. What is not invoiced yet is here too: where nobody invoices it is as long.
const HISTORIES: [TableId; 17] = [
    OutcomeRevisions::ID,
    SerialActs::ID,
    PlateActs::ID,
    ItemLedgerByItem::ID,
    WarehouseByStock::ID,
    Movements::ID,
    Counts::ID,
    BinCounts::ID,
    CountsByOperation::ID,
    WideMovements::ID,
    CasesByOperation::ID,
    AverageDecreases::ID,
    ApplicationsByDate::ID,
    PostedLines::ID,
    Uninvoiced::ID,
    GlByAccount::ID,
    RunValues::ID,
];

/// The feed's index is kept apart, so that its low end can be dropped cheaply.
const FEED_TABLES: std::ops::RangeInclusive<u8> = 120..=127;

/// Where a table lies: a place in the list of [`keyspaces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home(u8);

impl Home {
    /// Everything that is in no other.
    pub(super) const STATE: Self = Self(0);
    const INTAKE: Self = Self(1);
    const CHANGE: Self = Self(2);
    const FEED: Self = Self(3);
    const HISTORY: Self = Self(4);
    /// The first of [`GROWN`]; the others follow in their order.
    const GROWN: Self = Self(5);

    /// That of `table`.
    pub(super) fn of(table: TableId) -> Self {
        HOMES.get(usize::from(table.0)).copied().unwrap_or(Self::STATE)
    }

    /// Its place in the list.
    pub(super) fn place(self) -> usize {
        usize::from(self.0)
    }
}

/// By the number of the table: every read asks for it.
static HOMES: [Home; 256] = homes();

const fn homes() -> [Home; 256] {
    let mut homes = [Home::STATE; 256];
    homes[Intakes::ID.0 as usize] = Home::INTAKE;
    homes[ChangesTable::ID.0 as usize] = Home::CHANGE;
    let mut table = *FEED_TABLES.start();
    while table <= *FEED_TABLES.end() {
        homes[table as usize] = Home::FEED;
        table += 1;
    }
    let mut at = 0;
    while at < HISTORIES.len() {
        homes[HISTORIES[at].0 as usize] = Home::HISTORY;
        at += 1;
    }
    let mut grown = Home::GROWN.0;
    while (grown as usize) < GROWN.len() + Home::GROWN.0 as usize {
        homes[GROWN[(grown - Home::GROWN.0) as usize].0 as usize] = Home(grown);
        grown += 1;
    }
    homes
}

/// A keyspace of the store.
pub(super) struct Named {
    /// Its name in the engine.
    pub(super) name: String,
    /// The share of its keys and values that may wait for their file, of those of a store:
    /// one divided by this.
    pub(super) part: u64,
    /// How many times more each level below the first holds than the one above it.
    pub(super) ratio: f32,
}

/// All keyspaces, each in its place.
pub(super) fn keyspaces() -> Vec<Named> {
    // What is merged is merged with as much as a level holds more than the one above it: more levels, of
    // which each holds less, cost less writing. What is only moved from level to level is moved least
    // with few of them.
    let named = |name: &str, part: u64, ratio: f32| Named { name: name.to_owned(), part, ratio };
    let mut all = vec![
        named("state", 2, 4.0),
        named("intake", 2, 10.0),
        named("change", 2, 10.0),
        named("feed", 2, 10.0),
        named("history", 1, 4.0),
    ];
    all.extend(GROWN.iter().map(|table| named(&format!("t{}", table.0), 4, 10.0)));
    all
}

/// The tables that have moved out of the keyspace with the state since the first format.
pub(super) fn moved() -> impl Iterator<Item = TableId> {
    GROWN.into_iter().chain(HISTORIES)
}

#[cfg(test)]
mod tests {
    use super::{GROWN, HISTORIES, Home, keyspaces};
    use ledger::schema::book::{ChangesTable, Counters, Intakes};
    use ledger::tables::{Table as _, TableId};

    #[test]
    fn each_table_has_one_home_that_is_in_the_list() {
        let all = keyspaces();
        let name = |table: TableId| all[Home::of(table).place()].name.as_str();
        assert_eq!(name(Intakes::ID), "intake");
        assert_eq!(name(ChangesTable::ID), "change");
        assert_eq!(name(TableId(120)), "feed");
        assert_eq!(name(Counters::ID), "state");
        for table in HISTORIES {
            assert_eq!(name(table), "history");
        }
        for table in GROWN {
            assert_eq!(name(table), format!("t{}", table.0));
        }
        assert_eq!(all.len(), 5 + GROWN.len(), "and no keyspace is without a table");
    }
}
