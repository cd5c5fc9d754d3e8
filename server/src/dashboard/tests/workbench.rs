//! Cases: both sides of the story, and previews that are what is posted.

use ledger::command::Command;
use ledger::command::stock::Decide;
use ledger::key::KeyRange;
use ledger::schema::book::Outcomes;
use ledger::schema::case::{Case, CaseState, Cases, Choice, Tasks};
use ledger::schema::entry::{PostedBy, WarehouseLedger};
use ledger::tables::Read as _;
use protocol::code::Code;
use protocol::identity::CaseId;
use protocol::operation::{
    Adjust, Body, CountBin, Direction, DocumentKind, DocumentRef, Goods, Move, MovePlate, Nothing,
    Place, Receive, Reclassify, Tracking,
};
use protocol::outcome::Decision;
use protocol::text::Language;

use super::house::{
    House, NOW, count, drill, drill_came, goods, moved, operator, place, receive, unidentified,
};
use super::html;
use crate::dashboard::context::PageContext;
use crate::dashboard::correction::{Editable, corrected};
use crate::dashboard::page::workbench::{CHOICES, choice_of, choice_word, decide, original};
use crate::dashboard::preview;
use crate::dashboard::query::Query;

fn with_case() -> (House, CaseId) {
    let mut house = House::furnished();
    let (_operation, row) = house.device(1, &unidentified("A-02", "NEWCODE-1"), (10, 9), None);
    assert_eq!(row.outcome.decision, Decision::Parked);
    let case = row.outcome.case.expect("a case");
    (house, case)
}

fn case(house: &House, id: CaseId) -> Case {
    (*house.tables.row::<Cases>(&id).unwrap()).clone()
}

