//! Single rows, by the hash of their names.

use ledger::record::Record;
use ledger::tables::TableId;

use super::{BYTES_MAX, weight};

/// Rows of one set. A row lies in the set that its name's hash says: no choice of names makes a
/// look-up longer than this.
const ROWS_PER_SET: usize = 8;
/// Sets at most: about a quarter of a million rows. A busy company touches far fewer in a shift.
const SETS_MAX: usize = 1 << 15;
const SETS_AT_FIRST: usize = 1 << 4;

/// A row, or that there is none.
struct Slot {
    hash: u64,
    table: TableId,
    key: Box<[u8]>,
    row: Option<Record>,
    /// When it was asked for or written last, by [`Rows::clock`].
    used: u64,
    /// What it weighs.
    bytes: usize,
}

impl Slot {
    fn is(&self, hash: u64, table: TableId, key: &[u8]) -> bool {
        self.hash == hash && self.table == table && *self.key == *key
    }
}

/// What is known of a row.
pub(super) enum Known {
    /// It is this.
    Row(Record),
    /// There is none.
    Absent,
}

impl From<Option<Record>> for Known {
    fn from(row: Option<Record>) -> Self {
        row.map_or(Self::Absent, Self::Row)
    }
}

/// Rows by their names; the one that was used longest ago in its set makes room.
pub(super) struct Rows {
    sets: Vec<Vec<Slot>>,
    n_rows: usize,
    n_bytes: usize,
    /// The set that makes room next, where there are too many bytes.
    hand: usize,
    clock: u64,
}

impl Default for Rows {
    fn default() -> Self {
        Self { sets: empty(SETS_AT_FIRST), n_rows: 0, n_bytes: 0, hand: 0, clock: 0 }
    }
}

fn empty(n_sets: usize) -> Vec<Vec<Slot>> {
    std::iter::repeat_with(Vec::new).take(n_sets).collect()
}

impl Rows {
    pub(super) fn get(&mut self, table: TableId, key: &[u8]) -> Option<Known> {
        self.clock = self.clock.wrapping_add(1);
        let (clock, hash) = (self.clock, hash_of(table, key));
        let slot = self.set(hash).iter_mut().find(|slot| slot.is(hash, table, key))?;
        slot.used = clock;
        Some(slot.row.clone().into())
    }

    /// Gives a row away.
    pub(super) fn take(&mut self, table: TableId, key: &[u8]) -> Option<Known> {
        let hash = hash_of(table, key);
        let set = self.set(hash);
        let place = set.iter().position(|slot| slot.is(hash, table, key))?;
        let slot = set.swap_remove(place);
        self.n_rows = self.n_rows.saturating_sub(1);
        self.n_bytes = self.n_bytes.saturating_sub(slot.bytes);
        Some(slot.row.into())
    }

    /// Changes a row that is here.
    pub(super) fn overwrite(&mut self, table: TableId, key: &[u8], row: Option<&Record>) {
        let hash = hash_of(table, key);
        let slot = self.set(hash).iter_mut().find(|slot| slot.is(hash, table, key));
        if let Some(slot) = slot {
            let before = std::mem::replace(&mut slot.bytes, weight(key, row));
            let now = slot.bytes;
            slot.row = row.cloned();
            self.weigh(before, now);
        }
    }

    /// What weighed `before` weighs `now`; rows that were used long ago make room for it.
    fn weigh(&mut self, before: usize, now: usize) {
        self.n_bytes = self.n_bytes.saturating_sub(before).saturating_add(now);
        while self.n_bytes > BYTES_MAX {
            let n_sets = self.sets.len();
            self.hand = self.hand.saturating_add(1);
            if self.hand >= n_sets {
                self.hand = 0;
            }
            let Some(set) = self.sets.get_mut(self.hand) else { return };
            let oldest = set.iter().enumerate().min_by_key(|(_place, slot)| slot.used);
            let Some((place, _slot)) = oldest else { continue };
            let slot = set.swap_remove(place);
            self.n_rows = self.n_rows.saturating_sub(1);
            self.n_bytes = self.n_bytes.saturating_sub(slot.bytes);
        }
    }

