//! The one list of reason codes: in outcomes, in answers to the desk, in logs and on screens.
//!
//! Append only. The order within a group is the order of precedence where several apply.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($variant:ident = $text:literal,)*) => {
        /// A reason. Its sentence is rendered by the reader from the Fluent files of this crate.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        #[expect(missing_docs, reason = "each code is documented by its sentence in text/en.ftl")]
        pub enum Code {
            $($variant,)*
            /// A code of a later release, carried unchanged.
            Later(String),
        }

        impl Code {
            /// Every code of this build.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as written on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Later(text) => text,
                }
            }
        }

        impl From<String> for Code {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Later(text),
                }
            }
        }
    };
}

codes! {
    // Judging an operation at all.
    UnsupportedOperation = "unsupported_op",
    Poison = "poison",
    Depends = "depends",
    LostOperation = "lost_operation",
    RightRevoked = "right_revoked",
    RightMissing = "right_missing",
    DeviceSuspended = "device_suspended",
    AlreadyRecorded = "already_recorded",
    DifferentUnderSameId = "different_under_same_id",
    NumberOutOfRange = "number_out_of_range",
    MalformedRequest = "malformed_request",
    NotFound = "not_found",
    AlreadyExists = "already_exists",
    StaleDocument = "stale_document",
    NothingToPost = "nothing_to_post",
    // Items and units.
    ScanUnknown = "scan_unknown",
    ScanAmbiguous = "scan_ambiguous",
    ItemUnknown = "item_unknown",
    ItemBlocked = "item_blocked",
    ItemTypeNotSupported = "item_type_not_supported",
    VariantRequired = "variant_required",
    VariantUnknown = "variant_unknown",
    UnitUnknown = "unit_unknown",
    UnitChanged = "unit_changed",
    BaseQuantityRoundsToZero = "base_quantity_rounds_to_zero",
    BaseQuantityMismatch = "base_quantity_mismatch",
    IdentifierChanged = "identifier_changed",
    // Places.
    LocationUnknown = "location_unknown",
    LocationRequired = "location_required",
    BinUnknown = "bin_unknown",
    BinRequired = "bin_required",
    BinBlocked = "bin_blocked",
    BinBelowZero = "bin_below_zero",
    BinInsufficient = "bin_insufficient",
    BinNotEmpty = "bin_not_empty",
    SamePlace = "same_place",
    // Stock.
    InsufficientInventory = "insufficient_inventory",
    CannotBeFullyApplied = "cannot_be_fully_applied",
    PeriodClosed = "period_closed",
    // Documents.
    DocumentUnknown = "document_unknown",
    DocumentLineUnknown = "document_line_unknown",
    DocumentClosed = "document_closed",
    DocumentCancelled = "document_cancelled",
    DocumentReopened = "document_reopened",
    NotOnDocument = "not_on_document",
    NotReleased = "not_released",
    OverReceipt = "over_receipt",
    OverReceiptWithinTolerance = "over_receipt_within_tolerance",
    OverPick = "over_pick",
    OverShip = "over_ship",
    ExceedsOutstanding = "qty_exceeds_outstanding",
    UnorderedReceipt = "unordered_receipt",
    GoodsDamaged = "goods_damaged",
    GoodsToInspect = "goods_to_inspect",
    // Transfers.
    NotShipped = "not_shipped",
    ProvisionalTransfer = "provisional_transfer",
    TransferSettled = "transfer_settled",
    TransferOver = "transfer_over",
    WrongDestination = "wrong_destination",
    // Tracking.
    TrackingRequired = "tracking_required",
    TrackingIncomplete = "tracking_incomplete",
    TrackingNotInInventory = "tracking_not_in_inventory",
    TrackingBlocked = "tracking_blocked",
    LotUnknown = "lot_unknown",
    LotProvisional = "lot_provisional",
    ExpirationMismatch = "expiration_mismatch",
    Expired = "expired",
    SerialQuantity = "serial_qty",
    SerialUnknown = "serial_unknown",
    SerialElsewhere = "serial_elsewhere",
    SerialShipped = "serial_shipped",
    SerialAlreadyInStock = "serial_already_in_stock",
    SerialMissing = "serial_missing",
    SerialFound = "serial_found",
    // Licence plates.
    PlateUnknown = "lpn_unknown",
    PlateInUse = "lpn_in_use",
    PlateClosed = "lpn_closed",
    PlateLoop = "lpn_loop",
    PlateVoid = "lpn_void",
    PlateElsewhere = "lpn_elsewhere",
    PlateTakenOut = "lpn_taken_out",
    PlatePlaceUnsure = "lpn_place_unsure",
    PlateMissing = "lpn_missing",
    SsccCheckDigit = "sscc_check_digit",
    // Counts and time.
    CountVariance = "count_variance",
    CountAmbiguous = "count_ambiguous",
    CountConflict = "count_conflict",
    CountSuperseded = "count_superseded",
    CountCorrected = "count_corrected",
    CountSettled = "count_settled",
    CountNeedsApproval = "count_needs_approval",
    CountRefused = "count_refused",
    CountDuplicateLine = "duplicate_order_line",
    LateAbsorbed = "late_absorbed",
    ClockUncertain = "clock_uncertain",
    BeforeCompleteCount = "before_complete_count",
    // Corrections and cases.
    UndoneByOperator = "undone_by_operator",
    AlreadyUndone = "already_undone",
    UndoStockConsumed = "undo_stock_consumed",
    NothingToUndo = "nothing_to_undo",
    CaseAccepted = "case_accepted",
    CaseCorrected = "case_corrected",
    CaseRecount = "case_recount",
    CaseDismissed = "case_dismissed",
    CaseAlreadyDecided = "case_already_decided",
    CaseUnknown = "case_unknown",
    ChoiceNotOffered = "choice_not_offered",
    // At the desk.
    SignInRequired = "sign_in_required",
    SignInWrong = "sign_in_wrong",
    SignInWait = "sign_in_wait",
    PasswordUnfit = "password_unfit",
    PinUnfit = "pin_unfit",
    LinkUsed = "link_used",
    CrossSiteRequest = "cross_site_request",
    RequestTooLarge = "request_too_large",
    ServerBusy = "server_busy",
    ServerStopped = "server_stopped",
    ServerFault = "server_fault",
    // Money: dates and periods, applications, revaluation, documents, accounts.
    PostingDateNotAllowed = "posting_date_not_allowed",
    PeriodHasNegativeInventory = "period_has_negative_inventory",
    PeriodHasUnadjustedCosts = "period_has_unadjusted_costs",
    PeriodHasUnadjustedOrders = "period_has_unadjusted_orders",
    PeriodAlreadyClosed = "period_already_closed",
    PeriodNotClosed = "period_not_closed",
    ClosedPeriodCannotBeDeleted = "closed_period_cannot_be_deleted",
    BeforeEarliestAllowedValuationDate = "before_earliest_allowed_valuation_date",
    AppliesToBeforeEarliest = "applies_to_before_earliest_allowed_valuation_date",
    UnadjustedEntriesBeforeDate = "unadjusted_entries_before_date",
    UnadjustedOrdersBeforeDate = "unadjusted_orders_before_date",
    OpenOrdersBeforeDate = "open_orders_before_date",
    CostingMethodMustBeAverage = "costing_method_must_be_average",
    CostingMethodLocked = "costing_method_locked",
    InvalidApplication = "invalid_application",
    InsufficientAppliedQuantity = "insufficient_applied_quantity",
    ExactCostReversingRequired = "exact_cost_reversing_required",
    ApplicationWouldLoop = "application_would_loop",
    ItemUnapplied = "item_unapplied",
    AverageRevaluationNotAllowed = "average_revaluation_not_allowed",
    NothingToRevalue = "nothing_to_revalue",
    OpenOutboundEntry = "open_outbound_entry",
    ItemNotAdjusted = "item_not_adjusted",
    RevaluationOutOfDate = "revaluation_out_of_date",
    AlreadyInvoiced = "already_invoiced",
    AssemblyDateAfterSale = "assembly_date_after_sale",
    ChargeNotAssigned = "charge_not_assigned",
    AccountMissing = "account_missing",
    TransferNeedsLocation = "transfer_needs_location",
    BinNotEditable = "bin_not_editable",
    ReservationLocked = "reservation_locked",
    AverageSetupLocked = "average_setup_locked",
    StorageFull = "storage_full",
    BackupFailed = "backup_failed",
    ImportIncomplete = "import_incomplete",
    ImportDone = "import_done",
    TokenScope = "token_scope",
    DeviceLost = "device_lost",
    PlateNotFound = "lpn_not_found",
    PlateReceivedTwice = "lpn_received_twice",
    CostInconsistent = "cost_inconsistent",
    ExpirationRequired = "expiration_required",
    DocumentEnded = "document_ended",
    AdjustmentOverLimit = "adjustment_over_limit",
    UndoNotOwn = "undo_not_own",
    RightNotHeld = "right_not_held",
    IdentifierNamesNoItem = "identifier_names_no_item",
    IdentifierLookedUpAs = "identifier_looked_up_as",
    IdentifierMisread = "identifier_misread",
    SerialPlaceUnsure = "serial_place_unsure",
    CountIncomplete = "count_incomplete",
    TaskEnded = "task_ended",
    TaskNotBy = "task_not_by",
    CaseClosed = "case_closed",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_a_later_one_is_carried() {
        for code in Code::ALL {
            assert_eq!(&Code::from(code.as_str().to_owned()), code);
        }
        let later = Code::from("from_next_year".to_owned());
        assert_eq!(later.as_str(), "from_next_year");
    }
}
