//! Worked figures: every file of the project's own copies passes, and no word of their schemas is
//! without an arm in the runner.

use std::path::{Path, PathBuf};

use tests::vectors::costing::expect as costing_expect;
use tests::vectors::documents::expect as document_expect;
use tests::vectors::documents::{self, op};
use tests::vectors::json::knows;
use tests::vectors::settings::{PeriodState, Settings};
use tests::vectors::warehouse::keys;
use tests::vectors::{Plan, costing, report, run_folder};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name)
}

fn all_pass(name: &str) {
    let plan = Plan { strict: true, ..Plan::default() };
    let reports = run_folder(&folder(name), &plan).expect("the folder holds files");
    report::print(&reports, 20);
    for report in &reports {
        assert!(report.passed(), "{}: {}", report.path.display(), report::sum(&reports));
    }
}

#[test]
fn the_costing_files_pass() {
    all_pass("costing");
}

#[test]
fn the_costing_files_of_documents_pass() {
    all_pass("documents/costing");
}

/// Figures worked out by hand from COSTING.md, in combinations that the other files do not have.
#[test]
fn the_files_of_combinations_pass() {
    all_pass("combinations");
}

/// The cells of the rows of all tables of a schema document, with the heading above each.
fn rows(schema: &str) -> Vec<(String, Vec<String>)> {
    let path = folder(schema).join("SCHEMA.md");
    let text = std::fs::read_to_string(path).expect("the schema document lies beside its files");
    let mut heading = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix('#') {
            title.trim_start_matches('#').trim().clone_into(&mut heading);
        } else if let Some(row) = line.strip_prefix('|') {
            let cells = row.trim_end().trim_end_matches('|').split('|');
            rows.push((heading.clone(), cells.map(|cell| cell.trim().to_owned()).collect()));
        }
    }
    rows
}

/// The text below a heading, up to the next one.
fn section(schema: &str, title: &str) -> String {
    let path = folder(schema).join("SCHEMA.md");
    let text = std::fs::read_to_string(path).expect("the schema document lies beside its files");
    let below = text.lines().skip_while(|line| line.trim_start_matches('#').trim() != title);
    below.skip(1).take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// The words between back-ticks, taken apart where several stand between one pair.
fn ticked(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.flat_map(words).collect()
}

fn words(text: &str) -> Vec<String> {
    let parts =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '/' && c != '.');
    let words = parts.map(|word| word.trim_matches('.').to_owned());
    words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).flat_map(both).collect()
}

/// `gl_allow_posting_from/_to` names two words.
fn both(word: String) -> Vec<String> {
    match word.split_once("/_") {
        Some((first, last)) => {
            let stem = first.rsplit_once('_').map_or(first, |(stem, _last)| stem);
            vec![first.to_owned(), format!("{stem}_{last}")]
        }
        None => vec![word],
    }
}

/// Fields of a cell that lists them without back-ticks: single words between commas.
fn listed(cell: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0_u32;
    for c in cell.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '*' => {}
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
        .split([',', '+'])
        .map(str::trim)
        .filter(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        })
        .map(str::to_owned)
        .collect()
}

fn missing(found: &[String]) {
    assert!(found.is_empty(), "no arm for: {}", found.join(", "));
}

#[test]
fn every_action_and_field_of_the_costing_schema_has_an_arm() {
    let mut found = Vec::new();
    let of_steps = rows("costing").into_iter().filter(|(title, _cells)| title == "Steps");
    for (_title, cells) in of_steps.skip(2) {
        let names = ticked(&cells[0]);
        found.extend(
            names.iter().filter(|name| !costing::Action::NAMES.contains(&name.as_str())).cloned(),
        );
        let told = |field: &String| {
            // What the prose of a cell names beside fields.
            field.starts_with("expect.") || costing::Action::NAMES.contains(&field.as_str())
        };
        for field in ticked(&cells[1]).into_iter().filter(|field| !told(field)) {
            if !names.iter().any(|name| costing::Action::knows(name, &field)) {
                found.push(format!("{names:?}.{field}"));
            }
        }
    }
    for word in ticked(&section("costing", "setup.settings (all optional)")) {
        if !knows::<Settings>(&word) && !knows::<PeriodState>(&word) {
            found.push(format!("settings.{word}"));
        }
    }
    for word in ticked(&section("costing", "setup.items[]")) {
        if !knows::<costing::Item>(&word) {
            found.push(format!("items.{word}"));
        }
    }
    for word in ticked(&section("costing", "setup.work_centers[] / resources[]")) {
        if !knows::<costing::WorkCenter>(&word) && !knows::<costing::Resource>(&word) {
            found.push(format!("work_centers.{word}"));
        }
    }
    missing(&found);
}

