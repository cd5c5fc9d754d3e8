//! The decoders, and what each promises.

use device_core::recorder::{Disk as _, Identity, MemoryDisk, Options, Recorder};
use device_core::replica::{Judged, Replica};
use device_core::store::MemoryStore;
use protocol::barcode::{self, ScanProfile};
use protocol::enrolment::Invitation;
use protocol::frame::{Frame, Limits, SnapBegin, SnapChunk, SnapEnd, codec};
use protocol::identity::ServerEpoch;
use protocol::operation::{Body, Envelope, Recorded};
use server::exchange::{FILES, read};
use server_core::session::wire::Incoming;

use super::{Answer, Target, machine};

/// All of them.
pub const TARGETS: [Target; 9] = [
    Target { name: "frame", samples: golden, run: frame },
    Target { name: "body", samples: bodies, run: body },
    Target { name: "content", samples: contents, run: content },
    Target { name: "recorder", samples: files, run: recorder },
    Target { name: "snapshot", samples: snapshots, run: snapshot },
    Target { name: "barcode", samples: labels, run: label },
    Target { name: "csv", samples: tables, run: table },
    Target { name: "invitation", samples: invitations, run: invitation },
    Target { name: "machine", samples: machine::samples, run: machine::run },
];

/// Name and bytes of each line of a golden file.
fn lines(golden: &'static str) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    golden.lines().filter_map(|line| line.split_once(' ')).map(|(name, hex)| {
        (name, data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal"))
    })
}

/// The golden frames, as they are on the wire.
pub(super) fn golden() -> Vec<Vec<u8>> {
    let frames = lines(include_str!("../../../protocol/golden/frames-1.txt"));
    frames.map(|(_name, bytes)| bytes).collect()
}

/// The golden bodies, each with its kind.
fn golden_bodies() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    lines(include_str!("../../../protocol/golden/bodies-1.txt"))
}

/// The same bytes with a checksum that is right: what lies behind it is reached.
pub(super) fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= codec::HEADER_BYTES {
        let crc = crc32c(&bytes[codec::HEADER_BYTES..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

/// CRC-32C, bit by bit: the second opinion on the one that ships.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _bit| {
            if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0x82F6_3B78 }
        })
    })
}

/// Whatever is read is written and read again the same; the server's edge panics at nothing.
fn frame(input: &[u8]) -> Answer {
    let input = with_checksum(input);
    let read_at_the_edge = match Incoming::read(&input, &Limits::DEFAULT) {
        Incoming::Broken { fault, detail } => format!("{fault:?} {detail}"),
        Incoming::Push(_) => "PUSH".to_owned(),
        Incoming::Frame(frame) => frame.0.name().to_owned(),
    };
    match codec::decode(&input, 1 << 20) {
        Err(error) => Answer::of(&format!("{error} {read_at_the_edge}")),
        Ok((frame, body)) => {
            assert!(body.len() <= codec::BODY_BYTES_MAX);
            for compress in [false, true] {
                let again = codec::decode(&codec::encode(&frame, compress), 1 << 20);
                assert_eq!(again.expect("what was written is read").0, frame);
            }
            Answer::of(&read_at_the_edge)
        }
    }
}

fn kind_of(input: &[u8]) -> Option<(&'static str, &[u8])> {
    let (kind, body) = input.split_first()?;
    Some((Body::KINDS[usize::from(*kind) % Body::KINDS.len()], body))
}

fn operations() -> Vec<Recorded> {
    let pushes = golden().into_iter().filter_map(|bytes| match codec::decode(&bytes, 1 << 20) {
        Ok((Frame::Push(push), _body)) => Some(push),
        _ => None,
    });
    pushes.flat_map(|push| protocol::frame::push::unpack(&push).expect("golden")).collect()
}

/// A body of each kind as it should be, the same under the kind behind it, which it mostly does not fit
/// and says so, and an empty map of each kind.
fn bodies() -> Vec<Vec<u8>> {
    let n_kinds = Body::KINDS.len();
    let under = |kind: usize, body: &[u8]| {
        let number = u8::try_from(kind % n_kinds).expect("a few kinds");
        [&[number], body].concat()
    };
    let golden = golden_bodies().flat_map(|(name, body)| {
        let kind = Body::KINDS.iter().position(|kind| *kind == name).expect("a kind of this build");
        [under(kind, &body), under(kind + 1, &body)]
    });
    golden.chain((0..n_kinds).map(|kind| under(kind, &[0x80]))).collect()
}

