//! The bytes of one object on disk: which pieces are there, verified, and which have begun.
//!
//! Danger: this is where bytes become trusted. A piece counts only when its digest was computed over the very
//! bytes in the file. What the sidecar says is a hint where to continue; if it lies, a piece fails and is
//! fetched again.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::release::{Digest, Hasher};

/// Bytes of a piece.
pub(super) const PIECE: u64 = 1024 * 1024;
/// The sidecar is written at most this often.
const SAVE: Duration = Duration::from_millis(500);
/// Most bytes of a sidecar.
const MAX_SIDE: u64 = 16 * 1024 * 1024;

/// How an object is cut. One without a piece list is one piece, whose digest is its name.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) size: u64,
    pub(super) piece: u64,
    pub(super) digests: Vec<Digest>,
}

impl Shape {
    pub(super) fn whole(object: Digest, size: u64) -> Self {
        Self { size, piece: size.max(1), digests: vec![object] }
    }

    /// Cuts an object of `size` bytes by its piece list; nothing if the list has the wrong length.
    pub(super) fn pieces(size: u64, list: &[u8]) -> Option<Self> {
        let digests: Vec<Digest> =
            list.as_chunks::<32>().0.iter().map(|bytes| Digest::from_bytes(*bytes)).collect();
        let fits = list.len().is_multiple_of(32) && digests.len() as u64 == size.div_ceil(PIECE);
        fits.then_some(Self { size, piece: PIECE, digests })
    }

    fn start(&self, piece: usize) -> u64 {
        (piece as u64).saturating_mul(self.piece).min(self.size)
    }

    fn len(&self, piece: usize) -> u64 {
        self.start(piece + 1) - self.start(piece)
    }
}

/// What a hash can't tell about a part file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Side {
    format: u32,
    /// Where the newest bytes came from.
    source: String,
    /// The entity tag they came with.
    etag: Option<String>,
    /// Pieces that were verified.
    verified: Vec<Range<usize>>,
    /// Pieces that have begun, and how many of their bytes are there.
    begun: Vec<(usize, u64)>,
}

enum Piece {
    Missing,
    Begun(Box<Begun>),
    Done,
}

struct Begun {
    hasher: Hasher,
    have: u64,
    /// Its bytes come from more than one connection, so a wrong digest proves nothing about the last.
    mixed: bool,
}

/// What feeding bytes led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// All in order.
    Good,
    /// A piece was full and wrong; it is empty again. `mixed` if it was not from one connection.
    Bad { mixed: bool },
}

/// The part file of an object, open.
pub(super) struct Parts {
    shape: Shape,
    path: PathBuf,
    side: PathBuf,
    file: File,
    pieces: Vec<Piece>,
    /// Source and entity tag of the newest bytes.
    origin: Option<(String, String)>,
    present: u64,
    saved: Instant,
    damaged: usize,
}

