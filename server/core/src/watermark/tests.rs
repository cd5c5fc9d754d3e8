use std::collections::BTreeMap;

use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::schema::SiteId;
use ledger::schema::book::{Companies, Company};
use ledger::schema::identity::{Device, DeviceState, Devices};
use protocol::frame::KeyAlgorithm;
use protocol::identity::{DeviceId, Incarnation, ServerEpoch, ServerTime};
use serde_bytes::ByteBuf;

use super::{HOUR_US, Part, SiteWatermark, Watch, watermark};
use crate::schema::Statement;

const SITE: SiteId = SiteId(1);

fn hour(hours: i64) -> ServerTime {
    ServerTime(hours * HOUR_US)
}

/// Devices of the site, enrolled at midnight, changed by `change`.
fn devices(n: u32, change: impl Fn(u32, &mut Device)) -> MemoryTables {
    let mut tables = MemoryTables::new();
    let mut draft = Draft::over(&tables);
    draft.put::<Companies>(
        &(),
        Company {
            name: "Nordwind".into(),
            epoch: ServerEpoch(1),
            negative_inventory_allowed: false,
            absent_after_hours: 12,
        },
    );
    for id in 1..=n {
        let mut device = Device {
            name: format!("handheld {id}"),
            model: String::new(),
            site: SITE,
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::new(),
            state: DeviceState::Active,
            incarnation: Incarnation(1),
            declared_lost: None,
            enrolled: hour(0),
        };
        change(id, &mut device);
        draft.put::<Devices>(&DeviceId(id), device);
    }
    let changes = draft.finish();
    tables.apply(changes);
    tables
}

fn said(at: i64, pending: u64, complete_to: i64) -> Statement {
    Statement { at: hour(at), pending, complete_to: hour(complete_to), battery: None }
}

fn drawn(tables: &MemoryTables, statements: &[Statement], now: i64) -> SiteWatermark {
    let statements: BTreeMap<DeviceId, Statement> =
        (1..).map(DeviceId).zip(statements.iter().copied()).collect();
    watermark(tables, &statements, SITE, hour(now))
}

fn parts(mark: &SiteWatermark) -> Vec<Part> {
    mark.devices.iter().map(|report| report.part).collect()
}

#[test]
fn the_oldest_of_what_devices_may_still_hold_is_the_watermark() {
    let tables = devices(3, |_id, _device| {});
    let mark = drawn(&tables, &[said(10, 0, 10), said(10, 3, 8), said(9, 0, 9)], 10);
    assert_eq!(mark.complete_to, hour(8));
    assert_eq!(parts(&mark), [Part::Holds; 3]);
}

#[test]
fn a_silent_device_without_unsent_operations_is_absent_after_a_while() {
    let tables = devices(2, |_id, _device| {});
    let statements = [said(20, 0, 20), said(8, 0, 8)];
    assert_eq!(drawn(&tables, &statements, 20).complete_to, hour(8), "it still holds it");
    let later = drawn(&tables, &[said(21, 0, 21), said(8, 0, 8)], 21);
    assert_eq!(later.complete_to, hour(21));
    assert_eq!(parts(&later), [Part::Holds, Part::Absent]);
    assert_eq!(later.devices[1].silent_since, hour(8), "the settlement names it");
}

#[test]
fn known_unsent_operations_hold_the_watermark_until_the_device_is_declared_lost() {
    let statements = [said(100, 0, 100), said(8, 2, 7)];
    let tables = devices(2, |_id, _device| {});
    assert_eq!(drawn(&tables, &statements, 100).complete_to, hour(7));
    let lost = |at| {
        devices(2, move |id, device| {
            if id == 2 {
                device.declared_lost = Some(hour(at));
            }
        })
    };
    let mark = drawn(&lost(50), &statements, 100);
    assert_eq!((mark.complete_to, parts(&mark)), (hour(100), vec![Part::Holds, Part::Gone]));
    // It turned up again after that.
    let mark = drawn(&lost(5), &statements, 100);
    assert_eq!(mark.complete_to, hour(7));
}

#[test]
fn a_device_that_was_never_heard_counts_from_its_enrolment() {
    let tables = devices(2, |id, device| {
        if id == 2 {
            device.enrolled = hour(95);
        }
    });
    let mark = drawn(&tables, &[said(100, 0, 100)], 100);
    assert_eq!(mark.complete_to, hour(95));
}

#[test]
fn revoked_devices_and_other_sites_do_not_count() {
    let tables = devices(3, |id, device| match id {
        1 => {}
        2 => device.state = DeviceState::Revoked,
        _ => device.site = SiteId(2),
    });
    let mark = drawn(&tables, &[said(10, 0, 10), said(3, 5, 2), said(3, 5, 2)], 10);
    assert_eq!((mark.complete_to, parts(&mark)), (hour(10), vec![Part::Holds, Part::Gone]));
    let nobody = devices(0, |_id, _device| {});
    assert_eq!(drawn(&nobody, &[], 10).complete_to, hour(10), "a site of desks only");
}

#[test]
fn what_was_complete_stays_complete() {
    let mut watch = Watch::default();
    watch.note(DeviceId(1), said(10, 0, 10));
    // Pending operations of an earlier boot: nothing new is known of their age.
    watch.note(DeviceId(1), Statement { complete_to: ServerTime(0), ..said(11, 4, 0) });
    let statement = watch.statements[&DeviceId(1)];
    assert_eq!((statement.complete_to, statement.pending), (hour(10), 4));
}

#[test]
fn statements_are_written_when_they_say_something_else_and_now_and_then() {
    let mut watch = Watch::default();
    let second = |n: i64, pending| Statement {
        at: ServerTime(n * 1_000_000),
        pending,
        complete_to: ServerTime(0),
        battery: None,
    };
    let mut written = |statement| {
        watch.note(DeviceId(1), statement);
        watch.unwritten().len()
    };
    assert_eq!(written(second(0, 0)), 1, "the first");
    assert_eq!(written(second(15, 0)), 0, "nothing new");
    assert_eq!(written(second(30, 2)), 1, "it has something unsent now");
    assert_eq!(written(second(45, 3)), 0);
    assert_eq!(written(second(60, 0)), 1, "it has nothing unsent now");
    assert_eq!(written(second(121, 0)), 1, "a minute later");
}
