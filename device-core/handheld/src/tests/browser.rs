//! A browser of a few lines: requests, the cookie, forms.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub(super) struct Browser {
    pub address: SocketAddr,
    pub cookie: Option<String>,
}

impl Browser {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None }
    }

    /// Opens the start address, and keeps the cookie.
    pub(super) async fn start(address: SocketAddr, url: &str) -> Self {
        let mut browser = Self::new(address);
        let path = url.split_once(&address.to_string()).unwrap().1.to_owned();
        let reply = browser.get(&path).await;
        assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
        let cookie = reply.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        browser.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        browser
    }

    pub(super) async fn send(&self, text: String) -> Reply {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The lines that every request of this browser has.
    pub(super) fn common(&self) -> String {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n"));
        format!("Host: {}\r\nConnection: close\r\n{}", self.address, cookie.unwrap_or_default())
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\n{}\r\n", self.common())).await
    }

    /// Submits a form as a browser without the script does.
    pub(super) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let pairs = fields.iter().map(|(name, text)| format!("{name}={}", encoded(text)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send(format!(
            "POST {path} HTTP/1.1\r\n{}Origin: http://{}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.common(),
            self.address,
            body.len(),
        ))
        .await
    }

    /// Presses a button: the part of the page that comes back.
    pub(super) async fn press(&self, deed: &str, text: &str) -> String {
        let body = format!("text={}", encoded(text));
        let reply = self
            .send(format!(
                "POST /do/{deed} HTTP/1.1\r\n{}Origin: http://{}\r\nX-Part: 1\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                self.common(),
                self.address,
                body.len(),
            ))
            .await;
        assert_eq!(reply.status, 200, "{deed} {text}: {}", reply.body);
        reply.body
    }

    /// The same through the interface of the automated tests.
    pub(super) async fn ask(&self, deed: &str, text: &str) -> Value {
        let body = serde_json::json!({ "text": text }).to_string();
        let reply = self
            .send(format!(
                "POST /api/{deed} HTTP/1.1\r\n{}Origin: http://{}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.common(),
                self.address,
                body.len(),
            ))
            .await;
        assert_eq!(reply.status, 200, "{deed} {text}: {}", reply.body);
        serde_json::from_str(&reply.body).unwrap()
    }

    pub(super) async fn look(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.body).unwrap()
    }

    /// Waits until a look at `path` satisfies `is_so`; gives up after a while.
    pub(super) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let seen = self.look(path).await;
                if is_so(&seen) {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(seen) => seen,
            Err(too_long) => panic!("{path}, {too_long}: {}", self.look(path).await),
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02X}"))
}
