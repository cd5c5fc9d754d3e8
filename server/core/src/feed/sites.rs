//! Who sees a changed row, and which other objects a change touches.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::draft::Changes;
use ledger::key::{Key, KeyBytes, KeyRange};
use ledger::record::Record;
use ledger::schema::book::{Companies, Outcomes};
use ledger::schema::case::{Cases, OpenTasks, Tasks};
use ledger::schema::document::{Document, DocumentLines, Documents};
use ledger::schema::identity::{Operators, Rights};
use ledger::schema::item::{Identifiers, ItemUnits, Items, TrackingCodes, Variants};
use ledger::schema::place::{Bins, Locations, Plates, PlatesByBin, Sites};
use ledger::schema::stock::{Holds, HoldsByStock, Stocks};
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
    pub fn touched(&self, changes: &Changes) -> BTreeSet<(TableId, KeyBytes)> {
        let mut touched = BTreeSet::new();
        for (table, key) in changes.keys() {
            self.touch_masters(*table, key, &mut touched);
            self.touch_bins(*table, key, &mut touched);
            self.touch_wholes(*table, key, &mut touched);
        }
        touched.retain(|object| !changes.contains_key(object));
        touched
    }

    fn touch_masters(
        &self,
        table: TableId,
        key: &[u8],
        touched: &mut BTreeSet<(TableId, KeyBytes)>,
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
    fn touch_bins(&self, table: TableId, key: &[u8], touched: &mut BTreeSet<(TableId, KeyBytes)>) {
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
                    self.touch_named(after.location, bin, touched);
                }
            }
            TableId(_) => {}
        }
    }

    /// Everything that names a bin by its code.
    fn touch_named(
        &self,
        location: LocationId,
        bin: BinId,
        touched: &mut BTreeSet<(TableId, KeyBytes)>,
    ) {
        self.touch_stock(location, bin, touched);
        touched.insert((Locations::ID, location.to_bytes()));
        let here = KeyRange::prefix(&(location, bin));
        each_of::<PlatesByBin>(self.after, &here, false, &mut |key, _row| {
            touched.insert((Plates::ID, key.2.to_bytes()));
            ControlFlow::Continue(())
        });
        each_of::<OpenTasks>(self.after, &here, false, &mut |key, _row| {
            touched.insert((Tasks::ID, key.5.to_bytes()));
            ControlFlow::Continue(())
        });
    }

    /// A document comes and goes with its lines; the quantities of a site with its profile.
    fn touch_wholes(
        &self,
        table: TableId,
        key: &[u8],
        touched: &mut BTreeSet<(TableId, KeyBytes)>,
    ) {
        match table {
            Documents::ID => {
                let Some(document) = read::<Documents>(key) else { return };
                let [before, after] = self.both::<Documents>(&document);
                let part = |document: Option<Arc<Document>>| {
                    document.map(|row| (row.status, row.location, row.to_location))
                };
                if part(before) != part(after) {
                    self.touch_range::<DocumentLines>(&KeyRange::prefix(&document), touched);
                }
            }
            Sites::ID => {
                let Some(site) = read::<Sites>(key) else { return };
                let [Some(before), Some(after)] = self.both::<Sites>(&site) else { return };
                if before.never_quantities == after.never_quantities {
                    return;
                }
                for (location, row) in self.after.list::<Locations>(&KeyRange::all()) {
                    if row.site == site {
                        self.touch_quantities(&KeyRange::prefix(&(location,)), touched);
                    }
                }
            }
            TableId(_) => {}
        }
    }

    fn touch_stock(
        &self,
        location: LocationId,
        bin: BinId,
        touched: &mut BTreeSet<(TableId, KeyBytes)>,
    ) {
        self.touch_quantities(&KeyRange::prefix(&(location, bin)), touched);
    }

    /// Everything that tells a quantity, for a range of stock keys.
    fn touch_quantities(&self, range: &KeyRange, touched: &mut BTreeSet<(TableId, KeyBytes)>) {
        self.touch_range::<Stocks>(range, touched);
        each_of::<HoldsByStock>(self.after, range, false, &mut |key, _row| {
            touched.insert((Holds::ID, key.1.to_bytes()));
            ControlFlow::Continue(())
        });
    }

    fn touch_range<T: Table>(&self, range: &KeyRange, touched: &mut BTreeSet<(TableId, KeyBytes)>) {
        self.after.scan(T::ID, range, false, &mut |key, _record| {
            touched.insert((T::ID, KeyBytes::from_slice(key)));
            ControlFlow::Continue(())
        });
    }

    fn touch_all<T: Table>(
        &self,
        touched: &mut BTreeSet<(TableId, KeyBytes)>,
        wanted: impl Fn(&T::Row) -> bool,
    ) {
        self.after.scan(T::ID, &KeyRange::all(), false, &mut |key, record: &Record| {
            if wanted(&record.row::<T::Row>()) {
                touched.insert((T::ID, KeyBytes::from_slice(key)));
            }
            ControlFlow::Continue(())
        });
    }
}

fn read<T: Table>(key: &[u8]) -> Option<T::Key> {
    T::Key::from_bytes(key)
}
