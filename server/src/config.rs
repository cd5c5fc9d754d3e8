//! How a server is set up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::backup::Schedule;
use crate::secret::Masked;

/// Whether and how connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// A certificate of our own making, kept in the data folder and made at first start for these
    /// names and addresses, beside `localhost` and those of the listener.
    SelfSigned {
        /// Names and addresses that people use for this machine.
        names: Vec<String>,
    },
    /// A certificate and key from PEM files.
    Files {
        /// The certificate, with the chain behind it.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// None: allowed on loopback addresses only.
    Off,
    /// None, on whatever address: everybody on the network can read and change what is sent.
    InsecureLan,
}

/// How a server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The data folder: store, certificate, snapshots.
    pub folder: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether and how connections are encrypted.
    pub tls: Tls,
    /// The address that devices and browsers use, `https://host:port`; none: that of the listener.
    pub public_url: Option<String>,
    /// The name of the company, for a folder without one.
    pub company: String,
    /// Seconds between heartbeats of devices.
    pub heartbeat_s: u32,
    /// Connections that may be open at the same time; those beyond are asked to come back.
    pub connections_max: usize,
    /// New connections per second; those beyond are asked to come back.
    pub admissions_per_s: u32,
    /// New work is refused when less than this is free on the disk of the store, in bytes.
    pub reserve_bytes: u64,
    /// Where and how often backups are made; none: never, and devices forget nothing.
    pub backup: Option<Schedule>,
    /// What a scraper of `/metrics` on another machine shows as its bearer token.
    pub metrics_key: Option<Masked>,
    /// A deliberate mistake of the machine, for the demo and the tests; no other command sets it.
    pub bug: Option<server_core::machine::Bug>,
}

/// Room for judging what was accepted, for the engine's own housekeeping, and for a person to act.
const RESERVE_BYTES: u64 = 128 << 20;

impl Config {
    /// A server with its data in `folder`, listening on loopback without TLS.
    pub fn local(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: Tls::Off,
            public_url: None,
            company: "Tallyman".to_owned(),
            heartbeat_s: 15,
            connections_max: 10_000,
            admissions_per_s: 500,
            reserve_bytes: RESERVE_BYTES,
            backup: None,
            metrics_key: None,
            bug: None,
        }
    }

    /// The folder of the store.
    pub fn store_folder(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Checks that nothing beyond loopback is served in plain without being told so.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.tls == Tls::Off && !self.listen.ip().is_loopback() {
            return Err(ConfigError::PlainBeyondLoopback { listen: self.listen });
        }
        if let Some(url) = &self.public_url {
            let plain = matches!(self.tls, Tls::Off | Tls::InsecureLan);
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let path = host.is_none_or(|host| host.is_empty() || host.contains(['/', '#', '?']));
            // A proxy in front may add TLS of its own, so https:// is fine without ours.
            if path || (!plain && url.starts_with("http://")) {
                return Err(ConfigError::PublicUrl { url: url.clone() });
            }
        }
        Ok(())
    }
}

/// Why a set-up cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Plain connections beyond this machine.
    #[error(
        "{listen} can be reached from the network, and TLS is off: name a certificate, let one be \
         made, or say --insecure-lan"
    )]
    PlainBeyondLoopback {
        /// The address.
        listen: SocketAddr,
    },
    /// Not an address without a path, or plain in spite of TLS.
    #[error("{url} is not an address of this server: write it like https://host:8443")]
    PublicUrl {
        /// The address.
        url: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_beyond_loopback_is_served_in_plain_unasked() {
        let local = Config::local(Path::new("data"));
        assert_eq!(local.check(), Ok(()));
        let open = Config { listen: SocketAddr::from(([0, 0, 0, 0], 8443)), ..local };
        assert!(matches!(open.check(), Err(ConfigError::PlainBeyondLoopback { .. })));
        let asked = Config { tls: Tls::InsecureLan, ..open.clone() };
        assert_eq!(asked.check(), Ok(()));
        let encrypted = Config { tls: Tls::SelfSigned { names: Vec::new() }, ..open };
        assert_eq!(encrypted.check(), Ok(()));
        let plain_url = Some("http://wms:8443".to_owned());
        assert!(Config { public_url: plain_url, ..encrypted.clone() }.check().is_err());
        let path = Some("https://wms:8443/x".to_owned());
        assert!(Config { public_url: path, ..encrypted }.check().is_err());
    }
}
