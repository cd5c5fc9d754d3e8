//! Every durable step of device and server is once the last one.
//!
//! One script takes a device and a server through all that they do to their disks: enrolment, first
//! replica, scans, photos, a long time without a network, draining, trimming, an old image of the
//! device, a new key, a restored server, damaged storage, lost rows, a wipe. Another script takes a company
//! through the file steps of its backups and of being put back ([`backups`]). Each step has a name;
//! [`enumerate`] ends the process before each of them, in every way that [`End`] knows, lets it begin again
//! and finishes the script. Then nothing confirmed may be missing, nothing may be there twice, and both
//! sides must agree.

mod backups;
mod copies;
mod files;
mod fuse;
mod hall;
mod live;
mod mutant;
pub mod tape;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use device_core::engine::Event as DeviceEvent;
use device_core::engine::Work;
use ledger::key::KeyRange;
use ledger::schema::book::{Heads, Intake, Intakes, Origin, Outcomes};
use ledger::schema::identity::Devices;
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use protocol::digest::Sums;
use protocol::frame::order::Order;
use protocol::identity::{DeviceId, Hash16, OperationId, ServerTime};
use protocol::operation::{Body, Recorded};
use protocol::outcome::Decision;
use server_core::feed::OBJECTS;
use server_core::feed::project::SiteView;
use server_core::identity::command::MachineCommand;
use server_core::machine::Event;
use server_core::schema::Orders;
use server_core::session::beside::blob;
use server_core::store::MemoryStore;

pub use copies::{Copies, copies};
use fuse::Fuse;
pub use hall::End;
use hall::Hall;
pub use live::{Settled, Trigger, settle};
pub use mutant::{Mutant, notice};

use crate::receipt::nuts;
use crate::world::company;
use crate::world::floor::LOCATION;

/// Units of the book in one piece.
const PIECE: i128 = 100_000;
/// Pieces of NUT at the beginning.
const OPENING: i128 = 120;

fn receive() -> Work {
    nuts(1, LOCATION, 1)
}

fn photo() -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF];
    bytes.extend((0..20_000_u32).map(|n| n.to_le_bytes()[0]));
    bytes
}

fn records(hall: &mut Hall, n: usize) {
    for _ in 0..n {
        hall.record(&[receive()]);
    }
}

/// Until everything that was done is known on both sides.
fn come_to_rest(hall: &mut Hall) -> Result<(), String> {
    if hall.run_until(3_600, Hall::is_quiet) {
        return Ok(());
    }
    let device = hall.device().map(|device| device.status(0));
    Err(format!("an hour later something still waits: {device:?}"))
}

/// A device that is enrolled and has its rows.
fn begin(hall: &mut Hall) -> Result<(), String> {
    hall.phase("first start");
    hall.start_device();
    let is_enrolled = |hall: &Hall| hall.device().is_some_and(|device| device.status(0).is_ready);
    hall.phase("enrolment and first replica");
    for _attempt in 0..3 {
        // Whoever sees that the device did not join scans the code again.
        hall.device_event(DeviceEvent::Enrol(company::invitation(0)));
        if hall.run_until(1_200, is_enrolled) {
            return Ok(());
        }
    }
    Err("it cannot be enrolled".to_owned())
}

