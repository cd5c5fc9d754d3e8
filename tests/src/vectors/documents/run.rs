//! Runs a file of the document schema: each step becomes commands of the desk.
//!
//! Order of reading: this file (the frame of a step, journals, costing), `post` (documents and
//! transfers), `found` (the company before the first step), `stock` (the warehouse side).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::command::Command;
use ledger::command::journal::{JournalLine, JournalTracking, JournalType, PostItemJournal};
use ledger::command::master;
use ledger::command::post_document::PostLine;
use ledger::costing::revalue::{
    CalculateInventoryValue, CalculatedLine, PostRevaluation, RevaluationLine, RevaluePer,
};
use ledger::costing::work::AdjustCost;
use ledger::dimension::Dimensions;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::EntryNo;
use ledger::schema::entry::ItemLedger;
use ledger::schema::item::Items;
use ledger::schema::place::Locations;
use ledger::tables::Read as _;
use protocol::operation::{DocumentKind, Tracking};
use serde_json::Value;

use super::check::{self, JournalLine as CalculatedRow, MappedKind, Results, Situation};
use super::mapping::Mapping;
use super::op::{self, Op, Step};
use super::{Expect, File, found, post, stock};
use crate::vectors::company::{Company, Done, Stop, code, lacking};
use crate::vectors::compare::Findings;
use crate::vectors::costing::Per;
use crate::vectors::costing::run::{ask, judge_outcome};
use crate::vectors::json::{Dec, Int};
use crate::vectors::money::{self, Card};
use crate::vectors::settings::Settings;
use crate::vectors::{kinds, ledgers, reading, values};

/// A file that is being played.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) company: Company,
    pub(crate) results: Results,
    pub(crate) cards: BTreeMap<String, Card>,
    /// Units of items: base units that each holds.
    pub(crate) units: BTreeMap<(String, String), Dec>,
    /// The kind of each document that was posted.
    pub(crate) kinds: BTreeMap<String, DocumentKind>,
    /// What the file needs of each document line in all.
    pub(crate) needed: BTreeMap<(String, u32), Dec>,
    /// How many handled postings of a transfer there were, and what they posted by line.
    pub(crate) received: BTreeMap<(String, u64, u32), Vec<EntryNo>>,
    pub(crate) postings: BTreeMap<String, u64>,
    /// Lines as they were last posted, and those that an undo gave back to their order.
    pub(crate) posted: BTreeMap<(String, u32), PostLine>,
    pub(crate) returned: BTreeMap<(String, u32), PostLine>,
    map: Vec<super::MappedEntry>,
    calculations: BTreeMap<String, (op::Calculate, Vec<CalculatedLine>)>,
    seen: (usize, usize),
}

/// Runs a file.
///
/// # Errors
///
/// The file says something that this runner has no arm for.
pub fn run(file: Value) -> Result<Findings, String> {
    let file: File = serde_json::from_value(file).map_err(|error| error.to_string())?;
    let steps: Vec<Step> = file.steps.iter().map(Step::read).collect::<Result<_, _>>()?;
    let mut findings = Findings::default();
    let company = found::found(&file, &steps).map_err(|stop| format!("setup: {stop}"))?;
    let mut play = Play {
        cards: found::cards(&file.setup),
        units: found::units(&file.setup),
        needed: post::needed(&steps),
        map: file.ile_map.clone(),
        company,
        results: Results::default(),
        kinds: BTreeMap::new(),
        received: BTreeMap::new(),
        postings: BTreeMap::new(),
        posted: BTreeMap::new(),
        returned: BTreeMap::new(),
        calculations: BTreeMap::new(),
        seen: (0, 0),
    };
    for step in &steps {
        findings.step.clone_from(&step.id);
        let kinds = rows_of_kinds(&file, step);
        play.step(step, &kinds, &mut findings);
        for checkpoint in file.checkpoints.iter().filter(|point| point.after_step == step.id) {
            play.compare(&checkpoint.expect, &mut findings);
        }
    }
    play.compare(&file.expect, &mut findings);
    findings.remarks.extend(play.mapping().remarks());
    Ok(findings)
}

/// The kinds of value entries that the next expectation wants to see posted.
fn rows_of_kinds(file: &File, step: &Step) -> Vec<super::expect::GlMapping> {
    let next = file
        .checkpoints
        .iter()
        .find(|point| point.after_step == step.id && !point.expect.gl_mapping.is_empty());
    let expect = next.map_or(&file.expect, |point| &point.expect);
    expect.gl_mapping.iter().map(|row| row.row.clone()).collect()
}

