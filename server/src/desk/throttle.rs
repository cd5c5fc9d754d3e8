//! Login throttling: after a few wrong tries, each further one has to wait longer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use protocol::identity::ServerTime;

/// Wrong tries of one account or address that cost nothing.
const FREE: u32 = 5;
/// The longest wait.
const WAIT_MAX_US: i64 = 15 * 60 * 1_000_000;
/// An account or address that kept quiet this long starts anew.
const FORGET_US: i64 = 60 * 60 * 1_000_000;
/// Accounts and addresses that are remembered; beyond, the quietest are forgotten.
const REMEMBERED_MAX: usize = 20_000;

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: ServerTime,
    wait_until: ServerTime,
}

/// Remembers wrong tries, by account and by address.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<String, Tries>>);

impl Throttle {
    /// Nothing is remembered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `key` may try at `now`.
    ///
    /// # Errors
    ///
    /// Seconds to wait, at least 1.
    pub fn check(&self, key: &str, now: ServerTime) -> Result<(), u32> {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_us = tries.get(key).map_or(0, |tries| tries.wait_until.us_since(now));
        if wait_us <= 0 {
            return Ok(());
        }
        Err(u32::try_from(wait_us / 1_000_000 + 1).unwrap_or(u32::MAX))
    }

    /// `key` tried and was wrong.
    pub fn wrong(&self, key: &str, now: ServerTime) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED_MAX && !tries.contains_key(key) {
            forget_quiet(&mut tries, now);
        }
        let fresh = Tries { wrong: 0, last: now, wait_until: now };
        let known = tries.entry(key.to_owned()).or_insert(fresh);
        if now.us_since(known.last) > FORGET_US {
            *known = fresh;
        }
        known.wrong = known.wrong.saturating_add(1);
        known.last = now;
        known.wait_until = now.plus_us(wait_us(known.wrong));
    }

    /// `key` was right.
    pub fn right(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The wait after the `wrong`-th wrong try: nothing at first, then 2, 4, 8 … seconds.
fn wait_us(wrong: u32) -> i64 {
    match wrong.checked_sub(FREE) {
        None | Some(0) => 0,
        Some(beyond) => (1_000_000_i64 << beyond.min(20)).min(WAIT_MAX_US),
    }
}

fn forget_quiet(tries: &mut HashMap<String, Tries>, now: ServerTime) {
    tries.retain(|_key, known| now.us_since(known.last) <= FORGET_US);
    if tries.len() >= REMEMBERED_MAX {
        let mut last: Vec<_> = tries.values().map(|known| known.last).collect();
        last.sort_unstable();
        // The older half goes: an attacker who fills the table forgets his own tries first.
        let middle = last.get(last.len() / 2).copied().unwrap_or(now);
        tries.retain(|_key, known| known.last > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn after_five_wrong_tries_each_further_one_waits_longer() {
        let throttle = Throttle::new();
        let mut now = ServerTime(0);
        for _try in 0..5 {
            assert_eq!(throttle.check("anna", now), Ok(()));
            throttle.wrong("anna", now);
        }
        assert_eq!(throttle.check("anna", now), Ok(()));
        throttle.wrong("anna", now);
        assert_eq!(throttle.check("anna", now), Err(3));
        assert_eq!(throttle.check("bo", now), Ok(()), "others do not wait");
        now = now.plus_us(2 * SECOND);
        assert_eq!(throttle.check("anna", now), Ok(()));
        throttle.wrong("anna", now);
        assert_eq!(throttle.check("anna", now), Err(5));
        throttle.right("anna");
        assert_eq!(throttle.check("anna", now), Ok(()));
    }

    #[test]
    fn the_wait_has_an_end_and_is_forgotten() {
        let throttle = Throttle::new();
        let now = ServerTime(0);
        for _try in 0..500 {
            throttle.wrong("anna", now);
        }
        assert_eq!(throttle.check("anna", now), Err(901));
        let later = now.plus_us(FORGET_US + SECOND);
        throttle.wrong("anna", later);
        assert_eq!(throttle.check("anna", later), Ok(()), "it counts from one again");
    }

    #[test]
    fn a_flood_of_names_is_forgotten_before_the_table_grows() {
        let throttle = Throttle::new();
        for n in 0..i64::try_from(3 * REMEMBERED_MAX).unwrap() {
            throttle.wrong(&n.to_string(), ServerTime(n));
        }
        assert!(throttle.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
