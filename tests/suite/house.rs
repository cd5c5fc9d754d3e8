//! A small company behind a real server, and devices that a test holds in its hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use device_core::device::{Device, Settings};
use device_core::engine::{SignInWith, Work};
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::book::{Intakes, Outcomes};
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use protocol::enrolment::Invitation;
use protocol::feed::{BinKind, DocumentStatus, Role};
use protocol::identity::OperationId;
use protocol::operation::{Body, Count, Goods, Move, Place, Tracking};
use protocol::quantity::{Quantity, UnitFactor};
use server::config::Config;
use server::exchange::cell::Roles;
use server::exchange::line::{
    BinLine, IdentifierLine, ItemLine, LocationLine, OperatorLine, PurchaseLine, SiteLine,
    StockLine,
};
use server::exchange::{At, Batch};
use server::runtime::Health;
use server::server::{Running, Server};
use server_core::identity::command::MachineCommand;
use server_core::intake::command::CommandOrigin;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Who administers the company: name and password.
pub(crate) const ADMINISTRATOR: (&str, &str) = ("ADMIN", "a-long-password");
/// Who works with the devices: name, badge and PIN.
pub(crate) const OPERATOR: (&str, &str, &str) = ("OP", "BADGE-OP", "4711");
/// The GTIN of NUT.
pub(crate) const NUT: &str = "4006381333931";
/// The bins that people work in.
pub(crate) const BINS: [&str; 5] = ["A", "B", "C", "DOCK", "SHIP"];
/// How long anything may take before a test gives up, in looks of [`LOOK`].
const LOOKS: u32 = 7_200;
const LOOK: Duration = Duration::from_millis(25);

/// Quantities by bin and item, in units of the book; nothing that is zero.
pub(crate) type Stock = BTreeMap<(String, String), i128>;

/// Looks until there is something to see; gives up after three minutes: other tests run beside.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::sleep(LOOK);
    }
    panic!("waited in vain: {what}");
}

/// A code.
pub(crate) fn word<T: TryFrom<String>>(text: &str) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(text.to_owned()).expect("a short printable code")
}

/// A runtime for one side of the wire.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("threads can be started")
}