/// A body that is read is written and read again the same.
fn body(input: &[u8]) -> Answer {
    let Some((kind, bytes)) = kind_of(input) else { return Answer::of("nothing") };
    match Body::decode(kind, 1, bytes) {
        Err(error) => Answer::of(&format!("{kind} {error}")),
        Ok(body) => {
            let again = Body::decode(kind, 1, &body.encode()).expect("what was written is read");
            assert_eq!(again, body);
            Answer::of(kind)
        }
    }
}

/// The golden operations, one of each kind, and one without operator and document.
fn contents() -> Vec<Vec<u8>> {
    let operations = operations();
    let envelope = &operations.first().expect("a golden push").envelope;
    let of_each_kind = golden_bodies().map(|(kind, bytes)| {
        let body = Body::decode(kind, 1, &bytes).expect("golden");
        Recorded::new(envelope.clone(), &body)
    });
    let plain = Envelope { operator: None, document: None, ..envelope.clone() };
    let void = Body::decode("void", 1, &[0x80]).expect("an empty map");
    let plain = Recorded::new(plain, &void);
    let all = operations.iter().cloned().chain(of_each_kind).chain([plain]);
    all.map(|recorded| recorded.to_content()).collect()
}

/// What is read from the recorder is written back the same, or read the same again.
fn content(input: &[u8]) -> Answer {
    match Recorded::from_content(input) {
        Err(error) => Answer::of(&error.to_string()),
        Ok(recorded) => {
            let again = Recorded::from_content(&recorded.to_content());
            assert_eq!(again.expect("what was written is read"), recorded);
            let read = recorded.decode_body().map(|body| body.kind());
            Answer::of(&format!("{read:?} {}", recorded.envelope.document.is_some()))
        }
    }
}

const N_RECORDED: u64 = 40;

fn small() -> Options {
    Options { segment_bytes: Options::SEGMENT_BYTES_MIN, ballast_bytes: 0, ..Options::default() }
}

fn scan(seq: u64) -> Vec<u8> {
    format!("scan {seq} ").repeat(20 + usize::try_from(seq % 13).expect("a small number")).into()
}

/// A disk with a recorder that holds [`N_RECORDED`] operations.
fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let identity = Identity { device: 7, incarnation: 1, store: [9; 16] };
    let recorder = Recorder::create(Box::new(disk.clone()), identity, small());
    let mut recorder = recorder.expect("an empty disk");
    for seq in 1..=N_RECORDED {
        recorder.append(&scan(seq)).expect("there is room");
    }
    disk
}

fn names(disk: &MemoryDisk) -> Vec<String> {
    let mut names = disk.list().expect("memory");
    names.sort();
    names
}

/// Each file of the recorder: its number, then its bytes.
fn files() -> Vec<Vec<u8>> {
    let disk = disk();
    let bytes = |name: &String| disk.bytes_of(name).expect("it is there");
    (0_u8..).zip(&names(&disk)).map(|(n, name)| [vec![n], bytes(name)].concat()).collect()
}

/// One file is not what it was: the recorder opens or says why not, and shows no operation with
/// another content than it was given.
fn recorder(input: &[u8]) -> Answer {
    let Some((n, bytes)) = input.split_first() else { return Answer::of("nothing") };
    let disk = disk();
    let names = names(&disk);
    let name = &names[usize::from(*n) % names.len()];
    disk.remove(name).expect("memory");
    let mut file = disk.create(name).expect("memory");
    file.write_at(0, bytes).expect("memory");
    file.sync_data().expect("memory");
    disk.sync_folder().expect("memory");
    match Recorder::open(Box::new(disk), small()) {
        Err(error) => Answer::of(&format!("{name} {error}")),
        Ok((recorder, recovery)) => {
            let (mut n_read, mut next) = (0, recorder.low_seq());
            for operation in recorder.iter_from(1) {
                let Ok(operation) = operation else { break };
                assert_eq!(operation.seq, next, "there is no hole that is not counted");
                if !operation.is_void {
                    assert_eq!(operation.content, scan(operation.seq), "as it was recorded");
                }
                (n_read, next) = (n_read + 1, next + 1);
            }
            Answer::of(&format!("{name} {recovery:?} {}", n_read == N_RECORDED))
        }
    }
}