/// The script.
fn play(hall: &mut Hall) -> Result<(), String> {
    begin(hall)?;
    hall.phase("scans");
    records(hall, 3);
    hall.record(&[receive(), receive()]);
    come_to_rest(hall)?;
    hall.phase("a photo");
    hall.photograph(&photo());
    come_to_rest(hall)?;
    new_keys(hall)?;
    // Of the key before it the server knows nothing any more: who has only that one is enrolled again.
    let early_image = hall.folders.image();
    hall.phase("chores");
    hall.run_until(120, |_hall| false);
    hall.phase("a long time without a network");
    hall.set_offline(true);
    records(hall, 70);
    hall.run_until(120, |_hall| false);
    hall.phase("draining");
    hall.set_offline(false);
    come_to_rest(hall)?;
    hall.phase("a verified backup");
    prove_a_backup(hall);
    let late_backup = hall.store.clone();
    records(hall, 1);
    come_to_rest(hall)?;
    hall.run_until(120, |_hall| false);
    hall.phase("suspend");
    hall.device_event(DeviceEvent::Suspend);
    hall.phase("damaged storage");
    damage(hall);
    come_to_rest(hall)?;
    hall.phase("destroyed storage");
    destroy(hall);
    come_to_rest(hall)?;
    hall.phase("rows lost");
    hall.folders.replica.destroy();
    let folders = hall.folders.clone();
    hall.replace_device(folders, false);
    come_to_rest(hall)?;
    hall.phase("the server restored from a backup");
    restore(hall, late_backup);
    records(hall, 2);
    come_to_rest(hall)?;
    hall.phase("an old image of the device");
    hall.set_offline(true);
    hall.replace_device(early_image, true);
    // Where the process had died, its next boot had the number that this one has now: what it recorded at
    // the same microsecond of it would be the same operation.
    hall.run_until(7, |_hall| false);
    records(hall, 2);
    hall.set_offline(false);
    come_to_rest(hall)?;
    hall.run_until(1_200, |_hall| false);
    come_to_rest(hall)?;
    hall.phase("a wipe");
    wipe(hall)?;
    hall.phase("enrolment after a wipe");
    enrol_again(hall)?;
    records(hall, 2);
    come_to_rest(hall)?;
    // Rows are counted page by page after a start.
    let is_counted = |hall: &Hall| {
        let replica = hall.device().map(device_core::engine::DeviceCore::replica);
        replica.is_some_and(|replica| replica.sums_at(replica.cursor()).is_some())
    };
    if hall.run_until(3_600, is_counted) {
        Ok(())
    } else {
        Err("its rows are not counted".to_owned())
    }
}

/// The server is lost, and put back as `backup` has it.
fn restore(hall: &mut Hall, backup: MemoryStore) {
    let fork = backup.row::<Heads>(&()).map(|head| head.lsn).unwrap_or_default();
    hall.replace_server(backup);
    hall.system(MachineCommand::BeginEpoch { fork, backup_at: None }.encode());
}

/// A backup has everything that was judged, and was read back.
fn prove_a_backup(hall: &mut Hall) {
    let judged = hall.store.row::<Heads>(&()).map(|head| head.intake).unwrap_or_default();
    let photos = hall.whole_photos();
    hall.step(Event::Safe { intake: judged, photos });
}

/// Has the device do what is ordered. A server that dies before it has the order in its book is told
/// again; what is done at once is ordered twice, so that a key changes twice.
fn order(hall: &mut Hall, device: DeviceId, order: Order) {
    let is_ordered = |hall: &Hall| {
        let row = hall.store.row::<Orders>(&device);
        row.is_some_and(|row| row.order == order && row.done.is_none())
    };
    for _attempt in 0..2 {
        if !is_ordered(hall) {
            let expires = ServerTime(hall.now_us() + 86_400_000_000);
            hall.system(MachineCommand::Order { device, order, expires }.encode());
            hall.run_until(1, is_ordered);
        }
    }
}

fn identity(hall: &Hall) -> Result<DeviceId, String> {
    let identity = hall.device().and_then(device_core::engine::DeviceCore::identity);
    identity.map(|(device, _incarnation)| device).ok_or_else(|| "it is no device".to_owned())
}

/// The device changes its key, and the server is restored from before that.
fn new_keys(hall: &mut Hall) -> Result<(), String> {
    hall.phase("a new key");
    let backup = hall.store.clone();
    change_key(hall)?;
    hall.phase("the server restored from before the new key");
    restore(hall, backup);
    records(hall, 1);
    knows_the_key(hall)
}

/// The device makes a new key, and the server knows it.
fn change_key(hall: &mut Hall) -> Result<(), String> {
    let device = identity(hall)?;
    let old = hall.store.row::<Devices>(&device).map(|row| row.public_key.to_vec());
    let old = old.ok_or("the server does not know it")?;
    order(hall, device, Order::RotateKey);
    if hall.run_until(3_600, |hall| hall.has_other_key(device, &old)) {
        come_to_rest(hall)
    } else {
        Err("an hour later the key is not another".to_owned())
    }
}

/// Until the server knows the key of the device, and no other waits.
fn knows_the_key(hall: &mut Hall) -> Result<(), String> {
    let device = identity(hall)?;
    if hall.run_until(3_600, |hall| hall.has_other_key(device, &[])) {
        come_to_rest(hall)
    } else {
        let status = hall.device().map(|device| device.status(0));
        Err(format!("an hour later the server knows another key: {status:?}"))
    }
}

