//! One frame of each kind, its bytes kept for ever, and the wire document held against both.

use serde_bytes::ByteBuf;

use super::*;
use crate::code::Code;
use crate::evidence::{BootEvidence, ClockSample};
use crate::feed::{BinKind, BinRow, FeedRecord, FeedRow, StockRow};
use crate::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
};
use crate::operation::*;
use crate::outcome::{Change, Decision, Outcome, Reason, Settlement};
use crate::quantity::UnitFactor;
use crate::words::SiteCode;

fn goods() -> Goods {
    Goods {
        item: "BOLT-M8".try_into().unwrap(),
        variant: Some("ZN".try_into().unwrap()),
        unit: "BOX".try_into().unwrap(),
        factor: UnitFactor::try_from("100".parse::<crate::quantity::Quantity>().unwrap()).unwrap(),
        quantity: "2.5".parse().unwrap(),
        base: "250".parse().unwrap(),
        tracking: Tracking { lot: Some("LOT7".try_into().unwrap()), ..Tracking::NONE },
        expiry: chrono::NaiveDate::from_ymd_opt(2027, 3, 12),
        raw: Some("\u{1D}0104006381333931".to_owned()),
    }
}

fn place(bin: &str) -> Place {
    let location = "MAIN".try_into().unwrap();
    Place { location, bin: Some(bin.try_into().unwrap()), plate: None }
}

fn recorded(body: &Body, mono_us: u64) -> Recorded {
    let document = DocumentRef {
        kind: DocumentKind::PurchaseOrder,
        no: "PO-4711".try_into().unwrap(),
        line: Some(10_000),
    };
    let envelope = Envelope {
        boot: Boot(3),
        mono_us,
        cursor: Lsn(5003),
        epoch: ServerEpoch(1),
        operator: Some("MK".try_into().unwrap()),
        document: Some(document),
    };
    Recorded::new(envelope, body)
}

fn operations() -> Vec<Recorded> {
    let receive = Receive { to: place("DOCK"), goods: goods(), condition: Condition::Good };
    let count = Count { place: place("A-01"), goods: goods(), started_us: Some(7), task: None };
    vec![
        recorded(&Body::Receive(receive), 3_600_000_000),
        recorded(&Body::Count(count), 3_601_000_000),
    ]
}

fn evidence() -> BootEvidence {
    let sample = ClockSample {
        sent_us: 1_000,
        server_received: 50_000,
        server_sent: 50_010,
        received_us: 1_400,
    };
    BootEvidence { boot: Boot(3), last_us: 9_000, samples: vec![sample], wall_at_start: Some(1) }
}

fn outcome() -> Outcome {
    let operation =
        OperationId { device: DeviceId(17), incarnation: Incarnation(1), seq: Seq(118) };
    let change = Change { field: "bin".to_owned(), from: "A-01".to_owned(), to: "A-02".to_owned() };
    Outcome {
        operation,
        revision: 2,
        decision: Decision::Changed,
        lsn: Lsn(5004),
        tau: ServerTime(1_790_000_000_000_000),
        epsilon_us: 400_000,
        uncertain: false,
        settlement: Some(Settlement::Provisional),
        reasons: vec![
            Reason::new(Code::OverReceipt)
                .word("item", "BOLT-M8")
                .quantity("surplus", "11".parse().unwrap()),
        ],
        changes: vec![change],
        case: Some(crate::identity::CaseId(9)),
        text_en: "11 too many.".to_owned(),
    }
}

fn rows() -> Vec<FeedRecord> {
    let place = place("A-01");
    let bin = BinRow {
        location: place.location.clone(),
        bin: "A-01".try_into().unwrap(),
        zone: None,
        kind: BinKind::Storage,
        blocked: false,
    };
    let stock = StockRow {
        location: place.location,
        bin: place.bin,
        plate: None,
        item: "BOLT-M8".try_into().unwrap(),
        variant: None,
        unit: None,
        tracking: Tracking::NONE,
        quantity: Some("-3".parse().unwrap()),
        held: "1".parse().unwrap(),
    };
    let mut records: Vec<_> = [FeedRow::Bin(bin), FeedRow::Stock(stock)]
        .iter()
        .map(|row| FeedRecord {
            table: row.table(),
            key: ByteBuf::from([row.table(), 1]),
            row: Some(ByteBuf::from(row.encode())),
        })
        .collect();
    records.push(FeedRecord { table: 7, key: ByteBuf::from([7, 9]), row: None });
    records
}

