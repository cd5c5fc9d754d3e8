//! Single rows, by the hash of their names.

use ledger::record::Record;
use ledger::tables::TableId;

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
        let slot = self.slots.swap_remove(place);
        self.hashes.swap(place, self.slots.len());
        Some(slot)
    }

    /// Takes a row in, in the place of the one that was used longest ago where there is no other;
    /// whether there was.
    fn put(&mut self, hash: u64, slot: Slot) -> bool {
        let is_full = self.slots.len() >= ROWS_PER_SET;
        let oldest = self.slots.iter().enumerate().min_by_key(|(_place, slot)| slot.used);
        let place = match oldest {
            Some((place, _slot)) if is_full => place,
            Some(_) | None => self.slots.len(),
        };
        if let Some(known) = self.hashes.get_mut(place) {
            *known = hash;
        }
        match self.slots.get_mut(place) {
            Some(oldest) => *oldest = slot,
            None => self.slots.push(slot),
        }
        !is_full
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
    clock: u64,
}

impl Default for Rows {
    fn default() -> Self {
        Self { sets: empty(SETS_AT_FIRST), n_rows: 0, clock: 0 }
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
        self.n_rows = self.n_rows.saturating_sub(1);
        Some(slot.row.into())
    }

    /// Changes a row that is here.
    pub(super) fn overwrite(&mut self, table: TableId, key: &[u8], row: Option<&Record>) {
        let hash = hash_of(table, key);
        if let Some(slot) = self.set(hash).find(hash, table, key) {
            slot.row = row.cloned();
        }
    }

    /// Takes a row in.
    pub(super) fn put(&mut self, table: TableId, key: &[u8], row: Option<Record>) {
        self.clock = self.clock.wrapping_add(1);
        let (hash, used) = (hash_of(table, key), self.clock);
        let set = self.set(hash);
        if let Some(slot) = set.find(hash, table, key) {
            (slot.row, slot.used) = (row, used);
        } else if set.put(hash, Slot { table, name: Name::of(key), row, used }) {
            self.n_rows = self.n_rows.saturating_add(1);
            self.grow_when_half_full();
        }
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
