//! Makes histories: what happens next is drawn from what the naive books hold.

use chrono::{Days, NaiveDate};

use super::{History, Plan};
use crate::prng::Prng;
use crate::reference::cost::exact::round_div;
use crate::reference::cost::{Books, Cents, Fact, Item, Kind, Line, Method, No, Pieces};

/// What a unit of a resource or a minute of a work center costs.
pub const CAPACITY_UNIT: Cents = 235;
/// Overhead of capacity in percent.
pub const CAPACITY_PERCENT: i128 = 7;
/// The item whose method a history is about.
const MAIN: usize = 0;
/// A component, by FIFO.
const PART: usize = 1;
/// What is made of both.
const KIT: usize = 2;
/// Locations: the blank one, and two more.
pub const PLACES: usize = 3;

/// Makes the history of a plan.
pub fn make(plan: Plan) -> History {
    let mut maker = Maker::new(plan);
    let items = maker.books.items.clone();
    let steps = 10 + maker.dice.below(25);
    for _ in 0..steps {
        if let Some(fact) = maker.next() {
            maker.post(fact);
        }
    }
    maker.end();
    History { plan, items, facts: maker.facts, books: maker.books }
}

struct Maker {
    plan: Plan,
    dice: Prng,
    books: Books,
    facts: Vec<(Fact, bool)>,
    lots: u32,
}

impl Maker {
    fn new(plan: Plan) -> Self {
        let salt = match plan.method {
            Method::Fifo => 1,
            Method::Lifo => 2,
            Method::Average => 3,
            Method::Specific => 4,
            Method::Standard => 5,
        };
        let mut dice = Prng::new(plan.seed.wrapping_mul(31).wrapping_add(salt));
        let kit = *dice.pick(&[Method::Fifo, Method::Lifo, Method::Average, Method::Standard]);
        let mut item = |method, group| Item {
            method,
            standard: i128::from(dice.between(100_000, 900_000)),
            indirect_percent: if dice.chance(1, 3) { i128::from(dice.between(1, 12)) } else { 0 },
            overhead_rate: if dice.chance(1, 3) { i128::from(dice.between(1, 99_999)) } else { 0 },
            group,
        };
        let items = vec![item(plan.method, 0), item(Method::Fifo, 0), item(kit, 1)];
        let books = Books::new(items, plan.period, plan.by_place);
        Self { plan, dice, books, facts: Vec::new(), lots: 0 }
    }

    fn post(&mut self, fact: Fact) {
        let posted = self.books.post(&fact).is_ok();
        self.facts.push((fact, posted));
    }

    fn date(&mut self) -> NaiveDate {
        day() + Days::new(self.dice.below(80))
    }

    fn quantity(&mut self) -> Pieces {
        let whole = i128::from(self.dice.between(1, 7)) * 100;
        if self.dice.chance(1, 5) { whole + i128::from(self.dice.between(1, 99)) } else { whole }
    }

    fn amount(&mut self) -> Cents {
        i128::from(self.dice.between(0, 9_999))
    }

    fn item(&mut self) -> usize {
        match self.dice.below(10) {
            0 => PART,
            1 => KIT,
            _ => MAIN,
        }
    }

    fn line(&mut self, kind: Kind, item: usize) -> Line {
        Line {
            kind,
            date: self.date(),
            item,
            place: usize::try_from(self.dice.below(PLACES as u64)).expect("a few"),
            lot: None,
            quantity: self.quantity(),
            amount: self.amount(),
            invoiced: true,
            applies_to: 0,
            applies_from: 0,
            order: None,
        }
    }

    fn increase(&mut self, kind: Kind) -> Fact {
        let item = self.item();
        let mut line = self.line(kind, item);
        if self.books.items[item].method == Method::Specific {
            self.lots += 1;
            line.lot = Some(self.lots);
        }
        let can_wait = matches!(kind, Kind::Purchase | Kind::Sale);
        line.invoiced = !(can_wait && self.dice.chance(1, 3));
        Fact::Post(line)
    }

