//! Any bytes as the index of a bundle, under a head with the right checksum: what is accepted is written back the
//! same, its parts lie one after the other and end with the bundle. Then the same bytes as they are, as a file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::release::{BUNDLE_HEAD, BundleHead, BundleIndex, Hasher, Stamp};

fuzz_target!(|bytes: &[u8]| {
    if let Some((told, index)) = bytes.split_at_checked(12) {
        let mut head = BundleIndex::new(Vec::new()).expect("an empty bundle").to_bytes();
        head[12..16].copy_from_slice(&told[..4]);
        head[16..24].copy_from_slice(&(index.len() as u64).to_le_bytes());
        head[24..32].copy_from_slice(&told[4..12]);
        let mut hasher = Hasher::new();
        hasher.update(&head[..32]);
        hasher.update(index);
        head[32..].copy_from_slice(hasher.finish().as_bytes());
        let whole: [u8; BUNDLE_HEAD] = head.clone().try_into().expect("a head alone");
        if let Ok(read) = BundleHead::parse(&whole).and_then(|head| head.index(index)) {
            head.extend_from_slice(index);
            assert_eq!(read.to_bytes(), head);
            let mut end = head.len() as u64;
            for entry in read.entries() {
                let part = read.find(entry.path.as_str()).expect("what is listed is found");
                assert_eq!(part.offset, end);
                end += part.length;
            }
            assert_eq!(end, read.whole());
        }
    }
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if std::fs::write(file.path(), bytes).is_ok() {
        drop(updraft::publish::look(file.path(), Stamp::from_unix(0), true, &|_, _| {}));
    }
});