fn costing_row_knows(list: &str, field: &str) -> bool {
    use costing_expect as e;
    match list {
        "item_ledger_entries" => knows::<e::ItemLedgerEntry>(field),
        "value_entries" => knows::<e::ValueEntry>(field),
        "value_flags" => knows::<e::ValueFlag>(field),
        "applications" => knows::<e::Application>(field),
        "gl_entries" => knows::<e::GlEntry>(field),
        "gl_relations" => knows::<e::GlRelation>(field),
        "gl_totals" => knows::<e::GlTotal>(field),
        "gl_movements" => knows::<e::GlMovement>(field),
        "avg_cost_entry_points" => knows::<e::EntryPoint>(field),
        "revaluable" => knows::<e::Revaluable>(field),
        "inventory_totals" => knows::<e::InventoryTotal>(field),
        "inventory_valuation" => knows::<e::Valuation>(field),
        "unit_costs" => knows::<e::UnitCost>(field),
        "capacity_totals" => knows::<e::CapacityTotal>(field),
        "inventory_periods" => knows::<e::Period>(field),
        _ => false,
    }
}

#[test]
fn every_expectation_of_the_costing_schema_has_an_arm() {
    let mut found = Vec::new();
    for (_title, cells) in
        rows("costing").into_iter().filter(|(title, _cells)| title.starts_with("Expectations"))
    {
        // `key` | fields · `key`: fields · …
        let all = format!("{}: {}", cells[0], cells[1]);
        for part in all.split(['·', '.']) {
            let Some((name, fields)) = part.split_once(':') else { continue };
            for key in ticked(name) {
                if !knows::<costing_expect::Expect>(&key) {
                    found.push(format!("expect.{key}"));
                }
                let plain = listed(fields);
                let fields = plain.iter().filter(|field| !costing_row_knows(&key, field));
                found.extend(fields.map(|field| format!("{key}.{field}")));
            }
        }
    }
    missing(&found);
}

/// Words between back-ticks in the tables of operations that are values, not fields.
const VALUES: [&str; 2] = ["blank", "nothing_to_handle"];

fn nested_knows(field: &str) -> bool {
    knows::<op::Line>(field)
        || knows::<op::TrackingLine>(field)
        || knows::<op::Assign>(field)
        || knows::<op::LineValues>(field)
        || knows::<op::HeaderValues>(field)
        || knows::<op::Filters>(field)
        || knows::<op::RevaluedLine>(field)
        || knows::<op::RecordedLine>(field)
        || knows::<op::ItemValues>(field)
        || knows::<document_expect::Expect>(field)
}

#[test]
fn every_operation_and_field_of_the_document_schema_has_an_arm() {
    let mut found = Vec::new();
    let headings = [
        "Documents",
        "Journals and transfers (one line; qty always positive, in the line's unit)",
        "Costing",
        "Warehouse",
        "Counting",
    ];
    for (title, cells) in rows("documents") {
        if !headings.contains(&title.as_str()) || cells[0].starts_with('-') {
            continue;
        }
        let names = ticked(&cells[0]);
        let ops: Vec<_> =
            names.iter().filter(|name| op::Op::NAMES.contains(&name.as_str())).collect();
        if ops.is_empty() {
            // A field of a document, with the fields of its rows.
            for field in names.into_iter().chain(ticked(&cells[1])) {
                if !op::Op::knows("purchase", &field)
                    && !nested_knows(&field)
                    && !["document_line", "posted_document"].contains(&field.as_str())
                {
                    found.push(format!("documents.{field}"));
                }
            }
            continue;
        }
        found.extend(names.iter().filter(|name| !op::Op::NAMES.contains(&name.as_str())).cloned());
        for field in ticked(&cells[1]).into_iter().filter(|field| !VALUES.contains(&field.as_str()))
        {
            if !ops.iter().any(|op| op::Op::knows(op, &field)) && !nested_knows(&field) {
                found.push(format!("{ops:?}.{field}"));
            }
        }
    }
    // The prose above the tables names the rest.
    for name in ["purchase", "sale", "purchase_return", "sale_return"] {
        assert!(op::Op::NAMES.contains(&name));
    }
    missing(&found);
}

