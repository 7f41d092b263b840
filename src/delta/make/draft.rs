//! Writes the instructions of units into the streams of a group, before they are packed.

use super::align::{Stretch, common};
use crate::delta::code::Apart;
use crate::delta::ops::Lines;
use crate::delta::streams::{Kind, STREAMS};
use crate::delta::wire::put;

/// Equal bytes that end a run of different ones.
const APART: u64 = 4;

/// The streams of a group as they grow.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) streams: [Vec<u8>; STREAMS],
    zeros: u64,
    run: u64,
    held: u64,
    /// References predicted right since the last wrong one.
    pub(super) right: u64,
    /// Extra bytes once more, in parts.
    pub(super) apart: Apart,
}

/// The streams of a group.
#[derive(Debug)]
pub(super) struct Drafted {
    pub(super) streams: [Vec<u8>; STREAMS],
    /// What may be told in place of the extra bytes, if that differs.
    pub(super) apart: Option<Apart>,
}

impl Draft {
    pub(super) fn stream(&mut self, kind: Kind) -> &mut Vec<u8> {
        &mut self.streams[kind as usize]
    }

    /// Writes a unit whose new bytes are predicted to be the old ones.
    pub(super) fn plain(&mut self, old: &[u8], new: &[u8], stretches: &[Stretch]) {
        let before = self.stream(Kind::Extra).len();
        self.ops(new, stretches);
        self.apart.left.extend_from_slice(&self.streams[Kind::Extra as usize][before..]);
        for stretch in stretches {
            let from = &old[stretch.old..][..stretch.length];
            self.differ(from, &new[stretch.new..][..stretch.length]);
        }
    }

    /// Writes the instructions of a unit, and the bytes that no stretch covers.
    pub(super) fn ops(&mut self, new: &[u8], stretches: &[Stretch]) {
        let (mut at, mut lines) = (0, Lines::default());
        let mut stretches = stretches.iter().peekable();
        while at < new.len() {
            let (mut add, mut seek) = (0, 0);
            if let Some(stretch) = stretches.next_if(|stretch| stretch.new == at) {
                add = stretch.length;
                seek = lines.tell(stretch.way());
            }
            at += add;
            let next = stretches.peek().map_or(new.len(), |stretch| stretch.new);
            let copy = next - at;
            put(add as u64, self.stream(Kind::Add));
            put(copy as u64, self.stream(Kind::Copy));
            put(seek, self.stream(Kind::Seek));
            self.stream(Kind::Extra).extend_from_slice(&new[at..next]);
            at = next;
        }
    }

    /// Tells how `new` differs from what is predicted for it.
    pub(super) fn differ(&mut self, predicted: &[u8], new: &[u8]) {
        let mut at = 0;
        while at < new.len() {
            if self.run == 0 {
                let same = common(&predicted[at..], &new[at..]);
                self.zeros += same as u64;
                at += same;
                if at == new.len() {
                    return;
                }
            }
            let difference = new[at].wrapping_sub(predicted[at]);
            at += 1;
            if difference != 0 {
                let held = std::mem::take(&mut self.held);
                let literals = self.stream(Kind::Literals);
                literals.extend(std::iter::repeat_n(0, held as usize));
                literals.push(difference);
                self.run += held + 1;
                continue;
            }
            self.held += 1;
            if self.held == APART {
                self.end_run();
                (self.zeros, self.held) = (APART, 0);
            }
        }
    }

    fn end_run(&mut self) {
        let (zeros, run) = (std::mem::take(&mut self.zeros), std::mem::take(&mut self.run));
        put(zeros, self.stream(Kind::Zeros));
        put(run, self.stream(Kind::Runs));
    }

    /// Ends the group.
    pub(super) fn finish(mut self) -> Drafted {
        if self.run > 0 {
            self.end_run();
        }
        let differs = !self.apart.targets.is_empty() || !self.apart.values.is_empty();
        Drafted { streams: self.streams, apart: differs.then_some(self.apart) }
    }
}
