//! A script: which files are fetched from which mirrors, and what goes wrong with which request. Made from a seed.

use std::collections::BTreeMap;

use crate::support::fault_server::Fault;

/// An object of the stock as a script sees it.
#[derive(Debug, Clone)]
pub(super) struct Ware {
    /// Its path in a request.
    pub(super) path: String,
    /// Its size.
    pub(super) size: u64,
    /// Bytes the file has more than its object, while both are there.
    pub(super) unpacked: u64,
    /// Its piece list.
    pub(super) list: Option<(String, u64)>,
}

impl Ware {
    /// Paths and sizes of all that must be fetched for it.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, u64)> {
        let list = self.list.iter().map(|(path, size)| (path.as_str(), *size));
        std::iter::once((self.path.as_str(), self.size)).chain(list)
    }
}

/// What a mirror does with one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    /// With the first requests, one after the other.
    pub(super) first: Vec<Fault>,
    /// With all that follow; nothing if it behaves.
    pub(super) then: Option<Fault>,
}

/// A mirror.
#[derive(Debug, Clone, Default)]
pub(super) struct Mirror {
    /// Nobody listens there, ever.
    pub(super) closed: bool,
    /// From when to when it is down, in milliseconds.
    pub(super) outages: Vec<(u64, u64)>,
    /// What it does, by path.
    pub(super) lines: BTreeMap<String, Lines>,
}

/// A script.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) seed: u64,
    /// Places in the stock.
    pub(super) wares: Vec<usize>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) streams: usize,
    pub(super) idle: u64,
}

/// Numbers by chance, the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What kind of script it is to be: most must end in one way only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Faults that pass.
    Passing,
    /// Anything, but one mirror keeps its manners.
    OneGood,
    /// One object no mirror ever gives.
    Spoiled,
    /// Nobody gives one object, but not everybody says so.
    Waiting,
    /// Whatever comes.
    Wild,
}

impl Script {
    /// The script of `seed` over a stock.
    pub(super) fn of(seed: u64, stock: &[Ware]) -> Self {
        let mut dice = Dice::new(seed);
        let mood = match dice.below(100) {
            0..40 => Mood::Passing,
            40..65 => Mood::OneGood,
            65..83 => Mood::Spoiled,
            83..88 => Mood::Waiting,
            _ => Mood::Wild,
        };
        let mut wares: Vec<usize> = Vec::new();
        for _ in 0..=dice.below(4) {
            let ware = dice.below(stock.len() as u64) as usize;
            // The large ones now and then only.
            if !wares.contains(&ware) && (stock[ware].size < 3_000_000 || dice.percent(15)) {
                wares.push(ware);
            }
        }
        if wares.is_empty() {
            wares.push(0);
        }
        let count = if mood == Mood::OneGood { 2 + dice.below(2) } else { 1 + dice.below(3) };
        let good = dice.below(count);
        let mirrors = (0..count).map(|at| {
            let hard = match mood {
                Mood::Passing | Mood::Spoiled | Mood::Waiting => false,
                Mood::OneGood => at != good,
                Mood::Wild => true,
            };
            mirror(&mut dice, &wares, stock, hard)
        });
        let mut mirrors: Vec<Mirror> = mirrors.collect();
        if mood == Mood::Spoiled || mood == Mood::Waiting {
            spoil(&mut dice, &mut mirrors, &stock[wares[0]], mood == Mood::Waiting);
        }
        let streams = 1 + dice.below(4) as usize;
        let idle = 400 + dice.below(400);
        Self { seed, wares, mirrors, streams, idle }
    }

    /// What goes wrong with the request of `path` that has so many before it.
    pub(super) fn fault(&self, mirror: usize, path: &str, again: usize) -> Option<Fault> {
        let lines = self.mirrors[mirror].lines.get(path)?;
        lines.first.get(again).cloned().or_else(|| lines.then.clone())
    }
}

fn mirror(dice: &mut Dice, wares: &[usize], stock: &[Ware], hard: bool) -> Mirror {
    let wild = [10, 40, 80][dice.below(3) as usize];
    let mut mirror = Mirror::default();
    if hard && dice.percent(10) {
        return Mirror { closed: true, ..mirror };
    }
    if dice.percent(12) {
        let from = dice.below(150);
        mirror.outages.push((from, from + 50 + dice.below(400)));
    }
    for ware in wares {
        for (path, size) in stock[*ware].parts() {
            let mut lines = Lines::default();
            if dice.percent(60) {
                for _ in 0..dice.below(if hard { 9 } else { 5 }) {
                    let fault = if hard { any(dice, size) } else { passing(dice, size) };
                    lines.first.push(fault);
                }
            }
            if hard && dice.percent(wild) {
                lines.then = Some(for_good(dice, size));
            }
            mirror.lines.insert(path.to_owned(), lines);
        }
    }
    mirror
}