#[test]
fn every_setup_word_of_the_document_schema_has_an_arm() {
    let mut found = Vec::new();
    for (_title, cells) in
        rows("documents").into_iter().filter(|(title, _cells)| title == "setup").skip(2)
    {
        let names = ticked(&cells[0]);
        for name in &names {
            if let Some(setting) = name.strip_prefix("settings.")
                && !knows::<Settings>(setting)
            {
                found.push(format!("settings.{setting}"));
            }
        }
        let first = cells[0].trim_matches('`').to_owned();
        for field in ticked(&cells[1]) {
            let known = match first.as_str() {
                "items[]" => knows::<documents::Item>(&field),
                "items[].stockkeeping_units[]" => knows::<documents::StockkeepingUnit>(&field),
                "items[].tracking" => knows::<documents::Tracking>(&field),
                "locations[]" => {
                    knows::<documents::Location>(&field)
                        || knows::<documents::Bin>(&field)
                        || knows::<documents::TemplateLine>(&field)
                }
                _ => knows::<Settings>(&field),
            };
            if !known {
                found.push(format!("{first}.{field}"));
            }
        }
    }
    missing(&found);
}

fn document_row_knows(list: &str, field: &str) -> bool {
    use document_expect as e;
    match list {
        "item_ledger_entries" => knows::<e::ItemLedgerEntry>(field),
        "value_entries" => knows::<e::ValueEntry>(field),
        "value_entries_new" => knows::<e::NewValueEntry>(field),
        "items" => knows::<e::Item>(field),
        "stockkeeping_units" => knows::<e::StockkeepingUnit>(field),
        "totals" => knows::<e::Total>(field),
        "revaluation_journal" => knows::<e::RevaluationLine>(field),
        "revaluable" => knows::<e::Revaluable>(field),
        "application_entries" => knows::<e::ApplicationCount>(field),
        "avg_cost_entry_points" => knows::<e::EntryPoint>(field),
        "inventory_periods" => knows::<e::Period>(field),
        "gl_mapping" => knows::<e::GlMapping>(field),
        "order_lines" => knows::<e::OrderLine>(field),
        "documents" => knows::<e::DocumentState>(field),
        "value_flags" => knows::<e::ValueFlag>(field),
        "absent" => knows::<e::Absent>(field),
        "pick_totals" => knows::<e::PickTotal>(field),
        "pick_lines" | "put_away_lines" => knows::<e::ActivityLine>(field),
        "reservations" => knows::<e::Reservation>(field),
        "inventory" => knows::<e::OnHand>(field),
        "bin_contents" => knows::<e::BinContent>(field),
        "item_ledger_entries_find" => knows::<e::FoundEntry>(field),
        "phys_order_lines" => knows::<e::PhysLine>(field),
        "phys_order_line_count" => knows::<e::PhysLineCount>(field),
        "phys_order_lines_all" => knows::<e::PhysLinesAll>(field),
        "posted_phys_order_lines" => knows::<e::PostedPhysLine>(field),
        "phys_duplicates" => knows::<e::PhysDuplicate>(field),
        "availability_by_lot" => knows::<e::LotAvailability>(field) || knows::<e::LotFilter>(field),
        "base_quantity" => knows::<e::BaseQuantity>(field),
        _ => false,
    }
}

#[test]
fn every_expectation_of_the_document_schema_has_an_arm() {
    let mut found = Vec::new();
    for (_title, cells) in
        rows("documents").into_iter().filter(|(title, _cells)| title.starts_with("Expectations"))
    {
        let lists = ticked(&cells[0]);
        let keys = lists.iter().filter(|key| !knows::<document_expect::Expect>(key));
        found.extend(keys.map(|key| format!("expect.{key}")));
        for field in ticked(&cells[1]) {
            let known = lists.iter().any(|list| document_row_knows(list, &field))
                || knows::<document_expect::Expect>(&field);
            if !known {
                found.push(format!("{lists:?}.{field}"));
            }
        }
    }
    missing(&found);
}

#[test]
fn every_alias_of_the_document_schema_is_known() {
    let mut found = Vec::new();
    for (_title, cells) in
        rows("documents").into_iter().filter(|(title, _cells)| title == "Error codes").skip(3)
    {
        let (alias, code) = (&cells[0], words(&cells[1]).remove(0));
        for alias in words(alias) {
            if tests::vectors::refusal::canonical(&alias) != code {
                found.push(format!("{alias} = {code}"));
            }
        }
    }
    missing(&found);
}

