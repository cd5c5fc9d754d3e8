//! The ledger's judgement, as the machine asks for it.

use ledger::command::Command;
use ledger::command::stock::Settle;
use ledger::count::settlement::{DeviceStatement, SiteWatermark};
use ledger::draft::Draft;
use server_core::poster::judge::{Judge, Poison, Request};
use server_core::watermark;

/// The ledger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ledger;

fn request<'a>(request: &Request<'a>) -> ledger::operation::Request<'a> {
    ledger::operation::Request {
        intake_no: request.intake_no,
        intake: request.intake,
        lsn: request.lsn,
        time: request.time,
    }
}

impl Judge for Ledger {
    fn judge(&self, draft: &mut Draft<'_>, asked: &Request<'_>) -> Result<(), Poison> {
        ledger::operation::judge(draft, &request(asked))
            .map_err(|poison| Poison { why: poison.to_string() })
    }

    fn park_poison(&self, draft: &mut Draft<'_>, asked: &Request<'_>, why: &str) {
        ledger::operation::park_poison(draft, &request(asked), why);
    }

    fn settle_command(&self, watermarks: &[watermark::SiteWatermark]) -> Vec<u8> {
        let sites = watermarks.iter().map(|site| SiteWatermark {
            site: site.site,
            until: site.complete_to,
            devices: site
                .devices
                .iter()
                .map(|device| DeviceStatement {
                    device: device.device,
                    heard: device.silent_since,
                    unsent: (device.pending > 0).then_some(device.complete_to),
                })
                .collect(),
        });
        Command::Settle(Settle { sites: sites.collect() }).encode()
    }
}
