//! The processes that the test of power cuts kills: a server, and a device at work.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Parser, Subcommand};
use device_core::device::{Device, Settings};
use device_core::engine::News;
use server::config::Config;
use server::server::Server;
use tests::receipt::nuts;
use tokio::sync::broadcast::error::RecvError;

type Problem = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "A server or a device, to be killed")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the company in a folder until it is killed.
    Server {
        /// The data folder.
        folder: PathBuf,
        /// The port on 127.0.0.1.
        port: u16,
    },
    /// Receives one piece after the other with the enrolled device in a folder, and writes the name
    /// of each operation once it is confirmed, and how far the server has them. When its input ends it stops receiving, waits until
    /// everything has an outcome, writes `drained` and ends.
    Device {
        /// The folder of the device.
        folder: PathBuf,
        /// Milliseconds between two receipts.
        pace_ms: u64,
    },
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("threads can be started");
    let done = match Arguments::parse().command {
        Command::Server { folder, port } => runtime.block_on(serve(folder, port)),
        Command::Device { folder, pace_ms } => {
            runtime.block_on(work(folder, Duration::from_millis(pace_ms)))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kill: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(folder: PathBuf, port: u16) -> Result<(), Problem> {
    let mut config = Config::local(&folder);
    config.listen.set_port(port);
    config.heartbeat_s = 1;
    let running = Server::start(config).await?;
    Err(format!("the server ended by itself: {:?}", running.ended().await).into())
}

async fn work(folder: PathBuf, pace: Duration) -> Result<(), Problem> {
    let device = Device::open(&folder, Settings::default())?;
    tokio::spawn({
        let device = device.clone();
        async move { device.run().await }
    });
    tokio::spawn(tell_acks(device.clone()));
    let is_over = Arc::new(AtomicBool::new(false));
    std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            // Nothing is ever written to it: the end of the input is the whole message.
            let _end = std::io::stdin().lock().lines().next();
            is_over.store(true, Ordering::Relaxed);
        }
    });
    let mut out = std::io::stdout();
    while !is_over.load(Ordering::Relaxed) {
        let name = device.record(&nuts(1, "MAIN", 10_000))?;
        writeln!(out, "{} {} {}", name.device, name.incarnation, name.seq)?;
        out.flush()?;
        tokio::time::sleep(pace).await;
    }
    device.try_now();
    while device.pending() > 0 {
        tokio::time::sleep(pace).await;
    }
    writeln!(out, "drained")?;
    out.flush()?;
    Ok(())
}

/// Writes `acked N` whenever the server has said that it has the operations up to N.
async fn tell_acks(device: Device) {
    let mut news = device.news();
    loop {
        match news.recv().await {
            Ok(News::Acked(seq)) => println!("acked {}", seq.0),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
