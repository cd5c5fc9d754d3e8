//! Rows to files.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::line::Line;
use super::{At, Batch};

/// The bytes of a file with `rows`.
pub(super) fn rows<L: Line>(rows: &[At<L>]) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(L::columns().iter().map(|column| column.name))?;
    for at in rows {
        writer.write_record(at.row.write())?;
    }
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Writes every file of `batch` into `folder`, which is made where it is missing. Files are
/// replaced whole: nobody ever sees half a file.
///
/// # Errors
///
/// Those of the file system; files that were written already stay.
pub fn write_folder(batch: &Batch, folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    batch.write_files(&mut |name, bytes| {
        let part = folder.join(format!("{name}.part"));
        let mut file = File::create(&part)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, folder.join(name))
    })
}

/// Every file of `batch` as name and bytes.
///
/// # Errors
///
/// None in practice: writing to memory does not fail.
pub fn to_files(batch: &Batch) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    batch.write_files(&mut |name, bytes| {
        files.push((name.to_owned(), bytes));
        Ok(())
    })?;
    Ok(files)
}
