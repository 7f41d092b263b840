//! A block: neighbouring chunks, packed as one frame.

use std::io;

use super::super::code::{Machine, turn_whole};
use super::super::lzma::Lzma;

/// Most bytes of a block before it is compressed.
pub const MAX_BLOCK: usize = 1024 * 1024;
/// Most bytes of its frame: what does not shrink grows a little.
pub const MAX_FRAME: usize = MAX_BLOCK + 8 * 1024;

/// How the bytes of a frame that is not zstd's are packed, by its first byte: all of them are LZMA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are.
    Plain = 1,
    /// Turned as code of x86-64.
    X86 = 2,
    /// Turned as code of aarch64.
    Arm = 3,
}

impl Form {
    fn of(byte: u8) -> Option<Self> {
        [Self::Plain, Self::X86, Self::Arm].into_iter().find(|form| *form as u8 == byte)
    }

    /// In place of the way to its target, an instruction has the target's address in the block; `back` to what was.
    fn turn(self, bytes: &mut [u8], back: bool) {
        match self {
            Self::Plain => {}
            Self::X86 => turn_whole(Machine::X86, bytes, back),
            Self::Arm => turn_whole(Machine::Arm, bytes, back),
        }
    }
}

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

/// Opens the frame of a block, which must give `raw` bytes; never more than that is written.
///
/// # Errors
/// If it does not.
pub fn open_block(frame: &[u8], raw: usize) -> Result<Vec<u8>, BlockError> {
    if raw > MAX_BLOCK || frame.len() > MAX_FRAME {
        return Err(BlockError::TooLong(raw.max(frame.len())));
    }
    if let Some((form, packed)) = frame.split_first()
        && let Some(form) = Form::of(*form)
    {
        let wrong = |_short| BlockError::Damaged(io::ErrorKind::InvalidData.into());
        let mut bytes = Lzma::unpack(packed, raw, MAX_BLOCK).map_err(wrong)?;
        form.turn(&mut bytes, true);
        return Ok(bytes);
    }
    let bytes = zstd::bulk::decompress(frame, raw).map_err(BlockError::Damaged)?;
    if bytes.len() == raw {
        Ok(bytes)
    } else {
        Err(BlockError::Length { found: bytes.len(), announced: raw })
    }
}

/// Compresses a block; the same bytes at the same level always give the same frame.
///
/// # Errors
/// If the compressor fails, for want of memory say.
pub fn seal_block(level: i32, raw: &[u8]) -> io::Result<Vec<u8>> {
    let frame = zstd::bulk::compress(raw, level)?;
    #[cfg(feature = "vendor")]
    if level >= thorough::LEVEL {
        return thorough::smaller(raw, frame);
    }
    Ok(frame)
}

#[cfg(feature = "vendor")]
mod thorough {
    use std::io::{self, Write as _};

    use lzma_rust2::{LzmaOptions, LzmaWriter};

    use super::{Form, MAX_BLOCK};

    /// From this level on LZMA is tried as well.
    pub(super) const LEVEL: i32 = 19;
    /// The level by which forms are compared.
    const GLANCE: i32 = 3;
    /// LZMA takes longer to unpack: it has to save one byte of so many.
    const WORTH: usize = 40;

    /// `frame` of `raw`, or one in LZMA if that is smaller.
    pub(super) fn smaller(raw: &[u8], frame: Vec<u8>) -> io::Result<Vec<u8>> {
        let gain = frame.len() / WORTH;
        if frame.len() + gain > raw.len() {
            return Ok(frame);
        }
        let (form, turned) = best_form(raw)?;
        let other = packed(form, &turned)?;
        Ok(if other.len() + gain < frame.len() { other } else { frame })
    }

