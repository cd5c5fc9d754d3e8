//! Signing in at a desk.

use maud::{Markup, html};
use protocol::outcome::Reason;

use crate::dashboard::context::PageContext;
use crate::dashboard::part;
use crate::dashboard::shell;

/// The form, with why it was not enough when it was tried before. `back` is where to go then.
pub fn page(context: &PageContext, back: &str, refused: Option<&Reason>) -> Markup {
    let content = html! {
        @if let Some(reason) = refused { (part::refusal(context, reason)) }
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
        p class="muted" { (context.t("sign-in-text")) }
    };
    shell::bare(context, &context.t("sign-in"), &content)
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
    let local = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\n', '\r']);
    if local { back } else { "/now" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_never_leads_to_another_server() {
        assert_eq!(safe_back("/stock?by=bin"), "/stock?by=bin");
        for foreign in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\nb"] {
            assert_eq!(safe_back(foreign), "/now", "{foreign:?}");
        }
    }
}
