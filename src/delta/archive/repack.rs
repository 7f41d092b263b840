//! Packs an archive again while it is made: bytes between its streams pass, the streams go through zlib.

use std::io;

use super::directory::Turner;
use super::layout::Layout;
use crate::delta::apply::NewFiles;
use crate::platform::Deflater;

/// Bytes packed at once.
const CHUNK: usize = 64 << 10;

/// Packs one stream after the other.
pub(in crate::delta) struct Packer {
    deflater: Option<(u8, Deflater)>,
    out: Vec<u8>,
}

impl Packer {
    pub(in crate::delta) fn new() -> Self {
        Self { deflater: None, out: vec![0; CHUNK] }
    }

    /// Begins a stream.
    pub(in crate::delta) fn begin(&mut self, level: u8) -> io::Result<()> {
        match &mut self.deflater {
            Some((same, deflater)) if *same == level => deflater.reset(),
            other => {
                *other = Some((level, Deflater::new(level)?));
                Ok(())
            }
        }
    }

    /// Packs the next bytes of the stream; without any it is brought to its end.
    pub(in crate::delta) fn pack(
        &mut self,
        mut raw: &[u8],
        put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((_, deflater)) = &mut self.deflater else { return Err(io::ErrorKind::InvalidInput.into()) };
        let last = raw.is_empty();
        loop {
            let step = deflater.step(raw, &mut self.out, last)?;
            raw = &raw[step.read..];
            put(&self.out[..step.written])?;
            let over = if last { step.ended } else { raw.is_empty() && step.written < self.out.len() };
            if over {
                return Ok(());
            }
            if step.read == 0 && step.written == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }
}

/// Takes an archive with its streams unpacked, and passes it on with all of them packed.
pub(super) struct Repack<'a> {
    layout: &'a Layout,
    /// The stream that comes next, and what is left of the bytes before it and of itself.
    next: usize,
    gap: u64,
    raw: u64,
    /// Bytes behind the last stream that come before the central directory.
    plain: u64,
    turner: Turner,
    packer: Packer,
    out: Limited<'a>,
}

/// The new file, never longer than was announced.
struct Limited<'a> {
    new: &'a mut dyn NewFiles,
    size: u64,
    left: u64,
    wrong: bool,
}

impl Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            self.wrong = true;
            return Err(io::ErrorKind::InvalidData.into());
        };
        self.left = left;
        if bytes.is_empty() { Ok(()) } else { self.new.write(bytes) }
    }
}

impl<'a> Repack<'a> {
    /// The archive will have `size` bytes.
    pub(super) fn new(layout: &'a Layout, size: u64, new: &'a mut dyn NewFiles) -> Self {
        let plain = layout.directory.unwrap_or(u64::MAX);
        let out = Limited { new, size, left: size, wrong: false };
        let (turner, packer) = (Turner::new(true), Packer::new());
        Self { layout, next: 0, gap: 0, raw: 0, plain, turner, packer, out }
    }

    /// Whether it came out longer or shorter than announced.
    pub(super) fn is_wrong(&self) -> bool {
        self.out.wrong
    }

    /// Begins the stream that comes next.
    fn open(&mut self) -> io::Result<()> {
        let Some(stream) = self.layout.streams.get(self.next) else { return Ok(()) };
        (self.gap, self.raw) = (stream.entry.gap, stream.entry.raw);
        self.packer.begin(stream.level)
    }

    /// Ends the stream if all of it has come, and those after it that unpack to nothing.
    fn close(&mut self) -> io::Result<()> {
        while self.gap == 0 && self.raw == 0 && self.next < self.layout.streams.len() {
            self.packer.pack(&[], &mut |packed| self.out.write(packed))?;
            self.next += 1;
            self.open()?;
        }
        Ok(())
    }

    /// Bytes behind the last stream.
    fn tail(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (plain, directory) = bytes.split_at(self.plain.min(bytes.len() as u64) as usize);
        self.plain -= plain.len() as u64;
        self.out.write(plain)?;
        let mut turned = directory.to_vec();
        self.turner.turn(&mut turned);
        self.out.write(&turned)
    }
}

impl NewFiles for Repack<'_> {
    fn begin(&mut self, index: usize, _expanded: u64) -> io::Result<()> {
        self.out.new.begin(index, self.out.size)?;
        self.open()?;
        self.close()
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.next == self.layout.streams.len() {
                return self.tail(bytes);
            }
            let is_gap = self.gap > 0;
            let left = if is_gap { &mut self.gap } else { &mut self.raw };
            let (now, later) = bytes.split_at((*left).min(bytes.len() as u64) as usize);
            *left -= now.len() as u64;
            if is_gap {
                self.out.write(now)?;
            } else {
                self.packer.pack(now, &mut |packed| self.out.write(packed))?;
            }
            self.close()?;
            bytes = later;
        }
        Ok(())
    }

    fn end(&mut self, index: usize) -> io::Result<()> {
        if self.out.left > 0 {
            self.out.wrong = true;
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.out.new.end(index)
    }
}
