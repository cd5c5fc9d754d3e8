//! The two WebSockets of the product, stripped of the protocol, for the Autobahn test suite: they
//! say back what they hear.
//!
//! | command | |
//! |---|---|
//! | `server` | the server's socket with its limits; prints its address |
//! | `device URL` | the device's socket with its limits, as client of the suite's fuzzing server |
//!
//! What is judged is RFC 6455. `hsp.1` would answer the first text with a fault, so the echo stands
//! in its place; sockets and limits are those that ship.

use std::process::ExitCode;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message as ServerMessage, WebSocket};
use axum::response::Response;
use axum::routing::get;
use clap::{Parser, Subcommand};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

type Problem = Box<dyn std::error::Error + Send + Sync>;

/// Who we are in the suite's reports.
const AGENT: &str = "device";

#[derive(Parser)]
#[command(about = "The product's WebSockets as echoes, for the Autobahn test suite")]
struct Arguments {
    #[command(subcommand)]
    side: Side,
}

#[derive(Subcommand)]
enum Side {
    /// The server's socket.
    Server,
    /// The device's socket.
    Device {
        /// Where the fuzzing server listens, `ws://127.0.0.1:9001`.
        url: String,
    },
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().side {
        Side::Server => serve().await,
        Side::Device { url } => run_cases(&url).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("the echo broke off: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Problem> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("ws://{}/", listener.local_addr()?);
    Ok(axum::serve(listener, Router::new().route("/", get(upgrade))).await?)
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    server::sockets::within_limits(upgrade).on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let said = match message {
            ServerMessage::Text(_) | ServerMessage::Binary(_) => socket.send(message).await,
            // The library answers pings and closes itself.
            ServerMessage::Ping(_) | ServerMessage::Pong(_) | ServerMessage::Close(_) => Ok(()),
        };
        if said.is_err() {
            return;
        }
    }
}

async fn open(url: &str, path: &str) -> Result<WebSocketStream<TcpStream>, Problem> {
    let address = url.strip_prefix("ws://").ok_or("the address begins with ws://")?;
    let stream = TcpStream::connect(address).await?;
    let request = format!("{url}{path}");
    let config = Some(device_core::transport::socket_config());
    Ok(tokio_tungstenite::client_async_with_config(request, stream, config).await?.0)
}

/// How many cases the fuzzing server has.
async fn count(url: &str) -> Result<u32, Problem> {
    let mut socket = open(url, "/getCaseCount").await?;
    match socket.next().await {
        Some(Ok(Message::Text(count))) => Ok(count.parse()?),
        other => Err(format!("{other:?} instead of a number of cases").into()),
    }
}

async fn run_cases(url: &str) -> Result<(), Problem> {
    let n = count(url).await?;
    for case in 1..=n {
        // A case may end before its handshake does.
        if let Ok(mut socket) = open(url, &format!("/runCase?case={case}&agent={AGENT}")).await {
            while let Some(Ok(message)) = socket.next().await {
                if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err()
                {
                    break;
                }
            }
        }
    }
    let mut socket = open(url, &format!("/updateReports?agent={AGENT}")).await?;
    while let Some(Ok(_closing)) = socket.next().await {}
    println!("{n} cases were run");
    Ok(())
}
