use std::collections::VecDeque;

use super::super::turns::Turns;
use super::*;

const NOW: ServerTime = ServerTime(SECOND_US);
const MILLISECOND: i64 = 1_000;

/// A room without places left, that lets ten in each second.
fn crowded() -> Room {
    let mut room = Room::new(1_000, 10, NOW);
    for _n in 0..10 {
        assert!(matches!(room.ask(Urgency::Everything, NOW), Asked::Enter(_)));
    }
    room
}

fn waits(room: &mut Room, urgency: Urgency) -> oneshot::Receiver<Call> {
    match room.ask(urgency, NOW) {
        Asked::Wait(called) => called,
        Asked::Enter(_) | Asked::Away(_) => panic!("{urgency:?} does not wait"),
    }
}

fn is_in(called: &mut oneshot::Receiver<Call>) -> bool {
    matches!(called.try_recv(), Ok(Ok(_in_hand)))
}

#[test]
fn everybody_who_is_sent_away_gets_an_appointment_of_its_own() {
    let mut room = crowded();
    let mut waiting: Vec<_> = (0..20).map(|_n| waits(&mut room, Urgency::Everything)).collect();
    let mut away = || match room.ask(Urgency::Everything, NOW) {
        Asked::Away(window) => window,
        Asked::Enter(_) | Asked::Wait(_) => panic!("there is no place"),
    };
    let windows: Vec<_> = (0..100).map(|_n| away()).collect();
    assert_eq!(windows[0], (2_000, 2_500), "the room is empty then");
    assert_eq!(windows[99], (11_900, 12_400), "ten come each second");
    room.call(NOW.plus_us(SECOND_US / 2));
    assert_eq!(waiting.iter_mut().filter_map(|called| is_in(called).then_some(())).count(), 5);
}

#[test]
fn who_holds_work_of_people_comes_first_then_who_missed_little() {
    let mut room = crowded();
    let [mut much, mut all, mut little, mut unsent] =
        [Urgency::Behind(900), Urgency::Everything, Urgency::Behind(3), Urgency::Unsent]
            .map(|urgency| waits(&mut room, urgency));
    let tenth = SECOND_US / 10;
    room.call(NOW.plus_us(tenth));
    assert!(is_in(&mut unsent) && !is_in(&mut little));
    room.call(NOW.plus_us(2 * tenth));
    assert!(is_in(&mut little) && !is_in(&mut much));
    room.call(NOW.plus_us(3 * tenth));
    assert!(is_in(&mut much) && !is_in(&mut all));
}

#[test]
fn a_full_room_gives_the_last_place_to_who_is_more_urgent() {
    let mut room = crowded();
    let mut waiting: Vec<_> = (0..20).map(|n| waits(&mut room, Urgency::Behind(n))).collect();
    let _urgent = waits(&mut room, Urgency::Unsent);
    assert!(matches!(waiting[19].try_recv(), Ok(Err(_window))), "the last one is sent away");
    assert!(waiting[18].try_recv().is_err(), "the others wait on");
    assert!(matches!(room.ask(Urgency::Everything, NOW), Asked::Away(_)));
}

#[test]
fn who_left_the_room_takes_no_place() {
    let mut room = crowded();
    drop(waits(&mut room, Urgency::Unsent));
    let mut stays = waits(&mut room, Urgency::Everything);
    room.call(NOW.plus_us(SECOND_US / 10));
    assert!(is_in(&mut stays));
}

#[test]
fn nobody_is_called_while_too_many_are_in_hand() {
    let mut room = Room::new(1_000, 100, NOW);
    let mut in_hand = Vec::new();
    while let Asked::Enter(one) = room.ask(Urgency::Unsent, NOW) {
        in_hand.push(one);
    }
    assert_eq!(in_hand.len(), 50, "half a second's worth");
    let mut next = waits(&mut room, Urgency::Unsent);
    room.call(NOW.plus_us(SECOND_US / 2));
    assert!(!is_in(&mut next));
    in_hand.pop();
    room.call(NOW.plus_us(SECOND_US / 2));
    assert!(is_in(&mut next));
}

#[test]
fn a_flood_of_strangers_does_not_fill_the_book_beyond_the_house() {
    let mut room = Room::new(1_000, 100, NOW);
    let windows: Vec<_> = (0..100_000).map(|_n| room.appointment(NOW)).collect();
    let latest = windows.iter().map(|window| window.1).max().unwrap();
    assert!(latest <= 11_500, "the house holds a thousand, and a hundred come in each second");
    assert!(windows.iter().all(|(first, last)| *first >= 500 && last > first));
}