    /// Takes a row in.
    pub(super) fn put(&mut self, table: TableId, key: &[u8], row: Option<Record>) {
        self.clock = self.clock.wrapping_add(1);
        let (hash, used) = (hash_of(table, key), self.clock);
        let bytes = weight(key, row.as_ref());
        let set = self.set(hash);
        if let Some(slot) = set.iter_mut().find(|slot| slot.is(hash, table, key)) {
            let before = std::mem::replace(&mut slot.bytes, bytes);
            (slot.row, slot.used) = (row, used);
            return self.weigh(before, bytes);
        }
        let slot = Slot { hash, table, key: key.into(), row, used, bytes };
        let mut before = 0;
        if set.len() < ROWS_PER_SET {
            set.push(slot);
            self.n_rows = self.n_rows.saturating_add(1);
        } else if let Some(oldest) = set.iter_mut().min_by_key(|slot| slot.used) {
            before = oldest.bytes;
            *oldest = slot;
        }
        self.weigh(before, bytes);
        self.grow_when_half_full();
    }

    fn grow_when_half_full(&mut self) {
        let n_sets = self.sets.len();
        let half = n_sets.saturating_mul(ROWS_PER_SET >> 1);
        if self.n_rows <= half || n_sets >= SETS_MAX {
            return;
        }
        let wider = empty(n_sets.saturating_mul(2));
        for slot in std::mem::replace(&mut self.sets, wider).into_iter().flatten() {
            let hash = slot.hash;
            // The rows of one set go to two: none has more than it had.
            self.set(hash).push(slot);
        }
    }

    fn set(&mut self, hash: u64) -> &mut Vec<Slot> {
        // The number of sets is a power of two, and far below that of a `u32`.
        let mask = u64::try_from(self.sets.len()).unwrap_or_default().wrapping_sub(1);
        let place = usize::try_from(hash & mask).unwrap_or_default();
        self.sets.get_mut(place).expect("the mask keeps the place below the number of sets")
    }
}

/// Multiplication and rotation, eight bytes at a time, and a last mix of the high bits into the low.
fn hash_of(table: TableId, key: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let (words, rest) = key.as_chunks::<8>();
    let tail = rest.iter().fold(1_u64, |tail, byte| (tail << 8) | u64::from(*byte));
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let hash = words.chain([tail]).fold(u64::from(table.0).wrapping_mul(ODD), |hash, word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(ODD)
    });
    let hash = (hash ^ (hash >> 29)).wrapping_mul(ODD);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: TableId = TableId(9);

    fn row(bytes: usize) -> Option<Record> {
        Some(Record::from_bytes(vec![1; bytes]))
    }

    #[test]
    fn however_large_rows_are_there_is_no_more_of_them_in_hand_than_may_be() {
        let mut rows = Rows::default();
        for n in 0..1_000_u32 {
            rows.put(TABLE, &n.to_be_bytes(), row(100 << 10));
            assert!(rows.n_bytes <= BYTES_MAX, "{} bytes", rows.n_bytes);
        }
        assert!(rows.n_bytes > BYTES_MAX >> 1, "what there is room for stays");
        let last = 999_u32.to_be_bytes();
        assert!(matches!(rows.get(TABLE, &last), Some(Known::Row(_))), "the last one is there");
        // A row that is written larger counts as it is now, and so does one that is taken out.
        rows.overwrite(TABLE, &last, row(10).as_ref());
        for n in 0..1_000_u32 {
            drop(rows.take(TABLE, &n.to_be_bytes()));
        }
        assert_eq!((rows.n_rows, rows.n_bytes), (0, 0));
    }
}
