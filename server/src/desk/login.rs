//! Signing in and out.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ledger::schema::identity::Operators;
use ledger::tables::Read as _;
use protocol::words::OperatorId;

use super::session::{self, SignedIn};
use crate::api::problem::Problem;
use crate::state::AppState;

/// Signs `user` in from `address` and returns the session's token.
///
/// # Errors
///
/// [`Problem`]: `sign_in_wrong` (whether or not there is such a person), `sign_in_wait` after too
/// many wrong tries, or a fault of the store.
pub async fn sign_in(
    app: &AppState,
    user: &str,
    password: String,
    address: IpAddr,
) -> Result<String, Problem> {
    let company = app.company();
    let account = format!("user {}", user.to_lowercase());
    // An IPv6 customer has a whole /64 to come from.
    let source = match address.to_canonical() {
        IpAddr::V4(v4) => format!("from {v4}"),
        IpAddr::V6(v6) => format!("from {:?}", &v6.segments()[..4]),
    };
    for key in [&account, &source] {
        app.throttle().check(key, company.now()).map_err(Problem::sign_in_wait)?;
    }
    // Counted as wrong until it is seen to be right: many tries at once are many tries.
    app.throttle().wrong(&account, company.now());
    app.throttle().wrong(&source, company.now());
    let operator = OperatorId::new(user).ok();
    let row = operator.as_ref().and_then(|id| company.snapshot().row::<Operators>(id));
    let verifier = row.filter(|row| !row.disabled).map(|row| row.password_verifier.clone());
    let right = app.passwords().verify(password, verifier).await?;
    let Some(operator) = operator.filter(|_| right) else {
        app.metrics().sign_ins_failed.add(1);
        // What was typed as a name may be a password: it is not written down.
        tracing::warn!(%address, "a sign-in failed");
        return Err(Problem::sign_in_wrong());
    };
    app.throttle().right(&account);
    app.throttle().right(&source);
    let (token, hash, row) = session::open(&operator, company.now());
    company.begin_session(hash, row).await?;
    app.metrics().signed_in.add(1);
    tracing::info!(%operator, %address, "signed in");
    Ok(token)
}

/// Ends the session that a browser held before it signed in again: nobody who knew that one gets
/// any further.
///
/// # Errors
///
/// [`Problem`]: a fault of the store.
pub async fn leave_former(app: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    let company = app.company();
    let former = session::token_of(headers)
        .and_then(|token| session::signed_in(&company.snapshot(), token, company.now()));
    match former {
        Some(former) => Ok(company.end_session(former.session).await?),
        None => Ok(()),
    }
}

/// Ends the session.
///
/// # Errors
///
/// [`Problem`]: a fault of the store.
pub async fn sign_out(app: &AppState, signed_in: &SignedIn) -> Result<(), Problem> {
    Ok(app.company().end_session(signed_in.session).await?)
}
