//! A server with many devices that are connected and have nothing to do: memory for each of them,
//! and threads, which must not depend on their number.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::Problem;
use crate::figures::round;
use crate::house::House;
use crate::light::{Light, Line, Refused, lease_secret, wait_within};

/// Devices that connect at the same time.
const AT_ONCE: usize = 100;
/// Memory for each connection, in KiB, that the design allows.
const KIB_MAX: f64 = 40.0;
/// How long the server is left alone before it is measured.
const QUIET: Duration = Duration::from_secs(5);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Connections.
    #[arg(long, default_value_t = 5_000)]
    sockets: u32,
    /// With TLS.
    #[arg(long)]
    tls: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let house = House::start(folder.path(), arguments.sockets, 2_000, arguments.tls).await?;
    let secret = lease_secret(folder.path())?;
    // One device first: what is made once is not counted for each.
    let mut first = Light::new(1, &secret);
    let first = stay(&mut first, &house).await?;
    tokio::time::sleep(QUIET).await;
    let before = house.size()?;
    let connecting = (2..=arguments.sockets).map(|n| {
        let (mut device, house) = (Light::new(n, &secret), &house);
        async move { stay(&mut device, house).await }
    });
    let mut lines: Vec<_> =
        futures_util::stream::iter(connecting).buffer_unordered(AT_ONCE).collect().await;
    lines.push(Ok(first));
    tokio::time::sleep(QUIET).await;
    let after = house.size()?;
    let lines: Vec<Line> = lines.into_iter().collect::<Result<_, _>>()?;
    let kib = (after.resident_kib.saturating_sub(before.resident_kib)) as f64
        / f64::from(arguments.sockets.max(2) - 1);
    println!(
        "{} devices: {kib:.1} KiB each, {} threads (before: {}), {} files",
        lines.len(),
        after.threads,
        before.threads,
        after.files
    );
    drop(lines);
    house.end()?;
    if after.threads > before.threads + 4 {
        return Err("the number of threads depends on that of connections".into());
    }
    if kib > KIB_MAX {
        return Err(format!("{kib:.1} KiB a connection, more than {KIB_MAX}").into());
    }
    Ok(json!({
        "load": "idle",
        "sockets": arguments.sockets,
        "tls": arguments.tls,
        "kib_per_connection": round(kib),
        "resident_kib": after.resident_kib,
        "threads": after.threads,
        "threads_before": before.threads,
    }))
}

/// Connects, follows the feed, and stays.
async fn stay(device: &mut Light, house: &House) -> Result<Line, Problem> {
    loop {
        match device.come_in(&house.address).await {
            Ok((mut line, _resume)) => {
                device.follow(&mut line).await.map_err(|why| format!("{why:?}"))?;
                return Ok(line);
            }
            Err(Refused::Later(min_ms, max_ms)) => wait_within(min_ms, max_ms).await,
            Err(Refused::Broken(why)) => return Err(why.into()),
        }
    }
}
