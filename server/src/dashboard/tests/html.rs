//! What a document must hold to whoever reads it, and however.

use std::collections::BTreeSet;

/// A tag that opens.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _value)| known == name).map(|(_name, value)| &**value)
    }
}

const VOID: [&str; 5] = ["input", "link", "meta", "br", "hr"];

/// The tags of `html`; panics where they are not nested right.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").unwrap_or(html);
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let inner = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "wrongly nested before {rest:.60}");
            continue;
        }
        let self_closed = inner.ends_with('/');
        let (name, attributes) = inner
            .trim_end_matches('/')
            .split_once(' ')
            .unwrap_or((inner.trim_end_matches('/'), ""));
        let tag = Tag { name: name.to_owned(), attributes: attributes_of(attributes) };
        if !self_closed && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        tags.push(tag);
    }
    assert_eq!(open, Vec::<String>::new(), "left open");
    tags
}

fn attributes_of(mut text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return attributes;
        }
        let end = text.find(['=', ' ']).unwrap_or(text.len());
        let name = text[..end].to_owned();
        text = &text[end..];
        let Some(value) = text.strip_prefix("=\"") else {
            attributes.push((name, String::new()));
            continue;
        };
        let (value, tail) = value.split_once('"').expect("a value ends");
        attributes.push((name, value.to_owned()));
        text = tail;
    }
}

/// Checks a document: one heading of the first level, a label for every field, ids that are there
/// once, links that lead somewhere, nothing that runs or styles inside the document.
pub(super) fn check(html: &str) -> Vec<Tag> {
    let tags = tags(html);
    let of = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
    assert_eq!(of("h1"), 1, "one h1");
    assert_eq!(of("main"), 1, "one main");
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        assert!(ids.insert(id), "the id {id} stands twice");
    }
    let labels: BTreeSet<&str> =
        tags.iter().filter(|tag| tag.name == "label").filter_map(|tag| tag.get("for")).collect();
    for tag in &tags {
        let is_field = ["input", "select", "textarea"].contains(&tag.name.as_str());
        if is_field && tag.get("type") != Some("hidden") {
            let id = tag.get("id").unwrap_or_else(|| panic!("{tag:?} has no id"));
            assert!(labels.contains(id), "{tag:?} has no label");
        }
        if tag.name == "a" {
            let to = tag.get("href").unwrap_or_default();
            assert!(to.starts_with('/') || to.starts_with('#'), "{tag:?} leads nowhere");
        }
        if tag.name == "script" {
            assert!(tag.get("src").is_some(), "a script inside the document");
        }
        for (name, _value) in &tag.attributes {
            assert!(name != "style" && !name.starts_with("on"), "{tag:?} styles or runs");
        }
    }
    for label in labels {
        assert!(ids.contains(label), "a label for {label}, which is not there");
    }
    tags
}

/// The text of `html` without its tags.
pub(super) fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
