use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::schema::place::Locations;
use ledger::schema::{LocationId, place};
use ledger::tables::Read as _;
use protocol::identity::ServerTime;
use protocol::words::LocationCode;

use super::local_date;
use crate::machine::tests::world::{MORNING, World, small_company};

fn in_zone(zone: &str) -> MemoryTables {
    let mut tables = small_company();
    let mut draft = Draft::over(&tables);
    let location = tables.row::<Locations>(&LocationId(1)).unwrap();
    let time_zone = zone.try_into().unwrap();
    let location = place::Location { time_zone, ..(*location).clone() };
    draft.put::<Locations>(&LocationId(1), location);
    let changes = draft.finish();
    tables.apply(changes);
    tables
}

fn date(zone: &str, at: ServerTime) -> Option<String> {
    let main: LocationCode = "MAIN".try_into().unwrap();
    local_date(&in_zone(zone), &main, at).map(|date| date.to_string())
}

#[test]
fn the_local_date_is_that_of_the_location() {
    // 08:00 UTC on 23 November.
    assert_eq!(date("Europe/Copenhagen", MORNING).as_deref(), Some("2026-11-23"));
    let late = MORNING.plus_us(15 * 3_600_000_000 + 1_800_000_000);
    assert_eq!(date("Europe/Copenhagen", late).as_deref(), Some("2026-11-24"));
    assert_eq!(date("America/New_York", late).as_deref(), Some("2026-11-23"));
    assert_eq!(date("Pacific/Auckland", late).as_deref(), Some("2026-11-24"));
    assert_eq!(date("Atlantis/Centre", late), None, "an unknown zone gives no date");
    let nowhere: LocationCode = "NOWHERE".try_into().unwrap();
    assert_eq!(local_date(&small_company(), &nowhere, late), None);
}

#[test]
fn summer_time_begins_and_ends_by_the_zone() {
    // 2026-07-01T22:30:00Z is past midnight in Copenhagen; 2026-01-01T22:30:00Z is not.
    let summer = ServerTime(1_782_945_000_000_000);
    assert_eq!(date("Europe/Copenhagen", summer).as_deref(), Some("2026-07-02"));
    let winter = ServerTime(1_767_306_600_000_000);
    assert_eq!(date("Europe/Copenhagen", winter).as_deref(), Some("2026-01-01"));
}

#[test]
fn an_intake_record_tells_when_where_and_on_which_evidence() {
    use ledger::schema::book::{Bound, Intakes, Origin};
    use protocol::evidence::BootEvidence;
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    device.cursor = world.machine.head().lsn;
    let did = world.now.plus_us(1_000_000);
    device.record(&mut world, 5, "A-01");
    device.record(&mut world, 6, "A-01");
    world.now = world.now.plus_us(30_000_000);
    device.push(&mut world, 1);
    world.settle();
    let last = world.machine.head().intake;
    let second = world.tables().row::<Intakes>(&last).unwrap();
    let first = protocol::identity::IntakeNo(last.0 - 1);
    let first = world.tables().row::<Intakes>(&first).unwrap();
    assert!(!first.timing.uncertain, "the boot that holds the connection is sampled");
    assert_eq!(first.timing.lower, Bound::Sample);
    let off = first.timing.tau.us_since(did).unsigned_abs();
    assert!(off <= first.timing.epsilon_us + 1, "{off} us off, {:?}", first.timing);
    assert!(first.timing.epsilon_us < 10_000);
    assert!(first.timing.tau < second.timing.tau && second.timing.tau < first.received);
    assert_eq!(first.local_date.unwrap().to_string(), "2026-11-23");
    let evidence: Vec<BootEvidence> = rmp_serde::from_slice(&first.evidence).unwrap();
    assert_eq!(evidence.len(), 1);
    assert!(second.evidence.is_empty(), "they arrived together");
    assert!(matches!(&first.origin, Origin::Device { sent_as, first: None, .. }
        if sent_as.device == device.id && sent_as.seq.0 == 1));
    assert_eq!(&**first.raw, device.recorder[0].0.to_content().as_slice());
}

#[test]
fn what_an_operator_had_seen_lies_before_what_he_did() {
    use ledger::schema::book::{ChangesTable, Intakes};
    let mut world = World::new();
    let mut device = world.enrolled(7);
    device.come_in(&mut world);
    // The device's clock claims that it booted an hour later than it did; its operator has seen the
    // newest decision all the same.
    let mut other = world.enrolled(8);
    other.come_in(&mut world);
    other.record(&mut world, 1, "A-01");
    other.push(&mut world, 1);
    world.settle();
    device.cursor = world.machine.head().lsn;
    let seen = world.tables().row::<ChangesTable>(&device.cursor).unwrap().time;
    device.record(&mut world, 2, "A-01");
    device.push(&mut world, 1);
    world.settle();
    let done = world.tables().row::<Intakes>(&world.machine.head().intake).unwrap();
    assert!(done.timing.tau > seen);
}
