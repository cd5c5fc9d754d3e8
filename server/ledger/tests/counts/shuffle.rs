//! Any order of arrival gives the same book and the same difference per count, and both are what a
//! plain fold in order of the acts gives (SYNC 4.1, the promise; CONFLICTS 4.10).

use std::collections::BTreeMap;

use protocol::identity::OperationId;
use protocol::operation::Body;
use protocol::quantity::Quantity;

use crate::world::{
    Op, World, at, count, count_bin, goods, moved, on_plate, pick, place, q, receive, serial,
};

/// A small generator of numbers; the same seed gives the same numbers for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn one_of<T: Copy>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.roll(u64::try_from(from.len()).unwrap())).unwrap();
        from[index]
    }

    fn quantity(&mut self) -> String {
        (self.roll(9) + 1).to_string()
    }
}

const BINS: [&str; 3] = ["A-1", "A-2", "A-3"];
const ITEMS: [&str; 3] = ["X", "Y", "Z"];
const DEVICES: u32 = 4;

fn any_body(dice: &mut Dice) -> Body {
    let (bin, item) = (dice.one_of(&BINS), dice.one_of(&ITEMS));
    let quantity = dice.quantity();
    match dice.roll(10) {
        0..=2 => pick(bin, item, &quantity),
        3..=4 => receive(bin, goods(item, &quantity)),
        5..=6 => {
            let to = BINS.iter().find(|other| **other != bin).unwrap();
            moved(bin, to, goods(item, &quantity))
        }
        7..=8 => count(bin, item, &quantity),
        _ => {
            let listed = ITEMS.iter().filter(|_item| dice.roll(2) == 0);
            let lines: Vec<_> = listed.copied().collect();
            count_bin(bin, lines.into_iter().map(|item| goods(item, &dice.quantity())).collect())
        }
    }
}

/// Operations of all devices, in order of the acts.
fn recorded(world: &mut World, dice: &mut Dice, bodies: Vec<Body>) -> Vec<(Op, Body)> {
    let start = at("09:00");
    let mut clock = 0_i64;
    bodies
        .into_iter()
        .map(|body| {
            clock += i64::try_from(dice.roll(5) + 1).unwrap() * 60_000_000;
            let device = u32::try_from(dice.roll(u64::from(DEVICES)) + 1).unwrap();
            let op = world.record_about(device, (start.plus_us(clock), 0, false), &body);
            (op, body)
        })
        .collect()
}

/// Some order of arrival: each device sends in its own order.
fn arrival(dice: &mut Dice, ops: &[(Op, Body)]) -> Vec<usize> {
    let mut waiting: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (index, (op, _body)) in ops.iter().enumerate().rev() {
        waiting.entry(op.id.device.0).or_default().push(index);
    }
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let devices: Vec<u32> = waiting.keys().copied().collect();
        let device = dice.one_of(&devices);
        // A device that has contact sends some of what it has.
        for _sent in 0..=dice.roll(4) {
            let Some(of_device) = waiting.get_mut(&device) else { break };
            order.extend(of_device.pop());
            if of_device.is_empty() {
                waiting.remove(&device);
            }
        }
    }
    order
}

type Differences = BTreeMap<(OperationId, String), Quantity>;

/// The differences of all counts that are not nothing.
fn differences(world: &World, ops: &[(Op, Body)]) -> Differences {
    let mut found = BTreeMap::new();
    for (op, _body) in ops {
        for (key, row) in world.counts(op.id) {
            if !row.difference.is_zero() {
                found.insert((op.id, world.name(&key)), row.difference);
            }
        }
    }
    found
}

