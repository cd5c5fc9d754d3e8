//! Entries and applications, in the order of posting (COSTING 5, 7).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::exact::round_div;
use super::fact::{Cents, Fact, Item, Kind, Line, Method, No, Period, Pieces, Refused, Unit};
use super::value;

/// Cents of `quantity` at a cost per unit.
pub fn at_unit(unit: Unit, quantity: Pieces) -> Cents {
    round_div(unit * quantity, 100_000)
}

/// What was stated about the cost of an increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the parts are those of COSTING 6")]
pub struct Stated {
    pub direct: Cents,
    pub indirect: Cents,
    pub variance: Cents,
    pub expected: Cents,
    /// Expected when it was received.
    pub expected_first: Cents,
    pub charges: Cents,
    pub charge_variance: Cents,
}

/// An item ledger entry.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.1")]
pub struct Entry {
    pub kind: Kind,
    pub item: usize,
    pub place: usize,
    pub lot: Option<u32>,
    pub date: NaiveDate,
    pub quantity: Pieces,
    pub remaining: Pieces,
    pub invoiced: Pieces,
    pub last_invoice: Option<NaiveDate>,
    pub applies_to: No,
    pub applies_from: No,
    /// The outbound leg of its transfer.
    pub leg: No,
    /// The increase behind that leg that this portion was taken from.
    pub source: No,
    pub order: Option<usize>,
    pub stated: Stated,
    /// From when it counts, and from when the last of its values does.
    pub valuation: NaiveDate,
    pub latest: NaiveDate,
    /// Order of posting among entries and revaluations.
    pub seq: usize,
}

/// A decrease took from an increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of COSTING 2.2")]
pub struct Application {
    pub increase: No,
    pub decrease: No,
    pub quantity: Pieces,
    pub fixed: bool,
}

/// A revaluation of an increase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of COSTING 11.3")]
pub struct Revaluation {
    pub entry: No,
    pub date: NaiveDate,
    pub amount: Cents,
    pub quantity: Pieces,
    /// Of the amount, what was expected when it was written, and what of that still stands.
    pub expected_first: Cents,
    pub expected: Cents,
    pub seq: usize,
}

/// An assembly or a production order.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of COSTING 14.3")]
pub struct Order {
    pub assembly: bool,
    pub finished: bool,
    /// What it makes, and where.
    pub item: usize,
    pub place: usize,
    pub used: Vec<No>,
    pub made: Vec<No>,
    pub capacity: Cents,
    pub capacity_overhead: Cents,
}

/// Everything that was posted.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the lists are those of COSTING 2")]
pub struct Books {
    pub items: Vec<Item>,
    pub period: Period,
    /// Averages by location, not over the item.
    pub by_place: bool,
    pub entries: Vec<Entry>,
    pub applications: Vec<Application>,
    pub revaluations: Vec<Revaluation>,
    pub orders: Vec<Order>,
    seq: usize,
}

impl Books {
    /// Books without a posting.
    pub fn new(items: Vec<Item>, period: Period, by_place: bool) -> Self {
        Self {
            items,
            period,
            by_place,
            entries: Vec::new(),
            applications: Vec::new(),
            revaluations: Vec::new(),
            orders: Vec::new(),
            seq: 0,
        }
    }

    /// An entry by its number.
    pub fn entry(&self, no: No) -> &Entry {
        &self.entries[no - 1]
    }

    fn entry_mut(&mut self, no: No) -> &mut Entry {
        &mut self.entries[no - 1]
    }

    /// How an entry's item is valued.
    pub fn method(&self, no: No) -> Method {
        self.items[self.entry(no).item].method
    }

    /// Posts a fact, or leaves everything as it was.
    ///
    /// # Errors
    ///
    /// It would not be posted.
    pub fn post(&mut self, fact: &Fact) -> Result<(), Refused> {
        let before = self.clone();
        let done = self.try_post(fact);
        if done.is_err() {
            *self = before;
        }
        done
    }

