//! Long work goes on in slices, beside the disk.

use std::sync::{Arc, Mutex};

use ledger::draft::Draft;
use ledger::schema::stock::{Stock, Stocks};
use ledger::schema::{BinId, Written};
use ledger::tables::{Read as _, Tables};
use protocol::outcome::Decision;
use protocol::quantity::Quantity;

use super::world::{MORNING, config, small_company, stock_key};
use crate::intake::command::{Command, CommandOrigin};
use crate::machine::{Action, Event, Machine, Token};
use crate::poster::judge::{Judge, Poison, Request, write_outcome};
use crate::store::MemoryStore;
use crate::watermark::SiteWatermark;

/// Each command asks for as much work as it is long; a slice does one part of it.
#[derive(Clone, Default)]
struct Laborious {
    judged: Arc<Mutex<Vec<String>>>,
}

fn left(tables: &(impl Tables + ?Sized)) -> Quantity {
    tables.row::<Stocks>(&stock_key(BinId(1))).map_or(Quantity::ZERO, |stock| stock.quantity)
}

impl Judge for Laborious {
    fn judge(&self, draft: &mut Draft<'_>, request: &Request<'_>) -> Result<(), Poison> {
        let raw = String::from_utf8(request.intake.raw.to_vec()).unwrap();
        let more = match raw.as_str() {
            "slice" => Quantity::ONE.negated(),
            asked => Quantity::whole(asked.len().try_into().unwrap()),
        };
        let quantity = left(&*draft).checked_add(more).unwrap();
        if !quantity.is_negative() {
            let row = Stock { quantity, held: Quantity::ZERO, written: Written::default() };
            draft.put::<Stocks>(&stock_key(BinId(1)), row);
        }
        self.judged.lock().unwrap().push(raw);
        write_outcome(draft, request, Decision::Accepted, Vec::new());
        Ok(())
    }

    fn park_poison(&self, _draft: &mut Draft<'_>, _request: &Request<'_>, why: &str) {
        panic!("{why}");
    }

    fn settle_command(&self, _watermarks: &[SiteWatermark]) -> Vec<u8> {
        Vec::new()
    }

    fn work_command(&self, tables: &dyn Tables) -> Option<Vec<u8>> {
        left(tables).is_positive().then(|| b"slice".to_vec())
    }
}

/// Lets a machine do what `commands` ask for, in the time of a disk that is slower than judging; what was
/// judged, and how many slices of it while a batch was under way.
fn done(commands: &[&str]) -> (Vec<String>, usize) {
    let mut store = MemoryStore::holding(small_company());
    let judge = Laborious::default();
    let mut machine = Machine::open(&store, config(), Box::new(judge.clone()), MORNING).unwrap();
    let mut now = MORNING;
    let mut beside = 0;
    let mut tokens = 0..;
    let mut events: Vec<Event> = commands
        .iter()
        .rev()
        .map(|raw| Event::Command {
            token: Token(tokens.next().unwrap()),
            command: Command {
                origin: CommandOrigin::System,
                raw: raw.as_bytes().to_vec(),
                local_date: None,
            },
        })
        .collect();
    loop {
        let event = match events.pop() {
            Some(command) => command,
            None if machine.wants_work() => Event::Work,
            None => match store.complete_next() {
                Some(batch) => Event::Persisted { batch },
                None => break,
            },
        };
        now = now.plus_us(1_000);
        let before = judge.judged.lock().unwrap().len();
        let busy = machine.n_batches_under_way() > 0;
        for action in machine.step(&store, now, event) {
            if let Action::Persist(batch) = action {
                store.begin(batch);
            }
        }
        let slices = judge.judged.lock().unwrap()[before..].to_vec();
        assert!(slices.iter().filter(|raw| *raw == "slice").count() < 2, "one slice at a time");
        beside += usize::from(busy && slices.iter().any(|raw| raw == "slice"));
    }
    assert_eq!(left(&store), Quantity::ZERO);
    let judged = judge.judged.lock().unwrap().clone();
    (judged, beside)
}

#[test]
fn a_slice_is_judged_while_the_one_before_it_is_written() {
    let (judged, beside) = done(&["twelve parts"]);
    // The first two find out that it goes on; one more finds nothing left.
    assert_eq!(judged.len(), 1 + 12 + 1, "{judged:?}");
    assert!(beside >= 10, "{beside} of 12 slices were judged beside the disk");
}

#[test]
fn work_of_one_slice_is_asked_for_once() {
    assert_eq!(done(&["1"]).0, ["1", "slice"]);
}
