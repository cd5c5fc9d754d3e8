//! What goes wrong: networks, processes, power, whole devices.

use device_core::engine::Event as DeviceEvent;
use server_core::session::wire::ConnectionNo;

use super::{Happening, MINUTE_US, Phase, SECOND_US, World};

impl World {
    /// The network of a device goes for a while. Some of what was on its way arrives all the same,
    /// late, and some of that twice.
    pub(super) fn cut(&mut self, place: usize) {
        if self.phase != Phase::Shift || !self.devices[place].link_up {
            return;
        }
        self.successes.cuts += 1;
        self.devices[place].link_up = false;
        let after = self.prng.between(10 * SECOND_US, 40 * MINUTE_US);
        self.later(after, Happening::LinkUp(place));
        let Some((connection, no)) = self.devices[place].current() else { return };
        let keys: Vec<_> = self.queue.keys().copied().collect();
        for key in keys {
            let Some(Happening::ToServer(to, _bytes)) = self.queue.get(&key) else { continue };
            if *to != no {
                continue;
            }
            let happening = self.queue.remove(&key);
            if self.prng.chance(1, 3)
                && let Some(happening) = happening
            {
                self.successes.late_frames += 1;
                if self.prng.chance(1, 3) {
                    let after = self.prng.between(0, 5 * SECOND_US);
                    self.later(after, happening.clone());
                }
                let after = self.prng.between(0, 20 * SECOND_US);
                self.later(after, happening);
            }
        }
        self.devices[place].hang_up(connection);
        self.server.connections.remove(&no);
        let after = self.prng.between(0, 30 * SECOND_US);
        self.later(after, Happening::Closed(no));
        let after = self.prng.between(0, 5 * SECOND_US);
        let event = DeviceEvent::Disconnected(connection);
        self.later(after, Happening::Device(place, event));
    }

    pub(super) fn crash_server(&mut self, kept: usize) {
        self.successes.server_crashes += 1;
        for (place, connection) in self.server.crash(kept) {
            self.devices[place].hang_up(connection);
            let after = self.prng.between(0, 3 * SECOND_US);
            let event = DeviceEvent::Disconnected(connection);
            self.later(after, Happening::Device(place, event));
        }
        let after = self.prng.between(SECOND_US, MINUTE_US);
        self.later(after, Happening::ServerUp);
    }

    /// The adversary may take the power of the server between a write and its sync.
    pub(super) fn maybe_cut_power_before(&mut self, after_us: i64) {
        let is_storm = self.phase == Phase::Shift;
        if is_storm && self.prng.below(1_500) < self.plan.fault_percent {
            let after = self.prng.between(0, after_us - 1);
            self.later(after, Happening::PowerCut);
        }
    }

    /// The server loses its power, and what it had not synced. In the same misfortune a device is
    /// destroyed; it had better hold nothing that the server has not acknowledged.
    pub(super) fn power_cut(&mut self) {
        if !self.server.is_up() || self.phase != Phase::Shift {
            return;
        }
        self.successes.crashes_before_sync += u64::from(!self.server.is_idle());
        self.crash_server(0);
        for place in 0..self.devices.len() {
            // What was said before the power went still arrives.
            let after = self.prng.between(SECOND_US / 5, SECOND_US);
            if self.prng.chance(1, 2) {
                self.later(after, Happening::Restore(place));
            }
        }
    }

    pub(super) fn restore(&mut self, place: usize) {
        if self.phase != Phase::Shift || !self.devices[place].is_up() {
            return;
        }
        let connected = self.devices[place].current();
        if self.devices[place].restore_image(self.now_us, &mut self.prng) {
            self.successes.restored += 1;
            self.forgets(place);
            self.left(connected.map(|(_connection, no)| no));
            let after = self.prng.between(SECOND_US, 3 * MINUTE_US);
            self.later(after, Happening::DeviceUp(place));
        }
    }

    /// The server will notice that a device is gone.
    fn left(&mut self, connection: Option<ConnectionNo>) {
        if let Some(no) = connection {
            self.server.connections.remove(&no);
            let after = self.prng.between(0, 30 * SECOND_US);
            self.later(after, Happening::Closed(no));
        }
    }

    /// A device is switched off, and on again a while later.
    pub(super) fn reboot(&mut self, place: usize) {
        self.stop_device(place);
        self.devices[place].reboot(self.now_us, &mut self.prng);
        self.successes.reboots += 1;
    }

    fn stop_device(&mut self, place: usize) {
        let connected = self.devices[place].current();
        self.left(connected.map(|(_connection, no)| no));
        let after = self.prng.between(SECOND_US, 3 * MINUTE_US);
        self.later(after, Happening::DeviceUp(place));
    }

    /// One fault of the adversary.
    pub(super) fn fault(&mut self, place: usize) {
        match self.prng.below(11) {
            0..=3 => {
                // Half of the time what is sent hangs for a while before the network is gone.
                let hangs = if self.prng.chance(1, 2) { 30 * SECOND_US } else { 0 };
                self.devices[place].clog_up(self.now_us + hangs);
                let until_gone = self.prng.between(0, hangs);
                self.later(until_gone, Happening::Cut(place));
            }
            4 => {
                self.stop_device(place);
                self.devices[place].kill();
                self.successes.kills += 1;
            }
            5 => self.reboot(place),
            6 => {
                self.stop_device(place);
                self.devices[place].lose_power(self.now_us, &mut self.prng);
                self.successes.power_cuts += 1;
            }
            7 | 8 => {
                let kept = usize::try_from(self.prng.below(2)).unwrap_or_default();
                if self.server.is_up() {
                    self.crash_server(kept);
                }
            }
            9 => self.restore(place),
            _ => {
                self.devices[place].wall_jump_us = self.prng.between(-3_600, 3_600) * SECOND_US;
                self.successes.clock_jumps += 1;
            }
        }
    }
}
