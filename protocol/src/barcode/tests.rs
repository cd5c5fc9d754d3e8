//! Labels as they come, and what must be made of them.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::*;

const YEAR: i32 = 2026;

/// On one line: meanings, then warnings, then the error.
fn told(reading: &Reading) -> String {
    let mut words: Vec<String> = reading.meanings.iter().map(named).collect();
    words.extend(reading.warnings.iter().map(|warning| format!("!{}", warning.code())));
    words.extend(reading.error.iter().map(|error| format!("ERROR {}", error.code())));
    words.join(" ")
}

fn named(meaning: &Meaning) -> String {
    match meaning {
        Meaning::Bin(code) => format!("bin:{code}"),
        Meaning::Badge(badge) => format!("badge:{}", badge.reveal()),
        Meaning::Document(code) => format!("document:{code}"),
        Meaning::LicencePlate(code) => format!("plate:{code}"),
        Meaning::Command(command) => format!("command:{command:?}"),
        Meaning::Enrolment(enrolment) => {
            format!("enrol:{}#{}", enrolment.url(), enrolment.ticket())
        }
        Meaning::DigitalLink { elements, .. } => format!("link:{}", elements.bracketed()),
        Meaning::Gs1(elements) => format!("gs1:{}", elements.bracketed()),
        Meaning::Sscc(sscc) => format!("sscc:{sscc}"),
        Meaning::Gtin(gtin) => format!("gtin:{gtin}"),
        Meaning::Plain(text) => format!("plain:{text}"),
    }
}

/// Every row is a scan and what is told of it; all that differ are shown at once.
fn check(profile: &ScanProfile, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(scan, expected)| (scan, expected, told(&read(scan, profile))))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(scan, expected, found)| format!("{scan:?}\n  wanted {expected}\n  found  {found}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn elements(scan: &str) -> Elements {
    let reading = read(scan, &ScanProfile::tested(YEAR));
    match reading.only() {
        Some(Meaning::Gs1(elements) | Meaning::DigitalLink { elements, .. }) => elements.clone(),
        _ => panic!("{scan:?}: {}", told(&reading)),
    }
}

fn day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

#[test]
fn symbols_marked_as_gs1_are_element_strings() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("]C1010950600013435210ABC123", "gs1:(01)09506000134352(10)ABC123"),
            (
                "]d201095060001343521726123110L-7\u{1D}21S1",
                "gs1:(01)09506000134352(17)261231(10)L-7(21)S1",
            ),
            ("]Q3010950600013435210A\u{1D}21B", "gs1:(01)09506000134352(10)A(21)B"),
            ("]e00109506000134352", "gs1:(01)09506000134352"),
            ("]J10109506000134352", "gs1:(01)09506000134352"),
            ("]C100106141412345678908", "gs1:(00)106141412345678908"),
            ("]C102095060001343523724", "gs1:(02)09506000134352(37)24 !companion_missing"),
            ("]C1(01)09506000134352(10)AB", "gs1:(01)09506000134352(10)AB"),
            ("]C1", "ERROR scan_empty"),
            ("]C1ABC", "ERROR unknown_identifier"),
        ],
    );
}

