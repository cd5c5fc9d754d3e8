//! What every page and endpoint shares.

use std::sync::Arc;

use chrono::NaiveDate;
use ledger::command::Command as LedgerCommand;
use ledger::key::KeyRange;
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables};
use protocol::identity::ServerTime;
use protocol::words::LocationCode;
use server_core::intake::command::{Command, CommandOrigin};

use crate::api::problem::Problem;
use crate::backup::schedule::Backups;
use crate::certificates::Certificates;
use crate::desk::first::FirstLink;
use crate::desk::password::{Crowded, Passwords};
use crate::desk::throttle::Throttle;
use crate::enrolment::Address;
use crate::metrics::Metrics;
use crate::runtime::{Company, Judged, SubmitError};
use crate::secret::Masked;
use crate::sockets::admission::Admission;
use crate::storage::Storage;

/// What every page and endpoint shares. Cloning shares it.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

/// The parts of an [`AppState`].
pub struct Inner {
    /// The company.
    pub company: Company,
    /// Verifies passwords.
    pub passwords: Passwords,
    /// Slows down guessing.
    pub throttle: Throttle,
    /// The first administrator's link.
    pub first: FirstLink,
    /// How devices find this server.
    pub address: Address,
    /// Cookies are sent over TLS only.
    pub tls: bool,
    /// The certificate that is served, and those before it; none without TLS.
    pub certificates: Option<Certificates>,
    /// Who may connect.
    pub admission: Arc<Admission>,
    /// The backups.
    pub backups: Backups,
    /// Room on the disk of the store.
    pub storage: Storage,
    /// What a scraper on another machine shows.
    pub metrics_key: Option<Masked>,
}

impl AppState {
    /// Shares `inner`.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The company: read by snapshots, written by commands.
    pub fn company(&self) -> &Company {
        &self.0.company
    }

    /// Verifies passwords off the event loop.
    pub fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Slows down guessing.
    pub fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// The first administrator's link.
    pub fn first(&self) -> &FirstLink {
        &self.0.first
    }

    /// How devices find and know this server.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Whether connections are encrypted: cookies are marked then.
    pub fn tls(&self) -> bool {
        self.0.tls
    }

    /// The certificate that is served, and those before it; none where it is somebody else who encrypts,
    /// or nobody.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.0.certificates.as_ref()
    }

    /// What a scraper on another machine shows to see what is counted.
    pub fn metrics_key(&self) -> Option<&str> {
        self.0.metrics_key.as_ref().map(Masked::reveal)
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        self.0.company.metrics()
    }

    /// Who may connect.
    pub fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }

    /// Room on the disk of the store.
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// The backups.
    pub fn backups(&self) -> &Backups {
        &self.0.backups
    }

    /// Hands a command of the ledger to the machine, as `origin`, done today at `location` (at the
    /// first location where none is named), and waits until its outcome is durable.
    ///
    /// # Errors
    ///
    /// [`Problem`]: refused, or a fault of the store.
    pub async fn command(
        &self,
        origin: CommandOrigin,
        command: &LedgerCommand,
        location: Option<&LocationCode>,
    ) -> Result<Judged, Problem> {
        self.raw_command(origin, command.encode(), location).await
    }

    /// Hands an encoded command (of the ledger or of the machine) to the machine; else as
    /// [`AppState::command`].
    ///
    /// # Errors
    ///
    /// [`Problem`]: refused, or a fault of the store.
    pub async fn raw_command(
        &self,
        origin: CommandOrigin,
        raw: Vec<u8>,
        location: Option<&LocationCode>,
    ) -> Result<Judged, Problem> {
        let company = self.company();
        let local_date = today(&company.snapshot(), location, company.now());
        let judged = company.submit(Command { origin, raw, local_date }).await?;
        Ok(judged.granted()?)
    }
}

/// The local date at `location`, or at the first location where none is named.
pub fn today(
    tables: &dyn Tables,
    location: Option<&LocationCode>,
    now: ServerTime,
) -> Option<NaiveDate> {
    let first = || tables.first::<Locations>(&KeyRange::all()).map(|(_id, row)| row.code.clone());
    let location = location.cloned().or_else(first)?;
    server_core::intake::local_date(tables, &location, now)
}

impl From<Crowded> for Problem {
    fn from(_crowded: Crowded) -> Self {
        Self::busy()
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Busy => Self::busy(),
            SubmitError::NoRoom => Self::no_room(),
            SubmitError::Stopped => Self::stopped(),
            SubmitError::Refused(reason) => Self::refused(reason),
        }
    }
}
