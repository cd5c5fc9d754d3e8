//! Which page an address names, and the page itself.

use ledger::schema::{EntryNo, StockKey};
use ledger::tables::Tables;
use protocol::identity::{CaseId, DeviceId, OperationId, TaskId};

use super::context::PageContext;
use super::names;
use super::page::money::MoneyPage;
use super::page::workbench::Tried;
use super::page::{
    Missing, PageResult, backup, bins, counts, devices, documents, enrolment, entries, items, now,
    on_the_way, operation, register, search, stock, stock_detail, tasks, workbench,
};
use super::query::{Query, decoded};

/// A page with what its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// What needs attention.
    Now,
    /// All devices.
    Devices,
    /// A device.
    Device(DeviceId),
    /// The form that asks for an enrolment code.
    Enrol,
    /// Whether an enrolment code was used, by the hash of the code.
    Enrolment(String),
    /// Stock by item or bin.
    Stock,
    /// An item's stock.
    StockOfItem(String),
    /// A stock figure.
    Figure(StockKey),
    /// The register of operations.
    Movements,
    /// An operation.
    Operation(OperationId),
    /// An item ledger entry.
    ItemEntry(EntryNo),
    /// A warehouse entry.
    WarehouseEntry(EntryNo),
    /// Counts.
    Counts,
    /// Cases.
    Workbench,
    /// A case.
    Case(CaseId),
    /// Open tasks.
    Tasks,
    /// A task.
    Task(TaskId),
    /// All items.
    Items,
    /// An item.
    Item(String),
    /// All bins.
    Bins,
    /// A bin, by location and code.
    Bin(String, String),
    /// All documents.
    Documents,
    /// A document, by kind and number.
    Document(String, String),
    /// Goods between two locations.
    OnTheWay,
    /// Backups, and what came back after a restore.
    Backup,
    /// A page of the money side.
    Money(MoneyPage),
    /// A search.
    Search,
}

impl Address {
    /// The page at `path`, which is percent-encoded as in a request.
    pub fn of(path: &str) -> Option<Self> {
        let parts: Option<Vec<String>> =
            path.trim_start_matches('/').split('/').map(decoded).collect();
        let parts = parts?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Some(match parts.as_slice() {
            ["now"] => Self::Now,
            ["devices"] => Self::Devices,
            ["devices", "enrol"] => Self::Enrol,
            ["devices", "enrolment", hash] => Self::Enrolment((*hash).to_owned()),
            ["devices", id] => Self::Device(DeviceId(id.parse().ok()?)),
            ["stock"] => Self::Stock,
            ["stock", "item", no] => Self::StockOfItem((*no).to_owned()),
            ["stock", "figure", key] => Self::Figure(names::key_of(key)?),
            ["movements"] => Self::Movements,
            ["operations", id] => Self::Operation(names::operation_of(id)?),
            ["entries", "item", no] => Self::ItemEntry(EntryNo(no.parse().ok()?)),
            ["entries", "warehouse", no] => Self::WarehouseEntry(EntryNo(no.parse().ok()?)),
            ["counts"] => Self::Counts,
            ["workbench"] => Self::Workbench,
            ["workbench", id] => Self::Case(CaseId(id.parse().ok()?)),
            ["tasks"] => Self::Tasks,
            ["tasks", id] => Self::Task(TaskId(id.parse().ok()?)),
            ["items"] => Self::Items,
            ["items", no] => Self::Item((*no).to_owned()),
            ["bins"] => Self::Bins,
            ["bins", location, bin] => Self::Bin((*location).to_owned(), (*bin).to_owned()),
            ["documents"] => Self::Documents,
            ["documents", kind, no] => Self::Document((*kind).to_owned(), (*no).to_owned()),
            ["on-the-way"] => Self::OnTheWay,
            ["backup"] => Self::Backup,
            ["money", rest @ ..] => Self::Money(MoneyPage::of(rest)?),
            ["search"] => Self::Search,
            _ => return None,
        })
    }

    /// The page, from `whole` tables of which it shows what the reader may see.
    ///
    /// # Errors
    ///
    /// [`Missing`]: what the address names does not exist, for this reader.
    pub fn page(&self, whole: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
        context.scope().over(whole, |view| self.page_of((view, whole), context, query))
    }

    fn page_of(
        &self,
        (view, whole): (&dyn Tables, &dyn Tables),
        context: &PageContext,
        query: &Query,
    ) -> PageResult {
        match self {
            Self::Now => now::page((view, whole), context, query),
            Self::Devices => devices::list_page(view, context, query),
            Self::Device(id) => devices::page(view, context, *id),
            Self::Enrol => enrolment::form_page(view, context),
            Self::Enrolment(hash) => enrolment::state_page(view, context, hash),
            Self::Stock => stock::page(view, context, query),
            Self::StockOfItem(no) => stock_detail::item_page(view, context, no, query),
            Self::Figure(key) => stock_detail::figure_page(view, context, key, query),
            Self::Movements => register::page(view, context, query),
            Self::Operation(id) => operation::page(view, context, *id),
            Self::ItemEntry(no) => entries::item_page(view, context, *no),
            Self::WarehouseEntry(no) => entries::warehouse_page(view, context, *no),
            Self::Counts => counts::page(view, context, query),
            Self::Workbench => workbench::list_page(view, context, query),
            Self::Case(id) => {
                workbench::page((view, whole), context, *id, (query, &Tried::default()))
            }
            Self::Tasks => tasks::page(view, context, query),
            Self::Task(id) => tasks::detail_page(view, context, *id),
            Self::Items => items::list_page(view, context, query),
            Self::Item(no) => items::page(view, context, no),
            Self::Bins => bins::list_page(view, context, query),
            Self::Bin(location, bin) => bins::page(view, context, location, bin),
            Self::Documents => documents::list_page(view, context, query),
            Self::Document(kind, no) => documents::page(view, context, kind, no),
            Self::OnTheWay => on_the_way::page((view, whole), context, query),
            Self::Backup => backup::page(view, context),
            Self::Money(page) => page.page(view, context, query),
            Self::Search => search::page(view, context, query.text("q")),
        }
    }

    /// Whether the page shows what changes without a decision: how devices are, and ages.
    pub const fn moves_by_itself(&self) -> bool {
        matches!(
            self,
            Self::Now
                | Self::Devices
                | Self::Device(_)
                | Self::Enrolment(_)
                | Self::Counts
                | Self::OnTheWay
                | Self::Backup
        )
    }
}

/// The page at `path`, or that there is none.
///
/// # Errors
///
/// [`Missing`].
pub fn page_at(
    view: &dyn Tables,
    context: &PageContext,
    (path, query): (&str, &Query),
) -> PageResult {
    Address::of(path).ok_or_else(|| Missing::nothing(path))?.page(view, context, query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_page_with_codes_of_any_character() {
        assert_eq!(Address::of("/now"), Some(Address::Now));
        assert_eq!(
            Address::of("/bins/MAIN/A%2F01%20b"),
            Some(Address::Bin("MAIN".to_owned(), "A/01 b".to_owned()))
        );
        assert_eq!(Address::of(&names::item_address("A/1")), Some(Address::Item("A/1".to_owned())));
        for nothing in ["/", "/nowhere", "/devices/x", "/operations/1-2", "/bins/%FF/x", "/now/x"] {
            assert_eq!(Address::of(nothing), None, "{nothing}");
        }
    }
}
