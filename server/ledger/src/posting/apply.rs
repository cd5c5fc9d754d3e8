//! Who supplied whom: item applications (COSTING 5).
//!
//! An application restores or takes remaining quantities on both sides and is one row per pair. No
//! date cuts candidates off: an increase dated after the decrease is a legal candidate.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use crate::costing::{fits, minus};
use crate::draft::Draft;
use crate::key::KeyRange;
use crate::lookup;
use crate::money::Money;
use crate::posting::entry::{Supply, never_below_zero};
use crate::posting::{EntryLine, Posting, Stop, add, subtract};
use crate::schema::book::Companies;
use crate::schema::entry::{
    Applications, ApplicationsByInbound, ApplicationsByOutbound, EntryReason, EntryType,
    ItemApplication, ItemLedger, ItemLedgerEntry, ItemLedgerState, ItemLedgerStates, OpenInbound,
    OpenOutbound, Pool,
};
use crate::schema::item::{CostingMethod, Items, NegativeInventory};
use crate::schema::money::ApplicationsByDate;
use crate::schema::place::Locations;
use crate::schema::{Counter, EntryNo, next_number};
use crate::tables::Read as _;
use crate::tracking;

/// How many entries one posting may walk in search of loops of cost. Real chains are a few returns
/// and transfers long.
const WALKED_MAX: u32 = 100;

/// Where an entry finds its counterparts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) pool: Pool,
    /// The transfer order, at a location between two others.
    pub(crate) transfer: Option<DocumentNo>,
    pub(crate) method: CostingMethod,
    pub(crate) specific: bool,
}

/// The place of `entry` among those that it may be applied to.
pub(crate) fn place_of(draft: &mut Draft<'_>, entry: &ItemLedgerEntry) -> Place {
    let in_transit =
        draft.row::<Locations>(&entry.location).is_some_and(|location| location.in_transit);
    let transfer = match &entry.document {
        Some((_kind, no, _line)) if in_transit => Some(no.clone()),
        _ => None,
    };
    let method =
        draft.row::<Items>(&entry.item).map_or(CostingMethod::Fifo, |item| item.costing_method);
    let tracking = tracking::specific(draft, entry.item, entry.tracking, method);
    let pool =
        Pool { item: entry.item, variant: entry.variant, location: entry.location, tracking };
    Place { pool, transfer, method, specific: tracking.0 != 0 }
}

/// The portions that the decrease `leg` was applied to, in order of application: increase and
/// quantity, positive.
pub(crate) fn portions_of(draft: &Draft<'_>, leg: EntryNo) -> Vec<(EntryNo, Quantity)> {
    supplies_of(draft, leg)
        .into_iter()
        .map(|(_no, row)| (row.inbound, row.quantity.negated()))
        .collect()
}

/// The applications by which increases supplied the decrease `leg` with goods and their cost, in
/// order of application.
fn supplies_of(draft: &Draft<'_>, leg: EntryNo) -> Vec<(EntryNo, ItemApplication)> {
    let mut rows: Vec<_> = draft
        .list::<ApplicationsByOutbound>(&KeyRange::prefix(&(leg,)))
        .into_iter()
        .filter_map(|((_leg, _inbound, no), _row)| {
            let row = draft.row::<Applications>(&no)?;
            let supplies = row.entry == leg && !row.cost_application && !row.without_cost;
            supplies.then(|| (no, (*row).clone()))
        })
        .collect();
    rows.sort_by_key(|row| row.0);
    rows
}

/// How an application came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Manner {
    date: NaiveDate,
    fixed: bool,
    without_cost: bool,
}

impl Posting<'_, '_> {
    /// Applies the entry `no`, just written, by the rules of its direction.
    pub(crate) fn apply(
        &mut self,
        no: EntryNo,
        line: &EntryLine,
        supply: Supply,
    ) -> Result<(), Stop> {
        let entry = self.entry(no);
        let place = place_of(self.draft, &entry);
        let manner = Manner {
            date: line.posting_date,
            fixed: place.method == CostingMethod::Specific,
            without_cost: false,
        };
        self.set_remaining(no, entry.quantity);
        if entry.quantity.is_positive() {
            self.own_row(no, line, supply);
            self.value_increase(no, line, supply)?;
            self.apply_increase(no, line, &place, manner)
        } else {
            self.apply_decrease(no, line, &place, manner)?;
            self.value_decrease(no, line)
        }
    }

