//! What stands round every page: rail, top bar, and the dialogs of the keyboard.

use maud::{DOCTYPE, Markup, html};
use protocol::text::Language;

use super::assets;
use super::context::{PageContext, Theme};
use super::page::{Page, Section};
use super::part::{self, Tone};
use super::query::encoded;

/// The whole document of `page`, opened at `address` (path and filters).
pub fn document(context: &PageContext, page: &Page, address: &str) -> Markup {
    let stream = (!page.still).then(|| format!("/sse{address}"));
    html! {
        (DOCTYPE)
        html lang=(context.language.tag()) data-theme=(context.theme.name()) {
            (head(context, &page.title))
            body data-stream=[stream] data-head=(context.head)
                data-keys=(if context.single_keys { "on" } else { "off" }) {
                a class="skip" href="#main" { (context.t("skip")) }
                (rail(context, page.section))
                div class="shell" {
                    (top_bar(context, address))
                    main id="main" tabindex="-1" {
                        h1 { (page.title) }
                        @for fragment in &page.fragments {
                            section id={ "f-" (fragment.name) } class={ "fragment " (fragment.name) } {
                                (fragment.markup)
                            }
                        }
                    }
                }
                (help(context))
                (palette(context))
                div id="said" class="visually-hidden" role="status" aria-live="polite" {}
            }
        }
    }
}

/// A document without rail and top bar: for those who are not signed in, and for errors.
pub fn bare(context: &PageContext, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(context.language.tag()) data-theme=(context.theme.name()) {
            (head(context, title))
            body class="bare" data-keys="off" {
                main id="main" tabindex="-1" {
                    p class="brand" { (brand()) " Tallyman" }
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

fn head(context: &PageContext, title: &str) -> Markup {
    let company = if context.company.is_empty() { "Tallyman" } else { &context.company };
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · " (company) }
            link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
            link rel="stylesheet" href=(assets::address("dashboard.css"));
            script type="module" src=(assets::address("main.js")) {}
        }
    }
}

/// The sign of the product: four strokes and a fifth across.
fn brand() -> Markup {
    html! {
        svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false" {
            path d="M5 4v16M10 4v16M15 4v16M20 4v16M2 17L23 7" fill="none" stroke="currentColor"
                stroke-width="2.4" stroke-linecap="round" {}
        }
    }
}

const fn icon(section: Section) -> &'static str {
    match section {
        Section::Now | Section::Nothing => "M12 3a9 9 0 1 0 .1 0M12 7v5l3.5 2",
        Section::Devices => "M7 2h10v20H7zM10 19h4M7 5h10",
        Section::Stock => "M3 8l9-5 9 5v9l-9 5-9-5zM3 8l9 5 9-5M12 13v9",
        Section::Movements => "M4 8h14l-4-4M20 16H6l4 4",
        Section::Workbench => "M4 7h16v13H4zM9 7V4h6v3M4 12h16",
        Section::Tasks => "M4 6l2 2 3-4M4 13l2 2 3-4M4 20l2 2 3-4M12 6h8M12 13h8M12 20h8",
        Section::Counts => "M4 4v16M9 4v16M14 4v16M19 4v16M2 15L22 9",
        Section::Money => "M4 4h16v16H4zM8 9h8M8 13h8M8 17h4",
        Section::Items => "M3 5v14M6 5v14M10 5v14M12 5v14M16 5v14M18 5v14M21 5v14",
    }
}

/// The pages that the reader may open.
fn sections(context: &PageContext) -> impl Iterator<Item = Section> {
    let money = context.may_see_money();
    Section::RAIL.into_iter().filter(move |section| money || *section != Section::Money)
}

fn rail(context: &PageContext, current: Section) -> Markup {
    html! {
        nav class="rail" aria-label=(context.t("nav")) {
            a class="brand" href="/now" aria-label="Tallyman" { (brand()) span { "Tallyman" } }
            ul {
                @for section in sections(context) {
                    li {
                        a href=(section.address()) data-go=(section.letter())
                            aria-current=[(section == current).then_some("page")] {
                            svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false" {
                                path d=(icon(section)) fill="none" stroke="currentColor"
                                    stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round" {}
                            }
                            span { (context.t(section.key())) }
                        }
                    }
                }
            }
        }
    }
}

fn top_bar(context: &PageContext, address: &str) -> Markup {
    html! {
        header class="top" {
            span class="company" { (context.company) }
            form class="search" method="get" action="/search" role="search" {
                label class="visually-hidden" for="search" { (context.t("search-label")) }
                input id="search" name="q" type="search" placeholder=(context.t("search-hint"))
                    autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
            }
            (live_chip(context))
            details class="person" {
                summary { (context.person.as_ref().map_or("", |person| person.name.as_str())) }
                div class="menu" {
                    (preferences(context, address))
                    form method="post" action="/logout" {
                        button type="submit" { (context.t("sign-out")) }
                    }
                }
            }
        }
    }
}

