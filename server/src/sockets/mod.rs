//! Devices on WebSockets at `/sync`, sub-protocol `hsp.1`: one task per connection, with bounded
//! queues both ways.
//!
//! The order of the doors: [`gate`] (connections, before TLS, in `turns`), a seat in the house, one message of
//! at most 8 KiB within five seconds, [`admission`] by urgency. Whoever is not let in gets RETRY with
//! a time of its own to come back at, before anything is signed or written. Then [`pace`] on the way in and `lanes` on the way
//! out.

pub mod admission;
pub mod gate;
mod lanes;
mod pace;
mod rate;
mod room;
mod standing;
mod turns;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::{FaultCode, Frame, Limits, Retry, SUB_PROTOCOL, codec};
use protocol::identity::Lsn;
use server_core::session::wire::{ConnectionNo, Incoming};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;

use crate::api::problem::Problem;
use crate::runtime::{Company, Health, Input, Outgoing, outgoing_queue};
use crate::state::AppState;

use admission::{Seat, Urgency, Window};
use lanes::Lanes;
use pace::Pace;
use standing::{Peer, Standing};

/// How long a stranger may take for its next word to show who it is. What it waits for the server
/// does not count.
const STRANGER: Duration = Duration::from_secs(5);
/// How long one write may take; a peer that takes nothing for so long is gone.
const WRITE: Duration = Duration::from_secs(30);
/// When to come back to a server that stopped, in milliseconds.
const STOPPED_MS: Window = (1_000, 10_000);
/// How long somebody who was turned away may take to leave.
const LEAVE: Duration = Duration::from_secs(2);
/// Bytes that one read takes; the buffer is there for every connection, also for one that sleeps.
const READ_BYTES: usize = 4 << 10;

