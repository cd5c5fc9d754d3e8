//! What a desk, an import or the system asks for. These may carry money; operations of devices do
//! not, so the two are apart.
//!
//! A command is refused whole, with a code: the caller throws its changes away. On the wire and in
//! the intake it is a MessagePack map `{"v": version, "c": {name: fields}}`; in the API the same in
//! JSON. Names and fields are added, never re-used.
//!
//! Not here: what devices record (`movement`), the judgement of counts (`count`), the frame of a
//! judgement (`operation`).
//!
//! Order of reading: this file, then [`master`] (items), [`places`], [`papers`] (documents),
//! [`people`] (operators, rights), [`stock`], [`import`].

pub mod costing;
pub mod import;
pub mod journal;
pub mod ledger;
pub mod master;
pub mod papers;
pub mod people;
pub mod places;
pub mod post_document;
pub mod stock;

use protocol::code::Code;
use protocol::identity::IntakeNo;
use protocol::operation::{Body, Count, DocumentRef};
use protocol::outcome::Reason;
use serde::{Deserialize, Serialize};

use crate::assembly::{capacity, post as assembly, standard};
use crate::conflict::assignment;
use crate::costing::revalue::{self, PostRevaluation};
use crate::costing::work::{self, AdjustCost, WorkOff};
use crate::costing::worksheet;
use crate::count;
use crate::dimension::{self, PutDefaultDimensions, PutDocumentDimensions};
use crate::gl::batch::{self, PostCostToGl};
use crate::movement::transfer;
use crate::period::accounting::{self, CloseFiscalYear, CreateFiscalYear};
use crate::period::inventory::{self, InventoryPeriodOf, PutInventoryPeriod};
use crate::posting::{Posting, Stop};

/// Version of the encoding.
const VERSION: u16 = 1;

/// The company as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCompany {
    /// Its name.
    pub name: String,
    /// Goods may leave stock that is not there, at the desk too.
    #[serde(default)]
    pub negative_inventory_allowed: bool,
    /// After so many hours without contact, a device that had nothing unsent no longer holds the
    /// watermark.
    #[serde(default = "absent_after")]
    pub absent_after_hours: u32,
}

const fn absent_after() -> u32 {
    12
}

/// The lines of a count journal or count order that was calculated before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnterCounts {
    /// The number of the `calculate_counts` command: its instant is what the counts state.
    pub calculated: IntakeNo,
    /// What was counted.
    pub counts: Vec<Count>,
}

/// A desk operation of the same kind as a device's, done now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// The kind of the body.
    pub kind: String,
    /// Its version.
    #[serde(default = "first_version")]
    pub version: u16,
    /// The body as MessagePack.
    #[serde(with = "serde_bytes")]
    pub body: Vec<u8>,
    /// The document that it is done for.
    #[serde(default)]
    pub document: Option<DocumentRef>,
    /// The date for the accounts; that of the act when left out.
    #[serde(default)]
    pub date: Option<chrono::NaiveDate>,
}

const fn first_version() -> u16 {
    1
}

impl Handle {
    /// A desk operation with `body`.
    pub fn new(body: &Body, document: Option<DocumentRef>) -> Self {
        Self {
            kind: body.kind().to_owned(),
            version: VERSION,
            body: body.encode(),
            document,
            date: None,
        }
    }
}

/// A list of commands that are done together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The commands, in order. None of them is a batch, a decision or a settlement.
    pub commands: Vec<Command>,
}

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($inner:ty) = $name:literal;)*) => {
        /// What a desk, an import or the system asks for.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Command {
            $($(#[$doc])* #[serde(rename = $name)] $variant($inner),)*
        }

        impl Command {
            /// The names of all commands of this build.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name of this command.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }
        }
    };
}