/// The same by a plain fold in order of the acts: bin and item to quantity, and the differences.
fn fold(
    opening: &[(&str, &str, &str)],
    ops: &[(Op, Body)],
) -> (BTreeMap<String, Quantity>, Differences) {
    let name = |bin: &str, item: &str| format!("{bin} {item} None None");
    let mut book: BTreeMap<(String, String), Quantity> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (bin, item, quantity) in opening {
        book.insert(((*bin).to_owned(), (*item).to_owned()), q(quantity));
    }
    for (op, body) in ops {
        let mut add = |bin: &str, item: &str, delta: Quantity| {
            let sum = book.entry((bin.to_owned(), item.to_owned())).or_default();
            *sum = sum.checked_add(delta).unwrap();
        };
        let bin_of = |place: &protocol::operation::Place| place.bin.clone().unwrap().to_string();
        match body {
            Body::Pick(pick) => {
                let item = pick.goods.item.as_str();
                add(&bin_of(&pick.from), item, pick.goods.base.negated());
                add("CART", item, pick.goods.base);
            }
            Body::Receive(receive) => {
                add(&bin_of(&receive.to), receive.goods.item.as_str(), receive.goods.base);
            }
            Body::Move(moved) => {
                let item = moved.goods.item.as_str();
                add(&bin_of(&moved.from), item, moved.goods.base.negated());
                add(&bin_of(&moved.to), item, moved.goods.base);
            }
            Body::Count(count) => {
                let key = (bin_of(&count.place), count.goods.item.to_string());
                let before = book.insert(key.clone(), count.goods.base).unwrap_or_default();
                let difference = count.goods.base.checked_sub(before).unwrap();
                found.insert((op.id, name(&key.0, &key.1)), difference);
            }
            Body::CountBin(count) => {
                let bin = count.bin.to_string();
                for item in ITEMS {
                    let line = count.lines.iter().find(|line| line.goods.item.as_str() == item);
                    let seen = line.map_or(Quantity::ZERO, |line| line.goods.base);
                    let key = (bin.clone(), item.to_owned());
                    let before = book.insert(key.clone(), seen).unwrap_or_default();
                    let difference = seen.checked_sub(before).unwrap();
                    found.insert((op.id, name(&key.0, &key.1)), difference);
                }
            }
            other => panic!("no {} is rolled", other.kind()),
        }
    }
    let book = book
        .into_iter()
        .filter(|(_key, quantity)| !quantity.is_zero())
        .map(|((bin, item), quantity)| (name(&bin, &item), quantity))
        .collect();
    found.retain(|_key, difference| !difference.is_zero());
    (book, found)
}

#[test]
fn any_order_of_arrival_gives_the_same_book_and_the_same_differences() {
    let opening = [("A-1", "X", "20"), ("A-1", "Y", "10"), ("A-2", "X", "15"), ("A-3", "Z", "7")];
    for seed in 0..24 {
        let mut dice = Dice(seed);
        let bodies: Vec<_> = (0..22).map(|_op| any_body(&mut dice)).collect();
        let mut ops = None;
        for round in 0..4 {
            let mut world = World::new();
            for (bin, item, quantity) in opening {
                world.opening(bin, item, quantity);
            }
            let mut clock = Dice(seed);
            let ops = &*ops.get_or_insert_with(|| recorded(&mut world, &mut clock, bodies.clone()));
            let order: Vec<_> =
                if round == 0 { (0..ops.len()).collect() } else { arrival(&mut dice, ops) };
            for index in &order {
                world.arrive(&ops[*index].0);
                if dice.roll(8) == 0 {
                    world.settle("23:00");
                }
            }
            let (book, found) = fold(&opening, ops);
            assert_eq!(world.book(), book, "seed {seed}, arrival {order:?}");
            assert_eq!(differences(&world, ops), found, "seed {seed}, arrival {order:?}");
            world.settle("23:30");
            assert_eq!(world.book(), book, "settling changes no quantity");
        }
    }
}

const SERIALS: [&str; 3] = ["S1", "S2", "S3"];

