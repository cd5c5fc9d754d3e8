//! What screens and flows ask of the replica. Server rows only: own unposted work is in the view.

use protocol::feed::{
    BinKind, BinRow, CaseRow, DocumentLineRow, DocumentRow, FeedRow, HoldRow, IdentifierRow,
    ItemRow, LocationRow, LotRow, OperatorRow, PlateRow, SiteRow, StockRow, TaskRow,
};
use protocol::identity::TaskId;
use protocol::operation::DocumentKind;
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, OperatorId, PlateNo};

use super::index::{DONE, OPEN, bin_kind_word, hash_word, key, kind_word, number_word};
use super::{Index, Replica, row_key};
use crate::store::StoreError;

/// The numbers of the tables, as [`FeedRow::table`] gives them.
pub(super) mod table {
    pub(super) const SITE: u8 = 1;
    pub(in crate::replica) const LOCATION: u8 = 2;
    pub(super) const BIN: u8 = 3;
    pub(super) const ITEM: u8 = 4;
    pub(super) const IDENTIFIER: u8 = 5;
    pub(super) const LOT: u8 = 6;
    pub(super) const STOCK: u8 = 7;
    pub(super) const PLATE: u8 = 8;
    pub(super) const DOCUMENT: u8 = 9;
    pub(super) const DOCUMENT_LINE: u8 = 10;
    pub(super) const TASK: u8 = 11;
    pub(super) const OPERATOR: u8 = 12;
    pub(super) const CASE: u8 = 13;
    pub(super) const HOLD: u8 = 14;
}

