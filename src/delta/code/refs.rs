//! Every reference in an image: where it lies and how it says what it points to.

use std::ops::Range;

use super::arm;
use super::image::{Image, Role};
use super::keep::keep;
use super::kind::{IN_FILE, Kind};
use super::places::{After, Run};
use super::starts::Starts;

/// Where there are none.
static NONE: Run = Run::EMPTY;
/// Most bytes of a reference.
const MOST_BYTES: usize = 8;
/// So many functions are tried one after the other.
const SOON: usize = 4;

/// A reference that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::delta) struct Ref {
    /// Where it lies in the file.
    pub(in crate::delta) place: usize,
    pub(in crate::delta) kind: Kind,
    /// How many instructions lie between it and its partner, which comes after a page and before a place in it.
    pub(super) reach: u8,
}

impl Ref {
    /// The place after its last byte.
    #[inline]
    pub(in crate::delta) fn end(&self) -> usize {
        self.place + self.kind.width()
    }
}

/// Goes through references, one after the other.
#[derive(Debug, Clone)]
pub(in crate::delta) struct Following<'a> {
    places: After<'a>,
    reaches: &'a [u8],
    /// What comes after these.
    runs: &'a [Run],
}

impl Iterator for Following<'_> {
    type Item = Ref;

    #[inline]
    fn next(&mut self) -> Option<Ref> {
        loop {
            if let Some((index, place, kind)) = self.places.next() {
                return Some(Ref { place, kind, reach: self.reaches.get(index).copied().unwrap_or(0) });
            }
            let run = self.runs.split_off_first()?;
            (self.places, self.reaches) = (run.after(0), &run.reaches);
        }
    }
}

/// Tells the frames of references: mostly the next one lies in the same function.
#[derive(Debug, Default)]
pub(in crate::delta) struct Functions {
    /// The number of the last one, and from where to where it goes.
    last: (usize, Range<usize>),
}

impl Functions {
    /// The number of the frame in which a reference says a place.
    #[inline]
    pub(in crate::delta) fn frame(&mut self, refs: &Refs, of: Ref) -> usize {
        if !self.last.1.contains(&of.place) {
            self.last = refs.around(of.place, self.last.0);
        }
        of.kind.frame(self.last.0)
    }
}

/// References that say how far their targets are from a common origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table {
    /// The places of the first and the last.
    pub(super) first: u32,
    pub(super) last: u32,
    /// The address they count from.
    pub(super) origin: u64,
}

/// Runs of references that are put among those before; if there are more, all are sorted.
const MOST_RUNS: usize = 64;

/// References are in order by place, then by kind.
pub(super) fn order(of: &Told) -> u64 {
    (u64::from(of.0) << 16) | (u64::from(of.1 as u8) << 8) | u64::from(of.2)
}

/// Puts references in order. They come in a few runs that are in order, and most of these lie in
/// places of their own.
pub(super) fn put_in_order(refs: &mut [Told]) {
    let mut start = 0;
    for _ in 0..MOST_RUNS {
        let mut runs = refs[start..].chunk_by(|left, right| order(left) <= order(right));
        let Some(run) = runs.next() else { return };
        let end = start + run.len();
        let among = refs[..start].partition_point(|of| order(of) <= order(&run[0]));
        if refs[among..start].first().is_some_and(|next| order(next) <= order(&refs[end - 1])) {
            merge(&mut refs[among..end], start - among);
        } else {
            refs[among..end].rotate_left(start - among);
        }
        start = end;
    }
    if start < refs.len() {
        refs.sort_by_key(order);
    }
}

/// Merges two runs that are in order, of which the second begins at `middle`: of equals those of the first come first.
fn merge(refs: &mut [Told], middle: usize) {
    let second = refs[middle..].to_vec();
    let (mut left, mut end) = (middle, refs.len());
    for of in second.iter().rev() {
        // Most lie not far from the one before.
        let is_after = |at: &usize| order(&refs[*at]) > order(of);
        let mut step = 1;
        while step < left && is_after(&(left - step)) {
            step *= 2;
        }
        let from = left.saturating_sub(step);
        let at = from + refs[from..left].partition_point(|known| order(known) <= order(of));
        refs.copy_within(at..left, end - (left - at));
        end -= left - at + 1;
        (left, refs[end]) = (at, *of);
    }
}