fn form(pairs: &[(&str, &str)]) -> Query {
    Query::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

const FILLED: [(&str, &str); 7] = [
    ("choice", "correct"),
    ("c_kind", "receive"),
    ("c_item", "NUT"),
    ("c_quantity", "3,0"),
    ("c_to_location", "MAIN"),
    ("c_to_bin", "A-02"),
    ("remark", "read the label"),
];

#[test]
fn every_choice_has_its_word() {
    for choice in CHOICES {
        assert_eq!(choice_of(choice_word(choice)), Some(choice));
    }
    assert_eq!(choice_of("nothing"), None);
}

#[test]
fn a_case_shows_both_sides_and_each_choice_with_its_preview() {
    let (house, id) = with_case();
    let address = format!("/workbench/{id}");
    let document = house.document(&house.context(), &address);
    html::check(&document);
    let text = html::text(&document);
    assert!(text.contains("The code NEWCODE-1 is not known."), "{text}");
    for part in
        ["Device", "Server", "What was scanned", "±1.2 s", "Would post", "It would post nothing."]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    for choice in &case(&house, id).choices {
        let word = choice_word(*choice);
        assert!(document.contains(&format!("name=\"choice\" value=\"{word}\"")), "{word}");
    }
    assert!(document.contains("data-resolve"), "E leads to the decision");
}

#[test]
fn case_43_a_destroyed_entry_stands_between_what_its_device_did_before_and_after_it() {
    let mut house = House::furnished();
    house.device(1, &receive("A-01", "1"), (10, 1), None);
    let (before, _row) = house.device(1, &receive("A-02", "1"), (10, 2), None);
    let (_lost, row) = house.device(1, &Body::Void(Nothing {}), (10, 3), None);
    let (after, _row) = house.device(1, &moved("A-02", "A-01", "1"), (10, 4), None);
    let id = row.outcome.case.expect("a case");
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    let (_above, beside) = document.split_once("id=\"beside\"").expect("they are side by side");
    let (beside, _below) = beside.split_once("</table>").unwrap();
    for operation in [before, after] {
        assert!(beside.contains(&format!("/operations/{operation}\"")), "{operation}: {beside}");
    }
    assert_eq!(beside.matches("/operations/").count(), 3, "and the lost one: {beside}");
    let shown = house.document(&house.context(), &format!("/workbench/{id}?choice=recount"));
    assert!(!shown.contains("choice_not_offered"), "{shown}");
    let (_operation, row) =
        house.desk("mette", &decide((id, 1), Choice::Recount, None, "it was here"));
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let bins: Vec<String> = house
        .tables
        .list::<Tasks>(&KeyRange::all())
        .into_iter()
        .map(|(_id, task)| ledger::lookup::bin_text(&house.tables, task.location, task.bin))
        .collect();
    assert_eq!(bins, ["A-01", "A-02"]);
}

#[test]
fn the_preview_is_what_the_decision_posts() {
    let (mut house, id) = with_case();
    let (body, _document) = original(&house.tables, &case(&house, id)).unwrap();
    let corrected = corrected(&house.tables, &body, &form(&FILLED)).unwrap();
    let command = decide((id, 1), Choice::Correct, Some(corrected), "read the label");
    let preview = preview::of(&house.tables, command.encode(), &operator("mette"), NOW);
    assert_eq!(preview.refused, []);
    let foreseen: Vec<_> =
        preview.warehouse.iter().map(|(_no, entry)| (entry.key, entry.quantity)).collect();
    assert_eq!(foreseen.len(), 1);
    assert_eq!(preview.identifiers.len(), 1, "the barcode is bound");
    let tables = house.tables.clone();
    let shown = html::text(&house.document(
        &house.context(),
        &format!("/workbench/{id}?choice=correct&c_kind=receive&c_item=NUT&c_quantity=3&c_to_location=MAIN&c_to_bin=A-02"),
    ));
    assert!(
        shown.contains("NUT MAIN +3") && shown.contains("binds the barcode NEWCODE-1"),
        "{shown}"
    );
    assert_eq!(house.tables, tables, "nothing was changed by looking");
    let (_operation, row) = house.desk("mette", &command);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let parked = case(&house, id).operation;
    let posted = house.tables.row::<PostedBy>(&parked).expect("it is posted now");
    let entries: Vec<_> = posted
        .warehouse
        .iter()
        .map(|no| house.tables.row::<WarehouseLedger>(no).unwrap())
        .map(|entry| (entry.key, entry.quantity))
        .collect();
    assert_eq!(entries, foreseen);
}

fn purchase_order() -> DocumentRef {
    let kind = DocumentKind::PurchaseOrder;
    DocumentRef { kind, no: "PO-1".try_into().unwrap(), line: Some(10) }
}

#[test]
fn case_10_two_receipts_of_one_line_are_shown_side_by_side_with_what_probably_happened() {
    let mut house = House::furnished();
    let order = || Some(purchase_order());
    let (first, _row) = house.device(1, &receive("A-01", "16"), (20, 19), order());
    let (second, row) = house.device(2, &receive("A-02", "16"), (14, 13), order());
    let id = row.outcome.case.expect("more than was ordered");
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    let beside = html::text(part(&document, "id=\"beside\"", "id=\"cause\""));
    for seen in [first.to_string(), second.to_string()] {
        assert!(beside.contains(&seen), "{seen} is missing in {beside}");
    }
    for seen in ["H-01", "H-02", "Anna", "A-01", "A-02", "16 PCS", "±1.2 s"] {
        assert!(beside.contains(seen), "{seen} is missing in {beside}");
    }
    let cause = html::text(part(&document, "id=\"cause\"", "</ul>"));
    assert!(cause.contains("they may have scanned the same goods"), "{cause}");
    assert!(cause.contains("20 ordered"), "{cause}");

    // As much more, but not as much of the same: nobody scanned the same goods twice.
    let (_third, row) = house.device(2, &receive("A-02", "3"), (10, 9), order());
    let id = row.outcome.case.expect("more than was ordered");
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    assert!(!html::text(&document).contains("they may have scanned the same goods"));
}

/// What stands in `document` from one text to the next other one.
fn part<'d>(document: &'d str, from: &str, to: &str) -> &'d str {
    let start = document.find(from).unwrap_or_else(|| panic!("{from} is missing"));
    let start = document[..start].rfind('<').unwrap();
    let length = document[start..].find(to).map_or(document.len() - start, |at| at);
    &document[start..start + length]
}

