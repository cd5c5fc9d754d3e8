//! The ledger's judgement, as the machine asks for it.

use ledger::command::Command;
use ledger::command::stock::Settle;
use ledger::costing::work::{self, WorkOff};
use ledger::count::settlement::{DeviceStatement, SiteWatermark};
use ledger::draft::Draft;
use ledger::operation;
use ledger::tables::Tables;

use crate::poster::judge::{Judge, Poison, Request};
use crate::watermark::{self, Part};

/// The ledger.
#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerJudge;

fn request<'a>(asked: &Request<'a>) -> operation::Request<'a> {
    operation::Request {
        intake_no: asked.intake_no,
        intake: asked.intake,
        lsn: asked.lsn,
        time: asked.time,
    }
}

impl Judge for LedgerJudge {
    fn judge(&self, draft: &mut Draft<'_>, asked: &Request<'_>) -> Result<(), Poison> {
        operation::judge(draft, &request(asked))
            .map_err(|poison| Poison { why: poison.to_string() })
    }

    fn park_poison(&self, draft: &mut Draft<'_>, asked: &Request<'_>, why: &str) {
        operation::park_poison(draft, &request(asked), why);
    }

    fn work_command(&self, tables: &dyn Tables) -> Option<Vec<u8>> {
        work::is_waiting(tables).then(|| Command::WorkOff(WorkOff::default()).encode())
    }

    fn settle_command(&self, watermarks: &[watermark::SiteWatermark]) -> Vec<u8> {
        let sites = watermarks.iter().map(|mark| SiteWatermark {
            site: mark.site,
            until: mark.complete_to,
            devices: mark
                .devices
                .iter()
                .filter(|report| report.part != Part::Gone)
                .map(|report| DeviceStatement {
                    device: report.device,
                    heard: report.silent_since,
                    unsent: (report.pending > 0).then_some(report.complete_to),
                })
                .collect(),
        });
        Command::Settle(Settle { sites: sites.collect() }).encode()
    }
}
