//! One file into its objects: a zstd frame or the bytes themselves, and the hashes of its pieces.
//!
//! The same bytes at the same effort always give the same object: one frame, the size in its header, no
//! checksum (the object's name is one), fed in blocks of one size.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::platform;
use crate::release::{Codec, Content, Digest, Hasher, PIECE};

use super::pool::Budget;
use super::walk::TreeFile;
use super::{Effort, PublishError};

/// A frame is used if it saves at least 3 of 100 bytes.
const WORTH_PERCENT: u64 = 97;
/// What all compressors together may take.
const MEMORY: u64 = 240 * 1024 * 1024;
/// Most bytes one compressor takes, at the highest effort.
const ONE_COMPRESSOR: u64 = 110 * 1024 * 1024;
/// Up to so many files are flushed one by one; above that the whole volume is.
const FLUSH_SINGLY: usize = 64;
/// Bytes read at once.
const BLOCK: usize = 256 * 1024;

/// Makes objects.
#[derive(Debug)]
pub(super) struct Packer {
    /// The repository, or nothing if objects are only measured.
    repository: Option<PathBuf>,
    effort: Effort,
    serial: AtomicU64,
    written: Mutex<Vec<PathBuf>>,
    count: AtomicU64,
    bytes: AtomicU64,
    memory: Budget,
}

impl Packer {
    /// Writes objects into `repository`; without one it only measures them.
    pub(super) fn new(repository: Option<PathBuf>, effort: Effort) -> Self {
        Self {
            repository,
            effort,
            serial: AtomicU64::new(0),
            written: Mutex::default(),
            count: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            memory: Budget::new(MEMORY),
        }
    }

    /// Makes the objects of `file`, whose content must still be `sha256`.
    pub(super) fn pack(&self, file: &TreeFile, sha256: Digest) -> Result<Content, PublishError> {
        let size = file.mark.size;
        let _share = self.memory.take(size.saturating_mul(12).min(ONE_COMPRESSOR).max(BLOCK as u64));
        let framed = self.encode(file, sha256, Codec::Zstd)?;
        let is_worth_it = u128::from(framed.size) * 100 <= u128::from(size) * u128::from(WORTH_PERCENT);
        let (made, codec) = if is_worth_it {
            (framed, Codec::Zstd)
        } else {
            framed.discard()?;
            (self.encode(file, sha256, Codec::Raw)?, Codec::Raw)
        };
        let content = Content {
            object: made.digest,
            size: made.size,
            codec,
            pieces: made.pieces.as_deref().map(Digest::of),
        };
        if let Some(list) = &made.pieces {
            self.put_bytes(list)?;
        }
        self.keep(made)?;
        Ok(content)
    }

    /// Makes an object of these very bytes, and its piece list if it is to have one.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<Content, FsError> {
        let (made, list) = self.put_bytes(bytes)?;
        let pieces = match list {
            Some(list) => Some(self.put_bytes(&list)?.0),
            None => None,
        };
        Ok(Content { object: made, size: bytes.len() as u64, codec: Codec::Raw, pieces })
    }

    fn put_bytes(&self, bytes: &[u8]) -> Result<(Digest, Option<Vec<u8>>), FsError> {
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(|error| writer.failed(error))?;
        let mut made = writer.finish();
        let list = made.pieces.take();
        Ok((self.keep_made(made)?, list))
    }

    /// Gives a finished object its name, and says which.
    pub(super) fn keep_made(&self, made: Made) -> Result<Digest, FsError> {
        let digest = made.digest;
        self.keep(made)?;
        Ok(digest)
    }

    /// How hard to compress.
    pub(super) fn level(&self) -> i32 {
        self.effort.level()
    }

    /// How many objects were made, and their bytes.
    pub(super) fn made(&self) -> (u64, u64) {
        (self.count.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Brings all objects to the disk itself.
    pub(super) fn settle(&self) -> Result<(), FsError> {
        let Some(repository) = &self.repository else { return Ok(()) };
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() > FLUSH_SINGLY && platform::file::sync_volume(repository).at("flush", repository)? {
            return Ok(());
        }
        let mut folders: Vec<&Path> = Vec::new();
        for path in written.iter() {
            fsx::flush(&fsx::open_rw(path)?, path)?;
            folders.extend(path.parent());
        }
        let objects = repository.join("objects");
        folders.extend([objects.as_path(), repository.as_path()]);
        folders.sort();
        folders.dedup();
        if written.is_empty() { Ok(()) } else { folders.into_iter().try_for_each(fsx::sync_dir) }
    }

    fn encode(&self, file: &TreeFile, sha256: Digest, codec: Codec) -> Result<Made, PublishError> {
        let mut writer = self.writer()?;
        let digest = match codec {
            Codec::Raw => feed(file, &mut writer)?,
            Codec::Zstd => {
                let failed = |error| FsError::new("compress", &file.native, error);
                let mut frame =
                    zstd::stream::write::Encoder::new(&mut writer, self.effort.level()).map_err(failed)?;
                frame.set_pledged_src_size(Some(file.mark.size)).map_err(failed)?;
                frame.include_contentsize(true).map_err(failed)?;
                frame.include_checksum(false).map_err(failed)?;
                let digest = feed(file, &mut frame)?;
                if digest != sha256 {
                    return Err(PublishError::Changing(file.path.clone()));
                }
                frame.finish().map_err(failed)?;
                digest
            }
        };
        if digest != sha256 {
            return Err(PublishError::Changing(file.path.clone()));
        }
        Ok(writer.finish())
    }

    /// Begins an object.
    pub(super) fn writer(&self) -> Result<ObjectWriter, FsError> {
        let file = match &self.repository {
            None => None,
            Some(repository) => {
                let serial = self.serial.fetch_add(1, Ordering::Relaxed);
                let path = repository.join(super::repository::WORK).join(format!("{serial}.part"));
                Some((fsx::create(&path)?, path))
            }
        };
        Ok(ObjectWriter { file, whole: Hasher::new(), piece: Hasher::new(), list: Vec::new(), size: 0 })
    }

    /// Gives a finished object its name. One of that name is replaced: it has the same bytes, unless it is
    /// damaged.
    fn keep(&self, made: Made) -> Result<(), FsError> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(made.size, Ordering::Relaxed);
        let (Some(repository), Some(temp)) = (&self.repository, made.temp) else { return Ok(()) };
        let path = object_path(repository, &made.digest);
        path.parent().map_or(Ok(()), fsx::make_dirs)?;
        fsx::rename(&temp, &path)?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        Ok(())
    }
}