/// What the first release could do.
const RELEASE_1: u64 = capability::ZSTD | capability::SNAPSHOT_RESUME | capability::ORIGIN;

#[expect(clippy::too_many_lines, reason = "a list: one value for each frame")]
fn handshake_frames() -> Vec<Frame> {
    let lease = Lease { counter: 4, proof: ByteBuf::from([0xAB; 16]) };
    let (epoch, device, incarnation) = (ServerEpoch(1), DeviceId(17), Incarnation(1));
    let reason = "restart".to_owned();
    let site: SiteCode = "LEEDS".try_into().unwrap();
    let company = "Nordic Fasteners".to_owned();
    vec![
        Frame::Hello(Hello {
            protocol_min: 1,
            protocol_max: 1,
            app_version: "0.1.0".to_owned(),
            capabilities: RELEASE_1,
            device,
            incarnation,
            lease: lease.clone(),
            epoch,
            next_seq: Seq(119),
            tail_hash: Hash16([1; 16]),
            cursor: Lsn(5003),
            scope_version: 2,
            table_version: 1,
            oldest_seq: Seq(100),
            boots: vec![evidence()],
            boot: Boot(3),
            sent_us: 9_000,
            pending: 19,
            oldest_pending_age_us: 60_000_000,
            battery: Some(41),
        }),
        Frame::Challenge(Challenge {
            protocol: 1,
            capabilities: RELEASE_1,
            epoch,
            nonce: ByteBuf::from([7; 32]),
            sent_us: 9_000,
            server_received: ServerTime(50_000),
            server_sent: ServerTime(50_010),
            limits: Limits::DEFAULT,
            heartbeat_ms: 15_000,
        }),
        Frame::Auth(Auth { signature: ByteBuf::from([9; 64]), received_us: 9_400 }),
        Frame::Welcome(Welcome {
            session: 1,
            accepted_seq: Seq(110),
            accepted_hash: Hash16([2; 16]),
            chain_no: IntakeNo(70_000),
            chain_head: Hash16([3; 16]),
            safe_seq: Seq(90),
            lease: lease.clone(),
            resume: Resume::Delta,
            scope_version: 2,
            company: company.clone(),
            site: site.clone(),
            head: Lsn(5010),
            feed_low: Lsn(12),
        }),
        Frame::Retry(Retry { after_min_ms: 500, after_max_ms: 2_000, reason: reason.clone() }),
        Frame::StaleStore(StaleStore {
            incarnation: Incarnation(2),
            lease: lease.clone(),
            epoch,
            reason: reason.clone(),
        }),
        Frame::LeaseOk(LeaseOk { counter: 5 }),
        Frame::GoAway(GoAway {
            after_min_ms: 1_000,
            after_max_ms: 20_000,
            reason: reason.clone(),
            other_url: Some("wss://b.example/sync".to_owned()),
        }),
        Frame::Bye(Bye { reason: reason.clone() }),
        Frame::Fault(Fault {
            code: FaultCode::BUSY,
            retryable: true,
            retry_after_ms: Some(900),
            detail: reason.clone(),
        }),
        Frame::Witness(order::Witness {
            epoch,
            chain_no: IntakeNo(70_000),
            chain_head: Hash16([3; 16]),
        }),
        Frame::Enrol(Enrol {
            code: ByteBuf::from([5; 16]),
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from([6; 32]),
            signature: ByteBuf::from([7; 64]),
            name: "H-17".to_owned(),
            model: "TC22".to_owned(),
        }),
        Frame::EnrolOk(EnrolOk { device, incarnation, lease, epoch, company, site }),
        Frame::Notice(Notice { operation: Some(outcome().operation), text: reason }),
        Frame::RotateKey(order::RotateKey {
            algorithm: KeyAlgorithm::P256,
            public_key: ByteBuf::from([4; 33]),
            by_present: ByteBuf::from([8; 64]),
            by_new: ByteBuf::from([9; 64]),
        }),
        Frame::KeyOk(order::KeyOk { public_key: ByteBuf::from([4; 33]) }),
        Frame::ServerKey(order::ServerKey { public_key: ByteBuf::from([5; 32]) }),
    ]
}

