//! The whole server: opened, listening, and stopped again.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::task::JoinHandle;

use crate::backup::schedule::{Backups, Source};
use crate::certificates::Certificates;
use crate::config::{Config, ConfigError};
use crate::desk::first::FirstLink;
use crate::desk::password::Passwords;
use crate::desk::rights;
use crate::desk::throttle::Throttle;
use crate::enrolment::Address;
use crate::open::{self, OpenError, Opened};
use crate::runtime::{Company, Health, Runtime};
use crate::sockets::admission::Admission;
use crate::sockets::gate::Gate;
use crate::state::{AppState, Inner};
use crate::storage::Storage;
use crate::tls::{self, TlsError};
use crate::{api, control};

/// Connections that the system keeps until they are accepted: after a restart thousands come at
/// once, and each that is dropped tries again only after a second.
const BACKLOG: i32 = 4_096;
/// How long open requests are given when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long whoever reads the store at the end is waited for.
const LET_GO: Duration = Duration::from_secs(2);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);
/// How long a peer may take for TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a peer may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How often expired desk sessions are taken away.
const SWEEP: Duration = Duration::from_secs(3_600);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The set-up.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address is taken, or is not ours.
    #[error("{listen} cannot be listened on")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// A server, before it runs.
#[derive(Debug)]
pub enum Server {}

/// A server at work. Dropping it ends it without a farewell; see [`Running::stop`].
pub struct Running {
    addr: SocketAddr,
    app: AppState,
    first_link: Option<String>,
    runtime: Runtime,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<std::io::Result<()>>,
    tasks: [JoinHandle<()>; 3],
    door: Option<control::Door>,
}

impl Server {
    /// Opens the company and listens.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        config.check()?;
        // An address that is taken is told before anything is opened.
        let listener = listen(&config)?;
        let opened = open::open(&config).await?;
        Self::serve(&config, opened, listener)
    }

    /// Listens for a company that was opened before.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the company is dropped then.
    pub fn start_over(config: &Config, opened: Opened) -> Result<Running, StartError> {
        config.check()?;
        Self::serve(config, opened, listen(config)?)
    }

    fn serve(
        config: &Config,
        opened: Opened,
        listener: TcpListener,
    ) -> Result<Running, StartError> {
        let listen_error = |source| StartError::Listen { listen: config.listen, source };
        let identity = tls::identity(config)?;
        let addr = listener.local_addr().map_err(listen_error)?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        let own = || Address::of_listener(scheme, addr);
        let (url, is_guess) = config.public_url.clone().map_or_else(own, |url| (url, false));
        let pin = identity.as_ref().map(|identity| identity.pin);
        let certificates = certificates(config, pin, opened.runtime.company())?;
        let tls = url.starts_with("https://");
        let address = Address { url: url.clone(), server: opened.server, pin, is_guess };
        let (first, first_link) = first_link(&opened.runtime, &url);
        let storage = Storage::default();
        let (backups, backing_up) = Backups::start(Source {
            company: opened.runtime.company().clone(),
            data: config.folder.clone(),
            server: opened.server,
            schedule: config.backup.clone(),
        });
        let clock = opened.runtime.company().clock();
        let (most, per_s) = (config.connections_max, config.admissions_per_s);
        let admission = Arc::new(Admission::new(most, per_s, clock.clone()));
        let gate = Gate::new((most, per_s), Arc::clone(&admission), clock.clone());
        let app = AppState::new(Inner {
            company: opened.runtime.company().clone(),
            passwords: Passwords::new(),
            throttle: Throttle::new(),
            first,
            address,
            tls,
            certificates,
            admission,
            metrics_key: config.metrics_key.clone(),
            backups,
            storage: storage.clone(),
        });
        let handle = Handle::new();
        let service = api::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let serving = match identity {
            Some(identity) => {
                let tls = RustlsAcceptor::new(RustlsConfig::from_config(identity.config));
                let tls = tls.handshake_timeout(HANDSHAKE).acceptor(gate);
                let mut server =
                    axum_server::from_tcp(listener).map_err(listen_error)?.acceptor(tls);
                server.http_builder().http1().header_read_timeout(HEAD);
                tokio::spawn(server.handle(handle.clone()).serve(service))
            }
            None => {
                let mut server =
                    axum_server::from_tcp(listener).map_err(listen_error)?.acceptor(gate);
                server.http_builder().http1().header_read_timeout(HEAD);
                tokio::spawn(server.handle(handle.clone()).serve(service))
            }
        };
        let sweeping = tokio::spawn(sweep(app.clone()));
        let door = match control::open(&app, &config.folder) {
            Ok(door) => Some(door),
            Err(error) => {
                tracing::warn!(%error, "`tallyman enrol` cannot ask this server");
                None
            }
        };
        tracing::info!(%url, "listening");
        let runtime = opened.runtime;
        let company = runtime.company().clone();
        let folder = config.store_folder();
        let watching = tokio::spawn(storage.watch(company, folder, config.reserve_bytes));
        let tasks = [sweeping, backing_up, watching];
        Ok(Running { addr, app, first_link, runtime, handle, serving, tasks, door })
    }
}

