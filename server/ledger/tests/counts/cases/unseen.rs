//! A complete count that did not see the many serials of a receipt beside it.

use ledger::command::Command;
use ledger::command::papers::{PutDocument, PutLine};
use ledger::key::KeyRange;
use ledger::schema::case::Choice;
use ledger::schema::stock::Holds;
use ledger::tables::Read as _;
use protocol::identity::OperationId;
use protocol::operation::{Body, DocumentKind, DocumentRef, Undo};

use super::MINUTE_US;
use super::seen::bins_to_look_into;
use crate::world::{World, at, count_bin, moved, q, receive, serial};

/// How many holds there are.
fn held(world: &World) -> usize {
    world.tables.list::<Holds>(&KeyRange::all()).len()
}

/// An order of so many serials.
fn ordered(world: &mut World, n: usize) -> DocumentRef {
    let (kind, no) = (DocumentKind::PurchaseOrder, "PO1".try_into().unwrap());
    let order = DocumentRef { kind, no, line: None };
    world.system(&Command::PutDocument(PutDocument {
        kind,
        no: order.no.clone(),
        partner: None,
        partner_name: String::new(),
        location: "MAIN".try_into().unwrap(),
        to_location: None,
        in_transit: None,
        due: None,
        document_date: None,
        status: protocol::feed::DocumentStatus::default(),
        lines: vec![PutLine {
            line: 1,
            item: "S".try_into().unwrap(),
            variant: None,
            unit: None,
            quantity: q(&n.to_string()),
            tracking: protocol::operation::Tracking::NONE,
        }],
    }));
    order
}

/// So many serials that one person receives into A-2 about 09:26, by a clock of which five minutes are
/// known, while another one sees nothing there at 09:30.
fn unseen_beside_receipts(n: usize, seen_first: bool) -> (World, OperationId, Vec<OperationId>) {
    let mut world = World::new();
    let order = ordered(&mut world, n);
    let about = (at("09:26"), 5 * MINUTE_US, false);
    let receipts: Vec<_> = (0..n)
        .map(|n| {
            let serial = serial("S", &format!("S{n:03}"));
            world.record_for(1, about, Some(order.clone()), &receive("A-2", serial))
        })
        .collect();
    let whole = world.record(2, "09:30", &count_bin("A-2", Vec::new()));
    if seen_first {
        world.arrive(&whole);
    }
    for receipt in &receipts {
        world.arrive(receipt);
    }
    if !seen_first {
        world.arrive(&whole);
    }
    (world, whole.id, receipts.iter().map(|receipt| receipt.id).collect())
}

#[test]
fn case_31_what_a_complete_count_did_not_see_of_a_receipt_of_many_serials_is_one_case() {
    const N: usize = 60;
    let asked = |world: &World| -> Vec<String> {
        let cases = world.open_cases();
        let reasons = cases.iter().flat_map(|(_id, case)| &case.reasons);
        let word = |reason: &protocol::outcome::Reason| {
            reason.arguments.iter().find_map(|(name, argument)| match argument {
                protocol::outcome::Argument::Word(word) if name == "serial" => Some(word.clone()),
                _ => None,
            })
        };
        reasons.filter_map(word).collect()
    };
    for seen_first in [true, false] {
        let (mut world, whole, receipts) = unseen_beside_receipts(N, seen_first);
        assert_eq!(world.stock("MISSING", "S"), N.to_string());
        let cases = world.open_cases();
        assert_eq!(cases.len(), 1, "{seen_first}: one thing to decide");
        let (id, case) = &cases[0];
        assert_eq!((case.operation, case.others.clone()), (whole, receipts.clone()));
        let wanted: Vec<String> = (0..N).map(|n| format!("S{n:03}")).collect();
        assert_eq!(asked(&world), wanted, "{seen_first}: with every serial in it");
        assert_eq!(bins_to_look_into(&world), ["A-2"]);
        assert_eq!(held(&world), N, "{seen_first}");

        // One of them is seen, one receipt is taken back: both are asked for no more.
        world.online(3, "09:50", &moved("A-2", "A-1", serial("S", "S007")));
        let undo = Undo { incarnation: receipts[9].incarnation, seq: receipts[9].seq };
        world.online(1, "09:55", &Body::Undo(undo));
        assert_eq!(held(&world), asked(&world).len(), "{seen_first}");
        assert!(!asked(&world).contains(&"S007".to_owned()), "{seen_first}");
        assert_eq!(world.open_cases()[0].0, *id, "the rest is the same case");

        // Whoever decides it decides all that are left.
        world.decide(*id, Choice::Accept);
        assert!(world.open_cases().is_empty(), "{seen_first}");
        assert_eq!(held(&world), 0, "{seen_first}");
        world.check();
    }
}

#[test]
fn case_31_serials_that_are_all_seen_after_a_complete_count_end_its_case() {
    for seen_first in [true, false] {
        let (mut world, _whole, _receipts) = unseen_beside_receipts(3, seen_first);
        let all = ["S000", "S001", "S002"].map(|no| serial("S", no));
        world.online(3, "09:50", &count_bin("A-2", all.to_vec()));
        assert_eq!((world.stock("A-2", "S"), held(&world)), ("3".into(), 0), "{seen_first}");
        assert!(world.open_cases().is_empty() && world.open_tasks().is_empty(), "{seen_first}");
    }
}
