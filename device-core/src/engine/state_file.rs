//! The state file: what a device knows besides operations and rows. Written whole, under another
//! name, synced, and renamed; so it is the old or the new one, never half.

use std::collections::BTreeMap;
use std::io;

use protocol::evidence::BootEvidence;
use protocol::health::StorageReport;
use protocol::identity::{Boot, ServerTime};
use protocol::words::{OperatorId, SiteCode};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::contact::Contact;
use super::scanner::ScannerTest;
use crate::recorder::Disk;

/// Where the server is, and how to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The WebSocket address: `wss://host:port/path`, or `ws://` without TLS.
    #[serde(rename = "u")]
    pub url: String,
    /// SHA-256 of the server's certificate (DER); none for `ws://`.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<[u8; 32]>,
}

/// Where the device belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Addresses of the server, the preferred one first.
    #[serde(rename = "a", default)]
    pub(super) addresses: Vec<Address>,
    /// The company's name.
    #[serde(rename = "c", default)]
    pub(super) company: String,
    /// The site.
    #[serde(rename = "s", default)]
    pub(super) site: Option<SiteCode>,
}

/// Everything in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateFile {
    /// The boot that was running, and what the platform called it.
    #[serde(rename = "b")]
    pub(super) boot: Boot,
    #[serde(rename = "i")]
    pub(super) boot_id: String,
    /// Clock evidence.
    #[serde(rename = "e", default)]
    pub(super) boots: Vec<BootEvidence>,
    #[serde(rename = "p", default)]
    pub(super) place: Place,
    /// Who was signed in.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(super) operator: Option<OperatorId>,
    /// Wrong PINs since the last contact with the server.
    #[serde(rename = "w", default)]
    pub(super) wrong_pins: BTreeMap<OperatorId, u32>,
    /// The latest server time that was ever known here.
    #[serde(rename = "t", default)]
    pub(super) server_time: ServerTime,
    /// When the server was reached last.
    #[serde(rename = "ct", default, skip_serializing_if = "Option::is_none")]
    pub(super) contact: Option<Contact>,
    /// The key that the server signs orders with.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub(super) server_key: Option<ByteBuf>,
    /// The order to upload everything and then to delete it.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) draining: Option<u64>,
    /// What storage has done so far; its state is not kept.
    #[serde(rename = "h", default, skip_serializing_if = "StorageReport::is_good")]
    pub(super) storage: StorageReport,
    /// What the last test of the scanner has found.
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub(super) scanner: Option<ScannerTest>,
}

/// Why the state file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// The disk failed.
    #[error("the state file could not be {step}")]
    Io {
        /// What was being done with it.
        step: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error("the state file is damaged")]
    Damaged,
    /// A newer program wrote it.
    #[error(
        "the state file has format {version}, which this program does not know: nothing was changed; \
         install the release that wrote it, or a later one"
    )]
    UnknownFormat {
        /// The version found.
        version: u8,
    },
}

const NAME: &str = "state";
const NAME_NEW: &str = "state.new";
const VERSION: u8 = 1;

impl StateFile {
    /// Reads the file; none when there is none yet.
    pub(super) fn read(disk: &dyn Disk) -> Result<Option<Self>, StateFileError> {
        let failed = |source| StateFileError::Io { step: "read", source };
        let mut file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let length = file.length().map_err(failed)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| StateFileError::Damaged)?];
        file.read_at(0, &mut bytes).map_err(failed)?;
        let (lead, body) = bytes.split_first_chunk::<5>().ok_or(StateFileError::Damaged)?;
        let [version, crc @ ..] = *lead;
        if crc32c::crc32c_append(crc32c::crc32c(&[version]), body) != u32::from_le_bytes(crc) {
            return Err(StateFileError::Damaged);
        }
        if version != VERSION {
            return Err(StateFileError::UnknownFormat { version });
        }
        rmp_serde::from_slice(body).map(Some).map_err(|_not_ours| StateFileError::Damaged)
    }

    /// Writes the file; durable when this returns.
    pub(super) fn write(&self, disk: &dyn Disk) -> Result<(), StateFileError> {
        let failed = |source| StateFileError::Io { step: "written", source };
        let body = rmp_serde::to_vec_named(self).expect("writing to memory cannot fail");
        let crc = crc32c::crc32c_append(crc32c::crc32c(&[VERSION]), &body);
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&body);
        let mut file = disk.create(NAME_NEW).map_err(failed)?;
        file.write_at(0, &bytes).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        disk.rename(NAME_NEW, NAME).map_err(failed)?;
        disk.sync_folder().map_err(failed)
    }
}
