//! Extra bytes by those before them, the instruction they lie in, like sequences of earlier ones, and the old bytes
//! around the place where they are put in.

use super::super::code::Step;
use super::coder::Coder;
use super::like::Like;
use super::literals::before;
use super::mixer::{Context, Guess, Mixer, hash};

/// Rows of each context, as a power of two.
const ROWS: u32 = 16;
/// How fast weights learn.
const PACE: i32 = 6;

/// The old bytes that may say what extra bytes are.
#[derive(Clone, Copy)]
pub(in crate::delta) struct Around<'a> {
    pub(in crate::delta) old: &'a [u8],
    /// Where those lie that came after the stretch before.
    pub(in crate::delta) after: u64,
    /// Where those lie that come before the stretch after, by as many as there are extra bytes; beyond all if there is
    /// none.
    pub(in crate::delta) ahead: u64,
}

/// Codes extra bytes.
pub(in crate::delta) struct Extra<'a> {
    mixer: Mixer<4, 3, 8>,
    coder: Coder<'a>,
    like: Like,
}

impl<'a> Extra<'a> {
    pub(in crate::delta) fn new(coder: Coder<'a>) -> Self {
        Self { mixer: Mixer::new(ROWS, PACE), coder, like: Like::new() }
    }

    /// What packed them.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn into_coder(self) -> Coder<'a> {
        self.coder
    }

    /// Fills `bytes` from `at` on; those before are what was made before.
    pub(in crate::delta) fn fill(&mut self, bytes: &mut [u8], at: usize, around: &Around<'_>, code: bool) {
        let mut step = if code { Step::find(before(bytes, at)) } else { Step::default() };
        let mut agreed = [0u32; 2];
        let count = bytes.len() - at;
        for done in 0..count {
            let old = |from: u64| {
                let place = usize::try_from(from.wrapping_add(done as u64)).ok()?;
                around.old.get(place).copied()
            };
            let (after, ahead) = (old(around.after), old(around.ahead));
            let left = count - done;
            let hashes = Self::hashes(before(bytes, at + done), code.then_some(&step));
            let guesses = [
                self.like.guess(),
                Guess::of(after, done.min(15) << 4 | agreed[0] as usize & 15),
                Guess::of(ahead, left.min(15) << 4 | agreed[1] as usize & 15),
            ];
            let alike = usize::from(after == ahead) | (agreed[0] as usize & 1) << 1;
            let agreed_lately = (agreed[0] as usize & 3) << 2 | agreed[1] as usize & 3;
            let set = alike << 8 | (step.inside() as usize) << 4 | agreed_lately;
            let context = Context { hashes, guesses, set };
            let byte = self.mixer.byte(&context, &mut self.coder);
            bytes[at + done] = byte;
            agreed[0] = agreed[0] << 1 | u32::from(after == Some(byte));
            agreed[1] = agreed[1] << 1 | u32::from(ahead == Some(byte));
            self.like.learn(byte);
            if code {
                step.next(byte);
            }
        }
    }

    fn hashes(past: &[u8; super::PAST], step: Option<&Step>) -> [u32; 4] {
        let [.., d, c, b, a] = *past;
        let recent = u32::from_le_bytes([a, b, c, d]);
        let (third, fourth) = if let Some(step) = step {
            let opcode = step.opcode();
            (hash(&[3, opcode, step.inside()]), hash(&[4, opcode & 0xff_ffff, step.last()]))
        } else {
            (hash(&[5, recent]), hash(&[6, recent & 0xff_ffff]))
        };
        [hash(&[1, recent & 0xff, u32::from(step.is_some())]), hash(&[2, recent & 0xffff]), third, fourth]
    }
}