    /// The row by which an increase stands for itself, or for where its cost comes from.
    fn own_row(&mut self, no: EntryNo, line: &EntryLine, supply: Supply) {
        let (outbound, transferred_from, cost_application) = match supply {
            Supply::Own => (EntryNo(0), EntryNo(0), false),
            Supply::CostFrom(from) => (from, EntryNo(0), true),
            Supply::TransferredFrom(leg, source) => (leg, source, false),
        };
        self.write_application(ItemApplication {
            entry: no,
            inbound: no,
            outbound,
            quantity: line.delta,
            posting_date: line.posting_date,
            transferred_from,
            cost_application,
            outbound_is_updated: false,
            fixed: false,
            without_cost: false,
            cost: Money::ZERO,
        });
    }

    fn apply_increase(
        &mut self,
        no: EntryNo,
        line: &EntryLine,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        let asked = self.act.desk && line.reason == EntryReason::Ordinary;
        if line.applies_to.0 != 0 {
            if asked {
                self.check_room(no, line.applies_to, place)?;
            }
            self.pair(no, line.applies_to, Manner { fixed: true, ..manner })?;
        }
        if asked && line.applies_from.0 != 0 {
            self.check_returned(no, line.applies_from, place)?;
        }
        let corrects_count =
            matches!(line.reason, EntryReason::CountCorrection | EntryReason::CountTakenOut);
        if corrects_count && line.applies_from.0 != 0 {
            self.close_against(no, line.applies_from, place, manner)?;
        }
        self.close_open_decreases(no, place, manner)
    }

    /// At the desk an increase that names an open decrease must fit into it (COSTING 5.4).
    fn check_room(&mut self, no: EntryNo, named: EntryNo, place: &Place) -> Result<(), Stop> {
        self.check_same_pool(named, place)?;
        let (wanted, available) = (self.remaining(no), self.remaining(named).negated());
        if wanted > available {
            return Err(insufficient(named, wanted, available.max(Quantity::ZERO)));
        }
        Ok(())
    }

    /// At the desk no more comes back of a decrease than it took (COSTING 5.4); it may come back elsewhere.
    fn check_returned(&mut self, no: EntryNo, from: EntryNo, place: &Place) -> Result<(), Stop> {
        let other = self.entry(from);
        let other = place_of(self.draft, &other).pool;
        if (other.variant, other.tracking) != (place.pool.variant, place.pool.tracking) {
            return Err(misnamed(from, "it is of another variant or tracking number"));
        }
        let taken = self.entry(from).quantity.negated();
        let mut back = Quantity::ZERO;
        for ((_from, _inbound, row), _row) in
            self.draft.list::<ApplicationsByOutbound>(&KeyRange::prefix(&(from,)))
        {
            let Some(row) = self.draft.row::<Applications>(&row) else { continue };
            if row.entry == row.inbound {
                back = add(back, row.quantity)?;
            }
        }
        if back > taken {
            let wanted = self.entry(no).quantity;
            let available = add(subtract(taken, back)?, wanted)?;
            return Err(insufficient(from, wanted, available));
        }
        Ok(())
    }

    fn check_same_pool(&mut self, named: EntryNo, place: &Place) -> Result<(), Stop> {
        let other = self.entry(named);
        if place_of(self.draft, &other).pool == place.pool {
            return Ok(());
        }
        Err(misnamed(named, "it is of another place, variant or tracking number"))
    }

    /// Closes a count difference and its correction against each other (COSTING 12.7): the
    /// increases that supplied the difference get back what it took, and neither of the two
    /// supplies anybody. So timing noise leaves no loop standing, moves no layer of cost, and does
    /// not link each difference to the one before it.
    fn close_against(
        &mut self,
        correction: EntryNo,
        difference: EntryNo,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        let mut taken = add(self.remaining(correction), self.remaining(difference))?;
        let mut suppliers = Vec::new();
        for (row_no, row) in supplies_of(self.draft, difference).into_iter().rev() {
            if !taken.is_positive() {
                break;
            }
            let portion = row.quantity.abs().min(taken);
            self.take_back(row_no, &row, portion)?;
            suppliers.push(row.inbound);
            taken = subtract(taken, portion)?;
        }
        self.pair(correction, difference, Manner { without_cost: true, ..manner })?;
        for increase in suppliers {
            self.close_open_decreases(increase, place, manner)?;
        }
        Ok(())
    }

