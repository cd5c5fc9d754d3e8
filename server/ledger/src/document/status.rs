//! Where a document stands, as its lines and people leave it.

use std::ops::ControlFlow;

use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;

use crate::document::DocumentKey;
use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::document::{Document, DocumentLine, DocumentLines, Documents, OpenLinesByItem};
use crate::tables::Read as _;

/// Whether everything that was ordered on the line is handled; for a transfer, at both ends.
pub fn is_done(kind: DocumentKind, line: &DocumentLine) -> bool {
    let transfer = kind == DocumentKind::TransferOrder;
    line.handled >= line.quantity && (!transfer || line.received >= line.handled)
}

impl Posting<'_, '_> {
    /// Closes a document whose lines are all done, opens one again that was closed by its lines and
    /// is not done any more, and keeps the list of open lines. `line` is the one that changed.
    pub(crate) fn follow_line(&mut self, key: &DocumentKey, line: u32) {
        let Some(document) = self.draft.row::<Documents>(key) else { return };
        let document = (*document).clone();
        let done = self.all_done(key);
        let status = match (document.status, done) {
            (DocumentStatus::Released, true) => DocumentStatus::Closed,
            (DocumentStatus::Closed, false) if document.closed_by_lines => DocumentStatus::Released,
            (status, _) => status,
        };
        let closed_by_lines = done && status == DocumentStatus::Closed;
        if status != document.status || closed_by_lines != document.closed_by_lines {
            self.set_status(key, Document { closed_by_lines, ..document }, status);
            return;
        }
        let row = self.draft.row::<DocumentLines>(&(key.0, key.1.clone(), line));
        if let Some(row) = row {
            self.list_open_line(key, &document, (line, &row));
        }
    }

    /// Whether the document has lines, and all of them are done. Ends at the first that is not.
    fn all_done(&self, key: &DocumentKey) -> bool {
        let (mut any, mut done) = (false, true);
        let range = KeyRange::prefix(&(key.0, key.1.clone()));
        self.draft.each::<DocumentLines>(&range, false, |_key, line| {
            any = true;
            done = is_done(key.0, &line);
            if done { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        any && done
    }

    /// Brings the document to `status`.
    pub(crate) fn set_status(
        &mut self,
        key: &DocumentKey,
        document: Document,
        status: DocumentStatus,
    ) {
        let row =
            Document { status, status_since: self.act.at, written: self.written(), ..document };
        self.list_open_lines(key, &row);
        self.draft.put::<Documents>(key, row);
    }

    /// Keeps the list of lines that may still be handled.
    fn list_open_lines(&mut self, key: &DocumentKey, document: &Document) {
        for (no, line) in self.lines_of(key) {
            self.list_open_line(key, document, (no, &line));
        }
    }

    fn list_open_line(
        &mut self,
        key: &DocumentKey,
        document: &Document,
        (no, line): (u32, &DocumentLine),
    ) {
        let open = document.status == DocumentStatus::Released && !is_done(key.0, line);
        let entry = (document.location, line.item, key.0, key.1.clone(), no);
        if open == self.draft.has::<OpenLinesByItem>(&entry) {
            return;
        }
        if open {
            self.draft.put::<OpenLinesByItem>(&entry, ());
        } else {
            self.draft.delete::<OpenLinesByItem>(&entry);
        }
    }
}
