//! The files that pages load: small, ours, and readable in both colours.

use std::collections::BTreeMap;

use crate::dashboard::assets::{ASSETS, address, find, version};

#[test]
fn files_are_named_by_their_content_and_load_nothing_from_elsewhere() {
    assert_eq!(version().len(), 12);
    assert_eq!(address("main.js"), format!("/assets/{}/main.js", version()));
    let mut bytes = 0;
    for asset in &ASSETS {
        bytes += asset.content.len();
        assert!(asset.content.len() > 50, "{} is empty", asset.name);
        for elsewhere in ["http://", "https://", "//cdn", "@import", "eval(", "innerHTML +="] {
            let is_namespace = elsewhere == "http://" && asset.name == "icon.svg";
            assert!(is_namespace || !asset.content.contains(elsewhere), "{}", asset.name);
        }
    }
    assert!(bytes < 60_000, "{bytes} bytes for every page");
}

#[test]
fn modules_import_only_files_that_are_there() {
    for asset in ASSETS.iter().filter(|asset| asset.name.ends_with(".js")) {
        for import in asset.content.split(" from \"./").skip(1) {
            let (name, _rest) = import.split_once('"').unwrap();
            assert!(find(name).is_some(), "{} imports {name}", asset.name);
        }
    }
}

/// The tokens of the `n`th block of the style sheet that defines them.
fn tokens(n: usize) -> BTreeMap<String, [f64; 3]> {
    let css = find("dashboard.css").unwrap().content;
    let block = css.split("--page:").nth(n).unwrap();
    let block = format!("--page:{}", block.split('}').next().unwrap());
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
    lines
        .filter_map(|(name, value)| {
            let hex = value.trim_end_matches(';').strip_prefix('#')?;
            let part =
                |at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            Some((name.to_owned(), [part(0), part(2), part(4)]))
        })
        .collect()
}

/// Contrast of two colours.
///
/// Source: WCAG 2.2, relative luminance and contrast ratio.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let luminance = |colour: [f64; 3]| {
        let linear = colour.map(|part| {
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    };
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

#[test]
fn text_is_readable_on_every_ground_in_both_colours() {
    for n in [1, 2, 3] {
        let tokens = tokens(n);
        assert!(tokens.len() >= 12, "{tokens:?}");
        for ground in ["page", "surface"] {
            for text in ["text", "muted", "ok", "warn", "error", "info"] {
                let ratio = contrast(tokens[text], tokens[ground]);
                assert!(ratio >= 4.5, "block {n}: {text} on {ground} has {ratio:.1}");
            }
            for shape in ["border", "focus"] {
                let ratio = contrast(tokens[shape], tokens[ground]);
                assert!(ratio >= 3.0, "block {n}: {shape} on {ground} has {ratio:.1}");
            }
        }
        assert!(contrast(tokens["on-strong"], tokens["info"]) >= 4.5, "block {n}: a strong button");
    }
}

#[test]
fn both_ways_to_dark_are_the_same() {
    assert_eq!(tokens(2), tokens(3));
}
