//! Whose device this is, and who has it in hand.

use device_core::capture::Signal;
use device_core::engine::{LOOKED_BACK_MAX, OperationState, SignInError, SignInWith, is_step};
use protocol::enrolment::Invitation;
use protocol::outcome::Argument;
use protocol::text::screens;
use protocol::words::OperatorId;

use super::desk::Remark;
use super::flow::leave;
use super::{Answer, App, Desk};
use crate::words::with_number;

impl App {
    pub(super) fn enrol(&self, desk: &mut Desk, text: &str) -> Answer {
        let Ok(mut invitation) = text.trim().parse::<Invitation>() else {
            return self.refuse(desk, "enrol-bad");
        };
        if let Some(server) = &self.server {
            invitation.url.clone_from(server);
        }
        desk.is_enrolling = true;
        self.device.begin_enrolment(invitation);
        Answer::of(Signal::Good)
    }

    pub(super) fn name(&self, desk: &mut Desk, text: &str) -> Answer {
        let row = OperatorId::new(text)
            .ok()
            .and_then(|id| self.people().into_iter().find(|row| row.operator == id));
        match row {
            Some(row) => propose(desk, SignInWith::Name(row.operator), &row.name),
            None => self.refuse(desk, "sign-in-unknown"),
        }
    }

    pub(super) fn sign_in(&self, desk: &mut Desk, pin: &str) -> Answer {
        let Some((with, _name)) = desk.candidate.clone() else {
            return self.refuse(desk, "sign-in-badge");
        };
        let mut signed_in = self.device.sign_in(&with, pin.trim());
        // The text of a badge may have been given to the server with what is printed before it.
        if let (Err(SignInError::Unknown), SignInWith::Badge(badge)) = (&signed_in, &with) {
            let printed = SignInWith::Badge(format!("U:{badge}"));
            signed_in = self.device.sign_in(&printed, pin.trim());
        }
        match signed_in {
            Ok(_row) => {
                desk.candidate = None;
                desk.language = None;
                desk.seen.clear();
                desk.remark = self.unsent_of_others(desk);
                Answer::of(Signal::Complete)
            }
            Err(SignInError::Record(error)) => self.not_recorded(desk, &error),
            Err(error) => {
                let text = match error {
                    SignInError::Unknown => "sign-in-unknown",
                    SignInError::Locked => "sign-in-locked",
                    SignInError::Expired => "sign-in-expired",
                    _ => "sign-in-wrong",
                };
                if !matches!(error, SignInError::WrongPin { .. }) {
                    desk.candidate = None;
                }
                self.refuse(desk, text)
            }
        }
    }

    /// What others did with this device and is only here: whoever takes it over brings it to the server.
    fn unsent_of_others(&self, desk: &Desk) -> Option<Remark> {
        let me = self.device.operator();
        let list = self.device.operations(LOOKED_BACK_MAX).unwrap_or_default();
        let unsent = list.iter().filter(|listed| {
            listed.state == OperationState::SavedHere
                && listed.envelope.operator.is_some()
                && listed.envelope.operator != me
                && listed.body.as_ref().is_some_and(is_step)
        });
        let authors: Vec<_> =
            unsent.filter_map(|listed| listed.envelope.operator.as_ref()).collect();
        let (first, language) = (authors.first()?, self.language(desk));
        let n = u64::try_from(authors.len()).unwrap_or(u64::MAX);
        let text = if authors.iter().any(|author| author != first) {
            with_number("unsent-of-others", "n", n, language)
        } else {
            let row = self.people().into_iter().find(|row| row.operator == **first);
            let name = row.map_or_else(|| first.to_string(), |row| row.name);
            let n = Argument::Number(i64::try_from(n).unwrap_or(i64::MAX));
            let arguments = [("n", &n), ("operator", &Argument::Word(name))];
            screens::sentence("unsent-of-one", arguments, language)
        };
        Some(Remark { signal: Signal::Quiet, text })
    }

    pub(super) fn sign_out(&self, desk: &mut Desk) -> Answer {
        leave(desk);
        // Who comes next hears of it, as long as something is still to be sent for it.
        let restored = desk.restored.filter(|_any| self.device.status().n_unsent > 0);
        match self.device.sign_out() {
            Ok(()) => {
                *desk = Desk { location: desk.location.take(), restored, ..Desk::default() };
                Answer::of(Signal::Complete)
            }
            Err(error) => self.not_recorded(desk, &error),
        }
    }
}

pub(super) fn propose(desk: &mut Desk, with: SignInWith, name: &str) -> Answer {
    desk.candidate = Some((with, name.to_owned()));
    Answer::of(Signal::Good)
}

/// A badge holds a secret: only its last two characters are shown.
pub(super) fn badge_name(badge: &str) -> String {
    let n = badge.chars().count();
    format!("…{}", badge.chars().skip(n.saturating_sub(2)).collect::<String>())
}
