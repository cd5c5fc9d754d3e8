use protocol::code::Code;
use protocol::feed::{BinKind, Role};
use protocol::outcome::{Argument, Decision, Outcome};

use super::*;
use crate::command::people::{GrantRole, RevokeRole};
use crate::command::places::PutBin;
use crate::command::stock::OpeningStock;
use crate::world::{World, codes, goods, place, q};

const IMPORT: ImportNo = [7; 16];

fn bin(code: &str) -> Command {
    Command::PutBin(PutBin {
        location: "MAIN".try_into().unwrap(),
        bin: code.try_into().unwrap(),
        zone: None,
        kind: BinKind::Storage,
        ranking: 0,
        blocked: false,
    })
}

fn opening(at: &str, quantity: &str) -> Command {
    Command::OpeningStock(OpeningStock { place: place(at), goods: goods("BOLT", quantity) })
}

fn part(part: u32, commands: Vec<Command>) -> Command {
    Command::StageImport(StageImport { import: IMPORT, part, commands })
}

fn activation(parts: &[Command]) -> Command {
    let digest =
        parts.iter().fold(Hash16::default(), |before, part| digest(before, &part.encode()));
    let n = u32::try_from(parts.len()).unwrap();
    Command::ActivateImport(ActivateImport { import: IMPORT, parts: n, digest })
}

fn drop() -> Command {
    Command::DropImport(DropImport { import: IMPORT })
}

fn accepted(outcome: &Outcome) {
    assert_eq!(outcome.decision, Decision::Accepted, "{:?}", outcome.reasons);
}

fn knows(world: &World, code: &str) -> bool {
    let (main, row) = crate::lookup::location(&world.tables, &"MAIN".try_into().unwrap()).unwrap();
    crate::lookup::bin(&world.tables, (main, &row), Some(&code.try_into().unwrap())).is_ok()
}

fn n_staged(world: &World) -> usize {
    world.tables.list::<StagedParts>(&KeyRange::all()).len()
}

fn all_accepted(world: &mut World, parts: &[Command]) {
    for part in parts {
        accepted(&world.desk(part));
    }
}

#[test]
fn nothing_of_an_import_is_there_before_its_activation_and_everything_after() {
    let mut world = World::new();
    let parts = [
        part(0, vec![bin("N-1"), bin("N-2")]),
        part(1, vec![opening("N-1", "5"), opening("N-2", "7")]),
    ];
    all_accepted(&mut world, &parts);
    assert!(!knows(&world, "N-1") && world.stocks().is_empty());

    accepted(&world.desk(&activation(&parts)));
    assert!(knows(&world, "N-1") && knows(&world, "N-2"));
    assert_eq!((world.stock("MAIN/N-1 BOLT"), world.stock("MAIN/N-2 BOLT")), (q("5"), q("7")));
    assert_eq!(n_staged(&world), 0);
}

#[test]
fn an_import_with_one_row_that_cannot_be_done_does_nothing_and_names_the_row() {
    let mut world = World::new();
    let parts =
        [part(0, vec![bin("N-1"), opening("N-1", "5")]), part(1, vec![opening("GHOST", "1")])];
    all_accepted(&mut world, &parts);
    let outcome = world.desk(&activation(&parts));
    assert_eq!((outcome.decision, codes(&outcome)), (Decision::Refused, vec![Code::BinUnknown]));
    let row = ("row".to_owned(), Argument::Word("2".to_owned()));
    assert!(outcome.reasons[0].arguments.contains(&row), "{:?}", outcome.reasons);
    assert!(!knows(&world, "N-1") && world.stocks().is_empty());

    accepted(&world.desk(&drop()));
    assert_eq!(n_staged(&world), 0);
    assert_eq!(codes(&world.desk(&activation(&parts))), [Code::ImportIncomplete]);
}

#[test]
fn an_interrupted_import_is_taken_up_by_sending_everything_again() {
    let mut world = World::new();
    let parts = [part(0, vec![bin("N-1")]), part(1, vec![opening("N-1", "5")])];
    accepted(&world.desk(&parts[0]));
    // The program stopped here, and runs again from the start.
    all_accepted(&mut world, &parts);
    accepted(&world.desk(&activation(&parts)));
    // The answer was lost.
    all_accepted(&mut world, &parts);
    accepted(&world.desk(&activation(&parts)));
    assert_eq!((world.stock("MAIN/N-1 BOLT"), n_staged(&world)), (q("5"), 0));
    assert_eq!(codes(&world.desk(&drop())), [Code::ImportDone]);
    // Other rows under the number of an import that was done are not done, and that is said.
    let others = [part(0, vec![bin("N-1")]), part(1, vec![opening("N-1", "6")])];
    all_accepted(&mut world, &others);
    assert_eq!(codes(&world.desk(&activation(&others))), [Code::DifferentUnderSameId]);
}

