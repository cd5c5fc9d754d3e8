//! What a device heard and did on a day, byte for byte, told to a device of this build again: a device
//! of today understands the servers of every release so far.
//!
//! A line is the microseconds of the boot and what happens. Tapes are never made again: a release whose
//! server says something new adds its own.

use device_core::engine::{
    Action, Connection, DeviceCore, Event as DeviceEvent, Moment, Opening, Parts,
};
use device_core::key::DeviceKey;
use device_core::recorder::{Disk, MemoryDisk};
use device_core::session::Timer;
use device_core::store::MemoryStore;
use ledger::schema::book::Heads;
use ledger::tables::Read as _;
use server_core::identity::command::MachineCommand;
use server_core::machine::Event;

use super::fuse::Fuse;
use super::hall::{End, Hall, device_config};
use super::{begin, come_to_rest, receive, records};
use crate::receipt::word;
use crate::world::company;
use crate::world::floor::LOCATION;

/// The words of timers on a tape.
const TIMERS: [(&str, Timer); 6] = [
    ("reconnect", Timer::Reconnect),
    ("handshake", Timer::Handshake),
    ("heartbeat", Timer::Heartbeat),
    ("healthy", Timer::Healthy),
    ("stall", Timer::Stall),
    ("chores", Timer::Chores),
];

/// What an event is called on a tape.
pub(super) fn line_of(event: &DeviceEvent) -> String {
    match event {
        DeviceEvent::NetworkUp => "network".to_owned(),
        DeviceEvent::TryNow => "try".to_owned(),
        DeviceEvent::Enrol(_) => "enrol".to_owned(),
        DeviceEvent::Connected(_) => "connected".to_owned(),
        DeviceEvent::Disconnected(_) => "disconnected".to_owned(),
        DeviceEvent::Frame(_, bytes) => {
            format!("frame {}", data_encoding::HEXLOWER.encode(bytes))
        }
        DeviceEvent::Timer(timer) => {
            let known = TIMERS.iter().find(|(_word, known)| known == timer);
            format!("timer {}", known.map_or("?", |(word, _timer)| word))
        }
        DeviceEvent::NextKey(_) => "key".to_owned(),
        DeviceEvent::Suspend => "suspend".to_owned(),
    }
}

/// What a day came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Scans that were confirmed.
    pub n_recorded: usize,
    /// Of them, those without an acknowledgement.
    pub n_unsent: u64,
    /// Of them, those without an outcome.
    pub n_unanswered: usize,
    /// The last decision that the rows show.
    pub cursor: u64,
    /// Pieces of NUT at the dock, as the device shows them.
    pub docked: i128,
    /// Photos that are still here.
    pub n_photos: usize,
}

impl Seen {
    fn of(device: &DeviceCore, n_recorded: usize) -> Result<Self, String> {
        let status = device.status(0);
        let rows = device.replica().stock_in_bin(&word(LOCATION), Some(&word("DOCK")), 100);
        let rows = rows.map_err(|error| error.to_string())?;
        let nuts = rows.iter().filter(|row| row.item.as_str() == "NUT");
        Ok(Self {
            n_recorded,
            n_unsent: status.n_unsent,
            n_unanswered: status.n_unanswered,
            cursor: status.cursor.0,
            docked: nuts
                .filter_map(|row| row.quantity)
                .map(protocol::quantity::Quantity::units)
                .sum(),
            n_photos: device.n_blobs_kept(),
        })
    }

    /// The last line of a tape.
    fn line(&self) -> String {
        format!("end {self:?}")
    }
}

/// Plays a day with the server of this build, and gives the tape.
///
/// # Errors
///
/// What broke.
pub fn record() -> Result<String, String> {
    let mut hall = Hall::new(Fuse::new(None), End::Kill);
    hall.tape = Some(Vec::new());
    begin(&mut hall)?;
    records(&mut hall, 3);
    come_to_rest(&mut hall)?;
    hall.photograph_on_tape(2_000);
    come_to_rest(&mut hall)?;
    hall.set_offline(true);
    records(&mut hall, 4);
    hall.run_until(300, |_hall| false);
    hall.set_offline(false);
    come_to_rest(&mut hall)?;
    // Somebody else works, and a backup is proved.
    hall.system(company::one_more_item(1).encode());
    let judged = hall.store.row::<Heads>(&()).map(|head| head.intake).unwrap_or_default();
    let photos = hall.whole_photos();
    hall.step(Event::Safe { intake: judged, photos });
    records(&mut hall, 1);
    come_to_rest(&mut hall)?;
    hall.run_until(1_200, |_hall| false);
    let backup = hall.store.clone();
    records(&mut hall, 2);
    come_to_rest(&mut hall)?;
    let folders = hall.folders.clone();
    hall.replace_device(folders, true);
    come_to_rest(&mut hall)?;
    let fork = backup.row::<Heads>(&()).map(|head| head.lsn).unwrap_or_default();
    hall.replace_server(backup);
    hall.system(MachineCommand::BeginEpoch { fork, backup_at: None }.encode());
    records(&mut hall, 1);
    come_to_rest(&mut hall)?;
    let n_recorded = hall.n_acts;
    let seen = Seen::of(hall.device().ok_or("the device is gone")?, n_recorded)?;
    let mut lines = hall.tape.take().unwrap_or_default();
    lines.push(seen.line());
    Ok(lines.join("\n") + "\n")
}

