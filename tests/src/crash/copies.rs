//! A device and a copy of its store that are both alive: they have one name and one key, and work in turn.

use super::fuse::Fuse;
use super::hall::{End, Hall};
use super::{begin, come_to_rest, judge, records};

/// What came of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// How often each had its turn.
    pub n_turns: u64,
    /// Connections that both have made since the copy.
    pub n_connections: u64,
    /// How often people were told that a store is a copy.
    pub n_alarms: u64,
}

/// Turns of each of the two.
const TURNS: u64 = 6;

/// Copies a device with work that the server does not have, and lets the original and the copy record and
/// connect in turn.
///
/// # Errors
///
/// What was lost or doubled, or does not come to rest.
pub fn copies() -> Result<Copies, String> {
    let mut hall = Hall::new(Fuse::new(None), End::Kill);
    begin(&mut hall)?;
    records(&mut hall, 3);
    come_to_rest(&mut hall)?;
    hall.set_offline(true);
    records(&mut hall, 2);
    let mut other = hall.folders.image();
    let before = hall.n_connections();
    for _turn in 0..2 * TURNS {
        hall.run_until(7, |_hall| false);
        records(&mut hall, 2);
        hall.set_offline(false);
        come_to_rest(&mut hall)?;
        hall.set_offline(true);
        let kept = hall.folders.clone();
        hall.replace_device(std::mem::replace(&mut other, kept), true);
    }
    hall.set_offline(false);
    come_to_rest(&mut hall)?;
    let n_connections = hall.n_connections();
    hall.run_until(3_600, |_hall| false);
    if hall.n_connections() > n_connections {
        return Err("it connects again and again with nothing to say".to_owned());
    }
    judge(&hall)?;
    let n_alarms = hall.n_copies_told;
    Ok(Copies { n_turns: TURNS, n_connections: n_connections - before, n_alarms })
}
