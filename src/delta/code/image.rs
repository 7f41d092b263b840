//! An executable as far as its references need it: which bytes of the file lie at which address.

use super::super::wire::{Numbers, Short};
use super::seal::Seal;

/// Most stretches of a file that lie at addresses.
const MAX_PARTS: u64 = 256;
/// Most sections without bytes in the file.
const MAX_BLANKS: u64 = 256;

/// A stretch of the file that lies at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Part {
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) length: u64,
}

/// Addresses that have no bytes in the file, such as `.bss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Blank {
    /// What names it in both files.
    pub(super) name: u32,
    pub(super) address: u64,
    pub(super) length: u64,
}

/// How a program is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    #[default]
    Elf,
    Pe,
    MachO,
}

/// What instructions a program is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::delta) enum Machine {
    #[default]
    X86,
    Arm,
}

/// What must be known of a file to tell what a reference at some place of it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::delta) struct Layout {
    /// The same in both files, so it is not told; neither is the form.
    pub(super) machine: Machine,
    pub(super) form: Form,
    pub(super) parts: Vec<Part>,
    pub(super) blanks: Vec<Blank>,
    /// What absolute pointers count from: the image base of PE and Mach-O, 0 in ELF.
    pub(super) base: u64,
    /// Where `.strtab` and `.dynstr` begin in the file.
    pub(super) names: [u64; 2],
    /// The stretch of the file from the first section of code to the end of the last: where it begins and its length.
    pub(super) code: [u64; 2],
    /// The hashes of pages that are computed, in Mach-O.
    pub(in crate::delta) seal: Option<Seal>,
}

/// A run of bytes with one meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) role: Role,
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) address: u64,
}

impl Section {
    /// Whether an address is that of one of its bytes.
    #[inline]
    pub(super) fn holds(&self, address: u64) -> bool {
        address.wrapping_sub(self.address) < self.length as u64
    }
}

/// What a section holds, as far as references go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Instructions.
    Code,
    /// Data that may hold pointers of eight bytes, aligned.
    Pointers,
    /// Read-only data.
    Constants,
    /// Relocations of 24 bytes: place, kind, value.
    Relocations,
    /// Places of relocations, packed.
    PackedRelocations,
    /// Symbols with names in `.strtab`.
    Symbols,
    /// Symbols with names in `.dynstr`.
    DynamicSymbols,
    /// `.eh_frame`.
    Frames,
    /// `.eh_frame_hdr`.
    FrameTable,
    /// `__eh_frame` of Mach-O.
    WideFrames,
    /// Symbols of Mach-O.
    ShortSymbols,
    /// `__unwind_info` of Mach-O.
    Unwind,
    /// The chained pointers of Mach-O.
    Fixups,
    /// What in the code of Mach-O is data.
    DataInCode,
    /// Base relocations of PE.
    BaseRelocations,
    /// The function table of PE.
    Functions,
    /// Data of PE that may hold addresses of four bytes, relative to the image.
    Relative,
}

/// An executable or library whose code can be predicted.
#[derive(Debug)]
pub(in crate::delta) struct Image<'a> {
    pub(super) data: &'a [u8],
    pub(super) layout: Layout,
    pub(super) sections: Vec<Section>,
    /// Whether instructions may hold absolute addresses of four bytes.
    pub(super) fixed: bool,
    /// What in code is data: places and lengths, in order.
    pub(super) holes: Vec<(usize, usize)>,
    /// The lowest and the highest address.
    pub(super) range: (u64, u64),
}

impl<'a> Image<'a> {
    /// Reads the headers; nothing if this is no executable of a kind whose code can be predicted.
    pub(in crate::delta) fn read(data: &'a [u8]) -> Option<Self> {
        // References are kept as 32-bit positions.
        u32::try_from(data.len()).ok()?;
        let mut image =
            super::elf::read(data).or_else(|| super::pe::read(data)).or_else(|| super::macho::read(data))?;
        let code = image.sections.iter().filter(|section| section.role == Role::Code);
        let (start, end) = code.fold((usize::MAX, 0), |(start, end), section| {
            (start.min(section.offset), end.max(section.offset + section.length))
        });
        image.layout.code = [start as u64, end.saturating_sub(start) as u64];
        Some(image)
    }