    /// Applies the increase `no` to open decreases of its pool, in the order of the method.
    fn close_open_decreases(
        &mut self,
        no: EntryNo,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        let mut refused = BTreeSet::new();
        while self.remaining(no).is_positive() {
            let Some(decrease) = first_open::<OpenOutbound>(self.draft, place, &refused) else {
                break;
            };
            if self.cost_depends_on(no, decrease) {
                refused.insert(decrease);
                continue;
            }
            self.pair(no, decrease, manner)?;
            let mut state = self.state(no);
            state.applied_to_adjust = true;
            self.draft.put::<ItemLedgerStates>(&no, state);
        }
        Ok(())
    }

    fn apply_decrease(
        &mut self,
        no: EntryNo,
        line: &EntryLine,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        if line.applies_to.0 != 0 {
            self.apply_fixed(no, line.applies_to, place, manner)?;
        }
        self.take_from_increases(no, place, manner)?;
        let rest = self.remaining(no);
        if rest.is_negative() { self.stays_open(no, rest, place) } else { Ok(()) }
    }

    /// Applies the decrease `no` to open increases of its pool, in the order of the method.
    fn take_from_increases(
        &mut self,
        no: EntryNo,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        let mut refused = BTreeSet::new();
        while self.remaining(no).is_negative() {
            let Some(increase) = first_open::<OpenInbound>(self.draft, place, &refused) else {
                break;
            };
            if self.cost_depends_on(increase, no) {
                refused.insert(increase);
                continue;
            }
            self.pair(increase, no, manner)?;
        }
        Ok(())
    }

    /// A decrease that found too little: legal for facts, and at the desk where the settings say so.
    fn stays_open(&mut self, no: EntryNo, rest: Quantity, place: &Place) -> Result<(), Stop> {
        if !self.act.desk || self.act.approved {
            return Ok(());
        }
        let entry = self.entry(no);
        let count = matches!(
            entry.reason,
            EntryReason::CountDifference
                | EntryReason::CountCorrection
                | EntryReason::CountTakenOut
        );
        if count {
            return Ok(());
        }
        let item = self.draft.row::<Items>(&entry.item);
        let prevented = match item.map(|item| item.negative_inventory).unwrap_or_default() {
            NegativeInventory::Allowed => false,
            NegativeInventory::Prevented => true,
            NegativeInventory::Default => self
                .draft
                .row::<Companies>(&())
                .is_none_or(|company| !company.negative_inventory_allowed),
        };
        let code = if place.specific {
            Code::CannotBeFullyApplied
        } else if prevented || never_below_zero(entry.entry_type) {
            Code::InsufficientInventory
        } else {
            return Ok(());
        };
        let wanted = entry.quantity.abs();
        let reason = Reason::new(code)
            .word("item", lookup::item_text(self.draft, entry.item))
            .quantity("wanted", wanted)
            .quantity("available", add(wanted, rest)?);
        Err(Stop::Refuse(reason))
    }

    /// Applies the decrease `no` to the increase `target`, making room there by taking back
    /// automatic applications, latest first, and applying their decreases anew (COSTING 5.4).
    fn apply_fixed(
        &mut self,
        no: EntryNo,
        target: EntryNo,
        place: &Place,
        manner: Manner,
    ) -> Result<(), Stop> {
        let Some(increase) = self.draft.row::<ItemLedger>(&target) else { return Ok(()) };
        let same = place_of(self.draft, &increase).pool == place.pool;
        if self.act.desk {
            self.check_same_pool(target, place)?;
        }
        if !same || !increase.quantity.is_positive() {
            return Ok(());
        }
        let mut displaced = Vec::new();
        let mut missing = subtract(self.remaining(no).abs(), self.remaining(target))?;
        for (row_no, row) in self.automatic_applications_of(target).into_iter().rev() {
            if !missing.is_positive() {
                break;
            }
            let portion = row.quantity.abs().min(missing);
            self.take_back(row_no, &row, portion)?;
            displaced.push(row.outbound);
            missing = subtract(missing, portion)?;
        }
        if missing.is_positive() && self.act.desk {
            let wanted = self.remaining(no).abs();
            return Err(insufficient(target, wanted, subtract(wanted, missing)?));
        }
        if self.remaining(target).is_positive() {
            self.pair(target, no, Manner { fixed: true, ..manner })?;
        }
        for decrease in displaced {
            let entry = self.entry(decrease);
            let place = place_of(self.draft, &entry);
            self.take_from_increases(decrease, &place, manner)?;
            let rest = self.remaining(decrease);
            if rest.is_negative() {
                self.stays_open(decrease, rest, &place)?;
            }
        }
        Ok(())
    }

