//! Where the same bytes lie in many places, the one that is told in the fewest bits.

use super::align::{Find, Stretch, join};
use super::choose::Prices;
use super::work::each;

/// Longer stretches stay where they are: what telling their place costs does not count.
const LONG: usize = 1024;
/// Stretches that one thread takes at least.
const PIECE: usize = 4096;
/// Most places looked at for one stretch.
const PLACES: usize = 1 << 14;
/// Those so near to one beside them stay too.
const NEAR: u64 = 64;
/// Fewest bytes by which places are looked for.
const SHORTEST: usize = 8;

/// Moves stretches to other old places that are as good and nearer.
pub(super) fn settle<F: Find>(
    index: &F,
    new: &[u8],
    stretches: &[Stretch],
    prices: &Prices,
    threads: usize,
) -> Vec<Stretch> {
    let pieces: Vec<usize> = (0..stretches.len()).step_by(PIECE).collect();
    let settled = each(&pieces, threads, |&start| {
        let end = (start + PIECE).min(stretches.len());
        let mut before = start.checked_sub(1).map_or(0, |at| stretches[at].way());
        let mut settled = Vec::with_capacity(end - start);
        for at in start..end {
            let after = stretches.get(at + 1).map(Stretch::way);
            let stretch = nearest((index, new), stretches[at], (before, after), prices);
            before = stretch.way();
            settled.push(stretch);
        }
        settled
    });
    join(settled.into_iter().flatten())
}

/// The stretch at the cheapest place, between the ways of those before and after it.
fn nearest<F: Find>(
    (index, new): (&F, &[u8]),
    stretch: Stretch,
    (before, after): (i64, Option<i64>),
    prices: &Prices,
) -> Stretch {
    let here = stretch.way();
    let near = |other: i64| here.abs_diff(other) < NEAR;
    if stretch.length > LONG || near(before) || after.is_some_and(near) {
        return stretch;
    }
    let old = index.text();
    let wanted = &new[stretch.new..][..stretch.length];
    let jump = |from, to| if from == to { 0 } else { prices.jump(from, to) };
    let cost = |way: i64| -> Option<u32> {
        let place = usize::try_from(stretch.new as i64 + way).ok()?;
        let there = old.get(place..place + stretch.length)?;
        let wrong = there.iter().zip(wanted).filter(|(there, wanted)| there != wanted).count();
        let on = after.map_or(0, |after| jump(way, after));
        // Two wrong bytes are one run, mostly.
        Some((prices.wrong + prices.run / 2) * wrong as u32 + jump(before, way) + on)
    };
    let mut best = (cost(here).unwrap_or(u32::MAX), here);
    let mut offer = |way: i64| {
        if let Some(cost) = cost(way).filter(|&cost| cost < best.0) {
            best = (cost, way);
        }
    };
    offer(before);
    after.iter().for_each(|&after| offer(after));
    let (start, length) = run(&old[stretch.old..][..stretch.length], wanted);
    let (most, half) = ((length * 3 / 4).max(SHORTEST), (length / 2).max(SHORTEST));
    if length >= SHORTEST {
        let end = start + length;
        let parts = [
            (start, end),
            (start, start + most),
            (end - most, end),
            (start, start + half),
            (end - half, end),
        ];
        for (from, to) in parts {
            let places = index.places(&wanted[from..to]);
            let places = &places[..places.len().min(PLACES)];
            let at = (stretch.new + from) as i64;
            for goal in [Some(before), after].into_iter().flatten() {
                let ways = places.iter().map(|place| i64::from(*place) - at);
                ways.min_by_key(|way| way.abs_diff(goal)).into_iter().for_each(&mut offer);
            }
        }
    }
    Stretch { old: (stretch.new as i64 + best.1) as usize, ..stretch }
}

/// The longest run of equal bytes.
fn run(left: &[u8], right: &[u8]) -> (usize, usize) {
    let (mut best, mut start) = ((0, 0), 0);
    for (at, (left, right)) in left.iter().zip(right).enumerate() {
        if left != right {
            start = at + 1;
        } else if at + 1 - start > best.1 {
            best = (start, at + 1 - start);
        }
    }
    best
}
