//! Mach-O for the programs of tests, signed as a linker signs.

use updraft::release::Digest;

use super::{Linked, Machine, page};

/// Where the image lies.
pub(super) const BASE: u64 = 0x1_0000_0000;
/// Bytes of a page of the signature, as a power of two.
pub(crate) const PAGE: u32 = 12;

fn text(name: &str) -> [u8; 16] {
    let mut out = [0; 16];
    out[..name.len()].copy_from_slice(name.as_bytes());
    out
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

struct Section {
    name: &'static str,
    at: u64,
    bytes: Vec<u8>,
    flags: u32,
}

impl Linked {
    pub(super) fn macho(&self, chained: bool) -> Vec<u8> {
        let data = if chained { self.chained() } else { self.data.clone() };
        let frames_at = self.at[1] + page(self.constants.len());
        let frames = self.wide_frames(frames_at);
        let unwind_at = frames_at + page(frames.len());
        let unwind = self.unwind();
        let data_at = (unwind_at + page(unwind.len())).max(self.at[2]);
        assert_eq!(data_at, self.at[2], "the program is too large for the test");
        let section = |name, at, bytes: &[u8], flags| Section { name, at, bytes: bytes.to_vec(), flags };
        let first = [
            section("__text", self.at[0], &self.text, 0x8000_0400),
            section("__const", self.at[1], &self.constants, 0),
            section("__eh_frame", frames_at, &frames, 0),
            section("__unwind_info", unwind_at, &unwind, 0),
        ];
        let second = [section("__data", data_at, &data, 0)];
        let link_at = data_at + page(data.len());
        let (symbols, strings) = self.symbols();
        let fixups = if chained { self.fixups(data.len()) } else { Vec::new() };
        let mut link = [symbols.clone(), strings.clone(), fixups.clone()].concat();
        link.resize(link.len().next_multiple_of(16), 0);
        let limit = link_at + link.len() as u64;
        let signature = signature_length(limit);
        let mut commands = vec![
            segment("__TEXT", (0, data_at), 5, &first, 0),
            segment("__DATA", (data_at, link_at - data_at), 3, &second, 0x4000),
            segment("__LINKEDIT", (link_at, link.len() as u64 + signature as u64), 1, &[], 0),
            words(&[2, 24, link_at as u32, symbols.len() as u32 / 16]),
        ];
        let strings_at = link_at as u32 + symbols.len() as u32;
        commands.push(words(&[strings_at, strings.len() as u32]));
        if chained {
            commands.push(words(&[0x8000_0034, 16, strings_at + strings.len() as u32, fixups.len() as u32]));
        }
        commands.push(words(&[0x1d, 16, limit as u32, signature as u32]));
        let commands = commands.concat();
        let machine = if self.machine == Machine::Arm { 0x0100_000c } else { 0x0100_0007 };
        let count = 5 + u32::from(chained);
        let mut out = words(&[0xfeed_facf, machine, 0, 2, count, commands.len() as u32, 0, 0]);
        out.extend(commands);
        for section in first.iter().chain(&second) {
            out.resize(section.at as usize, 0);
            out.extend_from_slice(&section.bytes);
        }
        out.resize(link_at as usize, 0);
        out.extend(link);
        sign(&mut out);
        out
    }

    /// The pointers in chains, one for each page.
    fn chained(&self) -> Vec<u8> {
        let pointer = |(index, bytes): (usize, &[u8])| {
            let target = u64::from_le_bytes(bytes.try_into().unwrap()) - BASE;
            let last = (index + 1) % 512 == 0 || index + 1 == self.pointers;
            target | if last { 0 } else { 2 << 51 }
        };
        self.data.chunks_exact(8).enumerate().map(pointer).flat_map(u64::to_le_bytes).collect()
    }

    fn fixups(&self, length: usize) -> Vec<u8> {
        let pages = length.div_ceil(0x1000);
        let mut out = words(&[0, 32, 0, 0, 0, 1, 0, 0]);
        // One of three segments has any.
        out.extend(words(&[3, 0, 16, 0]));
        out.extend(words(&[22 + 2 * pages as u32, 0x0006_1000]));
        out.extend(self.at[2].to_le_bytes());
        out.extend([0; 4]);
        out.extend((pages as u16).to_le_bytes());
        out.extend(vec![0; pages * 2]);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    fn symbols(&self) -> (Vec<u8>, Vec<u8>) {
        let (mut symbols, mut strings) = (Vec::new(), vec![b' ', 0]);
        for (index, &(start, length)) in self.starts.iter().enumerate().step_by(3) {
            symbols.extend((strings.len() as u32).to_le_bytes());
            symbols.extend([0x0f, 1, 0, 0]);
            symbols.extend((start + BASE).to_le_bytes());
            strings.extend(format!("_function{length}_{}\0", index % 7).into_bytes());
        }
        (symbols, strings)
    }

    fn wide_frames(&self, at: u64) -> Vec<u8> {
        let mut out = words(&[20, 0]);
        out.extend([1, b'z', b'P', b'L', b'R', 0, 1, 0x78, 16, 3, 0x10, 0x10, 0x10, 0, 0, 0]);
        for &(start, length) in &self.starts {
            let entry = out.len() as u64;
            out.extend(words(&[36, entry as u32 + 4]));
            out.extend(start.wrapping_sub(at + entry + 8).to_le_bytes());
            out.extend(length.to_le_bytes());
            out.push(8);
            out.extend(self.at[1].wrapping_sub(at + entry + 25).to_le_bytes());
            out.extend([0; 7]);
        }
        out
    }

    /// Pages of functions, by turns of both kinds.
    fn unwind(&self) -> Vec<u8> {
        let by_frame = if self.machine == Machine::Arm { 0x0300_0000 } else { 0x0400_0000 };
        let pages: Vec<&[(u64, u64)]> = self.starts.chunks(50).collect();
        let index = 28 + 12 * (pages.len() + 1);
        let mut data = Vec::new();
        let mut out = words(&[1, 28, 0, 28, 0, 28, pages.len() as u32 + 1]);
        for (number, page) in pages.iter().enumerate() {
            out.extend(words(&[page[0].0 as u32, (index + data.len()) as u32, index as u32]));
            let frame = |at: usize| by_frame | (24 + 40 * (number * 50 + at)) as u32;
            if number % 2 == 0 {
                data.extend(words(&[2, 8 | (page.len() as u32) << 16]));
                let entries = page.iter().enumerate().flat_map(|(at, of)| [of.0 as u32, frame(at)]);
                data.extend(entries.flat_map(u32::to_le_bytes));
            } else {
                let count = page.len() as u32;
                data.extend(words(&[3, 12 | count << 16, (12 + 4 * count) | 1 << 16]));
                data.extend(page.iter().flat_map(|of| ((of.0 - page[0].0) as u32).to_le_bytes()));
                data.extend(words(&[frame(0)]));
            }
        }
        let end = self.starts.last().map_or(0, |of| of.0 + of.1);
        out.extend(words(&[end as u32, 0, index as u32]));
        out.extend(data);
        out
    }
}

fn segment(name: &str, (at, size): (u64, u64), protection: u32, sections: &[Section], zeros: u64) -> Vec<u8> {
    let count = sections.len() + usize::from(zeros > 0);
    let mut out = words(&[0x19, 72 + 80 * count as u32]);
    out.extend(text(name));
    for number in [BASE + at, size + zeros, at, size] {
        out.extend(number.to_le_bytes());
    }
    out.extend(words(&[protection, protection, count as u32, 0]));
    for section in sections {
        out.extend([text(section.name), text(name)].concat());
        out.extend((BASE + section.at).to_le_bytes());
        out.extend((section.bytes.len() as u64).to_le_bytes());
        out.extend(words(&[section.at as u32, 4, 0, 0, section.flags, 0, 0, 0]));
    }
    if zeros > 0 {
        out.extend([text("__bss"), text(name)].concat());
        out.extend((BASE + at + size).to_le_bytes());
        out.extend(zeros.to_le_bytes());
        out.extend(words(&[0, 4, 0, 0, 1, 0, 0, 0]));
    }
    out
}

/// Bytes before the first hash of a signature.
const BEFORE: usize = 20 + 88 + 8 + 64;

fn signature_length(limit: u64) -> usize {
    BEFORE + 32 * limit.div_ceil(1 << PAGE) as usize
}

/// Adds a signature: one blob, the code directory, with two special hashes before those of the pages.
fn sign(file: &mut Vec<u8>) {
    let limit = file.len();
    let all = signature_length(limit as u64) as u32;
    let pages = limit.div_ceil(1 << PAGE) as u32;
    let mut out = Vec::new();
    for word in
        [0xfade_0cc0, all, 1, 0, 20, 0xfade_0c02, all - 20, 0x2_0400, 2, BEFORE as u32 - 20, 88, 2, pages]
    {
        out.extend(word.to_be_bytes());
    }
    out.extend((limit as u32).to_be_bytes());
    out.extend([32, 2, 0, PAGE as u8]);
    out.resize(20 + 88, 0);
    out.extend(b"program\0");
    out.extend([7; 64]);
    for page in file.chunks(1 << PAGE) {
        out.extend_from_slice(Digest::of(page).as_bytes());
    }
    file.extend(out);
}
