//! What a decrease that is valued by average must cost, worked out anew (COSTING 3.6, 9), and what a sold-out
//! pool is worth (3.5): from entries and value entries alone, with fractions of its own.
//!
//! What came in is summed of the value entries and held against the row of the period; from there every
//! decrease gets its share in its order, and what one period leaves is what the next begins with, until
//! the last leaves what the entries of the pool are worth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::audit::Findings;
use crate::audit::share::{Fraction, cost_of, units};
use crate::costing::average::pool_of;
use crate::costing::date::period_end;
use crate::costing::value::{state_of, values_of};
use crate::costing::{method_of, setup};
use crate::key::KeyRange;
use crate::schema::entry::{ItemLedger, ItemLedgerEntry, ItemLedgerStates};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AverageDecrease, AverageDecreases, AveragePeriodRow, AveragePeriods, AveragePool,
    InventorySetup, ValueType,
};
use crate::schema::{EntryNo, ItemId};
use crate::tables::{Read as _, Tables};

/// Quantity in its smallest units, value in hundred-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    quantity: i128,
    value: i128,
}

impl Held {
    fn take(&mut self, quantity: i128, value: i128) {
        self.quantity = self.quantity.saturating_add(quantity);
        self.value = self.value.saturating_add(value);
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            quantity: self.quantity.saturating_add(other.quantity),
            value: self.value.saturating_add(other.value),
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            quantity: self.quantity.saturating_sub(other.quantity),
            value: self.value.saturating_sub(other.value),
        }
    }
}

/// What an entry is to the average of its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It brings quantity and value, or takes its own cost along.
    Counted,
    /// It is valued by the average.
    ByAverage,
    /// It takes its cost from that decrease of the same pool and period.
    Aside(EntryNo),
}

/// The entries of one item as they count.
#[derive(Default)]
struct Story {
    /// All entries of a pool.
    held: BTreeMap<AveragePool, Held>,
    /// What came into a period.
    came: BTreeMap<(AveragePool, NaiveDate), Held>,
    /// Decreases valued by average, and what they moved.
    decreases: BTreeMap<EntryNo, i128>,
    /// What is left out because of a decrease.
    aside: BTreeMap<EntryNo, i128>,
    /// Revaluations at their places.
    revaluations: BTreeMap<(AveragePool, NaiveDate, EntryNo), i128>,
}

/// Checks the averages of an item that is adjusted; `entries` are all of its entries.
pub(super) fn check_item(
    tables: &(impl Tables + ?Sized),
    item: ItemId,
    entries: &[EntryNo],
    findings: &mut Findings,
) {
    if method_of(tables, item) != CostingMethod::Average {
        return;
    }
    let setup = setup(tables);
    // Figures that are too wide for 128 bits are not worked out twice.
    let Some(story) = tell(tables, &setup, entries) else { return };
    for (pool, held) in &story.held {
        check_pool(tables, (&setup, *pool), (&story, *held), findings);
    }
    check_places(tables, item, &story, findings);
}

fn tell(
    tables: &(impl Tables + ?Sized),
    setup: &InventorySetup,
    entries: &[EntryNo],
) -> Option<Story> {
    let mut story = Story::default();
    for no in entries {
        let (entry, state) = (tables.row::<ItemLedger>(no)?, tables.row::<ItemLedgerStates>(no)?);
        let pool = pool_of(setup, (entry.item, entry.variant, entry.location));
        let end = period_end(tables, setup, state.valuation_date);
        let quantity = entry.quantity.units();
        story.held.entry(pool).or_default().take(quantity, cost_of(tables, *no)?);
        let part = part_of(tables, setup, (*no, &entry))?;
        match part {
            Part::ByAverage => {
                story.decreases.insert(*no, quantity.checked_neg()?);
                continue;
            }
            Part::Counted => story.came.entry((pool, end)).or_default().take(quantity, 0),
            Part::Aside(root) => {
                let aside = story.aside.entry(root).or_default();
                *aside = aside.checked_add(quantity)?;
            }
        }
        let outbound = entry.quantity.is_negative();
        for (value_no, value) in values_of(tables, *no) {
            let amount = units(value.cost_actual)?.checked_add(units(value.cost_expected)?)?;
            let valued = state_of(tables, (value_no, &value)).valuation_date;
            if value.value_type == ValueType::Revaluation && !(outbound && part == Part::Counted) {
                story.revaluations.insert((pool, valued, value_no), amount);
            } else if part == Part::Counted || !value.charge.is_empty() {
                let end = period_end(tables, setup, valued);
                story.came.entry((pool, end)).or_default().take(0, amount);
            }
        }
    }
    Some(story)
}

