//! Scan to durable: the recorder alone and the whole device, next to the least that any program
//! could do, a bare append to a file of zeros with `fdatasync`. The three take turns, so that a
//! slow moment of the disk meets all.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use device_core::device::{Device, Settings};
use device_core::engine::Work;
use device_core::recorder::{FolderDisk, Identity, Options, Recorder};
use protocol::identity::{Boot, Lsn, ServerEpoch};
use protocol::operation::{Envelope, Recorded};
use serde_json::{Value, json};
use server::config::Config;
use server::server::Server;
use tokio::time::Instant;

use crate::figures::{Took, round};
use crate::{Problem, company};

/// Length of the bare file, as long as a segment of the recorder.
const FILE_BYTES: usize = 4 << 20;
const N_ITEMS: u32 = 200;
/// Turns before the first that counts.
const WARM_UP: u32 = 50;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Scans.
    #[arg(long, default_value_t = 2_000)]
    n: u32,
}

/// A file of zeros on the disk, and where the next bytes go.
struct Bare {
    file: File,
    end: usize,
}

impl Bare {
    fn make(path: &Path) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
        file.write_all(&vec![0; FILE_BYTES])?;
        file.sync_all()?;
        Ok(Self { file, end: 0 })
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.end + bytes.len() > FILE_BYTES {
            // The bytes are on the disk already: writing them again is no new allocation.
            self.end = 0;
        }
        let end = u64::try_from(self.end).map_err(std::io::Error::other)?;
        self.file.seek(SeekFrom::Start(end))?;
        self.file.write_all(bytes)?;
        self.end += bytes.len();
        self.file.sync_data()
    }
}

/// A device that was enrolled and has no network any more.
async fn enrolled(folder: &Path) -> Result<Device, Problem> {
    let running = Server::start(Config::local(&folder.join("server"))).await?;
    let app = running.app();
    company::set_up(app.company(), 1, N_ITEMS).await?;
    let invitation = company::invite(app.company(), app.address(), (1, 1)).await?.remove(0);
    let device = Device::open(&folder.join("device"), Settings::default())?;
    let running_device = tokio::spawn({
        let device = device.clone();
        async move { device.run().await }
    });
    device.enrol(invitation, Duration::from_secs(30)).await?;
    let patience = Instant::now() + Duration::from_secs(30);
    while !device.status().is_ready {
        if Instant::now() > patience {
            return Err("the device got no rows".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    device.close();
    running_device.await?;
    running.stop().await;
    Ok(device)
}

fn content(work: &Work) -> Vec<u8> {
    let envelope = Envelope {
        boot: Boot(1),
        mono_us: 3_600_000_000,
        cursor: Lsn(1_000),
        epoch: ServerEpoch(1),
        operator: None,
        document: work.document.clone(),
    };
    Recorded::new(envelope, &work.body).to_content()
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let folder = tempfile::tempdir()?;
    let device = enrolled(folder.path()).await?;
    let n = arguments.n;
    let path = folder.path().to_owned();
    let measured = tokio::task::spawn_blocking(move || measure(&path, &device, n)).await??;
    let [bare, recorder, whole] = measured;
    println!("{n} scans, in turns, milliseconds p50 / p99:");
    for (name, took) in
        [("bare append + fdatasync", &bare), ("recorder", &recorder), ("whole device", &whole)]
    {
        println!("  {name:<24} {:>8.3} / {:>8.3}", took.ms(50), took.ms(99));
    }
    let ratio = |took: &Took, percent| round(took.ms(percent) / bare.ms(percent).max(0.001));
    Ok(json!({
        "load": "scan",
        "bare": bare.json(),
        "recorder": recorder.json(),
        "device": whole.json(),
        "recorder_to_bare": {"p50": ratio(&recorder, 50), "p99": ratio(&recorder, 99)},
        "device_to_bare": {"p50": ratio(&whole, 50), "p99": ratio(&whole, 99)},
    }))
}

fn measure(folder: &Path, device: &Device, n: u32) -> Result<[Took; 3], Problem> {
    let disk = FolderDisk::open(&folder.join("recorder-alone"))?;
    let identity = Identity { device: 1, incarnation: 1, store: [7; 16] };
    let mut recorder = Recorder::create(Box::new(disk), identity, Options::default())?;
    let mut bare = Bare::make(&folder.join("bare"))?;
    let [mut of_bare, mut of_recorder, mut of_device] =
        [Took::default(), Took::default(), Took::default()];
    for turn in 0..n + WARM_UP {
        let (body, document) = company::movement((0, turn % N_ITEMS), turn % 2 == 0, 5);
        let work = Work { body, document: Some(document) };
        let content = content(&work);
        let began = Instant::now();
        bare.append(&content)?;
        let bare_took = began.elapsed();
        let began = Instant::now();
        recorder.append(&content)?;
        let recorder_took = began.elapsed();
        let began = Instant::now();
        device.record(&work)?;
        let device_took = began.elapsed();
        if turn >= WARM_UP {
            of_bare.push(bare_took);
            of_recorder.push(recorder_took);
            of_device.push(device_took);
        }
    }
    Ok([of_bare, of_recorder, of_device])
}
