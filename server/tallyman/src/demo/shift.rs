//! The demo's shift: six people with devices, on a floor that keeps the truth.

mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_core::boot::{Monotonic, SystemMonotonic, WrongClock};
use device_core::device::{Device, Settings};
use device_core::engine::{News, OperationState, SignInWith, Work};
use device_core::session::LinkState;
use protocol::enrolment::Invitation;
use protocol::identity::OperationId;
use protocol::operation::Body;

use super::company::PEOPLE;
use super::floor::Floor;
use super::link::Link;
use super::prng::Prng;
use super::worker::{Act, Worker};
use crate::Problem;

/// Twenty minutes: how far the wrong clock of one device is ahead.
const WRONG_CLOCK_US: i64 = 20 * 60 * 1_000_000;
/// The device with the wrong clock, by place in [`PEOPLE`].
const WRONG_CLOCK: usize = 2;
/// The device that is killed in the middle of the shift.
const KILLED: usize = 1;
/// The device that has no network for most of the shift.
const FAR_AWAY: usize = 4;
/// The device that is put back to a copy of its store from early in the shift: the last.
const PUT_BACK: usize = 5;

/// What the people of the shift did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Operations that a device confirmed.
    pub(crate) captured: u64,
    /// Scan to durable, in microseconds, of each.
    pub(crate) scan_durable_us: Vec<u64>,
    /// Times that a network was taken away.
    pub(crate) outages: u64,
    /// Times that a device was killed and opened again.
    pub(crate) kills: u64,
    /// Times that a device was put back to an old copy of its store.
    pub(crate) put_back: u64,
    /// Times that the server lost its power.
    pub(crate) power_cuts: u64,
    /// Names of the confirmed operations.
    pub(crate) names: Vec<OperationId>,
}

/// A person at work.
struct Hand {
    place: usize,
    folder: std::path::PathBuf,
    clock: Arc<dyn Monotonic>,
    device: Device,
    running: tokio::task::JoinHandle<()>,
    listening: tokio::task::JoinHandle<()>,
    link: Link,
    worker: Worker,
    answers: Arc<Answers>,
}

/// How long the server took to answer what was recorded while the device was in session.
#[derive(Debug, Default)]
struct Answers {
    waiting: Mutex<BTreeMap<OperationId, u64>>,
    took_us: Mutex<Vec<u64>>,
}

