//! Enrolment codes: made at a desk, shown as a QR and as text, used once by a new device.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use axum::http::uri::Authority;
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
    /// Nobody has said that devices find it there.
    pub is_guess: bool,
}

impl Address {
    /// The address of a server that listens at `addr` and was told no other. One that listens on
    /// all addresses of its machine takes the one by which that reaches the network; it is a guess.
    pub fn of_listener(scheme: &str, addr: SocketAddr) -> (String, bool) {
        let is_guess = addr.ip().is_unspecified();
        let ip = if is_guess { outward(addr.ip()).unwrap_or(addr.ip()) } else { addr.ip() };
        (format!("{scheme}://{}", SocketAddr::new(ip, addr.port())), is_guess)
    }

    /// The same server, at the host that somebody has asked it by: who makes a code in a browser
    /// has found it there. Only where its own address is a guess.
    #[must_use]
    pub fn asked_by(&self, host: Option<&str>) -> Self {
        let host = host.filter(|_host| self.is_guess).and_then(|host| host.parse().ok());
        let Some(host) = host.filter(|host: &Authority| is_somewhere(host)) else {
            return self.clone();
        };
        let (scheme, _own) = self.url.split_once("://").unwrap_or(("https", ""));
        Self { url: format!("{scheme}://{host}"), ..self.clone() }
    }

    /// Whether a device could connect to it.
    pub fn is_usable(&self) -> bool {
        let (_scheme, host) = self.url.split_once("://").unwrap_or_default();
        !self.is_guess || host.parse().is_ok_and(|host| is_somewhere(&host))
    }
}

/// Whether it names a machine, and not all addresses of one.
fn is_somewhere(host: &Authority) -> bool {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    !name.is_empty() && !name.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified())
}

/// The address by which this machine reaches the network. Nothing is sent: connecting a datagram
/// socket only asks the system for the way. The addresses are those of documentation (RFC 5737, RFC
/// 3849), which lead nowhere but out.
fn outward(any: IpAddr) -> Option<IpAddr> {
    let way = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
    };
    let four = || way("0.0.0.0:0", "192.0.2.1:9");
    if any.is_ipv6() { four().or_else(|| way("[::]:0", "[2001:db8::1]:9")) } else { four() }
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
            is_guess: false,
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

    fn listener(listen: &str) -> Address {
        let (url, is_guess) = Address::of_listener("https", listen.parse().unwrap());
        Address { url, server: [1; 16], pin: None, is_guess }
    }

    #[test]
    fn a_server_on_all_addresses_is_where_it_was_asked() {
        for listen in ["0.0.0.0:8480", "[::]:8480"] {
            let guessed = listener(listen);
            assert!(guessed.is_guess);
            let url = |host| guessed.asked_by(Some(host)).url;
            assert_eq!(url("wms.example:9000"), "https://wms.example:9000");
            assert_eq!(url("192.0.2.7:8480"), "https://192.0.2.7:8480");
            assert_eq!(url("[2001:db8::7]:8480"), "https://[2001:db8::7]:8480");
            assert!(guessed.asked_by(Some("wms.example")).is_usable());
            for nowhere in ["0.0.0.0:8480", "[::]:8480", "", "a/b", "a b", "x?y"] {
                assert_eq!(url(nowhere), guessed.url, "{nowhere}");
            }
            assert_eq!(guessed.asked_by(None), guessed);
            // Whether this machine has a network or not: all addresses are none.
            assert_eq!(guessed.is_usable(), !guessed.url.contains(listen), "{}", guessed.url);
        }
    }

    #[test]
    fn an_address_that_somebody_named_stays() {
        let named = listener("127.0.0.1:8480");
        assert_eq!((named.url.as_str(), named.is_guess), ("https://127.0.0.1:8480", false));
        assert_eq!(named.asked_by(Some("wms.example")), named);
        assert!(named.is_usable());
    }
}
