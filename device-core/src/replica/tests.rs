use protocol::feed::{DocumentStatus, FeedRow, IdentifierMeaning, IdentifierRow};
use protocol::frame::{SnapBegin, SnapChunk};
use protocol::identity::{DeviceId, Incarnation, Lsn, OperationId, Seq, ServerEpoch};
use protocol::operation::DocumentKind;
use protocol::outcome::Decision;
use protocol::words::IdentifierCode;

use super::*;
use crate::sample::*;
use crate::store::MemoryStore;

const EPOCH: ServerEpoch = ServerEpoch(1);

fn same(name: OperationId) -> OperationId {
    name
}

fn replica() -> (Replica, MemoryStore) {
    let switch = MemoryStore::new();
    (Replica::open(Box::new(switch.clone())).unwrap(), switch)
}

fn quantities(replica: &Replica, code: &str) -> Vec<i32> {
    let rows = replica.stock_in_bin(&main_location(), Some(&bin(code)), 99).unwrap();
    rows.iter().map(|row| i32::try_from(row.quantity.unwrap().units() / 100_000).unwrap()).collect()
}

fn stock_put(key: &str, code: &str, units: i32) -> protocol::feed::FeedRecord {
    put(key, &FeedRow::Stock(stock(code, "BOLT", Some(units))))
}

#[test]
fn rows_cursor_marks_and_outcomes_change_in_one_batch() {
    let (mut replica, switch) = replica();
    let groups = vec![
        group(1, vec![stock_put("s1", "A-01", 5)], Vec::new()),
        group(2, vec![stock_put("s1", "A-01", 3)], vec![outcome(name(1), 2, Decision::Accepted)]),
    ];
    let applied = replica.apply(&delta(0, 2, groups), EPOCH, same).unwrap();
    assert_eq!(switch.n_unsynced(), 1, "one batch");
    assert_eq!((applied.n_rows, applied.outcomes.len()), (2, 1));
    assert_eq!(replica.cursor(), Lsn(2));
    assert_eq!(quantities(&replica, "A-01"), [3]);
    assert!(replica.marks().contains(name(1)));
    assert!(!replica.marks().contains(name(2)));
    assert_eq!(replica.outcome_of(name(1)).unwrap().unwrap().lsn, Lsn(2));
}

#[test]
fn a_power_cut_rolls_cursor_rows_and_marks_back_together() {
    let (mut replica, switch) = replica();
    let first = group(1, vec![stock_put("s1", "A-01", 5)], Vec::new());
    replica.apply(&delta(0, 1, vec![first]), EPOCH, same).unwrap();
    replica.sync().unwrap();
    let second =
        group(2, vec![stock_put("s1", "A-01", 3)], vec![outcome(name(1), 2, Decision::Accepted)]);
    replica.apply(&delta(1, 2, vec![second.clone()]), EPOCH, same).unwrap();
    drop(replica);
    switch.cut_power(0);

    let mut replica = Replica::open(Box::new(switch)).unwrap();
    assert_eq!(replica.cursor(), Lsn(1));
    assert_eq!(quantities(&replica, "A-01"), [5]);
    assert!(!replica.marks().contains(name(1)));
    assert_eq!(replica.outcomes(9).unwrap(), []);
    // The feed brings it again, and it counts once.
    let applied = replica.apply(&delta(1, 2, vec![second]), EPOCH, same).unwrap();
    assert_eq!(applied.outcomes.len(), 1);
    assert_eq!(quantities(&replica, "A-01"), [3]);
}

#[test]
fn a_repeated_delta_changes_nothing_and_a_gap_is_refused() {
    let (mut replica, _) = replica();
    let first = delta(0, 4, vec![group(3, vec![stock_put("s1", "A-01", 5)], Vec::new())]);
    replica.apply(&first, EPOCH, same).unwrap();
    assert_eq!(replica.apply(&first, EPOCH, same).unwrap(), Applied::default());
    let gap = replica.apply(&delta(6, 7, Vec::new()), EPOCH, same).unwrap_err();
    assert_eq!(gap, ReplicaError::Gap { from: Lsn(6), cursor: Lsn(4) });
    // A DELTA that overlaps is taken from the cursor on.
    let overlap = delta(
        2,
        6,
        vec![
            group(3, vec![stock_put("s1", "A-01", 99)], Vec::new()),
            group(6, vec![stock_put("s2", "A-02", 7)], Vec::new()),
        ],
    );
    replica.apply(&overlap, EPOCH, same).unwrap();
    assert_eq!(quantities(&replica, "A-01"), [5]);
    assert_eq!(quantities(&replica, "A-02"), [7]);
}

