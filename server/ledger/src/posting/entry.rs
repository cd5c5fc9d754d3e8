//! Entries: appended, never changed.

use chrono::NaiveDate;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use crate::costing::worksheet;
use crate::dimension;
use crate::posting::{EntryLine, Posting, Stop, apply};
use crate::schema::entry::{
    EntryReason, EntryType, ItemLedger, ItemLedgerByItem, ItemLedgerEntry, ItemLedgerState,
    ItemLedgerStates, Leg, PostedBy, Register, Registers, WarehouseByStock, WarehouseEntry,
    WarehouseEntryType, WarehouseLedger,
};
use crate::schema::item::{CostingMethod, Items};
use crate::schema::money::CostSums;
use crate::schema::posted::Uninvoiced;
use crate::schema::{Counter, EntryNo, OrderKey, RegisterNo, StockKey, next_number};
use crate::tables::Read as _;

/// A document line that an entry belongs to; line 0 for the document as a whole.
pub type DocumentLineKey = (DocumentKind, DocumentNo, u32);

/// Where the cost of an increase comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Its own.
    Own,
    /// The decrease that it takes back.
    CostFrom(EntryNo),
    /// The outbound leg of its transfer, and the increase that this portion was taken from there;
    /// 0 where the leg found none, or where the item is valued by average.
    TransferredFrom(EntryNo, EntryNo),
}

/// What kind of warehouse entry a registration writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warehouse {
    Posted(EntryNo),
    Registered,
}

