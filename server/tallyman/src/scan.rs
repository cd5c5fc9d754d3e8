//! `tallyman scan`: what a scan means, for people who set up scanners and for tests.
//!
//! With `--json`, each input line `{"scan": "..."}` is answered with one line:
//! `ok`, `kind`, `elements` (`[{"ai","value"}]`, only for valid GS1 data), `meanings` (where there is
//! more than one), `warnings` and `error` (codes; null when there is none).

use std::io::{BufRead as _, Write as _};

use protocol::barcode::{self, Meaning, Reading, ScanProfile};
use serde_json::{Value, json};

/// What to read and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Answer lines of JSON with lines of JSON.
    #[arg(long)]
    json: bool,
    /// The scanner was not tested for the separator it sends: name every reading that fits.
    #[arg(long)]
    untested: bool,
    /// The year that two-digit years are read from; the present one when it is left out.
    #[arg(long)]
    year: Option<i32>,
}

/// Answers every line of standard input.
pub(crate) fn run(arguments: &Arguments) -> Result<(), crate::Problem> {
    let year = arguments.year.unwrap_or_else(present_year);
    let profile =
        if arguments.untested { ScanProfile::untested(year) } else { ScanProfile::tested(year) };
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let answer = if arguments.json {
            json_answer(&line, &profile).to_string()
        } else {
            plain_answer(&barcode::read(&line, &profile))
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn present_year() -> i32 {
    use chrono::Datelike as _;
    let now = server::clock::Clock::after(protocol::identity::ServerTime::default()).now();
    now.utc().map_or(1970, |now| now.year())
}

fn json_answer(line: &str, profile: &ScanProfile) -> Value {
    let request: Option<Value> = serde_json::from_str(line).ok();
    let Some(scan) = request.as_ref().and_then(|request| request.get("scan")?.as_str()) else {
        return json!({
            "ok": false, "kind": null, "warnings": [], "error": "malformed_request",
            "message": "each line is a JSON object with a text member scan",
        });
    };
    let reading = barcode::read(scan, profile);
    let first = reading.meanings.first();
    let mut answer = json!({
        "ok": reading.error.is_none() && first.is_some(),
        "kind": first.map(kind),
        "warnings": reading.warnings.iter().map(barcode::Warning::code).collect::<Vec<_>>(),
        "error": reading.error.as_ref().map(barcode::ScanError::code),
    });
    if let Some(error) = &reading.error {
        answer["message"] = json!(error.to_string());
    }
    if let Some(elements) = first.and_then(Meaning::elements) {
        answer["elements"] = elements_json(elements);
    }
    if reading.meanings.len() > 1 {
        answer["meanings"] = reading.meanings.iter().map(meaning_json).collect();
    }
    answer
}

fn elements_json(elements: &barcode::Elements) -> Value {
    elements.iter().map(|element| json!({"ai": element.ai(), "value": element.value()})).collect()
}

fn meaning_json(meaning: &Meaning) -> Value {
    let mut value = json!({ "kind": kind(meaning) });
    if let Some(elements) = meaning.elements() {
        value["elements"] = elements_json(elements);
    }
    value
}

fn kind(meaning: &Meaning) -> &'static str {
    match meaning {
        Meaning::Bin(_) => "bin",
        Meaning::Badge(_) => "badge",
        Meaning::Document(_) => "document",
        Meaning::LicencePlate(_) => "licence_plate",
        Meaning::Command(_) => "command",
        Meaning::Enrolment(_) => "enrolment",
        Meaning::DigitalLink { .. } => "digital_link",
        Meaning::Gs1(_) => "gs1",
        Meaning::Sscc(_) => "sscc",
        Meaning::Gtin(_) => "gtin",
        Meaning::Plain(_) => "plain",
    }
}

fn plain_answer(reading: &Reading) -> String {
    if let Some(error) = &reading.error {
        return format!("{}: {error}", error.code());
    }
    let mut parts: Vec<String> = reading
        .meanings
        .iter()
        .map(|meaning| match meaning.elements() {
            Some(elements) => format!("{} {}", kind(meaning), elements.bracketed()),
            None => kind(meaning).to_owned(),
        })
        .collect();
    parts.extend(reading.warnings.iter().map(|warning| format!("({warning})")));
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(scan: &str) -> Value {
        json_answer(&json!({ "scan": scan }).to_string(), &ScanProfile::tested(2026))
    }

    #[test]
    fn each_line_is_answered_with_all_that_is_promised() {
        let lot = answer("]C1010400638133393110LOT7\u{1d}17260531");
        assert_eq!(
            (&lot["ok"], &lot["kind"], &lot["error"]),
            (&json!(true), &json!("gs1"), &Value::Null)
        );
        let elements = json!([
            { "ai": "01", "value": "04006381333931" },
            { "ai": "10", "value": "LOT7" },
            { "ai": "17", "value": "260531" },
        ]);
        assert_eq!((&lot["elements"], &lot["warnings"]), (&elements, &json!([])));
        let own = answer("B:A-01");
        assert_eq!((&own["ok"], &own["kind"]), (&json!(true), &json!("bin")));
        assert_eq!(own.get("elements"), None, "{own}");

        // What cannot be read says why, and the next line is answered all the same.
        for scan in ["", "]C1019999"] {
            let bad = answer(scan);
            assert_eq!(bad["ok"], json!(false), "{bad}");
            assert!(bad["error"].is_string() && bad["warnings"].is_array(), "{bad}");
            assert_eq!(bad.get("elements"), None, "{bad}");
        }
        for line in ["no JSON", "{}", "{\"scan\": 7}", "[]"] {
            let bad = json_answer(line, &ScanProfile::tested(2026));
            assert_eq!(
                (&bad["ok"], &bad["error"]),
                (&json!(false), &json!("malformed_request")),
                "{line}"
            );
        }
    }

    #[test]
    fn a_misread_item_number_is_answered_without_elements() {
        for scan in ["4006381333932", "2112345678901"] {
            let answer = answer(scan);
            assert_eq!((&answer["ok"], &answer["kind"]), (&json!(true), &json!("plain")), "{scan}");
            assert_eq!(answer.get("elements"), None, "{answer}");
            let warnings = answer["warnings"].as_array().unwrap();
            assert!(warnings.contains(&json!("looks_like_gtin")), "{answer}");
        }
        let label = answer("]C10104006381333931");
        let elements = json!([{ "ai": "01", "value": "04006381333931" }]);
        assert_eq!((&label["kind"], &label["elements"]), (&json!("gs1"), &elements));
    }
}
