//! PE32+ for x86-64 and aarch64 (Microsoft PE format specification): headers, sections, directories.

use super::image::{Form, Image, Layout, Machine, Part, Role, Section, word};

const EXECUTE: u32 = 1 << 29;
const WRITE: u32 = 1 << 31;
/// Directories: exceptions and base relocations.
const EXCEPTIONS: usize = 3;
const RELOCATIONS: usize = 5;

pub(super) fn read(data: &[u8]) -> Option<Image<'_>> {
    let half = |at| word(data, at).map(u16::from_le_bytes);
    let int = |at| word(data, at).map(u32::from_le_bytes);
    if data.get(..2)? != b"MZ" {
        return None;
    }
    let header = int(0x3c)? as usize;
    let optional = header.checked_add(24)?;
    if data.get(header..header + 4)? != b"PE\0\0" || half(optional)? != 0x20b {
        return None;
    }
    let machine = match half(header + 4)? {
        0x8664 => Machine::X86,
        0xaa64 => Machine::Arm,
        _ => return None,
    };
    let size = u64::from(int(optional + 60)?).min(data.len() as u64);
    let mut layout = Layout {
        base: word(data, optional + 24).map(u64::from_le_bytes)?,
        machine,
        form: Form::Pe,
        ..Layout::default()
    };
    layout.parts.push(Part { offset: 0, address: 0, length: size });
    let table = optional + usize::from(half(header + 20)?);
    let mut sections = Vec::new();
    for at in (0..usize::from(half(header + 6)?).min(96)).map(|index| table + index * 40) {
        let (memory, address) = (int(at + 8)?, u64::from(int(at + 12)?));
        let (stored, offset, flags) = (int(at + 16)?, int(at + 20)?, int(at + 36)?);
        let length = u64::from(stored.min(memory));
        if length == 0 || u64::from(offset) + length > data.len() as u64 {
            continue;
        }
        layout.parts.push(Part { offset: u64::from(offset), address, length });
        let role = match data.get(at..at + 8)? {
            _ if flags & EXECUTE != 0 => Role::Code,
            b".rdata\0\0" | b".xdata\0\0" | b".edata\0\0" => Role::Relative,
            _ if flags & WRITE != 0 => continue,
            _ => continue,
        };
        sections.push(Section { role, offset: offset as usize, length: length as usize, address });
    }
    for (directory, role) in [(EXCEPTIONS, Role::Functions), (RELOCATIONS, Role::BaseRelocations)] {
        let at = optional + 112 + directory * 8;
        let (address, length) = (u64::from(int(at)?), int(at + 4)? as usize);
        let Some(offset) = layout.offset(address).filter(|_| length > 0) else { continue };
        let offset = usize::try_from(offset).ok()?;
        if offset.checked_add(length).is_some_and(|end| end <= data.len()) {
            sections.push(Section { role, offset, length, address });
        }
    }
    let has_code = sections.iter().any(|section| section.role == Role::Code);
    let range = (0, u64::from(int(optional + 56)?));
    has_code.then_some(Image { data, layout, sections, fixed: false, holes: Vec::new(), range })
}
