//! Scan to outcome with many devices over sockets on one machine: the devices share its processors
//! with the server. Their disks are in memory, so that they do not share the server's disk: the
//! time of a device's own `fdatasync` is what `scan` measures.

use std::time::Duration;

use device_core::engine::Work;
use protocol::enrolment::Invitation;
use serde_json::{Value, json};
use server::backup::Schedule;
use server::config::Config;
use server::server::Server;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{Client, Tally, in_memory};
use crate::figures::{per_second, round};
use crate::{Problem, company};

/// How long the last outcomes may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Devices of one site: everybody there is told of everything that happens there.
const DEVICES_PER_SITE: u32 = 50;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Devices.
    #[arg(long, default_value_t = 200)]
    devices: u32,
    /// Seconds of work.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Milliseconds between two scans of a device.
    #[arg(long, default_value_t = 1_000)]
    pause_ms: u64,
    /// Items, each with stock in a bin at each site.
    #[arg(long, default_value_t = 100)]
    items: u32,
    /// Sites that the devices work in; one for each 50 devices when it is not said.
    #[arg(long)]
    sites: Option<u32>,
    /// With a backup running beside the work, one after the other, each comparing everything.
    #[arg(long)]
    backups: bool,
}

/// How a device works.
#[derive(Clone, Copy)]
struct Shift {
    n: u32,
    n_devices: u32,
    n_items: u32,
    n_sites: u32,
    pause: Duration,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let mut config = Config::local(&folder.path().join("server"));
    if arguments.backups {
        let second = folder.path().join("backup");
        config.backup = Some(Schedule { every_s: 1, full_every_s: 1, ..Schedule::usual(second) });
    }
    let running = Server::start(config).await?;
    let app = running.app();
    let n_sites = arguments.sites.unwrap_or(arguments.devices.div_ceil(DEVICES_PER_SITE)).max(1);
    company::set_up(app.company(), n_sites, arguments.items).await?;
    let wanted = (arguments.devices, n_sites);
    let invitations = company::invite(app.company(), app.address(), wanted).await?;
    let (starts, started) = watch::channel(None);
    let (readies, mut ready) = tokio::sync::mpsc::unbounded_channel();
    let mut devices = JoinSet::new();
    for (n, invitation) in (0..).zip(invitations) {
        let shift = Shift {
            n,
            n_devices: arguments.devices,
            n_items: arguments.items,
            n_sites,
            pause: Duration::from_millis(arguments.pause_ms),
        };
        devices.spawn(work(shift, invitation, readies.clone(), started.clone()));
    }
    drop(readies);
    for _device in 0..arguments.devices {
        if ready.recv().await.is_none() {
            // A device broke off: its error says more.
            break;
        }
    }
    println!("{} devices are ready", app.company().online().len());
    let begin = Instant::now();
    starts.send_replace(Some(begin + Duration::from_secs(arguments.seconds)));
    let mut all = Tally::default();
    while let Some(done) = devices.join_next().await {
        let tally = done??;
        all.outcomes.extend(tally.outcomes);
        all.acks.extend(tally.acks);
        all.n_otherwise += tally.n_otherwise;
        all.push_bytes += tally.push_bytes;
    }
    let took = begin.elapsed();
    let backups = app.backups().status();
    running.stop().await;
    if arguments.backups && backups.verified.is_none() {
        return Err(format!("no backup was proved: {:?}", backups.failed).into());
    }
    Ok(figures(arguments, took, &all))
}

fn figures(arguments: &Arguments, took: Duration, all: &Tally) -> Value {
    println!(
        "{} scans; to the outcome p50 {:.1} ms, p99 {:.1} ms; acknowledged p99 {:.1} ms",
        all.outcomes.len(),
        all.outcomes.ms(50),
        all.outcomes.ms(99),
        all.acks.ms(99)
    );
    json!({
        "load": "busy",
        "devices": arguments.devices,
        "sites": arguments.sites.unwrap_or(arguments.devices.div_ceil(DEVICES_PER_SITE)).max(1),
        "pause_ms": arguments.pause_ms,
        "backups": arguments.backups,
        "seconds": round(took.as_secs_f64()),
        "scan_to_outcome": all.outcomes.json(),
        "scan_to_ack": all.acks.json(),
        "acks_per_s": per_second(all.acks.len(), took),
        "not_accepted": all.n_otherwise,
        "push_bytes_per_scan": round(all.push_bytes as f64 / all.acks.len().max(1) as f64),
    })
}

/// A device from its enrolment to its last outcome.
async fn work(
    shift: Shift,
    invitation: Invitation,
    ready: tokio::sync::mpsc::UnboundedSender<()>,
    started: watch::Receiver<Option<Instant>>,
) -> Result<Tally, Problem> {
    let mut client = Client::open(in_memory(shift.n))?;
    client.enrol(invitation).await?;
    ready.send(()).map_err(|_gone| "nobody waits for the devices")?;
    let end = loop {
        if let Some(end) = *started.borrow() {
            break end;
        }
        client.turn(Instant::now() + Duration::from_millis(20)).await;
    };
    // Spread over the pause, as people are.
    let mut next = Instant::now() + shift.pause * shift.n / shift.n_devices.max(1);
    let mut n_scans = 0;
    while next < end {
        while Instant::now() < next {
            client.turn(next).await;
        }
        // First it comes, then it goes: stock stays as it is.
        let item = (shift.n + n_scans / 2) % shift.n_items;
        let place = (shift.n % shift.n_sites, item);
        let (body, document) = company::movement(place, n_scans % 2 == 0, 5);
        client.record(&[Work { body, document: Some(document) }])?;
        n_scans += 1;
        next += shift.pause;
    }
    if client.until(PATIENCE, |core| core.outbox().is_empty()).await {
        return Ok(client.tally);
    }
    Err(format!("{} scans have no outcome", client.core().outbox().len()).into())
}
