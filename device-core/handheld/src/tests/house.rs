//! A stand-in server of one company, just large enough for the screens.

use std::sync::{Arc, Mutex};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::enrolment::Invitation;
use protocol::feed::{
    BinKind, BinRow, DocumentLineRow, DocumentRow, DocumentStatus, FeedGroup, FeedRecord, FeedRow,
    IdentifierMeaning, IdentifierRow, ItemRow, ItemUnit, LocationRow, OperatorRow, Role, SiteRow,
    StockRow, TaskKind, TaskRow, TrackingRule,
};
use protocol::frame::{
    Ack, Challenge, Delta, EnrolOk, Frame, HeartbeatAck, Hello, Lease, Limits, Resume,
    SUB_PROTOCOL, SnapBegin, SnapChunk, SnapEnd, StaleStore, Welcome, capability, codec, push,
};
use protocol::identity::{
    DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    TaskId, operation_hash,
};
use protocol::operation::{DocumentKind, Recorded, Tracking};
use protocol::outcome::{Change, Decision, Outcome, Reason};
use protocol::quantity::{Quantity, UnitFactor};
use sha2::Digest as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// 2026-11-23T12:00:00Z.
pub(super) const NOON: ServerTime = ServerTime(1_795_435_200_000_000);

const DEVICE: DeviceId = DeviceId(7);

/// What the server has.
#[derive(Debug, Default)]
struct Book {
    rows: Vec<FeedRecord>,
    operations: Vec<Recorded>,
    tail: Hash16,
    lsn: u64,
    /// How often it was restored from a backup.
    n_restored: u32,
    /// How often the device's store was found to be an old copy.
    n_copies: u32,
    /// The incarnation that the device has shown.
    shown: Incarnation,
    /// Sends frames to the connected device.
    line: Option<mpsc::UnboundedSender<Frame>>,
}

impl Book {
    const fn epoch(&self) -> ServerEpoch {
        ServerEpoch(1 + self.n_restored)
    }

    const fn incarnation(&self) -> Incarnation {
        Incarnation(1 + self.n_copies)
    }
}

/// The server at work.
pub(super) struct House {
    book: Arc<Mutex<Book>>,
    port: u16,
    task: JoinHandle<()>,
}

impl House {
    /// Opens on a free port with these rows.
    pub(super) async fn open(rows: Vec<FeedRow>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let records = rows.iter().enumerate().map(|(at, row)| record(at, row)).collect();
        let book = Arc::new(Mutex::new(Book { rows: records, lsn: 10, ..Book::default() }));
        let task = tokio::spawn(listen(listener, Arc::clone(&book)));
        Self { book, port, task }
    }

    /// The text of an enrolment code.
    pub(super) fn code(&self) -> String {
        let invitation = Invitation {
            url: format!("http://127.0.0.1:{}", self.port),
            server: [1; 16],
            pin: None,
            code: [2; 16],
            site: "MAIN".try_into().unwrap(),
            expires: NOON.plus_us(600_000_000),
        };
        invitation.encode().unwrap()
    }

    /// The kinds of all operations that have arrived.
    pub(super) fn kinds(&self) -> Vec<String> {
        self.book.lock().unwrap().operations.iter().map(|op| op.kind.clone()).collect()
    }

    /// Everything that has arrived.
    pub(super) fn operations(&self) -> Vec<Recorded> {
        self.book.lock().unwrap().operations.clone()
    }

    /// Decides operation `seq`.
    pub(super) fn decide(&self, seq: u64, decision: Decision, reasons: Vec<Reason>) {
        self.decide_with(seq, decision, reasons, Vec::new());
    }

    /// The same, booked otherwise than it was entered.
    pub(super) fn decide_with(
        &self,
        seq: u64,
        decision: Decision,
        reasons: Vec<Reason>,
        changes: Vec<Change>,
    ) {
        let mut book = self.book.lock().unwrap();
        let from = Lsn(book.lsn);
        book.lsn += 1;
        let to = Lsn(book.lsn);
        let outcome = Outcome {
            operation: OperationId { device: DEVICE, incarnation: Incarnation(1), seq: Seq(seq) },
            revision: 1,
            decision,
            lsn: to,
            tau: NOON,
            epsilon_us: 0,
            uncertain: false,
            settlement: None,
            reasons,
            changes,
            case: None,
            text_en: String::new(),
        };
        let group = FeedGroup { lsn: to, time: NOON, records: Vec::new(), outcomes: vec![outcome] };
        let delta = Frame::Delta(Delta { from, to, groups: vec![group] });
        book.line.as_ref().unwrap().send(delta).unwrap();
    }

