//! Extra bytes of programs, as they are packed: in place of the way to its target, an instruction has the target's
//! address. Calls of one function are the same bytes then wherever they lie.

use super::image::Layout;
use super::x86::{Field, instruction};

/// Most bytes turned at once: instructions that reach from one piece into the next stay as they are.
pub(in crate::delta) const PIECE: usize = 64 * 1024;

/// Most bytes that are looked at to see an instruction.
const REACH: usize = 16;

/// Turns a piece of extra bytes that lies at `new` in the new file, if that is code; `back` to what it was. Only fields
/// of instructions change, and none that was looked at where there was no instruction: so instructions begin at the
/// same places either way, and each way undoes the other.
pub(in crate::delta) fn turn(layout: &Layout, new: u64, piece: &mut [u8], back: bool) {
    let Some(address) = layout.address(new).filter(|_| layout.is_code(new)) else { return };
    let (mut at, mut seen) = (0, 0);
    while at < piece.len() {
        let Some(found) = instruction(&piece[at..piece.len().min(at + REACH)]) else {
            seen = at + REACH;
            at += 1;
            continue;
        };
        let next = at + usize::from(found.length);
        for field in found.fields.into_iter().flatten() {
            let (Field::Branch(inside) | Field::Memory(inside)) = field else { continue };
            let place = at + usize::from(inside);
            if place < seen {
                continue;
            }
            let Some(bytes) = piece.get_mut(place..).and_then(|bytes| bytes.first_chunk_mut::<4>()) else {
                continue;
            };
            let end = address.wrapping_add(next as u64) as u32;
            // The highest byte comes first: what varies least is beside the instruction.
            *bytes = if back {
                u32::from_be_bytes(*bytes).wrapping_sub(end).to_le_bytes()
            } else {
                u32::from_le_bytes(*bytes).wrapping_add(end).to_be_bytes()
            };
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::Part;
    use super::*;

    fn layout() -> Layout {
        let part = Part { offset: 0x100, address: 0x40_0100, length: 0x10_0000 };
        Layout { parts: vec![part], code: [0x200, 0xf_0000], ..Layout::default() }
    }

    #[test]
    fn calls_of_one_function_are_alike_and_come_back() {
        // Two calls of 0x401000, from 0x400300 and from 0x400305, and one beyond the code.
        let code = [0xe8, 0xfb, 0x0c, 0, 0, 0xe8, 0xf6, 0x0c, 0, 0];
        let mut piece = code;
        turn(&layout(), 0x300, &mut piece, false);
        assert_eq!(piece, [0xe8, 0, 0x40, 0x10, 0, 0xe8, 0, 0x40, 0x10, 0]);
        turn(&layout(), 0x300, &mut piece, true);
        assert_eq!(piece, code);
        turn(&layout(), 0x180, &mut piece, false);
        assert_eq!(piece, code, "what is no code stays");
    }

    #[test]
    fn any_bytes_come_back() {
        let mut state = 7u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        // What `0f e9` makes of the bytes after it depends on whether there are enough of them.
        let opcodes = [0xe8, 0x0f, 0xe9, 0x48, 0x8b, 0x05, 0xc4, 0x62];
        for length in (0..400).flat_map(|length| [length; 8]) {
            // Opcodes that have addresses are frequent.
            let mut next = || if byte() < 90 { opcodes[usize::from(byte() % 8)] } else { byte() };
            let bytes: Vec<u8> = (0..length).map(|_| next()).collect();
            let mut piece = bytes.clone();
            turn(&layout(), 0x1234, &mut piece, false);
            turn(&layout(), 0x1234, &mut piece, true);
            assert_eq!(piece, bytes);
        }
        let cut = [0x0f, 0xe9, 0x84, 0x76, 0xfb, 0xff, 0x48, 0x8b, 0x0f, 0xe9, 0x9f, 0x76, 0xfb, 0xff];
        let mut piece = cut;
        turn(&layout(), 0x300, &mut piece, false);
        turn(&layout(), 0x300, &mut piece, true);
        assert_eq!(piece, cut);
    }
}
