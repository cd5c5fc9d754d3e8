//! Backups: how old, how they went, and what came back after a restore.

use ledger::tables::Tables;
use maud::{Markup, html};
use protocol::identity::ServerTime;

use super::{Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::view::recovery::{self, RecoveryView};

/// Runs that may be missed before it is said.
const MISSED_RUNS: i64 = 3;

/// How the backups are, in a word: its tone and its text.
pub(super) fn standing(context: &PageContext) -> (Tone, &'static str) {
    let status = &context.backup;
    if status.folder.is_none() {
        return (Tone::Warn, "backup-off");
    }
    if status.failed.is_some() {
        return (Tone::Error, "backup-failed");
    }
    let Some(verified) = &status.verified else {
        return (if status.running { Tone::Waiting } else { Tone::Warn }, "backup-never");
    };
    let age_us = context.now.us_since(ServerTime(verified.at_us));
    if age_us > i64::from(status.every_s) * 1_000_000 * MISSED_RUNS {
        return (Tone::Error, "backup-late");
    }
    if status.same_disk { (Tone::Warn, "backup-same-disk") } else { (Tone::Ok, "backup-proved") }
}

/// The page.
pub fn page(view: &dyn Tables, context: &PageContext) -> PageResult {
    Ok(Page::new(Section::Now, context.t("backup-title"))
        .with("backup", facts(context))
        .with("recovery", recoveries(view, context))
        .with("gaps", gaps(view, context)))
}

/// Operations that are nowhere any more, and who said that nobody waits for them.
fn gaps(view: &dyn Tables, context: &PageContext) -> Markup {
    let gaps = recovery::gaps(view);
    html! {
        h2 { (context.t("gaps-title")) }
        @if gaps.is_empty() { (part::empty(context, "gaps-none")) }
        @for gap in &gaps {
            p data-row {
                a data-open href={ "/devices/" (gap.device) } { (gap.name) } " "
                (context.say("gap-text", &[
                    ("from", &gap.from.to_string()),
                    ("to", &gap.to.to_string()),
                    ("incarnation", &gap.incarnation.to_string()),
                    ("found", &gap.n_found.to_string()),
                ])) " "
                span class="muted" { (format::age(context, gap.noticed)) } " "
                @match (&gap.by, gap.declared) {
                    (Some(by), Some(at)) => {
                        (part::badge(Tone::Info, &context.t("gap-lost"))) " " (by) " " (format::instant(context, at))
                    },
                    _ if !gap.is_open() => (part::badge(Tone::Ok, &context.t("gap-found"))),
                    _ => (part::badge(Tone::Error, &context.t("gap-open"))),
                }
            }
            @if gap.is_open() && context.may_decide() {
                form method="post" action={ "/gaps/" (gap.device) "/" (gap.incarnation) "/" (gap.from) } {
                    button type="submit" class="danger" { (context.t("gap-declare")) }
                }
            }
        }
    }
}

fn facts(context: &PageContext) -> Markup {
    let status = &context.backup;
    let (tone, word) = standing(context);
    let at = |us: i64| format::instant(context, ServerTime(us));
    html! {
        h2 { (context.t("backup-title")) }
        p class="muted" { (context.t("backup-text")) }
        dl class="facts" {
            (fact(&context.t("state"), &part::badge(tone, &context.t(word))))
            @if let Some(folder) = &status.folder {
                (fact(&context.t("backup-folder"), &code(folder)))
            }
            @if let Some(verified) = &status.verified {
                (fact(&context.t("backup-when"), &at(verified.at_us)))
                @if verified.full_at_us > 0 {
                    (fact(&context.t("backup-full"), &at(verified.full_at_us)))
                }
                (fact(&context.t("backup-holds"), &html! { (verified.to.intake) }))
            }
            @if let Some((at, why)) = &status.failed {
                (fact(&context.t("backup-why"), &html! { (why) " (" (format::age(context, *at)) ")" }))
            }
        }
        @if status.same_disk { p class="note warn" { (context.t("backup-same-disk-text")) } }
        @if status.running { p class="note info" { (context.t("backup-running")) } }
        @else if status.folder.is_some() && context.may_administer() {
            form method="post" action="/backup" {
                button type="submit" { (context.t("backup-now")) }
            }
        }
    }
}

fn recoveries(view: &dyn Tables, context: &PageContext) -> Markup {
    let recoveries = recovery::recoveries(view);
    html! {
        h2 { (context.t("recovery-title")) }
        @if recoveries.is_empty() { (part::empty(context, "recovery-none")) }
        @else { p class="muted" { (context.t("recovery-text")) } }
        @for recovery in &recoveries { (recovery_part(context, recovery)) }
    }
}

fn recovery_part(context: &PageContext, recovery: &RecoveryView) -> Markup {
    html! {
        h3 { (context.say("recovery-generation", &[("n", &recovery.epoch.to_string())])) }
        dl class="facts" {
            (fact(&context.t("recovery-began"), &format::instant(context, recovery.at)))
            (fact(&context.t("recovery-backup"), &format::instant_if_any(context, recovery.backup_at)))
            (fact(&context.t("recovery-regained"), &html! { (recovery.n_regained) }))
            @if let Some(lost_to) = recovery.lost_to {
                (fact(&context.t("recovery-lost-to"), &html! { (lost_to) }))
            }
        }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["recovery-device", "state", "recovery-regained", "last-seen"]))
                tbody { @for device in &recovery.devices {
                    tr data-row {
                        td { a data-open href={ "/devices/" (device.device) } { (device.name) } }
                        td {
                            @if device.heard.is_some() { (part::badge(Tone::Ok, &context.t("recovery-here"))) }
                            @else { (part::badge(Tone::Waiting, &context.t("recovery-awaited"))) }
                        }
                        td class="number" { (device.n_regained) }
                        td { (format::instant_if_any(context, device.heard)) }
                    }
                } }
            }
        }
    }
}
