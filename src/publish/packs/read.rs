//! Reads files back out of packs.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write};

use crate::delta::pack::{Block, Index, open_block};
use crate::fsx::{self, Context as _};
use crate::release::{Digest, Hasher, Pack};

use super::super::PublishError;
use super::super::repository::{LocalObject, Repository, object_name};

/// Decoded blocks kept while files are put together.
const KEPT: usize = 8;

/// Reads blocks of a pack and of those it refers to.
pub(in crate::publish) struct BlockReader<'a> {
    repository: &'a Repository,
    pack: &'a Pack,
    index: &'a Index,
    files: HashMap<Digest, (LocalObject, File)>,
    kept: VecDeque<(u32, Vec<u8>)>,
}

impl<'a> BlockReader<'a> {
    pub(in crate::publish) fn new(repository: &'a Repository, pack: &'a Pack, index: &'a Index) -> Self {
        Self { repository, pack, index, files: HashMap::new(), kept: VecDeque::new() }
    }

    /// Writes the file `sha256`; says why it can't be made, nothing if it is right.
    pub(in crate::publish) fn write(
        &mut self,
        sha256: &Digest,
        size: u64,
        out: &mut dyn Write,
    ) -> Result<Option<String>, PublishError> {
        let (index, root) = (self.index, self.repository.root());
        let Some(recipe) = index.find(sha256) else {
            return Ok(Some("the index does not tell of it".to_owned()));
        };
        let mut hasher = Hasher::new();
        for chunk in index.chunks_of(recipe) {
            let raw = match self.block(chunk.block)? {
                Ok(raw) => raw,
                Err(what) => return Ok(Some(what)),
            };
            let from = chunk.offset as usize;
            match raw.get(from..from + chunk.len as usize) {
                Some(bytes) => {
                    hasher.update(bytes);
                    out.write_all(bytes).at("write a file of", root)?;
                }
                None => return Ok(Some("a block is too short".to_owned())),
            }
        }
        let is_right = hasher.finish() == *sha256 && recipe.size == size;
        Ok((!is_right).then(|| "other bytes come out".to_owned()))
    }

    fn block(&mut self, number: u32) -> Result<Result<&[u8], String>, PublishError> {
        if let Some(at) = self.kept.iter().position(|(kept, _)| *kept == number) {
            return Ok(Ok(&self.kept[at].1));
        }
        let Some(block) = self.index.blocks.get(number as usize) else {
            return Ok(Err("no such block".to_owned()));
        };
        let raw = match self.read(block)? {
            Ok(raw) => raw,
            Err(what) => return Ok(Err(what)),
        };
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((number, raw));
        Ok(self.kept.back().map(|(_, raw)| raw.as_slice()).ok_or_else(String::new))
    }

    fn read(&mut self, block: &Block) -> Result<Result<Vec<u8>, String>, PublishError> {
        let object = match block.pack.checked_sub(1) {
            None => self.pack.object,
            Some(other) => self.index.others.get(other as usize).map(|(object, _)| *object),
        };
        let Some(object) = object else { return Ok(Err("it refers to no pack".to_owned())) };
        if !self.files.contains_key(&object) {
            let Some(local) = self.repository.local_object(&object)? else {
                return Ok(Err(format!("{} is missing", object_name(&object))));
            };
            let open = fsx::open(local.path())?;
            self.files.insert(object, (local, open));
        }
        let Some((local, file)) = self.files.get_mut(&object) else { return Ok(Err(String::new())) };
        let mut frame = vec![0; block.len as usize];
        file.seek(SeekFrom::Start(block.start)).at("read", local.path())?;
        if file.read_exact(&mut frame).is_err() || Digest::of(&frame) != block.sha256 {
            return Ok(Err(format!("a block of {} is not the one that was signed", object_name(&object))));
        }
        Ok(open_block(&frame, block.raw as usize).map_err(|error| error.to_string()))
    }
}
