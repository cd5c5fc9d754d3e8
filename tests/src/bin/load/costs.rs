//! What costing costs while the house goes on posting: a late charge that reaches every sale out of one
//! receipt, a batch over many items, and what the stock was worth on a past day.
//!
//! Somebody receives and ships other goods all the time, one line after the other: how long each of
//! these lines took is told for the time before and for the time in which costs are adjusted.
//! Unit costs are chosen so that every share is exact: what is left must be worth what it should, or
//! there is no figure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use futures_util::{StreamExt as _, TryStreamExt as _};
use ledger::command::Command as LedgerCommand;
use ledger::command::costing::{ChargeEntries, ChargeLine, SetInventorySetup};
use ledger::command::journal::{JournalLine, JournalType, PostItemJournal};
use ledger::costing::work::{self, AdjustCost};
use ledger::dimension::Dimensions;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::money::Money;
use ledger::schema::EntryNo;
use ledger::schema::entry::ItemLedgerByItem;
use ledger::schema::money::{AdjustmentWindow, InventorySetup};
use ledger::tables::Read as _;
use ledger::valuation::inventory::ValuationOf;
use protocol::quantity::Quantity;
use serde_json::{Value, json};
use server::config::Config;
use server::open::open;
use server::runtime::{Company, Health};
use server::view::money::report::valuation;
use server_core::intake::command::CommandOrigin;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::figures::{Took, per_second, round};
use crate::{Problem, company};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Sales out of one receipt that a late charge reaches.
    #[arg(long, default_value_t = 10_000)]
    sales: u32,
    /// Items of the batch.
    #[arg(long, default_value_t = 1_000)]
    items: u32,
    /// Entries of each of them: a receipt and sales of one piece.
    #[arg(long, default_value_t = 1_000)]
    entries: u32,
}

/// Items that others receive and ship meanwhile.
const OTHERS: u32 = 50;
/// Lines of one journal.
const PER_JOURNAL: usize = 100;
/// Journals that are asked for at the same time.
const AT_ONCE: usize = 16;
/// What a piece costs, and what is charged on it afterwards.
const COST: u32 = 10;
const CHARGE: u32 = 1;
/// How often a valuation is asked for.
const VALUATIONS: usize = 20;
/// How long others post before anything is adjusted, for comparison.
const BEFORE: Duration = Duration::from_secs(3);
/// How often it is looked whether everything is adjusted.
const LOOK: Duration = Duration::from_millis(1);

/// Lines that others post, one after the other, until they are told to stop.
struct Others {
    stop: Arc<AtomicBool>,
    work: JoinHandle<Result<Took, Problem>>,
}

impl Others {
    fn begin(company: &Company) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, company) = (Arc::clone(&stop), company.clone());
        let work = tokio::spawn(async move {
            let mut took = Took::default();
            for line in 0.. {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                let began = Instant::now();
                company::post_movement(&company, (line / 2) % OTHERS, line % 2 == 0).await?;
                took.push(began.elapsed());
            }
            Ok(took)
        });
        Self { stop, work }
    }

    async fn end(self) -> Result<Took, Problem> {
        self.stop.store(true, Ordering::Relaxed);
        self.work.await?
    }
}

fn money(units: u32) -> Result<Money, Problem> {
    Ok(Money::new(units.into())?)
}

fn day(month: u32, day: u32) -> Result<NaiveDate, Problem> {
    NaiveDate::from_ymd_opt(2026, month, day).ok_or_else(|| "no such day".into())
}

fn line(
    n: u32,
    line_type: JournalType,
    date: NaiveDate,
    quantity: u32,
) -> Result<JournalLine, Problem> {
    let place = company::place(0, n);
    let amount = match line_type {
        JournalType::Purchase => Some(money(quantity * COST)?),
        _ => None,
    };
    Ok(JournalLine {
        location: Some(place.location),
        bin: place.bin,
        amount,
        ..JournalLine::new(
            line_type,
            date,
            company::item(n),
            Quantity::whole(i32::try_from(quantity)?),
        )
    })
}

