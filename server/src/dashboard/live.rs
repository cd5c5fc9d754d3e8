//! One stream per page: when a decision becomes durable, the page is made again and the fragments
//! that differ are sent, by name.
//!
//! 1. Fragments are whole: a stream that was interrupted has nothing to repeat, so no row comes
//!    twice and none is missed.
//! 2. The id of each fragment is the Lsn that it shows. A reader that comes back with the id of the
//!    present head is sent nothing.
//! 3. A sign of life comes every few seconds, with server time: a page that does not hear it says
//!    that it is stale.
//! 4. A page is not made again more often than its own cost allows.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use protocol::identity::{Lsn, ServerTime};
use tokio::sync::watch;

use super::address::Address;
use super::context::PageContext;
use super::page::Page;
use super::request::{Asked, Preferences};
use crate::state::AppState;

/// Between two signs of life. A page says that it is stale after 10 s without one.
const TICK: Duration = Duration::from_secs(4);
/// A page is not made again more often than this.
const PAUSE_MIN_US: i64 = 500_000;
/// Nor more often than its own making times this, so that readers cannot exhaust the server.
const PAUSE_PER_COST: i64 = 10;

/// What a reader has been sent: a hash per fragment.
#[derive(Debug, Default)]
pub struct Sent(BTreeMap<&'static str, u64>);

impl Sent {
    /// The fragments of `page` that differ from what was sent before; they count as sent then.
    pub fn changed(&mut self, page: &Page) -> Vec<(&'static str, String)> {
        let mut changed = Vec::new();
        for fragment in &page.fragments {
            let mut hasher = DefaultHasher::new();
            fragment.markup.0.hash(&mut hasher);
            let hash = hasher.finish();
            if self.0.insert(fragment.name, hash) != Some(hash) {
                changed.push((fragment.name, fragment.markup.0.clone()));
            }
        }
        changed
    }
}

/// A fragment as an event.
fn fragment_event(name: &str, markup: &str, head: Lsn) -> Event {
    let body = serde_json::json!({ "name": name, "markup": markup });
    Event::default().event("fragment").id(head.to_string()).data(body.to_string())
}

fn tick_event(context: &PageContext) -> Event {
    let utc = context.now.utc();
    let now = utc.map(|utc| utc.to_rfc3339()).unwrap_or_default();
    let shown = utc.map(|utc| utc.with_timezone(&context.zone).format("%H:%M:%S").to_string());
    let body = serde_json::json!({ "now": now, "shown": shown.unwrap_or_default() });
    Event::default().event("tick").data(body.to_string())
}

/// What tells a page to load itself again: who reads it is not signed in any more, or what it shows
/// is gone.
pub fn reload_event() -> Event {
    Event::default().event("reload").data("{}")
}

/// A stream of one page for one reader.
struct Reader {
    app: AppState,
    asked: Asked,
    address: Address,
    preferences: Preferences,
    head: watch::Receiver<Lsn>,
    sent: Sent,
    /// The head that the reader's page shows, until the first fragments were compared.
    since: Option<Lsn>,
    /// Not before this instant.
    next_at: ServerTime,
    dirty: bool,
    waiting: VecDeque<Event>,
    over: bool,
}

/// What one making of a page gave.
enum Made {
    /// The page and what it was made from.
    Page(Box<(Page, PageContext)>),
    /// Nobody reads it any more, or there is nothing to read.
    Over,
}

impl Reader {
    /// Makes the page, off the event loop.
    async fn make(&self) -> Made {
        let (app, preferences) = (self.app.clone(), self.preferences.clone());
        let (asked, address) = (self.asked.clone(), self.address.clone());
        let made = tokio::task::spawn_blocking(move || {
            let snapshot = app.company().snapshot();
            let context = preferences.context(&app, &snapshot)?;
            let page = address.page(&snapshot, &context, &asked.query).ok()?;
            snapshot.check().ok()?;
            Some(Box::new((page, context)))
        });
        match made.await {
            Ok(Some(page)) => Made::Page(page),
            Ok(None) | Err(_) => Made::Over,
        }
    }

    async fn refresh(&mut self) {
        let start = self.app.company().now();
        self.dirty = false;
        let Made::Page(made) = self.make().await else {
            self.waiting.push_back(reload_event());
            self.over = true;
            return;
        };
        let (page, context) = *made;
        let changed = self.sent.changed(&page);
        // At the first comparison, a page that shows the same head shows the same fragments.
        if self.since.take() != Some(context.head) {
            for (name, markup) in changed {
                self.waiting.push_back(fragment_event(name, &markup, context.head));
            }
        }
        self.waiting.push_back(tick_event(&context));
        let cost = self.app.company().now().us_since(start);
        let pause = cost.saturating_mul(PAUSE_PER_COST).max(PAUSE_MIN_US);
        self.next_at = self.app.company().now().plus_us(pause);
    }

    /// Waits for something to show.
    async fn wait(&mut self) {
        let due = self.next_at.us_since(self.app.company().now()).max(0);
        let pause = Duration::from_micros(due.unsigned_abs());
        if self.dirty {
            tokio::time::sleep(pause).await;
            return;
        }
        tokio::select! {
            changed = self.head.changed() => {
                self.over = changed.is_err();
                self.dirty = true;
            }
            () = tokio::time::sleep(TICK.max(pause)) => {
                if self.address.moves_by_itself() {
                    self.dirty = true;
                } else {
                    self.tick();
                }
            }
        }
    }

    fn tick(&mut self) {
        let app = self.app.clone();
        let snapshot = app.company().snapshot();
        match self.preferences.context(&app, &snapshot) {
            Some(context) => self.waiting.push_back(tick_event(&context)),
            None => {
                self.waiting.push_back(reload_event());
                self.over = true;
            }
        }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some((Ok(event), self));
            }
            if self.over {
                return None;
            }
            if self.dirty && self.next_at <= self.app.company().now() {
                self.refresh().await;
            } else {
                self.wait().await;
            }
        }
    }
}

/// The stream of the page at `address` for a reader whose page shows the head `since`.
pub fn stream(
    app: AppState,
    (address, asked): (Address, Asked),
    preferences: Preferences,
    since: Option<Lsn>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let reader = Reader {
        head: app.company().head(),
        next_at: app.company().now(),
        app,
        asked,
        address,
        preferences,
        sent: Sent::default(),
        since,
        dirty: true,
        waiting: VecDeque::new(),
        over: false,
    };
    stream::unfold(reader, Reader::next)
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;
    use crate::dashboard::page::Section;

    fn page(rows: &[&str]) -> Page {
        Page::new(Section::Now, "Now".to_owned())
            .with("tiles", html! { p { "3" } })
            .with("feed", html! { @for row in rows { p { (row) } } })
    }

    #[test]
    fn only_fragments_that_differ_are_sent() {
        let mut sent = Sent::default();
        assert_eq!(sent.changed(&page(&["a"])).len(), 2, "at first everything");
        assert_eq!(sent.changed(&page(&["a"])), []);
        let changed = sent.changed(&page(&["b", "a"]));
        assert_eq!(changed, [("feed", "<p>b</p><p>a</p>".to_owned())]);
    }
}