    /// A decrease; of a lot that is there where the item has them.
    fn decrease(&mut self, kind: Kind) -> Option<Line> {
        let item = self.item();
        let mut line = self.line(kind, item);
        line.quantity = -line.quantity;
        if self.books.items[item].method == Method::Specific || self.dice.chance(2, 3) {
            let no = self.some(|books, no| {
                let entry = books.entry(no);
                entry.item == item && entry.remaining > 0
            });
            if let Some(no) = no {
                let entry = self.books.entry(no);
                (line.place, line.lot) = (entry.place, entry.lot);
                if line.lot.is_some() {
                    line.quantity = line.quantity.max(-entry.remaining);
                }
            } else if self.books.items[item].method == Method::Specific {
                return None;
            }
        }
        line.invoiced = !(kind == Kind::Sale && self.dice.chance(1, 4));
        Some(line)
    }

    fn some(&mut self, wanted: impl Fn(&Books, No) -> bool) -> Option<No> {
        let found: Vec<No> =
            (1..=self.books.entries.len()).filter(|no| wanted(&self.books, *no)).collect();
        if found.is_empty() { None } else { Some(*self.dice.pick(&found)) }
    }

    fn next(&mut self) -> Option<Fact> {
        match self.dice.below(22) {
            0..=3 => Some(self.increase(Kind::Purchase)),
            4..=6 => self.decrease(Kind::Sale).map(Fact::Post),
            7 => Some(self.increase(Kind::Positive)),
            8 => self.decrease(Kind::Negative).map(Fact::Post),
            9 | 10 => self.transfer(),
            11 => self.charge(),
            12 | 13 => self.sale_return(),
            14 => Some(self.increase(Kind::Sale)),
            15 => self.purchase_return(),
            16 => self.invoice(),
            17 => self.revalue(),
            18 => self.revalue_item(),
            19 => self.assembly(),
            20 => self.production(),
            _ => self.other(),
        }
    }

    fn transfer(&mut self) -> Option<Fact> {
        let mut line = self.decrease(Kind::Transfer)?;
        let to = usize::try_from(self.dice.below(PLACES as u64)).expect("a few");
        if to == line.place {
            return None;
        }
        line.invoiced = true;
        if self.dice.chance(1, 5) {
            let (item, place, lot) = (line.item, line.place, line.lot);
            let open = self.some(|books, no| {
                let entry = books.entry(no);
                (entry.item, entry.place, entry.lot) == (item, place, lot) && entry.remaining > 0
            })?;
            line.applies_to = open;
            line.quantity = line.quantity.max(-self.books.entry(open).remaining);
        }
        Some(Fact::Transfer { line, to })
    }

    fn charge(&mut self) -> Option<Fact> {
        let entry = self.some(|_books, _no| true)?;
        Some(Fact::Charge { entry, amount: self.amount(), date: self.date() })
    }

    /// A customer brings back what was sold; now and then more than that, or elsewhere.
    fn sale_return(&mut self) -> Option<Fact> {
        let sale = self
            .some(|books, no| books.entry(no).kind == Kind::Sale && books.entry(no).quantity < 0)?;
        let mut line = self.line(Kind::Sale, self.books.entry(sale).item);
        let sold = self.books.entry(sale).clone();
        (line.place, line.lot, line.applies_from) = (sold.place, sold.lot, sale);
        line.invoiced = !self.dice.chance(1, 3);
        let back: Pieces = self
            .books
            .entries
            .iter()
            .filter(|entry| entry.applies_from == sale)
            .map(|entry| entry.quantity)
            .sum();
        let left = -sold.quantity - back;
        if !self.dice.chance(1, 8) {
            if left == 0 {
                return None;
            }
            line.quantity = line.quantity.min(left);
        } else if self.dice.chance(1, 2) {
            line.place = (line.place + 1) % PLACES;
        }
        Some(Fact::Post(line))
    }