/// The rows found, as the type that the table has.
macro_rules! only {
    ($rows:expr, $variant:ident) => {
        $rows
            .into_iter()
            .filter_map(|row| match row {
                FeedRow::$variant(row) => Some(row),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
}

impl Replica {
    /// The rows of `table` whose index key starts with `prefix`, in the order of the index.
    fn find(&self, table: u8, prefix: &[u8], limit: usize) -> Result<Vec<FeedRow>, StoreError> {
        let generation = self.reading();
        let prefix = super::index::entry_key(generation, prefix, &[]);
        let mut rows = Vec::new();
        for (_entry, key) in self.noted(self.store.scan(&prefix, &prefix, limit))? {
            let row = self.noted(self.store.get(&row_key(generation, table, &key)))?;
            let Some(bytes) = row else { continue };
            rows.extend(FeedRow::decode(table, &bytes).ok().flatten());
        }
        Ok(rows)
    }

    /// The site.
    ///
    /// # Errors
    ///
    /// [`StoreError`], as all of these.
    pub fn site(&self) -> Result<Option<SiteRow>, StoreError> {
        Ok(only!(self.find(table::SITE, &key(Index::Site, &[]), 1)?, Site).pop())
    }

    /// All locations of the site.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn locations(&self) -> Result<Vec<LocationRow>, StoreError> {
        let rows = self.find(table::LOCATION, &key(Index::Location, &[]), usize::MAX)?;
        Ok(only!(rows, Location))
    }

    /// A location.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn location(&self, location: &LocationCode) -> Result<Option<LocationRow>, StoreError> {
        let prefix = key(Index::Location, &[location.as_str()]);
        Ok(only!(self.find(table::LOCATION, &prefix, 1)?, Location).pop())
    }

    /// A bin.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn bin(
        &self,
        location: &LocationCode,
        bin: &BinCode,
    ) -> Result<Option<BinRow>, StoreError> {
        let prefix = key(Index::Bin, &[location.as_str(), bin.as_str()]);
        Ok(only!(self.find(table::BIN, &prefix, 1)?, Bin).pop())
    }

    /// The bins of a location whose code starts with `start`, by code, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn bins(
        &self,
        location: &LocationCode,
        start: &str,
        limit: usize,
    ) -> Result<Vec<BinRow>, StoreError> {
        let mut prefix = key(Index::Bin, &[location.as_str()]);
        prefix.extend_from_slice(start.as_bytes());
        Ok(only!(self.find(table::BIN, &prefix, limit)?, Bin))
    }

    /// An item.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn item(&self, item: &ItemNo) -> Result<Option<ItemRow>, StoreError> {
        let prefix = key(Index::Item, &[item.as_str()]);
        Ok(only!(self.find(table::ITEM, &prefix, 1)?, Item).pop())
    }

    /// The items whose number starts with `start`, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn items(&self, start: &str, limit: usize) -> Result<Vec<ItemRow>, StoreError> {
        let mut prefix = key(Index::Item, &[]);
        prefix.extend_from_slice(start.as_bytes());
        Ok(only!(self.find(table::ITEM, &prefix, limit)?, Item))
    }

    /// The identifier with this text and all its meanings.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn identifier(&self, code: &str) -> Result<Option<IdentifierRow>, StoreError> {
        let rows = self.find(table::IDENTIFIER, &key(Index::Identifier, &[code]), 1)?;
        Ok(only!(rows, Identifier).pop())
    }

    /// The bins of a kind in a location, by code.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn bins_of_kind(
        &self,
        location: &LocationCode,
        kind: BinKind,
    ) -> Result<Vec<BinRow>, StoreError> {
        let prefix = key(Index::BinByKind, &[location.as_str(), bin_kind_word(kind)]);
        Ok(only!(self.find(table::BIN, &prefix, usize::MAX)?, Bin))
    }

    /// The lots with this number, of every item.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn lots(&self, lot: &str) -> Result<Vec<LotRow>, StoreError> {
        Ok(only!(self.find(table::LOT, &key(Index::Lot, &[lot]), usize::MAX)?, Lot))
    }

    /// The stock of a bin, or of a location without bins, at most `limit` rows. Goods on licence
    /// plates included.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_in_bin(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
        limit: usize,
    ) -> Result<Vec<StockRow>, StoreError> {
        let bin = bin.map_or("", BinCode::as_str);
        let prefix = key(Index::StockByBin, &[location.as_str(), bin]);
        Ok(only!(self.find(table::STOCK, &prefix, limit)?, Stock))
    }

    /// The stock of an item: of the site, of a location, or of one bin of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_of_item(
        &self,
        item: &ItemNo,
        place: Option<(&LocationCode, Option<&BinCode>)>,
    ) -> Result<Vec<StockRow>, StoreError> {
        let mut texts = vec![item.as_str()];
        if let Some((location, bin)) = place {
            texts.push(location.as_str());
            texts.extend(bin.map(BinCode::as_str));
        }
        let rows = self.find(table::STOCK, &key(Index::StockByItem, &texts), usize::MAX)?;
        Ok(only!(rows, Stock))
    }

    /// Whether stock of this location is kept by unit, as its first row has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn keeps_units(&self, location: &LocationCode) -> Result<bool, StoreError> {
        let prefix = key(Index::StockByBin, &[location.as_str()]);
        let rows = only!(self.find(table::STOCK, &prefix, 1)?, Stock);
        Ok(rows.iter().any(|row| row.unit.is_some()))
    }

    /// What is on a licence plate by the book, without the plates that stand on it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_on_plate(&self, plate: &PlateNo) -> Result<Vec<StockRow>, StoreError> {
        let prefix = key(Index::StockByPlate, &[plate.as_str()]);
        Ok(only!(self.find(table::STOCK, &prefix, usize::MAX)?, Stock))
    }

    /// Where a serial number lies by the book, of every item that has it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_of_serial(&self, serial: &str) -> Result<Vec<StockRow>, StoreError> {
        Ok(only!(self.find(table::STOCK, &key(Index::Serial, &[serial]), usize::MAX)?, Stock))
    }

    /// A licence plate.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn plate(&self, plate: &PlateNo) -> Result<Option<PlateRow>, StoreError> {
        let prefix = key(Index::Plate, &[plate.as_str()]);
        Ok(only!(self.find(table::PLATE, &prefix, 1)?, Plate).pop())
    }

    /// The licence plates of a bin.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn plates_in_bin(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
    ) -> Result<Vec<PlateRow>, StoreError> {
        let bin = bin.map_or("", BinCode::as_str);
        let prefix = key(Index::PlateByBin, &[location.as_str(), bin]);
        Ok(only!(self.find(table::PLATE, &prefix, usize::MAX)?, Plate))
    }

    /// The licence plates that stand on another.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn plates_on(&self, plate: &PlateNo) -> Result<Vec<PlateRow>, StoreError> {
        let prefix = key(Index::PlateByParent, &[plate.as_str()]);
        Ok(only!(self.find(table::PLATE, &prefix, usize::MAX)?, Plate))
    }

    /// The documents of a kind that may be worked on, by number, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open_documents(
        &self,
        kind: DocumentKind,
        limit: usize,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        let prefix = key(Index::Document, &[kind_word(kind), OPEN]);
        Ok(only!(self.find(table::DOCUMENT, &prefix, limit)?, Document))
    }

    /// The documents of a kind that are done, withdrawn or not released, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn other_documents(
        &self,
        kind: DocumentKind,
        limit: usize,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        let prefix = key(Index::Document, &[kind_word(kind), DONE]);
        Ok(only!(self.find(table::DOCUMENT, &prefix, limit)?, Document))
    }

    /// A document.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn document(
        &self,
        kind: DocumentKind,
        no: &DocumentNo,
    ) -> Result<Option<DocumentRow>, StoreError> {
        let prefix = key(Index::DocumentByNo, &[no.as_str(), kind_word(kind)]);
        Ok(only!(self.find(table::DOCUMENT, &prefix, 1)?, Document).pop())
    }

    /// The documents of any kind with this number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn documents_numbered(&self, no: &str) -> Result<Vec<DocumentRow>, StoreError> {
        let rows = self.find(table::DOCUMENT, &key(Index::DocumentByNo, &[no]), usize::MAX)?;
        Ok(only!(rows, Document))
    }

    /// The lines of a document in their order, as the server has them.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn lines(
        &self,
        kind: DocumentKind,
        no: &DocumentNo,
    ) -> Result<Vec<DocumentLineRow>, StoreError> {
        let prefix = key(Index::Line, &[kind_word(kind), no.as_str()]);
        Ok(only!(self.find(table::DOCUMENT_LINE, &prefix, usize::MAX)?, DocumentLine))
    }

    /// The tasks of the site, by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn tasks(&self) -> Result<Vec<TaskRow>, StoreError> {
        Ok(only!(self.find(table::TASK, &key(Index::Task, &[]), usize::MAX)?, Task))
    }

    /// A task.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn task(&self, task: TaskId) -> Result<Option<TaskRow>, StoreError> {
        let prefix = key(Index::Task, &[&number_word(task.0)]);
        Ok(only!(self.find(table::TASK, &prefix, 1)?, Task).pop())
    }

    /// The people of the site.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        let rows = self.find(table::OPERATOR, &key(Index::Operator, &[]), usize::MAX)?;
        Ok(only!(rows, Operator))
    }

    /// A person.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn operator(&self, operator: &OperatorId) -> Result<Option<OperatorRow>, StoreError> {
        let prefix = key(Index::Operator, &[operator.as_str()]);
        Ok(only!(self.find(table::OPERATOR, &prefix, 1)?, Operator).pop())
    }

    /// The person with the badge whose text has this SHA-256.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn operator_by_badge(&self, hash: &[u8]) -> Result<Option<OperatorRow>, StoreError> {
        let prefix = key(Index::Badge, &[&hash_word(hash)]);
        Ok(only!(self.find(table::OPERATOR, &prefix, 1)?, Operator).pop())
    }

    /// The cases that are still to be decided, by number.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open_cases(&self) -> Result<Vec<CaseRow>, StoreError> {
        Ok(only!(self.find(table::CASE, &key(Index::Case, &[OPEN]), usize::MAX)?, Case))
    }

    /// The open cases that would change the stock of an item in a place.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn cases_of_item(
        &self,
        item: &ItemNo,
        place: Option<(&LocationCode, Option<&BinCode>)>,
    ) -> Result<Vec<CaseRow>, StoreError> {
        let mut texts = vec![item.as_str()];
        if let Some((location, bin)) = place {
            texts.push(location.as_str());
            texts.push(bin.map_or("", BinCode::as_str));
        }
        let rows = self.find(table::CASE, &key(Index::CaseByItem, &texts), usize::MAX)?;
        Ok(only!(rows, Case))
    }

    /// The open cases that would change the stock of a bin.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn cases_of_bin(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
    ) -> Result<Vec<CaseRow>, StoreError> {
        let bin = bin.map_or("", BinCode::as_str);
        let prefix = key(Index::CaseByBin, &[location.as_str(), bin]);
        Ok(only!(self.find(table::CASE, &prefix, usize::MAX)?, Case))
    }

    /// The holds on goods of a bin.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn holds_in_bin(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
    ) -> Result<Vec<HoldRow>, StoreError> {
        let bin = bin.map_or("", BinCode::as_str);
        let prefix = key(Index::Hold, &[location.as_str(), bin]);
        Ok(only!(self.find(table::HOLD, &prefix, usize::MAX)?, Hold))
    }
}
