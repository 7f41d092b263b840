//! Instructions of x86-64, as far as their lengths and the places of their addresses need it (Intel SDM volume 2,
//! chapter 2 and appendix A): read byte by byte, by what was read of them before.

use std::sync::LazyLock;

/// What follows an opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    None,
    Byte,
    Word,
    /// Four bytes, two with the operand-size prefix.
    Long,
    /// The same, but eight with 64-bit operands.
    Wide,
    /// Eight bytes of address.
    Offset,
    /// A relative address of four bytes.
    Branch,
    /// Two bytes and one.
    Enter,
}

/// What an opcode says comes next: whether a ModRM byte, then its operand. Nothing if there is no such opcode.
type Form = Option<(bool, Operand)>;

/// Opcodes of one byte.
fn one_byte(opcode: u8) -> Form {
    use Operand::{Branch, Byte, Enter, Long, None, Offset, Wide, Word};
    let form = match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => (true, None),
            4 => (false, Byte),
            5 => (false, Long),
            _ => return Option::None,
        },
        0x60..=0x62 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => return Option::None,
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => (true, None),
        0x68 | 0xa9 => (false, Long),
        0xb8..=0xbf => (false, Wide),
        0x69 | 0x81 | 0xc7 | 0xf7 => (true, Long),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 | 0xf6 => (true, Byte),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => (false, Byte),
        0xa0..=0xa3 => (false, Offset),
        0xc2 | 0xca => (false, Word),
        0xc8 => (false, Enter),
        0xe8 | 0xe9 => (false, Branch),
        _ => (false, None),
    };
    Some(form)
}

/// Opcodes after 0f; 38 and 3a have a third byte.
fn two_bytes(opcode: u8) -> Form {
    let form = match opcode {
        0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => {
            (false, Operand::None)
        }
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x39 | 0x3b..=0x3f => return None,
        0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => (true, Operand::Byte),
        0x80..=0x8f => (false, Operand::Branch),
        _ => (true, Operand::None),
    };
    Some(form)
}

/// Opcodes after a VEX or EVEX prefix that names a map: all have ModRM but one.
fn vex(map: u8, opcode: u8) -> Form {
    match (map, opcode) {
        (1, 0x77) => Some((false, Operand::None)),
        (1, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6) | (3, _) => Some((true, Operand::Byte)),
        (1 | 2 | 5 | 6, _) => Some((true, Operand::None)),
        _ => None,
    }
}

/// What an instruction has that says where something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Address {
    None = 0,
    /// Four bytes relative to the end of the instruction: an operand in memory.
    Memory = 1,
    /// Four bytes that are added to registers.
    Displacement = 2,
    /// A byte that is added to the stack pointer.
    Stack1 = 3,
    /// Four bytes that are added to the stack pointer.
    Stack4 = 4,
    /// A byte that is added to the base pointer.
    Base1 = 5,
    /// Four bytes that are added to the base pointer.
    Base4 = 6,
    /// Four bytes relative to the end of the instruction: the target of a branch.
    Branch = 7,
}

impl Address {
    pub(super) const ALL: [Self; 8] = {
        use Address::{Base1, Base4, Branch, Displacement, Memory, None, Stack1, Stack4};
        [None, Memory, Displacement, Stack1, Stack4, Base1, Base4, Branch]
    };

    /// How many bytes it has.
    pub(super) fn width(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Stack1 | Self::Base1 => 1,
            _ => 4,
        }
    }
}

/// Most prefixes before an opcode, and so many that an instruction has never more than sixteen bytes.
const MOST_PREFIXES: u8 = 13;
const FEW_PREFIXES: u8 = 3;
/// A register that no frame is told from.
const NO_FRAME: u8 = 0;

