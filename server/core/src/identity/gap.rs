//! Operations that were acknowledged once and are neither here nor on their device: after a restore
//! from an old backup, or when a recorder was damaged. They are noted in the book, and wait for
//! somebody to declare them lost; operations that turn up after all close their part of the gap.

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::{Intake, Intakes, Origin, Outcomes};
use ledger::tables::{Read as _, Tables};
use protocol::frame::OriginOf;
use protocol::identity::{DeviceId, Incarnation, OperationId, Seq, ServerTime};
use protocol::words::OperatorId;

use crate::schema::{Declared, Gap, Gaps, Links};

/// Operations of one gap that are looked for one by one.
const LOOKED_FOR_MAX: u64 = 10_000;

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

/// How many operations of a gap turned up after all.
pub fn n_found(view: &dyn Tables, gap: GapKey) -> u64 {
    let last = Seq(gap.from.0.saturating_add(LOOKED_FOR_MAX).min(gap.to.0));
    let mut n = 0_u64;
    let mut seq = gap.from;
    while seq <= last {
        let id = OperationId { device: gap.device, incarnation: gap.incarnation, seq };
        if view.has::<Outcomes>(&id) || view.has::<Links>(&(gap.device, gap.incarnation, seq)) {
            n = n.saturating_add(1);
        }
        seq = seq.next();
    }
    n
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
/// origin of the operation before the first one.
pub(crate) fn left_out(
    view: &dyn Tables,
    device: DeviceId,
    before: Option<OriginOf>,
    origins: &[OriginOf],
) -> Vec<GapKey> {
    let mut gaps = Vec::new();
    let mut last = before;
    for origin in origins {
        if let Some(last) = last
            && last.incarnation == origin.incarnation
            && origin.seq > last.seq.next()
        {
            let to = Seq(origin.seq.0.saturating_sub(1));
            let gap = GapKey { device, incarnation: origin.incarnation, from: last.seq.next(), to };
            if n_found(view, gap) == 0 {
                gaps.push(gap);
            }
        }
        last = Some(*origin);
    }
    gaps
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
