//! Every reference in an image: where it lies and how it says what it points to.

use std::ops::Range;

use super::arm;
use super::image::Image;
use super::kind::{IN_FILE, Kind};

/// Bytes per entry of the index, as a power of two.
const BLOCK: u32 = 8;

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
            self.last = refs.around(of.place);
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

/// The references of an image, by place.
#[derive(Debug, Default)]
pub(in crate::delta) struct Refs {
    places: Vec<u32>,
    /// For each block of the file, the first reference in it or after it.
    blocks: Vec<u32>,
    kinds: Vec<(Kind, u8)>,
    tables: Vec<Table>,
    /// Places in the file where functions begin, in order.
    functions: Vec<u32>,
    /// The address of `.eh_frame_hdr`, in Mach-O of `__eh_frame`.
    pub(super) frame_table: u64,
}

impl Refs {
    /// Finds the references of an image.
    pub(in crate::delta) fn find(image: &Image<'_>) -> Self {
        let super::find::Found { mut refs, mut tables, frame_table } = super::find::find(image);
        tables.sort_unstable();
        // By place, then kind: most lie in order already.
        refs.sort_by_key(|&(place, kind, reach)| {
            (u64::from(place) << 16) | (u64::from(kind as u8) << 8) | u64::from(reach)
        });
        let mut kept = Self { tables, frame_table, ..Self::default() };
        let mut end = 0;
        kept.places.reserve_exact(refs.len());
        kept.kinds.reserve_exact(refs.len());
        // A page of which nobody says a place tells no address.
        let told = |of: &(u32, Kind, u8)| of.1 != Kind::Page || of.2 > 0;
        for (place, kind, reach) in refs.into_iter().filter(told) {
            // Of two that overlap, the first counts.
            if place as usize >= end && place as usize + kind.width() <= image.data.len() {
                end = place as usize + kind.width();
                kept.places.push(place);
                kept.kinds.push((kind, reach));
            }
        }
        kept.functions = kept.functions(image);
        for block in 0..=image.data.len() >> BLOCK {
            let mut at = kept.blocks.last().map_or(0, |&at| at as usize);
            while kept.places.get(at).is_some_and(|&place| (place as usize) < block << BLOCK) {
                at += 1;
            }
            kept.blocks.push(at as u32);
        }
        kept
    }

    fn functions(&self, image: &Image<'_>) -> Vec<u32> {
        let all = self.places.iter().zip(&self.kinds);
        let addresses = all.filter_map(|(&place, &(kind, reach))| match kind {
            Kind::Length => self.function(image, place as usize),
            Kind::FarLength => self.far_function(image, place as usize),
            Kind::Start => self.target(image, Ref { place: place as usize, kind, reach }),
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
        (self.from(bytes.start)..).map_while(move |index| self.get(index).filter(|of| of.end() <= bytes.end))
    }

    /// The number of the function that a place lies in, and from where to where it goes: from one such place to the next.
    fn around(&self, place: usize) -> (usize, Range<usize>) {
        let after = self.functions.partition_point(|&start| start as usize <= place);
        let start = after.checked_sub(1).map_or(0, |at| self.functions[at] as usize);
        (after, start..self.functions.get(after).map_or(usize::MAX, |&end| end as usize))
    }

    /// How many there are.
    #[cfg(feature = "vendor")]
    pub(in crate::delta) fn len(&self) -> usize {
        self.places.len()
    }

    /// One of them.
    #[inline]
    pub(in crate::delta) fn get(&self, index: usize) -> Option<Ref> {
        let (kind, reach) = *self.kinds.get(index)?;
        Some(Ref { place: self.places[index] as usize, kind, reach })
    }

    /// The first reference at `place` or after it.
    pub(in crate::delta) fn from(&self, place: usize) -> usize {
        let Some(&at) = self.blocks.get(place >> BLOCK) else { return self.places.len() };
        let mut at = at as usize;
        while self.places.get(at).is_some_and(|&other| (other as usize) < place) {
            at += 1;
        }
        at
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
            Kind::Near => after(4),
            Kind::Near1 => after(5),
            Kind::Near2 => after(6),
            Kind::Near4 => after(8),
            Kind::Here => after(0),
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
