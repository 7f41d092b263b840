//! Instructions of x86-64, as far as their lengths and the places of their addresses need it (Intel SDM volume 2,
//! chapter 2 and appendix A).

/// Operands that follow an opcode.
const NONE: u8 = 0;
const BYTE: u8 = 1;
const WORD: u8 = 2;
/// Four bytes, two with the operand-size prefix.
const LONG: u8 = 3;
/// Eight bytes of address.
const OFFSET: u8 = 4;
/// A relative address of four bytes.
const BRANCH: u8 = 5;
/// Two bytes and one.
const ENTER: u8 = 6;
/// Added when a ModRM byte follows the opcode.
const MODRM: u8 = 16;
const BAD: u8 = 255;

/// How many bytes the operands have.
const SIZES: [u8; 16] = [0, 1, 2, 4, 8, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const ONE: [u8; 256] = one_byte();
const TWO: [u8; 256] = two_byte();
/// Of those opcodes whose operands are told by the opcode alone, how many bytes these have, and what follows and they are.
const COMMON: [u8; 256] = common_one_byte();
const COMMON_TWO: [u8; 256] = common_two_byte();
/// Added where they are a value of four bytes.
const HAS_VALUE: u8 = 32;
/// Added where they are the target of a branch.
const HAS_BRANCH: u8 = 64;
/// All other opcodes.
const BAD_COMMON: u8 = 128;

/// For each ModRM byte, how many bytes it has with SIB and displacement, and what that is.
const SHAPES: [u8; 256] = shapes();
/// Added where SIB follows.
const SIB: u8 = 16;
/// Added where the displacement is relative to the instruction.
const HAS_MEMORY: u8 = 32;
/// Added where it has four bytes and is not.
const HAS_DISPLACEMENT: u8 = 64;

const fn one_byte() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = match op {
            0x00..=0x3f => match op & 7 {
                0..=3 => MODRM,
                4 => BYTE,
                5 => LONG,
                _ => BAD,
            },
            0x60..=0x62 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => BAD,
            0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xf6 | 0xf7 | 0xfe | 0xff => MODRM,
            0x68 | 0xa9 | 0xb8..=0xbf => LONG,
            0x69 | 0x81 | 0xc7 => MODRM + LONG,
            0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => MODRM + BYTE,
            0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => BYTE,
            0xa0..=0xa3 => OFFSET,
            0xc2 | 0xca => WORD,
            0xc8 => ENTER,
            0xe8 | 0xe9 => BRANCH,
            _ => NONE,
        };
        op += 1;
    }
    table
}

const fn two_byte() -> [u8; 256] {
    let mut table = [MODRM; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = match op {
            0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => NONE,
            0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x39 | 0x3b..=0x3f => BAD,
            0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => MODRM + BYTE,
            0x80..=0x8f => BRANCH,
            _ => MODRM,
        };
        op += 1;
    }
    table
}

const fn common_one_byte() -> [u8; 256] {
    let mut table = one_byte();
    let mut op = 0;
    while op < 256 {
        // Prefixes, escapes, and those whose values have two, four or eight bytes.
        if let 0x26
        | 0x2e
        | 0x36
        | 0x3e
        | 0x40..=0x4f
        | 0x62
        | 0x64..=0x67
        | 0xb8..=0xbf
        | 0xc4
        | 0xc5
        | 0xf0
        | 0xf2
        | 0xf3
        | 0xf6
        | 0xf7
        | 0x0f = op
        {
            table[op] = BAD;
        }
        op += 1;
    }
    sized(table)
}

const fn common_two_byte() -> [u8; 256] {
    let mut table = two_byte();
    // Two maps have a third opcode byte.
    table[0x38] = BAD;
    table[0x3a] = BAD;
    sized(table)
}

/// With how many bytes the operands have, in place of what they are.
const fn sized(mut table: [u8; 256]) -> [u8; 256] {
    let mut op = 0;
    while op < 256 {
        let (operand, modrm) = (table[op] & 15, table[op] & MODRM);
        let field = match operand {
            LONG => HAS_VALUE,
            BRANCH => HAS_BRANCH,
            _ => 0,
        };
        table[op] = if table[op] == BAD { BAD_COMMON } else { modrm + field + SIZES[operand as usize] };
        op += 1;
    }
    table
}

