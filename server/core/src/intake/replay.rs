//! What the intake tables hold, folded from the records again.

use std::sync::Arc;

use ledger::draft::{Changes, Draft};
use ledger::schema::book::{Intake, Intakes, Origin};
use ledger::tables::{Read as _, Tables};
use protocol::evidence::BootEvidence;
use protocol::identity::{IntakeNo, OperationId, ServerTime};
use protocol::operation::Recorded;

use super::seen_at;
use crate::clock::{Boots, OperationEvidence};
use crate::schema::{CommandKeys, Link, Links, Stream, Streams};

/// A record with its number.
pub(crate) type Numbered = (IntakeNo, Arc<Intake>);

/// The records that arrived together with `first`: they were timed together, so they are folded
/// together.
pub(crate) fn arrival(book: &dyn Tables, first: Numbered) -> Vec<Numbered> {
    let mut arrival = vec![first];
    while let Some((no, last)) = arrival.last() {
        let next = no.next();
        match book.row::<Intakes>(&next) {
            Some(intake) if is_together(last, &intake) => arrival.push((next, intake)),
            Some(_) | None => break,
        }
    }
    arrival
}

fn is_together(last: &Intake, next: &Intake) -> bool {
    match (sent_as(last), sent_as(next)) {
        (Some(last), Some(sent)) => {
            next.evidence.is_empty()
                && last.device == sent.device
                && last.incarnation == sent.incarnation
        }
        (_last, _sent) => false,
    }
}

fn sent_as(intake: &Intake) -> Option<OperationId> {
    match &intake.origin {
        Origin::Device { sent_as, .. } => Some(*sent_as),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    }
}

/// The rows that an arrival writes over `tables`, which hold the decisions that were known then.
pub(crate) fn fold(tables: &dyn Tables, arrival: &[Numbered]) -> Changes {
    let mut draft = Draft::with_budget(tables, u64::MAX);
    for (no, intake) in arrival {
        match &intake.origin {
            Origin::Device { sent_as, hash, .. } => {
                let stream = (sent_as.device, sent_as.incarnation);
                let link = Link { hash: *hash, intake: *no };
                draft.put::<Links>(&(stream.0, stream.1, sent_as.seq), link);
                let row = Stream { accepted: sent_as.seq, hash: *hash };
                draft.put::<Streams>(&stream, row);
            }
            Origin::Desk { idempotency: Some(key), .. } => draft.put::<CommandKeys>(key, *no),
            Origin::Desk { idempotency: None, .. } | Origin::Import { .. } | Origin::System => {}
        }
    }
    if let Some((_no, first)) = arrival.first()
        && let Some(sent) = sent_as(first)
    {
        fold_clocks(&mut draft, (sent, first), arrival);
    }
    draft.finish()
}

fn fold_clocks(draft: &mut Draft<'_>, (sent, first): (OperationId, &Intake), arrival: &[Numbered]) {
    let evidence: Vec<BootEvidence> = rmp_serde::from_slice(&first.evidence).unwrap_or_default();
    let moments: Vec<(OperationEvidence, &Intake)> = arrival
        .iter()
        .filter_map(|(_no, intake)| {
            let envelope = Recorded::from_content(&intake.raw).ok()?.envelope;
            let seen = seen_at(&*draft, envelope.cursor, envelope.epoch)
                .filter(|seen| *seen < intake.received);
            let moment = OperationEvidence { boot: envelope.boot, mono_us: envelope.mono_us, seen };
            Some((moment, &**intake))
        })
        .collect();
    let oldest = evidence.iter().map(|evidence| evidence.boot);
    let oldest = oldest.chain(moments.iter().map(|(moment, _intake)| moment.boot)).min();
    let stream = (sent.device, sent.incarnation);
    let mut boots = Boots::load(draft, stream, oldest.unwrap_or_default(), ServerTime(0));
    for evidence in &evidence {
        boots.learn(evidence, first.received);
    }
    for (moment, intake) in &moments {
        boots.learn_operation(*moment, intake.received);
    }
    boots.settle();
    for (moment, intake) in &moments {
        boots.placed(moment.boot, intake.timing.tau);
    }
    boots.write(draft);
}
