//! What the server gets to know: arrivals, cursors, clock samples.

use tests::prng::Prng;
use tests::reference::clock::Sample;

use crate::world::{Handheld, MINUTE_US, SECOND_US, World};

/// From the begin of a connection until the first operation is sent.
const HANDSHAKE_US: i64 = 3 * SECOND_US / 2;
/// How far a connected replica lags behind.
const FEED_LAG_US: i64 = 3 * SECOND_US / 10;
/// From receipt to the outcome of an operation.
const DECISION_US: i64 = 20_000;

/// An act as the server receives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Index into the acts of the world.
    pub act: usize,
    pub device: usize,
    /// Its number among the acts of its device.
    pub seq: u64,
    pub boot: usize,
    pub mono_us: i64,
    /// What the wall clock of the device showed.
    pub wall_us: i64,
    /// Server time of the newest decision the device had received.
    pub cursor_us: Option<i64>,
    pub receipt_us: i64,
    /// Operations that are sent together share what the server knows about clocks.
    pub batch: usize,
}

impl Arrival {
    /// When the outcome was decided.
    pub(crate) fn outcome_us(&self) -> i64 {
        self.receipt_us + DECISION_US
    }
}

/// A clock exchange, with the boot it belongs to and when the server has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    pub device: usize,
    pub boot: usize,
    pub known_us: i64,
    pub sample: Sample,
}

/// Everything that went over the wire in one trial.
#[derive(Debug)]
pub(crate) struct Traffic {
    /// In the order of arrival.
    pub arrivals: Vec<Arrival>,
    /// Device by device, in the order of time.
    pub exchanges: Vec<Exchange>,
}

/// Sends everything that was recorded; in the end it all arrives.
pub(crate) fn deliver(world: &World, prng: &mut Prng) -> Traffic {
    let mut arrivals = Vec::new();
    let mut exchanges = Vec::new();
    for (device, handheld) in world.handhelds.iter().enumerate() {
        upload(world, device, &mut arrivals, &mut prng.fork());
        sample_clock(handheld, device, &mut exchanges, &mut prng.fork());
    }
    arrivals.sort_by_key(|arrival: &Arrival| (arrival.receipt_us, arrival.device, arrival.seq));
    // The server gives every operation a receive time of its own.
    let mut last_us = i64::MIN;
    for arrival in &mut arrivals {
        arrival.receipt_us = arrival.receipt_us.max(last_us + 1);
        last_us = arrival.receipt_us;
    }
    Traffic { arrivals, exchanges }
}

fn upload(world: &World, device: usize, arrivals: &mut Vec<Arrival>, prng: &mut Prng) {
    let handheld = &world.handhelds[device];
    let (mut seq, mut last_us, mut batch, mut queued_in) = (0, i64::MIN, 0, None);
    for (index, act) in world.acts.iter().enumerate().filter(|(_, act)| act.device == device) {
        let recorded_us = act.recorded_us;
        let latency_us = prng.between(50_000, 400_000);
        let live = |(begin_us, end_us): &(i64, i64)| {
            recorded_us >= begin_us + HANDSHAKE_US && recorded_us + latency_us <= *end_us
        };
        let (sent_us, contact) = if handheld.contacts.iter().any(live) {
            (recorded_us + latency_us, None)
        } else {
            let later = |(begin_us, _): &(i64, i64)| begin_us + HANDSHAKE_US > recorded_us;
            let next = handheld.contacts.iter().position(later).expect("a last contact");
            (handheld.contacts[next].0 + HANDSHAKE_US + latency_us, Some(next))
        };
        if contact.is_none() || contact != queued_in {
            batch += 1;
        }
        queued_in = contact;
        last_us = sent_us.max(last_us + 1);
        let boot = handheld.boot_at(recorded_us);
        arrivals.push(Arrival {
            act: index,
            device,
            seq,
            boot,
            mono_us: handheld.uptimes[boot].mono_us(recorded_us),
            wall_us: recorded_us + handheld.wall_error_us,
            cursor_us: cursor_us(handheld, recorded_us),
            receipt_us: last_us,
            batch,
        });
        seq += 1;
    }
}

/// A connected replica lags a little; a disconnected one stands still. Decisions are frequent in
/// the warehouse as a whole, so the newest one received is as old as the lag.
fn cursor_us(handheld: &Handheld, now_us: i64) -> Option<i64> {
    let ready = |(begin_us, end_us): &(i64, i64)| {
        let caught_up_us = begin_us + HANDSHAKE_US + FEED_LAG_US;
        (caught_up_us <= now_us).then(|| now_us.min(*end_us) - FEED_LAG_US)
    };
    handheld.contacts.iter().filter_map(ready).next_back()
}

/// One exchange as the connection begins, then one a minute.
fn sample_clock(
    handheld: &Handheld,
    device: usize,
    exchanges: &mut Vec<Exchange>,
    prng: &mut Prng,
) {
    for (begin_us, end_us) in &handheld.contacts {
        let mut sent_us = *begin_us;
        while sent_us + SECOND_US < *end_us {
            let boot = handheld.boot_at(sent_us);
            let uptime = &handheld.uptimes[boot];
            let t2_us = sent_us + prng.between(20_000, 400_000);
            let t3_us = t2_us + 1_000;
            let heard_us = t3_us + prng.between(20_000, 400_000);
            let sample = Sample {
                // The device reads its clock in whole microseconds, down when sending and up when
                // hearing, so that rounding never cuts the truth off.
                t1_mono_us: uptime.mono_us(sent_us) - 1,
                t2_us,
                t3_us,
                t4_mono_us: uptime.mono_us(heard_us) + 1,
            };
            exchanges.push(Exchange { device, boot, known_us: heard_us, sample });
            sent_us += MINUTE_US;
        }
    }
}