commands! {
    /// See [`SetCompany`].
    SetCompany(SetCompany) = "set_company";
    /// See [`places::PutSite`].
    PutSite(places::PutSite) = "put_site";
    /// See [`places::PutLocation`].
    PutLocation(places::PutLocation) = "put_location";
    /// See [`places::PutBin`].
    PutBin(places::PutBin) = "put_bin";
    /// See [`places::RenameBin`].
    RenameBin(places::RenameBin) = "rename_bin";
    /// See [`places::DeleteBin`].
    DeleteBin(places::DeleteBin) = "delete_bin";
    /// See [`master::PutTrackingCode`].
    PutTrackingCode(master::PutTrackingCode) = "put_tracking_code";
    /// See [`master::PutItem`].
    PutItem(master::PutItem) = "put_item";
    /// See [`master::PutItemUnit`].
    PutItemUnit(master::PutItemUnit) = "put_item_unit";
    /// See [`master::PutVariant`].
    PutVariant(master::PutVariant) = "put_variant";
    /// See [`master::PutIdentifier`].
    PutIdentifier(master::PutIdentifier) = "put_identifier";
    /// See [`master::PutIdentifier`]: takes that meaning away.
    RemoveIdentifier(master::PutIdentifier) = "remove_identifier";
    /// See [`master::PutLot`].
    PutLot(master::PutLot) = "put_lot";
    /// See [`stock::OpeningStock`].
    OpeningStock(stock::OpeningStock) = "opening_stock";
    /// See [`papers::PutDocument`].
    PutDocument(papers::PutDocument) = "put_document";
    /// See [`papers::SetDocumentStatus`].
    SetDocumentStatus(papers::SetDocumentStatus) = "set_document_status";
    /// See [`papers::CloseTransfer`].
    CloseTransfer(papers::CloseTransfer) = "close_transfer";
    /// See [`people::PutOperator`].
    PutOperator(people::PutOperator) = "put_operator";
    /// See [`people::GrantRole`].
    GrantRole(people::GrantRole) = "grant_role";
    /// See [`people::RevokeRole`].
    RevokeRole(people::RevokeRole) = "revoke_role";
    /// See [`Handle`].
    Handle(Handle) = "handle";
    /// The instant of a count journal: what is entered later was counted now.
    CalculateCounts(stock::CalculateCounts) = "calculate_counts";
    /// See [`stock::AskCounts`].
    AskCounts(stock::AskCounts) = "ask_counts";
    /// See [`stock::AssignTask`].
    AssignTask(stock::AssignTask) = "assign_task";
    /// See [`EnterCounts`].
    EnterCounts(EnterCounts) = "enter_counts";
    /// See [`Batch`].
    Batch(Batch) = "batch";
    /// See [`import::StageImport`].
    StageImport(import::StageImport) = "stage_import";
    /// See [`import::ActivateImport`].
    ActivateImport(import::ActivateImport) = "activate_import";
    /// See [`import::DropImport`].
    DropImport(import::DropImport) = "drop_import";
    /// Judge the counts that are due; drawn by the system from what devices last said.
    Settle(stock::Settle) = "settle";
    /// Judge again what an earlier release could not read; drawn by the system after an upgrade.
    JudgeAgain(stock::JudgeAgain) = "judge_again";
    /// Decide a case.
    Decide(stock::Decide) = "decide";
    /// See [`PutDefaultDimensions`].
    PutDefaultDimensions(PutDefaultDimensions) = "put_default_dimensions";
    /// See [`PutDocumentDimensions`].
    PutDocumentDimensions(PutDocumentDimensions) = "put_document_dimensions";
    /// See [`costing::SetInventorySetup`].
    SetInventorySetup(costing::SetInventorySetup) = "set_inventory_setup";
    /// See [`costing::PutItemCost`].
    PutItemCost(costing::PutItemCost) = "put_item_cost";
    /// See [`costing::PutStockkeepingUnit`].
    PutStockkeepingUnit(costing::PutStockkeepingUnit) = "put_stockkeeping_unit";
    /// See [`costing::PutUserSetup`].
    PutUserSetup(costing::PutUserSetup) = "put_user_setup";
    /// See [`journal::PostItemJournal`].
    PostItemJournal(journal::PostItemJournal) = "post_item_journal";
    /// See [`costing::InvoiceEntries`].
    InvoiceEntries(costing::InvoiceEntries) = "invoice_entries";
    /// See [`costing::ChargeEntries`].
    ChargeEntries(costing::ChargeEntries) = "charge_entries";
    /// See [`AdjustCost`].
    AdjustCost(AdjustCost) = "adjust_cost";
    /// See [`WorkOff`].
    WorkOff(WorkOff) = "work_off";
    /// See [`post_document::PostDocument`].
    PostDocument(post_document::PostDocument) = "post_document";
    /// See [`post_document::PutLineTerms`].
    PutLineTerms(post_document::PutLineTerms) = "put_line_terms";
    /// See [`post_document::UndoPosted`].
    UndoPosted(post_document::UndoPosted) = "undo_posted";
    /// See [`post_document::UndoEntry`].
    UndoEntry(post_document::UndoEntry) = "undo_entry";
    /// See [`worksheet::UnapplyEntries`].
    UnapplyEntries(worksheet::UnapplyEntries) = "unapply_entries";
    /// See [`worksheet::ApplyEntry`].
    ApplyEntry(worksheet::ApplyEntry) = "apply_entry";
    /// See [`worksheet::CloseWorksheet`].
    CloseWorksheet(worksheet::CloseWorksheet) = "close_worksheet";
    /// See [`standard::PutBillOfMaterials`].
    PutBillOfMaterials(standard::PutBillOfMaterials) = "put_bill_of_materials";
    /// See [`standard::RollUpStandardCost`].
    RollUpStandardCost(standard::RollUpStandardCost) = "roll_up_standard_cost";
    /// See [`PostRevaluation`].
    PostRevaluation(PostRevaluation) = "post_revaluation";
    /// See [`capacity::PutCapacity`].
    PutCapacity(capacity::PutCapacity) = "put_capacity";
    /// See [`capacity::PostCapacity`].
    PostCapacity(capacity::PostCapacity) = "post_capacity";
    /// See [`capacity::ChargeCapacity`].
    ChargeCapacity(capacity::ChargeCapacity) = "charge_capacity";
    /// See [`assembly::PostAssembly`].
    PostAssembly(assembly::PostAssembly) = "post_assembly";
    /// See [`assembly::UndoAssembly`].
    UndoAssembly(assembly::UndoAssembly) = "undo_assembly";
    /// See [`assembly::PutProductionOrder`].
    PutProductionOrder(assembly::PutProductionOrder) = "put_production_order";
    /// See [`assembly::FinishProductionOrder`].
    FinishProductionOrder(assembly::FinishProductionOrder) = "finish_production_order";
    /// See [`ledger::PutGlAccount`].
    PutGlAccount(ledger::PutGlAccount) = "put_gl_account";
    /// See [`ledger::PutInventoryPostingSetup`].
    PutInventoryPostingSetup(ledger::PutInventoryPostingSetup) = "put_inventory_posting_setup";
    /// See [`ledger::PutGeneralPostingSetup`].
    PutGeneralPostingSetup(ledger::PutGeneralPostingSetup) = "put_general_posting_setup";
    /// See [`ledger::SetReasonGroups`].
    SetReasonGroups(ledger::SetReasonGroups) = "set_reason_groups";
    /// See [`PostCostToGl`].
    PostCostToGl(PostCostToGl) = "post_cost_to_gl";
    /// See [`CreateFiscalYear`].
    CreateFiscalYear(CreateFiscalYear) = "create_fiscal_year";
    /// See [`CloseFiscalYear`].
    CloseFiscalYear(CloseFiscalYear) = "close_fiscal_year";
    /// See [`PutInventoryPeriod`].
    PutInventoryPeriod(PutInventoryPeriod) = "put_inventory_period";
    /// Closes an inventory period and all open ones before it, or tells all that is in the way.
    CloseInventoryPeriod(InventoryPeriodOf) = "close_inventory_period";
    /// Reopens an inventory period and all closed ones behind it.
    ReopenInventoryPeriod(InventoryPeriodOf) = "reopen_inventory_period";
    /// Deletes an inventory period that is open.
    DeleteInventoryPeriod(InventoryPeriodOf) = "delete_inventory_period";
}