/// Where an object lies in a repository.
pub(super) fn object_path(repository: &Path, digest: &Digest) -> PathBuf {
    let name = digest.hex();
    repository.join("objects").join(&name[..2]).join(&name)
}

/// Reads a file to its end into `out`; says what it was.
fn feed(file: &TreeFile, out: &mut dyn Write) -> Result<Digest, PublishError> {
    let mut source = fsx::open(&file.native)?;
    let mut hasher = Hasher::new();
    let mut block = vec![0; BLOCK];
    let mut size = 0u64;
    loop {
        let filled = fill(&mut source, &mut block).at("read", &file.native)?;
        if filled == 0 {
            break;
        }
        size += filled as u64;
        if size > file.mark.size {
            return Err(PublishError::Changing(file.path.clone()));
        }
        hasher.update(&block[..filled]);
        out.write_all(&block[..filled]).at("write an object of", &file.native)?;
    }
    if size == file.mark.size { Ok(hasher.finish()) } else { Err(PublishError::Changing(file.path.clone())) }
}

/// The digest of a file, which must keep size and times while it is read.
pub(super) fn hash(file: &TreeFile) -> Result<Digest, PublishError> {
    let digest = feed(file, &mut std::io::sink())?;
    let now = platform::file::change_mark(&fsx::stat(&file.native)?);
    if now == file.mark { Ok(digest) } else { Err(PublishError::Changing(file.path.clone())) }
}

/// What an object on disk is.
pub(super) struct Measure {
    /// The digest of its bytes.
    pub(super) digest: Digest,
    /// Its size.
    pub(super) size: u64,
    /// The digests of its pieces, one after the other.
    pub(super) pieces: Vec<u8>,
}

/// Reads an object back; `None` if it is not there.
pub(super) fn measure(path: &Path) -> Result<Option<Measure>, FsError> {
    let Some(mut source) = fsx::open(path).if_present()? else { return Ok(None) };
    let mut writer =
        ObjectWriter { file: None, whole: Hasher::new(), piece: Hasher::new(), list: Vec::new(), size: 0 };
    std::io::copy(&mut source, &mut writer).at("read", path)?;
    let made = writer.finish();
    Ok(Some(Measure { digest: made.digest, size: made.size, pieces: made.pieces.unwrap_or_default() }))
}

/// Whether a frame decodes to `size` bytes of the digest `sha256`. A frame that is none does not.
pub(super) fn unpacks_to(path: &Path, size: u64, sha256: &Digest) -> Result<bool, FsError> {
    let source = fsx::open(path)?;
    let mut frame = zstd::stream::read::Decoder::new(source).at("read", path)?.take(size.saturating_add(1));
    let mut hasher = Hasher::new();
    Ok(std::io::copy(&mut frame, &mut hasher).is_ok_and(|read| read == size) && hasher.finish() == *sha256)
}

/// Fills `block` as far as there is something to read, so that blocks do not depend on how a file comes.
fn fill(source: &mut File, block: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match source.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// An object that has all its bytes but not yet its name.
pub(super) struct Made {
    temp: Option<PathBuf>,
    digest: Digest,
    size: u64,
    pieces: Option<Vec<u8>>,
}

impl Made {
    #[cfg(feature = "vendor")]
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    #[cfg(feature = "vendor")]
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Its piece list, if it is to have one.
    #[cfg(feature = "vendor")]
    pub(super) fn take_pieces(&mut self) -> Option<Vec<u8>> {
        self.pieces.take()
    }

    /// Removes it.
    pub(super) fn discard(self) -> Result<(), FsError> {
        self.temp.as_deref().map_or(Ok(()), fsx::remove_file)
    }
}

/// Writes an object, or only its measure, and hashes it whole and by pieces.
pub(super) struct ObjectWriter {
    file: Option<(File, PathBuf)>,
    whole: Hasher,
    piece: Hasher,
    list: Vec<u8>,
    size: u64,
}

impl ObjectWriter {
    pub(super) fn failed(&self, error: std::io::Error) -> FsError {
        let place = self.file.as_ref().map_or_else(PathBuf::new, |(_, path)| path.clone());
        FsError::new("write", &place, error)
    }

    pub(super) fn finish(mut self) -> Made {
        if !self.size.is_multiple_of(PIECE) {
            self.end_piece();
        }
        let pieces = (self.size > PIECE).then_some(self.list);
        let temp = self.file.map(|(_, path)| path);
        Made { temp, digest: self.whole.finish(), size: self.size, pieces }
    }

    fn end_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.list.extend_from_slice(piece.finish().as_bytes());
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some((file, _)) = &mut self.file {
            file.write_all(bytes)?;
        }
        self.whole.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PIECE - self.size % PIECE;
            let (now, later) = rest.split_at(rest.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            self.piece.update(now);
            self.size += now.len() as u64;
            rest = later;
            if self.size.is_multiple_of(PIECE) {
                self.end_piece();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
