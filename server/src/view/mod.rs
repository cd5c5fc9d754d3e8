//! What pages and the API show: rows of the tables with codes instead of numbers, in pages.
//!
//! Everything here reads tables and changes nothing. The same structs are JSON for the API and the
//! content of the dashboard's pages.

pub mod case;
pub mod count;
pub mod device;
pub mod document;
pub mod entry;
pub mod item;
pub mod money;
pub mod names;
pub mod operation;
pub mod page;
pub mod person;
pub mod place;
pub mod recovery;
pub mod risk;
pub mod sheet;
pub mod stock;
pub mod task;
