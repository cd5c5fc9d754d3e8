//! What is wrong with a scan, and what is merely odd about it.

use super::check::Check;

/// Why a scan has no meaning. The operator scans again, or types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Nothing but noise.
    #[error("nothing was scanned")]
    Empty,
    /// More than any symbol can hold.
    #[error("{length} characters are more than a barcode holds")]
    TooLong {
        /// How many bytes arrived.
        length: usize,
    },
    /// A control character in the middle, usually two scans that ran together.
    #[error("the scan is not one code: scan one code at a time")]
    ControlInside,
    /// The data of an EAN symbol is not the digits it must be, or a key has the wrong length.
    #[error("{digits}: not an item number of 8, 12, 13 or 14 digits")]
    GtinLength {
        /// What was found instead.
        digits: String,
    },
    /// The check digit of an item number is wrong.
    #[error("{digits}: the check digit is wrong, scan again")]
    GtinCheckDigit {
        /// The item number as scanned.
        digits: String,
    },
    /// Not the key of a logistic unit.
    #[error("{digits}: not a logistic unit of 18 digits with its check digit, scan again")]
    SsccMalformed {
        /// What was found instead.
        digits: String,
    },
    /// No application identifier stands where one must.
    #[error("no application identifier at: {found}")]
    UnknownIdentifier {
        /// Where the reading stopped, a few characters.
        found: String,
    },
    /// The data ends before the value does.
    #[error("({ai}) is cut short: {found}")]
    ValueCutShort {
        /// The application identifier.
        ai: String,
        /// What there is of the value.
        found: String,
    },
    /// The value goes on beyond its longest form; the separator behind it may be missing.
    #[error("({ai}) is longer than {max} characters: is a separator missing?")]
    ValueTooLong {
        /// The application identifier.
        ai: String,
        /// The most characters the value may have.
        max: usize,
    },
    /// A character that the value may not hold.
    #[error("({ai}) must not hold '{character}'")]
    WrongCharacter {
        /// The application identifier.
        ai: String,
        /// The first such character.
        character: char,
    },
    /// The content of a value is impossible.
    #[error("({ai}) {}", check.sentence())]
    CheckFailed {
        /// The application identifier.
        ai: String,
        /// What it failed.
        check: Check,
    },
    /// More elements than a message may have.
    #[error("more than {max} elements in one barcode")]
    TooManyElements {
        /// The most there may be.
        max: usize,
    },
    /// A separator is missing and more readings are possible than can be shown.
    #[error("a separator may be missing and the code can be read in many ways: test the scanner")]
    Ambiguous,
    /// Brackets do not enclose an application identifier.
    #[error("the brackets are not of the form (01)..., at: {found}")]
    BracketsMalformed {
        /// Where the reading stopped, a few characters.
        found: String,
    },
    /// A percent sign in a link stands before something else than two hexadecimal digits.
    #[error("the link holds a stray percent sign")]
    LinkEncoding,
    /// One of our own labels without a code behind its prefix, or with one no code can be.
    #[error("{prefix} must be followed by a code of at most {max} characters")]
    OwnCodeMalformed {
        /// The prefix of the label.
        prefix: &'static str,
        /// The most characters behind it.
        max: usize,
    },
    /// A command that this version does not know.
    #[error("{command}: not a command")]
    UnknownCommand {
        /// What stood behind `CMD:`.
        command: String,
    },
    /// An enrolment code that does not name a server and a ticket.
    #[error("the enrolment code is damaged: show it again")]
    EnrolmentMalformed,
}

impl ScanError {
    /// The stable name of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "scan_empty",
            Self::TooLong { .. } => "scan_too_long",
            Self::ControlInside => "scan_control_inside",
            Self::GtinLength { .. } => "gtin_length",
            Self::GtinCheckDigit { .. } => "gtin_check_digit",
            Self::SsccMalformed { .. } => "sscc_malformed",
            Self::UnknownIdentifier { .. } => "unknown_identifier",
            Self::ValueCutShort { .. } => "value_cut_short",
            Self::ValueTooLong { .. } => "value_too_long",
            Self::WrongCharacter { .. } => "wrong_character",
            Self::CheckFailed { check, .. } => check.code(),
            Self::TooManyElements { .. } => "too_many_elements",
            Self::Ambiguous => "separator_ambiguous",
            Self::BracketsMalformed { .. } => "brackets_malformed",
            Self::LinkEncoding => "link_encoding",
            Self::OwnCodeMalformed { .. } => "own_code_malformed",
            Self::UnknownCommand { .. } => "unknown_command",
            Self::EnrolmentMalformed => "enrolment_malformed",
        }
    }
}

/// What is odd about a scan that still has a meaning. The flow decides whether it matters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Control characters or spaces around the code were dropped.
    #[error("characters around the code were dropped")]
    NoiseTrimmed,
    /// The text is one text twice; it was read as it stands.
    #[error("this may be one code scanned twice")]
    MaybeRepeated,
    /// As many digits as an item number has, but its check digit would be wrong.
    #[error("looks like an item number, but its check digit is wrong")]
    LooksLikeGtin,
    /// A separator where none belongs; it was skipped.
    #[error("a superfluous separator was skipped")]
    SeparatorSuperfluous,
    /// A separator was missing and only one reading makes sense.
    #[error("a separator is missing; only one reading makes sense")]
    SeparatorRestored,
    /// A separator may be missing: every reading is among the meanings.
    #[error("a separator may be missing: choose what the label says, and test the scanner")]
    SeparatorMaybeMissing,
    /// An element stands without one that it needs.
    #[error("({ai}) should come with {needs}")]
    CompanionMissing {
        /// The application identifier.
        ai: String,
        /// What it needs, as `(01) or (02)`.
        needs: String,
    },
    /// Two elements that must not stand together.
    #[error("({ai}) should not come with ({with})")]
    PairExcluded {
        /// The application identifier.
        ai: String,
        /// The one that it excludes.
        with: String,
    },
    /// The same element twice with the same value.
    #[error("({ai}) is there twice")]
    Repeated {
        /// The application identifier.
        ai: String,
    },
    /// The same element twice with different values: neither is taken.
    #[error("({ai}) is there twice with different values")]
    RepeatedDifferently {
        /// The application identifier.
        ai: String,
    },
    /// The item number of a link was short and has been padded to 14 digits.
    #[error("the item number in the link was padded to 14 digits")]
    GtinPadded,
    /// The path of a link does not follow the order of its key.
    #[error("({ai}) stands in the wrong place of the link")]
    LinkOrder {
        /// The application identifier.
        ai: String,
    },
    /// An element in the query of a link that belongs elsewhere.
    #[error("({ai}) does not belong behind the question mark of the link")]
    LinkAttribute {
        /// The application identifier.
        ai: String,
    },
}

impl Warning {
    /// The stable name of this warning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoiseTrimmed => "noise_trimmed",
            Self::MaybeRepeated => "maybe_repeated",
            Self::LooksLikeGtin => "looks_like_gtin",
            Self::SeparatorSuperfluous => "separator_superfluous",
            Self::SeparatorRestored => "separator_restored",
            Self::SeparatorMaybeMissing => "separator_maybe_missing",
            Self::CompanionMissing { .. } => "companion_missing",
            Self::PairExcluded { .. } => "pair_excluded",
            Self::Repeated { .. } => "repeated",
            Self::RepeatedDifferently { .. } => "repeated_differently",
            Self::GtinPadded => "gtin_padded",
            Self::LinkOrder { .. } => "link_order",
            Self::LinkAttribute { .. } => "link_attribute",
        }
    }
}
