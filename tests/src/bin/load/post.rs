//! Lines judged and durable each second, next to the bare store with the same writes.
//!
//! The work is done by the server's own threads without its sockets: desk operations enter by
//! [`Company::submit`], so each line is a receipt or a shipment with its intake record, judgement,
//! entries, change record, feed and outcome. Receipts and shipments of the same quantity alternate
//! for each item, and what it began with is gone after a few: the stock that is open stays as it is,
//! and so do the receipts that it consists of, whatever the history.
//!
//! The change sets that were committed are noted and applied to a second store, which has lived
//! through the same history: what the disk and the engine alone can do with the same rows, in the
//! same groups, each made durable before the next. They are noted as bytes in memory that was there
//! before the clock started, so that the server frees its own as it does without being measured.
//!
//! A long history is prepared once (`--prepare FOLDER`) and measured on as often as one likes
//! (`--data FOLDER`): each run adds its lines to it, and begins with some that are not measured.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use ledger::command::{Command as LedgerCommand, Handle};
use ledger::draft::Changes;
use ledger::record::Record;
use ledger::tables::TableId;
use protocol::outcome::Decision;
use serde_json::{Value, json};
use server::config::Config;
use server::open::{open, open_over};
use server::runtime::{Commit, Company, Health};
use server::store::Store;
use server_core::intake::command::{Command, CommandOrigin};
use tokio::time::Instant;

use crate::figures::{Took, per_second, round};
use crate::{Problem, company};

/// Pieces of a line.
const PIECES: i32 = 5;
/// Receipts of each item that are open at any time, once what it began with is gone: after six thousand
/// lines of the three hundred items. Each shipment closes the oldest.
const OPEN_RECEIPTS: i32 = 10;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Lines that are measured.
    #[arg(long, default_value_t = 20_000)]
    lines: u32,
    /// Lines that lie behind them.
    #[arg(long, default_value_t = 10_000)]
    history: u32,
    /// Items, each with stock in a bin.
    #[arg(long, default_value_t = 300)]
    items: u32,
    /// Items, the location and the orders propose dimensions; with `--prepare`, in the folder that is made.
    #[arg(long, conflicts_with = "data")]
    dimensions: bool,
    /// Lines that are asked for at the same time.
    #[arg(long, default_value_t = 1_024)]
    at_once: usize,
    /// Makes a data folder with this history here, and measures nothing.
    #[arg(long, conflicts_with = "data")]
    prepare: Option<PathBuf>,
    /// Measures on a folder that was prepared with the same items.
    #[arg(long)]
    data: Option<PathBuf>,
    /// With `--data`: lines before those that are measured.
    #[arg(long, default_value_t = 10_000)]
    warm: u32,
}

/// Bytes of rows that a line writes, with room to spare.
const LINE_BYTES: usize = 6 << 10;

/// What the committing thread did.
#[derive(Default)]
struct Tape {
    /// Kept alike while nothing is measured, and closed meanwhile: what it has left to merge would
    /// take from the cores that are measured.
    bare: Option<Store>,
    /// The rows of all batches, each as [`note`] writes it.
    bytes: Vec<u8>,
    /// How many rows each batch has.
    batches: Vec<usize>,
    commits: Took,
}

impl Tape {
    /// Begins to measure `lines`: the memory that they take on the tape is touched once, so that the
    /// system does not have to find it meanwhile.
    fn begin(&mut self, lines: u32) -> Result<(), Problem> {
        self.bare = None;
        self.bytes = vec![1; LINE_BYTES * usize::try_from(lines)?];
        self.bytes.clear();
        Ok(())
    }

    fn note(&mut self, changes: &Changes) {
        for ((table, key), row) in changes {
            self.bytes.push(table.0);
            self.put(key);
            self.bytes.push(u8::from(row.is_some()));
            self.put(row.as_ref().map_or(&[], Record::bytes));
        }
        self.batches.push(changes.len());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&bytes.len().to_le_bytes());
        self.bytes.extend_from_slice(bytes);
    }
}

/// Reads what [`Tape::note`] wrote.
struct Noted<'a>(&'a [u8]);