/// Frames one after the other, each behind its length.
fn in_a_row(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        let encoded = codec::encode(frame, false);
        bytes.extend_from_slice(&u16::try_from(encoded.len()).expect("short").to_le_bytes());
        bytes.extend_from_slice(&encoded);
    }
    bytes
}

/// Snapshots whole, cut short, twice, out of order; and a delta behind one.
fn snapshots() -> Vec<Vec<u8>> {
    let golden: Vec<Frame> = golden()
        .iter()
        .filter_map(|bytes| codec::decode(bytes, 1 << 20).ok().map(|(frame, _body)| frame))
        .collect();
    let rows = golden.iter().find_map(|frame| match frame {
        Frame::SnapChunk(chunk) => Some(chunk.rows.clone()),
        _ => None,
    });
    let rows = rows.expect("a golden chunk");
    let delta = golden.iter().find(|frame| matches!(frame, Frame::Delta(_)));
    let delta = delta.expect("a golden delta").clone();
    let Frame::Delta(told) = &delta else { return Vec::new() };
    let begin = Frame::SnapBegin(SnapBegin {
        snapshot: 8,
        lsn: told.from,
        rows: 6,
        chunks: 2,
        ready_chunks: 1,
        scope_version: 2,
        judged: Vec::new(),
    });
    let chunk = |index| Frame::SnapChunk(SnapChunk { snapshot: 8, index, rows: rows.clone() });
    let end = Frame::SnapEnd(SnapEnd { snapshot: 8, lsn: told.from });
    let (first, second) = (chunk(0), chunk(1));
    [
        vec![begin.clone(), first.clone(), second.clone(), end.clone(), delta.clone()],
        vec![begin.clone(), first.clone(), begin.clone(), second.clone(), end.clone()],
        vec![begin.clone(), second.clone(), first.clone(), end.clone()],
        vec![begin.clone(), first.clone(), end.clone(), delta],
        vec![first, end, begin],
    ]
    .iter()
    .map(|frames| in_a_row(frames))
    .collect()
}

/// A replica takes what follows and refuses what does not, and never shows half a snapshot.
fn snapshot(input: &[u8]) -> Answer {
    let mut rest = input;
    let opened = Replica::open(Box::new(MemoryStore::new()));
    let mut replica = opened.map_err(|(error, _store)| error).expect("an empty store");
    let mut answers = String::new();
    let mut taken: Option<(u32, u32)> = None;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        let before = replica.cursor();
        match codec::decode(&with_checksum(bytes), 1 << 20).map(|(frame, _body)| frame) {
            Ok(Frame::SnapBegin(begin)) => {
                let begun = replica.begin_snapshot(&begin, ServerEpoch(1), Judged::default());
                let wanted = begun.expect("memory").next_index;
                taken = Some((wanted, begin.chunks));
                answers.push('b');
            }
            Ok(Frame::SnapChunk(chunk)) => {
                let is_taken = replica.take_chunk(&chunk).is_ok();
                if let Some((next, _chunks)) = &mut taken
                    && is_taken
                    && chunk.index == *next
                {
                    *next += 1;
                }
                answers.push(if is_taken { 'c' } else { 'C' });
            }
            Ok(Frame::SnapEnd(_)) => {
                let is_swapped = replica.end_snapshot().is_ok();
                let is_whole = taken.is_some_and(|(next, chunks)| next >= chunks);
                assert_eq!(is_swapped, is_whole, "a snapshot is swapped in whole or not at all");
                taken = taken.filter(|_taken| !is_swapped);
                answers.push(if is_swapped { 'e' } else { 'E' });
            }
            Ok(Frame::Delta(delta)) => {
                let is_applied = replica.apply(&delta, ServerEpoch(1), |name| name).is_ok();
                assert!(is_applied || replica.cursor() == before, "whole or not at all");
                assert!(replica.cursor() >= before, "a delta leads forward");
                answers.push(if is_applied { 'd' } else { 'D' });
            }
            Ok(_other) => answers.push('o'),
            Err(_error) => answers.push('x'),
        }
    }
    answers.truncate(12);
    Answer::of(&answers)
}