#[test]
fn a_part_that_is_missing_or_different_is_refused() {
    let mut world = World::new();
    let first = part(0, vec![bin("N-1")]);
    let second = part(1, vec![bin("N-2")]);
    let one = [first.clone()];
    assert_eq!(codes(&world.desk(&activation(&one))), [Code::ImportIncomplete]);
    assert_eq!(codes(&world.desk(&second)), [Code::ImportIncomplete]);
    accepted(&world.desk(&first));
    let other = world.desk(&part(0, vec![bin("N-3")]));
    assert_eq!(codes(&other), [Code::DifferentUnderSameId]);
    assert_eq!(codes(&world.desk(&activation(&[first, second]))), [Code::ImportIncomplete]);
    let inner = world.desk(&part(1, vec![activation(&one)]));
    assert_eq!(codes(&inner), [Code::MalformedRequest]);
    assert!(!knows(&world, "N-1"));
}

#[test]
fn the_right_to_an_import_is_asked_for_when_it_is_done() {
    let mut world = World::new();
    let ana = || "ANA".try_into().unwrap();
    let role = Role::Integrator;
    world.system(Command::GrantRole(GrantRole { operator: ana(), role, location: None }));
    let admin = GrantRole { operator: ana(), role: Role::Administrator, location: None };
    let parts = [part(0, vec![bin("N-1"), Command::GrantRole(admin)])];
    accepted(&world.desk_as("ANA", &parts[0]));
    let not_hers = world.desk(&activation(&parts));
    assert_eq!(codes(&not_hers), [Code::DifferentUnderSameId]);
    let more = world.desk_as("ANA", &activation(&parts));
    assert_eq!(codes(&more), [Code::RightMissing], "nobody makes herself an administrator");
    world.system(Command::RevokeRole(RevokeRole {
        operator: ana(),
        role,
        location: None,
        from: None,
    }));
    let late = world.desk_as("ANA", &activation(&parts));
    assert_eq!(codes(&late), [Code::RightRevoked]);
    assert!(!knows(&world, "N-1"));
}

#[test]
fn an_import_may_do_more_than_one_ordinary_decision() {
    let mut world = World::new();
    let n = 6_000;
    let bins: Vec<String> = (0..n).map(|n| format!("X-{n}")).collect();
    let commands: Vec<Command> =
        bins.iter().flat_map(|code| [bin(code), opening(code, "1")]).collect();
    let parts: Vec<Command> =
        (0..).zip(commands.chunks(500)).map(|(no, some)| part(no, some.to_vec())).collect();
    all_accepted(&mut world, &parts);
    accepted(&world.desk(&activation(&parts)));
    assert_eq!(world.stocks().len(), n);
}

#[test]
fn an_import_that_would_book_something_else_than_its_rows_say_is_not_done() {
    let mut world = World::new();
    // One licence plate cannot stand in two bins: the second row would take the first one's goods along.
    let plates = vec![opening("A+P1", "5"), opening("B+P1", "7")];
    let parts = [part(0, plates)];
    all_accepted(&mut world, &parts);
    let outcome = world.desk(&activation(&parts));
    assert_eq!(
        (outcome.decision, codes(&outcome)),
        (Decision::Refused, vec![Code::PlateElsewhere])
    );
    let row = ("row".to_owned(), Argument::Word("1".to_owned()));
    assert!(outcome.reasons[0].arguments.contains(&row), "{:?}", outcome.reasons);
    assert!(world.stocks().is_empty());
}

#[test]
fn stock_is_opened_once_however_many_imports_bring_it() {
    let mut world = World::new();
    let import = |import, commands| {
        let part = Command::StageImport(StageImport { import, part: 0, commands });
        let digest = digest(Hash16::default(), &part.encode());
        [part, Command::ActivateImport(ActivateImport { import, parts: 1, digest })]
    };
    // Both were rehearsed before either was done; the rows of one import may share a stock key.
    let lot = |at| {
        let (place, goods) = (place(at), crate::world::lot("L1", "1"));
        Command::OpeningStock(OpeningStock { place, goods })
    };
    let rows = || vec![opening("A", "5"), opening("B", "7"), lot("A"), lot("B")];
    let [first, second] = [import([1; 16], rows()), import([2; 16], rows())];
    for command in [&first[0], &second[0], &first[1]] {
        accepted(&world.desk(command));
    }
    assert_eq!(codes(&world.desk(&second[1])), [Code::AlreadyExists]);
    assert_eq!((world.stock("MAIN/A BOLT"), world.stock("MAIN/B BOLT")), (q("5"), q("7")));
}
