//! A zip archive for portable use: unpack it anywhere and start the program.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use time::OffsetDateTime;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::fsx;
use crate::release::Stamp;

use super::item::Kind;
use super::{Layout, PackageError};

/// From this size on a zip needs wider fields.
const LARGE: u64 = 0xffff_ffff;

/// Writes the package.
pub(super) fn write(layout: &Layout, file: File, path: &Path) -> Result<(), PackageError> {
    let mut zip = ZipWriter::new(io::BufWriter::new(file));
    let failed = |error: zip::result::ZipError| PackageError::writing(path)(error.into());
    let top = layout.top();
    let plain = SimpleFileOptions::default().last_modified_time(moment(layout.time));
    for item in &layout.items {
        let name = format!("{top}/{}", item.path);
        match &item.kind {
            Kind::Folder => zip.add_directory(name, plain.unix_permissions(0o755)).map_err(failed)?,
            Kind::Link(target) => zip.add_symlink(name, target, plain).map_err(failed)?,
            Kind::File { from, size, mode } => {
                let options =
                    plain.compression_method(CompressionMethod::Deflated).compression_level(Some(9));
                let options = options.unix_permissions(*mode).large_file(*size >= LARGE);
                zip.start_file(name, options).map_err(failed)?;
                io::copy(&mut from.open(&item.path)?, &mut zip).map_err(PackageError::writing(path))?;
            }
        }
    }
    let mut out = zip.finish().map_err(failed)?;
    out.flush().map_err(PackageError::writing(path))?;
    Ok(fsx::flush(out.get_ref(), path)?)
}

/// The time in the form of a zip, which knows neither zones nor odd seconds; before 1980 it has no words.
fn moment(time: Stamp) -> DateTime {
    let when = OffsetDateTime::from_unix_timestamp(time.unix()).ok();
    let said = when.and_then(|when| {
        let year = u16::try_from(when.year()).ok()?;
        let (month, day) = (u8::from(when.month()), when.day());
        DateTime::from_date_and_time(year, month, day, when.hour(), when.minute(), when.second()).ok()
    });
    said.unwrap_or_default()
}