#[test]
fn an_index_follows_its_row() {
    let (mut replica, switch) = replica();
    let open = order(DocumentKind::SalesOrder, "SO1", DocumentStatus::Released);
    let closed = order(DocumentKind::SalesOrder, "SO1", DocumentStatus::Closed);
    let groups = [
        group(1, vec![put("d1", &open), stock_put("s1", "A-01", 5)], Vec::new()),
        group(2, vec![put("d1", &closed), stock_put("s1", "B-01", 5)], Vec::new()),
    ];
    replica.apply(&delta(0, 1, groups[..1].to_vec()), EPOCH, same).unwrap();
    assert_eq!(replica.open_documents(DocumentKind::SalesOrder, 9).unwrap().len(), 1);
    replica.apply(&delta(1, 2, groups[1..].to_vec()), EPOCH, same).unwrap();
    assert_eq!(replica.open_documents(DocumentKind::SalesOrder, 9).unwrap(), []);
    assert_eq!(replica.documents_numbered("SO1").unwrap().len(), 1);
    assert!(quantities(&replica, "A-01").is_empty());
    assert_eq!(quantities(&replica, "B-01"), [5]);
    let gone = vec![group(3, vec![delete("d1", 9), delete("s1", 7)], Vec::new())];
    replica.apply(&delta(2, 3, gone), EPOCH, same).unwrap();
    assert!(quantities(&replica, "B-01").is_empty());
    let left = switch.scan(&[INDEX], &[INDEX], 99).unwrap();
    assert_eq!(left, Vec::new(), "no index key without its row");
}

#[test]
fn an_identifier_gives_all_its_meanings_and_only_a_whole_code_matches() {
    let (mut replica, _) = replica();
    let row = FeedRow::Identifier(IdentifierRow {
        code: IdentifierCode::new("4006381333931").unwrap(),
        meanings: vec![
            IdentifierMeaning { item: item("PEN"), variant: None, unit: None },
            IdentifierMeaning { item: item("BOX"), variant: None, unit: None },
        ],
    });
    replica
        .apply(&delta(0, 1, vec![group(1, vec![put("i", &row)], Vec::new())]), EPOCH, same)
        .unwrap();
    assert_eq!(replica.identifier("4006381333931").unwrap().unwrap().meanings.len(), 2);
    assert_eq!(replica.identifier("400638133393").unwrap(), None);
}

#[test]
fn a_row_that_cannot_be_read_is_kept_and_a_later_table_too() {
    let (mut replica, switch) = replica();
    let odd =
        protocol::feed::FeedRecord { row: Some(vec![0x80].into()), ..put("s1", &location_row()) };
    let later = protocol::feed::FeedRecord { table: 200, ..stock_put("x", "A-01", 1) };
    let applied = replica
        .apply(&delta(0, 1, vec![group(1, vec![odd, later], Vec::new())]), EPOCH, same)
        .unwrap();
    assert_eq!(applied.n_unreadable, 1);
    assert_eq!(replica.cursor(), Lsn(1));
    assert_eq!(replica.locations().unwrap(), []);
    assert_eq!(switch.scan(&[ROW], &[ROW], 9).unwrap().len(), 2);
}

fn begin(snapshot: u64, chunks: u32, ready_chunks: u32, lsn: u64) -> SnapBegin {
    SnapBegin {
        snapshot,
        lsn: Lsn(lsn),
        rows: u64::from(chunks),
        chunks,
        ready_chunks,
        scope_version: 4,
        judged: Vec::new(),
    }
}

