//! A device's network in the demo: a relay between the device and the server that can be taken
//! away and given back, as the Wi-Fi of a steel hall is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
}

impl Link {
    /// A network to `server`, up.
    pub(crate) async fn to(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (is_up, watched) = watch::channel(true);
        let bytes_up = Arc::new(AtomicU64::new(0));
        tokio::spawn(relay(listener, server, watched, Arc::clone(&bytes_up)));
        Ok(Self { address, is_up, bytes_up })
    }

    /// Whether there is a network.
    pub(crate) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Bytes that the device sent.
    pub(crate) fn bytes_up(&self) -> u64 {
        self.bytes_up.load(Ordering::Relaxed)
    }

    /// Takes the network away, or gives it back.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }
}

async fn relay(
    listener: TcpListener,
    server: SocketAddr,
    is_up: watch::Receiver<bool>,
    bytes_up: Arc<AtomicU64>,
) {
    while let Ok((near, _from)) = listener.accept().await {
        if *is_up.borrow() {
            tokio::spawn(carry(near, server, is_up.clone(), Arc::clone(&bytes_up)));
        }
    }
}

/// Carries bytes both ways until either side ends or the network goes.
async fn carry(
    near: TcpStream,
    server: SocketAddr,
    mut is_up: watch::Receiver<bool>,
    bytes_up: Arc<AtomicU64>,
) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let up = async {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(n @ 1..) = near_read.read(&mut bytes).await {
            bytes_up.fetch_add(u64::try_from(n).unwrap_or_default(), Ordering::Relaxed);
            if far_write.write_all(&bytes[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ended = tokio::io::copy(&mut far_read, &mut near_write) => {}
        _gone = is_up.wait_for(|is_up| !is_up) => {}
    }
}
