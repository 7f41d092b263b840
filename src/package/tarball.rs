//! A tar archive with gzip around it: users, times and order are the same each time.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::fsx;
use crate::release::Stamp;

use super::item::{Item, Kind};
use super::{Layout, PackageError};

/// Writes the package for use out of a folder.
pub(super) fn write(layout: &Layout, file: File, path: &Path) -> Result<(), PackageError> {
    let mut tarball = Tarball::begin(file, path, layout.time);
    let top = layout.top();
    for item in &layout.items {
        tarball.item(&format!("{top}/{}", item.path), item)?;
    }
    let file = tarball.finish()?;
    Ok(fsx::flush(&file, path)?)
}

/// An archive in the making.
pub(super) struct Tarball<'a, W: Write> {
    builder: Builder<flate2::write::GzEncoder<W>>,
    path: &'a Path,
    time: u64,
    /// Folders that are in it, so that each is written once, before what is in it.
    folders: std::collections::BTreeSet<String>,
}

impl<'a, W: Write> Tarball<'a, W> {
    /// An archive that is written to `out`, which errors call `path`.
    pub(super) fn begin(out: W, path: &'a Path, time: Stamp) -> Self {
        // Neither name nor time of the archive are written into its head.
        let gzip = GzBuilder::new().mtime(0).write(out, Compression::best());
        let time = u64::try_from(time.unix()).unwrap_or(0);
        Self { builder: Builder::new(gzip), path, time, folders: std::collections::BTreeSet::new() }
    }

    /// Adds an item of a package under `name`.
    pub(super) fn item(&mut self, name: &str, item: &Item) -> Result<(), PackageError> {
        match &item.kind {
            Kind::Folder => self.folder(name),
            Kind::Link(target) => self.link(name, target),
            Kind::File { from, size, mode } => {
                self.folders_above(name)?;
                let mut header = self.header(EntryType::Regular, *size, *mode);
                let mut bytes = from.open(&item.path)?;
                let added = self.builder.append_data(&mut header, name, &mut bytes);
                // The archive takes as many bytes as its head says; the end of the file tells whether that was all.
                let ended = added.and_then(|()| match io::Read::read(&mut bytes, &mut [0])? {
                    0 => Ok(()),
                    _ => Err(io::Error::other(super::item::Changed(item.path.clone()))),
                });
                ended.map_err(PackageError::writing(self.path))
            }
        }
    }

    /// Adds a file that is here.
    pub(super) fn file(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<(), PackageError> {
        self.folders_above(name)?;
        let mut header = self.header(EntryType::Regular, bytes.len() as u64, mode);
        self.builder.append_data(&mut header, name, bytes).map_err(PackageError::writing(self.path))
    }

    pub(super) fn link(&mut self, name: &str, target: &str) -> Result<(), PackageError> {
        self.folders_above(name)?;
        let mut header = self.header(EntryType::Symlink, 0, 0o777);
        self.builder.append_link(&mut header, name, target).map_err(PackageError::writing(self.path))
    }

    fn folder(&mut self, name: &str) -> Result<(), PackageError> {
        self.folders_above(name)?;
        if !self.folders.insert(name.to_owned()) {
            return Ok(());
        }
        let mut header = self.header(EntryType::Directory, 0, 0o755);
        let added = self.builder.append_data(&mut header, format!("{name}/"), io::empty());
        added.map_err(PackageError::writing(self.path))
    }

    fn folders_above(&mut self, name: &str) -> Result<(), PackageError> {
        match name.rsplit_once('/') {
            Some((above, _)) if !self.folders.contains(above) => self.folder(above),
            _ => Ok(()),
        }
    }

    fn header(&self, kind: EntryType, size: u64, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(mode);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        // Names this short always fit.
        header.set_username("root").ok();
        header.set_groupname("root").ok();
        header
    }

    pub(super) fn finish(self) -> Result<W, PackageError> {
        let ended = self.builder.into_inner().and_then(flate2::write::GzEncoder::finish);
        ended.map_err(PackageError::writing(self.path))
    }
}
