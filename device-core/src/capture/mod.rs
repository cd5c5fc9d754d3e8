//! The capture flows: what a scan means, which question comes next, and which operation a finished
//! slot set stands for.
//!
//! Invariants:
//!
//! 1. Pure: no clock, no I/O, no randomness. Time, place and local state come in a [`World`].
//! 2. A scan fills every slot it can, in any sensible order; the screen asks for the first empty
//!    one. The same scans in another order give the same operation.
//! 3. Ambiguity asks and remembers the answer; nothing is guessed.
//! 4. A stop takes nothing over. A warning takes over only after an answer.
//! 5. Nothing is recorded but by [`Step::ready`], after a confirmation; what is handed out there
//!    stays in hand until [`Capture::recorded`] says that it is on disk.
//! 6. A blind count has no sentence with a book quantity in it.
//!
//! Deliberately not here: the recorder, the network, sentences in any language.
//!
//! Order of reading: [`flow`] (what a flow asks for), [`slots`] (what it has), `fill` (what a scan
//! can mean), `apply` (how it goes in), `check` (what the world has against it), `plan` (what is
//! asked next), `body` (what is recorded), `run` (one step), [`screen`] (what is shown).

mod act;
mod apply;
mod body;
pub mod catalogue;
mod check;
mod fill;
pub mod flow;
pub mod grammar;
mod hint;
mod keyed;
mod line;
mod local;
mod message;
mod plan;
mod range;
mod run;
pub mod scan;
pub mod screen;
pub mod slots;
#[cfg(test)]
mod tests;
mod truck;
mod world;

use protocol::feed::{TaskKind, TaskRow};
use protocol::identity::{OperationId, TaskId};
use protocol::operation::{Body, Place};
use protocol::words::ItemNo;

pub use act::Choice;
pub use body::Ready;
pub use catalogue::Catalogue;
pub use flow::{Flow, Side, Slot};
pub use local::Local;
pub use message::{Message, Notice, Signal};
pub use scan::Scan;
pub use screen::Screen;
pub use world::World;

use act::Acts;
use check::Finding;
use fill::Fill;
use slots::Slots;
use truck::Truck;

/// What a person or a scanner does.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A scan.
    Scan(&'a Scan),
    /// An answer typed to the open question.
    Keyed(&'a str),
    /// A row of [`Screen::choices`] or [`Screen::exceptions`], by its id.
    Choose(&'a str),
    /// The primary button.
    Confirm,
    /// Takes back the last scan; after a confirmation, the last confirmed step.
    Undo,
    /// Closes what lies over the question: a stop, a warning, the keypad.
    Back,
    /// Opens the keypad for the quantity.
    Keypad,
}

/// The answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// How it sounds.
    pub signal: Signal,
    /// Operations to record now, in this order. Call [`Capture::recorded`] when they are on disk;
    /// if they cannot be stored, call nothing: they are still in hand.
    pub ready: Vec<Ready>,
}

impl Step {
    fn of(signal: Signal) -> Self {
        Self { signal, ready: Vec::new() }
    }
}

/// The answers that a person gave to ambiguous scans in this session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory(Vec<(String, Fill)>);

/// What lies over the question until it is answered.
#[derive(Debug, Clone)]
enum Pending {
    /// The scan means several things.
    Ambiguous { scan: Scan, acts: Acts },
    /// The slots as they would be, and what is odd about them.
    Judged { proposal: Box<Slots>, finding: Box<Finding>, acts: Acts },
    /// Nobody knows this code.
    Unknown { acts: Acts },
    /// Things known in the bin that were not touched.
    Untouched { acts: Acts },
    /// How the lines of the truck's orders stand.
    Truck { acts: Acts },
}

impl Pending {
    const fn acts(&self) -> &Acts {
        match self {
            Self::Ambiguous { acts, .. }
            | Self::Judged { acts, .. }
            | Self::Unknown { acts }
            | Self::Untouched { acts }
            | Self::Truck { acts } => acts,
        }
    }

    /// Whether another scan may simply replace it.
    fn gives_way(&self) -> bool {
        match self {
            Self::Unknown { .. } => true,
            Self::Judged { finding, .. } => finding.notice.signal == Signal::Stop,
            Self::Ambiguous { .. } | Self::Untouched { .. } | Self::Truck { .. } => false,
        }
    }
}

/// What happens when handed-out operations are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The goods in hand are done.
    Line,
    /// The bin is done.
    Bin,
    /// The last step is taken back.
    Undone,
}

/// One flow at work.
#[derive(Debug, Clone)]
pub struct Capture {
    flow: Flow,
    blind: bool,
    task: Option<TaskId>,
    slots: Slots,
    history: Vec<Slots>,
    pending: Option<Pending>,
    notice: Option<Notice>,
    keypad: bool,
    memory: Memory,
    awaiting: Option<After>,
    last: Vec<OperationId>,
    truck: Truck,
}

impl Capture {
    /// Starts a flow with what is usual at the location. Counts are blind unless the person may
    /// see the book ([`Capture::with_book`]).
    pub fn start(flow: Flow, memory: Memory, world: &World<'_>) -> Self {
        let mut capture = Self {
            flow,
            blind: flow.is_count(),
            task: None,
            slots: Slots::default(),
            history: Vec::new(),
            pending: None,
            notice: None,
            keypad: false,
            memory,
            awaiting: None,
            last: Vec::new(),
            truck: Truck::default(),
        };
        capture.usual_bins(world);
        capture
    }

