//! Parts that pages are put together from.

use maud::{Markup, PreEscaped, html};
use protocol::code::Code;
use protocol::outcome::{Decision, Outcome, Reason, Settlement};
use protocol::text::{next_step, sentence};

use super::context::PageContext;
use super::query::Query;

/// Rows of a list before "load more".
pub const ROWS: usize = 50;

/// How serious something is. Shape and word differ with it, never the colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// A disc with a tick.
    Ok,
    /// A square.
    Info,
    /// A hollow circle.
    Waiting,
    /// A triangle.
    Warn,
    /// An octagon with a cross.
    Error,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Waiting => "waiting",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    const fn shape(self) -> &'static str {
        match self {
            Self::Ok => {
                r#"<circle cx="8" cy="8" r="7" fill="currentColor"/><path class="cut" d="M4.5 8.2l2.4 2.4 4.6-5"/>"#
            }
            Self::Info => {
                r#"<rect x="1.5" y="1.5" width="13" height="13" rx="1.5" fill="currentColor"/><path class="cut" d="M8 7v5M8 4v.5"/>"#
            }
            Self::Waiting => {
                r#"<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2"/>"#
            }
            Self::Warn => {
                r#"<path d="M8 1l7.4 13.5H.6z" fill="currentColor"/><path class="cut" d="M8 6v4M8 12v.6"/>"#
            }
            Self::Error => {
                r#"<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor"/><path class="cut" d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6"/>"#
            }
        }
    }
}

/// The shape of a tone. The word beside it says what it means.
pub fn sign(tone: Tone) -> Markup {
    html! {
        svg class={ "sign " (tone.class()) } viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
            (PreEscaped(tone.shape()))
        }
    }
}

/// A shape and a word.
pub fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (sign(tone)) " " (word) } }
}

/// A code, number or barcode: never translated, always left to right.
pub fn code(text: &str) -> Markup {
    html! { bdi class="code" dir="ltr" translate="no" { (text) } }
}

/// A figure that leads to where it comes from.
pub fn figure(address: &str, text: &str) -> Markup {
    html! { a class="figure" href=(address) { (text) } }
}

/// The head of a table: a column for each of the texts `keys`.
pub fn table_head(context: &PageContext, keys: &[&str]) -> Markup {
    html! { thead { tr { @for key in keys { th scope="col" { (context.t(key)) } } } } }
}

/// What a list shows when it has no rows: what will appear, and how.
pub fn empty(context: &PageContext, key: &str) -> Markup {
    html! { p class="empty" { (context.t(key)) } }
}

/// The way to the next rows.
pub fn more(context: &PageContext, address: &str) -> Markup {
    html! { p class="more" { a class="button" href=(address) data-more { (context.t("load-more")) } } }
}

/// A term and what it is.
pub fn fact(term: &str, value: &Markup) -> Markup {
    html! { div class="fact" { dt { (term) } dd { (value) } } }
}

/// A field of a filter: a text with its label.
pub fn text_filter(context: &PageContext, query: &Query, name: &str, label: &str) -> Markup {
    input_filter(context, query, name, (label, "search"))
}

/// A field of a filter: a day with its label.
pub fn date_filter(context: &PageContext, query: &Query, name: &str, label: &str) -> Markup {
    input_filter(context, query, name, (label, "date"))
}

fn input_filter(
    context: &PageContext,
    query: &Query,
    name: &str,
    (label, kind): (&str, &str),
) -> Markup {
    html! {
        div class="field" {
            label for={ "filter-" (name) } { (context.t(label)) }
            input id={ "filter-" (name) } name=(name) type=(kind) value=(query.text(name))
                autocomplete="off" spellcheck="false";
        }
    }
}

/// A field of a filter: one of a few values, or all. Each choice is a value and its word.
pub fn choice_filter(
    context: &PageContext,
    query: &Query,
    name: &str,
    label: &str,
    choices: &[(String, String)],
) -> Markup {
    html! {
        div class="field" {
            label for={ "filter-" (name) } { (context.t(label)) }
            select id={ "filter-" (name) } name=(name) {
                option value="" { (context.t("all")) }
                @for (value, word) in choices {
                    option value=(value) selected[query.is(name, value)] { (word) }
                }
            }
        }
    }
}

/// A form of filters that goes into the address. `keep` are values that stay as they are.
pub fn filter_form(
    context: &PageContext,
    path: &str,
    query: &Query,
    keep: &[&str],
    fields: &Markup,
) -> Markup {
    html! {
        form class="filters" method="get" action=(path) role="search"
            aria-label=(context.t("filter")) {
            @for name in keep {
                @if let Some(value) = query.get(name) {
                    input type="hidden" name=(name) value=(value);
                }
            }
            (fields)
            button type="submit" { (context.t("filter-apply")) }
            @if path != query.address(path) { a class="button quiet" href=(path) { (context.t("filter-clear")) } }
        }
    }
}

