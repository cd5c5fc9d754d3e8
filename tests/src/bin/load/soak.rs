//! An hour of everything at once: devices that work, networks that come and go, restarts, a kill, backups
//! all the time, and in the middle a server that is lost and restored from its backup. At the end nothing
//! may be missing, nothing may be there twice, and memory and open files of the server may not have
//! grown.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use device_core::engine::Work;
use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Outcomes};
use ledger::tables::Read as _;
use protocol::enrolment::Invitation;
use protocol::identity::OperationId;
use serde_json::{Value, json};
use server::backup::{Schedule, folder::verified_in, restore::restore};
use server::config::Config;
use server::server::Server;
use server::store::Store;
use tests::prng::Prng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Client, in_memory};
use crate::figures::round;
use crate::house::{BACKUP_EVERY_S, House, Size};
use crate::relay::Relay;
use crate::{Problem, company};

/// Networks; each has its share of the devices, and goes away by itself.
const NETWORKS: u32 = 4;
/// Items, each with stock in a bin.
const N_ITEMS: u32 = 100;
/// How long the last outcomes may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// What the server may have grown from the third to the last quarter: its caches fill up, nothing else.
const GROWTH_MAX: f64 = 1.15;
/// Seconds between two looks into the store.
const LOOK_EVERY: usize = 15;
/// Open files that may be more at the end: the store's own come and go.
const FILES_MORE_MAX: usize = 40;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Minutes.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Devices.
    #[arg(long, default_value_t = 40)]
    devices: u32,
    /// Milliseconds between two scans of a device.
    #[arg(long, default_value_t = 1_000)]
    pause_ms: u64,
    /// The same seed draws the same troubles.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is done to the server, and after which part of the time, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// A planned restart.
    Restart,
    /// The process is killed.
    Kill,
    /// The disk is lost: it is restored from its backup.
    Restore,
}

const TROUBLES: [(u32, Trouble); 7] = [
    (8, Trouble::Restart),
    (16, Trouble::Kill),
    (25, Trouble::Restart),
    (35, Trouble::Restore),
    (60, Trouble::Restart),
    (75, Trouble::Restart),
    (90, Trouble::Restart),
];

/// The size of the server at one moment, and what its store held a moment before.
struct Sample {
    at: Duration,
    size: Size,
    store: Held,
}

/// KiB that a store holds in memory.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    buffered: u64,
    cached: u64,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("server");
    let invitations = set_up(&data, arguments.devices).await?;
    let mut house = House::with_backups(&data).await?;
    let server = ([127, 0, 0, 1], house.port()?).into();
    let (ends, ended) = watch::channel(None);
    let mut relays = Vec::new();
    for _network in 0..NETWORKS {
        relays.push(Relay::to(server, 0).await?);
    }
    let mut devices = JoinSet::new();
    for (n, invitation) in (0..).zip(invitations) {
        let relay = relays.get(usize::try_from(n % NETWORKS)?).ok_or("there is a network")?;
        let invitation = Invitation { url: format!("http://{}", relay.address), ..invitation };
        devices.spawn(work((n, arguments.pause_ms), invitation, ended.clone()));
    }
    let mut soak =
        Soak { folder: folder.path().to_owned(), data, begin: Instant::now(), n_flaps: 0 };
    let samples = soak.endure(arguments, &mut house, &relays).await?;
    for relay in &relays {
        relay.set_up(true);
    }
    ends.send_replace(Some(Instant::now()));
    let mut confirmed = Vec::new();
    while let Some(done) = devices.join_next().await {
        confirmed.extend(done??);
    }
    house.end()?;
    soak.judge(arguments, &confirmed, &samples)
}

/// Sets the company up, and makes a code for each device.
async fn set_up(data: &Path, devices: u32) -> Result<Vec<Invitation>, Problem> {
    let running = Server::start(Config::local(data)).await?;
    let app = running.app();
    company::set_up(app.company(), 1, N_ITEMS).await?;
    let invitations = company::invite(app.company(), app.address(), (devices, 1)).await?;
    running.stop().await;
    Ok(invitations)
}

