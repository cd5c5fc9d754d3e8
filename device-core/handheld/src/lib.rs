//! Local web screens over a device: the pages of a browser on the same machine.
//!
//! Everything that a page shows comes from the device's own state, so that a scan is answered
//! without the network. This crate paints, and turns key strokes and taps into events of
//! [`device_core::capture`]; what a scan means is decided there.
//!
//! Invariants:
//!
//! 1. Listens on 127.0.0.1 only; answers only to its own Host and Origin, and only with the random
//!    token of the start address (`guard`).
//! 2. The good tone sounds after the operation is on the disk.
//! 3. When the storage fails, the screen is red and nothing is taken any more (`app`).
//! 4. No page waits for the server.
//! 5. A page works without JavaScript: its forms post, the script only makes them faster and
//!    louder.
//!
//! Order of reading: [`serve`], `app` (what a person is doing), `deed` (what a person can do),
//! `page` (how it looks), `api` (the same for automated tests), `events` (what changes by itself).

mod api;
mod app;
mod clock;
mod deed;
mod events;
mod guard;
mod looks;
mod page;
mod router;
#[cfg(test)]
mod tests;
mod words;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use device_core::device::{Device, Settings};
use device_core::engine::OpenError;
use device_core::transport::PlainText;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use app::App;

/// How the app is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the device.
    pub folder: PathBuf,
    /// The port on 127.0.0.1; 0 for any free one.
    pub port: u16,
    /// The address of the server, where the one in the enrolment code does not lead there.
    pub server: Option<String>,
    /// Whether a server on another machine may be spoken to without TLS.
    pub allow_plain: bool,
}

/// Why the app cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The device.
    #[error("the device in {folder} cannot be opened")]
    Device {
        /// Its folder.
        folder: String,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// The port.
    #[error("port {port} on 127.0.0.1 cannot be used")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The platform has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// The app at work.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    token: String,
    device: Device,
    stop: oneshot::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Served {
    /// The address that a browser is sent to first. It holds the secret of this run.
    pub fn start_url(&self) -> String {
        format!("http://{}/start/{}", self.address, self.token)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The secret of this run, as automated tests send it.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The device behind the screens.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Stops listening, and makes everything durable.
    pub async fn stop(self) {
        // A dropped sender is the signal.
        drop(self.stop);
        self.device.suspend();
        self.device.close();
        for task in self.tasks {
            task.abort();
            // Aborted on purpose.
            drop(task.await);
        }
    }
}

/// Opens the device, lets it talk to its server, and serves its screens.
///
/// # Errors
///
/// [`ServeError`]; nothing of the device is lost.
pub async fn serve(options: Options) -> Result<Served, ServeError> {
    let mut settings = Settings::default();
    if options.allow_plain {
        settings.plain = PlainText::Anywhere;
    }
    let device = Device::open(&options.folder, settings).map_err(|source| ServeError::Device {
        folder: options.folder.display().to_string(),
        source,
    })?;
    serve_device(device, options.port, options.server).await
}

/// Lets an open device talk to its server, and serves its screens on `port` of 127.0.0.1. `server`
/// replaces the address in enrolment codes.
///
/// # Errors
///
/// [`ServeError`]; nothing of the device is lost.
pub async fn serve_device(
    device: Device,
    port: u16,
    server: Option<String>,
) -> Result<Served, ServeError> {
    let unusable = |source| ServeError::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    let mut secret = [0; 24];
    getrandom::fill(&mut secret).map_err(ServeError::Random)?;
    let token = data_encoding::BASE64URL_NOPAD.encode(&secret);
    let app = Arc::new(App::new(device.clone(), server));
    let routes = router::routes(Arc::clone(&app), address.port(), token.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = device.clone();
    let tasks = vec![
        tokio::spawn(async move { running.run().await }),
        tokio::spawn(events::follow(app)),
        tokio::spawn(async move {
            let done = async {
                // A dropped sender is a stop, too.
                drop(stopped.await);
            };
            let served = axum::serve(listener, routes).with_graceful_shutdown(done).await;
            if let Err(error) = served {
                tracing::error!(%error, "the screens are gone");
            }
        }),
    ];
    Ok(Served { address, token, device, stop, tasks })
}