/// Values as a small line, oldest first. The figure beside it is what is read out.
pub fn sparkline(values: &[u64]) -> Markup {
    const WIDTH: u64 = 120;
    const HEIGHT: u64 = 28;
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let last = u64::try_from(values.len().saturating_sub(1)).unwrap_or(1).max(1);
    let mut points = String::new();
    for (n, value) in (0_u64..).zip(values) {
        let y = (HEIGHT - 2) - value * (HEIGHT - 4) / top;
        points.push_str(&format!("{},{y} ", n * WIDTH / last));
    }
    html! {
        svg class="sparkline" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none"
            aria-hidden="true" focusable="false" {
            polyline points=(points.trim_end()) fill="none" stroke="currentColor" stroke-width="1.5" {}
        }
    }
}

/// A decision in a word, with its shape.
pub fn decision_badge(context: &PageContext, decision: Decision) -> Markup {
    badge(decision_tone(decision), &context.t(decision_key(decision)))
}

/// The shape of a decision.
pub const fn decision_tone(decision: Decision) -> Tone {
    match decision {
        Decision::Accepted => Tone::Ok,
        Decision::Duplicate => Tone::Info,
        Decision::Changed => Tone::Warn,
        Decision::Parked => Tone::Waiting,
        Decision::Refused => Tone::Error,
    }
}

/// The word of a decision in addresses.
pub const fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Accepted => "accepted",
        Decision::Changed => "changed",
        Decision::Duplicate => "duplicate",
        Decision::Parked => "parked",
        Decision::Refused => "refused",
    }
}

/// Every decision.
pub const DECISIONS: [Decision; 5] = [
    Decision::Accepted,
    Decision::Changed,
    Decision::Duplicate,
    Decision::Parked,
    Decision::Refused,
];

const fn decision_key(decision: Decision) -> &'static str {
    match decision {
        Decision::Accepted => "decision-accepted",
        Decision::Changed => "decision-changed",
        Decision::Duplicate => "decision-duplicate",
        Decision::Parked => "decision-parked",
        Decision::Refused => "decision-refused",
    }
}

/// An outcome in words: the decision, whether it was restated, whether a count may still move.
pub fn outcome_badges(context: &PageContext, outcome: &Outcome) -> Markup {
    html! {
        (decision_badge(context, outcome.decision))
        @if outcome.revision > 1 {
            " " (badge(Tone::Info, &context.say("restated-n", &[("n", &(outcome.revision - 1).to_string())])))
        }
        @if outcome.settlement == Some(Settlement::Provisional) {
            " " (badge(Tone::Waiting, &context.t("provisional")))
        }
        @if outcome.uncertain { " " (badge(Tone::Warn, &context.t("clock-uncertain"))) }
    }
}

/// A reason as a sentence, with its code small beside it.
pub fn reason_line(context: &PageContext, reason: &Reason) -> Markup {
    html! {
        (sentence(reason, context.language)) " "
        small class="muted" { (code(reason.code.as_str())) }
    }
}

/// Reasons as a list of sentences.
pub fn reasons(context: &PageContext, reasons: &[Reason]) -> Markup {
    html! {
        @if !reasons.is_empty() {
            ul class="reasons" { @for reason in reasons { li { (reason_line(context, reason)) } } }
        }
    }
}

/// A refusal: what is so, the code, and what to do now.
pub fn refusal(context: &PageContext, reason: &Reason) -> Markup {
    let next = next_step(reason, context.language);
    html! {
        div class="refusal" role="alert" {
            p { (sign(Tone::Error)) " " strong { (sentence(reason, context.language)) } }
            @if !next.is_empty() { p { (next) } }
            p class="muted" { small { (context.t("code-label")) " " (code(reason.code.as_str())) } }
        }
    }
}

/// A reason code as a sentence without figures; other texts as they are.
pub fn reason_word(context: &PageContext, text: &str) -> String {
    let code = Code::from(text.to_owned());
    match code {
        Code::Later(text) => text,
        known => protocol::text::plain(&known, context.language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_stays_inside_its_box() {
        let line = sparkline(&[0, 5, 10]).into_string();
        assert!(line.contains(r#"points="0,26 60,14 120,2""#), "{line}");
        assert!(sparkline(&[]).into_string().contains(r#"points="""#));
        assert!(sparkline(&[7]).into_string().contains(r#"points="0,2""#));
    }
}
