//! A new device: a one-time code as a QR, as text, with the time that is left; and whether it was
//! used.

use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::schema::identity::{Comparisons, DeviceState, Devices, Enrolments};
use ledger::schema::place::SitesByCode;
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, PreEscaped, html};
use protocol::enrolment::comparison as comparison_of;
use protocol::identity::DeviceId;
use protocol::words::SiteCode;

use super::{Missing, Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code};
use crate::enrolment::qr_svg;

/// A one-time code that was just made: shown once, kept nowhere in the clear.
#[derive(Debug, Clone)]
pub struct Made {
    /// The text of the enrolment code.
    pub text: String,
    /// The SHA-256 of its one-time code: the key of its row.
    pub hash: [u8; 32],
    /// Until when it may be used.
    pub expires: protocol::identity::ServerTime,
    /// The site that the device will work in.
    pub site: SiteCode,
    /// The pin of the server's certificate, to be compared; none without TLS.
    pub pin: Option<String>,
}

/// The form that asks for a code.
pub fn form_page(view: &dyn Tables, context: &PageContext) -> PageResult {
    let mut sites = Vec::new();
    each_of::<SitesByCode>(view, &KeyRange::all(), false, &mut |code: SiteCode, _id| {
        sites.push(code);
        ControlFlow::Continue(())
    });
    let form = html! {
        @if sites.is_empty() { (part::empty(context, "enrol-no-site")) }
        @else {
            p { (context.t("enrol-text")) }
            form method="post" action="/devices/enrol" {
                div class="field" {
                    label for="enrol-site" { (context.t("site")) }
                    select id="enrol-site" name="site" required {
                        @for site in &sites { option value=(site) { (site) } }
                    }
                }
                div class="field" {
                    label for="enrol-compare" { (context.t("enrol-compare-ask")) }
                    input id="enrol-compare" type="checkbox" name="compare" value="yes" checked;
                }
                button type="submit" class="primary" { (context.t("enrol-make")) }
            }
            p class="muted" { (context.t("enrol-encryption")) }
        }
    };
    Ok(Page::new(Section::Devices, context.t("enrol-title")).with("form", form).still())
}

/// The code itself. Whether it was used is a fragment of [`state_page`], at its own address.
///
/// # Errors
///
/// [`Missing`] when the text does not fit a QR, which the length of a valid address prevents.
pub fn code_page(context: &PageContext, made: &Made) -> PageResult {
    let picture = qr_svg(&made.text).ok_or_else(|| Missing::nothing(&context.t("enrol-title")))?;
    let expires = made.expires.utc().map(|utc| utc.to_rfc3339()).unwrap_or_default();
    let hash = data_encoding::HEXLOWER.encode(&made.hash);
    let content = html! {
        ol {
            li { (context.t("enrol-step-open")) }
            li { (context.t("enrol-step-scan")) }
            li { (context.t("enrol-step-sign-in")) }
        }
        div class="qr" role="img" aria-label=(context.t("enrol-qr")) { (PreEscaped(picture)) }
        p class="countdown" data-expires=(expires) data-over=(context.t("enrol-expired")) role="timer" {
            (context.t("enrol-valid-until")) " " (format::instant(context, made.expires)) " "
            span class="left" {}
        }
        details {
            summary { (context.t("enrol-as-text")) }
            div class="field" {
                label for="enrol-code" { (context.t("enrol-code")) }
                textarea id="enrol-code" readonly rows="5" spellcheck="false" translate="no" { (made.text) }
            }
        }
        p { (context.t("site")) " " (code(made.site.as_str())) }
        @if let Some(pin) = &made.pin { p { (context.t("enrol-pin")) " " (code(pin)) } }
        p { a class="button" href={ "/devices/enrolment/" (hash) } { (context.t("enrol-watch")) } }
        p class="muted" { (context.t("enrol-once")) }
    };
    Ok(Page::new(Section::Devices, context.t("enrol-title")).with("code", content).still())
}

/// Whether a code was used, and by which device.
pub fn state_page(view: &dyn Tables, context: &PageContext, hash: &str) -> PageResult {
    let missing = || Missing::nothing(&context.t("enrol-title"));
    let bytes = data_encoding::HEXLOWER.decode(hash.as_bytes()).map_err(|_not_hex| missing())?;
    let key: [u8; 32] = bytes.try_into().map_err(|_length| missing())?;
    let row = view.row::<Enrolments>(&key).ok_or_else(missing)?;
    let state = html! {
        @match row.used_by {
            Some(device) => {
                p { (part::badge(Tone::Ok, &context.t("enrol-used"))) }
                @if view.has::<Comparisons>(&key) { (comparison(view, context, device)) }
                p { a class="button primary" href={ "/devices/" (device) } { (names::device_name(view, device)) } }
            },
            None if row.expires <= context.now => {
                p { (part::badge(Tone::Error, &context.t("enrol-expired"))) }
                p { a class="button" href="/devices/enrol" { (context.t("enrol-again")) } }
            },
            None => {
                p { (part::badge(Tone::Waiting, &context.t("enrol-waiting"))) }
                p { (context.t("enrol-valid-until")) " " (format::instant(context, row.expires)) }
            },
        }
        p class="muted" {
            (context.t("site")) " " (names::site_code(view, row.site)) " · "
            (context.t("made-by")) " " (names::person(view, &row.by))
        }
    };
    Ok(Page::new(Section::Devices, context.t("enrol-state-title")).with("state", state))
}

/// Whether a device waits until a person has compared its six digits.
pub fn is_to_compare(view: &dyn Tables, device: DeviceId) -> bool {
    let mut waits = false;
    each_of::<Enrolments>(view, &KeyRange::all(), false, &mut |code, enrolment| {
        waits = enrolment.used_by == Some(device) && view.has::<Comparisons>(&code);
        if waits { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    waits
}

/// The digits that the device shows, and what to say to them; nothing once that was said.
fn comparison(view: &dyn Tables, context: &PageContext, id: DeviceId) -> Markup {
    let device = view.row::<Devices>(&id).filter(|row| row.state == DeviceState::Suspended);
    let act = |action: &str, key: &str, class: &str| {
        html! {
            form method="post" action={ "/devices/" (id) "/" (action) } {
                button type="submit" class=(class) { (context.t(key)) }
            }
        }
    };
    html! {
        @if let Some(device) = device {
            p { (context.t("enrol-compare")) }
            p class="digits" { (code(&comparison_of(&device.public_key))) }
            div class="actions" {
                (act("resume", "enrol-confirm", "primary"))
                (act("refuse", "enrol-refuse", "danger"))
            }
        }
    }
}