impl Play {
    fn step(&mut self, step: &Step, kinds: &[super::expect::GlMapping], findings: &mut Findings) {
        self.company.begin(&step.id);
        self.company.reach(found::date_of(&step.op));
        let before = self.company.clone();
        let digest = before.digest();
        let mut done = self.act(step, kinds);
        if let Err(Stop::Refused(refusal)) = &done
            && self.company.digest() != digest
        {
            // Several commands make a step of this schema where the ledger has no one command for it
            // (lines of a transfer): the step is taken back as a whole.
            if refusal.codes.is_empty() {
                findings.push("a step that failed", "no trace", "the tables changed");
            }
            self.company = before;
        }
        if done.is_ok() {
            done = money::settle(&mut self.company).map(|_waited| ());
        }
        if !step.may_fail || matches!(done, Err(Stop::Lacking(_))) {
            judge_outcome(step.expect_error.as_ref(), &done, findings);
        }
        if done.is_ok() {
            self.remember(step);
        }
    }

    /// What a revaluation revalued: the sum of what its value entries value.
    fn remember(&mut self, step: &Step) {
        if matches!(step.op, Op::Revaluation(_)) {
            let book = reading::read(&self.company);
            let of_step = book.values.iter().filter(|value| value.step == step.id);
            let revalued = of_step.filter(|value| value.kind == "revaluation");
            let quantity = revalued.map(|value| value.valued_quantity).sum();
            self.results.revalued.insert(step.id.clone(), quantity);
        }
    }

    /// The numbers of the file, drawn from the books as they are.
    fn mapping(&self) -> Mapping {
        Mapping::draw(&self.map, &reading::read(&self.company))
    }

    /// The entry that has number `ile` in the file.
    ///
    /// # Errors
    ///
    /// The ledger made none such.
    pub(crate) fn entry(&self, ile: Option<Int>) -> Done<EntryNo> {
        let Some(ile) = ile else { return Ok(EntryNo(0)) };
        let rank = self.mapping().entry(ile.0).and_then(|no| usize::try_from(no).ok());
        let entries = self.company.tables.list::<ItemLedger>(&KeyRange::all());
        let found = rank.and_then(|rank| rank.checked_sub(1)).and_then(|at| entries.get(at));
        found.map_or_else(|| lacking(format!("entry {}", ile.0)), |(no, _row)| Ok(*no))
    }

    /// The last entry that a step created.
    ///
    /// # Errors
    ///
    /// It created none.
    pub(crate) fn entry_of_step(&self, step: &str) -> Done<EntryNo> {
        let entries = self.company.tables.list::<ItemLedger>(&KeyRange::all());
        let mut of_step =
            entries.iter().filter(|(_no, row)| self.company.step_of(row.written.lsn) == step);
        of_step
            .next_back()
            .map_or_else(|| lacking(format!("an entry of {step}")), |(no, _row)| Ok(*no))
    }

    /// The last entry that there is.
    pub(crate) fn last_entry(&self) -> EntryNo {
        self.company.tables.last::<ItemLedger>(&KeyRange::all()).map_or(EntryNo(0), |(no, _row)| no)
    }

    fn act(&mut self, step: &Step, kinds: &[super::expect::GlMapping]) -> Done {
        match &step.op {
            Op::Purchase(put) => post::document(self, DocumentKind::PurchaseOrder, put),
            Op::Sale(put) => post::document(self, DocumentKind::SalesOrder, put),
            Op::PurchaseReturn(put) => post::document(self, DocumentKind::PurchaseReturnOrder, put),
            Op::SaleReturn(put) => post::document(self, DocumentKind::SalesReturnOrder, put),
            Op::UndoReceipt(undo) | Op::UndoShipment(undo) | Op::UndoReturnReceipt(undo) => {
                post::undo(self, undo)
            }
            Op::ModifyLine(change) => post::modify_line(self, change),
            Op::PurchaseOrder(put) => post::order(self, DocumentKind::PurchaseOrder, put),
            Op::SalesOrder(put) => post::order(self, DocumentKind::SalesOrder, put),
            Op::TransferOrder(put) => post::transfer_order(self, put),
            Op::TransferShip(put) => post::transfer_ship(self, put),
            Op::TransferReceive(put) => post::transfer_receive(self, put),
            Op::PositiveAdjustment(line) => {
                self.journal(step, JournalType::PositiveAdjustment, line)
            }
            Op::NegativeAdjustment(line) => {
                self.journal(step, JournalType::NegativeAdjustment, line)
            }
            Op::PurchaseJournal(line) => self.journal(step, JournalType::Purchase, line),
            Op::SaleJournal(line) => self.journal(step, JournalType::Sale, line),
            Op::Reclass(line) => self.reclass(step, line),
            Op::SetSetting(set) => self.set_setting(set),
            Op::SetItem(set) => self.set_item(set),
            Op::PostValueEntryKinds(_) => {
                self.results.kinds = kinds.iter().map(|row| self.kind(row)).collect();
                Ok(())
            }
            _ => self.value(step),
        }
    }

