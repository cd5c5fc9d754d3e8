//! Every kind of operation of this build, by its word on the wire.

use super::OperationError;
use super::work::{
    Adjust, Answer, Attach, Count, CountBin, Move, MovePlate, Nothing, Pick, Receive, Reclassify,
    Ship, SignIn, TransferReceive, TransferShip, Undo, Unidentified,
};
use crate::frame::shape::{self, Shape};

macro_rules! bodies {
    ($($(#[$doc:meta])* $variant:ident($inner:ty) = $kind:literal;)*) => {
        /// What a device asks for.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $variant($inner),)*
        }

        impl Body {
            /// Every kind of this build.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The word for this kind on the wire.
            pub const fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// The body as a MessagePack map with short field names.
            pub fn encode(&self) -> Vec<u8> {
                let bytes = match self { $(Self::$variant(body) => rmp_serde::to_vec_named(body),)* };
                bytes.expect("writing to memory cannot fail, and no body holds an unsized sequence")
            }

            /// Reads a body of `kind` in `version`.
            ///
            /// # Errors
            ///
            /// [`OperationError::Unsupported`] for a kind or version of a later release,
            /// [`OperationError::Body`] where the fields are not those of the kind.
            pub fn decode(kind: &str, version: u16, bytes: &[u8]) -> Result<Self, OperationError> {
                match (kind, version) {
                    $(($kind, 1) => shape::read(bytes, &Shape::OF_DEVICES).map(Self::$variant).map_err(
                        |error| OperationError::Body { reason: error.to_string() }),)*
                    _ => Err(OperationError::Unsupported { kind: kind.to_owned(), version }),
                }
            }
        }
    };
}

bodies! {
    /// See [`Count`].
    Count(Count) = "count";
    /// See [`CountBin`].
    CountBin(CountBin) = "count_bin";
    /// See [`Receive`].
    Receive(Receive) = "receive";
    /// See [`Pick`].
    Pick(Pick) = "pick";
    /// See [`Ship`].
    Ship(Ship) = "ship";
    /// See [`Move`].
    Move(Move) = "move";
    /// See [`MovePlate`].
    MovePlate(MovePlate) = "move_plate";
    /// See [`TransferShip`].
    TransferShip(TransferShip) = "transfer_ship";
    /// See [`TransferReceive`].
    TransferReceive(TransferReceive) = "transfer_receive";
    /// See [`Adjust`].
    Adjust(Adjust) = "adjust";
    /// See [`Reclassify`].
    Reclassify(Reclassify) = "reclassify";
    /// See [`Undo`].
    Undo(Undo) = "undo";
    /// See [`Unidentified`].
    Unidentified(Unidentified) = "unidentified";
    /// See [`Answer`].
    Answer(Answer) = "answer";
    /// See [`SignIn`].
    SignIn(SignIn) = "sign_in";
    /// The person of the envelope gave the device back.
    SignOut(Nothing) = "sign_out";
    /// See [`Attach`].
    Attach(Attach) = "attach";
    /// Stands where the recorder lost an operation, so that the loss is counted and visible.
    Void(Nothing) = "void";
}
