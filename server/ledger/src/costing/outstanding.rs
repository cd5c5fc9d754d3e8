//! Which figures are not final: cost adjustment has work to do that may change them (COSTING 4: a result read
//! without settling says that it is provisional).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::assembly::{is_adjustable, kind_of};
use crate::costing::mark::is_adjusted;
use crate::costing::{date, item_cost, rebuild};
use crate::key::KeyRange;
use crate::schema::ItemId;
use crate::schema::money::{OrderMarks, UnadjustedByDate, UnadjustedItems};
use crate::schema::order::{Bills, Orders};
use crate::tables::{Read as _, Tables, each_of};

/// What is to be adjusted: looked up once for a report, then asked item by item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outstanding {
    /// The lowest level of an item that is not adjusted; none: all are.
    lowest: Option<u16>,
    /// Something is not adjusted from some day on.
    dated: bool,
    /// What finished orders made whose cost changed since.
    made: BTreeSet<ItemId>,
    /// Averages are being made anew.
    rebuilding: bool,
}

impl Outstanding {
    /// All that is to be adjusted. Costs what orders are marked.
    pub fn now(tables: &(impl Tables + ?Sized)) -> Self {
        let mut made = BTreeSet::new();
        each_of::<OrderMarks>(tables, &KeyRange::all(), false, &mut |key, _row| {
            if let Some(kind) = kind_of(key.0)
                && let Some(order) = tables.row::<Orders>(&key)
                && is_adjustable(kind, &order)
                && !order.output.is_empty()
            {
                made.insert(order.item);
            }
            ControlFlow::Continue(())
        });
        let first = tables.first::<UnadjustedItems>(&KeyRange::all());
        Self {
            lowest: first.map(|((level, _item), _row)| level),
            dated: tables.first::<UnadjustedByDate>(&KeyRange::all()).is_some(),
            made,
            rebuilding: rebuild::is_waiting(tables),
        }
    }

    /// What can change figures as of the end of `until`: nothing where that day is in a closed inventory
    /// period, since nothing is adjusted into one (COSTING 19.1). Which other days are out of reach is not
    /// known before it is adjusted: a value may lie behind the day on which it was posted.
    pub fn at(tables: &(impl Tables + ?Sized), until: NaiveDate) -> Self {
        if date::closed_until(tables).is_some_and(|end| until <= end) {
            return Self::default();
        }
        Self::now(tables)
    }

    /// Whether figures of the whole company are provisional.
    pub fn any(&self) -> bool {
        self.lowest.is_some() || self.dated || !self.made.is_empty() || self.rebuilding
    }

    /// Whether figures of `item` are provisional: it is not adjusted itself, or it is made of what may not be.
    pub fn of_item(&self, tables: &(impl Tables + ?Sized), item: ItemId) -> bool {
        if !self.any() {
            return false;
        }
        if self.rebuilding || self.made.contains(&item) || !is_adjusted(tables, item) {
            return true;
        }
        let level = item_cost(tables, item).level;
        if tables.has::<UnadjustedItems>(&(level, item)) {
            return true;
        }
        // Only assemblies raise the level; what is produced is known by its bill.
        if level == 0 {
            return tables.has::<Bills>(&item);
        }
        !self.made.is_empty() || self.lowest.is_some_and(|lowest| lowest < level)
    }
}

#[cfg(test)]
mod tests {
    use super::Outstanding;
    use crate::assembly::post::FinishProductionOrder;
    use crate::assembly::standard::PutBillOfMaterials;
    use crate::books::{Books, day, line, purchase, sale};
    use crate::command::Command;
    use crate::command::journal::{JournalLine, JournalType};
    use crate::period::inventory::{InventoryPeriodOf, PutInventoryPeriod};
    use crate::schema::money::{OrderKind, OrderMarks};
    use crate::tables::Read as _;

    fn provisional(books: &Books, item: &str) -> bool {
        let tables = &books.world.tables;
        Outstanding::now(tables).of_item(tables, books.item(item))
    }

    fn of_order(kind: JournalType, item: &str, amount: Option<&str>) -> JournalLine {
        let order = Some((OrderKind::Production, "P1".try_into().unwrap()));
        JournalLine { order, ..line(kind, "2020-01-05", item, "1", amount) }
    }

    #[test]
    fn an_item_is_provisional_until_it_is_adjusted_and_no_other_is() {
        let mut books = Books::new(|_setup| {});
        assert!(!Outstanding::now(&books.world.tables).any());
        books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
        assert!(provisional(&books, "BOLT") && !provisional(&books, "NUT"));
        assert!(Outstanding::now(&books.world.tables).any());
        books.adjust();
        assert!(!provisional(&books, "BOLT") && !Outstanding::now(&books.world.tables).any());
    }

    #[test]
    fn what_a_finished_order_made_is_provisional_until_the_order_is_adjusted() {
        let mut books = Books::new(|_setup| {});
        books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
        books.post(of_order(JournalType::Consumption, "BOLT", None));
        books.post(of_order(JournalType::Output, "NUT", Some("4.00")));
        books.adjust();
        assert!(!provisional(&books, "NUT"), "an open order is not adjusted, whoever asks");
        books.ok(&Command::FinishProductionOrder(FinishProductionOrder {
            order: "P1".try_into().unwrap(),
            date: day("2020-01-06"),
        }));
        let key = (OrderKind::Production.number(), "P1".try_into().unwrap());
        assert!(books.world.tables.has::<OrderMarks>(&key));
        assert!(provisional(&books, "NUT"));
        books.adjust();
        assert!(!provisional(&books, "NUT"));
    }

    #[test]
    fn what_is_made_is_as_provisional_as_what_it_is_made_of() {
        let mut books = Books::new(|_setup| {});
        let bill = PutBillOfMaterials {
            item: "NUT".try_into().unwrap(),
            components: vec![("BOLT".try_into().unwrap(), crate::world::q("1"))],
            operations: Vec::new(),
            subcontracted: Vec::new(),
        };
        books.ok(&Command::PutBillOfMaterials(bill));
        books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
        assert!(provisional(&books, "NUT") && !provisional(&books, "AVG"));
    }

    #[test]
    fn a_day_in_a_closed_period_is_final() {
        let mut books = Books::new(|_setup| {});
        books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
        books.adjust();
        let ending_date = day("2020-01-31");
        books.ok(&Command::PutInventoryPeriod(PutInventoryPeriod {
            ending_date,
            name: String::new(),
            unchecked_closed: None,
        }));
        books.ok(&Command::CloseInventoryPeriod(InventoryPeriodOf { ending_date }));
        books.post(sale("2020-02-01", "BOLT", "1"));
        let at = |until| Outstanding::at(&books.world.tables, day(until)).any();
        assert_eq!((at("2020-01-31"), at("2020-02-01")), (false, true));
    }
}
