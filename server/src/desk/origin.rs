//! Cross-site requests: a method that changes something is taken only from our own pages, or from a
//! program that is no browser.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::problem::Problem;

/// Whether a request with these headers may change something.
///
/// `Sec-Fetch-Site` is what browsers say themselves and pages cannot forge; where it is missing,
/// `Origin` must name the host that was asked. A request with neither is from no browser: it has
/// no cookie that somebody else could borrow.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return !headers.contains_key("origin") };
    let host = text("host").unwrap_or_default();
    let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    !host.is_empty() && named == Some(host)
}

/// Refuses cross-site requests with a method that changes something.
pub async fn guard(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || is_own(request.headers()) {
        next.run(request).await
    } else {
        let path = request.uri().path();
        let from = request.headers().get(header::ORIGIN);
        tracing::warn!(path, ?from, "a cross-site request was refused");
        Problem::cross_site().into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_our_own_pages_and_programs_may_change_something() {
        let host = ("host", "wms:8443");
        assert!(is_own(&headers(&[host])));
        assert!(is_own(&headers(&[host, ("origin", "https://wms:8443")])));
        assert!(is_own(&headers(&[host, ("sec-fetch-site", "same-origin")])));
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "https://wms:8443.evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!is_own(&headers(&[host, (name, value)])), "{name}: {value}");
        }
        assert!(!is_own(&headers(&[
            host,
            ("origin", "https://wms:8443"),
            ("sec-fetch-site", "cross-site")
        ])));
    }
}
