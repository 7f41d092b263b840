//! The bytes of a file, shown by the system as memory.
#![expect(unsafe_code, reason = "a mapping is only as good as the file it shows")]

use std::fs::File;
use std::io;
use std::ops::Deref;

/// A file as memory, read only.
///
/// Who maps a file must know that nobody cuts it short meanwhile: reading past its new end would end the process.
/// The files of an install and those we fetched ourselves are such, as long as the install is locked.
#[derive(Debug)]
pub struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps a file from its first byte to its last.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is private and read only. A write by somebody else shows as other bytes, which no
        // reader of ours trusts; that the file is not cut short is asked of the caller above.
        unsafe { memmap2::MmapOptions::new().map_copy_read_only(file) }.map(Self)
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
