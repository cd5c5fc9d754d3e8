//! The suite: what holds for the whole, seen from outside.

mod browser;
mod costing;
mod crash;
mod discarded;
mod disk;
mod end_to_end;
mod flows;
mod full_disk;
mod fuzz;
mod histories;
mod house;
mod kill;
mod old_server;
mod readme;
mod shuffle;
mod simulation;
mod tidy;
mod truth;
mod vectors;
mod whole;
mod wire;
