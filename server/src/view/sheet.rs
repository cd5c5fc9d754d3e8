//! Tables as files: CSV row by row, and XLSX with numbers as numbers and dates as dates.
//!
//! Rows are made one after the other and never all at once: a CSV goes out while it is made, a workbook
//! keeps its rows in a temporary file until it is packed.

use std::ops::ControlFlow;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use chrono::{Datelike as _, NaiveDate};
use futures_util::stream;
use ledger::money::{Money, UnitAmount};
use protocol::quantity::Quantity;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use tokio::sync::mpsc;

use crate::exchange::cell::guarded;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A word, code or number of a thing.
    Text(String),
    /// An amount.
    Money(Money),
    /// An amount per base unit.
    Unit(UnitAmount),
    /// A quantity in base units.
    Quantity(Quantity),
    /// A number of an entry, or how many.
    Number(u64),
    /// A day.
    Date(NaiveDate),
    /// Yes or no.
    Flag(bool),
    /// Nothing.
    Empty,
}

impl Cell {
    /// A day, or nothing.
    pub fn day(day: Option<NaiveDate>) -> Self {
        day.map_or(Self::Empty, Self::Date)
    }

    /// The number of an entry; nothing for 0.
    pub const fn entry(no: u64) -> Self {
        if no == 0 { Self::Empty } else { Self::Number(no) }
    }

    fn decimal(&self) -> Option<Decimal> {
        match self {
            Self::Money(amount) => Some(amount.decimal()),
            Self::Unit(amount) => Some(amount.decimal()),
            Self::Quantity(quantity) => Some(quantity.decimal()),
            Self::Number(number) => Some(Decimal::from(*number)),
            Self::Text(_) | Self::Date(_) | Self::Flag(_) | Self::Empty => None,
        }
    }

    fn text(&self, style: Style) -> String {
        match self {
            Self::Text(text) => guarded(text),
            Self::Date(day) => day.to_string(),
            Self::Flag(true) => "yes".to_owned(),
            Self::Flag(false) => "no".to_owned(),
            Self::Empty => String::new(),
            Self::Money(_) | Self::Unit(_) | Self::Quantity(_) | Self::Number(_) => {
                let text = self.decimal().unwrap_or_default().to_string();
                if style == Style::Comma { text.replace('.', ",") } else { text }
            }
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A row that goes into files.
pub trait Line {
    /// The names of the columns, the same in every language.
    const HEAD: &'static [&'static str];

    /// The cells, one per column.
    fn line(&self) -> Vec<Cell>;
}

/// How numbers stand in a CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Comma between cells, point in numbers.
    #[default]
    Point,
    /// Semicolon between cells, comma in numbers, and a mark for spreadsheets that it is UTF-8.
    Comma,
}

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Csv(Style),
    /// A workbook.
    Xlsx,
}

/// Takes rows one by one; breaks when nobody reads any more.
pub type Sink<'s> = &'s mut dyn FnMut(Vec<Cell>) -> ControlFlow<()>;

/// What makes the rows of a file. Answers whether they are all there and good.
pub type Maker = Box<dyn FnOnce(Sink<'_>) -> bool + Send>;

/// Bytes of a CSV that are sent at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for a slow reader.
const CHUNKS_MAX: usize = 4;
/// Rows of one sheet of a workbook.
const SHEET_ROWS_MAX: u32 = 1_048_576;
/// Digits that a spreadsheet keeps of a number.
const DIGITS_MAX: i128 = 999_999_999_999_999;

/// The answer with the file `name`, whose rows `make` gives.
pub async fn answer(
    name: &str,
    head: &'static [&'static str],
    kind: Kind,
    make: Maker,
) -> Response {
    match kind {
        Kind::Csv(style) => {
            let (sender, receiver) = mpsc::channel(CHUNKS_MAX);
            tokio::task::spawn_blocking(move || csv_rows(head, style, make, &sender));
            let body = stream::unfold(receiver, |mut receiver: mpsc::Receiver<Chunk>| async {
                let chunk = receiver.recv().await?;
                Some((chunk, receiver))
            });
            let kind = "text/csv; charset=utf-8";
            with_head(&format!("{name}.csv"), kind, Body::from_stream(body))
        }
        Kind::Xlsx => {
            let title = name.to_owned();
            let made = tokio::task::spawn_blocking(move || workbook(&title, head, make)).await;
            match made {
                Ok(Ok(bytes)) => {
                    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
                    with_head(&format!("{name}.xlsx"), kind, Body::from(bytes))
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "a workbook could not be written");
                    crate::api::problem::Problem::stopped().into_response()
                }
                Err(panic) => {
                    tracing::error!(%panic, "a workbook could not be made");
                    crate::api::problem::Problem::stopped().into_response()
                }
            }
        }
    }
}

