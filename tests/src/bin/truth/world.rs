//! What really happens: one bin, four people with a handheld each, a working day of ten hours.
//!
//! People move boxes and look into the bin; that is the truth. Their devices only report it: later,
//! by a clock that may be wrong, and after a reboot by another one.

use tests::prng::Prng;

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
pub(crate) const DAY_US: i64 = 600 * MINUTE_US;
pub(crate) const N_DEVICES: usize = 4;

/// What varies between the worlds that are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub n_movements: u64,
    pub n_counts: u64,
    /// Least and greatest time between an act and its being recorded.
    pub delay_us: (i64, i64),
    pub reboots: bool,
}

/// A thing done at the bin. Quantities are whole pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Moved(i64),
    /// The counter saw exactly what was there.
    Counted(i64),
}

/// One act, in server time as nobody in the world knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Act {
    pub device: usize,
    pub at_us: i64,
    pub recorded_us: i64,
    pub done: Done,
}

/// One stretch of a device being on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uptime {
    pub start_us: i64,
    pub end_us: i64,
    /// How fast its monotonic clock runs, in billionths.
    drift_ppb: i64,
}

impl Uptime {
    /// What the monotonic clock shows.
    pub(crate) fn mono_us(&self, now_us: i64) -> i64 {
        let elapsed = now_us - self.start_us;
        elapsed + elapsed * self.drift_ppb / 1_000_000_000
    }
}

/// A device: its wall clock, its boots and when it can reach the server.
#[derive(Debug, Clone)]
pub(crate) struct Handheld {
    pub wall_error_us: i64,
    pub uptimes: Vec<Uptime>,
    /// Begin and end of each connection; none spans a reboot.
    pub contacts: Vec<(i64, i64)>,
}

impl Handheld {
    /// The boot that runs at `now_us`.
    pub(crate) fn boot_at(&self, now_us: i64) -> usize {
        let running = |uptime: &Uptime| (uptime.start_us..uptime.end_us).contains(&now_us);
        self.uptimes.iter().position(running).expect("nobody uses a device that is off")
    }
}

/// One trial.
#[derive(Debug)]
pub(crate) struct World {
    pub handhelds: Vec<Handheld>,
    /// In the order in which they really happened.
    pub acts: Vec<Act>,
    /// What the books said in the morning; the shelf may have differed.
    pub opening_book: i64,
    /// What correct books say in the evening: the last count and the movements after it.
    pub right_book: i64,
}

/// Lets one day happen.
pub(crate) fn live(setup: &Setup, prng: &mut Prng) -> World {
    let handhelds: Vec<Handheld> =
        (0..N_DEVICES).map(|_| handheld(setup.reboots, &mut prng.fork())).collect();
    let mut acts = plan(setup, &handhelds, &mut prng.fork());
    let (opening_book, right_book) = carry_out(&mut acts, &mut prng.fork());
    World { handhelds, acts, opening_book, right_book }
}

fn handheld(reboots: bool, prng: &mut Prng) -> Handheld {
    let wall_error_us = if prng.chance(85, 100) {
        #[expect(clippy::cast_possible_truncation, reason = "a few minutes in microseconds")]
        let error_us = (prng.normal() * 60e6) as i64;
        error_us
    } else {
        let off = prng.between(10 * MINUTE_US, 60 * MINUTE_US);
        if prng.chance(1, 2) { off } else { -off }
    };
    let uptimes = uptimes(reboots, prng);
    let contacts = contacts(&uptimes, prng);
    Handheld { wall_error_us, uptimes, contacts }
}

