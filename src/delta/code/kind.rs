//! The kinds of references: how many bytes each has, and which of their bits say the target.

/// How a reference says its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(in crate::delta) enum Kind {
    /// Four bytes relative to their end.
    Near = 0,
    /// Four bytes relative to the place one byte after their end: an instruction with a value of one byte.
    Near1 = 1,
    /// The same with a value of two bytes.
    Near2 = 2,
    /// The same with a value of four bytes.
    Near4 = 3,
    /// Eight bytes: the address, plus the image base in PE and Mach-O.
    Pointer = 4,
    /// Four bytes: the address.
    Short = 5,
    /// Four bytes: the address relative to the image.
    Relative = 6,
    /// Four bytes relative to their own place.
    Here = 7,
    /// Four bytes relative to the beginning of `.eh_frame_hdr`.
    FrameTable = 8,
    /// Four bytes relative to the beginning of their table.
    Table = 9,
    /// Four bytes: the length of the function to which the four bytes before point (kind `Here`).
    Length = 10,
    /// Four bytes: how far before their own place the target lies.
    Back = 11,
    /// Four bytes: the address after the last byte of something, relative to the image.
    End = 12,
    /// Four bytes: a place in `.strtab`.
    Name = 13,
    /// Four bytes: a place in `.dynstr`.
    DynamicName = 14,
    /// A branch of aarch64 with 26 bits, relative to its own place.
    Branch26 = 15,
    /// A branch, or a load relative to its own place, with 19 bits.
    Branch19 = 16,
    /// A branch with 14 bits.
    Branch14 = 17,
    /// An address relative to its own place (`adr`).
    Adr = 18,
    /// The page of an address, relative to the page of its own place (`adrp`).
    Page = 19,
    /// The place in its page of the address of which an `adrp` before says the page.
    Low = 20,
    /// Eight bytes relative to their own place.
    FarHere = 21,
    /// Eight bytes: the length of the function to which the eight bytes before point (kind `FarHere`).
    FarLength = 22,
    /// 24 bits relative to the beginning of `__eh_frame`.
    Frame = 23,
    /// 24 bits relative to the first function of their page.
    Entry = 24,
    /// 36 bits of eight bytes: the address relative to the image.
    Fixup = 25,
    /// 36 bits of eight bytes: the address.
    FixupAt = 26,
    /// One byte: an offset from the stack pointer.
    Stack1 = 27,
    /// Four bytes: an offset from the stack pointer.
    Stack4 = 28,
    /// One byte: an offset from the base pointer.
    Base1 = 29,
    /// Four bytes: an offset from the base pointer.
    Base4 = 30,
    /// A load, store or sum of aarch64 with 12 bits: an offset from the stack pointer.
    StackLow = 31,
    /// A load or store of a pair with seven bits: the same.
    StackPair = 32,
    /// Four bytes: the address of the beginning of a function, relative to the image.
    Start = 33,
}

/// Targets that are places in the file, not addresses, have this bit.
pub(super) const IN_FILE: u64 = 1 << 63;

impl Kind {
    /// Bytes of the reference.
    #[inline]
    pub(in crate::delta) fn width(self) -> usize {
        match self {
            Self::Pointer | Self::FarHere | Self::FarLength | Self::Fixup | Self::FixupAt => 8,
            Self::Stack1 | Self::Base1 => 1,
            _ => 4,
        }
    }

    /// Of four bytes relative to a place: how many bytes that comes after their own.
    #[inline]
    pub(super) fn after(self) -> u64 {
        match self {
            Self::Near => 4,
            Self::Near1 => 5,
            Self::Near2 => 6,
            Self::Near4 => 8,
            _ => 0,
        }
    }

    /// Whether the same target seen elsewhere is the same thing: false where the target is made up.
    #[inline]
    pub(in crate::delta) fn is_label(self) -> bool {
        !matches!(self, Self::Length | Self::FarLength | Self::End) && !self.is_in_frame()
    }

    /// Whether it may as well be a number that only looks like an address.
    #[inline]
    pub(in crate::delta) fn is_number(self) -> bool {
        matches!(self, Self::Pointer | Self::Short | Self::Relative)
    }

    /// Whether it says nothing but an address, in four bytes.
    #[inline]
    pub(super) fn is_address(self) -> bool {
        matches!(self, Self::Short | Self::Relative | Self::Start)
    }

    /// Whether it says no address, but a place in a frame.
    #[inline]
    pub(in crate::delta) fn is_in_frame(self) -> bool {
        self >= Self::Stack1 && self <= Self::StackPair
    }

    /// The number of the frame of a function: it has one for each of the two pointers.
    #[inline]
    pub(super) fn frame(self, function: usize) -> usize {
        function * 2 + usize::from(matches!(self, Self::Base1 | Self::Base4))
    }

    /// The bits that say the target, as a little-endian number, if the bytes have others too.
    #[inline]
    pub(in crate::delta) fn bits(self) -> Option<u64> {
        match self {
            Self::Branch26 => Some(0x03ff_ffff),
            Self::Branch19 => Some(0x00ff_ffe0),
            Self::Branch14 => Some(0x0007_ffe0),
            Self::Adr | Self::Page => Some(0x60ff_ffe0),
            Self::Low | Self::StackLow => Some(0x003f_fc00),
            Self::StackPair => Some(0x003f_8000),
            Self::Frame | Self::Entry => Some(0x00ff_ffff),
            Self::Fixup | Self::FixupAt => Some(0x000f_ffff_ffff),
            _ => None,
        }
    }

    /// Whether another place says the rest of the target.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn has_partner(self) -> bool {
        matches!(self, Self::Page | Self::Low)
    }
}
