//! Commands about what lies where: opening stock, count journals, settlement, decisions.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::{CaseId, OperationId, TaskId};
use protocol::operation::{Goods, Place};
use protocol::outcome::Reason;
use protocol::words::{BinCode, LocationCode, OperatorId};
use serde::{Deserialize, Serialize};

use crate::command::out_of_range;
use crate::conflict::{TaskDraft, request_task};
use crate::count::settlement::SiteWatermark;
use crate::lookup;
use crate::movement::carry::Motion;
use crate::movement::goods::{self, Flow};
use crate::movement::spot::{self, End};
use crate::posting::{Posting, Stop};
use crate::schema::case::Choice;
use crate::schema::entry::{EntryReason, EntryType};
use crate::schema::{BinId, PlateId, VariantId};

/// Stock that is there when the company starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningStock {
    /// Where.
    pub place: Place,
    /// What and how much, above zero.
    pub goods: Goods,
}

/// The instant of a count journal or count order: what is entered later was counted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalculateCounts {
    /// The location that is counted.
    pub location: LocationCode,
}

/// A bin of a location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinOf {
    /// The location, which has bins.
    pub location: LocationCode,
    /// The bin.
    pub bin: BinCode,
}

/// Ask for a count of whole bins: one task each, and none where the same is asked already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskCounts {
    /// The bins.
    pub bins: Vec<BinOf>,
    /// Why.
    pub reason: Code,
    /// Whoever counts must not know what the book says.
    #[serde(default)]
    pub blind: bool,
}

/// Make a task somebody's: others leave it to them. Whoever does it has done it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignTask {
    /// The task.
    pub task: TaskId,
    /// Whose it is from now on; left out: nobody's.
    #[serde(default)]
    pub operator: Option<OperatorId>,
}

/// Judge the counts that are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// Up to when the acts of each site are all here, and what that was drawn from.
    pub sites: Vec<SiteWatermark>,
}

/// Judge operations again that an earlier release could not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeAgain {
    /// The operations: those that are not parked for that reason any more stay as they are.
    pub operations: Vec<OperationId>,
}

/// Decide a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// The case.
    pub case: CaseId,
    /// The version that was seen: a case that changed since is shown again.
    pub version: u32,
    /// What.
    pub choice: Choice,
    /// With [`Choice::Correct`]: the operation as it should have been captured.
    #[serde(default)]
    pub correction: Option<super::Handle>,
    /// Why, in the words of the one who decides.
    #[serde(default)]
    pub remark: String,
}

pub(crate) fn opening(posting: &mut Posting<'_, '_>, line: &OpeningStock) -> Result<(), Stop> {
    let named = goods::resolve(posting, &line.goods, Flow::In)?;
    let spot = spot::resolve(posting, &line.place, End::To)?;
    if !named.base.is_positive() {
        return Err(out_of_range("quantity"));
    }
    let order = posting.next_order();
    let into =
        Motion::into_stock(EntryType::PositiveAdjustment, named.key(&spot), named.base, order);
    posting.carry(&Motion { reason: EntryReason::Opening, ..into })
}

pub(crate) fn calculate(
    posting: &mut Posting<'_, '_>,
    calculate: &CalculateCounts,
) -> Result<(), Stop> {
    // The instant is that of the command's own intake record: there is nothing else to keep.
    lookup::location(posting.draft, &calculate.location).map_err(Stop::Refuse)?;
    Ok(())
}

pub(crate) fn ask_counts(posting: &mut Posting<'_, '_>, ask: &AskCounts) -> Result<(), Stop> {
    if ask.bins.is_empty() {
        return Err(out_of_range("bins"));
    }
    for place in &ask.bins {
        let (id, location) =
            lookup::location(posting.draft, &place.location).map_err(Stop::Refuse)?;
        let bin = lookup::bin(posting.draft, (id, &location), Some(&place.bin));
        let bin = bin.map_err(Stop::Refuse)?;
        if bin == BinId(0) {
            let unknown = Reason::new(Code::BinUnknown).word("bin", &place.bin);
            return Err(Stop::Refuse(unknown.word("location", &place.location)));
        }
        let task = TaskDraft {
            kind: TaskKind::Count,
            location: id,
            bin,
            item: None,
            variant: VariantId(0),
            plate: PlateId(0),
            reason: ask.reason.as_str().to_owned(),
            not_by: None,
            blind: ask.blind,
            case: None,
        };
        request_task(posting, task);
    }
    Ok(())
}
