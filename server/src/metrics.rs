//! What the server counts, as text that Prometheus reads (exposition format 0.0.4).
//!
//! Counters are plain numbers that anybody may add to; what the tables and queues know is read when
//! it is asked for. No label names a device, a person or an item: their number has no bound, and a
//! scrape must tell nobody who works here.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::schema::book::Heads;
use ledger::tables::Read as _;
use protocol::identity::ServerTime;
use server_core::schema::SafePoints;

use crate::runtime::Health;
use crate::state::AppState;
use crate::view::{case, task};

/// The type of the frame ERROR.
const FAULT: u8 = 0x0A;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the classes of a [`Histogram`], in microseconds.
const BOUNDS_US: [u64; 10] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One for each bound, and one for what took longer than all.
    classes: [Counter; BOUNDS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    /// Counts one that took `us` microseconds.
    pub fn count(&self, us: u64) {
        let class = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        if let Some(class) = self.classes.get(class) {
            class.add(1);
        }
        self.sum_us.add(us);
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Devices that were let in to show who they are.
    pub admitted: Counter,
    /// Connections that were told to come back later.
    pub turned_away: Counter,
    /// Connections that never said hello.
    pub strangers_gone: Counter,
    /// Devices that proved who they are.
    pub authenticated: Counter,
    /// Connections that ended because the peer did not read.
    pub unread: Counter,
    /// Times that a connection sent faster than it is read.
    pub paused: Counter,
    /// Faults that peers were told.
    pub faults: Counter,
    /// Alarms.
    pub alarms: Counter,
    /// Batches that were made durable, and how long each took.
    pub commits: Histogram,
    /// Answers to requests of pages and programs, by the first digit of their status.
    pub answers: [Counter; 5],
    /// Sign-ins at desks.
    pub signed_in: Counter,
    /// Wrong names and passwords.
    pub sign_ins_failed: Counter,
    messages_in: Counter,
    messages_out: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl Metrics {
    /// A message of `bytes` came from a device.
    pub fn heard(&self, bytes: u64) {
        self.messages_in.add(1);
        self.bytes_in.add(bytes);
    }

    /// A message of type `number` and of `bytes` goes to a device.
    pub fn said(&self, number: u8, bytes: u64) {
        self.faults.add(u64::from(number == FAULT));
        self.messages_out.add(1);
        self.bytes_out.add(bytes);
    }

    /// A request was answered with `status`.
    pub fn answered(&self, status: u16) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.answers.get(class)) {
            counter.add(1);
        }
    }
}

/// The text in the making.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to memory does not fail.
        let _written =
            writeln!(self.0, "# HELP tallyman_{name} {help}\n# TYPE tallyman_{name} {kind}");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        let _written = writeln!(self.0, "tallyman_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut total = 0;
        for (class, bound_us) in histogram.classes.iter().zip(BOUNDS_US) {
            total += class.get();
            self.line(&format!("{name}_bucket{{le=\"{}\"}}", seconds(bound_us)), total);
        }
        total += histogram.classes.last().map_or(0, Counter::get);
        self.line(&format!("{name}_bucket{{le=\"+Inf\"}}"), total);
        self.line(&format!("{name}_sum"), seconds(histogram.sum_us.get()));
        self.line(&format!("{name}_count"), total);
    }
}

/// Microseconds as seconds, exactly.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Everything, as Prometheus reads it.
pub fn render(app: &AppState) -> String {
    let mut page = Page(String::with_capacity(8 << 10));
    connections(&mut page, app);
    book(&mut page, app);
    desk(&mut page, app.metrics());
    process(&mut page);
    page.0
}

fn connections(page: &mut Page, app: &AppState) {
    let (metrics, admission) = (app.metrics(), app.admission());
    page.gauge("connections", "Open connections of devices.", admission.n_connections());
    let strangers = admission.n_strangers();
    page.gauge("strangers", "Open connections whose peer has not shown who it is.", strangers);
    let online = app.company().online().len();
    page.gauge("devices_online", "Devices that are connected.", online);
    for (name, help, counter) in [
        ("admitted_total", "Connections that were let in to say who they are.", &metrics.admitted),
        (
            "turned_away_total",
            "Connections that were told when to come back.",
            &metrics.turned_away,
        ),
        ("silent_total", "Connections that never said who they are.", &metrics.strangers_gone),
        ("authenticated_total", "Devices that proved who they are.", &metrics.authenticated),
        ("unread_total", "Connections ended because the peer did not read.", &metrics.unread),
        ("paused_total", "Times a connection sent faster than it is read.", &metrics.paused),
        ("faults_total", "Faults that peers were told.", &metrics.faults),
        ("messages_received_total", "Messages of devices.", &metrics.messages_in),
        ("messages_sent_total", "Messages to devices.", &metrics.messages_out),
        ("received_bytes_total", "Bytes of messages of devices.", &metrics.bytes_in),
        ("sent_bytes_total", "Bytes of messages to devices.", &metrics.bytes_out),
    ] {
        page.counter(name, help, counter.get());
    }
}

