//! Literals by the predicted byte they are added to, those before them, and the instruction they lie in. They are many
//! in every delta of programs: so only what tells most is asked.

use super::super::code::Step;
use super::PAST;
use super::coder::Coder;
use super::mixer::{Context, Mixer, hash};

/// Rows of each context, as a power of two.
const ROWS: u32 = 15;
/// How fast weights learn.
const PACE: i32 = 6;

/// Codes literals.
pub(in crate::delta) struct Literals<'a> {
    mixer: Mixer<3, 0, 4>,
    coder: Coder<'a>,
    /// The last two.
    last: [u32; 2],
    step: Step,
    /// The place in the new file after the last literal in code: the step goes on there.
    next: u64,
}

impl<'a> Literals<'a> {
    pub(in crate::delta) fn new(coder: Coder<'a>) -> Self {
        Self { mixer: Mixer::new(ROWS, PACE), coder, last: [0; 2], step: Step::default(), next: 0 }
    }

    /// What packed them.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn into_coder(self) -> Coder<'a> {
        self.coder
    }

    /// Mends the predicted byte at `at`. Those before it are right already; of them `run` were mended just before.
    /// `code` is its place in the new file if it lies in code.
    pub(in crate::delta) fn mend(&mut self, bytes: &mut [u8], at: usize, run: u64, code: Option<u64>) {
        let past = before(bytes, at);
        match code {
            Some(place) if run > 0 && place == self.next => {}
            Some(_) => self.step = Step::find(past),
            None => self.step = Step::default(),
        }
        let context = self.context(past, bytes[at], run, code.is_some());
        let literal = self.mixer.byte(&context, &mut self.coder);
        self.last = [u32::from(literal), self.last[0]];
        bytes[at] = bytes[at].wrapping_add(literal);
        if let Some(place) = code {
            self.step.next(bytes[at]);
            self.next = place.wrapping_add(1);
        }
    }

    fn context(&self, past: &[u8; PAST], predicted: u8, run: u64, code: bool) -> Context<3, 0> {
        let [.., d, c, b, a] = *past;
        let (recent, predicted) = (u32::from_le_bytes([a, b, c, d]), u32::from(predicted));
        let [last, other] = self.last;
        let kind = u32::from(code) << 1 | u32::from(run > 0);
        let (inside, opcode) = (self.step.inside(), self.step.opcode());
        let deep = if code { hash(&[3, opcode, inside, predicted]) } else { hash(&[4, recent, predicted]) };
        Context {
            hashes: [hash(&[1, predicted, kind]), hash(&[2, last, other, kind]), deep],
            set: (inside as usize) << 5 | (run.min(15) as usize) << 1 | usize::from(code),
            guesses: [],
        }
    }
}

/// The bytes made before one.
pub(super) fn before(bytes: &[u8], at: usize) -> &[u8; PAST] {
    bytes[..at].last_chunk().unwrap_or(&[0; PAST])
}