    /// What is done to values and periods; what is left is of the warehouse.
    fn value(&mut self, step: &Step) -> Done {
        match &step.op {
            Op::AdjustCost(adjust) => self.adjust(adjust),
            Op::PostCostToGl(put) => {
                let method = put.method.unwrap_or(crate::vectors::costing::PostingMethod::PerEntry);
                ledgers::post_cost(&mut self.company, method)
            }
            Op::Calculate(calculate) => self.calculate(step, calculate),
            Op::Revaluation(put) => self.revalue(step, put),
            Op::ClosePeriod(period) => {
                ledgers::close_period(&mut self.company, date_of(period.ending_date)?, true)
            }
            Op::ReopenPeriod(period) => {
                ledgers::reopen_period(&mut self.company, date_of(period.ending_date)?)
            }
            Op::CreateFiscalYear(year) => ledgers::create_year(&mut self.company, year),
            Op::CloseFiscalYear(_) => ledgers::close_year(&mut self.company),
            _ => stock::act(self, step),
        }
    }

    fn kind(&self, row: &super::expect::GlMapping) -> MappedKind {
        let item = self.cards.keys().next().map_or("", String::as_str);
        match kinds::post(&self.company, item, row) {
            Ok(nets) => MappedKind { nets, failed: String::new() },
            Err(stop) => MappedKind { nets: BTreeMap::new(), failed: stop.to_string() },
        }
    }

    fn journal(&mut self, step: &Step, kind: JournalType, line: &op::Journal) -> Done {
        let qty = required(line.qty, "qty")?;
        // A negative quantity moves the other way.
        let kind = if qty.0.is_sign_negative() { opposite(kind) } else { kind };
        let increase = kind.is_inbound();
        let put = JournalLine {
            document_no: step.id.clone(),
            variant: money::optional(line.variant.as_deref())?,
            location: money::location(line.location.as_deref())?,
            bin: money::optional(line.bin.as_deref())?,
            unit: money::optional(line.uom.as_deref())?,
            tracking: trackings(&line.tracking)?,
            unit_cost: line.unit_cost.filter(|_| increase).map(money::unit_amount).transpose()?,
            amount: line.amount.filter(|_| increase).map(money::money).transpose()?,
            unit_price: line.unit_price.map(money::unit_amount).transpose()?,
            applies_to: self.entry(line.applies_to_ile)?,
            applies_from: self.entry(line.applies_from_ile)?,
            business_group: ledgers::BUSINESS.to_owned(),
            ..JournalLine::new(
                kind,
                date_of(line.date)?,
                code(&line.item)?,
                money::quantity(Dec(qty.0.abs()))?,
            )
        };
        self.company.ask(&Command::PostItemJournal(PostItemJournal { lines: vec![put] }))?;
        Ok(())
    }

    fn reclass(&mut self, step: &Step, line: &op::Reclass) -> Done {
        let new_location = line.new_location.as_deref().or(line.location.as_deref());
        let new_bin = line.new_bin.as_deref().or(line.bin.as_deref());
        let put = JournalLine {
            document_no: step.id.clone(),
            variant: money::optional(line.variant.as_deref())?,
            location: money::location(line.location.as_deref())?,
            bin: money::optional(line.bin.as_deref())?,
            new_location: money::location(new_location)?,
            new_bin: money::optional(new_bin)?,
            unit: money::optional(line.uom.as_deref())?,
            tracking: trackings(&line.tracking)?,
            applies_to: self.entry(line.applies_to_ile)?,
            applies_from: self.entry(line.applies_from_ile)?,
            business_group: ledgers::BUSINESS.to_owned(),
            ..JournalLine::new(
                JournalType::Transfer,
                date_of(line.date)?,
                code(&line.item)?,
                money::quantity(required(line.qty, "qty")?)?,
            )
        };
        self.company.ask(&Command::PostItemJournal(PostItemJournal { lines: vec![put] }))?;
        Ok(())
    }

