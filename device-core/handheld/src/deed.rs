//! What a person can do, as the pages and the automated tests send it.

use serde::Deserialize;

/// The one text that a deed may carry.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Fields {
    /// A scan, a typed answer, the id of a choice: what the deed asks for.
    #[serde(default)]
    pub(crate) text: String,
}

macro_rules! deeds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// Something that a person does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Deed {
            $($(#[$doc])* $variant,)*
        }

        impl Deed {
            /// The deed of a word in an address.
            pub(crate) fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

deeds! {
    /// A scan, wherever it is made.
    Scan = "scan",
    /// A typed answer to the open question.
    Key = "key",
    /// A row of a list, by its id.
    Choose = "choose",
    /// The primary button.
    Confirm = "confirm",
    /// Takes back the last scan or the last confirmed step.
    Undo = "undo",
    /// Closes what lies over the question; then the flow.
    Back = "back",
    /// Opens the keypad.
    Keypad = "keypad",
    /// Back to the menu.
    Leave = "leave",
    /// Starts a flow, by its word.
    Start = "start",
    /// Starts what a task asks for, by its number.
    Task = "task",
    /// Answers a task: `number:word`.
    Answer = "answer",
    /// Shows the book in an open count.
    OpenBook = "open-book",
    /// An enrolment code.
    Enrol = "enrol",
    /// Chooses a name from the list.
    Name = "name",
    /// The PIN of the person who has been named.
    Pin = "pin",
    /// Gives the device back.
    SignOut = "sign-out",
    /// Chooses where one works.
    Location = "location",
    /// Tries to reach the server at once.
    TryNow = "try-now",
    /// Opens the recorder again after it failed.
    Reopen = "reopen",
    /// Takes an earlier operation back: `incarnation-seq`.
    UndoOperation = "undo-operation",
    /// Chooses the language of the screens.
    Language = "language",
}
