//! What became of the shift: the book held against the floor.

use std::collections::{BTreeMap, BTreeSet};

use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::book::{Heads, Intakes, Outcomes};
use ledger::schema::case::{CaseState, Cases, OpenTasks};
use ledger::schema::stock::Stocks;
use ledger::schema::{BinId, ItemId, LocationId};
use ledger::tables::Read as _;
use protocol::feed::BinKind;
use protocol::identity::{IntakeNo, OperationId};
use protocol::operation::Tracking;
use protocol::outcome::Decision;
use protocol::words::{BinCode, ItemNo, LocationCode};
use serde_json::json;
use server::server::Running;
use server::store::Snapshot;

use super::floor::{Bin, Content, pieces};
use super::shift::{Crew, Hall};
use crate::Problem;

/// A deliberate bug that can be played with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Break {
    /// The server acknowledges before its disk has the operation.
    AckBeforeSync,
    /// An operation that comes twice is taken twice.
    NoDedupe,
    /// What a person had seen plays no part in the order.
    NoCausality,
    /// The wall clock of the device decides the order.
    RawClock,
}

impl Break {
    /// What the machine is told.
    pub(crate) const fn bug(self) -> server_core::machine::Bug {
        match self {
            Self::AckBeforeSync => server_core::machine::Bug::AckBeforeSync,
            Self::NoDedupe => server_core::machine::Bug::NoDedupe,
            Self::NoCausality => server_core::machine::Bug::NoCausality,
            Self::RawClock => server_core::machine::Bug::RawClock,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AckBeforeSync => "ack-before-sync",
            Self::NoDedupe => "no-dedupe",
            Self::NoCausality => "no-causality",
            Self::RawClock => "raw-clock",
        }
    }
}

/// The figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    captured: u64,
    posted: u64,
    changed: u64,
    parked: u64,
    other: u64,
    /// On a device, or taken in and not judged.
    unfinished: u64,
    lost: u64,
    doubled: u64,
    bins: u64,
    bins_wrong: u64,
    bins_wrong_unflagged: u64,
    examples: Vec<String>,
    restated: u64,
    bytes_up: u64,
    outages: u64,
    kills: u64,
    put_back: u64,
    power_cuts: u64,
    scan_durable_p99_ms: f64,
    outcome_p99_ms: f64,
}

/// Draws the figures from the server's book and the floor.
pub(crate) fn draw(server: &Running, hall: &Hall, crew: &Crew) -> Result<Report, Problem> {
    let snapshot = server.app().company().snapshot();
    let tally = hall.tally();
    let mut report = Report {
        captured: tally.captured,
        outages: tally.outages,
        kills: tally.kills,
        put_back: tally.put_back,
        power_cuts: tally.power_cuts,
        bytes_up: crew.bytes_up(),
        scan_durable_p99_ms: percentile_99_ms(tally.scan_durable_us.clone()),
        outcome_p99_ms: percentile_99_ms(crew.outcome_us()),
        ..Report::default()
    };
    let mut waiting = crew.unsent()?;
    waiting.extend(unjudged(&snapshot));
    outcomes(&snapshot, (&tally.names, &waiting), &mut report);
    let floor = hall.floor();
    compare(&snapshot, &floor, &mut report);
    Ok(report)
}

/// Operations that the server has and did not get to.
fn unjudged(snapshot: &Snapshot) -> impl Iterator<Item = OperationId> {
    let judged = snapshot.row::<Heads>(&()).map_or(IntakeNo(0), |head| head.intake);
    let range = KeyRange::between(&IntakeNo(judged.0 + 1), &IntakeNo(u64::MAX));
    snapshot.list::<Intakes>(&range).into_iter().map(|(no, record)| record.identity(no))
}

fn outcomes(
    snapshot: &Snapshot,
    (names, waiting): (&[OperationId], &BTreeSet<OperationId>),
    report: &mut Report,
) {
    for name in names {
        match snapshot.row::<Outcomes>(name) {
            None if waiting.contains(name) => {
                report.unfinished += 1;
                report.examples.push(format!("operation {name} waits for its outcome"));
            }
            None => {
                report.lost += 1;
                report.examples.push(format!("operation {name} has no outcome"));
            }
            Some(row) => {
                report.restated += u64::from(row.outcome.revision > 1);
                match row.outcome.decision {
                    Decision::Accepted => report.posted += 1,
                    Decision::Changed => report.changed += 1,
                    Decision::Parked => report.parked += 1,
                    Decision::Duplicate | Decision::Refused => report.other += 1,
                }
            }
        }
    }
    report.doubled = doubled(snapshot, names);
}

