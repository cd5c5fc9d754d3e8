//! What a handheld remembers and says: recorder, outbox, replica, view, session.

pub mod clock_evidence;
pub mod engine;
pub mod key;
pub mod outbox;
pub mod recorder;
pub mod replica;
pub mod session;
pub mod store;
pub mod view;