/// The device is drained, and wiped when a backup has everything.
fn wipe(hall: &mut Hall) -> Result<(), String> {
    let device = identity(hall)?;
    let key = hall.folders.only_key();
    let is_wiped = |hall: &Hall| hall.device().is_some_and(|device| device.identity().is_none());
    for _attempt in 0..3 {
        order(hall, device, Order::DrainThenWipe);
        prove_a_backup(hall);
        if hall.run_until(1_200, is_wiped) {
            return is_blank(hall, key);
        }
    }
    Err("an hour later it is not wiped".to_owned())
}

/// Whether nothing is left of what the device was, whose key was `key`.
fn is_blank(hall: &Hall, key: Option<[u8; 32]>) -> Result<(), String> {
    let device = hall.device().ok_or("the device is gone")?;
    let n_recorded = device.recorder().map_or(0, |recorder| recorder.head().seq);
    let (cursor, n_photos) = (device.replica().cursor(), device.n_blobs_kept());
    if n_recorded == 0 && cursor.0 == 0 && n_photos == 0 && hall.folders.only_key() != key {
        Ok(())
    } else {
        Err(format!(
            "it was wiped, and has {n_recorded} operations, rows of {cursor}, {n_photos} photos"
        ))
    }
}

/// What was wiped is enrolled as another device.
fn enrol_again(hall: &mut Hall) -> Result<(), String> {
    let is_enrolled = |hall: &Hall| hall.device().is_some_and(|device| device.status(0).is_ready);
    for _attempt in 0..3 {
        // A server that has died may have let it in, and taken the code with that.
        hall.system(company::let_in(1, ServerTime(hall.now_us() + 3_600_000_000)).encode());
        hall.run_until(1, |_hall| false);
        hall.device_event(DeviceEvent::Enrol(company::invitation(1)));
        if hall.run_until(1_200, is_enrolled) {
            return Ok(());
        }
    }
    Err("it cannot be enrolled again".to_owned())
}

/// One bit of the recorder is wrong: it is put right, and everything is written anew.
fn damage(hall: &mut Hall) {
    use device_core::recorder::Disk as _;
    let folders = hall.folders.clone();
    let names = folders.recorder.list().unwrap_or_default();
    let segment = names.iter().find(|name| name.strip_suffix(".seg").is_some());
    if let Some(name) = segment {
        let bytes = folders.recorder.bytes_of(name).unwrap_or_default();
        let at = bytes.windows(3).position(|window| window == b"NUT");
        if let Some(at) = at {
            folders.recorder.flip_bit(name, at, 2);
        }
    }
    hall.replace_device(folders, false);
}

/// A scan is destroyed on both of its places before the server has it: it is lost, and counted.
fn destroy(hall: &mut Hall) {
    use device_core::recorder::Disk as _;
    hall.set_offline(true);
    for _scan in 0..3 {
        records(hall, 1);
        // Each at its own time: what is looked for below is there once.
        hall.run_until(1, |_hall| false);
    }
    let folders = hall.folders.clone();
    if let Some((name, content)) = last_but_one(hall) {
        let segments = folders.recorder.list().unwrap_or_default();
        for segment in segments.iter().filter(|segment| segment.strip_suffix(".seg").is_some()) {
            let bytes = folders.recorder.bytes_of(segment).unwrap_or_default();
            let at = bytes.windows(content.len()).position(|window| window == content);
            for bit in at.iter().flat_map(|at| (0..5_u8).map(move |bit| (at, bit))) {
                folders.recorder.flip_bit(segment, bit.0 + usize::from(bit.1), bit.1);
            }
        }
        folders.queue.destroy();
        hall.lost.insert(name);
    }
    hall.replace_device(folders, false);
    hall.set_offline(false);
}

/// The last confirmed scan but one, with its content, where another one stands behind it.
fn last_but_one(hall: &Hall) -> Option<(OperationId, Vec<u8>)> {
    let name = *hall.confirmed.get(hall.confirmed.len().checked_sub(2)?)?;
    let device = hall.device()?;
    let seq = device.outbox().seq_of(name)?;
    let recorder = device.recorder()?;
    let operation = recorder.read(seq.0).ok().filter(|_operation| seq.0 < recorder.head().seq)?;
    Some((name, operation.content))
}