/// A part of a file, or that its end is missing: the reader then sees that it was cut off.
type Chunk = Result<Bytes, std::io::Error>;

fn with_head(name: &str, kind: &str, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

fn csv_rows(head: &[&str], style: Style, make: Maker, to: &mpsc::Sender<Chunk>) {
    let comma = if style == Style::Comma { b';' } else { b',' };
    let mut writer = csv::WriterBuilder::new().delimiter(comma).from_writer(Vec::new());
    let mut begun = false;
    // Writing to memory cannot fail, and a reader who went away is noticed when it is sent.
    let mut send = |writer: &mut csv::Writer<Vec<u8>>, rest: bool| -> ControlFlow<()> {
        if writer.flush().is_err() {
            return ControlFlow::Break(());
        }
        if writer.get_ref().len() < CHUNK_BYTES && !rest {
            return ControlFlow::Continue(());
        }
        let old = std::mem::replace(
            writer,
            csv::WriterBuilder::new().delimiter(comma).from_writer(Vec::new()),
        );
        let Ok(mut bytes) = old.into_inner() else { return ControlFlow::Break(()) };
        if !begun && style == Style::Comma {
            bytes.splice(0..0, "\u{feff}".bytes());
        }
        begun = true;
        match to.blocking_send(Ok(Bytes::from(bytes))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_gone) => ControlFlow::Break(()),
        }
    };
    if writer.write_record(head).is_err() {
        return;
    }
    let good = make(&mut |line| {
        if writer.write_record(line.iter().map(|cell| cell.text(style))).is_err() {
            return ControlFlow::Break(());
        }
        send(&mut writer, false)
    });
    let last = send(&mut writer, true);
    if !good && last.is_continue() {
        // The connection breaks off, so that nobody takes half a file for a whole one.
        drop(to.blocking_send(Err(std::io::Error::other("the store stopped"))));
    }
}

struct Formats {
    head: Format,
    money: Format,
    unit: Format,
    day: Format,
}

/// The workbook as bytes. A sheet that is full is followed by another.
fn workbook(title: &str, head: &[&str], make: Maker) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let formats = Formats {
        head: Format::new().set_bold(),
        money: Format::new().set_num_format("#,##0.00"),
        unit: Format::new().set_num_format("#,##0.00###"),
        day: Format::new().set_num_format("yyyy-mm-dd"),
    };
    let mut failed: Option<XlsxError> = None;
    let (mut row, mut sheets) = (SHEET_ROWS_MAX, 0_u32);
    let good = make(&mut |line| {
        let written = (|| {
            if row == SHEET_ROWS_MAX {
                sheets += 1;
                begin(&mut book, (title, sheets), head, &formats)?;
                row = 1;
            }
            let index = usize::try_from(sheets - 1).unwrap_or_default();
            let sheet = book.worksheet_from_index(index)?;
            write_line(sheet, row, &line, &formats)?;
            row += 1;
            Ok(())
        })();
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    if !good {
        return Err(XlsxError::ParameterError("the rows are not all there".to_owned()));
    }
    if sheets == 0 {
        begin(&mut book, (title, 1), head, &formats)?;
    }
    book.save_to_buffer()
}

fn begin(
    book: &mut Workbook,
    (title, sheets): (&str, u32),
    head: &[&str],
    formats: &Formats,
) -> Result<(), XlsxError> {
    let sheet = book.add_worksheet_with_constant_memory()?;
    let name = if sheets == 1 { title.to_owned() } else { format!("{title} {sheets}") };
    // Names of sheets have at most 31 characters.
    sheet.set_name(name.chars().take(31).collect::<String>())?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, name) in (0_u16..).zip(head) {
        sheet.set_column_width(column, 16)?;
        sheet.write_string_with_format(0, column, *name, &formats.head)?;
    }
    Ok(())
}

