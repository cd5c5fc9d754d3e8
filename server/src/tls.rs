//! The server's certificate, and the pin by which devices know it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{Config, Tls};
use crate::secret;

/// Why there is no certificate to use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path} cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} is not PEM with a {wanted}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// No certificate can be made for the names.
    #[error("no certificate can be made for {names}")]
    Names {
        /// The names.
        names: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that is not served.
    #[error("the certificate and its key cannot be served")]
    Rustls(#[from] rustls::Error),
}

/// A certificate to serve with.
#[derive(Debug, Clone)]
pub struct Identity {
    /// SHA-256 of the certificate (DER): devices accept no other.
    pub pin: [u8; 32],
    /// What the listener serves with.
    pub config: Arc<ServerConfig>,
}

/// The certificate of `config`, made at first start where none is given; none without TLS.
///
/// # Errors
///
/// [`TlsError`].
pub fn identity(config: &Config) -> Result<Option<Identity>, TlsError> {
    match &config.tls {
        Tls::Off | Tls::InsecureLan => Ok(None),
        Tls::Files { certificate, key } => load(certificate, key).map(Some),
        Tls::SelfSigned { names } => {
            let folder = config.folder.join("tls");
            let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
            if !certificate.exists() || !key.exists() {
                let mut all = names.clone();
                all.extend(["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
                if !config.listen.ip().is_unspecified() {
                    all.push(config.listen.ip().to_string());
                }
                make(&all, &certificate, &key)?;
            }
            load(&certificate, &key).map(Some)
        }
    }
}

fn make(names: &[String], certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let names_error = |source| TlsError::Names { names: names.join(", "), source };
    let mut names = names.to_vec();
    names.sort();
    names.dedup();
    let pair = rcgen::KeyPair::generate().map_err(names_error)?;
    let mut params = rcgen::CertificateParams::new(names.clone()).map_err(names_error)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Tallyman");
    // Handhelds know it by its pin and live for years: no date may end their day's work.
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2099, 12, 31);
    let made = params.self_signed(&pair).map_err(names_error)?;
    let folder = key.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    write_private(key, pair.serialize_pem().as_bytes()).map_err(file_error(key))?;
    std::fs::write(certificate, made.pem()).map_err(file_error(certificate))
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> TlsError {
    let path = path.to_owned();
    |source| TlsError::File { path, source }
}

/// Writes a file that nobody but the owner may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn load(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let pem = std::fs::read(certificate).map_err(file_error(certificate))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_malformed| pem_error(certificate, "certificate"))?;
    let own = chain.first().ok_or_else(|| pem_error(certificate, "certificate"))?;
    let pin = secret::sha256(own);
    let pem = std::fs::read(key).map_err(file_error(key))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem).map_err(|_malformed| pem_error(key, "private key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { pin, config: Arc::new(config) })
}

fn pem_error(path: &Path, wanted: &'static str) -> TlsError {
    TlsError::Pem { path: path.to_owned(), wanted }
}

/// A pin as people compare it: `9f:3c:…`.
pub fn pin_text(pin: &[u8; 32]) -> String {
    let pairs: Vec<_> = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path, tls: Tls) -> Config {
        Config { tls, ..Config::local(folder) }
    }

    #[test]
    fn a_made_certificate_is_kept_and_its_pin_stays() {
        let folder = tempfile::tempdir().unwrap();
        let own = config(folder.path(), Tls::SelfSigned { names: vec!["wms.example".to_owned()] });
        let first = identity(&own).unwrap().unwrap();
        let again = identity(&own).unwrap().unwrap();
        assert_eq!(first.pin, again.pin);
        let tls = folder.path().join("tls");
        let (certificate, key) = (tls.join("certificate.pem"), tls.join("key.pem"));
        let given = config(folder.path(), Tls::Files { certificate, key: key.clone() });
        assert_eq!(identity(&given).unwrap().unwrap().pin, first.pin);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&key).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "only the owner reads the key");
        }
        assert_eq!(pin_text(&first.pin).len(), 32 * 3 - 1);
    }

    #[test]
    fn files_that_hold_something_else_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.pem");
        std::fs::write(&file, "nothing").unwrap();
        let given = Tls::Files { certificate: file.clone(), key: file.clone() };
        let error = identity(&config(folder.path(), given)).unwrap_err();
        assert!(matches!(error, TlsError::Pem { .. }), "{error}");
        let missing = Tls::Files { certificate: folder.path().join("none"), key: file };
        let error = identity(&config(folder.path(), missing)).unwrap_err();
        assert!(matches!(error, TlsError::File { .. }), "{error}");
        assert!(identity(&config(folder.path(), Tls::Off)).unwrap().is_none());
    }
}
