//! Everything comes to rest, whichever trigger is missing.
//!
//! A timer that is lost, a notification that never comes: another path must lead on. The same script
//! is played with each of them missing, and everything must have settled within a bound.

use device_core::session::Timer;

use super::fuse::Fuse;
use super::hall::{End, Hall};
use super::{begin, come_to_rest, judge, records};

/// Something that moves a device or a server on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A timer of the device.
    Timer(Timer),
    /// The server looks at the time.
    Tick,
    /// The system says that there is a network.
    NetworkUp,
    /// A person wants it to try.
    TryNow,
    /// The system says that a connection is gone.
    Disconnected,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Timer(Timer::Reconnect),
        Self::Timer(Timer::Handshake),
        Self::Timer(Timer::Heartbeat),
        Self::Timer(Timer::Healthy),
        Self::Timer(Timer::Stall),
        Self::Timer(Timer::Chores),
        Self::Tick,
        Self::NetworkUp,
        Self::TryNow,
        Self::Disconnected,
    ];
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The trigger that was missing; none for all being there.
    pub missing: Option<Trigger>,
    /// Phase by phase: operations that were confirmed in it, and seconds until everything was known
    /// on both sides.
    pub phases: Vec<(&'static str, usize, i64)>,
}

/// Plays scans, broken connections and a server that dies, without `missing`.
///
/// # Errors
///
/// What still waits an hour later, or what an invariant has to say.
pub fn settle(missing: Option<Trigger>) -> Result<Settled, String> {
    let mut hall = Hall::new(Fuse::new(None), End::Kill);
    begin(&mut hall)?;
    hall.missing = missing;
    let mut phases = Vec::new();
    let mut phase = |hall: &mut Hall, name, act: &mut dyn FnMut(&mut Hall)| {
        let (n_before, from_us) = (hall.n_acts, hall.now_us());
        act(hall);
        come_to_rest(hall).map_err(|why| format!("{missing:?}, {name}: {why}"))?;
        phases.push((name, hall.n_acts - n_before, (hall.now_us() - from_us) / 1_000_000));
        Ok::<(), String>(())
    };
    phase(&mut hall, "online", &mut |hall| records(hall, 3))?;
    phase(&mut hall, "a connection that breaks", &mut |hall| {
        records(hall, 1);
        hall.break_wire();
        records(hall, 1);
    })?;
    phase(&mut hall, "without a network", &mut |hall| {
        hall.set_offline(true);
        records(hall, 20);
        hall.run_until(900, |_hall| false);
        hall.is_back();
    })?;
    phase(&mut hall, "a server that dies", &mut |hall| {
        records(hall, 1);
        hall.kill_server();
        records(hall, 1);
        hall.run_until(60, |_hall| false);
    })?;
    hall.missing = None;
    hall.run_until(120, |_hall| false);
    come_to_rest(&mut hall)?;
    judge(&hall)?;
    Ok(Settled { missing, phases })
}
