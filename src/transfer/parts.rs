//! The bytes of one object on disk: which pieces are there, verified, and which have begun.
//!
//! Danger: this is where bytes become trusted. A piece counts only when its digest was computed over the very
//! bytes in the file. What the sidecar says is a hint where to continue; if it lies, a piece fails and is
//! fetched again. New bytes come in through `writer`, which borrows one piece at a time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::delta::pack::Block;
use crate::fsx::{self, Absent as _, Context as _, FsError};
use crate::release::{Digest, Hasher};

use super::shares::{Begun, Suspicion};

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
    /// Where the pieces lie, if they are not all of one size or not all wanted.
    cuts: Vec<Cut>,
}

/// A piece of its own size.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// Where it begins in the object.
    start: u64,
    len: u64,
    /// Where it begins in the part file, which has no gaps.
    place: u64,
}

impl Shape {
    pub(super) fn whole(object: Digest, size: u64) -> Self {
        Self { size, piece: size.max(1), digests: vec![object], cuts: Vec::new() }
    }

    /// Cuts an object of `size` bytes by its piece list; nothing if the list has the wrong length.
    pub(super) fn pieces(size: u64, list: &[u8]) -> Option<Self> {
        let digests: Vec<Digest> =
            list.as_chunks::<32>().0.iter().map(|bytes| Digest::from_bytes(*bytes)).collect();
        let fits = list.len().is_multiple_of(32) && digests.len() as u64 == size.div_ceil(PIECE);
        fits.then_some(Self { size, piece: PIECE, digests, cuts: Vec::new() })
    }

    /// The blocks that are wanted of a pack of `size` bytes, sorted and apart.
    pub(super) fn blocks(size: u64, blocks: &[Block]) -> Self {
        let mut place = 0;
        let cut = |block: &Block| {
            let cut = Cut { start: block.start, len: u64::from(block.len), place };
            place += cut.len;
            cut
        };
        let cuts = blocks.iter().map(cut).collect();
        Self { size, piece: PIECE, digests: blocks.iter().map(|block| block.sha256).collect(), cuts }
    }

    /// Where the piece after the one around `at` begins, or the end.
    pub(super) fn next(&self, at: u64) -> u64 {
        if self.cuts.is_empty() {
            return (at / self.piece).saturating_add(1).saturating_mul(self.piece).min(self.size);
        }
        let after = self.cuts.partition_point(|cut| cut.start <= at);
        self.cuts.get(after).map_or(self.size, |cut| cut.start)
    }

    /// The piece around `at`, if there is one.
    fn piece_at(&self, at: u64) -> Option<usize> {
        if self.cuts.is_empty() {
            return usize::try_from(at / self.piece).ok();
        }
        let found = self.cuts.partition_point(|cut| cut.start + cut.len <= at);
        self.cuts.get(found).filter(|cut| cut.start <= at).map(|_| found)
    }

    fn start(&self, piece: usize) -> u64 {
        match self.cuts.get(piece) {
            Some(cut) => cut.start,
            None => (piece as u64).saturating_mul(self.piece).min(self.size),
        }
    }

    fn end(&self, piece: usize) -> u64 {
        match self.cuts.get(piece) {
            Some(cut) => cut.start + cut.len,
            None => self.start(piece + 1),
        }
    }

    fn len(&self, piece: usize) -> u64 {
        self.end(piece) - self.start(piece)
    }

    /// Where a piece begins in the part file.
    fn place(&self, piece: usize) -> u64 {
        self.cuts.get(piece).map_or_else(|| self.start(piece), |cut| cut.place)
    }

    /// Bytes of the part file when all is there.
    fn stored(&self) -> u64 {
        self.cuts.last().map_or(self.size, |cut| cut.place + cut.len)
    }

    /// Tells one choice of blocks from another; what a sidecar says counts for its own alone.
    fn choice(&self) -> String {
        let mut hasher = Hasher::new();
        if self.cuts.is_empty() {
            return String::new();
        }
        self.digests.iter().for_each(|digest| hasher.update(digest.as_bytes()));
        hasher.finish().hex()
    }
}