#[derive(Serialize)]
struct EncodedRef<'a> {
    v: u16,
    c: &'a Command,
}

#[derive(Deserialize)]
struct Encoded {
    v: u16,
    c: Command,
}

impl Command {
    /// The bytes of the command, as the intake keeps them.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(&EncodedRef { v: VERSION, c: self })
            .expect("writing to memory cannot fail, and no command holds an unsized part")
    }

    /// Reads what [`Command::encode`] wrote.
    ///
    /// # Errors
    ///
    /// `unsupported_op` for a later version, `malformed_request` with the decoder's words.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        let encoded: Encoded = rmp_serde::from_slice(bytes).map_err(|error| malformed(&error))?;
        if encoded.v == VERSION {
            Ok(encoded.c)
        } else {
            Err(Reason::new(Code::UnsupportedOperation))
        }
    }
}

/// The request cannot be read, in the decoder's words.
pub(crate) fn malformed(why: &impl ToString) -> Reason {
    Reason::new(Code::MalformedRequest).word("why", why.to_string())
}

/// There is no such thing.
pub(crate) fn not_found(what: &impl ToString) -> Stop {
    Stop::Refuse(Reason::new(Code::NotFound).word("what", what.to_string()))
}

/// A field is outside what can be booked.
pub(crate) fn out_of_range(field: &str) -> Stop {
    Stop::Refuse(Reason::new(Code::NumberOutOfRange).word("field", field))
}

