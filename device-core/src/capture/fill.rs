//! What a scan can mean in a flow: every slot it can fill, and every way to understand it.
//!
//! A text with several meanings gives several fills: the person is asked, nothing is guessed.

use chrono::NaiveDate;
use protocol::feed::{IdentifierMeaning, StockRow};
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LotNo, PackageNo, PlateNo, SerialNo, VariantCode,
};

use super::flow::{Flow, Side, Slot};
use super::message::Message;
use super::scan::{Content, Elements, Scan};
use super::slots::Slots;
use super::world::World;

/// What a licence plate is to the goods in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlateUse {
    /// Goods are taken from it, or it is moved whole.
    From,
    /// Goods are put on it.
    To,
    /// It is closed and stands in the counted bin.
    SeenClosed,
}

/// Everything that one reading of a scan puts into slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fill {
    /// The item, with the variant and unit that the label stands for.
    pub item: Option<IdentifierMeaning>,
    /// The lot.
    pub lot: Option<LotNo>,
    /// The serial number.
    pub serial: Option<SerialNo>,
    /// The package number.
    pub package: Option<PackageNo>,
    /// The expiration date.
    pub expiry: Option<NaiveDate>,
    /// How many packs.
    pub count: Option<Quantity>,
    /// The net weight in kilograms.
    pub kilograms: Option<Quantity>,
    /// A bin.
    pub bin: Option<BinCode>,
    /// A licence plate and its use.
    pub plate: Option<(PlateUse, PlateNo)>,
    /// An order.
    pub paper: Option<(DocumentKind, DocumentNo)>,
    /// The item was looked up by its lot or serial number: the label does not name it, and is no
    /// pack of it.
    pub derived: bool,
}

impl Fill {
    /// The fill in a few words, for a choice.
    pub(super) fn name(&self, world: &World<'_>) -> Message {
        if let Some((kind, no)) = &self.paper {
            return Message::new(document_text(*kind)).word("no", no);
        }
        if let Some((used, plate)) = &self.plate {
            return Message::new(match used {
                PlateUse::From => "choice-plate-from",
                PlateUse::To => "choice-plate-to",
                PlateUse::SeenClosed => "choice-plate-closed",
            })
            .word("plate", plate);
        }
        if let Some(bin) = &self.bin {
            return Message::new("choice-bin").word("bin", bin);
        }
        match (&self.item, &self.lot, &self.serial, &self.package) {
            (Some(meaning), Some(lot), _, _) => Message::new("choice-item-lot")
                .word("item", world.item_name(&meaning.item))
                .word("lot", lot),
            (Some(meaning), _, Some(serial), _) => Message::new("choice-item-serial")
                .word("item", world.item_name(&meaning.item))
                .word("serial", serial),
            (Some(meaning), _, _, _) => name_of_meaning(meaning, world),
            (None, Some(lot), _, _) => Message::new("choice-lot").word("lot", lot),
            (None, _, Some(serial), _) => Message::new("choice-serial").word("serial", serial),
            (None, _, _, Some(package)) => Message::new("choice-package").word("package", package),
            (None, None, None, None) => Message::new("choice-nothing"),
        }
    }
}

fn name_of_meaning(meaning: &IdentifierMeaning, world: &World<'_>) -> Message {
    let name = world.item_name(&meaning.item);
    match (&meaning.variant, &meaning.unit) {
        (None, None) => Message::new("choice-item").word("item", name),
        (Some(variant), None) => {
            Message::new("choice-item-variant").word("item", name).word("variant", variant)
        }
        (variant, Some(unit)) => Message::new("choice-item-unit")
            .word("item", name)
            .word("variant", variant.as_ref().map_or("", VariantCode::as_str))
            .word("unit", unit),
    }
}

