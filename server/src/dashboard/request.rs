//! From a request to what a page needs: who asks, how they like it, and the filters.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono_tz::Tz;
use ledger::key::KeyRange;
use ledger::schema::book::{Companies, Heads};
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables};
use protocol::text::Language;

use super::context::{PageContext, Person, Theme};
use super::present::devices_now;
use super::query::Query;
use super::shell;
use crate::api::problem::language_of;
use crate::desk::session::{self, SignedIn};
use crate::state::AppState;

/// The cookie that keeps the language, when a person chose another one than that of the card.
pub const LANGUAGE: &str = "tallyman_language";
/// The cookie that keeps the colours.
pub const THEME: &str = "tallyman_theme";
/// The cookie that keeps whether single letters are keys.
pub const KEYS: &str = "tallyman_keys";

/// Path and filters of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path, percent-encoded.
    pub path: String,
    /// What stands behind the question mark.
    pub query: Query,
    /// Both, as they were asked for.
    pub address: String,
}

impl Asked {
    /// What `uri` asks for; without `prefix`.
    pub fn of(uri: &axum::http::Uri, prefix: &str) -> Self {
        let path = uri.path().strip_prefix(prefix).unwrap_or(uri.path()).to_owned();
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let query = Query::new(pairs.map(|pairs| pairs.0).unwrap_or_default());
        let address = query.address(&path);
        Self { path, query, address }
    }
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _app: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, ""))
    }
}

/// Who asks, and how they like their pages. Holds no snapshot.
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    token: Option<String>,
    language: Option<Language>,
    asked_language: Language,
    theme: Theme,
    single_keys: bool,
}

fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let pairs = cookies.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _value)| *name == wanted)
        .map(|(_name, value)| value.to_owned())
}

impl Preferences {
    /// What the headers of a request say.
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            token: session::token_of(headers).map(str::to_owned),
            language: cookie(headers, LANGUAGE).as_deref().map(Language::from_tag),
            asked_language: language_of(headers),
            theme: Theme::named(&cookie(headers, THEME).unwrap_or_default()),
            single_keys: cookie(headers, KEYS).as_deref() != Some("off"),
        }
    }

    /// Who asks; none when nobody is signed in.
    pub fn signed_in(&self, app: &AppState, view: &dyn Tables) -> Option<SignedIn> {
        session::signed_in(view, self.token.as_deref()?, app.company().now())
    }

    /// The context of a page for nobody in particular.
    pub fn anonymous(&self, app: &AppState, view: &dyn Tables) -> PageContext {
        let company = view.row::<Companies>(&()).map(|company| company.name.clone());
        PageContext {
            language: self.language.unwrap_or(self.asked_language),
            theme: self.theme,
            single_keys: self.single_keys,
            zone: zone(view),
            now: app.company().now(),
            head: view.row::<Heads>(&()).map(|head| head.lsn).unwrap_or_default(),
            company: company.unwrap_or_default(),
            person: None,
            devices: super::context::DevicesNow::new(),
            backup: app.backups().status(),
            replicas: app.company().replicas(),
            no_room: app.storage().is_refusing().then(|| app.storage().free_bytes()),
            alarms: Vec::new(),
        }
    }

    /// The context of a page for who asks; none when nobody is signed in, or may not look.
    pub fn context(&self, app: &AppState, view: &dyn Tables) -> Option<PageContext> {
        let signed_in = self.signed_in(app, view)?;
        self.context_of(app, view, &signed_in).ok()
    }

    /// The context of a page for `signed_in`.
    ///
    /// # Errors
    ///
    /// The same context, when they may not look.
    pub fn context_of(
        &self,
        app: &AppState,
        view: &dyn Tables,
        signed_in: &SignedIn,
    ) -> Result<PageContext, Box<PageContext>> {
        let person = Person {
            id: signed_in.user.clone(),
            name: signed_in.name.clone(),
            roles: signed_in.roles.0.clone(),
        };
        let may_look = person.may_look();
        let context = PageContext {
            language: self.language.unwrap_or(signed_in.language),
            person: Some(person),
            ..self.anonymous(app, view)
        };
        if !may_look {
            return Err(Box::new(context));
        }
        let (online, said) = (app.company().online(), app.company().hearsay().all());
        let devices = context.scope().over(view, |view| devices_now(view, &online, &said));
        let alarms = app.company().alarms();
        Ok(PageContext { devices, alarms, ..context })
    }
}

/// The zone that instants are shown in: that of the first location.
fn zone(view: &dyn Tables) -> Tz {
    view.first::<Locations>(&KeyRange::all())
        .and_then(|(_id, location)| location.time_zone.as_str().parse().ok())
        .unwrap_or(Tz::UTC)
}

/// Where somebody who is not signed in is sent.
pub fn to_sign_in(address: &str) -> Response {
    Redirect::to(&shell::sign_in_address(address)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_come_from_cookies_and_then_from_the_browser() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "da-DK,en".parse().unwrap());
        let cookies = "tallyman_theme=dark; tallyman_keys=off; other=1";
        headers.insert(header::COOKIE, cookies.parse().unwrap());
        let preferences = Preferences::of(&headers);
        assert_eq!(preferences.theme, Theme::Dark);
        assert!(!preferences.single_keys);
        assert_eq!((preferences.language, preferences.asked_language), (None, Language::Danish));
        assert_eq!(cookie(&headers, "other").as_deref(), Some("1"));
    }

    #[test]
    fn a_request_names_its_path_and_filters() {
        let uri = "/sse/bins/MAIN/A%2F1?q=a+b&rows=100".parse().unwrap();
        let asked = Asked::of(&uri, "/sse");
        assert_eq!(asked.path, "/bins/MAIN/A%2F1");
        assert_eq!(asked.query.get("q"), Some("a b"));
        assert_eq!(asked.address, "/bins/MAIN/A%2F1?q=a%20b&rows=100");
    }
}