    fn try_post(&mut self, fact: &Fact) -> Result<(), Refused> {
        match fact {
            Fact::Post(line) => self.line(line).map(|_no| ()),
            Fact::Transfer { line, to } => self.transfer(line, *to),
            Fact::Invoice { entry, quantity, amount, date } => {
                self.invoice(*entry, *quantity, *amount, *date)
            }
            Fact::Charge { entry, amount, .. } => {
                self.charge(*entry, *amount);
                Ok(())
            }
            Fact::Revalue { entry, date, amount } => self.revalue(*entry, *date, *amount),
            Fact::RevalueItem { item, date, unit } => {
                value::revalue_item(self, *item, *date, *unit)
            }
            Fact::SetStandard { item, unit } => {
                self.items[*item].standard = *unit;
                Ok(())
            }
            Fact::Assemble { date, output, components, resources } => {
                self.assemble(*date, *output, components, resources)
            }
            Fact::Begin { order, item, place } => {
                let order = self.order(*order);
                (order.item, order.place) = (*item, *place);
                Ok(())
            }
            Fact::Capacity { order, direct, indirect, .. } => {
                let order = self.order(*order);
                order.capacity += direct;
                order.capacity_overhead += indirect;
                Ok(())
            }
            Fact::Finish { order, date } => {
                self.order(*order).finished = true;
                for no in self.orders[*order].made.clone() {
                    let entry = self.entry_mut(no);
                    entry.invoiced = entry.quantity;
                    entry.last_invoice = Some(*date);
                }
                Ok(())
            }
        }
    }

    fn order(&mut self, order: usize) -> &mut Order {
        while self.orders.len() <= order {
            self.orders.push(Order::default());
        }
        &mut self.orders[order]
    }

    fn next_seq(&mut self) -> usize {
        self.seq += 1;
        self.seq
    }

    fn write(&mut self, line: &Line) -> No {
        let seq = self.next_seq();
        self.entries.push(Entry {
            kind: line.kind,
            item: line.item,
            place: line.place,
            lot: line.lot,
            date: line.date,
            quantity: line.quantity,
            remaining: line.quantity,
            invoiced: if line.invoiced { line.quantity } else { 0 },
            last_invoice: line.invoiced.then_some(line.date),
            applies_to: line.applies_to,
            applies_from: line.applies_from,
            leg: 0,
            source: 0,
            order: line.order,
            stated: Stated::default(),
            valuation: line.date,
            latest: line.date,
            seq,
        });
        self.entries.len()
    }

    fn line(&mut self, line: &Line) -> Result<No, Refused> {
        let mut line = line.clone();
        if line.kind == Kind::Output && line.order.is_some() {
            line.invoiced = false;
        }
        self.check_named(&line)?;
        let no = if line.quantity < 0 { self.decrease(&line)? } else { self.increase(&line) };
        if let Some(at) = line.order {
            let order = self.order(at);
            if line.quantity < 0 { order.used.push(no) } else { order.made.push(no) }
        }
        Ok(no)
    }

    /// Entries that a line names (COSTING 5.4).
    fn check_named(&self, line: &Line) -> Result<(), Refused> {
        for (named, anywhere) in [(line.applies_to, false), (line.applies_from, true)] {
            if named == 0 {
                continue;
            }
            let entry = self.entry(named);
            // What was sold may come back elsewhere; a worked document does that.
            let here = anywhere || entry.place == line.place;
            let same = (entry.item, entry.lot) == (line.item, line.lot) && here;
            if !same || (entry.quantity > 0) == (line.quantity > 0) {
                return Err(Refused("invalid_application"));
            }
        }
        if line.applies_from != 0 {
            let back: Pieces = self
                .entries
                .iter()
                .filter(|entry| entry.applies_from == line.applies_from)
                .map(|entry| entry.quantity)
                .sum();
            if back + line.quantity > -self.entry(line.applies_from).quantity {
                return Err(Refused("insufficient_applied_quantity"));
            }
        }
        if line.applies_to != 0
            && line.quantity > 0
            && -self.entry(line.applies_to).remaining < line.quantity
        {
            return Err(Refused("insufficient_applied_quantity"));
        }
        Ok(())
    }

    fn decrease(&mut self, line: &Line) -> Result<No, Refused> {
        let no = self.write(line);
        if line.applies_to != 0 {
            let date = self.entry(line.applies_to).latest;
            let entry = self.entry_mut(no);
            (entry.valuation, entry.latest) = (date, date);
            self.take_fixed(no, line.applies_to)?;
        }
        self.take(no);
        self.may_stay_open(no)?;
        Ok(no)
    }

