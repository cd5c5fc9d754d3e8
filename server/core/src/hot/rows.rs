//! Single rows, by the hash of their names.

use ledger::record::Record;
use ledger::tables::TableId;

use super::{BYTES_MAX, weight};

/// Rows of one set. A row lies in the set that its name's hash says: no choice of names makes a
/// look-up longer than this.
const ROWS_PER_SET: usize = 8;
/// Sets at most: 131,072 rows. A busy company touches far fewer in a shift.
const SETS_MAX: usize = 1 << 14;
const SETS_AT_FIRST: usize = 1 << 4;

/// Bytes of a key that lie in its slot: the keys of most tables.
const SHORT_BYTES: usize = 30;

/// A key. To compare one that is short, nothing has to be fetched but its slot.
enum Name {
    Short { n_bytes: u8, bytes: [u8; SHORT_BYTES] },
    Long(Box<[u8]>),
}

impl Name {
    fn of(key: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        match (u8::try_from(key.len()), bytes.get_mut(..key.len())) {
            (Ok(n_bytes), Some(short)) => {
                short.copy_from_slice(key);
                Self::Short { n_bytes, bytes }
            }
            (Ok(_) | Err(_), _) => Self::Long(key.into()),
        }
    }

    fn is(&self, key: &[u8]) -> bool {
        match self {
            Self::Short { n_bytes, bytes } => bytes.get(..usize::from(*n_bytes)) == Some(key),
            Self::Long(bytes) => **bytes == *key,
        }
    }
}

/// A row, or that there is none.
struct Slot {
    table: TableId,
    name: Name,
    row: Option<Record>,
    /// When it was asked for or written last, by [`Rows::clock`].
    used: u64,
    /// What it weighs.
    bytes: usize,
}

/// Rows whose names have hashes that end alike.
#[derive(Default)]
struct Set {
    /// Of the names of the slots, in their order.
    hashes: [u64; ROWS_PER_SET],
    slots: Vec<Slot>,
}

impl Set {
    fn place(&self, hash: u64, table: TableId, key: &[u8]) -> Option<usize> {
        let mut slots = self.hashes.iter().zip(&self.slots);
        slots.position(|(known, slot)| *known == hash && slot.table == table && slot.name.is(key))
    }

    fn find(&mut self, hash: u64, table: TableId, key: &[u8]) -> Option<&mut Slot> {
        let place = self.place(hash, table, key)?;
        self.slots.get_mut(place)
    }

    fn take(&mut self, hash: u64, table: TableId, key: &[u8]) -> Option<Slot> {
        let place = self.place(hash, table, key)?;
        Some(self.take_at(place))
    }

    fn take_at(&mut self, place: usize) -> Slot {
        let slot = self.slots.swap_remove(place);
        self.hashes.swap(place, self.slots.len());
        slot
    }

    /// Gives the row away that was used longest ago.
    fn take_oldest(&mut self) -> Option<Slot> {
        let oldest = self.slots.iter().enumerate().min_by_key(|(_place, slot)| slot.used);
        let (place, _slot) = oldest?;
        Some(self.take_at(place))
    }

    /// Takes a row in; gives the one away that was used longest ago where there is no room for both.
    fn put(&mut self, hash: u64, slot: Slot) -> Option<Slot> {
        let is_full = self.slots.len() >= ROWS_PER_SET;
        let oldest = if is_full { self.take_oldest() } else { None };
        if let Some(known) = self.hashes.get_mut(self.slots.len()) {
            *known = hash;
        }
        self.slots.push(slot);
        oldest
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
    sets: Vec<Set>,
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

fn empty(n_sets: usize) -> Vec<Set> {
    std::iter::repeat_with(Set::default).take(n_sets).collect()
}

impl Rows {
    pub(super) fn get(&mut self, table: TableId, key: &[u8]) -> Option<Known> {
        self.clock = self.clock.wrapping_add(1);
        let (clock, hash) = (self.clock, hash_of(table, key));
        let slot = self.set(hash).find(hash, table, key)?;
        slot.used = clock;
        Some(slot.row.clone().into())
    }

    /// Gives a row away.
    pub(super) fn take(&mut self, table: TableId, key: &[u8]) -> Option<Known> {
        let hash = hash_of(table, key);
        let slot = self.set(hash).take(hash, table, key)?;
        self.gave(&slot);
        Some(slot.row.into())
    }

    /// Changes a row that is here.
    pub(super) fn overwrite(&mut self, table: TableId, key: &[u8], row: Option<&Record>) {
        let hash = hash_of(table, key);
        if let Some(slot) = self.set(hash).find(hash, table, key) {
            let before = std::mem::replace(&mut slot.bytes, weight(key, row));
            let now = slot.bytes;
            slot.row = row.cloned();
            self.weigh(before, now);
        }
    }

    /// Takes note that a row is here no more.
    fn gave(&mut self, slot: &Slot) {
        self.n_rows = self.n_rows.saturating_sub(1);
        self.n_bytes = self.n_bytes.saturating_sub(slot.bytes);
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
            if let Some(slot) = set.take_oldest() {
                self.gave(&slot);
            }
        }
    }

    /// Takes a row in.
    pub(super) fn put(&mut self, table: TableId, key: &[u8], row: Option<Record>) {
        self.clock = self.clock.wrapping_add(1);
        let (hash, used) = (hash_of(table, key), self.clock);
        let bytes = weight(key, row.as_ref());
        let set = self.set(hash);
        if let Some(slot) = set.find(hash, table, key) {
            let before = std::mem::replace(&mut slot.bytes, bytes);
            (slot.row, slot.used) = (row, used);
            return self.weigh(before, bytes);
        }
        let oldest = set.put(hash, Slot { table, name: Name::of(key), row, used, bytes });
        if let Some(oldest) = oldest {
            self.gave(&oldest);
        }
        self.n_rows = self.n_rows.saturating_add(1);
        self.weigh(0, bytes);
        self.grow_when_half_full();
    }

    fn grow_when_half_full(&mut self) {
        let n_sets = self.sets.len();
        let half = n_sets.saturating_mul(ROWS_PER_SET >> 1);
        if self.n_rows <= half || n_sets >= SETS_MAX {
            return;
        }
        let wider = empty(n_sets.saturating_mul(2));
        for set in std::mem::replace(&mut self.sets, wider) {
            for (hash, slot) in set.hashes.into_iter().zip(set.slots) {
                // The rows of one set go to two: none has more than it had.
                self.set(hash).put(hash, slot);
            }
        }
    }

    fn set(&mut self, hash: u64) -> &mut Set {
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

    fn row(bytes: usize) -> Record {
        Record::from_bytes(vec![1; bytes])
    }

    #[test]
    fn however_large_rows_are_there_is_no_more_of_them_in_hand_than_may_be() {
        let mut rows = Rows::default();
        for n in 0..1_000_u32 {
            rows.put(TABLE, &n.to_be_bytes(), Some(row(100 << 10)));
            assert!(rows.n_bytes <= BYTES_MAX, "{} bytes", rows.n_bytes);
        }
        assert!(rows.n_bytes > BYTES_MAX >> 1, "what there is room for stays");
        let last = 999_u32.to_be_bytes();
        assert!(matches!(rows.get(TABLE, &last), Some(Known::Row(_))), "the last one is there");
        // A row that is written larger counts as it is now, and so does one that is taken out.
        rows.overwrite(TABLE, &last, Some(&row(10)));
        for n in 0..1_000_u32 {
            drop(rows.take(TABLE, &n.to_be_bytes()));
        }
        assert_eq!((rows.n_rows, rows.n_bytes), (0, 0));
    }
}
