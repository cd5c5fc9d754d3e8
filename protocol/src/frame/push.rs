//! PUSH as columns: packing operations and reading them back, losslessly.

use serde_bytes::ByteBuf;

use crate::frame::{Push, PushColumns};
use crate::identity::{Boot, Lsn};
use crate::operation::{Envelope, Recorded};

/// Version of the column layout.
pub const COLUMNS_VERSION: u8 = 1;

/// Bytes of the longest word for a kind.
pub const KIND_BYTES_MAX: usize = 64;

/// Why a PUSH cannot be read. Nothing of it may be used then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// Columns of a later layout.
    #[error("column layout {version} is not known here")]
    Version {
        /// The layout.
        version: u8,
    },
    /// The columns do not have as many entries as there are bodies.
    #[error("the column {column} does not fit the number of operations")]
    Length {
        /// The column.
        column: &'static str,
    },
    /// A difference leads below zero or beyond the range.
    #[error("the column {column} leaves its range")]
    Range {
        /// The column.
        column: &'static str,
    },
}

fn push_run<T: PartialEq + Clone>(runs: &mut Vec<(u32, T)>, value: &T) {
    match runs.last_mut() {
        Some((count, last)) if last == value => *count = count.saturating_add(1),
        _ => runs.push((1, value.clone())),
    }
}

/// Packs the envelopes of `operations` and returns them with the bodies, in order. All operations
/// must have cursors of one server epoch.
pub fn pack(operations: &[Recorded]) -> (PushColumns, Vec<ByteBuf>) {
    let mut columns = PushColumns { version: COLUMNS_VERSION, ..PushColumns::default() };
    let (mut mono, mut cursor) = (0_u64, 0_u64);
    let mut bodies = Vec::with_capacity(operations.len());
    for operation in operations {
        let envelope = &operation.envelope;
        push_run(&mut columns.boot, &envelope.boot);
        columns.mono.push(difference(envelope.mono_us, mono));
        columns.cursor.push(difference(envelope.cursor.0, cursor));
        (mono, cursor) = (envelope.mono_us, envelope.cursor.0);
        push_run(&mut columns.operator, &envelope.operator);
        push_run(&mut columns.document, &envelope.document);
        match columns.kind.last_mut() {
            Some((count, kind, version))
                if *kind == operation.kind && *version == operation.version =>
            {
                *count = count.saturating_add(1);
            }
            _ => columns.kind.push((1, operation.kind.clone(), operation.version)),
        }
        bodies.push(ByteBuf::from(operation.body.clone()));
    }
    (columns, bodies)
}

fn difference(value: u64, before: u64) -> i64 {
    // Wrapping both ways loses nothing: adding the difference wraps back.
    value.wrapping_sub(before).cast_signed()
}

/// An iterator over run lengths that ends with an error in `unpack` when it is too short.
fn expand<T: Clone>(runs: &[(u32, T)]) -> impl Iterator<Item = T> + '_ {
    runs.iter().flat_map(|(count, value)| (0..*count).map(move |_position| value.clone()))
}

/// Reads the operations of `push`.
///
/// # Errors
///
/// [`PushError`].
pub fn unpack(push: &Push) -> Result<Vec<Recorded>, PushError> {
    let columns = &push.columns;
    if columns.version != COLUMNS_VERSION {
        return Err(PushError::Version { version: columns.version });
    }
    let n = push.bodies.len();
    check_runs(columns.boot.iter().map(|run| run.0), n, "boot")?;
    check_runs(columns.operator.iter().map(|run| run.0), n, "operator")?;
    check_runs(columns.document.iter().map(|run| run.0), n, "document")?;
    check_runs(columns.kind.iter().map(|run| run.0), n, "kind")?;
    if columns.kind.iter().any(|(_count, kind, _version)| kind.len() > KIND_BYTES_MAX) {
        return Err(PushError::Range { column: "kind" });
    }
    if columns.mono.len() != n {
        return Err(PushError::Length { column: "mono" });
    }
    if columns.cursor.len() != n {
        return Err(PushError::Length { column: "cursor" });
    }
    let kinds = columns.kind.iter().flat_map(|(count, kind, version)| {
        (0..*count).map(move |_position| (kind.clone(), *version))
    });
    let boots = expand(&columns.boot);
    let people = expand(&columns.operator).zip(expand(&columns.document));
    let numbers = columns.mono.iter().zip(&columns.cursor);
    let (mut mono, mut cursor) = (0_u64, 0_u64);
    let mut operations = Vec::with_capacity(n);
    for ((((boot, (operator, document)), (kind, version)), (mono_step, cursor_step)), body) in
        boots.zip(people).zip(kinds).zip(numbers).zip(&push.bodies)
    {
        mono = mono.wrapping_add(mono_step.cast_unsigned());
        cursor = cursor.wrapping_add(cursor_step.cast_unsigned());
        // Half the range is some 290,000 years: beyond it, the difference was nonsense.
        if mono > i64::MAX.cast_unsigned() {
            return Err(PushError::Range { column: "mono" });
        }
        if cursor > i64::MAX.cast_unsigned() {
            return Err(PushError::Range { column: "cursor" });
        }
        let envelope = Envelope {
            boot: Boot(boot.0),
            mono_us: mono,
            cursor: Lsn(cursor),
            epoch: push.epoch,
            operator,
            document,
        };
        operations.push(Recorded { envelope, kind, version, body: body.to_vec() });
    }
    Ok(operations)
}

fn check_runs(
    counts: impl Iterator<Item = u32>,
    n: usize,
    column: &'static str,
) -> Result<(), PushError> {
    let total: u64 = counts.map(u64::from).sum();
    if u64::try_from(n).is_ok_and(|n| n == total) {
        Ok(())
    } else {
        Err(PushError::Length { column })
    }
}
