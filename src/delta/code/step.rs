//! Which instruction the next byte of code belongs to, told from the bytes before it alone.

use super::x86::instruction;

/// Bytes looked back to find where instructions begin: most sequences fall into step within a few.
const BACK: usize = 40;
/// Most bytes of an instruction.
const MOST: usize = 15;

/// Follows instructions byte by byte.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::delta) struct Step {
    /// The bytes of the instruction so far, then zeros.
    bytes: [u8; 32],
    known: usize,
    /// The first byte of the instruction before it, after a prefix of 64-bit operands.
    last: u32,
}

impl Step {
    /// Falls into step with code that ends with these bytes: instructions are read in them one after the other; where
    /// there is none, one byte is skipped. The last one may go on beyond them.
    pub(in crate::delta) fn find(past: &[u8]) -> Self {
        let mut bytes = [0; BACK + 32];
        let past = &past[past.len().saturating_sub(BACK)..];
        bytes[..past.len()].copy_from_slice(past);
        let (mut step, mut at) = (Self::default(), 0);
        while at < past.len() {
            let found = instruction(&bytes[at..]).map(|found| usize::from(found.length));
            let length = found.filter(|&length| length <= MOST).unwrap_or(1);
            if at + length > past.len() {
                step.known = past.len() - at;
                step.bytes[..step.known].copy_from_slice(&past[at..]);
                break;
            }
            step.last = name(bytes[at], if length > 1 { bytes[at + 1] } else { 0 });
            at += length;
        }
        step
    }

    /// Goes on by a byte.
    pub(in crate::delta) fn next(&mut self, byte: u8) {
        self.bytes[self.known] = byte;
        self.known += 1;
        let over = match instruction(&self.bytes) {
            Some(found) => usize::from(found.length) <= self.known,
            None => true,
        };
        if over || self.known == MOST {
            let [first, second, ..] = self.bytes;
            self.last = name(first, second);
            (self.bytes, self.known) = ([0; 32], 0);
        }
    }

    /// How many bytes of the instruction are known.
    pub(in crate::delta) fn inside(&self) -> u32 {
        self.known as u32
    }

    /// Its first four bytes, as far as they are known.
    pub(in crate::delta) fn opcode(&self) -> u32 {
        let [a, b, c, d, ..] = self.bytes;
        u32::from_le_bytes([a, b, c, d])
    }

    /// What tells the instruction before it.
    pub(in crate::delta) fn last(&self) -> u32 {
        self.last
    }
}

/// What tells an instruction that begins so.
fn name(first: u8, second: u8) -> u32 {
    if first & 0xf0 == 0x40 { 256 | u32::from(second) } else { u32::from(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_instructions() {
        // mov rdi, [rsp+0x290]; call; mov rcx, [rdi]
        let code = [0x48, 0x8b, 0xbc, 0x24, 0x90, 2, 0, 0, 0xe8, 1, 2, 3, 4, 0x48, 0x8b, 0x0f];
        let mut step = Step::default();
        let inside: Vec<u32> = code
            .iter()
            .map(|&byte| {
                step.next(byte);
                step.inside()
            })
            .collect();
        assert_eq!(inside, [1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 0, 1, 2, 0]);
        let step = Step::find(&code[..10]);
        assert_eq!((step.inside(), step.opcode(), step.last()), (2, 0x01e8, 256 | 0x8b));
    }
}
