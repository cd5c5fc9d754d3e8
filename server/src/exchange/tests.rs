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
    let text = "\u{FEFF}location;bin;item;quantity;lot;expiry\r\n\
                MAIN;A-01;MILK;12,5;L1;2027-01-31\r\n";
    let files = with("opening_stock.csv", text);
    assert_eq!(faults_of(files.clone()), []);
    let batch = read_files(files).unwrap();
    assert_eq!(batch.opening_stock[0].row.quantity, "12.5".parse().unwrap());
    let faults =
        faults_of(with("opening_stock.csv", "location,bin,item,quantity\nM,A,B,\"1,5\"\n"));
    assert_eq!(faults[0].column, "quantity", "{faults:?}");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n"] {
        let rows = ["location,bin", "MAIN,A-01", "", "", "\"MA", "IN\",B", "MAIN,", "NOWHERE,C"];
        let faults = faults_of(with("bins.csv", &rows.join(end)));
        let places: Vec<_> = (faults.iter().filter(|fault| fault.file == "bins.csv"))
            .map(|fault| (fault.line, fault.column.as_str()))
            .collect();
        assert_eq!(places, [(5, "location"), (7, "bin"), (8, "location")], "{faults:#?}");
    }
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
    let fault = &faults_of(latin)[0];
    assert_eq!(fault.reason, "not written in UTF-8");
    assert_eq!((fault.line, fault.column.as_str()), (2, "bin"));
    let rows = b"location,bin\nMAIN,A\n\"MA\nIN\",B\nMAIN,\xE6\nMAIN,\xE6\n".to_vec();
    let fault = &faults_of(vec![("bins.csv".to_owned(), rows)])[0];
    assert_eq!(fault.reason, "not written in UTF-8, and neither are 1 other lines");
    assert_eq!((fault.line, fault.column.as_str()), (5, "bin"));
}

/// Line, column and what the reason says of each fault of one file of an otherwise sound folder.
fn told(name: &str, text: &str) -> Vec<(u64, String, String)> {
    let mut files = with(name, text);
    if name != "opening_stock.csv" {
        files.retain(|(known, _bytes)| known != "opening_stock.csv");
    }
    let faults = faults_of(files);
    for fault in &faults {
        assert!(fault.remedy.ends_with('.') && !fault.reason.ends_with('.'), "{fault}");
    }
    let of_file = faults.into_iter().filter(|fault| fault.file == name);
    of_file.map(|fault| (fault.line, fault.column, fault.reason)).collect()
}

fn check_told(name: &str, text: &str, wanted: &[(u64, &str, &str)]) {
    let told = told(name, text);
    let places: Vec<_> = told.iter().map(|(line, column, _why)| (*line, column.as_str())).collect();
    let all: Vec<_> = wanted.iter().map(|(line, column, _why)| (*line, *column)).collect();
    assert_eq!(places, all, "{told:#?}");
    for ((line, _column, why), (_line, _wanted, part)) in told.iter().zip(wanted) {
        assert!(why.contains(part), "line {line}: {why}");
    }
}

#[test]
fn a_quantity_beyond_what_can_be_booked_is_told_and_no_row_is_lost() {
    let mut files = with("item_units.csv", "item,unit,factor\nBOLT-M8,SHIP,1000000\n");
    files.retain(|(name, _bytes)| name != "identifiers.csv" && name != "opening_stock.csv");
    let stock = "location,bin,item,unit,quantity\n\
                 MAIN,A-01,BOLT-M8,SHIP,900000000000\nMAIN,DOCK,BOLT-M8,SHIP,1000001\n";
    files.push(file("opening_stock.csv", stock));
    let order = "document,location,line,item,unit,quantity\nPO-1,MAIN,10,BOLT-M8,SHIP,1000001\n";
    files.retain(|(name, _bytes)| name != "purchase_orders.csv");
    files.push(file("purchase_orders.csv", order));
    let faults = faults_of(files);
    let places: Vec<_> = (faults.iter())
        .map(|fault| (fault.file.as_str(), fault.line, fault.column.as_str()))
        .collect();
    let stock = |line| ("opening_stock.csv", line, "quantity");
    assert_eq!(places, [stock(2), stock(3), ("purchase_orders.csv", 2, "quantity")]);
    assert!(faults.iter().all(|fault| fault.reason.contains("out of range")), "{faults:#?}");
}

