//! The rules that are compared: each turns the same traffic into a book.

use tests::reference::clock::{self, Act as Seen, Boot, Drift, Placed, Wanted};
use tests::reference::{Knowledge, Operation, Order, StockKey, What, fold};

use crate::wire::{Arrival, Traffic};
use crate::world::{Done, N_DEVICES, World};

/// The one stock key of a trial: the bin holds a single item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TheBin;

impl StockKey for TheBin {
    type Bin = ();
    fn bin(&self) {}
}

/// A count overwrites whatever the book says when it arrives.
pub(crate) fn last_writer(world: &World, traffic: &Traffic) -> i64 {
    traffic.arrivals.iter().fold(world.opening_book, |book, arrival| {
        match world.acts[arrival.act].done {
            Done::Moved(delta) => book + delta,
            Done::Counted(seen) => seen,
        }
    })
}

/// A count posts the difference to what its device showed: the replica and its own unsent work.
pub(crate) fn device_difference(world: &World, traffic: &Traffic) -> i64 {
    let mut posted: Vec<(Arrival, i64)> = Vec::new();
    for arrival in &traffic.arrivals {
        let change = match world.acts[arrival.act].done {
            Done::Moved(delta) => delta,
            Done::Counted(seen) => {
                let on_replica = |other: &Arrival| {
                    arrival.cursor_us.is_some_and(|seen| other.outcome_us() <= seen)
                };
                let shown: i64 = posted
                    .iter()
                    .filter(|(other, _)| other.device == arrival.device || on_replica(other))
                    .map(|(_, change)| change)
                    .sum();
                seen - (world.opening_book + shown)
            }
        };
        posted.push((*arrival, change));
    }
    world.opening_book + posted.iter().map(|(_, change)| change).sum::<i64>()
}

/// Counts are ignored: the control that shows what they are worth.
pub(crate) fn movements_only(world: &World) -> i64 {
    world.acts.iter().fold(world.opening_book, |book, act| match act.done {
        Done::Moved(delta) => book + delta,
        Done::Counted(_) => book,
    })
}

/// By the wall clock of the device, uncorrected.
pub(crate) fn raw_clock(world: &World, traffic: &Traffic) -> i64 {
    let places = traffic.arrivals.iter().map(|arrival| (arrival.wall_us, 0, false)).collect();
    book_by(&operations(world, traffic, places))
}

/// By the wall clock, but never before what the device had seen, never after receipt, and in the
/// order of recording within a device.
pub(crate) fn causality_and_receipt(world: &World, traffic: &Traffic) -> i64 {
    let mut last_us = [i64::MIN; N_DEVICES];
    let place = |arrival: &Arrival| {
        let earliest_us = arrival.cursor_us.map_or(i64::MIN, |seen_us| seen_us + 1);
        let within_us = arrival.wall_us.min(arrival.receipt_us).max(earliest_us);
        let last = &mut last_us[arrival.device];
        *last = within_us.max(last.saturating_add(1));
        (*last, 0, false)
    };
    let places = traffic.arrivals.iter().map(place).collect();
    book_by(&operations(world, traffic, places))
}

/// By the middle of each boot's offset interval, with all evidence.
pub(crate) fn by_boot_offset(world: &World, traffic: &Traffic, drift: Drift) -> Vec<Placed> {
    place_all(world, traffic, drift, true)
}

/// The same without a single clock sample.
pub(crate) fn by_boot_offset_unsampled(world: &World, traffic: &Traffic) -> i64 {
    let placed = place_all(world, traffic, Drift::ALL, false);
    let places = placed.iter().map(|placed| (placed.tau_us, 0, false)).collect();
    book_by(&operations(world, traffic, places))
}

/// Operations of the reference model: the opening book and then one per arrival, in their order,
/// each with (place, half width, uncertain).
pub(crate) fn operations(
    world: &World,
    traffic: &Traffic,
    places: Vec<(i64, i64, bool)>,
) -> Vec<Operation<TheBin>> {
    let opening = Order { tau_us: i64::MIN, device: u32::MAX, incarnation: 0, seq: 0, leg: 0 };
    let delta = i128::from(world.opening_book);
    let mut operations = vec![Operation::exact(opening, What::Movement { key: TheBin, delta })];
    for (arrival, (tau_us, epsilon_us, uncertain)) in traffic.arrivals.iter().zip(places) {
        let device = u32::try_from(arrival.device).expect("four devices");
        let order = Order { tau_us, device, incarnation: 0, seq: arrival.seq, leg: 0 };
        let what = match world.acts[arrival.act].done {
            Done::Moved(delta) => What::Movement { key: TheBin, delta: i128::from(delta) },
            Done::Counted(seen) => What::Count { key: TheBin, quantity: i128::from(seen) },
        };
        // Decisions are numbered in the order of their time, so the time will do as the number.
        let number = |time_us: i64| u64::try_from(time_us).ok();
        let knowledge = Knowledge {
            cursor: arrival.cursor_us.and_then(number),
            outcome: number(arrival.outcome_us()),
        };
        let exact = Operation::exact(order, what);
        operations.push(Operation { epsilon_us, uncertain, knowledge, ..exact });
    }
    operations
}

fn book_by(operations: &[Operation<TheBin>]) -> i64 {
    let lines = fold::time_lines(operations);
    i64::try_from(fold::walk(&lines[&TheBin]).last).expect("a few pieces")
}

/// Places every arrival with what the server knew when its batch came in.
fn place_all(world: &World, traffic: &Traffic, drift: Drift, with_samples: bool) -> Vec<Placed> {
    let mut placed: Vec<Option<Placed>> = vec![None; traffic.arrivals.len()];
    for device in 0..N_DEVICES {
        let own: Vec<(usize, &Arrival)> = traffic
            .arrivals
            .iter()
            .enumerate()
            .filter(|(_, arrival)| arrival.device == device)
            .collect();
        let uptimes = &world.handhelds[device].uptimes;
        let mut boots = vec![Boot::default(); uptimes.len()];
        let mut floors = vec![None; uptimes.len()];
        let mut exchanges = traffic
            .exchanges
            .iter()
            .filter(|exchange| with_samples && exchange.device == device)
            .peekable();
        for batch in own.chunk_by(|(_, one), (_, other)| one.batch == other.batch) {
            let now_us = batch[0].1.receipt_us;
            while let Some(exchange) = exchanges.next_if(|exchange| exchange.known_us <= now_us) {
                boots[exchange.boot].samples.push(exchange.sample);
            }
            for (_, arrival) in batch {
                boots[arrival.boot].acts.push(Seen {
                    mono_us: arrival.mono_us,
                    cursor_us: arrival.cursor_us,
                    receipt_us: Some(arrival.receipt_us),
                });
            }
            let wanted: Vec<Wanted> = batch
                .iter()
                .map(|(_, arrival)| Wanted {
                    boot: arrival.boot,
                    mono_us: arrival.mono_us,
                    floor_us: floors[arrival.boot],
                    not_before_us: Some(uptimes[0].start_us),
                })
                .collect();
            let n_started = uptimes.iter().filter(|uptime| uptime.start_us <= now_us).count();
            let places = clock::place(&boots[..n_started], drift, &wanted);
            for ((index, arrival), place) in batch.iter().zip(places) {
                floors[arrival.boot] = Some(place.tau_us);
                placed[*index] = Some(place);
            }
        }
    }
    placed.into_iter().map(|place| place.expect("every arrival was placed")).collect()
}
