//! A network between a device and the server: it can be taken away, is as slow as it is told, and
//! counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

/// Bytes that are carried at once; at 5 Mbit/s they take 6 ms.
const PIECE_BYTES: usize = 4 << 10;

/// A network to one server.
pub(crate) struct Relay {
    /// Where the device finds the server.
    pub(crate) address: SocketAddr,
    is_up: watch::Sender<bool>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    up: AtomicU64,
    down: AtomicU64,
}

impl Relay {
    /// A network to `server`, up, with so many bits each second in each direction; 0: no limit.
    pub(crate) async fn to(server: SocketAddr, bits_per_s: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (is_up, watched) = watch::channel(true);
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        tokio::spawn(async move {
            while let Ok((near, _from)) = listener.accept().await {
                if *watched.borrow() {
                    let counts = Arc::clone(&shared);
                    tokio::spawn(carry(near, server, (watched.clone(), bits_per_s), counts));
                }
            }
        });
        Ok(Self { address, is_up, counts })
    }

    /// Takes the network away, or gives it back.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }

    /// Bytes that the device and the server sent, with the frames and heads of WebSocket.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.counts.up.load(Ordering::Relaxed), self.counts.down.load(Ordering::Relaxed))
    }
}

async fn carry(
    near: TcpStream,
    server: SocketAddr,
    (mut is_up, bits_per_s): (watch::Receiver<bool>, u64),
    counts: Arc<Counts>,
) {
    let Ok(far) = TcpStream::connect(server).await else { return };
    // A network that waits to fill a segment would be measured instead of the device.
    if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
        return;
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = one_way(near_read, far_write, bits_per_s, &counts.up) => {}
        () = one_way(far_read, near_write, bits_per_s, &counts.down) => {}
        _gone = is_up.wait_for(|is_up| !is_up) => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    bits_per_s: u64,
    count: &AtomicU64,
) {
    let mut bytes = vec![0; PIECE_BYTES];
    let mut free_at = Instant::now();
    while let Ok(n @ 1..) = from.read(&mut bytes).await {
        count.fetch_add(u64::try_from(n).unwrap_or_default(), Ordering::Relaxed);
        if bits_per_s > 0 {
            let on_the_way = Duration::from_secs_f64(n as f64 * 8.0 / bits_per_s as f64);
            free_at = free_at.max(Instant::now()) + on_the_way;
            tokio::time::sleep_until(free_at).await;
        }
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
    }
}
