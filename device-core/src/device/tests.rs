//! The whole device over real sockets, against the small server.

mod golden;

use std::sync::PoisonError;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::outcome::Decision;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;
use crate::engine::tests::invitation;
use crate::engine::tests::server::Server;
use crate::engine::{OperationState, RecorderState};
use crate::sample::*;
use crate::session::{LinkState, Patience};

/// Long enough for a busy machine; nothing waits for it when all is well.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Wire {
    server: Mutex<Server>,
    /// Ends the connection that is open.
    cut: Notify,
}

/// Answers on `listener` for ever, one connection at a time.
async fn serve(wire: Arc<Wire>, listener: TcpListener, tls: Option<tokio_rustls::TlsAcceptor>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        match &tls {
            None => converse(&wire, tcp).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(tcp).await {
                    converse(&wire, stream).await;
                }
            }
        }
    }
}

#[expect(clippy::result_large_err, reason = "the shape of the library's callback")]
async fn converse(wire: &Wire, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let speak = |request: &Request, mut response: Response| {
        let wanted = request.headers()["sec-websocket-protocol"].clone();
        assert_eq!(wanted, protocol::frame::SUB_PROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", wanted);
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, speak).await else { return };
    wire.server.lock().unwrap_or_else(PoisonError::into_inner).connected();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            () = wire.cut.notified() => return,
        };
        let Some(Ok(Message::Binary(bytes))) = message else { return };
        let answers = {
            let mut server = wire.server.lock().unwrap_or_else(PoisonError::into_inner);
            let mut answers = server.message(&bytes);
            while server.post() {}
            answers.extend(server.feed_bytes());
            answers
        };
        for answer in answers {
            if socket.send(Message::Binary(answer.into())).await.is_err() {
                return;
            }
        }
    }
}

async fn wire() -> (Arc<Wire>, Invitation) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let wire = Arc::new(Wire { server: Mutex::new(Server::new()), cut: Notify::new() });
    tokio::spawn(serve(Arc::clone(&wire), listener, None));
    (wire, Invitation { url, ..invitation() })
}

fn settings() -> Settings {
    let patience = Patience { first_ms: 1, base_ms: 1, cap_ms: 20, ..Patience::default() };
    Settings { config: Config { patience, ..Config::default() }, ..Settings::default() }
}

fn run(device: &Device) -> tokio::task::JoinHandle<()> {
    let device = device.clone();
    tokio::spawn(async move { device.run().await })
}

async fn until(news: &mut broadcast::Receiver<News>, is_it: impl Fn(&News) -> bool) {
    let found = async {
        loop {
            if is_it(&news.recv().await.unwrap()) {
                return;
            }
        }
    };
    tokio::time::timeout(LONG, found).await.expect("the news comes in time");
}

fn work(units: i32) -> Work {
    Work { body: receive("A-01", "BOLT", units), document: None }
}

fn shown(device: &Device) -> Option<protocol::quantity::Quantity> {
    device.read(|core| {
        let lines = core.fold().stock_in_bin(&main_location(), Some(&bin("A-01")), 9).unwrap();
        lines.first().and_then(|line| line.quantity)
    })
}

