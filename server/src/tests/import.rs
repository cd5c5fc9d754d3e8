//! An import is all there or not there at all, whatever happens on the way.

use ledger::command::Command as LedgerCommand;
use ledger::command::papers::SetDocumentStatus;
use ledger::command::places::DeleteBin;
use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Origin, StagedParts};
use ledger::tables::Read as _;
use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;
use server_core::intake::command::{Command, CommandOrigin};
use server_core::ledger_judge::LedgerJudge;
use tempfile::TempDir;
use tokio::sync::Notify;

use super::house::{House, start};
use crate::exchange::read::read_files;
use crate::exchange::{Batch, write};
use crate::import::{self, Plan, RunError, Stage, quietly};
use crate::runtime::{Company, Judged};
use crate::{export, secret};

/// Enough bins for several parts, stock in them, and a person with a PIN.
fn batch() -> Batch {
    let bins: String = (0..1_200).map(|n| format!("MAIN,X-{n:04}\n")).collect();
    let stock: String = (0..400).map(|n| format!("MAIN,X-{n:04},BOLT,{}\n", n + 1)).collect();
    let files = [
        ("items.csv", "item,description,base_unit,precision\nBOLT,Bolt,PCS,1\n".to_owned()),
        ("sites.csv", "site\nHALL\n".to_owned()),
        (
            "locations.csv",
            "location,name,site,time_zone,bin_mandatory\nMAIN,Main,HALL,UTC,yes\n".to_owned(),
        ),
        ("bins.csv", format!("location,bin\n{bins}")),
        ("opening_stock.csv", format!("location,bin,item,quantity\n{stock}")),
        ("operators.csv", "operator,name,roles,pin\nmia,Mia,operator@MAIN,4711\n".to_owned()),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    read_files(files.to_vec()).unwrap()
}

fn planned(company: &Company, batch: &Batch, number: [u8; 16]) -> Plan {
    let snapshot = company.snapshot();
    let plan = import::prepare(batch, &snapshot, number, &mut quietly).unwrap();
    import::rehearse(&plan, &snapshot, &LedgerJudge, company.now(), &mut quietly).unwrap();
    plan
}

fn boss() -> CommandOrigin {
    CommandOrigin::Import { user: "boss".try_into().unwrap() }
}

fn exported(company: &Company) -> Batch {
    export::collect(&company.snapshot(), company.now()).0
}

fn files(company: &Company) -> Vec<(String, Vec<u8>)> {
    write::to_files(&exported(company)).unwrap()
}

fn n_staged(company: &Company) -> usize {
    company.snapshot().list::<StagedParts>(&KeyRange::all()).len()
}

/// Runs the import until `parts` parts are staged, and lets go of it.
async fn interrupted(company: &Company, number: [u8; 16], parts: usize) {
    let plan = planned(company, &batch(), number);
    let stop = Notify::new();
    let mut progress = |stage, done, _of| {
        if (stage, done) == (Stage::Stage, parts) {
            stop.notify_one();
        }
    };
    let origin = boss();
    let run = import::run(company, &plan, (&origin, number), &mut progress);
    tokio::select! {
        biased;
        () = stop.notified() => {}
        done = run => panic!("it was to be interrupted: {done:?}"),
    }
}

async fn reopened(house: House) -> (TempDir, crate::server::Running) {
    let House { folder, running, .. } = house;
    running.stop().await;
    let running = start(folder.path()).await;
    (folder, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_cut_off_shows_nothing_and_is_taken_up_under_its_number() {
    let house = House::empty().await;
    let number = secret::random();
    let before = files(house.running.app().company());
    interrupted(house.running.app().company(), number, 2).await;
    let (_folder, running) = reopened(house).await;
    let company = running.app().company();
    assert_eq!(files(company), before);
    assert!(n_staged(company) >= 2, "the parts are kept");

    let plan = planned(company, &batch(), number);
    assert!(plan.parts.len() > 3);
    let origin = boss();
    assert!(!import::is_done(&company.snapshot(), number));
    let again = import::run(company, &plan, (&origin, number), &mut quietly).await.unwrap();
    assert_eq!((again.n_commands, n_staged(company)), (plan.n_commands(), 0));
    let rows = exported(company);
    // Each location has bins of its own beside those of the file.
    let ours = rows.bins.iter().filter(|at| at.row.bin.as_str().starts_with("X-")).count();
    assert_eq!((ours, rows.opening_stock.len()), (1_200, 400));
    let after = files(company);
    assert!(import::is_done(&company.snapshot(), number));
    // Once more changes nothing.
    import::run(company, &plan, (&origin, number), &mut quietly).await.unwrap();
    assert_eq!(files(company), after);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_is_judged_between_the_parts_of_an_import() {
    let house = House::empty().await;
    let company = house.running.app().company().clone();
    let number = secret::random();
    let plan = planned(&company, &batch(), number);
    let origin = boss();
    let done = Notify::new();
    let importing = async {
        let imported = import::run(&company, &plan, (&origin, number), &mut quietly).await;
        done.notify_one();
        imported.unwrap();
    };
    let others = async {
        tokio::select! {
            () = done.notified() => {}
            () = work(&company) => {}
        }
    };
    tokio::join!(importing, others);
    let origins: Vec<Origin> = (company.snapshot().list::<Intakes>(&KeyRange::all()).into_iter())
        .map(|(_no, intake)| intake.origin.clone())
        .collect();
    let is_part = |origin: &Origin| matches!(origin, Origin::Import { .. });
    let first = origins.iter().position(is_part).unwrap();
    let last = origins.iter().rposition(is_part).unwrap();
    assert!(origins[first..last].contains(&Origin::System), "{origins:?}");
}

/// One command after the other, for ever.
async fn work(company: &Company) {
    for n in 0_u32.. {
        let put = ledger::command::places::PutSite {
            site: format!("S{n}").try_into().unwrap(),
            never_quantities: false,
            separator: None,
        };
        system(company, &LedgerCommand::PutSite(put)).await;
    }
}

async fn system(company: &Company, command: &LedgerCommand) {
    let origin = CommandOrigin::System;
    let command = Command { origin, raw: command.encode(), local_date: None };
    company.submit(command).await.and_then(Judged::granted).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_the_company_outran_does_nothing_and_names_the_row() {
    let house = House::furnished().await;
    let company = house.running.app().company();
    let rows = [
        ("bins.csv", "location,bin\nMAIN,N-1\n"),
        (
            "opening_stock.csv",
            "location,bin,item,quantity,lot,expiry\n\
             MAIN,N-1,MILK,3,L7,2027-01-31\nMAIN,A-02,MILK,1,L7,2027-01-31\n",
        ),
    ];
    let rows = rows.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let number = secret::random();
    let plan = planned(company, &read_files(rows.to_vec()).unwrap(), number);
    // Somebody takes the bin away after the rehearsal.
    let (location, bin) = ("MAIN".try_into().unwrap(), "A-02".try_into().unwrap());
    system(company, &LedgerCommand::DeleteBin(DeleteBin { location, bin })).await;
    let before = files(company);

    let run = import::run(company, &plan, (&boss(), number), &mut quietly).await;
    let Err(RunError::Refused { fault: Some(fault), .. }) = run else { panic!("{run:?}") };
    let place = (fault.file.as_str(), fault.line, fault.column.as_str());
    assert_eq!(place, ("opening_stock.csv", 3, "bin"), "{fault}");
    assert_eq!(files(company), before);
    assert_eq!(n_staged(company), 0);
}

/// The faults of `rows` in `company`, found by looking at them or by rehearsing them.
fn faults(company: &Company, rows: &[(&str, &str)]) -> Vec<(String, u64, String)> {
    let rows = rows.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let batch = read_files(rows.collect()).unwrap();
    let snapshot = company.snapshot();
    let found = import::prepare(&batch, &snapshot, [9; 16], &mut quietly).and_then(|plan| {
        import::rehearse(&plan, &snapshot, &LedgerJudge, company.now(), &mut quietly)
    });
    let found = found.err().unwrap_or_default();
    for fault in &found {
        assert!(!fault.reason.is_empty() && fault.remedy.ends_with('.'), "{fault}");
    }
    found.into_iter().map(|fault| (fault.file, fault.line, fault.column)).collect()
}

fn at(file: &str, line: u64, column: &str) -> (String, u64, String) {
    (file.to_owned(), line, column.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_files_again_double_no_stock_and_open_no_order_again() {
    let house = House::furnished().await;
    let company = house.running.app().company();
    let stock = "location,bin,item,unit,quantity,lot,expiry\n\
                 MAIN,A-01,BOLT,BOX,2,,\nMAIN,A-02,BOLT,,2,,\n\
                 MAIN,A-01,MILK,,12.5,L1,2027-01-31\nMAIN,A-01,MILK,,1,L2,2027-01-31\n\
                 SHOP,S-01,BOLT,,1,,\n";
    let twice = |line| at("opening_stock.csv", line, "item");
    assert_eq!(faults(company, &[("opening_stock.csv", stock)]), [twice(2), twice(3), twice(4)]);

    let (kind, no) = (DocumentKind::PurchaseOrder, "PO-1".try_into().unwrap());
    let close = SetDocumentStatus { kind, no, status: DocumentStatus::Closed, may_reopen: false };
    system(company, &LedgerCommand::SetDocumentStatus(close)).await;
    let orders = "document,partner_name,location,line,item,unit,quantity\n\
                  PO-1,Acme,MAIN,10,BOLT,BOX,4\nPO-1,Acme,MAIN,20,BOLT,,7\n";
    let told = house.import(&serde_json::json!({"purchase_orders.csv": orders}), false).await;
    assert_eq!((&told["done"], &told["faults"]), (&true.into(), &serde_json::json!([])), "{told}");
    assert!(exported(company).purchase_orders.is_empty(), "it is closed and stays so");
    let more = orders.replace(",7", ",8");
    let found = faults(company, &[("purchase_orders.csv", &more)]);
    assert_eq!(found, [at("purchase_orders.csv", 3, "document")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_says_what_it_leaves_out_and_why() {
    let house = House::furnished().await;
    let company = house.running.app().company();
    let whole = house.boss.get("/api/v1/export/purchase_orders.csv").await;
    assert_eq!(whole.header("x-left-out"), None, "{whole:?}");
    let (kind, no) = (DocumentKind::PurchaseOrder, "PO-1".try_into().unwrap());
    let close = SetDocumentStatus { kind, no, status: DocumentStatus::Closed, may_reopen: false };
    system(company, &LedgerCommand::SetDocumentStatus(close)).await;
    let orders = house.boss.get("/api/v1/export/purchase_orders.csv").await;
    assert_eq!(orders.header("x-left-out"), Some("1"), "{orders:?}");
    assert_eq!(house.boss.get("/api/v1/export/sales_orders.csv").await.header("x-left-out"), None);
    let list = house.boss.get("/api/v1/export/left_out.txt").await;
    let told = "purchase_orders.csv: PO-1: closed or cancelled orders do not come in again\n";
    assert_eq!((list.status, list.body.as_str()), (200, told));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_judgement_finds_is_told_with_its_column() {
    let house = House::furnished().await;
    let company = house.running.app().company();
    let blocked = "location,bin,blocked\nMAIN,A-02,yes\n";
    let stock = "location,bin,plate,item,quantity,lot,expiry\n\
                 MAIN,A-02,,MILK,1,L7,2027-01-31\nMAIN,A-01,P1,MILK,2,L7,2027-01-31\n";
    let found = faults(company, &[("bins.csv", blocked), ("opening_stock.csv", stock)]);
    assert_eq!(found, [at("opening_stock.csv", 2, "bin")]);

    let plates = "location,bin,plate,item,quantity,lot,expiry\nMAIN,A-01,P1,MILK,2,L7,2027-01-31\n";
    let done = house.import(&serde_json::json!({"opening_stock.csv": plates}), false).await;
    assert_eq!(done["done"], true, "{done}");
    let moved = "location,bin,plate,item,quantity,lot,expiry\n\
                 MAIN,A-02,P1,MILK,2,L8,2027-01-31\nMAIN,A-01,,MILK,2,L1,2027-02-28\n";
    let found = faults(company, &[("opening_stock.csv", moved)]);
    let wanted = ["expiry", "item"].map(|column| at("opening_stock.csv", 3, column));
    assert_eq!(found, [&[at("opening_stock.csv", 2, "plate")], &wanted[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_date_of_a_serial_without_a_lot_goes_in_and_out() {
    let house = House::furnished().await;
    let company = house.running.app().company();
    let files = serde_json::json!({
        "tracking_codes.csv": "code,serial,expiry\nPUMPS,yes,yes\n",
        "items.csv": "item,base_unit,precision,tracking_code\nPUMP,PCS,1,PUMPS\n",
        "opening_stock.csv": "location,bin,item,quantity,serial,expiry\n\
                              MAIN,A-01,PUMP,1,S1,2027-01-31\nMAIN,A-01,PUMP,1,S2,2027-02-28\n",
    });
    let done = house.import(&files, false).await;
    assert_eq!(done["done"], true, "{done}");
    let rows = exported(company).opening_stock;
    let dates: Vec<_> = (rows.iter().filter(|at| at.row.item.as_str() == "PUMP"))
        .map(|at| at.row.expiry.unwrap().to_string())
        .collect();
    assert_eq!(dates, ["2027-01-31", "2027-02-28"]);
}