fn part_of(
    tables: &(impl Tables + ?Sized),
    setup: &InventorySetup,
    (no, entry): (EntryNo, &ItemLedgerEntry),
) -> Option<Part> {
    let is_by_average =
        |entry: &ItemLedgerEntry| entry.quantity.is_negative() && entry.applies_to.0 == 0;
    if is_by_average(entry) {
        return Some(Part::ByAverage);
    }
    let place = |no: EntryNo, entry: &ItemLedgerEntry| {
        let valued = tables.row::<ItemLedgerStates>(&no)?.valuation_date;
        let pool = pool_of(setup, (entry.item, entry.variant, entry.location));
        Some((pool, period_end(tables, setup, valued)))
    };
    let source_of = |entry: &ItemLedgerEntry| {
        if entry.quantity.is_negative() { entry.applies_to } else { entry.applies_from }
    };
    let mut source = source_of(entry);
    while source.0 != 0 {
        let from = tables.row::<ItemLedger>(&source)?;
        if is_by_average(&from) {
            let same = place(source, &from)? == place(no, entry)?;
            return Some(if same { Part::Aside(source) } else { Part::Counted });
        }
        source = source_of(&from);
    }
    Some(Part::Counted)
}

/// Each decrease has its one place, with what counts of it and what is left out; each revaluation has its own.
fn check_places(
    tables: &(impl Tables + ?Sized),
    item: ItemId,
    story: &Story,
    findings: &mut Findings,
) {
    let mut placed: BTreeSet<EntryNo> = BTreeSet::new();
    let mut revaluations = story.revaluations.clone();
    revaluations.retain(|_place, amount| *amount != 0);
    for pool in story.held.keys() {
        let range = KeyRange::prefix(&(*pool,));
        for (place, row) in tables.list::<AverageDecreases>(&range) {
            if row.entry.0 == 0 {
                let kept = units(row.revaluation);
                let due = revaluations.remove(&place);
                findings.unless(due.is_none() || due == kept, "C6", || {
                    format!("{item:?}: revaluation {} counts {}", place.2, row.revaluation)
                });
                continue;
            }
            let whole = story.decreases.get(&row.entry).copied();
            let aside = story.aside.get(&row.entry).copied().unwrap_or_default();
            let parts = row.counted.units().checked_add(row.aside.units());
            let fits = placed.insert(row.entry) && whole == parts && row.aside.units() == aside;
            findings.unless(fits, "C6", || {
                let (counted, aside) = (row.counted, row.aside);
                format!("entry {}: {counted} of it count in the average, {aside} do not", row.entry)
            });
        }
    }
    for no in story.decreases.keys().filter(|no| !placed.contains(no)) {
        findings.unless(false, "C6", || format!("entry {no} has no place in its average"));
    }
    for (_pool, _date, no) in revaluations.keys() {
        findings.unless(false, "C6", || format!("revaluation {no} has no place in its average"));
    }
}

type Place = ((NaiveDate, EntryNo), Arc<AverageDecrease>);

