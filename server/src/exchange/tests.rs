use ledger::memory::MemoryTables;

use super::read::{ReadError, read_files, read_folder};
use super::write::{to_files, write_folder};
use super::*;

fn file(name: &str, text: &str) -> (String, Vec<u8>) {
    (name.to_owned(), text.as_bytes().to_vec())
}

fn small_company() -> Vec<(String, Vec<u8>)> {
    vec![
        file("tracking_codes.csv", "code,lot,expiry\nLOTS,yes,yes\n"),
        file(
            "items.csv",
            "item,description,base_unit,precision,tracking_code\n\
             BOLT-M8,\"Bolt, M8\",PCS,1,\nMILK,=Milk,L,,LOTS\n",
        ),
        file("item_units.csv", "item,unit,factor\nBOLT-M8,BOX,50\n"),
        file("identifiers.csv", "code,item,variant,unit\n4006381333931,BOLT-M8,,BOX\n"),
        file("sites.csv", "site\nHALL\n"),
        file(
            "locations.csv",
            "location,name,site,time_zone,bin_mandatory,receipt_bin\n\
             MAIN,Main hall,HALL,Europe/Copenhagen,yes,DOCK\n",
        ),
        file("bins.csv", "location,bin,kind\nMAIN,A-01,\nMAIN,DOCK,receipt\n"),
        file(
            "opening_stock.csv",
            "location,bin,item,unit,quantity,lot,expiry\n\
             MAIN,A-01,BOLT-M8,BOX,2,,\nMAIN,A-01,MILK,,12.5,L1,2027-01-31\n",
        ),
        file(
            "purchase_orders.csv",
            "document,partner_name,location,line,item,quantity\n\
             PO-1,Acme,MAIN,10,BOLT-M8,100\nPO-1,Acme,MAIN,20,MILK,5\n",
        ),
        file(
            "operators.csv",
            "operator,name,roles,pin\nanna,Anna,operator@MAIN supervisor@MAIN,4711\n",
        ),
    ]
}

fn faults_of(files: Vec<(String, Vec<u8>)>) -> Vec<RowFault> {
    match read_files(files) {
        Err(ReadError::Rows { mut faults, read }) => {
            faults.extend(check::check_readable(&read, &MemoryTables::new(), &faults));
            faults.sort();
            faults
        }
        Err(error) => panic!("{error}"),
        Ok(batch) => check::check(&batch, &MemoryTables::new()),
    }
}

fn with(name: &str, text: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = small_company();
    files.retain(|(known, _bytes)| known != name);
    files.push(file(name, text));
    files
}

#[test]
fn a_sound_folder_has_no_problems() {
    assert_eq!(faults_of(small_company()), []);
}

#[test]
fn what_was_written_reads_back() {
    let batch = read_files(small_company()).unwrap().normalised();
    let again = read_files(to_files(&batch).unwrap()).unwrap();
    assert_eq!(again, batch);
    let folder = tempfile::tempdir().unwrap();
    write_folder(&batch, folder.path()).unwrap();
    assert_eq!(read_folder(folder.path()).unwrap(), batch);
    let items = std::fs::read_to_string(folder.path().join("items.csv")).unwrap();
    assert!(items.contains(",'=Milk,"), "a text that looks like a formula is guarded: {items}");
}

#[test]
fn every_bad_row_is_told_with_its_place_and_a_remedy() {
    let faults = faults_of(with(
        "opening_stock.csv",
        "location,bin,item,quantity,lot\n\
         MAIN,A-01,BOLT-M8,1e3,\n\
         MAIN,A-01,BOLT-M8,1.000001,\n\
         MAIN,,BOLT-M8,x,\n",
    ));
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(places, [(2, "quantity"), (3, "quantity"), (4, "quantity")]);
    for fault in &faults {
        assert_eq!(fault.file, "opening_stock.csv");
        assert!(fault.remedy.ends_with('.') && !fault.reason.ends_with('.'), "{fault}");
    }
}

#[test]
fn what_a_row_that_cannot_be_read_may_have_named_is_not_called_unknown() {
    let mut files = with(
        "items.csv",
        "item,description,base_unit,precision,tracking_code\n\
         BOLT-M8,Bolt,PCS,0.000001,\nMILK,Milk,L,,LOTS\n",
    );
    files.retain(|(name, _bytes)| name != "opening_stock.csv");
    let stock = "location,bin,item,quantity\nMAIN,A-01,BOLT-M8,2\nMAIN,Z-99,BOLT-M8,3\n";
    files.push(file("opening_stock.csv", stock));
    let faults = faults_of(files);
    let places: Vec<_> = (faults.iter())
        .map(|fault| (fault.file.as_str(), fault.line, fault.column.as_str()))
        .collect();
    // The row of BOLT-M8 is there and cannot be read; Z-99 is nowhere.
    assert_eq!(places, [("items.csv", 2, "precision"), ("opening_stock.csv", 3, "bin")]);
}