    /// Whether what is left of a decrease may stay open (COSTING 5.2).
    fn may_stay_open(&self, no: No) -> Result<(), Refused> {
        let entry = self.entry(no);
        let never =
            matches!(entry.kind, Kind::Transfer | Kind::Consumption | Kind::AssemblyConsumption);
        if entry.remaining < 0 && (never || entry.lot.is_some()) {
            return Err(Refused("insufficient_inventory"));
        }
        Ok(())
    }

    fn increase(&mut self, line: &Line) -> No {
        let no = self.write(line);
        self.state_cost(no, line);
        if line.applies_from != 0 {
            let date = line.date.max(self.entry(line.applies_from).valuation);
            let entry = self.entry_mut(no);
            (entry.valuation, entry.latest) = (date, date);
        }
        if line.applies_to != 0 {
            self.pair(no, line.applies_to, true);
        }
        self.give(no);
        no
    }

    /// What the line says that the increase costs (COSTING 6.1, 6.2).
    fn state_cost(&mut self, no: No, line: &Line) {
        if line.applies_from != 0 {
            return;
        }
        let item = self.items[line.item].clone();
        let standard = at_unit(item.standard, line.quantity);
        let by_standard = item.method == Method::Standard;
        let purchase = line.kind == Kind::Purchase;
        let overhead = if purchase { overhead(&item, line.amount, line.quantity) } else { 0 };
        let stated = &mut self.entry_mut(no).stated;
        if line.invoiced {
            if by_standard && !purchase {
                stated.direct = standard;
                return;
            }
            stated.direct = line.amount;
            stated.indirect = overhead;
            if by_standard {
                stated.variance = standard - line.amount - overhead;
            }
        } else {
            stated.expected = if by_standard { standard } else { line.amount + overhead };
            stated.expected_first = stated.expected;
        }
    }

    fn transfer(&mut self, line: &Line, to: usize) -> Result<(), Refused> {
        self.check_named(line)?;
        let leg = self.decrease(line)?;
        let average = self.method(leg) == Method::Average && line.applies_to == 0;
        let portions: Vec<(No, Pieces)> = if average {
            vec![(0, -line.quantity)]
        } else {
            let rows = self.applications.iter().filter(|row| row.decrease == leg);
            rows.map(|row| (row.increase, row.quantity)).collect()
        };
        for (source, quantity) in portions {
            let into = Line { place: to, quantity, applies_to: 0, ..line.clone() };
            let no = self.write(&into);
            let valuation = self.entry(leg).valuation;
            let entry = self.entry_mut(no);
            (entry.leg, entry.source) = (leg, source);
            (entry.valuation, entry.latest) = (valuation, valuation);
            self.give(no);
        }
        Ok(())
    }

    fn assemble(
        &mut self,
        date: NaiveDate,
        (item, place, quantity): (usize, usize, Pieces),
        components: &[(usize, usize, Pieces)],
        resources: &[(Cents, Cents)],
    ) -> Result<(), Refused> {
        let at = self.orders.len();
        self.orders.push(Order { assembly: true, finished: true, item, place, ..Order::default() });
        let line = |kind, item, place, quantity| Line {
            kind,
            date,
            item,
            place,
            lot: None,
            quantity,
            amount: 0,
            invoiced: true,
            applies_to: 0,
            applies_from: 0,
            order: Some(at),
        };
        for (item, place, quantity) in components {
            self.line(&line(Kind::AssemblyConsumption, *item, *place, -quantity))?;
        }
        for (direct, indirect) in resources {
            self.orders[at].capacity += direct;
            self.orders[at].capacity_overhead += indirect;
        }
        self.line(&line(Kind::AssemblyOutput, item, place, quantity)).map(|_no| ())
    }

