//! Looks through an image for references.

use std::ops::Range;

use super::super::threads::both;
use super::image::{Image, Machine, Role, Section};
use super::kind::Kind;
use super::places::Run;
use super::refs::{Table, Told, order, put_in_order};
use super::starts::Starts;
use super::sweep::{LONG, Swept, sweep};
use super::sweep_arm::sweep_arm;

/// So many references are kept as they were found, fewer are put to those before.
const OWN: usize = 4096;
/// Ranges of code that are read at once.
const RANGES: usize = 256;

/// What was found in an image.
#[derive(Default)]
pub(super) struct Found {
    /// Those in instructions, as far as they come in order: the second ones after the first.
    pub(super) code: Vec<Run>,
    /// All others in instructions, and those in tables to which these lead, in order.
    pub(super) refs: Vec<Told>,
    /// Those elsewhere, in order.
    pub(super) others: Vec<Told>,
    pub(super) tables: Vec<Table>,
    pub(super) frame_table: u64,
    /// Where instructions of x86-64 begin.
    pub(super) starts: Starts,
}

/// Finds the references of an image. If there is much code, a thread of its own looks at all that is none.
pub(super) fn find(image: &Image<'_>) -> Found {
    let mut finder = Finder::new(image);
    if image.layout.machine == Machine::X86 {
        let [from, length] = image.layout.code;
        finder.found.starts = Starts::of(from as usize..(from + length) as usize);
    }
    // Sections of a sound file do not overlap.
    let mut left = image.data.len() * 2;
    let all = image.sections.iter().filter(|section| {
        let counts = section.length <= left;
        left -= if counts { section.length } else { 0 };
        counts
    });
    let (code, others): (Vec<&Section>, Vec<&Section>) = all.partition(|section| section.role == Role::Code);
    let look = || {
        let mut finder = Finder::new(image);
        others.iter().for_each(|section| finder.section(section));
        put_in_order(&mut finder.found.refs);
        finder.found
    };
    let mut read = || code.iter().for_each(|section| finder.section(section));
    let looked = if code.iter().map(|section| section.length).sum::<usize>() >= LONG {
        both("references", look, read).0
    } else {
        read();
        look()
    };
    let Found { refs, tables, frame_table, .. } = looked;
    finder.found = Found { others: refs, tables, frame_table, ..finder.found };
    finder.jump_tables();
    put_in_order(&mut finder.found.refs);
    finder.found
}

pub(super) struct Finder<'i, 'a> {
    pub(super) image: &'i Image<'a>,
    pub(super) found: Found,
    /// Where addresses of data are loaded: jump tables begin there.
    pub(super) leas: Vec<u64>,
    /// The sections of x86-64 code that were read.
    read: Vec<Range<usize>>,
}

impl<'i, 'a> Finder<'i, 'a> {
    pub(super) fn new(image: &'i Image<'a>) -> Self {
        Self { image, found: Found::default(), leas: Vec::new(), read: Vec::new() }
    }

    /// Looks through a section. What was found in it is put in order.
    fn section(&mut self, section: &Section) {
        let before = self.found.refs.len();
        self.look_through(section);
        let refs = &mut self.found.refs[before..];
        if !refs.is_sorted_by_key(order) {
            refs.sort_unstable_by_key(order);
        }
    }

    fn look_through(&mut self, section: &Section) {
        match section.role {
            Role::Code if self.image.layout.machine == Machine::Arm => sweep_arm(self, section),
            Role::Code => self.code(section),
            Role::Pointers => self.every(section, 8, |finder, at| finder.pointer(at)),
            Role::Relocations => self.every(section, 24, |finder, at| {
                finder.pointer(at);
                finder.pointer(at + 16);
            }),
            Role::PackedRelocations => self.every(section, 8, |finder, at| {
                if finder.image.u64(at) & 1 == 0 {
                    finder.pointer(at);
                }
            }),
            Role::Symbols => self.symbols(section, Kind::Name),
            Role::DynamicSymbols => self.symbols(section, Kind::DynamicName),
            Role::ShortSymbols => self.every(section, 16, |finder, at| {
                if finder.image.u32(at) > 0 {
                    finder.put(at, Kind::Name);
                }
                finder.pointer(at + 8);
            }),
            Role::FrameTable => self.frame_table(section),
            Role::Frames => self.frames(section, (Kind::Here, Kind::Length)),
            // `__unwind_info` counts from where these begin.
            Role::WideFrames => {
                self.found.frame_table = section.address;
                self.frames(section, (Kind::FarHere, Kind::FarLength));
            }
            Role::Unwind => self.unwind(section),
            Role::Fixups => self.fixups(section),
            Role::DataInCode => self.data_in_code(section),
            Role::Functions if self.image.layout.machine == Machine::Arm => {
                self.every(section, 8, |finder, at| {
                    finder.put(at, Kind::Start);
                    // Otherwise it says how to unwind instead of where that is said.
                    if finder.image.u32(at + 4) & 3 == 0 {
                        finder.put(at + 4, Kind::Relative);
                    }
                });
            }
            Role::Functions => self.every(section, 12, |finder, at| {
                finder.put(at, Kind::Start);
                finder.put(at + 4, Kind::End);
                finder.put(at + 8, Kind::Relative);
            }),
            Role::Relative => self.relative(section),
            Role::BaseRelocations => self.base_relocations(section),
            Role::Constants => {}
        }
    }