    /// Whether two entries may be applied to each other by item, place and tracking.
    pub(crate) fn share_a_pool(&mut self, one: EntryNo, other: EntryNo) -> bool {
        let (one, other) = (self.entry(one), self.entry(other));
        let (one, other) = (place_of(self.draft, &one), place_of(self.draft, &other));
        (one.pool, one.transfer) == (other.pool, other.transfer)
    }

    /// Applies a decrease to an increase because somebody said so.
    pub(crate) fn apply_by_hand(
        &mut self,
        increase: EntryNo,
        decrease: EntryNo,
    ) -> Result<(), Stop> {
        if self.cost_depends_on(increase, decrease) {
            return Err(Stop::refuse(Code::ApplicationWouldLoop));
        }
        let date = self.entry(decrease).posting_date;
        self.pair(increase, decrease, Manner { date, fixed: true, without_cost: false })
    }

    /// Applies what an entry has left by the costing method.
    pub(crate) fn apply_anew(&mut self, no: EntryNo) -> Result<(), Stop> {
        let entry = self.entry(no);
        let place = place_of(self.draft, &entry);
        let fixed = place.method == CostingMethod::Specific;
        let manner = Manner { date: entry.posting_date, fixed, without_cost: false };
        if entry.quantity.is_positive() {
            self.close_open_decreases(no, &place, manner)
        } else {
            self.take_from_increases(no, &place, manner)
        }
    }

    fn automatic_applications_of(&self, increase: EntryNo) -> Vec<(EntryNo, ItemApplication)> {
        let mut rows: Vec<_> = self
            .draft
            .list::<ApplicationsByInbound>(&KeyRange::prefix(&(increase,)))
            .into_iter()
            .filter_map(|((_inbound, _outbound, no), _row)| {
                let row = self.draft.row::<Applications>(&no)?;
                let automatic = row.entry == row.outbound
                    && !row.fixed
                    && !row.cost_application
                    && !row.without_cost
                    // What a transfer took lies as layers of their own at its destination.
                    && self.entry(row.outbound).entry_type != EntryType::Transfer;
                automatic.then(|| (no, (*row).clone()))
            })
            .collect();
        rows.sort_by_key(|row| row.0);
        rows
    }

    /// Takes `portion` of an application back: both sides have it left again.
    pub(crate) fn take_back(
        &mut self,
        no: EntryNo,
        row: &ItemApplication,
        portion: Quantity,
    ) -> Result<(), Stop> {
        let rest = add(row.quantity, portion)?;
        let kept = if rest.is_zero() {
            Money::ZERO
        } else {
            self.share_of_increase(row.inbound, row.outbound, rest.abs())?
        };
        let pair = (row.inbound, row.outbound);
        self.add_applied(pair, minus(kept, row.cost)?, row.without_cost)?;
        if rest.is_zero() {
            let decrease = self.entry(row.outbound);
            let key = (decrease.item, decrease.posting_date, no);
            self.draft.delete::<ApplicationsByDate>(&key);
            self.draft.delete::<Applications>(&no);
            self.draft.delete::<ApplicationsByInbound>(&(row.inbound, row.outbound, no));
            self.draft.delete::<ApplicationsByOutbound>(&(row.outbound, row.inbound, no));
        } else {
            let row = ItemApplication { quantity: rest, cost: kept, ..row.clone() };
            self.draft.put::<Applications>(&no, row);
        }
        let increase = add(self.remaining(row.inbound), portion)?;
        self.set_remaining(row.inbound, increase);
        let decrease = subtract(self.remaining(row.outbound), portion)?;
        self.set_remaining(row.outbound, decrease);
        Ok(())
    }