/// A port below those that the system gives to whoever connects: nobody takes it while the server
/// is away, nor does another test of this process.
fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("below ten thousand");
    loop {
        let port = first + TAKEN.fetch_add(1, Ordering::Relaxed);
        assert!(port < 32_000, "some port is free");
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The company. Its server may be away.
pub(crate) struct House {
    folder: TempDir,
    port: u16,
    server: Option<(Runtime, Running)>,
}

impl House {
    /// A company with nothing but its administrator.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut house = Self { folder, port: free_port(), server: None };
        house.start();
        let (runtime, running) = house.server();
        let link = running.first_link().expect("nobody administers it yet").to_owned();
        let token = link.rsplit('/').next().unwrap_or_default();
        let (user, password) = ADMINISTRATOR;
        let person = (user, "Administrator", password.to_owned());
        let named =
            server::api::session::name_first_administrator(running.app(), token, person, None);
        assert!(runtime.block_on(named).is_ok(), "the administrator is named");
        house
    }

    /// The company of these tests.
    pub(crate) fn furnished() -> Self {
        let house = Self::empty();
        house.import(&batch());
        house
    }

    /// The server and what it runs on.
    pub(crate) fn server(&self) -> (&Runtime, &Running) {
        let (runtime, running) = self.server.as_ref().expect("the server is there");
        (runtime, running)
    }

    /// The folder of the server.
    pub(crate) fn server_folder(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// The folder of a device.
    pub(crate) fn device_folder(&self) -> PathBuf {
        self.folder.path().join("device")
    }

    /// Where the server listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server over what is in its folder, on its port.
    pub(crate) fn start(&mut self) {
        assert!(self.server.is_none(), "it runs");
        let runtime = runtime();
        let mut config = Config::local(&self.server_folder());
        config.listen.set_port(self.port);
        config.heartbeat_s = 1;
        // A server that was killed lets go of its folder a moment later.
        let mut last = String::new();
        let running = until("the server starts", || {
            let started = runtime.block_on(Server::start(config.clone()));
            started.map_err(|error| last = format!("{error:?}")).ok()
        });
        self.server = Some((runtime, running));
    }

    /// Stops the server in good order.
    pub(crate) fn stop(&mut self) {
        let (runtime, running) = self.server.take().expect("it runs");
        assert_eq!(runtime.block_on(running.stop()), Health::Stopped);
    }

    /// Takes everything from under the server in the middle of what it does.
    pub(crate) fn drop_server(&mut self) {
        let (runtime, running) = self.server.take().expect("it runs");
        drop(running);
        runtime.shutdown_timeout(Duration::from_secs(10));
    }

    /// Brings rows in.
    pub(crate) fn import(&self, batch: &Batch) {
        let (runtime, running) = self.server();
        let company = running.app().company();
        let snapshot = company.snapshot();
        let number = server::secret::random();
        let quiet = &mut server::import::quietly;
        let plan = server::import::prepare(batch, &snapshot, number, quiet)
            .unwrap_or_else(|faults| panic!("{faults:#?}"));
        let judge = server_core::ledger_judge::LedgerJudge;
        let now = company.now();
        let quiet = &mut server::import::quietly;
        server::import::rehearse(&plan, &snapshot, &judge, now, quiet)
            .unwrap_or_else(|faults| panic!("{faults:#?}"));
        let origin = CommandOrigin::Import { user: word(ADMINISTRATOR.0) };
        let by = (&origin, number);
        let quiet = &mut server::import::quietly;
        runtime
            .block_on(server::import::run(company, &plan, by, quiet))
            .expect("what was rehearsed can be imported");
    }

    /// Everything as CSV files.
    pub(crate) fn export(&self) -> Vec<(String, Vec<u8>)> {
        let company = self.server().1.app().company();
        let (batch, _skipped) = server::export::collect(&company.snapshot(), company.now());
        server::exchange::write::to_files(&batch).expect("files in memory")
    }

    /// A one-time code for a device.
    pub(crate) fn invitation(&self) -> Invitation {
        let (runtime, running) = self.server();
        let (app, company) = (running.app(), running.app().company());
        let site = word("MAIN");
        let id = company.snapshot().row::<ledger::schema::place::SitesByCode>(&site);
        let made = server::enrolment::make(app.address(), site, company.now());
        let command = MachineCommand::AllowEnrolment {
            code_hash: serde_bytes::ByteBuf::from(made.hash),
            site: id.expect("the site was imported").0,
            expires: made.invitation.expires,
            compare: false,
        };
        let origin = CommandOrigin::Desk { user: word(ADMINISTRATOR.0), idempotency: None };
        let allowed = runtime.block_on(app.raw_command(origin, command.encode(), None));
        assert!(allowed.is_ok(), "the code is allowed");
        made.invitation
    }

    /// What the book has in the bins that people work in.
    pub(crate) fn stock(&self) -> Stock {
        let snapshot = self.server().1.app().company().snapshot();
        let mut stock = Stock::new();
        for (key, row) in snapshot.list::<Stocks>(&KeyRange::all()) {
            let bin = lookup::bin_text(&snapshot, key.location, key.bin);
            if BINS.contains(&bin.as_str()) {
                let item = lookup::item_text(&snapshot, key.item);
                *stock.entry((bin, item)).or_default() += row.quantity.units();
            }
        }
        stock.retain(|_key, units| *units != 0);
        stock
    }

    /// How often each operation was taken in and has an outcome.
    pub(crate) fn taken(&self) -> BTreeMap<OperationId, u64> {
        let snapshot = self.server().1.app().company().snapshot();
        let mut taken = BTreeMap::new();
        for (no, intake) in snapshot.list::<Intakes>(&KeyRange::all()) {
            let name = intake.identity(no);
            if snapshot.has::<Outcomes>(&name) {
                *taken.entry(name).or_default() += 1;
            }
        }
        taken
    }

    /// Every one of `names` was taken in and decided once.
    pub(crate) fn assert_taken_once<'a>(&self, names: impl IntoIterator<Item = &'a OperationId>) {
        let taken = self.taken();
        for name in names {
            let n = taken.get(name).copied().unwrap_or_default();
            assert_eq!(n, 1, "operation {name} was taken in {n} times");
        }
    }
}