fn book(page: &mut Page, app: &AppState) {
    let (company, metrics) = (app.company(), app.metrics());
    let snapshot = company.snapshot();
    let head = snapshot.row::<Heads>(&()).map(|head| *head).unwrap_or_default();
    let up = u8::from(*company.health().borrow() == Health::Running);
    page.gauge("up", "1 while the machine takes work.", up);
    page.gauge("decisions", "The last decision.", head.lsn);
    page.gauge("operations_judged", "The last operation that was judged.", head.intake);
    let waiting = company.n_waiting();
    page.gauge("inbox_messages", "Messages that wait for the machine.", waiting);
    let bytes = company.bytes_waiting();
    page.gauge("inbox_bytes", "Bytes of the messages that wait for the machine.", bytes);
    page.gauge("cases_open", "Cases that wait for a person.", case::n_open(&snapshot));
    page.gauge("tasks_open", "Tasks that wait for a person.", task::n_open(&snapshot));
    if let Some(bytes) = company.store_bytes() {
        page.gauge("store_bytes", "Bytes of the store on disk.", bytes);
    }
    let memory = company.store_memory();
    let buffered = "Rows of the store that wait in memory for their file.";
    page.gauge("store_buffer_bytes", buffered, memory.buffered);
    page.gauge("store_cache_bytes", "Blocks of the store's files in memory.", memory.cached);
    let safe = snapshot.row::<SafePoints>(&()).map_or(0, |safe| safe.intake.0);
    page.gauge("safe_operations", "Operations up to here are in a verified backup.", safe);
    let backup = app.backups().status();
    let age = backup.verified.map(|verified| age(ServerTime(verified.at_us), company.now()));
    let age = age.unwrap_or_else(|| "NaN".to_owned());
    page.gauge("backup_age_seconds", "Time since the last verified backup.", age);
    let failed = u8::from(backup.failed.is_some());
    page.gauge("backup_failed", "1 when the last run failed.", failed);
    page.counter("alarms_total", "Alarms.", metrics.alarms.get());
    let replicas = company.replicas();
    for (name, help, n) in [
        ("replicas_agreed_total", "Replicas that were what they should be.", replicas.n_agreed),
        (
            "replicas_differed_total",
            "Replicas that were not: zero is the aim.",
            replicas.n_differed,
        ),
        ("replicas_unknown_total", "Replicas that could not be compared.", replicas.n_unknown),
        ("replica_rows_mended_total", "Rows sent to put replicas right.", replicas.n_rows_sent),
    ] {
        page.counter(name, help, n);
    }
    page.histogram("commit_seconds", "Time to make a batch durable.", &metrics.commits);
}

fn age(since: ServerTime, now: ServerTime) -> String {
    seconds(now.us_since(since).max(0).unsigned_abs())
}

fn desk(page: &mut Page, metrics: &Metrics) {
    page.head("http_answers_total", "counter", "Answers to requests, by class of status.");
    for (class, counter) in (1..).zip(&metrics.answers) {
        page.line(&format!("http_answers_total{{class=\"{class}xx\"}}"), counter.get());
    }
    page.counter("sign_ins_total", "Sign-ins at desks.", metrics.signed_in.get());
    let failed = metrics.sign_ins_failed.get();
    page.counter("sign_ins_failed_total", "Wrong names and passwords.", failed);
}

/// What Linux knows of this process; elsewhere nothing is said.
fn process(page: &mut Page) {
    if let Some(bytes) = resident_bytes() {
        page.gauge("resident_bytes", "Memory that this process holds.", bytes);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("open_files", "Files and sockets that are open.", files.count());
    }
    page.head("build_info", "gauge", "The version of this build.");
    page.line(&format!("build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
}

/// Bytes of memory that this process holds; none where the system does not say.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_short() {
        let shown = [0, 500, 2_500_000, 1_000_000, 1_000_001].map(seconds);
        assert_eq!(shown, ["0", "0.0005", "2.5", "1", "1.000001"]);
    }

    #[test]
    fn a_histogram_adds_up() {
        let histogram = Histogram::default();
        for us in [100, 500, 501, 9_000_000] {
            histogram.count(us);
        }
        let mut page = Page(String::new());
        page.histogram("x", "X.", &histogram);
        let lines: Vec<_> = page.0.lines().collect();
        assert_eq!(lines[..2], ["# HELP tallyman_x X.", "# TYPE tallyman_x histogram"]);
        assert_eq!(lines[2], "tallyman_x_bucket{le=\"0.0005\"} 2");
        assert_eq!(lines[3], "tallyman_x_bucket{le=\"0.001\"} 3");
        assert!(lines.contains(&"tallyman_x_bucket{le=\"+Inf\"} 4"));
        assert!(lines.contains(&"tallyman_x_sum 9.001101"));
        assert!(lines.contains(&"tallyman_x_count 4"));
    }
}