#[test]
fn a_row_that_could_only_be_booked_as_something_else_is_told() {
    check_told(
        "opening_stock.csv",
        "location,bin,plate,item,unit,quantity,lot,expiry\n\
         MAIN,A-01,P1,BOLT-M8,,1,,\n\
         MAIN,DOCK,P1,BOLT-M8,,1,,\n\
         MAIN,DOCK,P1,BOLT-M8,BOX,1,,\n\
         MAIN,A-01,,MILK,,1,L1,2027-01-31\n\
         MAIN,DOCK,,MILK,,1,L1,2027-02-28\n\
         MAIN,DOCK,,MILK,,1,L2,\n\
         MAIN,A-01,,BOLT-M8,,1,,2027-01-31\n\
         MAIN,DOCK,,BOLT-M8,,1.4,,\n\
         MAIN,DOCK,,BOLT-M8,BOX,0.03,,\n",
        &[
            (3, "plate", "P1 is in another place in line 2"),
            (4, "plate", "P1 is in another place in line 2"),
            (6, "expiry", "L1 of MILK expires on 2027-01-31 in line 5"),
            (7, "expiry", "the item needs an expiration date"),
            (8, "expiry", "the item has neither"),
            (9, "quantity", "1.4 would have to be rounded to 1 PCS"),
            (10, "quantity", "0.03 would have to be rounded to 2 PCS"),
        ],
    );
    check_told("lots.csv", "item,lot,expiry\nMILK,L1,2027-01-31\n", &[]);
    let mut files = with("lots.csv", "item,lot,expiry\nMILK,L1,2027-03-31\n");
    files.retain(|(name, _bytes)| name != "operators.csv");
    let faults = faults_of(files);
    assert_eq!((faults[0].line, faults[0].column.as_str()), (3, "expiry"), "{faults:#?}");
}

#[test]
fn a_third_of_a_box_is_as_exact_as_its_factor() {
    let mut files = with("item_units.csv", "item,unit,factor\nBOLT-M8,PART,0.33333\n");
    files.retain(|(name, _bytes)| name != "identifiers.csv" && name != "opening_stock.csv");
    let stock = "location,bin,item,unit,quantity\n\
                 MAIN,A-01,BOLT-M8,PART,3\nMAIN,DOCK,BOLT-M8,PART,4\n";
    files.push(file("opening_stock.csv", stock));
    let faults = faults_of(files);
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(places, [(3, "quantity")], "{faults:#?}");
}

#[test]
fn an_order_fixes_only_numbers_that_its_item_has() {
    check_told(
        "sales_orders.csv",
        "document,location,line,item,quantity,lot,serial\n\
         SO-1,MAIN,10,BOLT-M8,1,L1,\n\
         SO-1,MAIN,20,MILK,1,L1,\n\
         SO-1,MAIN,30,MILK,2,,S1\n\
         SO-1,MAIN,40,BOLT-M8,1.4,,\n",
        &[
            (2, "lot", "not tracked by lot"),
            (4, "quantity", "exactly one base unit"),
            (4, "serial", "not tracked by serial"),
            (5, "quantity", "would have to be rounded"),
        ],
    );
}

#[test]
fn a_code_that_no_scan_is_looked_up_by_is_told() {
    check_told(
        "identifiers.csv",
        "code,item\n\
         4006381333931,BOLT-M8\n\
         4006381333932,BOLT-M8\n\
         B:A-01,BOLT-M8\n\
         U:secret,BOLT-M8\n\
         CMD:OK,BOLT-M8\n\
         BOLT-M8,BOLT-M8\n\
         96385075,BOLT-M8\n\
         https://id.gs1.org/01/09506000134352,BOLT-M8\n\
         (01)09506000134352,BOLT-M8\n\
         ]C0BOLT,BOLT-M8\n\
         0109506000134353,BOLT-M8\n\
         2112345678,BOLT-M8\n",
        &[
            (3, "code", "its check digit is wrong"),
            (4, "code", "read as a bin"),
            (5, "code", "read as the badge of a person"),
            (6, "code", "read as a command"),
            (9, "code", "by the item number that is in it"),
            (10, "code", "by the item number that is in it"),
            (11, "code", "taken off again"),
            (12, "code", "cannot be read"),
        ],
    );
}

#[test]
fn a_date_that_a_tracking_code_asks_for_has_something_to_be_kept_with() {
    let text = "code,lot,serial,expiry\nLOTS,yes,,yes\nPUMPS,,yes,yes\nBAD,,,yes\n";
    check_told("tracking_codes.csv", text, &[(4, "expiry", "asks for neither")]);
}

#[test]
fn stock_names_a_bin_exactly_where_the_location_has_bins() {
    let mut files = with(
        "locations.csv",
        "location,name,site,time_zone,bin_mandatory\nMAIN,Main,HALL,UTC,yes\nYARD,Yard,HALL,UTC,\n",
    );
    files.retain(|(name, _bytes)| name != "opening_stock.csv");
    let stock = "location,bin,item,quantity\nYARD,A-01,BOLT-M8,1\nYARD,,BOLT-M8,2\n";
    files.push(file("opening_stock.csv", stock));
    let faults = faults_of(files);
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column.as_str())).collect();
    assert_eq!(places, [(2, "bin")], "{faults:#?}");
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
