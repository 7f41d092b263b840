//! What each new file is best made from: by content, not by name.
//!
//! Every file is cut where its content says, and the pieces' hashes are its features; the old file that shares
//! most of them is the base. So a bundle whose name holds its hash finds its predecessor, and so does a moved file.

use std::collections::HashMap;

use crate::release::Digest;

use super::bases::Archives;
use super::{MakeError, NewFile, OldFile};

/// Files below this many bytes are taken together.
const SMALL: u64 = 128 << 10;
/// Most new bytes that are taken together, and most old ones.
const MOST_JOINT: u64 = 12 << 20;
/// Most old files that are remembered for one feature: what is everywhere tells nothing.
const MOST_SHARED: usize = 8;
/// Most new bytes of large files that share their streams.
const MOST_SHARING: u64 = 48 << 20;

/// What becomes of a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It has the content of this old file.
    Old(usize),
    /// It has the content of this new file.
    Same(usize),
    /// It is made.
    Made,
}

/// New files made in one stretch from the same old files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) bases: Vec<usize>,
    pub(super) news: Vec<usize>,
    /// Both are archives that are better seen from the inside.
    pub(super) archive: bool,
}

impl Job {
    fn new() -> Self {
        Self { bases: Vec::new(), news: Vec::new(), archive: false }
    }
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) fates: Vec<Fate>,
    /// Jobs in groups that share their streams.
    pub(super) groups: Vec<Vec<Job>>,
}

