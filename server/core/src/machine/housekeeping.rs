//! What has to be done from time to time.

use std::collections::BTreeSet;

use ledger::command::Command;
use ledger::command::import::DropImport;
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::book::{ImportNo, ImportRow, ImportState, Imports};
use ledger::tables::Read as _;
use protocol::identity::ServerTime;

use super::Machine;
use super::core::Core;
use crate::feed::floor;
use crate::identity::command::MachineCommand;
use crate::schema::SignInTerms;
use crate::session;
use crate::session::wire::ConnectionNo;
use crate::store::Store;
use crate::watermark;

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;
/// An import that nobody went on with for so long is given up.
const STAGED_KEPT_US: i64 = 24 * HOUR_US;

impl Core {
    pub(super) fn wake_at(&self) -> ServerTime {
        self.feed_due().map_or(self.housekeeping_due, |due| due.min(self.housekeeping_due))
    }

    pub(super) fn floor_lags(&self) -> bool {
        self.floor.lags()
    }

    pub(super) fn drop_old_feed(&mut self, store: &dyn Store) {
        let mut floor = std::mem::take(&mut self.floor);
        let changes = self.view(store, |view| floor.drop_slice(view));
        self.floor = floor;
        self.pipeline.write(changes, None);
    }

    /// Drops what imports have staged that nobody goes on with.
    fn drop_old_imports(&mut self, store: &dyn Store) {
        let now = self.now();
        if now < self.imports_due {
            return;
        }
        self.imports_due = now.plus_us(HOUR_US);
        let old: Vec<ImportNo> = self.view(store, |view| {
            let is_old = |row: &ImportRow| {
                row.state == ImportState::Staging && now.us_since(row.last) >= STAGED_KEPT_US
            };
            let rows = view.list::<Imports>(&KeyRange::all());
            rows.into_iter().filter(|(_no, row)| is_old(row)).map(|(no, _row)| no).collect()
        });
        for import in old {
            let drop = Command::DropImport(DropImport { import });
            self.system_command(store, drop.encode());
        }
    }

    /// People can go on signing in without the server: the term is moved when half of it is over.
    fn extend_sign_in(&mut self, store: &dyn Store) {
        let until = self.view(store, |view| view.row::<SignInTerms>(&()));
        let term = i64::try_from(self.config.sign_in_offline_us).unwrap_or(i64::MAX);
        let half = i64::try_from(self.config.sign_in_offline_us.div_ceil(2)).unwrap_or(i64::MAX);
        let is_fresh = until.is_some_and(|until| until.us_since(self.now()) > half);
        if !is_fresh && !self.watch.is_extending {
            let until = self.now().plus_us(term);
            self.machine_command(store, &MachineCommand::ExtendSignIn { until });
            self.watch.is_extending = true;
        } else if is_fresh {
            self.watch.is_extending = false;
        }
    }
}

impl Machine {
    pub(super) fn housekeep(&mut self, store: &dyn Store) {
        let now = self.core.now();
        if now >= self.core.housekeeping_due {
            self.core.housekeeping_due = now.plus_us(SECOND_US);
            for (connection, session) in &mut self.sessions {
                session::check_silence(&mut self.core, *connection, session);
            }
            self.core.tell_late_alarms();
            self.core.extend_sign_in(store);
            self.core.drop_old_imports(store);
            watermark::flush(&mut self.core, store);
            watermark::free_tasks(&mut self.core, store);
            watermark::settle(&mut self.core, store, self.judge.as_ref());
            self.core.ask_for_work(store, self.judge.as_ref());
            let kept = self.core.config.feed_kept_us;
            let before = ServerTime(now.0.saturating_sub_unsigned(kept));
            let cut = self.core.pipeline.cut().clone();
            floor::aim(&mut self.core.floor, cut.as_ref(), before);
            self.snapshots.forget_old(now);
            self.keep_snapshots(store);
            let heard: BTreeSet<SiteId> =
                self.sessions.values().filter_map(session::Session::site).collect();
            self.rings.keep_only(|site| heard.contains(&site));
            self.checks.keep_only(|site| heard.contains(&site));
            let checks = (&mut self.rings, &mut self.checks);
            session::check::begin(&mut self.core, &mut self.sessions, checks);
            // Nothing depends on it: whatever is to be sent has its own occasion.
            let connections: Vec<ConnectionNo> = self.sessions.keys().copied().collect();
            for connection in connections {
                self.feed(connection);
            }
        }
        for _due in 0..super::FEEDS_PER_STEP {
            let Some(connection) = self.core.next_due() else { break };
            if let Some(session) = self.sessions.get_mut(&connection) {
                session::feed::is_due(session);
            }
            self.feed(connection);
        }
    }
}
