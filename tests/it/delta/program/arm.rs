//! Instructions of aarch64 for the programs of tests.

use std::collections::HashMap;

use super::{Linked, Step};

pub(super) const RETURN: [u8; 4] = 0xd65f_03c0u32.to_le_bytes();

/// Bytes of a step.
pub(super) fn size(step: &Step) -> usize {
    match step {
        Step::Plain(bytes) => 4 * (1 + bytes.len() / 5),
        Step::Call(_) | Step::Variable(_) => 4,
        Step::Load(_) | Step::Store(_) | Step::Switch(_) => 8,
    }
}

impl Linked {
    pub(super) fn arm_step(&mut self, step: &Step, addresses: &HashMap<u64, u64>) {
        let here = self.at[0] + self.text.len() as u64;
        let page = |target: u64, register: u32| {
            let pages = ((target >> 12).wrapping_sub(here >> 12)) as u32;
            0x9000_0000 | (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5 | register
        };
        let add =
            |target: u64, register: u32| 0x9100_0000 | ((target as u32 & 0xfff) << 10) | (register * 33);
        let words = match step {
            Step::Plain(bytes) => {
                // Moves of numbers, and a branch over the next instruction here and there.
                let branch = bytes.len() == 2 && bytes[0] == 0x85;
                let first = if branch { 0xb400_0040 } else { 0x5280_0000 | u32::from(bytes[1]) << 5 };
                let more = bytes.chunks(5).skip(1).map(|rest| 0xaa00_03e0 | u32::from(rest[0] & 15));
                let count = bytes.len() / 5;
                let mut words = vec![first];
                words.extend(more.chain([0xd503_201f; 2]).take(count));
                words
            }
            Step::Variable(number) => vec![0xf940_03e0 | (number + self.frame) << 10],
            Step::Call(name) => {
                vec![0x9400_0000 | (addresses[name].wrapping_sub(here) >> 2) as u32 & 0x3ff_ffff]
            }
            Step::Load(name) => vec![page(addresses[name], 0), add(addresses[name], 0)],
            Step::Store(name) => {
                let low = (addresses[name] as u32 & 0xfff) >> 3;
                vec![page(addresses[name], 8), 0xf900_0000 | low << 10 | 8 << 5 | 1]
            }
            Step::Switch(names) => {
                let table = self.at[1] + self.constants.len() as u64;
                self.table(names, addresses);
                vec![page(table, 9), add(table, 9)]
            }
        };
        assert_eq!(words.len() * 4, size(step));
        self.text.extend(words.into_iter().flat_map(u32::to_le_bytes));
    }
}