/// A device at work.
pub(crate) struct Hand {
    pub(crate) device: Device,
    running: JoinHandle<()>,
}

impl Hand {
    /// Opens the device in `folder` and lets it talk. A device that was dropped lets go of its
    /// folder a moment later.
    pub(crate) fn open(folder: &Path, runtime: &Runtime) -> Self {
        let device = until("the device opens", || Device::open(folder, Settings::default()).ok());
        let running = runtime.spawn({
            let device = device.clone();
            async move { device.run().await }
        });
        Self { device, running }
    }

    /// A new device of the company that has all rows.
    pub(crate) fn enrolled(house: &House, runtime: &Runtime) -> Self {
        let hand = Self::open(&house.device_folder(), runtime);
        let invitation = house.invitation();
        let enrolled = hand.device.enrol(invitation, Duration::from_secs(60));
        runtime.block_on(enrolled).expect("the code is good");
        until("the rows arrive", || hand.device.status().is_ready.then_some(()));
        until("the people arrive", || {
            let people = hand.device.read(|core| core.replica().operators());
            (!people.expect("the rows can be read").is_empty()).then_some(())
        });
        hand
    }

    /// Ends it without a farewell, and waits until it has let go of everything.
    pub(crate) fn drop_device(self, runtime: &Runtime) {
        self.running.abort();
        // It ends by being aborted; there is nothing else to hear from it.
        let _ended = runtime.block_on(self.running);
    }

    /// Signs the operator in.
    pub(crate) fn sign_in(&self) {
        let (id, badge, pin) = OPERATOR;
        let badge = SignInWith::Badge(badge.to_owned());
        assert!(self.device.sign_in(&badge, "0000").is_err(), "a wrong PIN does not do");
        let person = self.device.sign_in(&badge, pin).expect("badge and PIN are right");
        assert_eq!(person.operator.as_str(), id);
    }

    /// Records, and gives the name.
    pub(crate) fn record(&self, work: &Work) -> OperationId {
        self.device.record(work).expect("it is recorded")
    }

    /// Waits until the server has answered everything.
    pub(crate) fn drained(&self) {
        self.device.try_now();
        until("every operation has its outcome", || (self.device.pending() == 0).then_some(()));
    }

    /// What the device shows of the server's book.
    pub(crate) fn replica(&self) -> Stock {
        let location = word("MAIN");
        self.device.read(|core| {
            let mut stock = Stock::new();
            for bin in BINS {
                let rows = core.replica().stock_in_bin(&location, Some(&word(bin)), 1_000);
                for row in rows.expect("the rows can be read") {
                    let key = (bin.to_owned(), row.item.to_string());
                    let units = row.quantity.map_or(0, protocol::quantity::Quantity::units);
                    *stock.entry(key).or_default() += units;
                }
            }
            stock.retain(|_key, units| *units != 0);
            stock
        })
    }
}

fn place(bin: &str) -> Place {
    Place { location: word("MAIN"), bin: Some(word(bin)), plate: None }
}

