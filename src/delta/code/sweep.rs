//! Reads the instructions of x86-64 code one after the other, and keeps what in them refers to something.
//!
//! Where an instruction begins is known when the one before it was read, so a processor would wait most of the time. Code is
//! read from several places at once instead: instructions of x86 soon fall into step, and from a place on that two
//! readers come to, both read the same.

use std::mem::take;
use std::ops::Range;

use super::super::threads::share;
use super::find::Finder;
use super::image::{Form, Image, Section};
use super::kind::Kind;
use super::places::Places;
use super::starts::{Begins, Starts};
use super::x86::{Address, Table, Told, next, read, table};

/// Places from which a thread reads.
const LANES: usize = 4;
/// Code of so many bytes is read from several places; of so many, by two threads.
const MANY: usize = 16 << 10;
pub(super) const LONG: usize = 1 << 20;
/// Long code is read from so many times as many places at most, one after the other by those who are ready.
const MOST_GROUPS: usize = 24;
/// How many bytes of code have a reference, about.
const CODE_PER_REF: usize = 10;
/// How many bytes that say something a lane reads at most before it looks at the addresses among them, and at least; how
/// far it comes with each of them at most, and to the end of the last instruction; and a power of two of bytes that is
/// more than all of it.
const BURST: usize = 512;
const LEAST: usize = 32;
const SKIP: usize = 9;
const REST: usize = 256;
const SPAN: usize = 8192;
/// Addresses that may be among them, and what more it takes to end an instruction.
const SEEN: usize = 1024;
/// What needs more bytes is no instruction.
const MOST: usize = 16;
/// So many loads of addresses are remembered with their places.
const EARLY: usize = 1024;

/// What was found in a stretch of code.
pub(super) struct Swept {
    pub(super) refs: Places,
    /// Where addresses are loaded from or what they are, and the places of the first of these.
    leas: Vec<u64>,
    early: Vec<u32>,
    /// Addresses that are looked at: their places, what they are and how many bytes follow (see [`kinds`]), and where they
    /// lead.
    leading: Vec<(u32, u32, u64)>,
}

impl Swept {
    fn of(bytes: &Range<usize>) -> Self {
        let mut refs = Places::from(bytes.start);
        refs.reserve(bytes.len() / CODE_PER_REF);
        Self { refs, leas: Vec::new(), early: Vec::new(), leading: Vec::new() }
    }

    /// Puts addresses in order whose places nobody needs: most are loaded many times.
    fn tidy(&mut self) {
        if let Some(rest) = self.leas.get(EARLY..) {
            let mut rest = rest.to_vec();
            rest.sort_unstable();
            rest.dedup();
            self.leas.truncate(EARLY);
            self.leas.append(&mut rest);
        }
    }

    /// The index of the first reference at a place or after it, and what addresses are loaded from there on.
    pub(super) fn after(&self, from: usize) -> (usize, &[u64]) {
        let leas = self.early.partition_point(|&place| (place as usize) < from);
        (self.refs.index(from), &self.leas[leas..])
    }
}

/// One that reads code.
struct Lane<'s> {
    /// Where it began, where it is, and where the instructions of others begin.
    start: usize,
    at: usize,
    last: usize,
    /// No instruction reaches beyond this.
    end: usize,
    found: Swept,
    /// Where its instructions begin.
    begins: Begins<'s>,
}

impl<'s> Lane<'s> {
    /// Reads these bytes; `begins` are those of them and what comes after.
    fn of(bytes: &Range<usize>, end: usize, begins: &mut Begins<'s>) -> Self {
        let (start, last) = (bytes.start, bytes.end);
        Self { start, at: start, last, end, found: Swept::of(bytes), begins: begins.split_off(bytes) }
    }

    /// Whether an instruction begins here, and what comes from there on can be told from what comes before.
    fn has(&self, at: usize) -> bool {
        let Swept { early, .. } = &self.found;
        let is_known = early.last().is_none_or(|&last| early.len() < EARLY || at <= last as usize);
        is_known && self.begins.has(at)
    }
}

/// What a lane has seen in a burst.
struct Burst {
    /// Of instructions whose addresses count: where the last byte that says something of them lies, and what it says.
    seen: [(u32, Told); SEEN],
    /// A one where an instruction begins.
    begins: [u8; SPAN],
}

