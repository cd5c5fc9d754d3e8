//! What people record beyond their work: they sign in, take back what they scanned by mistake, and count
//! where they were told no; and what a supervisor decides.

use std::collections::{BTreeMap, BTreeSet};

use device_core::engine::Work;
use ledger::command::Command as LedgerCommand;
use ledger::command::Handle;
use ledger::command::people::{GrantRole, RevokeRole};
use ledger::command::stock::Decide;
use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Outcomes};
use ledger::schema::case::{Case, CaseState, Cases, Choice};
use ledger::tables::Read as _;
use protocol::feed::Role;
use protocol::identity::{CaseId, OperationId};
use protocol::operation::{Body, Place, Recorded};
use protocol::outcome::Decision;
use server_core::intake::command::{Command, CommandOrigin};
use server_core::store::MemoryStore;

use super::company::{OPERATOR, SUPERVISOR, set_up, word};
use super::floor::{BINS, Floor, ITEMS, WAY};
use super::screens::Seen;
use super::{Happening, MINUTE_US, Phase, SECOND_US, World, hands};
use crate::prng::Prng;

/// Between two looks of the supervisor at the workbench.
const SUPERVISE_US: i64 = 5 * MINUTE_US;
/// How often people look whether something is left to be put right.
const TIDY_US: i64 = 20 * SECOND_US;

/// Something that a person recorded by mistake and will take back.
#[derive(Debug, Clone)]
pub(super) struct Mistake {
    name: OperationId,
    about: About,
}

/// The bins and items that an operation is about.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) bins: BTreeSet<&'static str>,
    pub(super) items: BTreeSet<&'static str>,
}

/// What the person at a device still has to do.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    mistakes: Vec<Mistake>,
    /// Claims that may be refused, with when they were made, until their outcome is seen.
    claims: BTreeMap<OperationId, (i64, About)>,
    /// Bins to be counted, because something was refused or cannot be known.
    recounts: BTreeSet<&'static str>,
}

impl Left {
    pub(super) fn is_nothing(&self) -> bool {
        self.mistakes.is_empty() && self.claims.is_empty() && self.recounts.is_empty()
    }
}

impl About {
    pub(super) fn of(body: &Body) -> Self {
        let mut about = Self::default();
        let (places, goods): (Vec<&Place>, _) = match body {
            Body::Receive(body) => (vec![&body.to], Some(&body.goods)),
            Body::TransferReceive(body) => {
                about.add_bin(WAY);
                (vec![&body.to], Some(&body.goods))
            }
            Body::Pick(body) => (body.to.iter().chain([&body.from]).collect(), Some(&body.goods)),
            Body::Move(body) => (vec![&body.from, &body.to], Some(&body.goods)),
            Body::Ship(body) => (vec![&body.from], Some(&body.goods)),
            Body::TransferShip(body) => {
                about.add_bin(WAY);
                (vec![&body.from], Some(&body.goods))
            }
            Body::Count(body) => (vec![&body.place], Some(&body.goods)),
            Body::Adjust(body) => (vec![&body.place], Some(&body.goods)),
            Body::Reclassify(body) => (vec![&body.place], Some(&body.goods)),
            Body::Unidentified(body) => (vec![&body.place], None),
            Body::CountBin(body) => {
                about.add_bin(body.bin.as_str());
                // What it does not list is said to be gone.
                about.items.extend(ITEMS);
                (Vec::new(), None)
            }
            _ => (Vec::new(), None),
        };
        for bin in places.into_iter().filter_map(|place| place.bin.as_ref()) {
            about.add_bin(bin.as_str());
        }
        if let Some(goods) = goods {
            about.add_item(goods.item.as_str());
        }
        about
    }

    /// Each item in each bin.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &'static str)> {
        let of_bin = |bin| self.items.iter().map(move |item| (bin, *item));
        self.bins.iter().copied().flat_map(of_bin).collect()
    }

    fn add_bin(&mut self, bin: &str) {
        self.bins.extend(BINS.into_iter().find(|known| *known == bin));
    }

    fn add_item(&mut self, item: &str) {
        self.items.extend(ITEMS.into_iter().find(|known| *known == item));
    }
}