fn is_outcome(news: &News) -> bool {
    matches!(news, News::Outcomes(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_goes_down_once_and_comes_back_once_over_a_real_socket() {
    let (_wire, invitation) = wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    let mut news = device.news();
    let name = device.record(&work(5)).unwrap();
    assert_eq!(shown(&device), Some(q(5)));
    until(&mut news, is_outcome).await;
    assert_eq!(shown(&device), Some(q(5)));
    assert_eq!(device.pending(), 0);
    let mine = device.my_operations(9).unwrap();
    assert_eq!(mine[0].name, name);
    assert!(matches!(&mine[0].state, OperationState::Judged(Some(outcome))
        if outcome.decision == Decision::Accepted));
    device.close();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_opened_again_goes_on_where_it_was() {
    let (wire, invitation) = wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    device.close();
    running.await.unwrap();
    device.record(&work(5)).unwrap();
    drop(device);

    let device = Device::open(folder.path(), settings()).unwrap();
    let status = device.status();
    assert_eq!((status.n_unsent, status.recorder), (1, RecorderState::Ready));
    assert_eq!(status.company, "Nordlager");
    let mut news = device.news();
    let running = run(&device);
    until(&mut news, is_outcome).await;
    assert_eq!(wire.server.lock().unwrap().book.intake.len(), 1);
    device.close();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_connection_is_made_again() {
    let (wire, invitation) = wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    let mut news = device.news();
    until(&mut news, |news| *news == News::Link(LinkState::Online)).await;
    for _ in 0..3 {
        wire.cut.notify_one();
        until(&mut news, |news| *news == News::Link(LinkState::Online)).await;
        device.record(&work(1)).unwrap();
        until(&mut news, is_outcome).await;
    }
    assert_eq!(shown(&device), Some(q(3)));
    device.close();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_may_scan_at_once() {
    let (_wire, invitation) = wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    let mut news = device.news();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let device = device.clone();
            std::thread::spawn(move || {
                for _ in 0..10 {
                    device.record(&work(1)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(shown(&device), Some(q(40)));
    while device.pending() > 0 {
        until(&mut news, is_outcome).await;
    }
    assert_eq!(shown(&device), Some(q(40)));
    device.close();
    running.await.unwrap();
}

/// A server with TLS, and the certificate that it shows.
async fn tls_wire() -> (Arc<Wire>, Invitation) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let pin: [u8; 32] = Sha256::digest(&certificate).into();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let wire = Arc::new(Wire { server: Mutex::new(Server::new()), cut: Notify::new() });
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(serve(Arc::clone(&wire), listener, Some(acceptor)));
    (wire, Invitation { url, pin: Some(pin), ..invitation() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pinned_server_is_spoken_to_over_tls_and_another_is_not() {
    let (wire, invitation) = tls_wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    let mut other = invitation.clone();
    other.pin = Some([1; 32]);
    let refused = device.enrol(other, Duration::from_millis(300)).await;
    assert_eq!(refused, Err(EnrolError::NotReached));
    assert_eq!(device.status().identity, None);
    assert!(wire.server.lock().unwrap().heartbeats.is_empty());
    device.enrol(invitation, LONG).await.unwrap();
    let mut news = device.news();
    device.record(&work(2)).unwrap();
    until(&mut news, is_outcome).await;
    device.close();
    running.await.unwrap();
}

#[tokio::test]
async fn plain_text_stays_on_this_machine() {
    use crate::engine::Address;
    use crate::transport::{TransportError, connect};
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(address) = other_address().await else { return };
    let url = format!("ws://{address}:{port}/sync");
    let accepted = tokio::spawn(async move { listener.accept().await.map(|(tcp, _)| tcp) });
    let error = connect(&Address { url, pin: None }, PlainText::LoopbackOnly).await.unwrap_err();
    assert!(matches!(error, TransportError::PlainText { .. }), "{error}");
    drop(accepted.await.unwrap().unwrap());
}

/// An address of this machine that is not the loopback; none on a machine without a network.
async fn other_address() -> Option<std::net::Ipv4Addr> {
    let socket = tokio::net::UdpSocket::bind("0.0.0.0:0").await.ok()?;
    // Nothing is sent: this only asks which address would be used.
    socket.connect("192.0.2.1:9").await.ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_cannot_open_the_same_device() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    assert!(matches!(Device::open(folder.path(), settings()), Err(OpenError::Folder(_))));
    drop(device);
    Device::open(folder.path(), settings()).unwrap();
}

/// The folder of a device whose process is to be killed, for the process that will be.
const VICTIM: &str = "DEVICE_CORE_TEST_VICTIM";

/// Records until somebody kills the process, and says so after each tone.
fn record_until_killed(folder: &Path) -> ! {
    let device = Device::open(folder, settings()).unwrap();
    loop {
        let name = device.record(&work(1)).unwrap();
        println!("recorded {}", name.seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_scan_that_had_its_tone() {
    use std::io::BufRead as _;
    if let Some(folder) = std::env::var_os(VICTIM) {
        record_until_killed(Path::new(&folder));
    }
    let (_wire, invitation) = wire().await;
    let folder = tempfile::tempdir().unwrap();
    let device = Device::open(folder.path(), settings()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    device.close();
    running.await.unwrap();
    drop(device);
    for n_scans in [1, 17, 40] {
        let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "device::tests::a_killed_process_loses_no_scan_that_had_its_tone"])
            .arg("--nocapture")
            .env(VICTIM, folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let out = std::io::BufReader::new(victim.stdout.take().unwrap());
        let toned: Vec<u64> = out
            .lines()
            .filter_map(|line| line.unwrap().split("recorded ").nth(1)?.parse().ok())
            .take(n_scans)
            .collect();
        victim.kill().unwrap();
        victim.wait().unwrap();
        let last = *toned.last().unwrap();
        let device = Device::open(folder.path(), settings()).unwrap();
        let n_recorded = device.read(|core| core.recorder().unwrap().head().seq);
        assert!(n_recorded >= last, "{n_recorded} recorded, {last} had their tone");
        let n_recorded = i32::try_from(n_recorded).unwrap();
        assert_eq!(shown(&device), Some(q(n_recorded)), "each of them is shown once");
        assert_eq!(device.pending(), usize::try_from(n_recorded).unwrap());
    }
}
