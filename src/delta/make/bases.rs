//! Which old archive a new one is best made from. What they hold may be the same though their packed bytes have nothing
//! in common, so names count too.

use std::collections::HashMap;

use super::archive::{can_be_remade, is_archive};
use super::{MakeError, NewFile, OldFile};

/// Archives below this many bytes are as other small files.
const LEAST: u64 = 4 << 10;

/// The old files, and which of them are archives as far as that was asked.
pub(super) struct Archives<'a, 'f> {
    old: &'a [OldFile<'f>],
    known: HashMap<usize, bool>,
    by_path: HashMap<&'f str, usize>,
    by_name: HashMap<String, usize>,
}

impl<'a, 'f> Archives<'a, 'f> {
    pub(super) fn new(old: &'a [OldFile<'f>]) -> Self {
        let by_path = old.iter().enumerate().map(|(index, file)| (file.path, index)).collect();
        let mut by_name = HashMap::new();
        for (index, file) in old.iter().enumerate() {
            by_name.entry(name(file.path)).or_insert(index);
        }
        Self { old, known: HashMap::new(), by_path, by_name }
    }

    /// The old archive that a new file is made from, if both are archives and zlib remakes the new one: the most like
    /// it, or the one of the same path, or of the same name but for its numbers.
    pub(super) fn base(
        &mut self,
        file: &NewFile<'_>,
        like: impl FnOnce() -> Result<Vec<usize>, MakeError>,
    ) -> Result<Option<usize>, MakeError> {
        if file.size < LEAST || !can_be_remade(&file.open()?) {
            return Ok(None);
        }
        let same_path = self.by_path.get(file.path).copied();
        let same_name = self.by_name.get(&name(file.path)).copied();
        for index in like()?.into_iter().chain(same_path).chain(same_name) {
            if self.is_archive(index)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn is_archive(&mut self, index: usize) -> Result<bool, MakeError> {
        if let Some(&known) = self.known.get(&index) {
            return Ok(known);
        }
        let is_one = is_archive(&self.old[index].open()?);
        self.known.insert(index, is_one);
        Ok(is_one)
    }
}

/// The last part of a path, with one sign for each of its numbers.
fn name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let parts = name.split(|sign: char| sign.is_ascii_digit()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("#")
}
