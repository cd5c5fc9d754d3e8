//! Commands of desks enter by the same door.

use ledger::command::Command;
use ledger::command::import::StageImport;
use ledger::key::KeyRange;
use ledger::schema::book::{ImportState, Imports, StagedParts};
use ledger::schema::identity::DeskSession;
use ledger::tables::Read as _;
use protocol::feed::Role;
use protocol::identity::IntakeNo;
use protocol::outcome::Decision;

use super::company::put_operator;
use super::world::{World, config};
use crate::identity::command::MachineCommand;
use crate::identity::{digest, session_user};
use crate::machine::{Action, Event, Token};

fn answers(world: &World, wanted: Token) -> Vec<&'static str> {
    world
        .said
        .iter()
        .filter_map(|said| match said {
            Action::CommandTaken { token, .. } if *token == wanted => Some("taken"),
            Action::CommandJudged { token, .. } if *token == wanted => Some("judged"),
            Action::CommandDiffers { token } if *token == wanted => Some("differs"),
            _ => None,
        })
        .collect()
}

#[test]
fn a_command_is_answered_when_it_is_safe_and_when_it_is_judged() {
    let mut world = World::new();
    let token = world.command(vec![1, 2, 3], None);
    assert!(answers(&world, token).is_empty(), "not before it is durable");
    world.persist();
    assert_eq!(answers(&world, token), ["taken"]);
    world.step(Event::Work);
    assert_eq!(answers(&world, token), ["taken"], "the decision is not durable yet");
    world.persist();
    assert_eq!(answers(&world, token), ["taken", "judged"]);
    let Some(Action::CommandJudged { operation, intake, .. }) = world
        .said
        .iter()
        .find(|said| matches!(said, Action::CommandJudged { token: found, .. } if *found == token))
        .cloned()
    else {
        panic!("it was judged");
    };
    assert_eq!(operation.seq.0, intake.0);
    assert!(world.decision(operation).is_some());
}

#[test]
fn the_same_key_means_the_same_command() {
    let mut world = World::new();
    let key = Some([3; 16]);
    let first = world.command(vec![1], key);
    let meanwhile = world.command(vec![1], key);
    let other = world.command(vec![2], key);
    assert_eq!(answers(&world, other), ["differs"]);
    world.settle();
    assert_eq!(answers(&world, first), ["taken", "judged"]);
    assert_eq!(answers(&world, meanwhile), ["taken", "judged"]);
    let judged = world.machine.head().intake;
    let late = world.command(vec![1], key);
    assert_eq!(answers(&world, late), ["taken", "judged"]);
    world.settle();
    assert_eq!(world.machine.head().intake, judged, "it was taken in once");
    assert_eq!(judged, IntakeNo(1));
}

#[test]
fn a_desk_session_lasts_as_long_as_it_says() {
    let mut world = World::new();
    let user: protocol::words::OperatorId = "ANNA".try_into().unwrap();
    let token = b"a secret";
    let session = DeskSession { user: user.clone(), expires: world.now.plus_us(3_600_000_000) };
    world.step(Event::DeskSignedIn { token_hash: digest(token), session });
    world.settle();
    // Anna has a right and no card: she cannot sign in.
    assert!(session_user(world.tables(), token, world.now).is_none());
    world.store.overwrite(super::super::super::identity::tests::card(&user, "$argon2id$x"));
    let signed_in = session_user(world.tables(), token, world.now).unwrap();
    assert_eq!(signed_in.user, user);
    let later = world.now.plus_us(3_600_000_001);
    assert!(session_user(world.tables(), token, later).is_none());
    world.step(Event::DeskSignedOut { token_hash: digest(token) });
    world.settle();
    assert!(session_user(world.tables(), token, world.now).is_none());
    assert!(!world.tables().has::<ledger::schema::identity::DeskSessions>(&digest(token)));
}

#[test]
fn an_import_that_nobody_goes_on_with_is_dropped_after_a_day() {
    const HOUR_US: i64 = 3_600_000_000;
    let mut world = World::with_ledger(config());
    let import = [5; 16];
    let stage = |part| Command::StageImport(StageImport { import, part, commands: Vec::new() });
    world.system(&stage(0));
    world.wait_us(20 * HOUR_US);
    // Somebody goes on with it.
    world.system(&stage(1));
    world.wait_us(20 * HOUR_US);
    let staged = |world: &World| world.tables().list::<StagedParts>(&KeyRange::all()).len();
    assert_eq!(staged(&world), 2);
    world.wait_us(5 * HOUR_US);
    assert_eq!(staged(&world), 0);
    let row = world.tables().row::<Imports>(&import).unwrap();
    assert_eq!(row.state, ImportState::Dropped);
}

#[test]
fn supervisors_manage_the_devices_of_their_site_and_of_no_other() {
    let mut world = World::with_ledger(config());
    put_operator(&mut world, "SVEN", Role::Supervisor, Some("MAIN"));
    let mut granted = |user: &str, site: u32, code: u8| {
        let command = MachineCommand::AllowEnrolment {
            code_hash: digest(&[code]).to_vec().into(),
            site,
            expires: world.now.plus_us(600_000_000),
            compare: false,
        };
        let token = world.command_of(user, command.encode(), None);
        world.settle();
        let judged = world.said.iter().find_map(|said| match said {
            Action::CommandJudged { token: found, operation, .. } if *found == token => {
                Some(*operation)
            }
            _ => None,
        });
        world.decision(judged.unwrap()) == Some(Decision::Accepted)
    };
    assert!(granted("SVEN", 1, 1));
    assert!(!granted("SVEN", 2, 2), "SOUTH has no location of his");
    assert!(!granted("BEN", 1, 3), "operators manage nothing");
    assert!(granted("ANNA", 2, 4));
}
