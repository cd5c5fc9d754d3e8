//! The first administrator: named through a one-time link that stands in the server's log. There is
//! no default password.

use std::sync::{Mutex, PoisonError};

use crate::secret;

/// The one-time link of this start of the server. It is not stored: a new start makes a new one.
#[derive(Debug, Default)]
pub struct FirstLink(Mutex<Option<[u8; 32]>>);

impl FirstLink {
    /// No link: the company has an administrator.
    pub fn none() -> Self {
        Self::default()
    }

    /// A new link, and its token to be shown once.
    pub fn make() -> (Self, String) {
        let token = secret::token();
        (Self(Mutex::new(Some(secret::sha256(token.as_bytes())))), token)
    }

    /// Whether `token` is that of the link.
    pub fn is_open(&self, token: &str) -> bool {
        let hash = secret::sha256(token.as_bytes());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(hash)
    }

    /// Whether there is a link that nobody has used.
    pub fn is_waiting(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes the link for `token`: whoever gets it names the administrator, nobody else does.
    pub fn take(&self, token: &str) -> Option<FirstRight<'_>> {
        let hash = secret::sha256(token.as_bytes());
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *link != Some(hash) {
            return None;
        }
        *link = None;
        Some(FirstRight { link: self, hash, used: false })
    }
}

/// The right to name the first administrator. When it is dropped unused, the link works again.
#[derive(Debug)]
pub struct FirstRight<'a> {
    link: &'a FirstLink,
    hash: [u8; 32],
    used: bool,
}

impl FirstRight<'_> {
    /// The administrator is named.
    pub fn used(mut self) {
        self.used = true;
    }
}

impl Drop for FirstRight<'_> {
    fn drop(&mut self) {
        if !self.used {
            let mut link = self.link.0.lock().unwrap_or_else(PoisonError::into_inner);
            *link = Some(self.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_again_when_naming_failed() {
        let (link, token) = FirstLink::make();
        assert!(link.take("guess").is_none());
        let right = link.take(&token).unwrap();
        assert!(link.take(&token).is_none(), "two people cannot hold it at the same time");
        drop(right);
        assert!(link.is_open(&token));
        link.take(&token).unwrap().used();
        assert!(!link.is_open(&token) && !link.is_waiting());
        assert!(FirstLink::none().take("").is_none());
    }
}
