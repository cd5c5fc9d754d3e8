//! VECTORS: worked figures as data, played through the public face of the ledger.
//!
//! A file of any of three schemas (costing, documents, warehouse) says what there is, what is done
//! and what must then hold. Each is run on a company of its own. Nothing is skipped: an action, a
//! field or a key that the runner or the ledger lacks makes the file failed.
//!
//! Order of reading: [`costing`], [`documents`], [`warehouse`] (what files may say, and how each
//! schema is run), [`company`] (a company in memory), [`money`] (what both schemas of costing ask of
//! it), [`book`] and [`reading`] (its books as the files speak of them), [`compare`], [`report`].

pub mod book;
pub mod company;
pub mod compare;
pub mod costing;
pub mod documents;
pub mod json;
pub mod kinds;
pub mod ledgers;
pub mod money;
pub mod orders;
pub mod reading;
pub mod refusal;
pub mod report;
pub mod settings;
pub mod values;
pub mod warehouse;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use self::report::FileReport;

/// Which files are run, and how.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Only files of this topic, or with this tag.
    pub topic: Option<String>,
    /// Keys that no arm reads fail the file wherever they stand, remarks at the top included.
    pub strict: bool,
}

/// The schema that a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Single postings of items.
    Costing,
    /// Documents with lines.
    Documents,
    /// Activities, bins, reservations.
    Warehouse,
}

impl Schema {
    /// Told by what only one of them has: a working day of its own, or actions instead of operations.
    fn of(file: &Map<String, Value>) -> Self {
        let steps = file.get("steps").and_then(Value::as_array);
        let has =
            |key: &str| steps.is_some_and(|steps| steps.iter().any(|step| step.get(key).is_some()));
        if file.contains_key("today") {
            Self::Warehouse
        } else if has("action") || file.contains_key("kind") {
            Self::Costing
        } else {
            Self::Documents
        }
    }

    /// The keys that a file may have at its top.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Costing => &[
                "schema_version",
                "id",
                "topic",
                "tags",
                "kind",
                "source",
                "source_section",
                "note",
                "corrections",
                "illustrative",
                "setup",
                "steps",
                "checkpoints",
                "expect",
            ],
            Self::Documents => &[
                "id",
                "topic",
                "note",
                "setup",
                "ile_map",
                "steps",
                "checkpoints",
                "expect",
                "sanity_note",
            ],
            Self::Warehouse => &[
                "schema_version",
                "id",
                "topic",
                "title",
                "derived",
                "level",
                "spec",
                "source",
                "today",
                "setup",
                "steps",
                "expect",
                "note",
            ],
        }
    }
}

/// Runs every file under `folder`, in order of their paths.
///
/// # Errors
///
/// The folder cannot be read, or there is no file in it.
pub fn run_folder(folder: &Path, plan: &Plan) -> std::io::Result<Vec<FileReport>> {
    let files = json_files(folder)?;
    if files.is_empty() {
        let why = format!("no vector file under {}", folder.display());
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, why));
    }
    Ok(files.into_iter().filter_map(|path| run_file(&path, plan)).collect())
}

fn json_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Runs one file; none when it is not of the topic of the plan.
pub fn run_file(path: &Path, plan: &Plan) -> Option<FileReport> {
    let unknown = String::new;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(FileReport::unreadable(path.to_owned(), unknown(), error)),
    };
    let mut file = match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(file)) => file,
        Ok(_other) => {
            return Some(FileReport::unreadable(path.to_owned(), unknown(), "not an object"));
        }
        Err(error) => return Some(FileReport::unreadable(path.to_owned(), unknown(), error)),
    };
    let topic = file.get("topic").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(wanted) = &plan.topic
        && *wanted != topic
        && !has_tag(&file, wanted)
    {
        return None;
    }
    let schema = Schema::of(&file);
    if !plan.strict {
        file.retain(|key, _value| schema.keys().contains(&key.as_str()));
    }
    Some(report_of(path, topic, schema, Value::Object(file)))
}

fn has_tag(file: &Map<String, Value>, wanted: &str) -> bool {
    let tags = file.get("tags").and_then(Value::as_array);
    tags.is_some_and(|tags| tags.iter().any(|tag| tag.as_str() == Some(wanted)))
}

fn report_of(path: &Path, topic: String, schema: Schema, file: Value) -> FileReport {
    // A bug that a file brings to light fails that file; the others run on.
    let ran = std::panic::catch_unwind(|| match schema {
        Schema::Costing => costing::run::run(file),
        Schema::Documents => documents::run::run(file),
        Schema::Warehouse => warehouse::run(file),
    });
    match ran {
        Ok(Ok(findings)) => FileReport {
            path: path.to_owned(),
            topic,
            mismatches: findings.mismatches,
            remarks: findings.remarks,
        },
        Ok(Err(why)) => FileReport::unreadable(path.to_owned(), topic, why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let why = format!("it panicked: {}", text.unwrap_or("without a word"));
            FileReport::unreadable(path.to_owned(), topic, why)
        }
    }
}