#[test]
fn framing_follows_the_table() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            // A separator behind a fixed value, at the end, in front and twice does no harm.
            ("]C10109506000134352\u{1D}10AB", "gs1:(01)09506000134352(10)AB"),
            ("]C1010950600013435210AB\u{1D}", "gs1:(01)09506000134352(10)AB"),
            ("\u{1D}010950600013435210AB", "gs1:(01)09506000134352(10)AB"),
            (
                "]C1010950600013435210AB\u{1D}\u{1D}21C",
                "gs1:(01)09506000134352(10)AB(21)C !separator_superfluous",
            ),
            // A fixed value cut short is an error, never a shorter value.
            ("]C1010950600013435", "ERROR value_cut_short"),
            ("]C1010950600013435\u{1D}10AB", "ERROR value_cut_short"),
            ("]C1010950600013435217261", "ERROR value_cut_short"),
            ("]C101095060001343523103", "ERROR value_cut_short"),
            ("]C1010950600013435210", "ERROR value_cut_short"),
            // (422) is always three digits and yet needs its separator.
            ("]C10109506000134352422208\u{1D}10AB", "gs1:(01)09506000134352(422)208(10)AB"),
            ("]C1010950600013435242220810AB", "ERROR value_too_long"),
            ("]C101095060001343524222", "ERROR value_cut_short"),
            // Optional parts: none, some, all, and one cut short.
            ("]C180030950600013435", "ERROR value_cut_short"),
            ("]C1800309506000134352", "gs1:(8003)09506000134352"),
            ("]C1800309506000134352SER1", "gs1:(8003)09506000134352SER1"),
            ("]C10109506000134352800826010110", "gs1:(01)09506000134352(8008)26010110"),
            ("]C1010950600013435280082601011059", "gs1:(01)09506000134352(8008)2601011059"),
            ("]C101095060001343528008260101105", "ERROR value_cut_short"),
            ("]C10109506000134352423208276", "gs1:(01)09506000134352(423)208276"),
            ("]C1010950600013435242320827", "ERROR value_cut_short"),
            ("]C10109506000134352423208000", "ERROR country_unknown"),
            ("]C1010950600013435210123456789012345678901", "ERROR value_too_long"),
            ("]C10109506000134352180101", "ERROR unknown_identifier"),
            ("]C10109506000134352310612345", "ERROR unknown_identifier"),
        ],
    );
    let ninety = "x".repeat(90);
    check(
        &ScanProfile::tested(YEAR),
        &[
            (&format!("]C191{ninety}"), &format!("gs1:(91){ninety}")),
            (&format!("]C199{ninety}x"), "ERROR value_too_long"),
        ],
    );
}

#[test]
fn a_message_has_at_most_sixty_four_elements() {
    let profile = ScanProfile::tested(YEAR);
    let of = |n: usize| format!("]C1{}", vec!["91A"; n].join("\u{1D}"));
    assert_eq!(read(&of(64), &profile).error, None);
    assert_eq!(read(&of(65), &profile).error, Some(ScanError::TooManyElements { max: 64 }));
}

#[test]
fn wrong_contents_are_errors() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("]C10109506000134353", "ERROR check_digit_wrong"),
            ("]C100106141412345678909", "ERROR check_digit_wrong"),
            ("]C1010950600013435217261301", "ERROR date_impossible"),
            ("]C1010950600013435217260230", "ERROR date_impossible"),
            ("]C101095060001343527006260200", "ERROR day_impossible"),
            ("]C1010950600013435210A B", "ERROR wrong_character"),
            ("]C1010950600013435210AB\u{e6}", "ERROR wrong_character"),
            ("]C1010950600013435230X", "ERROR wrong_character"),
            ("]C180131987654Ad4X4bL5ttr2310c2K", "gs1:(8013)1987654Ad4X4bL5ttr2310c2K"),
            ("]C180131987654Ad4X4bL5ttr2310cXK", "ERROR check_pair_wrong"),
            ("]C18006095060001343520102\u{1D}", "gs1:(8006)095060001343520102"),
            ("]C1800609506000134352010\u{1D}", "ERROR value_cut_short"),
            ("]C18006095060001343520302", "ERROR piece_of_total_impossible"),
            ("]C100106141412345678908432112", "ERROR value_too_long"),
            ("]C1001061414123456789084307DK", "gs1:(00)106141412345678908(4307)DK"),
            ("]C1001061414123456789084307XX", "ERROR country_letters_unknown"),
            ("]C18007DK5000400440116243", "gs1:(8007)DK5000400440116243 !companion_missing"),
            ("]C18007DK5000400440116244", "ERROR iban_wrong"),
        ],
    );
}

#[test]
fn odd_company_makes_warnings_only() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("]C110AB", "gs1:(10)AB !companion_missing"),
            (
                "]C1010950600013435202095060001343523710",
                "gs1:(01)09506000134352(02)09506000134352(37)10 !pair_excluded !pair_excluded !companion_missing",
            ),
            ("]C1010950600013435210A\u{1D}10A", "gs1:(01)09506000134352(10)A(10)A !repeated"),
            (
                "]C1010950600013435210A\u{1D}10B",
                "gs1:(01)09506000134352(10)A(10)B !repeated_differently",
            ),
            (
                "]C1010950600013435231030012503102001250",
                "gs1:(01)09506000134352(3103)001250(3102)001250 !pair_excluded !pair_excluded",
            ),
            ("]C1010950600013435221A\u{1D}8030abc_-", "gs1:(01)09506000134352(21)A(8030)abc_-"),
            (
                "]C101095060001343528030abc_-",
                "gs1:(01)09506000134352(8030)abc_- !companion_missing",
            ),
        ],
    );
    let reading = read("]C110AB", &ScanProfile::tested(YEAR));
    assert_eq!(
        reading.warnings[0].to_string(),
        "(10) should come with (01) or (02) or (03) or (8006) or (8026)"
    );
    let twice = elements("]C1010950600013435210A\u{1D}10B");
    assert_eq!(
        (twice.lot(), twice.gtin().map(|gtin| gtin.to_string())),
        (None, Some("09506000134352".to_owned()))
    );
}