/// What must hold at the end.
fn judge(hall: &Hall) -> Result<(), String> {
    if let Some(first) = hall.violations.first() {
        return Err(first.clone());
    }
    if hall.replica_health().n_differed > 0 {
        return Err("a replica was not what it should be".to_owned());
    }
    let audit = ledger::audit::audit(&hall.store);
    if let Some(first) = audit.first() {
        return Err(format!("audit: {first}"));
    }
    let mut taken: BTreeMap<OperationId, u64> = BTreeMap::new();
    let mut received = BTreeSet::new();
    let mut voids = Vec::new();
    for (no, intake) in hall.store.list::<Intakes>(&KeyRange::all()) {
        let name = intake.identity(no);
        let Ok(recorded) = Recorded::from_content(&intake.raw) else { continue };
        *taken.entry(name).or_default() += 1;
        let row = hall.store.row::<Outcomes>(&name).ok_or(format!("{name} has no outcome"))?;
        if matches!(recorded.decode_body(), Ok(Body::Void(_))) {
            voids.push(name);
        }
        let is_posted = matches!(row.outcome.decision, Decision::Accepted | Decision::Changed);
        if matches!(recorded.decode_body(), Ok(Body::Receive(_))) && is_posted {
            received.insert(fact_of(&intake, name));
        }
    }
    if let Some(lost) = hall.confirmed.iter().find(|name| !taken.contains_key(name)) {
        return Err(format!("{lost} was confirmed and is lost"));
    }
    let n_void = voids.len();
    if n_void != hall.lost.len() || voids.iter().any(|name| !hall.lost.contains(name)) {
        return Err(format!(
            "{n_void} losses are counted, {} there were: {voids:?}",
            hall.lost.len()
        ));
    }
    let stock = hall.store.list::<Stocks>(&KeyRange::all());
    let nuts: i128 = stock
        .iter()
        .filter(|(key, _row)| ledger::lookup::item_text(&hall.store, key.item) == "NUT")
        .map(|(_key, row)| row.quantity.units())
        .sum();
    if received.len() + hall.lost.len() < hall.n_acts {
        let n = hall.n_acts;
        return Err(format!("{n} receipts were confirmed, {} are in the book", received.len()));
    }
    if received.len() > hall.n_acts + hall.n_unsure {
        let n = hall.n_acts;
        return Err(format!("{n} receipts were confirmed, {} are in the book", received.len()));
    }
    let wanted = OPENING + i128::try_from(received.len()).unwrap_or_default();
    if nuts != wanted * PIECE {
        return Err(format!("{} NUT in the book, {wanted} were received", nuts / PIECE));
    }
    photos_arrived(hall)?;
    both_sides_agree(hall)
}

/// What was done: the first name, and the hash there. A copy of a device gives names twice.
fn fact_of(intake: &Intake, name: OperationId) -> (OperationId, Hash16) {
    match &intake.origin {
        Origin::Device { hash, first, .. } => (name, first.map_or(*hash, |first| first.hash)),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => (name, Hash16::default()),
    }
}

fn photos_arrived(hall: &Hall) -> Result<(), String> {
    use ledger::schema::attachment::AttachmentsByHash;
    for ((hash, by), _target) in hall.store.list::<AttachmentsByHash>(&KeyRange::all()) {
        if blob(&hall.store, &hash).as_deref() != Some(&photo()[..]) {
            return Err(format!("the photo of {by} is not there"));
        }
    }
    Ok(())
}

/// The replica is what the server shows, row by row.
fn both_sides_agree(hall: &Hall) -> Result<(), String> {
    let view = SiteView { tables: &hall.store, site: ledger::schema::SiteId(1) };
    let mut wanted = Sums::new();
    for (table, feed) in OBJECTS {
        let all = KeyRange::all();
        ledger::tables::Tables::scan(&hall.store, table, &all, false, &mut |key, _record| {
            if let Some(row) = view.row(table, key) {
                wanted.add(feed, key, &row.encode());
            }
            std::ops::ControlFlow::Continue(())
        });
    }
    let device = hall.device().ok_or("the device is gone")?;
    let cursor = device.replica().cursor();
    let found = device.replica().sums_at(cursor).ok_or("the device does not know its rows")?;
    if found.totals() == wanted.totals() {
        Ok(())
    } else {
        Err(format!("the rows differ: {:?} and {:?}", found.totals(), wanted.totals()))
    }
}

/// A point at which a process ended, and how; what broke, where something did.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The name of the step before which it ended.
    pub point: String,
    /// The number of the step in the script.
    pub step: usize,
    /// How.
    pub end: End,
    /// What broke.
    pub broke: Option<String>,
    /// How many trials there are.
    pub of: usize,
}