/// A reference as it was found: its place, its kind, and how far away its partner is.
pub(super) type Told = (u32, Kind, u8);

/// The references of an image, by place.
#[derive(Debug, Default)]
pub(in crate::delta) struct Refs {
    /// In order, and where each of them ends.
    runs: Vec<Run>,
    ends: Vec<usize>,
    tables: Vec<Table>,
    /// Places in the file where functions begin, in order.
    functions: Vec<u32>,
    /// Where instructions of x86-64 begin.
    starts: Starts,
    /// The address of `.eh_frame_hdr`, in Mach-O of `__eh_frame`.
    pub(super) frame_table: u64,
}

impl Refs {
    /// Finds the references of an image.
    pub(in crate::delta) fn find(image: &Image<'_>) -> Self {
        let super::find::Found { code, refs, others, mut tables, frame_table, starts } =
            super::find::find(image);
        tables.sort_unstable();
        let runs = keep(code, (&refs, &others), image.data.len());
        let ends = runs.iter().map(|run| run.places.next()).collect();
        let mut kept = Self { runs, ends, tables, starts, frame_table, ..Self::default() };
        kept.functions = kept.functions(image);
        kept
    }

    fn functions(&self, image: &Image<'_>) -> Vec<u32> {
        let tell = |role: Role| matches!(role, Role::Frames | Role::WideFrames | Role::Functions);
        let sections = image.sections.iter().filter(|section| tell(section.role));
        // From the first of them to the end of the last.
        let all = sections.map(|section| section.offset..section.offset + section.length);
        let all = all.reduce(|left, right| left.start.min(right.start)..left.end.max(right.end));
        let all = self.within(all.unwrap_or_default());
        let addresses = all.filter_map(|of| match of.kind {
            Kind::Length => self.function(image, of.place),
            Kind::FarLength => self.far_function(image, of.place),
            Kind::Start => self.target(image, of),
            _ => None,
        });
        let mut places: Vec<u32> =
            addresses.filter_map(|address| u32::try_from(image.layout.offset(address)?).ok()).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The references that lie wholly in these bytes.
    #[inline]
    pub(in crate::delta) fn within(&self, bytes: Range<usize>) -> impl Iterator<Item = Ref> + '_ {
        // Most are told to be so by where they begin.
        let all = bytes.end.saturating_sub(MOST_BYTES);
        self.from(bytes.start).take_while(move |of| of.place <= all || of.end() <= bytes.end)
    }

