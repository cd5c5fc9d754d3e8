//! The enrolment code that a desk shows as a QR and a new device scans: where the server is, how
//! to know it, and the one-time code that proves the invitation.
//!
//! `TALLYMAN1:{url}#{ticket}`, where the ticket is the base64url (without padding) of a MessagePack
//! map. The device connects to `url`, accepts only the certificate whose pin is in the ticket, and
//! sends [`crate::frame::Enrol`] with the code.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

use crate::frame::shape::{self, Shape};
use crate::identity::ServerTime;
use crate::words::SiteCode;

/// What stands in front of every enrolment code; the digit is its version.
pub const PREFIX: &str = "TALLYMAN1:";

/// The most bytes that an enrolment code may have: more does not fit a QR that reads easily.
pub const INVITATION_BYTES_MAX: usize = 600;

/// Why a text is not an enrolment code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It does not start with [`PREFIX`].
    #[error("not an enrolment code of this version")]
    Prefix,
    /// The address is missing, or is neither `http://` nor `https://`.
    #[error("the address in the enrolment code cannot be used")]
    Url,
    /// What stands behind the `#` was cut off or changed.
    #[error("the enrolment code is damaged")]
    Ticket,
}

/// The six digits by which two people see that a device and a desk speak of the same key, in two
/// groups of three: of SHA-256 over `"tallyman hsp.1 compare" ‖ 0 ‖ public key` the first eight bytes
/// as a number, big endian, modulo a million.
pub fn comparison(public_key: &[u8]) -> String {
    let mut message = b"tallyman hsp.1 compare\0".to_vec();
    message.extend_from_slice(public_key);
    let digest = Sha256::digest(&message);
    let number = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let digits = number % 1_000_000;
    format!("{:03} {:03}", digits.div_euclid(1_000), digits % 1_000)
}

/// An invitation to become a device of a company. `Debug` hides the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the server is: `https://host:port` or `http://host:port`, without a path.
    pub url: String,
    /// Which server it is, whatever its address.
    pub server: [u8; 16],
    /// SHA-256 of its certificate (DER); none where it listens without TLS.
    pub pin: Option<[u8; 32]>,
    /// The one-time code.
    pub code: [u8; 16],
    /// The site that the device will work in.
    pub site: SiteCode,
    /// Until when the code may be used.
    pub expires: ServerTime,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Ticket {
    #[serde(rename = "s")]
    server: ByteBuf,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pin: Option<ByteBuf>,
    #[serde(rename = "t")]
    code: ByteBuf,
    #[serde(rename = "si")]
    site: SiteCode,
    #[serde(rename = "x")]
    expires: ServerTime,
}

fn is_address(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty())
        && !url.contains(|c: char| c == '#' || c.is_control() || c.is_whitespace())
}

fn exact<const N: usize>(bytes: &ByteBuf) -> Result<[u8; N], InvitationError> {
    let bytes: &[u8] = bytes;
    bytes.try_into().map_err(|_length| InvitationError::Ticket)
}

impl Invitation {
    /// The text of the enrolment code.
    ///
    /// # Errors
    ///
    /// [`InvitationError::Url`]: the address would not read back.
    pub fn encode(&self) -> Result<String, InvitationError> {
        if !is_address(&self.url) {
            return Err(InvitationError::Url);
        }
        let ticket = Ticket {
            server: ByteBuf::from(self.server),
            pin: self.pin.map(ByteBuf::from),
            code: ByteBuf::from(self.code),
            site: self.site.clone(),
            expires: self.expires,
        };
        let bytes = rmp_serde::to_vec_named(&ticket).expect("writing to memory cannot fail");
        Ok(format!("{PREFIX}{}#{}", self.url, BASE64URL_NOPAD.encode(&bytes)))
    }

    /// The WebSocket address of the sync endpoint: `wss://host:port/sync`, or `ws://` without TLS.
    pub fn sync_url(&self) -> String {
        sync_url(&self.url)
    }
}

/// The WebSocket address of the sync endpoint of the server at `url`.
pub fn sync_url(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.strip_prefix("https://") {
        Some(host) => format!("wss://{host}/sync"),
        None => format!("ws://{}/sync", url.strip_prefix("http://").unwrap_or(url)),
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(InvitationError::Prefix)?;
        if text.len() > INVITATION_BYTES_MAX {
            return Err(InvitationError::Ticket);
        }
        let (url, ticket) = rest.rsplit_once('#').ok_or(InvitationError::Ticket)?;
        if !is_address(url) {
            return Err(InvitationError::Url);
        }
        let bytes = BASE64URL_NOPAD
            .decode(ticket.as_bytes())
            .map_err(|_not_base64| InvitationError::Ticket)?;
        let ticket: Ticket = shape::read(&bytes, &Shape::OF_DEVICES)
            .map_err(|_not_a_ticket| InvitationError::Ticket)?;
        Ok(Self {
            url: url.to_owned(),
            server: exact(&ticket.server)?,
            pin: ticket.pin.as_ref().map(exact).transpose()?,
            code: exact(&ticket.code)?,
            site: ticket.site,
            expires: ticket.expires,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation() -> Invitation {
        Invitation {
            url: "https://10.0.0.5:8443".to_owned(),
            server: [7; 16],
            pin: Some([9; 32]),
            code: [3; 16],
            site: SiteCode::new("HALL-2").unwrap(),
            expires: ServerTime(1_795_000_000_000_000),
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for pin in [None, Some([9; 32])] {
            let shown = Invitation { pin, ..invitation() };
            let text = shown.encode().unwrap();
            assert!(text.len() < 300, "{} characters make a large QR", text.len());
            assert_eq!(text.parse(), Ok(shown));
        }
    }

    #[test]
    fn the_digits_of_a_key_are_always_the_same_six() {
        assert_eq!(comparison(&[7; 32]), "583 884");
        assert_ne!(comparison(&[8; 32]), comparison(&[7; 32]));
    }

    #[test]
    fn a_damaged_code_is_refused() {
        let text = invitation().encode().unwrap();
        let cut = text.get(..text.len() - 4).unwrap();
        assert_eq!(cut.parse::<Invitation>(), Err(InvitationError::Ticket));
        assert_eq!("TALLYMAN2:x".parse::<Invitation>(), Err(InvitationError::Prefix));
        let other = text.replace("https://", "ftp://");
        assert_eq!(other.parse::<Invitation>(), Err(InvitationError::Url));
        let long = format!("{text}{}", "A".repeat(INVITATION_BYTES_MAX));
        assert_eq!(long.parse::<Invitation>(), Err(InvitationError::Ticket));
    }

    #[test]
    fn debug_never_shows_the_code() {
        let shown = format!("{:?}", invitation());
        assert!(shown.contains("10.0.0.5") && !shown.contains("code"), "{shown}");
    }

    #[test]
    fn the_sync_address_follows_the_scheme() {
        assert_eq!(invitation().sync_url(), "wss://10.0.0.5:8443/sync");
        assert_eq!(sync_url("http://localhost:8080/"), "ws://localhost:8080/sync");
    }
}