    fn adjust(&mut self, adjust: &op::AdjustCost) -> Done {
        let items = adjust.item.iter().map(|item| code(item)).collect::<Done<_>>()?;
        let ask = AdjustCost { items, until_valuation_date: adjust.until_valuation_date };
        self.company.ask(&Command::AdjustCost(ask))?;
        Ok(())
    }

    fn set_setting(&mut self, set: &op::SetSetting) -> Done {
        let object = [(set.name.clone(), set.value.clone())].into_iter().collect();
        let settings: Settings = serde_json::from_value(Value::Object(object))
            .or_else(|error| lacking(format!("setting {}: {error}", set.name)))?;
        money::change_settings(&mut self.company, &settings, set.unchecked)
    }

    fn set_item(&mut self, set: &op::SetItem) -> Done {
        let Some(card) = self.cards.get(&set.item) else { return lacking(&set.item) };
        let values = set.set.clone().unwrap_or_default();
        let negative = values.prevent_negative_inventory.map(found::negative);
        let card = Card {
            unit_cost: values.unit_cost,
            standard_cost: set.standard_cost.or(values.standard_cost),
            last_direct_cost: values.last_direct_cost,
            overhead_rate: values.overhead_rate,
            indirect_cost_pct: values.indirect_cost_pct,
            costing: values.costing_method.or(card.costing),
            blocked: values.blocked.unwrap_or(card.blocked),
            variant_required: values.variant_mandatory.unwrap_or(card.variant_required),
            negative: negative.unwrap_or(card.negative),
            ..card.clone()
        };
        ask(&mut self.company, money::card_commands(&card)?)?;
        self.cards.insert(set.item.clone(), card);
        Ok(())
    }

    fn calculate(&mut self, step: &Step, calculate: &op::Calculate) -> Done {
        let date = date_of(calculate.date)?;
        let ask = CalculateInventoryValue {
            date,
            per: match calculate.per {
                Some(Per::ItemLedgerEntry) => RevaluePer::ItemLedgerEntry,
                Some(Per::Item) | None => RevaluePer::Item,
            },
            by_location: calculate.by_location,
            by_variant: calculate.by_variant,
            item: calculate.filters.item.as_deref().map(code).transpose()?,
            location: calculate.filters.location.clone(),
            variant: calculate.filters.variant.clone(),
        };
        let lines = values::lines_of(&self.company, &ask)?;
        self.results.journal = (1..)
            .zip(&lines)
            .map(|(n, line)| CalculatedRow {
                line: n * 10_000,
                date,
                item: lookup::item_text(&self.company.tables, line.item),
                quantity: line.quantity.decimal(),
                calculated: line.value.decimal(),
            })
            .collect();
        self.calculations.insert(step.id.clone(), (calculate.clone(), lines));
        Ok(())
    }

    fn revalue(&mut self, step: &Step, put: &op::Revaluation) -> Done {
        let lines = match &put.from_calculation {
            Some(from) => self.calculated_lines(step, put, from)?,
            None => vec![self.revaluation_line(step, put)?],
        };
        self.company.ask(&Command::PostRevaluation(PostRevaluation { lines }))?;
        Ok(())
    }

    fn revaluation_line(&self, step: &Step, put: &op::Revaluation) -> Done<RevaluationLine> {
        let applies_to = self.entry(put.applies_to_ile)?;
        let item = if let Some(item) = &put.item {
            code(item)?
        } else {
            let entry = self.company.tables.row::<ItemLedger>(&applies_to);
            let card = entry.and_then(|entry| self.company.tables.row::<Items>(&entry.item));
            match card {
                Some(card) => card.no.clone(),
                None => return lacking("a revaluation that names neither item nor entry"),
            }
        };
        Ok(RevaluationLine {
            dimensions: Dimensions::NONE,
            item,
            date: date_of(put.date)?,
            location: put.location.clone(),
            variant: put.variant.clone(),
            applies_to,
            quantity: None,
            calculated: false,
            unit_cost: put.unit_cost_revalued.map(money::unit_amount).transpose()?,
            value: put.inventory_value_revalued.map(money::money).transpose()?,
            amount: None,
            update_standard_cost: false,
            document_no: step.id.clone(),
        })
    }

