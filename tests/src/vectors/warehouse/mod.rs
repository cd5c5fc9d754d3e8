//! Files of the warehouse schema: activities, bins, reservations, counts, tracking.
//!
//! What the ledger of this build can do is played; an operation or a query that it lacks fails the
//! file, with its name.
//!
//! Order of reading: [`keys`] (what a file may say), this file (reading and playing it), `setup`, `run`
//! (its steps), `check`.

mod check;
pub mod keys;
mod run;
mod setup;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::company::{Done, Stop};
use super::compare::Findings;
use super::json::Row;
use super::refusal;

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
    let mut findings = Findings { step: "setup".to_owned(), ..Findings::default() };
    let mut play = match run::Play::begin(&file) {
        Ok(play) => play,
        Err(stop) => {
            findings.push("setup", "a company like that", stop);
            return Ok(findings);
        }
    };
    for step in &file.steps {
        findings.step.clone_from(&step.id);
        play.company.begin(&step.id);
        let before = play.company.clone();
        let done = play.act(step);
        if done.is_err() {
            play.company = before;
        }
        judge(&file.expect, step, &done, &mut findings);
    }
    check::check(&file.expect, &play, &mut findings);
    Ok(findings)
}

/// Holds what a step came to against what it must come to.
fn judge(expect: &Expect, step: &Step, done: &Done<Value>, findings: &mut Findings) {
    let refused = expect.errors.get(&step.id);
    match (refused, done) {
        (None, Ok(got)) => {
            if let Some(wanted) = expect.results.get(&step.id) {
                findings.row(&step.op, check::result(wanted, got));
            }
        }
        (Some(code), Err(Stop::Refused(refusal))) => {
            let wanted = refusal::canonical(code);
            if !refusal.codes.iter().any(|code| refusal::canonical(code) == wanted) {
                findings.push("the refusal", wanted, refusal);
            }
        }
        (Some(code), Ok(_)) => findings.push(&step.op, code, "done"),
        (_, Err(stop)) => findings.push(&step.op, refused.map_or("done", String::as_str), stop),
    }
}
