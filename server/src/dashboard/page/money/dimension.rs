//! Default dimensions: what entries of a master record are proposed.

use ledger::dimension::DimensionsOf;
use ledger::key::KeyRange;
use ledger::schema::dimension::DefaultDimensions;
use ledger::tables::Tables;
use maud::{Markup, html};

use super::desk::choice;
use super::{field_of, form, next, nothing, paged, table, tabs, text};
use crate::dashboard::context::PageContext;
use crate::dashboard::page::{Page, PageResult, Section};
use crate::dashboard::part::{self, code};
use crate::dashboard::query::Query;
use crate::view::page::ascending;

/// Kinds of master records that propose dimensions: the number in keys, the word of forms and files, the key
/// of what people call it.
const KINDS: [(u8, &str, &str); 7] = [
    (1, "item", "item"),
    (2, "location", "location"),
    (3, "vendor", "money-of-vendor"),
    (4, "customer", "money-of-customer"),
    (5, "resource", "money-of-resource"),
    (6, "work_center", "money-of-work-center"),
    (7, "machine_center", "money-of-machine-center"),
];

/// The list of proposals, and a form for more.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let wanted = KINDS.into_iter().find(|(_number, word, _key)| query.is("kind", word));
    let range = wanted.map_or_else(KeyRange::all, |(number, ..)| KeyRange::prefix(&(number,)));
    let found = ascending::<DefaultDimensions, _>(view, range, &paged(query), |key, said| {
        let of = DimensionsOf::from_key(&key)?;
        let kind = KINDS.into_iter().find(|(_number, word, _key)| *word == of.kind_word())?;
        Some(vec![text(context.t(kind.2)), code(&key.1), text(&*said)])
    });
    let kinds: Vec<(String, String)> =
        KINDS.iter().map(|(_number, word, key)| ((*word).to_owned(), context.t(key))).collect();
    let list = html! {
        @if found.rows.is_empty() { (nothing(context)) }
        @else { (table(context, &["kind", "code-label", "dimensions"], &found.rows)) }
        (next(context, ("/money/dimensions", query), found.next.as_deref()))
    };
    let fields = part::choice_filter(context, query, "kind", "kind", &kinds);
    Ok(Page::new(Section::Money, context.t("money-default-dimensions"))
        .with("tabs", tabs(context, "dimensions"))
        .with("filters", part::filter_form(context, "/money/dimensions", query, &[], &fields))
        .with("list", list)
        .with("new", new_proposal(context)))
}

fn new_proposal(context: &PageContext) -> Markup {
    let options = KINDS.map(|(_number, word, key)| (word, context.t(key)));
    let fields = html! {
        (choice(context, "propose", ("of", "kind"), &options))
        (field_of(context, "propose", ("code", "text"), "code-label"))
        (field_of(context, "propose", ("dimensions", "text"), "money-dimensions"))
    };
    html! {
        @if context.may_account() {
            h2 { (context.t("money-propose")) }
            p { (context.t("money-propose-nothing")) }
            (form(context, "default-dimensions", "money-say-dimensions", &fields))
        }
    }
}