    /// The references at `place` or after it.
    #[inline]
    pub(in crate::delta) fn from(&self, place: usize) -> Following<'_> {
        let at = self.ends.partition_point(|&end| end <= place);
        let (run, runs) = self.runs.get(at..).and_then(<[Run]>::split_first).unwrap_or((&NONE, &[]));
        Following { places: run.after(place), reaches: &run.reaches, runs }
    }

    /// The last reference that begins before `place`, if it may reach beyond it.
    pub(in crate::delta) fn across(&self, place: usize) -> Option<Ref> {
        self.from(place.saturating_sub(MOST_BYTES - 1)).take_while(|of| of.place < place).last()
    }

    /// The number of the function that a place lies in, and from where to where it goes: from one such place to the next.
    /// Mostly it comes soon after another one.
    fn around(&self, place: usize, other: usize) -> (usize, Range<usize>) {
        let all = &self.functions;
        let is_after = |at: usize| all.get(at).is_none_or(|&start| start as usize > place);
        let soon = (other..other + SOON).find(|&at| is_after(at) && (at == 0 || !is_after(at - 1)));
        let after = soon.unwrap_or_else(|| all.partition_point(|&start| start as usize <= place));
        let start = after.checked_sub(1).map_or(0, |at| all[at] as usize);
        (after, start..all.get(after).map_or(usize::MAX, |&end| end as usize))
    }

    /// How many bytes of the instruction that a byte of x86-64 code lies in come before it.
    pub(in crate::delta) fn inside(&self, place: usize) -> u32 {
        self.starts.inside(place)
    }

    /// What the references of the table around a place count from.
    pub(super) fn origin(&self, place: usize) -> Option<u64> {
        let after = self.tables.partition_point(|table| table.first as usize <= place);
        let table = self.tables.get(after.checked_sub(1)?)?;
        (place <= table.last as usize).then_some(table.origin)
    }

    /// What a reference points to: an address, relative to the image in PE and Mach-O, or a place in the file.
    #[inline]
    pub(in crate::delta) fn target(&self, image: &Image<'_>, of: Ref) -> Option<u64> {
        let Ref { place, kind, reach } = of;
        let word = image.u32(place);
        let long = u64::from(word);
        let near = i64::from(word.cast_signed());
        let here = || image.layout.address(place as u64);
        let after = |bytes: u64| Some(here()?.wrapping_add(bytes).wrapping_add_signed(near));
        match kind {
            Kind::Near | Kind::Near1 | Kind::Near2 | Kind::Near4 | Kind::Here => after(kind.after()),
            Kind::Pointer => Some(image.u64(place).wrapping_sub(image.layout.base)),
            Kind::Short | Kind::Relative | Kind::Start | Kind::End => Some(long),
            Kind::FrameTable => Some(self.frame_table.wrapping_add_signed(near)),
            Kind::Table => Some(self.origin(place)?.wrapping_add_signed(near)),
            Kind::Length => Some(self.function(image, place)?.wrapping_add(long)),
            Kind::Back => Some(here()?.wrapping_sub(long)),
            Kind::Name => Some(IN_FILE | image.layout.names[0].wrapping_add(long)),
            Kind::DynamicName => Some(IN_FILE | image.layout.names[1].wrapping_add(long)),
            Kind::FarHere => Some(here()?.wrapping_add(image.u64(place))),
            Kind::FarLength => Some(self.far_function(image, place)?.wrapping_add(image.u64(place))),
            Kind::Frame => Some(self.frame_table.wrapping_add(long & 0x00ff_ffff)),
            Kind::Entry => Some(self.origin(place)?.wrapping_add(long & 0x00ff_ffff)),
            Kind::Fixup => Some(image.u64(place) & 0x000f_ffff_ffff),
            Kind::FixupAt => Some((image.u64(place) & 0x000f_ffff_ffff).wrapping_sub(image.layout.base)),
            Kind::Branch26 | Kind::Branch19 | Kind::Branch14 | Kind::Adr => {
                Some(here()?.wrapping_add(arm::number(kind, word)))
            }
            Kind::Stack1 | Kind::Stack4 | Kind::Base1 | Kind::Base4 | Kind::StackLow | Kind::StackPair => {
                None
            }
            Kind::Page | Kind::Low => {
                let between = usize::from(reach) * 4;
                let (page, low) = if kind == Kind::Page {
                    (place, place.checked_add(between)?)
                } else {
                    (place.checked_sub(between)?, place)
                };
                let beginning = arm::page(image.layout.address(page as u64)?);
                let page = beginning.wrapping_add(arm::number(Kind::Page, image.u32(page)));
                Some(page.wrapping_add(arm::number(Kind::Low, image.u32(low))))
            }
        }
    }

    /// The beginning of the function whose length stands at `place`.
    pub(super) fn function(&self, image: &Image<'_>, place: usize) -> Option<u64> {
        self.target(image, Ref { place: place.checked_sub(4)?, kind: Kind::Here, reach: 0 })
    }

    /// The same with addresses of eight bytes.
    pub(super) fn far_function(&self, image: &Image<'_>, place: usize) -> Option<u64> {
        self.target(image, Ref { place: place.checked_sub(8)?, kind: Kind::FarHere, reach: 0 })
    }
}
