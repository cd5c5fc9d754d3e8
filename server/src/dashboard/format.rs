//! How instants, ages, quantities and shares read in the language of a page.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use maud::{Markup, html};
use protocol::identity::ServerTime;
use protocol::quantity::Quantity;
use protocol::text::Language;

use super::context::PageContext;

/// What stands where there is nothing to show.
pub const NOTHING: &str = "–";

const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;

/// A quantity, with the decimal sign of the language.
pub fn quantity(context: &PageContext, quantity: Quantity) -> String {
    decimal(context.language, &quantity.to_string())
}

/// A quantity with its sign, also when it is above zero.
pub fn signed(context: &PageContext, amount: Quantity) -> String {
    let text = quantity(context, amount);
    if amount.is_positive() { format!("+{text}") } else { text }
}

fn decimal(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Danish => text.replace('.', ","),
    }
}

/// Reads a quantity as it is typed: comma and point both mean decimal.
pub fn typed_quantity(text: &str) -> Option<Quantity> {
    text.trim().replace(',', ".").parse().ok()
}

fn local(context: &PageContext, time: ServerTime) -> Option<DateTime<Tz>> {
    time.utc().map(|utc| utc.with_timezone(&context.zone))
}

const fn date_pattern(language: Language) -> &'static str {
    match language {
        Language::English => "%Y-%m-%d",
        Language::Danish => "%d-%m-%Y",
    }
}

/// A date in the order of the language.
pub fn date(context: &PageContext, date: NaiveDate) -> String {
    date.format(date_pattern(context.language)).to_string()
}

/// An instant: the time of day when it is of today, else with its date. The exact instant stands in
/// the element.
pub fn instant(context: &PageContext, time: ServerTime) -> Markup {
    let (Some(at), Some(now)) = (local(context, time), local(context, context.now)) else {
        return html! { (NOTHING) };
    };
    let day = date_pattern(context.language);
    let full = at.format(&format!("{day} %H:%M:%S%.3f %Z")).to_string();
    let shown = if at.date_naive() == now.date_naive() {
        at.format("%H:%M:%S").to_string()
    } else {
        at.format(&format!("{day} %H:%M:%S")).to_string()
    };
    html! { time datetime=(at.to_rfc3339()) title=(full) { (shown) } }
}

/// An instant, or a dash.
pub fn instant_if_any(context: &PageContext, time: Option<ServerTime>) -> Markup {
    time.map_or_else(|| html! { (NOTHING) }, |time| instant(context, time))
}

/// A length of time, roughly: `12 s`, `4 min`, `3 h`, `2 d`.
pub fn length(context: &PageContext, us: i64) -> String {
    let us = us.max(0);
    let (key, unit) = match us {
        ..MINUTE_US => ("age-seconds", SECOND_US),
        MINUTE_US..HOUR_US => ("age-minutes", MINUTE_US),
        HOUR_US..DAY_US => ("age-hours", HOUR_US),
        DAY_US.. => ("age-days", DAY_US),
    };
    context.say(key, &[("n", &(us / unit).to_string())])
}

/// How long ago `time` was.
pub fn age(context: &PageContext, time: ServerTime) -> String {
    length(context, context.now.us_since(time))
}

/// A short length of time with a decimal: `0.4 s`; longer than two minutes as [`length`] has it.
pub fn fine_length(context: &PageContext, us: i64) -> String {
    if us >= 2 * MINUTE_US {
        return length(context, us);
    }
    let tenths = us / (SECOND_US / 10);
    let text = format!("{}.{}", tenths / 10, tenths % 10);
    context.say("age-seconds", &[("n", &decimal(context.language, &text))])
}

/// Half the width of an interval: `±0.4 s`.
pub fn error(context: &PageContext, epsilon_us: u64) -> String {
    if epsilon_us == 0 {
        return context.t("exact");
    }
    let us = i64::try_from(epsilon_us).unwrap_or(i64::MAX);
    let milliseconds = us / 1_000;
    if milliseconds < 100 {
        return format!("±{} ms", milliseconds.max(1));
    }
    format!("±{}", fine_length(context, us))
}

/// The end of a day in the zone of the page: the first instant after it.
pub fn end_of_day(context: &PageContext, day: NaiveDate) -> Option<ServerTime> {
    start_of_day(context, day.succ_opt()?)
}

/// The first instant of a day in the zone of the page.
pub fn start_of_day(context: &PageContext, day: NaiveDate) -> Option<ServerTime> {
    // A day may start later than midnight where clocks are set forward at midnight.
    (0..=3).find_map(|hour| {
        let at = day.and_hms_opt(hour, 0, 0)?;
        let at = at.and_local_timezone(context.zone).earliest()?;
        Some(ServerTime(at.timestamp_micros()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::tests::context;

    #[test]
    fn instants_of_today_show_no_date_and_others_do() {
        let context = context();
        let today = instant(&context, context.now).into_string();
        assert!(today.contains(">13:04:10<"), "{today}");
        let before = instant(&context, context.now.plus_us(-DAY_US)).into_string();
        assert!(before.contains(">2026-11-22 13:04:10<"), "{before}");
    }

    #[test]
    fn errors_read_as_people_say_them() {
        let context = context();
        assert_eq!(error(&context, 0), "exact");
        assert_eq!(error(&context, 40_000), "±40 ms");
        assert_eq!(error(&context, 1_250_000), "±1.2 s");
        assert_eq!(error(&context, 3 * 60_000_000), "±3 min");
    }

    #[test]
    fn comma_and_point_both_mean_decimal() {
        assert_eq!(typed_quantity(" 2,5 "), "2.5".parse().ok());
        assert_eq!(typed_quantity("2.5"), "2.5".parse().ok());
        assert_eq!(typed_quantity("2,5,1"), None);
        assert_eq!(typed_quantity("1e3"), None);
    }

    #[test]
    fn a_day_ends_where_the_next_one_starts() {
        let context = context();
        let day = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
        let length = end_of_day(&context, day).unwrap().0 - start_of_day(&context, day).unwrap().0;
        assert_eq!(length, 23 * HOUR_US, "clocks are set forward on this day");
    }
}
