//! Extra bytes of programs, as they are packed: in place of the way to its target, an instruction has the target's
//! address. Calls of one function are the same bytes then wherever they lie.

use super::arm;
use super::image::{Layout, Machine};
use super::kind::Kind;
use super::x86::{Address, instruction};

/// Most bytes turned at once: instructions that reach from one piece into the next stay as they are.
pub(in crate::delta) const PIECE: usize = 64 * 1024;

/// Most bytes that are looked at to see an instruction.
const REACH: usize = 16;

/// Turns a piece of extra bytes that lies at `new` in the new file, if that is code; `back` to what it was. Only fields
/// of instructions change, and none that was looked at where there was no instruction: so instructions begin at the
/// same places either way, and each way undoes the other.
pub(in crate::delta) fn turn(layout: &Layout, new: u64, piece: &mut [u8], back: bool) {
    let Some(address) = layout.address(new).filter(|_| layout.is_code(new)) else { return };
    match layout.machine {
        Machine::X86 => turn_x86(address, piece, back),
        Machine::Arm => turn_arm(address, piece, back),
    }
}

/// Turns all of `bytes`, which need not be code: their first one counts as address 0.
pub(in crate::delta) fn turn_whole(machine: Machine, bytes: &mut [u8], back: bool) {
    match machine {
        Machine::X86 => turn_x86(0, bytes, back),
        Machine::Arm => turn_arm(0, bytes, back),
    }
}

/// Calls, and pages of addresses: instructions lie at multiples of four.
fn turn_arm(address: u64, piece: &mut [u8], back: bool) {
    let first = address.wrapping_neg() as usize & 3;
    let words = piece.get_mut(first..).unwrap_or_default().chunks_exact_mut(4);
    for (index, bytes) in words.enumerate() {
        let here = address.wrapping_add((first + index * 4) as u64);
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let (kind, here) = match arm::kind(word) {
            // Branches without a link stay in their function, mostly, and move with it.
            Some(kind @ Kind::Branch26) if word >> 31 == 1 => (kind, here),
            Some(kind @ Kind::Page) => (kind, arm::page(here)),
            _ => continue,
        };
        let said = arm::number(kind, word);
        let number = if back { said.wrapping_sub(here) } else { said.wrapping_add(here) };
        let kept = word & !(kind.bits().unwrap_or(0) as u32);
        bytes.copy_from_slice(&(kept | arm::bits(kind, number, word)).to_le_bytes());
    }
}

fn turn_x86(address: u64, piece: &mut [u8], back: bool) {
    let (mut at, mut seen) = (0, 0);
    while at < piece.len() {
        let Some(found) = instruction(&piece[at..piece.len().min(at + REACH)]) else {
            seen = at + REACH;
            at += 1;
            continue;
        };
        let points = matches!(found.address, Address::Branch | Address::Memory);
        let place = found.address_at().filter(|_| points).map(|inside| at + inside);
        at += usize::from(found.length);
        let bytes = place.filter(|&place| place >= seen).and_then(|place| piece.get_mut(place..));
        if let Some(bytes) = bytes.and_then(|bytes| bytes.first_chunk_mut::<4>()) {
            let end = address.wrapping_add(at as u64) as u32;
            // The highest byte comes first: what varies least is beside the instruction.
            *bytes = if back {
                u32::from_be_bytes(*bytes).wrapping_sub(end).to_le_bytes()
            } else {
                u32::from_le_bytes(*bytes).wrapping_add(end).to_be_bytes()
            };
        }
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
    fn calls_of_aarch64_are_alike_and_come_back() {
        // A number, two calls of 0x401000 and a page, from the second byte of an instruction on.
        let words = [0x5280_0020, 0x9400_033e, 0x9400_033d, 0x9000_0008u32];
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).skip(2).collect();
        let layout = Layout { machine: Machine::Arm, ..layout() };
        let mut piece = code.clone();
        turn(&layout, 0x306, &mut piece, false);
        assert_eq!(piece[2..6], 0x9410_0400u32.to_le_bytes());
        assert_eq!(piece[2..6], piece[6..10]);
        assert_eq!(piece[10..], 0x9000_2008u32.to_le_bytes());
        turn(&layout, 0x306, &mut piece, true);
        assert_eq!(piece, code);
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
            for machine in [Machine::X86, Machine::Arm] {
                let layout = Layout { machine, ..layout() };
                let mut piece = bytes.clone();
                turn(&layout, 0x1234 + length, &mut piece, false);
                turn(&layout, 0x1234 + length, &mut piece, true);
                assert_eq!(piece, bytes);
            }
        }
        let cut = [0x0f, 0xe9, 0x84, 0x76, 0xfb, 0xff, 0x48, 0x8b, 0x0f, 0xe9, 0x9f, 0x76, 0xfb, 0xff];
        let mut piece = cut;
        turn(&layout(), 0x300, &mut piece, false);
        turn(&layout(), 0x300, &mut piece, true);
        assert_eq!(piece, cut);
    }
}
