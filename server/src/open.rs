//! Opening a company's data folder: store, secrets, machine.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use ledger::command::stock::JudgeAgain;
use ledger::command::{Command as LedgerCommand, SetCompany};
use ledger::key::KeyRange;
use ledger::operation::again::is_readable_now;
use ledger::schema::SiteId;
use ledger::schema::book::{Companies, Heads, Intakes};
use ledger::schema::case::{Cases, OpenCases};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::identity::{CaseId, ServerTime};
use server_core::intake::command::{Command, CommandOrigin};
use server_core::machine::{Config as MachineConfig, Machine};
use server_core::poster::rebuild::BookFault;
use server_core::session::lease::LeaseSecret;
use server_core::session::order::OrderKey;

use crate::backup::files::{Files as _, System};
use crate::clock::Clock;
use crate::config::Config;
use crate::runtime::{Commit, Company, Runtime, SubmitError};
use crate::secret;
use crate::store::{Store, StoreError};
use server_core::ledger_judge::LedgerJudge;

/// Why a company cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// One of the logs has a hole or was changed. Restore a backup.
    #[error("the book is damaged")]
    Book(#[from] BookFault),
    /// A file of the data folder cannot be read or written.
    #[error("{path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The system has no thread to give.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
    /// The company could not be named.
    #[error("the company could not be set up")]
    Company(#[source] SubmitError),
}

/// A company at work, without sockets and pages: what an import or an export at the command line
/// needs.
pub struct Opened {
    /// The machine at work.
    pub runtime: Runtime,
    /// Which server this is, whatever its address.
    pub server: [u8; 16],
}

/// Opens the company in the folder of `config`, or begins it. Must be called within a tokio runtime
/// that outlives it.
///
/// # Errors
///
/// [`OpenError`].
pub async fn open(config: &Config) -> Result<Opened, OpenError> {
    let store = Store::open(&config.store_folder())?;
    let commit = Commit::to(&store);
    open_over(config, store, commit).await
}

/// Opens the company over `store`, whose changes are made durable by `commit`.
///
/// # Errors
///
/// [`OpenError`].
pub async fn open_over(config: &Config, store: Store, commit: Commit) -> Result<Opened, OpenError> {
    std::fs::create_dir_all(&config.folder)
        .map_err(|source| OpenError::File { path: config.folder.clone(), source })?;
    let server = kept_bytes(&config.folder, "server-id")?;
    let lease: [u8; 32] = kept_bytes(&config.folder, "lease-secret")?;
    let orders: [u8; 32] = kept_bytes(&config.folder, "order-key")?;
    let clock = Clock::after(last_instant(&store));
    let settings = MachineConfig {
        heartbeat_ms: config.heartbeat_s.saturating_mul(1_000),
        bug: config.bug,
        ..MachineConfig::new(LeaseSecret::new(lease), OrderKey::new(orders))
    };
    let machine = Machine::open(&store, settings, Box::new(LedgerJudge), clock.now())?;
    let is_new = !store.has::<Companies>(&());
    let runtime = Runtime::start(machine, store, clock, commit).map_err(OpenError::Thread)?;
    if is_new {
        let name = config.company.clone();
        let company =
            SetCompany { name, negative_inventory_allowed: false, absent_after_hours: 12 };
        let command = Command {
            origin: CommandOrigin::System,
            raw: LedgerCommand::SetCompany(company).encode(),
            local_date: None,
        };
        let named = runtime.company().submit(command).await;
        named.and_then(crate::runtime::Judged::granted).map_err(OpenError::Company)?;
    }
    let begun = crate::backup::restore::begin_if_due(&config.folder, runtime.company()).await;
    begun.map_err(OpenError::Company)?;
    judge_again(runtime.company()).await.map_err(OpenError::Company)?;
    Ok(Opened { runtime, server })
}

/// Operations of one command that judges them again.
const JUDGED_AGAIN_AT_ONCE: usize = 100;

/// What an earlier release could not read, and this one can, is judged now.
async fn judge_again(company: &Company) -> Result<(), SubmitError> {
    let mut readable = Vec::new();
    let snapshot = company.snapshot();
    each_of::<OpenCases>(&snapshot, &KeyRange::all(), false, &mut |key: (SiteId, CaseId), _row| {
        let case = snapshot.row::<Cases>(&key.1).filter(|case| case.parked);
        readable
            .extend(case.map(|case| case.operation).filter(|id| is_readable_now(&snapshot, *id)));
        ControlFlow::Continue(())
    });
    for operations in readable.chunks(JUDGED_AGAIN_AT_ONCE) {
        let again = JudgeAgain { operations: operations.to_vec() };
        let raw = LedgerCommand::JudgeAgain(again).encode();
        let command = Command { origin: CommandOrigin::System, raw, local_date: None };
        company.submit(command).await?;
    }
    Ok(())
}

/// The latest instant in the book: the clock never shows less.
fn last_instant(tables: &dyn Tables) -> ServerTime {
    let decided = tables.row::<Heads>(&()).map_or(ServerTime(0), |head| head.time);
    let received = tables.last::<Intakes>(&KeyRange::all()).map(|(_no, intake)| intake.received);
    received.map_or(decided, |received| received.max(decided))
}

/// Random bytes that are made once and kept in a file of the data folder, readable by the owner
/// only. They belong to the store: a backup holds both.
fn kept_bytes<const N: usize>(folder: &Path, name: &str) -> Result<[u8; N], OpenError> {
    let path = folder.join(name);
    let file = |source| OpenError::File { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) => secret::from_hex(text.trim()).ok_or_else(|| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "damaged");
            OpenError::File { path: path.clone(), source }
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let bytes = secret::random::<N>();
            let text = format!("{}\n", secret::hex(&bytes));
            // The whole file or none: half of one would keep the company closed for good.
            let part = path.with_extension("part");
            crate::tls::write_private(&part, text.as_bytes())
                .and_then(|()| std::fs::rename(&part, &path))
                .and_then(|()| System.sync_folder(folder))
                .map_err(file)?;
            Ok(bytes)
        }
        Err(error) => Err(file(error)),
    }
}
