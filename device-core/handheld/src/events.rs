//! What changes by itself: the chip in the header, and pages that wait for something.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use device_core::engine::News;
use futures_util::stream::{self, Stream};
use protocol::outcome::Decision;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::app::App;
use crate::page;

/// How often the chip is looked at when nothing happens: its ages grow by themselves.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a page should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Draw the chip again.
    Chip,
    /// Draw the page again, if nobody is typing.
    Page,
    /// An own operation was refused: sound stop.
    Refused,
}

/// Listens to the device for as long as the app runs.
pub(crate) async fn follow(app: Arc<App>) {
    let mut news = app.device.news();
    loop {
        let change = match news.recv().await {
            Ok(news) => {
                app.hear(&news);
                change_of(&news)
            }
            Err(RecvError::Lagged(_)) => Change::Page,
            Err(RecvError::Closed) => return,
        };
        // Nobody has to look.
        drop(app.changes.send(change));
    }
}

fn change_of(news: &News) -> Change {
    match news {
        News::Outcomes(outcomes) => {
            let refused =
                |outcome: &protocol::outcome::Outcome| outcome.decision == Decision::Refused;
            if outcomes.iter().any(refused) { Change::Refused } else { Change::Chip }
        }
        News::Enrolled
        | News::EnrolmentRefused
        | News::RowsChanged
        | News::Snapshot(_)
        | News::Operator(_)
        | News::RecorderStopped(_)
        | News::DiskFull
        | News::OperationsLost(_)
        | News::StoreSetAside(..)
        | News::ReIncarnated
        | News::ServerRestored
        | News::Notice(_)
        | News::Trouble(_) => Change::Page,
        _ => Change::Chip,
    }
}

/// The stream of a page: the chip at once and whenever it may have changed.
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = app.changes.subscribe();
    let first = Some(Change::Chip);
    let events = stream::unfold((app, changes, first), |(app, mut changes, first)| async move {
        let change = match first {
            Some(change) => change,
            None => next(&mut changes).await?,
        };
        let event = drawn(&app, change).await;
        Some((Ok(event), (app, changes, None)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn next(changes: &mut Receiver<Change>) -> Option<Change> {
    match tokio::time::timeout(LOOK_EVERY, changes.recv()).await {
        Err(_nothing_happened) => Some(Change::Chip),
        Ok(Ok(change)) => Some(change),
        Ok(Err(RecvError::Lagged(_))) => Some(Change::Page),
        Ok(Err(RecvError::Closed)) => None,
    }
}

async fn drawn(app: &Arc<App>, change: Change) -> Event {
    match change {
        Change::Page => Event::default().event("page").data("again"),
        Change::Refused => Event::default().event("signal").data("stop"),
        Change::Chip => {
            let app = Arc::clone(app);
            let chip = tokio::task::spawn_blocking(move || {
                let mut desk = app.desk();
                let status = app.device.status();
                page::chip_of(&app, &mut desk, &status).into_string()
            });
            // A chip that cannot be drawn is drawn the next time.
            Event::default().event("chip").data(chip.await.unwrap_or_default())
        }
    }
}
