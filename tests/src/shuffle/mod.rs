//! The same work arriving in other orders: whatever arrives when, the book must be the same.
//!
//! A hall of a few hundred stock keys, devices that move and count in it, and goods that vanish
//! without a word so that counts differ. The acts are judged by the real ledger over tables in
//! memory, once for each order of arrival; the second opinion is a fold of ten lines.
//!
//! Goods have a cost, in two layers, by four methods in turn. What a count finds and what takes it back
//! later is linked by cost: where the two cancel in quantity they cancel in value (COSTING 12.7).

pub mod left;

use std::collections::BTreeMap;

use ledger::command::costing::{PutItemCost, SetInventorySetup};
use ledger::command::master::PutItem;
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite};
use ledger::command::stock::OpeningStock;
use ledger::command::{Command, SetCompany};
use ledger::costing::work::{self, WorkOff};
use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::memory::MemoryTables;
use ledger::money::UnitAmount;
use ledger::operation::{Request, judge};
use ledger::schema::SiteId;
use ledger::schema::book::{Bound, Intake, Intakes, Origin, Outcomes, Timing};
use ledger::schema::count::Counts;
use ledger::schema::item::CostingMethod;
use ledger::schema::money::{AdjustmentWindow, InventorySetup};
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use protocol::feed::{BinKind, Role};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, IntakeNo, Lsn, OperationId, Seq, ServerEpoch, ServerTime,
    operation_hash,
};
use protocol::operation::{
    Body, Count, CountBin, CountedLine, Envelope, Goods, Move, Place, Recorded, Tracking,
};
use protocol::outcome::Decision;
use protocol::quantity::{Quantity, UnitFactor};
use rust_decimal::Decimal;

use self::left::Restatements;
use crate::prng::Prng;

/// A hall, and how much lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hall {
    /// How many bins it has.
    bins: u64,
    /// How many items.
    items: u64,
    /// Pieces of an item in every second bin at the beginning.
    pieces: i64,
    /// Items, the first ones, of which nothing is left in the end: the last counts find every bin without them.
    emptied: u64,
}

impl Hall {
    /// Some hundred stock keys, in which nothing runs out.
    pub const LARGE: Self = Self { bins: 40, items: 10, pieces: 500, emptied: 0 };
    /// A few, with so little in them that counts often take all there is.
    pub const SMALL: Self = Self { bins: 4, items: 8, pieces: 6, emptied: 4 };
}

/// How items are valued, in turn.
const METHODS: [CostingMethod; 4] =
    [CostingMethod::Fifo, CostingMethod::Average, CostingMethod::Lifo, CostingMethod::Standard];
/// Which of them is the standard one.
const STANDARD: u64 = 3;
/// How many devices.
const N_DEVICES: u32 = 8;
/// Where time begins.
const BEGIN_US: i64 = 1_790_000_000_000_000;
/// Between two acts.
const STEP_US: i64 = 20_000_000;
const SECOND_US: u64 = 1_000_000;

/// A stock key: bin and item by number.
type Key = (u64, u64);

/// One thing that was done, ready to arrive.
#[derive(Debug, Clone)]
pub struct Act {
    operation: OperationId,
    at_us: i64,
    uncertain: bool,
    body: Body,
    what: What,
}

/// The same for the second opinion.
#[derive(Debug, Clone)]
enum What {
    Moved { from: Key, to: Key, pieces: i64 },
    Counted(Key, i64),
    CountedBin(u64, Vec<(Key, i64)>),
}

/// In which order acts arrive. Each device sends its own in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// As they were done.
    AsDone,
    /// One device after the other.
    DeviceByDevice,
    /// The last device first.
    LastDeviceFirst,
    /// As chance will have it.
    Random(u64),
}

/// What a book holds in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// Pieces by bin and item; nothing that is zero.
    pub stock: BTreeMap<(String, String), i128>,
    /// The net difference of each count, by bin, item, device and number; nothing that is zero.
    pub differences: BTreeMap<(String, String, OperationId), i128>,
    /// The counts whose place in time is not promised, whatever their difference.
    pub uncertain_counts: BTreeMap<(String, String, OperationId), bool>,
    /// Outcomes that say so.
    pub uncertain_outcomes: Vec<OperationId>,
    /// Acts that wait for a person: none may.
    pub n_parked: usize,
}

fn word<T: TryFrom<String, Error: std::fmt::Debug>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("a short printable code")
}

fn bin_text(bin: u64) -> String {
    format!("B{bin:02}")
}

fn item_text(item: u64) -> String {
    format!("ITEM{item}")
}

