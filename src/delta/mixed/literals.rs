//! Literals by the predicted byte they are added to, those before them, and the instruction they lie in. They are many
//! in every delta of programs: so only what tells most is asked.

use super::PAST;
use super::coder::Coder;
use super::mixer::{Context, Mixer, hash};

/// Rows of each context, as a power of two.
const ROWS: u32 = 13;
/// How fast weights learn.
const PACE: i32 = 6;

/// Codes literals.
pub(in crate::delta) struct Literals<'a> {
    mixer: Mixer<3, 0, 4>,
    coder: Coder<'a>,
    /// The last two.
    last: [u32; 2],
}

impl<'a> Literals<'a> {
    pub(in crate::delta) fn new(coder: Coder<'a>) -> Self {
        Self { mixer: Mixer::new(ROWS, PACE), coder, last: [0; 2] }
    }

    /// What packed them.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn into_coder(self) -> Coder<'a> {
        self.coder
    }

    /// Mends the predicted byte at `at`. Those before it are right already; of them `run` were mended just before. In
    /// code, `inside` bytes of the old instruction lie before it.
    pub(in crate::delta) fn mend(&mut self, bytes: &mut [u8], at: usize, run: u64, inside: Option<u32>) {
        let context = self.context(before(bytes, at), bytes[at], run, inside);
        let literal = self.mixer.byte(&context, &mut self.coder);
        self.last = [u32::from(literal), self.last[0]];
        bytes[at] = bytes[at].wrapping_add(literal);
    }

    fn context(&self, past: &[u8; PAST], predicted: u8, run: u64, inside: Option<u32>) -> Context<3, 0> {
        let [.., d, c, b, a] = *past;
        let (recent, predicted) = (u32::from_le_bytes([a, b, c, d]), u32::from(predicted));
        // Those before in this run, or where in its instruction it begins.
        let last = if run > 0 { self.last[0] } else { 0x200 + inside.unwrap_or(0) };
        let other = if run > 1 { self.last[1] } else { 0x300 };
        let kind = u32::from(inside.is_some()) << 1 | u32::from(run > 0);
        let deep = match inside {
            Some(inside) => hash(&[3, beginning(past, inside), inside, predicted]),
            None => hash(&[4, recent, predicted]),
        };
        let set = (inside.unwrap_or(0) as usize) << 5 | (run.min(15) as usize) << 1;
        Context {
            hashes: [hash(&[1, predicted, kind]), hash(&[2, last, other, kind]), deep],
            set: set | usize::from(inside.is_some()),
            guesses: [],
        }
    }
}

/// The first four of the last `count` bytes, and zeros if they are fewer.
fn beginning(past: &[u8; PAST], count: u32) -> u32 {
    let from = PAST - (count as usize).min(PAST);
    let mut first = [0; 4];
    first.iter_mut().zip(&past[from..]).for_each(|(first, byte)| *first = *byte);
    u32::from_le_bytes(first)
}

/// The bytes made before one.
pub(super) fn before(bytes: &[u8], at: usize) -> &[u8; PAST] {
    bytes[..at].last_chunk().unwrap_or(&[0; PAST])
}