#[expect(clippy::too_many_lines, reason = "a list: one value for each frame")]
fn working_frames() -> Vec<Frame> {
    let (columns, bodies) = push::pack(&operations());
    let (sent_us, boot, head, accepted_seq) = (9_000, Boot(3), Lsn(5010), Seq(119));
    let origin = OriginOf { incarnation: Incarnation(1), seq: Seq(118), hash: Hash16([4; 16]) };
    let group = crate::feed::FeedGroup {
        lsn: Lsn(5004),
        time: ServerTime(1_790_000_000_000_001),
        records: rows(),
        outcomes: vec![outcome()],
    };
    vec![
        Frame::Push(Push {
            incarnation: Incarnation(2),
            base_seq: Seq(1),
            previous_hash: Hash16::default(),
            epoch: ServerEpoch(1),
            boots: vec![evidence()],
            columns,
            bodies,
            origins: vec![(1, origin)],
        }),
        Frame::Ack(Ack {
            accepted_seq,
            accepted_hash: Hash16([2; 16]),
            chain_no: IntakeNo(70_002),
            chain_head: Hash16([3; 16]),
            safe_seq: Seq(90),
            head,
        }),
        Frame::Nack(Nack { expected: Seq(117), code: FaultCode::GAP }),
        Frame::Subscribe(Subscribe { cursor: Some(Lsn(5003)) }),
        Frame::SnapBegin(SnapBegin {
            snapshot: 8,
            lsn: Lsn(5010),
            rows: 3,
            chunks: 1,
            ready_chunks: 1,
            scope_version: 2,
            judged: vec![(Incarnation(1), Seq(118))],
        }),
        Frame::SnapChunk(SnapChunk { snapshot: 8, index: 0, rows: rows() }),
        Frame::SnapResume(SnapResume { snapshot: 8, next_index: 1 }),
        Frame::SnapEnd(SnapEnd { snapshot: 8, lsn: Lsn(5010) }),
        Frame::Delta(Delta { from: Lsn(5003), to: Lsn(5010), groups: vec![group] }),
        Frame::DeltaAck(DeltaAck { applied: Lsn(5010) }),
        Frame::Heartbeat(Heartbeat {
            sent_us,
            boot,
            applied: Lsn(5010),
            pending: 2,
            oldest_pending_us: Some(8_000),
            battery: Some(40),
            operator: Some("MK".try_into().unwrap()),
            sample: evidence().samples.first().copied(),
            storage: None,
        }),
        Frame::HeartbeatAck(HeartbeatAck {
            sent_us,
            server_received: ServerTime(50_000),
            server_sent: ServerTime(50_010),
            head,
            accepted_seq,
            safe_seq: Seq(90),
        }),
        Frame::Command(order::Command {
            id: 70_003,
            expires: ServerTime(1_790_000_000_000_000),
            order: order::Order::DrainThenWipe,
            signature: ByteBuf::from([6; 64]),
        }),
        Frame::CommandResult(order::CommandResult {
            id: 70_003,
            done: false,
            pending: 2,
            detail: "not mine".to_owned(),
        }),
    ]
}

/// Frames that came later, in the order in which they came: their bytes stand behind the others.
fn later_frames() -> Vec<Frame> {
    let hash = ByteBuf::from([8; 32]);
    let meaning = crate::feed::IdentifierMeaning {
        item: "BOLT-M8".try_into().unwrap(),
        variant: None,
        unit: Some("BOX".try_into().unwrap()),
    };
    let elsewhere = beside::ElsewhereRow {
        site: "AARHUS".try_into().unwrap(),
        location: "WEST".try_into().unwrap(),
        variant: Some("ZN".try_into().unwrap()),
        quantity: Some("12.5".parse().unwrap()),
    };
    let storage = crate::health::StorageReport {
        state: crate::health::StorageState::Low,
        n_lost: 1,
        n_damaged: 2,
        n_set_aside: 3,
    };
    vec![
        Frame::BlobPut(beside::BlobPut {
            hash: hash.clone(),
            length: 100_000,
            offset: 65_536,
            bytes: ByteBuf::from([9; 5]),
        }),
        Frame::BlobAck(beside::BlobAck { hash, offset: 65_541, state: beside::BlobState::Wanted }),
        Frame::Digest(check::Digest {
            lsn: Lsn(5010),
            tables: vec![check::TableSum { table: 7, sum: u64::MAX }],
        }),
        Frame::RepairRequest(check::RepairRequest {
            lsn: Lsn(5010),
            tables: vec![check::TableBuckets { table: 7, sums: vec![0, 1, u64::MAX] }],
            is_unknown: true,
        }),
        Frame::Repair(check::Repair {
            from: Lsn(5010),
            lsn: Lsn(5012),
            table: 7,
            buckets: ByteBuf::from([3, 200]),
            rows: rows().into_iter().skip(1).take(1).collect(),
        }),
        Frame::Query(beside::Query {
            id: 4,
            deadline_ms: 2_000,
            item: Some("BOLT-M8".try_into().unwrap()),
            code: Some("4006381333931".to_owned()),
        }),
        Frame::Answer(beside::Answer {
            id: 4,
            elsewhere: vec![elsewhere],
            meanings: vec![meaning],
            is_cut: true,
        }),
        Frame::Heartbeat(Heartbeat {
            sent_us: 9_000,
            boot: Boot(3),
            applied: Lsn(5010),
            pending: 0,
            oldest_pending_us: None,
            battery: None,
            operator: None,
            sample: None,
            storage: Some(storage),
        }),
    ]
}