impl<'a> Noted<'a> {
    fn take(&mut self, n_bytes: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(n_bytes).ok_or("the tape is cut")?;
        self.0 = rest;
        Ok(taken)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Problem> {
        let length = usize::from_le_bytes(self.take(size_of::<usize>())?.try_into()?);
        self.take(length)
    }

    fn batch(&mut self, n_rows: usize) -> Result<Changes, Problem> {
        let mut changes = Changes::new();
        for _row in 0..n_rows {
            let table = TableId(self.take(1)?.first().copied().unwrap_or_default());
            let key = self.bytes()?.into();
            let is_there = self.take(1)? == [1];
            let row = self.bytes()?;
            changes.insert((table, key), is_there.then(|| Record::from_bytes(row)));
        }
        Ok(changes)
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes to `store`; notes what is measured, and keeps the bare store alike while nothing is.
fn taped(store: &Store, tape: &Arc<Mutex<Tape>>) -> Commit {
    let (store, tape) = (store.clone(), Arc::clone(tape));
    Commit::with(move |changes| {
        let began = Instant::now();
        store.apply(changes)?;
        let took = began.elapsed();
        let mut tape = lock(&tape);
        if let Some(bare) = &tape.bare {
            return bare.apply(changes);
        }
        tape.commits.push(took);
        tape.note(changes);
        Ok(())
    })
}

/// Posts lines `from` to `to`, and says how long it took until all were durable and judged.
async fn post(
    company: &Company,
    (from, to): (u32, u32),
    arguments: &Arguments,
) -> Result<Duration, Problem> {
    let began = Instant::now();
    let mut answers = futures_util::stream::iter(from..to)
        .map(|line| {
            let pair = line / 2;
            let (body, document) =
                company::movement((0, pair % arguments.items), line % 2 == 0, PIECES);
            let handle = LedgerCommand::Handle(Handle::new(&body, Some(document)));
            let user = company::word(company::CLERK);
            company.submit(Command {
                origin: CommandOrigin::Desk { user, idempotency: None },
                raw: handle.encode(),
                local_date: company.now().utc().map(|now| now.date_naive()),
            })
        })
        .buffer_unordered(arguments.at_once);
    while let Some(judged) = answers.next().await {
        let judged = judged?;
        let outcome = &judged.outcome.outcome;
        if outcome.decision != Decision::Accepted {
            return Err(format!("a line was not accepted: {outcome:?}").into());
        }
    }
    Ok(began.elapsed())
}

/// Applies the same change sets to the bare store.
fn replay(bare: &Store, tape: &Tape) -> Result<Took, Problem> {
    let mut took = Took::default();
    let mut noted = Noted(&tape.bytes);
    for n_rows in &tape.batches {
        let changes = noted.batch(*n_rows)?;
        let began = Instant::now();
        bare.apply(&changes)?;
        took.push(began.elapsed());
    }
    Ok(took)
}

/// The file of a prepared folder that says how many lines were posted in it.
const LINES_FILE: &str = "lines";
/// The second store of a folder.
const BARE: &str = "bare";

async fn set_up(company: &Company, arguments: &Arguments) -> Result<(), Problem> {
    company::set_up_stocked(company, 1, (arguments.items, PIECES * OPEN_RECEIPTS)).await?;
    if arguments.dimensions {
        company::put_dimensions(company, arguments.items).await?;
    }
    Ok(())
}

/// Posts the history of a new company in `folder`.
async fn prepare(folder: &Path, arguments: &Arguments) -> Result<Value, Problem> {
    let opened = open(&Config::local(folder)).await?;
    let company = opened.runtime.company().clone();
    set_up(&company, arguments).await?;
    let history = arguments.history.next_multiple_of(2);
    let took = post(&company, (0, history), arguments).await?;
    let health = opened.runtime.stop().await;
    if health != Health::Stopped {
        return Err(format!("the server did not stop well: {health:?}").into());
    }
    std::fs::write(folder.join(LINES_FILE), history.to_string())?;
    let lines_per_s = per_second(usize::try_from(history)?, took);
    println!("{history} lines in {:.1} s: {lines_per_s:.0} lines/s", took.as_secs_f64());
    Ok(json!({"load": "post", "prepared": history, "lines_per_s": lines_per_s}))
}

/// The folders of a store whose files are written once and never changed.
const ROWS_FOLDER: &str = "tables";

/// Copies a store that is closed. The files of its rows are not copied: both stores name them.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let is_written_once = from.file_name().is_some_and(|name| name == ROWS_FOLDER);
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else if is_written_once {
            std::fs::hard_link(entry.path(), target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    if let Some(folder) = &arguments.prepare {
        return prepare(folder, arguments).await;
    }
    let temporary = tempfile::tempdir()?;
    let folder = arguments.data.as_deref().unwrap_or_else(|| temporary.path());
    let config = Config::local(folder);
    let bare_folder = folder.join(BARE);
    let mut history = 0;
    if arguments.data.is_some() {
        history = std::fs::read_to_string(folder.join(LINES_FILE))?.trim().parse()?;
        copy(&config.store_folder(), &bare_folder)?;
    }
    let store = Store::open(&config.store_folder())?;
    let bare = Some(Store::open(&bare_folder)?);
    let tape = Arc::new(Mutex::new(Tape { bare, ..Tape::default() }));
    let opened = open_over(&config, store.clone(), taped(&store, &tape)).await?;
    let company = opened.runtime.company().clone();
    let more = if arguments.data.is_some() {
        arguments.warm.next_multiple_of(2)
    } else {
        set_up(&company, arguments).await?;
        arguments.history.next_multiple_of(2)
    };
    let preload = post(&company, (history, history + more), arguments).await?;
    history += more;
    println!(
        "{history} lines of history, the last {more} of them in {:.1} s on two stores",
        preload.as_secs_f64()
    );
    lock(&tape).begin(arguments.lines)?;
    let took = post(&company, (history, history + arguments.lines), arguments).await?;
    let health = opened.runtime.stop().await;
    if health != Health::Stopped {
        return Err(format!("the server did not stop well: {health:?}").into());
    }
    let tape = std::mem::take(&mut *lock(&tape));
    let (bare_took, tape) = tokio::task::spawn_blocking(move || {
        let bare = Store::open(&bare_folder)?;
        replay(&bare, &tape).map(|bare_took| (bare_took, tape))
    })
    .await??;
    if arguments.data.is_some() {
        let lines = history + arguments.lines.next_multiple_of(2);
        std::fs::write(folder.join(LINES_FILE), lines.to_string())?;
        std::fs::remove_dir_all(folder.join(BARE))?;
    }
    Ok(figures((arguments, history), took, &bare_took, &tape))
}

fn figures(
    (arguments, history): (&Arguments, u32),
    took: Duration,
    bare: &Took,
    tape: &Tape,
) -> Value {
    let n_lines = usize::try_from(arguments.lines).unwrap_or(usize::MAX);
    let rows: usize = tape.batches.iter().sum();
    // Beside each row lie two lengths and whether it is there.
    let bytes = tape.bytes.len() - rows * (2 * size_of::<usize>() + 1);
    let lines_per_s = per_second(n_lines, took);
    let bare_per_s = per_second(n_lines, Duration::from_secs_f64(bare.total_s().max(1e-6)));
    let ratio = round(lines_per_s / bare_per_s);
    let per_line = |count: usize| round(count as f64 / n_lines as f64);
    let commits = &tape.commits;
    println!("{lines_per_s:.0} lines/s durable; the bare store {bare_per_s:.0}; ratio {ratio}");
    println!(
        "{} commits, p50 {:.2} ms, p99 {:.2} ms; each line has {} rows and {} bytes",
        commits.len(),
        commits.ms(50),
        commits.ms(99),
        per_line(rows),
        per_line(bytes)
    );
    json!({
        "load": "post",
        "history": history,
        "lines": arguments.lines,
        "dimensions": arguments.dimensions,
        "seconds": round(took.as_secs_f64()),
        "lines_per_s": lines_per_s,
        "bare_lines_per_s": bare_per_s,
        "ratio": ratio,
        "commit": commits.json(),
        "committing_share": round(commits.total_s() / took.as_secs_f64()),
        "bare_commit": bare.json(),
        "lines_per_commit": round(n_lines as f64 / commits.len().max(1) as f64),
        "rows_per_line": per_line(rows),
        "bytes_per_line": per_line(bytes),
    })
}
