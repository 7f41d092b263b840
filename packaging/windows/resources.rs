//! Makes the object file with the resources of a Windows program: manifest, icon, version. Written here byte by byte
//! (PE format, "The .rsrc Section"), so that building for Windows needs no resource compiler.

/// What Windows and its people read of a program without starting it.
pub(crate) struct Program<'a> {
    /// The name of its file, without `.exe`.
    pub(crate) name: &'a str,
    /// What it is, in a few words.
    pub(crate) description: &'a str,
    /// Its version, of four numbers.
    pub(crate) version: [u16; 4],
    /// The same as people write it.
    pub(crate) version_text: &'a str,
    /// Its manifest, with `@NAME@`, `@VERSION@` and `@DESCRIPTION@` to be filled in.
    pub(crate) manifest: &'a str,
    /// Its icon: an `.ico` file.
    pub(crate) icon: &'a [u8],
}

/// A resource: its type, its number among those of the type, and its bytes.
struct Resource {
    kind: u32,
    id: u32,
    bytes: Vec<u8>,
}

const ICON: u32 = 3;
const GROUP_ICON: u32 = 14;
const VERSION: u32 = 16;
const MANIFEST: u32 = 24;
/// English of the United States, the language Windows falls back to.
const LANGUAGE: u32 = 0x0409;

/// The object file for a machine as Rust names it; nothing for one that is not known here.
pub(crate) fn object(program: &Program<'_>, machine: &str) -> Option<Vec<u8>> {
    // The machine's number and that of its relocation "address in memory less that of the image".
    let (machine, relocation) = match machine {
        "x86_64" => (0x8664_u16, 3_u16),
        "aarch64" => (0xaa64, 2),
        "x86" => (0x014c, 7),
        _ => return None,
    };
    let mut all = icons(program.icon)?;
    all.push(Resource { kind: VERSION, id: 1, bytes: version(program) });
    all.push(Resource { kind: MANIFEST, id: 1, bytes: manifest(program).into_bytes() });
    all.sort_by_key(|resource| (resource.kind, resource.id));
    let (section, places) = section(&all);
    Some(coff(machine, relocation, &section, &places))
}

fn manifest(program: &Program<'_>) -> String {
    let [a, b, c, d] = program.version;
    let version = format!("{a}.{b}.{c}.{d}");
    let filled = program.manifest.replace("@NAME@", program.name).replace("@VERSION@", &version);
    filled.replace("@DESCRIPTION@", program.description)
}

/// The pictures of an `.ico` file, and the group that lists them: the same list, with numbers for places.
fn icons(file: &[u8]) -> Option<Vec<Resource>> {
    let count = u16::from_le_bytes(file.get(4..6)?.try_into().ok()?);
    let mut group = file.get(..6)?.to_vec();
    let mut all = Vec::new();
    for number in 0..count {
        let at = 6 + 16 * usize::from(number);
        let entry = file.get(at..at + 16)?;
        let long =
            |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]) as usize;
        let (size, place) = (long(8), long(12));
        group.extend(&entry[..12]);
        group.extend((number + 1).to_le_bytes());
        let bytes = file.get(place..place + size)?.to_vec();
        all.push(Resource { kind: ICON, id: u32::from(number) + 1, bytes });
    }
    all.push(Resource { kind: GROUP_ICON, id: 1, bytes: group });
    Some(all)
}

/// One block of version information: its length, that of its value, whether that is text, its name, value, children.
fn block(name: &str, value: &[u8], value_length: usize, is_text: bool, children: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend((value_length as u16).to_le_bytes());
    bytes.extend(u16::from(is_text).to_le_bytes());
    bytes.extend(wide(name));
    pad(&mut bytes);
    bytes.extend(value);
    for child in children {
        pad(&mut bytes);
        bytes.extend(child);
    }
    let length = (bytes.len() as u16).to_le_bytes();
    bytes[..2].copy_from_slice(&length);
    bytes
}

