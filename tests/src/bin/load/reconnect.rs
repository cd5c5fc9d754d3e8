//! Everybody comes back: after a planned restart, where devices were told when, and after the server
//! was killed, where each finds out for itself. No device may need a snapshot, and each has one scan
//! that the server does not know.

use std::collections::BTreeMap;
use std::time::Duration;

use device_core::engine::Address;
use protocol::frame::{Frame, Resume};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::Problem;
use crate::figures::{Took, round};
use crate::house::House;
use crate::light::{Light, Line, Refused, lease_secret, wait_within};

/// How long everybody may take, in all.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is told how many are in.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Devices.
    #[arg(long, default_value_t = 5_000)]
    devices: u32,
    /// Devices that the server lets in each second.
    #[arg(long, default_value_t = 500)]
    admissions_per_s: u32,
    /// With TLS.
    #[arg(long)]
    tls: bool,
}

/// A device is in, with its scan acknowledged.
struct In {
    /// Which: one that comes in again is not counted again.
    n: u32,
    /// The storm it came through.
    round: u32,
    at: Instant,
    acked_at: Instant,
    is_snapshot: bool,
    n_tries: u32,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let (devices, per_s) = (arguments.devices, arguments.admissions_per_s);
    let mut house = House::start(folder.path(), devices, per_s, arguments.tls).await?;
    let secret = lease_secret(folder.path())?;
    let (round, rounds) = watch::channel(0);
    let (reports, mut reported) = mpsc::unbounded_channel();
    let (breaks, mut whys) = mpsc::unbounded_channel();
    for n in 1..=devices {
        let device = Light::new(n, &secret);
        let told = (reports.clone(), breaks.clone());
        tokio::spawn(live(device, house.address.clone(), told, rounds.clone()));
    }
    drop(reports);
    gather((&mut reported, &mut whys), 0, devices).await?;
    println!("{devices} devices are in");
    let mut storms = Vec::new();
    for (n, is_planned) in [(1, true), (2, false)] {
        println!("broken until now: {}", broken(&mut whys));
        round.send_replace(n);
        let gone = Instant::now();
        if is_planned {
            house.restart().await?;
        } else {
            house.kill().await?;
        }
        let up = Instant::now();
        let storm = gather((&mut reported, &mut whys), n, devices).await?;
        storms.push(figures(if is_planned { "planned" } else { "killed" }, (gone, up), &storm)?);
    }
    let size = house.size()?;
    house.end()?;
    Ok(json!({
        "load": "reconnect",
        "devices": devices,
        "admissions_per_s": per_s,
        "tls": arguments.tls,
        "storms": storms,
        "resident_kib": size.resident_kib,
    }))
}

/// Why connections broke, and how often, since it was asked last.
fn broken(whys: &mut mpsc::UnboundedReceiver<String>) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    while let Ok(why) = whys.try_recv() {
        *counts.entry(why).or_default() += 1;
    }
    format!("{counts:?}")
}

async fn gather(
    (reported, whys): (&mut mpsc::UnboundedReceiver<In>, &mut mpsc::UnboundedReceiver<String>),
    round: u32,
    devices: u32,
) -> Result<Vec<In>, Problem> {
    let end = Instant::now() + PATIENCE;
    let mut storm = BTreeMap::new();
    let (begin, mut next) = (Instant::now(), TOLD_EVERY);
    while storm.len() < devices as usize {
        if begin.elapsed() >= next {
            println!("{:>4.0} s: {} devices are in", next.as_secs_f64(), storm.len());
            next += TOLD_EVERY;
        }
        match tokio::time::timeout_at(end, reported.recv()).await {
            Ok(Some(one)) if one.round == round => {
                storm.entry(one.n).or_insert(one);
            }
            Ok(Some(_earlier)) => {}
            Ok(None) => return Err("the devices are gone".into()),
            Err(_late) => {
                let (n, why) = (storm.len(), broken(whys));
                return Err(format!("only {n} of {devices} devices came back: {why}").into());
            }
        }
    }
    Ok(storm.into_values().collect())
}