impl Parts {
    /// Opens the part file and hashes what is in it. `stop` ends that early; what was not read counts as
    /// missing.
    pub(super) fn open(
        path: PathBuf,
        side: PathBuf,
        shape: Shape,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, FsError> {
        let file = fsx::open_rw(&path)?;
        let found = file.metadata().at("read", &path)?.len();
        if found > shape.size {
            file.set_len(shape.size).at("cut", &path)?;
        }
        let told = read_side(&side);
        let pieces = shape.digests.iter().map(|_| Piece::Missing).collect();
        let origin = told.etag.clone().map(|etag| (told.source.clone(), etag));
        let (present, saved, damaged) = (0, Instant::now(), 0);
        let mut parts = Self { shape, path, side, file, pieces, origin, present, saved, damaged };
        parts.read_back(found.min(parts.shape.size), &told, stop)?;
        Ok(parts)
    }

    fn read_back(&mut self, found: u64, told: &Side, stop: &dyn Fn() -> bool) -> Result<(), FsError> {
        let mut buffer = vec![0; 256 * 1024];
        for piece in 0..self.pieces.len() {
            let (start, len) = (self.shape.start(piece), self.shape.len(piece));
            if start >= found || stop() {
                break;
            }
            let there = (found - start).min(len);
            let hint = told.begun.iter().find(|(begun, _)| *begun == piece).map(|(_, have)| *have);
            let begun = hint.unwrap_or(if there < len { there } else { 0 }).min(there);
            let (whole, head) = self.hash(start, there, begun, &mut buffer, stop)?;
            self.pieces[piece] = if there == len && whole.finish() == self.shape.digests[piece] {
                Piece::Done
            } else if begun > 0 && begun < len {
                Piece::Begun(Box::new(Begun { hasher: head, have: begun, mixed: true }))
            } else {
                Piece::Missing
            };
            self.present += match &self.pieces[piece] {
                Piece::Missing => 0,
                Piece::Begun(begun) => begun.have,
                Piece::Done => len,
            };
            let was_done = told.verified.iter().any(|range| range.contains(&piece));
            if was_done && !matches!(self.pieces[piece], Piece::Done) {
                self.damaged += 1;
            }
        }
        Ok(())
    }

    /// Hashers over the `there` bytes from `start`, and over the first `begun` of them.
    fn hash(
        &mut self,
        start: u64,
        there: u64,
        begun: u64,
        buffer: &mut [u8],
        stop: &dyn Fn() -> bool,
    ) -> Result<(Hasher, Hasher), FsError> {
        self.file.seek(SeekFrom::Start(start)).at("read", &self.path)?;
        let (mut whole, mut done) = (Hasher::new(), 0);
        let mut head = Hasher::new();
        while done < there && !stop() {
            let stop_at = if done < begun { begun } else { there };
            let most = usize::try_from(stop_at - done).unwrap_or(usize::MAX).min(buffer.len());
            let got = self.file.read(&mut buffer[..most]).at("read", &self.path)?;
            if got == 0 {
                break;
            }
            whole.update(&buffer[..got]);
            done += got as u64;
            if done == begun {
                head = whole.clone();
            }
        }
        Ok((whole, head))
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Pieces that were verified once and have gone bad on disk since.
    pub(super) fn damaged(&self) -> usize {
        self.damaged
    }

    pub(super) fn is_complete(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Done))
    }

    /// Bytes that are there.
    pub(super) fn present(&self) -> u64 {
        self.present
    }

