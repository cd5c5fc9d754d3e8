//! Which documents a command is about, by the numbers that people know them by.

use ledger::command::import::StageImport;
use ledger::command::{Batch, Command};

/// The numbers of the documents of `command`, each once, in its order. Empty where it is about none.
pub(super) fn documents(command: &Command) -> Vec<String> {
    let mut found = Vec::new();
    collect(command, &mut found);
    found
}

fn collect(command: &Command, found: &mut Vec<String>) {
    let mut add = |no: &str| {
        if !no.is_empty() && !found.iter().any(|known| known == no) {
            found.push(no.to_owned());
        }
    };
    match command {
        Command::Batch(Batch { commands }) | Command::StageImport(StageImport { commands, .. }) => {
            for part in commands {
                collect(part, found);
            }
        }
        Command::PutDocument(put) => add(put.no.as_str()),
        Command::SetDocumentStatus(set) => add(set.no.as_str()),
        Command::CloseTransfer(close) => add(close.no.as_str()),
        Command::Handle(handle) => {
            if let Some(document) = &handle.document {
                add(document.no.as_str());
            }
        }
        Command::PutDocumentDimensions(put) => add(put.no.as_str()),
        Command::PostDocument(post) => add(post.no.as_str()),
        Command::PutLineTerms(put) => add(put.no.as_str()),
        Command::UndoPosted(undo) => add(undo.no.as_str()),
        Command::PostItemJournal(post) => {
            for line in &post.lines {
                add(&line.document_no);
            }
        }
        Command::InvoiceEntries(invoice) => add(&invoice.document_no),
        Command::ChargeEntries(charge) => add(&charge.document_no),
        Command::PostRevaluation(post) => {
            for line in &post.lines {
                add(&line.document_no);
            }
        }
        Command::PostAssembly(post) => add(post.order.as_str()),
        Command::UndoAssembly(undo) => add(undo.order.as_str()),
        Command::PutProductionOrder(put) => add(put.order.as_str()),
        Command::FinishProductionOrder(finish) => add(finish.order.as_str()),
        Command::PostCapacity(post) => add(post.order.as_str()),
        Command::ChargeCapacity(charge) => add(&charge.document_no),
        // Items, places, people, set-up, counts, cases and runs have no document.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_named_by_each_of_its_documents_once() {
        let line = |no: &str| {
            json!({"line_type": "purchase", "date": "2026-01-05", "item": "BOLT", "quantity": "1",
                "document_no": no})
        };
        let order = json!({"put_document": {"kind": "purchase_order", "no": "PO-1",
            "location": "MAIN", "lines": []}});
        let journal = json!({"post_item_journal": {"lines": [line("J-1"), line(""), line("J-2"), line("J-1")]}});
        let bin = json!({"put_bin": {"location": "MAIN", "bin": "A-01"}});
        let all = json!({"batch": {"commands": [order.clone(), bin.clone(), journal, order]}});
        for (asked, expected) in [(all, vec!["PO-1", "J-1", "J-2"]), (bin, Vec::new())] {
            let command: Command = serde_json::from_value(asked).unwrap();
            assert_eq!(documents(&command), expected);
        }
    }
}
