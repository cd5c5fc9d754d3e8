//! Applying DELTA: rows, cursor, marks and outcomes in one batch.

use protocol::frame::Delta;
use protocol::identity::{Lsn, OperationId, ServerEpoch};
use protocol::outcome::Outcome;

use super::read::table;
use super::{
    Draft, META, OUTCOME, OUTCOME_OF, OUTCOMES_MAX, Replica, ReplicaError, decoded, encoded,
    operation_key,
};
use crate::store::StoreError;
#[cfg(test)]
use crate::store::for_each;

/// What a DELTA did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Outcomes of own operations that are new here, in order.
    pub outcomes: Vec<Outcome>,
    /// First names of all operations that had an outcome in it.
    pub judged: Vec<OperationId>,
    /// How many rows changed.
    pub n_rows: usize,
    /// Whether the row of a location is among them: what a pick does may depend on it.
    pub has_location: bool,
    /// How many rows have fields that this build cannot read; they are kept.
    pub n_unreadable: usize,
}

impl Replica {
    /// Applies `delta` of a server of `epoch`, whole or not at all. What lies at or before the
    /// cursor is skipped: a repeated DELTA changes nothing. `first_of` gives the first name of an
    /// operation that the server may call by a later one.
    ///
    /// # Errors
    ///
    /// [`ReplicaError::Gap`]: subscribe again from the cursor; [`ReplicaError::Store`]. The
    /// replica is as before either way.
    pub fn apply(
        &mut self,
        delta: &Delta,
        epoch: ServerEpoch,
        first_of: impl Fn(OperationId) -> OperationId,
    ) -> Result<Applied, ReplicaError> {
        if delta.from > self.meta.cursor {
            return Err(ReplicaError::Gap { from: delta.from, cursor: self.meta.cursor });
        }
        let mut applied = Applied::default();
        if delta.to < self.meta.cursor {
            return Ok(applied);
        }
        let mut meta = self.meta.clone();
        let mut marks = self.marks.clone();
        let mut draft = Draft::over(&*self.store).counting(meta.live);
        let mut n_outcomes = self.n_outcomes;
        let new = delta.groups.iter().map(|group| group.lsn).filter(|lsn| *lsn > meta.cursor);
        let first = new.min().unwrap_or(delta.to);
        for group in &delta.groups {
            // Outcomes at or before the cursor are told again where a snapshot could not tell them.
            for outcome in &group.outcomes {
                let operation = first_of(outcome.operation);
                let outcome = Outcome { operation, ..outcome.clone() };
                marks.mark(&mut draft, operation);
                applied.judged.push(operation);
                if keep_outcome(&mut draft, &outcome)? {
                    n_outcomes += 1;
                    applied.outcomes.push(outcome);
                }
            }
            if group.lsn <= meta.cursor {
                continue;
            }
            for record in &group.records {
                let row = record.row.as_ref().map(|row| &row[..]);
                let is_readable = draft.write_row(meta.live, (record.table, &record.key), row)?;
                applied.n_rows += 1;
                applied.has_location |= record.table == table::LOCATION;
                applied.n_unreadable += usize::from(!is_readable);
            }
            meta.as_of = meta.as_of.max(group.time);
        }
        meta.cursor = meta.cursor.max(delta.to);
        meta.epoch = epoch;
        draft.put(META.to_vec(), encoded(&meta));
        let moved = std::mem::take(&mut draft.moved);
        let batch = draft.into_batch();
        self.store.apply(batch)?;
        self.counting.take(meta.live, moved, (first, meta.cursor));
        (self.meta, self.marks, self.n_outcomes) = (meta, marks, n_outcomes);
        self.trim_outcomes()?;
        Ok(applied)
    }

    /// Notes that the operations up to `id` of its incarnation are judged under other names.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn floor(&mut self, id: OperationId) -> Result<(), StoreError> {
        let mut marks = self.marks.clone();
        let mut draft = Draft::over(&*self.store);
        marks.floor(&mut draft, id);
        if draft.changes.is_empty() {
            return Ok(());
        }
        let batch = draft.into_batch();
        self.store.apply(batch)?;
        self.marks = marks;
        Ok(())
    }

    /// Notes that the server of `epoch` has nothing newer than the cursor.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn confirm(&mut self, epoch: ServerEpoch) -> Result<(), StoreError> {
        if self.meta.epoch == epoch {
            return Ok(());
        }
        self.meta.epoch = epoch;
        self.put_meta()
    }

    pub(super) fn put_meta(&mut self) -> Result<(), StoreError> {
        let mut draft = Draft::over(&*self.store);
        draft.put(META.to_vec(), encoded(&self.meta));
        let batch = draft.into_batch();
        self.store.apply(batch)
    }

    /// The latest outcome of the operation with this first name, while it is kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn outcome_of(&self, id: OperationId) -> Result<Option<Outcome>, StoreError> {
        let Some(place) = self.store.get(&operation_key(OUTCOME_OF, id))? else { return Ok(None) };
        self.store.get(&place)?.map(|bytes| decoded(&bytes)).transpose()
    }

    /// The newest own outcomes first, at most `limit`, each revision for itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn outcomes(&self, limit: usize) -> Result<Vec<Outcome>, StoreError> {
        let pairs = self.store.scan_back(&[OUTCOME], limit)?;
        pairs.iter().map(|(_key, bytes)| decoded(bytes)).collect()
    }

    fn trim_outcomes(&mut self) -> Result<(), StoreError> {
        if self.n_outcomes <= OUTCOMES_MAX {
            return Ok(());
        }
        let oldest = self.store.scan(&[OUTCOME], &[OUTCOME], self.n_outcomes - OUTCOMES_MAX)?;
        let mut draft = Draft::over(&*self.store);
        for (place, bytes) in oldest {
            let outcome: Outcome = decoded(&bytes)?;
            let latest = operation_key(OUTCOME_OF, outcome.operation);
            if self.store.get(&latest)?.as_ref() == Some(&place) {
                draft.delete(latest);
            }
            draft.delete(place);
        }
        let batch = draft.into_batch();
        self.store.apply(batch)?;
        self.n_outcomes = OUTCOMES_MAX;
        Ok(())
    }

    /// How many outcomes the store holds; a repair of the count kept beside it.
    #[cfg(test)]
    pub(super) fn count_outcomes(&self) -> usize {
        let mut n = 0;
        for_each(&*self.store, &[OUTCOME], |_key, _value| {
            n += 1;
            Ok(())
        })
        .unwrap();
        n
    }
}

fn outcome_key(lsn: Lsn, id: OperationId) -> Vec<u8> {
    let mut key = vec![OUTCOME];
    key.extend_from_slice(&lsn.0.to_be_bytes());
    key.extend_from_slice(&operation_key(OUTCOME, id));
    key
}

/// Keeps `outcome` and says whether it is new.
fn keep_outcome(draft: &mut Draft<'_>, outcome: &Outcome) -> Result<bool, StoreError> {
    let key = outcome_key(outcome.lsn, outcome.operation);
    if draft.get(&key)?.is_some() {
        return Ok(false);
    }
    let latest = operation_key(OUTCOME_OF, outcome.operation);
    let before: Option<Outcome> = match draft.get(&latest)? {
        Some(place) => draft.get(&place)?.map(|bytes| decoded(&bytes)).transpose()?,
        None => None,
    };
    if before.is_some_and(|before| before.revision >= outcome.revision) {
        return Ok(false);
    }
    draft.put(key.clone(), encoded(outcome));
    draft.put(latest, key);
    Ok(true)
}
