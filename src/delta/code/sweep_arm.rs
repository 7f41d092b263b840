//! Reads the instructions of aarch64 code, and keeps what in them refers to something.

use std::ops::Range;

use super::super::threads::share;
use super::arm::{self, Finds, Pages, REACH};
use super::find::Finder;
use super::image::{Image, Section};
use super::kind::Kind;
use super::places::{Places, Run};
use super::sweep::LONG;

/// Long code is read in so many pieces at most.
const MOST_PIECES: usize = 24;
/// How many instructions are read before the addresses among them are looked at.
const BURST: usize = 512;
/// How many instructions have a reference, about.
const CODE_PER_REF: usize = 3;

/// Reads the instructions of a section, all of four bytes. If they are many, two threads take one piece after the other:
/// which pages are said where that begins is known from the few instructions before.
pub(super) fn sweep_arm(finder: &mut Finder<'_, '_>, section: &Section) {
    let (image, count) = (finder.image, section.length / 4);
    let pieces = (section.length / LONG).clamp(1, MOST_PIECES);
    let begin = |piece: usize| if piece == pieces { count } else { count / pieces * piece };
    let of = |piece: usize| Read::of(image, section, begin(piece)..begin(piece + 1));
    let mut all: Vec<Option<Read>> = (0..pieces).map(|_| None).collect();
    let name = (pieces > 1).then_some("references");
    share(name, all.iter_mut().enumerate(), |(piece, read), &mut ()| *read = Some(of(piece)));
    let all = all.into_iter().enumerate();
    // All were read, unless a thread has failed.
    let mut all: Vec<Read> = all.map(|(piece, read)| read.unwrap_or_else(|| of(piece))).collect();
    for at in 1..all.len() {
        let (before, after) = all.split_at_mut(at);
        before[at - 1].learn(&after[0]);
    }
    for read in all {
        finder.leas.extend_from_slice(&read.leas);
        finder.keep(read.run);
    }
}

/// What was found in a piece.
struct Read {
    /// The first ones are pages said before it.
    run: Run,
    /// Where addresses of data are made.
    leas: Vec<u64>,
}

impl Read {
    /// Reads these instructions of a section; of the few before them only what pages they say.
    fn of(image: &Image<'_>, section: &Section, range: Range<usize>) -> Self {
        let (begin, from) = (range.start.saturating_sub(REACH), range.start);
        let mut places = Places::from(section.offset + begin * 4);
        places.reserve(range.len() / CODE_PER_REF);
        let reaches = Vec::with_capacity(range.len() / CODE_PER_REF);
        let mut read = Self { run: Run { places, reaches, ..Run::EMPTY }, leas: Vec::new() };
        let code = &image.data[section.offset..][..section.length];
        let words = &code.as_chunks::<4>().0[..range.end];
        let (mut finds, mut pages, mut seen) = (Finds::new(), Pages::default(), [0; BURST]);
        for at in (begin..range.end).step_by(BURST) {
            let mut count = 0;
            for (index, word) in (at..).zip(words[at..].iter().take(BURST)) {
                seen[count % BURST] = index as u32;
                count += usize::from(finds.take(index as u32, u32::from_le_bytes(*word)));
            }
            for &index in &seen[..count] {
                read.keep((image, section), (words, index as usize), from, &mut pages);
            }
        }
        read.run.first = read.run.places.index(section.offset + from * 4);
        // What uses the last pages may come in the next piece.
        let known = section.offset + range.end.saturating_sub(REACH).max(from) * 4;
        read.run.tidy(read.run.first..read.run.places.index(known));
        // Most are made many times.
        read.leas.sort_unstable();
        read.leas.dedup();
        read
    }

