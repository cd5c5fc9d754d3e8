//! Passwords and PINs as argon2id verifiers, badges as SHA-256: what is stored never tells the
//! secret.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::secret;

/// The fewest characters of a password for the desk.
pub const PASSWORD_CHARACTERS_MIN: usize = 10;
/// The most bytes of a password: longer ones only cost the server time.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Memory of one verification, in KiB.
///
/// Source: OWASP Password Storage Cheat Sheet, argon2id with 19 MiB and two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Verifications at the same time: each takes [`MEMORY_KIB`] and a core.
const CONCURRENT_MAX: usize = 2;
/// Verifications that wait for one of those: beyond, the server is busy.
const WAITING_MAX: usize = 64;

/// Why a secret cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// Too short or too long.
    #[error("the password has less than 10 characters, or more than 256 bytes")]
    Password,
    /// Not 4 to 12 digits.
    #[error("the PIN is not 4 to 12 digits")]
    Pin,
    /// All digits the same, or a run.
    #[error("the PIN is too easy to guess")]
    EasyPin,
    /// Not a verifier of the form that is stored here.
    #[error("not an argon2id verifier")]
    Verifier,
    /// Not 64 hexadecimal digits.
    #[error("not a SHA-256 in hexadecimal")]
    BadgeHash,
}

impl SecretProblem {
    /// What to do, as a sentence.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Password => "Choose a password of at least 10 characters.",
            Self::Pin => "Choose a PIN of 4 to 12 digits.",
            Self::EasyPin => "Choose a PIN that is neither a row of equal digits nor a run.",
            Self::Verifier => "Give the secret in plain, or a verifier from an export.",
            Self::BadgeHash => "Give the text of the badge in plain, or 64 hexadecimal digits.",
        }
    }
}

/// Checks a password for the desk.
///
/// # Errors
///
/// [`SecretProblem::Password`].
pub fn check_password(password: &str) -> Result<(), SecretProblem> {
    let long_enough = password.chars().count() >= PASSWORD_CHARACTERS_MIN;
    let sound = long_enough && password.len() <= PASSWORD_BYTES_MAX;
    if sound { Ok(()) } else { Err(SecretProblem::Password) }
}

/// Checks a PIN for devices.
///
/// # Errors
///
/// [`SecretProblem::Pin`], [`SecretProblem::EasyPin`].
pub fn check_pin(pin: &str) -> Result<(), SecretProblem> {
    let digits = pin.as_bytes();
    if !(4..=12).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return Err(SecretProblem::Pin);
    }
    let step = |left: u8, right: u8| i16::from(right) - i16::from(left);
    let mut steps = digits.iter().zip(digits.iter().skip(1)).map(|(l, r)| step(*l, *r));
    let first = steps.next().unwrap_or_default();
    if matches!(first, -1..=1) && steps.all(|next| next == first) {
        return Err(SecretProblem::EasyPin);
    }
    Ok(())
}

/// Checks that `text` is a verifier that [`Passwords::verify`] understands.
///
/// # Errors
///
/// [`SecretProblem::Verifier`].
pub fn check_verifier(text: &str) -> Result<(), SecretProblem> {
    let hash = PasswordHash::new(text).map_err(|_malformed| SecretProblem::Verifier)?;
    let params = Params::try_from(&hash).map_err(|_malformed| SecretProblem::Verifier)?;
    let affordable = params.m_cost() <= 4 * MEMORY_KIB && params.t_cost() <= 4 * PASSES;
    let sound = hash.algorithm.as_str() == "argon2id" && hash.hash.is_some() && affordable;
    if sound { Ok(()) } else { Err(SecretProblem::Verifier) }
}

/// Checks that `text` is a SHA-256 in hexadecimal.
///
/// # Errors
///
/// [`SecretProblem::BadgeHash`].
pub fn check_badge_hash(text: &str) -> Result<(), SecretProblem> {
    secret::from_hex::<32>(text).map(|_hash| ()).ok_or(SecretProblem::BadgeHash)
}