fn place(bin: u64) -> Place {
    Place { location: word("HALL"), bin: Some(word(&bin_text(bin))), plate: None }
}

fn goods(item: u64, pieces: i64) -> Goods {
    let pieces = Quantity::whole(i32::try_from(pieces).expect("a hall holds few pieces"));
    Goods {
        item: word(&item_text(item)),
        variant: None,
        unit: word("PCS"),
        factor: UnitFactor::ONE,
        quantity: pieces,
        base: pieces,
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

/// What lies there at the beginning: half of the keys hold something.
fn opening(hall: Hall) -> BTreeMap<Key, i64> {
    let keys = (0..hall.bins).flat_map(|bin| (0..hall.items).map(move |item| (bin, item)));
    keys.filter(|(bin, item)| (bin + item) % 2 == 0).map(|key| (key, hall.pieces)).collect()
}

/// A day of `n` acts, and the counts that find items gone. One device in eight acts in a boot that nothing
/// brackets.
pub fn day(hall: Hall, seed: u64, n: usize) -> Vec<Act> {
    let mut prng = Prng::new(seed);
    let mut floor = opening(hall);
    let mut seqs = BTreeMap::new();
    let mut acts = Vec::with_capacity(n);
    let mut at_us = BEGIN_US;
    let mut last_counts = if hall.emptied == 0 { 0..0 } else { 0..hall.bins };
    loop {
        at_us += STEP_US;
        let done = if acts.len() < n {
            next(hall, &mut floor, &mut prng)
        } else if let Some(bin) = last_counts.next() {
            floor.retain(|(_bin, item), _pieces| *item >= hall.emptied);
            Some(count_bin(hall, &floor, bin))
        } else {
            break;
        };
        let Some((body, what)) = done else { continue };
        let device = 1 + u32::try_from(prng.below(u64::from(N_DEVICES))).expect("few devices");
        let seq: &mut u64 = seqs.entry(device).or_default();
        *seq += 1;
        let (device, incarnation) = (DeviceId(device), Incarnation(1));
        let operation = OperationId { device, incarnation, seq: Seq(*seq) };
        let uncertain = device.0 == N_DEVICES;
        acts.push(Act { operation, at_us, uncertain, body, what });
    }
    acts
}

fn next(hall: Hall, floor: &mut BTreeMap<Key, i64>, prng: &mut Prng) -> Option<(Body, What)> {
    let bin = prng.below(hall.bins);
    let key = (bin, prng.below(hall.items));
    let there = floor.get(&key).copied().unwrap_or_default();
    match prng.below(100) {
        0..70 => {
            let to = (prng.below(hall.bins), key.1);
            if there == 0 || to == key {
                return None;
            }
            let pieces = prng.between(1, there.min(9));
            *floor.entry(key).or_default() -= pieces;
            *floor.entry(to).or_default() += pieces;
            let goods = goods(key.1, pieces);
            let body = Body::Move(Move { from: place(bin), to: place(to.0), goods });
            Some((body, What::Moved { from: key, to, pieces }))
        }
        70..80 => {
            // Nobody says a word about it.
            floor.insert(key, there - prng.between(0, there.min(3)));
            None
        }
        80..95 => {
            let (place, goods) = (place(bin), goods(key.1, there));
            let body = Body::Count(Count { place, goods, started_us: None, task: None });
            Some((body, What::Counted(key, there)))
        }
        _ => Some(count_bin(hall, floor, bin)),
    }
}

/// A count of everything that lies in a bin.
fn count_bin(hall: Hall, floor: &BTreeMap<Key, i64>, bin: u64) -> (Body, What) {
    let lies = floor.range((bin, 0)..(bin, hall.items)).filter(|(_key, pieces)| **pieces > 0);
    let lies: Vec<(Key, i64)> = lies.map(|(key, pieces)| (*key, *pieces)).collect();
    let lines = lies.iter().map(|((_bin, item), pieces)| CountedLine {
        goods: goods(*item, *pieces),
        plate: None,
        mono_us: 0,
    });
    let body = Body::CountBin(CountBin {
        location: word("HALL"),
        bin: word(&bin_text(bin)),
        lines: lines.collect(),
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    });
    (body, What::CountedBin(bin, lies))
}

/// The acts in an order of arrival.
pub fn arriving(acts: &[Act], arrival: Arrival) -> Vec<Act> {
    let mut devices: Vec<u32> = acts.iter().map(|act| act.operation.device.0).collect();
    match arrival {
        Arrival::AsDone => {}
        Arrival::DeviceByDevice => devices.sort_unstable(),
        Arrival::LastDeviceFirst => {
            devices.sort_unstable();
            devices.reverse();
        }
        Arrival::Random(seed) => Prng::new(seed).shuffle(&mut devices),
    }
    let mut of_device: BTreeMap<u32, std::collections::VecDeque<&Act>> = BTreeMap::new();
    for act in acts {
        of_device.entry(act.operation.device.0).or_default().push_back(act);
    }
    let mut next = |device: &u32| of_device.get_mut(device)?.pop_front().cloned();
    devices.iter().filter_map(&mut next).collect()
}

/// The second opinion: by time, movements add and counts say what is.
pub fn fold(hall: Hall, acts: &[Act]) -> Book {
    let mut stock = opening(hall);
    let mut differences = BTreeMap::new();
    let mut count = |stock: &mut BTreeMap<Key, i64>, key: Key, pieces: i64, act: &Act| {
        let book = stock.insert(key, pieces).unwrap_or_default();
        let name = (bin_text(key.0), item_text(key.1), act.operation);
        differences.insert(name, i128::from(pieces - book));
    };
    let mut in_time: Vec<&Act> = acts.iter().collect();
    in_time.sort_by_key(|act| (act.at_us, act.operation));
    for act in in_time {
        match &act.what {
            What::Moved { from, to, pieces } => {
                *stock.entry(*from).or_default() -= pieces;
                *stock.entry(*to).or_default() += pieces;
            }
            What::Counted(key, pieces) => count(&mut stock, *key, *pieces, act),
            What::CountedBin(bin, lies) => {
                for item in 0..hall.items {
                    let key = (*bin, item);
                    let seen = lies.iter().find(|(at, _pieces)| *at == key);
                    count(&mut stock, key, seen.map_or(0, |(_at, pieces)| *pieces), act);
                }
            }
        }
    }
    differences.retain(|_name, difference| *difference != 0);
    let stock = stock
        .into_iter()
        .filter(|(_key, pieces)| *pieces != 0)
        .map(|(key, pieces)| ((bin_text(key.0), item_text(key.1)), i128::from(pieces)));
    Book {
        stock: stock.collect(),
        differences,
        uncertain_counts: BTreeMap::new(),
        uncertain_outcomes: uncertain(acts),
        n_parked: 0,
    }
}

/// The acts of boots that nothing brackets.
pub fn uncertain(acts: &[Act]) -> Vec<OperationId> {
    let mut names: Vec<_> =
        acts.iter().filter(|act| act.uncertain).map(|act| act.operation).collect();
    names.sort_unstable();
    names
}

/// The ledger's book.
#[derive(Debug)]
pub struct Ledger {
    tables: MemoryTables,
    n: u64,
    now_us: i64,
}

impl Ledger {
    /// The hall with what lies there at the beginning.
    pub fn open(hall: Hall) -> Self {
        let mut ledger =
            Self { tables: MemoryTables::new(), n: 0, now_us: BEGIN_US - 1_000_000_000_000 };
        for command in masters(hall) {
            ledger.command(&command);
        }
        let set_up = InventorySetup {
            automatic_adjustment: AdjustmentWindow::Always,
            ..InventorySetup::default()
        };
        ledger.command(&Command::SetInventorySetup(SetInventorySetup {
            setup: set_up,
            unchecked: true,
        }));
        for layer in 0..2 {
            for item in 0..hall.items {
                ledger.command(&item_cost(item, layer));
            }
            for ((bin, item), pieces) in opening(hall) {
                let (place, goods) = (place(bin), goods(item, pieces / 2));
                ledger.command(&Command::OpeningStock(OpeningStock { place, goods }));
            }
        }
        ledger.now_us = BEGIN_US;
        ledger
    }

    fn command(&mut self, command: &Command) {
        self.now_us += 1_000_000;
        let raw = command.encode();
        let no = self.arrive(Origin::System, Timing::exact(ServerTime(self.now_us)), raw);
        let name = OperationId { seq: Seq(no.0), ..OperationId::default() };
        let row = self.tables.row::<Outcomes>(&name).expect("a command has an outcome");
        assert_eq!(
            row.outcome.decision,
            Decision::Accepted,
            "{command:?} {:?}",
            row.outcome.reasons
        );
    }

    fn arrive(&mut self, origin: Origin, timing: Timing, raw: Vec<u8>) -> IntakeNo {
        self.n += 1;
        let no = IntakeNo(self.n);
        let received = ServerTime(self.now_us);
        let local_date = timing.tau.utc().map(|at| at.date_naive());
        let hash = Intake::link(Hash16::default(), no, received, &raw);
        let intake = Intake {
            site: SiteId(u32::from(matches!(origin, Origin::Device { .. }))),
            origin,
            received,
            timing,
            local_date,
            evidence: Vec::new().into(),
            raw: raw.into(),
            previous: Hash16::default(),
            hash,
        };
        let request = Request { intake_no: no, intake: &intake, lsn: Lsn(self.n), time: received };
        let mut draft = Draft::over(&self.tables);
        draft.put::<Intakes>(&no, intake.clone());
        judge(&mut draft, &request).expect("it can be judged");
        let changes = draft.finish();
        self.tables.apply(changes);
        no
    }

    /// An act arrives and is judged.
    pub fn take(&mut self, act: &Act) {
        self.now_us = self.now_us.max(act.at_us) + 1_000;
        let envelope = Envelope {
            boot: Boot(1),
            mono_us: 0,
            cursor: Lsn(0),
            epoch: ServerEpoch(1),
            operator: Some(word("OP")),
            document: None,
        };
        let raw = Recorded::new(envelope, &act.body).to_content();
        let hash = operation_hash(Hash16::default(), act.operation.seq, &raw);
        let origin = Origin::Device { sent_as: act.operation, hash, first: None };
        let timing = Timing {
            tau: ServerTime(act.at_us),
            epsilon_us: if act.uncertain { 3_600 * SECOND_US } else { SECOND_US / 10 },
            uncertain: act.uncertain,
            lower: if act.uncertain { Bound::None } else { Bound::Sample },
            upper: if act.uncertain { Bound::Receipt } else { Bound::Sample },
        };
        self.arrive(origin, timing, raw);
    }

    /// What it holds.
    pub fn book(&self) -> Book {
        let tables = &self.tables;
        let mut stock = BTreeMap::new();
        for (key, row) in tables.list::<Stocks>(&KeyRange::all()) {
            let bin = lookup::bin_text(tables, key.location, key.bin);
            if bin.starts_with('B') {
                let item = lookup::item_text(tables, key.item);
                *stock.entry((bin, item)).or_default() += row.quantity.units() / 100_000;
            }
        }
        stock.retain(|_key, pieces| *pieces != 0);
        let (mut differences, mut uncertain_counts) = (BTreeMap::new(), BTreeMap::new());
        for ((key, _order), row) in tables.list::<Counts>(&KeyRange::all()) {
            let bin = lookup::bin_text(tables, key.location, key.bin);
            let name = (bin, lookup::item_text(tables, key.item), row.operation);
            if !row.implicit {
                uncertain_counts.insert(name.clone(), row.uncertain);
            }
            *differences.entry(name).or_default() += row.difference.units() / 100_000;
        }
        differences.retain(|_name, difference: &mut i128| *difference != 0);
        let outcomes = tables.list::<Outcomes>(&KeyRange::all());
        let of_device = outcomes.iter().filter(|(name, _row)| name.device.0 != 0);
        let uncertain = of_device.clone().filter(|(_name, row)| row.outcome.uncertain);
        let parked = of_device.filter(|(_name, row)| row.outcome.decision == Decision::Parked);
        let n_parked = parked.count();
        let uncertain_outcomes = uncertain.map(|(name, _row)| *name).collect();
        Book { stock, differences, uncertain_counts, uncertain_outcomes, n_parked }
    }

    /// Works off what is queued for adjustment.
    pub fn settle(&mut self) {
        while work::is_waiting(&self.tables) {
            self.command(&Command::WorkOff(WorkOff::default()));
        }
    }

    /// What the ledger's own invariants say.
    pub fn violations(&self) -> Vec<String> {
        ledger::audit::audit(&self.tables).iter().map(ToString::to_string).collect()
    }
}

/// Judges `acts` in an order of arrival.
pub fn judged(hall: Hall, acts: &[Act], arrival: Arrival) -> Ledger {
    let mut ledger = Ledger::open(hall);
    for act in arriving(acts, arrival) {
        ledger.take(&act);
    }
    ledger.settle();
    ledger
}

/// Says what differs from the second opinion, or between two orders of arrival; empty when nothing
/// does. With it, what was restated in all of them.
pub fn shuffle(
    hall: Hall,
    (seed, n): (u64, usize),
    arrivals: &[Arrival],
) -> (Vec<String>, Restatements) {
    let acts = day(hall, seed, n);
    let expected = fold(hall, &acts);
    let mut found = Vec::new();
    let mut first: Option<Book> = None;
    let mut restated = Restatements::default();
    for arrival in arrivals {
        let mut ledger = judged(hall, &acts, *arrival);
        let book = ledger.book();
        let seen = ledger.restatements();
        restated.n_cancelled += seen.n_cancelled;
        restated.moved += seen.moved;
        restated.left.extend(seen.left.iter().map(|left| format!("{arrival:?}: {left}")));
        let violations = ledger.violations();
        let (left_behind, emptied) = ledger.left_behind();
        restated.emptied.n_pools += emptied.n_pools;
        restated.emptied.n_pairs += emptied.n_pairs;
        found.extend(left_behind.iter().map(|left| format!("{arrival:?}: {left}")));
        let mut claim = |claim: &str, holds: bool| {
            if !holds {
                found.push(format!("{arrival:?}: {claim}"));
            }
        };
        claim("the stock is that of the fold", book.stock == expected.stock);
        claim("the differences are those of the fold", book.differences == expected.differences);
        claim("nothing is parked", book.n_parked == 0);
        claim("what cancels in quantity cancels in value", seen.left.is_empty());
        claim("the invariants hold", violations.is_empty());
        // The uncertain class: never moved to a place in time that nobody can promise in silence.
        let marked = book.uncertain_outcomes == expected.uncertain_outcomes;
        claim("outcomes say which acts are uncertain, and no other", marked);
        let of_device = |name: &OperationId| name.device.0 == N_DEVICES;
        let counts = book.uncertain_counts.iter();
        let right = counts.clone().all(|((_, _, name), told)| *told == of_device(name));
        claim("counts say that they are uncertain", right && counts.len() > 0);
        if let Some(first) = &first {
            claim("the book is that of the first order", *first == book);
        } else {
            first = Some(book);
        }
    }
    (found, restated)
}

/// What a piece of an item costs, in each of the two layers that lie there at the beginning.
fn item_cost(item: u64, layer: i64) -> Command {
    let cents = 333 + 71 * i64::try_from(item).expect("few items") + 48 * layer;
    let cost = UnitAmount::new(Decimal::new(cents, 2)).expect("a small amount");
    let standard = item % METHODS.len() as u64 == STANDARD;
    Command::PutItemCost(PutItemCost {
        item: word(&item_text(item)),
        unit_cost: (!standard).then_some(cost),
        standard_cost: standard.then_some(cost),
        last_direct_cost: None,
        indirect_cost_percent: None,
        overhead_rate: None,
        inventory_group: None,
        product_group: None,
        net_weight: None,
        unit_volume: None,
        excluded_from_adjustment: None,
    })
}

fn masters(hall: Hall) -> Vec<Command> {
    let mut commands = vec![
        Command::SetCompany(SetCompany {
            name: "Hall".to_owned(),
            negative_inventory_allowed: true,
            absent_after_hours: 12,
        }),
        Command::PutSite(PutSite { site: word("HALL"), never_quantities: false, separator: None }),
        Command::PutLocation(PutLocation {
            location: word("HALL"),
            name: "Hall".to_owned(),
            site: word("HALL"),
            time_zone: word("Europe/Copenhagen"),
            bin_mandatory: true,
            directed: false,
            in_transit: false,
            receipt_bin: None,
            shipment_bin: None,
        }),
        Command::PutOperator(PutOperator {
            operator: word("OP"),
            name: "Operator".to_owned(),
            badge_hash: None,
            pin_verifier: None,
            password_verifier: None,
            language: None,
            disabled: false,
        }),
        Command::GrantRole(GrantRole {
            operator: word("OP"),
            role: Role::Operator,
            location: None,
        }),
    ];
    commands.extend((0..hall.bins).map(|bin| {
        Command::PutBin(PutBin {
            location: word("HALL"),
            bin: word(&bin_text(bin)),
            zone: None,
            kind: BinKind::Storage,
            ranking: 0,
            blocked: false,
        })
    }));
    commands.extend((0..hall.items).map(|item| Command::PutItem(put_item(item))));
    commands
}

fn put_item(item: u64) -> PutItem {
    PutItem {
        item: word(&item_text(item)),
        description: item_text(item),
        item_type: ledger::schema::item::ItemType::Inventory,
        base_unit: word("PCS"),
        precision: Some(Quantity::ONE),
        costing_method: METHODS[usize::try_from(item).expect("few items") % METHODS.len()],
        tracking_code: None,
        variant_required: false,
        blocked: false,
        negative_inventory: ledger::schema::item::NegativeInventory::Default,
        count_tolerance: Quantity::ZERO,
        second_count_from: None,
        supervisor_from: None,
        shelf_life_days: None,
        over_receipt_percent: Quantity::ZERO,
        category: String::new(),
    }
}
