//! What a page knows besides the tables: who reads it, in which language, and what is known of the
//! devices at this moment.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use ledger::schema::LocationId;
use protocol::feed::Role;
use protocol::health::StorageReport;
use protocol::identity::{DeviceId, Lsn, ServerTime};
use protocol::text::Language;
use protocol::words::OperatorId;
use server_core::check::ReplicaHealth;
use server_core::machine::Alarm;

use super::scope::Scope;
use super::text;
use crate::backup::schedule::BackupStatus;

/// Which colours a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The theme of this name; [`Theme::Auto`] for all others.
    pub fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Who reads the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: OperatorId,
    /// The name on the screen.
    pub name: String,
    /// Which roles at which locations; location 0 stands for all.
    pub roles: Vec<(Role, LocationId)>,
}

impl Person {
    /// Whether this person has one of `roles` anywhere.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|(role, _location)| roles.contains(role))
    }

    /// The locations that this person may see: those of the roles that may look.
    pub fn scope(&self) -> Scope {
        let looking = self.roles.iter().filter(|(role, _location)| *role != Role::Operator);
        Scope::of(looking.map(|(_role, location)| *location))
    }

    /// Whether this person may open the pages. Those who only handle goods may not: the pages show
    /// quantities that a blind count must not know.
    pub fn may_look(&self) -> bool {
        self.has_any(&[
            Role::Supervisor,
            Role::Accountant,
            Role::Administrator,
            Role::Integrator,
            Role::Auditor,
        ])
    }

    /// Whether this person may decide cases and ask for counts at `location`.
    pub fn may_decide_at(&self, location: LocationId) -> bool {
        self.roles.iter().any(|(role, at)| {
            let here = *at == LocationId(0) || *at == location;
            here && matches!(role, Role::Supervisor | Role::Administrator)
        })
    }

    /// Whether this person may decide cases and change devices. The ledger judges it again, also by
    /// location.
    pub fn may_decide(&self) -> bool {
        self.has_any(&[Role::Supervisor, Role::Administrator])
    }
}

/// What is known of a device at this moment. Not in the tables: it comes from its connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceNow {
    /// Whether it is connected.
    pub online: bool,
    /// When it was heard last.
    pub seen: Option<ServerTime>,
    /// Operations that it had recorded and not sent, when it was heard last.
    pub pending: u64,
    /// The oldest of them was not done before this instant.
    pub oldest: Option<ServerTime>,
    /// Battery in percent.
    pub battery: Option<u8>,
    /// Version of its program; empty when it has not connected since the server was started.
    pub version: String,
    /// Who is signed in; none when it has not said so since the server was started.
    pub operator: Option<OperatorId>,
    /// Everything that it did before this instant has arrived.
    pub complete_to: Option<ServerTime>,
    /// What it says of its storage, where that is not only good.
    pub storage: Option<StorageReport>,
}

/// Devices by number.
pub type DevicesNow = BTreeMap<DeviceId, DeviceNow>;

/// What a page knows besides the tables.
#[derive(Debug, Clone)]
pub struct PageContext {
    /// The language of the page.
    pub language: Language,
    /// The colours of the page.
    pub theme: Theme,
    /// Whether single letters are keys (they can be turned off).
    pub single_keys: bool,
    /// The zone that instants are shown in.
    pub zone: Tz,
    /// When the page is made.
    pub now: ServerTime,
    /// The decision that the page is a picture of.
    pub head: Lsn,
    /// The name of the company.
    pub company: String,
    /// Who reads it; none before somebody signed in.
    pub person: Option<Person>,
    /// The devices.
    pub devices: DevicesNow,
    /// The backups.
    pub backup: BackupStatus,
    /// How replicas were found when they were compared.
    pub replicas: ReplicaHealth,
    /// Bytes free on the disk of the store, when new work is refused for it.
    pub no_room: Option<u64>,
    /// The latest alarms, the newest first.
    pub alarms: Vec<(ServerTime, Alarm)>,
}

impl PageContext {
    /// A text of the pages.
    pub fn t(&self, key: &str) -> String {
        text::text(self.language, key, &[])
    }

    /// A text of the pages with figures.
    pub fn say(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        text::text(self.language, key, arguments)
    }

    /// The text under `{group}-{word}`, or the word itself: for words that later releases may add.
    pub fn word(&self, group: &str, word: &str) -> String {
        let key = format!("{group}-{}", word.replace('_', "-"));
        text::text_if_any(self.language, &key).unwrap_or_else(|| word.to_owned())
    }

    /// The locations that the reader may see; none for nobody.
    pub fn scope(&self) -> Scope {
        self.person.as_ref().map_or_else(|| Scope::of(std::iter::empty()), Person::scope)
    }

    /// Whether the reader may decide cases and change devices.
    pub fn may_decide(&self) -> bool {
        self.person.as_ref().is_some_and(Person::may_decide)
    }

    /// Whether the reader may decide cases and ask for counts at `location`.
    pub fn may_decide_at(&self, location: LocationId) -> bool {
        self.person.as_ref().is_some_and(|person| person.may_decide_at(location))
    }

    /// Whether the reader administers the company.
    pub fn may_administer(&self) -> bool {
        self.person.as_ref().is_some_and(|person| person.has_any(&[Role::Administrator]))
    }

    /// Whether the reader may see what stock is worth: figures of the whole company.
    pub fn may_see_money(&self) -> bool {
        self.has_everywhere(&[Role::Accountant, Role::Auditor, Role::Administrator])
    }

    /// Whether the reader may ask for postings of the money side. The ledger judges it again.
    pub fn may_account(&self) -> bool {
        self.has_everywhere(&[Role::Accountant, Role::Administrator])
    }

    fn has_everywhere(&self, wanted: &[Role]) -> bool {
        self.person.as_ref().is_some_and(|person| {
            let mut roles = person.roles.iter();
            roles.any(|(role, location)| *location == LocationId(0) && wanted.contains(role))
        })
    }

    /// What is known of `device` now.
    pub fn device(&self, device: DeviceId) -> DeviceNow {
        self.devices.get(&device).cloned().unwrap_or_default()
    }
}
