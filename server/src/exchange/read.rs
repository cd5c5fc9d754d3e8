//! Files to rows. Every bad cell is told with file, line, column, reason and remedy; nothing stops
//! at the first.

use std::collections::HashMap;
use std::path::Path;

use super::cell::CellProblem;
use super::line::{CellSource, Column, Line};
use super::{At, Batch, FILES, RowFault};

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 512 << 20;

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The folder or a file in it cannot be read.
    #[error("{path} cannot be read")]
    Folder {
        /// The folder or file.
        path: std::path::PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Something is wrong with the files.
    #[error("{} problems in the files", faults.len())]
    Rows {
        /// Every one of them.
        faults: Vec<RowFault>,
        /// The rows that could be read all the same: what else is wrong with them is told at once
        /// (see [`super::check::check_readable`]).
        read: Box<Batch>,
    },
}

/// Reads the files of `folder`. Files that are not there are empty.
///
/// # Errors
///
/// [`ReadError`], with every problem found in all files.
pub fn read_folder(folder: &Path) -> Result<Batch, ReadError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ReadError::Folder { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let is_csv = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !is_csv || !path.is_file() {
            continue;
        }
        if path.metadata().map_err(io(&path))?.len() > FILE_BYTES_MAX {
            let fault = file_fault(name, "larger than 512 MiB", "Split it into several imports.");
            return Err(ReadError::Rows { faults: vec![fault], read: Box::default() });
        }
        files.push((name.to_owned(), std::fs::read(&path).map_err(io(&path))?));
    }
    read_files(files)
}

/// Reads files that were handed over as name and bytes.
///
/// # Errors
///
/// [`ReadError::Rows`].
pub fn read_files(files: Vec<(String, Vec<u8>)>) -> Result<Batch, ReadError> {
    let mut batch = Batch::default();
    let mut faults = Vec::new();
    let known = format!("Name it as one of: {}.", FILES.join(", "));
    if files.is_empty() {
        faults.push(file_fault("", "there is no CSV file", &known));
    }
    for (name, bytes) in files {
        if !batch.read_file(&name, &bytes, &mut faults) {
            faults.push(file_fault(&name, "a file of this name is not known here", &known));
        }
    }
    faults.sort();
    if faults.is_empty() {
        Ok(batch)
    } else {
        Err(ReadError::Rows { faults, read: Box::new(batch) })
    }
}

fn file_fault(file: &str, reason: &str, remedy: &str) -> RowFault {
    RowFault {
        file: file.to_owned(),
        line: 0,
        column: String::new(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// One row, as the CSV reader gives it.
struct RowCells<'a> {
    header: &'a HashMap<String, usize>,
    record: &'a csv::StringRecord,
    file: &'static str,
    line: u64,
    comma_decimals: bool,
    faults: &'a mut Vec<RowFault>,
}

impl CellSource for RowCells<'_> {
    fn text(&self, column: &str) -> Option<String> {
        let text = self.record.get(*self.header.get(column)?)?.trim_matches(' ');
        if text.is_empty() {
            return None;
        }
        // Where `;` separates, the program that wrote the file writes decimals with a comma.
        if self.comma_decimals && is_comma_decimal(text) {
            return Some(text.replace(',', "."));
        }
        Some(text.to_owned())
    }

    fn note(&mut self, column: &'static str, problem: CellProblem) {
        self.faults.push(RowFault {
            file: self.file.to_owned(),
            line: self.line,
            column: column.to_owned(),
            reason: problem.reason,
            remedy: problem.remedy,
        });
    }
}

fn is_comma_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('-')
        .unwrap_or(text)
        .split_once(',')
        .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction))
}