/// A device at work, until it is told to end and everything has its outcome. Gives the names of what
/// it confirmed.
async fn work(
    (n, pause_ms): (u32, u64),
    invitation: Invitation,
    ended: watch::Receiver<Option<Instant>>,
) -> Result<Vec<OperationId>, Problem> {
    let mut client = Client::open(in_memory(n))?;
    client.enrol(invitation).await?;
    let pause = Duration::from_millis(pause_ms);
    let mut next = Instant::now() + pause * (n % 10) / 10;
    let (mut names, mut n_scans) = (Vec::new(), 0);
    while ended.borrow().is_none() {
        while Instant::now() < next {
            client.turn(next).await;
        }
        next += pause;
        // First it comes, then it goes: stock stays as it is.
        let item = (n + n_scans / 2) % N_ITEMS;
        let (body, document) = company::movement((0, item), n_scans % 2 == 0, 5);
        names.extend(client.record(&[Work { body, document: Some(document) }])?);
        n_scans += 1;
    }
    client.handle(device_core::engine::Event::TryNow);
    if client.until(PATIENCE, |core| core.outbox().is_empty()).await {
        return Ok(names);
    }
    let (left, status) = (client.core().outbox().len(), client.core().status(0));
    Err(format!("{left} operations have no outcome: {status:?}").into())
}

struct Soak {
    folder: PathBuf,
    data: PathBuf,
    begin: Instant,
    n_flaps: u32,
}

impl Soak {
    /// Lets the time pass, with everything that happens in it.
    async fn endure(
        &mut self,
        arguments: &Arguments,
        house: &mut House,
        relays: &[Relay],
    ) -> Result<Vec<Sample>, Problem> {
        let whole = Duration::from_secs(arguments.minutes * 60);
        let mut prng = Prng::new(arguments.seed);
        let mut troubles = TROUBLES.iter().peekable();
        let mut away: BTreeMap<usize, Instant> = BTreeMap::new();
        let (mut samples, mut store) = (Vec::new(), Held::default());
        self.begin = Instant::now();
        let mut next = self.begin;
        while self.begin.elapsed() < whole {
            tokio::time::sleep_until(next).await;
            next += Duration::from_secs(1);
            for (n, relay) in relays.iter().enumerate() {
                if away.get(&n).is_some_and(|until| *until <= Instant::now()) {
                    away.remove(&n);
                    relay.set_up(true);
                } else if !away.contains_key(&n) && prng.chance(1, 40) {
                    relay.set_up(false);
                    self.n_flaps += 1;
                    let seconds = u64::try_from(prng.between(1, 15))?;
                    away.insert(n, Instant::now() + Duration::from_secs(seconds));
                }
            }
            if let Some((_at, trouble)) =
                troubles.next_if(|(at, _trouble)| self.begin.elapsed() >= whole * *at / 100)
            {
                self.make(*trouble, house).await?;
            }
            let (at, size) = (self.begin.elapsed(), house.size()?);
            if samples.len() % LOOK_EVERY == 0 {
                let (buffered, cached) = house.store_kib().await?;
                store = Held { buffered, cached };
                println!(
                    "{:>6.0} s: {} KiB, {buffered} of rows without a file, {cached} of cache",
                    at.as_secs_f64(),
                    size.resident_kib
                );
            }
            samples.push(Sample { at, size, store });
        }
        Ok(samples)
    }

