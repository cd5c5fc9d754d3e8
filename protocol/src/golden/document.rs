//! The wire document read by its sections, and encoded maps held against them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

const DOCUMENT: &str = include_str!("../../WIRE.md");

/// An encoded value, as far as it has keys.
enum Value {
    Map(BTreeMap<String, Value>),
    Array(Vec<Value>),
    Plain,
}

struct AnyValue;

macro_rules! plain {
    ($($name:ident($type:ty)),*) => {
        $(fn $name<E>(self, _value: $type) -> Result<Value, E> { Ok(Value::Plain) })*
    };
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    plain!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_str(&str), visit_bytes(&[u8]));

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element()? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = pairs.next_entry()? {
            assert!(map.insert(key, value).is_none(), "a key stands once");
        }
        Ok(Value::Map(map))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// The keys with their types of the section, or the part, that begins with `title`: in the first table,
/// or in the sentence where a part is a sentence. None is an empty map.
pub(super) fn keys(title: &str) -> BTreeMap<String, String> {
    let (_before, after) =
        DOCUMENT.split_once(title).unwrap_or_else(|| panic!("the document has no {title}"));
    let section = after.split("\n#").next().unwrap();
    if title.ends_with(": map ") {
        let sentence = section.split([';', '\n']).next().unwrap();
        let words = sentence.split('`').skip(1).step_by(2);
        return words.map(|key| (key.to_owned(), String::new())).collect();
    }
    section
        .lines()
        .skip_while(|line| !line.starts_with("| `"))
        .take_while(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.split(" | ").collect();
            let key = cells[0].trim_start_matches("| `").trim_end_matches('`');
            (key.to_owned(), cells[2].to_owned())
        })
        .collect()
}

/// The title of what the document calls `part`.
fn title_of(part: &str) -> String {
    let titles = [format!("**{part}**: "), format!("{part}: map ")];
    if let Some(title) = titles.into_iter().find(|title| DOCUMENT.contains(title)) {
        return title;
    }
    let row = format!("\n{part}: a row of table ");
    let (_before, after) =
        DOCUMENT.split_once(&row).unwrap_or_else(|| panic!("the document does not say {part}"));
    let (number, _rest) = after.split_once('.').unwrap();
    let table = format!("### Table {number}: ");
    let (_before, after) = DOCUMENT.split_once(&table).unwrap();
    format!("{table}{}\n", after.lines().next().unwrap())
}

/// Sections of the document, and the keys of each that encoded maps had.
#[derive(Default)]
pub(super) struct Described(BTreeMap<String, BTreeSet<String>>);

impl Described {
    /// What was met, by the title of its section.
    pub(super) fn seen(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(title, keys)| (title.as_str(), keys))
    }

    /// Holds an encoded map, and every map in it, against the section `title`.
    ///
    /// # Panics
    ///
    /// Where the document does not name a key.
    pub(super) fn walk(&mut self, title: &str, bytes: &[u8]) {
        self.value(title, &rmp_serde::from_slice(bytes).unwrap());
    }

    fn value(&mut self, title: &str, value: &Value) {
        match value {
            Value::Plain => {}
            Value::Array(values) => values.iter().for_each(|value| self.value(title, value)),
            Value::Map(map) => self.map(title, map),
        }
    }

    fn map(&mut self, title: &str, map: &BTreeMap<String, Value>) {
        let named = keys(title);
        let seen = self.0.entry(title.to_owned()).or_default();
        seen.extend(map.keys().cloned());
        for (key, value) in map {
            let Some(kind) = named.get(key) else {
                panic!("the document does not name the key {key} in {title}");
            };
            let part = kind.trim_end_matches(" (may be missing)").trim_end_matches('?');
            let part = part.trim_matches(['[', ']']);
            if has_keys(value) {
                self.value(&title_of(part), value);
            }
        }
    }
}

/// Whether there is a map in it. A quantity is an array of numbers, and has no part.
fn has_keys(value: &Value) -> bool {
    match value {
        Value::Plain => false,
        Value::Array(values) => values.iter().any(has_keys),
        Value::Map(_) => true,
    }
}
