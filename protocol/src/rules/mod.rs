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

/// Whether an expiration date can be kept: it belongs to a lot, or to a serial number without one.
pub const fn keeps_expiry(tracking: &Tracking) -> bool {
    tracking.lot.is_some() || tracking.serial.is_some()
}

/// Checks what was captured against what the item demands, in the order in which a flow asks.
/// `inbound` adds the expiration date, where there is a lot or a serial number to keep it with.
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
    if rule.expiry && inbound && keeps_expiry(&goods.tracking) && goods.expiry.is_none() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::UnitFactor;

    const DATED_SERIALS: TrackingRule =
        TrackingRule { lot: false, serial: true, package: false, expiry: true };

    fn goods(serial: Option<&str>, expiry: Option<(i32, u32, u32)>) -> Goods {
        Goods {
            item: "PUMP".try_into().unwrap(),
            variant: None,
            unit: "PCS".try_into().unwrap(),
            factor: UnitFactor::ONE,
            quantity: Quantity::ONE,
            base: Quantity::ONE,
            tracking: Tracking {
                serial: serial.map(|serial| serial.try_into().unwrap()),
                ..Tracking::NONE
            },
            expiry: expiry.and_then(|(y, m, d)| chrono::NaiveDate::from_ymd_opt(y, m, d)),
            raw: None,
        }
    }

    #[test]
    fn an_expiration_date_is_asked_for_with_a_serial_number_too() {
        let missing = goods(Some("S1"), None);
        let dated = goods(Some("S1"), Some((2027, 1, 31)));
        let check = |goods, inbound| check_tracking(DATED_SERIALS, goods, inbound);
        assert_eq!(check(&missing, true), Err(TrackingProblem::ExpiryMissing));
        assert_eq!(check(&missing, false), Ok(()));
        assert_eq!(check(&dated, true), Ok(()));
        // Without the number there is nothing to keep a date with: the number comes first.
        assert_eq!(check(&goods(None, None), true), Err(TrackingProblem::SerialMissing));
    }
}