    /// Goods go back to the vendor: by the method, or the very ones that came.
    fn purchase_return(&mut self) -> Option<Fact> {
        if self.dice.chance(1, 3) {
            return self.decrease(Kind::Purchase).map(Fact::Post);
        }
        let bought = self.some(|books, no| books.entry(no).quantity > 0)?;
        let entry = self.books.entry(bought).clone();
        let mut line = self.line(Kind::Purchase, entry.item);
        (line.place, line.lot, line.applies_to) = (entry.place, entry.lot, bought);
        line.quantity = -line.quantity.min(entry.quantity);
        // What was revalued was counted by what was left of it then: nothing is moved about it afterwards.
        let revalued = self
            .books
            .revaluations
            .iter()
            .any(|row| self.books.entry(row.entry).item == entry.item);
        if revalued && entry.remaining < -line.quantity {
            return None;
        }
        Some(Fact::Post(line))
    }

    fn invoice(&mut self) -> Option<Fact> {
        let entry = self.some(is_open_to_invoice)?;
        let row = self.books.entry(entry);
        let open = (row.quantity - row.invoiced).abs();
        let quantity = if self.dice.chance(1, 2) { open } else { self.quantity().min(open) };
        let amount = self.amount();
        Some(Fact::Invoice { entry, quantity, amount, date: self.date() })
    }

    fn revalue(&mut self) -> Option<Fact> {
        let date = self.date();
        let entry = self.some(|books, no| {
            let moved = books
                .applications
                .iter()
                .any(|row| row.increase == no && books.entry(row.decrease).kind == Kind::Transfer);
            books.entry(no).quantity > 0 && !moved
        })?;
        let amount = self.amount() - 5_000;
        Some(Fact::Revalue { entry, date, amount })
    }

    fn revalue_item(&mut self) -> Option<Fact> {
        let (item, date) = (self.item(), self.date());
        let open = self.books.entries.iter().any(|entry| entry.remaining < 0);
        if open || self.books.items[item].method == Method::Average {
            return None;
        }
        let unit = i128::from(self.dice.between(0, 2_000_000));
        Some(Fact::RevalueItem { item, date, unit })
    }

    fn assembly(&mut self) -> Option<Fact> {
        let mut components = Vec::new();
        for item in [MAIN, PART] {
            if self.books.items[item].method == Method::Specific || self.dice.chance(1, 3) {
                continue;
            }
            let open = self
                .some(|books, no| books.entry(no).item == item && books.entry(no).remaining > 0)?;
            let quantity = self.quantity().min(self.books.entry(open).remaining);
            components.push((item, self.books.entry(open).place, quantity));
        }
        let resources = if self.dice.chance(1, 2) { vec![self.capacity()] } else { Vec::new() };
        if components.is_empty() {
            return None;
        }
        let place = usize::try_from(self.dice.below(PLACES as u64)).expect("a few");
        let output = (KIT, place, self.quantity());
        Some(Fact::Assemble { date: self.date(), output, components, resources })
    }

    fn capacity(&mut self) -> (Cents, Cents) {
        let direct = CAPACITY_UNIT * i128::from(self.dice.between(1, 20));
        (direct, round_div(direct * CAPACITY_PERCENT, 100))
    }

    /// Something of a production order: begun, worked on, finished.
    fn production(&mut self) -> Option<Fact> {
        let running: Vec<usize> = (0..self.books.orders.len())
            .filter(|at| !self.books.orders[*at].assembly && !self.books.orders[*at].finished)
            .collect();
        if running.is_empty() || self.dice.chance(1, 6) {
            let place = usize::try_from(self.dice.below(PLACES as u64)).expect("a few");
            return Some(Fact::Begin { order: self.books.orders.len(), item: KIT, place });
        }
        let order = *self.dice.pick(&running);
        match self.dice.below(6) {
            0 | 1 => {
                let item = if self.dice.chance(1, 2) { MAIN } else { PART };
                if self.books.items[item].method == Method::Specific {
                    return None;
                }
                let open = self.some(|books, no| {
                    books.entry(no).item == item && books.entry(no).remaining > 0
                })?;
                let mut line = self.line(Kind::Consumption, item);
                line.place = self.books.entry(open).place;
                line.quantity = -line.quantity.min(self.books.entry(open).remaining);
                line.order = Some(order);
                Some(Fact::Post(line))
            }
            2 | 3 => {
                let mut line = self.line(Kind::Output, KIT);
                line.place = self.books.orders[order].place;
                line.order = Some(order);
                Some(Fact::Post(line))
            }
            4 => {
                let (direct, indirect) = self.capacity();
                Some(Fact::Capacity { order, direct, indirect, date: self.date() })
            }
            _ if self.books.orders[order].made.is_empty() => None,
            _ => Some(Fact::Finish { order, date: self.date() }),
        }
    }