/// The text that names a document.
pub(super) const fn document_text(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::PurchaseOrder => "document-purchase-order",
        DocumentKind::PurchaseReturnOrder => "document-purchase-return-order",
        DocumentKind::SalesOrder => "document-sales-order",
        DocumentKind::SalesReturnOrder => "document-sales-return-order",
        DocumentKind::TransferOrder => "document-transfer-order",
        DocumentKind::AssemblyOrder => "document-assembly-order",
        DocumentKind::CountOrder => "document-count-order",
    }
}

/// All that a scan can mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// Meanings that the flow can use.
    pub fits: Vec<Fill>,
    /// Things that are known and have no place in this flow.
    pub misfits: Vec<Fill>,
    /// The code is damaged: the stable name of what is wrong.
    pub damaged: Option<&'static str>,
    /// One of our own labels, with a code that is not known here.
    pub unknown_own: Option<&'static str>,
}

/// Looks up all that `scan` can mean in `flow`, while `asked` is the open question.
pub(super) fn candidates(
    scan: &Scan,
    flow: Flow,
    slots: &Slots,
    asked: Option<Slot>,
    world: &World<'_>,
) -> Found {
    let reader = Reader { flow, slots, world };
    let mut found = Found::default();
    let mut all = Vec::new();
    let plain = scan.readings.iter().find_map(|content| match content {
        Content::Plain(text) => Some(text.as_str()),
        _ => None,
    });
    // The exact text goes before everything that it merely looks like.
    if let Some(text) = plain {
        all.extend(reader.plain(text));
    }
    if all.is_empty() {
        for content in &scan.readings {
            match content {
                Content::Damaged(code) => found.damaged = Some(code),
                Content::Bin(code) if world.bin(code).is_none() => {
                    found.unknown_own = Some("bin_unknown");
                }
                _ => {}
            }
            all.extend(reader.content(content));
        }
        if let [Content::Document(_)] = scan.readings.as_slice()
            && all.is_empty()
        {
            found.unknown_own = Some("document_unknown");
        }
    }
    for fill in all {
        let list = if reader.accepts(&fill) { &mut found.fits } else { &mut found.misfits };
        if !list.contains(&fill) {
            list.push(fill);
        }
    }
    if let Some(text) = plain
        && let Some(fill) = reader.free(text, asked, &found)
    {
        found.fits.push(fill);
    }
    found
}

struct Reader<'a> {
    flow: Flow,
    slots: &'a Slots,
    world: &'a World<'a>,
}