    fn invoice(
        &mut self,
        no: No,
        quantity: Pieces,
        amount: Cents,
        date: NaiveDate,
    ) -> Result<(), Refused> {
        let entry = self.entry(no).clone();
        let open = (entry.quantity - entry.invoiced).abs();
        if quantity > open {
            return Err(Refused("qty_exceeds_outstanding"));
        }
        let item = self.items[entry.item].clone();
        let row = self.entry_mut(no);
        row.invoiced += if entry.quantity < 0 { -quantity } else { quantity };
        row.last_invoice = Some(row.last_invoice.map_or(date, |before| before.max(date)));
        if entry.quantity < 0 || entry.applies_from != 0 {
            return Ok(());
        }
        let stated = &mut row.stated;
        let taken = if quantity == open {
            stated.expected
        } else {
            round_div(stated.expected_first * quantity, entry.quantity)
        };
        stated.expected -= taken;
        let purchase = entry.kind == Kind::Purchase;
        // What comes in of a standard item and is not bought comes in at its standard, whatever is said.
        let amount = if purchase || item.method != Method::Standard { amount } else { taken };
        let indirect = if purchase { overhead(&item, amount, quantity) } else { 0 };
        stated.direct += amount;
        stated.indirect += indirect;
        if purchase && item.method == Method::Standard {
            stated.variance += at_unit(item.standard, quantity) - amount - indirect;
        }
        // What was expected of a revaluation is taken back like what was expected of the receipt (11.3).
        for row in self.revaluations.iter_mut().filter(|row| row.entry == no) {
            let taken = if quantity == open {
                row.expected
            } else {
                round_div(row.expected_first * quantity, entry.quantity)
            };
            row.expected -= taken;
            // Only a purchase is brought to another cost by its invoice.
            row.amount -= if purchase { taken } else { 0 };
        }
        Ok(())
    }

    /// On an increase a charge is stock value; a standard item stays at its standard (COSTING 6.5).
    fn charge(&mut self, no: No, amount: Cents) {
        let standard = self.method(no) == Method::Standard;
        let entry = self.entry_mut(no);
        if entry.quantity > 0 {
            entry.stated.charges += amount;
            entry.stated.charge_variance -= if standard { amount } else { 0 };
        }
    }

    /// What is left of an increase at the end of a day (COSTING 11.1).
    pub fn left_at(&self, no: No, date: NaiveDate) -> Pieces {
        let entry = self.entry(no);
        if entry.quantity < 0 || entry.date > date {
            return 0;
        }
        let later = self
            .applications
            .iter()
            .filter(|row| row.increase == no && self.entry(row.decrease).date > date);
        entry.remaining + later.map(|row| row.quantity).sum::<Pieces>()
    }

    /// Whether an entry, and what is behind a transfer, is invoiced; with a date, by then.
    pub fn is_invoiced(&self, no: No, by: Option<NaiveDate>) -> bool {
        let entry = self.entry(no);
        let late = by.is_some_and(|by| entry.last_invoice.is_some_and(|last| last > by));
        entry.invoiced == entry.quantity
            && !late
            && (entry.source == 0 || self.is_invoiced(entry.source, by))
    }

    fn revalue(&mut self, no: No, date: NaiveDate, amount: Cents) -> Result<(), Refused> {
        let quantity = self.left_at(no, date);
        let standard = self.method(no) == Method::Standard;
        if quantity <= 0 || !(standard || self.is_invoiced(no, Some(date))) {
            return Err(Refused("nothing_to_revalue"));
        }
        self.write_revaluation(no, date, (amount, quantity));
        Ok(())
    }

    /// Notes a revaluation.
    pub fn write_revaluation(
        &mut self,
        no: No,
        date: NaiveDate,
        (amount, quantity): (Cents, Pieces),
    ) {
        if amount == 0 {
            return;
        }
        let seq = self.next_seq();
        let entry = self.entry(no);
        let expected = amount - round_div(amount * entry.invoiced, entry.quantity);
        let expected_first = expected;
        self.revaluations.push(Revaluation {
            entry: no,
            date,
            amount,
            quantity,
            expected_first,
            expected,
            seq,
        });
        let entry = self.entry_mut(no);
        entry.latest = entry.latest.max(date);
    }

    // ---- applications -----------------------------------------------------------------------------------

    fn same_pool(&self, one: No, other: No) -> bool {
        let (one, other) = (self.entry(one), self.entry(other));
        (one.item, one.place, one.lot) == (other.item, other.place, other.lot)
    }

    /// Entries of the other sign that are open, in the order of the method (COSTING 5.1).
    fn candidates(&self, no: No) -> Vec<No> {
        let inbound = self.entry(no).quantity > 0;
        let mut found: Vec<No> = (1..=self.entries.len())
            .filter(|other| {
                let entry = self.entry(*other);
                let open = if inbound { entry.remaining < 0 } else { entry.remaining > 0 };
                open && self.same_pool(no, *other)
            })
            .collect();
        found.sort_by_key(|other| (self.entry(*other).date, *other));
        if self.method(no) == Method::Lifo {
            found.reverse();
        }
        found
    }