/// `GET /sync`: upgrades to the sync protocol.
pub async fn sync(
    State(app): State<AppState>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let upgrade = within_limits(upgrade).protocols([SUB_PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Problem::malformed(format!("the sub-protocol is {SUB_PROTOCOL}")).into_response();
    }
    upgrade.on_upgrade(move |socket| receive(app, socket, address))
}

/// The same WebSocket with the limits of every socket of this server.
pub fn within_limits(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    let bytes_max = usize::try_from(Limits::DEFAULT.message_bytes_max).unwrap_or(1 << 20);
    upgrade
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(bytes_max)
        .max_frame_size(bytes_max)
        .max_write_buffer_size(4 * bytes_max)
}

async fn turn_away(app: &AppState, mut socket: WebSocket, (after_min_ms, after_max_ms): Window) {
    app.metrics().turned_away.add(1);
    let reason = "The server has too much to do at the moment.".to_owned();
    let retry = Frame::Retry(Retry { after_min_ms, after_max_ms, reason });
    let message = WsMessage::Binary(Bytes::from(codec::encode(&retry, false)));
    let polite = async {
        socket.send(message).await?;
        socket.send(WsMessage::Close(None)).await
    };
    // Whether it hears us or not: it is not admitted.
    if let Ok(Ok(())) = tokio::time::timeout(WRITE, polite).await {
        // A connection that is ended with words of the peer unread is reset, and the peer may never
        // see what it was told.
        let gone = async { while let Some(Ok(_unheard)) = socket.recv().await {} };
        drop(tokio::time::timeout(LEAVE, gone).await);
    }
}

/// Lets somebody in who has connected, or sends it away.
async fn receive(app: AppState, mut socket: WebSocket, address: SocketAddr) {
    let is_at_work = *app.company().health().borrow() == Health::Running;
    if !is_at_work {
        return turn_away(&app, socket, STOPPED_MS).await;
    }
    if app.company().is_behind() {
        let window = app.admission().appointment();
        return turn_away(&app, socket, window).await;
    }
    let seat = match app.admission().seat() {
        Ok(seat) => seat,
        Err(window) => return turn_away(&app, socket, window).await,
    };
    let Ok(Some((first, length))) = tokio::time::timeout(STRANGER, first(&mut socket)).await else {
        app.metrics().strangers_gone.add(1);
        return;
    };
    let head = *app.company().head().borrow();
    match seat.admit(urgency(&first, head)).await {
        Ok(()) => {
            app.metrics().admitted.add(1);
            serve(&app, socket, (address, seat), (first, length)).await;
        }
        Err(window) => turn_away(&app, socket, window).await,
    }
}

/// The first message, and its length; none where the peer has nothing to say.
async fn first(socket: &mut WebSocket) -> Option<(Incoming, u64)> {
    loop {
        let message = match socket.recv().await? {
            Ok(message) => message,
            Err(error) if is_too_large(&error) => {
                return Some((too_large(Limits::DEFAULT.message_bytes_max), 0));
            }
            Err(_broken) => return None,
        };
        match message {
            WsMessage::Binary(bytes) => {
                let length = u64::try_from(bytes.len()).ok()?;
                let bytes_max = Limits::UNAUTHENTICATED_BYTES_MAX;
                let incoming = if length <= u64::from(bytes_max) {
                    Incoming::read(&bytes, &Limits::DEFAULT)
                } else {
                    too_large(bytes_max)
                };
                return Some((incoming, length));
            }
            WsMessage::Text(_) => return Some((text_is_no_frame(), 0)),
            WsMessage::Ping(_) | WsMessage::Pong(_) => {}
            WsMessage::Close(_) => return None,
        }
    }
}

fn too_large(bytes_max: u32) -> Incoming {
    let detail = format!("at most {bytes_max} bytes may be sent here");
    Incoming::Broken { fault: FaultCode::TOO_LARGE, detail }
}

fn text_is_no_frame() -> Incoming {
    let detail = "only binary messages are frames".to_owned();
    Incoming::Broken { fault: FaultCode::PROTOCOL, detail }
}

/// How urgent a peer is, by what it says of itself. It is not believed any further than this.
fn urgency(first: &Incoming, head: Lsn) -> Urgency {
    match first {
        Incoming::Frame(frame) => match &frame.0 {
            Frame::Hello(hello) if hello.pending > 0 => Urgency::Unsent,
            Frame::Hello(hello) if hello.cursor > Lsn(0) => {
                Urgency::Behind(head.0.saturating_sub(hello.cursor.0))
            }
            // A person stands beside it.
            Frame::Enrol(_) => Urgency::Behind(0),
            _ => Urgency::Everything,
        },
        Incoming::Push(_) | Incoming::Broken { .. } => Urgency::Everything,
    }
}

async fn serve(
    app: &AppState,
    socket: WebSocket,
    (address, seat): (SocketAddr, Seat),
    (first, length): (Incoming, u64),
) {
    let company = app.company();
    let connection = company.next_connection();
    let (outgoing, queue) = outgoing_queue();
    if company.tell(Input::Opened { connection, outgoing }).await.is_err() {
        turn_away(app, socket, (5_000, 30_000)).await;
        return;
    }
    let (sink, stream) = socket.split();
    let peer = Peer::new(seat);
    let is_too_much =
        matches!(&first, Incoming::Broken { fault, .. } if *fault == FaultCode::TOO_LARGE);
    let reader = async {
        if company.hear(connection, first).await.is_err() {
            return "the server does not take it";
        }
        if is_too_much {
            // Nothing more is read; the writer tells the peer why, and closes.
            tokio::time::sleep(STRANGER).await;
            return "the peer sent too much";
        }
        read(app, connection, stream, (&peer, length)).await
    };
    // Both halves in one task: whichever ends first ends the connection, but what was to be written
    // before a close is written by the writer itself.
    let why = tokio::select! {
        why = reader => why,
        why = write(app, connection, sink, (queue, &peer)) => why,
    };
    tracing::debug!(connection = connection.0, %address, why, "a connection ended");
    // The machine must hear of it, however full the inbox is.
    while company.tell(Input::Closed { connection }).await == Err(crate::runtime::SubmitError::Busy)
    {
    }
    drop(peer);
}

type Why = &'static str;

async fn read(
    app: &AppState,
    connection: ConnectionNo,
    mut stream: SplitStream<WebSocket>,
    (peer, mut stranger_bytes): (&Peer, u64),
) -> Why {
    let company = app.company();
    let stranger_bytes_max = u64::from(Limits::UNAUTHENTICATED_BYTES_MAX);
    let mut pace = Pace::new(company.now());
    let mut shown = peer.watch();
    let deadline = tokio::time::sleep(STRANGER);
    tokio::pin!(deadline);
    loop {
        let standing = *shown.borrow_and_update();
        let known = standing == Standing::Known;
        let message = tokio::select! {
            message = stream.next() => message,
            () = &mut deadline, if standing == Standing::Asked => {
                app.metrics().strangers_gone.add(1);
                return "a stranger did not say who it is";
            }
            // The writer holds the other end as long as the connection lives.
            _changed = shown.changed(), if !known => {
                deadline.as_mut().reset(tokio::time::Instant::now() + STRANGER);
                continue;
            }
        };
        let bytes = match message {
            Some(Ok(WsMessage::Binary(bytes))) => bytes,
            Some(Ok(WsMessage::Ping(bytes) | WsMessage::Pong(bytes))) => {
                tokio::time::sleep(pace.count(bytes.len(), company.now())).await;
                continue;
            }
            Some(Ok(WsMessage::Text(_))) => {
                let incoming = text_is_no_frame();
                if company.hear(connection, incoming).await.is_err() {
                    return "the server stopped";
                }
                continue;
            }
            Some(Ok(WsMessage::Close(_))) | None => return "the peer closed",
            Some(Err(error)) if is_too_large(&error) => {
                return refused(company, connection, Limits::DEFAULT.message_bytes_max).await;
            }
            Some(Err(error)) => {
                tracing::debug!(connection = connection.0, %error, "a connection broke");
                return "the connection broke";
            }
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        app.metrics().heard(length);
        if !known {
            peer.spoke();
            stranger_bytes = stranger_bytes.saturating_add(length);
            // It may have become known while this message was under way.
            if stranger_bytes > stranger_bytes_max && *shown.borrow() != Standing::Known {
                let bytes_max = Limits::UNAUTHENTICATED_BYTES_MAX;
                return refused(company, connection, bytes_max).await;
            }
        }
        let incoming = Incoming::read(&bytes, &Limits::DEFAULT);
        let pause = pace.count(bytes.len(), company.now());
        drop(bytes);
        if company.hear(connection, incoming).await.is_err() {
            return "the server does not take it";
        }
        if !pause.is_zero() {
            app.metrics().paused.add(1);
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether a message was refused for its size, before it was read.
fn is_too_large(error: &axum::Error) -> bool {
    let inner = std::error::Error::source(error);
    inner
        .and_then(|inner| inner.downcast_ref::<tungstenite::Error>())
        .is_some_and(|inner| matches!(inner, tungstenite::Error::Capacity(_)))
}

/// Reads nothing more, and waits until the peer was told why and the writer has closed.
async fn refused(company: &Company, connection: ConnectionNo, bytes_max: u32) -> Why {
    let incoming = too_large(bytes_max);
    if company.hear(connection, incoming).await.is_ok() {
        tokio::time::sleep(STRANGER).await;
    }
    "the peer sent too much"
}

async fn write(
    app: &AppState,
    connection: ConnectionNo,
    mut sink: SplitSink<WebSocket, WsMessage>,
    (mut queue, peer): (mpsc::Receiver<Outgoing>, &Peer),
) -> Why {
    let mut lanes = Lanes::default();
    let mut why = None;
    loop {
        if lanes.is_empty() && why.is_none() {
            match queue.recv().await {
                Some(outgoing) => why = take(&mut lanes, outgoing, peer),
                None => why = Some("a peer does not read"),
            }
        }
        while why.is_none()
            && let Ok(outgoing) = queue.try_recv()
        {
            why = take(&mut lanes, outgoing, peer);
        }
        let Some((message, compression)) = lanes.next() else {
            match why {
                Some(_closing) => break,
                None => continue,
            }
        };
        let bytes = Bytes::copy_from_slice(message.bytes(compression));
        let number = bytes.first().copied().unwrap_or_default();
        app.metrics().said(number, u64::try_from(bytes.len()).unwrap_or_default());
        let sent = tokio::time::timeout(WRITE, sink.send(WsMessage::Binary(bytes))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return "a peer does not read";
        }
        peer.answered();
        if app.company().tell(Input::Sent { connection }).await.is_err() {
            return "the server stopped";
        }
    }
    let why = why.unwrap_or("the server closed");
    let close = CloseFrame { code: 1000, reason: why.into() };
    // It is over either way.
    drop(tokio::time::timeout(WRITE, sink.send(WsMessage::Close(Some(close)))).await);
    why
}

/// Sorts what is to be written; why the connection ends after it, where it does.
fn take(lanes: &mut Lanes, outgoing: Outgoing, peer: &Peer) -> Option<Why> {
    match outgoing {
        Outgoing::Authenticated => {
            peer.known();
            None
        }
        Outgoing::Close => Some("the server closed"),
        Outgoing::Message(message, compression) => {
            lanes.put((message, compression));
            None
        }
    }
}
