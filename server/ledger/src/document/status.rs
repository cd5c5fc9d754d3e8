//! Where a document stands, as its lines and people leave it.

use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;

use crate::document::DocumentKey;
use crate::posting::Posting;
use crate::schema::document::{Document, DocumentLine, Documents, OpenLinesByItem};
use crate::tables::Read as _;

/// Whether everything that was ordered on the line is handled; for a transfer, at both ends.
pub fn is_done(kind: DocumentKind, line: &DocumentLine) -> bool {
    let transfer = kind == DocumentKind::TransferOrder;
    line.handled >= line.quantity && (!transfer || line.received >= line.handled)
}

impl Posting<'_, '_> {
    /// Closes a document whose lines are all done, opens one again that was closed by its lines and
    /// is not done any more, and keeps the list of open lines.
    pub(crate) fn follow_lines(&mut self, key: &DocumentKey) {
        let Some(document) = self.draft.row::<Documents>(key) else { return };
        let document = (*document).clone();
        let lines = self.lines_of(key);
        let done = !lines.is_empty() && lines.iter().all(|(_no, line)| is_done(key.0, line));
        let status = match (document.status, done) {
            (DocumentStatus::Released, true) => DocumentStatus::Closed,
            (DocumentStatus::Closed, false) if document.closed_by_lines => DocumentStatus::Released,
            (status, _) => status,
        };
        let closed_by_lines = done && status == DocumentStatus::Closed;
        if status != document.status || closed_by_lines != document.closed_by_lines {
            self.set_status(key, Document { closed_by_lines, ..document }, status);
        } else {
            self.list_open_lines(key, &document);
        }
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
    pub(crate) fn list_open_lines(&mut self, key: &DocumentKey, document: &Document) {
        for (no, line) in self.lines_of(key) {
            let open = document.status == DocumentStatus::Released && !is_done(key.0, &line);
            let entry = (document.location, line.item, key.0, key.1.clone(), no);
            if open {
                self.draft.put::<OpenLinesByItem>(&entry, ());
            } else {
                self.draft.delete::<OpenLinesByItem>(&entry);
            }
        }
    }
}