#[test]
fn case_20_the_task_of_a_bin_below_zero_shows_who_took_what_and_where_else_it_lies() {
    use ledger::schema::case::Tasks;
    let mut house = House::furnished();
    for command in [
        serde_json::json!({"put_operator": {"operator": "bo", "name": "Bo"}}),
        serde_json::json!({"grant_role": {"operator": "bo", "role": "operator"}}),
    ] {
        house.system(&command);
    }
    house.device(1, &moved("A-01", "A-02", "3"), (50, 49), None);
    let (first, _row) = house.device(1, &moved("A-02", "A-01", "2"), (20, 19), None);
    let take = moved("A-02", "A-01", "2");
    let (second, row) = house.device_of("bo", 2, (&take, None), (14, 13));
    let is_said = row.outcome.reasons.iter().any(|reason| reason.code.as_str() == "bin_below_zero");
    assert!(is_said, "{:?}", row.outcome);
    house.says(2, 1, 4);
    let task = house.tables.list::<Tasks>(&KeyRange::all())[0].0;
    let list = house.document(&house.context(), "/tasks");
    assert!(list.contains(&format!("href=\"/tasks/{task}\"")), "the list leads to it");

    let document = house.document(&house.context(), &format!("/tasks/{task}"));
    html::check(&document);
    let text = html::text(&document);
    let cause = html::text(part(&document, "id=\"cause\"", "</ul>"));
    for seen in ["Taken by more than one", &first.to_string(), &second.to_string(), "A-01", "11"] {
        assert!(cause.contains(seen), "{seen} is missing in {cause}");
    }
    assert!(cause.contains("4 operations are not sent yet"), "{cause}");
    assert!(text.contains("What happened, by the time of the act"), "{text}");
    assert!(text.contains("H-01") && text.contains("H-02") && text.contains("-1"), "{text}");
    assert!(house.page(&house.context(), "/tasks/777").is_err(), "there is no such task");
}

#[test]
fn case_16_a_move_out_of_a_bin_that_nothing_ever_came_to_says_so() {
    use ledger::schema::case::Tasks;
    let mut house = House::furnished();
    house.device(1, &moved("A-02", "A-01", "2"), (20, 19), None);
    let task = house.tables.list::<Tasks>(&KeyRange::all())[0].0;
    let document = house.document(&house.context(), &format!("/tasks/{task}"));
    let cause = html::text(part(&document, "id=\"cause\"", "</ul>"));
    assert!(cause.contains("took more than the books had here"), "{cause}");
    assert!(cause.contains("nothing that ever came here"), "{cause}");
    assert!(!cause.contains("Taken by more than one"), "{cause}");
}

#[test]
fn a_task_that_two_cases_ask_for_names_both_and_how_each_stands() {
    use ledger::schema::case::{OpenCases, Tasks};
    let mut house = House::furnished();
    house.device(1, &unidentified("A-01", "4711"), (50, 49), None);
    house.device(2, &unidentified("A-01", "4712"), (40, 39), None);
    let cases = house.tables.list::<OpenCases>(&KeyRange::all());
    for ((_site, case), _row) in &cases {
        let decide = Decide {
            case: *case,
            version: 1,
            choice: Choice::Recount,
            correction: None,
            remark: String::new(),
        };
        let (_decided, row) = house.desk("mette", &Command::Decide(decide));
        assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    }
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    assert_eq!((cases.len(), tasks.len()), (2, 1));
    for address in ["/tasks".to_owned(), format!("/tasks/{}", tasks[0].0)] {
        let document = house.document(&house.context(), &address);
        html::check(&document);
        for ((_site, case), _row) in &cases {
            assert!(document.contains(&format!("/workbench/{case}\"")), "{address}: {case}");
        }
        assert_eq!(document.contains("Asked by"), address != "/tasks", "{document}");
    }
}

fn with_drill() -> House {
    let mut house = House::with_serials();
    house.system(&serde_json::json!({"put_bin": {"location": "MAIN", "bin": "A-03"}}));
    house
}

fn drill_moved(from: &str, to: &str) -> Body {
    let Body::Move(body) = moved(from, to, "1") else { unreachable!("a move") };
    Body::Move(Move { goods: drill(), ..body })
}

#[test]
fn case_30_a_serial_that_arrives_twice_shows_both_scans() {
    let mut house = with_drill();
    let (first, _row) = house.device(1, &drill_came("MAIN", "A-01"), (20, 19), None);
    let (second, row) = house.device(2, &drill_came("MAIN", "A-02"), (14, 13), None);
    assert_eq!(row.outcome.decision, Decision::Parked, "{:?}", row.outcome);
    let id = row.outcome.case.expect("a case");
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    let beside = html::text(part(&document, "id=\"beside\"", "</table>"));
    for seen in [&first.to_string(), &second.to_string(), "H-01", "H-02", "A-01", "A-02", "S1"] {
        assert!(beside.contains(seen), "{seen} is missing in {beside}");
    }
    let cause = html::text(part(&document, "id=\"cause\"", "</ul>"));
    assert!(cause.contains("they may have scanned the same goods"), "{cause}");
}