impl Answers {
    fn asked(&self, name: OperationId, now_us: u64) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(name, now_us);
    }

    fn answered(&self, name: OperationId, now_us: u64) {
        let asked = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if let Some(asked) = asked {
            let took = now_us.saturating_sub(asked);
            self.took_us.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
    }

    /// What still waits was not online all the time.
    fn network_went(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Listens to the outcomes of a device.
fn listen(device: &Device, answers: &Arc<Answers>) -> tokio::task::JoinHandle<()> {
    let (mut news, answers, device) = (device.news(), Arc::clone(answers), device.clone());
    tokio::spawn(async move {
        while let Ok(news) = news.recv().await {
            if let News::Outcomes(outcomes) = news {
                let now_us = device.now_us();
                for outcome in outcomes {
                    answers.answered(outcome.operation, now_us);
                }
            }
        }
    })
}

/// What all hands share.
pub(crate) struct Hall {
    floor: Mutex<Floor>,
    tally: Mutex<Tally>,
}

impl Hall {
    pub(crate) fn new(floor: Floor) -> Arc<Self> {
        Arc::new(Self { floor: Mutex::new(floor), tally: Mutex::new(Tally::default()) })
    }

    fn note(&self, note: impl FnOnce(&mut Tally)) {
        note(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the people of the shift did.
    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The floor.
    pub(crate) fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clock_of(place: usize) -> Arc<dyn Monotonic> {
    if place == WRONG_CLOCK {
        Arc::new(WrongClock::new(WRONG_CLOCK_US, 3_600_000_000))
    } else {
        Arc::new(SystemMonotonic::new())
    }
}

fn open(folder: &Path, place: usize, clock: &Arc<dyn Monotonic>) -> Result<Device, Problem> {
    let mut settings = Settings { clock: Arc::clone(clock), ..Settings::default() };
    settings.config.name = format!("H-{:02}", place + 1);
    Ok(Device::open(folder, settings)?)
}

fn run(device: &Device) -> tokio::task::JoinHandle<()> {
    let device = device.clone();
    tokio::spawn(async move { device.run().await })
}

/// The devices of the shift.
pub(crate) struct Crew {
    hands: Vec<Hand>,
}

impl Crew {
    /// Enrols one device for each of the people, in folders under `folder`, and signs them in.
    /// `invite` gives an invitation to the site of the person at a place.
    pub(crate) async fn enrol(
        folder: &Path,
        server: std::net::SocketAddr,
        today: chrono::NaiveDate,
        mut prng: Prng,
        mut invite: impl AsyncFnMut(usize) -> Result<Invitation, Problem>,
    ) -> Result<Self, Problem> {
        let mut hands = Vec::new();
        for (place, (_id, _name, location, _pin)) in PEOPLE.iter().enumerate() {
            let link = Link::to(server).await?;
            let folder = folder.join(format!("device-{}", place + 1));
            let clock = clock_of(place);
            let device = open(&folder, place, &clock)?;
            let running = run(&device);
            let invitation =
                Invitation { url: format!("http://{}", link.address), ..invite(place).await? };
            device.enrol(invitation, Duration::from_secs(60)).await?;
            let worker = Worker { location: (*location).try_into()?, prng: prng.fork(), today };
            let answers = Arc::new(Answers::default());
            let listening = listen(&device, &answers);
            hands.push(Hand {
                place,
                folder,
                clock,
                device,
                running,
                listening,
                link,
                worker,
                answers,
            });
        }
        for hand in &hands {
            sign_in(hand).await?;
        }
        Ok(Self { hands })
    }

    /// Works for `minutes`, with outages, then gives everybody the network back.
    pub(crate) async fn work(&mut self, hall: &Arc<Hall>, length: Duration) -> Result<(), Problem> {
        let hands = std::mem::take(&mut self.hands);
        let tasks: Vec<_> = hands
            .into_iter()
            .map(|hand| tokio::spawn(work(hand, Arc::clone(hall), length)))
            .collect();
        for task in tasks {
            self.hands.push(task.await??);
        }
        Ok(())
    }

    /// Counts what was robbed and not yet counted, so that the book can be held against the floor.
    pub(crate) fn count_the_rest(&mut self, hall: &Hall) -> Result<(), Problem> {
        for hand in &mut self.hands {
            let mut floor = hall.floor();
            let mine = |bin: &super::floor::Bin| bin.0 == hand.worker.location;
            let robbed: Vec<_> = floor.robbed.iter().filter(|bin| mine(bin)).cloned().collect();
            floor.robbed.retain(|bin| !mine(bin));
            for bin in robbed {
                record(hand, hall, vec![super::worker::count_bin(&floor, &bin)])?;
            }
        }
        Ok(())
    }

    /// Waits until no device has an operation without an outcome, for at most `within`.
    pub(crate) async fn drain(&self, within: Duration) {
        let mut ticks = within.as_millis() / 50;
        while ticks > 0 && self.hands.iter().any(|hand| hand.device.pending() > 0) {
            ticks -= 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The operations that only their devices have.
    pub(crate) fn unsent(&self) -> Result<BTreeSet<OperationId>, Problem> {
        let mut unsent = BTreeSet::new();
        for hand in &self.hands {
            let all = hand.device.my_operations(usize::MAX)?;
            let open = all.into_iter().filter(|one| matches!(one.state, OperationState::SavedHere));
            unsent.extend(open.map(|one| one.name));
        }
        Ok(unsent)
    }

    /// Bytes that the devices sent.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.hands.iter().map(|hand| hand.link.bytes_up()).sum()
    }

    /// How long each answer took that came over a network without a break, in microseconds.
    pub(crate) fn outcome_us(&self) -> Vec<u64> {
        let took = |hand: &Hand| {
            hand.answers.took_us.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.hands.iter().flat_map(took).collect()
    }
}

/// Signs the person in, offline, as soon as the device knows its people.
async fn sign_in(hand: &Hand) -> Result<(), Problem> {
    let (id, _name, _location, pin) = PEOPLE[hand.place];
    let with = SignInWith::Badge(format!("BADGE-{id}"));
    let mut tries = 0;
    loop {
        match hand.device.sign_in(&with, pin) {
            Ok(_person) => return Ok(()),
            Err(error) if tries >= 600 => return Err(error.into()),
            Err(_not_yet) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One person's shift.
async fn work(mut hand: Hand, hall: Arc<Hall>, length: Duration) -> Result<Hand, Problem> {
    let steps = u64::try_from(length.as_millis() / 40).unwrap_or(u64::MAX).max(1);
    let mut network_changes_at = hand.worker.prng.below(150);
    let mut is_up = true;
    for step in 0..steps {
        if step == network_changes_at {
            is_up = !is_up || hand.place == FAR_AWAY && step > steps * 9 / 10;
            hand.link.set_up(is_up);
            hand.answers.network_went();
            hall.note(|tally| tally.outages += u64::from(!is_up));
            let stay = if !is_up && hand.place == FAR_AWAY { steps } else { 250 };
            network_changes_at = step + 50 + hand.worker.prng.below(stay);
        }
        if hand.place == KILLED && step == steps / 2 {
            hand = kill(hand).await.revived().await?;
            hall.note(|tally| tally.kills += 1);
        }
        if hand.place == PUT_BACK && step == steps / 4 {
            hand = scene::copied(hand).await?;
        }
        {
            let mut floor = hall.floor();
            let acts = hand.worker.next_acts(&mut floor);
            // Recorded before anybody else touches the floor: what is counted is what lies there.
            record(&mut hand, &hall, acts)?;
        }
        let pause = 20 + hand.worker.prng.below(40);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    hand.link.set_up(true);
    hand.device.try_now();
    Ok(hand)
}

/// A hand whose device's process has died.
struct Dead {
    place: usize,
    folder: std::path::PathBuf,
    clock: Arc<dyn Monotonic>,
    link: Link,
    worker: Worker,
    answers: Arc<Answers>,
}

/// The process of the device dies: nothing is flushed, nothing is said.
async fn kill(mut hand: Hand) -> Dead {
    hand.running.abort();
    hand.listening.abort();
    // Both end by being aborted; there is nothing else to hear from them.
    let _ended = ((&mut hand.running).await, (&mut hand.listening).await);
    drop(hand.device);
    hand.answers.network_went();
    let Hand { place, folder, clock, link, worker, answers, .. } = hand;
    Dead { place, folder, clock, link, worker, answers }
}

impl Dead {
    /// Opens the folder of the device again.
    async fn revived(self) -> Result<Hand, Problem> {
        let Self { place, folder, clock, link, worker, answers } = self;
        let device = reopen(&folder, place, &clock).await?;
        let running = run(&device);
        let listening = listen(&device, &answers);
        Ok(Hand { place, folder, clock, device, running, listening, link, worker, answers })
    }
}

/// Opens the folder of a device whose process has just ended: its files are free a moment later.
async fn reopen(
    folder: &Path,
    place: usize,
    clock: &Arc<dyn Monotonic>,
) -> Result<Device, Problem> {
    let mut tries = 0;
    loop {
        match open(folder, place, clock) {
            Ok(device) => return Ok(device),
            Err(error) if tries >= 100 => return Err(error),
            Err(_still_held) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn record(hand: &mut Hand, hall: &Hall, acts: Vec<Act>) -> Result<Vec<OperationId>, Problem> {
    let mut names = Vec::with_capacity(acts.len());
    for act in acts {
        let now_us = hand.device.now_us();
        let work = Work { body: stamped(act.body, now_us), document: act.document };
        let name = hand.device.record(&work)?;
        if hand.device.status().link == LinkState::Online {
            hand.answers.asked(name, now_us);
        }
        let took = hand.device.now_us().saturating_sub(now_us);
        hall.note(|tally| {
            tally.captured += 1;
            tally.scan_durable_us.push(took);
            tally.names.push(name);
        });
        names.push(name);
    }
    Ok(names)
}

/// The lines of a whole-bin count carry the instant of their scans.
fn stamped(body: Body, now_us: u64) -> Body {
    match body {
        Body::CountBin(mut count) => {
            for line in &mut count.lines {
                line.mono_us = now_us;
            }
            Body::CountBin(count)
        }
        other => other,
    }
}
