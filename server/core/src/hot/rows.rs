//! Single rows, by the hash of their names.

use ledger::record::Record;
use ledger::tables::TableId;

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
    clock: u64,
}

impl Default for Rows {
    fn default() -> Self {
        Self { sets: empty(SETS_AT_FIRST), n_rows: 0, clock: 0 }
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
        Some(slot.row.into())
    }

    /// Changes a row that is here.
    pub(super) fn overwrite(&mut self, table: TableId, key: &[u8], row: Option<&Record>) {
        let hash = hash_of(table, key);
        let slot = self.set(hash).iter_mut().find(|slot| slot.is(hash, table, key));
        if let Some(slot) = slot {
            slot.row = row.cloned();
        }
    }

    /// Takes a row in.
    pub(super) fn put(&mut self, table: TableId, key: &[u8], row: Option<Record>) {
        self.clock = self.clock.wrapping_add(1);
        let (hash, used) = (hash_of(table, key), self.clock);
        let set = self.set(hash);
        if let Some(slot) = set.iter_mut().find(|slot| slot.is(hash, table, key)) {
            (slot.row, slot.used) = (row, used);
            return;
        }
        let slot = Slot { hash, table, key: key.into(), row, used };
        if set.len() < ROWS_PER_SET {
            set.push(slot);
            self.n_rows = self.n_rows.saturating_add(1);
        } else if let Some(oldest) = set.iter_mut().min_by_key(|slot| slot.used) {
            *oldest = slot;
        }
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