impl Burst {
    const NEW: Self = Self { seen: [(0, Told::START); SEEN], begins: [0; SPAN] };
}

/// Where in a burst its lane is, what the byte before said, and how many addresses were seen.
#[derive(Clone, Copy)]
struct Cursor {
    at: usize,
    told: Told,
    seen: usize,
}

/// What is done with addresses of one class.
#[derive(Clone, Copy)]
struct Class {
    /// Those that are relative to the end of their instruction have all bits set.
    relative: u64,
    /// The bits that count of what comes out.
    mask: u64,
    /// What may come out: the lowest, and how many after it.
    low: u64,
    span: u64,
    /// Whether there is more to see to.
    is_doubtful: bool,
}

/// How the code of a section is read.
struct Sweep<'i, 'a> {
    image: &'i Image<'a>,
    section: &'i Section,
    table: &'static Table,
    /// What counts (see [`Told::counts`]), and whether values do.
    wanted: u32,
    values: bool,
    classes: [Class; 8],
    kinds: [Kind; 64],
}

/// Reads the instructions in ranges of a section.
pub(super) fn sweep(finder: &mut Finder<'_, '_>, section: &Section, ranges: &[Range<usize>]) {
    let sweep = Sweep::new(finder.image, section);
    let mut starts = take(&mut finder.found.starts);
    let mut begins = starts.begins();
    let lanes = ranges.iter().flat_map(|range| split(range).map(|bytes| (bytes, range.end)));
    let mut lanes: Vec<Lane<'_>> = lanes.map(|(bytes, end)| Lane::of(&bytes, end, &mut begins)).collect();
    let all: usize = ranges.iter().map(Range::len).sum();
    let name = (all >= LONG).then_some("references");
    share(name, lanes.chunks_mut(LANES), |lanes, bursts| sweep.read(lanes, bursts));
    let (mut at, mut left_over) = (0, Vec::new());
    for mut lane in lanes {
        // It has, unless a thread has failed.
        sweep.step_until(&mut lane, |_| false);
        // Each range begins with an instruction. Within one, the lane before goes on to where both are in step.
        at = at.max(lane.start);
        if at > lane.start {
            let rest = at.min(lane.last)..lane.last;
            let mut others = Starts::of(rest.clone());
            let mut gap = Lane::of(&rest, lane.end, &mut others.begins());
            sweep.step_until(&mut gap, |at| lane.has(at));
            at = at.max(gap.at);
            lane.begins.replace(lane.start..at.min(lane.last), &gap.begins);
            finder.take(gap.found, 0);
        }
        if at < lane.last {
            finder.take(lane.found, at);
            at = lane.at;
        }
        left_over.push(lane.begins.left_over());
    }
    left_over.into_iter().for_each(|(word, ones)| starts.begins().add(word, ones));
    finder.found.starts = starts;
}

/// From where a range is read: from its beginning, and if it is long from other places of it too.
fn split(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let lanes = match range.len() {
        0..MANY => 1,
        MANY..LONG => LANES,
        length => (length / LONG).clamp(2, MOST_GROUPS) * LANES,
    };
    let (start, end) = (range.start, range.end);
    let begin = move |lane: usize| match lane {
        0 => start,
        // Those of two lanes are not in one word.
        _ if lane < lanes => (start + (end - start) / lanes * lane).next_multiple_of(64),
        _ => end,
    };
    (0..lanes).map(move |lane| begin(lane)..begin(lane + 1))
}

impl<'i, 'a> Sweep<'i, 'a> {
    fn new(image: &'i Image<'a>, section: &'i Section) -> Self {
        let (low, high) = image.range;
        let own = Class { relative: 0, mask: 0, low: 0, span: 1, is_doubtful: false };
        let near = Class { relative: u64::MAX, mask: u64::MAX, ..own };
        let mut classes = [own; 8];
        classes[Address::None as usize] = Class { span: 0, ..own };
        classes[Address::Memory as usize] = Class { low, span: high.saturating_sub(low), ..near };
        let (start, span) = (section.address, section.length as u64);
        classes[Address::Branch as usize] = Class { low: start, span, ..near };
        // The first page holds headers; small numbers are numbers.
        let pe = image.layout.form == Form::Pe;
        let low = if pe { 0x1000 } else { low.saturating_add(0x1000) };
        let high = if pe { 1 << 32 } else { high };
        let span = high.saturating_sub(low);
        classes[Address::Displacement as usize] =
            Class { low, span, mask: u32::MAX.into(), is_doubtful: pe, ..own };

        let values = image.fixed && !pe;
        let wanted = Told::wanted(pe || image.fixed, values);
        let kinds = kinds(if pe { Kind::Relative } else { Kind::Short });
        Self { image, section, table: table(), wanted, values, classes, kinds }
    }

