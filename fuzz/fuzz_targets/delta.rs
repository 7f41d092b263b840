//! Any bytes as the head of a delta: what is accepted names only files that are there, and everything it makes is
//! made once. Then the same bytes as they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use updraft::delta::{Action, Delta};

fuzz_target!(|bytes: &[u8]| {
    drop(Delta::parse(bytes));
    // The same as a head that is stored unpacked, so that what is inside is reached.
    let mut whole = b"\x89UDELTA\x01".to_vec();
    number(bytes.len() as u64, &mut whole);
    number(bytes.len() as u64, &mut whole);
    whole.extend_from_slice(bytes);
    let Ok(delta) = Delta::parse(&whole) else { return };
    for (index, action) in delta.actions().iter().enumerate() {
        match *action {
            Action::Old(old) => assert!((old as usize) < delta.old_count()),
            Action::Same(new) => assert!((new as usize) < index),
            Action::Made { group, unit } => {
                let unit = &delta.groups()[group as usize].units[unit as usize];
                assert_eq!(unit.news.iter().filter(|new| new.0 as usize == index).count(), 1);
            }
        }
    }
});

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}
