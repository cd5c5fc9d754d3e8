//! What waits for a person: cases with choices, tasks, decisions and their preview.
//!
//! Invariants:
//! 1. A decision is an operation with its own place in the log; it names the version of the case
//!    that it saw. A later fact raises the version and opens the case again, with the earlier choice
//!    first.
//! 2. What several cases wait for is asked once, by one task, and each of them is answered by itself: open
//!    tasks are kept by what they are about, with all who ask.
//! 3. Previewing a choice takes it, on a draft that is thrown away.
//!
//! Not here: when a count needs a person (that is [`crate::count`]), what a parked operation does
//! when it is judged again (that is [`crate::operation`]).
//!
//! Order of reading: [`case`], [`task`], [`question`], [`assignment`], [`restate`], [`decision`], [`destroyed`], [`preview`].

pub mod assignment;
pub mod case;
pub mod decision;
pub mod destroyed;
pub mod preview;
pub mod question;
pub mod restate;
pub mod task;

pub use case::{CaseDraft, depends_on, open_case, open_dependency};
pub use decision::decide;
pub use preview::{PreviewLine, preview};
pub use restate::{first_outcome, restate, revisions};
pub use task::{TaskDraft, request_task};