/// Takes one object away from all mirrors: each refuses or falsifies it for good, or (`silently`) some are gone.
fn spoil(dice: &mut Dice, mirrors: &mut [Mirror], ware: &Ware, silently: bool) {
    let parts: Vec<(&str, u64)> = ware.parts().collect();
    let (path, size) = parts[dice.below(parts.len() as u64) as usize];
    let gone = dice.below(mirrors.len() as u64) as usize;
    for (at, mirror) in mirrors.iter_mut().enumerate() {
        if silently && at == gone {
            *mirror = Mirror { closed: true, ..Mirror::default() };
            continue;
        }
        let bare = [Fault::Refuse, Fault::Reset, Fault::Page, Fault::Status(503), Fault::Silent];
        let first = (0..dice.below(3)).map(|_| bare[dice.below(5) as usize].clone()).collect();
        let lines = Lines { first, then: Some(for_good(dice, size)) };
        mirror.lines.insert(path.to_owned(), lines);
    }
}

/// A fault after which the same question deserves to be asked again.
fn passing(dice: &mut Dice, size: u64) -> Fault {
    let some = dice.below(size + 1);
    match dice.below(24) {
        0 => Fault::Refuse,
        1 => Fault::Reset,
        2 => Fault::Silent,
        3 => Fault::Raw(
            ["", "HTTP/9.9 what\r\n\r\n", "\0\0\0\0\r\n\r\n", "HTTP/1.1 2"][dice.below(4) as usize],
        ),
        4 => Fault::EndlessHead,
        5 => Fault::SlowHead,
        6 => Fault::Hints,
        7..11 => Fault::CutAfter(some),
        11 => Fault::ResetAfter(some),
        12 => Fault::StallAfter(some),
        13 if size <= 20_000 => Fault::Trickle(20_000),
        13 | 14 => Fault::Chunked,
        15 => Fault::ChunkedShort(some),
        16 => Fault::ChunkedCut(some),
        17 => Fault::ToClose(some),
        18 => Fault::Status([408, 425, 429, 500, 502, 503, 504][dice.below(7) as usize]),
        19 => Fault::RetryAfter([429, 503][dice.below(2) as usize], dice.below(2)),
        20 => Fault::Page,
        21 => Fault::StatusPage(503),
        22 => Fault::RedirectLoop,
        _ => Fault::Endless,
    }
}

/// Any fault at all.
fn any(dice: &mut Dice, size: u64) -> Fault {
    let some = dice.below(size + 1);
    let byte = dice.below(size);
    match dice.below(32) {
        0 => Fault::ShortFile(some),
        1 => Fault::Length(dice.below(2 * size + 2)),
        2 => Fault::IgnoreRange,
        3 => Fault::Partial,
        4 => Fault::ContentRange(
            ["bytes 0-9/10", "nonsense", "bytes 5-1/9", "bytes 0-0/*"][dice.below(4) as usize].to_owned(),
        ),
        5 => Fault::OtherPlace(byte),
        6 => Fault::Status([416, 418, 204, 304, 400][dice.below(5) as usize]),
        7 => Fault::Etag(format!("\"{some}\"")),
        8 => Fault::Other(format!("\"{some}\"")),
        9 => Fault::Gzip,
        10 | 11 => Fault::Flip(byte),
        12 | 13 => Fault::Poison(some),
        14 => Fault::Extra,
        15 => for_good(dice, size),
        _ => passing(dice, size),
    }
}

/// A fault that, kept up, keeps the object from ever coming from this mirror.
fn for_good(dice: &mut Dice, size: u64) -> Fault {
    match dice.below(8) {
        0 | 1 => Fault::Status([404, 410, 403][dice.below(3) as usize]),
        2 => Fault::StatusPage(404),
        3 => Fault::Flip(dice.below(size)),
        4 => Fault::ShortFile(dice.below(size)),
        5 => Fault::Gzip,
        6 => Fault::RedirectLoop,
        _ => Fault::Other("\"other\"".to_owned()),
    }
}
