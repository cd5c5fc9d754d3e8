//! Item charges: freight, duty, insurance, on what was received or shipped (COSTING 6.5).

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;

use crate::costing::worksheet::check_lock;
use crate::costing::{method_of, setup};
use crate::dimension::{self, Dimensions};
use crate::money::Money;
use crate::posting::{Posting, Stop};
use crate::schema::EntryNo;
use crate::schema::item::CostingMethod;
use crate::schema::money::{ValueEntry, ValueType, VarianceType};

/// A charge on one item ledger entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeOn {
    /// The entry.
    pub entry: EntryNo,
    /// The charge.
    pub charge: String,
    /// What it costs, with its sign: of an increase stock value, of a decrease profit only.
    pub cost: Money,
    /// What it was sold for.
    pub sales: Money,
    /// The date for the accounts. The charge counts from the date of what it is put on.
    pub posting_date: NaiveDate,
    /// The number that the value entry shows.
    pub document_no: String,
    /// General business posting group.
    pub business_group: String,
    /// What is said of its dimensions.
    pub dimensions: Dimensions,
}

impl Posting<'_, '_> {
    /// Puts a charge on an entry. On an increase it becomes stock value; on a decrease it does not.
    ///
    /// # Errors
    ///
    /// `item_unapplied`; `before_earliest_allowed_valuation_date` on an increase that counts from before
    /// that date; [`Stop::Overflow`].
    pub fn charge(&mut self, charge: &ChargeOn) -> Result<(), Stop> {
        let entry = self.entry(charge.entry);
        check_lock(self, entry.item)?;
        let state = self.state(charge.entry);
        // The sign of what it is put on decides, not what kind of charge it is: one that was sold costs nothing.
        let inventoriable = entry.quantity.is_positive();
        let earliest = setup(&*self.draft).earliest_valuation_date;
        if let Some(earliest) = earliest.filter(|earliest| state.valuation_date < *earliest)
            && inventoriable
        {
            let reason = Reason::new(Code::BeforeEarliestAllowedValuationDate)
                .word("date", state.valuation_date)
                .word("earliest", earliest);
            return Err(Stop::Refuse(reason));
        }
        let dimension_set = dimension::with(self, entry.dimension_set, &charge.dimensions)?;
        let mut value = ValueEntry {
            dimension_set,
            posting_date: charge.posting_date,
            charge: charge.charge.clone(),
            document_no: charge.document_no.clone(),
            business_group: charge.business_group.clone(),
            invoiced_quantity: Quantity::ZERO,
            sales_actual: charge.sales,
            inventoriable,
            ..self.value_template(charge.entry, &entry, ValueType::DirectCost)
        };
        if inventoriable {
            value.cost_actual = charge.cost;
        } else {
            value.cost_non_inventoriable = charge.cost;
        }
        let standard = method_of(&*self.draft, entry.item) == CostingMethod::Standard;
        self.write_value(value.clone())?;
        if inventoriable && standard && !charge.cost.is_zero() {
            // Stock stays at its standard cost.
            self.write_value(ValueEntry {
                value_type: ValueType::Variance,
                variance: Some(VarianceType::Purchase),
                cost_actual: charge.cost.negated(),
                ..value
            })?;
        }
        Ok(())
    }
}
