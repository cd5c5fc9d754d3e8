//! Which certificates this server has served, and the devices that know it by another one.
//!
//! A device takes the certificate of its enrolment and no other, whatever its names and dates: one that
//! was renewed is another one to it. What it records it keeps; it cannot connect before it is enrolled
//! again. So the server remembers which certificate it served from when, and says who is cut off.
//!
//! Not here: the certificate itself ([`crate::tls`]).

use std::path::Path;

use ledger::key::KeyRange;
use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::{Read as _, Tables};
use protocol::identity::ServerTime;
use serde::{Deserialize, Serialize};

use crate::backup::files::{Files as _, System};
use crate::secret;
use crate::tls::{TlsError, pin_text, write_private};

/// The file in the data folder.
pub(crate) const CERTIFICATES_FILE: &str = "certificates.json";

/// A certificate, from when it was served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Served {
    /// SHA-256 of the certificate (DER), in hexadecimal digits.
    pin: String,
    /// From then on. Zero: as long as anybody remembers.
    since: ServerTime,
}

/// The certificate that is served, and those that were before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The last one is served now.
    served: Vec<Served>,
    pin: [u8; 32],
}

impl Certificates {
    /// Remembers in the data folder that the certificate with this pin is served from `now` on.
    ///
    /// # Errors
    ///
    /// [`TlsError::File`]: the list cannot be read or written.
    pub fn serve(data: &Path, pin: [u8; 32], now: ServerTime) -> Result<Self, TlsError> {
        let path = data.join(CERTIFICATES_FILE);
        let file = |source| TlsError::File { path: path.clone(), source };
        let mut served: Vec<Served> = match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(served) => served,
                // It only says more about devices that cannot connect: nobody is kept out for its sake.
                Err(error) => {
                    let aside = path.with_extension("unreadable");
                    std::fs::rename(&path, &aside).map_err(file)?;
                    tracing::warn!(%error, aside = %aside.display(), "the list of certificates is begun anew");
                    Vec::new()
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(file(error)),
        };
        let text = secret::hex(&pin);
        if served.last().is_none_or(|last| last.pin != text) {
            let since = if served.is_empty() { ServerTime(0) } else { now };
            served.push(Served { pin: text, since });
            let bytes = serde_json::to_vec_pretty(&served).expect("words and numbers are JSON");
            let part = path.with_extension("part");
            write_private(&part, &bytes)
                .and_then(|()| std::fs::rename(&part, &path))
                .and_then(|()| System.sync_folder(data))
                .map_err(file)?;
        }
        Ok(Self { served, pin })
    }

    /// The pin of the one that is served, as people compare it.
    pub fn pin(&self) -> String {
        pin_text(&self.pin)
    }

    /// Since when it is served; none: as long as this server remembers.
    pub fn since(&self) -> Option<ServerTime> {
        self.served.last().map(|last| last.since).filter(|since| *since > ServerTime(0))
    }

    /// How many devices that may connect were enrolled while another certificate was served.
    pub fn n_cut_off(&self, tables: &dyn Tables) -> usize {
        if self.served.len() < 2 {
            return 0;
        }
        let present = secret::hex(&self.pin);
        let devices = tables.list::<Devices>(&KeyRange::all());
        devices
            .iter()
            .filter(|(_id, device)| {
                device.state != DeviceState::Revoked && device.declared_lost.is_none()
            })
            .filter(|(_id, device)| {
                let then = self.served.iter().rfind(|served| served.since <= device.enrolled);
                then.is_some_and(|served| served.pin != present)
            })
            .count()
    }

    /// What is to be said of the devices that are cut off; none where there are none.
    pub fn warning(&self, tables: &dyn Tables) -> Option<String> {
        let n = self.n_cut_off(tables);
        (n > 0).then(|| {
            format!(
                "{n} devices were enrolled with another certificate than the one that is served \
                 ({}) and cannot connect: serve the former one, or enrol each of them again, which \
                 keeps what it has not sent, and revoke its former entry.",
                self.pin()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_remembered_from_when_it_was_served_first() {
        let folder = tempfile::tempdir().unwrap();
        let serve = |pin: u8, at: i64| {
            Certificates::serve(folder.path(), [pin; 32], ServerTime(at)).unwrap()
        };
        assert_eq!(serve(1, 10).since(), None, "nothing is known of what was before");
        assert_eq!(serve(1, 20).since(), None);
        assert_eq!(serve(2, 30).since(), Some(ServerTime(30)));
        assert_eq!(serve(2, 40).since(), Some(ServerTime(30)), "also after it was started again");
        assert_eq!(serve(1, 50).served.len(), 3);
        std::fs::write(folder.path().join(CERTIFICATES_FILE), "nonsense").unwrap();
        assert_eq!(serve(1, 60).since(), None, "it begins anew");
        let kept = folder.path().join(CERTIFICATES_FILE).with_extension("unreadable");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), "nonsense");
        assert_eq!(serve(2, 70).since(), Some(ServerTime(70)));
    }
}
