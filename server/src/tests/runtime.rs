//! The machine at work, and what happens when the disk fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ledger::command::Command as LedgerCommand;
use ledger::command::places::PutSite;
use ledger::schema::place::SitesByCode;
use ledger::tables::Read as _;
use protocol::words::SiteCode;
use server_core::intake::command::{Command, CommandOrigin};

use crate::config::Config;
use crate::open::open_over;
use crate::runtime::{Commit, Health, Judged, SubmitError};
use crate::server::Server;
use crate::store::{Store, StoreError};

fn put_site(code: &str) -> Command {
    let site = SiteCode::new(code).unwrap();
    let put = PutSite { site, never_quantities: false, separator: None };
    Command {
        origin: CommandOrigin::System,
        raw: LedgerCommand::PutSite(put).encode(),
        local_date: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_at_once_are_all_answered_after_they_are_durable() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::local(folder.path());
    let store = Store::open(&config.store_folder()).unwrap();
    let opened = open_over(&config, store.clone(), Commit::to(&store)).await.unwrap();
    let company = opened.runtime.company().clone();
    let tasks: Vec<_> = (0..300)
        .map(|n| {
            let company = company.clone();
            tokio::spawn(async move {
                let code = format!("S{n}");
                company.submit(put_site(&code)).await.and_then(Judged::granted).unwrap();
                assert!(company.snapshot().has::<SitesByCode>(&SiteCode::new(code).unwrap()));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(company.head().borrow().0 >= 300);
    assert_eq!(opened.runtime.stop().await, Health::Stopped);
    assert_eq!(company.submit(put_site("LATE")).await, Err(SubmitError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_nothing_is_taken_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::local(folder.path());
    let store = Store::open(&config.store_folder()).unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let (breaks, writes_to) = (Arc::clone(&broken), store.clone());
    let commit = Commit::with(move |changes| {
        if breaks.load(Ordering::SeqCst) {
            return Err(StoreError::Stopped { reason: "no space left".to_owned() });
        }
        writes_to.apply(changes)
    });
    let opened = open_over(&config, store, commit).await.unwrap();
    let company = opened.runtime.company().clone();
    company.submit(put_site("KEPT")).await.and_then(Judged::granted).unwrap();
    broken.store(true, Ordering::SeqCst);
    assert_eq!(company.submit(put_site("LOST")).await, Err(SubmitError::Stopped));
    let mut health = company.health();
    let failed = health.wait_for(|health| *health != Health::Running).await.unwrap().clone();
    assert!(matches!(&failed, Health::Failed(why) if why.contains("no space left")), "{failed:?}");
    broken.store(false, Ordering::SeqCst);
    assert_eq!(company.submit(put_site("LATER")).await, Err(SubmitError::Stopped), "no retry");
    let snapshot = company.snapshot();
    assert!(snapshot.has::<SitesByCode>(&SiteCode::new("KEPT").unwrap()));
    assert!(!snapshot.has::<SitesByCode>(&SiteCode::new("LOST").unwrap()));
    assert!(matches!(opened.runtime.stop().await, Health::Failed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_the_company_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::local(folder.path());
    let first = crate::open::open(&config).await.unwrap();
    let company = first.runtime.company().clone();
    let judged = company.submit(put_site("HALL")).await.unwrap();
    let (server, head) = (first.server, *company.head().borrow());
    drop(company);
    assert_eq!(first.runtime.stop().await, Health::Stopped);
    let again = crate::open::open(&config).await.unwrap();
    let company = again.runtime.company();
    assert_eq!(again.server, server);
    assert!(*company.head().borrow() >= head, "the system may have decided something since");
    let row = company.snapshot().row::<ledger::schema::book::Outcomes>(&judged.operation);
    assert_eq!(row, Some(judged.outcome));
}

#[test]
fn a_server_that_is_dropped_ends_its_machine_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let serves = tokio::runtime::Runtime::new().unwrap();
    let running = serves.block_on(Server::start(Config::local(folder.path()))).unwrap();
    let mut health = running.app().company().health();
    drop(running);
    drop(serves);
    let waits = tokio::runtime::Runtime::new().unwrap();
    let ended = waits.block_on(health.wait_for(|health| *health != Health::Running));
    assert_eq!(*ended.unwrap(), Health::Stopped);
}