/// What was read of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many prefixes, and whether one of them is that of narrow operands.
    Prefixes { count: u8, narrow: bool },
    /// REX, with 64-bit operands, and whether the registers of addresses are those from eight on.
    Rex { narrow: bool, wide: bool, high: bool },
    /// 0f.
    Second { high: bool },
    /// 0f and 38, or 3a, whose opcodes have an operand.
    Third { operand: Operand, high: bool },
    /// c4.
    Vex,
    /// 62.
    Evex,
    /// All of these but the opcode.
    Map { map: u8, high: bool },
    /// All before ModRM. If only the first two members of a group have the operand, it is one.
    Modrm { follow: u8, group: bool, high: bool },
    /// ModRM of this mode.
    Sib { mode: u8, follow: u8, high: bool },
}

/// What a byte of an instruction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// After so many bytes, this one among them, comes the next that says something.
    Goes { skip: u8, to: State },
    /// It says the last there is to say: so many bytes, this one among them, are left. Right after it comes the address, at
    /// the end `follow` bytes.
    Ends { left: u8, address: Address, follow: u8 },
    /// There is no such instruction.
    None,
}

impl State {
    const START: Self = Self::Prefixes { count: 0, narrow: false };

    /// What the next byte says.
    fn next(self, byte: u8) -> Byte {
        match self {
            Self::Prefixes { count, narrow } => match byte {
                0x66 | 0xf2 | 0xf3 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 | 0x67 | 0xf0 => {
                    let (count, narrow) = (count + 1, narrow || byte == 0x66);
                    go(1, Self::Prefixes { count, narrow }, count <= MOST_PREFIXES)
                }
                0x40..=0x4f => {
                    let (wide, high) = (byte & 8 != 0, byte & 1 != 0);
                    go(1, Self::Rex { narrow, wide, high }, true)
                }
                _ => opcode(byte, narrow, false, false),
            },
            Self::Rex { narrow, wide, high } => opcode(byte, narrow, wide, high),
            Self::Second { high } => match byte {
                0x38 => go(1, Self::Third { operand: Operand::None, high }, true),
                0x3a => go(1, Self::Third { operand: Operand::Byte, high }, true),
                _ => form(two_bytes(byte), (false, false, high), false),
            },
            Self::Third { operand, high } => form(Some((true, operand)), (false, false, high), false),
            Self::Vex => {
                let (map, high) = (byte & 31, byte & 0x20 == 0);
                go(2, Self::Map { map, high }, matches!(map, 1..=3 | 5 | 6))
            }
            // A displacement of one byte is multiplied here: it is not taken for one.
            Self::Evex => go(3, Self::Map { map: byte & 7, high: true }, matches!(byte & 7, 1..=3 | 5 | 6)),
            Self::Map { map, high } => form(vex(map, byte), (false, false, high), false),
            Self::Modrm { follow, group, high } => {
                modrm(byte, if group && byte & 0x38 >= 0x10 { 0 } else { follow }, high)
            }
            Self::Sib { mode, follow, high } => memory(mode, (byte & 7, true), follow, high),
        }
    }
}

fn go(skip: u8, to: State, is_one: bool) -> Byte {
    if is_one { Byte::Goes { skip, to } } else { Byte::None }
}

/// An opcode of one byte, or what makes it one of another map.
fn opcode(byte: u8, narrow: bool, wide: bool, high: bool) -> Byte {
    match byte {
        0x0f => go(1, State::Second { high }, true),
        0xc5 => go(2, State::Map { map: 1, high }, true),
        0xc4 => go(1, State::Vex, true),
        0x62 => go(1, State::Evex, true),
        _ => form(one_byte(byte), (narrow, wide, high), matches!(byte, 0xf6 | 0xf7)),
    }
}

/// What an opcode says.
fn form(form: Form, (narrow, wide, high): (bool, bool, bool), group: bool) -> Byte {
    let Some((has_modrm, operand)) = form else { return Byte::None };
    let size = match operand {
        Operand::None => 0,
        Operand::Byte => 1,
        Operand::Long | Operand::Wide if narrow => 2,
        Operand::Wide if wide => 8,
        Operand::Word => 2,
        Operand::Enter => 3,
        Operand::Long | Operand::Wide | Operand::Branch => 4,
        Operand::Offset => 8,
    };
    if has_modrm {
        return go(1, State::Modrm { follow: size, group, high }, true);
    }
    let (address, follow) = match operand {
        Operand::Branch => (Address::Branch, 0),
        _ => (Address::None, size),
    };
    Byte::Ends { left: 1 + size, address, follow }
}

