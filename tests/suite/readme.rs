//! The README's table of invariants names the test that holds each; a name without a test is a wish.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").into()
}

fn all_sources() -> String {
    let mut text = String::new();
    let mut folders: Vec<PathBuf> = ["protocol", "device-core", "server", "tests"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a source folder can be read") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).expect("a source file can be read"));
            }
        }
    }
    text
}

/// The rows of the table under the heading "Invariants": number, sentence, names of tests.
fn invariants() -> Vec<(String, Vec<String>)> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (_before, section) =
        readme.split_once("\n## Invariants\n").expect("the README has a section Invariants");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| #") && !line.contains("---"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [number, _sentence, tests] = cells.as_slice() else {
                panic!("three cells in each row: {line}");
            };
            let names = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            ((*number).to_owned(), names)
        })
        .collect()
}

#[test]
fn every_invariant_of_the_readme_names_a_test_that_exists() {
    let sources = all_sources();
    let rows = invariants();
    assert!(rows.len() >= 10, "the table holds only {} rows", rows.len());
    for (number, names) in rows {
        assert!(!names.is_empty(), "invariant {number} names no test");
        for name in names {
            assert!(sources.contains(&format!("fn {name}(")), "{number}: no test {name}");
        }
    }
}