fn any_act_on_serials(dice: &mut Dice) -> Body {
    let bin = dice.one_of(&BINS);
    let goods = serial("S", dice.one_of(&SERIALS));
    match dice.roll(8) {
        0..=3 => {
            let to = dice.one_of(&BINS);
            let from = BINS.iter().find(|other| **other != to).unwrap();
            moved(from, to, goods)
        }
        4..=5 => Body::Count(protocol::operation::Count {
            place: place(bin),
            goods,
            started_us: None,
            task: None,
        }),
        _ => {
            let seen = SERIALS.iter().filter(|_no| dice.roll(3) == 0);
            let lines: Vec<_> = seen.map(|no| serial("S", no)).collect();
            count_bin(bin, lines)
        }
    }
}

#[test]
fn any_order_of_arrival_leaves_each_serial_in_the_same_place() {
    for seed in 100..130 {
        let mut dice = Dice(seed);
        let bodies: Vec<_> = (0..14).map(|_op| any_act_on_serials(&mut dice)).collect();
        let mut ops = None;
        let mut expected = None;
        for round in 0..4 {
            let mut world = World::new();
            for no in SERIALS {
                world.opening_of("A-1", serial("S", no));
            }
            let mut clock = Dice(seed);
            let ops = &*ops.get_or_insert_with(|| recorded(&mut world, &mut clock, bodies.clone()));
            let order: Vec<_> =
                if round == 0 { (0..ops.len()).collect() } else { arrival(&mut dice, ops) };
            for index in &order {
                world.arrive(&ops[*index].0);
            }
            let book = world.book();
            assert_eq!(book.len(), SERIALS.len(), "seed {seed}: none is lost or doubled");
            let expected = expected.get_or_insert_with(|| book.clone());
            assert_eq!(&book, expected, "seed {seed}, arrival {order:?}");
        }
    }
}

fn any_act_on_plates(dice: &mut Dice) -> Body {
    let bin = dice.one_of(&BINS);
    match dice.roll(6) {
        0..=1 => Body::MovePlate(protocol::operation::MovePlate {
            plate: dice.one_of(&["P1", "P2"]).try_into().unwrap(),
            to: place(bin),
        }),
        2 => pick(bin, dice.one_of(&ITEMS), "1"),
        3 => {
            let Body::CountBin(mut count) = count_bin(bin, vec![goods("X", "2")]) else {
                unreachable!("a count of a bin")
            };
            if dice.roll(2) == 0 {
                count.plates_seen_closed.push("P1".try_into().unwrap());
            }
            Body::CountBin(count)
        }
        4 => receive(bin, goods(dice.one_of(&ITEMS), "3")),
        _ => count(bin, dice.one_of(&ITEMS), &dice.quantity()),
    }
}

#[test]
fn any_order_of_arrival_leaves_each_plate_in_the_same_place() {
    for seed in 200..220 {
        let mut dice = Dice(seed);
        let bodies: Vec<_> = (0..12).map(|_op| any_act_on_plates(&mut dice)).collect();
        let mut ops = None;
        let mut expected = None;
        for round in 0..4 {
            let mut world = World::new();
            for (plate, item) in [("P1", "X"), ("P2", "Y")] {
                let to = on_plate("A-1", plate);
                let received = protocol::operation::Receive {
                    to,
                    goods: goods(item, "5"),
                    condition: protocol::operation::Condition::Good,
                };
                world.online(8, "08:10", &Body::Receive(received));
            }
            let loaded = protocol::operation::Receive {
                to: on_plate("A-1", "P2"),
                goods: serial("S", "S1"),
                condition: protocol::operation::Condition::Good,
            };
            world.online(8, "08:20", &Body::Receive(loaded));
            let mut clock = Dice(seed);
            let ops = &*ops.get_or_insert_with(|| recorded(&mut world, &mut clock, bodies.clone()));
            let order: Vec<_> =
                if round == 0 { (0..ops.len()).collect() } else { arrival(&mut dice, ops) };
            for index in &order {
                world.arrive(&ops[*index].0);
            }
            let book = world.book();
            let expected = expected.get_or_insert_with(|| book.clone());
            assert_eq!(&book, expected, "seed {seed}, arrival {order:?}");
        }
    }
}