    /// Lines of a calculation with their new values; a line without one is left out: it posts nothing.
    fn calculated_lines(
        &self,
        step: &Step,
        put: &op::Revaluation,
        from: &str,
    ) -> Done<Vec<RevaluationLine>> {
        let Some((asked, calculated)) = self.calculations.get(from) else {
            return lacking(format!("a calculation of {from}"));
        };
        let mut lines = Vec::new();
        for (n, line) in (1..).zip(calculated) {
            let named =
                put.lines.iter().find(|row| row.journal_line.map(|no| no.0) == Some(n * 10_000));
            let value = named.and_then(|row| row.inventory_value_revalued);
            let unit_cost = put.all_lines_unit_cost_revalued;
            if value.is_none() && unit_cost.is_none() {
                continue;
            }
            let tables = &self.company.tables;
            let place = |id| {
                tables.row::<Locations>(&id).map_or_else(String::new, |row| row.code.to_string())
            };
            lines.push(RevaluationLine {
                dimensions: Dimensions::NONE,
                item: code(&lookup::item_text(tables, line.item))?,
                date: date_of(put.date.or(asked.date))?,
                location: line.location.map(place).or_else(|| asked.filters.location.clone()),
                variant: line
                    .variant
                    .map(|id| reading::variant_text(tables, id))
                    .or_else(|| asked.filters.variant.clone()),
                applies_to: line.entry,
                quantity: Some(line.quantity),
                calculated: true,
                unit_cost: unit_cost.map(money::unit_amount).transpose()?,
                value: value.map(money::money).transpose()?,
                amount: None,
                update_standard_cost: false,
                document_no: step.id.clone(),
            });
        }
        Ok(lines)
    }

    fn compare(&mut self, expect: &Expect, findings: &mut Findings) {
        let mut book = reading::read(&self.company);
        book.lines = post::lines(self);
        self.results.settings = money::settings_of(&self.company);
        let mapping = Mapping::draw(&self.map, &book);
        let now =
            Situation { book: &book, mapping: &mapping, results: &self.results, seen: self.seen };
        check::check(expect, &now, findings);
        stock::check(self, expect, &book, findings);
        self.seen = (book.values.len(), book.gl.len());
    }

    /// Blocks a lot, or lifts that.
    pub(crate) fn put_lot(&mut self, item: &str, lot: &str, blocked: bool) -> Done {
        self.company.ask(&Command::PutLot(master::PutLot {
            item: code(item)?,
            variant: None,
            lot: code(lot)?,
            expiry: None,
            blocked,
        }))?;
        Ok(())
    }
}

/// Lots and serials of a line.
///
/// # Errors
///
/// A number that cannot be kept.
pub(crate) fn trackings(lines: &[op::TrackingLine]) -> Done<Vec<JournalTracking>> {
    lines
        .iter()
        .map(|line| {
            let tracking = Tracking {
                lot: money::optional(line.lot_no.as_deref())?,
                serial: money::optional(line.serial_no.as_deref())?,
                package: None,
            };
            Ok(JournalTracking {
                tracking,
                quantity: money::quantity(line.qty.map_or(Dec(1.into()), |qty| Dec(qty.0.abs())))?,
                expiry: line.expiration_date,
                new_lot: money::optional(line.new_lot_no.as_deref())?,
                new_expiry: line.new_expiration_date,
            })
        })
        .collect()
}

const fn opposite(kind: JournalType) -> JournalType {
    match kind {
        JournalType::Purchase => JournalType::PurchaseReturn,
        JournalType::PurchaseReturn => JournalType::Purchase,
        JournalType::Sale => JournalType::SaleReturn,
        JournalType::SaleReturn => JournalType::Sale,
        JournalType::PositiveAdjustment => JournalType::NegativeAdjustment,
        JournalType::NegativeAdjustment => JournalType::PositiveAdjustment,
        JournalType::Transfer => JournalType::Transfer,
        JournalType::Consumption => JournalType::Output,
        JournalType::Output => JournalType::Consumption,
    }
}

/// A date that a step must give.
///
/// # Errors
///
/// It gives none.
pub(crate) fn date_of(date: Option<NaiveDate>) -> Done<NaiveDate> {
    required(date, "date")
}

/// A field that a step must give.
///
/// # Errors
///
/// It does not.
pub(crate) fn required<T>(field: Option<T>, name: &str) -> Done<T> {
    field.map_or_else(|| lacking(format!("the field {name} of the step")), Ok)
}
