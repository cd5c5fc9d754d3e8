//! A day offline: a device with disks of its own records without a network, then the network comes
//! back.
//!
//! Items and quantities are drawn, so that compression finds no more than it does in real work.
//! The scans follow each other as fast as the disk lets them: their times differ by less than those
//! of people, which spares a byte or two of each operation.

use std::path::Path;
use std::time::Duration;

use device_core::engine::{Config as DeviceConfig, Event, Parts, Work};
use device_core::key::DeviceKey;
use device_core::recorder::{Disk, FolderDisk};
use device_core::store::SledStore;
use protocol::enrolment::Invitation;
use serde_json::{Value, json};
use server::config::Config;
use server::server::Server;
use tests::prng::Prng;
use tokio::time::Instant;

use crate::client::Client;
use crate::figures::{cpu, per_second, round};
use crate::relay::Relay;
use crate::{Problem, company};

const N_ITEMS: u32 = 300;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Operations of the day.
    #[arg(long, default_value_t = 5_000)]
    operations: u32,
    /// The network, in each direction: 5mbit, 800kbit; 0 is no limit.
    #[arg(long, alias = "mbit", default_value = "5mbit", value_parser = link_of)]
    link: u64,
    /// Seconds after which the server should have answered.
    #[arg(long, default_value_t = 120)]
    patience_s: u64,
    /// The same seed draws the same day.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Bits each second of a link such as `5mbit`; a bare number counts Mbit/s.
fn link_of(text: &str) -> Result<u64, String> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|sign: char| !sign.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "" | "mbit" => 1_000_000,
        "kbit" => 1_000,
        "gbit" => 1_000_000_000,
        other => return Err(format!("{other:?} is none of kbit, mbit, gbit")),
    };
    let number: u64 = digits.parse().map_err(|error| format!("{digits:?}: {error}"))?;
    number.checked_mul(unit).ok_or_else(|| format!("{text} is too fast"))
}

/// A device with disks of its own.
pub(crate) fn on_disk(folder: &Path) -> Result<(DeviceConfig, Parts), Problem> {
    let recorder = folder.join("recorder");
    let parts = Parts {
        recorder_disk: Box::new(
            move || Ok(Box::new(FolderDisk::open(&recorder)?) as Box<dyn Disk>),
        ),
        state_disk: Box::new(FolderDisk::open(&folder.join("device"))?),
        queue: Box::new(SledStore::open(&folder.join("queue"))?.store),
        replica: Box::new(SledStore::open(&folder.join("replica"))?.store),
        blob_disk: Box::new(FolderDisk::open(&folder.join("photos"))?),
        key: DeviceKey::from_secret([5; 32]),
        store_name: [6; 16],
    };
    Ok((DeviceConfig { name: "H-0001".to_owned(), ..DeviceConfig::default() }, parts))
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let running = Server::start(Config::local(&folder.path().join("server"))).await?;
    let app = running.app();
    company::set_up(app.company(), 1, N_ITEMS).await?;
    let relay = Relay::to(running.addr(), arguments.link).await?;
    let invitation = company::invite(app.company(), app.address(), (1, 1)).await?.remove(0);
    let invitation = Invitation { url: format!("http://{}", relay.address), ..invitation };
    let mut client = Client::open(on_disk(&folder.path().join("handheld"))?)?;
    client.enrol(invitation).await?;
    relay.set_up(false);
    record(&mut client, arguments).await?;
    let figures = drain(arguments, &mut client, &relay).await?;
    running.stop().await;
    Ok(figures)
}

/// The day without a network.
async fn record(client: &mut Client, arguments: &Arguments) -> Result<(), Problem> {
    let mut prng = Prng::new(arguments.seed);
    for _operation in 0..arguments.operations {
        let item = u32::try_from(prng.below(u64::from(N_ITEMS)))?;
        let pieces = 1 + i32::try_from(prng.below(20))?;
        let (body, document) = company::movement((0, item), prng.chance(1, 2), pieces);
        client.record(&[Work { body, document: Some(document) }])?;
        // It notices that the network is gone, and that it stays away.
        client.turn(Instant::now()).await;
    }
    Ok(())
}

