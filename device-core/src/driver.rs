//! The driver: sockets and timers around [`DeviceCore`](crate::engine::DeviceCore), for ever.
//!
//! Reading and writing of a connection are two futures that do not wait for each other, so a
//! stuck download never stops an upload, nor the other way round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::device::Shared;
use crate::engine::{Action, Address, Connection, Event};
use crate::session::Timer;
use crate::transport::{PlainText, Socket, connect};

/// Frames that may wait for the core; behind them the socket is not read.
const INBOUND_MAX: usize = 16;
/// How long a connection that was given up may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection, as the driver holds it.
#[derive(Debug)]
struct Open {
    connection: Connection,
    out: mpsc::UnboundedSender<Vec<u8>>,
    task: JoinHandle<()>,
}

/// What the driver waits for.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Arc<Shared>,
    actions: mpsc::UnboundedReceiver<Action>,
    inbound: mpsc::Receiver<Event>,
    to_us: mpsc::Sender<Event>,
    timers: BTreeMap<Timer, Instant>,
    open: Option<Open>,
    plain: PlainText,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        actions: mpsc::UnboundedReceiver<Action>,
        plain: PlainText,
    ) -> Self {
        let (to_us, inbound) = mpsc::channel(INBOUND_MAX);
        Self { shared, actions, inbound, to_us, timers: BTreeMap::new(), open: None, plain }
    }

    /// Runs until the device is closed, and gives the queue of actions back.
    pub(crate) async fn run(mut self) -> mpsc::UnboundedReceiver<Action> {
        self.handle(Event::NetworkUp).await;
        let closed = Arc::clone(&self.shared);
        loop {
            let next =
                self.timers.iter().min_by_key(|(_, at)| **at).map(|(timer, at)| (*timer, *at));
            let ring = async {
                match next {
                    Some((timer, at)) => {
                        tokio::time::sleep_until(at).await;
                        timer
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = closed.closed() => break,
                action = self.actions.recv() => match action {
                    Some(action) => self.fulfil(action),
                    None => break,
                },
                Some(event) = self.inbound.recv() => self.handle(event).await,
                timer = ring => {
                    self.timers.remove(&timer);
                    self.handle(Event::Timer(timer)).await;
                }
            }
        }
        self.handle(Event::Suspend).await;
        self.close();
        self.actions
    }

    /// Lets the core take `event`. It may sync a file, so it runs where waiting harms nobody.
    async fn handle(&self, event: Event) {
        let shared = Arc::clone(&self.shared);
        let handled = tokio::task::spawn_blocking(move || shared.handle(event)).await;
        if let Err(error) = handled {
            tracing::error!(%error, "the device core has failed");
            self.shared.close();
        }
    }

    fn fulfil(&mut self, action: Action) {
        match action {
            Action::Connect(connection, address) => self.connect(connection, address),
            Action::Close(connection) => {
                if self.open.as_ref().is_some_and(|open| open.connection == connection) {
                    self.close();
                }
            }
            Action::Send(connection, bytes) => {
                if let Some(open) = self.open.as_ref().filter(|open| open.connection == connection)
                {
                    // A connection that has ended says so itself.
                    let _ = open.out.send(bytes);
                }
            }
            Action::Arm(timer, after_us) => {
                self.timers.insert(timer, Instant::now() + Duration::from_micros(after_us));
            }
            Action::Disarm(timer) => {
                self.timers.remove(&timer);
            }
            // Rare, short, and nothing else may go on meanwhile.
            Action::MakeKey => self.shared.make_key(),
            Action::KeepKey => self.shared.keep_key(),
            Action::BeginWipe => self.shared.begin_wipe(),
            Action::Wipe => {
                // What was sent before still leaves.
                self.close();
                self.shared.wipe();
            }
            Action::Tell(news) => self.shared.tell(news),
        }
    }

    fn connect(&mut self, connection: Connection, address: Address) {
        self.close();
        let (out, frames) = mpsc::unbounded_channel();
        let to_us = self.to_us.clone();
        let plain = self.plain;
        let task = tokio::spawn(async move {
            converse(connection, &address, plain, (frames, &to_us)).await;
            // Nobody to tell when the driver has ended.
            let _ = to_us.send(Event::Disconnected(connection)).await;
        });
        self.open = Some(Open { connection, out, task });
    }

    /// Gives the connection up; what was sent may still leave within a moment.
    fn close(&mut self) {
        let Some(Open { out, mut task, .. }) = self.open.take() else { return };
        drop(out);
        tokio::spawn(async move {
            if tokio::time::timeout(GOODBYE, &mut task).await.is_err() {
                task.abort();
            }
        });
    }
}

/// One connection from its beginning to its end.
async fn converse(
    connection: Connection,
    address: &Address,
    plain: PlainText,
    (frames, to_us): (mpsc::UnboundedReceiver<Vec<u8>>, &mpsc::Sender<Event>),
) {
    let socket: Socket = match connect(address, plain).await {
        Ok(socket) => socket,
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            tracing::debug!(%error, source, "no connection");
            return;
        }
    };
    if to_us.send(Event::Connected(connection)).await.is_err() {
        return;
    }
    let (sink, stream) = socket.split();
    tokio::select! {
        () = read(connection, stream, to_us) => {}
        () = write(sink, frames) => {}
    }
}

async fn read(
    connection: Connection,
    mut stream: SplitStream<Socket>,
    to_us: &mpsc::Sender<Event>,
) {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Binary(bytes)) => {
                if to_us.send(Event::Frame(connection, bytes.into())).await.is_err() {
                    return;
                }
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Ok(Message::Text(_) | Message::Close(_)) => return,
            Err(error) => {
                tracing::debug!(%error, "the connection broke");
                return;
            }
        }
    }
}

/// Writes frames, several with one flush where several wait, and says goodbye at the end.
async fn write(mut sink: SplitSink<Socket, Message>, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        let mut sent = sink.feed(Message::Binary(frame.into())).await;
        while sent.is_ok()
            && let Ok(frame) = frames.try_recv()
        {
            sent = sink.feed(Message::Binary(frame.into())).await;
        }
        if let Err(error) = sent.and(sink.flush().await) {
            tracing::debug!(%error, "the connection broke");
            return;
        }
    }
    // Best effort: the connection is given up either way.
    let _ = sink.close().await;
}
