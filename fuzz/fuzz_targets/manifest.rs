//! Any bytes as a manifest: what is accepted is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::release::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    let written = manifest.to_bytes().expect("an accepted manifest can be written");
    assert_eq!(Manifest::parse(&written).expect("and read again"), manifest);
});