impl World {
    /// The person at `place` does the next thing.
    pub(super) fn do_something(&mut self, place: usize) {
        if self.put_right(place) {
            return;
        }
        if self.prng.chance(1, 25) {
            let Some(work) = self.floor.next_mistake(&mut self.prng) else { return };
            let about = About::of(&work.body);
            if let Some(name) = self.record(place, work) {
                self.left[place].mistakes.push(Mistake { name, about });
                self.did("by mistake");
            }
            return;
        }
        let before = self.floor.clone();
        let Some(work) = self.floor.next_act(&mut self.prng) else { return };
        let seen = Seen::of(&work, &mut self.prng);
        let claim = matches!(work.body, Body::Adjust(_)).then(|| About::of(&work.body));
        if claim.is_some() && !self.sign_in(place) {
            self.floor = before;
            return;
        }
        let Some(name) = self.record(place, work) else { return };
        if let Some(about) = claim {
            self.left[place].claims.insert(name, (self.now_us, about));
        }
        if let Some(seen) = seen {
            self.others_look(place, seen, name);
        }
    }

    /// Takes back a mistake or counts again, where that is to be done; says whether it was. A mistake is
    /// sometimes noticed late.
    fn put_right(&mut self, place: usize) -> bool {
        if let Some(bin) = self.left[place].recounts.pop_first() {
            let work = self.floor.count_of(bin);
            self.record(place, work);
            self.did("counted again");
            return true;
        }
        let late = self.phase == Phase::Shift && self.prng.chance(1, 2);
        if late {
            return false;
        }
        let Some(mistake) = self.left[place].mistakes.pop() else { return false };
        match self.devices[place].undo(self.now_us, mistake.name) {
            Ok((name, actions)) => {
                self.confirm(place, name, "undo");
                self.left[place].claims.insert(name, (self.now_us, mistake.about));
                self.device_actions(place, actions);
            }
            Err(_not_here) => self.count_again(place, mistake.about),
        }
        true
    }

    /// Nobody knows what stands of something: its bins are counted.
    fn count_again(&mut self, place: usize, about: About) {
        self.doubts.extend(about.pairs());
        // What is on its way cannot be counted: it is for the desk to close, which is told.
        self.left[place].recounts.extend(about.bins.into_iter().filter(|bin| *bin != WAY));
    }

    /// The device of `place` lost its memory: its person is sure of nothing that was unanswered.
    pub(super) fn forgets(&mut self, place: usize) {
        let left = std::mem::take(&mut self.left[place]);
        let unsure = left.mistakes.into_iter().map(|mistake| mistake.about);
        for about in unsure.chain(left.claims.into_values().map(|(_at_us, about)| about)) {
            self.count_again(place, about);
        }
        self.left[place].recounts.extend(left.recounts);
    }

    /// Looks at what the device was told of claims.
    pub(super) fn see_answers(&mut self, place: usize) {
        for answer in self.devices[place].take_answers() {
            let claims = &mut self.left[place].claims;
            if !claims.get(&answer.operation).is_some_and(|(at_us, _about)| answer.is_of(*at_us)) {
                continue;
            }
            if let Some((_at_us, about)) = claims.remove(&answer.operation)
                && answer.decision == Decision::Refused
            {
                self.did("claim refused");
                self.count_again(place, about);
            }
        }
    }

    /// After the shift, what is left to be put right is.
    pub(super) fn tidy(&mut self, place: usize) {
        if self.devices[place].is_up() {
            self.see_answers(place);
            // What was never answered under the name that it has here is not known to anybody.
            if self.devices[place].n_unanswered() == 0 {
                for (_at_us, about) in std::mem::take(&mut self.left[place].claims).into_values() {
                    self.count_again(place, about);
                }
            }
            while self.put_right(place) {}
        }
        if !self.left[place].is_nothing() {
            self.later(TIDY_US, Happening::Tidy(place));
        }
    }