impl Posting<'_, '_> {
    /// Posts `line`: item ledger entry, application, warehouse entry, stock, quantity on hand. Does
    /// not tell the time line of counts. A line of zero posts nothing and is entry 0.
    ///
    /// # Errors
    ///
    /// [`Stop::Refuse`] at the desk where the quantity is not there; [`Stop::Overflow`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a line is built for its entry and used up by it"
    )]
    pub fn post_entry(&mut self, line: EntryLine) -> Result<EntryNo, Stop> {
        let supply = match line.applies_from {
            EntryNo(0) => Supply::Own,
            from => Supply::CostFrom(from),
        };
        self.append(&line, supply)
    }

    /// Posts both ends of a transfer: the decrease `out`, then one increase like `into` for each
    /// portion that the decrease was applied to, so that layers of cost survive (COSTING 13.3);
    /// a single one for items that are valued by average. `into.delta` is the negative of `out.delta`.
    ///
    /// # Errors
    ///
    /// As for [`Posting::post_entry`].
    pub fn post_transfer(
        &mut self,
        out: &EntryLine,
        into: &EntryLine,
    ) -> Result<(EntryNo, EntryNo), Stop> {
        let leg = self.append(out, Supply::Own)?;
        let mut rest = out.delta.abs();
        let mut first = EntryNo(0);
        let average = out.applies_to.0 == 0
            && self
                .draft
                .row::<Items>(&out.key.item)
                .is_some_and(|item| item.costing_method == CostingMethod::Average);
        let portions = if average { Vec::new() } else { apply::portions_of(self.draft, leg) };
        for (source, portion) in portions {
            let line = EntryLine { delta: portion, ..into.clone() };
            let entry = self.append(&line, Supply::TransferredFrom(leg, source))?;
            first = if first.0 == 0 { entry } else { first };
            rest = super::subtract(rest, portion)?;
        }
        if rest.is_positive() {
            let line = EntryLine { delta: rest, ..into.clone() };
            let entry = self.append(&line, Supply::TransferredFrom(leg, EntryNo(0)))?;
            first = if first.0 == 0 { entry } else { first };
        }
        Ok((leg, first))
    }

    /// Writes a warehouse entry and moves stock; no item ledger entry. The caller writes the other
    /// half, so that the registration sums to zero.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn register(
        &mut self,
        key: StockKey,
        delta: Quantity,
        order: OrderKey,
        (reason, document): (EntryReason, Option<DocumentLineKey>),
    ) -> Result<EntryNo, Stop> {
        if delta.is_zero() {
            return Ok(EntryNo(0));
        }
        let entry =
            self.append_warehouse((key, delta, order), (reason, document), Warehouse::Registered);
        self.change_stock(key, delta)?;
        Ok(entry)
    }

    /// The stock key under which an entry was posted, as the operation that posted it remembers.
    pub(crate) fn place_of_entry(&self, no: EntryNo) -> Option<StockKey> {
        let entry = self.draft.row::<ItemLedger>(&no)?;
        let posted = self.draft.row::<PostedBy>(&entry.written.operation)?;
        posted.warehouse.iter().find_map(|warehouse| {
            let row = self.draft.row::<WarehouseLedger>(warehouse)?;
            (row.item_ledger_entry == no).then_some(row.key)
        })
    }

    /// Remembers that a movement stands, so that it can be undone.
    pub fn remember(&mut self, key: StockKey, delta: Quantity, order: OrderKey, entry: EntryNo) {
        self.posted.legs.push(Leg { key, delta, order, item_ledger: entry });
    }

    pub(crate) fn append(&mut self, line: &EntryLine, supply: Supply) -> Result<EntryNo, Stop> {
        if line.delta.is_zero() {
            return Ok(EntryNo(0));
        }
        if !worksheet::passes_lock(line.reason) {
            worksheet::check_lock(self, line.key.item)?;
        }
        let completed = self.with_terms_of_line(line)?;
        let line = completed.as_ref().unwrap_or(line);
        let dimension_set = dimension::of_entry(self, line, supply)?;
        let no = EntryNo(next_number(self.draft, Counter::ItemLedgerEntry));
        let key = line.key;
        let (applies_from, has_cost_edge) = match supply {
            Supply::Own => (EntryNo(0), false),
            Supply::CostFrom(from) | Supply::TransferredFrom(from, _) => (from, true),
        };
        let entry = ItemLedgerEntry {
            entry_type: line.entry_type,
            reason: line.reason,
            item: key.item,
            variant: key.variant,
            location: key.location,
            tracking: key.tracking,
            quantity: line.delta,
            posting_date: line.posting_date,
            order: line.order,
            document: line.document.clone(),
            applies_to: line.applies_to,
            applies_from,
            correction: line.correction,
            operator: self.act.operator.clone(),
            dimension_set,
            written: self.written(),
        };
        let valued = self.first_valuation(line, supply);
        self.draft.put::<ItemLedger>(&no, entry);
        self.draft.put::<ItemLedgerStates>(
            &no,
            ItemLedgerState {
                remaining: line.delta,
                invoiced: Quantity::ZERO,
                applied_to_adjust: false,
                has_cost_edge,
                valuation_date: valued,
                latest_valuation: valued,
                cost: CostSums::default(),
            },
        );
        self.draft.put::<ItemLedgerByItem>(&(key.item, no), ());
        self.posted.item_ledger.push(no);
        self.created.insert(no);
        if !is_told_by_others(line.reason) {
            self.posted.standing.push((no, key));
        }
        self.change_on_hand(key, line.delta)?;
        self.append_warehouse(
            (key, line.delta, line.order),
            (line.reason, line.document.clone()),
            Warehouse::Posted(no),
        );
        self.change_stock(key, line.delta)?;
        if let Some(order) = &line.value.order {
            self.place_order(order, (key.item, key.location));
        }
        self.apply(no, line, supply)?;
        self.tell_order(no, line);
        self.list_uninvoiced(no);
        Ok(no)
    }

    /// The date from which a new entry counts (COSTING 7): its own, but for what takes its cost from
    /// another entry not before that one.
    fn first_valuation(&self, line: &EntryLine, supply: Supply) -> NaiveDate {
        match supply {
            // A decrease that is told what to take counts with it.
            Supply::Own if line.delta.is_negative() && self.is_increase(line.applies_to) => {
                self.state(line.applies_to).latest_valuation
            }
            Supply::Own => line.posting_date,
            Supply::CostFrom(from) => line.posting_date.max(self.state(from).valuation_date),
            Supply::TransferredFrom(leg, _source) => self.state(leg).valuation_date,
        }
    }

    fn is_increase(&self, no: EntryNo) -> bool {
        self.draft.row::<ItemLedger>(&no).is_some_and(|entry| entry.quantity.is_positive())
    }

    /// Entries of a document line that are not wholly invoiced are found by their line.
    pub(crate) fn list_uninvoiced(&mut self, no: EntryNo) {
        let entry = self.entry(no);
        if !matches!(entry.entry_type, EntryType::Purchase | EntryType::Sale) {
            return;
        }
        let Some((kind, document, line)) = entry.document.clone() else { return };
        let key = (kind, document, line, no);
        if self.state(no).invoiced != entry.quantity {
            self.draft.put::<Uninvoiced>(&key, ());
        } else if self.draft.has::<Uninvoiced>(&key) {
            self.draft.delete::<Uninvoiced>(&key);
        }
    }

    /// A production order knows what it used and made.
    fn tell_order(&mut self, no: EntryNo, line: &EntryLine) {
        let Some(order) = &line.value.order else { return };
        let mut row = self.order_row(order);
        match line.entry_type {
            EntryType::Consumption => row.consumption.push(no),
            EntryType::Output => {
                row.output.push(no);
                row.item = line.key.item;
            }
            EntryType::Purchase
            | EntryType::Sale
            | EntryType::PositiveAdjustment
            | EntryType::NegativeAdjustment
            | EntryType::Transfer
            | EntryType::AssemblyConsumption
            | EntryType::AssemblyOutput => return,
        }
        if row.business_group.is_empty() {
            row.business_group.clone_from(&line.value.business_group);
        }
        self.put_order(order, row);
        self.mark_order(order);
    }

    fn append_warehouse(
        &mut self,
        (key, delta, order): (StockKey, Quantity, OrderKey),
        (reason, document): (EntryReason, Option<DocumentLineKey>),
        kind: Warehouse,
    ) -> EntryNo {
        let no = EntryNo(next_number(self.draft, Counter::WarehouseEntry));
        let register = self.register_of(no);
        let (entry_type, item_ledger_entry) = match kind {
            Warehouse::Registered => (WarehouseEntryType::Movement, EntryNo(0)),
            Warehouse::Posted(entry) if delta.is_positive() => {
                (WarehouseEntryType::Positive, entry)
            }
            Warehouse::Posted(entry) => (WarehouseEntryType::Negative, entry),
        };
        let entry = WarehouseEntry {
            register,
            entry_type,
            reason,
            key,
            quantity: delta,
            order,
            document,
            item_ledger_entry,
            operator: self.act.operator.clone(),
            written: self.written(),
        };
        self.draft.put::<WarehouseLedger>(&no, entry);
        self.draft.put::<WarehouseByStock>(&(key, order, no), delta);
        self.posted.warehouse.push(no);
        no
    }

    /// The register of this posting, grown by warehouse entry `no`.
    fn register_of(&mut self, no: EntryNo) -> RegisterNo {
        let (register, first) = match self.register {
            Some(register) => {
                let first = self.draft.row::<Registers>(&register).map_or(no, |row| row.first);
                (register, first)
            }
            None => (RegisterNo(next_number(self.draft, Counter::Register)), no),
        };
        self.register = Some(register);
        let row = Register { first, last: no, operation: self.act.operation, at: self.act.at };
        self.draft.put::<Registers>(&register, row);
        register
    }
}

/// Whether an entry of this reason follows from counts and sightings: those take it back themselves.
const fn is_told_by_others(reason: EntryReason) -> bool {
    matches!(
        reason,
        EntryReason::CountDifference
            | EntryReason::CountCorrection
            | EntryReason::CountTakenOut
            | EntryReason::Sighting
    )
}

/// Whether `entry_type` may never stay open below zero, whatever the setting (COSTING 5.2).
pub(crate) const fn never_below_zero(entry_type: EntryType) -> bool {
    matches!(
        entry_type,
        EntryType::Transfer | EntryType::Consumption | EntryType::AssemblyConsumption
    )
}
