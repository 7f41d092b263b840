//! Which of the stretches that were found are worth telling, and where each begins and ends: the cheapest way through
//! the new bytes, by what each step costs in the delta.

use super::align::{Stretch, join};
use super::work::each;

/// New bytes that are gone through at once.
const PIECE: usize = 256 << 10;
/// How far a stretch may grow on both sides.
const MARGIN: usize = 64;
/// Most stretches between which one may choose at one byte.
const MOST: usize = 24;
/// More than anything costs.
const NEVER: u32 = u32::MAX / 2;

/// What things cost, in sixteenths of a bit.
#[derive(Clone, Copy)]
pub(super) struct Prices {
    /// An extra byte.
    pub(super) extra: u32,
    /// The first of a row.
    pub(super) first: u32,
    /// A stretch, but for the bits that say how far away it is.
    pub(super) stretch: u32,
    /// A run of wrong bytes.
    pub(super) run: u32,
    /// A wrong byte.
    pub(super) wrong: u32,
    /// A right byte in a run of wrong ones.
    pub(super) amid: u32,
}

/// A bit.
const BIT: u32 = 16;

/// What the bits cost that say how far it is from one way to another.
fn far(from: i64, to: i64) -> u32 {
    BIT * (u64::BITS - from.abs_diff(to).leading_zeros())
}

impl Prices {
    /// As the packed streams of programs have them on average. What is packed by what surrounds it costs less, wrong bytes
    /// above all.
    pub(super) fn new(smallest: bool) -> Self {
        let (extra, wrong) = if smallest { (52, 64) } else { (62, 92) };
        Self { extra, first: 75, stretch: 430, run: 130, wrong, amid: 20 }
    }

    /// What it costs to begin a stretch elsewhere than where the last one would go on.
    pub(super) fn jump(&self, from: i64, to: i64) -> u32 {
        self.stretch + far(from, to)
    }

    /// The same where one may also go on with the one before (see [`crate::delta::ops::Lines`]).
    fn jump_from(&self, ways: [i64; 2], to: i64) -> u32 {
        self.stretch + far(ways[0], to).min(far(ways[1], to) + 2 * BIT)
    }
}

/// A stretch that may make the next byte.
#[derive(Clone, Copy)]
struct Open {
    /// Its index in the list of all.
    at: u32,
    way: i64,
    /// Where it ends in the new bytes.
    end: usize,
    /// What all up to here costs if it makes the last byte, right or within a run of wrong ones.
    costs: [u32; 2],
    /// And the way of the stretch before it.
    before: [i64; 2],
}

impl Open {
    /// The cheaper of both.
    fn cheapest(&self) -> Reached {
        let wrong = usize::from(self.costs[1] < self.costs[0]);
        let ways = [self.way, self.before[wrong]];
        Reached { cost: self.costs[wrong], from: (self.at + 1) << 1 | wrong as u32, ways }
    }
}

/// The cheapest way to a byte.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reached {
    cost: u32,
    from: From,
    /// The ways of the last two stretches, the last one first.
    ways: [i64; 2],
}

/// What made the byte before: 0 for an extra one; else twice the index of the stretch and two, and one more if it was in
/// a run of wrong ones.
type From = u32;

/// The cheapest stretches, of those given and parts of them.
pub(super) fn choose(
    old: &[u8],
    new: &[u8],
    stretches: &[Stretch],
    prices: &Prices,
    threads: usize,
) -> Vec<Stretch> {
    let pieces: Vec<usize> = (0..new.len()).step_by(PIECE).collect();
    let chosen = each(&pieces, threads, |&start| {
        Walk::new(old, new, stretches, prices, start, (start + PIECE).min(new.len())).run()
    });
    join(chosen.into_iter().flatten())
}

/// The way through a piece of the new bytes.
struct Walk<'a> {
    old: &'a [u8],
    new: &'a [u8],
    stretches: &'a [Stretch],
    prices: &'a Prices,
    start: usize,
    end: usize,
    next: usize,
    open: Vec<Open>,
    /// If the last byte is an extra one.
    extra: Reached,
    /// For each byte, what came before it if it is an extra one, and where its stretches begin in the next list.
    extras: Vec<(From, u32)>,
    /// For each byte and open stretch its index, and what came before.
    made: Vec<(u32, [From; 2])>,
}