    pub(in crate::delta) fn bytes(&self) -> &'a [u8] {
        self.data
    }

    pub(in crate::delta) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tells which hashes are left out.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn seal(&mut self, seal: Option<Seal>) {
        self.layout.seal = seal;
    }

    /// Whether both are programs of one kind.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn is_like(&self, other: &Self) -> bool {
        self.layout.machine == other.layout.machine && self.layout.form == other.layout.form
    }

    pub(super) fn holds(&self, address: u64) -> bool {
        address >= self.range.0 && address < self.range.1
    }

    /// Whether an address is that of code.
    pub(super) fn in_code(&self, address: u64) -> bool {
        self.sections.iter().any(|section| section.role == Role::Code && section.holds(address))
    }

    pub(super) fn u32(&self, at: usize) -> u32 {
        word(self.data, at).map_or(0, u32::from_le_bytes)
    }

    pub(super) fn u64(&self, at: usize) -> u64 {
        word(self.data, at).map_or(0, u64::from_le_bytes)
    }
}

/// The `N` bytes at `at`, if they are there.
pub(super) fn word<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl Layout {
    /// The address of a byte of the file.
    #[inline]
    pub(super) fn address(&self, offset: u64) -> Option<u64> {
        let part = self.parts.iter().find(|part| offset.wrapping_sub(part.offset) < part.length)?;
        Some(part.address.wrapping_add(offset.wrapping_sub(part.offset)))
    }

    /// Whether a byte of the file is code.
    pub(in crate::delta) fn is_code(&self, offset: u64) -> bool {
        offset.wrapping_sub(self.code[0]) < self.code[1]
    }

    /// Whether a byte of the file is code whose instructions are told from each other byte by byte.
    pub(in crate::delta) fn has_steps(&self, offset: u64) -> bool {
        self.machine == Machine::X86 && self.is_code(offset)
    }

    /// The byte of the file at an address.
    #[inline]
    pub(super) fn offset(&self, address: u64) -> Option<u64> {
        let part = self.parts.iter().find(|part| address.wrapping_sub(part.address) < part.length)?;
        Some(part.offset.wrapping_add(address.wrapping_sub(part.address)))
    }

    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn write(&self, out: &mut Vec<u8>) {
        use super::super::wire::put;
        put(self.parts.len() as u64, out);
        for part in &self.parts {
            [part.offset, part.address, part.length].iter().for_each(|&number| put(number, out));
        }
        put(self.blanks.len() as u64, out);
        for blank in &self.blanks {
            [u64::from(blank.name), blank.address, blank.length].iter().for_each(|&number| put(number, out));
        }
        [self.base, self.names[0], self.names[1], self.code[0], self.code[1]]
            .iter()
            .for_each(|&number| put(number, out));
        if self.form == Form::MachO {
            Seal::write(self.seal.as_ref(), out);
        }
    }

    /// Reads the layout of what becomes of this one.
    pub(in crate::delta) fn parse(&self, read: &mut Numbers<'_>) -> Result<Self, Short> {
        let mut layout = Self { machine: self.machine, form: self.form, ..Self::default() };
        for _ in 0..read.count(MAX_PARTS)? {
            let (offset, address, length) = (read.u64()?, read.u64()?, read.u64()?);
            layout.parts.push(Part { offset, address, length });
        }
        for _ in 0..read.count(MAX_BLANKS)? {
            let (name, address, length) = (read.u64()? as u32, read.u64()?, read.u64()?);
            layout.blanks.push(Blank { name, address, length });
        }
        layout.base = read.u64()?;
        layout.names = [read.u64()?, read.u64()?];
        layout.code = [read.u64()?, read.u64()?];
        if layout.form == Form::MachO {
            layout.seal = Seal::parse(read)?;
        }
        Ok(layout)
    }
}

/// A short hash of a name (FNV-1a).
pub(super) fn name_hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