fn figures(name: &str, (gone, up): (Instant, Instant), storm: &[In]) -> Result<Value, Problem> {
    let (mut ins, mut acks) = (Took::default(), Took::default());
    for one in storm {
        ins.push(one.at.saturating_duration_since(up));
        acks.push(one.acked_at.saturating_duration_since(up));
    }
    let n_snapshots = storm.iter().filter(|one| one.is_snapshot).count();
    let n_tries: u32 = storm.iter().map(|one| one.n_tries).sum();
    println!(
        "{name}: away {:.1} s; all in after {:.1} s, all scans acknowledged after {:.1} s (p99 \
         {:.1} s); {:.1} tries a device, {n_snapshots} snapshots",
        (up - gone).as_secs_f64(),
        ins.ms(100) / 1e3,
        acks.ms(100) / 1e3,
        acks.ms(99) / 1e3,
        f64::from(n_tries) / storm.len() as f64,
    );
    if n_snapshots > 0 {
        return Err(format!("{n_snapshots} devices were told to take a snapshot").into());
    }
    Ok(json!({
        "storm": name,
        "away_s": round((up - gone).as_secs_f64()),
        "all_in_s": round(ins.ms(100) / 1e3),
        "all_acked_s": round(acks.ms(100) / 1e3),
        "acked_p99_s": round(acks.ms(99) / 1e3),
        "tries_per_device": round(f64::from(n_tries) / storm.len() as f64),
        "snapshots": n_snapshots,
    }))
}

/// A device for as long as the load lasts. It waits as the device core does: within the window that
/// it was told, else in full jitter over a window that doubles.
async fn live(
    mut device: Light,
    address: Address,
    (reports, breaks): (mpsc::UnboundedSender<In>, mpsc::UnboundedSender<String>),
    rounds: watch::Receiver<u32>,
) {
    let (mut n_tries, mut n_failures) = (0_u32, 0_u32);
    let mut wait = (0, 2_000);
    loop {
        wait_within(wait.0, wait.1).await;
        n_tries += 1;
        device.record_once();
        let refused = match device.come_in(&address).await {
            Ok((line, resume)) => {
                let at = Instant::now();
                let round = *rounds.borrow();
                let told = (round, at, resume == Resume::Snapshot && round > 0, n_tries);
                n_tries = 0;
                stay(&mut device, line, told, &reports).await
            }
            Err(refused) => refused,
        };
        wait = match refused {
            Refused::Later(min_ms, max_ms) => {
                n_failures = 0;
                (min_ms, max_ms)
            }
            Refused::Broken(why) => {
                // Nobody asks any more when the load is over.
                let _told = breaks.send(why);
                n_failures = (n_failures + 1).min(7);
                (0, 500 << (n_failures - 1))
            }
        };
        if reports.is_closed() {
            return;
        }
    }
}

/// In session, until it ends; says when it is in and its scan is known.
async fn stay(
    device: &mut Light,
    mut line: Line,
    (round, at, is_snapshot, n_tries): (u32, Instant, bool, u32),
    reports: &mpsc::UnboundedSender<In>,
) -> Refused {
    if let Err(refused) = device.drain(&mut line).await {
        return refused;
    }
    let told = In { n: device.n, round, at, acked_at: Instant::now(), is_snapshot, n_tries };
    if reports.send(told).is_err() {
        return Refused::Broken("the load is over".to_owned());
    }
    if let Err(refused) = device.follow(&mut line).await {
        return refused;
    }
    // The next scan is made while the server is away.
    loop {
        let heard = futures_util::StreamExt::next(&mut line.0).await;
        let Some(Ok(message)) = heard else {
            return Refused::Broken("the connection ended".to_owned());
        };
        if let tokio_tungstenite::tungstenite::Message::Binary(bytes) = message
            && let Ok((frame, _body)) = protocol::frame::codec::decode(&bytes, 1 << 20)
        {
            device.note(&frame);
            if let Frame::GoAway(later) = frame {
                return Refused::Later(later.after_min_ms, later.after_max_ms);
            }
        }
    }
}
