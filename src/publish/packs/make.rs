//! Makes the pack of a release.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::delta::pack::{Block, Chunk, ChunkId, Cutter, Index, MAX_BLOCK, seal_block};
use crate::fsx::{self, Context as _, FsError};
use crate::release::{Digest, Entry, Hasher, Manifest, Pack, RelPath};

use super::super::object::{ObjectWriter, Packer};
use super::super::repository::Repository;
use super::super::run::Progress;
use super::super::walk::{Tree, TreeFile};
use super::super::{PublishError, Stage, pool};
use super::known::Known;
use super::live::{self, Live};

/// What packing works with.
pub(in crate::publish) struct Work<'a> {
    pub(in crate::publish) repository: &'a Repository,
    pub(in crate::publish) tree: &'a Tree,
    pub(in crate::publish) newest: Option<&'a Manifest>,
    pub(in crate::publish) packer: &'a Packer,
    pub(in crate::publish) threads: usize,
    pub(in crate::publish) progress: Progress<'a>,
}

/// A file that is new, and the chunks it is cut into.
struct New<'a> {
    sha256: Digest,
    file: &'a TreeFile,
    chunks: Vec<(ChunkId, u32)>,
}

/// Puts every file of `manifest` where a client will find it: into a pack that is there, or into a new one.
pub(in crate::publish) fn pack(
    work: &Work<'_>,
    manifest: &mut Manifest,
    known: &mut Known,
) -> Result<(), PublishError> {
    let sources: HashMap<&RelPath, &TreeFile> =
        work.tree.files.iter().map(|file| (&file.path, file)).collect();
    let mut files: BTreeMap<Digest, &TreeFile> = BTreeMap::new();
    for file in manifest.regular().filter(|file| file.size > 0) {
        files.extend(sources.get(&file.path).map(|source| (file.sha256, *source)));
    }
    // Which index tells of a file; nothing for those that are new.
    let mut told: HashMap<Digest, Digest> = HashMap::new();
    for sha256 in files.keys() {
        if let Some(index) = known.packed(sha256)
            && known.index(work.repository, &index)?.is_some_and(|index| index.find(sha256).is_some())
        {
            told.insert(*sha256, index);
        }
    }
    let candidates = candidates(work, known, &told)?;
    let is_new = |told: &HashMap<Digest, Digest>, sha256: &Digest| {
        !told.contains_key(sha256) && known.whole(sha256).is_none()
    };
    let jobs: Vec<(Digest, &TreeFile)> = files
        .iter()
        .filter(|(sha256, _)| is_new(&told, sha256))
        .map(|(sha256, file)| (*sha256, *file))
        .collect();
    let mut new = cut(work, &jobs)?;
    let (live, dissolved) = look(known, &candidates, &told, &new);
    // What lies in blocks that are hardly used any more is packed anew with the rest.
    let poor: Vec<(Digest, &TreeFile)> = files
        .iter()
        .filter(|(sha256, _)| is_poor(known, &told, &live, &dissolved, sha256))
        .map(|(sha256, file)| (*sha256, *file))
        .collect();
    for (sha256, _) in &poor {
        told.remove(sha256);
    }
    new.extend(cut(work, &poor)?);
    let made = if new.is_empty() {
        None
    } else {
        let elsewhere = elsewhere(known, &candidates, &live, &dissolved);
        let (pack, index) = write(work, new, &elsewhere)?;
        let place = pack.index.object;
        told.extend(files_of(&index, &files).into_iter().map(|sha256| (sha256, place)));
        known.add(&pack, index);
        Some(pack)
    };
    list(manifest, work.newest, known, &told, made.as_ref());
    Ok(())
}

/// The digests of the files an index tells of, in its order.
fn files_of(index: &Index, files: &BTreeMap<Digest, &TreeFile>) -> Vec<Digest> {
    let names: HashMap<ChunkId, Digest> = files.keys().map(|d| (ChunkId::of_digest(d), *d)).collect();
    index.files.iter().filter_map(|file| names.get(&file.file).copied()).collect()
}

/// The indexes that chunks are looked up in: those of the release before, and those of files that stay.
fn candidates(
    work: &Work<'_>,
    known: &mut Known,
    told: &HashMap<Digest, Digest>,
) -> Result<Vec<Digest>, PublishError> {
    let before = work.newest.iter().flat_map(|newest| &newest.packs).map(|pack| pack.index.object);
    let mut stay: Vec<Digest> = told.values().copied().collect();
    stay.sort_unstable();
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    for index in before.chain(stay) {
        if seen.insert(index) && known.index(work.repository, &index)?.is_some() {
            all.push(index);
        }
    }
    Ok(all)
}

