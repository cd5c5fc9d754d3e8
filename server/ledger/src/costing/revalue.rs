//! Revaluation of one increase (COSTING 11.3).

use chrono::NaiveDate;
use protocol::quantity::Quantity;

use crate::costing::minus;
use crate::money::Money;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::money::{ValueEntry, ValueType};

/// A new value for what is left of an increase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevaluationOf {
    /// The increase.
    pub entry: EntryNo,
    /// What its value changes by.
    pub amount: Money,
    /// The quantity that is revalued.
    pub quantity: Quantity,
    /// The date from which it counts, for accounts and averages.
    pub date: NaiveDate,
    /// Only this entry is revalued, not its item.
    pub partial: bool,
    /// The number that the value entry shows.
    pub document_no: String,
}

impl Posting<'_, '_> {
    /// Writes the revaluation of one increase. What of it is not invoiced (standard items only) is
    /// revalued as expected cost.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub fn revalue(&mut self, revaluation: &RevaluationOf) -> Result<EntryNo, Stop> {
        let entry = self.entry(revaluation.entry);
        let state = self.state(revaluation.entry);
        let actual = self.share(revaluation.amount, state.invoiced, entry.quantity)?;
        let value = ValueEntry {
            posting_date: revaluation.date,
            valuation_date: revaluation.date.max(state.valuation_date),
            valued_quantity: revaluation.quantity,
            cost_actual: actual,
            cost_expected: minus(revaluation.amount, actual)?,
            partial_revaluation: revaluation.partial,
            document_no: revaluation.document_no.clone(),
            ..self.value_template(revaluation.entry, &entry, ValueType::Revaluation)
        };
        self.write_value(value)
    }
}
