//! A repository whose four metadata files are cut out of the input: whatever it is, reading it only fails.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::trust::sign::RepoState;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == 0);
    let files = [parts.next(), parts.next(), parts.next(), parts.next()];
    let state = RepoState::open(&|path| {
        let at = ["root.json", "timestamp.json", "snapshot.json", "targets.json"];
        let at = at.iter().position(|name| path.ends_with(name)).unwrap_or(0);
        Ok(files[at].map(<[u8]>::to_vec))
    });
    drop(state);
});
