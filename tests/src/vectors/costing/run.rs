//! Runs a file of the costing schema: each step becomes a command of the desk.

use std::collections::BTreeMap;

use ledger::command::Command;
use ledger::command::costing::{ChargeEntries, ChargeLine, InvoiceEntries, InvoiceLine};
use ledger::command::journal::{JournalLine, JournalTracking, JournalType, PostItemJournal};
use ledger::costing::work::AdjustCost;
use ledger::dimension::Dimensions;
use ledger::key::KeyRange;
use ledger::schema::EntryNo;
use ledger::schema::entry::{ItemLedger, ItemLedgerStates};
use ledger::schema::money::OrderKind;
use ledger::tables::Read as _;
use rust_decimal::Decimal;
use serde_json::Value;

use super::check::{self, Results};
use super::numbers::{self, Wanted};
use super::{
    Action, Expect, ExpectedError, File, Invoice, ItemCharge, Post, PostType, Setup, Step, found,
};
use crate::vectors::book::to_places;
use crate::vectors::company::{Company, Done, Stop, code, lacking};
use crate::vectors::compare::Findings;
use crate::vectors::json::{Dec, Int};
use crate::vectors::money::{self, Card};
use crate::vectors::{ledgers, orders, reading, refusal, values};

/// A file that is being played.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) company: Company,
    pub(crate) results: Results,
    /// Item cards as they are now.
    pub(crate) cards: BTreeMap<String, Card>,
    /// What earlier steps posted, for invoices.
    posts: BTreeMap<u64, Post>,
    /// Entries by step.
    entries: BTreeMap<u64, Vec<EntryNo>>,
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
    let mut play = Play::begin(&file.setup, &steps).map_err(|stop| format!("setup: {stop}"))?;
    for step in &steps {
        findings.step = step.step.0.to_string();
        play.step(step, &mut findings);
        for checkpoint in file.checkpoints.iter().filter(|point| point.after_step == step.step) {
            play.compare(&checkpoint.expect, &mut findings);
        }
    }
    play.compare(&file.expect, &mut findings);
    Ok(findings)
}

impl Play {
    fn begin(setup: &Setup, steps: &[Step]) -> Done<Self> {
        Ok(Self {
            company: found::found(setup, steps)?,
            results: Results::default(),
            cards: found::cards(setup),
            posts: BTreeMap::new(),
            entries: BTreeMap::new(),
        })
    }

    fn step(&mut self, step: &Step, findings: &mut Findings) {
        let no = step.step.0;
        self.company.begin(no);
        self.company.reach(step.action.date());
        let before = self.company.digest();
        let last = self.last_entry();
        let done = self.act(step);
        if done.is_err() && self.company.digest() != before {
            findings.push("a step that failed", "no trace", "the tables changed");
        }
        judge_outcome(step.expect_error.as_ref(), &done, findings);
        if done.is_ok() {
            match money::settle(&mut self.company) {
                Ok(waited) => self.results.automatic_adjustment_ran = waited,
                Err(stop) => findings.push("settling", "done", stop),
            }
        }
        let range = KeyRange::all();
        let new = self.company.tables.list::<ItemLedger>(&range).into_iter().map(|(no, _row)| no);
        self.entries.insert(no, new.filter(|no| *no > last).collect());
    }

    fn last_entry(&self) -> EntryNo {
        self.company.tables.last::<ItemLedger>(&KeyRange::all()).map_or(EntryNo(0), |(no, _row)| no)
    }

