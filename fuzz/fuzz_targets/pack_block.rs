//! Any bytes as the frame of a block: never more comes out than was announced, and a patch of a manifest neither.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::delta::apply_patch;
use updraft::delta::pack::{Cutter, MAX_CHUNK, open_block};

fuzz_target!(|input: (u32, Vec<u8>, Vec<u8>)| {
    let (raw, frame, base) = input;
    let raw = raw as usize % (2 << 20);
    if let Ok(bytes) = open_block(&frame, raw) {
        assert_eq!(bytes.len(), raw);
    }
    if let Ok(bytes) = apply_patch(&base, &frame, raw as u64) {
        assert_eq!(bytes.len(), raw);
    }
    let (mut cutter, mut whole) = (Cutter::new(frame.as_slice(), frame.len() as u64), Vec::new());
    while let Some(chunk) = cutter.next_chunk().expect("memory can be read") {
        assert!(!chunk.is_empty() && chunk.len() <= MAX_CHUNK);
        whole.extend_from_slice(chunk);
    }
    assert_eq!(whole, frame);
});
