//! Puts files together of fetched blocks and of what is installed.
//!
//! Nothing is believed of either: a block must still have the digest it was fetched by, and a file gets its name
//! only with the signed digest and size. Memory does not depend on sizes: a few blocks for each thread.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::delta::pack::{Index, open_block};
use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::plan::{Assembly, Build, Part};
use crate::release::{Digest, Hasher, Pack, RelPath};

use super::large::{hash, mark};
use super::{Depot, Fetched, TransferError};

/// Threads that put files together.
const THREADS: usize = 2;
/// Decoded blocks each of them keeps: neighbouring files share them.
const KEPT: usize = 4;
/// Files taken at once by a thread, so that neighbours stay together.
const BATCH: usize = 32;
/// Bytes copied at once.
const CHUNK: usize = 128 * 1024;

/// The index of a pack that `file` lies in.
///
/// # Errors
/// If it is not the one that was signed, or can't be read.
pub fn read_index(file: &RelPath, pack: &Pack, bytes: &[u8]) -> Result<Index, TransferError> {
    let object = pack.index.object;
    let corrupt = |why: String| TransferError::Corrupt { object, file: file.clone(), why };
    if Digest::of(bytes) != object {
        return Err(corrupt("the index is not the one that was signed".to_owned()));
    }
    Index::parse(bytes).map_err(|error| corrupt(error.to_string()))
}

/// Told while files are put together: bytes done, and the file.
pub type Watch<'a> = &'a (dyn Fn(u64, &RelPath) + Sync);

/// What came of it.
pub struct Assembled {
    /// The files that are whole.
    pub files: Fetched,
    /// The files for which something installed was not what it had been.
    pub failed: Vec<Digest>,
}

