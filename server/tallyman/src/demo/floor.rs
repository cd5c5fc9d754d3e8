//! The physical truth of the demo: what really lies where, whatever anybody has recorded.

use std::collections::BTreeMap;

use protocol::operation::Tracking;
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode};
use server::exchange::Batch;

/// A bin of a location.
pub(crate) type Bin = (LocationCode, BinCode);
/// What lies in it: pieces by item and tracking.
pub(crate) type Content = BTreeMap<(ItemNo, Tracking), i64>;

/// An order line with what is still to be done.
#[derive(Debug, Clone)]
pub(crate) struct OpenLine {
    pub(crate) location: LocationCode,
    pub(crate) to_location: Option<LocationCode>,
    pub(crate) document: DocumentNo,
    pub(crate) line: u32,
    pub(crate) item: ItemNo,
    pub(crate) open: i64,
}

/// Goods that were picked, or are on their way.
#[derive(Debug, Clone)]
pub(crate) struct OnTheMove {
    pub(crate) location: LocationCode,
    pub(crate) document: DocumentNo,
    pub(crate) line: u32,
    pub(crate) item: ItemNo,
    pub(crate) pieces: i64,
}

/// The shop floor.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    bins: BTreeMap<Bin, Content>,
    pub(crate) to_receive: Vec<OpenLine>,
    pub(crate) to_pick: Vec<OpenLine>,
    pub(crate) to_transfer: Vec<OpenLine>,
    pub(crate) picked: Vec<OnTheMove>,
    pub(crate) travelling: Vec<OnTheMove>,
    /// Bins from which something went without anybody recording it, still to be counted.
    pub(crate) robbed: Vec<Bin>,
    /// Numbers given to new lots and serials.
    n_given: u64,
}

/// A quantity of the demo in pieces: everything there is counted whole.
pub(crate) fn pieces(quantity: protocol::quantity::Quantity) -> i64 {
    i64::try_from(quantity.units() / 100_000).unwrap_or(i64::MAX)
}

impl Floor {
    /// The floor as the company's files describe it.
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut floor = Self::default();
        for at in &batch.opening_stock {
            let row = &at.row;
            let Some(bin) = row.bin.clone() else { continue };
            let tracking = Tracking {
                lot: row.lot.clone(),
                serial: row.serial.clone(),
                package: row.package.clone(),
            };
            let what = (row.item.clone(), tracking);
            floor.put(&(row.location.clone(), bin), what, pieces(row.quantity));
        }
        floor.to_receive = batch
            .purchase_orders
            .iter()
            .map(|at| OpenLine {
                location: at.row.location.clone(),
                to_location: None,
                document: at.row.document.clone(),
                line: at.row.line,
                item: at.row.item.clone(),
                open: pieces(at.row.quantity),
            })
            .collect();
        floor.to_pick = batch
            .sales_orders
            .iter()
            .map(|at| OpenLine {
                location: at.row.location.clone(),
                to_location: None,
                document: at.row.document.clone(),
                line: at.row.line,
                item: at.row.item.clone(),
                open: pieces(at.row.quantity),
            })
            .collect();
        floor.to_transfer = batch
            .transfer_orders
            .iter()
            .map(|at| OpenLine {
                location: at.row.location.clone(),
                to_location: Some(at.row.to_location.clone()),
                document: at.row.document.clone(),
                line: at.row.line,
                item: at.row.item.clone(),
                open: pieces(at.row.quantity),
            })
            .collect();
        floor
    }

    /// Puts pieces into a bin.
    pub(crate) fn put(&mut self, bin: &Bin, what: (ItemNo, Tracking), pieces: i64) {
        *self.bins.entry(bin.clone()).or_default().entry(what).or_default() += pieces;
    }

    /// Takes pieces that are there out of a bin.
    pub(crate) fn take(&mut self, bin: &Bin, what: &(ItemNo, Tracking), pieces: i64) {
        let content = self.bins.entry(bin.clone()).or_default();
        let left = content.get(what).copied().unwrap_or_default() - pieces;
        if left == 0 {
            content.remove(what);
        } else {
            content.insert(what.clone(), left);
        }
    }

    /// What lies in a bin.
    pub(crate) fn content(&self, bin: &Bin) -> Content {
        self.bins.get(bin).cloned().unwrap_or_default()
    }

    /// The bins of a location that hold something and are not named `except`.
    pub(crate) fn full_bins(&self, location: &LocationCode, except: &[&str]) -> Vec<Bin> {
        self.bins
            .iter()
            .filter(|((of, bin), content)| {
                of == location && !except.contains(&bin.as_str()) && !content.is_empty()
            })
            .map(|(bin, _content)| bin.clone())
            .collect()
    }

    /// The bins of a location that hold untracked pieces of an item, DOCK and SHIP left out.
    pub(crate) fn bins_with(&self, location: &LocationCode, item: &ItemNo) -> Vec<(Bin, i64)> {
        self.full_bins(location, &["DOCK", "SHIP"])
            .into_iter()
            .filter_map(|bin| {
                let content = self.bins.get(&bin)?;
                let pieces = *content.get(&(item.clone(), Tracking::NONE))?;
                Some((bin, pieces))
            })
            .collect()
    }

    /// Every bin with what lies in it.
    pub(crate) fn bins(&self) -> impl Iterator<Item = (&Bin, &Content)> {
        self.bins.iter()
    }

    /// A number that no lot and no serial has had.
    pub(crate) fn next_given(&mut self) -> u64 {
        self.n_given += 1;
        self.n_given
    }
}