/// Plays a tape to a device of this build.
///
/// # Errors
///
/// What the device did not take as it was taken when the tape was made.
pub fn replay(tape: &str) -> Result<Seen, String> {
    let mut player = Player::new();
    for line in tape.lines() {
        let (at, what) = line.split_once(' ').ok_or(format!("{line} is no line"))?;
        if at == "end" {
            let device = player.device.as_ref().ok_or("the device was never opened")?;
            let seen = Seen::of(device, player.n_recorded)?;
            let told = seen.line();
            return if told == line { Ok(seen) } else { Err(format!("{told}, and not {line}")) };
        }
        player.mono_us = at.parse().map_err(|_number| format!("{line} has no time"))?;
        player.play(what)?;
    }
    Err("the tape has no end".to_owned())
}

/// A device with a tape instead of a server.
struct Player {
    disks: [MemoryDisk; 3],
    stores: [MemoryStore; 2],
    device: Option<DeviceCore>,
    connection: Connection,
    mono_us: u64,
    n_recorded: usize,
    last: Option<protocol::identity::OperationId>,
}

impl Player {
    fn new() -> Self {
        Self {
            disks: std::array::from_fn(|_n| MemoryDisk::new()),
            stores: std::array::from_fn(|_n| MemoryStore::new()),
            device: None,
            connection: Connection::default(),
            mono_us: 0,
            n_recorded: 0,
            last: None,
        }
    }

    fn moment(&self) -> Moment {
        Moment { mono_us: self.mono_us, jitter: 1 << 31 }
    }

    fn open(&mut self, boot_id: &str) -> Result<(), String> {
        self.device = None;
        let [recorder, state, photos] = self.disks.clone();
        let [queue, replica] = self.stores.clone();
        let parts = Parts {
            recorder_disk: Box::new(move || Ok(Box::new(recorder.clone()) as Box<dyn Disk>)),
            state_disk: Box::new(state),
            blob_disk: Box::new(photos),
            queue: Box::new(queue),
            replica: Box::new(replica),
            key: DeviceKey::from_secret([1; 32]),
            store_name: [1; 16],
        };
        let opening = Opening { boot_id: boot_id.to_owned(), mono_us: self.mono_us, wall_us: None };
        let opened = DeviceCore::open(device_config(), parts, opening);
        self.device = Some(opened.map_err(|error| error.to_string())?.core);
        Ok(())
    }

    fn play(&mut self, what: &str) -> Result<(), String> {
        let (word, rest) = what.split_once(' ').unwrap_or((what, ""));
        let connection = self.connection;
        let event = match word {
            "open" => return self.open(rest),
            "record" => return self.record(rest),
            "photo" => return self.photo(rest),
            "network" => DeviceEvent::NetworkUp,
            "try" => DeviceEvent::TryNow,
            "suspend" => DeviceEvent::Suspend,
            "enrol" => DeviceEvent::Enrol(company::invitation(0)),
            "connected" => DeviceEvent::Connected(connection),
            "disconnected" => DeviceEvent::Disconnected(connection),
            "timer" => {
                let known = TIMERS.iter().find(|(word, _timer)| *word == rest);
                DeviceEvent::Timer(known.ok_or(format!("no timer is called {rest}"))?.1)
            }
            "frame" => {
                let bytes = data_encoding::HEXLOWER.decode(rest.as_bytes());
                DeviceEvent::Frame(connection, bytes.map_err(|error| error.to_string())?)
            }
            other => return Err(format!("nobody knows what {other} is")),
        };
        let moment = self.moment();
        let device = self.device.as_mut().ok_or("the device is not open")?;
        let actions = device.handle(moment, event);
        self.note(&actions)
    }

    /// Notes the connection that the device wants. It may not give one up that the tape goes on with.
    fn note(&mut self, actions: &[Action]) -> Result<(), String> {
        for action in actions {
            match action {
                Action::Connect(connection, _address) => self.connection = *connection,
                Action::Tell(device_core::engine::News::Trouble(what)) => {
                    return Err(what.clone());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn record(&mut self, n: &str) -> Result<(), String> {
        let n: usize = n.parse().map_err(|_number| format!("{n} is no number"))?;
        let moment = self.moment();
        let device = self.device.as_mut().ok_or("the device is not open")?;
        let works: Vec<_> = std::iter::repeat_with(receive).take(n).collect();
        let (names, actions) =
            device.record_many(moment, &works).map_err(|error| error.to_string())?;
        self.n_recorded += names.len();
        self.last = names.last().copied();
        self.note(&actions)
    }

    fn photo(&mut self, bytes: &str) -> Result<(), String> {
        let n: usize = bytes.parse().map_err(|_number| format!("{bytes} is no number"))?;
        let moment = self.moment();
        let target = self.last.ok_or("there is nothing to photograph")?;
        let device = self.device.as_mut().ok_or("the device is not open")?;
        let photo = photo(n);
        let what = (protocol::operation::AttachmentKind::Photo, &photo[..]);
        let attached = device.attach(moment, target, what);
        let (_name, actions) = attached.map_err(|error| error.to_string())?;
        self.note(&actions)
    }
}

/// A picture of so many bytes.
fn photo(bytes: usize) -> Vec<u8> {
    [0xFF, 0xD8, 0xFF]
        .into_iter()
        .chain((0..).map(|n: u32| n.to_le_bytes()[0]))
        .take(bytes)
        .collect()
}

impl Hall {
    fn photograph_on_tape(&mut self, bytes: usize) {
        self.note(&format!("photo {bytes}"));
        self.photograph(&photo(bytes));
    }
}