    /// A new standard, or an increase that names the open decrease which it is for.
    fn other(&mut self) -> Option<Fact> {
        if self.dice.chance(1, 2) {
            let unit = i128::from(self.dice.between(100_000, 900_000));
            let is_standard = self.books.items[MAIN].method == Method::Standard;
            return is_standard.then_some(Fact::SetStandard { item: MAIN, unit });
        }
        let open = self.some(|books, no| {
            books.entry(no).remaining < 0 && books.method(no) != Method::Average
        })?;
        let entry = self.books.entry(open).clone();
        let mut line = self.line(Kind::Positive, entry.item);
        (line.place, line.lot, line.applies_to) = (entry.place, entry.lot, open);
        line.quantity = line.quantity.min(-entry.remaining);
        Some(Fact::Post(line))
    }

    /// What is open is closed, everything is invoiced and finished; every other history is sold out.
    fn end(&mut self) {
        for _ in 0..4 {
            for (item, place, lot) in self.pools() {
                let open = self.open(|entry| {
                    (entry.item, entry.place, entry.lot) == (item, place, lot)
                        && entry.remaining < 0
                });
                if open < 0 {
                    let mut line = self.line(Kind::Positive, item);
                    (line.place, line.lot, line.quantity) = (place, lot, 100 - open);
                    self.post(Fact::Post(line));
                }
            }
        }
        while let Some(entry) =
            (1..=self.books.entries.len()).find(|no| is_open_to_invoice(&self.books, *no))
        {
            let row = self.books.entry(entry);
            let quantity = (row.quantity - row.invoiced).abs();
            let fact = Fact::Invoice { entry, quantity, amount: self.amount(), date: last_day() };
            self.post(fact);
        }
        for order in 0..self.books.orders.len() {
            let row = &self.books.orders[order];
            if !row.finished && !row.made.is_empty() {
                self.post(Fact::Finish { order, date: last_day() });
            }
        }
        if self.plan.seed.is_multiple_of(2) {
            self.sell_out();
        }
    }

    fn sell_out(&mut self) {
        for (item, place, lot) in self.pools() {
            let there = self.open(|entry| {
                (entry.item, entry.place, entry.lot) == (item, place, lot) && entry.remaining > 0
            });
            if there > 0 {
                let mut line = self.line(Kind::Negative, item);
                (line.place, line.lot, line.quantity) = (place, lot, -there);
                line.date = last_day();
                self.post(Fact::Post(line));
            }
        }
    }

    fn pools(&self) -> std::collections::BTreeSet<(usize, usize, Option<u32>)> {
        self.books.entries.iter().map(|entry| (entry.item, entry.place, entry.lot)).collect()
    }

    fn open(&self, wanted: impl Fn(&crate::reference::cost::stock::Entry) -> bool) -> Pieces {
        self.books.entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.remaining).sum()
    }
}

/// Whether an invoice of an entry is still to come; outputs are invoiced by their order.
fn is_open_to_invoice(books: &Books, no: No) -> bool {
    let entry = books.entry(no);
    entry.invoiced != entry.quantity && entry.kind != Kind::Output
}

/// The first day on which anything is posted.
pub fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 5).expect("a day")
}

fn last_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 4, 20).expect("a day")
}
