//! Tables as somebody sees them whose roles are for some locations only: rows of other locations
//! are not there. Pages, sums and streams read through it, so that no page has to remember.
//!
//! Master rows (items, people, company) are everybody's. An operation is visible to those of the
//! site that it came from, when it posted nothing or something at their locations. An act in the
//! history of a serial or a plate is visible where it names one of their locations. Intake records
//! can still be read by number, because the counts of operations by time rest on having all of
//! them; lists of them are narrowed.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::record::Record;
use ledger::schema::book::{Intakes, OperationsByTime, OutcomeRevisions, Outcomes};
use ledger::schema::case::{
    Case, Cases, OpenCases, OpenTasks, TaskQuestions, Tasks, TasksByOperator,
};
use ledger::schema::count::{
    BinCounts, Counts, CountsByOperation, CountsDue, Movements, WideMovements,
};
use ledger::schema::document::{Document, DocumentLines, Documents, OpenLinesByItem};
use ledger::schema::entry::{
    ItemLedger, ItemLedgerByItem, OpenInbound, OpenOutbound, PostedBy, WarehouseByStock,
    WarehouseLedger,
};
use ledger::schema::identity::Devices;
use ledger::schema::place::{
    Bins, BinsByCode, Locations, LocationsByCode, PlateActs, Plates, PlatesByBin,
};
use ledger::schema::stock::{Holds, HoldsByStock, OnHand, Stocks, StocksByItem};
use ledger::schema::tracking::{SerialAct, SerialActs};
use ledger::schema::{LocationId, SiteId};
use ledger::tables::{Read as _, Table, TableId, Tables, Visit, typed_key};
use protocol::identity::{IntakeNo, OperationId};

/// Which locations somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Everywhere,
    /// These.
    At(BTreeSet<LocationId>),
}

impl Scope {
    /// The scope of roles at `locations`, of which 0 stands for all.
    pub fn of(locations: impl Iterator<Item = LocationId>) -> Self {
        let locations: BTreeSet<_> = locations.collect();
        if locations.contains(&LocationId(0)) { Self::Everywhere } else { Self::At(locations) }
    }

    /// Runs `read` over `tables` as they are seen in this scope.
    pub fn over<R>(&self, tables: &dyn Tables, read: impl FnOnce(&dyn Tables) -> R) -> R {
        match self {
            Self::Everywhere => read(tables),
            Self::At(locations) => {
                let sites = locations
                    .iter()
                    .filter_map(|location| tables.row::<Locations>(location))
                    .map(|location| location.site)
                    .collect();
                read(&Scoped { base: tables, locations, sites })
            }
        }
    }
}

struct Scoped<'t> {
    base: &'t dyn Tables,
    locations: &'t BTreeSet<LocationId>,
    sites: BTreeSet<SiteId>,
}

/// A row as it lies in a table.
type Row<'r> = (&'r [u8], &'r Record);

fn row<T: Table>((_key, record): Row<'_>) -> std::sync::Arc<T::Row> {
    record.row::<T::Row>()
}