    /// Lets lanes read all that is theirs, as long as they can at once. Short ones need no room for bursts.
    fn read(&self, lanes: &mut [Lane<'_>], bursts: &mut Option<Box<[Burst; LANES]>>) {
        if lanes.iter().all(|lane| self.steps(lane).is_none()) {
            lanes.iter_mut().for_each(|lane| self.step_until(lane, |_| false));
            return;
        }
        let bursts = bursts.get_or_insert_with(|| Box::new([const { Burst::NEW }; LANES]));
        if let Ok(lanes) = <&mut [Lane<'_>; LANES]>::try_from(&mut *lanes) {
            while let Some(steps) = lanes.iter().map(|lane| self.steps(lane)).min().flatten() {
                self.at_once(lanes, bursts, steps);
            }
        }
        for lane in lanes {
            while let Some(steps) = self.steps(lane) {
                let burst = &mut bursts[0];
                let (code, mut cursor) = self.begin(lane, burst);
                (0..steps).for_each(|_| self.byte(code, burst, &mut cursor));
                self.end(lane, burst, (code, cursor));
            }
            self.step_until(lane, |_| false);
            lane.found.tidy();
        }
    }

    /// Goes on in four lanes by so many bytes that say something, in all of them at once. There is no branch but where no
    /// instruction is: what comes next in code can't be foretold, and to do all that may be to do takes less time than to
    /// find out what it is.
    fn at_once(&self, lanes: &mut [Lane<'_>; LANES], bursts: &mut [Burst; LANES], steps: usize) {
        let begun: [_; LANES] = std::array::from_fn(|lane| self.begin(&lanes[lane], &mut bursts[lane]));
        let [(code_a, mut a), (code_b, mut b), (code_c, mut c), (code_d, mut d)] = begun;
        let [burst_a, burst_b, burst_c, burst_d] = &mut *bursts;
        for _ in 0..steps {
            self.byte(code_a, burst_a, &mut a);
            self.byte(code_b, burst_b, &mut b);
            self.byte(code_c, burst_c, &mut c);
            self.byte(code_d, burst_d, &mut d);
        }
        let ends = [(code_a, a), (code_b, b), (code_c, c), (code_d, d)];
        for ((lane, burst), end) in lanes.iter_mut().zip(bursts).zip(ends) {
            self.end(lane, burst, end);
        }
    }

    /// How many bytes that say something come before the end of a lane at least; nothing if they are too few for a burst.
    fn steps(&self, lane: &Lane<'_>) -> Option<usize> {
        let left = lane.last.saturating_sub(lane.at + REST);
        let fits = (lane.at & !63) + SPAN <= self.image.data.len();
        Some((left / SKIP).min(BURST)).filter(|steps| fits && *steps >= LEAST)
    }

    /// Begins a burst: the bytes that it may reach, and where in them it is.
    fn begin(&self, lane: &Lane<'_>, burst: &mut Burst) -> (&'i [u8; SPAN], Cursor) {
        let from = lane.at & !63;
        burst.begins[lane.at - from] = 1;
        let code = self.image.data.get(from..).and_then(|code| code.first_chunk());
        (code.unwrap_or(&[0; SPAN]), Cursor { at: lane.at - from, told: Told::START, seen: 0 })
    }

    /// Ends a burst with an instruction.
    fn end(&self, lane: &mut Lane<'_>, burst: &mut Burst, (code, mut cursor): (&[u8; SPAN], Cursor)) {
        while cursor.told.ends() == 0 {
            self.byte(code, burst, &mut cursor);
        }
        let (from, at) = (lane.at & !63, cursor.at % SPAN);
        burst.begins[at] = 0;
        lane.at = from + at;
        lane.begins.put_all(from, &mut burst.begins[..at.next_multiple_of(64)]);
        self.look(from, &burst.seen[..cursor.seen], &mut lane.found);
    }

    /// Reads a byte.
    #[expect(clippy::inline_always, reason = "done for several at once")]
    #[inline(always)]
    fn byte(&self, code: &[u8; SPAN], burst: &mut Burst, cursor: &mut Cursor) {
        let next = next(self.table, cursor.told, code[cursor.at % SPAN]);
        burst.seen[cursor.seen % SEEN] = (cursor.at as u32, next);
        cursor.seen += usize::from(next.counts(self.wanted));
        cursor.at += next.skip();
        burst.begins[cursor.at % SPAN] = next.ends();
        cursor.told = next;
        if next.is_rare() {
            *cursor = self.rare(code, burst, *cursor);
        }
    }

    /// Reads an instruction with many prefixes. Where there is none, the byte after its first one may begin another.
    #[cold]
    fn rare(&self, code: &[u8; SPAN], burst: &mut Burst, cursor: Cursor) -> Cursor {
        let begin = burst.begins[..cursor.at % SPAN].iter().rposition(|&begins| begins == 1).unwrap_or(0);
        if let Some((last, told)) = read(self.table, &code[begin..begin + MOST]) {
            burst.seen[cursor.seen % SEEN] = ((begin + last) as u32, told);
            let (at, seen) =
                (begin + last + told.skip(), cursor.seen + usize::from(told.counts(self.wanted)));
            burst.begins[at] = 1;
            return Cursor { at, told, seen };
        }
        (burst.begins[begin], burst.begins[begin + 1]) = (0, 1);
        Cursor { at: begin + 1, told: Told::START, ..cursor }
    }

    /// Reads one instruction after the other up to the end of a lane, or until the next one begins at a place.
    fn step_until(&self, lane: &mut Lane<'_>, place: impl Fn(usize) -> bool) {
        let mut seen = Vec::new();
        while lane.at < lane.last && !place(lane.at) {
            let code = &self.image.data[lane.at..lane.end.min(lane.at + MOST)];
            let Some((last, told)) = read(self.table, code) else {
                lane.at += 1;
                continue;
            };
            lane.begins.put(lane.at);
            if told.counts(self.wanted) {
                seen.push(((lane.at + last) as u32, told));
            }
            lane.at += last + told.skip();
            if seen.len() == SEEN {
                self.look(0, &seen, &mut lane.found);
                seen.clear();
            }
        }
        self.look(0, &seen, &mut lane.found);
        lane.found.leading = Vec::new();
    }

    /// Keeps those of the addresses that lead somewhere; places count from `from`.
    fn look(&self, from: usize, seen: &[(u32, Told)], found: &mut Swept) {
        let base = self.section.address.wrapping_sub(self.section.offset as u64);
        // Each may say a value beside its address.
        let (mut leading, mut count) = (take(&mut found.leading), 0);
        leading.resize(leading.len().max(2 * seen.len()), (0, 0, 0));
        let mut add = |(place, address, follow): (usize, usize, usize)| {
            let class = &self.classes[address];
            let value = i64::from(self.image.u32(place).cast_signed()).cast_unsigned();
            let next = base.wrapping_add((place + 4 + follow) as u64);
            let target = value.wrapping_add(next & class.relative) & class.mask;
            let leads = target.wrapping_sub(class.low) < class.span;
            let what = (address | follow << 3) as u32 | u32::from(!leads | class.is_doubtful) << DOUBTFUL;
            leading[count] = (place as u32, what, target);
            count += usize::from(leads | (address == Address::Branch as usize));
        };
        for &(last, told) in seen {
            let last = from + last as usize;
            let (address, follow) = told.address();
            add((last + 1, address, follow));
            if self.values && follow == 4 {
                add((last + told.skip() - 4, Address::Displacement as usize, 0));
            }
        }
        let (mut leas, known) = (found.leas.len(), found.leas.len());
        found.leas.resize(known + count, 0);
        for &(place, what, target) in &leading[..count] {
            let (place, kind) = (place as usize, self.kinds[what as usize % 64]);
            if what >> DOUBTFUL == 1 && !self.leads(target, kind) {
                continue;
            }
            found.refs.put(place, kind);
            found.leas[leas] = target;
            let opcode = self.image.data.get(place.wrapping_sub(2));
            let loads = (what & 7 == Address::Memory as u32) & (opcode == Some(&0x8d));
            leas += usize::from(loads | (kind == Kind::Short));
            if found.early.len() < EARLY && leas > found.early.len() {
                found.early.push(place as u32);
            }
        }
        found.leas.truncate(leas);
        found.leading = leading;
    }

    /// Whether an address that leads out of its section, or may lead nowhere, leads somewhere.
    #[cold]
    fn leads(&self, target: u64, kind: Kind) -> bool {
        match kind {
            Kind::Relative => self.image.layout.offset(target).is_some(),
            _ => self.image.in_code(target),
        }
    }
}

/// Where in what an address is it stands that it may lead nowhere.
const DOUBTFUL: u32 = 7;

/// The kinds of addresses in instructions, by what they are and eight times how many bytes follow; `displacement` is what
/// those are.
fn kinds(displacement: Kind) -> [Kind; 64] {
    std::array::from_fn(|at| match (Address::ALL[at & 7], at >> 3) {
        (Address::Displacement, _) => displacement,
        (Address::Stack1, _) => Kind::Stack1,
        (Address::Stack4, _) => Kind::Stack4,
        (Address::Base1, _) => Kind::Base1,
        (Address::Base4, _) => Kind::Base4,
        (_, 1) => Kind::Near1,
        (_, 2) => Kind::Near2,
        (_, 4) => Kind::Near4,
        _ => Kind::Near,
    })
}

#[cfg(test)]
mod tests {
    use super::super::find::Found;
    use super::super::image::{Layout, Part, Role};
    use super::super::places::Run;
    use super::*;

    /// Bytes of which so many of 256 are no code.
    fn code(length: usize, noise: u8) -> Vec<u8> {
        let mut state = 11u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        let opcodes = [0xe8, 0x48, 0x8b, 0x05, 0x0f, 0x84, 0x90, 0xc3, 0x8d, 0xc7, 0x44, 0x24, 0, 0, 0, 0];
        let prefixes = [0x66, 0x2e, 0xf3, 0x48, 0xc7, 0x84, 0x24, 0x62];
        let mut next = || match (byte() >= noise, noise) {
            (true, 3) => prefixes[usize::from(byte()) % prefixes.len()],
            (true, _) => opcodes[usize::from(byte()) % opcodes.len()],
            (false, _) => byte(),
        };
        (0..length).map(|_| next()).collect()
    }

    /// Looks for references in these bytes but for the first three and the last six.
    fn found(
        data: &[u8],
        (form, fixed): (Form, bool),
        sweep: impl Fn(&mut Finder<'_, '_>, &Section, Range<usize>),
    ) -> (Found, Vec<u64>) {
        let part = Part { offset: 0, address: 0x1000, length: data.len() as u64 };
        let layout = Layout { form, parts: vec![part], ..Layout::default() };
        let section = Section { role: Role::Code, offset: 3, length: data.len() - 9, address: 0x1003 };
        let range = (0x1000, 0x1000 + data.len() as u64);
        let sections = vec![section];
        let image = Image { layout, sections, range, data, fixed, holes: Vec::new() };
        let bytes = 3..data.len() - 6;
        let mut finder = Finder::new(&image);
        finder.found.starts = Starts::of(bytes.clone());
        sweep(&mut finder, &section, bytes);
        finder.leas.sort_unstable();
        finder.leas.dedup();
        (finder.found, finder.leas)
    }

    /// Reads one instruction after the other.
    fn serially(finder: &mut Finder<'_, '_>, section: &Section, bytes: Range<usize>) {
        let mut starts = take(&mut finder.found.starts);
        let mut lane = Lane::of(&bytes, bytes.end, &mut starts.begins());
        Sweep::new(finder.image, section).step_until(&mut lane, |_| false);
        finder.take(lane.found, 0);
        finder.found.starts = starts;
    }

    /// What was found in instructions.
    fn refs(found: &Found) -> Vec<(usize, Kind)> {
        found.code.iter().flat_map(Run::told).map(|of| (of.0 as usize, of.1)).collect()
    }

    #[test]
    fn many_that_read_find_what_one_finds() {
        for length in [9, 10, 100, 5000, MANY + 12, 3 * MANY + 77, 2 * LONG + 77] {
            for noise in [0, 3, 60, 255] {
                let data = code(length, noise);
                for kind in [(Form::Elf, false), (Form::Elf, true), (Form::Pe, false)] {
                    let many = found(&data, kind, |finder, section, bytes| sweep(finder, section, &[bytes]));
                    let one = found(&data, kind, serially);
                    let refs = [&many, &one].map(|found| refs(&found.0));
                    assert!(refs[0] == refs[1] && many.1 == one.1, "{length} {noise} {kind:?}");
                    assert_eq!(many.0.starts, one.0.starts, "{length} {noise} {kind:?}");
                    assert!(
                        length < 5000 || noise == 3 || refs[0].len() > length / 1000,
                        "{length} {noise} {kind:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn references_of_instructions_are_kept() {
        // call; lea rax, [rip+0x20]; mov dword [rip+0x10], 7; mov rax, [rsp+8]; mov rcx, [rbp-0x200]; a call that leads
        // nowhere; mov eax, [rax+0x1010]; no instruction.
        let data = [
            0, 0, 0, 0xe8, 0, 0, 0, 0, 0x48, 0x8d, 0x05, 0x20, 0, 0, 0, 0xc7, 0x05, 0x10, 0, 0, 0, 7, 0x10,
            0, 0, 0x48, 0x8b, 0x44, 0x24, 8, 0x48, 0x8b, 0x8d, 0, 0xfe, 0xff, 0xff, 0xe8, 0, 0, 0, 0x70,
            0x8b, 0x80, 0x10, 0x10, 0, 0, 0x06, 0, 0, 0, 0, 0, 0,
        ];
        let kept = |form, fixed| {
            let (found, leas) =
                found(&data, (form, fixed), |finder, section, bytes| sweep(finder, section, &[bytes]));
            (refs(&found), leas)
        };
        let (near, far) = ((4, Kind::Near), (11, Kind::Near));
        let frame = [(29, Kind::Stack1), (33, Kind::Base4)];
        let all = [&[near, far, (17, Kind::Near4)][..], &frame].concat();
        assert_eq!(kept(Form::Elf, false), (all.clone(), vec![0x102f]));
        let relative = [&all[..], &[(44, Kind::Relative)]].concat();
        assert_eq!(kept(Form::Pe, false), (relative, vec![0x102f]));
    }

    #[test]
    fn lanes_fall_into_step_late_and_find_no_more() {
        // mov rax, a number that has a `lea` in it; sixteen instructions of one byte now and then.
        let mov = [0x48, 0xb8, 0x48, 0x8d, 0x05, 0x20, 0, 0, 0, 0x6b];
        for count in [30, 250, 800] {
            let data = [mov.repeat(count), vec![0x90; 16]].concat().repeat(200_000 / (10 * count));
            let (many, leas) = found(&data, (Form::Elf, false), |finder, section, bytes| {
                sweep(finder, section, &[bytes]);
            });
            let (one, serial) = found(&data, (Form::Elf, false), serially);
            let same = refs(&many) == refs(&one) && many.starts == one.starts;
            assert!(same && leas == serial, "{count}");
        }
    }

    #[test]
    fn what_needs_more_than_sixteen_bytes_is_no_instruction() {
        // Prefixes; mov qword [rsp+0x290], 7. Prefixes; pternlogd with a displacement, after REX.
        let mov = [&[0x2e; 7][..], &[0x48, 0xc7, 0x84, 0x24, 0x90, 2, 0, 0, 7, 0, 0, 0]].concat();
        let logic = [&[0x2e; 4][..], &[0x48, 0x62, 0xf3, 0x7d, 0x48, 0x25, 0x84, 0x24, 0x10, 0, 0, 0, 7]];
        for (piece, first) in [(mov, 3), (logic.concat(), 1)] {
            let data = [&[0; 3][..], &piece.repeat(2000), &[0; 6]].concat();
            let (found, _) = found(&data, (Form::Elf, false), |finder, section, bytes| {
                sweep(finder, section, &[bytes]);
            });
            for at in (3..data.len() - 6).step_by(piece.len()) {
                let inside = |place: usize| found.starts.inside(at + place) as usize;
                assert!((first..first + 15).all(|place| inside(place) == place - first), "{at}");
            }
        }
    }
}