const fn shapes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut modrm = 0;
    while modrm < 256 {
        let (mode, register) = (modrm >> 6, modrm & 7);
        let sib = if mode != 3 && register == 4 { SIB + 1 } else { 0 };
        table[modrm] = 1
            + sib
            + match mode {
                0 if register == 5 => HAS_MEMORY + 4,
                1 => 1,
                2 => HAS_DISPLACEMENT + 4,
                _ => 0,
            };
        modrm += 1;
    }
    table
}

/// An address in an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Four bytes at this place of the instruction, relative to its end: the target of a branch.
    Branch(u8),
    /// The same, of an operand in memory.
    Memory(u8),
    /// Four bytes at this place that are added to registers.
    Displacement(u8),
    /// Four bytes at this place that are a value.
    Value(u8),
    /// A byte at this place that is added to the stack pointer.
    Stack1(u8),
    /// Four bytes at this place that are added to the stack pointer.
    Stack4(u8),
    /// A byte at this place that is added to the base pointer.
    Base1(u8),
    /// Four bytes at this place that are added to the base pointer.
    Base4(u8),
}

/// An instruction: its length, and the fields that may hold addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) length: u8,
    pub(super) fields: [Option<Field>; 2],
}

/// What comes before ModRM: prefixes and opcode.
struct Opcode {
    byte: u8,
    kind: u8,
    /// Where ModRM or the operands begin.
    at: usize,
    /// Values of four bytes have two.
    narrow: bool,
    /// Values that may have eight bytes have them.
    wide: bool,
    /// The registers of addresses are those from eight on.
    high: bool,
}

#[inline]
fn opcode(code: &[u8]) -> Option<Opcode> {
    let (mut at, mut narrow, mut wide, mut high) = (0, false, false, false);
    let mut byte = *code.first()?;
    while matches!(byte, 0x66 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 | 0x67 | 0xf0) {
        narrow |= byte == 0x66;
        at += 1;
        if at > 13 {
            return None;
        }
        byte = *code.get(at)?;
    }
    if byte & 0xf0 == 0x40 {
        (wide, high) = (byte & 8 != 0, byte & 1 != 0);
        at += 1;
        byte = *code.get(at)?;
    }
    at += 1;
    let kind = match byte {
        0x0f => {
            let second = *code.get(at)?;
            // Two maps have a third opcode byte.
            at += if matches!(second, 0x38 | 0x3a) { 2 } else { 1 };
            match second {
                0x38 => MODRM,
                0x3a => MODRM + BYTE,
                _ => TWO[usize::from(second)],
            }
        }
        0xc5 => {
            at += 2;
            vex(1, *code.get(at - 1)?)
        }
        0xc4 => {
            at += 3;
            high = *code.get(at - 3)? & 0x20 == 0;
            vex(*code.get(at - 3)? & 31, *code.get(at - 1)?)
        }
        0x62 => {
            at += 4;
            // A displacement of one byte is multiplied here: it is not taken for one.
            high = true;
            vex(*code.get(at - 4)? & 7, *code.get(at - 1)?)
        }
        _ => ONE[usize::from(byte)],
    };
    (kind != BAD).then_some(Opcode { byte, kind, at, narrow, wide, high })
}

/// Reads the instruction at the beginning of `code`; nothing if there is none.
#[inline]
pub(super) fn instruction(code: &[u8]) -> Option<Instruction> {
    code.first_chunk().and_then(whole).or_else(|| any(code))
}

/// One of the common ones with its fields.
#[inline]
fn whole(code: &[u8; 16]) -> Option<Instruction> {
    let mut fields = [None; 2];
    // What comes second is a target or a value.
    let length = common(code, &mut |_, field| {
        fields[usize::from(matches!(field, Field::Branch(_) | Field::Value(_)))] = Some(field);
    })?;
    Some(Instruction { length, fields })
}

/// Reads it and hands over its length with each of its fields; returns the length.
#[expect(clippy::inline_always, reason = "what is done with a field is known where its kind is")]
#[inline(always)]
pub(super) fn visit(code: &[u8], take: &mut impl FnMut(u8, Field)) -> Option<u8> {
    if let Some(length) = code.first_chunk().and_then(|code| common(code, take)) {
        return Some(length);
    }
    let Instruction { length, fields } = any(code)?;
    fields.into_iter().flatten().for_each(|field| take(length, field));
    Some(length)
}