fn chunk(snapshot: u64, index: u32, units: i32) -> SnapChunk {
    SnapChunk { snapshot, index, rows: vec![stock_put(&format!("s{index}"), "A-01", units)] }
}

fn judged(seq: u64) -> Judged {
    Judged { up_to: vec![name(seq)], single: Vec::new() }
}

#[test]
fn a_snapshot_swaps_at_its_end_and_rows_it_does_not_name_are_gone() {
    let (mut replica, switch) = replica();
    let old = group(1, vec![stock_put("old", "Z-01", 9)], Vec::new());
    replica.apply(&delta(0, 1, vec![old]), EPOCH, same).unwrap();
    replica.begin_snapshot(&begin(8, 2, 1, 50), EPOCH, judged(4)).unwrap();
    replica.take_chunk(&chunk(8, 0, 1)).unwrap();
    assert_eq!(quantities(&replica, "Z-01"), [9], "readers see the rows of before");
    assert!(replica.end_snapshot().is_err(), "a chunk is missing");
    replica.take_chunk(&chunk(8, 1, 2)).unwrap();
    assert_eq!(replica.cursor(), Lsn(1));
    replica.end_snapshot().unwrap();
    assert_eq!((replica.cursor(), replica.scope_version()), (Lsn(50), 4));
    assert_eq!(quantities(&replica, "A-01"), [1, 2]);
    assert!(quantities(&replica, "Z-01").is_empty());
    assert!(replica.marks().contains(name(4)) && !replica.marks().contains(name(5)));
    while replica.sweep().unwrap() {}
    assert_eq!(switch.scan(&[ROW], &[ROW], 99).unwrap().len(), 2, "the old rows are swept");
    assert_eq!(quantities(&replica, "A-01"), [1, 2]);
}

#[test]
fn a_snapshot_goes_on_at_the_chunk_where_the_power_went() {
    let (mut replica, switch) = replica();
    replica.begin_snapshot(&begin(8, 3, 3, 50), EPOCH, judged(0)).unwrap();
    replica.take_chunk(&chunk(8, 0, 1)).unwrap();
    replica.sync().unwrap();
    replica.take_chunk(&chunk(8, 1, 2)).unwrap();
    drop(replica);
    switch.cut_power(0);
    let mut replica = Replica::open(Box::new(switch)).unwrap();
    assert_eq!(replica.resume(EPOCH).map(|resume| resume.next_index), Some(1));
    assert_eq!(replica.resume(ServerEpoch(2)), None, "another server has other snapshots");
    let again = replica.begin_snapshot(&begin(8, 3, 3, 50), EPOCH, judged(0)).unwrap();
    assert_eq!(again.next_index, 1);
    replica.take_chunk(&chunk(8, 0, 77)).unwrap();
    assert!(replica.take_chunk(&chunk(8, 2, 3)).is_err());
    replica.take_chunk(&chunk(8, 1, 2)).unwrap();
    replica.take_chunk(&chunk(8, 2, 3)).unwrap();
    replica.end_snapshot().unwrap();
    assert_eq!(quantities(&replica, "A-01"), [1, 2, 3], "the repeated chunk changed nothing");
}

#[test]
fn an_abandoned_snapshot_leaves_nothing_in_the_next_one() {
    let (mut replica, _) = replica();
    replica.begin_snapshot(&begin(8, 2, 2, 50), EPOCH, judged(0)).unwrap();
    replica.take_chunk(&chunk(8, 0, 1)).unwrap();
    replica.drop_snapshot().unwrap();
    assert_eq!(replica.resume(EPOCH), None);
    replica.begin_snapshot(&begin(9, 1, 1, 60), EPOCH, judged(0)).unwrap();
    replica
        .take_chunk(&SnapChunk { rows: vec![stock_put("t", "B-01", 4)], ..chunk(9, 0, 0) })
        .unwrap();
    replica.end_snapshot().unwrap();
    assert!(quantities(&replica, "A-01").is_empty());
    assert_eq!(quantities(&replica, "B-01"), [4]);
}