/// Whether the page is live, with the age of what it shows. Moved by the page's own module.
fn live_chip(context: &PageContext) -> Markup {
    html! {
        span id="live" class="live" data-state="starting" role="status"
            data-live=(context.t("live")) data-lost=(context.t("live-lost"))
            data-stale=(context.t("live-stale")) data-paused=(context.t("live-paused"))
            data-still=(context.t("live-still")) {
            span class="dot" aria-hidden="true" {}
            span class="word" { (context.t("live-starting")) }
            " " span class="clock" { (super::format::instant(context, context.now)) }
        }
    }
}

fn preferences(context: &PageContext, address: &str) -> Markup {
    let language = |of: Language, word: &str| {
        html! { option value=(of.tag()) selected[context.language == of] lang=(of.tag()) { (word) } }
    };
    let theme = |of: Theme, key: &str| {
        html! { option value=(of.name()) selected[context.theme == of] { (context.t(key)) } }
    };
    html! {
        form class="preferences" method="post" action="/preferences" {
            input type="hidden" name="back" value=(address);
            div class="field" {
                label for="pref-language" { (context.t("language")) }
                select id="pref-language" name="language" {
                    (language(Language::English, "English"))
                    (language(Language::Danish, "Dansk"))
                }
            }
            div class="field" {
                label for="pref-theme" { (context.t("theme")) }
                select id="pref-theme" name="theme" {
                    (theme(Theme::Auto, "theme-auto"))
                    (theme(Theme::Light, "theme-light"))
                    (theme(Theme::Dark, "theme-dark"))
                }
            }
            div class="field" {
                label for="pref-keys" { (context.t("single-keys")) }
                select id="pref-keys" name="keys" {
                    option value="on" selected[context.single_keys] { (context.t("on")) }
                    option value="off" selected[!context.single_keys] { (context.t("off")) }
                }
            }
            button type="submit" { (context.t("save")) }
        }
    }
}

fn help(context: &PageContext) -> Markup {
    let row =
        |keys: &str, key: &str| html! { tr { td { kbd { (keys) } } td { (context.t(key)) } } };
    html! {
        dialog id="help" aria-labelledby="help-title" {
            h2 id="help-title" { (context.t("keys-title")) }
            table {
                tbody {
                    (row("?", "keys-help"))
                    (row("/", "keys-search"))
                    (row("Ctrl K", "keys-palette"))
                    @for section in sections(context) {
                        tr {
                            td { kbd { "G " (section.letter()) } }
                            td { (context.t(section.key())) }
                        }
                    }
                    (row("J K", "keys-rows"))
                    (row("Enter", "keys-open"))
                    (row("E", "keys-resolve"))
                    (row("Space", "keys-pause"))
                    (row("Esc", "keys-back"))
                }
            }
            p class="muted" { (context.t("keys-scanner")) }
            form method="dialog" { button type="submit" { (context.t("close")) } }
        }
    }
}

fn palette(context: &PageContext) -> Markup {
    html! {
        dialog id="palette" aria-label=(context.t("palette")) {
            form method="get" action="/search" {
                label class="visually-hidden" for="palette-search" { (context.t("search-label")) }
                input id="palette-search" name="q" type="search" autocomplete="off" spellcheck="false"
                    placeholder=(context.t("search-hint"));
            }
            ul {
                @for section in sections(context) {
                    li { a href=(section.address()) { (context.t(section.key())) } }
                }
                li { a href="/devices/enrol" { (context.t("enrol-title")) } }
                li { a href="/stock?by=bin" { (context.t("stock-by-bin")) } }
                li { a href="/bins" { (context.t("bins-title")) } }
                li { a href="/documents" { (context.t("documents-title")) } }
            }
        }
    }
}

/// The page that says why there is none.
pub fn error_page(context: &PageContext, reason: &protocol::outcome::Reason) -> Markup {
    let content = html! {
        (part::refusal(context, reason))
        p { a class="button" href="/now" { (context.t("error-back")) } }
    };
    bare(context, &context.t("error-title"), &content)
}

/// The page of a fault: nothing was done, and it may be tried again.
pub fn fault_page(context: &PageContext, address: &str) -> Markup {
    let content = html! {
        p { (part::sign(Tone::Error)) " " strong { (context.t("fault-message")) } }
        p { (context.t("fault-next")) }
        p class="muted" { small { (context.t("code-label")) " " (part::code("fault")) } }
        p { a class="button" href=(address) { (context.t("try-again")) } }
    };
    bare(context, &context.t("error-title"), &content)
}

/// Where to go after signing in.
pub fn sign_in_address(back: &str) -> String {
    format!("/login?back={}", encoded(back))
}
