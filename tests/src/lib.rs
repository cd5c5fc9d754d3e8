//! PROOF: the whole of Tallyman held against an independent opinion.
//!
//! [`world`] plays devices and server in virtual time under an adversary, [`reference`] is the
//! naive second opinion that shares no code with the ledger, [`histories`] holds its costing against the
//! ledger's, [`crash`] ends both sides at every durable step, [`shuffle`] lets the same work arrive in other
//! orders, [`vectors`] plays worked figures, [`fuzz`] feeds the decoders with bytes that are almost right,
//! [`prng`] makes every run repeatable, [`receipt`] is what scripts do again and again.
//!
//! Never here: anything that ships.

pub mod crash;
pub mod fuzz;
pub mod histories;
pub mod prng;
pub mod receipt;
pub mod reference;
pub mod shuffle;
pub mod vectors;
pub mod world;
