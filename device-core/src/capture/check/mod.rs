//! What the world has against a slot set: stops, and warnings that a person may overrule.
//!
//! Pure functions of the slots and of what is known here, never of the order of scans. A fact is
//! not refused because the book says otherwise: a stop means that the *scan* is wrong.

mod count;
mod document;
mod goods;
mod pick;
mod place;
mod receive;
mod stock;

pub(super) use document::offers;

use super::act::Act;
use super::flow::Flow;
use super::message::{Message, Notice, Signal};
use super::plan;
use super::slots::Slots;
use super::world::World;
use protocol::feed::ItemRow;
use protocol::quantity::Quantity;

/// Something that is wrong or odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The sentence, with what was scanned, what was expected and what to do.
    pub notice: Notice,
    /// What it is about: a person who has overruled it is not asked again for the same thing.
    pub subject: String,
    /// Ways out, besides going on (for a warning) and going back.
    pub choices: Vec<(Message, Act)>,
    /// Whether one of the ways out is simply to go on.
    pub may_go_on: bool,
}

impl Finding {
    fn stop(code: &'static str, text: Message, next: &'static str) -> Self {
        let notice = Notice::stop(code, text, next);
        Self { notice, subject: String::new(), choices: Vec::new(), may_go_on: false }
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have")]
    fn warning(code: &'static str, subject: impl ToString, text: Message) -> Self {
        let mut notice = Notice::stop(code, text, "next-choose");
        notice.signal = Signal::Warning;
        Self { notice, subject: subject.to_string(), choices: Vec::new(), may_go_on: true }
    }

    fn scanned(mut self, text: impl ToString) -> Self {
        self.notice = self.notice.scanned(text);
        self
    }

    fn needed(mut self, text: impl ToString) -> Self {
        self.notice = self.notice.needed(text);
        self
    }

    fn choice(mut self, text: Message, act: Act) -> Self {
        self.choices.push((text, act));
        self
    }

    /// Only the given ways out: simply going on is none of them.
    fn must_choose(mut self) -> Self {
        self.may_go_on = false;
        self
    }

    /// The name under which a person's "go on" is remembered.
    pub(super) fn key(&self) -> String {
        format!("{}:{}", self.notice.code, self.subject)
    }
}

/// A slot set under examination.
pub(super) struct Checking<'a> {
    /// The flow.
    pub flow: Flow,
    /// What is known.
    pub slots: &'a Slots,
    /// The surroundings.
    pub world: &'a World<'a>,
    /// Whether book quantities must not show.
    pub blind: bool,
}

impl Checking<'_> {
    /// The worst thing that nobody has overruled yet: a stop before any warning.
    pub(super) fn run(&self) -> Option<Finding> {
        if self.flow == Flow::LookUp {
            return None;
        }
        let mut all = Vec::new();
        document::check(self, &mut all);
        place::check(self, &mut all);
        goods::check(self, &mut all);
        match self.flow {
            Flow::Receive => receive::check(self, &mut all),
            Flow::Pick => pick::check(self, &mut all),
            Flow::PutAway
            | Flow::Move
            | Flow::Ship
            | Flow::TransferShip
            | Flow::TransferReceive
            | Flow::Adjust => stock::check(self, &mut all),
            Flow::Count | Flow::CountBin => count::check(self, &mut all),
            Flow::LookUp => {}
        }
        let (warnings, stops): (Vec<Finding>, Vec<Finding>) =
            all.into_iter().partition(|finding| finding.notice.signal == Signal::Warning);
        stops.into_iter().chain(warnings).find(|f| !self.slots.accepted.contains(&f.key()))
    }

    fn item(&self) -> Option<ItemRow> {
        self.world.item_of(self.slots)
    }

    /// How much is in hand. The first scan of an item says what it is and stands for one pack only
    /// until somebody says more: it is not held against the book before that.
    fn base(&self) -> Option<Quantity> {
        let tally = &self.slots.tally;
        let only_named = tally.implied == 1 && !tally.settled && !self.slots.closing;
        if only_named { None } else { plan::base_in_hand(self.slots, self.world) }
    }

    fn unit(&self) -> String {
        self.item().map_or_else(String::new, |item| item.base_unit.to_string())
    }

    /// Whether what is known may be shown.
    fn may_tell(&self) -> bool {
        !self.blind && !self.world.catalogue.never_quantities()
    }

    /// "Last known" for a device that cannot ask.
    fn knowledge(&self) -> &'static str {
        if self.world.online { "now" } else { "last" }
    }
}