/// Cuts files into chunks, checking that they are still what was hashed.
fn cut<'a>(work: &Work<'_>, jobs: &[(Digest, &'a TreeFile)]) -> Result<Vec<New<'a>>, PublishError> {
    let total = jobs.iter().map(|(_, file)| file.mark.size).sum();
    let done = AtomicU64::new(0);
    pool::map(jobs, work.threads, &|(sha256, file): &(Digest, &TreeFile)| {
        let changing = || PublishError::Changing(file.path.clone());
        let mut cutter = Cutter::new(fsx::open(&file.native)?, file.mark.size);
        let (mut chunks, mut hasher) = (Vec::new(), Hasher::new());
        while let Some(bytes) = cutter.next_chunk().at("read", &file.native)? {
            hasher.update(bytes);
            chunks.push((ChunkId::of(bytes), bytes.len() as u32));
        }
        if hasher.finish() != *sha256 {
            return Err(changing());
        }
        let now = done.fetch_add(file.mark.size, Ordering::Relaxed) + file.mark.size;
        (work.progress)(Stage::Cut, now, total);
        Ok(New { sha256: *sha256, file, chunks })
    })
}

/// How much of each block is used, if new files use all they can; and the packs that are too many.
fn look(
    known: &Known,
    candidates: &[Digest],
    told: &HashMap<Digest, Digest>,
    new: &[New<'_>],
) -> (Live, HashSet<Digest>) {
    let mut live = Live::default();
    for (sha256, index) in told {
        let (Some(pack), Some(index)) = (known.pack(index), known.loaded(index)) else { continue };
        let Some(recipe) = index.find(sha256) else { continue };
        index.chunks_of(recipe).iter().for_each(|chunk| live.add(pack, index, chunk));
    }
    let dissolved = live.too_many();
    let wanted: HashSet<ChunkId> = new.iter().flat_map(|file| &file.chunks).map(|(id, _)| *id).collect();
    for candidate in candidates {
        let (Some(pack), Some(index)) = (known.pack(candidate), known.loaded(candidate)) else { continue };
        for chunk in index.chunks.iter().filter(|chunk| wanted.contains(&chunk.id)) {
            live.add(pack, index, chunk);
        }
    }
    (live, dissolved)
}

fn is_poor(
    known: &Known,
    told: &HashMap<Digest, Digest>,
    live: &Live,
    dissolved: &HashSet<Digest>,
    sha256: &Digest,
) -> bool {
    let Some(place) = told.get(sha256) else { return false };
    let (Some(pack), Some(index)) = (known.pack(place), known.loaded(place)) else { return false };
    let Some(recipe) = index.find(sha256) else { return false };
    let keys = index.chunks_of(recipe).iter().filter_map(|chunk| live::key(pack, index, chunk));
    keys.into_iter().any(|key| dissolved.contains(&key.0) || !live.is_worth_it(&key))
}

/// A file that can't be compressed has blocks of its own from this size on; smaller ones would only make the index
/// longer.
const LEAST_DENSE: u64 = 4 * 1024;
/// Bytes of a block of such a file.
const DENSE_BLOCK: usize = 256 * 1024;
/// Bytes that are tried to see whether a file can be compressed.
const SAMPLE: u64 = 64 * 1024;

/// A chunk of an older pack.
struct Old {
    pack: (Digest, u64),
    block: Block,
    offset: u32,
}

/// Every chunk of the candidates that may be referred to.
fn elsewhere(
    known: &Known,
    candidates: &[Digest],
    live: &Live,
    dissolved: &HashSet<Digest>,
) -> HashMap<ChunkId, Old> {
    let mut found = HashMap::new();
    for candidate in candidates {
        let (Some(pack), Some(index)) = (known.pack(candidate), known.loaded(candidate)) else { continue };
        for chunk in &index.chunks {
            let Some(key) = live::key(pack, index, chunk) else { continue };
            let size = match index.blocks.get(chunk.block as usize).map(|block| block.pack) {
                Some(0) => pack.size,
                Some(other) => index.others.get(other as usize - 1).map_or(0, |(_, size)| *size),
                None => continue,
            };
            // Its pack has to be listed, so it has to be known.
            if dissolved.contains(&key.0) || !live.is_worth_it(&key) || known.pack_of_object(&key.0).is_none()
            {
                continue;
            }
            let block = index.blocks[chunk.block as usize].clone();
            found.entry(chunk.id).or_insert(Old { pack: (key.0, size), block, offset: chunk.offset });
        }
    }
    found
}

/// Files that are alike lie together: by kind, then by name, then by place.
fn likeness(path: &RelPath) -> (String, String, RelPath) {
    let name = path.name().to_lowercase();
    let kind = name.rsplit_once('.').map(|(_, kind)| kind.to_owned()).unwrap_or_default();
    (kind, name, path.clone())
}

/// Writes the pack of `new` and its index.
fn write(
    work: &Work<'_>,
    mut new: Vec<New<'_>>,
    elsewhere: &HashMap<ChunkId, Old>,
) -> Result<(Pack, Index), PublishError> {
    new.sort_by_cached_key(|new| likeness(&new.file.path));
    let total = new.iter().map(|new| new.file.mark.size).sum();
    let mut writer = Writer::new(work, total)?;
    (work.progress)(Stage::Pack, 0, total);
    for file in &new {
        writer.add(file, elsewhere)?;
    }
    writer.finish()
}

/// A pack being written. The blocks of others are numbered behind its own in the end.
struct Writer<'a> {
    work: &'a Work<'a>,
    out: ObjectWriter,
    index: Index,
    /// Chunks of this pack.
    here: HashMap<ChunkId, (u32, u32)>,
    foreign: Vec<Block>,
    foreign_places: HashMap<(Digest, u64), u32>,
    others: HashMap<Digest, u32>,
    /// The block being filled, and those that are full.
    open: Vec<u8>,
    full: Vec<Vec<u8>>,
    begun: u32,
    at: u64,
    done: u64,
    total: u64,
}

/// Numbers of blocks of others while the own ones are not all known.
const FOREIGN: u32 = 1 << 31;

impl<'a> Writer<'a> {
    fn new(work: &'a Work<'a>, total: u64) -> Result<Self, PublishError> {
        Ok(Self {
            work,
            out: work.packer.writer()?,
            index: Index::default(),
            here: HashMap::new(),
            foreign: Vec::new(),
            foreign_places: HashMap::new(),
            others: HashMap::new(),
            open: Vec::with_capacity(MAX_BLOCK),
            full: Vec::new(),
            begun: 0,
            at: 0,
            done: 0,
            total,
        })
    }

    fn add(&mut self, new: &New<'_>, elsewhere: &HashMap<ChunkId, Old>) -> Result<(), PublishError> {
        let mut source = None;
        let mut at = 0;
        let is_dense = is_dense(&mut source, new)?;
        if is_dense {
            self.close()?;
        }
        for (id, len) in &new.chunks {
            let (block, offset) = match (self.here.get(id), elsewhere.get(id)) {
                (Some(place), _) => *place,
                (None, Some(old)) => (self.refer(old), old.offset),
                (None, None) => {
                    let bytes = read(&mut source, new.file, at, *len)?;
                    if ChunkId::of(&bytes) != *id {
                        return Err(PublishError::Changing(new.file.path.clone()));
                    }
                    let place = self.put(&bytes, if is_dense { DENSE_BLOCK } else { MAX_BLOCK })?;
                    self.here.insert(*id, place);
                    place
                }
            };
            self.index.chunks.push(Chunk { id: *id, block, offset, len: *len });
            at += u64::from(*len);
        }
        if is_dense {
            self.close()?;
        }
        self.index.end_file(&new.sha256);
        self.done += new.file.mark.size;
        (self.work.progress)(Stage::Pack, self.done, self.total);
        Ok(())
    }

    fn refer(&mut self, old: &Old) -> u32 {
        if let Some(place) = self.foreign_places.get(&(old.pack.0, old.block.start)) {
            return *place;
        }
        let others = &mut self.index.others;
        let pack = *self.others.entry(old.pack.0).or_insert_with(|| {
            others.push(old.pack);
            others.len() as u32
        });
        let place = FOREIGN + self.foreign.len() as u32;
        self.foreign.push(Block { pack, ..old.block.clone() });
        self.foreign_places.insert((old.pack.0, old.block.start), place);
        place
    }

    fn put(&mut self, bytes: &[u8], most: usize) -> Result<(u32, u32), PublishError> {
        if self.open.len() + bytes.len() > most {
            self.close()?;
        }
        let place = (self.begun, self.open.len() as u32);
        self.open.extend_from_slice(bytes);
        Ok(place)
    }

    fn close(&mut self) -> Result<(), PublishError> {
        if !self.open.is_empty() {
            self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(MAX_BLOCK)));
            self.begun += 1;
        }
        if self.full.len() >= self.work.threads * 2 { self.seal() } else { Ok(()) }
    }

    /// Compresses the full blocks, on all threads, and writes them in their order.
    fn seal(&mut self) -> Result<(), PublishError> {
        let level = self.work.packer.level();
        let frames = pool::map(&self.full, self.work.threads, &|raw: &Vec<u8>| {
            seal_block(level, raw).map_err(|error| self.out.failed(error))
        })?;
        for (raw, frame) in self.full.drain(..).zip(frames) {
            let (len, raw) = (frame.len() as u32, raw.len() as u32);
            let (start, sha256) = (self.at, Digest::of(&frame));
            self.index.blocks.push(Block { pack: 0, start, len, raw, sha256 });
            if let Err(error) = self.out.write_all(&frame) {
                return Err(self.out.failed(error).into());
            }
            self.at += u64::from(len);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Pack, Index), PublishError> {
        self.close()?;
        self.seal()?;
        let own = self.index.blocks.len() as u32;
        for chunk in self.index.chunks.iter_mut().filter(|chunk| chunk.block >= FOREIGN) {
            chunk.block = chunk.block - FOREIGN + own;
        }
        self.index.blocks.append(&mut self.foreign);
        let failed = |error: crate::delta::pack::IndexError| {
            FsError::new("index", self.work.repository.root(), std::io::Error::other(error))
        };
        let bytes = self.index.to_bytes().map_err(failed)?;
        let made = self.out.finish();
        let (object, size) = if self.at > 0 {
            (Some(self.work.packer.keep_made(made)?), self.at)
        } else {
            made.discard()?;
            (None, 0)
        };
        let index = self.work.packer.put(&bytes)?;
        Ok((Pack { object, size, index }, self.index))
    }
}

/// Whether a file can't be compressed, as far as its beginning shows. To group it with others saves nothing, so it gets
/// blocks of its own: then nobody fetches more of it, or of others, than is wanted.
fn is_dense(source: &mut Option<File>, new: &New<'_>) -> Result<bool, PublishError> {
    if new.file.mark.size < LEAST_DENSE {
        return Ok(false);
    }
    let head = read(source, new.file, 0, new.file.mark.size.min(SAMPLE) as u32)?;
    let packed = seal_block(1, &head).map_err(|error| FsError::new("compress", &new.file.native, error))?;
    Ok(packed.len() * 100 > head.len() * 97)
}

fn read(source: &mut Option<File>, file: &TreeFile, at: u64, len: u32) -> Result<Vec<u8>, PublishError> {
    let open = match source {
        Some(open) => open,
        none => none.insert(fsx::open(&file.native)?),
    };
    let mut bytes = vec![0; len as usize];
    open.seek(SeekFrom::Start(at)).at("read", &file.native)?;
    match open.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(PublishError::Changing(file.path.clone()))
        }
        Err(error) => Err(FsError::new("read", &file.native, error).into()),
    }
}

