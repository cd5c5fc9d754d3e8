//! Rules that a device and the server must answer alike. Pure functions of protocol types.

use crate::feed::TrackingRule;
use crate::operation::{Goods, Tracking};
use crate::quantity::Quantity;

/// Which part of the goods is not as the item demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum TrackingProblem {
    /// A lot is needed.
    #[error("a lot is needed")]
    LotMissing,
    /// A serial number is needed.
    #[error("a serial number is needed")]
    SerialMissing,
    /// A package number is needed.
    #[error("a package number is needed")]
    PackageMissing,
    /// An expiration date is needed.
    #[error("an expiration date is needed")]
    ExpiryMissing,
    /// A serial number stands for one base unit.
    #[error("a serial number stands for exactly one base unit")]
    SerialQuantity,
}

/// Checks what was captured against what the item demands, in the order in which a flow asks.
/// `inbound` adds the expiration date.
///
/// # Errors
///
/// The first thing that is missing or wrong.
pub fn check_tracking(
    rule: TrackingRule,
    goods: &Goods,
    inbound: bool,
) -> Result<(), TrackingProblem> {
    let Tracking { lot, serial, package } = &goods.tracking;
    if rule.lot && lot.is_none() {
        return Err(TrackingProblem::LotMissing);
    }
    if rule.expiry && inbound && lot.is_some() && goods.expiry.is_none() {
        return Err(TrackingProblem::ExpiryMissing);
    }
    if rule.serial && serial.is_none() && !goods.base.is_zero() {
        return Err(TrackingProblem::SerialMissing);
    }
    if rule.package && package.is_none() {
        return Err(TrackingProblem::PackageMissing);
    }
    if serial.is_some() && goods.base != Quantity::ONE && !goods.base.is_zero() {
        return Err(TrackingProblem::SerialQuantity);
    }
    Ok(())
}
