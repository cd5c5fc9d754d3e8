//! What must hold for every text and every label.

use proptest::prelude::*;

use super::part::{CharacterSet, Part};
use super::table::{ROWS, Row};
use super::*;

const YEAR: i32 = 2026;

/// A stream of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A valid pair of identifier and value, drawn from the whole table.
fn pair(seed: u64) -> (String, String) {
    let mut dice = Dice(seed);
    let row = &ROWS[dice.below(ROWS.len())];
    let (first, last): (usize, usize) = (row.first.parse().unwrap(), row.last.parse().unwrap());
    let width = row.first.len();
    let ai = format!("{:0width$}", first + dice.below(last - first + 1));
    let value = value(row, &mut dice);
    (ai, value)
}

fn value(row: &Row, dice: &mut Dice) -> String {
    let mut value = String::new();
    for part in row.parts {
        if part.optional && dice.below(2) == 0 {
            break;
        }
        value.push_str(&stretch(part, dice));
    }
    value
}

/// A stretch that passes all checks of its part.
fn stretch(part: &Part, dice: &mut Dice) -> String {
    let alphabet = match part.set {
        CharacterSet::Digits => "0123456789",
        CharacterSet::Text => "ABCxyz019-/._(),:;<=>?!\"&'*+",
        CharacterSet::Name => "ABZ019#-/",
        CharacterSet::Code => "ABCxyz019-_",
    };
    let length = part.min + dice.below(part.max - part.min + 1);
    let alphabet = alphabet.as_bytes();
    let mut text: String =
        (0..length).map(|_| char::from(alphabet[dice.below(alphabet.len())])).collect();
    for check in part.checks {
        text = passing(*check, text, part, dice);
    }
    for check in part.checks {
        assert!(check.passes(&text, YEAR), "{check:?} {text:?}");
    }
    text
}

/// The first `length` characters, or all there are.
fn head(text: &str, length: usize) -> &str {
    element::split_characters(text, length).0
}

fn passing(check: Check, text: String, part: &Part, dice: &mut Dice) -> String {
    let two = |n: usize| format!("{n:02}");
    let date = |dice: &mut Dice| {
        two(dice.below(100)) + &two(1 + dice.below(12)) + &two(1 + dice.below(28))
    };
    match check {
        Check::CheckDigit => {
            let body = head(&text, text.len() - 1);
            format!("{body}{}", check_digit(body).unwrap())
        }
        Check::CheckPair => {
            let body = format!("1234{}-", head(&text, part.max - 7));
            format!("{body}{}", check_pair(&body).unwrap())
        }
        Check::CompanyPrefix if text.len() < 4 || !key::all_digits(head(&text, 4)) => {
            format!("1234{}", head(&text, part.max - 4))
        }
        Check::DateOrMonth if dice.below(3) == 0 => head(&date(dice), 4).to_owned() + "00",
        Check::DateOrMonth | Check::Date => date(dice),
        Check::LongDate => format!("19{}", date(dice)),
        Check::Hour => two(dice.below(24)),
        Check::Minute | Check::Second => two(dice.below(60)),
        Check::HourMinute => two(dice.below(24)) + &two(dice.below(60)),
        Check::Zero => "0".repeat(text.len()),
        Check::NonZero | Check::NoLeadingZero => format!("1{}", head(&text, text.len() - 1)),
        Check::PieceOfTotal => two(1 + dice.below(50)) + &two(50 + dice.below(50)),
        Check::YesNo => dice.pick(&["0", "1"]).to_owned(),
        Check::Country => dice.pick(&["208", "276", "752"]).to_owned(),
        Check::CountryOrSeveral => dice.pick(&["208", "999"]).to_owned(),
        Check::CountryLetters => dice.pick(&["DK", "SE", "AX"]).to_owned(),
        Check::Currency => dice.pick(&["208", "978", "997"]).to_owned(),
        Check::Iban => dice.pick(&["DK5000400440116243", "BE71096123456769"]).to_owned(),
        Check::Latitude | Check::Longitude => format!("0{}", head(&text, text.len() - 1)),
        Check::Winding => dice.pick(&["0", "1", "9"]).to_owned(),
        Check::ImporterIndex => dice.pick(&["-", "_", "a", "7"]).to_owned(),
        Check::PackageType => dice.pick(&["201", "PX", "8", "WRP"]).to_owned(),
        Check::PositionOfEnd => dice.pick(&["1/3", "2/2"]).to_owned(),
        Check::Hyphen => "-".repeat(text.len()),
        Check::MediaType => dice.pick(&["01", "10", "80"]).to_owned(),
        Check::Sex => dice.pick(&["0", "1", "2", "9"]).to_owned(),
        Check::Coupon => {
            dice.pick(&["012345612345611110123", "0123456123456111101233261231"]).to_owned()
        }
        Check::CouponOffer => {
            dice.pick(&["001234561234560123456", "0012345612345611234567"]).to_owned()
        }
        Check::CompanyPrefix
        | Check::CompanyPrefixSecond
        | Check::HasNonDigit
        | Check::PercentEncoded => text,
    }
}