#[test]
fn the_separator_is_known_in_all_its_disguises() {
    for alias in SeparatorProfile::DEFAULT_ALIASES.into_iter().chain(["\u{1D}", "<gs>", "{Gs}"]) {
        let reading =
            read(&format!("]C1010950600013435210AB{alias}21C"), &ScanProfile::untested(YEAR));
        assert_eq!(told(&reading), "gs1:(01)09506000134352(10)AB(21)C", "{alias:?}");
        let seen = reading.separator.unwrap_or_default();
        assert!(seen.eq_ignore_ascii_case(alias), "{alias:?} was seen as {seen:?}");
    }
    let mut profile = ScanProfile::tested(YEAR);
    let leftover = "]C1010950600013435210AB002921C";
    check(&profile, &[(leftover, "gs1:(01)09506000134352(10)AB002921C")]);
    profile.separators.aliases = vec!["0029".to_owned(), String::new()];
    check(
        &profile,
        &[
            (leftover, "gs1:(01)09506000134352(10)AB(21)C"),
            ("]C1010950600013435210AB\u{1D}21C", "gs1:(01)09506000134352(10)AB(21)C"),
            ("]C1010950600013435210AB|21C", "ERROR wrong_character"),
            // A number of one's own that happens to hold the alias stays what it is.
            ("PUMP002912", "plain:PUMP002912"),
        ],
    );
    // One sign proves nothing, however many bytes it has.
    profile.separators.aliases = vec!["\u{a7}".to_owned()];
    check(
        &profile,
        &[
            ("]C110A\u{a7}21B", "gs1:(10)A(21)B !companion_missing !companion_missing"),
            ("SHELF\u{a7}7", "plain:SHELF\u{a7}7"),
            (
                "10A\u{a7}21B",
                "gs1:(10)A(21)B plain:10A\u{a7}21B !companion_missing !companion_missing",
            ),
        ],
    );
}

#[test]
fn a_dropped_separator_is_never_guessed() {
    check(
        &ScanProfile::untested(YEAR),
        &[
            (
                "]C1010950600013435210ABC21123",
                "gs1:(01)09506000134352(10)ABC21123 gs1:(01)09506000134352(10)ABC(21)123 !separator_maybe_missing",
            ),
            // One separator came through, so no other is missing.
            ("]C1010950600013435210ABC21123\u{1D}400X", "gs1:(01)09506000134352(10)ABC21123(400)X"),
            // Nothing to doubt.
            ("]C1010950600013435217261231", "gs1:(01)09506000134352(17)261231"),
            ("]C10109506000134352172612311 0", "ERROR unknown_identifier"),
            ("]C1010950600013435210ABC", "gs1:(01)09506000134352(10)ABC"),
            // Only one reading makes sense.
            ("]C1020950600013435237510ABC\u{1D}", "ERROR wrong_character"),
            (
                "]C1010950600013435242220810AB",
                "gs1:(01)09506000134352(422)208(10)AB !separator_restored",
            ),
            // A lot is never cut in two by elements that do not belong to it.
            ("]C1010950600013435210L02", "gs1:(01)09506000134352(10)L02"),
            ("]C1010950600013435291A92B93C94D95E96F97G98H99I", "ERROR separator_ambiguous"),
        ],
    );
    check(
        &ScanProfile::tested(YEAR),
        &[("]C1010950600013435210ABC21123", "gs1:(01)09506000134352(10)ABC21123")],
    );
}