fn write_line(
    sheet: &mut Worksheet,
    row: u32,
    line: &[Cell],
    formats: &Formats,
) -> Result<(), XlsxError> {
    for (column, cell) in (0_u16..).zip(line) {
        match cell {
            Cell::Empty => {}
            Cell::Text(text) => {
                sheet.write_string(row, column, text.as_str())?;
            }
            Cell::Flag(flag) => {
                sheet.write_boolean(row, column, *flag)?;
            }
            Cell::Date(day) => {
                let month = u8::try_from(day.month()).unwrap_or(1);
                let of_month = u8::try_from(day.day()).unwrap_or(1);
                let year = u16::try_from(day.year()).unwrap_or(1900);
                let at = ExcelDateTime::from_ymd(year, month, of_month)?;
                sheet.write_datetime_with_format(row, column, &at, &formats.day)?;
            }
            Cell::Money(_) | Cell::Unit(_) | Cell::Quantity(_) | Cell::Number(_) => {
                number(sheet, (row, column), cell, formats)?;
            }
        }
    }
    Ok(())
}

/// A number that a spreadsheet can keep to its last digit; longer ones stay text, to the cent.
fn number(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell,
    formats: &Formats,
) -> Result<(), XlsxError> {
    let decimal = cell.decimal().unwrap_or_default();
    let exact = decimal.mantissa().abs() <= DIGITS_MAX;
    match decimal.to_f64().filter(|_number| exact) {
        None => {
            sheet.write_string(row, column, decimal.to_string())?;
        }
        Some(number) => match cell {
            Cell::Money(_) => {
                sheet.write_number_with_format(row, column, number, &formats.money)?;
            }
            Cell::Unit(_) => {
                sheet.write_number_with_format(row, column, number, &formats.unit)?;
            }
            _ => {
                sheet.write_number(row, column, number)?;
            }
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Vec<Cell>> {
        let day = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
        vec![
            vec![Cell::from("=1+1"), Cell::Money("-1234.5".parse().unwrap()), Cell::Date(day)],
            vec![Cell::Empty, Cell::Money("9999999999999.99".parse().unwrap()), Cell::Flag(true)],
        ]
    }

    fn maker() -> Maker {
        Box::new(|sink| lines().into_iter().all(|line| sink(line).is_continue()))
    }

    fn text(style: Style) -> String {
        let (sender, mut receiver) = mpsc::channel(CHUNKS_MAX);
        csv_rows(&["item", "value", "date"], style, maker(), &sender);
        drop(sender);
        let mut bytes = Vec::new();
        while let Some(chunk) = receiver.blocking_recv() {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_csv_guards_formulas_and_keeps_amounts() {
        let wanted = "item,value,date\n'=1+1,-1234.5,2026-01-31\n,9999999999999.99,yes\n";
        assert_eq!(text(Style::Point), wanted);
        let wanted = "\u{feff}item;value;date\n'=1+1;-1234,5;2026-01-31\n;9999999999999,99;yes\n";
        assert_eq!(text(Style::Comma), wanted);
    }

    #[test]
    fn a_workbook_is_a_package_also_without_rows() {
        let full = workbook("value", &["item", "value", "date"], maker()).unwrap();
        let empty = workbook("value", &["item"], Box::new(|_sink| true)).unwrap();
        assert!(full.starts_with(b"PK") && empty.starts_with(b"PK"));
        assert!(full.len() > empty.len());
    }

    #[test]
    fn half_a_file_is_no_file() {
        let (sender, mut receiver) = mpsc::channel(CHUNKS_MAX);
        csv_rows(&["item"], Style::Point, Box::new(|_sink| false), &sender);
        drop(sender);
        assert!(receiver.blocking_recv().unwrap().is_ok());
        assert!(receiver.blocking_recv().unwrap().is_err());
        assert!(workbook("value", &["item"], Box::new(|_sink| false)).is_err());
    }
}
