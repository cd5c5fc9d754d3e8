//! A server that encrypts, with a certificate of its own making or with one that it is given.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::device::invitation;
use super::house::{House, PASSWORD, sign_in, start};
use super::socket::TestDevice;
use crate::api::status::status_of;
use crate::config::{Config, Tls};
use crate::secret;
use crate::server::{Running, Server};
use crate::tls;

const REQUEST: &[u8] = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// What a client hears that trusts this certificate, and that is shown no other.
async fn asked(running: &Running, certificate: &CertificateDer<'_>) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(running.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let (_socket, session) = stream.get_ref();
    assert_eq!(session.peer_certificates().unwrap().first(), Some(certificate));
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    // Some servers close without a farewell; what was read counts.
    drop(stream.read_to_string(&mut answer).await);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_server_is_given_is_the_one_that_it_serves() {
    // Made by another server, as files of an authority would be.
    let maker = tempfile::tempdir().unwrap();
    let made = Config {
        tls: Tls::SelfSigned { names: vec!["localhost".to_owned()] },
        ..Config::local(maker.path())
    };
    tls::identity(&made).unwrap().expect("it has a certificate");
    let [certificate, key] =
        ["certificate.pem", "key.pem"].map(|name| maker.path().join("tls").join(name));
    let folder = tempfile::tempdir().unwrap();
    let given = Tls::Files { certificate: certificate.clone(), key };
    let running =
        Server::start(Config { tls: given, ..Config::local(folder.path()) }).await.unwrap();
    let pem = std::fs::read(certificate).unwrap();
    asked(&running, &CertificateDer::from_pem_slice(&pem).unwrap()).await;
    assert!(!folder.path().join("tls").exists(), "none of its own is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_that_is_served_is_the_one_that_the_code_pins() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::SelfSigned { names: Vec::new() };
    let config = Config { tls, ..Config::local(folder.path()) };
    let running = Server::start(config).await.unwrap();
    assert!(running.url().starts_with("https://"));
    let pem = std::fs::read(folder.path().join("tls/certificate.pem")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
    assert_eq!(running.app().address().pin, Some(secret::sha256(&certificate)));
    let answer = asked(&running, &certificate).await;
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
    let mut plain = TcpStream::connect(running.addr()).await.unwrap();
    plain.write_all(REQUEST).await.unwrap();
    let mut bytes = Vec::new();
    drop(plain.read_to_end(&mut bytes).await);
    assert!(!String::from_utf8_lossy(&bytes).contains("200"), "nothing is served in plain");
}

/// How many devices are cut off by the certificate that is served over this folder, and what the
/// status says of it.
async fn cut_off(folder: &std::path::Path) -> (usize, Vec<String>) {
    let tls = Tls::SelfSigned { names: Vec::new() };
    let running = Server::start(Config { tls, ..Config::local(folder) }).await.unwrap();
    let status = status_of(running.app());
    running.stop().await;
    let alarms = status.alarms.into_iter().map(|alarm| alarm.text);
    (status.certificate.expect("it encrypts").n_cut_off, alarms.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_know_another_certificate_are_told_of_until_they_are_enrolled_again() {
    let House { folder, running, boss: _ } = House::furnished().await;
    running.stop().await;
    assert_eq!(cut_off(folder.path()).await, (0, Vec::new()));
    let running = start(folder.path()).await;
    let boss = sign_in(&running, "boss", PASSWORD).await;
    assert!(status_of(running.app()).certificate.is_none(), "nothing is encrypted");
    let house = House { folder, running, boss };
    let code = invitation(&house).await.code;
    let device = TestDevice::enrol(house.running.addr(), code).await.unwrap();
    let House { folder, running, boss: _ } = house;
    running.stop().await;
    assert_eq!(cut_off(folder.path()).await, (0, Vec::new()), "it is served as it was");

    // The certificate is renewed.
    let (tls, former) = (folder.path().join("tls"), folder.path().join("former"));
    std::fs::rename(&tls, &former).unwrap();
    for _start in 0..2 {
        let (n, alarms) = cut_off(folder.path()).await;
        assert_eq!(n, 1);
        assert!(alarms[0].contains("1 devices") && alarms[0].contains("enrol"), "{alarms:?}");
    }

    // The former one is put back; then the renewed one stays, and the device is enrolled again.
    let renewed = folder.path().join("renewed");
    std::fs::rename(&tls, &renewed).unwrap();
    std::fs::rename(&former, &tls).unwrap();
    assert_eq!(cut_off(folder.path()).await, (0, Vec::new()));
    std::fs::rename(&tls, &former).unwrap();
    std::fs::rename(&renewed, &tls).unwrap();
    assert_eq!(cut_off(folder.path()).await.0, 1);
    let running = start(folder.path()).await;
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let path = format!("/api/v1/devices/{}/state", device.device);
    assert_eq!(boss.post(&path, &json!({"state": "revoked"})).await.status, 204);
    let house = House { folder, running, boss };
    let code = invitation(&house).await.code;
    assert!(TestDevice::enrol(house.running.addr(), code).await.is_ok());
    let House { folder, running, boss: _ } = house;
    running.stop().await;
    assert_eq!(cut_off(folder.path()).await, (0, Vec::new()));
}
