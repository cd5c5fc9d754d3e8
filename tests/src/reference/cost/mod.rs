//! A naive second opinion on costing: straight from COSTING.md, slow and simple, sharing no code with the
//! ledger.
//!
//! It keeps who supplied whom, in the order of posting ([`stock`]), and works out every cost from nothing
//! each time it is asked, again and again until nothing moves ([`value`], [`average`]). It knows no marks,
//! no running sums, no slices and no tables. Amounts are whole cents, quantities whole hundredths, shares
//! exact fractions that are rounded once.
//!
//! Where COSTING leaves a choice that moves a cent, what is written here is the choice:
//! * A fixed decrease counts for averages from the date of what it takes: it is *removed* (5.4).
//! * Pools that feed each other in one period (9.4) begin with nothing having left; they are worked in the
//!   order of their locations, each handing on at once, until a round moves nothing.
//! * A decrease of which a part came back in its own pool and period (9.4): the part that stayed away is
//!   rounded cumulatively with the others, the part that came back by itself.
//! * A revaluation counts from its place among the decreases of its period (11.1).
//!
//! Not here: what may be posted when, documents, devices.

pub mod accounts;
pub mod average;
pub mod exact;
pub mod fact;
pub mod stock;
pub mod value;

pub use fact::{Cents, Fact, Item, Kind, Line, Method, No, Period, Pieces, Refused, Unit};
pub use stock::Books;