    /// The form in which `raw` has fewest bytes, at a glance, and its bytes in that form.
    fn best_form(raw: &[u8]) -> io::Result<(Form, Vec<u8>)> {
        let mut best = (Form::Plain, raw.to_vec());
        // Code is full of zeros.
        if !raw.contains(&0) {
            return Ok(best);
        }
        let mut least = zstd::bulk::compress(raw, GLANCE)?.len();
        for form in [Form::X86, Form::Arm] {
            let mut turned = raw.to_vec();
            form.turn(&mut turned, false);
            let size = zstd::bulk::compress(&turned, GLANCE)?.len();
            if size < least {
                (least, best) = (size, (form, turned));
            }
        }
        Ok(best)
    }

    fn packed(form: Form, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut options = LzmaOptions::with_preset(9);
        options.dict_size = MAX_BLOCK as u32;
        // Four bytes are one instruction of aarch64; what has no code is text, mostly.
        (options.lc, options.lp, options.pb) = match form {
            Form::Plain => (4, 0, 0),
            Form::X86 => (3, 0, 1),
            Form::Arm => (2, 2, 2),
        };
        (options.nice_len, options.depth_limit) = (273, 128);
        let mut writer = LzmaWriter::new_no_header(vec![form as u8, options.get_props()], &options, false)?;
        writer.write_all(bytes)?;
        writer.finish()
    }
}

#[cfg(all(test, feature = "vendor"))]
mod tests {
    use super::*;

    #[test]
    fn a_block_comes_out_as_it_went_in() {
        let raw: Vec<u8> = (0..250_000u32).flat_map(u32::to_le_bytes).take(MAX_BLOCK).collect();
        let frame = seal_block(3, &raw).unwrap();
        assert_eq!(frame, seal_block(3, &raw).unwrap());
        assert_eq!(open_block(&frame, raw.len()).unwrap(), raw);
    }

    /// Calls of a few functions from everywhere, as code has them.
    fn code(call: impl Fn(u32, u32) -> [u8; 4], opcode: Option<u8>) -> Vec<u8> {
        let mut state = 7u32;
        let mut code = Vec::new();
        while code.len() < 200_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = code.len() as u32 + u32::from(opcode.is_some());
            code.extend(opcode);
            code.extend(call(at, (state >> 28) * 0x1_1230 + 0x400));
            // A move between two registers, or one instruction of aarch64.
            code.extend(if opcode.is_some() {
                [0x48, 0x89, 0xc0 | (state >> 20) as u8 & 7, 0x90]
            } else {
                [0xe0, 3, (state >> 20) as u8 & 7, 0xaa]
            });
        }
        code
    }

    #[test]
    fn thorough_blocks_come_out_as_they_went_in_whatever_they_hold() {
        let x86 = code(|at, to| to.wrapping_sub(at + 4).to_le_bytes(), Some(0xe8));
        let arm = code(|at, to| (0x9400_0000 | to.wrapping_sub(at) >> 2 & 0x03ff_ffff).to_le_bytes(), None);
        let text: Vec<u8> =
            (0..9000u32).flat_map(|n| format!("line {} of {}\n", n, n / 7).into_bytes()).collect();
        for (raw, form) in [(x86, Form::X86), (arm, Form::Arm), (text, Form::Plain)] {
            let frame = seal_block(19, &raw).unwrap();
            assert_eq!(frame[0], form as u8);
            assert!(frame.len() < seal_block(3, &raw).unwrap().len());
            assert_eq!(frame, seal_block(19, &raw).unwrap());
            assert_eq!(open_block(&frame, raw.len()).unwrap(), raw);
            // A damaged one gives an error or wrong bytes, which their digest gives away.
            for at in (0..frame.len()).step_by(97) {
                let mut bad = frame.clone();
                bad[at] ^= 0x55;
                assert!(
                    open_block(&bad, raw.len()).is_ok_and(|bytes| bytes != raw)
                        || open_block(&bad, raw.len()).is_err()
                );
                assert!(open_block(&frame[..at], raw.len()).is_err());
            }
        }
        for raw in [vec![], vec![7], vec![0; MAX_BLOCK]] {
            assert_eq!(open_block(&seal_block(19, &raw).unwrap(), raw.len()).unwrap(), raw);
        }
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