/// The features of a file: hashes of its pieces, sorted.
fn features(bytes: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    let (mut start, mut rolling) = (0, 0u64);
    for (at, &byte) in bytes.iter().enumerate() {
        rolling = (rolling << 1).wrapping_add(gear(byte));
        let length = at + 1 - start;
        // The top bits depend on the last 64 bytes: one cut in about 512.
        if (length >= 128 && rolling >> 55 == 0) || length >= 4096 || at + 1 == bytes.len() {
            found.push(hash(&bytes[start..=at]));
            start = at + 1;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// A fixed random number for each byte (the finaliser of MurmurHash3).
fn gear(byte: u8) -> u64 {
    mix(u64::from(byte) + 1)
}

const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

fn hash(bytes: &[u8]) -> u64 {
    let mut state = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = mix(state ^ u64::from_le_bytes(word)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    }
    chunks.remainder().iter().fold(state, |state, &byte| mix(state ^ u64::from(byte)))
}

/// Features of all old files: which of them have each.
struct Likeness<'a> {
    owners: HashMap<u64, Vec<u32>>,
    by_path: HashMap<&'a str, usize>,
    counts: Vec<usize>,
}

impl<'a> Likeness<'a> {
    fn new(old: &[OldFile<'a>]) -> Result<Self, MakeError> {
        let mut owners: HashMap<u64, Vec<u32>> = HashMap::new();
        let mut counts = Vec::with_capacity(old.len());
        for (index, file) in old.iter().enumerate() {
            let features = features(&file.open()?);
            counts.push(features.len());
            for feature in features {
                let owners = owners.entry(feature).or_default();
                if owners.len() < MOST_SHARED {
                    owners.push(index as u32);
                }
            }
        }
        let by_path = old.iter().enumerate().map(|(index, file)| (file.path, index)).collect();
        Ok(Self { owners, by_path, counts })
    }

    /// The old files most like this new one, the best first, at most `most`.
    fn of(&self, file: &NewFile<'_>, old: &[OldFile<'_>], most: usize) -> Result<Vec<usize>, MakeError> {
        let features = features(&file.open()?);
        let mut votes: HashMap<usize, usize> = HashMap::new();
        for owner in features.iter().filter_map(|feature| self.owners.get(feature)).flatten() {
            *votes.entry(*owner as usize).or_default() += 1;
        }
        let same_path = self.by_path.get(file.path).copied();
        if let Some(same) = same_path {
            // The same name counts as some likeness: formats that are packed have no feature in common.
            *votes.entry(same).or_default() += 2;
        }
        let enough = 2.max(features.len() / 25);
        let mut best: Vec<(usize, usize)> = votes.into_iter().filter(|vote| vote.1 >= enough).collect();
        if let Some(same) = same_path.filter(|_| best.is_empty()) {
            best.push((same, 0));
        }
        // Of equals, the file that is less of something else, then the one of the same path, then the first.
        let rank = |&(index, votes): &(usize, usize)| {
            let strange = self.counts[index].saturating_sub(votes);
            (std::cmp::Reverse(votes), strange, Some(index) != same_path, old[index].path.len(), index)
        };
        best.sort_by_key(rank);
        best.truncate(most);
        Ok(best.into_iter().map(|vote| vote.0).collect())
    }
}

/// Decides what becomes of every new file.
pub(super) fn plan(old: &[OldFile<'_>], new: &[NewFile<'_>]) -> Result<Plan, MakeError> {
    let mut plan = Plan { fates: fates(old, new), groups: Vec::new() };
    let made: Vec<usize> = (0..new.len()).filter(|&index| plan.fates[index] == Fate::Made).collect();
    if made.is_empty() {
        return Ok(plan);
    }
    let likeness = Likeness::new(old)?;
    let mut archives = Archives::new(old);
    let mut small = Job::new();
    let (mut small_old, mut small_new) = (0, 0);
    let mut large = Vec::new();
    for index in made {
        let file = &new[index];
        if let Some(base) = archives.base(file, || likeness.of(file, old, 1))? {
            plan.groups.push(vec![Job { bases: vec![base], news: vec![index], archive: true }]);
            continue;
        }
        if file.size >= SMALL {
            large.push(Job { bases: likeness.of(file, old, 1)?, news: vec![index], archive: false });
            continue;
        }
        let fresh: Vec<usize> = likeness.of(file, old, 2)?;
        let fresh: Vec<usize> = fresh.into_iter().filter(|base| !small.bases.contains(base)).collect();
        let more: u64 = fresh.iter().map(|&base| old[base].size.min(MOST_JOINT)).sum();
        if !small.news.is_empty() && (small_old + more > MOST_JOINT || small_new + file.size > MOST_JOINT) {
            let full = std::mem::replace(&mut small, Job::new());
            plan.groups.push(vec![full]);
            (small_old, small_new) = (0, 0);
        }
        small_old += more;
        small_new += file.size;
        let fits = |&base: &usize| old[base].size <= MOST_JOINT / 2;
        small.bases.extend(fresh.into_iter().filter(fits));
        small.news.push(index);
    }
    if !small.news.is_empty() {
        plan.groups.push(vec![small]);
    }
    share(large, new, &mut plan.groups);
    Ok(plan)
}

/// Large files share their streams with their neighbours, those from bases and those without apart.
fn share(large: Vec<Job>, new: &[NewFile<'_>], groups: &mut Vec<Vec<Job>>) {
    let (based, whole): (Vec<Job>, Vec<Job>) = large.into_iter().partition(|job| !job.bases.is_empty());
    for jobs in [based, whole] {
        let (mut group, mut bytes) = (Vec::new(), 0);
        for job in jobs {
            let size: u64 = job.news.iter().map(|&index| new[index].size).sum();
            if !group.is_empty() && bytes + size > MOST_SHARING {
                groups.push(std::mem::take(&mut group));
                bytes = 0;
            }
            bytes += size;
            group.push(job);
        }
        if !group.is_empty() {
            groups.push(group);
        }
    }
}

/// What is there already: at the same path if it can be, at any other one if not.
fn fates(old: &[OldFile<'_>], new: &[NewFile<'_>]) -> Vec<Fate> {
    let mut contents: HashMap<(Digest, u64), usize> = HashMap::new();
    let mut paths: HashMap<&str, usize> = HashMap::new();
    for (index, file) in old.iter().enumerate() {
        contents.entry((file.digest, file.size)).or_insert(index);
        paths.insert(file.path, index);
    }
    let mut seen: HashMap<(Digest, u64), usize> = HashMap::new();
    let fate = |(index, file): (usize, &NewFile<'_>)| {
        let kept = paths.get(file.path).copied().filter(|&at| old[at].digest == file.digest);
        if let Some(at) = kept.or_else(|| contents.get(&(file.digest, file.size)).copied()) {
            return Fate::Old(at);
        }
        match seen.entry((file.digest, file.size)) {
            std::collections::hash_map::Entry::Occupied(first) => Fate::Same(*first.get()),
            std::collections::hash_map::Entry::Vacant(none) => {
                none.insert(index);
                Fate::Made
            }
        }
    };
    new.iter().enumerate().map(fate).collect()
}
