//! What can go wrong, and what the caller still has afterwards.

use std::io;

use thiserror::Error;

/// Why the recorder could not do what it was asked.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The disk failed. Nothing of this call is recorded, and the recorder has stopped.
    #[error("the recorder could not {step}")]
    Io {
        /// The step that failed, as a verb: "sync the record".
        step: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The disk is full. Nothing was recorded or harmed; free space and call again.
    #[error("the disk is full")]
    Full,
    /// An earlier call failed on the disk, so the file can no longer be trusted: reopen it.
    #[error("the recorder has stopped after a disk failure")]
    Stopped,
    /// The content, or the group of contents, does not fit one segment. Nothing was recorded.
    #[error("{bytes} bytes do not fit, the limit is {bytes_max}")]
    TooLarge {
        /// What was asked for, in bytes.
        bytes: usize,
        /// What would have fit, in bytes.
        bytes_max: usize,
    },
    /// There is no recorder in this folder.
    #[error("there is no recorder here")]
    Missing,
    /// There is a recorder in this folder already; it was not touched.
    #[error("there is a recorder here already")]
    Exists,
    /// Another process has this recorder open.
    #[error("another process has the recorder open")]
    Busy,
    /// The files cannot be put in order without guessing a number. Nothing was changed or deleted.
    #[error("the recorder is unreadable: {what}")]
    Unreadable {
        /// Which fact could not be established.
        what: &'static str,
    },
    /// A newer program wrote these files.
    #[error(
        "the recorder has format {version}, which this program does not know: nothing was changed; \
         install the release that wrote it, or a later one"
    )]
    UnknownFormat {
        /// The version found.
        version: u32,
    },
    /// The operation is not in the recorder: trimmed, or not recorded yet.
    #[error("operation {seq} is not in the recorder")]
    NotHere {
        /// The sequence number asked for.
        seq: u64,
    },
    /// Somebody confirmed an operation that was never recorded. Nothing was changed.
    #[error("operation {seq} is beyond the last one recorded, {head}")]
    BeyondHead {
        /// The sequence number named.
        seq: u64,
        /// The last operation recorded.
        head: u64,
    },
    /// The server's chain has another hash at this operation: one of the two is an old copy.
    #[error("operation {seq} has another hash on the server")]
    ChainMismatch {
        /// The operation whose hash differs.
        seq: u64,
    },
    /// The new identity is not newer than the present one. Nothing was changed.
    #[error("the new incarnation is not newer than the present one, {present}")]
    NotNewer {
        /// The present incarnation.
        present: u32,
    },
}

impl RecorderError {
    /// Whether the same call may succeed later on the same recorder, without reopening it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full | Self::Busy => true,
            Self::Io { .. }
            | Self::Stopped
            | Self::TooLarge { .. }
            | Self::Missing
            | Self::Exists
            | Self::Unreadable { .. }
            | Self::UnknownFormat { .. }
            | Self::NotHere { .. }
            | Self::BeyondHead { .. }
            | Self::ChainMismatch { .. }
            | Self::NotNewer { .. } => false,
        }
    }

    /// Names the step that failed; a full disk is a refusal, not a failure.
    pub(super) fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ResourceBusy => Self::Busy,
            _ => Self::Io { step, source },
        }
    }
}