    /// Runs of pieces that are not done, none longer than `most`.
    pub(super) fn open_runs(&self, most: usize) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.pieces.iter().enumerate().filter(|(_, piece)| !matches!(piece, Piece::Done)) {
            match runs.last_mut() {
                Some(run) if run.end == at && run.len() < most => run.end = at + 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }

    /// The first bytes missing within a run of pieces, as far as they can be asked for at once.
    pub(super) fn want(&self, run: &Range<usize>) -> Option<Range<u64>> {
        let mut open = run.clone().filter(|at| !matches!(self.pieces[*at], Piece::Done));
        let first = open.next()?;
        let have = match &self.pieces[first] {
            Piece::Begun(begun) => begun.have,
            Piece::Missing | Piece::Done => 0,
        };
        let fresh = (first + 1..run.end).take_while(|at| matches!(self.pieces[*at], Piece::Missing));
        let last = fresh.last().unwrap_or(first);
        Some(self.shape.start(first) + have..self.shape.start(last + 1))
    }

    /// The entity tag of what is there, if it came from `source`.
    pub(super) fn etag(&self, source: &str) -> Option<String> {
        self.origin.as_ref().filter(|(origin, _)| origin == source).map(|(_, etag)| etag.clone())
    }

    /// Bytes to come are from `source`, with this entity tag. What has begun is from another connection then.
    pub(super) fn connected(&mut self, source: &str, etag: Option<String>) {
        self.origin = etag.map(|etag| (source.to_owned(), etag));
    }

    /// A connection ended; what it left unfinished will be continued by another one.
    pub(super) fn disconnected(&mut self, run: &Range<usize>) {
        for piece in &mut self.pieces[run.clone()] {
            if let Piece::Begun(begun) = piece {
                begun.mixed = true;
            }
        }
    }

    /// Forgets what has begun in `run`.
    pub(super) fn restart(&mut self, run: &Range<usize>) {
        for piece in &mut self.pieces[run.clone()] {
            if let Piece::Begun(begun) = piece {
                self.present -= begun.have;
                *piece = Piece::Missing;
            }
        }
        self.origin = None;
    }

    /// Takes in `bytes` that stand at `at` in the object. Bytes that are there already are passed over; bytes
    /// beyond a gap are not taken.
    pub(super) fn feed(&mut self, mut at: u64, mut bytes: &[u8]) -> Result<Fed, FsError> {
        while !bytes.is_empty() && at < self.shape.size {
            let piece = usize::try_from(at / self.shape.piece).unwrap_or(usize::MAX);
            let room = self.shape.start(piece + 1) - at;
            let here = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(here);
            if let bad @ Fed::Bad { .. } = self.feed_piece(piece, at, now)? {
                return Ok(bad);
            }
            (at, bytes) = (at + here as u64, later);
        }
        if self.pieces.len() > 1 && self.saved.elapsed() >= SAVE {
            self.save()?;
        }
        Ok(Fed::Good)
    }

    fn feed_piece(&mut self, piece: usize, at: u64, bytes: &[u8]) -> Result<Fed, FsError> {
        let (start, len) = (self.shape.start(piece), self.shape.len(piece));
        if matches!(self.pieces[piece], Piece::Missing) && at == start {
            let fresh = Begun { hasher: Hasher::new(), have: 0, mixed: false };
            self.pieces[piece] = Piece::Begun(Box::new(fresh));
        }
        let Piece::Begun(begun) = &mut self.pieces[piece] else { return Ok(Fed::Good) };
        let next = start + begun.have;
        let Some(known) = next.checked_sub(at).and_then(|known| usize::try_from(known).ok()) else {
            return Ok(Fed::Good);
        };
        let Some(fresh) = bytes.get(known..) else { return Ok(Fed::Good) };
        self.file.seek(SeekFrom::Start(next)).at("write", &self.path)?;
        self.file.write_all(fresh).at("write", &self.path)?;
        begun.hasher.update(fresh);
        begun.have += fresh.len() as u64;
        self.present += fresh.len() as u64;
        if begun.have < len {
            return Ok(Fed::Good);
        }
        let (mixed, right) = (begun.mixed, begun.hasher.clone().finish() == self.shape.digests[piece]);
        self.pieces[piece] = if right { Piece::Done } else { Piece::Missing };
        if !right {
            self.present -= len;
        }
        Ok(if right { Fed::Good } else { Fed::Bad { mixed } })
    }

    /// Writes the sidecar. No flush: after a power cut the hashes decide.
    pub(super) fn save(&mut self) -> Result<(), FsError> {
        self.saved = Instant::now();
        if self.pieces.len() < 2 {
            return Ok(());
        }
        let mut side = Side { format: 1, ..Side::default() };
        if let Some((source, etag)) = &self.origin {
            (side.source, side.etag) = (source.clone(), Some(etag.clone()));
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            match (piece, side.verified.last_mut()) {
                (Piece::Done, Some(run)) if run.end == at => run.end = at + 1,
                (Piece::Done, _) => side.verified.push(at..at + 1),
                (Piece::Begun(begun), _) => side.begun.push((at, begun.have)),
                (Piece::Missing, _) => {}
            }
        }
        let temp = fsx::sibling(&self.side, ".tmp");
        let bytes = serde_json::to_vec(&side).map_err(std::io::Error::other).at("write", &self.side)?;
        fsx::create(&temp)?.write_all(&bytes).at("write", &temp)?;
        fsx::rename(&temp, &self.side)
    }
}

/// A sidecar that is missing, damaged or of another form says nothing.
fn read_side(path: &std::path::Path) -> Side {
    let bytes = fsx::read(path, MAX_SIDE).if_present().ok().flatten().unwrap_or_default();
    match serde_json::from_slice::<Side>(&bytes) {
        Ok(side) if side.format == 1 => side,
        _ => Side::default(),
    }
}
