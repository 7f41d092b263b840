//! What a loss of power may leave of the changes noted down so far, under four assumptions about the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::disk::{Effect, Id, Image, Log, Node, apply};

/// What is assumed of the disk, from strong to weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Model {
    /// The process is killed: everything done is there.
    Kill,
    /// Changes of names and modes reach the disk in their order; bytes that were not flushed may be lost.
    Ordered,
    /// The same within each folder; between folders and files nothing is sure without a flush.
    PerFolder,
    /// The same for each name alone; bytes that were not flushed may be lost, zero, or half there.
    PerName,
}

pub(super) const MODELS: [Model; 4] = [Model::Kill, Model::Ordered, Model::PerFolder, Model::PerName];

/// How many states are tried at one point in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Up to so many possible states, each is tried.
    pub(super) all: u64,
    /// Of more: everything, nothing, if wanted each change alone there and alone missing, and so many at random.
    pub(super) singly: bool,
    pub(super) random: u32,
    /// Of the recoveries, so many are broken off in their turn.
    pub(super) recoveries: usize,
}

/// Something that is on the disk up to some point of its own history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Folder(Id),
    Name(Id, String),
    Mode(Id),
    Data(Id),
}

/// One thing that a loss of power decides: which of so many states it has.
#[derive(Debug)]
struct Free {
    key: Key,
    /// The changes not flushed, by their place in the log.
    changes: Vec<usize>,
    lowest: usize,
    highest: usize,
}

/// Calls `each` with every state that may be found after a crash during `log`. With `true` come those after its
/// end: whatever was reported at the end has to be true in them. A rename is two changes, of which one may be
/// there without the other; only a folder never has both names.
pub(super) fn states(model: Model, log: &Log, bound: Bound, each: &mut dyn FnMut(Image, bool)) {
    if matches!(model, Model::Kill | Model::Ordered) {
        return prefixes(model, log, each);
    }
    for at in 0..=log.effects.len() {
        let is_end = at == log.effects.len();
        let last = log.effects.get(at).map(|(effect, _)| effect);
        if matches!(last, Some(Effect::SyncFile(_) | Effect::SyncFolder(..) | Effect::SyncAll)) {
            continue;
        }
        // Without this change the state was tried at the change before.
        let free = free_at(model, log, at + 1, last);
        let settled = settled(log, at + 1, &free);
        choices(&free, bound, at as u64, &mut |picks| {
            let image = build(log, &settled, &free, picks);
            if !image.is_damaged() {
                each(image, is_end);
            }
        });
    }
}

/// The least that may be left of the first `end` changes.
pub(super) fn least(log: &Log, end: usize) -> Image {
    settled(log, end, &free_at(Model::PerName, log, end, None)).tidy()
}

/// Everything up to some point. What was not flushed of the bytes is there, or lost.
fn prefixes(model: Model, log: &Log, each: &mut dyn FnMut(Image, bool)) {
    // Any flush brings all that was before it to such a disk.
    let is_flush = |(effect, _): &(Effect, bool)| key_of(model, effect).is_none();
    let flushed = log.effects.iter().rposition(is_flush).map_or(0, |at| at + 1);
    for end in 0..=log.effects.len() {
        if end > 0 && !log.effects[end - 1].1 {
            continue;
        }
        let is_end = end == log.effects.len() || (model == Model::Ordered && end >= flushed);
        each(settled(log, end, &[]).tidy(), is_end);
        if model == Model::Ordered {
            let mut free = free_at(Model::PerFolder, log, end, None);
            free.retain(|free| matches!(free.key, Key::Data(_)));
            if !free.is_empty() {
                let settled = settled(log, end, &free);
                each(build(log, &settled, &free, &vec![0; free.len()]), is_end);
            }
        }
    }
}

fn key_of(model: Model, effect: &Effect) -> Option<Key> {
    match effect {
        Effect::Name { folder, .. } if model == Model::PerFolder => Some(Key::Folder(*folder)),
        Effect::Name { folder, name, .. } => Some(Key::Name(*folder, name.clone())),
        Effect::Mode { file, .. } => Some(Key::Mode(*file)),
        Effect::Data { file, .. } => Some(Key::Data(*file)),
        _ => None,
    }
}