/// Reads an instruction of those that are most of all code, in a fraction of the time; nothing if it is another one. None of
/// these has more than thirteen bytes.
#[expect(clippy::inline_always, reason = "called for each instruction, from three places")]
#[inline(always)]
fn common(code: &[u8; 16], take: &mut impl FnMut(u8, Field)) -> Option<u8> {
    // All that tells the length is in the first six bytes.
    let [a, b, c, d, e, f, ..] = *code;
    let mut word = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let first = u8::from(matches!(a, 0x66 | 0xf2 | 0xf3));
    word >>= 8 * first;
    let rex = word as u8;
    let prefix = first + u8::from(rex & 0xf0 == 0x40);
    word >>= 8 * (prefix - first);
    let (mut kind, mut opcode) = (COMMON[usize::from(word as u8)], prefix + 1);
    if word as u8 == 0x0f {
        word >>= 8;
        (kind, opcode) = (COMMON_TWO[usize::from(word as u8)], prefix + 2);
    }
    let [_, modrm, sib, ..] = word.to_le_bytes();
    let mut shape = SHAPES[usize::from(modrm)];
    if kind & MODRM == 0 {
        if kind == BAD_COMMON {
            return None;
        }
        shape = 0;
    } else if shape & SIB != 0 && modrm < 0x40 && sib & 7 == 5 {
        // Without a base there is a displacement.
        shape += HAS_DISPLACEMENT + 4;
    }
    if a == 0x66 && kind & HAS_VALUE != 0 {
        // It has two bytes instead of four.
        return None;
    }
    let end = opcode + (shape & 15);
    let length = end + (kind & 15);
    if shape & HAS_MEMORY != 0 {
        take(length, Field::Memory(end - 4));
    } else if modrm & 0xc0 != 0xc0 {
        let base = if shape & SIB != 0 { sib & 7 } else { modrm & 7 };
        let base = if rex & 0xf1 == 0x41 { NO_FRAME } else { base };
        if shape & HAS_DISPLACEMENT != 0 {
            take(length, displacement(base, modrm >= 0x40, end - 4));
        } else if modrm >= 0x40
            && shape != 0
            && let Some(field) = one_byte_displacement(base, end - 1)
        {
            take(length, field);
        }
    }
    if kind & HAS_BRANCH != 0 {
        take(length, Field::Branch(end));
    } else if kind & HAS_VALUE != 0 {
        take(length, Field::Value(end));
    }
    Some(length)
}

/// A register that no frame is told from.
const NO_FRAME: u8 = 0;

/// A displacement of four bytes from a base register.
#[inline]
fn displacement(base: u8, has_base: bool, at: u8) -> Field {
    match base {
        4 if has_base => Field::Stack4(at),
        5 if has_base => Field::Base4(at),
        _ => Field::Displacement(at),
    }
}

/// A displacement of a byte from a base register, if that tells a frame.
#[inline]
fn one_byte_displacement(base: u8, at: u8) -> Option<Field> {
    match base {
        4 => Some(Field::Stack1(at)),
        5 => Some(Field::Base1(at)),
        _ => None,
    }
}

/// Reads any instruction.
fn any(code: &[u8]) -> Option<Instruction> {
    let Opcode { byte, kind, mut at, narrow, wide, high } = opcode(code)?;
    let mut fields = [None; 2];
    let mut operand = kind & 15;
    if kind & MODRM != 0 {
        let modrm = *code.get(at)?;
        at = memory(code, at, (modrm, high), &mut fields[0])?;
        // Of these groups only the first two members have a value.
        if modrm & 0x38 < 0x10 {
            operand = match byte {
                0xf6 => BYTE,
                0xf7 => LONG,
                _ => operand,
            };
        }
    }
    at += match operand {
        LONG if narrow => 2,
        LONG if wide && byte & 0xf8 == 0xb8 => 8,
        LONG => {
            fields[1] = Some(Field::Value(at as u8));
            4
        }
        BRANCH => {
            fields[1] = Some(Field::Branch(at as u8));
            4
        }
        _ => usize::from(SIZES[usize::from(operand)]),
    };
    (at <= code.len()).then_some(Instruction { length: at as u8, fields })
}

