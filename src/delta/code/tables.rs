//! Tables of references: of functions to unwind, and of places to jump to.

use super::find::Finder;
use super::image::{Role, Section};
use super::kind::Kind;
use super::refs::Table;

impl Finder<'_, '_> {
    /// `.eh_frame_hdr` (LSB, chapter 10.6.2) as all linkers write it: a table of pairs, sorted by function.
    pub(super) fn frame_table(&mut self, section: &Section) {
        let bytes = &self.image.data[section.offset..][..section.length];
        if !bytes.starts_with(&[1, 0x1b, 3, 0x3b]) {
            return;
        }
        self.found.frame_table = section.address;
        self.put(section.offset + 4, Kind::Here);
        for at in (section.offset + 12..section.offset + section.length - 3).step_by(4) {
            self.put(at, Kind::FrameTable);
        }
    }

    /// `.eh_frame` (LSB, chapter 10.6.1) with relative addresses: `here` says how, `length` how long functions are.
    pub(super) fn frames(&mut self, section: &Section, (here, length): (Kind, Kind)) {
        let end = section.offset + section.length;
        let (mut at, mut with_data) = (section.offset, (0, false));
        while at + 8 <= end {
            let size = self.image.u32(at) as usize;
            if size == 0 || size > end - at - 4 {
                return;
            }
            let next = at + 4 + size;
            let about = self.image.u32(at + 4) as usize;
            if about == 0 {
                with_data = (at, self.names_data(at + 9, next));
            } else {
                let header = (at + 4).wrapping_sub(about);
                if header != with_data.0 && header < at && header >= section.offset {
                    with_data = (header, self.names_data(header + 9, next));
                }
                self.frame((at, next), (here, length), header == with_data.0 && with_data.1);
            }
            at = next;
        }
    }

    /// The entry of a function, which may have data of the language.
    fn frame(&mut self, (at, next): (usize, usize), (here, length): (Kind, Kind), with_data: bool) {
        let width = here.width();
        let (begin, data) = (at + 8, at + 9 + 2 * width);
        if begin + 2 * width > next {
            return;
        }
        self.put(at + 4, Kind::Back);
        self.put(begin, here);
        self.put(begin + width, length);
        let told = self.image.data.get(data..data + width).filter(|_| with_data && data + width <= next);
        if told.is_some_and(|told| told.iter().any(|&byte| byte != 0)) {
            self.put(data, here);
        }
    }

    /// Whether the augmentation of a common information entry says that entries point to data of the language.
    fn names_data(&self, at: usize, end: usize) -> bool {
        let text = self.image.data.get(at..end.min(at + 8)).unwrap_or_default();
        text.iter().take_while(|&&byte| byte != 0).any(|&byte| byte == b'L')
    }

    /// Tables of addresses relative to their own beginning, as compilers make for `switch`: they begin where an
    /// address is loaded and go on as long as they point into code.
    pub(super) fn jump_tables(&mut self) {
        // They come in runs that are in order.
        self.leas.sort();
        self.leas.dedup();
        let image = self.image;
        let of = |roles: &[Role]| -> Vec<&Section> {
            image.sections.iter().filter(|section| roles.contains(&section.role)).collect()
        };
        let constants = of(&[Role::Constants, Role::Relative, Role::Pointers]);
        let code = of(&[Role::Code]);
        // Many sections may say that they are the same bytes.
        let mut left = image.data.len() / 2;
        for (index, &start) in self.leas.iter().enumerate() {
            if !start.is_multiple_of(4) {
                continue;
            }
            let Some(section) = constants.iter().find(|section| section.holds(start)) else { continue };
            let end = self.leas.get(index + 1).copied().unwrap_or(u64::MAX);
            let end = end.min(section.address.saturating_add(section.length as u64));
            let offset = section.offset + start.wrapping_sub(section.address) as usize;
            let leads_to_code = |at: &usize| {
                let value = image.u32(*at);
                let target = start.wrapping_add_signed(i64::from(value.cast_signed()));
                value != 0 && code.iter().any(|section| section.holds(target))
            };
            let places = (offset..).step_by(4).take((((end - start) / 4) as usize).min(left));
            let known = self.found.refs.len();
            let table = places.take_while(leads_to_code).map(|place| (place as u32, Kind::Table, 0));
            self.found.refs.extend(table);
            left -= self.found.refs.len() - known;
            if let [first, .., last] = self.found.refs[known..] {
                self.found.tables.push(Table { first: first.0, last: last.0, origin: start });
            } else {
                self.found.refs.truncate(known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::{Image, Layout};
    use super::*;

    #[test]
    fn sections_that_say_that_they_are_the_same_bytes_have_no_more_tables_than_fit() {
        let data: Vec<u8> = [4u8, 0, 0, 0].repeat(1024);
        let section = |role, length, address| Section { role, offset: 0, length, address };
        let last = 0u64.wrapping_sub(0x1000);
        let places: Vec<u64> = (1..20).map(|at| at << 20).chain([last]).collect();
        let mut sections = vec![section(Role::Code, 1 << 40, 0)];
        sections.extend(places.iter().map(|place| section(Role::Constants, 0x2000, *place)));
        let (layout, holes) = (Layout::default(), Vec::new());
        let image = Image { layout, sections, range: (0, 1 << 40), data: &data, fixed: false, holes };
        let mut finder = Finder::new(&image);
        // The last one goes on at the lowest addresses.
        finder.leas = [&[0x10], &places[..]].concat();
        finder.jump_tables();
        assert_eq!(finder.found.refs.len(), data.len() / 2);
        let origins: Vec<u64> = finder.found.tables.iter().map(|table| table.origin).collect();
        assert_eq!(origins, places[..2]);
    }
}
