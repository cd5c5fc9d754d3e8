//! The supervisor's pages: rendered here, kept live by one stream per page.
//!
//! Each page is a function of tables, a context and the filters in its address ([`page`]); the same
//! function makes the first document and every later fragment, so that what is live cannot differ
//! from what is loaded. No page writes: what a person decides goes into the intake as a command
//! like everything else.
//!
//! Never here: a posting rule, a second way to read stock, scripts or styles of others.
//!
//! Order of reading: [`context`] and [`names`] (what pages know), [`page`] (what they show),
//! [`address`] and [`shell`] (where they are and what stands round them), [`live`] (their streams),
//! [`preview`] (what a decision would do), [`story`], [`beside`] and [`cause`] (what a case stands on).

mod acts;
pub mod address;
pub mod assets;
pub mod beside;
pub mod cause;
pub mod context;
pub mod correction;
mod csv;
pub mod deed;
pub mod format;
pub mod live;
mod money_acts;
mod money_forms;
pub mod names;
pub mod page;
pub mod part;
mod pictures;
pub mod present;
pub mod preview;
pub mod query;
pub mod request;
mod routes;
pub mod scope;
pub mod shell;
mod sightings;
mod sign_in;
pub mod story;
pub mod text;

pub use routes::router;

#[cfg(test)]
mod tests;
