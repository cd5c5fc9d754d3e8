//! What devices say of themselves that decides nothing: the version of their program, and who is
//! signed in. Kept for the pages, in memory only; a device says it again when it connects.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use protocol::frame::Frame;
use protocol::identity::DeviceId;
use protocol::words::OperatorId;
use server_core::session::wire::{ConnectionNo, Incoming};

/// What a device last said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The version of its program.
    pub version: String,
    /// Who is signed in.
    pub operator: Option<OperatorId>,
}

/// What all devices last said.
#[derive(Debug, Default)]
pub struct Hearsay(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// What a peer says before it has proved who it is counts for nobody.
    strangers: HashMap<ConnectionNo, String>,
    connected: HashMap<ConnectionNo, DeviceId>,
    devices: BTreeMap<DeviceId, Said>,
}

impl Hearsay {
    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A peer sent `incoming`.
    pub(super) fn hear(&self, connection: ConnectionNo, incoming: &Incoming) {
        let Incoming::Frame(frame) = incoming else { return };
        match &frame.0 {
            Frame::Hello(hello) => {
                self.heard().strangers.insert(connection, hello.app_version.clone());
            }
            Frame::Heartbeat(heartbeat) => {
                let mut heard = self.heard();
                if let Some(device) = heard.connected.get(&connection).copied() {
                    let said = heard.devices.entry(device).or_default();
                    said.operator.clone_from(&heartbeat.operator);
                }
            }
            _ => {}
        }
    }

    /// A peer has proved to be `device`.
    pub(super) fn known(&self, connection: ConnectionNo, device: DeviceId) {
        let mut heard = self.heard();
        let version = heard.strangers.remove(&connection).unwrap_or_default();
        heard.connected.insert(connection, device);
        heard.devices.entry(device).or_default().version = version;
    }

    /// A connection is gone. What its device said stays.
    pub(super) fn gone(&self, connection: ConnectionNo) {
        let mut heard = self.heard();
        heard.strangers.remove(&connection);
        heard.connected.remove(&connection);
    }

    /// What every device last said since the server was started.
    pub fn all(&self) -> BTreeMap<DeviceId, Said> {
        self.heard().devices.clone()
    }
}

#[cfg(test)]
mod tests {
    use protocol::frame::Heartbeat;
    use protocol::identity::{Boot, Lsn};

    use super::*;

    fn heartbeat(operator: &str) -> Incoming {
        Incoming::frame(Frame::Heartbeat(Heartbeat {
            sent_us: 1,
            boot: Boot(1),
            applied: Lsn(0),
            pending: 0,
            oldest_pending_us: None,
            battery: None,
            operator: Some(OperatorId::new(operator).unwrap()),
            sample: None,
            storage: None,
        }))
    }

    #[test]
    fn only_who_has_proved_its_name_is_heard() {
        let hearsay = Hearsay::default();
        let (stranger, friend) = (ConnectionNo(1), ConnectionNo(2));
        hearsay.hear(stranger, &heartbeat("mallory"));
        hearsay.known(friend, DeviceId(7));
        hearsay.hear(friend, &heartbeat("anna"));
        hearsay.gone(friend);
        hearsay.gone(stranger);
        let all = hearsay.all();
        assert_eq!(all.len(), 1);
        assert_eq!(all[&DeviceId(7)].operator, Some(OperatorId::new("anna").unwrap()));
        assert!(hearsay.heard().connected.is_empty() && hearsay.heard().strangers.is_empty());
    }
}