    fn take(&mut self, decrease: No) {
        for increase in self.candidates(decrease) {
            if self.entry(decrease).remaining < 0 && !self.depends(increase, decrease) {
                self.pair(increase, decrease, false);
            }
        }
    }

    fn give(&mut self, increase: No) {
        for decrease in self.candidates(increase) {
            if self.entry(increase).remaining > 0 && !self.depends(increase, decrease) {
                self.pair(increase, decrease, false);
            }
        }
    }

    /// Room is made by taking back automatic applications, latest first; the legs of transfers stand, for
    /// their layers lie elsewhere (COSTING 5.4, 13.3).
    fn take_fixed(&mut self, decrease: No, target: No) -> Result<(), Refused> {
        let mut missing = -self.entry(decrease).remaining - self.entry(target).remaining;
        let mut displaced = Vec::new();
        for at in (0..self.applications.len()).rev() {
            let row = self.applications[at];
            let automatic = row.increase == target
                && !row.fixed
                && self.entry(row.decrease).kind != Kind::Transfer;
            if missing <= 0 || !automatic {
                continue;
            }
            let portion = row.quantity.min(missing);
            self.applications[at].quantity -= portion;
            self.entry_mut(row.increase).remaining += portion;
            self.entry_mut(row.decrease).remaining -= portion;
            missing -= portion;
            displaced.push(row.decrease);
        }
        self.applications.retain(|row| row.quantity != 0);
        if missing > 0 {
            return Err(Refused("insufficient_applied_quantity"));
        }
        self.pair(target, decrease, true);
        for other in displaced {
            self.take(other);
            self.may_stay_open(other)?;
        }
        Ok(())
    }

    fn pair(&mut self, increase: No, decrease: No, fixed: bool) {
        let quantity = self.entry(increase).remaining.min(-self.entry(decrease).remaining);
        if quantity <= 0 {
            return;
        }
        let fixed = fixed || self.method(increase) == Method::Specific;
        let date = self.entry(increase).latest;
        self.count_from(decrease, date);
        self.entry_mut(increase).remaining -= quantity;
        self.entry_mut(decrease).remaining += quantity;
        let same = self
            .applications
            .iter_mut()
            .find(|row| row.increase == increase && row.decrease == decrease && row.fixed == fixed);
        match same {
            Some(row) => row.quantity += quantity,
            None => {
                self.applications.push(Application { increase, decrease, quantity, fixed });
            }
        }
    }

    /// A decrease counts no earlier than what it takes; what takes its cost follows (COSTING 7.3).
    fn count_from(&mut self, decrease: No, date: NaiveDate) {
        if self.entry(decrease).valuation >= date {
            return;
        }
        let entry = self.entry_mut(decrease);
        (entry.valuation, entry.latest) = (date, date.max(entry.latest));
        let takers: Vec<No> = (1..=self.entries.len())
            .filter(|no| [self.entry(*no).leg, self.entry(*no).applies_from].contains(&decrease))
            .collect();
        for taker in takers {
            let entry = self.entry_mut(taker);
            entry.valuation = entry.valuation.max(date);
            entry.latest = entry.latest.max(date);
            let latest = entry.latest;
            let supplied: Vec<No> = self
                .applications
                .iter()
                .filter(|row| row.increase == taker)
                .map(|row| row.decrease)
                .collect();
            for next in supplied {
                self.count_from(next, latest);
            }
        }
    }

    /// Whether the cost of an increase comes from a decrease, over any number of steps (COSTING 5.6).
    fn depends(&self, increase: No, decrease: No) -> bool {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![increase];
        while let Some(no) = waiting.pop() {
            let entry = self.entry(no);
            let from = entry.applies_from.max(entry.leg);
            if from == 0 || !seen.insert(no) {
                continue;
            }
            if from == decrease {
                return true;
            }
            let sources = self.applications.iter().filter(|row| row.decrease == from);
            waiting.extend(sources.map(|row| row.increase));
        }
        false
    }
}

/// Overhead of a direct cost, rounded once (COSTING 6.2).
pub fn overhead(item: &Item, direct: Cents, quantity: Pieces) -> Cents {
    // direct × percent / 100 + quantity × rate, in cents; the rate is in hundred-thousandths per unit.
    round_div(direct * item.indirect_percent * 1000 + quantity * item.overhead_rate, 100_000)
}
