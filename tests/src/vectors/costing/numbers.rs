//! The numbers that Specific items carry. This schema has no field for them: an increase gets one of its
//! own, a decrease those of the entry it is applied to, else of the oldest that are open where it is
//! posted.

use ledger::command::journal::JournalTracking;
use protocol::operation::Tracking;
use protocol::quantity::Quantity;
use rust_decimal::Decimal;

use super::Post;
use super::run::Play;
use crate::vectors::company::{Done, code};
use crate::vectors::json::{Dec, Int};
use crate::vectors::{money, reading};

/// What is posted of an item that may have to carry a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) item: &'a str,
    pub(crate) variant: &'a str,
    pub(crate) location: &'a str,
    pub(crate) quantity: Decimal,
    pub(crate) inbound: bool,
    /// The entry that it is applied to, or takes its cost from.
    pub(crate) named: Option<Int>,
}

impl<'a> Wanted<'a> {
    /// What a `post` hands over.
    pub(crate) fn of(post: &'a Post, inbound: bool) -> Self {
        Self {
            item: &post.item,
            variant: post.variant.as_deref().unwrap_or_default(),
            location: post.location.as_deref().unwrap_or_default(),
            quantity: post.quantity.0,
            inbound,
            named: post.applies_to.or(post.applies_from),
        }
    }
}

/// The lots of what is posted in `step`, with what each holds of it; none for an item that carries none.
///
/// # Errors
///
/// A quantity that cannot be kept.
pub(crate) fn of(play: &Play, step: u64, wanted: Wanted<'_>) -> Done<Vec<(Tracking, Quantity)>> {
    if play.cards.get(wanted.item).is_none_or(|card| card.tracking.is_none()) {
        return Ok(Vec::new());
    }
    let book = reading::read(&play.company);
    let own = format!("LOT{step}");
    let mut lots: Vec<(String, Decimal)> = Vec::new();
    if let Some(named) = wanted.named {
        let entry = book.entries.iter().find(|entry| entry.no == named.0);
        lots.extend(entry.map(|entry| (entry.lot.clone(), wanted.quantity)));
    } else if wanted.inbound {
        lots.push((own.clone(), wanted.quantity));
    } else {
        let open = book.entries.iter().filter(|entry| {
            (entry.item.as_str(), entry.variant.as_str(), entry.location.as_str())
                == (wanted.item, wanted.variant, wanted.location)
                && entry.remaining > Decimal::ZERO
        });
        let mut need = wanted.quantity;
        for entry in open {
            let part = entry.remaining.min(need);
            need -= part;
            match lots.iter_mut().find(|(lot, _quantity)| *lot == entry.lot) {
                Some((_lot, quantity)) => *quantity += part,
                None => lots.push((entry.lot.clone(), part)),
            }
        }
        // What is not there is asked for all the same: the ledger says what it thinks of it.
        match lots.last_mut() {
            Some((_lot, quantity)) => *quantity += need,
            None => lots.push((own, need)),
        }
    }
    lots.retain(|(lot, quantity)| !lot.is_empty() && !quantity.is_zero());
    let kept = lots.into_iter().map(|(lot, quantity)| {
        let tracking = Tracking { lot: Some(code(&lot)?), ..Tracking::NONE };
        Ok((tracking, money::quantity(Dec(quantity))?))
    });
    kept.collect()
}

/// The same, for a line of the item journal.
///
/// # Errors
///
/// A quantity that cannot be kept.
pub(crate) fn of_line(play: &Play, step: u64, wanted: Wanted<'_>) -> Done<Vec<JournalTracking>> {
    let lots = of(play, step, wanted)?;
    let line = |(tracking, quantity)| JournalTracking {
        tracking,
        quantity,
        expiry: None,
        new_lot: None,
        new_expiry: None,
    };
    Ok(lots.into_iter().map(line).collect())
}
