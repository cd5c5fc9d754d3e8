//! Signing in at a desk, and the form of the first administrator.

use maud::{Markup, html};
use protocol::outcome::Reason;

use crate::dashboard::context::PageContext;
use crate::dashboard::part;
use crate::dashboard::query::{Query, encoded};
use crate::dashboard::shell;

/// The form. `back` is where to go then; `is_first` when nobody administers the company yet;
/// `refused` is why it was not enough when it was tried.
pub fn page(
    context: &PageContext,
    back: &str,
    (is_first, refused): (bool, Option<&Reason>),
) -> Markup {
    let content = html! {
        @if let Some(reason) = refused { (part::refusal(context, reason)) }
        @if is_first {
            p class="note info" { (part::sign(part::Tone::Info)) " " (context.t("sign-in-first")) }
        }
        form method="post" action="/login" {
            input type="hidden" name="back" value=(back);
            div class="field" {
                label for="login-user" { (context.t("user")) }
                input id="login-user" name="user" autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus;
            }
            div class="field" {
                label for="login-password" { (context.t("password")) }
                input id="login-password" name="password" type="password"
                    autocomplete="current-password" required;
            }
            button type="submit" class="primary" { (context.t("sign-in")) }
        }
    };
    shell::bare(context, &context.t("sign-in"), &content)
}

/// The form behind the one-time link, with what was typed before.
pub fn first_page(
    context: &PageContext,
    (token, typed): (&str, &Query),
    refused: Option<&Reason>,
) -> Markup {
    let content = html! {
        p { (context.t("first-text")) }
        @if let Some(reason) = refused { (part::refusal(context, reason)) }
        form method="post" action={ "/first/" (encoded(token)) } {
            div class="field" {
                label for="first-user" { (context.t("user")) }
                input id="first-user" name="user" autocomplete="username" autocapitalize="none"
                    spellcheck="false" maxlength="20" value=(typed.text("user")) required autofocus;
            }
            div class="field" {
                label for="first-name" { (context.t("name")) }
                input id="first-name" name="name" autocomplete="name" value=(typed.text("name")) required;
            }
            div class="field" {
                label for="first-password" { (context.t("password")) }
                input id="first-password" name="password" type="password"
                    autocomplete="new-password" required;
            }
            button type="submit" class="primary" { (context.t("first-make")) }
        }
    };
    shell::bare(context, &context.t("first-title"), &content)
}

/// For a person who is signed in and may not look.
pub fn not_allowed(context: &PageContext, reason: &Reason) -> Markup {
    let content = html! {
        (part::refusal(context, reason))
        p { (context.t("only-operator")) }
        form method="post" action="/logout" { button type="submit" { (context.t("sign-out")) } }
    };
    shell::bare(context, &context.t("error-title"), &content)
}

/// Where to go after signing in: a page of this server, nothing else.
pub fn safe_back(back: &str) -> &str {
    let local = back.starts_with('/')
        && !back.starts_with("//")
        && !back.contains(|c: char| c == '\\' || c.is_control());
    if local { back } else { "/now" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_to_another_server() {
        assert_eq!(safe_back("/stock?by=bin"), "/stock?by=bin");
        for foreign in
            ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\nb", "/\t/x"]
        {
            assert_eq!(safe_back(foreign), "/now", "{foreign:?}");
        }
    }
}
