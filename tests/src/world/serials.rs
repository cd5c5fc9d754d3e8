//! The second opinion on serials: one thing, one place. What is known of a serial are its acts in order of
//! time; each says where it is then, and one that contradicts those before it says nothing.

use std::collections::BTreeMap;

use super::floor::{Key, SERIAL_ITEM};
use super::heard::PIECE;
use crate::reference::{Operation, Order, What};

/// What an act says of one serial.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// It came in.
    In(&'static str),
    /// It was brought there.
    Moved(&'static str),
    /// It left.
    Out,
    /// It was counted there.
    Seen(&'static str),
    /// A complete count of that bin did not list it.
    NotSeen(&'static str),
}

/// Where a serial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Nobody has heard of it.
    Nowhere,
    /// It has left.
    Gone,
    /// A complete count of the bin where it was did not see it.
    Missing,
    /// It is there.
    Bin(&'static str),
}

/// Whether the goods of `key` have serials.
pub(super) fn is_serial(key: &Key) -> bool {
    key.1 == SERIAL_ITEM
}

/// The operations without what they say of serials.
pub(super) fn without(operations: Vec<Operation<Key>>) -> Vec<Operation<Key>> {
    let keeps = |operation: Operation<Key>| match operation.what {
        What::Movement { key, .. } | What::Count { key, .. } if is_serial(&key) => None,
        What::BinCount { bin, mut lines } => {
            lines.retain(|line| !is_serial(&line.key));
            Some(Operation { what: What::BinCount { bin, lines }, ..operation })
        }
        _ => Some(operation),
    };
    operations.into_iter().filter_map(keeps).collect()
}

/// What lies where of goods with serials, by `operations`: each the legs of one.
pub(super) fn book<'a>(
    operations: impl Iterator<Item = &'a [Operation<Key>]>,
) -> BTreeMap<Key, i128> {
    let mut acts: BTreeMap<&'static str, Vec<(Order, Act)>> = BTreeMap::new();
    let mut whole_counts = Vec::new();
    for legs in operations {
        for (serial, order, act) in acts_of(legs) {
            acts.entry(serial).or_default().push((order, act));
        }
        for leg in legs {
            if let What::BinCount { bin, lines } = &leg.what {
                let seen: Vec<_> = lines.iter().filter_map(|line| line.key.2).collect();
                whole_counts.push((Order { leg: 253, ..leg.order }, *bin, seen));
            }
        }
    }
    let mut book = BTreeMap::new();
    for (serial, mut acts) in acts {
        let unseen = whole_counts.iter().filter(|(_order, _bin, seen)| !seen.contains(&serial));
        acts.extend(unseen.map(|(order, bin, _seen)| (*order, Act::NotSeen(bin))));
        acts.sort_by_key(|(order, _act)| *order);
        let end = acts.into_iter().fold(At::Nowhere, |at, (_order, act)| after(at, act));
        if let At::Bin(bin) = end {
            book.insert((bin, SERIAL_ITEM, Some(serial)), PIECE);
        }
    }
    book
}

/// What the legs of one operation say of serials.
fn acts_of(legs: &[Operation<Key>]) -> Vec<(&'static str, Order, Act)> {
    let mut acts = Vec::new();
    // Of a movement between two places the second leg tells where the serial is then.
    let comes =
        legs.iter().any(|leg| matches!(leg.what, What::Movement { delta, .. } if delta > 0));
    let goes = legs.iter().any(|leg| matches!(leg.what, What::Movement { delta, .. } if delta < 0));
    for leg in legs {
        match &leg.what {
            What::Movement { key: (bin, _item, Some(serial)), delta } if is_tool(leg) => {
                let act = match (goes, comes) {
                    (true, true) if *delta > 0 => Act::Moved(bin),
                    (true, true) => continue,
                    (_, true) => Act::In(bin),
                    (..) => Act::Out,
                };
                acts.push((*serial, Order { leg: 0, ..leg.order }, act));
            }
            What::Count { key: (bin, _item, Some(serial)), quantity } if is_tool(leg) => {
                let act = if *quantity == 0 { Act::NotSeen(bin) } else { Act::Seen(bin) };
                acts.push((*serial, Order { leg: 250, ..leg.order }, act));
            }
            What::BinCount { bin, lines } => {
                let tools = lines.iter().filter(|line| is_serial(&line.key));
                acts.extend(tools.filter_map(|line| {
                    let order = Order { leg: 250, ..line.order };
                    Some((line.key.2?, order, Act::Seen(bin)))
                }));
            }
            What::Movement { .. } | What::Count { .. } => {}
        }
    }
    acts
}

fn is_tool(leg: &Operation<Key>) -> bool {
    matches!(&leg.what, What::Movement { key, .. } | What::Count { key, .. } if is_serial(key))
}

fn after(at: At, act: Act) -> At {
    // It cannot come in twice; nothing can be done with it when it has left; and a sighting of something
    // that nobody has heard of says nothing yet.
    let says_nothing = matches!(
        (at, act),
        (At::Bin(_) | At::Missing, Act::In(_))
            | (At::Gone, Act::Moved(_) | Act::Out | Act::Seen(_))
            | (At::Nowhere, Act::Seen(_))
    );
    if says_nothing {
        return at;
    }
    match act {
        Act::In(bin) | Act::Moved(bin) | Act::Seen(bin) => At::Bin(bin),
        Act::Out => At::Gone,
        Act::NotSeen(bin) if at == At::Bin(bin) => At::Missing,
        Act::NotSeen(_) => at,
    }
}
