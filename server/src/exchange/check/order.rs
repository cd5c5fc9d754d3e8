//! Purchase, sales and transfer orders.

use std::collections::HashMap;

use protocol::feed::DocumentStatus;
use protocol::quantity::Quantity;
use protocol::words::{LocationCode, UnitCode};

use super::goods::{
    Named, Tracked, check_amount, check_goods, check_serial_amount, check_untracked,
};
use super::{Faults, World};
use crate::exchange::line::Line;
use crate::exchange::{At, Batch};

/// Every problem of the orders.
pub(super) fn check(batch: &Batch, world: &World<'_>, faults: &mut Faults) {
    macro_rules! partner_order {
        ($rows:expr) => {
            check_order(
                $rows,
                |row| OrderRow {
                    header: format!(
                        "{:?}",
                        (
                            &row.partner,
                            &row.partner_name,
                            &row.location,
                            row.status,
                            row.document_date,
                            row.due
                        )
                    ),
                    document: row.document.as_str(),
                    locations: vec![("location", &row.location)],
                    goods: Named { item: &row.item, variant: row.variant.as_ref() },
                    fixed: Tracked {
                        lot: row.lot.as_ref(),
                        serial: row.serial.as_ref(),
                        package: None,
                    },
                    unit: row.unit.as_ref(),
                    quantity: row.quantity,
                    status: row.status,
                    line: row.line,
                },
                world,
                faults,
            )
        };
    }
    partner_order!(&batch.purchase_orders);
    partner_order!(&batch.sales_orders);
    check_order(
        &batch.transfer_orders,
        |row| {
            let places = (&row.location, &row.to_location, &row.in_transit);
            let mut locations = vec![("location", places.0), ("to_location", places.1)];
            locations.extend(places.2.as_ref().map(|code| ("in_transit", code)));
            OrderRow {
                header: format!("{:?}", (places, row.status, row.document_date, row.due)),
                document: row.document.as_str(),
                locations,
                goods: Named { item: &row.item, variant: row.variant.as_ref() },
                fixed: Tracked {
                    lot: row.lot.as_ref(),
                    serial: row.serial.as_ref(),
                    package: None,
                },
                unit: row.unit.as_ref(),
                quantity: row.quantity,
                status: row.status,
                line: row.line,
            }
        },
        world,
        faults,
    );
    for at in &batch.transfer_orders {
        if at.row.location == at.row.to_location {
            let reason = "the order leads to where it comes from".to_owned();
            faults.add(at, "to_location", (reason, "Name the location that receives."));
        }
    }
}

/// What the three kinds of orders have in common.
struct OrderRow<'a> {
    header: String,
    document: &'a str,
    locations: Vec<(&'static str, &'a LocationCode)>,
    goods: Named<'a>,
    fixed: Tracked<'a>,
    unit: Option<&'a UnitCode>,
    quantity: Quantity,
    status: DocumentStatus,
    line: u32,
}

fn check_order<'a, L: Line>(
    rows: &'a [At<L>],
    view: impl Fn(&'a L) -> OrderRow<'a>,
    world: &World<'_>,
    faults: &mut Faults,
) {
    let mut headers: HashMap<&str, (String, u64)> = HashMap::new();
    for at in rows {
        let row = view(&at.row);
        let (header, first) =
            headers.entry(row.document).or_insert_with(|| (row.header.clone(), at.line));
        if *header != row.header {
            let reason = format!("the header of {} differs from line {first}", row.document);
            faults.add(at, "", (reason, "Repeat the header columns in every row of an order."));
        }
        for (column, location) in &row.locations {
            if !world.has_location(location) {
                faults.unknown(at, column, location);
            }
        }
        if !matches!(row.status, DocumentStatus::Open | DocumentStatus::Released) {
            let reason = "only open and released orders can come in".to_owned();
            faults.add(at, "status", (reason, "Leave closed orders out."));
        }
        if row.line == 0 {
            faults.add(at, "line", ("lines count from 1".to_owned(), "Number the lines."));
        }
        if let Some(found) = check_goods(at, row.goods, row.unit, (world, faults)) {
            let base = check_amount(at, row.quantity, &found, faults);
            check_untracked(at, found.0.rule, &row.fixed, faults);
            check_serial_amount(at, row.fixed.serial, base, faults);
        }
    }
}
