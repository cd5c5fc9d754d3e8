//! An import is all there or not there at all, whatever happens on the way.

use ledger::command::Command as LedgerCommand;
use ledger::command::places::DeleteBin;
use ledger::key::KeyRange;
use ledger::schema::book::{Intakes, Origin, StagedParts};
use ledger::tables::Read as _;
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
        ("opening_stock.csv", "location,bin,item,quantity\nMAIN,N-1,BOLT,3\nMAIN,A-02,BOLT,1\n"),
    ];
    let rows = rows.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let number = secret::random();
    let plan = planned(company, &read_files(rows.to_vec()).unwrap(), number);
    // Somebody takes the bin away after the rehearsal.
    let (location, bin) = ("MAIN".try_into().unwrap(), "A-02".try_into().unwrap());
    system(company, &LedgerCommand::DeleteBin(DeleteBin { location, bin })).await;
    let before = files(company);

    let run = import::run(company, &plan, (&boss(), number), &mut quietly).await;
    let Err(RunError::Refused { file, line, sentence, .. }) = run else { panic!("{run:?}") };
    assert_eq!((file, line), ("opening_stock.csv", 3), "{sentence}");
    assert_eq!(files(company), before);
    assert_eq!(n_staged(company), 0);
}
