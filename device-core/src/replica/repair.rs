//! Putting single buckets right, where the sums of both sides differ.

use protocol::digest::bucket;
use protocol::frame::check::Repair;
use protocol::identity::ServerEpoch;

use super::{Draft, META, ROW, Replica, ReplicaError, encoded};
use crate::store::for_each;

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Rows that were missing or other ones.
    pub n_put: u64,
    /// Rows that should not have been there.
    pub n_deleted: u64,
}

impl Replica {
    /// Makes the rows of some buckets exactly those of `repair`, whole or not at all. One that lies
    /// before the cursor changes nothing: what it says may be old.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Gap`], [`ReplicaError::Store`]; the replica is as before either way.
    pub fn repair(
        &mut self,
        repair: &Repair,
        epoch: ServerEpoch,
    ) -> Result<Repaired, ReplicaError> {
        let cursor = self.meta.cursor;
        if repair.from > cursor {
            return Err(ReplicaError::Gap { from: repair.from, cursor });
        }
        let mut repaired = Repaired::default();
        if repair.lsn < cursor {
            return Ok(repaired);
        }
        let mut meta = self.meta.clone();
        let mut prefix = vec![ROW];
        prefix.extend_from_slice(&meta.live.to_be_bytes());
        prefix.push(repair.table);
        let mut doomed = Vec::new();
        for_each(&*self.store, &prefix, |place, _row| {
            let key = place.get(prefix.len()..).unwrap_or_default();
            let is_meant = repair.buckets.contains(&bucket(key));
            if is_meant && !repair.rows.iter().any(|row| *row.key == *key) {
                doomed.push(key.to_vec());
            }
            Ok(())
        })?;
        let mut draft = Draft::over(&*self.store).counting(meta.live);
        for key in &doomed {
            draft.write_row(meta.live, (repair.table, key), None)?;
        }
        repaired.n_deleted = u64::try_from(draft.moved.len()).unwrap_or(u64::MAX);
        for record in &repair.rows {
            let row = record.row.as_ref().map(|row| &row[..]);
            draft.write_row(meta.live, (repair.table, &record.key), row)?;
        }
        let n_moved = u64::try_from(draft.moved.len()).unwrap_or(u64::MAX);
        repaired.n_put = n_moved.saturating_sub(repaired.n_deleted);
        meta.cursor = repair.lsn;
        meta.epoch = epoch;
        draft.put(META.to_vec(), encoded(&meta));
        let moved = std::mem::take(&mut draft.moved);
        let batch = draft.into_batch();
        self.store.apply(batch)?;
        self.counting.take(meta.live, moved, (repair.lsn, repair.lsn));
        self.meta = meta;
        Ok(repaired)
    }
}