/// Posts the lines; those of one item in their order.
async fn post(company: &Company, lines: Vec<JournalLine>) -> Result<(), Problem> {
    let journals = lines.chunks(PER_JOURNAL).map(|lines| {
        let journal = PostItemJournal { lines: lines.to_vec() };
        LedgerCommand::PostItemJournal(journal).encode()
    });
    let mut answers = futures_util::stream::iter(journals)
        .map(|raw| company::submit(company, CommandOrigin::System, raw))
        .buffered(AT_ONCE);
    while answers.try_next().await?.is_some() {}
    Ok(())
}

async fn adjusts(company: &Company, automatic_adjustment: AdjustmentWindow) -> Result<(), Problem> {
    let setup = InventorySetup { automatic_adjustment, ..InventorySetup::default() };
    let command = LedgerCommand::SetInventorySetup(SetInventorySetup { setup, unchecked: true });
    company::submit(company, CommandOrigin::System, command.encode()).await?;
    Ok(())
}

/// The receipts of some items: the first entry of each.
fn receipts(company: &Company, items: std::ops::Range<u32>) -> Result<Vec<EntryNo>, Problem> {
    let tables = company.snapshot();
    items
        .map(|n| {
            let (item, _card) =
                lookup::item(&tables, &company::item(n)).map_err(|reason| format!("{reason:?}"))?;
            let first = tables.first::<ItemLedgerByItem>(&KeyRange::prefix(&(item,)));
            Ok(first.ok_or("it was received")?.0.1)
        })
        .collect()
}

async fn charge(company: &Company, entries: &[EntryNo], pieces: u32) -> Result<(), Problem> {
    let amount = money(pieces * CHARGE)?;
    for entries in entries.chunks(PER_JOURNAL) {
        let assignments =
            entries.iter().map(|entry| ChargeLine { entry: *entry, amount }).collect();
        let charge = ChargeEntries {
            charge: "FREIGHT".to_owned(),
            date: day(3, 1)?,
            document_no: "F-1".to_owned(),
            business_group: String::new(),
            assignments,
            dimensions: Dimensions::default(),
        };
        let raw = LedgerCommand::ChargeEntries(charge).encode();
        company::submit(company, CommandOrigin::System, raw).await?;
    }
    Ok(())
}