#[test]
fn brackets_are_read_as_printed() {
    check(
        &ScanProfile::untested(YEAR),
        &[
            ("(01)09506000134352(17)261231(10)ABC", "gs1:(01)09506000134352(17)261231(10)ABC"),
            ("(01) 0950 6000", "ERROR wrong_character"),
            ("(01) 09506000134352 (10) ABC ", "gs1:(01)09506000134352(10)ABC !noise_trimmed"),
            ("(01)09506000134352(10)A(B)C(2)", "gs1:(01)09506000134352(10)A(B)C(2)"),
            ("(01)09506000134352(10)AB21C", "gs1:(01)09506000134352(10)AB21C"),
            ("(01)09506000134353", "ERROR check_digit_wrong"),
            ("(18)123456", "ERROR brackets_malformed"),
            ("(01)", "ERROR value_cut_short"),
            ("(A) shelf", "plain:(A) shelf"),
            ("(8003)09506000134352SER", "gs1:(8003)09506000134352SER"),
        ],
    );
}

#[test]
fn plain_numbers_are_recognised_and_never_forced() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("]E09506000134352", "gtin:09506000134352"),
            ("]E0950600013435", "ERROR gtin_check_digit"),
            ("]E0036000291452", "gtin:00036000291452"),
            ("]E09506000134353", "ERROR gtin_check_digit"),
            ("]E0ABC", "ERROR gtin_length"),
            ("]E496385074", "gtin:00000096385074"),
            ("]E4963850740", "ERROR gtin_length"),
            ("]C09506000134352", "gtin:09506000134352 plain:9506000134352"),
            ("9506000134352", "gtin:09506000134352 plain:9506000134352"),
            ("9506000134353", "plain:9506000134353 !looks_like_gtin"),
            ("036000291452", "gtin:00036000291452 plain:036000291452"),
            ("96385074", "gtin:00000096385074 plain:96385074"),
            ("96385075", "plain:96385075"),
            ("09506000134352", "gtin:09506000134352 plain:09506000134352"),
            (
                "106141412345678908",
                "sscc:106141412345678908 gs1:(10)6141412345678908 plain:106141412345678908 !companion_missing",
            ),
            ("4006381333931", "gtin:04006381333931 gs1:(400)6381333931 plain:4006381333931"),
            ("]C0106141412345678908", "sscc:106141412345678908 plain:106141412345678908"),
            ("00106141412345678908", "gs1:(00)106141412345678908 plain:00106141412345678908"),
            ("00106141412345678909", "ERROR check_digit_wrong"),
            ("0109506000134352", "gs1:(01)09506000134352 plain:0109506000134352"),
            ("0109506000134353", "ERROR check_digit_wrong"),
            ("010950600013435210AB", "gs1:(01)09506000134352(10)AB plain:010950600013435210AB"),
            ("10AB|21C", "gs1:(10)AB(21)C plain:10AB|21C !companion_missing !companion_missing"),
            ("10AB\u{1D}21C", "gs1:(10)AB(21)C !companion_missing !companion_missing"),
            ("10AB<GS>21C", "gs1:(10)AB(21)C !companion_missing !companion_missing"),
            ("]C00109506000134352", "plain:0109506000134352"),
            ("BOLT-M8", "plain:BOLT-M8"),
            ("AB|CD", "plain:AB|CD"),
            ("Ærø 12", "plain:Ærø 12"),
            ("]d1BOLT-M8", "plain:BOLT-M8"),
            ("]X9BOLT-M8", "plain:BOLT-M8"),
            ("]", "plain:]"),
        ],
    );
}

#[test]
fn a_misread_item_number_is_no_element_string() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("4006381333932", "plain:4006381333932 gs1:(400)6381333932 !looks_like_gtin"),
            (
                "2112345678901",
                "plain:2112345678901 gs1:(21)12345678901 !companion_missing !looks_like_gtin",
            ),
            ("21234567890", "gs1:(21)234567890 plain:21234567890 !companion_missing"),
            (
                "102345678901",
                "plain:102345678901 gs1:(10)2345678901 !companion_missing !looks_like_gtin",
            ),
            (
                "10234567890123",
                "plain:10234567890123 gs1:(10)234567890123 !companion_missing !looks_like_gtin",
            ),
            ("21123456", "plain:21123456 gs1:(21)123456 !companion_missing"),
            // The best known short item number begins like a consignment.
            ("40170725", "gtin:00000040170725 gs1:(401)70725 plain:40170725"),
            // The symbol, a separator or brackets say what it is.
            ("]C12112345678901", "gs1:(21)12345678901 !companion_missing"),
            ("(21)12345678901", "gs1:(21)12345678901 !companion_missing"),
            ("\u{1D}2112345678901", "gs1:(21)12345678901 !companion_missing"),
        ],
    );
    check(
        &ScanProfile::untested(YEAR),
        &[(
            "4006381333932",
            "plain:4006381333932 gs1:(400)6381333932 gs1:(400)6381333(93)2 !separator_maybe_missing !looks_like_gtin",
        )],
    );
}