    /// The server is away, and comes back from a backup with the first operations only.
    pub(super) async fn restore(&mut self, n_kept: usize) {
        let mut book = self.away().await;
        book.n_restored += 1;
        book.operations.truncate(n_kept);
        book.tail = Hash16::default();
        for (seq, operation) in (1..).zip(book.operations.clone()) {
            book.tail = operation_hash(book.tail, Seq(seq), &operation.to_content());
        }
        self.again(book).await;
    }

    /// The server is away, and finds then that the device's store is an old copy.
    pub(super) async fn find_copy(&mut self) {
        let mut book = self.away().await;
        book.n_copies += 1;
        (book.operations, book.tail) = (Vec::new(), Hash16::default());
        self.again(book).await;
    }

    async fn away(&mut self) -> Book {
        self.task.abort();
        assert!((&mut self.task).await.is_err(), "aborted");
        std::mem::take(&mut *self.book.lock().unwrap())
    }

    async fn again(&mut self, book: Book) {
        *self.book.lock().unwrap() = Book { line: None, ..book };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.task = tokio::spawn(listen(listener, Arc::clone(&self.book)));
    }

    /// The server is gone.
    pub(super) async fn close(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "aborted");
        self.book.lock().unwrap().line = None;
    }
}

fn record(at: usize, row: &FeedRow) -> FeedRecord {
    let key = u64::try_from(at).unwrap().to_be_bytes().to_vec();
    FeedRecord { table: row.table(), key: key.into(), row: Some(row.encode().into()) }
}

async fn listen(listener: TcpListener, book: Arc<Mutex<Book>>) {
    let mut talks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        talks.spawn(talk(stream, Arc::clone(&book)));
    }
}

