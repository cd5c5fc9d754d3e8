//! A small company behind a server of its own.

use std::path::Path;

use ledger::schema::book::Heads;
use ledger::tables::Read as _;
use serde_json::{Value, json};
use server_core::intake::IntakeHead;
use tempfile::TempDir;

use super::http::Client;
use crate::config::Config;
use crate::server::{Running, Server};

pub(super) const PASSWORD: &str = "correct horse battery";

/// A server with an administrator who is signed in.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) running: Running,
    pub(super) boss: Client,
}

/// The files of a small company.
pub(super) fn files() -> Value {
    json!({
        "tracking_codes.csv": "code,lot,expiry\nLOTS,yes,yes\n",
        "items.csv": "item,description,base_unit,precision,tracking_code\n\
                      BOLT,Bolt M8,PCS,1,\nMILK,Milk,L,0.1,LOTS\n",
        "item_units.csv": "item,unit,factor\nBOLT,BOX,50\n",
        "identifiers.csv": "code,item,variant,unit\n4006381333931,BOLT,,BOX\n",
        "sites.csv": "site\nHALL\n",
        "locations.csv": "location,name,site,time_zone,bin_mandatory\n\
                          MAIN,Main hall,HALL,Europe/Copenhagen,yes\n\
                          SHOP,Shop,HALL,Europe/Copenhagen,yes\n",
        "bins.csv": "location,bin,kind\nMAIN,A-01,\nMAIN,A-02,\nSHOP,S-01,\n",
        "lots.csv": "item,lot,expiry\nMILK,L1,2027-01-31\n",
        "default_dimensions.csv": "record,code,dimension,value\nitem,MILK,PRODUCT,DAIRY\n",
        "opening_stock.csv": "location,bin,item,unit,quantity,lot,expiry\n\
                              MAIN,A-01,BOLT,BOX,2,,\nMAIN,A-01,MILK,,12.5,L1,2027-01-31\n",
        "purchase_orders.csv": "document,partner_name,location,line,item,unit,quantity\n\
                                PO-1,Acme,MAIN,10,BOLT,BOX,4\nPO-1,Acme,MAIN,20,BOLT,,7\n",
        "sales_orders.csv": "document,partner_name,location,due,line,item,quantity\n\
                             SO-1,Shop,MAIN,2026-12-01,10,BOLT,5\n",
        "transfer_orders.csv": "document,location,to_location,line,item,quantity\n\
                                TO-1,MAIN,SHOP,10,BOLT,3\n",
        "operators.csv": "operator,name,roles,pin,password\n\
                          anna,Anna,operator@MAIN,4711,\n\
                          sven,Sven,supervisor@MAIN,,another good password\n",
    })
}

pub(super) async fn start(folder: &Path) -> Running {
    Server::start(Config::local(folder)).await.unwrap()
}

/// Returns when everything that was accepted is judged.
pub(super) async fn all_is_judged(running: &Running) {
    let company = running.app().company();
    let mut head = company.head();
    let is_judged = || {
        let snapshot = company.snapshot();
        let judged = snapshot.row::<Heads>(&()).map_or(0, |head| head.intake.0);
        judged == IntakeHead::of(&snapshot).no.0
    };
    while !is_judged() {
        head.changed().await.unwrap();
    }
}

pub(super) async fn sign_in(running: &Running, user: &str, password: &str) -> Client {
    let client = Client::new(running.addr());
    let asked = json!({"user": user, "password": password, "bearer": true});
    let answer = client.post("/api/v1/session", &asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    client.with("authorization", &format!("Bearer {token}"))
}

impl House {
    /// An empty company with an administrator.
    pub(super) async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let running = start(folder.path()).await;
        let link = running.first_link().expect("nobody administers it yet");
        let token = link.rsplit('/').next().unwrap();
        let asked = json!({"token": token, "user": "boss", "name": "Boss", "password": PASSWORD});
        let client = Client::new(running.addr());
        let named = client.post("/api/v1/first-administrator", &asked).await;
        assert_eq!(named.status, 204, "{named:?}");
        let again = client.post("/api/v1/first-administrator", &asked).await;
        assert_eq!((again.status, again.code().as_str()), (403, "link_used"));
        let boss = sign_in(&running, "boss", PASSWORD).await;
        Self { folder, running, boss }
    }

    /// A company with items, places, stock and orders.
    pub(super) async fn furnished() -> Self {
        let house = Self::empty().await;
        let imported = house.import(&files(), false).await;
        assert_eq!(imported["faults"], json!([]), "{imported}");
        assert_eq!(imported["done"], true);
        house
    }

    pub(super) async fn import(&self, files: &Value, dry_run: bool) -> Value {
        let asked = json!({"files": files, "dry_run": dry_run});
        let answer = self.boss.post("/api/v1/import", &asked).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The quantity on hand of an item in a bin of MAIN, as the API tells.
    pub(super) async fn on_hand(&self, bin: &str, item: &str) -> Option<String> {
        let path = format!("/api/v1/stock?location=MAIN&bin={bin}");
        let page = self.boss.get(&path).await.json();
        let row = page["rows"].as_array().unwrap().iter().find(|row| row["item"] == item)?.clone();
        Some(row["quantity"].as_str().unwrap().to_owned())
    }
}
