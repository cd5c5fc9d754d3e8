//! What the flows look up: the device's view of the world, never the network.

use protocol::feed::{
    BinKind, BinRow, DocumentLineRow, DocumentRow, IdentifierMeaning, ItemRow, LocationRow, LotRow,
    PlateRow, StockRow, TaskRow,
};
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, ItemNo, LocationCode, VariantCode};

/// Look-ups that a flow needs, answered from local state.
///
/// Stock is what the operator may see: server rows with this device's own unanswered operations
/// folded in. A quantity of none is withheld because the bin is counted blind.
pub trait Catalogue {
    /// The location.
    fn location(&self, location: &LocationCode) -> Option<LocationRow>;
    /// Everything that the text of an identifier can mean.
    fn meanings(&self, code: &str) -> Vec<IdentifierMeaning>;
    /// The item card.
    fn item(&self, item: &ItemNo) -> Option<ItemRow>;
    /// The bin.
    fn bin(&self, location: &LocationCode, bin: &BinCode) -> Option<BinRow>;
    /// All bins of a kind, by code.
    fn bins_of_kind(&self, location: &LocationCode, kind: BinKind) -> Vec<BinRow>;
    /// Documents of any kind with this number.
    fn documents_numbered(&self, no: &str) -> Vec<DocumentRow>;
    /// Released documents of a kind that `location` works on: oldest due date first.
    fn open_documents(&self, kind: DocumentKind, location: &LocationCode) -> Vec<DocumentRow>;
    /// The lines of a document, by number.
    fn lines(&self, kind: DocumentKind, no: &str) -> Vec<DocumentLineRow>;
    /// How much this device has done on a line that the server has not answered yet, in base units,
    /// by operations of one kind (`Body::kind`).
    fn pending_on(&self, line: &DocumentRef, kind: &str) -> Quantity;
    /// What lies in a bin, its plates included.
    fn stock_in(&self, location: &LocationCode, bin: Option<&BinCode>) -> Vec<StockRow>;
    /// Where an item lies.
    fn stock_of(&self, location: &LocationCode, item: &ItemNo) -> Vec<StockRow>;
    /// What lies on a licence plate.
    fn stock_on(&self, plate: &str) -> Vec<StockRow>;
    /// Every item's lot with this number.
    fn lots_numbered(&self, lot: &str) -> Vec<LotRow>;
    /// Where a serial number lies, for every item that has it.
    fn serials_numbered(&self, serial: &str) -> Vec<StockRow>;
    /// The licence plate.
    fn plate(&self, plate: &str) -> Option<PlateRow>;
    /// Open tasks of the location.
    fn tasks(&self, location: &LocationCode) -> Vec<TaskRow>;
    /// Whether devices of this site never show quantities.
    fn never_quantities(&self) -> bool;
}

/// The lot of an item.
pub fn lot_of(
    catalogue: &dyn Catalogue,
    item: &ItemNo,
    variant: Option<&VariantCode>,
    lot: &str,
) -> Option<LotRow> {
    catalogue
        .lots_numbered(lot)
        .into_iter()
        .find(|row| row.item == *item && row.variant.as_ref() == variant)
}
