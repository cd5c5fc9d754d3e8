//! Files of the warehouse schema: activities, bins, reservations, counts, tracking.
//!
//! What the ledger of this build can do is played; an operation or a query that it lacks fails the
//! file, with its name.
//!
//! Order of reading: [`keys`] (what a file may say), this file (reading it), [`run`].

pub mod keys;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::compare::Findings;
use super::json::Row;

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the keys are those of the schema")]
pub struct File {
    pub schema_version: Value,
    pub id: String,
    pub topic: String,
    pub title: String,
    #[serde(default)]
    pub derived: bool,
    #[serde(default)]
    pub level: String,
    #[serde(default)]
    pub spec: Vec<String>,
    #[serde(default)]
    pub source: Value,
    pub today: NaiveDate,
    #[serde(default)]
    pub setup: Map<String, Value>,
    pub steps: Vec<Step>,
    #[serde(default)]
    pub expect: Expect,
    #[serde(default)]
    pub note: Option<String>,
}

/// A step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name.
    pub id: String,
    /// What is done.
    pub op: String,
    /// With what.
    #[serde(default)]
    pub args: Map<String, Value>,
}

/// What must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the keys are those of the schema")]
pub struct Expect {
    pub results: BTreeMap<String, Value>,
    pub errors: BTreeMap<String, String>,
    pub item_ledger: Option<Vec<Row<Map<String, Value>>>>,
    pub warehouse_entries: Option<Vec<Row<Map<String, Value>>>>,
    pub bin_content: Vec<Row<Map<String, Value>>>,
    pub inventory: Vec<Row<Map<String, Value>>>,
    pub document_lines: Vec<Row<Map<String, Value>>>,
}

/// What of a file this runner has no arm for.
pub fn unknown(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (list, rows) in &file.setup {
        if list == "inventory_setup" {
            continue;
        }
        let Some((_list, fields)) = keys::SETUP.iter().find(|(name, _fields)| name == list) else {
            found.push(format!("setup.{list}"));
            continue;
        };
        for row in rows.as_array().into_iter().flatten().filter_map(Value::as_object) {
            let strange = row.keys().filter(|key| !fields.contains(&key.as_str()));
            found.extend(strange.map(|key| format!("setup.{list}.{key}")));
        }
    }
    for step in &file.steps {
        let Some((_op, args)) = keys::OPS.iter().find(|(name, _args)| *name == step.op) else {
            found.push(format!("step {}: operation {}", step.id, step.op));
            continue;
        };
        if step.op == "query" {
            let what = step.args.get("what").and_then(Value::as_str).unwrap_or_default();
            if !keys::FORMULAS.contains(&what) && !keys::STATES.contains(&what) {
                found.push(format!("step {}: query {what}", step.id));
            }
            continue;
        }
        let strange = step.args.keys().filter(|key| !args.contains(&key.as_str()));
        found.extend(strange.map(|key| format!("step {}: {}.{key}", step.id, step.op)));
    }
    found
}

/// Runs a file.
///
/// # Errors
///
/// The file says something that this runner has no arm for.
pub fn run(file: Value) -> Result<Findings, String> {
    let file: File = serde_json::from_value(file).map_err(|error| error.to_string())?;
    let unknown = unknown(&file);
    if !unknown.is_empty() {
        return Err(format!("no arm for {}", unknown.join(", ")));
    }
    let mut findings = Findings::default();
    for step in &file.steps {
        findings.step.clone_from(&step.id);
        findings.push(&step.op, "that the ledger does it", "not yet played");
    }
    Ok(findings)
}