fn labels() -> Vec<Vec<u8>> {
    [
        "]C10104006381333931",
        "]d20104006381333931\u{1d}17270312\u{1d}10LOT7\u{1d}21SERIAL",
        "]C100340123450000000018",
        "(01)04006381333931(10)LOT7(3103)001234",
        "https://id.example.com/01/04006381333931/10/LOT7?17=270312",
        "4006381333931",
        "96385074",
        "036000291452",
        "LOC:MAIN:A-01",
        "TM:BADGE:anna",
        "]C1810100400638133393",
        "8110106141416543213150110120",
        "]d204150411111111111198020012345678\u{1d}3925123456",
        "\u{241d}0104006381333931\u{241d}10A",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

/// Every text has a reading, the same every time, and no error goes with a meaning.
fn label(input: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(input);
    let mut answers = String::new();
    for profile in [ScanProfile::untested(2026), ScanProfile::tested(2026)] {
        let reading = barcode::read(&text, &profile);
        assert_eq!(reading, barcode::read(&text, &profile));
        answers = format!("{answers}{reading:?}");
    }
    Answer::of(&answers)
}

/// A file of each name: its number, then its text.
fn tables() -> Vec<Vec<u8>> {
    let header = |n: usize| {
        let files = server::exchange::files();
        let columns: Vec<_> = files[n].columns.iter().map(|column| column.name).collect();
        columns.join(",")
    };
    let numbered = |(n, _name): (usize, _)| {
        let number = u8::try_from(n).expect("a few files");
        let text = format!("{}\nA,B,1,2.5,yes,\"x\ny\",2027-01-31,,,\n", header(n));
        [&[number], text.as_bytes()].concat()
    };
    let odd = b"\x00\xef\xbb\xbfitem;description;base_unit\r\nBOLT;\"a;b\";PCS\r\n".to_vec();
    FILES.iter().enumerate().map(numbered).chain([odd]).collect()
}

/// A table is read, or every fault is told with its place; the same every time.
fn table(input: &[u8]) -> Answer {
    let Some((n, text)) = input.split_first() else { return Answer::of("nothing") };
    let name = FILES[usize::from(*n) % FILES.len()];
    let read = || read::read_files(vec![(name.to_owned(), text.to_vec())]);
    match (read(), read()) {
        (Ok(batch), Ok(again)) => {
            assert_eq!(batch, again);
            Answer::of(&format!("{name} {}", batch.n_rows().min(3)))
        }
        (Err(error), Err(again)) => {
            assert_eq!(format!("{error:?}"), format!("{again:?}"));
            Answer::of(&format!("{name} {error:?}"))
        }
        _ => panic!("the same file is read in two ways"),
    }
}

fn invitations() -> Vec<Vec<u8>> {
    let invitation = Invitation {
        url: "https://tallyman.example:8480".to_owned(),
        server: [1; 16],
        pin: Some([2; 32]),
        code: [3; 16],
        site: "HALL".try_into().expect("a code"),
        expires: protocol::identity::ServerTime(1_790_000_000_000_000),
    };
    let plain = Invitation { pin: None, url: "http://h:1".to_owned(), ..invitation.clone() };
    [invitation, plain].iter().map(|one| one.encode().expect("an address").into_bytes()).collect()
}

/// What is read is written and read again the same.
fn invitation(input: &[u8]) -> Answer {
    match String::from_utf8_lossy(input).parse::<Invitation>() {
        Err(error) => Answer::of(&error.to_string()),
        Ok(invitation) => {
            let text = invitation.encode().expect("what was read has an address");
            assert_eq!(text.parse::<Invitation>().expect("what was written is read"), invitation);
            Answer::of(&format!("{}", invitation.pin.is_some()))
        }
    }
}