/// Facts that were judged and that nobody confirmed: repetitions under another name.
fn doubled(snapshot: &Snapshot, names: &[OperationId]) -> u64 {
    let confirmed: BTreeSet<&OperationId> = names.iter().collect();
    // What devices say of people and of themselves is no fact of the floor.
    let of_people = ["sign_in", "sign_out", "void"];
    let outcomes = snapshot.list::<Outcomes>(&KeyRange::all());
    let facts = outcomes
        .iter()
        .filter(|(name, row)| name.device.0 != 0 && !of_people.contains(&row.kind.as_str()));
    let doubled = facts.filter(|(name, _row)| !confirmed.contains(name)).count();
    u64::try_from(doubled).unwrap_or(u64::MAX)
}

type Book = BTreeMap<Bin, Content>;

/// What the book has in bins of people; state bins are left out.
fn book(snapshot: &Snapshot) -> Book {
    use ledger::schema::place::Bins;
    let mut book = Book::new();
    for (key, row) in snapshot.list::<Stocks>(&KeyRange::all()) {
        let Some(bin) = snapshot.row::<Bins>(&key.bin) else { continue };
        let is_work = matches!(bin.kind, BinKind::Storage | BinKind::Receipt | BinKind::Shipment);
        let location = lookup::location_text(snapshot, key.location);
        let (Ok(location), Ok(item)) =
            (LocationCode::new(location), ItemNo::new(lookup::item_text(snapshot, key.item)))
        else {
            continue;
        };
        if !is_work || row.quantity.is_zero() {
            continue;
        }
        let tracking = tracking_of(snapshot, key.tracking);
        let content = book.entry((location, bin.code.clone())).or_default();
        *content.entry((item, tracking)).or_default() += pieces(row.quantity);
    }
    book
}

fn tracking_of(snapshot: &Snapshot, id: ledger::schema::TrackingId) -> Tracking {
    ledger::tracking::tracking_of(snapshot, id)
}

/// What somebody has been told to look at, by a task or a case: an item in a bin, or a whole bin.
#[derive(Default)]
struct Flagged {
    items: BTreeSet<(Bin, ItemNo)>,
    bins: BTreeSet<Bin>,
}

impl Flagged {
    fn of(snapshot: &Snapshot) -> Self {
        let mut flagged = Self::default();
        for ((location, bin, _kind, item, ..), _row) in snapshot.list::<OpenTasks>(&KeyRange::all())
        {
            flagged.add(snapshot, (location, bin), item);
        }
        for (_id, case) in snapshot.list::<Cases>(&KeyRange::all()) {
            if case.state == CaseState::Open
                && let Some(key) = case.stock
            {
                flagged.add(snapshot, (key.location, key.bin), Some(key.item));
            }
        }
        flagged
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        (location, bin): (LocationId, BinId),
        item: Option<ItemId>,
    ) {
        let place = LocationCode::new(lookup::location_text(snapshot, location));
        let code = BinCode::new(lookup::bin_text(snapshot, location, bin));
        let (Ok(place), Ok(code)) = (place, code) else { return };
        match item.map(|item| ItemNo::new(lookup::item_text(snapshot, item))) {
            Some(Ok(item)) => drop(self.items.insert(((place, code), item))),
            Some(Err(_none)) => {}
            None => drop(self.bins.insert((place, code))),
        }
    }

    /// Whether everything that differs in `bin` is among it.
    fn explains(&self, bin: &Bin, ours: &Content, real: &Content) -> bool {
        let differs = |what: &&(ItemNo, Tracking)| ours.get(what) != real.get(what);
        self.bins.contains(bin)
            || ours
                .keys()
                .chain(real.keys())
                .filter(differs)
                .all(|(item, _tracking)| self.items.contains(&(bin.clone(), item.clone())))
    }
}

