//! Objects that hold one file each: as it is, or as one zstd frame.
//!
//! A frame may announce any size and window; neither is believed. Output stops at the size the signed manifest
//! names, and a frame whose window is larger than ours is refused before memory is taken.

use std::io::{self, BufRead, BufReader, Read, Write};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::release::{Codec, Digest, Hasher};

/// The largest window of a frame, as a power of two: 8 MiB. Whoever packs must stay within it.
pub const MAX_WINDOW_LOG: u32 = 23;
/// Bytes moved at once.
const CHUNK: usize = 128 * 1024;

/// What came out of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpacked {
    /// The digest of the file.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Why an object can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The object can't be read.
    #[error("the object can't be read: {0}")]
    Read(#[source] io::Error),
    /// The file can't be written.
    #[error("the file can't be written: {0}")]
    Write(#[source] io::Error),
    /// The object is not what its codec says.
    #[error("the object can't be decoded: {0}")]
    Damaged(#[source] io::Error),
    /// More comes out than was announced.
    #[error("it unpacks to more than the {0} bytes announced")]
    TooLong(u64),
    /// Something follows the one frame.
    #[error("something follows the end of its frame")]
    Trailing,
    /// Someone asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Unpacks `object` into `file`, at most `size` bytes of it. `stop` is asked between pieces of work.
///
/// Whether the result is the right one is for the caller to see by digest and size.
///
/// # Errors
/// If reading, decoding or writing fails, or more than `size` bytes come out; at most `size` are written.
pub fn unpack(
    codec: Codec,
    object: impl Read,
    size: u64,
    file: &mut impl Write,
    stop: &dyn Fn() -> bool,
) -> Result<Unpacked, UnpackError> {
    let mut object = BufReader::with_capacity(CHUNK, object);
    match codec {
        Codec::Raw => copy(&mut object, size, file, stop, UnpackError::Read),
        Codec::Zstd => {
            let mut decoder = Decoder::with_buffer(object).map_err(UnpackError::Damaged)?.single_frame();
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(UnpackError::Damaged)?;
            let unpacked = copy(&mut decoder, size, file, stop, UnpackError::Damaged)?;
            let at_end = decoder.finish().fill_buf().map_err(UnpackError::Read)?.is_empty();
            if at_end { Ok(unpacked) } else { Err(UnpackError::Trailing) }
        }
    }
}

fn copy(
    from: &mut dyn Read,
    size: u64,
    to: &mut impl Write,
    stop: &dyn Fn() -> bool,
    broken: fn(io::Error) -> UnpackError,
) -> Result<Unpacked, UnpackError> {
    let mut chunk = vec![0; CHUNK];
    let (mut hasher, mut done) = (Hasher::new(), 0);
    loop {
        if stop() {
            return Err(UnpackError::Stopped);
        }
        let got = match from.read(&mut chunk) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        if got == 0 {
            return Ok(Unpacked { digest: hasher.finish(), size: done });
        }
        if got as u64 > size - done {
            return Err(UnpackError::TooLong(size));
        }
        hasher.update(&chunk[..got]);
        to.write_all(&chunk[..got]).map_err(UnpackError::Write)?;
        done += got as u64;
    }
}

/// Packs the `size` bytes of `file` as one zstd frame that [`unpack`] takes; the same bytes always give the
/// same frame.
///
/// # Errors
/// If reading or writing fails, or `file` does not have `size` bytes.
pub fn pack(level: i32, mut file: impl Read, size: u64, object: impl Write) -> io::Result<()> {
    let mut encoder = Encoder::new(object, level)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.include_contentsize(true)?;
    // Small files have small windows by themselves; this bounds the large ones.
    if size > 1 << MAX_WINDOW_LOG {
        encoder.window_log(MAX_WINDOW_LOG)?;
    }
    io::copy(&mut file, &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(3, bytes, bytes.len() as u64, &mut out).unwrap();
        out
    }

    fn take(object: &[u8], size: u64) -> (Result<Unpacked, UnpackError>, Vec<u8>) {
        let mut file = Vec::new();
        (unpack(Codec::Zstd, object, size, &mut file, &|| false), file)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        let (unpacked, file) = take(&frame(&bytes), bytes.len() as u64);
        assert_eq!(unpacked.unwrap(), Unpacked { digest: Digest::of(&bytes), size: bytes.len() as u64 });
        assert_eq!(file, bytes);
    }

    /// A64: a bomb never writes more than the size announced.
    #[test]
    fn a_bomb_stops_at_the_announced_size() {
        let bomb = frame(&vec![0; 50_000_000]);
        assert!(bomb.len() < 10_000);
        let (unpacked, file) = take(&bomb, 1_000_000);
        assert!(matches!(unpacked, Err(UnpackError::TooLong(1_000_000))));
        assert!(file.len() <= 1_000_000);
    }

    /// A64: a frame can't make us take more memory than our window.
    #[test]
    fn a_window_over_ours_is_refused() {
        let mut encoder = Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(MAX_WINDOW_LOG + 1).unwrap();
        encoder.write_all(&[7; 100]).unwrap();
        let (unpacked, _) = take(&encoder.finish().unwrap(), 100);
        assert!(matches!(unpacked, Err(UnpackError::Damaged(_))));
    }

    #[test]
    fn a_cut_or_lengthened_frame_is_refused() {
        let whole = frame(b"some bytes that are here");
        assert!(matches!(take(&whole[..whole.len() - 1], 24).0, Err(UnpackError::Damaged(_))));
        let longer = [whole, b"x".to_vec()].concat();
        assert!(matches!(take(&longer, 24).0, Err(UnpackError::Trailing)));
    }
}
