//! ELF for x86-64 and aarch64: program and section headers (System V gABI, chapters 4 and 5).

use super::image::{Blank, Form, Image, Layout, Machine, Part, Role, Section, name_hash, word};

const LOAD: u32 = 1;
const PROGBITS: u32 = 1;
const NOBITS: u32 = 8;
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;
const THREAD: u64 = 0x400;

/// A section header.
struct Header<'a> {
    name: &'a [u8],
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
}

pub(super) fn read(data: &[u8]) -> Option<Image<'_>> {
    let half = |at| word(data, at).map(u16::from_le_bytes);
    // 64-bit, little-endian.
    if data.get(..4)? != b"\x7fELF" || data.get(4..6)? != [2, 1] {
        return None;
    }
    let machine = match half(18)? {
        62 => Machine::X86,
        183 => Machine::Arm,
        _ => return None,
    };
    let fixed = half(16)? == 2;
    let mut layout = Layout { machine, form: Form::Elf, parts: parts(data)?, ..Layout::default() };
    let low = layout.parts.iter().map(|part| part.address).min()?;
    let mut high = layout.parts.iter().map(|part| part.address.saturating_add(part.length)).max()?;
    let mut sections = Vec::new();
    for header in headers(data)? {
        if header.kind == NOBITS {
            if header.flags & THREAD == 0 && header.flags & ALLOC != 0 && layout.blanks.len() < 64 {
                let (address, length) = (header.address, header.size);
                layout.blanks.push(Blank { name: name_hash(header.name), address, length });
                high = high.max(address.saturating_add(length));
            }
            continue;
        }
        if header.offset.checked_add(header.size).is_none_or(|end| end > data.len() as u64) {
            continue;
        }
        match header.name {
            b".strtab" => layout.names[0] = header.offset,
            b".dynstr" => layout.names[1] = header.offset,
            _ => {}
        }
        if let Some(role) = role(&header, fixed) {
            let (offset, length) = (header.offset as usize, header.size as usize);
            sections.push(Section { role, offset, length, address: header.address });
        }
    }
    let has_code = sections.iter().any(|section| section.role == Role::Code);
    has_code.then_some(Image { data, layout, sections, fixed, holes: Vec::new(), range: (low, high) })
}

fn parts(data: &[u8]) -> Option<Vec<Part>> {
    let long = |at| word(data, at).map(u64::from_le_bytes);
    let table = usize::try_from(long(32)?).ok()?;
    let count = usize::from(word(data, 56).map(u16::from_le_bytes)?);
    let mut parts = Vec::new();
    for at in (0..count.min(128)).map(|index| table.saturating_add(index * 56)) {
        if word(data, at).map(u32::from_le_bytes)? == LOAD {
            let (offset, address, length) = (long(at + 8)?, long(at + 16)?, long(at + 32)?);
            parts.push(Part { offset, address, length });
        }
    }
    Some(parts)
}

fn headers(data: &[u8]) -> Option<Vec<Header<'_>>> {
    let long = |at| word(data, at).map(u64::from_le_bytes);
    let half = |at| word(data, at).map(u16::from_le_bytes);
    let table = usize::try_from(long(40)?).ok()?;
    let (count, names) = (usize::from(half(60)?), usize::from(half(62)?));
    let names = table.checked_add(names * 64)?;
    let names = usize::try_from(long(names.checked_add(24)?)?).ok()?;
    let mut headers = Vec::new();
    for at in (0..count.min(512)).map(|index| table.saturating_add(index * 64)) {
        let name = names.checked_add(word(data, at).map(u32::from_le_bytes)? as usize)?;
        let name = data.get(name..)?.split(|&byte| byte == 0).next()?;
        headers.push(Header {
            name: &name[..name.len().min(64)],
            kind: word(data, at + 4).map(u32::from_le_bytes)?,
            flags: long(at + 8)?,
            address: long(at + 16)?,
            offset: long(at + 24)?,
            size: long(at + 32)?,
        });
    }
    Some(headers)
}

fn role(header: &Header<'_>, fixed: bool) -> Option<Role> {
    let has = |flag| header.flags & flag != 0;
    match header.name {
        b".eh_frame" => return Some(Role::Frames),
        b".eh_frame_hdr" => return Some(Role::FrameTable),
        b".symtab" => return Some(Role::Symbols),
        b".dynsym" => return Some(Role::DynamicSymbols),
        b".relr.dyn" => return Some(Role::PackedRelocations),
        b".rela.dyn" | b".rela.plt" => return Some(Role::Relocations),
        b".comment" | b".gcc_except_table" => return None,
        _ => {}
    }
    match header.kind {
        PROGBITS if has(EXECUTE) => Some(Role::Code),
        PROGBITS if has(ALLOC) && (has(WRITE) || (fixed && header.name != b".rodata")) => {
            Some(Role::Pointers)
        }
        PROGBITS if has(ALLOC) && fixed => Some(Role::Pointers),
        PROGBITS if has(ALLOC) => Some(Role::Constants),
        // The arrays of functions to call at start and end, and the dynamic section.
        6 | 14 | 15 | 16 => Some(Role::Pointers),
        _ => None,
    }
}