#[test]
fn case_31_a_serial_at_two_places_at_once_shows_each_sighting_and_that_nobody_can_tell() {
    let mut house = with_drill();
    let (came, _row) = house.device(1, &drill_came("MAIN", "A-01"), (40, 39), None);
    house.device(1, &drill_moved("A-01", "A-02"), (20, 19), None);
    let (other, row) = house.device(2, &drill_moved("A-01", "A-03"), (20, 18), None);
    let id = match row.outcome.case {
        Some(id) => id,
        None => house.tables.list::<Cases>(&ledger::key::KeyRange::all())[0].0,
    };
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    let sightings = html::text(part(&document, "id=\"sightings\"", "</table>"));
    for seen in [&came.to_string(), &other.to_string(), "came in", "moved", "A-01", "A-02"] {
        assert!(sightings.contains(seen), "{seen} is missing in {sightings}");
    }
    let cause = html::text(part(&document, "id=\"cause\"", "</ul>"));
    assert!(cause.contains("nobody can tell which came last"), "{cause}");
}

#[test]
fn who_comes_second_sees_who_was_first() {
    let (mut house, id) = with_case();
    let command = decide((id, 1), Choice::Dismiss, None, "");
    let (_operation, first) = house.desk("mette", &command);
    assert_eq!(first.outcome.decision, Decision::Accepted, "{:?}", first.outcome);
    assert!(matches!(case(&house, id).state, CaseState::Decided { .. }));
    let (_operation, second) = house.desk("mette", &command);
    assert_eq!(second.outcome.decision, Decision::Refused);
    let text = html::text(&house.document(&house.context(), &format!("/workbench/{id}")));
    assert!(text.contains("Do not post, decided by Mette"), "{text}");
    let done = html::text(&house.document(&house.context(), "/workbench?show=done"));
    assert!(done.contains("NEWCODE-1"), "{done}");
}

#[test]
fn a_form_that_cannot_be_used_says_which_field() {
    let (house, id) = with_case();
    let (body, _document) = original(&house.tables, &case(&house, id)).unwrap();
    for (field, value, code) in [
        ("c_item", "NONE", "item_unknown"),
        ("c_quantity", "4006381333931000", "number_out_of_range"),
        ("c_quantity", "-1", "number_out_of_range"),
        ("c_unit", "PALLET", "unit_unknown"),
        ("c_expiry", "tomorrow", "number_out_of_range"),
        ("c_to_location", "", "location_required"),
        ("c_document_no", "PO-1", "document_unknown"),
    ] {
        let typed = form(&FILLED).with(field, value);
        let reason = corrected(&house.tables, &body, &typed).unwrap_err();
        assert_eq!(reason.code.as_str(), code, "{field} = {value}");
    }
}

#[test]
fn a_whole_bin_count_is_counted_again_instead() {
    use protocol::operation::CountBin;
    let body = Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: "A-01".try_into().unwrap(),
        lines: Vec::new(),
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    });
    assert_eq!(Editable::of(&body), None);
}

#[test]
fn an_approval_that_was_given_is_shown_with_the_new_figures() {
    let mut house = House::furnished();
    // Book 10, counted 5, tolerance 1.
    let (counted, _row) = house.device(1, &count("A-01", "5"), (20, 19), None);
    house.settle();
    let find = |house: &House| {
        let row = house.tables.row::<Outcomes>(&counted).unwrap();
        let id = row.outcome.case.expect("a case");
        (id, case(house, id).version)
    };
    let (id, version) = find(&house);
    let before = house.document(&house.context(), &format!("/workbench/{id}"));
    assert!(!before.contains("id=\"earlier\""), "nobody has decided yet");
    let command = decide((id, version), Choice::Accept, None, "");
    let (_operation, row) = house.desk("mette", &command);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    // A move from before the count comes in late: 4 are missing, not 5.
    house.device(2, &moved("A-01", "A-02", "1"), (30, 1), None);
    house.settle();
    let (_id, version) = find(&house);
    assert!(version > 1 && case(&house, id).state == CaseState::Open, "{:?}", case(&house, id));
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    let text = html::text(&document);
    assert!(text.contains("Decided before: Accept, by Mette"), "{text}");
    assert!(text.contains("The difference was -5 then"), "{text}");
    // Whatever it was is offered first.
    let row = Case { earlier: Some(Choice::Recount), ..case(&house, id) };
    house.write(|draft| draft.put::<Cases>(&id, row));
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    let (recount, accept) = (document.find("value=\"recount\""), document.find("value=\"accept\""));
    assert!(recount.is_some() && recount < accept, "what was chosen before comes first");
}

