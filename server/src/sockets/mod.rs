//! Devices on WebSockets at `/sync`, sub-protocol `hsp.1`: one task per connection, with bounded
//! queues both ways.
//!
//! Admission comes first: when too many connect at once, or too many are connected, a newcomer gets
//! RETRY with a window and is closed, before anything is read from it. A stranger has five seconds
//! and 8 KiB to show who it is.

mod admission;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message as WsMessage, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::{FaultCode, Frame, Limits, Retry, SUB_PROTOCOL, codec};
use server_core::session::wire::{ConnectionNo, Incoming};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite;

use crate::api::problem::Problem;
use crate::runtime::{Company, Input, Outgoing, outgoing_queue};
use crate::state::AppState;

pub use admission::{Admission, Admitted};

/// How long a stranger may take to show who it is.
const STRANGER: Duration = Duration::from_secs(5);
/// How long one write may take; a peer that takes nothing for so long is gone.
const WRITE: Duration = Duration::from_secs(30);

/// `GET /sync`: upgrades to the sync protocol.
pub async fn sync(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let bytes_max = usize::try_from(Limits::DEFAULT.message_bytes_max).unwrap_or(1 << 20);
    let upgrade = upgrade
        .protocols([SUB_PROTOCOL])
        .max_message_size(bytes_max)
        .max_frame_size(bytes_max)
        .max_write_buffer_size(4 * bytes_max);
    if upgrade.selected_protocol().is_none() {
        return Problem::malformed(format!("the sub-protocol is {SUB_PROTOCOL}")).into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        match app.admission().admit(app.company().now()) {
            Ok(admitted) => serve(app.company().clone(), socket, peer, admitted).await,
            Err(window) => turn_away(socket, window).await,
        }
    })
}

async fn turn_away(mut socket: WebSocket, (after_min_ms, after_max_ms): (u32, u32)) {
    let reason = "The server has too much to do at the moment.".to_owned();
    let retry = Frame::Retry(Retry { after_min_ms, after_max_ms, reason });
    let message = WsMessage::Binary(Bytes::from(codec::encode(&retry, false)));
    let polite = async {
        socket.send(message).await?;
        socket.send(WsMessage::Close(None)).await
    };
    // Whether it hears us or not: it is not admitted.
    drop(tokio::time::timeout(WRITE, polite).await);
}

async fn serve(company: Company, socket: WebSocket, peer: SocketAddr, admitted: Admitted) {
    let connection = company.next_connection();
    let (outgoing, queue) = outgoing_queue();
    if company.tell(Input::Opened { connection, outgoing }).await.is_err() {
        turn_away(socket, (5_000, 30_000)).await;
        return;
    }
    let (sink, stream) = socket.split();
    let (known, is_known) = watch::channel(false);
    let reader = read(&company, connection, stream, is_known);
    let writer = write(&company, connection, sink, (queue, known));
    // Both halves in one task: whichever ends first ends the connection, but what was to be written
    // before a close is written by the writer itself.
    tokio::pin!(reader, writer);
    let why = tokio::select! {
        why = &mut reader => why,
        why = &mut writer => why,
    };
    tracing::debug!(connection = connection.0, %peer, why, "a connection ended");
    // The machine must hear of it, however full the inbox is.
    while company.tell(Input::Closed { connection }).await == Err(crate::runtime::SubmitError::Busy)
    {
    }
    drop(admitted);
}

type Why = &'static str;

async fn read(
    company: &Company,
    connection: ConnectionNo,
    mut stream: SplitStream<WebSocket>,
    mut is_known: watch::Receiver<bool>,
) -> Why {
    let stranger_bytes_max = u64::from(Limits::UNAUTHENTICATED_BYTES_MAX);
    let mut stranger_bytes = 0_u64;
    let deadline = tokio::time::sleep(STRANGER);
    tokio::pin!(deadline);
    loop {
        let known = *is_known.borrow_and_update();
        let message = tokio::select! {
            message = stream.next() => message,
            () = &mut deadline, if !known => return "a stranger did not say who it is",
            // The writer holds the other end as long as the connection lives.
            _changed = is_known.changed(), if !known => continue,
        };
        let bytes = match message {
            Some(Ok(WsMessage::Binary(bytes))) => bytes,
            Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_))) => continue,
            Some(Ok(WsMessage::Text(_))) => {
                let detail = "only binary messages are frames".to_owned();
                let incoming = Incoming::Broken { fault: FaultCode::PROTOCOL, detail };
                if company.tell(Input::Received { connection, incoming }).await.is_err() {
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
        if !known {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            stranger_bytes = stranger_bytes.saturating_add(length);
            // It may have become known while this message was under way.
            if stranger_bytes > stranger_bytes_max && !*is_known.borrow() {
                let bytes_max = Limits::UNAUTHENTICATED_BYTES_MAX;
                return refused(company, connection, bytes_max).await;
            }
        }
        let incoming = Incoming::read(&bytes, &Limits::DEFAULT);
        if company.tell(Input::Received { connection, incoming }).await.is_err() {
            return "the server does not take it";
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
    let detail = format!("at most {bytes_max} bytes may be sent here");
    let incoming = Incoming::Broken { fault: FaultCode::TOO_LARGE, detail };
    if company.tell(Input::Received { connection, incoming }).await.is_ok() {
        tokio::time::sleep(STRANGER).await;
    }
    "the peer sent too much"
}

async fn write(
    company: &Company,
    connection: ConnectionNo,
    mut sink: SplitSink<WebSocket, WsMessage>,
    (mut queue, known): (mpsc::Receiver<Outgoing>, watch::Sender<bool>),
) -> Why {
    let mut why = "a peer does not read";
    while let Some(outgoing) = queue.recv().await {
        match outgoing {
            Outgoing::Authenticated => {
                known.send_replace(true);
            }
            Outgoing::Close => {
                why = "the server closed";
                break;
            }
            Outgoing::Message(message, compression) => {
                let bytes = Bytes::copy_from_slice(message.bytes(compression));
                let sent = tokio::time::timeout(WRITE, sink.send(WsMessage::Binary(bytes))).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return "a peer does not read";
                }
                if company.tell(Input::Sent { connection }).await.is_err() {
                    return "the server stopped";
                }
            }
        }
    }
    let close = CloseFrame { code: 1000, reason: why.into() };
    // It is over either way.
    drop(tokio::time::timeout(WRITE, sink.send(WsMessage::Close(Some(close)))).await);
    why
}

/// The admission of a server with these limits.
pub fn admission(connections_max: usize, admissions_per_s: u32) -> Arc<Admission> {
    Arc::new(Admission::new(connections_max, admissions_per_s))
}
