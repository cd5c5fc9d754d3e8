//! A server in a process of its own, so that what is measured is the server: the company, and
//! devices that are enrolled already.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use device_core::engine::Address;
use ledger::key::KeyRange;
use ledger::schema::identity::{Device, Devices};
use ledger::schema::place::SitesByCode;
use ledger::tables::Read as _;
use protocol::frame::KeyAlgorithm;
use protocol::identity::DeviceId;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use server::backup::Schedule;
use server::config::{Config, Tls};
use server::server::{Running, Server};
use server_core::identity::command::MachineCommand;
use server_core::intake::command::CommandOrigin;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::{Problem, company, light};

/// Devices that are enrolled at the same time.
const AT_ONCE: usize = 64;
/// Seconds between two backups, where there are any: often, so that much happens in a short time.
pub(crate) const BACKUP_EVERY_S: u32 = 20;
/// Seconds between two comparisons of everything.
const FULL_EVERY_S: u32 = 120;

/// How to serve.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    /// The port; 0 takes a free one.
    #[arg(long)]
    port: u16,
    /// Devices that are enrolled.
    #[arg(long)]
    devices: u32,
    /// Connections that are let in each second.
    #[arg(long)]
    admissions_per_s: u32,
    /// With TLS.
    #[arg(long)]
    tls: bool,
    /// With backups all the time, and heartbeats as usual.
    #[arg(long)]
    backups: bool,
}

impl Arguments {
    fn config(&self) -> Config {
        let mut config = Config::local(&self.data);
        config.listen.set_port(self.port);
        config.admissions_per_s = self.admissions_per_s;
        // An idle device is silent for five minutes: nothing is measured but that it is there.
        config.heartbeat_s = 300;
        if self.backups {
            config.heartbeat_s = 5;
            let folder = Schedule::folder_beside(&self.data);
            config.backup = Some(Schedule {
                every_s: BACKUP_EVERY_S,
                full_every_s: FULL_EVERY_S,
                ..Schedule::usual(folder)
            });
        }
        if self.tls {
            config.tls = Tls::SelfSigned { names: Vec::new() };
        }
        config
    }
}

/// Serves until the input ends.
pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    let running = Server::start(arguments.config()).await?;
    enrol(&running, arguments.devices).await?;
    say(&running);
    let (told, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // Nothing is ever written to it: its end is the whole message.
        let _lines = std::io::stdin().lines().count();
        told.send(())
    });
    // It ends with whoever listens, too.
    let _told = ended.await;
    running.stop().await;
    Ok(json!({"load": "house"}))
}

fn say(running: &Running) {
    let pin = running.app().address().pin.map(|pin| server::secret::hex(&pin));
    println!("{}", json!({"url": running.url(), "pin": pin}));
}

/// Enrols the devices that are not there yet, by their keys.
async fn enrol(running: &Running, devices: u32) -> Result<(), Problem> {
    use futures_util::{StreamExt as _, TryStreamExt as _};
    let company = running.app().company();
    let there = company.snapshot().list_devices();
    if there >= devices {
        return Ok(());
    }
    company::set_up(company, 1, 10).await?;
    let site = company.snapshot().row::<SitesByCode>(&company::word("MAIN000"));
    let site = site.ok_or("the site is there")?.0;
    let expires = company.now().plus_us(3_600_000_000);
    // In order, so that device `n` gets number `n`: nobody gives way to the one behind it.
    let codes = |n: u32| ByteBuf::from(Sha256::digest(n.to_le_bytes()).to_vec());
    futures_util::stream::iter(1..=devices)
        .map(|n| {
            let allow = MachineCommand::AllowEnrolment {
                code_hash: codes(n),
                site,
                expires,
                compare: false,
            };
            company::submit(company, CommandOrigin::System, allow.encode())
        })
        .buffered(AT_ONCE)
        .try_for_each(|_judged| async { Ok(()) })
        .await?;
    futures_util::stream::iter(1..=devices)
        .map(|n| {
            let enrol = MachineCommand::Enrol {
                code_hash: codes(n),
                algorithm: KeyAlgorithm::Ed25519,
                public_key: ByteBuf::from(light::key(n).verifying_key().to_bytes()),
                name: format!("H-{n:05}"),
                model: "load".to_owned(),
            };
            tokio::task::unconstrained(company::submit(
                company,
                CommandOrigin::System,
                enrol.encode(),
            ))
        })
        .buffered(AT_ONCE)
        .try_for_each(|_judged| async { Ok(()) })
        .await?;
    let all = company.snapshot().list::<Devices>(&KeyRange::all());
    let is_own = |(id, row): &(DeviceId, Arc<Device>)| {
        row.public_key[..] == light::key(id.0).verifying_key().to_bytes()[..]
    };
    if all.iter().all(is_own) { Ok(()) } else { Err("a device got the number of another".into()) }
}

trait ListDevices {
    fn list_devices(&self) -> u32;
}

impl<T: ledger::tables::Tables> ListDevices for T {
    fn list_devices(&self) -> u32 {
        let devices = self.list::<Devices>(&KeyRange::all());
        u32::try_from(devices.len()).unwrap_or(u32::MAX)
    }
}