fn check_pool(
    tables: &(impl Tables + ?Sized),
    (setup, pool): (&InventorySetup, AveragePool),
    (story, held): (&Story, Held),
    findings: &mut Findings,
) {
    let mut places: BTreeMap<NaiveDate, Vec<Place>> = BTreeMap::new();
    for ((_pool, date, no), row) in tables.list::<AverageDecreases>(&KeyRange::prefix(&(pool,))) {
        places.entry(period_end(tables, setup, date)).or_default().push(((date, no), row));
    }
    let kept_until = setup.averages_from();
    let mut came = story.came.clone();
    came.retain(|(of, _end), held| *of == pool && *held != Held::default());
    let (mut left, mut last, mut is_first) = (Held::default(), Held::default(), true);
    for ((_pool, end), row) in tables.list::<AveragePeriods>(&KeyRange::prefix(&(pool,))) {
        let rows = places.remove(&end).unwrap_or_default();
        let came_in = came.remove(&(pool, end)).unwrap_or_default();
        let Some(kept) = Kept::of(&row) else { return };
        if kept_until.is_some_and(|from| end < from) {
            // What years that are closed gave out stays.
            continue;
        }
        if !is_first || kept_until.is_none() {
            findings.unless(kept.opening == left, "C6", || {
                format!("{pool:?} begins {end} with {:?}, left over were {left:?}", kept.opening)
            });
        }
        is_first = false;
        findings.unless(kept.came == came_in, "C6", || {
            format!("{pool:?}: {:?} came in until {end}, its entries say {came_in:?}", kept.came)
        });
        let Some(closing) = check_period(tables, setup, (kept, last), &rows, findings) else {
            return;
        };
        let basis = kept.opening.plus(kept.came);
        last = if basis.quantity > 0 { basis } else { last };
        left = closing;
    }
    if kept_until.is_some() {
        return;
    }
    for (_pool, end) in came.keys().copied().chain(places.keys().map(|end| (pool, *end))) {
        findings.unless(false, "C6", || format!("{pool:?} has no row until {end}"));
    }
    findings.unless(left == held, "C6", || {
        format!("{pool:?} ends with {left:?}, its entries hold {held:?}")
    });
}

/// A period as its row has it.
#[derive(Debug, Clone, Copy)]
struct Kept {
    opening: Held,
    came: Held,
    /// What cancels among those that are left out, but for cents.
    aside: i128,
}

impl Kept {
    fn of(row: &AveragePeriodRow) -> Option<Self> {
        Some(Self {
            opening: Held {
                quantity: row.opening_quantity.units(),
                value: units(row.opening_value)?,
            },
            came: Held { quantity: row.quantity.units(), value: units(row.value)? },
            aside: units(row.aside)?,
        })
    }
}

/// Gives every decrease of a period its share, in order; answers what is left. None beyond 128 bits.
fn check_period(
    tables: &(impl Tables + ?Sized),
    setup: &InventorySetup,
    (kept, last): (Kept, Held),
    rows: &[Place],
    findings: &mut Findings,
) -> Option<Held> {
    let step = units(setup.amount_rounding.money())?;
    let basis = kept.opening.plus(kept.came);
    let (mut given, mut before) = (Held::default(), Held::default());
    let mut revalued: i128 = 0;
    for (_place, row) in rows {
        if row.entry.0 == 0 {
            // The average of what is left then is made anew.
            revalued = revalued.checked_add(units(row.revaluation)?)?;
            before = given;
            continue;
        }
        let mut whole = basis.minus(before).plus(Held { quantity: 0, value: revalued });
        if whole.quantity <= 0 {
            whole = last;
        }
        let counted = given.quantity.checked_add(row.counted.units())?;
        let kept_sum = units(row.sum_value)?;
        if whole.quantity <= 0 {
            // Nothing was ever there: what the card proposed then, which it may not do any more.
            given = Held { quantity: counted, value: kept_sum };
            continue;
        }
        let part = (counted.checked_sub(before.quantity)?, whole.quantity);
        let up_to = Fraction::of(whole.value, part)?.nearest(step)?.checked_add(before.value)?;
        let beside = (row.aside.units(), whole.quantity);
        let beside = Fraction::of(whole.value, beside)?.nearest(step)?;
        let due = up_to.checked_sub(given.value)?.checked_add(beside)?;
        let cost = cost_of(tables, row.entry)?;
        findings.unless(cost.checked_add(due) == Some(0), "C6", || {
            format!(
                "entry {} costs {cost}, its average is {due} (in hundred-thousandths)",
                row.entry
            )
        });
        given = Held { quantity: counted, value: up_to };
        findings.unless(kept_sum == up_to, "C6", || {
            format!("entry {}: {kept_sum} given out up to it, {up_to} due", row.entry)
        });
    }
    let beside = Held { quantity: 0, value: revalued.checked_add(kept.aside)? };
    Some(basis.minus(given).plus(beside))
}

#[cfg(test)]
mod tests {
    use crate::audit::{audit, audit_changes};
    use crate::books::{Books, charge, day, journal, line, m, purchase, sale};
    use crate::command::journal::JournalType;
    use crate::draft::Draft;
    use crate::key::KeyRange;
    use crate::schema::EntryNo;
    use crate::schema::entry::ItemLedgerStates;
    use crate::schema::money::{
        AverageDecreases, AveragePeriod, AveragePeriods, ValueLedger, ValuesByEntry,
    };
    use crate::tables::Read as _;

