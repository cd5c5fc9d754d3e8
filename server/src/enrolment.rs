//! Enrolment codes: made at a desk, shown as a QR and as text, used once by a new device.

use protocol::enrolment::{Invitation, InvitationError};
use protocol::identity::ServerTime;
use protocol::words::SiteCode;
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};

use crate::secret;

/// How long a code may be used, in microseconds: ten minutes.
pub const VALID_US: i64 = 10 * 60 * 1_000_000;

/// How devices find and know this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `https://host:port`, or `http://host:port` without TLS.
    pub url: String,
    /// Which server it is, whatever its address.
    pub server: [u8; 16],
    /// SHA-256 of its certificate; none without TLS.
    pub pin: Option<[u8; 32]>,
}

/// A new code: show it, and store its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// The code with everything around it.
    pub invitation: Invitation,
    /// SHA-256 of the one-time code: what the server keeps of it.
    pub hash: [u8; 32],
}

/// Makes a code for `site`, valid from `now` for [`VALID_US`].
pub fn make(address: &Address, site: SiteCode, now: ServerTime) -> NewCode {
    let code: [u8; 16] = secret::random();
    let invitation = Invitation {
        url: address.url.clone(),
        server: address.server,
        pin: address.pin,
        code,
        site,
        expires: now.plus_us(VALID_US),
    };
    NewCode { hash: secret::sha256(&code), invitation }
}

/// The text of a code, and the same as a QR in SVG.
///
/// # Errors
///
/// [`InvitationError`]: the public address of the server is not usable.
pub fn show(invitation: &Invitation) -> Result<(String, String), InvitationError> {
    let text = invitation.encode()?;
    let svg = qr_svg(&text).ok_or(InvitationError::Url)?;
    Ok((text, svg))
}

/// `text` as a QR in SVG, scaling with its box; none when it is too long.
pub fn qr_svg(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(256, 256)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // The declaration in front of the element may not stand inside a page.
    Some(svg.split_once("?>").map_or(svg.clone(), |(_declaration, rest)| rest.to_owned()))
}

/// `text` as a QR in characters, two rows of it in each line, with its quiet zone; none when it is
/// too long. To be shown dark on light.
pub fn qr_text(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    Some(code.render::<unicode::Dense1x2>().quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_and_only_its_hash_is_kept() {
        let address = Address {
            url: "https://wms.example:8443".to_owned(),
            server: [1; 16],
            pin: Some([2; 32]),
        };
        let now = ServerTime(1_000);
        let site = SiteCode::new("HALL").unwrap();
        let made = make(&address, site.clone(), now);
        let (text, svg) = show(&made.invitation).unwrap();
        let read: Invitation = text.parse().unwrap();
        assert_eq!(read, made.invitation);
        assert_eq!(made.hash, secret::sha256(&read.code));
        assert_eq!(read.expires.us_since(now), VALID_US);
        assert!(svg.starts_with("<svg"), "{}", &svg[..40]);
        assert_ne!(make(&address, site, now).hash, made.hash);
    }
}