#[test]
fn case_31_a_case_of_many_serials_says_in_its_title_how_many_there_are() {
    let mut house = House::with_serials();
    let serial = |no: &str| {
        let tracking = Tracking { serial: Some(no.try_into().unwrap()), ..Tracking::NONE };
        Goods { tracking, ..drill() }
    };
    for no in ["S1", "S2", "S3"] {
        let Body::Receive(came) = drill_came("MAIN", "A-02") else { unreachable!("a receipt") };
        let came = Body::Receive(Receive { goods: serial(no), ..came });
        house.device(1, &came, (60, 59), None);
        let Body::Move(taken) = moved("A-02", "A-01", "1") else { unreachable!("a move") };
        let taken = Body::Move(Move { goods: serial(no), ..taken });
        house.device(1, &taken, (20, 19), None);
    }
    // Who counts the bin at about the same time sees none of them.
    house.device(2, &nothing_in("A-01"), (20, 18), None);
    let is_about_them = |case: &Case| case.reasons[0].code == Code::SerialPlaceUnsure;
    let cases = house.tables.list::<Cases>(&KeyRange::all());
    let (id, case) = cases.iter().find(|(_id, case)| is_about_them(case)).expect("one case");
    assert_eq!(case.reasons.len(), 3, "{case:?}");
    for (address, more) in [
        (format!("/workbench/{id}"), "(and 2 more like it)"),
        ("/workbench".to_owned(), "(and 2 more like it)"),
        ("/now".to_owned(), "(and 2 more like it)"),
    ] {
        let text = html::text(&house.document(&house.context(), &address));
        assert!(text.contains(more), "{address}: {more} is missing in {text}");
    }
    let danish = PageContext { language: Language::Danish, ..house.context() };
    let text = html::text(&house.document(&danish, "/workbench"));
    assert!(text.contains("(og 2 mere af samme slags)"), "{text}");
}

/// A complete count that sees nothing.
fn nothing_in(bin: &str) -> Body {
    Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: bin.try_into().unwrap(),
        lines: Vec::new(),
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    })
}

#[test]
fn what_cannot_be_read_is_not_offered_to_be_corrected_and_its_bins_are_counted() {
    let mut house = House::furnished();
    house.device(1, &receive("A-01", "1"), (30, 29), None);
    let (_operation, row) = house.of_later(1, (28, 27));
    house.device(1, &moved("A-01", "A-02", "1"), (26, 25), None);
    let id = row.outcome.case.expect("a case");
    let address = format!("/workbench/{id}");
    let document = house.document(&house.context(), &address);
    html::check(&document);
    assert!(!document.contains("value=\"correct\""), "{document}");
    let text = html::text(&document);
    assert!(text.contains("This server cannot read what the device recorded"), "{text}");
    assert!(text.contains("asks for: Count A-01"), "{text}");
    assert!(!text.contains("counted again rather than corrected"), "{text}");
    let danish = PageContext { language: Language::Danish, ..house.context() };
    let text = html::text(&house.document(&danish, &address));
    assert!(text.contains("Serveren kan ikke læse det, enheden registrerede"), "{text}");

    let (_asked, row) = house.desk("mette", &decide((id, 1), Choice::Recount, None, ""));
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let tasks = house.tables.list::<Tasks>(&KeyRange::all());
    let bin = |task: &ledger::schema::case::Task| {
        ledger::lookup::bin_text(&house.tables, task.location, task.bin)
    };
    let bins: Vec<String> = tasks.iter().map(|(_id, task)| bin(task)).collect();
    assert_eq!(bins, ["A-01", "A-02"]);
}

