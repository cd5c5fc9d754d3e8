//! Commands of desks enter by the same door.

use ledger::schema::identity::DeskSession;
use ledger::tables::Read as _;
use protocol::identity::IntakeNo;

use super::world::World;
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
