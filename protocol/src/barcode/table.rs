//! Every GS1 application identifier: how long its value is, what it must be, what it goes with.
//!
//! A row reads: identifier or range, framing, place in a link, format, title, and then
//!
//! - `key`: it may lead a link; the qualifiers that may follow it there, in order, alternatives
//!   parted by `|`,
//! - `needs`: rules parted by spaces, alternatives by `|`, companions by `+`,
//! - `bars`: what it must not stand beside.
//!
//! An `n` in a rule stands for any digit. Rows are in the order of their first identifier, and no
//! identifier begins another one: both are held by tests.
//!
//! **Source:** GS1 General Specifications 3.2; facts as of January 2026.

#[cfg_attr(
    not(test),
    expect(clippy::wildcard_imports, reason = "the table names every format there is")
)]
use super::part::*;

/// How the end of a value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length alone; no separator is needed behind it.
    Fixed,
    /// By a separator or the end of the data, even if the length happens to be constant.
    Open,
}

/// One application identifier, or a range of them that differ only in their last digit.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) framing: Framing,
    /// Whether it may stand in the query of a link.
    pub(super) in_query: bool,
    pub(super) parts: &'static [Part],
    pub(super) title: &'static str,
    /// The qualifiers it may have as the key of a link, or none if it is no key.
    pub(super) key: Option<&'static str>,
    pub(super) needs: &'static str,
    pub(super) bars: &'static str,
}

impl Row {
    /// The row of `ai`, whole.
    pub(super) fn of(ai: &str) -> Option<&'static Self> {
        Self::at(ai).filter(|(_, rest)| rest.is_empty()).map(|(row, _)| row)
    }

    /// The row whose identifier `text` starts with, and the text behind that identifier.
    pub(super) fn at(text: &str) -> Option<(&'static Self, &str)> {
        // As no identifier begins another one, the last row not behind the text is the only one
        // that can fit.
        let after = ROWS.partition_point(|row| row.first <= text);
        let row = ROWS.get(after.checked_sub(1)?)?;
        let (ai, rest) = text.split_at_checked(row.first.len())?;
        (row.first <= ai && ai <= row.last).then_some((row, rest))
    }

    /// The most characters that a value may have.
    pub(super) fn length_max(&self) -> usize {
        self.parts.iter().map(|part| part.max).sum()
    }

    /// The fewest characters that a value may have.
    pub(super) fn length_min(&self) -> usize {
        self.parts.iter().filter(|part| !part.optional).map(|part| part.min).sum()
    }
}

macro_rules! rows {
    ($(
        $first:literal $(..= $last:literal)? $framing:ident $place:ident $parts:ident $title:literal
        $(key $key:literal)? $(needs $needs:literal)? $(bars $bars:literal)?;
    )*) => {
        /// The table.
        pub(super) const ROWS: &[Row] = &[$(Row {
            first: $first,
            last: or!($first $($last)?),
            framing: is!($framing),
            in_query: is!($place),
            parts: $parts,
            title: $title,
            key: maybe!($($key)?),
            needs: or!("" $($needs)?),
            bars: or!("" $($bars)?),
        }),*];
    };
}

macro_rules! or {
    ($default:literal) => {
        $default
    };
    ($default:literal $given:literal) => {
        $given
    };
}

macro_rules! maybe {
    () => {
        None
    };
    ($given:literal) => {
        Some($given)
    };
}

macro_rules! is {
    (fixed) => {
        Framing::Fixed
    };
    (open) => {
        Framing::Open
    };
    (query) => {
        true
    };
    (path) => {
        false
    };
}