/// Reads the rows of one file.
pub(super) fn rows<L: Line>(bytes: &[u8], faults: &mut Vec<RowFault>) -> Vec<At<L>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let delimiter = delimiter_of(bytes);
    if std::str::from_utf8(bytes).is_err() {
        faults.push(not_utf8(L::FILE, bytes, delimiter));
        return Vec::new();
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
    let Some(header) = header::<L>(&mut reader, faults) else { return Vec::new() };
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut lines = Lines::of(bytes);
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                faults.push(file_fault(L::FILE, &error.to_string(), "Write the file again."));
                break;
            }
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = lines.line_of(record.position());
        if record.len() > header.width {
            let reason = format!("{} cells under {} columns", record.len(), header.width);
            let remedy = "Put cells that hold the separator into quotation marks.";
            let fault = file_fault(L::FILE, &reason, remedy);
            faults.push(RowFault { line, ..fault });
            continue;
        }
        let comma_decimals = delimiter == b';';
        let mut cells = RowCells {
            header: &header.columns,
            record: &record,
            file: L::FILE,
            line,
            comma_decimals,
            faults,
        };
        if let Some(row) = L::read(&mut cells) {
            rows.push(At { line, row });
        }
    }
    rows
}

/// The first cell of `bytes` that is not UTF-8, and how many lines have one.
fn not_utf8(file: &str, bytes: &[u8], delimiter: u8) -> RowFault {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .has_headers(false)
        .from_reader(bytes);
    let records: Vec<csv::ByteRecord> = reader.byte_records().map_while(Result::ok).collect();
    let bad = |record: &csv::ByteRecord| {
        record.iter().position(|cell| std::str::from_utf8(cell).is_err())
    };
    let mut lines = Lines::of(bytes);
    let mut found = records.iter().filter_map(|record| Some((bad(record)?, record)));
    let first = found.next();
    let n_others = found.count();
    let name = first.and_then(|(cell, _record)| records.first()?.get(cell));
    let others = match n_others {
        0 => String::new(),
        n => format!(", and neither are {n} other lines"),
    };
    let fault = file_fault(
        file,
        &format!("not written in UTF-8{others}"),
        "Save the file as \"CSV UTF-8\".",
    );
    RowFault {
        line: lines.line_of(first.and_then(|(_cell, record)| record.position())),
        column: name
            .and_then(|name| std::str::from_utf8(name).ok())
            .map(|name| name.trim().to_ascii_lowercase())
            .unwrap_or_default(),
        ..fault
    }
}

/// Counts lines. The reader tells where it began to look for a record: at the rest of the line end before
/// it, or at empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1 }
    }

    /// The line that a record starts on; records are asked for in their order.
    fn line_of(&mut self, record: Option<&csv::Position>) -> u64 {
        let begin = record.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or_default();
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= begin && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// What separates cells: whichever of `;`, tab and `,` the first line has most of.
fn delimiter_of(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| first.iter().filter(|byte| **byte == wanted).count();
    let most = [b';', b'\t'].into_iter().max_by_key(|delimiter| count(*delimiter));
    most.filter(|delimiter| count(*delimiter) > count(b',')).unwrap_or(b',')
}

struct Header {
    columns: HashMap<String, usize>,
    width: usize,
}

fn header<L: Line>(reader: &mut csv::Reader<&[u8]>, faults: &mut Vec<RowFault>) -> Option<Header> {
    let columns = L::columns();
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    let remedy = format!("Use the columns: {}.", names.join(", "));
    let mut fault = |column: &str, reason: &str| {
        let fault = file_fault(L::FILE, reason, &remedy);
        faults.push(RowFault { line: 1, column: column.to_owned(), ..fault });
    };
    let header = match reader.headers() {
        Ok(header) if header.iter().any(|name| !name.trim().is_empty()) => header,
        Ok(_) | Err(_) => {
            fault("", "the line with the names of the columns is missing");
            return None;
        }
    };
    let mut found = HashMap::new();
    for (index, name) in header.iter().enumerate() {
        let name = name.trim().to_ascii_lowercase();
        if !names.contains(&name.as_str()) {
            fault(&name, "the column is not known here");
        } else if found.insert(name.clone(), index).is_some() {
            fault(&name, "the column is there twice");
        }
    }
    let is_missing = |column: &&Column| column.required && !found.contains_key(column.name);
    let missing: Vec<_> = columns.iter().filter(is_missing).collect();
    for column in &missing {
        fault(column.name, "the column is missing");
    }
    missing.is_empty().then(|| Header { columns: found, width: header.len() })
}