/// How it serves.
#[derive(Debug, Clone, Copy)]
struct How {
    devices: u32,
    admissions_per_s: u32,
    is_tls: bool,
    has_backups: bool,
}

/// The process with the server; ended when it is dropped.
pub(crate) struct House {
    child: Child,
    orders: Option<ChildStdin>,
    told: Told,
    folder: PathBuf,
    how: How,
    /// Where devices find it.
    pub(crate) address: Address,
}

impl House {
    /// Starts it over `folder`, and returns when it listens.
    pub(crate) async fn start(
        folder: &Path,
        devices: u32,
        admissions_per_s: u32,
        is_tls: bool,
    ) -> Result<Self, Problem> {
        Self::begin(folder, How { devices, admissions_per_s, is_tls, has_backups: false }).await
    }

    /// The same for a company that is set up, with backups beside `folder`.
    pub(crate) async fn with_backups(folder: &Path) -> Result<Self, Problem> {
        let how = How { devices: 0, admissions_per_s: 500, is_tls: false, has_backups: true };
        Self::begin(folder, how).await
    }

    async fn begin(folder: &Path, how: How) -> Result<Self, Problem> {
        let (child, orders, told) = spawn(folder, 0, how)?;
        let mut house = Self {
            child,
            orders: Some(orders),
            told,
            folder: folder.to_owned(),
            how,
            address: Address { url: String::new(), pin: None },
        };
        house.address = house.listens().await?;
        Ok(house)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> Result<u16, Problem> {
        let port = self.address.url.trim_end_matches("/sync").rsplit(':').next();
        Ok(port.ok_or("an address has a port")?.parse()?)
    }

    /// Stops it in good order and starts it again; returns when it listens again.
    pub(crate) async fn restart(&mut self) -> Result<(), Problem> {
        drop(self.orders.take());
        let ended = self.child.wait()?;
        if !ended.success() {
            return Err(format!("the server ended with {ended}").into());
        }
        let folder = self.folder.clone();
        self.start_over(&folder).await
    }

    /// Kills it and starts it again; returns when it listens again.
    pub(crate) async fn kill(&mut self) -> Result<(), Problem> {
        self.stop_hard()?;
        let folder = self.folder.clone();
        self.start_over(&folder).await
    }

    /// Kills it.
    pub(crate) fn stop_hard(&mut self) -> Result<(), Problem> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it on its port over `folder`, after it was killed.
    pub(crate) async fn start_over(&mut self, folder: &Path) -> Result<(), Problem> {
        self.folder = folder.to_owned();
        let (child, orders, told) = spawn(folder, self.port()?, self.how)?;
        (self.child, self.orders, self.told) = (child, Some(orders), told);
        self.listens().await.map(|_address| ())
    }

    /// KiB of memory, threads and open files of the server.
    pub(crate) fn size(&self) -> Result<Size, Problem> {
        let pid = self.child.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        };
        Ok(Size {
            resident_kib: figure("VmRSS:").ok_or("the system says how much memory there is")?,
            threads: figure("Threads:").ok_or("the system counts threads")?,
            files: std::fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        })
    }

    /// What it says that its store holds in memory: rows that wait for their file, and its cache; in KiB.
    pub(crate) async fn store_kib(&self) -> Result<(u64, u64), Problem> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port()?)).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let figure = |name: &str| -> Result<u64, Problem> {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            let bytes: u64 = line.ok_or("a server says what it counts")?.trim().parse()?;
            Ok(bytes / 1_024)
        };
        Ok((figure("tallyman_store_buffer_bytes ")?, figure("tallyman_store_cache_bytes ")?))
    }

    /// Ends it; an error where it does not end well.
    pub(crate) fn end(mut self) -> Result<(), Problem> {
        drop(self.orders.take());
        let ended = self.child.wait()?;
        if ended.success() { Ok(()) } else { Err(format!("the server ended with {ended}").into()) }
    }

    /// Where it listens, when it says so.
    async fn listens(&mut self) -> Result<Address, Problem> {
        let line = self.told.recv().await.ok_or("the server did not start")?;
        let told: Value = serde_json::from_str(&line)?;
        let url = told["url"].as_str().ok_or("an address")?;
        let pin = told["pin"].as_str().and_then(server::secret::from_hex);
        Ok(Address { url: protocol::enrolment::sync_url(url), pin })
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // It has ended already where all went well.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// What the server takes of the machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) files: usize,
}

/// What the process says, line by line.
type Told = mpsc::UnboundedReceiver<String>;

fn spawn(folder: &Path, port: u16, how: How) -> Result<(Child, ChildStdin, Told), Problem> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("house").arg("--data").arg(folder);
    command.args(["--port", &port.to_string(), "--devices", &how.devices.to_string()]);
    command.args(["--admissions-per-s", &how.admissions_per_s.to_string()]);
    if how.is_tls {
        command.arg("--tls");
    }
    if how.has_backups {
        command.arg("--backups");
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let orders = child.stdin.take().ok_or("it is told what to do")?;
    let out = child.stdout.take().ok_or("it says where it is")?;
    let (says, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            if line.map_or(true, |line| says.send(line).is_err()) {
                return;
            }
        }
    });
    Ok((child, orders, told))
}
