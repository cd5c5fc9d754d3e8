//! Acknowledgements each second: devices that were away send what they have in whole batches, and each of
//! these operations is durable before it is acknowledged. What is judged meanwhile takes its own time.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::time::Instant;

use crate::Problem;
use crate::figures::per_second;
use crate::house::House;
use crate::light::{Light, Refused, lease_secret, wait_within};

/// Operations of one PUSH, and PUSH frames that may be unacknowledged at once.
const PER_PUSH: usize = 512;
const AHEAD: usize = 4;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Devices.
    #[arg(long, default_value_t = 20)]
    devices: u32,
    /// Operations of each.
    #[arg(long, default_value_t = 20_000)]
    operations: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let house = House::start(folder.path(), arguments.devices, 2_000, false).await?;
    let secret = lease_secret(folder.path())?;
    let ready = Barrier::new(usize::try_from(arguments.devices)?);
    let sending = (1..=arguments.devices).map(|n| {
        let (mut device, house, ready) = (Light::new(n, &secret), &house, &ready);
        for _operation in 0..arguments.operations {
            device.record();
        }
        async move { send(&mut device, house, ready).await }
    });
    let spans = futures_util::future::join_all(sending).await;
    let spans: Vec<(Instant, Instant)> = spans.into_iter().collect::<Result<_, _>>()?;
    let began = spans.iter().map(|span| span.0).min().ok_or("no device")?;
    let ended = spans.iter().map(|span| span.1).max().ok_or("no device")?;
    let took: Duration = ended - began;
    let size = house.size()?;
    house.end()?;
    let n = arguments.operations * usize::try_from(arguments.devices)?;
    let acks_per_s = per_second(n, took);
    println!(
        "{n} operations of {} devices: all acknowledged after {:.2} s, {acks_per_s:.0} a second",
        arguments.devices,
        took.as_secs_f64()
    );
    Ok(json!({
        "load": "intake",
        "devices": arguments.devices,
        "operations": n,
        "seconds": took.as_secs_f64(),
        "acks_per_s": acks_per_s,
        "resident_kib": size.resident_kib,
    }))
}

/// Comes in, waits for all others, and sends everything; when it began and when all was acknowledged.
async fn send(
    device: &mut Light,
    house: &House,
    ready: &Barrier,
) -> Result<(Instant, Instant), Problem> {
    let mut line = loop {
        match device.come_in(&house.address).await {
            Ok((line, _resume)) => break line,
            Err(Refused::Later(min_ms, max_ms)) => wait_within(min_ms, max_ms).await,
            Err(Refused::Broken(why)) => return Err(why.into()),
        }
    };
    ready.wait().await;
    let began = Instant::now();
    let broken = |why: Refused| format!("{why:?}");
    let mut sent = 0;
    while device.pending() > 0 {
        let acked = usize::try_from(device.accepted.0)?;
        while sent < device.n_recorded() && sent - acked.min(sent) < AHEAD * PER_PUSH {
            line.say(&device.push_from(sent, PER_PUSH)).await.map_err(broken)?;
            sent = (sent + PER_PUSH).min(device.n_recorded());
        }
        let (frame, _body) = line.hear().await.map_err(broken)?;
        device.note(&frame);
    }
    Ok((began, Instant::now()))
}