    /// Applies as much as both sides have left.
    fn pair(&mut self, increase: EntryNo, decrease: EntryNo, manner: Manner) -> Result<(), Stop> {
        let (left, wanted) = (self.remaining(increase), self.remaining(decrease).abs());
        let portion = left.min(wanted);
        if !portion.is_positive() {
            return Ok(());
        }
        // A decrease that has all of its quantity left was never applied: there is nothing to find.
        let is_first = wanted == self.entry(decrease).quantity.abs();
        let same_pair = if is_first { None } else { self.same_pair((increase, decrease), manner) };
        self.counts_not_before(increase, decrease)?;
        if let Some((no, row)) = same_pair {
            let quantity = subtract(row.quantity, portion)?;
            let cost = self.carried_by((increase, decrease), quantity.abs(), manner)?;
            self.add_applied((increase, decrease), minus(cost, row.cost)?, row.without_cost)?;
            self.draft.put::<Applications>(&no, ItemApplication { quantity, cost, ..row });
            self.applications.push(no);
        } else {
            let cost = self.carried_by((increase, decrease), portion, manner)?;
            self.add_applied((increase, decrease), cost, manner.without_cost)?;
            self.write_application(ItemApplication {
                entry: decrease,
                inbound: increase,
                outbound: decrease,
                quantity: portion.negated(),
                posting_date: manner.date,
                transferred_from: EntryNo(0),
                cost_application: false,
                outbound_is_updated: false,
                fixed: manner.fixed,
                without_cost: manner.without_cost,
                cost,
            });
        }
        self.set_remaining(increase, subtract(left, portion)?);
        self.set_remaining(decrease, subtract(portion, wanted)?);
        self.paired(increase, decrease, manner)
    }

    /// What `quantity` of the pair carries. A pair without cost leaves the decrease at its provisional
    /// cost.
    fn carried_by(
        &self,
        (increase, decrease): (EntryNo, EntryNo),
        quantity: Quantity,
        manner: Manner,
    ) -> Result<Money, Stop> {
        if manner.without_cost {
            let provisional = self.state(decrease).cost.provisional;
            return fits(provisional.times(quantity, self.cents()));
        }
        self.share_of_increase(increase, decrease, quantity)
    }

    /// What follows from an application: cents that are left on an increase that is used up, and the
    /// cost of a decrease that was valued before.
    fn paired(&mut self, increase: EntryNo, decrease: EntryNo, manner: Manner) -> Result<(), Stop> {
        // A decrease that names what it takes back carries its shares, whoever supplies it in the end.
        if manner.fixed || self.entry(decrease).applies_to.0 != 0 {
            let mut state = self.state(increase);
            state.cost.fixed_applications = state.cost.fixed_applications.saturating_add(1);
            self.draft.put::<ItemLedgerStates>(&increase, state);
        }
        self.check_rounding(increase)?;
        if self.is_valued(decrease) {
            self.mark_decrease(decrease);
        }
        Ok(())
    }

    /// The application of `decrease` to `increase` that was made in the same manner.
    fn same_pair(
        &self,
        (increase, decrease): (EntryNo, EntryNo),
        manner: Manner,
    ) -> Option<(EntryNo, ItemApplication)> {
        self.draft
            .list::<ApplicationsByInbound>(&KeyRange::prefix(&(increase, decrease)))
            .into_iter()
            .find_map(|((_inbound, _outbound, no), _row)| {
                let row = self.draft.row::<Applications>(&no)?;
                let same = row.entry == decrease
                    && row.fixed == manner.fixed
                    && row.without_cost == manner.without_cost;
                same.then(|| (no, (*row).clone()))
            })
    }

    fn write_application(&mut self, row: ItemApplication) {
        let no = EntryNo(next_number(self.draft, Counter::ItemApplication));
        self.draft.put::<ApplicationsByInbound>(&(row.inbound, row.outbound, no), ());
        // Nobody asks what an increase's own row, which has no decrease, was taken by.
        if row.outbound.0 != 0 {
            self.draft.put::<ApplicationsByOutbound>(&(row.outbound, row.inbound, no), ());
        }
        if row.entry == row.outbound {
            let decrease = self.entry(row.outbound);
            let key = (decrease.item, decrease.posting_date, no);
            self.draft.put::<ApplicationsByDate>(&key, ());
        }
        self.draft.put::<Applications>(&no, row);
        self.applications.push(no);
    }