fn modrm(byte: u8, follow: u8, high: bool) -> Byte {
    let (mode, register) = (byte >> 6, byte & 7);
    if mode != 3 && register == 4 {
        return go(1, State::Sib { mode, follow, high }, true);
    }
    memory(mode, (register, false), follow, high)
}

/// An operand in memory, if the mode is not 3, with this register as its base.
fn memory(mode: u8, (register, has_sib): (u8, bool), follow: u8, high: bool) -> Byte {
    let base = if high { NO_FRAME } else { register };
    let (size, address) = match (mode, base) {
        (0, _) if register == 5 => (4, if has_sib { Address::Displacement } else { Address::Memory }),
        (1, 4) => (1, Address::Stack1),
        (1, 5) => (1, Address::Base1),
        (1, _) => (1, Address::None),
        (2, 4) => (4, Address::Stack4),
        (2, 5) => (4, Address::Base4),
        (2, _) => (4, Address::Displacement),
        _ => (0, Address::None),
    };
    Byte::Ends { left: 1 + size + follow, address, follow }
}

/// What a byte says, in bits: how many bytes, from this one on, come before the next that says something (0 to 3); whether
/// that begins an instruction (4); whether its address, a displacement or a value counts (5 to 7); the address (8 to 10)
/// and how many bytes follow it (11 to 14); and in which state the next byte is read (24 to 31).
#[derive(Debug, Clone, Copy)]
pub(super) struct Told(u32);

impl Told {
    /// An instruction begins.
    pub(super) const START: Self = Self(1 << 4);
    /// From this state on many prefixes were read; in the last one there is no instruction.
    const RARE: u32 = 255 - 2 * (MOST_PREFIXES - FEW_PREFIXES) as u32;
    const NONE: u32 = 255;

    fn of(byte: Byte, number: &mut impl FnMut(State) -> u8) -> Self {
        match byte {
            Byte::Goes { skip, to } => Self(u32::from(skip) | u32::from(number(to)) << 24),
            Byte::Ends { left, address, follow } => {
                let counts = match address {
                    Address::None => 0,
                    Address::Displacement => 2,
                    _ => 1,
                };
                let counts = counts | u32::from(follow == 4) << 2;
                Self(u32::from(left) | 1 << 4 | counts << 5 | (address as u32) << 8 | u32::from(follow) << 11)
            }
            Byte::None => Self(1 | Self::NONE << 24),
        }
    }

    /// What [`Self::counts`] asks for: addresses, and displacements and values or not.
    pub(super) fn wanted(displacements: bool, values: bool) -> u32 {
        1 << 5 | u32::from(displacements) << 6 | u32::from(values) << 7
    }

    /// Whether the instruction has what is wanted.
    #[inline]
    pub(super) fn counts(self, wanted: u32) -> bool {
        self.0 & wanted != 0
    }

    #[inline]
    pub(super) fn skip(self) -> usize {
        self.0 as usize & 15
    }

    /// 1 if the next one begins an instruction.
    #[inline]
    pub(super) fn ends(self) -> u8 {
        (self.0 >> 4) as u8 & 1
    }

    /// Which address comes right after this byte, if this is the last that says something; and how many bytes follow it.
    #[inline]
    pub(super) fn address(self) -> (usize, usize) {
        ((self.0 >> 8) as usize & 7, (self.0 >> 11) as usize & 15)
    }

    /// Whether many prefixes were read, or there is no instruction.
    #[inline]
    pub(super) fn is_rare(self) -> bool {
        self.0 >> 24 >= Self::RARE
    }

    fn is_none(self) -> bool {
        self.0 >> 24 == Self::NONE
    }
}

