//! Who may be sent a snapshot now (SYNC 2.9): a few at a time, in turns.
//!
//! A hall of devices that all need everything costs the memory and the link of a few. One that reads
//! slowly gives its place to the next after a while and goes on later, where it was.

use std::collections::{BTreeMap, VecDeque};

use protocol::identity::ServerTime;

use super::wire::ConnectionNo;

/// Snapshots that are sent at the same time.
pub(crate) const AT_ONCE_MAX: usize = 32;
/// How long one may be sent while others wait, in microseconds.
const TURN_US: i64 = 30_000_000;

/// Who is being sent a snapshot, and who waits for a place.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    sending: BTreeMap<ConnectionNo, ServerTime>,
    waiting: VecDeque<ConnectionNo>,
}

impl Turns {
    /// Whether `connection` may be sent a snapshot now; if not, it waits for its turn.
    pub(crate) fn enter(&mut self, connection: ConnectionNo, now: ServerTime) -> bool {
        if self.sending.contains_key(&connection) {
            return true;
        }
        if self.sending.len() < AT_ONCE_MAX && self.waiting.is_empty() {
            self.sending.insert(connection, now);
            return true;
        }
        if !self.waiting.contains(&connection) {
            self.waiting.push_back(connection);
        }
        false
    }

    /// Whether the turn of `connection` is over: it had its time, and others wait.
    pub(crate) fn is_over(&self, connection: ConnectionNo, now: ServerTime) -> bool {
        let since = self.sending.get(&connection);
        !self.waiting.is_empty() && since.is_some_and(|since| now.us_since(*since) > TURN_US)
    }

    /// How many are being sent one.
    pub(crate) fn n_sending(&self) -> usize {
        self.sending.len()
    }

    /// `connection` needs no place any more.
    pub(crate) fn leave(&mut self, connection: ConnectionNo) {
        if self.sending.remove(&connection).is_none() {
            self.waiting.retain(|waiting| *waiting != connection);
        }
    }

    /// The next one whose turn it is.
    pub(crate) fn next(&mut self, now: ServerTime) -> Option<ConnectionNo> {
        if self.sending.len() >= AT_ONCE_MAX {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.sending.insert(next, now);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: ServerTime = ServerTime(0);

    fn full() -> Turns {
        let mut turns = Turns::default();
        for n in 0..AT_ONCE_MAX {
            assert!(turns.enter(ConnectionNo(u64::try_from(n).unwrap()), NOW));
        }
        turns
    }

    #[test]
    fn who_finds_no_place_waits_in_order_and_gets_the_next_one() {
        let mut turns = full();
        let (first, second) = (ConnectionNo(100), ConnectionNo(101));
        assert!(!turns.enter(first, NOW) && !turns.enter(second, NOW) && !turns.enter(first, NOW));
        assert_eq!(turns.next(NOW), None);
        turns.leave(ConnectionNo(3));
        assert_eq!(turns.next(NOW), Some(first));
        assert!(turns.enter(first, NOW));
        turns.leave(ConnectionNo(4));
        assert!(!turns.enter(ConnectionNo(102), NOW), "nobody overtakes");
        assert_eq!(turns.next(NOW), Some(second));
    }

    #[test]
    fn who_waits_and_leaves_is_not_called() {
        let mut turns = full();
        assert!(!turns.enter(ConnectionNo(100), NOW));
        turns.leave(ConnectionNo(100));
        turns.leave(ConnectionNo(0));
        assert_eq!(turns.next(NOW), None);
    }

    #[test]
    fn a_turn_ends_only_when_somebody_waits() {
        let mut turns = full();
        let later = NOW.plus_us(TURN_US + 1);
        assert!(!turns.is_over(ConnectionNo(0), later));
        assert!(!turns.enter(ConnectionNo(100), later));
        assert!(turns.is_over(ConnectionNo(0), later));
        assert!(!turns.is_over(ConnectionNo(0), NOW.plus_us(TURN_US)));
    }
}