rows! {
    "00"           fixed query SSCC            "Logistic unit"   key "";
    "01"           fixed query GTIN            "Trade item"      key "22 10 21|235" bars "255 37";
    "02"           fixed query GTIN            "Contained trade item" needs "37" bars "01 03";
    "03"           fixed path  GTIN            "Made-to-order trade item" bars "01 02 37";
    "10"           open  query X20             "Lot"             needs "01|02|03|8006|8026";
    "11"           fixed query DATE            "Produced on"     needs "01|02|03|8006|8026";
    "12"           fixed query DATE            "Payment due"     needs "8020";
    "13"           fixed query DATE            "Packed on"       needs "01|02|03|8006|8026";
    "15"           fixed query DATE            "Best before"     needs "01|02|03|8006|8026";
    "16"           fixed query DATE            "Sell by"         needs "01|02|03|8006|8026";
    "17"           fixed query DATE            "Expires on"      needs "01|02|03|255|8006|8026";
    "20"           fixed query N2              "Product variant" needs "01|02|8006|8026";
    "21"           open  path  X20             "Serial number"   needs "01|03|8006" bars "235";
    "22"           open  path  X20             "Consumer variant" needs "01";
    "235"          open  path  X28             "Third-party serial extension" needs "01";
    "240"          open  query X30             "Further product number" needs "01|02|8006|8026";
    "241"          open  query X30             "Customer's part number" needs "01|02|8006|8026";
    "242"          open  query N6_MAX          "Made-to-order variation" needs "01|02|8006|8026";
    "243"          open  query X20             "Packaging component" needs "01";
    "250"          open  query X30             "Second serial number" needs "01|8006 21";
    "251"          open  query X30             "Source entity"   needs "01|8006";
    "253"          open  query GDTI            "Document type"   key "";
    "254"          open  path  X20             "Location extension" needs "414";
    "255"          open  query GCN             "Coupon"
        key "" bars "01 02 415 8006 8020 8026";
    "30"           open  query N8_MAX          "Pieces, variable" needs "01|02";
    "3100"..="3105" fixed query N6              "Net weight, kg" needs "01|02" bars "310n";
    "3110"..="3115" fixed query N6              "Length, m"      needs "01|02" bars "311n";
    "3120"..="3125" fixed query N6              "Width, m"       needs "01|02" bars "312n";
    "3130"..="3135" fixed query N6              "Height, m"      needs "01|02" bars "313n";
    "3140"..="3145" fixed query N6              "Area, m2"       needs "01|02" bars "314n";
    "3150"..="3155" fixed query N6              "Net volume, l"  needs "01|02" bars "315n";
    "3160"..="3165" fixed query N6              "Net volume, m3" needs "01|02" bars "316n";
    "3200"..="3205" fixed query N6              "Net weight, lb" needs "01|02" bars "320n";
    "3210"..="3215" fixed query N6              "Length, in"     needs "01|02" bars "321n";
    "3220"..="3225" fixed query N6              "Length, ft"     needs "01|02" bars "322n";
    "3230"..="3235" fixed query N6              "Length, yd"     needs "01|02" bars "323n";
    "3240"..="3245" fixed query N6              "Width, in"      needs "01|02" bars "324n";
    "3250"..="3255" fixed query N6              "Width, ft"      needs "01|02" bars "325n";
    "3260"..="3265" fixed query N6              "Width, yd"      needs "01|02" bars "326n";
    "3270"..="3275" fixed query N6              "Height, in"     needs "01|02" bars "327n";
    "3280"..="3285" fixed query N6              "Height, ft"     needs "01|02" bars "328n";
    "3290"..="3295" fixed query N6              "Height, yd"     needs "01|02" bars "329n";
    "3300"..="3305" fixed query N6              "Gross weight, kg" needs "00|01" bars "330n";
    "3310"..="3315" fixed query N6              "Logistic length, m" needs "00|01" bars "331n";
    "3320"..="3325" fixed query N6              "Logistic width, m" needs "00|01" bars "332n";
    "3330"..="3335" fixed query N6              "Logistic height, m" needs "00|01" bars "333n";
    "3340"..="3345" fixed query N6              "Logistic area, m2" needs "00|01" bars "334n";
    "3350"..="3355" fixed query N6              "Logistic volume, l" needs "00|01" bars "335n";
    "3360"..="3365" fixed query N6              "Logistic volume, m3" needs "00|01" bars "336n";
    "3370"..="3375" fixed query N6              "Weight per area, kg/m2" needs "01" bars "337n";
    "3400"..="3405" fixed query N6              "Gross weight, lb" needs "00|01" bars "340n";
    "3410"..="3415" fixed query N6              "Logistic length, in" needs "00|01" bars "341n";
    "3420"..="3425" fixed query N6              "Logistic length, ft" needs "00|01" bars "342n";
    "3430"..="3435" fixed query N6              "Logistic length, yd" needs "00|01" bars "343n";
    "3440"..="3445" fixed query N6              "Logistic width, in" needs "00|01" bars "344n";
    "3450"..="3455" fixed query N6              "Logistic width, ft" needs "00|01" bars "345n";
    "3460"..="3465" fixed query N6              "Logistic width, yd" needs "00|01" bars "346n";
    "3470"..="3475" fixed query N6              "Logistic height, in" needs "00|01" bars "347n";
    "3480"..="3485" fixed query N6              "Logistic height, ft" needs "00|01" bars "348n";
    "3490"..="3495" fixed query N6              "Logistic height, yd" needs "00|01" bars "349n";
    "3500"..="3505" fixed query N6              "Area, in2"      needs "01|02" bars "350n";
    "3510"..="3515" fixed query N6              "Area, ft2"      needs "01|02" bars "351n";
    "3520"..="3525" fixed query N6              "Area, yd2"      needs "01|02" bars "352n";
    "3530"..="3535" fixed query N6              "Logistic area, in2" needs "00|01" bars "353n";
    "3540"..="3545" fixed query N6              "Logistic area, ft2" needs "00|01" bars "354n";
    "3550"..="3555" fixed query N6              "Logistic area, yd2" needs "00|01" bars "355n";
    "3560"..="3565" fixed query N6              "Net weight, troy oz" needs "01|02" bars "356n";
    "3570"..="3575" fixed query N6              "Net volume, fluid oz" needs "01|02" bars "357n";
    "3600"..="3605" fixed query N6              "Net volume, quart" needs "01|02" bars "360n";
    "3610"..="3615" fixed query N6              "Net volume, gallon" needs "01|02" bars "361n";
    "3620"..="3625" fixed query N6              "Logistic volume, quart" needs "00|01" bars "362n";
    "3630"..="3635" fixed query N6              "Logistic volume, gallon" needs "00|01" bars "363n";
    "3640"..="3645" fixed query N6              "Net volume, in3" needs "01|02" bars "364n";
    "3650"..="3655" fixed query N6              "Net volume, ft3" needs "01|02" bars "365n";
    "3660"..="3665" fixed query N6              "Net volume, yd3" needs "01|02" bars "366n";
    "3670"..="3675" fixed query N6              "Logistic volume, in3" needs "00|01" bars "367n";
    "3680"..="3685" fixed query N6              "Logistic volume, ft3" needs "00|01" bars "368n";
    "3690"..="3695" fixed query N6              "Logistic volume, yd3" needs "00|01" bars "369n";
    "37"           open  query N8_MAX          "Contained count" needs "00 02|8026";
    "3900"..="3909" open  query N15_MAX         "Amount, local"
        needs "255|8020" bars "390n 391n 394n 8111";
    "3910"..="3919" open  query CURRENCY_AMOUNT "Amount with currency" needs "8020" bars "391n";
    "3920"..="3929" open  query N15_MAX         "Item amount, local"
        needs "01 30|31nn|32nn|35nn|36nn" bars "392n 393n";
    "3930"..="3939" open  query CURRENCY_AMOUNT "Item amount with currency"
        needs "30|31nn|32nn|35nn|36nn" bars "393n";
    "3940"..="3943" open  query N4              "Percent off"    needs "255" bars "394n 8111";
    "3950"..="3955" open  query N6              "Amount per unit of measure"
        needs "30|31nn|32nn|35nn|36nn" bars "392n 393n 395n 8005";
    "400"          open  query X30             "Purchase order";
    "401"          open  query KEY30           "Consignment"     key "";
    "402"          open  query GSIN            "Shipment"        key "";
    "403"          open  query X30             "Route"           needs "00";
    "410"          fixed query GLN             "Ship to";
    "411"          fixed query GLN             "Bill to";
    "412"          fixed query GLN             "Purchased from";
    "413"          fixed query GLN             "Forward to";
    "414"          fixed query GLN             "Location"        key "254|7040";
    "415"          fixed query GLN             "Pay to"          key "8020" needs "8020";
    "416"          fixed query GLN             "Production place";
    "417"          fixed query GLN             "Party"           key "7040";
    "420"          open  query X20             "Ship-to post code" bars "421";
    "421"          open  query COUNTRY_POST    "Ship-to post code with country" bars "4307";
    "422"          open  query COUNTRY         "Origin country"  needs "01|02|8006|8026" bars "426";
    "423"          open  query COUNTRIES       "First processing countries"
        needs "01|02" bars "426";
    "424"          open  query COUNTRY         "Processing country" needs "01|02" bars "426";
    "425"          open  query COUNTRIES       "Disassembly countries" needs "01|02" bars "426";
    "426"          open  query COUNTRY         "Full processing country" needs "01|02";
    "427"          open  query X3              "Origin region"   needs "01|02 422";
    "4300"         open  query TEXT35          "Ship-to company" needs "00";
    "4301"         open  query TEXT35          "Ship-to contact" needs "00";
    "4302"         open  query TEXT70          "Ship-to street"  needs "00";
    "4303"         open  query TEXT70          "Ship-to street, more" needs "4302";
    "4304"         open  query TEXT70          "Ship-to district" needs "00";
    "4305"         open  query TEXT70          "Ship-to town"    needs "00";
    "4306"         open  query TEXT70          "Ship-to region"  needs "00";
    "4307"         open  query COUNTRY_LETTERS "Ship-to country" needs "00";
    "4308"         open  query X30             "Ship-to phone"   needs "00";
    "4309"         open  query PLACE           "Ship-to coordinates" needs "00";
    "4310"         open  query TEXT35          "Return-to company" needs "00";
    "4311"         open  query TEXT35          "Return-to contact" needs "00";
    "4312"         open  query TEXT70          "Return-to street" needs "00";
    "4313"         open  query TEXT70          "Return-to street, more" needs "4312";
    "4314"         open  query TEXT70          "Return-to district" needs "00";
    "4315"         open  query TEXT70          "Return-to town"  needs "00";
    "4316"         open  query TEXT70          "Return-to region" needs "00";
    "4317"         open  query COUNTRY_LETTERS "Return-to country" needs "00";
    "4318"         open  query X20             "Return-to post code" needs "00";
    "4319"         open  query X30             "Return-to phone" needs "00";
    "4320"         open  query TEXT35          "Service description" needs "00";
    "4321"         open  query YES_NO          "Dangerous goods" needs "00";
    "4322"         open  query YES_NO          "May be left unattended" needs "00";
    "4323"         open  query YES_NO          "Signature needed" needs "00";
    "4324"         open  query DATE_TIME       "Deliver not before" needs "00";
    "4325"         open  query DATE_TIME       "Deliver not after" needs "00";
    "4326"         open  query DAY             "Release on"      needs "00";
    "4330"         open  query TEMPERATURE     "Warmest, Fahrenheit" needs "00" bars "4331";
    "4331"         open  query TEMPERATURE     "Warmest, Celsius" needs "00" bars "4330";
    "4332"         open  query TEMPERATURE     "Coldest, Fahrenheit" needs "00" bars "4333";
    "4333"         open  query TEMPERATURE     "Coldest, Celsius" needs "00" bars "4332";
    "7001"         open  query N13             "NATO stock number" needs "01|02|8006|8026";
    "7002"         open  query X30             "Meat cut"        needs "01|02";
    "7003"         open  query DAY_TIME        "Expires at"      needs "01|02";
    "7004"         open  query N4_MAX          "Active potency"  needs "01+10";
    "7005"         open  query X12             "Catch area"      needs "01|02";
    "7006"         open  query DAY             "First frozen on" needs "01|02";
    "7007"         open  query DAY_OR_DAYS     "Harvested on"    needs "01|02";
    "7008"         open  query X3              "Aquatic species" needs "01|02";
    "7009"         open  query X10             "Fishing gear"    needs "01|02";
    "7010"         open  query X2              "Production method" needs "01|02";
    "7011"         open  query DAY_MAYBE_TIME  "Test by"         needs "01|02";
    "7020"         open  query X20             "Refurbishment lot" needs "01|8006 416";
    "7021"         open  query X20             "Functional status" needs "01|8006";
    "7022"         open  query X20             "Revision status" needs "7021";
    "7023"         open  query KEY30           "Assembly asset";
    "7030"..="7039" open  query PROCESSOR       "Processor"      needs "01|02";
    "7040"         open  path  FACILITY        "Facility or machine";
    "7041"         open  path  PACKAGE         "Freight package type" needs "00";
    "710"          open  query X20             "Reimbursement number, DE" needs "01";
    "711"          open  query X20             "Reimbursement number, FR" needs "01";
    "712"          open  query X20             "Reimbursement number, ES" needs "01";
    "713"          open  query X20             "Reimbursement number, BR" needs "01";
    "714"          open  query X20             "Reimbursement number, PT" needs "01";
    "715"          open  query X20             "Reimbursement number, US" needs "01";
    "716"          open  query X20             "Reimbursement number, IT" needs "01";
    "717"          open  query X20             "Reimbursement number, CR" needs "01";
    "7230"..="7239" open  query CERTIFICATE     "Certification"  needs "01|8004";
    "7240"         open  query X20             "Protocol"        needs "01|8006";
    "7241"         open  query MEDIA           "Media type"      needs "8017|8018";
    "7242"         open  query X25             "Version control number" needs "8017|8018";
    "7250"         open  query BIRTH           "Born on"         needs "8018" bars "7251";
    "7251"         open  query BIRTH_TIME      "Born at"         needs "8018" bars "7250";
    "7252"         open  query SEX             "Biological sex"  needs "8018";
    "7253"         open  query TEXT40          "Family name"     needs "8017|8018" bars "7256 7259";
    "7254"         open  query TEXT40          "Given name"      needs "8017|8018" bars "7256 7259";
    "7255"         open  query X10             "Name suffix"     needs "8017|8018" bars "7256 7259";
    "7256"         open  query TEXT90          "Full name"       needs "8017|8018";
    "7257"         open  query TEXT70          "Person's address" needs "8018";
    "7258"         open  query SEQUENCE        "Birth order"     needs "8018+7259";
    "7259"         open  query TEXT40          "Newborn of"      needs "8018" bars "7256";
    "8001"         open  query ROLL            "Roll dimensions" needs "01";
    "8002"         open  query X20             "Mobile phone";
    "8003"         open  query GRAI            "Returnable asset" key "";
    "8004"         open  query KEY30           "Individual asset" key "7040";
    "8005"         open  query N6              "Amount per unit" needs "01|02";
    "8006"         open  query PIECE           "Piece of trade item" key "22 10 21" bars "01 37";
    "8007"         open  query ACCOUNT         "Bank account"    needs "415";
    "8008"         open  query DAY_TO_SECOND   "Produced at"     needs "01|02";
    "8009"         open  query X50             "Sensor reading"  needs "00|01";
    "8010"         open  query CPID            "Component or part" key "8011";
    "8011"         open  path  N12_MAX         "Component serial number" needs "8010";
    "8012"         open  query X20             "Software version" needs "01|8006";
    "8013"         open  query GMN             "Model number"    key "";
    "8014"         open  path  MUDI            "Custom device identifier" needs "01";
    "8017"         open  query GSRN            "Service provider" key "8019" bars "8018";
    "8018"         open  query GSRN            "Service recipient" key "8019" bars "8017";
    "8019"         open  path  N10_MAX         "Service instance" needs "8017|8018";
    "8020"         open  path  X25             "Payment slip"    needs "415";
    "8026"         open  query PIECE           "Contained piece of trade item"
        needs "37" bars "02 8006";
    "8030"         open  query SIGNATURE       "Digital signature"
        needs "00|01+21|253|255|8003|8004|8006+21|8010+8011|8017|8018";
    "8040"         open  path  N15             "Mobile equipment" needs "01+21";
    "8041"         open  path  N15             "Second mobile equipment" needs "01+21+8040";
    "8042"         open  path  N32             "Embedded SIM"    needs "01+21+8040";
    "8043"         open  path  SIM             "Physical SIM"    needs "01+21+8040";
    "8110"         open  query COUPON          "Coupon, North America";
    "8111"         open  query N4              "Loyalty points"  needs "255";
    "8112"         open  query COUPON_OFFER    "Offer-file coupon, North America";
    "8200"         open  path  X70             "Product link"    needs "01";
    "90"           open  query X30             "Agreed between partners";
    "91"..="99"    open  query X90             "Company internal";
}
