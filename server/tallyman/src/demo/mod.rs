//! `tallyman demo`: a company from CSV files, a server, six devices at work with outages, a wrong
//! clock, a killed device and people in each other's bins; then a report in plain words.

mod company;
mod floor;
mod link;
mod power;
mod prng;
mod report;
mod shift;
mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveDate;
use protocol::enrolment::Invitation;
use protocol::words::SiteCode;
use server::config::Config;
use server::server::Running;
use server_core::identity::command::MachineCommand;
use server_core::intake::command::CommandOrigin;

use crate::Problem;
use company::PEOPLE;
use floor::Floor;
use power::House;
use prng::Prng;
use shift::{Crew, Hall};

/// The person who sets the demo's company up.
const ADMINISTRATOR: (&str, &str) = ("ADMIN", "demo-password");
/// How long the devices may take to bring everything in after the shift.
const DRAIN: Duration = Duration::from_secs(60);
/// Seconds between heartbeats of the demo's devices.
const HEARTBEAT_S: u32 = 2;

/// How to play.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End after the report instead of keeping the dashboard up; the last line is JSON.
    #[arg(long)]
    report: bool,
    /// The same seed plays the same shift.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long the shift lasts.
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Where the dashboard listens on loopback; 0 takes a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep everything in this folder, which must be new; else a temporary one is used.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Play with a deliberate bug: ack-before-sync, no-dedupe, no-causality or raw-clock.
    #[arg(long = "break")]
    bug: Option<report::Break>,
}

/// Plays the demo.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(arguments))
}

async fn play(arguments: &Arguments) -> Result<bool, Problem> {
    let temporary = Temporary::new(arguments.folder.as_deref())?;
    let folder = temporary.path();
    let mut prng = Prng::new(arguments.seed);
    let mut config = Config::local(&folder.join("server"));
    config.listen.set_port(arguments.port);
    config.company = "Nordic Fasteners".to_owned();
    config.heartbeat_s = HEARTBEAT_S;
    config.bug = arguments.bug.map(report::Break::bug);
    let (house, server) = House::open(config).await?;
    println!("Dashboard: {}", server.url());
    println!("Sign in as {} with the password {}", ADMINISTRATOR.0, ADMINISTRATOR.1);
    let today = server.app().company().now().utc().map(|now| now.date_naive());
    let today = today.ok_or("the clock shows no date")?;
    let floor = set_up(&server, folder, arguments.seed, today).await?;
    let mut crew = enrol(&server, folder, today, prng.fork()).await?;
    println!("Six people work for {} minutes, with outages …", arguments.minutes);
    let hall = Hall::new(floor);
    crew.work(&hall, Duration::from_secs(arguments.minutes * 60)).await?;
    println!("The power goes, a device is put back to an old copy, two people meet at a bin …");
    let server = crew.late_shift(&hall, &house, server).await?;
    crew.count_the_rest(&hall)?;
    crew.drain(DRAIN).await;
    // Counts settle when every device has said that it has nothing older left.
    tokio::time::sleep(Duration::from_secs(u64::from(HEARTBEAT_S) * 3 + 6)).await;
    let report = report::draw(&server, &hall, &crew)?;
    report.tell();
    if !arguments.report {
        println!("The dashboard stays up: {} (Ctrl-C ends)", server.url());
        tokio::signal::ctrl_c().await?;
    }
    let kept = report.is_kept();
    for promise in report.broken() {
        let whose = arguments.bug.map_or("Something", |bug| bug.name());
        println!("{whose} broke the promise: {promise}");
    }
    drop(crew);
    server.stop().await;
    if arguments.report {
        println!("{}", report.json());
    }
    match arguments.bug {
        Some(bug) if kept => {
            Err(format!("nobody noticed the deliberate bug {}", bug.name()).into())
        }
        Some(_) | None => Ok(kept),
    }
}

/// Names the administrator and imports the company's files.
async fn set_up(
    server: &Running,
    folder: &Path,
    seed: u64,
    today: NaiveDate,
) -> Result<Floor, Problem> {
    let link = server.first_link().ok_or("a new company waits for its administrator")?;
    let token = link.rsplit('/').next().unwrap_or_default();
    let (user, password) = ADMINISTRATOR;
    server::api::session::name_first_administrator(
        server.app(),
        token,
        (user, "Administrator", password.to_owned()),
        None,
    )
    .await
    .map_err(|problem| format!("the administrator was not named: {:?}", problem.reason))?;
    let files = folder.join("csv");
    std::fs::create_dir_all(&files)?;
    let batch = company::batch(seed, today);
    server::exchange::write::write_folder(&batch, &files)?;
    println!("The company's files: {}", files.display());
    let origin = CommandOrigin::Import { user: user.try_into()? };
    let company = server.app().company();
    let n_rows = crate::import::import(company, &files, (origin, seed), false).await?;
    println!("Imported {n_rows} rows");
    Ok(Floor::of(&batch))
}

async fn enrol(
    server: &Running,
    folder: &Path,
    today: NaiveDate,
    prng: Prng,
) -> Result<Crew, Problem> {
    let invite = async |place: usize| -> Result<Invitation, Problem> {
        let (_id, _name, location, _pin) = PEOPLE[place];
        invitation(server, &SiteCode::try_from(location)?).await
    };
    Crew::enrol(&folder.join("devices"), server.addr(), today, prng, invite).await
}

/// A one-time code for a device of `site`.
async fn invitation(server: &Running, site: &SiteCode) -> Result<Invitation, Problem> {
    use ledger::tables::Read as _;
    let app = server.app();
    let company = app.company();
    let id = company.snapshot().row::<ledger::schema::place::SitesByCode>(site);
    let id = id.ok_or("the site was imported")?;
    let made = server::enrolment::make(app.address(), site.clone(), company.now());
    let command = MachineCommand::AllowEnrolment {
        code_hash: serde_bytes::ByteBuf::from(made.hash),
        site: id.0,
        expires: made.invitation.expires,
        compare: false,
    };
    let origin = CommandOrigin::Desk { user: ADMINISTRATOR.0.try_into()?, idempotency: None };
    app.raw_command(origin, command.encode(), None)
        .await
        .map_err(|problem| format!("no code was made: {:?}", problem.reason))?;
    Ok(made.invitation)
}

/// A folder that goes when the demo ends, unless it was asked for.
struct Temporary {
    path: PathBuf,
    goes: bool,
}

impl Temporary {
    fn new(wanted: Option<&Path>) -> Result<Self, Problem> {
        let (path, goes) = match wanted {
            Some(path) => (path.to_owned(), false),
            None => {
                let number: u64 = u64::from_le_bytes(server::secret::random());
                (std::env::temp_dir().join(format!("tallyman-demo-{number:016x}")), true)
            }
        };
        if path.exists() {
            return Err(format!("{} is there already: name a new folder", path.display()).into());
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, goes })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.goes
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("the folder {} stays: {error}", self.path.display());
        }
    }
}