async fn drain(
    arguments: &Arguments,
    client: &mut Client,
    relay: &Relay,
) -> Result<Value, Problem> {
    let n = usize::try_from(arguments.operations)?;
    client.until(Duration::from_millis(200), |_core| false).await;
    let (up_before, down_before) = relay.bytes();
    client.tally = crate::client::Tally::default();
    relay.set_up(true);
    let begin = Instant::now();
    let cpu_before = cpu()?;
    client.handle(Event::TryNow);
    let end = begin + Duration::from_secs(arguments.patience_s);
    let mut acked = None;
    while !client.core().outbox().is_empty() {
        if Instant::now() >= end {
            let (left, status) = (client.core().outbox().len(), client.core().status(0));
            return Err(format!("{left} operations have no outcome: {status:?}").into());
        }
        client.turn(end).await;
        if acked.is_none() && client.is_acked() {
            acked = Some(begin.elapsed());
        }
    }
    let cpu_s = cpu()?.saturating_sub(cpu_before).as_secs_f64();
    let answered = client.answered_at.map_or(Duration::ZERO, |at| at - begin);
    let acked = acked.ok_or("outcomes came, and no acknowledgement")?;
    let (up, down) = relay.bytes();
    let (up, down) = (up - up_before, down - down_before);
    let per_operation = |bytes: f64| round(bytes / n as f64);
    let tally = &client.tally;
    println!(
        "{n} operations at {:.1} Mbit/s: acknowledged after {:.2} s, answered after {:.2} s, {cpu_s:.2} s \
         of CPU on both sides",
        arguments.link as f64 / 1e6,
        acked.as_secs_f64(),
        answered.as_secs_f64()
    );
    println!(
        "bytes per operation: {} on the socket, {} in PUSH frames; {} came back",
        per_operation(up as f64),
        per_operation(tally.push_bytes as f64),
        per_operation(down as f64)
    );
    Ok(json!({
        "load": "drain",
        "operations": n,
        "mbit": arguments.link as f64 / 1e6,
        "acked_s": round(acked.as_secs_f64()),
        "answered_s": round(answered.as_secs_f64()),
        "cpu_s": round(cpu_s),
        "acks_per_s": per_second(n, acked),
        "socket_bytes_per_operation": per_operation(up as f64),
        "push_bytes_per_operation": per_operation(tally.push_bytes as f64),
        "frame_bytes_per_operation": per_operation(tally.frame_bytes as f64),
        "answer_bytes_per_operation": per_operation(down as f64),
        "pushes": tally.n_pushes,
        "not_accepted": tally.n_otherwise,
    }))
}

#[cfg(test)]
mod checks {
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        arguments: super::Arguments,
    }

    fn link(of: &[&str]) -> Option<u64> {
        let command = Command::try_parse_from(["drain"].iter().chain(of));
        command.ok().map(|command| command.arguments.link)
    }

    #[test]
    fn a_link_is_written_as_people_say_it() {
        assert_eq!(link(&["--operations", "5000", "--link", "5mbit"]), Some(5_000_000));
        assert_eq!(link(&[]), Some(5_000_000));
        assert_eq!(link(&["--link", "800kbit"]), Some(800_000));
        assert_eq!(link(&["--link", "1Gbit"]), Some(1_000_000_000));
        assert_eq!(link(&["--mbit", "20"]), Some(20_000_000), "as it was written before");
        assert_eq!(link(&["--link", "0"]), Some(0), "no limit");
        assert_eq!(link(&["--link", "5 parsecs"]), None);
        assert_eq!(link(&["--link", "99999999999gbit"]), None);
    }
}
