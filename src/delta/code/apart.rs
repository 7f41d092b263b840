//! Extra bytes of x86-64, apart: addresses and values of instructions are told beside what is left of these, since each of
//! the three is most like itself.

use super::super::wire::Short;
use super::image::Layout;
use super::x86::{Address, instruction};

/// The first bytes of an instruction, as far as they are known, then zeros.
pub(in crate::delta) type View = [u8; 16];

/// Bytes of a field.
const FIELD: usize = 4;

/// What is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) enum Part {
    /// The address to which an instruction leads or from where it reads.
    Target,
    /// What is added to a register, or a value.
    Value,
}

/// Where the parts come from.
pub(in crate::delta) trait Parts {
    /// The next bytes that are left of instructions, without taking them.
    fn view(&mut self) -> Result<View, Short>;
    /// Takes some of them.
    fn left(&mut self, out: &mut [u8]) -> Result<(), Short>;
    /// Takes a field, its highest byte first.
    fn field(&mut self, part: Part) -> Result<u32, Short>;
}

/// The bytes that come next.
struct Next {
    length: usize,
    /// Fields among them, in order.
    fields: [Option<(usize, Part)>; 2],
}

/// What begins with these bytes, of which `left` are left in the piece: an instruction, or a byte that begins none, or all
/// that is left if an instruction would go on beyond the piece. All that tells it comes before its first field: so it does
/// not matter whether that is there.
fn next(mut view: View, left: usize) -> Next {
    let known = left.min(view.len());
    view[known..].fill(0);
    let Some(found) = instruction(&view) else { return Next { length: 1, fields: [None; 2] } };
    let length = usize::from(found.length);
    if length > left {
        return Next { length: left, fields: [None; 2] };
    }
    let part = match found.address {
        Address::Branch | Address::Memory => Some(Part::Target),
        Address::Displacement | Address::Stack4 | Address::Base4 => Some(Part::Value),
        Address::Stack1 | Address::Base1 | Address::None => None,
    };
    let value = found.value_at().map(|at| (at, Part::Value));
    Next { length, fields: [found.address_at().zip(part), value] }
}

/// Whether extra bytes that lie at `new` in the new file are told in parts: at which address they lie then.
fn address(layout: &Layout, new: u64) -> Option<u64> {
    layout.address(new).filter(|_| layout.has_steps(new))
}

/// Puts a piece of extra bytes together; nothing is done if it is not told in parts.
pub(in crate::delta) fn together(
    layout: &Layout,
    new: u64,
    piece: &mut [u8],
    from: &mut impl Parts,
) -> Result<bool, Short> {
    let Some(address) = address(layout, new) else { return Ok(false) };
    let mut at = 0;
    while at < piece.len() {
        let Next { length, fields } = next(from.view()?, piece.len() - at);
        let (mut done, end) = (at, at + length);
        for (inside, part) in fields.into_iter().flatten() {
            from.left(&mut piece[done..at + inside])?;
            done = at + inside + FIELD;
            let told = from.field(part)?;
            let said = if part == Part::Target {
                told.wrapping_sub(address.wrapping_add(end as u64) as u32)
            } else {
                told
            };
            piece[at + inside..done].copy_from_slice(&said.to_le_bytes());
        }
        from.left(&mut piece[done..end])?;
        at = end;
    }
    Ok(true)
}

/// The parts of extra bytes, each one after the other.
#[cfg(feature = "vendor")]
#[derive(Debug, Default)]
pub(in crate::delta) struct Apart {
    /// What is left of instructions, and all that is not told in parts.
    pub(in crate::delta) left: Vec<u8>,
    pub(in crate::delta) targets: Vec<u8>,
    pub(in crate::delta) values: Vec<u8>,
}

