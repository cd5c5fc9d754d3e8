//! `kill -9`, again and again, on the real processes of server and device, while the device works.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use protocol::identity::{DeviceId, Incarnation, OperationId, Seq};
use tests::prng::Prng;

use crate::house::{Hand, House, runtime, until};

/// How often a process is killed.
const ROUNDS: u32 = 30;
/// Milliseconds between two receipts of the device.
const PACE_MS: u64 = 4;
/// Units of the book in one piece.
const PIECE: i128 = 100_000;

/// Lines that a device has written: the names of confirmed operations.
pub(crate) type Confirmed = Arc<Mutex<Vec<OperationId>>>;
/// The last operation of which a device has said that the server has it.
pub(crate) type Acked = Arc<AtomicU64>;

/// A process that is killed when nobody holds it any more.
pub(crate) struct Process {
    child: Child,
    reader: Option<JoinHandle<bool>>,
}

impl Process {
    pub(crate) fn server(folder: &Path, port: u16) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kill"));
        command.arg("server").arg(folder).arg(port.to_string());
        let child = command.spawn().expect("the server starts");
        Self { child, reader: None }
    }

    fn device(folder: &Path, (confirmed, acked): (&Confirmed, &Acked)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kill"));
        command.arg("device").arg(folder).arg(PACE_MS.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the device starts");
        let lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let (confirmed, acked) = (Arc::clone(confirmed), Arc::clone(acked));
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line == "drained" {
                    return true;
                }
                if let Some(seq) = line.strip_prefix("acked ").and_then(|seq| seq.parse().ok()) {
                    acked.fetch_max(seq, Ordering::SeqCst);
                    continue;
                }
                // A line that the kill has cut short was confirmed to nobody.
                if let Some(name) = name_of(&line) {
                    confirmed.lock().expect("nobody panics with it").push(name);
                }
            }
            false
        });
        Self { child, reader: Some(reader) }
    }

    /// SIGKILL. A process that ended before has failed.
    pub(crate) fn kill(mut self) {
        let ended = self.child.try_wait().expect("it is our child");
        assert_eq!(ended, None, "a process ended by itself");
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is our child");
        if let Some(reader) = self.reader.take() {
            assert!(!reader.join().expect("the reader does not panic"), "it was not to drain");
        }
    }

    /// Lets a device finish. Says whether everything had an outcome.
    pub(crate) fn finish(mut self) -> bool {
        drop(self.child.stdin.take());
        let reader = self.reader.take().expect("a device");
        until("the device drains", || reader.is_finished().then_some(()));
        reader.join().expect("the reader does not panic")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // When it is gone already, there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn name_of(line: &str) -> Option<OperationId> {
    let mut numbers = line.split(' ').map(|number| number.parse().ok());
    let device = DeviceId(u32::try_from(numbers.next()??).ok()?);
    let incarnation = Incarnation(u32::try_from(numbers.next()??).ok()?);
    let seq: u64 = numbers.next()??;
    Some(OperationId { device, incarnation, seq: Seq(seq) })
}

pub(crate) fn at_work(
    folder: &Path,
    (confirmed, acked): (&Confirmed, &Acked),
    n_before: usize,
) -> Process {
    let device = Process::device(folder, (confirmed, acked));
    until("the device works", || {
        let n = confirmed.lock().expect("nobody panics with it").len();
        (n > n_before).then_some(())
    });
    device
}

#[test]
fn what_was_confirmed_outlives_every_kill_and_counts_once() {
    let mut house = House::furnished();
    let runtime = runtime();
    let hand = Hand::enrolled(&house, &runtime);
    hand.sign_in();
    hand.drained();
    hand.drop_device(&runtime);
    house.stop();

    let (server_folder, device_folder) = (house.server_folder(), house.device_folder());
    let (confirmed, acked) = (Confirmed::default(), Acked::default());
    let count = || confirmed.lock().expect("nobody panics with it").len();
    let mut prng = Prng::new(20_261_123);
    let mut server = Process::server(&server_folder, house.port());
    let mut device = at_work(&device_folder, (&confirmed, &acked), 0);
    for _round in 0..ROUNDS {
        // The moment of the kill, not a wait for anything.
        let moment = u64::try_from(prng.between(20, 700)).expect("above zero");
        std::thread::sleep(Duration::from_millis(moment));
        match prng.below(5) {
            0 | 1 => {
                server.kill();
                server = Process::server(&server_folder, house.port());
            }
            2 | 3 => {
                device.kill();
                device = at_work(&device_folder, (&confirmed, &acked), count());
            }
            _ => {
                server.kill();
                device.kill();
                server = Process::server(&server_folder, house.port());
                device = at_work(&device_folder, (&confirmed, &acked), count());
            }
        }
    }
    assert!(device.finish(), "everything has its outcome");
    server.kill();

    house.start();
    let confirmed = confirmed.lock().expect("nobody panics with it").clone();
    house.assert_taken_once(&confirmed);
    let taken = house.taken();
    assert!(taken.values().all(|n| *n == 1), "nothing was taken in twice");
    // Each receipt put one piece there; what was recorded and not yet confirmed may have come, too.
    let n_receipts = taken.keys().filter(|name| name.device.0 != 0).count() - 1;
    let docked = house.stock()[&("DOCK".to_owned(), "NUT".to_owned())];
    assert_eq!(docked, i128::try_from(n_receipts).expect("a small number") * PIECE);
    assert!(n_receipts >= confirmed.len(), "{n_receipts} receipts, {} confirmed", confirmed.len());
    assert!(confirmed.len() > 500, "the device worked: {}", confirmed.len());
    house.stop();
}