impl Scoped<'_> {
    fn at(&self, location: LocationId) -> bool {
        self.locations.contains(&location)
    }

    fn shows_case(&self, case: &Case) -> bool {
        match case.stock {
            Some(key) => self.at(key.location),
            None => case.site == SiteId(0) || self.sites.contains(&case.site),
        }
    }

    fn shows_document(&self, document: &Document) -> bool {
        self.at(document.location) || document.to_location.is_some_and(|to| self.at(to))
    }

    fn shows_act(&self, act: &SerialAct) -> bool {
        match act {
            SerialAct::Moved(from, to) | SerialAct::Carried(from, to) => {
                self.at(from.location) || self.at(to.location)
            }
            SerialAct::In(key)
            | SerialAct::Seen(key)
            | SerialAct::Out(key)
            | SerialAct::NotSeen(key) => self.at(key.location),
        }
    }

    fn shows_operation(&self, operation: OperationId) -> bool {
        let outcome = self.base.row::<Outcomes>(&operation);
        outcome.is_some_and(|outcome| self.shows_intake(outcome.intake, operation))
    }

    fn shows_intake(&self, no: IntakeNo, operation: OperationId) -> bool {
        let Some(intake) = self.base.row::<Intakes>(&no) else { return false };
        let of_site = intake.site == SiteId(0) || self.sites.contains(&intake.site);
        let posted = self.base.row::<PostedBy>(&operation);
        let entries = posted.iter().flat_map(|posted| &posted.warehouse);
        let mut locations = entries
            .filter_map(|no| self.base.row::<WarehouseLedger>(no))
            .map(|entry| entry.key.location);
        let posted_nothing = posted.as_ref().is_none_or(|posted| posted.warehouse.is_empty());
        of_site && (posted_nothing || locations.any(|location| self.at(location)))
    }

    /// Whether the row is there in this scope; none for tables that are everybody's.
    fn of_place(&self, table: TableId, at: Row<'_>) -> Option<bool> {
        let location = match table {
            Stocks::ID => typed_key::<Stocks>(at.0).location,
            StocksByItem::ID => typed_key::<StocksByItem>(at.0).1.location,
            OnHand::ID => typed_key::<OnHand>(at.0).2,
            Holds::ID => row::<Holds>(at).key.location,
            HoldsByStock::ID => typed_key::<HoldsByStock>(at.0).0.location,
            ItemLedger::ID => row::<ItemLedger>(at).location,
            ItemLedgerByItem::ID => {
                let entry = typed_key::<ItemLedgerByItem>(at.0).1;
                self.base.row::<ItemLedger>(&entry)?.location
            }
            OpenInbound::ID => typed_key::<OpenInbound>(at.0).0.location,
            OpenOutbound::ID => typed_key::<OpenOutbound>(at.0).0.location,
            WarehouseLedger::ID => row::<WarehouseLedger>(at).key.location,
            WarehouseByStock::ID => typed_key::<WarehouseByStock>(at.0).0.location,
            Bins::ID => row::<Bins>(at).location,
            BinsByCode::ID => typed_key::<BinsByCode>(at.0).0,
            Locations::ID => typed_key::<Locations>(at.0),
            LocationsByCode::ID => *row::<LocationsByCode>(at),
            Plates::ID => row::<Plates>(at).location,
            PlatesByBin::ID => typed_key::<PlatesByBin>(at.0).0,
            _ => return None,
        };
        Some(self.at(location))
    }

    fn of_work(&self, table: TableId, at: Row<'_>) -> Option<bool> {
        let location = match table {
            Movements::ID => typed_key::<Movements>(at.0).0.location,
            WideMovements::ID => typed_key::<WideMovements>(at.0).0.location,
            Counts::ID => typed_key::<Counts>(at.0).0.location,
            BinCounts::ID => typed_key::<BinCounts>(at.0).0,
            CountsDue::ID => typed_key::<CountsDue>(at.0).3.location,
            CountsByOperation::ID => typed_key::<CountsByOperation>(at.0).1.location,
            Tasks::ID => row::<Tasks>(at).location,
            OpenTasks::ID => typed_key::<OpenTasks>(at.0).0,
            TaskQuestions::ID => {
                self.base.row::<Tasks>(&typed_key::<TaskQuestions>(at.0).0)?.location
            }
            TasksByOperator::ID => {
                self.base.row::<Tasks>(&typed_key::<TasksByOperator>(at.0).1)?.location
            }
            OpenLinesByItem::ID => typed_key::<OpenLinesByItem>(at.0).0,
            _ => return None,
        };
        Some(self.at(location))
    }

    fn of_history(&self, table: TableId, at: Row<'_>) -> Option<bool> {
        Some(match table {
            SerialActs::ID => self.shows_act(&row::<SerialActs>(at).act),
            PlateActs::ID => {
                let act = row::<PlateActs>(at);
                let mut places = [act.from, Some(act.to), act.counted].into_iter().flatten();
                places.any(|(location, _bin)| self.at(location))
            }
            _ => return None,
        })
    }

    fn of_kind(&self, table: TableId, at: Row<'_>) -> Option<bool> {
        Some(match table {
            Cases::ID => self.shows_case(&row::<Cases>(at)),
            OpenCases::ID => {
                let case = self.base.row::<Cases>(&typed_key::<OpenCases>(at.0).1)?;
                self.shows_case(&case)
            }
            Documents::ID => self.shows_document(&row::<Documents>(at)),
            DocumentLines::ID => {
                let (kind, no, _line) = typed_key::<DocumentLines>(at.0);
                self.shows_document(&*self.base.row::<Documents>(&(kind, no))?)
            }
            Devices::ID => self.sites.contains(&row::<Devices>(at).site),
            Outcomes::ID => {
                let operation = typed_key::<Outcomes>(at.0);
                self.shows_intake(row::<Outcomes>(at).intake, operation)
            }
            OutcomeRevisions::ID => self.shows_operation(typed_key::<OutcomeRevisions>(at.0).0),
            OperationsByTime::ID => self.shows_operation(typed_key::<OperationsByTime>(at.0).1),
            PostedBy::ID => self.shows_operation(typed_key::<PostedBy>(at.0)),
            _ => return None,
        })
    }

    fn shows(&self, table: TableId, at: Row<'_>) -> bool {
        self.of_place(table, at)
            .or_else(|| self.of_work(table, at))
            .or_else(|| self.of_history(table, at))
            .or_else(|| self.of_kind(table, at))
            .unwrap_or(true)
    }
}

impl Tables for Scoped<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.base.get(table, key).filter(|record| self.shows(table, (key, record)))
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.base.scan(table, range, reverse, &mut |key, record| {
            let shown = if table == Intakes::ID {
                let no = typed_key::<Intakes>(key);
                let operation = record.row::<ledger::schema::book::Intake>().identity(no);
                self.shows_intake(no, operation)
            } else {
                self.shows(table, (key, record))
            };
            if shown { visit(key, record) } else { ControlFlow::Continue(()) }
        });
    }
}
