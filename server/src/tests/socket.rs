//! The smallest device that can speak to a server: frames by the one codec, a key, a chain.

use ed25519_dalek::{Signer as _, SigningKey};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::frame::push::pack;
use protocol::frame::{
    Auth, Enrol, EnrolOk, Frame, Heartbeat, HeartbeatAck, Hello, KeyAlgorithm, Lease, LeaseOk,
    Push, SUB_PROTOCOL, Subscribe, Welcome, auth_digest, capability, codec,
};
use protocol::identity::{
    Boot, DeviceId, Hash16, Incarnation, Lsn, Seq, ServerEpoch, operation_hash,
};
use protocol::operation::{Body, DocumentRef, Envelope, Recorded};
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A connection.
pub(super) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(super) async fn open(addr: std::net::SocketAddr) -> Self {
        let mut request = format!("ws://{addr}/sync").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", SUB_PROTOCOL.parse().unwrap());
        let stream = TcpStream::connect(addr).await.unwrap();
        Self(client_async(request, stream).await.unwrap().0)
    }

    pub(super) async fn send(&mut self, frame: &Frame) -> Vec<u8> {
        let bytes = codec::encode(frame, true);
        self.0.send(Message::Binary(bytes.into())).await.unwrap();
        codec::body(frame)
    }

    pub(super) async fn send_raw(&mut self, message: Message) {
        // The server may have closed meanwhile: the next read tells.
        drop(self.0.send(message).await);
    }

    /// The next frame; none when the connection was closed.
    pub(super) async fn next(&mut self) -> Option<(Frame, Vec<u8>)> {
        loop {
            match self.0.next().await? {
                Ok(Message::Binary(bytes)) => return Some(codec::decode(&bytes, 1 << 20).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next frame that `pick` wants.
    pub(super) async fn wait<T>(&mut self, mut pick: impl FnMut(Frame) -> Option<T>) -> T {
        loop {
            let (frame, _body) = self.next().await.expect("the connection lives");
            if let Some(found) = pick(frame) {
                return found;
            }
        }
    }
}

/// A device: its key, and what it has recorded.
pub(super) struct TestDevice {
    key: SigningKey,
    pub(super) device: DeviceId,
    pub(super) incarnation: Incarnation,
    lease: Lease,
    epoch: ServerEpoch,
    pub(super) next_seq: Seq,
    tail: Hash16,
    /// Everything that it has recorded, from 1 on.
    recorded: Vec<Recorded>,
}

impl TestDevice {
    /// The public half of its key.
    pub(super) fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Joins with the one-time code.
    pub(super) async fn enrol(
        addr: std::net::SocketAddr,
        code: [u8; 16],
    ) -> Result<Self, protocol::frame::Fault> {
        let key = SigningKey::from_bytes(&[7; 32]);
        let mut socket = Socket::open(addr).await;
        let mut message = b"tallyman hsp.1 enrol\0".to_vec();
        message.extend_from_slice(&code);
        let enrol = Enrol {
            code: ByteBuf::from(code),
            algorithm: KeyAlgorithm::Ed25519,
            public_key: ByteBuf::from(key.verifying_key().to_bytes()),
            signature: ByteBuf::from(key.sign(&message).to_bytes()),
            name: "H-01".to_owned(),
            model: "test".to_owned(),
        };
        socket.send(&Frame::Enrol(enrol)).await;
        let ok: EnrolOk = socket
            .wait(|frame| match frame {
                Frame::EnrolOk(ok) => Some(Ok(ok)),
                Frame::Fault(fault) => Some(Err(fault)),
                _ => None,
            })
            .await?;
        Ok(Self {
            key,
            device: ok.device,
            incarnation: ok.incarnation,
            lease: ok.lease,
            epoch: ok.epoch,
            next_seq: Seq(1),
            tail: Hash16::default(),
            recorded: Vec::new(),
        })
    }

    /// Connects, proves who it is, and takes its lease.
    pub(super) async fn connect(&mut self, addr: std::net::SocketAddr) -> (Socket, Welcome) {
        let mut socket = Socket::open(addr).await;
        let hello = Frame::Hello(Hello {
            protocol_min: 1,
            protocol_max: 1,
            app_version: "test".to_owned(),
            capabilities: capability::ALL & !capability::ORDERS,
            device: self.device,
            incarnation: self.incarnation,
            lease: self.lease.clone(),
            epoch: self.epoch,
            next_seq: self.next_seq,
            tail_hash: self.tail,
            cursor: Lsn(0),
            scope_version: 0,
            table_version: 1,
            oldest_seq: Seq(1),
            boots: Vec::new(),
            boot: Boot(1),
            sent_us: 1_000,
            pending: 0,
            oldest_pending_age_us: 0,
            battery: Some(80),
        });
        let hello_body = socket.send(&hello).await;
        let (challenge, challenge_body) = socket.next().await.expect("a challenge");
        assert!(matches!(challenge, Frame::Challenge(_)), "{challenge:?}");
        let signature = self.key.sign(&auth_digest(&hello_body, &challenge_body));
        let signature = ByteBuf::from(signature.to_bytes());
        socket.send(&Frame::Auth(Auth { signature, received_us: 2_000 })).await;
        let welcome = socket
            .wait(|frame| match frame {
                Frame::Welcome(welcome) => Some(welcome),
                other => panic!("{other:?} instead of a welcome"),
            })
            .await;
        self.lease = welcome.lease.clone();
        self.epoch = self.epoch.max(ServerEpoch(1));
        socket.send(&Frame::LeaseOk(LeaseOk { counter: self.lease.counter })).await;
        (socket, welcome)
    }

    /// Asks for everything, and reads it.
    pub(super) async fn subscribe(socket: &mut Socket) -> usize {
        socket.send(&Frame::Subscribe(Subscribe { cursor: None })).await;
        let mut n_rows = 0;
        socket
            .wait(|frame| match frame {
                Frame::SnapChunk(chunk) => {
                    n_rows += chunk.rows.len();
                    None
                }
                Frame::SnapEnd(_) => Some(()),
                _ => None,
            })
            .await;
        n_rows
    }

    /// Records `body` and sends it.
    pub(super) async fn push(
        &mut self,
        socket: &mut Socket,
        body: &Body,
        document: Option<DocumentRef>,
    ) -> Seq {
        let recorded = Recorded::new(self.envelope(document), body);
        self.push_recorded(socket, recorded).await
    }

    fn envelope(&self, document: Option<DocumentRef>) -> Envelope {
        Envelope {
            boot: Boot(1),
            mono_us: 2_000 + self.next_seq.0,
            cursor: Lsn(0),
            epoch: self.epoch,
            operator: Some(OperatorId::new("anna").unwrap()),
            document,
        }
    }

    /// Records something of a later release and sends it.
    pub(super) async fn push_of_later(&mut self, socket: &mut Socket) -> Seq {
        let envelope = self.envelope(None);
        let later =
            Recorded { envelope, kind: "teleport".to_owned(), version: 3, body: vec![0x80] };
        self.push_recorded(socket, later).await
    }

    async fn push_recorded(&mut self, socket: &mut Socket, recorded: Recorded) -> Seq {
        let seq = self.next_seq;
        self.tail = operation_hash(self.tail, seq, &recorded.to_content());
        self.next_seq = seq.next();
        self.recorded.push(recorded);
        self.push_from(socket, seq).await;
        seq
    }

    /// Sends everything from `first` on.
    pub(super) async fn push_from(&self, socket: &mut Socket, first: Seq) {
        let n = usize::try_from(first.0 - 1).unwrap();
        let (mut before, mut seq) = (Hash16::default(), Seq(1));
        for recorded in &self.recorded[..n] {
            before = operation_hash(before, seq, &recorded.to_content());
            seq = seq.next();
        }
        let (columns, bodies) = pack(&self.recorded[n..]);
        let push = Frame::Push(Push {
            incarnation: self.incarnation,
            base_seq: first,
            previous_hash: before,
            epoch: self.recorded[n].envelope.epoch,
            boots: Vec::new(),
            columns,
            bodies,
            origins: Vec::new(),
        });
        socket.send(&push).await;
    }

    /// Says that it is alive, and hears what may be forgotten.
    pub(super) async fn heartbeat(&self, socket: &mut Socket) -> HeartbeatAck {
        self.says_pending(socket, 0).await
    }

    /// The same, with so many operations that it has not sent.
    pub(super) async fn says_pending(&self, socket: &mut Socket, pending: u64) -> HeartbeatAck {
        let heartbeat = Frame::Heartbeat(Heartbeat {
            sent_us: 9_000,
            boot: Boot(1),
            applied: Lsn(0),
            pending,
            oldest_pending_us: None,
            battery: None,
            operator: None,
            sample: None,
            storage: None,
        });
        socket.send(&heartbeat).await;
        socket
            .wait(|frame| match frame {
                Frame::HeartbeatAck(ack) => Some(ack),
                _ => None,
            })
            .await
    }
}
