//! Any bytes as the streams of a group, from an old file that may be a program or an archive: an error or some bytes, never more
//! than were announced, never a panic.
//!
//! The first byte says whether code is predicted or archives are unpacked, the next three how long the new file is, the next two how long
//! the old file is; then come the old file and the group. Give it small programs and archives to begin with.
#![no_main]

use std::io;

use libfuzzer_sys::fuzz_target;
use updraft::delta::{Delta, NewFiles, OldBytes, OldFiles, apply};

struct Old<'a>(&'a [u8]);

impl OldFiles for Old<'_> {
    fn open(&self, _index: usize) -> io::Result<OldBytes> {
        Ok(OldBytes::Held(self.0.to_vec()))
    }
}

struct New {
    left: u64,
}

impl NewFiles for New {
    fn begin(&mut self, _index: usize, size: u64) -> io::Result<()> {
        self.left = size;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes.len() as u64).expect("not more than was announced");
        Ok(())
    }

    fn end(&mut self, _index: usize) -> io::Result<()> {
        assert_eq!(self.left, 0);
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((told, rest)) = bytes.split_at_checked(6) else { return };
    let size = u64::from(told[1]) | u64::from(told[2]) << 8 | u64::from(told[3]) << 16;
    let Some((old, body)) = rest.split_at_checked(usize::from(u16::from_le_bytes([told[4], told[5]]))) else {
        return;
    };
    let mut head = vec![0; 32];
    [1, 1, 1 << 2 | 2, 1, body.len() as u64, 1].iter().for_each(|&field| number(field, &mut head));
    head.push(told[0] % 3);
    [1, 0, old.len() as u64, 1, 0, size].iter().for_each(|&field| number(field, &mut head));
    let mut whole = b"\x89UDELTA\x01".to_vec();
    [head.len() as u64; 2].iter().for_each(|&field| number(field, &mut whole));
    whole.extend(head);
    whole.extend_from_slice(body);
    let delta = Delta::parse(&whole).expect("the head is right");
    drop(apply(&delta, &Old(old), &mut New { left: 0 }, &|| false));
});

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}
