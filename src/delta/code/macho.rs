//! Mach-O for arm64 and x86-64, one architecture in a file: load commands, segments, sections
//! (`mach-o/loader.h`, `mach-o/nlist.h`).

use super::image::{Blank, Form, Image, Layout, Machine, Part, Role, Section, name_hash, word};

const SEGMENT: u32 = 0x19;
const SYMBOLS: u32 = 2;
const DATA_IN_CODE: u32 = 0x29;
const FIXUPS: u32 = 0x8000_0034;
/// Flags of sections with instructions.
const INSTRUCTIONS: u32 = 0x8000_0400;
/// Protection of segments that are written to.
const WRITE: u32 = 2;
/// Most load commands, and most sections of all segments.
const MOST_COMMANDS: usize = 512;
const MOST_SECTIONS: usize = 512;

pub(super) fn read(data: &[u8]) -> Option<Image<'_>> {
    if data.get(..4)? != [0xcf, 0xfa, 0xed, 0xfe] {
        return None;
    }
    let machine = match int(data, 4)? {
        0x0100_0007 => Machine::X86,
        0x0100_000c => Machine::Arm,
        _ => return None,
    };
    let commands = commands(data)?;
    let mut layout = Layout { machine, form: Form::MachO, ..Layout::default() };
    // Addresses count from where the header lies.
    let first =
        |at: usize| long(data, at + 40) == Some(0) && long(data, at + 48).is_some_and(|size| size > 0);
    layout.base =
        commands.iter().find(|of| of.0 == SEGMENT && first(of.1)).and_then(|of| long(data, of.1 + 24))?;
    let (mut sections, mut high) = (Vec::new(), 0);
    for &(kind, at) in &commands {
        let (from, size) = (int(data, at + 8)?, int(data, at + 12)?);
        match kind {
            SEGMENT => segment(data, at, &mut layout, &mut sections, &mut high)?,
            SYMBOLS => {
                layout.names[0] = u64::from(int(data, at + 16)?);
                sections.extend(linked(data, Role::ShortSymbols, from, size.checked_mul(16)?));
            }
            DATA_IN_CODE => sections.extend(linked(data, Role::DataInCode, from, size)),
            FIXUPS => sections.extend(linked(data, Role::Fixups, from, size)),
            _ => {}
        }
    }
    if sections.iter().any(|section| section.role == Role::Fixups) {
        // Those say where pointers are, and pointers look otherwise.
        sections.retain(|section| section.role != Role::Pointers);
    }
    let has_code = sections.iter().any(|section| section.role == Role::Code);
    let holes = holes(data, &layout, &sections);
    let range = (0, high);
    has_code.then_some(Image { data, layout, sections, fixed: false, holes, range })
}

/// What in code is data.
fn holes(data: &[u8], layout: &Layout, sections: &[Section]) -> Vec<(usize, usize)> {
    let tables = sections.iter().filter(|section| section.role == Role::DataInCode);
    let hole = |at: &[u8]| {
        let (address, length) = (int(at, 0)?, word(at, 4).map(u16::from_le_bytes)?);
        Some((layout.offset(u64::from(address))? as usize, usize::from(length)))
    };
    let entries = tables.flat_map(|table| data[table.offset..][..table.length].chunks_exact(8));
    let mut holes: Vec<(usize, usize)> = entries.filter_map(hole).collect();
    holes.sort_unstable();
    holes
}

fn int(data: &[u8], at: usize) -> Option<u32> {
    word(data, at).map(u32::from_le_bytes)
}

fn long(data: &[u8], at: usize) -> Option<u64> {
    word(data, at).map(u64::from_le_bytes)
}

/// Kind and place of each load command.
pub(super) fn commands(data: &[u8]) -> Option<Vec<(u32, usize)>> {
    let count = int(data, 16)? as usize;
    let (mut at, mut commands) = (32, Vec::new());
    for _ in 0..count.min(MOST_COMMANDS) {
        commands.push((int(data, at)?, at));
        at = at.checked_add(int(data, at + 4)? as usize)?;
    }
    Some(commands)
}

/// A table that a load command names, if the file has it.
fn linked(data: &[u8], role: Role, offset: u32, length: u32) -> Option<Section> {
    let (offset, length) = (offset as usize, length as usize);
    let inside = length > 0 && offset.checked_add(length)? <= data.len();
    inside.then_some(Section { role, offset, length, address: 0 })
}

fn segment(
    data: &[u8],
    at: usize,
    layout: &mut Layout,
    sections: &mut Vec<Section>,
    high: &mut u64,
) -> Option<()> {
    let base = layout.base;
    let (address, memory) = (long(data, at + 24)?.wrapping_sub(base), long(data, at + 32)?);
    let (offset, size) = (long(data, at + 40)?, long(data, at + 48)?);
    let (writable, count) = (int(data, at + 60)? & WRITE != 0, int(data, at + 64)? as usize);
    // What is only read by the loader lies nowhere else.
    if count == 0 {
        return Some(());
    }
    if layout.parts.len() < 64 && offset.checked_add(size)? <= data.len() as u64 && size > 0 {
        layout.parts.push(Part { offset, address, length: size.min(memory) });
    }
    *high = (*high).max(address.saturating_add(memory));
    for at in (0..count).map(|index| at + 72 + index * 80) {
        if sections.len() >= MOST_SECTIONS {
            break;
        }
        let name = data.get(at..at.checked_add(16)?)?;
        let (address, length) = (long(data, at + 32)?.wrapping_sub(base), long(data, at + 40)?);
        let (offset, flags) = (int(data, at + 48)? as usize, int(data, at + 64)?);
        // Zeros, of one thread or of all.
        if matches!(flags & 0xff, 1 | 12 | 18) {
            if layout.blanks.len() < 64 {
                layout.blanks.push(Blank { name: name_hash(name), address, length });
            }
            continue;
        }
        let role = match name {
            _ if flags & INSTRUCTIONS != 0 => Role::Code,
            b"__eh_frame\0\0\0\0\0\0" => Role::WideFrames,
            b"__unwind_info\0\0\0" => Role::Unwind,
            b"__gcc_except_tab" => continue,
            _ if writable => Role::Pointers,
            _ => Role::Constants,
        };
        let length = usize::try_from(length).ok()?;
        if offset.checked_add(length)? <= data.len() {
            sections.push(Section { role, offset, length, address });
        }
    }
    Some(())
}