/// How a storm went.
#[derive(Debug)]
struct Storm {
    all_in_us: i64,
    /// Tries of the unluckiest.
    tries_most: u32,
    n_tries: u32,
    in_hand_most: usize,
    /// Who came in, in each second.
    per_second: Vec<u32>,
}

/// `n` devices knock within `within_us` at a server that lets `per_s` in and serves `serves_per_s`.
/// Each comes back when it is told to, at some time of its window.
fn storm(n: u32, within_us: i64, (per_s, serves_per_s): (u32, u32)) -> Storm {
    const STEP_US: i64 = 10 * MILLISECOND;
    let mut room = Room::new(10_000, per_s, NOW);
    let mut chance: u64 = 88_172_645_463_325_252;
    let mut random = move |below: i64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        i64::try_from(chance % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut coming: BTreeMap<(i64, u32), u32> = BTreeMap::new();
    for device in 0..n {
        coming.insert((random(within_us), device), 1);
    }
    let mut waiting: Vec<(u32, u32, oneshot::Receiver<Call>)> = Vec::new();
    let mut served: VecDeque<InHand> = VecDeque::new();
    let (mut n_in, mut done, mut at_us) = (0, 0_i64, 0);
    let mut storm =
        Storm { all_in_us: 0, tries_most: 0, n_tries: 0, in_hand_most: 0, per_second: Vec::new() };
    while n_in < n {
        assert!(at_us < 600 * SECOND_US, "{n_in} of {n} are in: {storm:?}");
        at_us += STEP_US;
        let now = NOW.plus_us(at_us);
        done += STEP_US * i64::from(serves_per_s);
        let mut came = Vec::new();
        room.call(now);
        while coming.first_key_value().is_some_and(|((due, _device), _tries)| *due <= at_us) {
            let ((_due, device), tries) = coming.pop_first().unwrap();
            storm.n_tries += 1;
            storm.tries_most = storm.tries_most.max(tries);
            match room.ask(Urgency::Unsent, now) {
                Asked::Enter(one) => came.push((device, tries, Ok(one))),
                Asked::Wait(called) => waiting.push((device, tries, called)),
                Asked::Away(window) => came.push((device, tries, Err(window))),
            }
        }
        waiting.retain_mut(|(device, tries, called)| match called.try_recv() {
            Ok(call) => {
                came.push((*device, *tries, call));
                false
            }
            Err(_waits) => true,
        });
        for (device, tries, call) in came {
            match call {
                Ok(one) => {
                    served.push_back(one);
                    n_in += 1;
                    storm.per_second.resize(usize::try_from(at_us / SECOND_US).unwrap() + 1, 0);
                    *storm.per_second.last_mut().unwrap() += 1;
                }
                Err((first_ms, last_ms)) => {
                    let wait_ms = i64::from(first_ms) + random(i64::from(last_ms - first_ms));
                    coming.insert((at_us + wait_ms * MILLISECOND, device), tries + 1);
                }
            }
        }
        storm.in_hand_most = storm.in_hand_most.max(served.len());
        while done >= SECOND_US {
            done -= SECOND_US;
            served.pop_front();
        }
    }
    storm.all_in_us = at_us;
    storm
}

#[test]
fn five_thousand_who_were_not_told_when_to_come_are_in_as_fast_as_they_are_let_in() {
    let storm = storm(5_000, SECOND_US, (500, 5_000));
    assert!(storm.all_in_us <= 11 * SECOND_US, "{storm:?}");
    assert!(storm.tries_most <= 3 && storm.n_tries <= 10_000, "{storm:?}");
    let (first, rest) = storm.per_second.split_first().unwrap();
    assert!(*first <= 1_000, "a second's worth at once, and a second's: {storm:?}");
    assert!(rest.iter().all(|n| *n <= 505), "never more than are let in: {storm:?}");
    let full = &rest[..rest.len() - 2];
    assert!(full.iter().all(|n| *n >= 475), "never many fewer: {storm:?}");
}

#[test]
fn a_server_that_does_not_keep_up_begins_no_more_than_it_finishes() {
    let storm = storm(5_000, SECOND_US, (500, 100));
    assert!(storm.in_hand_most <= 250, "{storm:?}");
    assert!(storm.all_in_us <= 55 * SECOND_US, "as fast as it serves: {storm:?}");
    assert!(storm.n_tries <= 3 * 5_000, "{storm:?}");
}

#[test]
fn a_few_who_come_together_wait_for_nobody() {
    let storm = storm(200, SECOND_US, (500, 1_000));
    assert!(storm.all_in_us <= SECOND_US + 20 * MILLISECOND, "{storm:?}");
    assert_eq!(storm.tries_most, 1, "{storm:?}");
}

/// What a knock costs before somebody is let in or sent away, and what letting in costs, in
/// microseconds of a server and its devices on two cores.
const KNOCK_US: i64 = 1_000;
const ADMISSION_US: i64 = 1_500;

/// Where a device of [`costly_storm`] is.
enum Work {
    Knock(u32),
    Admission(u32, InHand),
}

/// `n` devices knock within `within_us` at a house with a door: everything that is done for them is
/// done one after the other and takes its time. When all are in, in microseconds, and how often they
/// knocked.
fn costly_storm(n: u32, within_us: i64, per_s: u32) -> (i64, u32) {
    const STEP_US: i64 = MILLISECOND;
    let mut room = Room::new(10_000, per_s, NOW);
    let mut turns = Turns::new(per_s, NOW);
    let mut chance: u64 = 88_172_645_463_325_252;
    let mut random = move |below: i64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        i64::try_from(chance % u64::try_from(below.max(1)).unwrap()).unwrap()
    };
    let mut coming: BTreeMap<(i64, u32), ()> = BTreeMap::new();
    for device in 0..n {
        coming.insert((random(within_us), device), ());
    }
    let mut at_door: VecDeque<(u64, u32)> = VecDeque::new();
    let mut work: VecDeque<Work> = VecDeque::new();
    let mut waiting: Vec<(u32, oneshot::Receiver<Call>)> = Vec::new();
    let (mut n_in, mut n_knocks, mut at_us, mut done_us) = (0, 0, 0, 0);
    while n_in < n {
        assert!(at_us < 600 * SECOND_US, "{n_in} of {n} are in");
        at_us += STEP_US;
        let now = NOW.plus_us(at_us);
        while coming.first_key_value().is_some_and(|((due, _device), ())| *due <= at_us) {
            let ((_due, device), ()) = coming.pop_first().unwrap();
            at_door.push_back((turns.take(), device));
        }
        turns.crowded(!room.is_empty(), now);
        while let Some((turn, device)) = at_door.front().copied()
            && turns.wait_us(turn, now) == 0
        {
            at_door.pop_front();
            work.push_back(Work::Knock(device));
        }
        if at_us % (20 * MILLISECOND) == 0 {
            room.call(now);
        }
        let mut called = Vec::new();
        waiting.retain_mut(|(device, call)| match call.try_recv() {
            Ok(call) => {
                called.push((*device, call));
                false
            }
            Err(_waits) => true,
        });
        done_us = done_us.max(at_us - STEP_US);
        while done_us < at_us
            && let Some(next) = work.pop_front()
        {
            match next {
                Work::Knock(device) => {
                    done_us += KNOCK_US;
                    n_knocks += 1;
                    match room.ask(Urgency::Unsent, now) {
                        Asked::Enter(one) => called.push((device, Ok(one))),
                        Asked::Away(window) => called.push((device, Err(window))),
                        Asked::Wait(call) => waiting.push((device, call)),
                    }
                }
                Work::Admission(_device, in_hand) => {
                    done_us += ADMISSION_US;
                    n_in += 1;
                    drop(in_hand);
                }
            }
        }
        for (device, call) in called {
            match call {
                Ok(one) => work.push_back(Work::Admission(device, one)),
                Err((first_ms, last_ms)) => {
                    let wait_ms = i64::from(first_ms) + random(i64::from(last_ms - first_ms));
                    coming.insert((at_us + wait_ms * MILLISECOND, device), ());
                }
            }
        }
    }
    (at_us, n_knocks)
}

#[test]
fn who_knocks_does_not_keep_out_who_may_come_in() {
    let (all_in_us, n_knocks) = costly_storm(5_000, SECOND_US, 500);
    assert!(all_in_us <= 16 * SECOND_US, "{all_in_us} µs, {n_knocks} knocks");
    assert!(n_knocks <= 10_000, "{n_knocks} knocks");
}
