//! Who holds the device: signing in without the server.

use std::collections::BTreeMap;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use protocol::feed::{OperatorRow, Role};
use protocol::identity::ServerTime;
use protocol::operation::{Body, Nothing, SignIn, SignInMethod};
use protocol::words::OperatorId;
use sha2::{Digest as _, Sha256};

use super::{Action, DeviceCore, Moment, News, RecordError, Work};
use crate::session::LinkState;
use crate::store::StoreError;

/// After so many wrong PINs a person is locked on this device until the server was reached.
pub const WRONG_PINS_MAX: u32 = 5;

/// What is known of the people who use this device.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    /// Who has the device.
    pub(super) operator: Option<OperatorId>,
    /// Wrong PINs since the last contact with the server.
    pub(super) wrong_pins: BTreeMap<OperatorId, u32>,
    /// The latest server time that was ever known here.
    pub(super) server_time: ServerTime,
}

/// How a person says who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum SignInWith {
    /// The text of the badge.
    Badge(String),
    /// Chosen from the list.
    Name(OperatorId),
}

impl std::fmt::Debug for SignInWith {
    /// The text of a badge is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Badge(_) => f.write_str("Badge"),
            Self::Name(operator) => f.debug_tuple("Name").field(operator).finish(),
        }
    }
}

/// Why a person cannot sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Nobody of this site has this badge or name.
    #[error("this badge is not known here")]
    Unknown,
    /// The PIN is wrong.
    #[error("the PIN is wrong, {tries_left} tries left")]
    WrongPin {
        /// How many wrong PINs are left before the person is locked.
        tries_left: u32,
    },
    /// Too many wrong PINs.
    #[error("too many wrong PINs: locked on this device until it is online")]
    Locked,
    /// The server was not reached for too long.
    #[error("this person's offline permission has ended: go online once")]
    Expired,
    /// The replica cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing in could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl DeviceCore {
    /// Signs a person in, also without the server, and records it.
    ///
    /// # Errors
    ///
    /// [`SignInError`]: whoever had the device before still has it.
    pub fn sign_in(
        &mut self,
        at: Moment,
        with: &SignInWith,
        pin: &str,
    ) -> Result<(OperatorRow, Vec<Action>), SignInError> {
        let (row, method) = match with {
            SignInWith::Badge(text) => {
                let hash = Sha256::digest(text.as_bytes());
                (self.replica.operator_by_badge(&hash)?, SignInMethod::BadgeAndPin)
            }
            SignInWith::Name(name) => (self.replica.operator(name)?, SignInMethod::NameAndPin),
        };
        let row = row.ok_or(SignInError::Unknown)?;
        let n_wrong = self.people.wrong_pins.get(&row.operator).copied().unwrap_or(0);
        if n_wrong >= WRONG_PINS_MAX {
            return Err(SignInError::Locked);
        }
        if self.server_time(at.mono_us) > row.valid_until {
            return Err(SignInError::Expired);
        }
        if !is_right(&row.pin_verifier, pin) {
            return Err(self.count_wrong_pin(&row.operator, n_wrong));
        }
        self.people.wrong_pins.remove(&row.operator);
        let before = self.people.operator.replace(row.operator.clone());
        let online = self.session.state().link() == LinkState::Online;
        let work = Work { body: Body::SignIn(SignIn { method, online }), document: None };
        match self.record(at, &work) {
            Ok((_name, mut actions)) => {
                self.note_operator(&mut actions);
                Ok((row, actions))
            }
            Err(error) => {
                self.people.operator = before;
                Err(error.into())
            }
        }
    }

    /// Takes the device from whoever has it, and records it.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: the person is still signed in.
    pub fn sign_out(&mut self, at: Moment) -> Result<Vec<Action>, RecordError> {
        if self.people.operator.is_none() {
            return Ok(Vec::new());
        }
        let work = Work { body: Body::SignOut(Nothing {}), document: None };
        let (_name, mut actions) = self.record(at, &work)?;
        self.people.operator = None;
        self.note_operator(&mut actions);
        Ok(actions)
    }

    /// Whether whoever has the device decides here, as far as the rows say.
    pub fn is_supervisor(&self) -> bool {
        let row = self.people.operator.as_ref().map(|who| self.replica.operator(who));
        let roles = row.and_then(Result::ok).flatten().map(|row| row.roles).unwrap_or_default();
        roles.iter().any(|role| matches!(role, Role::Supervisor | Role::Administrator))
    }

    /// Who has the device.
    pub fn operator(&self) -> Option<&OperatorId> {
        self.people.operator.as_ref()
    }

    /// The server's time now, as well as this device can know it: never less than the latest one
    /// that it ever heard.
    pub fn server_time(&self, mono_us: u64) -> ServerTime {
        let heard = self.people.server_time.max(self.replica.as_of());
        self.clock.server_time(mono_us).map_or(heard, |now| now.max(heard))
    }

    fn note_operator(&mut self, actions: &mut Vec<Action>) {
        self.news.push(News::Operator(self.people.operator.clone()));
        self.save_state();
        self.tell(actions);
    }

    fn count_wrong_pin(&mut self, operator: &OperatorId, n_wrong: u32) -> SignInError {
        let n_wrong = n_wrong.saturating_add(1);
        self.people.wrong_pins.insert(operator.clone(), n_wrong);
        // On the disk before the answer: starting the app again gives no further tries.
        self.save_state();
        match WRONG_PINS_MAX.saturating_sub(n_wrong) {
            0 => SignInError::Locked,
            tries_left => SignInError::WrongPin { tries_left },
        }
    }
}

/// Whether `pin` is the one behind `verifier`, an Argon2id hash in PHC form.
fn is_right(verifier: &str, pin: &str) -> bool {
    PasswordHash::new(verifier)
        .is_ok_and(|hash| Argon2::default().verify_password(pin.as_bytes(), &hash).is_ok())
}
