//! Every reference in an image: where it lies and how it says what it points to.

use super::image::{Image, Role, Section};
use super::x86::{Field, instruction};

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
    /// Eight bytes: the address, plus the image base in PE.
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
}

/// Targets that are places in the file, not addresses, have this bit.
pub(super) const IN_FILE: u64 = 1 << 63;

impl Kind {
    /// Bytes of the reference.
    #[inline]
    pub(in crate::delta) fn width(self) -> usize {
        if self == Self::Pointer { 8 } else { 4 }
    }

    /// Whether the same target seen elsewhere is the same thing: false where the target is made up.
    #[inline]
    pub(super) fn is_label(self) -> bool {
        !matches!(self, Self::Length | Self::End)
    }
}

/// The references of an image, by place.
#[derive(Debug, Default)]
pub(in crate::delta) struct Refs {
    places: Vec<u32>,
    kinds: Vec<Kind>,
    /// First and last place of each table of relative addresses.
    tables: Vec<(u32, u32)>,
    /// The address of `.eh_frame_hdr`.
    pub(super) frame_table: u64,
}

impl Refs {
    /// Finds the references of an image.
    pub(in crate::delta) fn find(image: &Image<'_>) -> Self {
        let mut finder =
            Finder { image, found: Vec::new(), leas: Vec::new(), tables: Vec::new(), frame_table: 0 };
        for section in &image.sections {
            finder.section(section);
        }
        finder.jump_tables();
        let Finder { mut found, mut tables, frame_table, .. } = finder;
        tables.sort_unstable();
        found.sort_unstable_by_key(|found| (found.0, found.1));
        let mut refs = Self { tables, frame_table, ..Self::default() };
        let mut end = 0;
        refs.places.reserve_exact(found.len());
        refs.kinds.reserve_exact(found.len());
        for (place, kind) in found {
            // Of two that overlap, the first counts.
            if place as usize >= end && place as usize + kind.width() <= image.data.len() {
                end = place as usize + kind.width();
                refs.places.push(place);
                refs.kinds.push(kind);
            }
        }
        refs
    }

    /// How many there are.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place and kind of one.
    #[inline]
    pub(in crate::delta) fn get(&self, index: usize) -> Option<(usize, Kind)> {
        Some((*self.places.get(index)? as usize, self.kinds[index]))
    }

    /// The first reference at `place` or after it.
    pub(in crate::delta) fn from(&self, place: usize) -> usize {
        self.places.partition_point(|&at| (at as usize) < place)
    }

    /// The beginning of the table a place lies in.
    pub(super) fn table(&self, place: usize) -> Option<usize> {
        let after = self.tables.partition_point(|table| table.0 as usize <= place);
        let table = self.tables.get(after.checked_sub(1)?)?;
        (place <= table.1 as usize).then_some(table.0 as usize)
    }

    /// What a reference points to: an address, relative to the image in PE, or a place in the file.
    #[inline]
    pub(in crate::delta) fn target(&self, image: &Image<'_>, place: usize, kind: Kind) -> Option<u64> {
        let long = u64::from(image.u32(place));
        let near = i64::from(image.u32(place).cast_signed());
        let here = || image.layout.address(place as u64);
        let after = |bytes: u64| Some(here()?.wrapping_add(bytes).wrapping_add_signed(near));
        match kind {
            Kind::Near => after(4),
            Kind::Near1 => after(5),
            Kind::Near2 => after(6),
            Kind::Near4 => after(8),
            Kind::Here => after(0),
            Kind::Pointer => Some(image.u64(place).wrapping_sub(image.layout.base)),
            Kind::Short | Kind::Relative | Kind::End => Some(long),
            Kind::FrameTable => Some(self.frame_table.wrapping_add_signed(near)),
            Kind::Table => Some(image.layout.address(self.table(place)? as u64)?.wrapping_add_signed(near)),
            Kind::Length => Some(self.target(image, place.checked_sub(4)?, Kind::Here)?.wrapping_add(long)),
            Kind::Back => Some(here()?.wrapping_sub(long)),
            Kind::Name => Some(IN_FILE | image.layout.names[0].wrapping_add(long)),
            Kind::DynamicName => Some(IN_FILE | image.layout.names[1].wrapping_add(long)),
        }
    }
}

