//! Takes in the bytes of one connection: hashed and written, on a thread of its own where there are many.
//!
//! The network task hands over what came and goes on reading; it waits when the disk or the hash is behind. A
//! writer has the piece it works on to itself, so that streams of one object do not wait for each other.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::fsx::FsError;
use crate::source::Bytes;

use super::TransferError;
use super::object::Object;
use super::parts::{Loan, Settled};

/// Chunks handed over and not yet taken in; with the largest chunks a connection gives this bounds its memory
/// to about 3 MB.
pub(super) const QUEUE: usize = 8;
/// Up to so many bytes are taken in where they came: handing them over would cost more.
pub(super) const FEW: u64 = 64 * 1024;

/// What taking in bytes led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fed {
    /// All in order.
    Good,
    /// A piece was full and wrong; it is empty again. `unclear` if the source at work may not be to blame.
    Bad { unclear: bool },
}

/// The way of one connection's bytes to the disk.
pub(super) struct Writer {
    object: Arc<Object>,
    source: usize,
    file: Option<File>,
    /// Where the file stands.
    stands: Option<u64>,
    loan: Option<Loan>,
    at: u64,
}

impl Writer {
    /// Begins to take in bytes of `source` that stand at `at` in the object.
    pub(super) fn new(object: Arc<Object>, source: usize, at: u64) -> Result<Self, TransferError> {
        let file = Some(object.parts(|parts| parts.lend_file())?);
        Ok(Self { object, source, file, stands: None, loan: None, at })
    }

    /// Takes in chunks until no more come, or one can't be taken.
    pub(super) fn run(mut self, mut chunks: mpsc::Receiver<Bytes>) -> Result<Fed, TransferError> {
        while let Some(chunk) = chunks.blocking_recv() {
            if let bad @ Fed::Bad { .. } = self.feed(&chunk)? {
                return Ok(bad);
            }
        }
        Ok(Fed::Good)
    }

    /// Takes in the next bytes. Those that are there already are passed over; those beyond a gap, or of a piece
    /// that another writer has, are not taken.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<Fed, TransferError> {
        while !bytes.is_empty() {
            if self.loan.is_none() {
                self.loan = self.object.parts(|parts| Ok(parts.lend(self.at, self.source)))?;
            }
            let Some(loan) = &mut self.loan else {
                // Not ours to write: on to where the next piece begins.
                let next = self.object.parts(|parts| Ok(parts.shape().next(self.at)))?;
                let here = usize::try_from(next - self.at).unwrap_or(usize::MAX).min(bytes.len());
                if here == 0 {
                    return Ok(Fed::Good);
                }
                (self.at, bytes) = (self.at + here as u64, &bytes[here..]);
                continue;
            };
            let end = loan.start + loan.len;
            let here = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(here);
            let next = loan.start + loan.begun.have();
            let known = next.checked_sub(self.at).and_then(|known| usize::try_from(known).ok());
            if let Some(fresh) = known.and_then(|known| now.get(known..)).filter(|fresh| !fresh.is_empty()) {
                self.write(next, fresh)?;
            }
            (self.at, bytes) = (self.at + here as u64, later);
            if let bad @ Fed::Bad { .. } = self.settle(end)? {
                return Ok(bad);
            }
        }
        Ok(Fed::Good)
    }

    fn write(&mut self, next: u64, fresh: &[u8]) -> Result<(), TransferError> {
        let (Some(loan), Some(file)) = (&mut self.loan, &mut self.file) else { return Ok(()) };
        let place = loan.place + (next - loan.start);
        let mut put = || {
            if self.stands != Some(place) {
                file.seek(SeekFrom::Start(place))?;
            }
            file.write_all(fresh)
        };
        if let Err(error) = put() {
            let path = self.object.parts(|parts| Ok(parts.path().to_path_buf()))?;
            return Err(FsError::new("write", &path, error).into());
        }
        self.stands = Some(place + fresh.len() as u64);
        loan.begun.take(fresh);
        let loan = &*loan;
        self.object.parts(|parts| {
            parts.grown(loan);
            parts.save_now_and_then()
        })
    }

    /// Ends the piece in hand if it is full, or if its end was passed without filling it.
    fn settle(&mut self, end: u64) -> Result<Fed, TransferError> {
        let Some(loan) = self.loan.take_if(|loan| self.at >= end || loan.begun.have() >= loan.len) else {
            return Ok(Fed::Good);
        };
        if loan.begun.have() < loan.len {
            self.object.parts(|parts| {
                parts.give_back(loan);
                Ok(())
            })?;
            return Ok(Fed::Good);
        }
        Ok(match self.object.parts(|parts| Ok(parts.settle(loan)))? {
            Settled::Right => Fed::Good,
            Settled::Wrong => Fed::Bad { unclear: false },
            Settled::Unclear => Fed::Bad { unclear: true },
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let (loan, file) = (self.loan.take(), self.file.take());
        let give_back = |parts: &mut super::parts::Parts| {
            if let Some(loan) = loan {
                parts.give_back(loan);
            }
            if let Some(file) = file {
                parts.return_file(file);
            }
            Ok(())
        };
        // A part file that was closed meanwhile needs nothing back.
        self.object.parts(give_back).ok();
    }
}
