//! People at desks: passwords, sessions, roles, and what protects them.
//!
//! A session is a random token in a cookie; the store keeps its SHA-256 only. Roles are rights with
//! a history, by location, in the ledger's tables; what a command may do is judged there again.

pub mod first;
pub mod login;
pub mod origin;
pub mod password;
pub mod rights;
pub mod session;
pub mod throttle;
pub mod token;