#[test]
fn a_count_of_a_whole_bin_is_never_offered_to_be_corrected() {
    let mut house = House::furnished();
    let (counted, _row) = house.device(1, &nothing_in("A-01"), (20, 19), None);
    house.settle();
    let id = house.tables.row::<Outcomes>(&counted).unwrap().outcome.case.expect("10 are missing");
    let choices = vec![Choice::Accept, Choice::Correct, Choice::Dismiss];
    let row = Case { choices, ..case(&house, id) };
    house.write(|draft| draft.put::<Cases>(&id, row));
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    assert!(!document.contains("value=\"correct\""), "{document}");
    let text = html::text(&document);
    assert!(text.contains("a whole bin is counted again rather than corrected"), "{text}");
}

#[test]
fn a_plate_number_that_was_misread_is_corrected() {
    let mut house = House::furnished();
    let Body::Receive(came) = receive("A-01", "6") else { unreachable!("a receipt") };
    let to = Place { plate: Some("P1".try_into().unwrap()), ..came.to };
    house.device(1, &Body::Receive(Receive { to, ..came }), (40, 39), Some(purchase_order()));
    let misread = MovePlate { plate: "P7".try_into().unwrap(), to: place("MAIN", "A-02") };
    let (carried, row) = house.device(1, &Body::MovePlate(misread), (20, 19), None);
    assert_eq!(row.outcome.reasons[0].code, Code::PlateUnknown, "{:?}", row.outcome);
    let id = row.outcome.case.expect("a case");
    let document = house.document(&house.context(), &format!("/workbench/{id}"));
    html::check(&document);
    assert!(document.contains("name=\"c_plate\" type=\"text\" value=\"P7\""), "{document}");

    let (body, _document) = original(&house.tables, &case(&house, id)).unwrap();
    let typed = [("c_plate", "P1"), ("c_to_location", "MAIN"), ("c_to_bin", "A-02")];
    let corrected = corrected(&house.tables, &body, &form(&typed)).unwrap();
    let command = decide((id, 1), Choice::Correct, Some(corrected), "read again");
    let (_operation, row) = house.desk("mette", &command);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    let posted = house.tables.row::<PostedBy>(&carried).expect("P1 is carried");
    assert_eq!(posted.warehouse.len(), 2, "out of A-01 and into A-02");
}

#[test]
fn direction_reason_and_what_goods_really_are_can_be_corrected() {
    let house = House::furnished();
    let common = |more: &[(&'static str, &'static str)]| {
        let goods = [
            ("c_item", "BOLT"),
            ("c_quantity", "3"),
            ("c_to_location", "MAIN"),
            ("c_to_bin", "A-01"),
        ];
        form(&goods.into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let adjust = Body::Adjust(Adjust {
        place: place("MAIN", "A-01"),
        goods: goods("BOLT", "3"),
        direction: Direction::Increase,
        reason: "found".try_into().unwrap(),
    });
    let typed = common(&[("c_direction", "decrease"), ("c_reason", "broken")]);
    let (body, _document) = corrected(&house.tables, &adjust, &typed).unwrap();
    let Body::Adjust(now) = body else { panic!("{body:?}") };
    assert_eq!((now.direction, now.reason.as_str()), (Direction::Decrease, "broken"));
    let (body, _document) = corrected(&house.tables, &adjust, &common(&[])).unwrap();
    let Body::Adjust(now) = body else { panic!("{body:?}") };
    assert_eq!((now.direction, now.reason.as_str()), (Direction::Increase, "found"));

    let renamed = Body::Reclassify(Reclassify {
        place: place("MAIN", "A-01"),
        goods: goods("BOLT", "3"),
        to_tracking: Tracking { lot: Some("L1".try_into().unwrap()), ..Tracking::NONE },
        to_expiry: None,
    });
    let typed = common(&[("c_new_lot", "L2"), ("c_new_expiry", "2027-01-31")]);
    let (body, _document) = corrected(&house.tables, &renamed, &typed).unwrap();
    let Body::Reclassify(now) = body else { panic!("{body:?}") };
    assert_eq!(now.to_tracking.lot, Some("L2".try_into().unwrap()));
    assert_eq!(now.to_expiry.map(|day| day.to_string()).as_deref(), Some("2027-01-31"));
    let reason = corrected(&house.tables, &renamed, &common(&[("c_new_expiry", "soon")]));
    assert_eq!(reason.unwrap_err().code, Code::NumberOutOfRange);
}