#[test]
fn short_item_numbers_share_one_key() {
    let keys: Vec<Option<Gtin14>> = ["96385074", "000096385074", "0000096385074", "00000096385074"]
        .into_iter()
        .map(|digits| Gtin14::new(digits).ok())
        .collect();
    assert!(keys.iter().all(|key| key.is_some() && *key == keys[0]));
}

#[test]
fn links_are_read_from_the_last_key_on() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("https://id.gs1.org/01/09506000134352", "link:(01)09506000134352"),
            (
                "https://example.com/a/b/01/09506000134352/10/AB%2FC/21/S1?17=261231",
                "link:(01)09506000134352(10)AB/C(21)S1(17)261231",
            ),
            ("HTTPS://EXAMPLE.COM/01/09506000134352/", "link:(01)09506000134352"),
            (
                "http://example.com/gtin/9506000134352/lot/AB?exp=261231&linkType=all",
                "link:(01)09506000134352(10)AB(17)261231 !gtin_padded",
            ),
            ("https://example.com/00/106141412345678908", "link:(00)106141412345678908"),
            (
                "https://example.com/01/00000000000000/00/106141412345678908",
                "link:(00)106141412345678908",
            ),
            ("https://example.com/414/9506000134352/254/A%20", "ERROR wrong_character"),
            (
                "https://example.com/01/09506000134352/21/S1/10/AB",
                "link:(01)09506000134352(21)S1(10)AB !link_order",
            ),
            ("https://example.com/01/09506000134352/235/X", "link:(01)09506000134352(235)X"),
            (
                "https://example.com/01/09506000134352?21=S1",
                "link:(01)09506000134352(21)S1 !link_attribute",
            ),
            (
                "https://example.com/01/09506000134352?3103=001250#frag?17=1",
                "link:(01)09506000134352(3103)001250",
            ),
            ("https://example.com/01/09506000134352?19=1", "ERROR unknown_identifier"),
            ("https://example.com/01/09506000134352/10/A%2", "ERROR link_encoding"),
            ("https://example.com/01/09506000134353", "ERROR check_digit_wrong"),
            ("]Q1https://id.gs1.org/01/09506000134352", "link:(01)09506000134352"),
            ("https://example.com/blog/2026/01/02", "plain:https://example.com/blog/2026/01/02"),
            ("https://example.com/10/AB", "plain:https://example.com/10/AB"),
            ("https:///01/09506000134352", "plain:https:///01/09506000134352"),
            ("https://example.com", "plain:https://example.com"),
        ],
    );
}

#[test]
fn our_own_labels_mean_one_thing() {
    check(
        &ScanProfile::untested(YEAR),
        &[
            ("B:A-01-02", "bin:A-01-02"),
            ("]C0B:A-01", "bin:A-01"),
            ("U:s3cret", "badge:s3cret"),
            ("D:PO-1001", "document:PO-1001"),
            ("L:LP000123", "plate:LP000123"),
            ("CMD:OK", "command:Ok"),
            ("CMD:BACK", "command:Back"),
            ("CMD:UNDO", "command:Undo"),
            ("CMD:SKIP", "command:Skip"),
            ("CMD:QTY", "command:Quantity"),
            ("CMD:FLY", "ERROR unknown_command"),
            ("TALLYMAN1:https://10.0.0.5:8443#gqFh_-", "enrol:https://10.0.0.5:8443#gqFh_-"),
            ("TALLYMAN1:https://10.0.0.5:8443", "ERROR enrolment_malformed"),
            ("TALLYMAN1:ftp://x#A", "ERROR enrolment_malformed"),
            ("B:", "ERROR own_code_malformed"),
            ("B: A", "ERROR own_code_malformed"),
            ("b:A-01", "plain:b:A-01"),
            ("X:1", "plain:X:1"),
        ],
    );
    let badge = format!("{:?}", read("\rU:s3cret\r", &ScanProfile::tested(YEAR)));
    assert!(!badge.contains("s3cret"), "{badge}");
    let invited = format!("{:?}", read("TALLYMAN1:https://h#ticket", &ScanProfile::tested(YEAR)));
    assert!(!invited.contains("ticket"), "{invited}");
}