/// Operations whose instants are known within bounds; some boots are not bracketed.
fn recorded_about(world: &mut World, dice: &mut Dice, bodies: Vec<Body>) -> Vec<(Op, Body)> {
    let start = at("09:00");
    let mut clock = 0_i64;
    bodies
        .into_iter()
        .map(|body| {
            clock += i64::try_from(dice.roll(6) + 1).unwrap() * 60_000_000;
            let device = u32::try_from(dice.roll(u64::from(DEVICES)) + 1).unwrap();
            let epsilon_us = dice.one_of(&[0, 400_000, 90_000_000, 300_000_000]);
            let uncertain = dice.roll(6) == 0;
            let op =
                world.record_about(device, (start.plus_us(clock), epsilon_us, uncertain), &body);
            (op, body)
        })
        .collect()
}

/// Whether an uncertain movement of another device, on the bin and item of a single count, lies
/// within the bounds of both.
fn is_unsure(count: &(Op, Body), ops: &[(Op, Body)]) -> bool {
    let Body::Count(counted) = &count.1 else { return false };
    let here = |place: &protocol::operation::Place, goods: &protocol::operation::Goods| {
        *place == counted.place && goods.item == counted.goods.item
    };
    let moves_here = |body: &Body| match body {
        Body::Pick(pick) => here(&pick.from, &pick.goods),
        Body::Receive(receive) => here(&receive.to, &receive.goods),
        Body::Move(moved) => here(&moved.from, &moved.goods) || here(&moved.to, &moved.goods),
        _ => false,
    };
    count.0.timing.uncertain
        || ops.iter().any(|(op, body)| {
            let apart = op.timing.tau.us_since(count.0.timing.tau).unsigned_abs();
            op.timing.uncertain
                && moves_here(body)
                && op.id.device != count.0.id.device
                && apart <= op.timing.epsilon_us + count.0.timing.epsilon_us
        })
}

#[test]
fn any_order_of_arrival_is_judged_the_same_and_what_is_uncertain_is_counted_again() {
    use ledger::schema::count::CountState;
    let opening = [("A-1", "X", "20"), ("A-1", "Y", "10"), ("A-2", "X", "15"), ("A-3", "Z", "7")];
    let mut unsure = 0;
    for seed in 300..312 {
        let mut dice = Dice(seed);
        let bodies: Vec<_> = (0..24).map(|_op| any_body(&mut dice)).collect();
        let mut ops = None;
        let mut expected = None;
        for round in 0..3 {
            let mut world = World::new();
            for (bin, item, quantity) in opening {
                world.opening(bin, item, quantity);
            }
            let mut clock = Dice(seed);
            let ops =
                &*ops.get_or_insert_with(|| recorded_about(&mut world, &mut clock, bodies.clone()));
            let order: Vec<_> =
                if round == 0 { (0..ops.len()).collect() } else { arrival(&mut dice, ops) };
            for index in &order {
                world.arrive(&ops[*index].0);
            }
            let (book, found) = fold(&opening, ops);
            assert_eq!(world.book(), book, "seed {seed}: τ decides, whatever is unsure");
            assert_eq!(differences(&world, ops), found, "seed {seed}, arrival {order:?}");
            world.settle("23:00");
            world.settle("23:01");
            let mut judged = BTreeMap::new();
            for (op, body) in ops {
                for (key, row) in world.counts(op.id) {
                    assert_ne!(row.state, CountState::Provisional, "seed {seed}: all are due");
                    if row.state != CountState::Settled {
                        judged.insert((op.id, world.name(&key)), row.state);
                    }
                }
                if is_unsure(&(op.clone(), body.clone()), ops) && matches!(body, Body::Count(_)) {
                    unsure += 1;
                    let state = world.counts(op.id)[0].1.state;
                    assert_eq!(state, CountState::Recount, "seed {seed}: {}", op.id);
                }
            }
            let expected = expected.get_or_insert_with(|| judged.clone());
            assert_eq!(&judged, expected, "seed {seed}, arrival {order:?}");
        }
    }
    assert!(unsure > 10, "{unsure} uncertain counts were looked at");
}
