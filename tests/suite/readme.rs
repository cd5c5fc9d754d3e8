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
    section("Invariants")
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

/// The section of the README under this heading.
fn section(title: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (_before, section) = readme
        .split_once(&format!("\n## {title}\n"))
        .unwrap_or_else(|| panic!("the README has a section {title}"));
    section.split("\n## ").next().unwrap_or_default().to_owned()
}

fn names_in(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("its entries can be read").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn every_program_and_script_of_the_tree_is_in_the_readmes_table_of_commands() {
    let commands = section("Commands");
    let bins = names_in("tests/src/bin").into_iter().map(|name| format!("--bin {name} "));
    let scripts = names_in(".ci").into_iter().map(|name| format!("`.ci/{name}"));
    let known: Vec<_> = bins.chain(scripts).collect();
    assert!(known.len() >= 10, "only {known:?}");
    for name in known {
        let told = commands.contains(&name) || commands.contains(&format!("{}`", name.trim_end()));
        assert!(told, "the README says nothing of {name}");
    }
}