/// Does `command`, except [`Command::Settle`], [`Command::Decide`], [`Command::Handle`] and
/// [`Command::ActivateImport`], which are judged beside it.
///
/// # Errors
///
/// [`Stop::Refuse`]: the caller throws away what the posting did.
#[expect(clippy::too_many_lines, reason = "a table: one arm for each command")]
pub fn run(posting: &mut Posting<'_, '_>, command: &Command) -> Result<(), Stop> {
    match command {
        Command::SetCompany(company) => {
            set_company(posting, company);
            Ok(())
        }
        Command::PutSite(site) => places::put_site(posting, site),
        Command::PutLocation(location) => places::put_location(posting, location),
        Command::PutBin(bin) => places::put_bin(posting, bin).map(|_id| ()),
        Command::RenameBin(bin) => places::rename_bin(posting, bin),
        Command::DeleteBin(bin) => places::delete_bin(posting, bin),
        Command::PutTrackingCode(code) => master::put_tracking_code(posting, code),
        Command::PutItem(item) => master::put_item(posting, item),
        Command::PutItemUnit(unit) => master::put_item_unit(posting, unit),
        Command::PutVariant(variant) => master::put_variant(posting, variant),
        Command::PutIdentifier(identifier) => master::put_identifier(posting, identifier),
        Command::RemoveIdentifier(identifier) => master::remove_identifier(posting, identifier),
        Command::PutLot(lot) => master::put_lot(posting, lot),
        Command::OpeningStock(line) => {
            crate::period::check_posting(posting, posting.act.posting_date)?;
            stock::opening(posting, line)
        }
        Command::PutDocument(document) => papers::put_document(posting, document),
        Command::SetDocumentStatus(status) => papers::set_status(posting, status),
        Command::CloseTransfer(close) => {
            transfer::close_remainder(posting, (&close.no, close.line), close.found.as_ref())
        }
        Command::PutOperator(operator) => people::put_operator(posting, operator),
        Command::GrantRole(grant) => people::grant_role(posting, grant),
        Command::RevokeRole(revoke) => people::revoke_role(posting, revoke),
        Command::CalculateCounts(calculate) => stock::calculate(posting, calculate),
        Command::AskCounts(ask) => stock::ask_counts(posting, ask),
        Command::AssignTask(ask) => assignment::assign(posting, ask),
        Command::EnterCounts(entered) => {
            count::observation::judge_journal_count(posting, entered.calculated, &entered.counts)
        }
        Command::Batch(batch) => run_batch(posting, batch),
        Command::PutDefaultDimensions(put) => dimension::put_default(posting, put),
        Command::PutDocumentDimensions(put) => dimension::put_document(posting, put),
        Command::SetInventorySetup(set) => costing::set_setup(posting, set),
        Command::PutItemCost(put) => costing::put_item_cost(posting, put),
        Command::PutStockkeepingUnit(put) => costing::put_stockkeeping_unit(posting, put),
        Command::PutUserSetup(put) => costing::put_user_setup(posting, put),
        Command::PostItemJournal(journal) => journal::post(posting, journal),
        Command::InvoiceEntries(put) => {
            crate::period::check_posting(posting, put.date)?;
            costing::invoice_entries(posting, put)
        }
        Command::ChargeEntries(put) => {
            crate::period::check_posting(posting, put.date)?;
            costing::charge_entries(posting, put)
        }
        Command::AdjustCost(ask) => work::ask(posting, ask),
        Command::WorkOff(off) => work::work_off(posting, *off),
        Command::PostDocument(put) => post_document::post(posting, put),
        Command::PutLineTerms(put) => post_document::put_terms(posting, put),
        Command::UndoPosted(put) => post_document::undo(posting, put),
        Command::UndoEntry(put) => post_document::undo_entry(posting, put),
        Command::UnapplyEntries(ask) => worksheet::unapply(posting, ask),
        Command::ApplyEntry(ask) => worksheet::apply(posting, *ask),
        Command::CloseWorksheet(ask) => worksheet::close(posting, ask),
        Command::PutBillOfMaterials(put) => standard::put_bill(posting, put),
        Command::RollUpStandardCost(ask) => standard::roll_up(posting, ask),
        Command::PostRevaluation(post) => revalue::post(posting, post),
        Command::PutCapacity(put) => capacity::put(posting, put),
        Command::PostCapacity(post) => capacity::post(posting, post),
        Command::ChargeCapacity(put) => capacity::charge(posting, put),
        Command::PostAssembly(post) => assembly::assemble(posting, post),
        Command::UndoAssembly(undo) => assembly::undo(posting, undo),
        Command::PutProductionOrder(put) => assembly::put_production_order(posting, put),
        Command::FinishProductionOrder(put) => assembly::finish(posting, put),
        Command::PutGlAccount(put) => ledger::put_account(posting, put),
        Command::PutInventoryPostingSetup(put) => ledger::put_inventory_setup(posting, put),
        Command::PutGeneralPostingSetup(put) => ledger::put_general_setup(posting, put),
        Command::SetReasonGroups(set) => ledger::set_reason_groups(posting, set),
        Command::PostCostToGl(ask) => {
            batch::ask(posting, ask);
            work::settle(posting, ask.slice)
        }
        Command::CreateFiscalYear(new) => accounting::create(posting, new),
        Command::CloseFiscalYear(_) => accounting::close_earliest(posting),
        Command::PutInventoryPeriod(put) => inventory::put(posting, put),
        Command::CloseInventoryPeriod(of) => inventory::close(posting, *of),
        Command::ReopenInventoryPeriod(of) => inventory::reopen(posting, *of),
        Command::DeleteInventoryPeriod(of) => inventory::delete(posting, *of),
        Command::StageImport(part) => import::stage(posting, part),
        Command::DropImport(drop) => import::drop_staged(posting, drop),
        Command::Handle(_)
        | Command::Settle(_)
        | Command::JudgeAgain(_)
        | Command::Decide(_)
        | Command::ActivateImport(_) => Err(Stop::refuse(Code::ChoiceNotOffered)),
    }
}

fn run_batch(posting: &mut Posting<'_, '_>, batch: &Batch) -> Result<(), Stop> {
    for command in &batch.commands {
        if matches!(command, Command::Batch(_)) {
            return Err(Stop::Refuse(malformed(&"a batch inside a batch")));
        }
        run(posting, command)?;
    }
    Ok(())
}

fn set_company(posting: &mut Posting<'_, '_>, company: &SetCompany) {
    use crate::schema::book::{Companies, Company};
    use crate::tables::Read as _;
    let epoch = posting
        .draft
        .row::<Companies>(&())
        .map_or(protocol::identity::ServerEpoch(1), |known| known.epoch);
    let row = Company {
        name: company.name.clone(),
        epoch,
        negative_inventory_allowed: company.negative_inventory_allowed,
        absent_after_hours: company.absent_after_hours,
    };
    posting.draft.put::<Companies>(&(), row);
}