    /// Keeps what the instruction with this number says, if it leads somewhere. Before `from` only pages count.
    #[inline]
    fn keep(
        &mut self,
        (image, section): (&Image<'_>, &Section),
        (words, index): (&[[u8; 4]], usize),
        from: usize,
        pages: &mut Pages,
    ) {
        let (at, here) = (section.offset + index * 4, section.address.wrapping_add(index as u64 * 4));
        let word = u32::from_le_bytes(words[index]);
        let kind = arm::kind(word).filter(|kind| index >= from || *kind == Kind::Page);
        let Some(kind) = kind else { return };
        match kind {
            Kind::Page => {
                pages.say(index, word, self.run.places.len());
                self.put(at, kind, 0);
            }
            Kind::StackLow | Kind::StackPair => self.put(at, kind, 0),
            Kind::Low => {
                if let Some((back, said)) = pages.rest(words, index) {
                    self.pair(image, (at, here), back, (word, said));
                }
            }
            _ => {
                let target = here.wrapping_add(arm::number(kind, word));
                let branch = kind != Kind::Adr && !arm::loads(word);
                let near = section.holds(target);
                if near || (branch && image.in_code(target)) || (!branch && image.holds(target)) {
                    self.put(at, kind, 0);
                }
                if kind == Kind::Adr && !near {
                    self.leas.push(target);
                }
            }
        }
    }

    #[inline]
    fn put(&mut self, at: usize, kind: Kind, reach: u8) {
        if self.run.places.put(at, kind) {
            self.run.reaches.push(reach);
        }
    }

    /// The place in a page that stands at `at`; the page was said `back` instructions before, by the reference `said`.
    fn pair(&mut self, image: &Image<'_>, (at, here): (usize, u64), back: u8, (word, said): (u32, usize)) {
        let between = usize::from(back) * 4;
        let page = arm::number(Kind::Page, image.u32(at - between));
        let page = arm::page(here.wrapping_sub(between as u64)).wrapping_add(page);
        let target = page.wrapping_add(arm::number(Kind::Low, word));
        if !image.holds(target) {
            return;
        }
        self.put(at, Kind::Low, back);
        // The first that uses the page tells which of its addresses is meant.
        if let Some(reach) = self.run.reaches.get_mut(said).filter(|reach| **reach == 0) {
            *reach = back;
        }
        if arm::adds(word) {
            self.leas.push(target);
        }
    }

    /// The first that uses a page may come in the next piece.
    fn learn(&mut self, next: &Self) {
        for (index, place, _) in next.run.places.after(0).take(next.run.first) {
            let known = self.run.places.index(place);
            if let Some(reach) = self.run.reaches.get_mut(known).filter(|reach| **reach == 0) {
                *reach = next.run.reaches[index];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::{Layout, Machine, Part, Role};
    use super::super::places::is_told;
    use super::super::refs::Told;
    use super::*;

    #[test]
    fn many_that_read_aarch64_find_what_one_finds() {
        let mut state = 17u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u32
        };
        // adrp x8; ldr x9, [x8]; add x8, x8; mov x1, x0; bl; ret; ldr x0, [sp]
        let code =
            [0x9000_0008u32, 0xf940_0109, 0x9100_0108, 0xaa00_03e1, 0x9400_0010, 0xd65f_03c0, 0xf940_03e0];
        // Of the second kind of code, few say pages, and these are used far away.
        for rare in [1, 40] {
            let mut word = || match next().is_multiple_of(rare) {
                true if rare == 1 => code[next() as usize % 7],
                true => code[next() as usize % 3],
                false => code[3],
            };
            let data: Vec<u8> = (0..LONG).flat_map(|_| word().to_le_bytes()).collect();
            let part = Part { offset: 0, address: 0x1000, length: data.len() as u64 };
            let layout = Layout { machine: Machine::Arm, parts: vec![part], ..Layout::default() };
            let section = Section { role: Role::Code, offset: 8, length: data.len() - 8, address: 0x1008 };
            let range = (0x1000, 0x1000 + data.len() as u64);
            let sections = vec![section];
            let image = Image { layout, sections, range, data: &data, fixed: false, holes: Vec::new() };
            let one = Read::of(&image, &section, 0..section.length / 4);
            let mut all = Finder::new(&image);
            sweep_arm(&mut all, &section);
            let counts = |of: &Told| is_told(of.1, of.2);
            let told: Vec<Told> = all.found.code.iter().flat_map(Run::told).filter(counts).collect();
            assert!(told.len() > 1000 && all.found.code.len() > 1);
            all.leas.sort_unstable();
            all.leas.dedup();
            assert!(told.iter().copied().eq(one.run.told().filter(counts)) && all.leas == one.leas, "{rare}");
        }
    }
}