fn goods(item: &str, pieces: i32) -> Goods {
    Goods {
        item: word(item),
        variant: None,
        unit: word("PCS"),
        factor: UnitFactor::ONE,
        quantity: Quantity::whole(pieces),
        base: Quantity::whole(pieces),
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

/// Pieces of NUT come in on order PO1.
pub(crate) fn receive(pieces: i32) -> Work {
    tests::receipt::nuts(pieces, "MAIN", 10_000)
}

/// Pieces of NUT are carried.
pub(crate) fn carry(from: &str, to: &str, pieces: i32) -> Work {
    let body = Move { from: place(from), to: place(to), goods: goods("NUT", pieces) };
    Work { body: Body::Move(body), document: None }
}

/// So many pieces lie there.
pub(crate) fn count(bin: &str, item: &str, pieces: i32) -> Work {
    let (place, goods) = (place(bin), goods(item, pieces));
    let body = Count { place, goods, started_us: None, task: None };
    Work { body: Body::Count(body), document: None }
}

fn lines<T>(rows: impl IntoIterator<Item = T>) -> Vec<At<T>> {
    rows.into_iter().zip(2..).map(|(row, line)| At { line, row }).collect()
}

/// The company: one hall, two items, one person, one order.
pub(crate) fn batch() -> Batch {
    Batch {
        items: lines(["NUT", "BOLT"].map(item)),
        identifiers: lines([IdentifierLine {
            code: word(NUT),
            item: word("NUT"),
            variant: None,
            unit: None,
        }]),
        sites: lines([SiteLine { site: word("MAIN"), never_quantities: false, separator: None }]),
        locations: lines([location()]),
        bins: lines(BINS.map(bin)),
        operators: lines([operator()]),
        opening_stock: lines([("A", "NUT", 100), ("B", "BOLT", 60)].map(opening)),
        purchase_orders: lines([purchase()]),
        ..Batch::default()
    }
}

fn item(item: &str) -> ItemLine {
    ItemLine {
        item: word(item),
        description: format!("The {}", item.to_lowercase()),
        item_type: ledger::schema::item::ItemType::Inventory,
        base_unit: word("PCS"),
        precision: Some(Quantity::ONE),
        costing_method: ledger::schema::item::CostingMethod::Fifo,
        tracking_code: None,
        variant_required: false,
        blocked: false,
        negative_inventory: ledger::schema::item::NegativeInventory::Default,
        count_tolerance: Some(Quantity::whole(2)),
        second_count_from: Some(Quantity::whole(50)),
        supervisor_from: Some(Quantity::whole(100)),
        shelf_life_days: None,
        over_receipt_percent: Some(Quantity::whole(5)),
        category: String::new(),
    }
}

fn location() -> LocationLine {
    LocationLine {
        location: word("MAIN"),
        name: "The hall".to_owned(),
        site: word("MAIN"),
        time_zone: word("Europe/Copenhagen"),
        bin_mandatory: true,
        directed: false,
        in_transit: false,
        receipt_bin: Some(word("DOCK")),
        shipment_bin: Some(word("SHIP")),
    }
}

fn bin(bin: &str) -> BinLine {
    let kind = match bin {
        "DOCK" => BinKind::Receipt,
        "SHIP" => BinKind::Shipment,
        _ => BinKind::Storage,
    };
    let (location, bin) = (word("MAIN"), word(bin));
    BinLine { location, bin, zone: None, kind, ranking: None, blocked: false }
}

fn operator() -> OperatorLine {
    let (id, badge, pin) = OPERATOR;
    OperatorLine {
        operator: word(id),
        name: "Operator".to_owned(),
        language: Some("en".to_owned()),
        roles: Roles(vec![(Role::Operator, Some(word("MAIN")))]),
        disabled: false,
        badge: Some(badge.to_owned()),
        pin: Some(pin.to_owned()),
        password: None,
        badge_hash: None,
        pin_verifier: None,
        password_verifier: None,
    }
}

fn opening((bin, item, pieces): (&str, &str, i32)) -> StockLine {
    StockLine {
        location: word("MAIN"),
        bin: Some(word(bin)),
        plate: None,
        item: word(item),
        variant: None,
        unit: None,
        quantity: Quantity::whole(pieces),
        lot: None,
        serial: None,
        package: None,
        expiry: None,
    }
}

fn purchase() -> PurchaseLine {
    PurchaseLine {
        document: word("PO1"),
        partner: None,
        partner_name: "Steel Works".to_owned(),
        location: word("MAIN"),
        status: DocumentStatus::Released,
        document_date: None,
        due: None,
        line: 10_000,
        item: word("NUT"),
        variant: None,
        unit: None,
        quantity: Quantity::whole(1_000_000),
        lot: None,
        serial: None,
    }
}
