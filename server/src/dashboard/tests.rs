//! The pages over tables in memory.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use ledger::schema::LocationId;
use protocol::feed::Role;
use protocol::identity::{Lsn, ServerTime};
use protocol::text::Language;
use protocol::words::OperatorId;

use super::context::{PageContext, Person, Theme};

/// A page for an administrator in Copenhagen at 13:04:10 on 2026-11-23.
pub(crate) fn context() -> PageContext {
    PageContext {
        language: Language::English,
        theme: Theme::Auto,
        single_keys: true,
        zone: Tz::Europe__Copenhagen,
        now: ServerTime(1_795_435_450_000_000),
        head: Lsn(7),
        company: "Bolts".to_owned(),
        person: Some(Person {
            id: OperatorId::new("mette").unwrap(),
            name: "Mette".to_owned(),
            roles: vec![(Role::Administrator, LocationId(0))],
        }),
        devices: BTreeMap::new(),
    }
}
