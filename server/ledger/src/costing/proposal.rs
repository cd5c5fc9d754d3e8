//! The lines that a revaluation journal proposes, asked of a cut of the tables (COSTING 11.1).

use protocol::identity::{IntakeNo, Lsn, OperationId, ServerTime};

use crate::costing::revalue::{self, CalculateInventoryValue, CalculatedLine};
use crate::draft::Draft;
use crate::posting::{Act, Posting, Stop};
use crate::schema::book::Timing;
use crate::schema::{OrderKey, SiteId};
use crate::tables::Tables;

/// What is there at the end of a day and what it is worth. Nothing is written.
///
/// # Errors
///
/// `open_outbound_entry`, `item_not_adjusted`, `average_revaluation_not_allowed`, and codes for what is not
/// there; [`Stop::Overflow`].
pub fn lines(
    tables: &dyn Tables,
    ask: &CalculateInventoryValue,
) -> Result<Vec<CalculatedLine>, Stop> {
    let (at, operation) = (ServerTime(0), OperationId::default());
    let act = Act {
        lsn: Lsn(0),
        at,
        intake: IntakeNo(0),
        operation,
        sent_in: operation.incarnation,
        order: OrderKey::new(at, operation),
        timing: Timing::exact(at),
        received: at,
        operator: None,
        document: None,
        posting_date: ask.date,
        site: SiteId(0),
        desk: true,
        approved: false,
    };
    let mut draft = Draft::over(tables);
    revalue::calculate(&Posting::new(&mut draft, act), ask)
}