/// The files of `assembly`, if an earlier run has put all of them together.
///
/// # Errors
/// If one can't be read.
pub fn assembled(
    depot: &Depot,
    assembly: &Assembly,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Fetched>, TransferError> {
    let builds = &assembly.builds;
    for build in builds {
        let path = depot.file(&build.sha256);
        if fsx::stat(&path).if_present()?.is_none_or(|found| found.len() != build.size) {
            return Ok(None);
        }
    }
    let mut files = Vec::with_capacity(builds.len());
    for build in builds {
        let Some(mark) = whole(depot, build, stop)? else { return Ok(None) };
        files.push((build.sha256, Some(mark)));
    }
    Ok(Some(Fetched::of(depot, files.into_iter())))
}

/// Puts the files of `assembly` together; `locals` are the installed files it names by number. The blocks have been
/// fetched into `depot`, from where they are removed when they were used.
///
/// # Errors
/// If the disk fails, someone stops it, or what was signed does not make the files that were signed.
pub fn assemble(
    depot: &Depot,
    assembly: &Assembly,
    locals: &[PathBuf],
    watch: Watch<'_>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Assembled, TransferError> {
    let shop = Shop::new(depot, assembly, locals, watch, stop);
    std::thread::scope(|scope| {
        for _ in 1..THREADS.min(assembly.builds.len().div_ceil(BATCH)) {
            // A thread that can't be had is no loss.
            std::thread::Builder::new().name("assemble".to_owned()).spawn_scoped(scope, || shop.work()).ok();
        }
        shop.work();
    });
    let Shop { done, error, .. } = shop;
    if let Some(error) = error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let (right, failed): (Vec<Made>, Vec<Made>) = done
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_iter()
        .partition(|made| made.mark.is_some());
    for part in &assembly.fetch {
        for gone in [depot.part(&part.object), depot.side(&part.object)] {
            fsx::remove_file(&gone).if_present()?;
        }
    }
    let files = Fetched::of(depot, right.into_iter().map(|made| (made.sha256, made.mark)));
    Ok(Assembled { files, failed: failed.into_iter().map(|made| made.sha256).collect() })
}

/// A file that is done; without a mark it did not come out right.
struct Made {
    sha256: Digest,
    mark: Option<crate::platform::ChangeMark>,
}

/// The mark of a file that an earlier run has put together.
fn whole(
    depot: &Depot,
    build: &Build,
    stop: &dyn Fn() -> bool,
) -> Result<Option<crate::platform::ChangeMark>, TransferError> {
    let path = depot.file(&build.sha256);
    // Taken before it is read: whoever changes it meanwhile changes the mark.
    let Some(mark) = mark(&path)? else { return Ok(None) };
    match hash(&path, build.size, stop) {
        Ok(found) if (found.digest, found.size) == (build.sha256, build.size) => Ok(Some(mark)),
        Err(crate::delta::UnpackError::Stopped) => Err(TransferError::Cancelled),
        Err(crate::delta::UnpackError::Read(error)) => Err(FsError::new("read", &path, error).into()),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// What the threads share.
struct Shop<'a> {
    depot: &'a Depot,
    assembly: &'a Assembly,
    locals: &'a [PathBuf],
    watch: Watch<'a>,
    stop: &'a (dyn Fn() -> bool + Sync),
    /// Files in the order of the blocks they need.
    order: Vec<&'a Build>,
    /// Where each block lies in the part file of its pack.
    places: Vec<Vec<u64>>,
    next: AtomicUsize,
    bytes: AtomicU64,
    ended: AtomicBool,
    done: Mutex<Vec<Made>>,
    error: Mutex<Option<TransferError>>,
}

impl<'a> Shop<'a> {
    fn new(
        depot: &'a Depot,
        assembly: &'a Assembly,
        locals: &'a [PathBuf],
        watch: Watch<'a>,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        let mut order: Vec<&Build> = assembly.builds.iter().collect();
        order.sort_by_key(|build| {
            build.parts.iter().find_map(|part| match part {
                Part::Fetched { pack, block, offset, .. } => Some((*pack, *block, *offset)),
                Part::Local { .. } => None,
            })
        });
        let places = assembly.fetch.iter().map(|part| {
            let mut end = 0;
            let places = part.blocks.iter().map(|block| {
                end += u64::from(block.len);
                end - u64::from(block.len)
            });
            places.collect()
        });
        Self {
            depot,
            assembly,
            locals,
            watch,
            stop,
            order,
            places: places.collect(),
            next: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            done: Mutex::default(),
            error: Mutex::default(),
        }
    }

    fn work(&self) {
        let mut bench = Bench { shop: self, blocks: VecDeque::new(), chunk: vec![0; CHUNK] };
        loop {
            let from = self.next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = self.order.get(from..self.order.len().min(from + BATCH)) else { return };
            if batch.is_empty() {
                return;
            }
            for build in batch {
                if self.ended.load(Ordering::Relaxed) {
                    return;
                }
                match bench.make(build) {
                    Ok(made) => self.done.lock().unwrap_or_else(PoisonError::into_inner).push(made),
                    Err(error) => {
                        self.ended.store(true, Ordering::Relaxed);
                        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        return;
                    }
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        (self.stop)() || self.ended.load(Ordering::Relaxed)
    }
}

/// What one thread works with.
struct Bench<'a> {
    shop: &'a Shop<'a>,
    blocks: VecDeque<((u32, u32), Vec<u8>)>,
    chunk: Vec<u8>,
}

/// Why a part can't be had.
enum Gap {
    /// Something installed is not what it was.
    Local,
    /// Everything else.
    Error(TransferError),
}

impl From<TransferError> for Gap {
    fn from(error: TransferError) -> Self {
        Self::Error(error)
    }
}

impl From<FsError> for Gap {
    fn from(error: FsError) -> Self {
        Self::Error(error.into())
    }
}

impl Bench<'_> {
    fn make(&mut self, build: &Build) -> Result<Made, TransferError> {
        let shop = self.shop;
        let sha256 = build.sha256;
        let count = || shop.bytes.fetch_add(build.size, Ordering::Relaxed) + build.size;
        if let Some(mark) = whole(shop.depot, build, &|| shop.stopped())? {
            (shop.watch)(count(), &build.name);
            return Ok(Made { sha256, mark: Some(mark) });
        }
        let path = shop.depot.file(&sha256);
        let temp = fsx::sibling(&path, ".tmp");
        let made = self.write(build, &temp);
        (shop.watch)(count(), &build.name);
        match made {
            Ok(()) => {
                fsx::rename(&temp, &path)?;
                Ok(Made { sha256, mark: mark(&path)? })
            }
            Err(gap) => {
                fsx::remove_file(&temp).if_present()?;
                match gap {
                    Gap::Local => Ok(Made { sha256, mark: None }),
                    Gap::Error(error) => Err(error),
                }
            }
        }
    }

    fn write(&mut self, build: &Build, temp: &std::path::Path) -> Result<(), Gap> {
        let mut file = fsx::create(temp)?;
        let (mut hasher, mut size) = (Hasher::new(), 0);
        let mut uses_local = false;
        for part in &build.parts {
            if self.shop.stopped() {
                return Err(TransferError::Cancelled.into());
            }
            match part {
                Part::Local { place, len } => {
                    uses_local = true;
                    self.copy(place.file, place.offset, *len, &mut file, temp, &mut hasher)?;
                    size += len;
                }
                Part::Fetched { pack, block, offset, len } => {
                    let raw = self.block(build, *pack, *block)?;
                    let from = *offset as usize;
                    let bytes = raw.get(from..from + *len as usize);
                    let bytes = bytes.ok_or_else(|| corrupt(build, "a block is too short"))?;
                    hasher.update(bytes);
                    file.write_all(bytes).at("write", temp)?;
                    size += u64::from(*len);
                }
            }
        }
        if hasher.finish() == build.sha256 && size == build.size {
            Ok(())
        } else if uses_local {
            Err(Gap::Local)
        } else {
            Err(corrupt(build, "its blocks do not make the file that was signed").into())
        }
    }

    /// Copies bytes of an installed file. One that is gone or shorter now is the file's failure, not the update's.
    fn copy(
        &mut self,
        local: u32,
        offset: u64,
        len: u64,
        to: &mut File,
        temp: &std::path::Path,
        hasher: &mut Hasher,
    ) -> Result<(), Gap> {
        let path = self.shop.locals.get(local as usize).ok_or(Gap::Local)?;
        let mut from = fsx::open(path).map_err(|_changed| Gap::Local)?;
        from.seek(SeekFrom::Start(offset)).map_err(|_changed| Gap::Local)?;
        let mut left = len;
        while left > 0 {
            if self.shop.stopped() {
                return Err(TransferError::Cancelled.into());
            }
            let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let chunk = &mut self.chunk[..most];
            from.read_exact(chunk).map_err(|_changed| Gap::Local)?;
            hasher.update(chunk);
            to.write_all(chunk).at("write", temp)?;
            left -= most as u64;
        }
        Ok(())
    }

    /// A block, decoded.
    fn block(&mut self, build: &Build, pack: u32, block: u32) -> Result<&[u8], TransferError> {
        let known = self.blocks.iter().position(|(key, _)| *key == (pack, block));
        if let Some(known) = known {
            return Ok(&self.blocks[known].1);
        }
        let missing = || TransferError::Defect("an assembly names a block it does not have".to_owned());
        let part = self.shop.assembly.fetch.get(pack as usize).ok_or_else(missing)?;
        let wanted = part.blocks.get(block as usize).ok_or_else(missing)?;
        let place = self.shop.places[pack as usize][block as usize];
        let path = self.shop.depot.part(&part.object);
        let mut frame = vec![0; wanted.len as usize];
        let mut file = fsx::open(&path)?;
        file.seek(SeekFrom::Start(place)).at("read", &path)?;
        file.read_exact(&mut frame).at("read", &path)?;
        // It had that digest when it came; the disk may have changed it since.
        if Digest::of(&frame) != wanted.sha256 {
            return Err(corrupt(build, "a block changed on disk after it was fetched"));
        }
        let raw =
            open_block(&frame, wanted.raw as usize).map_err(|error| corrupt(build, &error.to_string()))?;
        if self.blocks.len() >= KEPT {
            self.blocks.pop_front();
        }
        self.blocks.push_back(((pack, block), raw));
        self.blocks.back().map(|(_, raw)| raw.as_slice()).ok_or_else(missing)
    }
}

fn corrupt(build: &Build, why: &str) -> TransferError {
    TransferError::Corrupt { object: build.sha256, file: build.name.clone(), why: why.to_owned() }
}