fn compare(snapshot: &Snapshot, floor: &super::floor::Floor, report: &mut Report) {
    let book = book(snapshot);
    let truth: Book = floor
        .bins()
        .filter(|(_bin, content)| !content.is_empty())
        .map(|(bin, content)| (bin.clone(), content.clone()))
        .collect();
    let flagged = Flagged::of(snapshot);
    let nothing = Content::default();
    let bins: BTreeSet<&(LocationCode, BinCode)> = truth.keys().chain(book.keys()).collect();
    report.bins = u64::try_from(bins.len()).unwrap_or(u64::MAX);
    for bin in bins {
        let (ours, real) = (book.get(bin), truth.get(bin));
        if ours == real {
            continue;
        }
        report.bins_wrong += 1;
        let (seen, lies) = (ours.unwrap_or(&nothing), real.unwrap_or(&nothing));
        if !flagged.explains(bin, seen, lies) {
            report.bins_wrong_unflagged += 1;
            report.examples.push(format!(
                "{} {}: the book has {}, there lies {}",
                bin.0,
                bin.1,
                content_text(ours),
                content_text(real)
            ));
        }
    }
}

fn content_text(content: Option<&Content>) -> String {
    let Some(content) = content else { return "nothing".to_owned() };
    let parts: Vec<String> = content
        .iter()
        .map(|((item, tracking), pieces)| match (&tracking.lot, &tracking.serial) {
            (Some(lot), _) => format!("{pieces} {item} of lot {lot}"),
            (None, Some(serial)) => format!("{item} with serial {serial}"),
            (None, None) => format!("{pieces} {item}"),
        })
        .collect();
    parts.join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn percentile_99_ms(mut samples_us: Vec<u64>) -> f64 {
    samples_us.sort_unstable();
    let place = (samples_us.len() * 99 / 100).min(samples_us.len().saturating_sub(1));
    samples_us.get(place).copied().unwrap_or_default() as f64 / 1_000.0
}

impl Report {
    /// Whether every promise was kept, as far as everything was answered.
    pub(crate) fn is_kept(&self) -> bool {
        self.unfinished == 0 && self.broken().is_empty()
    }

    /// The promises that were broken.
    pub(crate) fn broken(&self) -> Vec<&'static str> {
        let promises = [
            (self.lost, "a captured fact is never lost"),
            (self.doubled, "a fact is posted once"),
            (self.bins_wrong_unflagged, "same facts, same books"),
        ];
        promises.into_iter().filter(|(n, _promise)| *n > 0).map(|(_n, promise)| promise).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn bytes_per_op(&self) -> f64 {
        self.bytes_up as f64 / self.captured.max(1) as f64
    }

    /// In plain words.
    pub(crate) fn tell(&self) {
        println!();
        println!("{} scans were confirmed on six devices.", self.captured);
        println!(
            "The network was taken away {} times, and one device was killed {} times.",
            self.outages, self.kills
        );
        println!(
            "The server lost its power {} time(s), and {} device(s) went back to an old copy.",
            self.power_cuts, self.put_back
        );
        println!(
            "Of the scans, {} were posted as entered, {} with a change, {} wait for a decision.",
            self.posted, self.changed, self.parked
        );
        if self.other > 0 {
            println!("{} others were duplicates or refused claims.", self.other);
        }
        println!("{} outcomes were corrected when something came in late.", self.restated);
        if self.unfinished > 0 {
            println!("{} were not answered in the time that was given.", self.unfinished);
        }
        println!("Lost: {}. Posted twice: {}.", self.lost, self.doubled);
        println!(
            "Of {} bins, {} differ from what lies there, {} of them without anybody being told.",
            self.bins, self.bins_wrong, self.bins_wrong_unflagged
        );
        for example in self.examples.iter().take(10) {
            println!("  {example}");
        }
        println!(
            "A scan was on the disk of its device within {:.1} ms (99 of 100), and answered while \
             online within {:.0} ms.",
            self.scan_durable_p99_ms, self.outcome_p99_ms
        );
    }

    /// The last line of a run that ends by itself.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "captured": self.captured,
            "posted": self.posted,
            "changed": self.changed,
            "parked": self.parked,
            "lost": self.lost,
            "doubled": self.doubled,
            "bins_wrong": self.bins_wrong,
            "bins_wrong_unflagged": self.bins_wrong_unflagged,
            "bytes_per_op": self.bytes_per_op(),
            "scan_durable_p99_ms": self.scan_durable_p99_ms,
            "outcome_p99_ms": self.outcome_p99_ms,
        })
    }
}
