//! What a handheld remembers and says: recorder, outbox, replica, view, session.

pub mod outbox;
pub mod recorder;
pub mod replica;
pub mod store;
pub mod view;