fn free_at(model: Model, log: &Log, end: usize, last: Option<&Effect>) -> Vec<Free> {
    let mut open: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (at, (effect, _)) in log.effects.iter().enumerate().take(end) {
        match effect {
            Effect::SyncFile(id) => open.retain(|key, _| *key != Key::Mode(*id) && *key != Key::Data(*id)),
            Effect::SyncFolder(id, _) => {
                open.retain(|key, _| !matches!(key, Key::Folder(of) | Key::Name(of, _) if of == id));
            }
            Effect::SyncAll => open.clear(),
            _ => open.entry(key_of(model, effect).expect("a change")).or_default().push(at),
        }
    }
    let forced = last.and_then(|effect| key_of(model, effect));
    let free = open.into_iter().map(|(key, changes)| {
        let is_data = matches!(key, Key::Data(_));
        let highest = match model {
            Model::PerName if is_data => 3,
            _ if is_data => 1,
            _ => changes.len(),
        };
        let lowest = match (Some(&key) == forced.as_ref(), is_data) {
            (true, true) => 1,
            (true, false) => highest,
            (false, _) => 0,
        };
        Free { key, changes, lowest, highest }
    });
    free.collect()
}

/// Picks one state for each thing that is free: all combinations, or a fixed sample of them.
fn choices(free: &[Free], bound: Bound, seed: u64, each: &mut dyn FnMut(&[usize])) {
    let total = free.iter().try_fold(1_u64, |total, free| {
        total.checked_mul((free.highest - free.lowest + 1) as u64).filter(|total| *total <= bound.all)
    });
    let (low, high): (Vec<usize>, Vec<usize>) = free.iter().map(|free| (free.lowest, free.highest)).unzip();
    if total.is_some() {
        let mut picks = low.clone();
        loop {
            each(&picks);
            let Some(next) = (0..picks.len()).find(|i| picks[*i] < high[*i]) else { return };
            picks[..next].copy_from_slice(&low[..next]);
            picks[next] += 1;
        }
    }
    let mut tried = BTreeSet::new();
    let mut once = |picks: Vec<usize>| {
        if tried.insert(picks.clone()) {
            each(&picks);
        }
    };
    once(low.clone());
    once(high.clone());
    for from in [&low, &high].into_iter().filter(|_| bound.singly) {
        for (i, free) in free.iter().enumerate() {
            for pick in free.lowest..=free.highest {
                let mut picks = from.clone();
                picks[i] = pick;
                once(picks);
            }
        }
    }
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..bound.random {
        let picks = free.iter().map(|free| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            free.lowest + (random >> 11) as usize % (free.highest - free.lowest + 1)
        });
        once(picks.collect());
    }
}

/// The disk after the first `end` changes, without those that are free.
fn settled(log: &Log, end: usize, free: &[Free]) -> Image {
    let mut image = log.base.clone();
    image.nodes.extend(log.born.iter().cloned());
    let open: BTreeSet<usize> = free.iter().flat_map(|free| free.changes.iter().copied()).collect();
    for (at, (effect, _)) in log.effects.iter().enumerate().take(end) {
        if !open.contains(&at) {
            apply(&mut image, effect);
        }
    }
    image
}

/// The same with those that are free as far as picked. Those of different keys never touch the same thing.
fn build(log: &Log, settled: &Image, free: &[Free], picks: &[usize]) -> Image {
    let mut image = settled.clone();
    for (free, pick) in free.iter().zip(picks) {
        let is_data = matches!(free.key, Key::Data(_));
        let count = if is_data { free.changes.len() } else { *pick };
        for at in &free.changes[..count] {
            apply(&mut image, &log.effects[*at].0);
        }
        let Key::Data(id) = free.key else { continue };
        if let Node::File(bytes, _) = &mut image.nodes[id] {
            *bytes = spoilt(bytes, *pick, free.highest);
        }
    }
    image.tidy()
}

/// The highest is all of it; 0 nothing; between them zeros, and the first half.
fn spoilt(bytes: &Arc<[u8]>, pick: usize, highest: usize) -> Arc<[u8]> {
    match pick {
        _ if pick == highest => Arc::clone(bytes),
        0 => Arc::from([]),
        1 => vec![0; bytes.len()].into(),
        _ => bytes[..bytes.len() / 2].into(),
    }
}