fn version(program: &Program<'_>) -> Vec<u8> {
    let [a, b, c, d] = program.version.map(u32::from);
    let (high, low) = (a << 16 | b, c << 16 | d);
    // VS_FIXEDFILEINFO: mark, layout, file and product version, flags, Windows NT, a program.
    let fixed = [0xfeef_04bd, 0x0001_0000, high, low, high, low, 0x3f, 0, 0x0004_0004, 1, 0, 0, 0];
    let fixed: Vec<u8> = fixed.iter().flat_map(|number: &u32| number.to_le_bytes()).collect();
    let file = format!("{}.exe", program.name);
    let text = |name: &str, text: &str| block(name, &wide(text), text.encode_utf16().count() + 1, true, &[]);
    let texts = [
        text("FileDescription", program.description),
        text("FileVersion", program.version_text),
        text("InternalName", program.name),
        text("LegalCopyright", "MIT OR Apache-2.0"),
        text("OriginalFilename", &file),
        text("ProductName", "Updraft"),
        text("ProductVersion", program.version_text),
    ];
    // English, and Unicode as the code page of the texts.
    let table = block("040904b0", &[], 0, true, &texts);
    let texts = block("StringFileInfo", &[], 0, true, &[table]);
    let translation = block("Translation", &[0x09, 0x04, 0xb0, 0x04], 4, false, &[]);
    let languages = block("VarFileInfo", &[], 0, true, &[translation]);
    block("VS_VERSION_INFO", &fixed, fixed.len(), false, &[texts, languages])
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A folder of the tree of resources: its head, and so many entries by number.
fn folder(entries: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = vec![0; 14];
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (id, place) in entries {
        bytes.extend(id.to_le_bytes());
        bytes.extend(place.to_le_bytes());
    }
    bytes
}

/// The section: a tree by type, number and language, the descriptions of the bytes, the bytes. With it the places that
/// the linker has to correct, because they are counted from the start of the image.
fn section(all: &[Resource]) -> (Vec<u8>, Vec<u32>) {
    const FOLDER: u32 = 0x8000_0000;
    let mut kinds: Vec<u32> = all.iter().map(|resource| resource.kind).collect();
    kinds.dedup();
    let of = |kind: u32| all.iter().filter(move |resource| resource.kind == kind);
    let head = |count: usize| 16 + 8 * count as u32;
    let second_at = head(kinds.len());
    let third_at = second_at + kinds.iter().map(|kind| head(of(*kind).count())).sum::<u32>();
    let describe_at = third_at + head(1) * all.len() as u32;
    let bytes_at = describe_at + 16 * all.len() as u32;

    let mut place = second_at;
    let mut top = Vec::new();
    for kind in &kinds {
        top.push((*kind, FOLDER | place));
        place += head(of(*kind).count());
    }
    let mut section = folder(&top);
    let mut number = 0;
    for kind in &kinds {
        let mut entries = Vec::new();
        for resource in of(*kind) {
            entries.push((resource.id, FOLDER | (third_at + head(1) * number)));
            number += 1;
        }
        section.extend(folder(&entries));
    }
    for number in 0..all.len() as u32 {
        section.extend(folder(&[(LANGUAGE, describe_at + 16 * number)]));
    }
    let (mut place, mut places) = (bytes_at, Vec::new());
    for resource in all {
        places.push(section.len() as u32);
        let length = resource.bytes.len() as u32;
        for number in [place, length, 0, 0] {
            section.extend(number.to_le_bytes());
        }
        place += length.next_multiple_of(4);
    }
    for resource in all {
        section.extend(&resource.bytes);
        pad(&mut section);
    }
    (section, places)
}

/// An object file with this one section.
fn coff(machine: u16, relocation: u16, section: &[u8], places: &[u32]) -> Vec<u8> {
    let (raw_at, length) = (20 + 40_u32, section.len() as u32);
    let relocations_at = raw_at + length;
    let symbols_at = relocations_at + 10 * places.len() as u32;
    let mut file = Vec::new();
    file.extend(machine.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    for number in [0, symbols_at, 1, 0] {
        file.extend(number.to_le_bytes());
    }
    let name = *b".rsrc\0\0\0";
    file.extend(name);
    for number in [0, 0, length, raw_at, relocations_at, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend((places.len() as u16).to_le_bytes());
    file.extend(0_u16.to_le_bytes());
    // Data that is there from the start and only read, at a multiple of four.
    file.extend(0x4030_0040_u32.to_le_bytes());
    file.extend(section);
    for place in places {
        file.extend(place.to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(relocation.to_le_bytes());
    }
    // The one symbol: the section itself.
    file.extend(name);
    file.extend(0_u32.to_le_bytes());
    file.extend(1_u16.to_le_bytes());
    file.extend(0_u16.to_le_bytes());
    file.extend([3, 0]);
    file.extend(4_u32.to_le_bytes());
    file
}