    /// Starts the flow that a task asks for; none for tasks that are no flow.
    pub fn for_task(task: &TaskRow, memory: Memory, world: &World<'_>) -> Option<Self> {
        let flow = match (task.kind, &task.item) {
            (TaskKind::Count | TaskKind::Recount, None) => Flow::CountBin,
            (TaskKind::Count | TaskKind::Recount, Some(_)) => Flow::Count,
            (TaskKind::Relocate, _) => Flow::Move,
            _ => return None,
        };
        let mut capture = Self::start(flow, memory, world);
        capture.task = flow.is_count().then_some(task.task);
        capture.blind = flow.is_count();
        if let Some(bin) = &task.bin {
            capture.slots.put_bin(Side::From, bin.clone(), false);
        }
        Some(capture)
    }

    /// The same count, with the book quantity shown. No effect on a site that never shows any.
    #[must_use]
    pub fn with_book(mut self) -> Self {
        self.blind = false;
        self
    }

    /// The flow.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// What has been collected.
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// The item that is looked up; none in every other flow.
    pub fn looked_up(&self) -> Option<&ItemNo> {
        self.slots.item.as_ref().filter(|_item| self.flow == Flow::LookUp)
    }

    /// Whether something is in hand that would be lost by leaving the flow.
    pub fn has_unconfirmed(&self) -> bool {
        self.slots.has_goods() || !self.slots.counted.is_empty() || self.slots.is_whole_plate()
    }

    /// Whether something lies over the question: a stop, a warning, a list, the keypad.
    pub const fn is_covered(&self) -> bool {
        self.pending.is_some() || self.notice.is_some() || self.keypad
    }

    /// The remembered answers.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The remembered answers, for the next flow.
    pub fn into_memory(self) -> Memory {
        self.memory
    }

    /// The operations of the last [`Step::ready`] are on disk under these names, in their order.
    pub fn recorded(&mut self, ids: &[OperationId], world: &World<'_>) {
        match self.awaiting.take() {
            None => return,
            Some(After::Undone) => {
                self.truck.undone(&self.last);
                self.last.clear();
            }
            Some(After::Line) => {
                self.last = ids.to_vec();
                self.truck.recorded(ids, world);
                self.slots.moved_meanwhile &= self.flow == Flow::CountBin;
                self.next_line();
            }
            Some(After::Bin) => {
                self.last = ids.to_vec();
                self.task = None;
                self.slots = Slots::default();
            }
        }
        self.history.clear();
        self.pending = None;
        self.notice = None;
        self.keypad = false;
        self.usual_bins(world);
    }

    /// Something else was recorded while this flow was laid aside. A count whose bin was touched
    /// asks about it.
    pub fn heard(&mut self, body: &Body, world: &World<'_>) {
        let Some(bin) = self.slots.bin(Side::From).filter(|_| self.flow.is_count()) else { return };
        let places: Vec<&Place> = match body {
            Body::Receive(body) => vec![&body.to],
            Body::Pick(body) => body.to.iter().chain([&body.from]).collect(),
            Body::Ship(body) => vec![&body.from],
            Body::Move(body) => vec![&body.from, &body.to],
            Body::MovePlate(body) => vec![&body.to],
            Body::TransferShip(body) => vec![&body.from],
            Body::TransferReceive(body) => vec![&body.to],
            _ => Vec::new(),
        };
        let touches = places
            .iter()
            .any(|place| place.location == *world.location && place.bin.as_ref() == Some(bin));
        // Taking a scan back does not take the movement back.
        for slots in self.history.iter_mut().chain([&mut self.slots]) {
            slots.moved_meanwhile |= touches && slots.started_us.is_some();
        }
    }

    /// Keeps what the next line has in common with this one.
    fn next_line(&mut self) {
        let whole = self.slots.is_whole_plate();
        let task_done = self.flow == Flow::Count;
        self.slots.clear_line();
        let slots = &mut self.slots;
        if self.flow != Flow::CountBin {
            slots.started_us = None;
        }
        match self.flow {
            Flow::Receive | Flow::TransferReceive => {
                slots.from_plate = None;
                slots.to = slots.to.take().filter(|spot| spot.named);
            }
            Flow::PutAway | Flow::Move => {
                slots.to = None;
                slots.to_plate = None;
                if whole {
                    slots.from_plate = None;
                    slots.from = slots.from.take().filter(|spot| spot.named);
                }
            }
            Flow::Pick => {
                slots.from = None;
                slots.from_plate = None;
            }
            Flow::Ship | Flow::TransferShip | Flow::Count | Flow::CountBin | Flow::Adjust => {}
            Flow::LookUp => *slots = Slots::default(),
        }
        if task_done {
            self.task = None;
        }
    }

    /// Fills the bins that are usual at the location.
    fn usual_bins(&mut self, world: &World<'_>) {
        let Some(place) = world.place() else { return };
        let (side, bin) = match self.flow {
            Flow::Receive | Flow::TransferReceive => (Side::To, place.receipt_bin),
            Flow::PutAway => (Side::From, place.receipt_bin),
            Flow::Ship | Flow::TransferShip => (Side::From, place.shipment_bin),
            _ => return,
        };
        if let Some(bin) = bin
            && self.slots.bin(side).is_none()
        {
            self.slots.put_bin(side, bin, false);
        }
    }
}