/// SHA-256 of the text of a badge: what is stored of it.
pub fn badge_hash(badge: &str) -> [u8; 32] {
    secret::sha256(badge.as_bytes())
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The verifier of `secret`, in PHC form, with a salt of its own. Takes tens of milliseconds.
pub fn verifier(secret: &str) -> String {
    verifier_with_salt(secret, &secret::random())
}

/// As [`verifier`], with a salt that was never used for another secret: an import that is taken up
/// must say the same as before.
pub fn verifier_with_salt(secret: &str, salt: &[u8; 16]) -> String {
    let hash: PasswordHash = argon2id()
        .hash_password_with_salt(secret.as_bytes(), salt)
        .expect("the secret is short and the salt has the right length");
    hash.to_string()
}

/// Whether `verifier` is that of `secret`. Takes tens of milliseconds.
pub fn matches(secret: &str, verifier: &str) -> bool {
    if check_verifier(verifier).is_err() || secret.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    PasswordHash::new(verifier)
        .is_ok_and(|hash| argon2id().verify_password(secret.as_bytes(), &hash).is_ok())
}

/// Verifies off the event loop, a few at a time.
#[derive(Clone)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
    nobody: Arc<str>,
}

/// Too many verifications wait, or the server is going down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many secrets wait to be verified")]
pub struct Crowded;

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// With all slots free.
    pub fn new() -> Self {
        let nobody = verifier(&secret::token());
        Self {
            slots: Arc::new(Semaphore::new(CONCURRENT_MAX)),
            places: Arc::new(Semaphore::new(CONCURRENT_MAX + WAITING_MAX)),
            nobody: nobody.into(),
        }
    }

    /// Whether `verifier` is that of `secret`. Without a verifier the same work is done and the
    /// answer is no: the time that it takes does not tell whether a person exists.
    ///
    /// # Errors
    ///
    /// [`Crowded`].
    pub async fn verify(&self, secret: String, verifier: Option<String>) -> Result<bool, Crowded> {
        let exists = verifier.as_ref().is_some_and(|verifier| !verifier.is_empty());
        let verifier = verifier.filter(|_| exists).unwrap_or_else(|| self.nobody.to_string());
        let matched = self.run(move || matches(&secret, &verifier)).await?;
        Ok(matched && exists)
    }

    /// The verifier of `secret`.
    ///
    /// # Errors
    ///
    /// [`Crowded`].
    pub async fn verifier(&self, secret: String) -> Result<String, Crowded> {
        self.run(move || verifier(&secret)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Crowded> {
        let _place = self.places.try_acquire().map_err(|_none_left| Crowded)?;
        let _slot = self.slots.acquire().await.map_err(|_closed| Crowded)?;
        tokio::task::spawn_blocking(work).await.map_err(|_ended| Crowded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_matches_its_verifier() {
        let stored = verifier("correct horse");
        check_verifier(&stored).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(matches("correct horse", &stored));
        assert!(!matches("correct horsf", &stored));
        assert_ne!(stored, verifier("correct horse"), "each verifier has a salt of its own");
    }

    #[test]
    fn a_verifier_that_is_foreign_or_too_expensive_is_refused() {
        for bad in ["", "plain", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAA"] {
            assert_eq!(check_verifier(bad), Err(SecretProblem::Verifier), "{bad}");
        }
        let costly = verifier("x").replace("m=19456", "m=4194304");
        assert_eq!(check_verifier(&costly), Err(SecretProblem::Verifier));
    }

    #[test]
    fn easy_pins_are_refused() {
        for easy in ["0000", "1234", "987654"] {
            assert_eq!(check_pin(easy), Err(SecretProblem::EasyPin), "{easy}");
        }
        for bad in ["123", "12345678901234", "12a4", "１２３４"] {
            assert_eq!(check_pin(bad), Err(SecretProblem::Pin), "{bad}");
        }
        assert_eq!(check_pin("4711"), Ok(()));
        assert_eq!(check_pin("1357"), Ok(()));
    }

    #[tokio::test]
    async fn nobody_is_verified_with_the_same_work_and_never_matches() {
        let passwords = Passwords::new();
        assert_eq!(passwords.verify("x".to_owned(), None).await, Ok(false));
        assert_eq!(passwords.verify(String::new(), Some(String::new())).await, Ok(false));
        let stored = passwords.verifier("correct horse".to_owned()).await.unwrap();
        assert_eq!(passwords.verify("correct horse".to_owned(), Some(stored)).await, Ok(true));
    }

    #[tokio::test]
    async fn a_flood_of_tries_is_turned_away_instead_of_queued() {
        let passwords = Passwords::new();
        let _all = passwords.places.acquire_many(66).await.unwrap();
        assert_eq!(passwords.verify("x".to_owned(), None).await, Err(Crowded));
    }
}
