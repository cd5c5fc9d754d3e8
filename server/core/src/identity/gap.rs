//! Operations that were acknowledged once and are neither here nor on their device: after a restore
//! from an old backup, or when a recorder was damaged. They are noted in the book, and wait for
//! somebody to declare them lost; operations that turn up after all close their part of the gap.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::{Intake, Intakes, Origin, Outcomes};
use ledger::tables::{Read as _, Table as _, Tables, typed_key};
use protocol::frame::OriginOf;
use protocol::identity::{DeviceId, Incarnation, OperationId, Seq, ServerTime};
use protocol::words::OperatorId;

use crate::schema::{Declared, Gap, Gaps, Links};

/// Operations of one gap that are counted when they turn up; the first of them, if there are more.
const FOUND_MAX: usize = 10_000;
/// Gaps of one incarnation that one PUSH may leave; the last one spans what is beyond.
const GAPS_PER_PUSH_MAX: usize = 8;

/// Where a gap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapKey {
    /// The device.
    pub device: DeviceId,
    /// The incarnation whose numbers are missing.
    pub incarnation: Incarnation,
    /// The first missing number.
    pub from: Seq,
    /// The last missing number.
    pub to: Seq,
}

/// Notes a gap; a gap that is known is not noted again, and keeps what was declared.
pub(super) fn note(draft: &mut Draft<'_>, gap: GapKey, at: ServerTime, by: Option<OperatorId>) {
    let key = (gap.device, gap.incarnation, gap.from);
    let known = draft.row::<Gaps>(&key);
    let declared = known.as_ref().and_then(|known| known.declared.clone());
    let declared = declared.or_else(|| by.map(|by| Declared { at, by }));
    let noticed = known.as_ref().map_or(at, |known| known.noticed);
    let to = known.map_or(gap.to, |known| known.to.max(gap.to));
    draft.put::<Gaps>(&key, Gap { to, noticed, declared });
}

/// Declares a gap lost; whether there was such a gap.
pub(super) fn declare(
    draft: &mut Draft<'_>,
    key: (DeviceId, Incarnation, Seq),
    declared: Declared,
) -> bool {
    let Some(gap) = draft.row::<Gaps>(&key) else { return false };
    let declared = gap.declared.clone().or(Some(declared));
    draft.put::<Gaps>(&key, Gap { declared, ..(*gap).clone() });
    true
}

/// How many operations of a gap turned up after all. Costs what is found, not what is missing.
pub fn n_found(view: &dyn Tables, gap: GapKey) -> u64 {
    let mut found = BTreeSet::new();
    each_found(view, gap, &mut |seq| {
        found.insert(seq);
        if found.len() < FOUND_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    u64::try_from(found.len()).unwrap_or(u64::MAX)
}

/// Whether an operation of a gap is here: two seeks, however wide the gap is.
fn is_any_found(view: &dyn Tables, gap: GapKey) -> bool {
    let mut is_any = false;
    each_found(view, gap, &mut |_seq| {
        is_any = true;
        ControlFlow::Break(())
    });
    is_any
}

/// Calls `visit` for each operation of a gap that has a link or an outcome, for some of them twice.
fn each_found(view: &dyn Tables, gap: GapKey, visit: &mut dyn FnMut(Seq) -> ControlFlow<()>) {
    let GapKey { device, incarnation, from, to } = gap;
    let mut is_over = false;
    let links = KeyRange::between(&(device, incarnation, from), &(device, incarnation, to.next()));
    view.scan(Links::ID, &links, false, &mut |key, _row| {
        let flow = visit(typed_key::<Links>(key).2);
        is_over = flow.is_break();
        flow
    });
    if is_over {
        return;
    }
    let id = |seq| OperationId { device, incarnation, seq };
    let outcomes = KeyRange::between(&id(from), &id(to.next()));
    view.scan(Outcomes::ID, &outcomes, false, &mut |key, _row| {
        visit(typed_key::<Outcomes>(key).seq)
    });
}

/// All gaps, in order of devices.
pub fn gaps(view: &dyn Tables) -> Vec<(GapKey, Gap)> {
    let rows = view.list::<Gaps>(&KeyRange::all());
    rows.into_iter()
        .map(|((device, incarnation, from), row)| {
            (GapKey { device, incarnation, from, to: row.to }, (*row).clone())
        })
        .collect()
}

/// Numbers that re-labelled operations leave out, and that are not here either. `before` is the
/// origin of the operation before the first one. The origins are the device's to choose: only those
/// before `present` are looked at, which it was given, and the gaps of one incarnation are few.
pub(crate) fn left_out(
    view: &dyn Tables,
    (device, present): (DeviceId, Incarnation),
    before: Option<OriginOf>,
    origins: impl Iterator<Item = OriginOf>,
) -> Vec<GapKey> {
    let mut gaps: BTreeMap<Incarnation, Vec<GapKey>> = BTreeMap::new();
    let mut last = before;
    for origin in origins {
        if let Some(last) = last
            && last.incarnation == origin.incarnation
            && (Incarnation(1)..present).contains(&origin.incarnation)
            && origin.seq > last.seq.next()
        {
            let to = Seq(origin.seq.0.saturating_sub(1));
            let gap = GapKey { device, incarnation: origin.incarnation, from: last.seq.next(), to };
            if !is_any_found(view, gap) {
                add(gaps.entry(origin.incarnation).or_default(), gap);
            }
        }
        last = Some(origin);
    }
    gaps.into_values().flatten().collect()
}

/// Adds `gap` to those of its incarnation. Beyond a few the last one grows to hold it: what lies
/// between is found here, and not counted as missing.
fn add(gaps: &mut Vec<GapKey>, gap: GapKey) {
    if gaps.len() < GAPS_PER_PUSH_MAX {
        gaps.push(gap);
    } else if let Some(last) = gaps.last_mut() {
        last.from = last.from.min(gap.from);
        last.to = last.to.max(gap.to);
    }
}

/// Where the last operation of an incarnation was recorded first, if it was re-labelled.
pub(crate) fn origin_before(
    view: &dyn Tables,
    device: DeviceId,
    incarnation: Incarnation,
    seq: Seq,
) -> Option<OriginOf> {
    let link = view.row::<Links>(&(device, incarnation, seq))?;
    let intake: std::sync::Arc<Intake> = view.row::<Intakes>(&link.intake)?;
    match &intake.origin {
        Origin::Device { first, .. } => *first,
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    }
}
