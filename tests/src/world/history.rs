//! What happened in a world, one line for each operation, for whoever looks into a seed.

use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Origin, Outcomes};
use ledger::tables::Read as _;
use protocol::operation::{Body, Goods, Place, Recorded};

use super::World;
use super::floor::number_of;

impl World {
    /// Every operation that was taken in, by its place on the time line: who recorded what when, and what
    /// came of it.
    pub fn history(&self) -> Vec<String> {
        let store = self.server.store();
        let mut lines = Vec::new();
        for (no, intake) in store.list::<Intakes>(&KeyRange::all()) {
            let name = intake.identity(no);
            let sent_as =
                if let Origin::Device { sent_as, .. } = &intake.origin { *sent_as } else { name };
            // A number that was used twice is the name of the fact that came first.
            let names = [name, sent_as].into_iter();
            let mut rows = names.filter_map(|name| store.row::<Outcomes>(&name));
            let outcome = rows.find(|row| row.intake == no).map_or_else(
                || "known already".to_owned(),
                |row| {
                    let codes = row.outcome.reasons.iter().map(|reason| reason.code.as_str());
                    let codes = codes.collect::<Vec<_>>().join(" ");
                    format!("{:?} {codes}", row.outcome.decision)
                },
            );
            let (tau_us, epsilon_us) = (intake.timing.tau.0, intake.timing.epsilon_us);
            let what = if matches!(intake.origin, Origin::Device { .. }) {
                let recorded = Recorded::from_content(&intake.raw).ok();
                recorded.and_then(|one| one.decode_body().ok()).map(|body| told(&body))
            } else {
                ledger::command::Command::decode(&intake.raw).ok().map(|command| {
                    let text = format!("{command:?}");
                    text.chars().take(160).collect()
                })
            };
            let (tau_ms, epsilon_ms) = ((tau_us - super::BEGIN_US) / 1_000, epsilon_us / 1_000);
            let what = what.unwrap_or_default();
            let line = format!("{tau_ms:>8} ±{epsilon_ms} ms {name} #{}: {what} → {outcome}", no.0);
            lines.push((tau_us, line));
        }
        lines.sort();
        lines.into_iter().map(|(_tau_us, line)| line).collect()
    }
}

fn told(body: &Body) -> String {
    let at = |place: &Place| place.bin.as_ref().map_or(String::new(), ToString::to_string);
    let of = |goods: &Goods| {
        let number = number_of(&goods.tracking).unwrap_or_default();
        format!("{} {} {number}", goods.base, goods.item)
    };
    let said = match body {
        Body::Receive(body) => format!("{} to {}", of(&body.goods), at(&body.to)),
        Body::Ship(body) => format!("{} from {}", of(&body.goods), at(&body.from)),
        Body::TransferShip(body) => format!("{} from {}", of(&body.goods), at(&body.from)),
        Body::TransferReceive(body) => format!("{} to {}", of(&body.goods), at(&body.to)),
        Body::Move(body) => {
            format!("{} from {} to {}", of(&body.goods), at(&body.from), at(&body.to))
        }
        Body::Pick(body) => {
            let to = body.to.as_ref().map_or(String::new(), at);
            format!("{} from {} to {to}", of(&body.goods), at(&body.from))
        }
        Body::Count(body) => format!("{} in {}", of(&body.goods), at(&body.place)),
        Body::CountBin(body) => {
            let lines: Vec<_> = body.lines.iter().map(|line| of(&line.goods)).collect();
            format!("{}: {}", body.bin, lines.join(", "))
        }
        Body::Adjust(body) => {
            format!("{:?} {} in {}", body.direction, of(&body.goods), at(&body.place))
        }
        Body::Reclassify(body) => format!("{} in {}", of(&body.goods), at(&body.place)),
        Body::Unidentified(body) => {
            format!("{} {} in {}", body.quantity, body.raw, at(&body.place))
        }
        Body::Undo(body) => format!("of -{}-{}", body.incarnation.0, body.seq.0),
        _ => String::new(),
    };
    format!("{} {said}", body.kind())
}