    pub(super) fn put(&mut self, place: usize, kind: Kind) {
        self.found.refs.push((place as u32, kind, 0));
    }

    /// Takes what was found in code from a place on.
    pub(super) fn take(&mut self, swept: Swept, from: usize) {
        let (first, leas) = swept.after(from);
        self.leas.extend_from_slice(leas);
        self.keep(Run { places: swept.refs, first, ..Run::EMPTY });
    }

    /// Keeps what was found in code.
    pub(super) fn keep(&mut self, run: Run) {
        if run.len() == 0 {
            return;
        }
        let last = self.found.code.last_mut();
        if last.as_ref().is_some_and(|last| run.begin() < last.places.next()) {
            self.found.refs.extend(run.told());
        } else if let Some(last) = last.filter(|_| run.len() < OWN) {
            last.append(&run, run.first..run.places.len());
        } else {
            self.found.code.push(run);
        }
    }

    pub(super) fn every(&mut self, section: &Section, step: usize, mut take: impl FnMut(&mut Self, usize)) {
        let start = if step == 8 { section.offset.next_multiple_of(8) } else { section.offset };
        let end = section.offset + section.length;
        let mut at = start;
        while at + step <= end {
            take(self, at);
            at += step;
        }
    }

    fn relative(&mut self, section: &Section) {
        let layout = &self.image.layout;
        let high = layout.parts.iter().map(|part| part.address.saturating_add(part.length)).max();
        let span = high.unwrap_or(0).saturating_sub(0x1000);
        let words = self.image.data[section.offset..][..section.length].as_chunks::<4>().0;
        for (index, word) in words.iter().enumerate() {
            let target = u64::from(u32::from_le_bytes(*word));
            // Most are not even among all addresses.
            if target.wrapping_sub(0x1000) < span && layout.offset(target).is_some() {
                self.put(section.offset + index * 4, Kind::Relative);
            }
        }
    }

    fn pointer(&mut self, at: usize) {
        let target = self.image.u64(at).wrapping_sub(self.image.layout.base);
        // The first page holds headers; small numbers are numbers.
        if self.image.holds(target) && target >= self.image.range.0.saturating_add(0x100) {
            self.put(at, Kind::Pointer);
        }
    }

    /// Instructions of x86-64.
    fn code(&mut self, section: &Section) {
        let bytes = section.offset..section.offset + section.length;
        let overlaps = self.read.iter().any(|read| read.start < bytes.end && bytes.start < read.end);
        self.read.push(bytes.clone());
        if !overlaps {
            return self.instructions(section);
        }
        // Where they begin is found without regard to what begins there otherwise.
        let others = std::mem::replace(&mut self.found.starts, Starts::of(bytes));
        self.instructions(section);
        let starts = std::mem::replace(&mut self.found.starts, others);
        self.found.starts.add(&starts);
    }

    /// Instructions of x86-64, but for what in code is known to be data.
    fn instructions(&mut self, section: &Section) {
        let end = section.offset + section.length;
        let (mut at, mut ranges) = (section.offset, Vec::new());
        for &(start, length) in &self.image.holes {
            if start >= at && start < end {
                ranges.push(at..start);
                at = start.saturating_add(length).min(end);
            }
            // Many at once are read faster; of all of them, there may be too many.
            if ranges.len() == RANGES {
                sweep(self, section, &ranges);
                ranges.clear();
            }
        }
        ranges.push(at..end);
        sweep(self, section, &ranges);
    }

    fn symbols(&mut self, section: &Section, name: Kind) {
        self.every(section, 24, |finder, at| {
            if finder.image.u32(at) > 0 {
                finder.put(at, name);
            }
            finder.pointer(at + 8);
        });
    }

