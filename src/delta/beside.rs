//! New files are made in one thread and taken in another: hashing and writing cost those who make them no time.

use std::io;
use std::mem::take;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Builder;

use super::apply::{ApplyError, NewFiles};

/// How many bytes are handed over at once, and how many pieces may wait.
const PIECE: usize = 128 << 10;
const AHEAD: usize = 8;

/// What was made.
enum Part {
    Begin(usize, u64),
    /// Those from a place on.
    Bytes(Vec<u8>, usize),
    End(usize),
}

/// Runs `make` in a thread of its own, while what it makes is passed on to `new` in this one. If there is no thread to be
/// had, all is done in this one.
///
/// # Errors
/// What `make` ends with, or `new` refuses.
pub(super) fn beside(
    new: &mut dyn NewFiles,
    mut make: impl FnMut(&mut dyn NewFiles) -> Result<(), ApplyError> + Send,
) -> Result<(), ApplyError> {
    let both = std::thread::scope(|scope| {
        let (to, from) = sync_channel(AHEAD);
        let make = &mut make;
        let aside = Builder::new().name("delta".to_owned()).spawn_scoped(scope, move || {
            let mut maker = Maker { to, piece: Vec::new() };
            make(&mut maker)
        });
        let taken = take_all(from, new);
        aside.ok().map(|aside| (taken, aside.join().unwrap_or_else(|panic| resume_unwind(panic))))
    });
    match both {
        Some((taken, made)) => taken.and(made),
        None => make(new),
    }
}

/// Takes all parts until the last one, or until one is refused: whoever makes them then finds nobody to take the next.
fn take_all(parts: Receiver<Part>, new: &mut dyn NewFiles) -> Result<(), ApplyError> {
    let mut open = 0;
    for part in parts {
        let taken = match part {
            Part::Begin(index, size) => {
                open = index;
                new.begin(index, size)
            }
            Part::Bytes(bytes, from) => new.give(bytes, from),
            Part::End(index) => new.end(index),
        };
        taken.map_err(|source| ApplyError::New { index: open, source })?;
    }
    Ok(())
}

/// Hands over what is made.
struct Maker {
    to: SyncSender<Part>,
    piece: Vec<u8>,
}

impl Maker {
    fn send(&mut self, part: Part) -> io::Result<()> {
        self.to.send(part).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = take(&mut self.piece);
        self.send(Part::Bytes(piece, 0))
    }
}

impl NewFiles for Maker {
    fn begin(&mut self, index: usize, size: u64) -> io::Result<()> {
        self.send(Part::Begin(index, size))
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.piece.is_empty() {
                self.piece.reserve_exact(PIECE);
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            if self.piece.len() == PIECE {
                self.flush()?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn give(&mut self, bytes: Vec<u8>, from: usize) -> io::Result<()> {
        self.flush()?;
        self.send(Part::Bytes(bytes, from))
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        self.flush()?;
        self.send(Part::End(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps what comes; refuses bytes from some place on.
    struct Kept {
        bytes: Vec<u8>,
        said: Vec<String>,
        most: usize,
    }

    impl NewFiles for Kept {
        fn begin(&mut self, index: usize, size: u64) -> io::Result<()> {
            self.said.push(format!("begin {index} {size}"));
            Ok(())
        }

        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.bytes.extend_from_slice(bytes);
            if self.bytes.len() > self.most { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn end(&mut self, index: usize) -> io::Result<()> {
            self.said.push(format!("end {index} after {}", self.bytes.len()));
            Ok(())
        }
    }

    fn kept(most: usize) -> Kept {
        Kept { bytes: Vec::new(), said: Vec::new(), most }
    }

    fn write(to: &mut dyn NewFiles, bytes: &[u8]) -> Result<(), ApplyError> {
        to.write(bytes).map_err(|source| ApplyError::New { index: 9, source })
    }

    #[test]
    fn all_comes_in_its_order() {
        let all: Vec<u8> = (0..PIECE * 5 / 2).map(|at| ((at * 7) >> 3) as u8).collect();
        let mut new = kept(usize::MAX);
        beside(&mut new, |to| {
            to.begin(3, 1).unwrap();
            all.chunks(1000).try_for_each(|piece| write(to, piece))?;
            to.end(3).unwrap();
            to.begin(4, 0).unwrap();
            to.end(4).unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(new.bytes, all);
        let ended = [3, 4].map(|index| format!("end {index} after {}", all.len()));
        assert_eq!(new.said, ["begin 3 1", &ended[0], "begin 4 0", &ended[1]]);
    }

    #[test]
    fn who_takes_may_refuse_and_who_makes_may_fail() {
        let mut new = kept(PIECE * 20);
        let refused = beside(&mut new, |to| {
            to.begin(3, 1).unwrap();
            loop {
                write(to, &[0; 50_000])?;
            }
        });
        let Err(ApplyError::New { index: 3, source }) = refused else { panic!("{refused:?}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);

        let failed = beside(&mut kept(usize::MAX), |_| Err(ApplyError::Damaged("for a test")));
        assert!(matches!(failed, Err(ApplyError::Damaged("for a test"))), "{failed:?}");
    }
}
