//! Streams of DEFLATE by zlib itself: the same input gives the same bytes on every machine.
#![expect(unsafe_code, reason = "zlib is a library in C")]

use std::io;
use std::mem::MaybeUninit;

use libz_sys as zlib;

/// Raw DEFLATE with a window of 32 KiB.
const WINDOW_BITS: i32 = -15;
/// How much memory zlib takes to pack: what it takes if nobody says otherwise.
const MEMORY: i32 = 8;
/// Most bytes shown to zlib at once.
const MOST: usize = 1 << 30;

/// What one step has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZlibStep {
    /// Bytes taken from the input.
    pub read: usize,
    /// Bytes written.
    pub written: usize,
    /// The stream is at its end.
    pub ended: bool,
}

/// The state of a stream, at a place that stays: zlib keeps pointers to it.
#[derive(Debug)]
struct Stream(*mut zlib::z_stream);

impl Stream {
    /// All zeros, which asks zlib for its own way to take memory.
    fn new() -> Self {
        Self(Box::into_raw(Box::new(MaybeUninit::<zlib::z_stream>::zeroed())).cast())
    }

    fn step(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        run: impl FnOnce(*mut zlib::z_stream) -> i32,
    ) -> io::Result<ZlibStep> {
        let (input, room) = (&input[..input.len().min(MOST)], out.len().min(MOST));
        let out = &mut out[..room];
        let (left, room);
        // SAFETY: the stream was begun, and lives in a box of ours; input and output are as long as is said, and
        // zlib does not look at them after the call.
        let code = unsafe {
            (*self.0).next_in = input.as_ptr().cast_mut();
            (*self.0).avail_in = input.len() as u32;
            (*self.0).next_out = out.as_mut_ptr();
            (*self.0).avail_out = out.len() as u32;
            let code = run(self.0);
            (left, room) = ((*self.0).avail_in as usize, (*self.0).avail_out as usize);
            code
        };
        let (read, written) = (input.len() - left, out.len() - room);
        match code {
            // Nothing could be done for want of input or room: whoever asked sees it by the counts.
            zlib::Z_OK | zlib::Z_BUF_ERROR => Ok(ZlibStep { read, written, ended: false }),
            zlib::Z_STREAM_END => Ok(ZlibStep { read, written, ended: true }),
            other => Err(failed(other)),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: it came from a box of this type, and nobody else has it.
        drop(unsafe { Box::from_raw(self.0.cast::<MaybeUninit<zlib::z_stream>>()) });
    }
}

fn failed(code: i32) -> io::Error {
    match code {
        zlib::Z_MEM_ERROR => io::ErrorKind::OutOfMemory.into(),
        _ => io::Error::new(io::ErrorKind::InvalidData, "this is not a stream of DEFLATE"),
    }
}

fn check(code: i32) -> io::Result<()> {
    if code == zlib::Z_OK { Ok(()) } else { Err(failed(code)) }
}

fn size() -> i32 {
    size_of::<zlib::z_stream>() as i32
}

/// Unpacks one stream after the other.
#[derive(Debug)]
pub struct Inflater(Stream);

impl Inflater {
    /// Ready for the first stream.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new() -> io::Result<Self> {
        let stream = Stream::new();
        // SAFETY: the stream is all zeros, as it must be before this call.
        check(unsafe { zlib::inflateInit2_(stream.0, WINDOW_BITS, zlib::zlibVersion(), size()) })?;
        Ok(Self(stream))
    }

    /// Forgets the stream at hand.
    ///
    /// # Errors
    /// Never, but zlib may say so.
    pub fn reset(&mut self) -> io::Result<()> {
        // SAFETY: the stream was begun.
        check(unsafe { zlib::inflateReset(self.0.0) })
    }

    /// Unpacks as much of `input` as `out` has room for.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn step(&mut self, input: &[u8], out: &mut [u8]) -> io::Result<ZlibStep> {
        // SAFETY: the stream was begun; see `Stream::step`.
        self.0.step(input, out, |stream| unsafe { zlib::inflate(stream, zlib::Z_NO_FLUSH) })
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the stream was begun, and is not used any more.
        unsafe { zlib::inflateEnd(self.0.0) };
    }
}

/// Packs one stream after the other.
#[derive(Debug)]
pub struct Deflater(Stream);

impl Deflater {
    /// Ready for the first stream; levels are 1 to 9.
    ///
    /// # Errors
    /// If there is no memory, or no such level.
    pub fn new(level: u8) -> io::Result<Self> {
        let stream = Stream::new();
        // SAFETY: the stream is all zeros, as it must be before this call.
        let code = unsafe {
            zlib::deflateInit2_(
                stream.0,
                i32::from(level),
                zlib::Z_DEFLATED,
                WINDOW_BITS,
                MEMORY,
                zlib::Z_DEFAULT_STRATEGY,
                zlib::zlibVersion(),
                size(),
            )
        };
        check(code)?;
        Ok(Self(stream))
    }

    /// Forgets the stream at hand.
    ///
    /// # Errors
    /// Never, but zlib may say so.
    pub fn reset(&mut self) -> io::Result<()> {
        // SAFETY: the stream was begun.
        check(unsafe { zlib::deflateReset(self.0.0) })
    }

    /// Packs as much of `input` as `out` has room for; with `last` nothing follows, and the stream is brought to its
    /// end.
    ///
    /// # Errors
    /// If the stream was at its end before.
    pub fn step(&mut self, input: &[u8], out: &mut [u8], last: bool) -> io::Result<ZlibStep> {
        let flush = if last { zlib::Z_FINISH } else { zlib::Z_NO_FLUSH };
        // SAFETY: the stream was begun; see `Stream::step`.
        self.0.step(input, out, |stream| unsafe { zlib::deflate(stream, flush) })
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // SAFETY: the stream was begun, and is not used any more.
        unsafe { zlib::deflateEnd(self.0.0) };
    }
}
