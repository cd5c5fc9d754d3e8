//! The server's time as people of a place read it. Nothing here reads a clock.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use protocol::feed::LocationRow;
use protocol::identity::ServerTime;

/// The zone of a location; UTC where it is not known.
fn zone(location: Option<&LocationRow>) -> Tz {
    location.and_then(|row| row.time_zone.as_str().parse().ok()).unwrap_or(Tz::UTC)
}

fn local(time: ServerTime, location: Option<&LocationRow>) -> Option<DateTime<Tz>> {
    time.utc().map(|utc| utc.with_timezone(&zone(location)))
}

/// The day of a place.
pub(crate) fn day(time: ServerTime, location: Option<&LocationRow>) -> NaiveDate {
    local(time, location).map_or(NaiveDate::MIN, |time| time.date_naive())
}

/// Hour and minute of a place; with the date when it is another day than `now`.
pub(crate) fn hour(time: ServerTime, now: ServerTime, location: Option<&LocationRow>) -> String {
    let Some(at) = local(time, location) else { return String::new() };
    let today = local(now, location).is_some_and(|now| now.date_naive() == at.date_naive());
    at.format(if today { "%H:%M" } else { "%d-%m-%Y %H:%M" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_the_place() {
        let row = LocationRow {
            location: "MAIN".try_into().unwrap(),
            name: String::new(),
            site: "MAIN".try_into().unwrap(),
            time_zone: "Europe/Copenhagen".try_into().unwrap(),
            bin_mandatory: true,
            receipt_bin: None,
            shipment_bin: None,
            in_transit: false,
        };
        let late = ServerTime(1_795_388_400_000_000); // 2026-11-22T23:00:00Z
        assert_eq!(day(late, None).to_string(), "2026-11-22");
        assert_eq!(day(late, Some(&row)).to_string(), "2026-11-23");
        assert_eq!(hour(late, late, Some(&row)), "00:00");
        assert_eq!(hour(late, ServerTime(0), Some(&row)), "23-11-2026 00:00");
    }
}
