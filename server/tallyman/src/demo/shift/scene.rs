//! The end of the shift: a power cut between a scan and the disk of the server, a device that is put
//! back to an old copy of its store, and people who count what they have just seen on the screen.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device_core::boot::{Monotonic, SystemMonotonic};
use device_core::session::LinkState;
use ledger::conflict::first_outcome;
use protocol::identity::{Lsn, OperationId};
use server::server::Running;

use super::super::power::House;
use super::super::worker;
use super::{Crew, Hall, Hand, kill, record};
use crate::Problem;

/// How long anything may take that needs the network.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a person looks whether the device says that the server has it.
const GLANCE: Duration = Duration::from_secs(3);
/// How long a device lies without its battery.
const REST: Duration = Duration::from_millis(3_500);
/// How late the first answers of a slow connection come.
const SLOW_START: Duration = Duration::from_secs(3);
/// How often two people meet at a bin.
const ROUNDS: usize = 2;
/// Scans before the power goes.
const SCANS: u64 = 3;

/// The clock of a device that was switched on when this was made.
#[derive(Debug)]
struct NewBoot {
    inner: SystemMonotonic,
    began_us: u64,
}

impl NewBoot {
    fn now() -> Arc<dyn Monotonic> {
        let inner = SystemMonotonic::new();
        let began_us = inner.now_us();
        Arc::new(Self { inner, began_us })
    }
}

impl Monotonic for NewBoot {
    fn now_us(&self) -> u64 {
        self.inner.now_us().saturating_sub(self.began_us)
    }

    fn boot_id(&self) -> String {
        format!("{} from {}", self.inner.boot_id(), self.began_us)
    }

    fn wall_us(&self) -> Option<i64> {
        self.inner.wall_us()
    }
}

/// Waits until `holds`, at most `within`; says whether it came to that.
async fn until(within: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let mut ticks = within.as_millis() / 10;
    while !holds() {
        if ticks == 0 {
            return false;
        }
        ticks -= 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn copy_of(folder: &Path) -> PathBuf {
    folder.with_extension("copy")
}

/// The device is switched off, its store is copied, and it goes on.
pub(super) async fn copied(hand: Hand) -> Result<Hand, Problem> {
    let dead = kill(hand).await;
    copy(&dead.folder, &copy_of(&dead.folder))?;
    dead.revived().await
}

/// The store of the device is gone; its copy takes its place.
async fn put_back(hand: Hand, hall: &Hall) -> Result<Hand, Problem> {
    let mut dead = kill(hand).await;
    std::fs::remove_dir_all(&dead.folder)?;
    copy(&copy_of(&dead.folder), &dead.folder)?;
    dead.clock = NewBoot::now();
    hall.note(|tally| tally.put_back += 1);
    dead.revived().await
}

fn has_nothing_unsent(hand: &Hand) -> bool {
    hand.device.status().n_unsent == 0
}

/// The server loses its power between a scan and its own disk. As soon as a device holds nothing
/// that is not acknowledged, it may be lost itself: it is put back to an old copy.
async fn lose_power(
    mut hand: Hand,
    hall: &Hall,
    (house, server): (&House, Running),
) -> Result<(Hand, Running), Problem> {
    hand.device.try_now();
    until(PATIENCE, || hand.device.pending() == 0).await;
    let incarnation = hand.device.status().identity.map(|(_device, incarnation)| incarnation);
    house.hold_disk();
    let before = hall.tally().captured;
    for _try in 0..200 {
        if hall.tally().captured >= before + SCANS {
            break;
        }
        let mut floor = hall.floor();
        let acts = hand.worker.next_acts(&mut floor);
        record(&mut hand, hall, acts)?;
    }
    let is_told_safe = until(GLANCE, || has_nothing_unsent(&hand)).await;
    house.cut_power(server).await;
    hall.note(|tally| tally.power_cuts += 1);
    if is_told_safe {
        hand = put_back(hand, hall).await?;
    }
    let server = house.serve().await?;
    hand.device.try_now();
    if !is_told_safe {
        until(PATIENCE, || hand.device.pending() == 0).await;
        hand = put_back(hand, hall).await?;
    }
    hand.device.try_now();
    // The server sees that the store is an old copy and gives it new numbers.
    until(PATIENCE, || {
        let status = hand.device.status();
        status.identity.map(|(_device, now)| now) != incarnation && hand.device.pending() == 0
    })
    .await;
    Ok((hand, server))
}

/// The decision by which the server first answered `name`.
fn decided(server: &Running, name: OperationId) -> Option<Lsn> {
    let snapshot = server.app().company().snapshot();
    first_outcome(&snapshot, name).map(|row| row.outcome.lsn)
}

/// One changes the battery of the device and is back on a network that is slow at first. The other
/// takes a piece out of a bin; the one sees it on the screen, goes there and counts.
async fn meet(
    looker: Hand,
    actor: &mut Hand,
    hall: &Hall,
    server: &Running,
) -> Result<Hand, Problem> {
    let mut dead = kill(looker).await;
    dead.link.set_slow_start(SLOW_START);
    tokio::time::sleep(REST).await;
    dead.clock = NewBoot::now();
    let mut looker = dead.revived().await?;
    until(PATIENCE, || looker.device.status().link == LinkState::Online).await;
    looker.link.set_slow_start(Duration::ZERO);
    let taken = {
        let mut floor = hall.floor();
        actor.worker.take_one(&mut floor)
    };
    let Some((bin, act)) = taken else { return Ok(looker) };
    let names = record(actor, hall, vec![act])?;
    let cursor = || looker.device.status().cursor;
    let has_seen = |name| decided(server, name).is_some_and(|lsn| cursor() >= lsn);
    until(PATIENCE, || names.iter().all(|name| has_seen(*name))).await;
    let count = worker::count_bin(&hall.floor(), &bin);
    record(&mut looker, hall, vec![count])?;
    Ok(looker)
}

async fn meet_often(
    (mut looker, mut actor): (Hand, Hand),
    hall: &Hall,
    server: &Running,
) -> Result<(Hand, Hand), Problem> {
    for _round in 0..ROUNDS {
        looker = meet(looker, &mut actor, hall, server).await?;
    }
    Ok((looker, actor))
}

impl Crew {
    /// What goes wrong at the end of the shift. Gives the server back, started again.
    pub(crate) async fn late_shift(
        &mut self,
        hall: &Hall,
        house: &House,
        server: Running,
    ) -> Result<Running, Problem> {
        let hands = std::mem::take(&mut self.hands);
        let six = <[Hand; 6]>::try_from(hands).map_err(|_others| "six people work in the demo")?;
        let [first, second, third, fourth, fifth, last] = six;
        let (last, server) = lose_power(last, hall, (house, server)).await?;
        let ((first, second), (fourth, fifth)) = tokio::try_join!(
            meet_often((first, second), hall, &server),
            meet_often((fourth, fifth), hall, &server)
        )?;
        self.hands = vec![first, second, third, fourth, fifth, last];
        Ok(server)
    }
}