struct Finder<'i, 'a> {
    image: &'i Image<'a>,
    found: Vec<(u32, Kind)>,
    /// Where addresses of data are loaded: jump tables begin there.
    leas: Vec<u64>,
    tables: Vec<(u32, u32)>,
    frame_table: u64,
}

impl Finder<'_, '_> {
    fn section(&mut self, section: &Section) {
        match section.role {
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
            Role::FrameTable => self.frame_table(section),
            Role::Frames => self.frames(section),
            Role::Functions => self.every(section, 12, |finder, at| {
                finder.put(at, Kind::Relative);
                finder.put(at + 4, Kind::End);
                finder.put(at + 8, Kind::Relative);
            }),
            Role::Relative => self.every(section, 4, |finder, at| {
                let target = u64::from(finder.image.u32(at));
                if target >= 0x1000 && finder.image.layout.offset(target).is_some() {
                    finder.put(at, Kind::Relative);
                }
            }),
            Role::BaseRelocations => self.base_relocations(section),
            Role::Constants => {}
        }
    }

    fn put(&mut self, place: usize, kind: Kind) {
        self.found.push((place as u32, kind));
    }

    fn every(&mut self, section: &Section, step: usize, take: impl Fn(&mut Self, usize)) {
        let start = if step == 8 { section.offset.next_multiple_of(8) } else { section.offset };
        let end = section.offset + section.length;
        let mut at = start;
        while at + step <= end {
            take(self, at);
            at += step;
        }
    }

    fn pointer(&mut self, at: usize) {
        let target = self.image.u64(at);
        // The first page holds headers; small numbers are numbers.
        if self.image.holds(target) && target >= self.image.range.0.saturating_add(0x100) {
            self.put(at, Kind::Pointer);
        }
    }

    fn code(&mut self, section: &Section) {
        let end = section.offset + section.length;
        let code = &self.image.data[..end];
        let mut at = section.offset;
        while at < end {
            let Some(found) = instruction(&code[at..end.min(at + 16)]) else {
                at += 1;
                continue;
            };
            let next = at + usize::from(found.length);
            for field in found.fields.into_iter().flatten() {
                self.field(section, at, next, field);
            }
            at = next;
        }
    }

    #[inline]
    fn field(&mut self, section: &Section, at: usize, next: usize, field: Field) {
        let (Field::Branch(inside)
        | Field::Memory(inside)
        | Field::Displacement(inside)
        | Field::Value(inside)) = field;
        let place = at + usize::from(inside);
        let value = self.image.u32(place);
        let relative = |end: usize| {
            let end = section.address.wrapping_add((end - section.offset) as u64);
            end.wrapping_add_signed(i64::from(value.cast_signed()))
        };
        match field {
            Field::Branch(_) => {
                let target = relative(next);
                if target.wrapping_sub(section.address) < section.length as u64 || self.in_code(target) {
                    self.put(place, Kind::Near);
                }
            }
            Field::Memory(_) => {
                let target = relative(next);
                let kind = match next - place {
                    4 => Kind::Near,
                    5 => Kind::Near1,
                    6 => Kind::Near2,
                    8 => Kind::Near4,
                    _ => return,
                };
                if self.image.holds(target) {
                    self.put(place, kind);
                    if self.image.data[place - 2] == 0x8d {
                        self.leas.push(target);
                    }
                }
            }
            Field::Displacement(_) if self.image.pe => {
                let target = u64::from(value);
                if target >= 0x1000 && self.image.layout.offset(target).is_some() {
                    self.put(place, Kind::Relative);
                }
            }
            Field::Displacement(_) | Field::Value(_) if self.image.fixed => {
                let target = u64::from(value);
                if target >= self.image.range.0.saturating_add(0x1000) && self.image.holds(target) {
                    self.put(place, Kind::Short);
                    self.leas.push(target);
                }
            }
            _ => {}
        }
    }