#[cfg(feature = "vendor")]
impl Apart {
    /// Takes a piece apart; nothing is done if it is not told in parts.
    pub(in crate::delta) fn take(&mut self, layout: &Layout, new: u64, piece: &[u8]) -> bool {
        let Some(address) = address(layout, new) else { return false };
        let mut at = 0;
        while at < piece.len() {
            let mut view = View::default();
            let seen = &piece[at..piece.len().min(at + view.len())];
            view[..seen.len()].copy_from_slice(seen);
            let Next { length, fields } = next(view, piece.len() - at);
            let (mut done, end) = (at, at + length);
            for (inside, part) in fields.into_iter().flatten() {
                self.left.extend_from_slice(&piece[done..at + inside]);
                done = at + inside + FIELD;
                let mut said = [0; FIELD];
                said.copy_from_slice(&piece[at + inside..done]);
                let said = u32::from_le_bytes(said);
                match part {
                    Part::Target => {
                        let target = said.wrapping_add(address.wrapping_add(end as u64) as u32);
                        self.targets.extend_from_slice(&target.to_be_bytes());
                    }
                    Part::Value => self.values.extend_from_slice(&said.to_be_bytes()),
                }
            }
            self.left.extend_from_slice(&piece[done..end]);
            at = end;
        }
        true
    }
}

#[cfg(all(test, feature = "vendor"))]
mod tests {
    use proptest::prelude::*;

    use super::super::image::Part as Stretch;
    use super::*;

    fn layout() -> Layout {
        let parts = vec![Stretch { offset: 0, address: 0xffff_fcf0, length: 0x10_0000 }];
        Layout { parts, code: [0x200, 0xf_0000], ..Layout::default() }
    }

    /// Parts from bytes, and how many of each were taken.
    struct Held<'a>(&'a Apart, [usize; 3]);

    impl Parts for Held<'_> {
        fn view(&mut self) -> Result<View, Short> {
            let mut view = View::default();
            self.0.left[self.1[0]..].iter().zip(&mut view).for_each(|(byte, view)| *view = *byte);
            Ok(view)
        }

        fn left(&mut self, out: &mut [u8]) -> Result<(), Short> {
            out.copy_from_slice(self.0.left.get(self.1[0]..self.1[0] + out.len()).ok_or(Short)?);
            self.1[0] += out.len();
            Ok(())
        }

        fn field(&mut self, part: Part) -> Result<u32, Short> {
            let (bytes, at) = match part {
                Part::Target => (&self.0.targets, &mut self.1[1]),
                Part::Value => (&self.0.values, &mut self.1[2]),
            };
            let field = bytes.get(*at..).and_then(|bytes| bytes.first_chunk()).ok_or(Short)?;
            *at += FIELD;
            Ok(u32::from_be_bytes(*field))
        }
    }

    fn round_trip(pieces: &[Vec<u8>]) -> Apart {
        let (layout, mut apart, mut new) = (layout(), Apart::default(), 0x300);
        for piece in pieces {
            assert!(apart.take(&layout, new, piece));
            new += piece.len() as u64;
        }
        let (mut held, mut new) = (Held(&apart, [0; 3]), 0x300);
        for piece in pieces {
            let mut made = vec![0; piece.len()];
            assert_eq!(together(&layout, new, &mut made, &mut held), Ok(true));
            assert_eq!(&made, piece);
            new += piece.len() as u64;
        }
        assert_eq!(held.1, [apart.left.len(), apart.targets.len(), apart.values.len()]);
        apart
    }

    #[test]
    fn calls_of_one_function_are_told_alike() {
        // Two calls of one function; mov dword [rsp+0x290], 7; a call that is cut off.
        let code = [
            0xe8, 0xfb, 0x0c, 0, 0, 0xe8, 0xf6, 0x0c, 0, 0, 0xc7, 0x84, 0x24, 0x90, 2, 0, 0, 7, 0, 0, 0,
            0xe8, 1,
        ];
        let apart = round_trip(&[code.to_vec()]);
        assert_eq!(apart.left, [0xe8, 0xe8, 0xc7, 0x84, 0x24, 0xe8, 1]);
        assert_eq!(apart.targets, [0, 0, 0x0c, 0xf0, 0, 0, 0x0c, 0xf0]);
        assert_eq!(apart.values, [0, 0, 2, 0x90, 0, 0, 0, 7]);
        assert!(!Apart::default().take(&layout(), 0x100, &code), "what is no code is not told in parts");
    }

    proptest! {
        #[test]
        fn any_pieces_come_together_again(
            pieces in proptest::collection::vec(
                proptest::collection::vec(
                    prop_oneof![any::<u8>(), proptest::sample::select(vec![0xe8u8, 0x0f, 0x48, 0x8b, 5, 0xc7, 0x84, 0x24, 0xf7, 0x66, 0xc4, 0x62])],
                    1..70,
                ),
                1..8,
            )
        ) {
            round_trip(&pieces);
        }
    }
}
