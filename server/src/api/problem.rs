//! A no that helps: a code, a sentence and a next step, in the reader's language.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use protocol::code::Code;
use protocol::outcome::{Argument, Reason};
use protocol::text::{self, Language};
use serde::{Deserialize, Serialize};

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The reason; its sentence is rendered in `language`.
    pub reason: Reason,
    /// Seconds until it may be tried again, where that helps.
    pub retry_after_s: Option<u32>,
    /// The language of the sentences; none: that of the request.
    pub language: Option<Language>,
}

/// A problem as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// The code, from the one list of reasons.
    pub code: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do, as a sentence.
    pub next_step: String,
}

impl Problem {
    /// A problem with `reason`.
    pub fn new(status: StatusCode, reason: Reason) -> Self {
        Self { status, reason, retry_after_s: None, language: None }
    }

    /// The same problem for a reader of `language`.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }

    /// Nobody is signed in.
    pub fn sign_in_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Reason::new(Code::SignInRequired))
    }

    /// Name and password do not match.
    pub fn sign_in_wrong() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Reason::new(Code::SignInWrong))
    }

    /// Too many wrong tries.
    pub fn sign_in_wait(seconds: u32) -> Self {
        let seconds_text = Argument::Number(i64::from(seconds));
        let reason = Reason::new(Code::SignInWait).with("seconds", seconds_text);
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, reason);
        Self { retry_after_s: Some(seconds), ..problem }
    }

    /// `operator` has not the role for this.
    pub fn right_missing(operator: &protocol::words::OperatorId) -> Self {
        let reason = Reason::new(Code::RightMissing).word("operator", operator);
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// The key of a program may not do this; `scope` would, where any would.
    pub fn token_scope(scope: Option<crate::desk::token::Scope>) -> Self {
        let word = scope.map_or("-", crate::desk::token::Scope::word);
        Self::new(StatusCode::FORBIDDEN, Reason::new(Code::TokenScope).word("scope", word))
    }

    /// The request came from another site's page.
    pub fn cross_site() -> Self {
        Self::new(StatusCode::FORBIDDEN, Reason::new(Code::CrossSiteRequest))
    }

    /// The request cannot be read.
    pub fn malformed(why: impl ToString) -> Self {
        let reason = Reason::new(Code::MalformedRequest).word("why", why.to_string());
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// There is no such thing.
    pub fn not_found(what: impl ToString) -> Self {
        let reason = Reason::new(Code::NotFound).word("what", what.to_string());
        Self::new(StatusCode::NOT_FOUND, reason)
    }

    /// The body is too large.
    pub fn too_large(bytes_max: usize) -> Self {
        let max = Argument::Number(i64::try_from(bytes_max).unwrap_or(i64::MAX));
        let reason = Reason::new(Code::RequestTooLarge).with("max", max);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// There is too much to do; nothing was recorded.
    pub fn busy() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::new(Code::ServerBusy));
        Self { retry_after_s: Some(2), ..problem }
    }

    /// The disk has no room for new work; nothing was recorded.
    pub fn no_room() -> Self {
        let problem = Self::new(StatusCode::INSUFFICIENT_STORAGE, Reason::new(Code::StorageFull));
        Self { retry_after_s: Some(30), ..problem }
    }

    /// The store stopped; nobody knows whether it was recorded.
    pub fn stopped() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, Reason::new(Code::ServerStopped));
        Self { retry_after_s: Some(10), ..problem }
    }

    /// A command was refused.
    pub fn refused(reason: Reason) -> Self {
        let status = match reason.code {
            Code::RightMissing | Code::RightRevoked | Code::AdjustmentOverLimit => {
                StatusCode::FORBIDDEN
            }
            Code::NotFound | Code::CaseUnknown | Code::DocumentUnknown => StatusCode::NOT_FOUND,
            Code::MalformedRequest => StatusCode::BAD_REQUEST,
            Code::StaleDocument
            | Code::AlreadyExists
            | Code::CaseAlreadyDecided
            | Code::DifferentUnderSameId => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, reason)
    }

    /// The problem as JSON.
    pub fn body(&self) -> ProblemBody {
        let language = self.language.unwrap_or_default();
        ProblemBody {
            code: self.reason.code.as_str().to_owned(),
            message: text::sentence(&self.reason, language),
            next_step: text::next_step(&self.reason, language),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // The guard renders it again in the reader's language.
        response.extensions_mut().insert(self);
        response
    }
}

/// The language that a browser asks for.
pub fn language_of(headers: &HeaderMap) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::from_tag(asked.unwrap_or_default())
}
