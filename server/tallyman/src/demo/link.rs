//! A device's network in the demo: a relay between the device and the server that can be taken
//! away and given back, as the Wi-Fi of a steel hall is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The network of one device.
#[derive(Debug)]
pub(crate) struct Link {
    /// Where the device finds the server.
    pub(crate) address: SocketAddr,
    is_up: watch::Sender<bool>,
    bytes_up: Arc<AtomicU64>,
    slow_start_ms: Arc<AtomicU64>,
}

impl Link {
    /// A network to `server`, up.
    pub(crate) async fn to(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (is_up, watched) = watch::channel(true);
        let bytes_up = Arc::new(AtomicU64::new(0));
        let slow_start_ms = Arc::new(AtomicU64::new(0));
        let wire = Wire { server, is_up: watched, bytes_up: Arc::clone(&bytes_up) };
        tokio::spawn(relay(listener, wire, Arc::clone(&slow_start_ms)));
        Ok(Self { address, is_up, bytes_up, slow_start_ms })
    }

    /// Bytes that the device sent.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.bytes_up.load(Ordering::Relaxed)
    }

    /// Takes the network away, or gives it back.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }

    /// From now on, the first answers of a new connection come so late.
    pub(crate) fn set_slow_start(&self, late: Duration) {
        let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        self.slow_start_ms.store(late_ms, Ordering::Relaxed);
    }
}

/// What a connection is carried over.
#[derive(Debug, Clone)]
struct Wire {
    server: SocketAddr,
    is_up: watch::Receiver<bool>,
    bytes_up: Arc<AtomicU64>,
}

async fn relay(listener: TcpListener, wire: Wire, slow_start_ms: Arc<AtomicU64>) {
    while let Ok((near, _from)) = listener.accept().await {
        if *wire.is_up.borrow() {
            let late = Duration::from_millis(slow_start_ms.load(Ordering::Relaxed));
            tokio::spawn(carry(near, wire.clone(), late));
        }
    }
}

/// Carries bytes both ways until either side ends or the network goes. What follows the first answer
/// (the protocol is switched) comes `late`.
async fn carry(near: TcpStream, mut wire: Wire, late: Duration) {
    let Ok(far) = TcpStream::connect(wire.server).await else { return };
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let up = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(n @ 1..) = near_read.read(&mut bytes).await {
            wire.bytes_up.fetch_add(u64::try_from(n).unwrap_or_default(), Ordering::Relaxed);
            if far_write.write_all(&bytes[..n]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 16 << 10];
        let mut rest = late;
        while let Ok(n @ 1..) = far_read.read(&mut bytes).await {
            if near_write.write_all(&bytes[..n]).await.is_err() {
                break;
            }
            tokio::time::sleep(std::mem::take(&mut rest)).await;
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
        _gone = wire.is_up.wait_for(|is_up| !is_up) => {}
    }
}
