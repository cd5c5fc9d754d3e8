//! Cases: parked things with choices.

use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::case::{Case, CaseState, Cases, Choice, OpenCases};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{CaseId, ServerTime};
use protocol::text::Language;
use serde::Serialize;

use super::names::{Names, StockName};
use super::operation::{OperationView, ReasonView, reasons, with_revisions};
use super::page::{Page, PageQuery, ascending, descending, range_of};

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseView {
    /// Its number.
    pub case: u64,
    /// Rises with each new fact; a decision names the version that it saw.
    pub version: u32,
    /// `open`, `decided` or `resolved`.
    pub state: &'static str,
    /// What was chosen.
    pub choice: Option<&'static str>,
    /// Who chose it.
    pub decided_by: Option<String>,
    /// When it was decided or resolved.
    pub ended: Option<ServerTime>,
    /// Why, the first reason being the title.
    pub reasons: Vec<ReasonView>,
    /// The stock that it is about.
    pub stock: Option<StockName>,
    /// What may be chosen; what was chosen before it was opened again comes first.
    pub choices: Vec<&'static str>,
    /// Nothing of the operation is posted.
    pub parked: bool,
    /// The operation.
    pub operation: String,
    /// Other operations that are part of it.
    pub others: Vec<String>,
    /// Who did it.
    pub operator: Option<String>,
    /// The site that sees it.
    pub site: Option<String>,
    /// When the operation was done.
    pub tau: ServerTime,
    /// When the case was opened.
    pub opened: ServerTime,
}

/// The words for the choices.
pub const CHOICES: &[(&str, Choice)] = &[
    ("accept", Choice::Accept),
    ("recount", Choice::Recount),
    ("correct", Choice::Correct),
    ("dismiss", Choice::Dismiss),
    ("before", Choice::Before),
    ("after", Choice::After),
    ("approve_over", Choice::ApproveOver),
    ("return", Choice::Return),
    ("lost", Choice::Lost),
];

/// The word for a choice.
pub fn choice_word(choice: Choice) -> &'static str {
    let found = CHOICES.iter().find(|(_word, known)| *known == choice);
    found.map_or("", |(word, _choice)| *word)
}

/// The choice that a word stands for.
pub fn choice_of(word: &str) -> Option<Choice> {
    CHOICES.iter().find(|(known, _choice)| *known == word).map(|(_word, choice)| *choice)
}

fn view(tables: &dyn Tables, id: CaseId, row: &Case, language: Language) -> CaseView {
    let names = Names(tables);
    let (state, choice, by, ended) = match &row.state {
        CaseState::Open => ("open", None, None, None),
        CaseState::Decided { choice, by, at } => {
            ("decided", Some(choice_word(*choice)), Some(by.to_string()), Some(*at))
        }
        CaseState::Resolved { at } => ("resolved", None, None, Some(*at)),
    };
    let mut choices = row.choices.clone();
    choices.sort_by_key(|choice| Some(*choice) != row.earlier);
    CaseView {
        case: id.0,
        version: row.version,
        state,
        choice,
        decided_by: by,
        ended,
        reasons: reasons(&row.reasons, language),
        stock: row.stock.as_ref().map(|key| names.stock(key)),
        choices: choices.into_iter().map(choice_word).collect(),
        parked: row.parked,
        operation: row.operation.to_string(),
        others: row.others.iter().map(ToString::to_string).collect(),
        operator: row.operator.as_ref().map(ToString::to_string),
        site: names.site(row.site),
        tau: row.tau,
        opened: row.opened,
    }
}

/// Open cases, the oldest first; of one site where one is named.
pub fn open_cases(
    tables: &dyn Tables,
    site: Option<SiteId>,
    query: &PageQuery,
    language: Language,
) -> Page<CaseView> {
    let range = range_of(site.map(|site| (site,)).as_ref());
    ascending::<OpenCases, _>(tables, range, query, |(_site, id), _row| {
        tables.row::<Cases>(&id).map(|row| view(tables, id, &row, language))
    })
}

/// All cases, the newest first.
pub fn cases(tables: &dyn Tables, query: &PageQuery, language: Language) -> Page<CaseView> {
    descending::<Cases, _>(tables, KeyRange::all(), query, |id, row| {
        Some(view(tables, id, &row, language))
    })
}

/// How many cases are open.
pub fn n_open(tables: &dyn Tables) -> usize {
    tables.list::<OpenCases>(&KeyRange::all()).len()
}

/// A case with the operations that it is about, every outcome of each.
pub fn case(
    tables: &dyn Tables,
    id: CaseId,
    language: Language,
) -> Option<(CaseView, Vec<OperationView>)> {
    let row = tables.row::<Cases>(&id)?;
    let operations = std::iter::once(row.operation).chain(row.others.iter().copied());
    let operations = operations.flat_map(|id| with_revisions(tables, id, language)).collect();
    Some((view(tables, id, &row, language), operations))
}