/// What bytes say, in every state: asked once for each byte that says something of a program.
pub(super) type Table = [Told; 1 << 16];

/// It is made when it is needed first.
pub(super) fn table() -> &'static Table {
    static TABLE: LazyLock<Box<Table>> = LazyLock::new(all_told);
    &TABLE
}

fn all_told() -> Box<Table> {
    let mut table = Box::new([Told::START; 1 << 16]);
    let (mut states, mut count) = ([None; 256], 1);
    states[0] = Some(State::START);
    // Those with many prefixes come last.
    for (at, state) in states[Told::RARE as usize..255].iter_mut().enumerate() {
        let (count, narrow) = (FEW_PREFIXES + 1 + at as u8 / 2, at % 2 == 1);
        *state = Some(State::Prefixes { count, narrow });
    }
    for at in 0..255 {
        for byte in 0..=255 {
            let Some(state) = states[at] else { break };
            table[at << 8 | usize::from(byte)] = Told::of(state.next(byte), &mut |to| {
                let known = states.iter().position(|state| *state == Some(to));
                known.unwrap_or_else(|| {
                    states[count] = Some(to);
                    count += 1;
                    count - 1
                }) as u8
            });
        }
    }
    table
}

/// What a byte says after another one.
#[inline]
pub(super) fn next(table: &Table, before: Told, byte: u8) -> Told {
    table[(before.0 >> 16) as usize & 0xff00 | usize::from(byte)]
}

/// Reads the instruction at the beginning of `code`: where the last byte lies that says something of it, and what that is.
/// Nothing if there is none.
pub(super) fn read(table: &Table, code: &[u8]) -> Option<(usize, Told)> {
    let (mut told, mut at) = (Told::START, 0);
    loop {
        told = next(table, told, *code.get(at)?);
        if told.is_none() {
            return None;
        }
        if told.ends() == 1 {
            return (at + told.skip() <= code.len()).then_some((at, told));
        }
        at += told.skip();
    }
}

/// An instruction: how long it is, and what of it may be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) length: u8,
    pub(super) address: Address,
    /// Where the address ends.
    end: u8,
    has_value: bool,
}

impl Instruction {
    /// Where its address lies, if it has one.
    pub(super) fn address_at(&self) -> Option<usize> {
        (self.address != Address::None).then(|| usize::from(self.end - self.address.width()))
    }

    /// Where its value of four bytes lies, the last of it, if it has one.
    pub(super) fn value_at(&self) -> Option<usize> {
        self.has_value.then(|| usize::from(self.length) - 4)
    }
}

/// Reads the instruction at the beginning of `code`; nothing if there is none.
pub(super) fn instruction(code: &[u8]) -> Option<Instruction> {
    let (last, told) = read(table(), code)?;
    let (length, (address, follow)) = ((last + told.skip()) as u8, told.address());
    let end = length - follow as u8;
    Some(Instruction { length, address: Address::ALL[address], end, has_value: follow == 4 })
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
    fn addresses_are_found() {
        let found = |code: &[u8]| {
            let found = instruction(&[code, &[0x90; 16]].concat()).unwrap();
            (found.address, found.address_at(), found.value_at())
        };
        assert_eq!(found(&[0xe8, 1, 2, 3, 4]), (Address::Branch, Some(1), None));
        assert_eq!(found(&[0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8]), (Address::Memory, Some(2), Some(6)));
        assert_eq!(found(&[0x8b, 0x04, 0x85, 1, 2, 3, 4]), (Address::Displacement, Some(3), None));
        assert_eq!(found(&[0x48, 0x8b, 0x44, 0x24, 8]), (Address::Stack1, Some(4), None));
        assert_eq!(found(&[0x49, 0x8b, 0x44, 0x24, 8]), (Address::None, None, None));
        assert_eq!(found(&[0x48, 0x8b, 0x85, 1, 2, 3, 4]), (Address::Base4, Some(3), None));
        assert_eq!(found(&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8]), (Address::None, None, None));
    }
}