#[test]
fn rows_are_checked_against_each_other() {
    let faults = faults_of(with(
        "opening_stock.csv",
        "location,bin,item,variant,unit,quantity,lot,serial\n\
         MAIN,Z-99,BOLT-M8,,,1,,\n\
         MAIN,,BOLT-M8,,,2,,\n\
         NOWHERE,A-01,BOLT-M8,,,3,,\n\
         MAIN,A-01,NUT,,,4,,\n\
         MAIN,A-01,BOLT-M8,,PAL,5,,\n\
         MAIN,A-01,MILK,,,6,,\n\
         MAIN,A-01,BOLT-M8,,,0.2,,\n\
         MAIN,A-01,BOLT-M8,,BOX,1,,\n\
         MAIN,A-01,BOLT-M8,,BOX,1,,\n",
    ));
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "bin"),
            (3, "bin"),
            (4, "location"),
            (5, "item"),
            (6, "unit"),
            (7, "lot"),
            (8, "quantity"),
            (10, "")
        ]
    );
}

#[test]
fn the_rows_of_an_order_agree_on_its_header() {
    let faults = faults_of(with(
        "purchase_orders.csv",
        "document,partner_name,location,line,item,quantity\n\
         PO-1,Acme,MAIN,10,BOLT-M8,100\nPO-1,Other,MAIN,20,BOLT-M8,5\n",
    ));
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].line, faults[0].column.as_str()), (3, ""));
}

#[test]
fn a_spreadsheet_of_another_country_reads_too() {
    let text = "\u{FEFF}location;bin;item;quantity;lot\r\nMAIN;A-01;MILK;12,5;L1\r\n";
    let files = with("opening_stock.csv", text);
    assert_eq!(faults_of(files.clone()), []);
    let batch = read_files(files).unwrap();
    assert_eq!(batch.opening_stock[0].row.quantity, "12.5".parse().unwrap());
    let faults =
        faults_of(with("opening_stock.csv", "location,bin,item,quantity\nM,A,B,\"1,5\"\n"));
    assert_eq!(faults[0].column, "quantity", "{faults:?}");
}

#[test]
fn files_and_columns_that_nobody_knows_are_told() {
    let mut files = with("bins.csv", "location,bin,colour\nMAIN,A-01,red\n");
    files.push(file("prices.csv", "item,price\n"));
    let faults = faults_of(files);
    let places: Vec<_> =
        faults.iter().map(|fault| (fault.file.as_str(), fault.column.as_str())).collect();
    assert_eq!(places, [("bins.csv", "colour"), ("prices.csv", "")]);
    assert_eq!(faults_of(with("bins.csv", "location\nMAIN\n"))[0].column, "bin");
    assert_eq!(faults_of(with("bins.csv", ""))[0].line, 1);
    let latin = vec![("bins.csv".to_owned(), b"location,bin\nMAIN,\xE6\n".to_vec())];
    assert_eq!(faults_of(latin)[0].reason, "not written in UTF-8");
}

#[test]
fn secrets_are_checked_before_they_are_taken() {
    let faults = faults_of(with(
        "operators.csv",
        "operator,roles,pin,pin_verifier,password,badge_hash,language\n\
         a,operator@MOON,1234,,,,\n\
         b,,4711,$argon2id$x,,,\n\
         c,chief,,,short,zz,de\n",
    ));
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    let others = [(2, "pin"), (2, "roles"), (3, "pin"), (3, "pin_verifier")];
    assert_eq!(places, [&others[..], &[(4, "roles")]].concat(), "all in one go");
    let faults = faults_of(with(
        "operators.csv",
        "operator,roles,pin,pin_verifier,password,badge_hash,language\n\
         a,operator@MOON,1234,,,,\n\
         b,,4711,$argon2id$x,,,\n\
         c,,,,short,zz,de\n",
    ));
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "pin"),
            (2, "roles"),
            (3, "pin"),
            (3, "pin_verifier"),
            (4, "badge_hash"),
            (4, "language"),
            (4, "password")
        ]
    );
}