/// Reboots often come in pairs (a tired battery), so some boots never see the server.
fn uptimes(reboots: bool, prng: &mut Prng) -> Vec<Uptime> {
    let mut switched_off = Vec::new();
    if reboots && prng.chance(4, 10) {
        let first = prng.between(30 * MINUTE_US, DAY_US);
        switched_off.push(first);
        if prng.chance(1, 2) {
            switched_off.push(first + prng.between(5 * MINUTE_US, 40 * MINUTE_US));
        }
    }
    let mut uptimes = Vec::new();
    let mut start_us = -prng.between(15 * MINUTE_US, 720 * MINUTE_US);
    for end_us in switched_off.into_iter().chain([i64::MAX]) {
        uptimes.push(Uptime { start_us, end_us, drift_ppb: prng.between(-20_000, 20_000) });
        start_us = end_us.saturating_add(MINUTE_US);
    }
    uptimes
}

/// Connections of 1 to 10 min with gaps of 5 min to 2.5 h, from before work until after it.
fn contacts(uptimes: &[Uptime], prng: &mut Prng) -> Vec<(i64, i64)> {
    let mut contacts = Vec::new();
    let mut begin_us = -prng.between(0, 10 * MINUTE_US);
    loop {
        let end_us = begin_us + prng.between(MINUTE_US, 10 * MINUTE_US);
        for uptime in uptimes {
            let part = (begin_us.max(uptime.start_us), end_us.min(uptime.end_us));
            if part.1 - part.0 >= 10 * SECOND_US {
                contacts.push(part);
            }
        }
        if begin_us > DAY_US + 60 * MINUTE_US {
            return contacts;
        }
        begin_us = end_us + prng.between(5 * MINUTE_US, 150 * MINUTE_US);
    }
}

/// Who does something when. A person finishes one act, with its recording, before the next.
fn plan(setup: &Setup, handhelds: &[Handheld], prng: &mut Prng) -> Vec<Act> {
    let n_acts = setup.n_movements + setup.n_counts;
    let mut wishes: Vec<(i64, bool)> =
        (0..n_acts).map(|n| (prng.between(0, DAY_US), n < setup.n_counts)).collect();
    wishes.sort_unstable();
    let mut free_us = [i64::MIN; N_DEVICES];
    let mut acts = Vec::new();
    for (wish_us, is_count) in wishes {
        let device = *prng.pick(&[0, 1, 2, 3]);
        let delay_us = prng.between(setup.delay_us.0, setup.delay_us.1);
        let mut at_us = wish_us.max(free_us[device]);
        for uptime in &handhelds[device].uptimes {
            // Nobody works with a device that is off or about to go off.
            if at_us + delay_us >= uptime.end_us && at_us < uptime.end_us.saturating_add(MINUTE_US)
            {
                at_us = uptime.end_us + MINUTE_US;
            }
        }
        let recorded_us = at_us + delay_us;
        free_us[device] = recorded_us + SECOND_US;
        let done = if is_count { Done::Counted(0) } else { Done::Moved(0) };
        acts.push(Act { device, at_us, recorded_us, done });
    }
    acts.sort_by_key(|act| (act.at_us, act.device));
    acts
}

/// Moves the boxes. Some pieces vanish without anybody noticing: that is what counting is for.
fn carry_out(acts: &mut [Act], prng: &mut Prng) -> (i64, i64) {
    let opening_book = prng.between(30, 80);
    let mut on_shelf = opening_book + prng.between(-3, 3);
    let mut right_book = opening_book;
    let mut losses: Vec<i64> = (0..prng.below(3)).map(|_| prng.between(0, DAY_US)).collect();
    for act in acts {
        let n_before = losses.len();
        losses.retain(|loss_us| *loss_us > act.at_us);
        let lost = i64::try_from(n_before - losses.len()).expect("a handful");
        on_shelf -= lost.min(on_shelf);
        match &mut act.done {
            Done::Moved(delta) => {
                let size = prng.between(1, 6);
                let picks = prng.chance(1, 2) && on_shelf > 0;
                *delta = if picks { -size.min(on_shelf) } else { size };
                on_shelf += *delta;
                right_book += *delta;
            }
            Done::Counted(seen) => {
                *seen = on_shelf;
                right_book = on_shelf;
            }
        }
    }
    (opening_book, right_book)
}
