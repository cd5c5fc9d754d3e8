//! The first replica of a device in a large company, over a slow network: when a person can scan, and
//! when everything is there. In the middle the network goes away once, and it goes on where it was.

use std::time::Duration;

use device_core::engine::DeviceCore;
use ledger::draft::{Changes, Draft};
use ledger::key::KeyRange;
use ledger::memory::MemoryTables;
use ledger::schema::item::{Identifier, Identifiers, Item, Items, ItemsByNo, Meaning};
use ledger::schema::place::{Bin, Bins, BinsByCode};
use ledger::schema::{BinId, ItemId, UnitId, VariantId};
use ledger::tables::Read as _;
use protocol::enrolment::Invitation;
use serde_json::{Value, json};
use server::config::Config;
use server::server::Server;
use server::store::Store;
use tokio::time::Instant;

use crate::client::Client;
use crate::company::word;
use crate::drain::on_disk;
use crate::figures::round;
use crate::relay::Relay;
use crate::{Problem, company};

/// Items that lie somewhere and are on orders.
const N_NEAR: u32 = 300;
/// The first number of the rows that are added.
const FIRST: u32 = 1_000_000;
/// Rows that are written at once.
const PER_WRITE: u32 = 5_000;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Items.
    #[arg(long, default_value_t = 200_000)]
    items: u32,
    /// Barcodes.
    #[arg(long, default_value_t = 400_000)]
    barcodes: u32,
    /// Bins.
    #[arg(long, default_value_t = 50_000)]
    bins: u32,
    /// The network in Mbit/s, in each direction; 0 is no limit.
    #[arg(long, default_value_t = 5)]
    mbit: u64,
    /// Seconds after which everything should be there.
    #[arg(long, default_value_t = 300)]
    patience_s: u64,
    /// Take the network away in the middle.
    #[arg(long)]
    cut: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let config = Config::local(&folder.path().join("server"));
    let running = Server::start(config.clone()).await?;
    company::set_up(running.app().company(), 1, N_NEAR).await?;
    running.stop().await;
    furnish(&config, arguments)?;
    let running = Server::start(config).await?;
    let app = running.app();
    let relay = Relay::to(running.addr(), arguments.mbit * 1_000_000).await?;
    let made = Instant::now();
    let invitation = company::invite(app.company(), app.address(), (1, 1)).await?.remove(0);
    println!("the code is there after {:.2} s", made.elapsed().as_secs_f64());
    // The code is read from the screen by a person: the server uses the time.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let invitation = Invitation { url: format!("http://{}", relay.address), ..invitation };
    let client = Client::open(on_disk(&folder.path().join("handheld"))?)?;
    let figures = fetch(arguments, client, &relay, invitation).await?;
    running.stop().await;
    Ok(figures)
}

/// Writes the rows that no order and no stock is about straight into the store: how they came there
/// is not what is measured.
fn furnish(config: &Config, arguments: &Arguments) -> Result<(), Problem> {
    let store = Store::open(&config.store_folder())?;
    let snapshot = store.snapshot();
    let (_id, item) = snapshot.last::<Items>(&KeyRange::all()).ok_or("there are items")?;
    let (_id, bin) = snapshot.last::<Bins>(&KeyRange::all()).ok_or("there are bins")?;
    let more = arguments.items.saturating_sub(N_NEAR);
    write(&store, more, |draft, n| {
        let no = word(format!("SKU-{n:07}"));
        let description = format!("Hexagon bolt M{} x {} zinc, {n}", n % 30, n % 200);
        let id = ItemId(FIRST + n);
        draft.put::<ItemsByNo>(&no, id);
        draft.put::<Items>(&id, Item { no, description, ..(*item).clone() });
    })?;
    write(&store, arguments.barcodes, |draft, n| {
        let code = word(format!("{:013}", 4_000_000_000_000_u64 + u64::from(n) * 10_007));
        let item = ItemId(FIRST + n % more.max(1));
        let meaning = Meaning { item, variant: VariantId(0), unit: UnitId(0) };
        draft.put::<Identifiers>(&code, Identifier { meanings: vec![meaning] });
    })?;
    write(&store, arguments.bins.saturating_sub(N_NEAR), |draft, n| {
        let code: protocol::words::BinCode =
            word(format!("{:02}-{:03}-{:03}", n / 10_000, n / 100 % 100, n % 100));
        let id = BinId(FIRST + n);
        draft.put::<BinsByCode>(&(bin.location, code.clone()), id);
        draft.put::<Bins>(&id, Bin { code, ..(*bin).clone() });
    })?;
    Ok(())
}

fn write(store: &Store, n: u32, mut put: impl FnMut(&mut Draft<'_>, u32)) -> Result<(), Problem> {
    let nothing = MemoryTables::new();
    for from in (0..n).step_by(PER_WRITE as usize) {
        let mut draft = Draft::with_budget(&nothing, u64::MAX);
        for n in from..n.min(from + PER_WRITE) {
            put(&mut draft, n);
        }
        let changes: Changes = draft.finish();
        store.apply(&changes)?;
    }
    Ok(())
}

fn is_ready(core: &DeviceCore) -> bool {
    core.status(0).is_ready
}

fn is_complete(core: &DeviceCore) -> bool {
    let status = core.status(0);
    status.is_ready && status.snapshot.is_none() && status.cursor.0 > 0
}

async fn fetch(
    arguments: &Arguments,
    mut client: Client,
    relay: &Relay,
    invitation: Invitation,
) -> Result<Value, Problem> {
    let patience = Duration::from_secs(arguments.patience_s);
    let begin = Instant::now();
    client.enrol(invitation).await?;
    if !client.until(patience, is_ready).await {
        return Err("nobody can scan yet".into());
    }
    let ready = begin.elapsed();
    let (_up, ready_bytes) = relay.bytes();
    if arguments.cut {
        let half = |core: &DeviceCore| {
            core.status(0).snapshot.is_none_or(|at| at.n_chunks * 2 > at.chunks)
        };
        client.until(patience, half).await;
        relay.set_up(false);
        client.until(Duration::from_millis(500), |_core| false).await;
        relay.set_up(true);
        client.handle(device_core::engine::Event::TryNow);
    }
    if !client.until(patience, is_complete).await {
        return Err(format!("not everything is there: {:?}", client.core().status(0)).into());
    }
    let complete = begin.elapsed();
    let (_up, bytes) = relay.bytes();
    let rows = arguments.items + arguments.barcodes + arguments.bins;
    println!(
        "{rows} rows at {} Mbit/s: a person can scan after {:.2} s, everything is there after \
         {:.2} s, {:.1} MB",
        arguments.mbit,
        ready.as_secs_f64(),
        complete.as_secs_f64(),
        bytes as f64 / 1e6
    );
    Ok(json!({
        "load": "snapshot",
        "items": arguments.items,
        "barcodes": arguments.barcodes,
        "bins": arguments.bins,
        "mbit": arguments.mbit,
        "cut": arguments.cut,
        "ready_s": round(ready.as_secs_f64()),
        "complete_s": round(complete.as_secs_f64()),
        "ready_bytes": ready_bytes,
        "bytes": bytes,
    }))
}