impl<'a> Walk<'a> {
    fn new(
        old: &'a [u8],
        new: &'a [u8],
        stretches: &'a [Stretch],
        prices: &'a Prices,
        start: usize,
        end: usize,
    ) -> Self {
        let next = stretches.partition_point(|stretch| stretch.new + stretch.length + MARGIN <= start);
        let before = next.checked_sub(1).map_or(0, |at| stretches[at].way());
        Self {
            old,
            new,
            stretches,
            prices,
            start,
            end,
            next,
            open: Vec::new(),
            extra: Reached { ways: [before; 2], ..Reached::default() },
            extras: Vec::with_capacity(end - start),
            made: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Stretch> {
        let mut event = self.start;
        for at in self.start..self.end {
            if at >= event {
                event = self.turn(at);
            }
            self.step(at);
        }
        self.back()
    }

    /// Opens and closes stretches; returns where that is next to be done.
    fn turn(&mut self, at: usize) -> usize {
        self.open.retain(|open| open.end > at);
        while let Some(stretch) = self.stretches.get(self.next).filter(|stretch| stretch.new <= at + MARGIN) {
            let way = stretch.way();
            let length = (self.old.len() as i64 - way).clamp(0, self.new.len() as i64) as usize;
            let end = (stretch.new + stretch.length + MARGIN).min(length);
            let begins = at as i64 + way >= 0;
            if !begins && stretch.new > at {
                break;
            }
            if end > at && begins && self.open.len() < MOST {
                let covers = at == self.start && stretch.new <= at && stretch.new + stretch.length > at;
                let right = if covers { 0 } else { NEVER };
                let costs = [right, NEVER];
                self.open.push(Open { at: self.next as u32, way, end, costs, before: [way; 2] });
            }
            self.next += 1;
        }
        let opens =
            self.stretches.get(self.next).map_or(usize::MAX, |stretch| stretch.new.saturating_sub(MARGIN));
        self.open.iter().map(|open| open.end).chain([opens.max(at + 1)]).min().unwrap_or(usize::MAX)
    }

    /// Goes on by a byte.
    fn step(&mut self, at: usize) {
        let prices = self.prices;
        let mut reached = [Reached::default(); MOST];
        let mut best = Reached { cost: NEVER, ..Reached::default() };
        for (open, reached) in self.open.iter().zip(&mut reached) {
            *reached = open.cheapest();
            if reached.cost < best.cost {
                best = *reached;
            }
        }
        let reached = &reached[..self.open.len()];
        let extra = self.extra;
        let leaves = best.cost + prices.first;
        self.extras.push((if leaves < extra.cost { best.from } else { 0 }, self.made.len() as u32));
        let (cost, ways) = if leaves < extra.cost { (leaves, best.ways) } else { (extra.cost, extra.ways) };
        self.extra = Reached { cost: cost + prices.extra, from: 0, ways };
        let least = extra.cost.min(best.cost) + prices.stretch;
        for (index, open) in self.open.iter_mut().enumerate() {
            let mut on = reached[index];
            let mut before = on.ways[1];
            if on.cost > least {
                let others = reached.iter().enumerate().filter(|(other, _)| *other != index);
                for other in std::iter::once(&extra).chain(others.map(|other| other.1)) {
                    let cost = other.cost + prices.jump_from(other.ways, open.way);
                    if cost < on.cost {
                        (on.cost, on.from, before) = (cost, other.from, other.ways[0]);
                    }
                }
            }
            let amid = (open.at + 1) << 1 | 1;
            let (mut right, mut wrong) = ((NEVER, 0), (open.costs[1], amid));
            if self.old[(at as i64 + open.way) as usize] == self.new[at] {
                right = (on.cost, on.from);
                open.before[0] = before;
                wrong.0 += prices.amid;
            } else {
                wrong.0 += prices.wrong;
                let begun = on.cost + prices.run + prices.wrong;
                if begun < wrong.0 {
                    wrong = (begun, on.from);
                    open.before[1] = before;
                }
            }
            self.made.push((open.at, [right.1, wrong.1]));
            open.costs = [right.0.min(NEVER), wrong.0.min(NEVER)];
        }
    }

    /// The stretches on the way back from the cheapest end.
    fn back(self) -> Vec<Stretch> {
        let ends = self.open.iter().map(Open::cheapest).min().filter(|end| end.cost < self.extra.cost);
        let mut now = ends.map_or(0, |end| end.from);
        let mut found: Vec<Stretch> = Vec::new();
        for at in (self.start..self.end).rev() {
            let (from, first) = self.extras[at - self.start];
            let Some(index) = (now >> 1).checked_sub(1) else {
                now = from;
                continue;
            };
            let made = self.made[first as usize..].iter().find(|made| made.0 == index);
            let way = self.stretches[index as usize].way();
            match found.last_mut() {
                Some(later) if later.new == at + 1 && later.way() == way => {
                    (later.new, later.old, later.length) = (at, later.old - 1, later.length + 1);
                }
                _ => found.push(Stretch { old: (at as i64 + way) as usize, new: at, length: 1 }),
            }
            now = made.map_or(0, |made| made.1[(now & 1) as usize]);
        }
        found.reverse();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::align;
    use super::*;

    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..length).map(|_| byte()).collect()
    }

    #[test]
    fn stretches_begin_where_they_pay_and_bad_ones_are_left_out() {
        let old = noise(4000, 1);
        let new = [&old[..1000], &noise(300, 2), &old[2000..3000]].concat();
        let offers = [
            Stretch { old: 0, new: 0, length: 980 },
            // Nothing there is equal.
            Stretch { old: 3500, new: 1050, length: 100 },
            Stretch { old: 1960, new: 1260, length: 1040 },
        ];
        let chosen = choose(&old, &new, &offers, &Prices::new(false), 1);
        let right =
            [Stretch { old: 0, new: 0, length: 1000 }, Stretch { old: 2000, new: 1300, length: 1000 }];
        assert_eq!(chosen, right);
    }

    #[test]
    fn pieces_are_joined_and_any_offers_give_stretches_in_order() {
        let old = noise(PIECE * 2, 3);
        let one = [Stretch { old: 100, new: 0, length: old.len() - 100 }];
        assert_eq!(choose(&old, &old[100..], &one, &Prices::new(true), 2), one);
        let places = noise(6000, 4);
        let place = |at: usize| usize::from(places[at]) * 16;
        let mut offers: Vec<Stretch> = (0..1000)
            .map(|at| Stretch { old: place(at), new: place(at + 1000), length: place(at + 2000) / 8 + 1 })
            .collect();
        offers.sort_unstable_by_key(|stretch| (stretch.new, stretch.old, stretch.length));
        let (old, new) = (&old[..5000], noise(4700, 3));
        let chosen = choose(old, &new, &offers, &Prices::new(false), 1);
        assert!(chosen.iter().all(|stretch| stretch.old + stretch.length <= old.len()));
        assert!(chosen.windows(2).all(|pair| pair[0].new + pair[0].length <= pair[1].new));
    }

    #[test]
    fn of_many_places_the_nearest_counts() {
        let word = noise(40, 5);
        let mut old = noise(60_000, 6);
        (0..50).for_each(|at| old[at * 1000..][..40].copy_from_slice(&word));
        let new = [&old[20_100..20_300], &word[..], &old[20_400..20_600]].concat();
        let index = align::Suffixes::new(&old).unwrap();
        let far = [
            Stretch { old: 20_100, new: 0, length: 200 },
            Stretch { old: 47_000, new: 200, length: 40 },
            Stretch { old: 20_400, new: 240, length: 200 },
        ];
        let settled = super::super::settle::settle(&index, &new, &far, &Prices::new(false), 1);
        assert_eq!(settled[1].old, 20_000);
    }
}
