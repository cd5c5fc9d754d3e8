//! Whose turn it is between the server and a peer that has not shown who it is: a stranger's time
//! runs while the next word is its own, and who waits outside waits while it is ours.

use tokio::sync::watch;

use super::admission::Seat;

/// How a peer stands with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A stranger, and the next word is ours.
    Owed,
    /// A stranger, and the next word is its own.
    Asked,
    /// It is who it says.
    Known,
}

/// A peer that was admitted, for both halves of its connection.
#[derive(Debug)]
pub(super) struct Peer {
    seat: Seat,
    standing: watch::Sender<Standing>,
}

impl Peer {
    /// Who was admitted on its first word.
    pub(super) fn new(seat: Seat) -> Self {
        Self { seat, standing: watch::Sender::new(Standing::Owed) }
    }

    /// Its standing now, and each later one.
    pub(super) fn watch(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// It said something.
    pub(super) fn spoke(&self) {
        if self.change(Standing::Asked, Standing::Owed) {
            self.seat.owes();
        }
    }

    /// Something was written to it.
    pub(super) fn answered(&self) {
        if self.change(Standing::Owed, Standing::Asked) {
            self.seat.answered();
        }
    }

    /// It has shown who it is.
    pub(super) fn known(&self) {
        self.standing.send_replace(Standing::Known);
        self.seat.known();
    }

    fn change(&self, from: Standing, to: Standing) -> bool {
        self.standing.send_if_modified(|standing| {
            let is_from = *standing == from;
            if is_from {
                *standing = to;
            }
            is_from
        })
    }
}
