//! A block: neighbouring chunks as one zstd frame.

use std::io;

/// Most bytes of a block before it is compressed.
pub const MAX_BLOCK: usize = 1024 * 1024;
/// Most bytes of its frame: what does not shrink grows a little.
pub const MAX_FRAME: usize = MAX_BLOCK + 8 * 1024;

/// Why a block can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// It says that it is longer than blocks are.
    #[error("a block of {0} bytes is longer than blocks may be")]
    TooLong(usize),
    /// It is no frame, or the wrong one.
    #[error("a block can't be decoded: {0}")]
    Damaged(#[source] io::Error),
    /// Other than the announced number of bytes came out.
    #[error("a block decodes to {found} bytes instead of {announced}")]
    Length {
        /// What came out.
        found: usize,
        /// What was announced.
        announced: usize,
    },
}

/// Compresses a block; the same bytes at the same level always give the same frame.
///
/// # Errors
/// If the compressor fails, for want of memory say.
pub fn seal_block(level: i32, raw: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(raw, level)
}

/// Decompresses the frame of a block, which must give `raw` bytes; never more than that is written.
///
/// # Errors
/// If it does not.
pub fn open_block(frame: &[u8], raw: usize) -> Result<Vec<u8>, BlockError> {
    if raw > MAX_BLOCK || frame.len() > MAX_FRAME {
        return Err(BlockError::TooLong(raw.max(frame.len())));
    }
    let bytes = zstd::bulk::decompress(frame, raw).map_err(BlockError::Damaged)?;
    if bytes.len() == raw {
        Ok(bytes)
    } else {
        Err(BlockError::Length { found: bytes.len(), announced: raw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_out_as_it_went_in() {
        let raw: Vec<u8> = (0..250_000u32).flat_map(u32::to_le_bytes).take(MAX_BLOCK).collect();
        let frame = seal_block(3, &raw).unwrap();
        assert_eq!(frame, seal_block(3, &raw).unwrap());
        assert_eq!(open_block(&frame, raw.len()).unwrap(), raw);
    }

    /// A64: a frame that holds more or less than it should, a cut one and a flipped one are refused.
    #[test]
    fn a_frame_that_lies_is_refused() {
        let frame = seal_block(3, &[7; 1000]).unwrap();
        for raw in [0, 999, 1001, MAX_BLOCK, MAX_BLOCK + 1] {
            assert!(open_block(&frame, raw).is_err(), "{raw}");
        }
        assert!(open_block(&frame[..frame.len() - 1], 1000).is_err());
        assert!(open_block(&vec![0; MAX_FRAME + 1], 1000).is_err());
        let bomb = seal_block(3, &vec![0; 50_000_000]).unwrap();
        assert!(open_block(&bomb, 1000).is_err());
    }
}
