//! The catalogue of a device: server rows with own unanswered work folded in.

use std::cell::RefCell;
use std::collections::BTreeSet;

use protocol::feed::{
    BinKind, BinRow, DocumentLineRow, DocumentRow, IdentifierMeaning, ItemRow, LocationRow, LotRow,
    PlateRow, PlateState, StockRow, TaskRow,
};
use protocol::operation::{Body, DocumentKind, DocumentRef, Goods};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, PlateNo};

use super::catalogue::Catalogue;
use crate::store::StoreError;
use crate::view::{Fold, StockLine};

/// The most rows of a bin that a screen looks at.
const BIN_ROWS_MAX: usize = 2_000;

/// The most open documents of a kind that are looked through.
const DOCUMENTS_MAX: usize = 500;

/// Look-ups in one state of replica and outbox.
///
/// A store that cannot be read answers "nothing known", so that goods can still be recorded;
/// [`Local::trouble`] says so.
pub struct Local<'a> {
    fold: Fold<'a>,
    trouble: RefCell<Option<StoreError>>,
}

impl<'a> Local<'a> {
    /// Look-ups in this state.
    pub fn new(fold: Fold<'a>) -> Self {
        Self { fold, trouble: RefCell::new(None) }
    }

    /// Why some look-up found nothing, when the store could not be read.
    pub fn trouble(&self) -> Option<StoreError> {
        self.trouble.borrow().clone()
    }

    fn read<T: Default>(&self, read: Result<T, StoreError>) -> T {
        read.unwrap_or_else(|error| {
            self.trouble.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    /// Items that own unanswered operations handled under this serial number.
    fn pending_items(&self, serial: &str) -> BTreeSet<ItemNo> {
        let bodies = self.fold.outbox.iter().filter_map(|entry| entry.body.as_ref());
        let goods = bodies.flat_map(goods_of).filter(|goods| {
            goods.tracking.serial.as_ref().is_some_and(|known| known.as_str() == serial)
        });
        goods.map(|goods| goods.item.clone()).collect()
    }
}

/// Rows that say something: what is known to be nothing is left out.
fn rows(lines: Vec<StockLine>) -> Vec<StockRow> {
    let says = |line: &StockLine| {
        line.quantity.is_none_or(|quantity| !quantity.is_zero()) || !line.held.is_zero()
    };
    lines.into_iter().filter(says).map(|line| line.to_row()).collect()
}

fn goods_of(body: &Body) -> Vec<&Goods> {
    match body {
        Body::Count(body) => vec![&body.goods],
        Body::CountBin(body) => body.lines.iter().map(|line| &line.goods).collect(),
        Body::Receive(body) => vec![&body.goods],
        Body::Pick(body) => vec![&body.goods],
        Body::Ship(body) => vec![&body.goods],
        Body::Move(body) => vec![&body.goods],
        Body::TransferShip(body) => vec![&body.goods],
        Body::TransferReceive(body) => vec![&body.goods],
        Body::Adjust(body) => vec![&body.goods],
        Body::Reclassify(body) => vec![&body.goods],
        Body::MovePlate(_)
        | Body::Undo(_)
        | Body::Unidentified(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => Vec::new(),
    }
}

impl Catalogue for Local<'_> {
    fn location(&self, location: &LocationCode) -> Option<LocationRow> {
        self.read(self.fold.replica.location(location))
    }

    fn meanings(&self, code: &str) -> Vec<IdentifierMeaning> {
        self.read(self.fold.replica.identifier(code)).map_or_else(Vec::new, |row| row.meanings)
    }

    fn item(&self, item: &ItemNo) -> Option<ItemRow> {
        self.read(self.fold.replica.item(item))
    }

    fn bin(&self, location: &LocationCode, bin: &BinCode) -> Option<BinRow> {
        self.read(self.fold.replica.bin(location, bin))
    }

    fn bins_of_kind(&self, location: &LocationCode, kind: BinKind) -> Vec<BinRow> {
        self.read(self.fold.replica.bins_of_kind(location, kind))
    }

    fn documents_numbered(&self, no: &str) -> Vec<DocumentRow> {
        self.read(self.fold.replica.documents_numbered(no))
    }

    fn open_documents(&self, kind: DocumentKind, location: &LocationCode) -> Vec<DocumentRow> {
        let mut rows = self.read(self.fold.replica.open_documents(kind, DOCUMENTS_MAX));
        rows.retain(|row| row.location == *location || row.to_location.as_ref() == Some(location));
        rows.sort_by(|a, b| (a.due.is_none(), a.due, &a.no).cmp(&(b.due.is_none(), b.due, &b.no)));
        rows
    }

    fn lines(&self, kind: DocumentKind, no: &str) -> Vec<DocumentLineRow> {
        let Ok(no) = DocumentNo::new(no) else { return Vec::new() };
        self.read(self.fold.replica.lines(kind, &no))
    }

    fn pending_on(&self, line: &DocumentRef, kind: &str) -> Quantity {
        self.read(self.fold.pending_on(line, kind))
    }

    fn stock_in(&self, location: &LocationCode, bin: Option<&BinCode>) -> Vec<StockRow> {
        rows(self.read(self.fold.stock_in_bin(location, bin, BIN_ROWS_MAX)))
    }

    fn stock_of(&self, location: &LocationCode, item: &ItemNo) -> Vec<StockRow> {
        rows(self.read(self.fold.stock_of_item(item, Some(location))))
    }

    fn stock_on(&self, plate: &str) -> Vec<StockRow> {
        let Ok(plate) = PlateNo::new(plate) else { return Vec::new() };
        rows(self.read(self.fold.stock_on_plate(&plate)))
    }

    fn lots_numbered(&self, lot: &str) -> Vec<LotRow> {
        self.read(self.fold.replica.lots(lot))
    }

    fn serials_numbered(&self, serial: &str) -> Vec<StockRow> {
        let mut known = self.read(self.fold.replica.stock_of_serial(serial));
        known.retain(|row| row.quantity.is_none_or(Quantity::is_positive));
        // Only items that this device has moved under this number need to be added up anew.
        for item in self.pending_items(serial) {
            known.retain(|row| row.item != item);
            let lines = self.read(self.fold.stock_of_item(&item, None));
            known.extend(rows(lines).into_iter().filter(|row| {
                row.tracking.serial.as_ref().is_some_and(|no| no.as_str() == serial)
            }));
        }
        for row in &mut known {
            let Some(plate) = &row.plate else { continue };
            if let Some(place) = self.read(self.fold.plate_place(plate)) {
                row.location = place.location;
                row.bin = place.bin;
            }
        }
        known
    }

    fn plate(&self, plate: &str) -> Option<PlateRow> {
        let plate = PlateNo::new(plate).ok()?;
        let row = self.read(self.fold.replica.plate(&plate));
        let place = self.read(self.fold.plate_place(&plate))?;
        let state = row.map_or(PlateState::Open, |row| row.state);
        let (location, bin, parent) = (place.location, place.bin, place.parent);
        Some(PlateRow { plate, location, bin, parent, state })
    }

    fn tasks(&self, location: &LocationCode) -> Vec<TaskRow> {
        let mut tasks = self.read(self.fold.tasks());
        tasks.retain(|task| task.location == *location);
        tasks
    }

    fn never_quantities(&self) -> bool {
        self.read(self.fold.replica.site()).is_some_and(|site| site.never_quantities)
    }
}