#[test]
fn every_operation_argument_and_query_of_the_warehouse_schema_has_an_arm() {
    let mut found = Vec::new();
    for (_title, cells) in
        rows("warehouse").into_iter().filter(|(title, _cells)| title == "steps").skip(2)
    {
        let ops = words(&cells[0]);
        let of_op: Vec<_> = cells[1].split('·').collect();
        for (n, name) in ops.iter().enumerate() {
            let Some((_name, known)) = keys::OPS.iter().find(|(known, _args)| known == name) else {
                found.push(name.clone());
                continue;
            };
            let Some(args) = (of_op.len() == ops.len()).then(|| of_op[n]) else { continue };
            if *name == "query" || args.contains("as named") {
                continue;
            }
            let args = args.split("(sets").next().unwrap_or_default().replace(['[', ']'], ",");
            let firsts = args.split(',').filter_map(|part| part.split_whitespace().next());
            let strange = firsts
                .filter(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
                .filter(|word| !known.contains(word));
            found.extend(strange.map(|word| format!("{name}.{word}")));
        }
    }
    let prose = section("warehouse", "steps");
    for (from, known) in [("Formula queries", keys::FORMULAS), ("State queries", keys::STATES)] {
        let line =
            prose.lines().find(|line| line.starts_with(from)).expect("the schema names them");
        let list = line.split_once(": ").map_or("", |(_before, list)| list);
        let list = list.split(". ").next().unwrap_or_default();
        let names = listed(list.trim_end_matches('.'));
        assert!(names.len() > 10, "{names:?}");
        found.extend(names.into_iter().filter(|name| !known.contains(&name.as_str())));
    }
    missing(&found);
}

#[test]
fn every_list_and_key_of_the_warehouse_schema_has_an_arm() {
    let mut found = Vec::new();
    let setup = section("warehouse", "setup");
    let lists: Vec<_> =
        setup.split('`').skip(1).step_by(2).filter(|word| word.contains("[]")).collect();
    assert!(lists.len() > 10);
    for list in lists.iter().filter_map(|list| list.strip_suffix("[]")) {
        if !keys::SETUP.iter().any(|(known, _fields)| *known == list) {
            found.push(format!("setup.{list}"));
        }
    }
    for (_title, cells) in
        rows("warehouse").into_iter().filter(|(title, _cells)| title == "expect").skip(2)
    {
        let key = words(&cells[0]).remove(0);
        for key in cells[0]
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|text| words(text).into_iter().next())
            .chain([key])
        {
            if !keys::EXPECT.contains(&key.as_str()) {
                found.push(format!("expect.{key}"));
            }
        }
    }
    missing(&found);
}

/// A post that hands nothing over invoices what an earlier one of its kind and item left.
#[test]
fn a_post_that_only_invoices_settles_what_was_received_before() {
    let post = |step: u64, fields: serde_json::Value| {
        let mut step = serde_json::json!({"step": step, "action": "post", "type": "purchase",
            "date": "2020-01-05", "item": "A", "quantity": "10"});
        let object = step.as_object_mut().expect("an object");
        object.extend(fields.as_object().expect("fields").clone());
        step
    };
    let file = serde_json::json!({
        "schema_version": 1, "id": "x-01", "topic": "x", "tags": [], "kind": "rule", "source": "",
        "source_section": "", "note": "", "corrections": [], "illustrative": [],
        "setup": {"currency_decimals": 2, "settings": {},
            "items": [{"item": "A", "costing_method": "fifo"}]},
        "steps": [
            post(1, serde_json::json!({"receive_ship": true, "invoice": false, "unit_cost": "10"})),
            post(2, serde_json::json!({"receive_ship": false, "invoice": true, "quantity": "4",
                "amount": "44.00"})),
            post(3, serde_json::json!({"receive_ship": false, "invoice": true, "quantity": "6"})),
        ],
        "checkpoints": [{"after_step": 2, "expect": {"item_ledger_entries": [
            {"no": 1, "type": "purchase", "quantity": "10", "invoiced_quantity": "4",
                "cost_amount_actual": "44.00", "cost_amount_expected": "60.00"}]}}],
        "expect": {"item_ledger_entries": [
            {"no": 1, "type": "purchase", "quantity": "10", "invoiced_quantity": "10",
                "cost_amount_actual": "104.00", "cost_amount_expected": "0.00"}]},
    });
    let findings = costing::run::run(file).expect("the runner has an arm for it");
    assert!(findings.mismatches.is_empty(), "{findings:?}");
}
