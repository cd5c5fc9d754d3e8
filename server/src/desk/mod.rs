//! People at desks: passwords, sessions, roles, and what protects them.
pub mod password;
