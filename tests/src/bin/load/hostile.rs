//! A server under attack from the same machine: strangers with broken, oversized and endless input,
//! and a device that was taken over. Devices that work are served meanwhile, and memory stays what it
//! was.

mod betray;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::codec;
use serde_json::{Value, json};
use server_core::session::lease::LeaseSecret;
use tests::prng::Prng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::Problem;
use crate::figures::{Took, round};
use crate::house::House;
use crate::light::{Light, Line, Refused, lease_secret, wait_within};

/// Devices that work.
const WORKERS: u32 = 20;
/// Devices that were taken over.
const STOLEN: u32 = 2 * betray::KINDS;
/// Memory may grow by so much from the first look to the last.
const GROWTH_MAX: f64 = 1.1;
/// When memory is looked at first.
const FIRST_LOOK: Duration = Duration::from_secs(20);
/// How long one attack may hold on.
const ATTACK: Duration = Duration::from_secs(8);

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds of attack.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Attackers of each kind.
    #[arg(long, default_value_t = 4)]
    attackers: u32,
    /// The seed of what is sent.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this kind of misuse of a device that was taken over, and no strangers: to see which of them
    /// takes what.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..i64::from(betray::KINDS)))]
    only: Option<u32>,
}

/// What attackers share.
struct Field {
    address: device_core::engine::Address,
    port: u16,
    secret: LeaseSecret,
    end: Instant,
    n_attacks: AtomicU64,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Value, Problem> {
    if Duration::from_secs(arguments.seconds) <= FIRST_LOOK {
        return Err("memory is looked at after 20 seconds first: take longer".into());
    }
    let folder = tempfile::tempdir()?;
    let house = House::start(folder.path(), WORKERS + STOLEN, 500, false).await?;
    let begin = Instant::now();
    let field = Arc::new(Field {
        address: house.address.clone(),
        port: house.port()?,
        secret: lease_secret(folder.path())?,
        end: begin + Duration::from_secs(arguments.seconds),
        n_attacks: AtomicU64::new(0),
    });
    let mut workers = JoinSet::new();
    for n in 1..=WORKERS {
        workers.spawn(work(n, Arc::clone(&field)));
    }
    let mut attackers = JoinSet::new();
    for n in 0..arguments.only.map_or(arguments.attackers, |_kind| 0) {
        for kind in 0..KINDS {
            let seed = arguments.seed + u64::from(n) * u64::from(KINDS) + u64::from(kind);
            attackers.spawn(attack(kind, seed, Arc::clone(&field)));
        }
    }
    let is_sent = |n: &u32| arguments.only.is_none_or(|kind| betray::kind_of(*n) == kind);
    for n in (WORKERS + 1..=WORKERS + STOLEN).filter(is_sent) {
        attackers.spawn(betray::betray(n, Arc::clone(&field)));
    }
    tokio::time::sleep_until(begin + FIRST_LOOK).await;
    let first = house.size()?;
    while attackers.join_next().await.is_some() {}
    let mut acks = Took::default();
    let mut n_scans = 0;
    while let Some(worked) = workers.join_next().await {
        let (took, n) = worked??;
        acks.extend(took);
        n_scans += n;
    }
    let last = house.size()?;
    if !is_alive(field.port).await {
        return Err("the server does not answer any more".into());
    }
    house.end()?;
    let n_attacks = field.n_attacks.load(Ordering::Relaxed);
    let growth = last.resident_kib as f64 / first.resident_kib as f64;
    println!(
        "{n_attacks} attacks; {n_scans} scans of {WORKERS} devices acknowledged, p50 {:.0} ms, p99 \
         {:.0} ms, longest {:.0} ms; memory {} KiB after 20 s, {} KiB at the end ({growth:.2} x), {} files",
        acks.ms(50),
        acks.ms(99),
        acks.ms(100),
        first.resident_kib,
        last.resident_kib,
        last.files
    );
    if growth > GROWTH_MAX {
        return Err(format!("memory grew {growth:.2} times, more than {GROWTH_MAX}").into());
    }
    Ok(json!({
        "load": "hostile",
        "seconds": arguments.seconds,
        "attacks": n_attacks,
        "scans": n_scans,
        "scan_to_ack": acks.json(),
        "kib_at_20_s": first.resident_kib,
        "kib_at_the_end": last.resident_kib,
        "growth": round(growth),
    }))
}

async fn is_alive(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    };
    matches!(tokio::time::timeout(ATTACK, asked).await, Ok(Some(())))
}

/// A device at work: a scan each second, whatever happens around it. All must be acknowledged.
async fn work(n: u32, field: Arc<Field>) -> Result<(Took, u64), Problem> {
    let mut device = Light::new(n, &field.secret);
    let (mut acks, mut n_scans, mut n_failures) = (Took::default(), 0, 0_u32);
    while Instant::now() < field.end {
        let refused = match shift(&mut device, &field, (&mut acks, &mut n_scans)).await {
            Ok(()) => break,
            Err(refused) => refused,
        };
        match refused {
            Refused::Later(min_ms, max_ms) => wait_within(min_ms, max_ms).await,
            Refused::Broken(_why) => {
                n_failures = (n_failures + 1).min(6);
                wait_within(0, 500 << n_failures).await;
            }
        }
    }
    for _try in 0..20 {
        if device.pending() == 0 {
            return Ok((acks, n_scans));
        }
        if let Ok((mut line, _resume)) = device.come_in(&field.address).await
            && device.drain(&mut line).await.is_ok()
        {
            return Ok((acks, n_scans));
        }
        wait_within(0, 2_000).await;
    }
    Err(format!("device {n} could not bring its scans in").into())
}