/// The readings of a device of either kind.
fn read_both(text: &str) -> [Reading; 2] {
    [read(text, &ScanProfile::tested(YEAR)), read(text, &ScanProfile::untested(YEAR))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_has_a_reading(text in any::<String>(), year in any::<i32>()) {
        for profile in [ScanProfile::tested(year), ScanProfile::untested(year)] {
            let reading = read(&text, &profile);
            prop_assert_eq!(reading.meanings.is_empty(), reading.error.is_some());
        }
    }

    #[test]
    fn any_text_that_looks_like_a_label_has_a_reading(
        text in r"(\]C1|\]d2|\]E0|\]Q1|\(01\)|https://a/01/|B:|TALLYMAN1:|)[0-9A-Cn%/?=&()\x1D\u{e6}^]{0,80}",
    ) {
        for reading in read_both(&text) {
            prop_assert_eq!(reading.meanings.is_empty(), reading.error.is_some());
            prop_assert!(reading.meanings.len() <= gs1::READINGS_MAX + 3);
        }
    }

    #[test]
    fn digits_without_separators_end_in_few_readings_or_an_error(text in "[0-9]{0,200}") {
        for reading in read_both(&format!("]C1{text}")) {
            prop_assert_eq!(reading.meanings.is_empty(), reading.error.is_some());
        }
    }

    #[test]
    fn what_is_built_reads_as_it_was(seeds in prop::collection::vec(any::<u64>(), 1..=64)) {
        let pairs: Vec<(String, String)> = seeds.into_iter().map(pair).collect();
        let elements = Elements::new(pairs.iter().map(|(ai, value)| (&**ai, &**value)), YEAR).unwrap();
        let built = format!("]d2{}", elements.build());
        let reading = read(&built, &ScanProfile::tested(YEAR));
        prop_assert_eq!(reading.only(), Some(&Meaning::Gs1(elements)), "{:?}", reading);
    }

    #[test]
    fn a_doubted_device_answers_at_least_what_a_tested_one_does(seeds in prop::collection::vec(any::<u64>(), 1..4)) {
        let pairs: Vec<(String, String)> = seeds.into_iter().map(pair).collect();
        let elements = Elements::new(pairs.iter().map(|(ai, value)| (&**ai, &**value)), YEAR).unwrap();
        let reading = read(&format!("]d2{}", elements.build()), &ScanProfile::untested(YEAR));
        let ambiguous = reading.error == Some(ScanError::Ambiguous);
        prop_assert!(ambiguous || reading.meanings.first() == Some(&Meaning::Gs1(elements)));
    }

    #[test]
    fn a_dropped_separator_keeps_the_truth_among_the_meanings(
        lot in "[A-Z][A-Z0-9]{0,7}", serial in "[A-Z0-9]{1,8}",
    ) {
        let truth = Elements::new([("01", "09506000134352"), ("10", &*lot), ("21", &*serial)], YEAR).unwrap();
        let dropped = truth.build().replace(GROUP_SEPARATOR, "");
        let reading = read(&format!("]C1{dropped}"), &ScanProfile::untested(YEAR));
        let ambiguous = reading.error == Some(ScanError::Ambiguous);
        prop_assert!(ambiguous || reading.meanings.contains(&Meaning::Gs1(truth)), "{:?}", reading);
        prop_assert!(ambiguous || reading.meanings.len() > 1 || reading.warnings.contains(&Warning::SeparatorRestored));
    }

    #[test]
    fn one_wrong_digit_of_an_item_number_is_always_noticed(body in "[0-9]{13}", at in 0_usize..14, by in 1_u8..10) {
        let digits = format!("{body}{}", check_digit(&body).unwrap());
        prop_assert!(Gtin14::new(&digits).is_ok());
        let mut wrong = digits.into_bytes();
        wrong[at] = b'0' + (wrong[at] - b'0' + by) % 10;
        prop_assert!(Gtin14::new(&String::from_utf8(wrong).unwrap()).is_err());
    }

    #[test]
    fn short_item_numbers_are_the_item_numbers_they_are_padded_to(body in "[0-9]{7}") {
        let short = format!("{body}{}", check_digit(&body).unwrap());
        let key = Gtin14::new(&short).unwrap();
        for width in [12, 13, 14] {
            prop_assert_eq!(&Gtin14::new(&format!("{short:0>width$}")).unwrap(), &key);
        }
    }
}
