//! The log of the process: for people, or one JSON object a line for programs. On stderr: whoever
//! runs the service keeps it.

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the log tells; each level tells what those before it tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// What needs somebody now.
    Error,
    /// What somebody should look at.
    Warn,
    /// What begins and ends.
    Info,
    /// Every connection.
    Debug,
}

/// Begins the log. Once only; later calls change nothing.
pub(crate) fn begin((form, level): (Form, Level)) {
    let filter = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let log = tracing_subscriber::fmt().with_max_level(filter).with_writer(std::io::stderr);
    let begun = match form {
        Form::Text => {
            use std::io::IsTerminal as _;
            log.with_ansi(std::io::stderr().is_terminal()).try_init()
        }
        Form::Json => log.json().flatten_event(true).try_init(),
    };
    // A log that is there already goes on.
    drop(begun);
}
