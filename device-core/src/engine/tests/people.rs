//! People who sign in without a network.

use protocol::feed::{FeedRow, OperatorRow, Role};
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use super::*;

fn operator(name: &str, pin: &str, valid_until_us: i64) -> FeedRow {
    person((name, pin), Role::Operator, valid_until_us)
}

fn person((name, pin): (&str, &str), role: Role, valid_until_us: i64) -> FeedRow {
    use argon2::password_hash::PasswordHasher as _;
    let cheap = argon2::Params::new(8, 1, 1, None).unwrap();
    let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, cheap);
    let hash = hasher.hash_password_with_salt(pin.as_bytes(), b"some salt").unwrap();
    FeedRow::Operator(OperatorRow {
        operator: OperatorId::new(name).unwrap(),
        name: name.to_owned(),
        badge_hash: Some(ByteBuf::from(Sha256::digest(format!("badge of {name}")).to_vec())),
        pin_verifier: hash.to_string(),
        roles: vec![role],
        valid_until: ServerTime(valid_until_us),
        language: "da".to_owned(),
    })
}

fn with_people() -> World {
    let mut world = World::online();
    let later = world.server.now_us + 3_600_000_000;
    world.server.publish(
        vec![
            put("o1", &operator("METTE", "1234", later)),
            put("o2", &operator("ALI", "9876", later)),
            put("o3", &person(("KIM", "5566"), Role::Supervisor, later)),
        ],
        Vec::new(),
    );
    world.feed();
    world.settle();
    world.is_offline = true;
    world.cut_wire();
    world
}

fn badge(name: &str) -> SignInWith {
    SignInWith::Badge(format!("badge of {name}"))
}

#[test]
fn a_person_signs_in_offline_with_badge_or_name_and_the_operations_say_so() {
    let mut world = with_people();
    let at = world.at();
    let (row, _) = world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    assert_eq!((row.name.as_str(), row.language.as_str()), ("METTE", "da"));
    world.record(&receive("A-01", "BOLT", 1));
    let mine = world.core.my_operations(1).unwrap();
    assert_eq!(mine[0].envelope.operator, Some(OperatorId::new("METTE").unwrap()));
    let by_name = SignInWith::Name(OperatorId::new("ALI").unwrap());
    world.core.sign_in(at, &by_name, "9876").unwrap();
    assert_eq!(world.core.operator().unwrap().as_str(), "ALI");
    let unknown = world.core.sign_in(at, &badge("NOBODY"), "1").unwrap_err();
    assert!(matches!(unknown, SignInError::Unknown));
    world.core.sign_out(at).unwrap();
    assert_eq!(world.core.operator(), None);
    let kinds: Vec<&str> = world
        .core
        .operations(9)
        .unwrap()
        .iter()
        .map(|mine| mine.body.as_ref().unwrap().kind())
        .collect();
    assert_eq!(kinds, ["sign_out", "sign_in", "receive", "sign_in"]);
}

#[test]
fn people_see_and_take_back_what_they_did_themselves_and_a_supervisor_everything() {
    let mut world = with_people();
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    let hers = world.record(&receive("A-01", "BOLT", 1));
    let also_hers = world.record(&receive("A-01", "BOLT", 2));
    let listed = |world: &World| -> Vec<OperationId> {
        world.core.my_operations(2).unwrap().iter().map(|mine| mine.name).collect()
    };
    assert_eq!(listed(&world), [also_hers, hers]);

    let at = world.at();
    world.core.sign_in(at, &badge("ALI"), "9876").unwrap();
    let his = world.record(&receive("A-01", "BOLT", 3));
    assert_eq!(listed(&world).len(), 2, "his sign-in and his receipt");
    assert!(!listed(&world).contains(&hers) && listed(&world)[0] == his);
    let at = world.at();
    let refused = world.core.undo(at, hers).unwrap_err();
    assert!(matches!(&refused, UndoError::NotOwn { author } if author == "METTE"), "{refused}");
    world.core.undo(at, his).unwrap();

    let at = world.at();
    world.core.sign_in(at, &badge("KIM"), "5566").unwrap();
    let all: Vec<_> = world.core.my_operations(9).unwrap();
    assert!(all.iter().any(|mine| mine.name == hers));
    let at = world.at();
    world.core.undo(at, hers).unwrap();
    // However much others did since: hers are found.
    for _ in 0..20 {
        world.record(&receive("A-01", "BOLT", 1));
    }
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    assert_eq!(listed(&world)[1], also_hers);
}

#[test]
fn five_wrong_pins_lock_a_person_here_until_the_server_is_reached() {
    let mut world = with_people();
    let at = world.at();
    for left in [4, 3, 2, 1] {
        let error = world.core.sign_in(at, &badge("METTE"), "0000").unwrap_err();
        assert!(matches!(error, SignInError::WrongPin { tries_left } if tries_left == left));
    }
    let error = world.core.sign_in(at, &badge("METTE"), "0000").unwrap_err();
    assert!(matches!(error, SignInError::Locked));
    // Starting the app again, or the device, gives no further tries.
    world.restart();
    let at = world.at();
    assert!(matches!(world.core.sign_in(at, &badge("METTE"), "1234"), Err(SignInError::Locked)));
    world.core.sign_in(at, &badge("ALI"), "9876").unwrap();
    world.is_offline = false;
    world.settle();
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
}

#[test]
fn whoever_has_the_device_keeps_it_through_a_restart_and_not_through_a_boot() {
    let mut world = with_people();
    let at = world.at();
    world.core.sign_in(at, &badge("METTE"), "1234").unwrap();
    world.restart();
    assert!(world.core.operator().is_some());
    world.cut_power(9, 9);
    assert_eq!(world.core.operator(), None);
}

#[test]
fn an_offline_permission_ends_by_the_servers_time_whatever_the_wall_shows() {
    let mut world = with_people();
    world.now_us += 2 * 3_600_000_000;
    let at = world.at();
    let error = world.core.sign_in(at, &badge("METTE"), "1234").unwrap_err();
    assert!(matches!(error, SignInError::Expired));
}