    /// Whoever claims something has signed in; says whether that went well.
    fn sign_in(&mut self, place: usize) -> bool {
        match self.devices[place].sign_in(self.now_us) {
            None => true,
            Some(Ok((name, actions))) => {
                self.confirm(place, name, "sign_in");
                self.device_actions(place, actions);
                true
            }
            Some(Err(_why)) => false,
        }
    }

    /// The supervisor decides some of what is parked; rights come and go.
    pub(super) fn supervise(&mut self) {
        if self.phase != Phase::Shift {
            return;
        }
        self.later(SUPERVISE_US, Happening::Supervise);
        if !self.server.is_up() {
            return;
        }
        let command = if self.desk.chance(1, 5) {
            self.may_adjust = !self.may_adjust;
            Some(set_up(right(self.may_adjust).encode()))
        } else {
            decision(self.server.store(), &self.floor, &mut self.desk)
        };
        if let Some(command) = command {
            let actions = self.server.command(self.now_us, command);
            self.server_actions(actions);
        }
    }
}

fn right(given: bool) -> LedgerCommand {
    let (operator, role, location) = (word(OPERATOR), Role::Operator, None);
    if given {
        LedgerCommand::GrantRole(GrantRole { operator, role, location })
    } else {
        LedgerCommand::RevokeRole(RevokeRole { operator, role, location, from: None })
    }
}

/// What the supervisor says to one of the parked operations, or to none: they know what lies there.
fn decision(store: &MemoryStore, floor: &Floor, prng: &mut Prng) -> Option<Command> {
    let open: Vec<(CaseId, _)> = store
        .list::<Cases>(&KeyRange::all())
        .into_iter()
        .filter(|(_id, case)| case.state == CaseState::Open && case.parked)
        .collect();
    let n = usize::try_from(prng.below(open.len().max(1) as u64)).ok()?;
    let (id, case) = open.get(n)?;
    let (choice, correction) = choice_of(store, floor, case, prng)?;
    let decide =
        Decide { case: *id, version: case.version, choice, correction, remark: String::new() };
    let origin = CommandOrigin::Desk { user: word(SUPERVISOR), idempotency: None };
    Some(Command { origin, raw: LedgerCommand::Decide(decide).encode(), local_date: None })
}

fn choice_of(
    store: &MemoryStore,
    floor: &Floor,
    case: &Case,
    prng: &mut Prng,
) -> Option<(Choice, Option<Handle>)> {
    match captured(store, case.operation)? {
        Body::Unidentified(seen) if prng.chance(2, 3) => {
            let (key, pieces) = *floor.unnamed.get(&seen.raw)?;
            let Work { body, document } = hands::received(key, pieces);
            Some((Choice::Correct, Some(Handle::new(&body, document))))
        }
        // What was found was found, whoever was allowed to say so.
        Body::Adjust(_) if prng.chance(2, 3) => Some((Choice::Accept, None)),
        Body::Unidentified(_) | Body::Adjust(_) => Some((Choice::Recount, None)),
        // The label was scanned twice: nothing more has come.
        Body::Receive(body)
            if body.goods.raw.as_deref() == Some(hands::AGAIN) && prng.chance(2, 3) =>
        {
            Some((Choice::Dismiss, None))
        }
        // What cannot be is refused, whoever accepts it.
        _ if prng.chance(1, 6) => Some((Choice::Accept, None)),
        _ => None,
    }
}

/// What a device recorded.
pub(super) fn captured(store: &MemoryStore, operation: OperationId) -> Option<Body> {
    let row = store.row::<Outcomes>(&operation)?;
    let intake = store.row::<Intakes>(&row.intake)?;
    Recorded::from_content(&intake.raw).ok()?.decode_body().ok()
}