/// Writes into the manifest where each file lies, and which packs that takes. Packs stand in the order of the
/// release before, so that the manifest changes little.
fn list(
    manifest: &mut Manifest,
    newest: Option<&Manifest>,
    known: &Known,
    told: &HashMap<Digest, Digest>,
    made: Option<&Pack>,
) {
    let mut used: HashSet<Digest> = HashSet::new();
    for file in manifest.regular() {
        let Some(index) = told.get(&file.sha256) else { continue };
        if used.insert(*index)
            && let Some(loaded) = known.loaded(index)
        {
            let others = loaded.others.iter().filter_map(|(object, _)| known.pack_of_object(object));
            used.extend(others.map(|pack| pack.index.object));
        }
    }
    let before = newest.iter().flat_map(|newest| &newest.packs).map(|pack| pack.index.object);
    let mut rest: Vec<Digest> = used.iter().copied().collect();
    rest.sort_unstable();
    let last = made.map(|pack| pack.index.object);
    let mut order: Vec<Digest> = Vec::new();
    for index in before.chain(rest.into_iter().filter(|index| Some(*index) != last)).chain(last) {
        if used.contains(&index) && !order.contains(&index) {
            order.push(index);
        }
    }
    manifest.packs = order.iter().filter_map(|index| known.pack(index).cloned()).collect();
    let places: HashMap<Digest, u32> = (0..).zip(order).map(|(at, index)| (index, at)).collect();
    for entry in &mut manifest.files {
        let Entry::File(file) = entry else { continue };
        if file.size == 0 {
            continue;
        }
        file.pack = told.get(&file.sha256).and_then(|index| places.get(index)).copied();
        file.content = if file.pack.is_some() { None } else { known.whole(&file.sha256).cloned() };
    }
}