#[test]
fn noise_is_trimmed_and_repetition_is_only_suspected() {
    check(
        &ScanProfile::tested(YEAR),
        &[
            ("\u{0}\tB:A-01\r\n", "bin:A-01 !noise_trimmed"),
            (
                "\u{FEFF}]C1010950600013435210AB\u{1D}\r",
                "gs1:(01)09506000134352(10)AB !noise_trimmed",
            ),
            ("", "ERROR scan_empty"),
            ("\r\n", "!noise_trimmed ERROR scan_empty"),
            ("BOLT-M8BOLT-M8", "plain:BOLT-M8BOLT-M8 !maybe_repeated"),
            ("B:A-01B:A-01", "bin:A-01B:A-01 !maybe_repeated"),
            ("BOLT-M8\r\nBOLT-M8", "!maybe_repeated ERROR scan_control_inside"),
            ("BOLT-M8\rNUT-M8", "ERROR scan_control_inside"),
            ("ABAB", "plain:ABAB"),
        ],
    );
    let reading = read(&"x".repeat(SCAN_BYTES_MAX + 1), &ScanProfile::tested(YEAR));
    assert_eq!(reading.error.map(|error| error.code()), Some("scan_too_long"));
}

#[test]
fn labels_speak_the_words_of_a_warehouse() {
    let label = elements(
        "]C10109506000134352112601001527123117280600310300125037 24".replace(' ', "").as_str(),
    );
    assert_eq!(label.production(), day(2026, 1, 31));
    assert_eq!(label.best_before(), day(2027, 12, 31));
    assert_eq!(label.expiry(), day(2028, 6, 30));
    assert_eq!(label.net_weight_kg(), Some(Decimal::new(1250, 3)));
    assert_eq!(label.count(), Some(24));
    assert_eq!(label.measure("330"), None);
    assert_eq!(label.measure("392"), None);
    assert_eq!(label.lot(), None);
    let pallet = elements("]C10010614141234567890802095060001343523712\u{1D}400PO7");
    assert_eq!(pallet.sscc().map(|sscc| sscc.to_string()).as_deref(), Some("106141412345678908"));
    assert_eq!(pallet.contained_gtin().map(String::from).as_deref(), Some("09506000134352"));
    assert_eq!(pallet.purchase_order(), Some("PO7"));
    let timed = elements("]C1010950600013435270032606301200\u{1D}2007");
    assert_eq!((timed.expiry(), timed.date("7003")), (day(2026, 6, 30), day(2026, 6, 30)));
    let weights = elements("]C101095060001343523103001250 3102000125".replace(' ', "").as_str());
    assert_eq!(weights.net_weight_kg(), Some(Decimal::new(125, 2)));
    let differ = elements("]C101095060001343523103001250 3102001250".replace(' ', "").as_str());
    assert_eq!(differ.net_weight_kg(), None);
}

#[test]
fn an_unmarked_text_is_doubted_only_where_it_may_be_a_label() {
    check(
        &ScanProfile::untested(YEAR),
        &[
            ("BOLT21123", "plain:BOLT21123"),
            (
                "1726123110AB",
                "gs1:(17)261231(10)AB plain:1726123110AB !companion_missing !companion_missing",
            ),
            (
                "010950600013435210ABC21123",
                "gs1:(01)09506000134352(10)ABC21123 gs1:(01)09506000134352(10)ABC(21)123 plain:010950600013435210ABC21123 !separator_maybe_missing",
            ),
            ("010950600013435291A92B93C94D95E96F97G98H99I", "ERROR separator_ambiguous"),
            ("950600013435", "plain:950600013435 !looks_like_gtin"),
        ],
    );
}

#[test]
fn a_profile_says_which_disguises_count() {
    let none = SeparatorProfile { aliases: Vec::new(), trust: SeparatorTrust::Transmitted };
    let profile = ScanProfile { year: YEAR, separators: none };
    check(
        &profile,
        &[
            ("]C1010950600013435210AB^21C", "ERROR wrong_character"),
            ("]C1010950600013435210AB<GS>21C", "gs1:(01)09506000134352(10)AB<GS>21C"),
            ("]C1010950600013435210AB\u{1D}21C", "gs1:(01)09506000134352(10)AB(21)C"),
        ],
    );
}
