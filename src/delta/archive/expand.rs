//! An archive with its streams unpacked: in memory while it is small, in a file that is mapped otherwise.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};

use crate::platform::{Inflater, Mapped};

use super::Entry;
use super::directory::Turner;
use super::find::{Found, Stream, find};
use crate::delta::apply::OldBytes;

/// Bytes unpacked at once.
const CHUNK: usize = 64 << 10;

/// An archive with its streams unpacked.
#[derive(Debug)]
pub(in crate::delta) struct Expanded {
    /// Its bytes.
    pub(in crate::delta) bytes: OldBytes,
    /// What was unpacked, in order.
    pub(in crate::delta) entries: Vec<Entry>,
}

/// Unpacks an archive; nothing if it is none. `scratch` is asked for a file if it comes to more than `held` bytes.
///
/// # Errors
/// If there is no such file or it can't be written.
pub(in crate::delta) fn expand(
    bytes: &[u8],
    held: u64,
    scratch: &dyn Fn() -> io::Result<File>,
) -> io::Result<Option<Expanded>> {
    let Some(found) = find(bytes) else { return Ok(None) };
    let expanded = expand_found(bytes, &found, held, scratch)?;
    Ok(Some(expanded).filter(|expanded| !expanded.entries.is_empty()))
}

/// The same with streams that were found before.
pub(in crate::delta) fn expand_found(
    bytes: &[u8],
    found: &Found,
    held: u64,
    scratch: &dyn Fn() -> io::Result<File>,
) -> io::Result<Expanded> {
    let told = found.streams.iter().fold(bytes.len() as u64, |sum, stream| sum.saturating_add(stream.raw));
    let mut sink = if told > held {
        Sink::File(BufWriter::new(scratch()?), 0)
    } else {
        Sink::Held(Vec::with_capacity(told as usize))
    };
    let (mut inflater, mut chunk) = (Inflater::new()?, vec![0; CHUNK]);
    let (mut entries, mut end, mut written) = (Vec::new(), 0, 0);
    for stream in &found.streams {
        sink.write(&bytes[written..stream.at])?;
        written = stream.at;
        let before = sink.at();
        if inflate(&mut inflater, bytes, stream, &mut chunk, &mut |raw| sink.write(raw))? {
            entries.push(Entry { gap: (stream.at - end) as u64, raw: stream.raw });
            end = stream.at + stream.packed;
            written = end;
        } else {
            sink.back(before)?;
        }
    }
    let (plain, directory) = bytes.split_at(found.directory.unwrap_or(bytes.len()));
    sink.write(&plain[written..])?;
    let mut turner = Turner::new(false);
    for piece in directory.chunks(CHUNK) {
        let turned = &mut chunk[..piece.len()];
        turned.copy_from_slice(piece);
        turner.turn(turned);
        sink.write(turned)?;
    }
    Ok(Expanded { bytes: sink.finish()?, entries })
}

/// Unpacks a stream piece by piece. Whether it ended where and with what it should.
pub(in crate::delta) fn inflate(
    inflater: &mut Inflater,
    bytes: &[u8],
    stream: &Stream,
    chunk: &mut [u8],
    put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let Some(mut packed) = bytes.get(stream.at..stream.at + stream.packed) else { return Ok(false) };
    inflater.reset()?;
    let mut left = stream.raw;
    loop {
        let Ok(step) = inflater.step(packed, chunk) else { return Ok(false) };
        packed = &packed[step.read..];
        let Some(rest) = left.checked_sub(step.written as u64) else { return Ok(false) };
        left = rest;
        put(&chunk[..step.written])?;
        if step.ended {
            return Ok(left == 0 && packed.is_empty());
        }
        if step.read == 0 && step.written == 0 {
            return Ok(false);
        }
    }
}

/// Where unpacked bytes go.
enum Sink {
    Held(Vec<u8>),
    File(BufWriter<File>, u64),
}

impl Sink {
    fn at(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::File(_, at) => *at,
        }
    }

    fn write(&mut self, more: &[u8]) -> io::Result<()> {
        match self {
            Self::Held(bytes) => bytes.extend_from_slice(more),
            Self::File(file, at) => {
                file.write_all(more)?;
                *at += more.len() as u64;
            }
        }
        Ok(())
    }

    /// Takes back what was written from here on.
    fn back(&mut self, to: u64) -> io::Result<()> {
        match self {
            Self::Held(bytes) => bytes.truncate(to as usize),
            Self::File(file, at) => {
                file.seek(SeekFrom::Start(to))?;
                *at = to;
            }
        }
        Ok(())
    }

    fn finish(self) -> io::Result<OldBytes> {
        match self {
            Self::Held(bytes) => Ok(OldBytes::Held(bytes)),
            Self::File(file, at) => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.set_len(at)?;
                Mapped::new(&file).map(OldBytes::Mapped)
            }
        }
    }
}