async fn shift(
    device: &mut Light,
    field: &Field,
    (acks, n_scans): (&mut Took, &mut u64),
) -> Result<(), Refused> {
    let (mut line, _resume) = device.come_in(&field.address).await?;
    device.drain(&mut line).await?;
    while Instant::now() < field.end {
        device.record();
        *n_scans += 1;
        let scanned = Instant::now();
        device.drain(&mut line).await?;
        acks.push(scanned.elapsed());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Kinds of strangers.
const KINDS: u32 = 9;

/// A stranger who tries the same again and again.
async fn attack(kind: u32, seed: u64, field: Arc<Field>) {
    let mut prng = Prng::new(seed);
    while Instant::now() < field.end {
        field.n_attacks.fetch_add(1, Ordering::Relaxed);
        let attack = async {
            match kind {
                0 => noise(&field, &mut prng).await,
                1 => half_a_request(&field).await,
                2 => long_request(&field).await,
                3 => wrong_password(&field, &mut prng).await,
                4 => say(&field, random_frames(&mut prng)).await,
                5 => say(&field, vec![bomb(), deep(), absurd()]).await,
                6 => say(&field, vec![vec![0; (1 << 20) + 1]]).await,
                7 => silent(&field).await,
                _ => many_hellos(&field).await,
            }
        };
        // What the server does about it is its affair; it must stand.
        drop(tokio::time::timeout(ATTACK, attack).await);
    }
}

async fn noise(field: &Field, prng: &mut Prng) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", field.port)).await.ok()?;
    let bytes: Vec<u8> = (0..4_096).map(|_n| prng.next_u64().to_le_bytes()[0]).collect();
    stream.write_all(&bytes).await.ok()?;
    stream.read_to_end(&mut Vec::new()).await.ok().map(|_n| ())
}

/// A request whose head never ends, one byte at a time.
async fn half_a_request(field: &Field) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", field.port)).await.ok()?;
    stream.write_all(b"GET /livez HTTP/1.1\r\n").await.ok()?;
    loop {
        stream.write_all(b"x").await.ok()?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A body far beyond what is taken.
async fn long_request(field: &Field) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", field.port)).await.ok()?;
    let head = b"POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: 4000000000\r\n\r\n{\"user\":\"";
    stream.write_all(head).await.ok()?;
    let piece = vec![b'a'; 64 << 10];
    for _piece in 0..200 {
        stream.write_all(&piece).await.ok()?;
    }
    Some(())
}

async fn wrong_password(field: &Field, prng: &mut Prng) -> Option<()> {
    let body = format!("{{\"user\":\"u{}\",\"password\":\"guess\"}}", prng.below(1_000));
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", field.port)).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.read_to_end(&mut Vec::new()).await.ok().map(|_n| ())
}

/// Says `messages` on a fresh connection and listens until it ends.
async fn say(field: &Field, messages: Vec<Vec<u8>>) -> Option<()> {
    let mut line = Line::open(&field.address).await.ok()?;
    for message in messages {
        line.0.send(Message::Binary(message.into())).await.ok()?;
    }
    while let Some(Ok(_heard)) = line.0.next().await {}
    Some(())
}

fn random_frames(prng: &mut Prng) -> Vec<Vec<u8>> {
    (0..4)
        .map(|_n| {
            let body: Vec<u8> = (0..prng.below(2_000)).map(|_n| prng.next_u64() as u8).collect();
            framed(prng.below(0x44) as u8, 0, &body)
        })
        .collect()
}

/// A frame with a good header before whatever `body` is.
fn framed(number: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let crc = !body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _bit| {
            if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0x82F6_3B78 }
        })
    });
    let mut bytes = vec![number, flags, 0, 0];
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A zstd frame of raw and repeated blocks: a few bytes that say they are 1 GiB.
fn bomb() -> Vec<u8> {
    // Source: RFC 8878, 3.1.1: magic, a descriptor with a window of 128 MiB, blocks of one repeated byte.
    let mut body = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x88];
    for _block in 0..2_000 {
        // 128 KiB of one byte: block type 1, size 2^17, not the last.
        body.extend_from_slice(&[0x02, 0x00, 0x10, 0x00]);
    }
    framed(0x20, 1, &body)
}

fn deep() -> Vec<u8> {
    framed(0x01, 0, &[&b"\x81\xa1z"[..], &[0x91; 7_000]].concat())
}

fn absurd() -> Vec<u8> {
    framed(0x01, 0, b"\x81\xa2av\xdb\xff\xff\xff\xff")
}

async fn silent(field: &Field) -> Option<()> {
    let mut line = Line::open(&field.address).await.ok()?;
    while let Some(Ok(_heard)) = line.0.next().await {}
    Some(())
}

/// Hellos of devices that are there, one connection after the other, without a proof.
async fn many_hellos(field: &Field) -> Option<()> {
    let mut lines = Vec::new();
    for n in 0..50 {
        let mut line = Line::open(&field.address).await.ok()?;
        let device = Light::new(n % (WORKERS + STOLEN) + 1, &field.secret);
        line.0.send(Message::Binary(codec::encode(&device.hello(), false).into())).await.ok()?;
        lines.push(line);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    Some(())
}