    /// Whether the cost of `increase` comes, over any number of steps, from `decrease`: then the
    /// one must not supply the other (COSTING 5.6).
    ///
    /// A posting that has walked [`WALKED_MAX`] entries goes no further and takes the rest for
    /// dependent: a pair too few leaves two entries open, a pair too many makes a loop.
    fn cost_depends_on(&mut self, increase: EntryNo, decrease: EntryNo) -> bool {
        if !self.state(increase).has_cost_edge || !self.gave_its_cost(decrease) {
            return false;
        }
        let mut seen = BTreeSet::new();
        let mut waiting = vec![increase];
        while let Some(increase) = waiting.pop() {
            if !seen.insert(increase) || !self.state(increase).has_cost_edge {
                continue;
            }
            if self.walked >= WALKED_MAX {
                return true;
            }
            self.walked = self.walked.saturating_add(1);
            let source = self.entry(increase).applies_from;
            if source == decrease {
                return true;
            }
            waiting.extend(
                portions_of(self.draft, source).into_iter().map(|(inbound, _portion)| inbound),
            );
        }
        false
    }

    /// Whether any increase takes its cost from `decrease`. What was only just written gave nobody
    /// its cost, and most of what is not did neither: then nothing can depend on it.
    fn gave_its_cost(&self, decrease: EntryNo) -> bool {
        let mut found = false;
        self.draft.each::<ApplicationsByOutbound>(
            &KeyRange::prefix(&(decrease,)),
            true,
            |(_decrease, _increase, no), _row| {
                found =
                    self.draft.row::<Applications>(&no).is_some_and(|row| row.entry == row.inbound);
                if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        found
    }

    pub(crate) fn entry(&self, no: EntryNo) -> Arc<ItemLedgerEntry> {
        let entry = self.draft.row::<ItemLedger>(&no);
        entry.expect("applications and indices name entries that exist, and none is deleted")
    }

    pub(crate) fn state(&self, no: EntryNo) -> ItemLedgerState {
        *self.draft.row::<ItemLedgerStates>(&no).expect("each entry has a state, written with it")
    }

    /// What the entry has left; nothing for entry 0.
    pub fn remaining(&self, no: EntryNo) -> Quantity {
        self.draft.row::<ItemLedgerStates>(&no).map_or(Quantity::ZERO, |state| state.remaining)
    }

    /// Sets what `no` has left, and lists it among the open ones of its pool as long as that is
    /// something.
    fn set_remaining(&mut self, no: EntryNo, remaining: Quantity) {
        let entry = self.entry(no);
        let state = self.state(no);
        self.draft.put::<ItemLedgerStates>(&no, ItemLedgerState { remaining, ..state });
        let place = place_of(self.draft, &entry);
        let key = (place.pool, place.transfer, entry.posting_date, no);
        let (inbound, open) = (entry.quantity.is_positive(), !remaining.is_zero());
        match (inbound, open) {
            (true, true) => self.draft.put::<OpenInbound>(&key, remaining),
            (true, false) => self.draft.delete::<OpenInbound>(&key),
            (false, true) => self.draft.put::<OpenOutbound>(&key, remaining),
            (false, false) => self.draft.delete::<OpenOutbound>(&key),
        }
    }
}

/// An entry that a line must not name.
fn misnamed(named: EntryNo, why: &str) -> Stop {
    Stop::Refuse(Reason::new(Code::InvalidApplication).word("entry", named).word("why", why))
}

/// More is to be applied to an entry than it has left.
fn insufficient(named: EntryNo, wanted: Quantity, available: Quantity) -> Stop {
    let reason = Reason::new(Code::InsufficientAppliedQuantity).word("entry", named);
    Stop::Refuse(reason.quantity("wanted", wanted).quantity("available", available))
}

type OpenKey = (Pool, Option<DocumentNo>, NaiveDate, EntryNo);

/// The first open entry of the place in the order of its method that is not among `refused`.
fn first_open<T: crate::tables::Table<Key = OpenKey, Row = Quantity>>(
    draft: &Draft<'_>,
    place: &Place,
    refused: &BTreeSet<EntryNo>,
) -> Option<EntryNo> {
    let range = KeyRange::prefix(&(place.pool, place.transfer.clone()));
    let mut found = None;
    draft.each::<T>(&range, place.method == CostingMethod::Lifo, |key, _remaining| {
        if refused.contains(&key.3) {
            return ControlFlow::Continue(());
        }
        found = Some(key.3);
        ControlFlow::Break(())
    });
    found
}