    fn in_code(&self, address: u64) -> bool {
        let within = |section: &&Section| address.wrapping_sub(section.address) < section.length as u64;
        self.image
            .sections
            .iter()
            .filter(|section| section.role == Role::Code)
            .any(|section| within(&section))
    }

    fn symbols(&mut self, section: &Section, name: Kind) {
        self.every(section, 24, |finder, at| {
            if finder.image.u32(at) > 0 {
                finder.put(at, name);
            }
            finder.pointer(at + 8);
        });
    }

    /// `.eh_frame_hdr` (LSB, chapter 10.6.2) as all linkers write it: a table of pairs, sorted by function.
    fn frame_table(&mut self, section: &Section) {
        let bytes = &self.image.data[section.offset..][..section.length];
        if !bytes.starts_with(&[1, 0x1b, 3, 0x3b]) {
            return;
        }
        self.frame_table = section.address;
        self.put(section.offset + 4, Kind::Here);
        for at in (section.offset + 12..section.offset + section.length - 3).step_by(4) {
            self.put(at, Kind::FrameTable);
        }
    }

    /// `.eh_frame` (LSB, chapter 10.6.1) with relative addresses of four bytes.
    fn frames(&mut self, section: &Section) {
        let end = section.offset + section.length;
        let (mut at, mut with_data) = (section.offset, (0, false));
        while at + 8 <= end {
            let length = self.image.u32(at) as usize;
            if length == 0 || length > end - at - 4 {
                return;
            }
            let next = at + 4 + length;
            let about = self.image.u32(at + 4) as usize;
            if about == 0 {
                with_data = (at, self.names_data(at + 9, next));
            } else if at + 16 <= next {
                self.put(at + 4, Kind::Back);
                self.put(at + 8, Kind::Here);
                self.put(at + 12, Kind::Length);
                let header = (at + 4).wrapping_sub(about);
                if header != with_data.0 && header < at && header >= section.offset {
                    with_data = (header, self.names_data(header + 9, next));
                }
                if header == with_data.0 && with_data.1 && at + 21 <= next && self.image.u32(at + 17) != 0 {
                    self.put(at + 17, Kind::Here);
                }
            }
            at = next;
        }
    }

    /// Whether the augmentation of a common information entry says that entries point to data of the language.
    fn names_data(&self, at: usize, end: usize) -> bool {
        let text = self.image.data.get(at..end.min(at + 8)).unwrap_or_default();
        text.iter().take_while(|&&byte| byte != 0).any(|&byte| byte == b'L')
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

    /// Tables of addresses relative to their own beginning, as compilers make for `switch`: they begin where an
    /// address is loaded and go on as long as they point into code.
    fn jump_tables(&mut self) {
        self.leas.sort_unstable();
        self.leas.dedup();
        let image = self.image;
        let constants =
            |section: &&Section| matches!(section.role, Role::Constants | Role::Relative | Role::Pointers);
        let constants: Vec<&Section> = image.sections.iter().filter(constants).collect();
        for index in 0..self.leas.len() {
            let start = self.leas[index];
            let within = |section: &&&Section| start.wrapping_sub(section.address) < section.length as u64;
            let Some(section) = constants.iter().find(within).filter(|_| start.is_multiple_of(4)) else {
                continue;
            };
            let end = self.leas.get(index + 1).copied().unwrap_or(u64::MAX);
            let end = end.min(section.address.saturating_add(section.length as u64));
            let offset = section.offset + (start - section.address) as usize;
            let leads_to_code = |at: &usize| {
                let value = image.u32(*at);
                value != 0 && self.in_code(start.wrapping_add_signed(i64::from(value.cast_signed())))
            };
            let places = (offset..).step_by(4).take(((end - start) / 4) as usize);
            let places: Vec<usize> = places.take_while(leads_to_code).collect();
            if let [first, .., last] = places.as_slice() {
                self.tables.push((*first as u32, *last as u32));
                places.iter().for_each(|&place| self.put(place, Kind::Table));
            }
        }
    }
}
