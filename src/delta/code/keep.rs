//! Of all references that were found, those that count: of two that overlap, the first does.

use std::iter::{Peekable, from_fn};
use std::ops::Range;

use super::kind::Kind;
use super::places::{Places, Run, is_told};
use super::refs::{Told, order};

/// Those that count: of those in code, and of two other lists in order. What was found in code stays as it is, where none of
/// the others lie among it.
pub(super) fn keep(code: Vec<Run>, (left, right): (&[Told], &[Told]), length: usize) -> Vec<Run> {
    let mut others = merged(left, right).peekable();
    let mut kept = Keeping { runs: Vec::new(), is_open: false, end: 0, length };
    for mut run in code {
        run.tidy(run.tidied.max(run.first)..run.places.len());
        if run.len() == 0 {
            continue;
        }
        let begin = run.begin();
        while let Some(other) = others.next_if(|other| (other.0 as usize) < begin) {
            kept.add(other);
        }
        let is_alone = others.peek().is_none_or(|other| other.0 as usize >= run.places.next());
        if is_alone && kept.end <= begin {
            (kept.is_open, kept.end) = (false, run.places.next());
            kept.runs.push(run);
        } else {
            kept.add_beside(&run, &mut others);
        }
    }
    others.for_each(|other| kept.add(other));
    kept.runs
}

/// Those of two lists in order, in order.
fn merged<'t>(mut left: &'t [Told], mut right: &'t [Told]) -> impl Iterator<Item = &'t Told> {
    from_fn(move || {
        let is_left = match (left.first(), right.first()) {
            (Some(left), Some(right)) => order(left) <= order(right),
            (left, _) => left.is_some(),
        };
        if is_left { left.split_off_first() } else { right.split_off_first() }
    })
}

/// What is kept so far.
struct Keeping {
    runs: Vec<Run>,
    /// Whether the last run takes more.
    is_open: bool,
    /// Where the last one that was kept ends.
    end: usize,
    /// Bytes of the file.
    length: usize,
}

impl Keeping {
    /// The run that takes more, from a place on.
    fn open(&mut self, place: usize) -> &mut Run {
        if !self.is_open {
            self.runs.push(Run { places: Places::from(place), ..Run::EMPTY });
            self.is_open = true;
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    /// Keeps a reference if it counts.
    #[inline]
    fn add(&mut self, &(place, kind, reach): &Told) {
        let place = place as usize;
        if is_told(kind, reach) && place >= self.end && place + kind.width() <= self.length {
            self.open(place).put(place, kind, reach);
            self.end = place + kind.width();
        }
    }

    /// Keeps those of some in code that count, and the others before the last of them.
    fn add_beside<'t>(&mut self, run: &Run, others: &mut Peekable<impl Iterator<Item = &'t Told>>) {
        let (code, mut code_at) = (&run.places, run.first);
        let mut next = run.after(0).peek();
        let last = code.len().checked_sub(1).map_or(0, |last| code.at(last));
        loop {
            let other = others.next_if(|other| other.0 as usize <= last);
            let before = other.map_or(u64::MAX, order);
            let is_before = |of: (usize, usize, Kind)| order(&(of.1 as u32, of.2, run.reach(of.0))) <= before;
            if next.is_some_and(is_before) {
                let mut rest = code.after(other.map_or(usize::MAX, |other| other.0 as usize));
                while rest.peek().is_some_and(is_before) {
                    rest.next();
                }
                next = rest.peek();
                let upto = next.map_or(code.len(), |of| of.0);
                self.take(run, code_at..upto);
                code_at = upto;
            }
            let Some(other) = other else { return };
            self.add(other);
        }
    }

    /// Takes references in code from where the last one ends that was kept.
    fn take(&mut self, run: &Run, range: Range<usize>) {
        let from = range.start.max(run.places.index(self.end)).min(range.end);
        if from < range.end {
            let open = self.open(run.places.at(from));
            open.append(run, from..range.end);
            self.end = open.places.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// References that may overlap, in order; of some pages nobody says a place.
    fn any_told(most: u32) -> impl Strategy<Value = Vec<Told>> {
        let kind = prop_oneof![Just(Kind::Near), Just(Kind::Pointer), Just(Kind::Base1), Just(Kind::Page)];
        let of = (0..most, kind, 0..3u8);
        proptest::collection::vec(of, 0..60).prop_map(|mut all| {
            all.sort_by_key(order);
            all
        })
    }

    /// What comes in code does so without overlaps, in several runs of which the first few do not count.
    fn runs(all: &[Told], cut: usize, first: usize) -> Vec<Run> {
        let (mut runs, mut end) = (Vec::new(), 0);
        for part in all.chunks(cut) {
            let mut run = Run { places: Places::from(end), ..Run::EMPTY };
            for &(place, kind, reach) in part {
                if place as usize >= end {
                    run.places.put(place as usize, kind);
                    run.reaches.push(reach);
                    end = place as usize + kind.width();
                }
            }
            run.first = first.min(run.places.len());
            runs.push(run);
        }
        runs
    }

    /// One after the other, those that do not overlap with one before.
    fn one_by_one(mut all: Vec<Told>, length: usize) -> Vec<Told> {
        all.sort_by_key(order);
        let mut end = 0;
        all.retain(|&(place, kind, reach)| {
            let fits = place as usize >= end && place as usize + kind.width() <= length;
            let counts = fits && (kind != Kind::Page || reach > 0);
            end = if counts { place as usize + kind.width() } else { end };
            counts
        });
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn of_those_that_overlap_the_first_count(
            (code, left, right) in (any_told(900), any_told(1200), any_told(1200)),
            (cut, first) in (1..40usize, 0..3usize),
        ) {
            let of_code = || runs(&code, cut, first);
            let told = of_code().iter().flat_map(|run| run.told().collect::<Vec<_>>()).collect::<Vec<_>>();
            let right_ones = one_by_one([&told[..], &left, &right].concat(), 1190);
            let kept = keep(of_code(), (&left, &right), 1190);
            prop_assert_eq!(kept.iter().flat_map(Run::told).collect::<Vec<_>>(), right_ones);
        }
    }
}