/// Which script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    /// A device and a server.
    Hall,
    /// Backups.
    Office,
}

/// Plays the script once, ending a process before step `at`.
fn trial(script: Script, at: Option<usize>, end: End) -> (Fuse, Result<(), String>) {
    if script == Script::Office {
        return backups::trial(at, end);
    }
    let fuse = Fuse::new(at);
    let mut hall = Hall::new(fuse.clone(), end);
    let played = play(&mut hall).and_then(|()| judge(&hall));
    let died = at.is_none() || hall.n_died > 0 || !fuse.is_burnt();
    let done = if died { played } else { Err("nothing died at it".to_owned()) };
    (fuse, done)
}

fn steps_of(script: Script) -> Vec<String> {
    let (fuse, done) = trial(script, None, End::Kill);
    done.expect("without a crash everything holds");
    fuse.names()
}

/// The steps of the first script.
fn hall_steps() -> &'static [String] {
    static STEPS: OnceLock<Vec<String>> = OnceLock::new();
    STEPS.get_or_init(|| steps_of(Script::Hall))
}

/// The names of all steps of both scripts, in order.
///
/// # Panics
///
/// A script itself breaks something, without any crash.
pub fn steps() -> Vec<String> {
    let mut steps = hall_steps().to_vec();
    steps.extend(steps_of(Script::Office));
    steps
}

/// Ends the process before one step.
///
/// # Errors
///
/// What broke.
pub fn end_at(step: usize, end: End) -> Result<(), String> {
    caught(|| match step.checked_sub(hall_steps().len()) {
        None => trial(Script::Hall, Some(step), end).1,
        Some(step) => trial(Script::Office, Some(step), end).1,
    })
}

/// What `play` says, or what it said when it panicked.
fn caught(play: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(play)) {
        Ok(done) => done,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| Some((*payload.downcast_ref::<&str>()?).to_owned()));
            Err(format!("it does not even run: {}", text.unwrap_or_default()))
        }
    }
}

/// Whether a panic with this payload is the end of a process of the script.
pub fn is_end(payload: &dyn std::any::Any) -> bool {
    payload.is::<fuse::Died>()
}

/// Which steps are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every step of the script.
    All,
    /// The first and the last step of each name.
    Named,
    /// Of each name the first step with a kill and the last with a power cut; of backups one in five of
    /// these.
    Sampled,
}

/// Ends the process before each step, in every way, as many scripts at a time as there are cores; `each`
/// hears of every trial.
pub fn enumerate(which: Which, ends: &[End], each: impl FnMut(&Trial) + Send) {
    let names = steps();
    let mut ends_of: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (step, name) in names.iter().enumerate() {
        ends_of.entry(name).or_insert((step, step)).1 = step;
    }
    let named: BTreeSet<usize> =
        ends_of.values().flat_map(|(first, last)| [*first, *last]).collect();
    let steps: Vec<usize> = match which {
        Which::All => (0..names.len()).collect(),
        Which::Named | Which::Sampled => named.iter().copied().collect(),
    };
    let is_sampled = |step: usize, end: &End| {
        let Some((first, last)) = names.get(step).and_then(|name| ends_of.get(name.as_str()))
        else {
            return false;
        };
        let is_backup = names.get(step).is_some_and(|name| name.starts_with("backup"));
        let is_its_way = match end {
            End::Kill => step == *first,
            End::PowerCut | End::Torn(_) => step == *last,
        };
        is_its_way && (!is_backup || named.range(..step).count().is_multiple_of(5))
    };
    // A batch of the server is on its disk whole or not at all: there torn writes are no end of their
    // own.
    let is_other = |step: usize, end: &End| {
        let is_server = names.get(step).is_some_and(|name| name.starts_with("server"));
        let is_way = !(is_server && matches!(end, End::Torn(_)));
        is_way && (which != Which::Sampled || is_sampled(step, end))
    };
    let ways =
        |step| ends.iter().filter(move |end| is_other(step, end)).map(move |end| (step, *end));
    let trials: Vec<(usize, End)> = steps.into_iter().flat_map(ways).collect();
    let next = AtomicUsize::new(0);
    let each = Mutex::new(each);
    let work = || {
        while let Some((step, end)) = trials.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let broke = end_at(step, end).err();
            let point = names.get(step).cloned().unwrap_or_default();
            let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
            each(&Trial { point, step, end, broke, of: trials.len() });
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _thread in 0..n_threads {
            scope.spawn(work);
        }
    });
}