    /// The entry that has number `ile` in the file.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn entry(&self, ile: Int) -> Done<EntryNo> {
        let at = ile.size().checked_sub(1);
        let entries = self.company.tables.list::<ItemLedger>(&KeyRange::all());
        let found = at.and_then(|at| entries.get(at)).map(|(no, _row)| *no);
        found.map_or_else(|| lacking(format!("item ledger entry {}", ile.0)), Ok)
    }

    fn optional_entry(&self, ile: Option<Int>) -> Done<EntryNo> {
        ile.map_or(Ok(EntryNo(0)), |ile| self.entry(ile))
    }

    fn act(&mut self, step: &Step) -> Done {
        let no = step.step.0;
        match &step.action {
            Action::Post(post) => self.post(step, post),
            Action::Invoice(invoice) => self.invoice(invoice),
            Action::ItemCharge(charge) => self.charge(no, charge),
            Action::Revalue(revalue) => values::revalue(self, no, revalue),
            Action::AdjustCost(adjust) => self.adjust(&adjust.items),
            Action::PostCostToGl(post) => {
                ledgers::post_cost(&mut self.company, post.posting_method)
            }
            Action::SetSettings(set) => {
                money::change_settings(&mut self.company, &set.settings, false)
            }
            Action::SetItem(set) => self.set_item(set),
            Action::UndoShipment(undo) => {
                let entry = self.entry(undo.ile)?;
                values::undo(&mut self.company, undo.date, entry)
            }
            Action::ClosePeriod(period) => {
                ledgers::close_period(&mut self.company, period.ending_date, false)
            }
            Action::ReopenPeriod(period) => {
                ledgers::reopen_period(&mut self.company, period.ending_date)
            }
            Action::DeletePeriod(period) => {
                ledgers::delete_period(&mut self.company, period.ending_date)
            }
            Action::PostAssembly(post) => orders::post_assembly(self, no, post),
            Action::UndoAssembly(of) => orders::undo_assembly(&mut self.company, of),
            Action::PostCapacity(post) => orders::post_capacity(&mut self.company, post),
            Action::PostSubcontract(post) => orders::post_subcontract(&mut self.company, post),
            Action::FinishProductionOrder(of) => orders::finish(&mut self.company, of),
            Action::CalculateInventoryValue(of) => values::calculate(self, no, of),
            Action::InventoryValuation(of) => values::valuation(self, no, of),
        }
    }

    fn post(&mut self, step: &Step, post: &Post) -> Done {
        if !post.receive_ship {
            return if post.invoice { self.invoice_earlier(step, post) } else { Ok(()) };
        }
        let tracking = self.numbers(step, post)?;
        let line = JournalLine {
            document_no: format!("D{}", step.step.0),
            variant: money::optional(post.variant.as_deref())?,
            location: money::location(post.location.as_deref())?,
            new_location: money::location(post.new_location.as_deref())?,
            tracking,
            unit_cost: post.unit_cost.map(money::unit_amount).transpose()?,
            amount: post.amount.map(money::money).transpose()?,
            unit_price: post.unit_price.map(money::unit_amount).transpose()?,
            applies_to: self.optional_entry(post.applies_to)?,
            applies_from: self.optional_entry(post.applies_from)?,
            not_invoiced: !post.invoice,
            business_group: ledgers::BUSINESS.to_owned(),
            order: match &post.order {
                Some(order) => Some((OrderKind::Production, code(order)?)),
                None => None,
            },
            ..JournalLine::new(
                line_type(post.kind),
                post.date,
                code(&post.item)?,
                money::quantity(post.quantity)?,
            )
        };
        let command = Command::PostItemJournal(PostItemJournal { lines: vec![line] });
        self.company.ask(&command)?;
        self.posts.insert(step.step.0, post.clone());
        Ok(())
    }

    /// The numbers of a posting. A step that must be refused for want of a number is the one that is posted
    /// without.
    fn numbers(&self, step: &Step, post: &Post) -> Done<Vec<JournalTracking>> {
        let wanted = step.expect_error.as_ref().map(|error| refusal::canonical(&error.code));
        if wanted.as_deref() == Some("tracking_required") {
            return Ok(Vec::new());
        }
        let inbound = line_type(post.kind).is_inbound();
        numbers::of_line(self, step.step.0, Wanted::of(post, inbound))
    }

    fn invoice(&mut self, invoice: &Invoice) -> Done {
        let entries = self.entries.get(&invoice.of_step.0).cloned().unwrap_or_default();
        let post = self.posts.get(&invoice.of_step.0).cloned();
        let Some(mut post) = post.filter(|_post| !entries.is_empty()) else {
            return lacking(format!("a posting of step {}", invoice.of_step.0));
        };
        if invoice.amount.is_some() {
            (post.amount, post.unit_cost) = (invoice.amount, None);
        }
        let mut pieces = Vec::new();
        for no in &entries {
            let (whole, left) = self.quantities(*no);
            pieces.push((*no, whole, left));
        }
        // What earlier steps left of it; where they left nothing, the ledger says so.
        let all_done = pieces.iter().all(|(_no, _whole, left)| left.is_zero());
        let pieces: Vec<_> = pieces
            .into_iter()
            .map(|(no, whole, left)| (no, if all_done { whole } else { left }))
            .filter(|(_no, part)| !part.is_zero())
            .collect();
        post.quantity = Dec(pieces.iter().map(|(_no, part)| *part).sum());
        post.date = invoice.date;
        self.invoice_pieces(&post, &pieces, format!("I{}", invoice.of_step.0))
    }

    /// The quantity of an entry, and what is not invoiced of it.
    fn quantities(&self, no: EntryNo) -> (Decimal, Decimal) {
        let row = self.company.tables.row::<ItemLedger>(&no).expect("an entry of the ledger");
        let state = self.company.tables.row::<ItemLedgerStates>(&no).expect("its state");
        let whole = row.quantity.abs().decimal();
        (whole, whole - state.invoiced.abs().decimal())
    }

    /// A post that hands nothing over invoices what earlier ones of its kind and item left, oldest first:
    /// those of its place, variant and order where it names them.
    fn invoice_earlier(&mut self, step: &Step, post: &Post) -> Done {
        let mut open = post.quantity.0;
        let mut pieces = Vec::new();
        let mut price = post.unit_price;
        for (no, before) in &self.posts {
            let other =
                |named: &Option<String>, there: &Option<String>| named.is_some() && named != there;
            let same = line_type(before.kind) == line_type(post.kind) && before.item == post.item;
            if !same
                || other(&post.order, &before.order)
                || other(&post.location, &before.location)
                || other(&post.variant, &before.variant)
            {
                continue;
            }
            price = price.or(before.unit_price);
            for entry in self.entries.get(no).into_iter().flatten() {
                let (_whole, left) = self.quantities(*entry);
                let part = left.min(open);
                if part > Decimal::ZERO {
                    pieces.push((*entry, part));
                    open -= part;
                }
            }
        }
        if open > Decimal::ZERO {
            return lacking(format!("a posting that leaves {open} to be invoiced"));
        }
        let post = Post { unit_price: price, ..post.clone() };
        self.invoice_pieces(&post, &pieces, format!("D{}", step.step.0))
    }

    /// Invoices quantities of entries; what `post` costs in all is spread by quantity, summed as it goes.
    fn invoice_pieces(
        &mut self,
        post: &Post,
        pieces: &[(EntryNo, Decimal)],
        document_no: String,
    ) -> Done {
        let whole = post.quantity.0;
        let price = post.unit_price.map_or(Decimal::ZERO, |price| price.0);
        let sign = match post.kind {
            PostType::Sale => Decimal::ONE,
            PostType::SaleReturn => -Decimal::ONE,
            _ => Decimal::ZERO,
        };
        let paid = post.amount.map(|amount| amount.0);
        let amount = paid.or_else(|| post.unit_cost.map(|cost| cost.0 * whole));
        let places = money::decimals(&self.company);
        let mut lines = Vec::new();
        let (mut done, mut given) = (Decimal::ZERO, Decimal::ZERO);
        for (entry, quantity) in pieces {
            done += quantity;
            let part = amount.map(|amount| {
                let upto = to_places(amount * done / whole, places);
                let part = upto - given;
                given = upto;
                Dec(part)
            });
            lines.push(InvoiceLine {
                entry: *entry,
                quantity: money::quantity(Dec(*quantity))?,
                amount: part.map(money::money).transpose()?,
                sales: money::money(Dec(to_places(sign * price * quantity, places)))?,
            });
        }
        self.company.ask(&Command::InvoiceEntries(InvoiceEntries {
            dimensions: Dimensions::NONE,
            date: post.date,
            document_no,
            business_group: ledgers::BUSINESS.to_owned(),
            lines,
        }))?;
        Ok(())
    }

    fn charge(&mut self, step: u64, charge: &ItemCharge) -> Done {
        if let Some(capacity) = charge.assigned_to_capacity {
            return orders::charge_capacity(&mut self.company, charge, capacity);
        }
        let assignments = match charge.assigned_to_ile {
            None => Vec::new(),
            Some(ile) => {
                vec![ChargeLine { entry: self.entry(ile)?, amount: money::money(charge.amount)? }]
            }
        };
        self.company.ask(&Command::ChargeEntries(ChargeEntries {
            dimensions: Dimensions::NONE,
            charge: charge.charge.clone(),
            date: charge.date,
            document_no: format!("C{step}"),
            business_group: ledgers::BUSINESS.to_owned(),
            assignments,
        }))?;
        Ok(())
    }

    fn adjust(&mut self, items: &str) -> Done {
        let items = match items {
            "all" => Vec::new(),
            item => vec![code(item)?],
        };
        let ask = AdjustCost { items, until_valuation_date: None };
        self.company.ask(&Command::AdjustCost(ask))?;
        Ok(())
    }

    fn set_item(&mut self, set: &super::SetItem) -> Done {
        let Some(card) = self.cards.get(&set.item) else {
            return lacking(format!("item {}", set.item));
        };
        let values = &set.values;
        let card = Card {
            costing: values.costing_method.or(card.costing),
            unit_cost: values.unit_cost,
            standard_cost: values.standard_cost,
            overhead_rate: values.overhead_rate,
            indirect_cost_pct: values.indirect_cost_pct,
            ..card.clone()
        };
        ask(&mut self.company, money::card_commands(&card)?)?;
        self.cards.insert(set.item.clone(), card);
        Ok(())
    }

    /// `adjusted`: what the file gives is the state without an outstanding difference; where the last
    /// step is not the adjustment, a copy of the company is adjusted before it is compared.
    fn compare(&self, expect: &Expect, findings: &mut Findings) {
        let mut company = self.company.clone();
        if expect.adjusted == Some(true) {
            let ask = Command::AdjustCost(AdjustCost::default());
            let adjusted = company.ask(&ask).map_err(Stop::from);
            if let Err(stop) = adjusted.and_then(|_outcome| money::settle(&mut company)) {
                findings.push("adjusted", "a state that can be adjusted", stop);
            }
        }
        check::check(expect, &reading::read(&company), &self.results, findings);
    }
}

