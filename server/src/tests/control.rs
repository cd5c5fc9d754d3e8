//! `tallyman enrol` asks a running server through the socket in its data folder.

use std::net::SocketAddr;

use protocol::code::Code;
use protocol::enrolment::Invitation;
use serde_json::json;

use super::house::House;
use super::http::Client;
use super::socket::TestDevice;
use crate::config::{Config, Tls};
use crate::control::{Answer, ControlError, Question, ask, socket};
use crate::server::Server;

fn enrol(site: &str, user: Option<&str>) -> Question {
    let user = user.map(|user| user.try_into().unwrap());
    Question::Enrol { site: site.try_into().unwrap(), user }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_owns_the_folder_gets_a_code_by_which_one_device_joins() {
    let house = House::furnished().await;
    let Answer::Code(code) = ask(house.folder.path(), &enrol("HALL", None)).await.unwrap() else {
        panic!("the site is there");
    };
    let invitation: Invitation = code.text.parse().unwrap();
    assert_eq!(invitation.url, house.running.url());
    let addr = house.running.addr();
    assert!(TestDevice::enrol(addr, invitation.code).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_refused_for_no_site_and_for_who_may_not() {
    let house = House::furnished().await;
    let folder = house.folder.path();
    for (question, code) in
        [(enrol("GHOST", None), Code::NotFound), (enrol("HALL", Some("anna")), Code::RightMissing)]
    {
        let Answer::Refused(why) = ask(folder, &question).await.unwrap() else {
            panic!("{question:?} is granted");
        };
        assert_eq!(why.code, code.as_str());
        assert!(!why.message.is_empty() && !why.next_step.is_empty());
    }
    let supervisor = ask(folder, &enrol("HALL", Some("sven"))).await.unwrap();
    assert!(matches!(supervisor, Answer::Code(_)), "{supervisor:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_door_is_for_the_owner_alone_and_closed_without_a_server() {
    use std::os::unix::fs::PermissionsExt as _;
    let House { folder, running, .. } = House::furnished().await;
    let mode = std::fs::metadata(socket(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    running.stop().await;
    let gone = ask(folder.path(), &enrol("HALL", None)).await.unwrap_err();
    assert!(matches!(gone, ControlError::NotRunning { .. }), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_all_addresses_puts_the_host_that_it_was_asked_by_into_its_codes() {
    let House { folder, running, boss } = House::furnished().await;
    running.stop().await;
    let everywhere = Config {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        tls: Tls::InsecureLan,
        ..Config::local(folder.path())
    };
    let running = Server::start(everywhere).await.unwrap();
    assert!(!running.url().contains("0.0.0.0") || running.app().address().is_guess);
    let addr = SocketAddr::from(([127, 0, 0, 1], running.addr().port()));
    // Its own host header is the address that it connects to.
    let client = Client { addr, ..boss };
    let shown = client.post("/api/v1/enrolment-codes", &json!({"site": "HALL"})).await.json();
    let invitation: Invitation = shown["text"].as_str().unwrap().parse().unwrap();
    assert_eq!(invitation.url, format!("http://{addr}"));
    assert_eq!(shown["url"], invitation.url.as_str());
    assert!(TestDevice::enrol(addr, invitation.code).await.is_ok(), "a device finds it there");
    // Who asks beside it has found it nowhere: an address of this machine, or a sentence.
    match ask(folder.path(), &enrol("HALL", None)).await.unwrap() {
        Answer::Code(code) => {
            assert!(!code.url.contains("0.0.0.0") && !code.url.contains("127."), "{}", code.url);
        }
        Answer::Refused(why) => assert!(why.message.contains("public_url"), "{}", why.message),
    }
}
