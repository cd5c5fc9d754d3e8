//! Random days of work, arriving in random orders: what lies where must be the same, and the books
//! must be sound after every judgement.

use protocol::operation::{Direction, DocumentKind, DocumentRef};

use crate::world::{
    Done, World, adjust, count, goods, lot, move_plate, moved, order, pick, receive, serial, ship,
    transfer_receive, transfer_ship,
};

/// A small generator: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = usize::try_from(self.0 >> 33).unwrap();
        high % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for n in (1..list.len()).rev() {
            list.swap(n, self.below(n + 1));
        }
    }
}

fn prepare(kinds: &[&str]) -> World {
    let mut world = World::new();
    if kinds.contains(&"known plate") {
        world.opening("C+P1", goods("BOLT", "1"));
    }
    world.opening("A", goods("BOLT", "20"));
    world.opening("B", lot("L1", "20"));
    world.opening("C", serial("S1"));
    for (kind, no) in [
        (DocumentKind::PurchaseOrder, "PO"),
        (DocumentKind::SalesOrder, "SO"),
        (DocumentKind::TransferOrder, "TO"),
    ] {
        world.document(kind, no, &[("BOLT", "1000"), ("CREAM", "1000"), ("DRILL", "1000")]);
    }
    world
}

/// What is done at one minute by one device.
type Act = (u32, i64, Option<DocumentRef>, protocol::operation::Body);

fn act(random: &mut Random, minute: i64, kinds: &[&str]) -> Act {
    let device = u32::try_from(random.below(4) + 1).unwrap();
    let bins = ["A", "B", "C"];
    let quantity = (random.below(5) + 1).to_string();
    let thing = match random.below(4) {
        0 => lot(random.one(&["L1", "L2"]), &quantity),
        1 if kinds.contains(&"serial") => serial(random.one(&["S1", "S2"])),
        _ => goods("BOLT", &quantity),
    };
    let (from, to) = (random.one(&bins), random.one(&bins));
    let (po, so, to_order) = (
        Some(order(DocumentKind::PurchaseOrder, "PO")),
        Some(order(DocumentKind::SalesOrder, "SO")),
        Some(order(DocumentKind::TransferOrder, "TO")),
    );
    let (document, body) = match random.one(kinds) {
        "receive" => (po, receive(to, thing)),
        "plate" => match random.below(3) {
            0 => (po, receive(&format!("{to}+P1"), thing)),
            1 => (None, moved(&format!("{from}+P1"), to, thing)),
            _ => (None, move_plate("P1", to)),
        },
        "pick" => (so, pick(from, thing)),
        "ship" => (so, ship(from, thing)),
        "transfer" => match random.below(2) {
            0 => (to_order, transfer_ship(from, thing)),
            _ => (to_order, transfer_receive("LEEDS/L", thing)),
        },
        "count" => (None, count(from, thing)),
        "adjust" => (None, adjust(from, Direction::Increase, thing)),
        _ => (None, moved(from, to, thing)),
    };
    (device, minute, document, body)
}

fn day(seed: u64, n: i64, kinds: &[&str]) -> Vec<Act> {
    let mut random = Random(seed);
    (0..n).map(|minute| act(&mut random, minute * 7 + 60, kinds)).collect()
}

fn done(world: &mut World, acts: &[Act]) -> Vec<Done> {
    acts.iter()
        .map(|(device, minute, document, body)| {
            world.done(*device, *minute, document.as_ref(), body.clone())
        })
        .collect()
}

/// Interleaves what the devices send: each sends in its own order.
fn arrivals(random: &mut Random, list: &[Done]) -> Vec<Done> {
    let mut devices: Vec<u32> = list.iter().map(|done| done.operation.device.0).collect();
    random.shuffle(&mut devices);
    let mut next = std::collections::BTreeMap::new();
    devices
        .into_iter()
        .map(|device| {
            let n = next.entry(device).or_insert(0_usize);
            let mine = list.iter().filter(|done| done.operation.device.0 == device).nth(*n);
            *n += 1;
            mine.unwrap().clone()
        })
        .collect()
}

fn check(seeds: std::ops::Range<u64>, kinds: &[&str]) {
    for seed in seeds {
        let acts = day(seed, 12, kinds);
        let mut in_order = prepare(kinds);
        for done in done(&mut in_order, &acts) {
            in_order.send(&done);
        }
        let mut random = Random(seed ^ 0xABCD);
        for _round in 0..3 {
            let mut world = prepare(kinds);
            let list = done(&mut world, &acts);
            let arrivals = arrivals(&mut random, &list);
            for done in &arrivals {
                world.send(done);
            }
            let told: Vec<_> = arrivals
                .iter()
                .map(|done| (done.operation.to_string(), done.minute, &done.body))
                .collect();
            assert_eq!(world.stocks(), in_order.stocks(), "seed {seed}: {told:#?}");
        }
    }
}

#[test]
fn moves_receipts_picks_and_counts_in_any_order_leave_the_same_stock() {
    check(1..12, &["receive", "move", "pick", "ship", "count", "adjust"]);
}

#[test]
fn plates_in_any_order_leave_the_same_stock() {
    check(1..12, &["plate", "plate", "move"]);
}

#[test]
fn serials_on_plates_in_any_order_leave_the_same_stock() {
    check(1..12, &["known plate", "plate", "plate", "move", "serial"]);
}

#[test]
fn serials_in_any_order_leave_the_same_stock() {
    check(1..12, &["serial", "receive", "move", "pick", "ship", "count"]);
}

#[test]
fn transfers_in_any_order_leave_the_same_stock() {
    check(1..12, &["transfer", "transfer", "move"]);
}

#[test]
fn serials_on_transfers_in_any_order_leave_the_same_stock() {
    check(1..12, &["serial", "transfer", "receive", "move"]);
}

#[test]
fn undone_work_leaves_sound_books() {
    let kinds =
        ["serial", "plate", "receive", "move", "pick", "ship", "transfer", "count", "adjust"];
    let kinds = &kinds[..];
    for seed in 1..20 {
        let mut random = Random(seed);
        let acts = day(seed ^ 0x5A5A, 14, kinds);
        let mut world = prepare(kinds);
        let list = done(&mut world, &acts);
        for done in arrivals(&mut random, &list) {
            world.send(&done);
            if random.below(3) == 0 {
                let device = done.operation.device.0;
                let body = crate::world::undo(done.operation);
                world.scan(device, done.minute + 1, None, body);
            }
        }
    }
}
