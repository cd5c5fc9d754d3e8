//! REST under `/api/v1`: JSON in, JSON out, problems as [`problem::ProblemBody`].
//!
//! Every endpoint but signing in and `/livez`, `/readyz` needs a session (cookie, or
//! `Authorization: Bearer` with the same token), or the key of a program as the bearer. Lists take `limit` and `after` and answer
//! `{rows, next}`. Quantities are strings, instants microseconds since 1970.
//!
//! | endpoints | module |
//! |---|---|
//! | `POST GET DELETE /session`, `POST /session/password`, `POST /first-administrator` | [`session`] |
//! | `GET /items`, `/items/{item}`, `/identifiers/{code}` | [`items`] |
//! | `GET /items/{item}/value`, `/value-entries/{no}`, `/valuation`, `/reconciliation[/unposted]`, `/wip`, `/stockkeeping-units`, `/items/{item}/standard-cost`, `/capacities`, `/ledger/accounts`, `/ledger/entries[/{no}]`, `/ledger/runs`, `/periods`, `/fiscal-years`, `/posting-dates`, `/adjustment-runs[/{run}[/changes]]`, `/worksheet`; lists as `.csv` and `.xlsx` too; `POST /commands/preview` | [`money`] |
//! | `GET /sites`, `/locations`, `/locations/{location}/bins[/{bin}]`, `/plates/{plate}` | [`places`] |
//! | `GET /stock`, `/stock/below-zero`, `/stock/entries` | [`stock`] |
//! | `GET /operations`, `/operations/{operation}`, `/entries/items`, `/entries/warehouse`, `/counts` | [`operations`] |
//! | `GET /cases`, `/cases/{case}`, `POST /cases/{case}/preview`, `POST /cases/{case}/decision`, `GET /tasks`, `POST /tasks/{task}/assignment` | [`cases`] |
//! | `GET /documents`, `/documents/{kind}/{no}` | [`documents`] |
//! | `GET /devices`, `POST /devices/{device}/state`, `/devices/{device}/lost`, `/devices/{device}/risk`, `/devices/{device}/counts`, `/devices/{device}/order`, `/gaps`, `/enrolment-codes` | [`devices`] |
//! | `GET /people`, `PUT /people/{operator}` | [`people`] |
//! | `GET POST /tokens`, `DELETE /tokens/{id}` | [`tokens`] |
//! | `POST /commands`, `POST /work` | [`commands`] |
//! | `POST /import`, `GET /export/{file}` | [`files`] |
//! | `GET /backup`, `POST /backup`, `GET /recoveries` | [`backups`] |
//! | `GET /status`, `/events`, `/livez`, `/readyz`, `/metrics` | [`status`] |

pub mod backups;
pub mod bodies;
pub mod cases;
pub mod commands;
pub mod devices;
pub mod documents;
pub mod extract;
pub mod files;
pub mod guard;
pub mod items;
pub mod money;
pub mod operations;
pub mod people;
pub mod places;
pub mod problem;
pub mod session;
pub mod status;
pub mod stock;
pub mod tokens;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;

use crate::dashboard;
use crate::desk::origin;
use crate::sockets;
use crate::state::AppState;
use problem::Problem;

/// The largest body of a request, but for imports.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Everything that is served.
pub fn router(app: AppState) -> Router {
    let v1 = Router::new()
        .merge(session::router())
        .merge(items::router())
        .merge(money::router())
        .merge(places::router())
        .merge(stock::router())
        .merge(operations::router())
        .merge(cases::router())
        .merge(documents::router())
        .merge(devices::router())
        .merge(people::router())
        .merge(commands::router())
        .merge(files::router())
        .merge(status::router())
        .merge(backups::router())
        .merge(tokens::router())
        .fallback(|| async { Problem::not_found("this address") });
    Router::new()
        .nest("/api/v1", v1)
        .route("/sync", get(sockets::sync))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(status::metrics))
        .merge(dashboard::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), bodies::guard))
        .layer(middleware::from_fn(origin::guard))
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}