/// Commands that are done together; nothing is done for none.
///
/// # Errors
///
/// The refusal.
pub(crate) fn ask(company: &mut Company, commands: Vec<Command>) -> Done {
    if !commands.is_empty() {
        company.ask_all(commands)?;
    }
    Ok(())
}

/// Holds what a step came to against what it must come to.
pub(crate) fn judge_outcome(
    expected: Option<&ExpectedError>,
    done: &Done,
    findings: &mut Findings,
) {
    match (expected, done) {
        (None, Ok(())) => {}
        (None, Err(stop)) => findings.push("the step", "done", stop),
        (Some(error), Ok(())) => findings.push("the step", &error.code, "done"),
        (Some(error), Err(Stop::Lacking(what))) => {
            findings.push("the step", &error.code, format!("lacking: {what}"));
        }
        (Some(error), Err(Stop::Refused(refusal))) => {
            let wanted = refusal::canonical(&error.code);
            if !refusal.codes.iter().any(|code| refusal::canonical(code) == wanted) {
                findings.push("the refusal", &wanted, refusal);
            } else if let Some(message) = &error.message
                && !refusal::says(&refusal.text, message)
            {
                findings.push("the sentence", message, &refusal.text);
            }
        }
    }
}

const fn line_type(kind: PostType) -> JournalType {
    match kind {
        PostType::Purchase => JournalType::Purchase,
        PostType::SaleReturn => JournalType::SaleReturn,
        PostType::PositiveAdjmt => JournalType::PositiveAdjustment,
        PostType::Output => JournalType::Output,
        PostType::PurchaseReturn => JournalType::PurchaseReturn,
        PostType::Sale => JournalType::Sale,
        PostType::NegativeAdjmt => JournalType::NegativeAdjustment,
        PostType::Consumption => JournalType::Consumption,
        PostType::Transfer => JournalType::Transfer,
    }
}