impl Reader<'_> {
    fn accepts(&self, fill: &Fill) -> bool {
        let paper = fill.paper.as_ref();
        paper.is_none_or(|(kind, _)| {
            self.flow == Flow::LookUp || self.flow.documents().contains(kind)
        })
    }

    fn content(&self, content: &Content) -> Vec<Fill> {
        match content {
            Content::Plain(_) | Content::Command(_) | Content::Elsewhere | Content::Damaged(_) => {
                Vec::new()
            }
            Content::Gtin(gtin) => self.items(gtin),
            Content::Elements(elements) => self.elements(elements),
            Content::Bin(code) => self.bins(code),
            Content::Plate(no) => self.plates(no, true),
            Content::Document(no) => self.documents(no),
        }
    }

    /// Everything that is known under this exact text.
    fn plain(&self, text: &str) -> Vec<Fill> {
        let mut all = self.items(text);
        all.extend(self.bins(text));
        all.extend(self.documents(text));
        all.extend(self.plates(text, false));
        all.extend(self.lots(text));
        all.extend(self.serials(text));
        all
    }

    fn items(&self, text: &str) -> Vec<Fill> {
        meanings(text, self.world)
            .into_iter()
            .map(|meaning| Fill { item: Some(meaning), ..Fill::default() })
            .collect()
    }

    fn bins(&self, text: &str) -> Vec<Fill> {
        let bin = self.world.bin(text);
        bin.into_iter().map(|row| Fill { bin: Some(row.bin), ..Fill::default() }).collect()
    }

    fn documents(&self, text: &str) -> Vec<Fill> {
        let rows = self.world.catalogue.documents_numbered(text);
        rows.into_iter()
            .map(|row| Fill { paper: Some((row.kind, row.no)), ..Fill::default() })
            .collect()
    }

    /// A licence plate in every use that it can have now; a new one only where `may_be_new`.
    fn plates(&self, text: &str, may_be_new: bool) -> Vec<Fill> {
        let Ok(no) = PlateNo::new(text) else { return Vec::new() };
        if self.world.catalogue.plate(text).is_none() && !may_be_new {
            return Vec::new();
        }
        let uses = self.plate_uses(text);
        let content = self.sole_content(text);
        uses.iter()
            .map(|&used| {
                let mut fill = Fill { plate: Some((used, no.clone())), ..Fill::default() };
                if used == PlateUse::From
                    && let Some(row) = &content
                {
                    fill.item = Some(IdentifierMeaning {
                        item: row.item.clone(),
                        variant: row.variant.clone(),
                        unit: None,
                    });
                    fill.lot.clone_from(&row.tracking.lot);
                    fill.count = row.quantity;
                }
                fill
            })
            .collect()
    }

    /// The only thing on a plate, where taking the plate means taking just that.
    fn sole_content(&self, plate: &str) -> Option<StockRow> {
        let takes_content = matches!(self.flow, Flow::Pick | Flow::Ship | Flow::TransferShip);
        if !takes_content || self.slots.item.is_some() {
            return None;
        }
        let mut rows = self.world.catalogue.stock_on(plate);
        let row = rows.pop().filter(|_| rows.is_empty())?;
        (row.tracking.serial.is_none() && row.quantity.is_some_and(Quantity::is_positive))
            .then_some(row)
    }

    fn plate_uses(&self, plate: &str) -> Vec<PlateUse> {
        match self.flow {
            Flow::Receive | Flow::TransferReceive => vec![PlateUse::To],
            Flow::CountBin => vec![PlateUse::SeenClosed, PlateUse::From],
            Flow::PutAway | Flow::Move => {
                let rows = self.world.catalogue.stock_on(plate);
                let holds = |item: &ItemNo| rows.iter().any(|row| row.item == *item);
                let other = self.slots.from_plate.as_ref().is_some_and(|p| p.as_str() != plate);
                match &self.slots.item {
                    None if other => vec![PlateUse::To, PlateUse::From],
                    None => vec![PlateUse::From],
                    Some(item) if self.slots.from_plate.is_none() && holds(item) => {
                        vec![PlateUse::From]
                    }
                    Some(_) if self.slots.is_named(Side::From) => vec![PlateUse::To],
                    Some(_) if self.slots.from_plate.is_some() => vec![PlateUse::To],
                    Some(_) => vec![PlateUse::From, PlateUse::To],
                }
            }
            Flow::Pick
            | Flow::Ship
            | Flow::TransferShip
            | Flow::Count
            | Flow::Adjust
            | Flow::LookUp => vec![PlateUse::From],
        }
    }

    fn lots(&self, text: &str) -> Vec<Fill> {
        let mut all = Vec::new();
        for row in self.world.catalogue.lots_numbered(text) {
            match &self.slots.item {
                Some(item) if *item != row.item => {}
                Some(_) => all.push(Fill { lot: Some(row.lot), ..Fill::default() }),
                None => all.push(Fill {
                    item: Some(IdentifierMeaning {
                        item: row.item,
                        variant: row.variant,
                        unit: None,
                    }),
                    lot: Some(row.lot),
                    derived: true,
                    ..Fill::default()
                }),
            }
        }
        all
    }

    fn serials(&self, text: &str) -> Vec<Fill> {
        let mut all = Vec::new();
        for row in self.world.catalogue.serials_numbered(text) {
            let serial = row.tracking.serial.clone();
            let known = match &self.slots.item {
                Some(item) if *item != row.item => continue,
                Some(_) => None,
                None => Some(IdentifierMeaning {
                    item: row.item.clone(),
                    variant: row.variant.clone(),
                    unit: None,
                }),
            };
            let derived = known.is_some();
            all.push(Fill { item: known, serial, derived, ..Fill::default() });
        }
        all
    }

    fn elements(&self, elements: &Elements) -> Vec<Fill> {
        let mut base = Fill {
            lot: elements.lot.as_deref().and_then(|lot| LotNo::new(lot).ok()),
            serial: elements.serial.as_deref().and_then(|serial| SerialNo::new(serial).ok()),
            expiry: elements.expiry,
            count: elements.count,
            kilograms: elements.kilograms,
            ..Fill::default()
        };
        let plates = match &elements.sscc {
            Some(sscc) => self.plates(sscc, true),
            None => Vec::new(),
        };
        let Some(gtin) = &elements.gtin else {
            if plates.is_empty() {
                return if base == Fill::default() { Vec::new() } else { vec![base] };
            }
            return plates;
        };
        // The plate and what it carries on one label: the plate is where the goods are.
        if let Some(fill) = plates.into_iter().next() {
            base.plate = fill.plate;
        }
        let meanings = meanings(gtin, self.world);
        meanings.into_iter().map(|meaning| Fill { item: Some(meaning), ..base.clone() }).collect()
    }

    /// The text itself as a lot, serial or package number: where the flow needs one and the text
    /// is nothing else, or where exactly that is asked.
    fn free(&self, text: &str, asked: Option<Slot>, found: &Found) -> Option<Fill> {
        let known = !found.fits.is_empty() || !found.misfits.is_empty();
        let slot = match asked {
            Some(slot @ (Slot::Lot | Slot::Serial | Slot::Package)) => slot,
            // Whoever scans where the step of a range is asked scans its last number again.
            Some(Slot::Step) => Slot::Serial,
            _ if known => return None,
            _ => self.wanted()?,
        };
        let mine = |fill: &Fill| {
            let same = fill.item.as_ref().map(|meaning| &meaning.item) == self.slots.item.as_ref();
            same && fill.item.is_some()
        };
        // The item's own barcode at the question for its serial is the classic slip.
        if found.fits.iter().any(mine) {
            return None;
        }
        let fill = match slot {
            Slot::Lot => Fill { lot: Some(LotNo::new(text).ok()?), ..Fill::default() },
            Slot::Serial => Fill { serial: Some(SerialNo::new(text).ok()?), ..Fill::default() },
            _ => Fill { package: Some(PackageNo::new(text).ok()?), ..Fill::default() },
        };
        (!found.fits.contains(&fill)).then_some(fill)
    }

    /// The number that the item in hand still needs, whatever is asked.
    fn wanted(&self) -> Option<Slot> {
        let rule = self.world.item_of(self.slots)?.tracking;
        if rule.lot && self.slots.lot.is_none() {
            Some(Slot::Lot)
        } else if rule.serial {
            Some(Slot::Serial)
        } else if rule.package && self.slots.package.is_none() {
            Some(Slot::Package)
        } else {
            None
        }
    }
}

/// What a text means as an item: the exact identifier first, then its forms as an item number of
/// 8 to 14 digits, then the number of an item card.
///
/// Source: resolution order of the reference ERP, exact identifier before GTIN before number.
fn meanings(text: &str, world: &World<'_>) -> Vec<IdentifierMeaning> {
    let exact = world.catalogue.meanings(text);
    if !exact.is_empty() {
        return exact;
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && matches!(text.len(), 8 | 12 | 13 | 14) {
        let padded = format!("{text:0>14}");
        for length in [14, 13, 12, 8] {
            let Some((zeros, form)) = padded.split_at_checked(14 - length) else { continue };
            if zeros.bytes().all(|byte| byte == b'0') {
                let found = world.catalogue.meanings(form);
                if !found.is_empty() {
                    return found;
                }
            }
        }
    }
    let item = ItemNo::new(text).ok().filter(|no| world.catalogue.item(no).is_some());
    item.into_iter().map(|item| IdentifierMeaning { item, variant: None, unit: None }).collect()
}