fn frames() -> Vec<Frame> {
    let mut frames = handshake_frames();
    frames.extend(working_frames());
    frames.extend(later_frames());
    frames
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

const GOLDEN: &str = include_str!("../../golden/frames-1.txt");
const DOCUMENT: &str = include_str!("../../WIRE.md");

#[test]
fn every_frame_kind_has_a_sample_that_reads_back() {
    let sampled: std::collections::BTreeSet<_> =
        frames().iter().map(|frame| (frame.number(), frame.name())).collect();
    assert_eq!(sampled, Frame::ALL.iter().copied().collect());
    for frame in frames() {
        for compress in [false, true] {
            let bytes = codec::encode(&frame, compress);
            let (read, body) = codec::decode(&bytes, codec::BODY_BYTES_MAX).unwrap();
            assert_eq!(read, frame);
            assert_eq!(body, codec::body(&frame));
        }
    }
}

/// A difference here is a change of the wire: devices in the field would not understand it. Add a
/// field instead, or raise the framing version and keep this file beside a new one.
#[test]
fn the_bytes_of_every_frame_are_those_of_the_first_release() {
    let line = |frame: &Frame| format!("{} {}\n", frame.name(), hex(&codec::encode(frame, false)));
    let now = frames().iter().map(line).collect::<Vec<_>>().concat();
    if std::env::var_os("UPDATE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/frames-1.txt");
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(now, GOLDEN, "the wire changed");
}

/// Whatever a release has ever sent is read by every later one.
#[test]
fn every_frame_that_was_ever_sent_is_still_read() {
    let mut n_read = 0;
    for line in GOLDEN.lines() {
        let (name, text) = line.split_once(' ').unwrap();
        let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        let (frame, _body) = codec::decode(&bytes, codec::BODY_BYTES_MAX).unwrap();
        assert_eq!(frame.name(), name);
        n_read += 1;
    }
    assert!(n_read >= 25, "the file is whole");
}

#[test]
fn a_push_unpacks_to_the_operations_that_were_packed() {
    let Some(Frame::Push(push)) = working_frames().into_iter().next() else {
        panic!("the first working frame is a PUSH");
    };
    assert_eq!(push::unpack(&push).unwrap(), operations());
}

#[expect(clippy::zero_sized_map_values, reason = "serde reads a map, and only its keys matter")]
/// The keys of every map in `value` that is a frame's own (not inside encoded rows or bodies).
fn top_keys(body: &[u8]) -> Vec<String> {
    let map: std::collections::BTreeMap<String, serde::de::IgnoredAny> =
        rmp_serde::from_slice(body).unwrap();
    map.into_keys().collect()
}

#[test]
fn the_wire_document_names_every_frame_and_each_of_its_keys() {
    for frame in frames() {
        let title = format!("### {:#04X} {}\n", frame.number(), frame.name()).replace("0X", "0x");
        let (_before, after) =
            DOCUMENT.split_once(&title).unwrap_or_else(|| panic!("no section {title}"));
        let section = after.split("\n### ").next().unwrap();
        for key in top_keys(&codec::body(&frame)) {
            assert!(section.contains(&format!("| `{key}` |")), "{}: key {key}", frame.name());
        }
    }
}