    fn base_relocations(&mut self, section: &Section) {
        let end = section.offset + section.length;
        let mut at = section.offset;
        while at + 8 <= end {
            let (page, length) = (u64::from(self.image.u32(at)), self.image.u32(at + 4) as usize);
            if length < 8 || length > end - at {
                return;
            }
            for entry in (at + 8..at + length - 1).step_by(2) {
                let told = self.image.u32(entry) & 0xffff;
                // Ten is an address of eight bytes.
                let place =
                    self.image.layout.offset(page + u64::from(told & 0xfff)).filter(|_| told >> 12 == 10);
                let Some(place) = place.map(|place| place as usize) else { continue };
                let target = self.image.u64(place).wrapping_sub(self.image.layout.base);
                if self.image.holds(target) {
                    self.put(place, Kind::Pointer);
                }
            }
            at += length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::{Layout, Part};
    use super::super::refs::Refs;
    use super::*;

    #[test]
    fn sections_out_of_order_and_empty_ones_are_read() {
        // Nothing; a branch after it in the list, and before it in the file.
        let data = [&[0xe8, 0, 0, 0, 0][..], &[0x90; 0x2000]].concat();
        let part = Part { offset: 0, address: 0x1000, length: data.len() as u64 };
        let code = [0, data.len() as u64];
        for (machine, found) in [(Machine::X86, vec![(1, Kind::Near)]), (Machine::Arm, Vec::new())] {
            let layout = Layout { parts: vec![part], code, machine, ..Layout::default() };
            let section = |offset: usize, length: usize| {
                let address = 0x1000 + offset as u64;
                Section { role: Role::Code, offset, length, address }
            };
            let range = (0x1000, 0x1000 + data.len() as u64);
            let sections = vec![section(0x1800, 16), section(0x1000, 3), section(0, 16)];
            let image = Image { layout, sections, range, data: &data, fixed: false, holes: Vec::new() };
            let refs: Vec<_> = Refs::find(&image).from(0).map(|of| (of.place, of.kind)).collect();
            assert_eq!(refs, found);
        }
    }

    #[test]
    fn a_page_in_two_sections_has_the_nearest_place() {
        // adrp x8; ldr x9, [x8, #0xff8]; ldr x9, [x8].
        let words = [0x9000_0008u32, 0xf947_fd09, 0xf940_0109];
        let mut data = vec![0; 0x1000];
        data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        data.resize(0x2fc0, 0);
        let part = Part { offset: 0, address: 0, length: 0x2fc0 };
        let code = [0, data.len() as u64];
        let layout = Layout { machine: Machine::Arm, parts: vec![part], code, ..Layout::default() };
        let section = |address| Section { role: Role::Code, offset: 0x1000, length: 12, address };
        for sections in [[0x2f00, 0x1000], [0x1000, 0x2f00]] {
            let sections = sections.map(section).to_vec();
            let (layout, range) = (layout.clone(), (0, 0x2fc0));
            let image = Image { layout, sections, range, data: &data, fixed: false, holes: Vec::new() };
            let first = Refs::find(&image).from(0).next().map(|of| (of.place, of.kind, of.reach));
            assert_eq!(first, Some((0x1000, Kind::Page, 1)));
        }
    }

    #[test]
    fn of_references_in_sections_that_overlap_the_first_counts() {
        // A branch far back; beginning with its second byte, mov eax, [rbp-8].
        let mut data = vec![0x90; 600_000];
        data.extend_from_slice(&[0xe8, 0x8b, 0x45, 0xf8, 0xff, 0x90, 0x8b, 0x45, 0xf8]);
        let part = Part { offset: 0, address: 0x1000, length: data.len() as u64 };
        let code = [0, data.len() as u64];
        let layout = Layout { parts: vec![part], code, ..Layout::default() };
        let section = |offset: usize, end: usize| {
            let address = 0x1000 + offset as u64;
            Section { role: Role::Code, offset, length: end - offset, address }
        };
        let range = (0x1000, 0x1000 + data.len() as u64);
        let sections = vec![section(0, 600_005), section(600_001, data.len())];
        let image = Image { layout, sections, range, data: &data, fixed: false, holes: Vec::new() };
        let found = Refs::find(&image);
        let refs: Vec<_> = found.from(0).map(|of| (of.place, of.kind)).collect();
        assert_eq!(refs, [(600_001, Kind::Near), (600_008, Kind::Base1)]);
        // Instructions of both begin where they do.
        let inside: Vec<u32> = (599_999..600_005).map(|place| found.inside(place)).collect();
        assert_eq!(inside, [0, 0, 0, 1, 2, 3]);
    }
}
