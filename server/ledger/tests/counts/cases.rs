//! Cases of CONFLICTS.md.
