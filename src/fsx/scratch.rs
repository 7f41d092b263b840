//! A file for what is needed for a while: gone in the end, whatever happens.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

use super::{Absent as _, Context as _, Result, remove_file};

/// A place for a file, which is removed when this is dropped. What was mapped of it must be gone by then.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Nothing is made yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// An empty file for reading and writing, in place of an earlier one.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn file(&self) -> Result<File> {
        remove_file(&self.0).if_present()?;
        OpenOptions::new().read(true).write(true).create_new(true).open(&self.0).at("create", &self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays for want of a right is found by whoever tidies up next.
        fs::remove_file(&self.0).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_empty_each_time_and_gone_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scratch");
        let scratch = Scratch::new(path.clone());
        assert!(!path.exists());
        scratch.file().unwrap().set_len(10).unwrap();
        assert_eq!(scratch.file().unwrap().metadata().unwrap().len(), 0);
        drop(scratch);
        assert!(!path.exists());
    }
}