/// Instructions with a VEX or EVEX prefix: all have ModRM but one.
fn vex(map: u8, opcode: u8) -> u8 {
    match (map, opcode) {
        (1, 0x77) => NONE,
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3, _) => MODRM + BYTE,
        (1 | 2 | 5 | 6, _) => MODRM,
        _ => BAD,
    }
}

/// Passes ModRM, SIB and displacement.
#[inline]
fn memory(code: &[u8], mut at: usize, (modrm, high): (u8, bool), field: &mut Option<Field>) -> Option<usize> {
    let (mode, register) = (modrm >> 6, modrm & 7);
    at += 1;
    if mode == 3 {
        return Some(at);
    }
    let mut base = register;
    if register == 4 {
        base = *code.get(at)? & 7;
        at += 1;
    }
    let place = at as u8;
    let from = if high { NO_FRAME } else { base };
    let size = match mode {
        0 if register == 5 => {
            *field = Some(Field::Memory(place));
            4
        }
        0 if base == 5 && register == 4 => {
            *field = Some(Field::Displacement(place));
            4
        }
        1 => {
            *field = one_byte_displacement(from, place);
            1
        }
        2 => {
            *field = Some(displacement(from, true, place));
            4
        }
        _ => 0,
    };
    Some(at + size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(code: &[u8]) -> Option<u8> {
        let padded = [code, &[0x90; 16]].concat();
        instruction(&padded).map(|found| found.length)
    }

    #[test]
    fn lengths_are_those_of_the_manual() {
        let cases: &[&[u8]] = &[
            &[0x90],
            &[0xc3],
            &[0x48, 0x89, 0xe5],
            &[0xe8, 1, 2, 3, 4],
            &[0x0f, 0x84, 1, 2, 3, 4],
            &[0x48, 0x8b, 0x05, 1, 2, 3, 4],
            &[0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x66, 0xc7, 0x05, 1, 2, 3, 4, 5, 6],
            &[0x83, 0x3d, 1, 2, 3, 4, 5],
            &[0xf6, 0x05, 1, 2, 3, 4, 5],
            &[0xf7, 0x15, 1, 2, 3, 4],
            &[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x8b, 0x44, 0x24, 8],
            &[0x8b, 0x84, 0x24, 1, 2, 3, 4],
            &[0x8b, 0x04, 0x25, 1, 2, 3, 4],
            &[0x66, 0x0f, 0x38, 0x00, 0xc1],
            &[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8],
            &[0xc5, 0xf8, 0x77],
            &[0xc5, 0xf9, 0x6f, 0x05, 1, 2, 3, 4],
            &[0xc4, 0xe3, 0x79, 0x0f, 0xc1, 8],
            &[0x62, 0xf1, 0x7c, 0x48, 0x10, 0x05, 1, 2, 3, 4],
            &[0xf3, 0x0f, 0x1e, 0xfa],
            &[0xc8, 1, 0, 2],
        ];
        for case in cases {
            assert_eq!(length(case), Some(case.len() as u8), "{case:02x?}");
        }
        assert_eq!(length(&[0x06]), None);
        assert_eq!(instruction(&[0xe8, 1, 2]), None);
    }

    #[test]
    fn the_common_ones_are_read_as_all_others() {
        let mut state = 5u64;
        for _ in 0..200_000 {
            let mut code = [0; 16];
            for byte in &mut code {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 33) as u8;
            }
            match code[15] & 7 {
                0..=2 => code[0] = 0x48,
                3 | 4 => code[0] = [0x66, 0xf2, 0xf3, 0x0f][usize::from(code[15] >> 6)],
                _ => {}
            }
            let common = whole(&code);
            assert!(common.is_none() || common == any(&code), "{code:02x?}");
        }
    }

    #[test]
    fn addresses_are_found() {
        let fields = |code: &[u8]| instruction(&[code, &[0x90; 16]].concat()).unwrap().fields;
        assert_eq!(fields(&[0xe8, 1, 2, 3, 4])[1], Some(Field::Branch(1)));
        assert_eq!(
            fields(&[0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8]),
            [Some(Field::Memory(2)), Some(Field::Value(6))]
        );
        assert_eq!(fields(&[0x8b, 0x04, 0x85, 1, 2, 3, 4])[0], Some(Field::Displacement(3)));
    }
}
