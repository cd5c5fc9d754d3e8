//! The handheld app: a device whose screens are pages of a browser on the same machine.

use std::path::PathBuf;

use clap::Parser;
use handheld::{Options, serve};

/// Local web screens of a Tallyman device.
#[derive(Debug, Parser)]
#[command(name = "handheld", version)]
struct Arguments {
    /// The folder of the device. It holds work that no server has yet: never delete it.
    #[arg(long)]
    dir: PathBuf,
    /// The port on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Reach the server here, whatever address the enrolment code names.
    #[arg(long)]
    server: Option<String>,
    /// Speak to a server without TLS on another machine too: whoever runs the network sees all.
    #[arg(long)]
    allow_plain: bool,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    let options = Options {
        folder: arguments.dir,
        port: arguments.port,
        server: arguments.server,
        allow_plain: arguments.allow_plain,
    };
    let served = match serve(options).await {
        Ok(served) => served,
        Err(error) => {
            eprintln!("{}", chain(&error));
            return std::process::ExitCode::FAILURE;
        }
    };
    // Whoever started this reads the first line.
    println!("{}", served.start_url());
    if tokio::signal::ctrl_c().await.is_err() {
        tracing::warn!("no signals here: stop the process by other means");
        std::future::pending::<()>().await;
    }
    served.stop().await;
    std::process::ExitCode::SUCCESS
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
