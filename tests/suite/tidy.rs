//! Absences cannot be seen in code, so they are written down here and held.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").into()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a source folder can be read") {
            let path = entry.expect("its entries can be read").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The lines of `file` that are code: comments and what stands below `#[cfg(test)]` do not count.
fn code_lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a source file can be read");
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(str::to_owned)
        .collect()
}

fn is_test_file(file: &Path) -> bool {
    file.components().any(|part| {
        matches!(
            part.as_os_str().to_str(),
            Some("tests" | "tests.rs" | "golden" | "golden.rs" | "laws.rs" | "facts.rs")
        )
    }) || file.to_string_lossy().contains("_tests.rs")
}

fn offending(folders: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        for file in rust_files(&root().join(folder)) {
            if is_test_file(file.strip_prefix(root()).expect("a file of the workspace")) {
                continue;
            }
            for line in code_lines(&file) {
                for word in words {
                    if line.contains(word) {
                        found.push(format!("{}: {word}: {}", file.display(), line.trim()));
                    }
                }
            }
        }
    }
    found
}

const PURE: [&str; 3] = ["protocol/src", "server/ledger/src", "server/core/src"];

#[test]
fn the_pure_crates_have_no_clock_no_io_no_randomness_and_no_hash_order() {
    let words = [
        "SystemTime::now",
        "Instant::now",
        "Utc::now",
        "Local::now",
        "HashMap",
        "HashSet",
        "std::fs",
        "std::net",
        "std::thread",
        "tokio::",
        "getrandom",
        "rand::",
        "println!",
        "eprintln!",
    ];
    assert_eq!(offending(&PURE, &words), Vec::<String>::new());
}

#[test]
fn the_pure_crates_have_no_floats() {
    let found: Vec<_> = offending(&PURE, &["f32", "f64"])
        .into_iter()
        .filter(|line| {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.into_iter().any(|word| word == "f32" || word == "f64")
        })
        .filter(|line| {
            !line.contains(": f32: ") || line.split(": f32: ").nth(1).is_some_and(has_float)
        })
        .filter(|line| {
            !line.contains(": f64: ") || line.split(": f64: ").nth(1).is_some_and(has_float)
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

fn has_float(code: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == "f32" || word == "f64")
}

#[test]
fn the_protocol_has_no_word_for_money() {
    let found = offending(&["protocol/src"], &["cost:", "price:", "amount:", "Cost(", "Money"]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn nothing_unfinished_is_left_lying() {
    let folders = ["protocol", "device-core", "server"];
    let found = offending(&folders, &["todo!(", "unimplemented!(", "FIXME", "dbg!(", "#[ignore"]);
    assert_eq!(found, Vec::<String>::new());
}

fn manifest(folder: &str) -> String {
    std::fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest can be read")
}

#[test]
fn the_arrows_between_the_crates_point_one_way() {
    let forbidden = [
        (
            "protocol",
            vec!["ledger", "server", "server-core", "device-core", "tokio", "axum", "sled"],
        ),
        ("device-core", vec!["ledger", "server", "server-core"]),
        ("device-core/handheld", vec!["ledger", "server", "server-core"]),
        ("server/ledger", vec!["server", "server-core", "device-core", "tokio", "axum", "fjall"]),
        ("server/core", vec!["server", "device-core", "tokio", "axum", "fjall"]),
        ("server", vec!["device-core", "handheld", "sled"]),
    ];
    for (folder, names) in forbidden {
        let text = manifest(folder);
        let dependencies = text.split("[dev-dependencies]").next().unwrap_or_default();
        for name in names {
            let line = format!("\n{name}.workspace");
            assert!(!dependencies.contains(&line), "{folder} must not know {name}");
        }
    }
}

#[test]
fn every_dependency_has_its_version_in_one_place() {
    let folders = [
        "protocol",
        "device-core",
        "device-core/handheld",
        "server",
        "server/core",
        "server/ledger",
        "server/tallyman",
        "tests",
    ];
    for folder in folders {
        let text = manifest(folder);
        let mut in_dependencies = false;
        let mut n_seen = 0;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            } else if in_dependencies && !line.starts_with('#') {
                n_seen += 1;
                assert!(
                    line.contains("workspace = true"),
                    "{folder} has a version of its own: {line}"
                );
            }
        }
        assert!(n_seen > 0, "{folder} depends on nothing?");
    }
}