/// What a hash can't tell about a part file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Side {
    format: u32,
    /// Which blocks of a pack it speaks of; empty for other objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    choice: String,
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
    /// A writer has it; so many of its bytes are in the file.
    Lent(u64),
    Done,
}

/// A piece in the hands of a writer.
pub(super) struct Loan {
    pub(super) piece: usize,
    pub(super) start: u64,
    /// Where the piece begins in the part file.
    pub(super) place: u64,
    pub(super) len: u64,
    pub(super) source: usize,
    pub(super) digest: Digest,
    pub(super) begun: Box<Begun>,
}

/// What a full piece turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Right.
    Right,
    /// Wrong, and the source at work gave all of it.
    Wrong,
    /// Wrong, and others may be to blame.
    Unclear,
}

/// The part file of an object, open.
pub(super) struct Parts {
    shape: Shape,
    path: PathBuf,
    side: PathBuf,
    /// The open file; out while a writer uses it.
    file: Option<File>,
    pieces: Vec<Piece>,
    /// Source and entity tag of the newest bytes.
    origin: Option<(String, String)>,
    present: u64,
    saved: Instant,
    damaged: usize,
    /// Pieces that came out wrong from several sources and are not right yet.
    suspicions: HashMap<usize, Suspicion>,
    /// Sources that were found to have given wrong bytes since this was asked last.
    liars: Vec<usize>,
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
        if found > shape.stored() {
            file.set_len(shape.stored()).at("cut", &path)?;
        }
        let mut told = read_side(&side);
        if told.choice != shape.choice() {
            told = Side::default();
        }
        let pieces = shape.digests.iter().map(|_| Piece::Missing).collect();
        let origin = told.etag.clone().map(|etag| (told.source.clone(), etag));
        let (present, saved, damaged) = (0, Instant::now(), 0);
        let (suspicions, liars) = (HashMap::new(), Vec::new());
        let mut parts = Self {
            shape,
            path,
            side,
            file: None,
            pieces,
            origin,
            present,
            saved,
            damaged,
            suspicions,
            liars,
        };
        parts.read_back(&file, found.min(parts.shape.stored()), &told, stop)?;
        parts.file = Some(file);
        Ok(parts)
    }

    fn read_back(
        &mut self,
        file: &File,
        found: u64,
        told: &Side,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), FsError> {
        let mut buffer = vec![0; 256 * 1024];
        for piece in 0..self.pieces.len() {
            let (start, len) = (self.shape.place(piece), self.shape.len(piece));
            if start >= found || stop() {
                break;
            }
            let there = (found - start).min(len);
            let hint = told.begun.iter().find(|(begun, _)| *begun == piece).map(|(_, have)| *have);
            let begun = hint.unwrap_or(if there < len { there } else { 0 }).min(there);
            let (whole, head) = self.hash(file, start..start + there, begun, &mut buffer, stop)?;
            self.pieces[piece] = if there == len && whole.finish() == self.shape.digests[piece] {
                Piece::Done
            } else if begun > 0 && begun < len {
                Piece::Begun(Box::new(Begun::left(head, begun)))
            } else {
                Piece::Missing
            };
            self.present += match &self.pieces[piece] {
                Piece::Missing => 0,
                Piece::Begun(begun) => begun.have(),
                Piece::Lent(have) => *have,
                Piece::Done => len,
            };
            let was_done = told.verified.iter().any(|range| range.contains(&piece));
            if was_done && !matches!(self.pieces[piece], Piece::Done) {
                self.damaged += 1;
            }
        }
        Ok(())
    }

    /// Hashers over the bytes of `range`, and over the first `begun` of them.
    fn hash(
        &self,
        mut file: &File,
        range: Range<u64>,
        begun: u64,
        buffer: &mut [u8],
        stop: &dyn Fn() -> bool,
    ) -> Result<(Hasher, Hasher), FsError> {
        let there = range.end - range.start;
        file.seek(SeekFrom::Start(range.start)).at("read", &self.path)?;
        let (mut whole, mut done) = (Hasher::new(), 0);
        let mut head = Hasher::new();
        while done < there && !stop() {
            let stop_at = if done < begun { begun } else { there };
            let most = usize::try_from(stop_at - done).unwrap_or(usize::MAX).min(buffer.len());
            let got = file.read(&mut buffer[..most]).at("read", &self.path)?;
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

    /// Runs of pieces that are not done and lie one behind the other, none of more than `most` bytes.
    pub(super) fn open_runs(&self, most: u64) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.pieces.iter().enumerate().filter(|(_, piece)| !matches!(piece, Piece::Done)) {
            match runs.last_mut() {
                Some(run)
                    if run.end == at
                        && self.shape.end(at) - self.shape.start(run.start) <= most
                        && self.shape.end(at - 1) == self.shape.start(at) =>
                {
                    run.end = at + 1;
                }
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }

    /// The first bytes missing within a run of pieces, as far as `source` can be asked for them at once.
    pub(super) fn want(&self, run: &Range<usize>, source: usize) -> Option<Range<u64>> {
        let mut open = run.clone().filter(|at| !matches!(self.pieces[*at], Piece::Done));
        let first = open.next()?;
        let have = match &self.pieces[first] {
            Piece::Begun(begun) if self.is_set_aside(first, begun, source) => 0,
            Piece::Begun(begun) => begun.have(),
            Piece::Lent(have) => *have,
            Piece::Missing | Piece::Done => 0,
        };
        let fresh = (first + 1..run.end).take_while(|at| matches!(self.pieces[*at], Piece::Missing));
        let last = fresh.last().unwrap_or(first);
        Some(self.shape.start(first) + have..self.shape.end(last))
    }

    /// Whether all pieces of a run are there.
    pub(super) fn has(&self, run: &Range<usize>) -> bool {
        self.pieces[run.clone()].iter().all(|piece| matches!(piece, Piece::Done))
    }

    /// Whether `source` is to begin a piece anew instead of going on with it, because it came out wrong before.
    fn is_set_aside(&self, piece: usize, begun: &Begun, source: usize) -> bool {
        self.suspicions.get(&piece).is_some_and(|suspicion| suspicion.sets_aside(begun, source))
    }

    /// The source that is to go on with the first missing bytes of a run, if there is one to be preferred.
    pub(super) fn owner(&self, run: &Range<usize>) -> Option<usize> {
        let first = run.clone().find(|at| !matches!(self.pieces[*at], Piece::Done))?;
        let Piece::Begun(begun) = &self.pieces[first] else { return None };
        self.suspicions.get(&first)?.owner(begun)
    }

    /// Sources that were found to have given wrong bytes since this was asked last.
    pub(super) fn take_liars(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.liars)
    }

    /// The entity tag of what is there, if it came from `source`.
    pub(super) fn etag(&self, source: &str) -> Option<String> {
        self.origin.as_ref().filter(|(origin, _)| origin == source).map(|(_, etag)| etag.clone())
    }

    /// Bytes to come are from `source`, with this entity tag. What has begun is from another connection then.
    pub(super) fn connected(&mut self, source: &str, etag: Option<String>) {
        self.origin = etag.map(|etag| (source.to_owned(), etag));
    }

    /// Forgets what has begun in `run`.
    pub(super) fn restart(&mut self, run: &Range<usize>) {
        for piece in &mut self.pieces[run.clone()] {
            if let Piece::Begun(begun) = piece {
                self.present -= begun.have();
                *piece = Piece::Missing;
            }
        }
        self.origin = None;
    }

    /// The open file for a writer, or another handle of it if a writer has that.
    pub(super) fn lend_file(&mut self) -> Result<File, FsError> {
        self.file.take().map_or_else(|| fsx::open_rw(&self.path), Ok)
    }

    /// Takes a file back from a writer.
    pub(super) fn return_file(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Hands the piece around `at` to a writer of bytes of `source`, if it is unfinished, free, and has begun or
    /// begins at `at`.
    pub(super) fn lend(&mut self, at: u64, source: usize) -> Option<Loan> {
        let piece = self.shape.piece_at(at)?;
        let (start, len) = (self.shape.start(piece), self.shape.len(piece));
        self.set_aside(piece, at == start, source);
        let suspicion = self.suspicions.get(&piece);
        let slot = self.pieces.get_mut(piece)?;
        let begun = match slot {
            Piece::Missing if at == start => {
                *slot = Piece::Lent(0);
                Box::new(suspicion.map_or_else(Begun::default, Suspicion::begin))
            }
            Piece::Begun(begun) => {
                let have = begun.have();
                let Piece::Begun(begun) = std::mem::replace(slot, Piece::Lent(have)) else { return None };
                begun
            }
            Piece::Missing | Piece::Lent(_) | Piece::Done => return None,
        };
        let place = self.shape.place(piece);
        Some(Loan { piece, start, place, len, source, digest: self.shape.digests[piece], begun })
    }

    /// Gives up what others gave of a piece that `source` is to begin anew, if it is about to.
    fn set_aside(&mut self, piece: usize, is_at_start: bool, source: usize) {
        let Some(Piece::Begun(begun)) = self.pieces.get(piece) else { return };
        if !is_at_start || !self.is_set_aside(piece, begun, source) {
            return;
        }
        let Piece::Begun(begun) = std::mem::replace(&mut self.pieces[piece], Piece::Missing) else { return };
        self.present -= begun.have();
        self.suspicions.entry(piece).or_default().add(*begun);
    }

    /// Takes in that a lent piece has more bytes in the file.
    pub(super) fn grown(&mut self, loan: &Loan) {
        if let Some(Piece::Lent(have)) = self.pieces.get_mut(loan.piece) {
            self.present += loan.begun.have() - *have;
            *have = loan.begun.have();
        }
    }

    /// Takes a full piece back; a wrong one is empty again.
    pub(super) fn settle(&mut self, mut loan: Loan) -> Settled {
        let right = loan.begun.digest() == loan.digest;
        if right {
            self.pieces[loan.piece] = Piece::Done;
            if let Some(suspicion) = self.suspicions.remove(&loan.piece) {
                self.liars.extend(suspicion.liars(&loan.begun));
            }
            return Settled::Right;
        }
        self.pieces[loan.piece] = Piece::Missing;
        self.present -= loan.len;
        let is_its_own = loan.begun.only_source() == Some(loan.source);
        if !loan.begun.is_mixed() || is_its_own && self.suspicions.contains_key(&loan.piece) {
            return Settled::Wrong;
        }
        loan.begun.break_off(Some(loan.source));
        self.suspicions.entry(loan.piece).or_default().add(*loan.begun);
        Settled::Unclear
    }

    /// Takes an unfinished piece back; another connection will go on with it.
    pub(super) fn give_back(&mut self, mut loan: Loan) {
        self.pieces[loan.piece] = if loan.begun.have() == 0 {
            Piece::Missing
        } else {
            loan.begun.break_off(Some(loan.source));
            Piece::Begun(loan.begun)
        };
    }

    /// Writes the sidecar if that was long ago.
    pub(super) fn save_now_and_then(&mut self) -> Result<(), FsError> {
        if self.pieces.len() > 1 && self.saved.elapsed() >= SAVE { self.save() } else { Ok(()) }
    }

    /// Where the part file is.
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Writes the sidecar. No flush: after a power cut the hashes decide.
    pub(super) fn save(&mut self) -> Result<(), FsError> {
        self.saved = Instant::now();
        if self.pieces.len() < 2 {
            return Ok(());
        }
        let mut side = Side { format: 1, choice: self.shape.choice(), ..Side::default() };
        if let Some((source, etag)) = &self.origin {
            (side.source, side.etag) = (source.clone(), Some(etag.clone()));
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            match (piece, side.verified.last_mut()) {
                (Piece::Done, Some(run)) if run.end == at => run.end = at + 1,
                (Piece::Done, _) => side.verified.push(at..at + 1),
                (Piece::Begun(begun), _) => side.begun.push((at, begun.have())),
                (Piece::Lent(have), _) if *have > 0 => side.begun.push((at, *have)),
                (Piece::Missing | Piece::Lent(_), _) => {}
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
