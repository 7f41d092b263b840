//! A manifest as one zstd frame against an older one, as `zstd --patch-from` makes it.

use std::io::{self, Read as _, Write as _};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

/// The largest window of such a frame, as a power of two: two manifests of the largest size.
const MAX_PATCH_WINDOW_LOG: u32 = 27;
/// How hard a patch is compressed.
const LEVEL: i32 = 19;

/// Makes a frame that [`apply_patch`] turns into `new` with `base`, which may be empty.
///
/// # Errors
/// If the compressor fails, for want of memory say.
pub fn make_patch(base: &[u8], new: &[u8]) -> io::Result<Vec<u8>> {
    let mut frame = Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    let whole = (base.len() + new.len()).max(1024).next_power_of_two();
    frame.window_log(whole.ilog2().min(MAX_PATCH_WINDOW_LOG))?;
    frame.long_distance_matching(!base.is_empty())?;
    frame.include_contentsize(true)?;
    frame.set_pledged_src_size(Some(new.len() as u64))?;
    frame.write_all(new)?;
    frame.finish()
}

/// What `patch` makes of `base`, at most `size` bytes. Whether it is right is for the caller to see by its digest.
///
/// # Errors
/// If it is no such frame, or gives another number of bytes than `size`.
pub fn apply_patch(base: &[u8], patch: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let mut frame = Decoder::with_ref_prefix(patch, base)?;
    frame.window_log_max(MAX_PATCH_WINDOW_LOG)?;
    let mut new = Vec::new();
    frame.take(size.saturating_add(1)).read_to_end(&mut new)?;
    if new.len() as u64 == size { Ok(new) } else { Err(io::Error::other("it gives another size")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_a_small_change_is_small() {
        let line = |at: u32, salt: u32| {
            format!(
                "{{\"path\":\"lib/module{at}.js\",\"sha256\":\"{:08x}\"}},",
                (at ^ salt).wrapping_mul(2_654_435_761)
            )
        };
        let old: String = (0..20_000).map(|at| line(at, 0)).collect();
        let new: String = (0..20_000).map(|at| line(at, u32::from(at == 7000))).collect();
        let patch = make_patch(old.as_bytes(), new.as_bytes()).unwrap();
        assert!(patch.len() < 300, "{}", patch.len());
        assert_eq!(apply_patch(old.as_bytes(), &patch, new.len() as u64).unwrap(), new.as_bytes());
        let alone = make_patch(b"", new.as_bytes()).unwrap();
        assert_eq!(apply_patch(b"", &alone, new.len() as u64).unwrap(), new.as_bytes());
    }

    /// A64: a patch that gives more than was announced, or was damaged, is refused or gives other bytes.
    #[test]
    fn a_patch_that_lies_is_refused() {
        let patch = make_patch(b"abcdefgh", &[b'x'; 5000]).unwrap();
        assert!(apply_patch(b"abcdefgh", &patch, 4999).is_err());
        assert!(apply_patch(b"abcdefgh", &patch, 5001).is_err());
        assert!(apply_patch(b"abcdefgh", &patch[..patch.len() - 1], 5000).is_err());
    }
}