#[expect(clippy::result_large_err, reason = "the shape of tungstenite's callback")]
async fn talk(stream: TcpStream, book: Arc<Mutex<Book>>) {
    let name = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", SUB_PROTOCOL.parse().unwrap());
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, name).await else { return };
    let (mut out, mut incoming) = socket.split();
    let (line, mut frames) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            message = incoming.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Binary(bytes) = message else { continue };
                let (frame, _) = codec::decode(&bytes, 1 << 20).unwrap();
                for answer in answers(frame, &book, &line) {
                    if out.send(Message::Binary(codec::encode(&answer, false).into())).await.is_err() {
                        return;
                    }
                }
            }
            Some(frame) = frames.recv() => {
                if out.send(Message::Binary(codec::encode(&frame, false).into())).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn answers(frame: Frame, book: &Mutex<Book>, line: &mpsc::UnboundedSender<Frame>) -> Vec<Frame> {
    let mut book = book.lock().unwrap();
    match frame {
        Frame::Enrol(_) => vec![Frame::EnrolOk(EnrolOk {
            device: DEVICE,
            incarnation: Incarnation(1),
            lease: lease(1),
            epoch: book.epoch(),
            company: "Demo".into(),
            site: "MAIN".try_into().unwrap(),
        })],
        Frame::Hello(hello) => {
            book.line = None;
            book.shown = hello.incarnation;
            vec![Frame::Challenge(challenge(&hello, book.epoch()))]
        }
        Frame::Auth(_) if book.shown < book.incarnation() => {
            vec![Frame::StaleStore(StaleStore {
                incarnation: book.incarnation(),
                lease: lease(1),
                epoch: book.epoch(),
                reason: "an old copy".into(),
            })]
        }
        Frame::Auth(_) => vec![Frame::Welcome(welcome(&book))],
        Frame::Subscribe(subscribe) => {
            book.line = Some(line.clone());
            if subscribe.cursor.is_some() { Vec::new() } else { snapshot(&book) }
        }
        Frame::Push(push) => {
            for operation in push::unpack(&push).unwrap() {
                let seq = Seq(u64::try_from(book.operations.len()).unwrap() + 1);
                book.tail = operation_hash(book.tail, seq, &operation.to_content());
                book.operations.push(operation);
            }
            vec![Frame::Ack(ack(&book))]
        }
        Frame::Heartbeat(heartbeat) => vec![Frame::HeartbeatAck(HeartbeatAck {
            sent_us: heartbeat.sent_us,
            server_received: NOON,
            server_sent: NOON,
            head: Lsn(book.lsn),
            accepted_seq: ack(&book).accepted_seq,
            safe_seq: Seq(0),
        })],
        _ => Vec::new(),
    }
}

fn lease(counter: u64) -> Lease {
    Lease { counter, proof: vec![9; 8].into() }
}

fn ack(book: &Book) -> Ack {
    let n = u64::try_from(book.operations.len()).unwrap();
    Ack {
        accepted_seq: Seq(n),
        accepted_hash: book.tail,
        chain_no: IntakeNo(n),
        chain_head: Hash16::default(),
        safe_seq: Seq(0),
        head: Lsn(book.lsn),
    }
}

fn challenge(hello: &Hello, epoch: ServerEpoch) -> Challenge {
    Challenge {
        protocol: 1,
        capabilities: capability::ALL & hello.capabilities,
        epoch,
        nonce: vec![3; 32].into(),
        sent_us: hello.sent_us,
        server_received: NOON,
        server_sent: NOON,
        limits: Limits::DEFAULT,
        heartbeat_ms: 200,
    }
}

fn welcome(book: &Book) -> Welcome {
    let ack = ack(book);
    Welcome {
        session: 1,
        accepted_seq: ack.accepted_seq,
        accepted_hash: ack.accepted_hash,
        chain_no: ack.chain_no,
        chain_head: ack.chain_head,
        safe_seq: ack.safe_seq,
        lease: lease(2),
        resume: Resume::Snapshot,
        scope_version: 1,
        company: "Demo".into(),
        site: "MAIN".try_into().unwrap(),
        head: Lsn(book.lsn),
        feed_low: Lsn(0),
    }
}

fn snapshot(book: &Book) -> Vec<Frame> {
    let chunks: Vec<&[FeedRecord]> = book.rows.chunks(1_000).collect();
    let n = u32::try_from(chunks.len()).unwrap();
    let mut frames = vec![Frame::SnapBegin(SnapBegin {
        snapshot: 1,
        lsn: Lsn(book.lsn),
        rows: u64::try_from(book.rows.len()).unwrap(),
        chunks: n,
        ready_chunks: n,
        scope_version: 1,
        judged: vec![(Incarnation(1), Seq(0))],
    })];
    for (index, rows) in (0..).zip(chunks) {
        frames.push(Frame::SnapChunk(SnapChunk { snapshot: 1, index, rows: rows.to_vec() }));
    }
    frames.push(Frame::SnapEnd(SnapEnd { snapshot: 1, lsn: Lsn(book.lsn) }));
    frames
}

/// A location where nobody of the site MAIN works.
fn elsewhere(location: &str, site: &str, in_transit: bool) -> FeedRow {
    FeedRow::Location(LocationRow {
        location: location.try_into().unwrap(),
        name: location.to_lowercase(),
        site: site.try_into().unwrap(),
        time_zone: "UTC".try_into().unwrap(),
        bin_mandatory: !in_transit,
        receipt_bin: None,
        shipment_bin: None,
        in_transit,
    })
}

/// One location with bins, two where nobody of its site works, three items, stock, an order each way, a task, and Ana with PIN 1234.
pub(super) fn rows() -> Vec<FeedRow> {
    let mut rows = vec![
        FeedRow::Site(SiteRow {
            site: "MAIN".try_into().unwrap(),
            company: "Demo".into(),
            never_quantities: false,
            separator: None,
        }),
        FeedRow::Location(LocationRow {
            location: "MAIN".try_into().unwrap(),
            name: "Main".into(),
            site: "MAIN".try_into().unwrap(),
            time_zone: "Europe/Copenhagen".try_into().unwrap(),
            bin_mandatory: true,
            receipt_bin: Some("DOCK".try_into().unwrap()),
            shipment_bin: Some("OUT".try_into().unwrap()),
            in_transit: false,
        }),
        elsewhere("AWAY", "OTHER", false),
        elsewhere("WAY", "MAIN", true),
    ];
    for (bin, kind) in [
        ("DOCK", BinKind::Receipt),
        ("OUT", BinKind::Shipment),
        ("Q-1", BinKind::Question),
        ("A-01", BinKind::Storage),
        ("A-02", BinKind::Storage),
    ] {
        rows.push(FeedRow::Bin(BinRow {
            location: "MAIN".try_into().unwrap(),
            bin: bin.try_into().unwrap(),
            zone: None,
            kind,
            blocked: false,
        }));
    }
    let lot = TrackingRule { lot: true, expiry: true, ..TrackingRule::default() };
    let serial = TrackingRule { serial: true, ..TrackingRule::default() };
    for (item, name, barcode, tracking) in [
        ("BOLT", "Bolt M8x40", "4006381333931", TrackingRule::default()),
        ("NUT", "Nut M8", "NUT-M8", TrackingRule::default()),
        ("MILK", "Milk", "09506000134352", lot),
        ("DRILL", "Drill", "DRILL-EAN", serial),
    ] {
        rows.push(item_row(item, name, tracking));
        rows.push(identifier(barcode, item));
    }
    rows.push(stock("A-01", "BOLT", "50"));
    rows.push(stock("A-01", "NUT", "7391"));
    order(&mut rows, DocumentKind::PurchaseOrder, "4711", "MILK", "40");
    order(&mut rows, DocumentKind::SalesOrder, "881", "BOLT", "3");
    rows.push(task(4, "A-01", "BO"));
    rows.push(task(5, "A-02", "ANA"));
    rows.push(person("ANA", "Ana <b>", "BADGE-ANA", "1234", "en"));
    rows.push(person("BO", "Bo", "BADGE-BO", "4321", "da"));
    rows
}

pub(super) fn item_row(item: &str, name: &str, tracking: TrackingRule) -> FeedRow {
    FeedRow::Item(ItemRow {
        item: item.try_into().unwrap(),
        description: name.into(),
        base_unit: "PCS".try_into().unwrap(),
        precision: Quantity::ONE,
        units: vec![ItemUnit { unit: "PCS".try_into().unwrap(), factor: UnitFactor::ONE }],
        variants: Vec::new(),
        variant_required: false,
        tracking,
        blocked: false,
        supervisor_from: None,
        second_count_from: None,
    })
}

pub(super) fn identifier(barcode: &str, item: &str) -> FeedRow {
    FeedRow::Identifier(IdentifierRow {
        code: barcode.try_into().unwrap(),
        meanings: vec![IdentifierMeaning {
            item: item.try_into().unwrap(),
            variant: None,
            unit: None,
        }],
    })
}

pub(super) fn stock(bin: &str, item: &str, quantity: &str) -> FeedRow {
    FeedRow::Stock(StockRow {
        location: "MAIN".try_into().unwrap(),
        bin: Some(bin.try_into().unwrap()),
        plate: None,
        item: item.try_into().unwrap(),
        variant: None,
        unit: None,
        tracking: Tracking::NONE,
        quantity: Some(quantity.parse().unwrap()),
        held: Quantity::ZERO,
    })
}

fn order(rows: &mut Vec<FeedRow>, kind: DocumentKind, no: &str, item: &str, quantity: &str) {
    rows.push(FeedRow::Document(DocumentRow {
        kind,
        no: no.try_into().unwrap(),
        status: DocumentStatus::Released,
        partner: "Partner".into(),
        location: "MAIN".try_into().unwrap(),
        to_location: None,
        due: None,
    }));
    rows.push(FeedRow::DocumentLine(DocumentLineRow {
        kind,
        no: no.try_into().unwrap(),
        line: 10_000,
        item: item.try_into().unwrap(),
        variant: None,
        unit: "PCS".try_into().unwrap(),
        quantity: quantity.parse().unwrap(),
        handled: Quantity::ZERO,
        picked: Quantity::ZERO,
        tolerance: Quantity::ZERO,
        tracking: Tracking::NONE,
        bin: None,
    }));
}

/// A count of a bin that is somebody's.
fn task(id: u64, bin: &str, whose: &str) -> FeedRow {
    FeedRow::Task(TaskRow {
        task: TaskId(id),
        kind: TaskKind::Count,
        location: "MAIN".try_into().unwrap(),
        bin: Some(bin.try_into().unwrap()),
        item: None,
        variant: None,
        plate: None,
        assigned: Some(whose.try_into().unwrap()),
        not_by: None,
        blind: true,
    })
}

fn person(id: &str, name: &str, badge: &str, pin: &str, language: &str) -> FeedRow {
    // Cheap on purpose: the tests are not about guessing PINs.
    let params = Params::new(8, 1, 1, None).unwrap();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let verifier: argon2::password_hash::phc::PasswordHash =
        hasher.hash_password_with_salt(pin.as_bytes(), b"0123456789abcdef").unwrap();
    FeedRow::Operator(OperatorRow {
        operator: id.try_into().unwrap(),
        name: name.into(),
        badge_hash: Some(sha2::Sha256::digest(badge.as_bytes()).to_vec().into()),
        pin_verifier: verifier.to_string(),
        roles: vec![Role::Operator],
        valid_until: NOON.plus_us(86_400_000_000),
        language: language.into(),
    })
}