    async fn make(&mut self, trouble: Trouble, house: &mut House) -> Result<(), Problem> {
        let began = Instant::now();
        match trouble {
            Trouble::Restart => house.restart().await?,
            Trouble::Kill => house.kill().await?,
            Trouble::Restore => {
                let backup = Schedule::folder_beside(&self.data);
                let known = verified_in(&backup).ok_or("there is a proved backup")?;
                let restored = self.folder.join("restored").join("server");
                // The backup goes on in a folder beside the new data.
                house.stop_hard()?;
                let recovery = restore(&backup, &Config::local(&restored), false).await?;
                println!(
                    "restored from operation {} of the backup: generation {}",
                    known.to.intake, recovery.epoch
                );
                house.start_over(&restored).await?;
                self.data = restored;
            }
        }
        println!(
            "{:>6.0} s: {trouble:?}, away {:.1} s",
            self.begin.elapsed().as_secs_f64(),
            began.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Every confirmed operation is in the book once, and the server has not grown.
    fn judge(
        &self,
        arguments: &Arguments,
        confirmed: &[OperationId],
        samples: &[Sample],
    ) -> Result<Value, Problem> {
        let store = Store::open(&Config::local(&self.data).store_folder())?;
        let snapshot = store.snapshot();
        let mut taken: BTreeMap<OperationId, u32> = BTreeMap::new();
        for (no, intake) in snapshot.list::<Intakes>(&KeyRange::all()) {
            let name = intake.identity(no);
            if snapshot.has::<Outcomes>(&name) {
                *taken.entry(name).or_default() += 1;
            }
        }
        let n_of = |name: &OperationId| taken.get(name).copied().unwrap_or_default();
        let lost = confirmed.iter().filter(|name| n_of(name) == 0).count();
        let doubled = confirmed.iter().filter(|name| n_of(name) > 1).count();
        let [third, last] = [quarter(samples, 2), quarter(samples, 3)];
        let verified = verified_in(&Schedule::folder_beside(&self.data));
        println!(
            "{} operations confirmed, {lost} lost, {doubled} doubled; {} flaps",
            confirmed.len(),
            self.n_flaps
        );
        for n in 0..4 {
            let Size { resident_kib, threads, files } = quarter(samples, n);
            let Held { buffered, cached } = held(samples, n);
            println!(
                "quarter {}: {resident_kib} KiB ({buffered} of rows without a file, {cached} of cache), \
                 {threads} threads, {files} files",
                n + 1
            );
        }
        let growth = last.resident_kib as f64 / third.resident_kib.max(1) as f64;
        let figures = json!({
            "load": "soak",
            "minutes": arguments.minutes,
            "devices": arguments.devices,
            "confirmed": confirmed.len(),
            "lost": lost,
            "doubled": doubled,
            "flaps": self.n_flaps,
            "restarts": TROUBLES.len(),
            "backup_every_s": BACKUP_EVERY_S,
            "backed_up": verified.map(|verified| verified.to.intake),
            "resident_kib": (0..4).map(|n| quarter(samples, n).resident_kib).collect::<Vec<_>>(),
            "buffered_kib": (0..4).map(|n| held(samples, n).buffered).collect::<Vec<_>>(),
            "cached_kib": (0..4).map(|n| held(samples, n).cached).collect::<Vec<_>>(),
            "files": (0..4).map(|n| quarter(samples, n).files).collect::<Vec<_>>(),
            "growth": round(growth),
        });
        println!("{figures}");
        if lost > 0 || doubled > 0 || confirmed.is_empty() {
            return Err("operations are not in the book once".into());
        }
        if growth > GROWTH_MAX {
            return Err(format!("the server grows: {growth:.2} times in a quarter").into());
        }
        if last.files > third.files + FILES_MORE_MAX {
            return Err(format!("{} files are open, {} were", last.files, third.files).into());
        }
        Ok(figures)
    }
}

/// What was seen in one quarter of the time.
fn in_quarter(samples: &[Sample], n: u32) -> impl Iterator<Item = &Sample> {
    let whole = samples.last().map_or(Duration::ZERO, |sample| sample.at);
    samples
        .iter()
        .filter(move |sample| sample.at >= whole * n / 4 && sample.at <= whole * (n + 1) / 4)
}

fn middle(of: impl Iterator<Item = u64>) -> u64 {
    let mut all: Vec<u64> = of.collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The middle size of one quarter of the time.
fn quarter(samples: &[Sample], n: u32) -> Size {
    let of = |figure: fn(&Size) -> u64| {
        middle(in_quarter(samples, n).map(|sample| figure(&sample.size)))
    };
    Size {
        resident_kib: of(|size| size.resident_kib),
        threads: of(|size| size.threads),
        files: usize::try_from(of(|size| size.files as u64)).unwrap_or_default(),
    }
}

/// What the store held in the middle of one quarter of the time.
fn held(samples: &[Sample], n: u32) -> Held {
    let of = |figure: fn(&Held) -> u64| {
        middle(in_quarter(samples, n).map(|sample| figure(&sample.store)))
    };
    Held { buffered: of(|held| held.buffered), cached: of(|held| held.cached) }
}
