//! Any bytes as the root an install begins with, then as each answer of a refresh: no panic, no endless loop.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::release::Stamp;
use updraft::trust::{Answer, Refresh, Store, Versions};

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let Ok(store) = Store::open(folder.path()) else { return };
    if store.plant_root(bytes).is_err() {
        return;
    }
    let Ok(mut refresh) = Refresh::begin(store, Stamp::from_unix(0), Versions::default()) else { return };
    while refresh.wants().is_some() {
        if refresh.supply(Answer::Found(bytes.to_vec())).is_err() {
            return;
        }
    }
});