/// The certificates that devices were enrolled with; says so where one of them is not served any more.
fn certificates(
    config: &Config,
    pin: Option<[u8; 32]>,
    company: &Company,
) -> Result<Option<Certificates>, TlsError> {
    let Some(pin) = pin else { return Ok(None) };
    let certificates = Certificates::serve(&config.folder, pin, company.now())?;
    if let Some(warning) = certificates.warning(&company.snapshot()) {
        tracing::error!("{warning}");
    }
    Ok(Some(certificates))
}

fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let listen_error = |source| StartError::Listen { listen: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen_error)?;
    listener.set_nonblocking(true).map_err(listen_error)?;
    // Listening again only makes the queue longer. The system caps it.
    socket2::SockRef::from(&listener).listen(BACKLOG).map_err(listen_error)?;
    Ok(listener)
}

/// Where nobody can administer the company, a link by which the first person is named.
fn first_link(runtime: &Runtime, url: &str) -> (FirstLink, Option<String>) {
    let company = runtime.company();
    if rights::has_administrator(&company.snapshot(), company.now()) {
        return (FirstLink::none(), None);
    }
    let (first, token) = FirstLink::make();
    let link = format!("{url}/first/{token}");
    tracing::info!(link, "nobody administers this company yet: open the link, it works once");
    (first, Some(link))
}

async fn sweep(app: AppState) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let company = app.company();
        let expired = crate::desk::session::ending(&company.snapshot(), company.now(), None, None);
        for session in expired {
            if company.end_session(session).await.is_err() {
                return;
            }
        }
    }
}

impl Running {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address that devices and browsers use.
    pub fn url(&self) -> &str {
        &self.app.address().url
    }

    /// The link by which the first administrator is named, where there is none yet.
    pub fn first_link(&self) -> Option<&str> {
        self.first_link.as_deref()
    }

    /// What pages and endpoints share.
    pub const fn app(&self) -> &AppState {
        &self.app
    }

    /// Returns when the company's machine has ended, by a fault or by [`Running::stop`]: the
    /// process should end then, and be started again after a fault.
    pub async fn ended(&self) -> Health {
        let mut health = self.app.company().health();
        // The sender lives as long as the machine's thread, which shows its end before it goes.
        drop(health.wait_for(|health| *health != Health::Running).await);
        let ended = health.borrow().clone();
        if ended == Health::Running {
            Health::Failed("the machine's thread is gone".to_owned())
        } else {
            ended
        }
    }

    /// Stops: devices are told to come back, open requests may end, the last write is durable, and the
    /// data folder is nobody's any more.
    pub async fn stop(self) -> Health {
        let held = self.app.company().held();
        self.tasks.iter().for_each(JoinHandle::abort);
        drop(self.door);
        let back_after_ms = self.app.admission().return_window();
        let health = self.runtime.stop_with(back_after_ms).await;
        self.handle.graceful_shutdown(Some(GRACE));
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the listener ended in an error"),
            Err(error) => tracing::error!(%error, "the listener ended in a panic"),
        }
        drop(self.app);
        let closed = async {
            while held.is_open() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(LET_GO, closed).await.is_err() {
            tracing::warn!("something of this process still reads the store");
        }
        health
    }
}