    /// Two months of an average item: charged late, returned, revalued.
    fn two_months() -> Books {
        let mut books = Books::new(|setup| setup.average_period = AveragePeriod::Month);
        books.post(purchase("2020-01-02", "AVG", "3", "10"));
        books.post(sale("2020-01-03", "AVG", "1"));
        books.post(sale("2020-01-04", "AVG", "1"));
        let mut back = line(JournalType::SaleReturn, "2020-01-05", "AVG", "1", None);
        back.applies_from = EntryNo(2);
        books.ok(&journal(back));
        books.ok(&charge(1, "2020-01-06", "1"));
        books.post(purchase("2020-02-01", "AVG", "2", "20"));
        books.adjust();
        books.revalue("AVG", "2020-02-29", "5");
        books.post(sale("2020-03-02", "AVG", "2"));
        books.adjust();
        books
    }

    fn found(change: impl FnOnce(&mut Draft<'_>)) -> Vec<&'static str> {
        let books = two_months();
        let mut tables = books.world.tables.clone();
        assert_eq!(audit(&tables), []);
        let mut draft = Draft::over(&books.world.tables);
        change(&mut draft);
        let changes = draft.finish();
        tables.apply(changes.clone());
        let near = audit_changes(&tables, &changes);
        let all = audit(&tables);
        assert!(near.iter().all(|violation| all.contains(violation)), "{near:?}");
        assert!(!near.is_empty(), "what a change touches is looked at after each posting");
        all.into_iter().map(|violation| violation.invariant).collect()
    }

    /// A cent more or less goes to a decrease, wherever its cost is kept.
    fn costs(draft: &mut Draft<'_>, (no, more): (u64, &str)) {
        let (no, more) = (EntryNo(no), m(more));
        let mut state = *draft.row::<ItemLedgerStates>(&no).unwrap();
        state.cost.actual = state.cost.actual.checked_sub(more).unwrap();
        state.cost.base = state.cost.base.checked_sub(more).unwrap();
        draft.put::<ItemLedgerStates>(&no, state);
        let value_no = draft.first::<ValuesByEntry>(&KeyRange::prefix(&(no,))).unwrap().0.1;
        let mut value = (*draft.row::<ValueLedger>(&value_no).unwrap()).clone();
        value.cost_actual = value.cost_actual.checked_sub(more).unwrap();
        draft.put::<ValueLedger>(&value_no, value);
    }

    /// What an average row keeps of what was given out up to an entry.
    fn sums(draft: &mut Draft<'_>, (no, more): (u64, &str)) {
        let rows = draft.list::<AverageDecreases>(&KeyRange::all());
        let (key, row) = rows.into_iter().find(|(_key, row)| row.entry.0 == no).unwrap();
        let mut row = *row;
        row.sum_value = row.sum_value.checked_add(m(more)).unwrap();
        draft.put::<AverageDecreases>(&key, row);
    }

    #[test]
    fn a_wrong_average_is_found_though_everything_that_keeps_it_agrees() {
        // Both sold 3.67; a cent goes from one to the other, and every sum agrees.
        let found = found(|draft| {
            costs(draft, (2, "-0.01"));
            costs(draft, (3, "0.01"));
            sums(draft, (2, "-0.01"));
        });
        assert!(found.contains(&"C6"), "{found:?}");
    }

    #[test]
    fn a_period_that_holds_something_else_than_its_entries_brought_is_found() {
        let found = found(|draft| {
            let (key, row) = draft.first::<AveragePeriods>(&KeyRange::all()).unwrap();
            let mut row = *row;
            row.value = row.value.checked_add(m("0.01")).unwrap();
            draft.put::<AveragePeriods>(&key, row);
        });
        assert!(found.contains(&"C6"), "{found:?}");
    }

    #[test]
    fn a_period_that_does_not_begin_with_what_was_left_is_found() {
        let found = found(|draft| {
            let rows = draft.list::<AveragePeriods>(&KeyRange::all());
            let march = |date| date == day("2020-03-31");
            let (key, row) = rows.into_iter().find(|(key, _row)| march(key.1)).unwrap();
            let mut row = *row;
            row.opening_value = row.opening_value.checked_add(m("1.00")).unwrap();
            draft.put::<AveragePeriods>(&key, row);
        });
        assert!(found.contains(&"C6"), "{found:?}");
    }
}