#[test]
fn a_device_without_rows_works_from_the_ready_chunks_on() {
    let (mut replica, switch) = replica();
    replica.begin_snapshot(&begin(8, 3, 1, 50), EPOCH, judged(2)).unwrap();
    assert!(!replica.is_ready());
    assert!(!replica.marks().contains(name(1)));
    replica.take_chunk(&chunk(8, 0, 1)).unwrap();
    assert!(replica.is_ready());
    assert_eq!(quantities(&replica, "A-01"), [1]);
    assert_eq!(replica.seen(), (Lsn(50), EPOCH));
    assert_eq!(replica.cursor(), Lsn(0), "the feed does not go on from half a snapshot");
    assert!(replica.marks().contains(name(2)), "what the rows contain is judged with them");
    // Whatever a power cut takes, it takes both or none.
    for n_kept in 0..=switch.n_unsynced() {
        let cut = switch.image();
        cut.cut_power(n_kept);
        let cut = Replica::open(Box::new(cut)).unwrap();
        assert_eq!(cut.is_ready(), cut.marks().contains(name(2)), "{n_kept} batches kept");
    }
}

#[test]
fn a_snapshot_of_a_restored_server_takes_marks_back() {
    let (mut replica, _) = replica();
    let outcomes = (1..=5).map(|seq| outcome(name(seq), 1, Decision::Accepted)).collect();
    replica.apply(&delta(0, 1, vec![group(1, Vec::new(), outcomes)]), EPOCH, same).unwrap();
    assert!(replica.marks().contains(name(5)));
    replica.begin_snapshot(&begin(8, 1, 1, 1), ServerEpoch(2), judged(3)).unwrap();
    replica.take_chunk(&chunk(8, 0, 1)).unwrap();
    replica.end_snapshot().unwrap();
    assert!(replica.marks().contains(name(3)));
    assert!(!replica.marks().contains(name(4)), "it will be offered and judged again");
}

#[test]
fn marks_join_and_survive_reopening() {
    let (mut replica, switch) = replica();
    let judge = |seqs: &[u64]| {
        let outcomes = seqs.iter().map(|seq| outcome(name(*seq), 1, Decision::Accepted)).collect();
        delta(0, 1, vec![group(1, Vec::new(), outcomes)])
    };
    replica.apply(&judge(&[2, 5, 3]), EPOCH, same).unwrap();
    assert_eq!(replica.marks().n_single(), 3);
    assert!(!replica.marks().contains(name(1)) && replica.marks().contains(name(5)));
    replica.apply(&judge(&[1]), EPOCH, same).unwrap();
    assert_eq!(replica.marks().n_single(), 1, "one to three are one number now");
    replica.floor(name(4)).unwrap();
    assert_eq!(replica.marks().n_single(), 0);
    let reopened = Replica::open(Box::new(switch)).unwrap();
    assert_eq!(reopened.marks(), replica.marks());
    assert_eq!(reopened.marks().up_to(DeviceId(7), Incarnation(1)), Seq(5));
}

#[test]
fn the_newest_outcomes_are_kept_and_a_restated_one_counts_as_its_operation() {
    let (mut replica, _) = replica();
    let many = u64::try_from(OUTCOMES_MAX).unwrap() + 20;
    for lsn in 1..=many {
        let told = vec![outcome(name(lsn), lsn, Decision::Accepted)];
        replica
            .apply(&delta(lsn - 1, lsn, vec![group(lsn, Vec::new(), told)]), EPOCH, same)
            .unwrap();
    }
    assert_eq!(replica.count_outcomes(), OUTCOMES_MAX);
    assert_eq!(replica.outcome_of(name(20)).unwrap(), None);
    assert!(replica.outcome_of(name(21)).unwrap().is_some());
    let mut restated = outcome(name(400), many + 1, Decision::Changed);
    restated.revision = 2;
    let told = delta(many, many + 1, vec![group(many + 1, Vec::new(), vec![restated])]);
    let applied = replica.apply(&told, EPOCH, same).unwrap();
    assert_eq!(applied.outcomes.len(), 1);
    assert_eq!(replica.outcome_of(name(400)).unwrap().unwrap().decision, Decision::Changed);
    assert_eq!(replica.outcomes(1).unwrap()[0].operation, name(400));
}