async fn adjusted(company: &Company) {
    while work::is_waiting(&company.snapshot()) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Fails unless `pieces` of the item are left and worth what they cost with the charge.
fn check(company: &Company, n: u32, pieces: u32) -> Result<(), Problem> {
    let tables = company.snapshot();
    let (item, _card) =
        lookup::item(&tables, &company::item(n)).map_err(|reason| format!("{reason:?}"))?;
    let rows = valuation(&tables, &ValuationOf::item(item, day(12, 31)?))
        .map_err(|stop| format!("{stop:?}"))?;
    let worth = rows.iter().try_fold(Money::ZERO, |sum, row| sum.checked_add(row.value));
    let wanted = money(pieces * (COST + CHARGE))?;
    if worth != Some(wanted) {
        return Err(format!("item {n} is worth {worth:?} instead of {wanted:?}").into());
    }
    Ok(())
}

/// One late charge on a receipt that is sold out.
async fn late_charge(company: &Company, sales: u32) -> Result<Value, Problem> {
    adjusts(company, AdjustmentWindow::Always).await?;
    let n = OTHERS;
    let mut lines = vec![line(n, JournalType::Purchase, day(1, 2)?, sales)?];
    for _sale in 0..sales {
        lines.push(line(n, JournalType::Sale, day(1, 3)?, 1)?);
    }
    post(company, lines).await?;
    adjusted(company).await;
    let receipt = receipts(company, n..n + 1)?;
    let others = Others::begin(company);
    tokio::time::sleep(BEFORE).await;
    let before = others.end().await?;
    let others = Others::begin(company);
    let began = Instant::now();
    charge(company, &receipt, sales).await?;
    let charged = began.elapsed();
    adjusted(company).await;
    let took = began.elapsed();
    let meanwhile = others.end().await?;
    check(company, n, 0)?;
    println!(
        "a charge on a receipt of {sales} sales: posted in {:.1} ms, all adjusted after {:.3} s; \
         other lines meanwhile at most {:.1} ms, before {:.1} ms",
        charged.as_secs_f64() * 1e3,
        took.as_secs_f64(),
        meanwhile.ms(100),
        before.ms(100),
    );
    Ok(json!({
        "sales": sales,
        "charged_s": round(charged.as_secs_f64()),
        "adjusted_s": round(took.as_secs_f64()),
        "others_before": before.json(),
        "others_meanwhile": meanwhile.json(),
    }))
}

/// What all stock was worth in the middle of the history.
fn valued(company: &Company) -> Result<Took, Problem> {
    let tables = company.snapshot();
    let mut took = Took::default();
    for _time in 0..VALUATIONS {
        let began = Instant::now();
        let rows = valuation(&tables, &ValuationOf::all(day(1, 15)?))
            .map_err(|stop| format!("{stop:?}"))?;
        took.push(began.elapsed());
        if rows.is_empty() {
            return Err("nothing was in stock".into());
        }
    }
    Ok(took)
}

/// A batch over many items, after a charge on each of their receipts.
async fn batch(company: &Company, arguments: &Arguments) -> Result<Value, Problem> {
    adjusts(company, AdjustmentWindow::Never).await?;
    let Arguments { items, entries, .. } = *arguments;
    let first = OTHERS + 1;
    let began = Instant::now();
    for entry in 0..entries {
        let date = day(1, 2 + entry * 28 / entries)?;
        let lines = (first..first + items).map(|n| match entry {
            0 => line(n, JournalType::Purchase, date, entries),
            _ => line(n, JournalType::Sale, date, 1),
        });
        post(company, lines.collect::<Result<_, _>>()?).await?;
    }
    let history = began.elapsed();
    let n_entries = usize::try_from(items * entries)?;
    let per_s = per_second(n_entries, history);
    println!("{n_entries} entries posted in {:.1} s: {per_s:.0} a second", history.as_secs_f64());
    charge(company, &receipts(company, first..first + items)?, entries).await?;
    let past = valued(company)?;
    let others = Others::begin(company);
    let began = Instant::now();
    let run = LedgerCommand::AdjustCost(AdjustCost::default());
    company::submit(company, CommandOrigin::System, run.encode()).await?;
    adjusted(company).await;
    let took = began.elapsed();
    let meanwhile = others.end().await?;
    for n in first..first + items {
        check(company, n, 1)?;
    }
    let past_adjusted = valued(company)?;
    let adjusted_per_s = per_second(n_entries, took);
    println!(
        "adjusted in {:.1} s: {adjusted_per_s:.0} entries a second; other lines meanwhile p99 {:.1} ms, \
         at most {:.1} ms",
        took.as_secs_f64(),
        meanwhile.ms(99),
        meanwhile.ms(100),
    );
    println!(
        "stock as of a past day: p50 {:.1} ms before, {:.1} ms after; at most {:.1} ms",
        past.ms(50),
        past_adjusted.ms(50),
        past.ms(100).max(past_adjusted.ms(100)),
    );
    Ok(json!({
        "items": items,
        "entries": n_entries,
        "history_s": round(history.as_secs_f64()),
        "posted_per_s": per_s,
        "adjusted_s": round(took.as_secs_f64()),
        "adjusted_per_s": adjusted_per_s,
        "others_meanwhile": meanwhile.json(),
        "valuation": past.json(),
        "valuation_adjusted": past_adjusted.json(),
    }))
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let opened = open(&Config::local(folder.path())).await?;
    let company = opened.runtime.company().clone();
    company::set_up(&company, 1, OTHERS).await?;
    company::put_goods(&company, OTHERS..OTHERS + 1 + arguments.items).await?;
    let charge = late_charge(&company, arguments.sales).await?;
    let batch = batch(&company, arguments).await?;
    match opened.runtime.stop().await {
        Health::Stopped => Ok(json!({"load": "costs", "late_charge": charge, "batch": batch})),
        health => Err(format!("the server did not stop well: {health:?}").into()),
    }
}
