//! A WebSocket to the server, over TLS or, on the device's own machine, without.
//!
//! The server is known by the SHA-256 of its certificate, which came with the enrolment code: no
//! authority has a say in it, and a certificate that anybody else vouches for is refused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use protocol::frame::SUB_PROTOCOL;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::engine::Address;

/// Bytes of the longest WebSocket message that is taken; tungstenite's own limit is far wider.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Whether an address without TLS may lead off this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainText {
    /// Only to this machine.
    #[default]
    LoopbackOnly,
    /// Anywhere: whoever runs the network sees and changes everything.
    Anywhere,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address is not `ws://host[:port]/path` or `wss://host[:port]/path`.
    #[error("{url} is not a WebSocket address")]
    Address {
        /// The address.
        url: String,
    },
    /// `wss://` without a pin: nobody could tell which server that is.
    #[error("no certificate is known for {url}: enrol the device again")]
    NoPin {
        /// The address.
        url: String,
    },
    /// `ws://` to another machine.
    #[error("{url} has no TLS and is not on this machine")]
    PlainText {
        /// The address.
        url: String,
    },
    /// The network.
    #[error("cannot reach {url}")]
    Network {
        /// The address.
        url: String,
        /// What the operating system, or TLS, said.
        #[source]
        source: io::Error,
    },
    /// The other side does not speak our WebSocket.
    #[error("{url} does not answer as a server of ours")]
    WebSocket {
        /// The address.
        url: String,
        /// What it did instead.
        #[source]
        source: Box<tokio_tungstenite::tungstenite::Error>,
    },
}

/// A connection below WebSocket.
#[derive(Debug)]
pub enum Link {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A WebSocket to the server.
pub type Socket = WebSocketStream<Link>;

/// The parts of an address.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    is_tls: bool,
    host: String,
    port: u16,
}

fn target(url: &str) -> Option<Target> {
    let (is_tls, rest) = match url.strip_prefix("wss://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("ws://")?),
    };
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None if is_tls => 443,
        None => 80,
    };
    (!host.is_empty()).then(|| Target { is_tls, host: host.to_owned(), port })
}

/// Connects to `address`, up to a WebSocket that speaks `hsp.1`.
///
/// # Errors
///
/// [`TransportError`]; nothing was sent that a stranger could use.
pub async fn connect(address: &Address, plain: PlainText) -> Result<Socket, TransportError> {
    let url = || address.url.clone();
    let target = target(&address.url).ok_or_else(|| TransportError::Address { url: url() })?;
    let network = |source| TransportError::Network { url: url(), source };
    let tcp = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(network)?;
    // Frames are whole messages; waiting for more bytes would only delay the acknowledgement.
    tcp.set_nodelay(true).map_err(network)?;
    let link = match (target.is_tls, address.pin) {
        (true, Some(pin)) => {
            let connector = TlsConnector::from(Arc::new(tls_config(pin)));
            let name = ServerName::try_from(target.host)
                .map_err(|_no_name| TransportError::Address { url: url() })?;
            Link::Tls(Box::new(connector.connect(name, tcp).await.map_err(network)?))
        }
        (true, None) => return Err(TransportError::NoPin { url: url() }),
        (false, _) => {
            let is_here = tcp.peer_addr().map_err(network)?.ip().is_loopback();
            if !is_here && plain == PlainText::LoopbackOnly {
                return Err(TransportError::PlainText { url: url() });
            }
            Link::Plain(tcp)
        }
    };
    upgrade(&address.url, link)
        .await
        .map_err(|source| TransportError::WebSocket { url: url(), source: Box::new(source) })
}

async fn upgrade(url: &str, link: Link) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
    let (socket, _answer) =
        tokio_tungstenite::client_async_with_config(request, link, Some(socket_config())).await?;
    Ok(socket)
}

/// The limits of every socket of a device.
#[must_use]
pub fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

fn tls_config(pin: [u8; 32]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned { pin, provider: Arc::clone(&provider) });
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

/// Accepts one certificate, and checks that the server holds its key.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Name and dates say nothing more than the pin, and a device's wall clock may be wrong.
        if Sha256::digest(end_entity.as_ref()).as_slice() == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General("the certificate is not the one of the enrolment".into()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let at = |is_tls, host: &str, port| Some(Target { is_tls, host: host.to_owned(), port });
        assert_eq!(target("wss://10.0.0.5:8443/sync"), at(true, "10.0.0.5", 8443));
        assert_eq!(target("wss://hall.example/sync"), at(true, "hall.example", 443));
        assert_eq!(target("ws://[::1]:8080/sync"), at(false, "::1", 8080));
        assert_eq!(target("ws://localhost"), at(false, "localhost", 80));
        for bad in ["http://x/", "ws://", "ws://x:port/", "wss://[::1", "x"] {
            assert_eq!(target(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn tls_without_a_pin_is_refused_before_anything_is_said() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}/sync", listener.local_addr().unwrap());
        let error = connect(&Address { url, pin: None }, PlainText::Anywhere).await.unwrap_err();
        assert!(matches!(error, TransportError::NoPin { .. }), "{error}");
    }

    #[test]
    fn only_the_pinned_certificate_is_accepted() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let ours = CertificateDer::from(vec![1, 2, 3]);
        let pinned = Pinned { pin: Sha256::digest([1, 2, 3]).into(), provider };
        let name = ServerName::try_from("hall.example").unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        assert!(pinned.verify_server_cert(&ours, &[], &name, &[], now).is_ok());
        let other = CertificateDer::from(vec![1, 2, 4]);
        assert!(pinned.verify_server_cert(&other, &[], &name, &[], now).is_err());
    }
}
