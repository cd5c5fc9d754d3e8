//! Which operations are judged: their outcome was applied together with the rows it produced.

use std::collections::{BTreeMap, BTreeSet};

use protocol::identity::{DeviceId, Incarnation, OperationId, Seq};

use super::{Draft, JUDGED, MARK, operation_key};
use crate::store::{Store, StoreError, for_each};

/// The judged operations, by first name. Per incarnation a number up to which all are judged, and
/// single marks above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    judged: BTreeMap<(DeviceId, Incarnation), Seq>,
    single: BTreeSet<OperationId>,
}

impl Marks {
    /// Whether the operation with this first name is judged.
    pub fn contains(&self, id: OperationId) -> bool {
        id.seq <= self.up_to(id.device, id.incarnation) || self.single.contains(&id)
    }

    /// The number up to which every operation of the incarnation is judged.
    pub fn up_to(&self, device: DeviceId, incarnation: Incarnation) -> Seq {
        self.judged.get(&(device, incarnation)).copied().unwrap_or_default()
    }

    /// How many single marks there are.
    pub fn n_single(&self) -> usize {
        self.single.len()
    }

    pub(super) fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let mut marks = Self::default();
        for_each(store, &[JUDGED], |key, _value| {
            let id = read_key(&key)?;
            marks.judged.insert((id.device, id.incarnation), id.seq);
            Ok(())
        })?;
        for_each(store, &[MARK], |key, _value| {
            marks.single.insert(read_key(&key)?);
            Ok(())
        })?;
        Ok(marks)
    }

    /// Marks `id`, here and in `draft`, and joins marks that have become contiguous.
    pub(super) fn mark(&mut self, draft: &mut Draft<'_>, id: OperationId) {
        if self.contains(id) {
            return;
        }
        self.single.insert(id);
        draft.put(operation_key(MARK, id), Vec::new());
        self.join(draft, id);
    }

    /// Joins the marks that follow the number up to which all are judged.
    fn join(&mut self, draft: &mut Draft<'_>, id: OperationId) {
        let first = self.up_to(id.device, id.incarnation);
        let mut last = first;
        loop {
            let next = OperationId { seq: last.next(), ..id };
            if !self.single.remove(&next) {
                break;
            }
            draft.delete(operation_key(MARK, next));
            last = next.seq;
        }
        if last > first {
            self.set_up_to(draft, OperationId { seq: last, ..id });
        }
    }

    /// Says that of the incarnation of `id` the operations up to `id` are judged elsewhere.
    pub(super) fn floor(&mut self, draft: &mut Draft<'_>, id: OperationId) {
        if self.up_to(id.device, id.incarnation) < id.seq {
            self.set_up_to(draft, id);
            self.join(draft, id);
        }
    }

    /// Says that of the incarnation of `id` exactly the operations up to `id` are judged.
    pub(super) fn replace(&mut self, draft: &mut Draft<'_>, id: OperationId) {
        let same =
            |other: &OperationId| (other.device, other.incarnation) == (id.device, id.incarnation);
        for single in self.single.iter().filter(|other| same(other)) {
            draft.delete(operation_key(MARK, *single));
        }
        self.single.retain(|other| !same(other));
        self.set_up_to(draft, id);
    }

    fn set_up_to(&mut self, draft: &mut Draft<'_>, id: OperationId) {
        let before = self.judged.insert((id.device, id.incarnation), id.seq);
        if let Some(seq) = before {
            draft.delete(operation_key(JUDGED, OperationId { seq, ..id }));
        }
        draft.put(operation_key(JUDGED, id), Vec::new());
    }
}

fn read_key(key: &[u8]) -> Result<OperationId, StoreError> {
    let bytes: &[u8; 17] = key.try_into().map_err(|_length| StoreError::Damaged)?;
    let [_kind, rest @ ..] = bytes;
    let (device, rest) = rest.split_first_chunk().ok_or(StoreError::Damaged)?;
    let (incarnation, rest) = rest.split_first_chunk().ok_or(StoreError::Damaged)?;
    let seq = rest.try_into().map_err(|_length| StoreError::Damaged)?;
    Ok(OperationId {
        device: DeviceId(u32::from_be_bytes(*device)),
        incarnation: Incarnation(u32::from_be_bytes(*incarnation)),
        seq: Seq(u64::from_be_bytes(seq)),
    })
}
