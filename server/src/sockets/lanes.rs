//! What is written next (SYNC 2.6): answers overtake the feed, the feed overtakes pictures; within
//! each the order stays. So whoever waits for an acknowledgement waits for one message at most.

use std::collections::VecDeque;
use std::sync::Arc;

use server_core::session::wire::{Compression, Message};

/// Frames that wait for nobody: ACK, NACK, HB_ACK, RESULT. They say how far something is, so it
/// does not matter what they overtake.
const ANSWERS: [u8; 4] = [0x21, 0x22, 0x41, 0x3C];
/// Frames that everything else overtakes: pictures and their answers.
const PICTURES: [u8; 2] = [0x23, 0x24];

/// A message and how it is encoded.
pub(super) type Waiting = (Arc<Message>, Compression);

/// The messages that wait for one socket.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    answers: VecDeque<Waiting>,
    /// The conversation and the feed: their order is part of what they say.
    in_order: VecDeque<Waiting>,
    pictures: VecDeque<Waiting>,
}

impl Lanes {
    pub(super) fn put(&mut self, (message, compression): Waiting) {
        let number = message.bytes(compression).first().copied().unwrap_or_default();
        let lane = if ANSWERS.contains(&number) {
            &mut self.answers
        } else if PICTURES.contains(&number) {
            &mut self.pictures
        } else {
            &mut self.in_order
        };
        lane.push_back((message, compression));
    }

    pub(super) fn next(&mut self) -> Option<Waiting> {
        let next = self.answers.pop_front().or_else(|| self.in_order.pop_front());
        next.or_else(|| self.pictures.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.in_order.is_empty() && self.pictures.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use protocol::frame::{Ack, Bye, Delta, Frame, SnapChunk, SnapEnd};
    use protocol::identity::{Hash16, IntakeNo, Lsn, Seq};

    use super::*;

    fn put(lanes: &mut Lanes, frame: Frame) {
        lanes.put((Arc::new(Message::new(frame)), Compression::None));
    }

    #[test]
    fn an_acknowledgement_overtakes_a_snapshot_and_the_snapshot_stays_in_order() {
        let mut lanes = Lanes::default();
        for index in 0..3 {
            let rows = Vec::new();
            put(&mut lanes, Frame::SnapChunk(SnapChunk { snapshot: 1, index, rows }));
        }
        put(&mut lanes, Frame::SnapEnd(SnapEnd { snapshot: 1, lsn: Lsn(4) }));
        put(&mut lanes, Frame::Delta(Delta { from: Lsn(4), to: Lsn(5), groups: Vec::new() }));
        let ack = Ack {
            accepted_seq: Seq(1),
            accepted_hash: Hash16::default(),
            chain_no: IntakeNo(1),
            chain_head: Hash16::default(),
            safe_seq: Seq(0),
            head: Lsn(5),
        };
        put(&mut lanes, Frame::Ack(ack));
        put(&mut lanes, Frame::Bye(Bye { reason: "so long".to_owned() }));
        let mut names = Vec::new();
        while let Some((message, _compression)) = lanes.next() {
            names.push(message.frame().name());
        }
        let expected =
            ["ACK", "SNAP_CHUNK", "SNAP_CHUNK", "SNAP_CHUNK", "SNAP_END", "DELTA", "BYE"];
        assert_eq!(names, expected);
        assert!(lanes.is_empty());
    }
}
