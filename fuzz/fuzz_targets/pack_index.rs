//! Any bytes as the index of a pack: what is accepted is written and read back the same, and every place in it is real.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::delta::pack::Index;

fuzz_target!(|bytes: &[u8]| {
    // The compressor would find few indexes by itself: the body is packed here.
    let packed = zstd::bulk::compress(bytes, 1).expect("a body can be packed");
    let object = [b"\x89UPIX2\r\n".as_slice(), &packed].concat();
    for object in [bytes, &object] {
        let Ok(index) = Index::parse(object) else { continue };
        for chunk in &index.chunks {
            let block = &index.blocks[chunk.block as usize];
            assert!(chunk.offset + chunk.len <= block.raw && block.pack as usize <= index.others.len());
        }
        let written = index.to_bytes().expect("an accepted index can be written");
        assert_eq!(Index::parse(&written).expect("and read again"), index);
    }
});
