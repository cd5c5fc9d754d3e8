//! Who sees a changed row, and which other objects a change touches.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::draft::Changes;
use ledger::key::{Key, KeyRange};
use ledger::record::Record;
use ledger::schema::book::{Companies, Outcomes};
use ledger::schema::case::{Cases, OpenTasks, Tasks};
use ledger::schema::document::{Document, DocumentLines, Documents};
use ledger::schema::identity::{Operators, Rights};
use ledger::schema::item::{Identifiers, ItemUnits, Items, TrackingCodes, Variants};
use ledger::schema::place::{Bins, Locations, Plates, PlatesByBin, Sites};
use ledger::schema::stock::{Holds, Stocks};
use ledger::schema::tracking::Lots;
use ledger::schema::{BinId, LocationId, SiteId};
use ledger::tables::{Read as _, Table, TableId, Tables, each_of};

use crate::feed::ALL_SITES;
use crate::schema::SignInTerms;

/// The rows before and after a decision.
#[derive(Clone, Copy)]
pub struct Turn<'a> {
    /// Before.
    pub before: &'a dyn Tables,
    /// After.
    pub after: &'a dyn Tables,
}

impl Turn<'_> {
    /// The row as it was and as it is.
    fn both<T: Table>(&self, key: &T::Key) -> [Option<Arc<T::Row>>; 2] {
        [self.before.row::<T>(key), self.after.row::<T>(key)]
    }

    fn site_of(&self, location: LocationId) -> Option<SiteId> {
        self.after
            .row::<Locations>(&location)
            .or_else(|| self.before.row::<Locations>(&location))
            .map(|location| location.site)
    }

    fn sites_of(&self, locations: impl IntoIterator<Item = LocationId>) -> BTreeSet<SiteId> {
        locations.into_iter().filter_map(|location| self.site_of(location)).collect()
    }

    fn sites_of_document(&self, headers: [Option<Arc<Document>>; 2]) -> BTreeSet<SiteId> {
        self.sites_of(
            headers.into_iter().flatten().flat_map(|header| {
                [Some(header.location), header.to_location].into_iter().flatten()
            }),
        )
    }

    /// The sites that see the object under `key`, or saw it before. Empty for rows that no device
    /// sees.
    pub fn seen_by(&self, table: TableId, key: &[u8]) -> BTreeSet<SiteId> {
        self.seen_goods(table, key).or_else(|| self.seen_work(table, key)).unwrap_or_default()
    }

    fn seen_goods(&self, table: TableId, key: &[u8]) -> Option<BTreeSet<SiteId>> {
        const MASTER: [TableId; 5] =
            [Items::ID, Identifiers::ID, Lots::ID, Locations::ID, Operators::ID];
        if MASTER.contains(&table) {
            return Some(BTreeSet::from([ALL_SITES]));
        }
        match table {
            Sites::ID => Some(BTreeSet::from([read::<Sites>(key)?])),
            Bins::ID => {
                let bins = self.both::<Bins>(&read::<Bins>(key)?);
                Some(self.sites_of(bins.into_iter().flatten().map(|bin| bin.location)))
            }
            Stocks::ID => Some(self.sites_of([read::<Stocks>(key)?.location])),
            Plates::ID => {
                let plates = self.both::<Plates>(&read::<Plates>(key)?);
                Some(self.sites_of(plates.into_iter().flatten().map(|plate| plate.location)))
            }
            Holds::ID => {
                let holds = self.both::<Holds>(&read::<Holds>(key)?);
                Some(self.sites_of(holds.into_iter().flatten().map(|hold| hold.key.location)))
            }
            TableId(_) => None,
        }
    }

    fn seen_work(&self, table: TableId, key: &[u8]) -> Option<BTreeSet<SiteId>> {
        match table {
            Documents::ID => {
                Some(self.sites_of_document(self.both::<Documents>(&read::<Documents>(key)?)))
            }
            DocumentLines::ID => {
                let (kind, no, _line) = read::<DocumentLines>(key)?;
                Some(self.sites_of_document(self.both::<Documents>(&(kind, no))))
            }
            Tasks::ID => {
                let tasks = self.both::<Tasks>(&read::<Tasks>(key)?);
                Some(self.sites_of(tasks.into_iter().flatten().map(|task| task.location)))
            }
            Cases::ID => {
                let cases = self.both::<Cases>(&read::<Cases>(key)?);
                Some(cases.into_iter().flatten().map(|case| case.site).collect())
            }
            Outcomes::ID => {
                let outcome = self.after.row::<Outcomes>(&read::<Outcomes>(key)?)?;
                Some([outcome.site].into_iter().filter(|site| *site != ALL_SITES).collect())
            }
            TableId(_) => None,
        }
    }

    /// The objects that `changes` touch without changing their own row: they are shown again.
    pub fn touched(&self, changes: &Changes) -> BTreeSet<(TableId, Vec<u8>)> {
        let mut touched = BTreeSet::new();
        for (table, key) in changes.keys() {
            self.touch_masters(*table, key, &mut touched);
            self.touch_bins(*table, key, &mut touched);
        }
        touched.retain(|object| !changes.contains_key(object));
        touched
    }

    fn touch_masters(
        &self,
        table: TableId,
        key: &[u8],
        touched: &mut BTreeSet<(TableId, Vec<u8>)>,
    ) {
        match table {
            ItemUnits::ID => {
                if let Some((item, _unit)) = read::<ItemUnits>(key) {
                    touched.insert((Items::ID, item.to_bytes()));
                }
            }
            Variants::ID => {
                let variants = read::<Variants>(key).map(|key| self.both::<Variants>(&key));
                for variant in variants.into_iter().flatten().flatten() {
                    touched.insert((Items::ID, variant.item.to_bytes()));
                }
            }
            TrackingCodes::ID => {
                let code = read::<TrackingCodes>(key);
                self.touch_all::<Items>(touched, |item| item.tracking_code == code);
            }
            Rights::ID => {
                if let Some((operator, _role, _location, _from)) = read::<Rights>(key) {
                    touched.insert((Operators::ID, operator.to_bytes()));
                }
            }
            SignInTerms::ID => self.touch_all::<Operators>(touched, |_operator| true),
            Companies::ID => self.touch_all::<Sites>(touched, |_site| true),
            TableId(_) => {}
        }
    }

    /// A blind count that begins or ends withholds or restores the quantities of its bin; a bin
    /// with a new code is named in each row about it.
    fn touch_bins(&self, table: TableId, key: &[u8], touched: &mut BTreeSet<(TableId, Vec<u8>)>) {
        match table {
            OpenTasks::ID => {
                let Some((location, bin, _kind, _item, _plate, task)) = read::<OpenTasks>(key)
                else {
                    return;
                };
                let tasks = self.both::<Tasks>(&task);
                if tasks.into_iter().flatten().any(|task| task.blind) {
                    self.touch_stock(location, bin, touched);
                }
            }
            Tasks::ID => {
                let Some(key) = read::<Tasks>(key) else { return };
                if let [Some(before), Some(after)] = self.both::<Tasks>(&key)
                    && before.blind != after.blind
                {
                    self.touch_stock(after.location, after.bin, touched);
                }
            }
            Bins::ID => {
                let Some(bin) = read::<Bins>(key) else { return };
                let [Some(before), Some(after)] = self.both::<Bins>(&bin) else { return };
                if before.code != after.code {
                    self.touch_stock(after.location, bin, touched);
                    let plates = KeyRange::prefix(&(after.location, bin));
                    each_of::<PlatesByBin>(self.after, &plates, false, &mut |key, _row| {
                        touched.insert((Plates::ID, key.2.to_bytes()));
                        ControlFlow::Continue(())
                    });
                }
            }
            TableId(_) => {}
        }
    }

    fn touch_stock(
        &self,
        location: LocationId,
        bin: BinId,
        touched: &mut BTreeSet<(TableId, Vec<u8>)>,
    ) {
        let range = KeyRange::prefix(&(location, bin));
        self.after.scan(Stocks::ID, &range, false, &mut |key, _record| {
            touched.insert((Stocks::ID, key.to_vec()));
            ControlFlow::Continue(())
        });
    }

    fn touch_all<T: Table>(
        &self,
        touched: &mut BTreeSet<(TableId, Vec<u8>)>,
        wanted: impl Fn(&T::Row) -> bool,
    ) {
        self.after.scan(T::ID, &KeyRange::all(), false, &mut |key, record: &Record| {
            if wanted(&record.row::<T::Row>()) {
                touched.insert((T::ID, key.to_vec()));
            }
            ControlFlow::Continue(())
        });
    }
}

fn read<T: Table>(key: &[u8]) -> Option<T::Key> {
    T::Key::from_bytes(key)
}
