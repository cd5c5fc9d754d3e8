//! One body of each kind of operation and one row of each table, with every field filled: their bytes
//! kept for ever, and the wire document held against their keys at every depth.
//!
//! A field that a later release adds goes with a sample of its own behind the others: recorders in the
//! field hold the bodies that are here.

mod bodies;
mod document;
mod rows;

use std::collections::BTreeSet;

use document::Described;

use crate::feed::FeedRow;
use crate::operation::Body;

const BODIES: &str = include_str!("../../golden/bodies-1.txt");
const ROWS: &str = include_str!("../../golden/rows-1.txt");

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Name and bytes of each line of a golden file.
fn lines(golden: &'static str) -> Vec<(&'static str, Vec<u8>)> {
    golden
        .lines()
        .map(|line| {
            let (name, text) = line.split_once(' ').unwrap();
            (name, data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap())
        })
        .collect()
}

/// Compares what is written now with `golden`. With `UPDATE` lines may be added behind those that are
/// there.
fn compare(file: &str, golden: &str, samples: &[(String, Vec<u8>)]) {
    let line = |(name, bytes): &(String, Vec<u8>)| format!("{name} {}\n", hex(bytes));
    let now = samples.iter().map(line).collect::<Vec<_>>().concat();
    if std::env::var_os("UPDATE").is_some() && now.starts_with(golden) {
        let path = format!("{}/golden/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, &now).unwrap();
    }
    assert_eq!(now, golden, "the wire changed: {file}");
}

fn of_bodies() -> Vec<(String, Vec<u8>)> {
    bodies::bodies().iter().map(|body| (body.kind().to_owned(), body.encode())).collect()
}

fn of_rows() -> Vec<(String, Vec<u8>)> {
    rows::rows().iter().map(|row| (row.table().to_string(), row.encode())).collect()
}

/// A difference here is a change of the wire: what lies in recorders, and devices in the field, would
/// not be understood. Add a field instead, or a version of the kind.
#[test]
fn the_bytes_of_every_body_are_those_of_the_first_release() {
    compare("bodies-1.txt", BODIES, &of_bodies());
}

/// See [`the_bytes_of_every_body_are_those_of_the_first_release`]: replicas hold rows for months.
#[test]
fn the_bytes_of_every_row_are_those_of_the_first_release() {
    compare("rows-1.txt", ROWS, &of_rows());
}

#[test]
fn every_kind_and_every_table_has_a_sample_that_reads_back() {
    let mut kinds = BTreeSet::new();
    for ((kind, bytes), body) in lines(BODIES).into_iter().zip(bodies::bodies()) {
        assert_eq!(Body::decode(kind, 1, &bytes).unwrap(), body);
        kinds.insert(kind);
    }
    assert_eq!(kinds, Body::KINDS.iter().copied().collect());
    let mut tables = BTreeSet::new();
    for ((table, bytes), row) in lines(ROWS).into_iter().zip(rows::rows()) {
        let table = table.parse().unwrap();
        assert_eq!(FeedRow::decode(table, &bytes).unwrap(), Some(row));
        tables.insert(table);
    }
    assert_eq!(tables, FeedRow::TABLES.iter().map(|(number, _name)| *number).collect());
}

/// Both ways: a key that is written stands in the section of its kind, table or part, and a key that
/// stands there is in a golden sample, so that its name is kept too.
#[test]
fn the_wire_document_names_each_key_of_every_kind_and_table_and_the_samples_have_them_all() {
    let mut described = Described::default();
    for (kind, bytes) in of_bodies() {
        described.walk(&format!("#### `{kind}`\n"), &bytes);
    }
    for row in rows::rows() {
        let number = row.table();
        let (_, name) = FeedRow::TABLES.iter().find(|(table, _name)| *table == number).unwrap();
        described.walk(&format!("### Table {number}: {name}\n"), &row.encode());
    }
    for (title, seen) in described.seen() {
        let named: BTreeSet<String> = document::keys(title).into_keys().collect();
        assert_eq!(seen, &named, "keys that no golden sample has: {title}");
    }
}
