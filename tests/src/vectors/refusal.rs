//! Codes of refusals as files may spell them, and the sentences that belong to them.

/// Spellings that mean the same: the right-hand one is what the ledger says. COSTING 22 and the
/// schema of document files.
pub const ALIASES: &[(&str, &str)] = &[
    ("posting_date_in_closed_inventory_period", "period_closed"),
    ("item_tracking_required", "tracking_required"),
    ("entries_unapplied", "item_unapplied"),
    ("output_not_in_stock", "undo_stock_consumed"),
    ("blank_location_not_allowed", "location_required"),
    (
        "cannot_apply_to_entry_before_earliest_date",
        "applies_to_before_earliest_allowed_valuation_date",
    ),
    ("unadjusted_item_entries", "unadjusted_entries_before_date"),
    ("lot_no_required", "tracking_required"),
    ("serial_no_required", "tracking_required"),
    ("tracked_quantity_mismatch", "tracking_incomplete"),
    ("serial_no_already_on_inventory", "serial_already_in_stock"),
    ("serial_no_already_recorded", "duplicate_tracking"),
    ("reserved_quantity_must_be_zero", "reservation_locked"),
    ("directed_location_bin_not_allowed", "bin_not_editable"),
];

/// The spelling that the ledger uses for `code`.
pub fn canonical(code: &str) -> String {
    let code = code.to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _code)| *alias == code);
    alias.map_or(code, |(_alias, code)| (*code).to_owned())
}

/// Whether a sentence says what `pattern` says; `[date]` and `<item>` in it stand for anything. What
/// the sentence says beyond it does not matter.
pub fn says(sentence: &str, pattern: &str) -> bool {
    let mut rest = sentence;
    for part in pattern.split(['[', '<']).enumerate().map(|(n, part)| match n {
        0 => part,
        _ => part.split_once([']', '>']).map_or(part, |(_placeholder, after)| after),
    }) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use protocol::code::Code;
    use protocol::outcome::Reason;

    use super::{canonical, says};

    /// The sentences that COSTING 5.7, 18, 19 and 22 quote.
    const QUOTED: [(Code, &str); 6] = [
        (
            Code::PostingDateNotAllowed,
            "Posting date is not within your range of allowed posting dates",
        ),
        (
            Code::PeriodHasNegativeInventory,
            "The inventory cannot be closed because there is negative inventory for one or more items.",
        ),
        (
            Code::UnadjustedEntriesBeforeDate,
            "There are unadjusted item entries with a Valuation Date before [date]. Run the Adjust Cost \
             - Item Entries batch job before setting the Earliest Allowed Valuation Date.",
        ),
        (
            Code::UnadjustedOrdersBeforeDate,
            "One or more finished Production (or Assembly) orders have unadjusted value entries with a \
             Valuation Date before [date]. Adjust these orders before setting the Earliest Allowed \
             Valuation Date.",
        ),
        (
            Code::OpenOrdersBeforeDate,
            "One or more open production and assembly orders have value entries with a Valuation Date \
             before [date]. Finish or adjust these orders before setting the Earliest Allowed Valuation \
             Date.",
        ),
        (
            Code::ItemUnapplied,
            "You cannot perform this action because entries for item <item> are unapplied in the \
             Application Worksheet by user <user>.",
        ),
    ];

    #[test]
    fn quoted_sentences_are_said_as_they_are_quoted() {
        for (code, quoted) in QUOTED {
            let said = protocol::text::fallback(&[Reason::new(code.clone())]);
            assert!(says(&said, quoted), "{code}: {said}");
        }
    }

    #[test]
    fn an_alias_and_capitals_mean_the_same_code() {
        assert_eq!(canonical("Posting_Date_In_Closed_Inventory_Period"), "period_closed");
        assert_eq!(canonical("PERIOD_CLOSED"), "period_closed");
    }

    #[test]
    fn a_placeholder_stands_for_anything() {
        let pattern = "before [date]. Run the batch for <item>.";
        assert!(says("Entries before 2020-01-31. Run the batch for NUT.", pattern));
        assert!(!says("Entries before 2020-01-31. Do nothing for NUT.", pattern));
    }
}
