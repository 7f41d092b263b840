//! Tables of Mach-O that say how functions are unwound, where pointers are, and what in code is data
//! (`mach-o/compact_unwind_encoding.h`, `mach-o/fixup-chains.h`, `mach-o/loader.h`).

use super::find::Finder;
use super::image::{Machine, Section};
use super::kind::Kind;
use super::refs::Table;

impl Finder<'_, '_> {
    /// `__unwind_info`: an index of pages, each with the functions from one address on.
    pub(super) fn unwind(&mut self, section: &Section) {
        let image = self.image;
        let end = section.offset + section.length;
        if section.length < 28 || image.u32(section.offset) != 1 {
            return;
        }
        // Where the section says that something lies, and what it has so many of.
        let at = |told: usize| section.offset.saturating_add(image.u32(told) as usize);
        let table = |told: usize, step: usize| entries(at(told), image.u32(told + 4) as usize, step, end);
        table(section.offset + 4, 4).for_each(|at| self.encoding(at));
        table(section.offset + 12, 4).for_each(|at| self.put(at, Kind::Relative));
        let index: Vec<usize> = table(section.offset + 20, 12).collect();
        // What lies there is taken once, in order.
        let (mut data_done, mut pages_done) = (section.offset, section.offset + 28);
        for (number, &entry) in index.iter().enumerate() {
            self.put(entry, Kind::Relative);
            if let Some(&next) = index.get(number + 1) {
                // Functions with data of the language, and the data.
                let from = at(entry + 8).max(data_done);
                data_done = at(next + 8).min(end).max(from);
                entries(from, (data_done - from) / 4, 4, end).for_each(|at| self.put(at, Kind::Relative));
            }
            let page = at(entry + 4);
            if page >= pages_done && page < end {
                pages_done = self.unwind_page(page, end, u64::from(image.u32(entry)));
            }
        }
    }

    /// One page of functions from the address `first` on. Returns where it ends.
    fn unwind_page(&mut self, page: usize, end: usize, first: u64) -> usize {
        let image = self.image;
        let table = |told: usize, step: usize| {
            let told = image.u32(page.saturating_add(told));
            entries(page.saturating_add((told & 0xffff) as usize), (told >> 16) as usize, step, end)
        };
        let places: Vec<usize> = match image.u32(page) {
            2 => table(4, 8).collect(),
            3 => table(4, 4).collect(),
            _ => Vec::new(),
        };
        if image.u32(page) == 2 {
            for &at in &places {
                self.put(at, Kind::Relative);
                self.encoding(at + 4);
            }
        } else if let [from, .., last] = places.as_slice() {
            self.found.tables.push(Table { first: *from as u32, last: *last as u32, origin: first });
            places.iter().for_each(|&at| self.put(at, Kind::Entry));
            table(8, 4).for_each(|at| self.encoding(at));
        }
        places.last().map_or(page, |last| last + 4).max(page + 4)
    }

    /// How a function is unwound: some are told by an entry of `__eh_frame`.
    fn encoding(&mut self, at: usize) {
        let by_frame = if self.image.layout.machine == Machine::Arm { 3 } else { 4 };
        if self.image.u32(at) >> 24 & 15 == by_frame {
            self.put(at, Kind::Frame);
        }
    }

    /// Chains of pointers, by segment and page.
    pub(super) fn fixups(&mut self, section: &Section) {
        let image = self.image;
        let half = |at: usize| image.u32(at) as usize & 0xffff;
        let end = section.offset + section.length;
        let starts = section.offset.saturating_add(image.u32(section.offset + 4) as usize);
        // Each place is looked at once, if all is well.
        let mut left = image.data.len() / 4;
        for told in entries(starts, 1 + image.u32(starts) as usize, 4, end).skip(1).take(64) {
            let at = starts.saturating_add(image.u32(told) as usize);
            let kind = match half(at.saturating_add(6)) {
                2 => Kind::FixupAt,
                6 => Kind::Fixup,
                _ => continue,
            };
            if at == starts || at >= end.saturating_sub(22) {
                continue;
            }
            let (size, count) = (half(at + 4), half(at + 20));
            let Some(first) = image.layout.offset(image.u64(at + 8)) else { continue };
            for (page, told) in entries(at + 22, count, 2, end).enumerate() {
                let start = half(told);
                if start < size {
                    let page = (first as usize).saturating_add(page * size);
                    self.chain((page.saturating_add(start), page.saturating_add(size)), kind, &mut left);
                }
            }
        }
    }

    /// The pointers of one page: each says how many words of four bytes farther the next one lies.
    fn chain(&mut self, (mut at, end): (usize, usize), kind: Kind, left: &mut usize) {
        while at < end.min(self.image.data.len()) && *left > 0 {
            *left -= 1;
            let value = self.image.u64(at);
            // Those with the highest bit are bound to other files.
            if value >> 63 == 0 {
                self.put(at, kind);
            }
            let next = (value >> 51 & 0xfff) as usize * 4;
            if next == 0 {
                return;
            }
            at += next;
        }
    }

    /// What in code is data: tables of places to jump to, most of all.
    pub(super) fn data_in_code(&mut self, section: &Section) {
        let image = self.image;
        let mut done = 0;
        self.every(section, 8, |finder, at| {
            finder.put(at, Kind::Relative);
            // Tables of four bytes each, in order.
            let (address, about) = (u64::from(image.u32(at)), image.u32(at + 4));
            let place = image.layout.offset(address).filter(|&place| about >> 16 == 4 && place >= done);
            let Some(place) = place.map(|place| place as usize) else { return };
            let places: Vec<usize> =
                entries(place, (about & 0xffff) as usize / 4, 4, image.data.len()).collect();
            if let [first, .., last] = places.as_slice() {
                done = *last as u64 + 4;
                finder.found.tables.push(Table { first: *first as u32, last: *last as u32, origin: address });
                places.iter().for_each(|&place| finder.put(place, Kind::Table));
            }
        });
    }
}

/// The places of so many entries of `step` bytes, as far as they lie before `end`.
fn entries(from: usize, count: usize, step: usize, end: usize) -> impl Iterator<Item = usize> {
    let fit = end.saturating_sub(from) / step;
    (0..count.min(fit)).map(move |index| from + index * step)
}
