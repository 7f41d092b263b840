//! The ar archive that a deb is: a mark, then members, each with a head of 60 bytes (deb(5)).

use std::io::{self, Write};

/// What every ar archive begins with.
pub(super) const MARK: &[u8] = b"!<arch>\n";

/// Writes one member; `bytes` must have `size` bytes.
pub(super) fn member(
    out: &mut impl Write,
    name: &str,
    time: u64,
    size: u64,
    bytes: &mut impl io::Read,
) -> io::Result<()> {
    let head =
        format!("{name:<16}{time:<12}{owner:<6}{owner:<6}{mode:<8}{size:<10}`\n", owner = 0, mode = 100_644);
    out.write_all(head.as_bytes())?;
    if io::copy(bytes, out)? != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    // Members begin at even places.
    if size % 2 == 1 { out.write_all(b"\n") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_a_head_of_60_bytes_and_ends_at_an_even_place() {
        let mut out = Vec::new();
        member(&mut out, "debian-binary", 1_700_000_000, 3, &mut &b"2.0"[..]).unwrap();
        assert_eq!(out.len(), 64);
        assert_eq!(&out[..30], b"debian-binary   1700000000  0 ");
        assert_eq!(&out[56..], b"  `\n2.0\n");
        assert!(member(&mut out, "x", 0, 4, &mut &b"abc"[..]).is_err());
    }
}
