//! What is no frame, or a frame of another time, is answered with its fault; the server goes on.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::{Bye, FaultCode, Frame, Hello, Lease, Limits, SUB_PROTOCOL, codec};
use protocol::identity::{Boot, DeviceId, Hash16, Incarnation, Lsn, Seq, ServerEpoch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::house::House;

/// How long an answer may take: longer than a stranger may stay.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connect(port: u16) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let url = format!("ws://127.0.0.1:{port}/sync");
    let mut request = url.into_client_request().expect("an address");
    let name = SUB_PROTOCOL.parse().expect("a header");
    request.headers_mut().insert("sec-websocket-protocol", name);
    tokio_tungstenite::client_async(request, stream).await.expect("it upgrades").0
}

/// Says `bytes` and listens until the server hangs up. Gives the fault, where there was one.
async fn answer(port: u16, bytes: Vec<u8>) -> Option<FaultCode> {
    let mut socket = connect(port).await;
    // A server that hangs up early makes the end of a long message fail.
    let _sent = socket.send(Message::Binary(bytes.into())).await;
    let mut fault = None;
    let listening = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Binary(bytes) = message {
                let (frame, _body) = codec::decode(&bytes, 1 << 20).expect("the server's own");
                if let Frame::Fault(told) = frame {
                    assert!(!told.detail.is_empty(), "a fault says what to do");
                    fault = Some(told.code);
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.expect("the server hangs up");
    fault
}

async fn is_alive(port: u16) -> bool {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let request = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    answer.starts_with(b"HTTP/1.1 200")
}

fn hello(protocol_min: u16, protocol_max: u16) -> Frame {
    Frame::Hello(Hello {
        protocol_min,
        protocol_max,
        app_version: "9.0.0".to_owned(),
        capabilities: 0,
        device: DeviceId(1),
        incarnation: Incarnation(1),
        lease: Lease { counter: 1, proof: vec![0; 16].into() },
        epoch: ServerEpoch(1),
        next_seq: Seq(1),
        tail_hash: Hash16::default(),
        cursor: Lsn(0),
        scope_version: 0,
        table_version: 1,
        oldest_seq: Seq(1),
        boots: Vec::new(),
        boot: Boot(1),
        sent_us: 0,
        pending: 0,
        oldest_pending_age_us: 0,
        battery: None,
    })
}

/// A header with the right checksum before `body`.
fn framed(number: u8, body: &[u8]) -> Vec<u8> {
    let bye = codec::encode(&Frame::Bye(Bye { reason: String::new() }), false);
    let mut bytes = vec![number, bye[1], 0, 0];
    bytes.extend_from_slice(&checksum(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// CRC-32C, bit by bit.
fn checksum(body: &[u8]) -> u32 {
    !body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _bit| {
            if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0x82F6_3B78 }
        })
    })
}

#[test]
fn what_is_no_frame_is_answered_with_its_fault_and_the_server_goes_on() {
    let mut house = House::empty();
    let good = codec::encode(&hello(1, 1), false);
    let mut flipped = good.clone();
    *flipped.last_mut().expect("a body") ^= 1;
    let truncated = good[..good.len() - 1].to_vec();
    let mut flags = good.clone();
    flags[1] = 0x80;
    let stranger = usize::try_from(Limits::UNAUTHENTICATED_BYTES_MAX).expect("a small number");
    let huge = usize::try_from(Limits::DEFAULT.message_bytes_max).expect("a small number");
    let cases = [
        ("a version of later", codec::encode(&hello(900, 999), false), Some(FaultCode::VERSION)),
        ("no header", vec![1, 2, 3], Some(FaultCode::PROTOCOL)),
        ("nothing", Vec::new(), Some(FaultCode::PROTOCOL)),
        ("a flag of later", flags, Some(FaultCode::PROTOCOL)),
        ("a frame of later", framed(0x7E, b"\x80"), Some(FaultCode::PROTOCOL)),
        ("a changed bit", flipped, Some(FaultCode::CHECKSUM)),
        ("cut short", truncated, Some(FaultCode::CHECKSUM)),
        ("a header alone", good[..codec::HEADER_BYTES].to_vec(), Some(FaultCode::CHECKSUM)),
        ("no body of this frame", framed(0x01, b"\xC1"), Some(FaultCode::DECODE)),
        ("a list for a map", framed(0x01, b"\x91\x01"), Some(FaultCode::DECODE)),
        ("too much of a stranger", vec![0; stranger + 1], Some(FaultCode::TOO_LARGE)),
        ("more than a message may hold", vec![0; huge + 1], Some(FaultCode::TOO_LARGE)),
    ];
    let port = house.port();
    let (runtime, running) = house.server();
    runtime.block_on(async {
        for (what, bytes, expected) in cases {
            assert_eq!(answer(port, bytes).await, expected, "{what}");
            assert!(is_alive(port).await, "alive after {what}");
        }
    });
    assert_eq!(*running.app().company().health().borrow(), server::runtime::Health::Running);
    house.stop();
}
