//! Does the jobs of a plan, on several threads and within a limit of memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::align::{Stretch, align_within};
use super::draft::{Draft, Drafted};
use super::pack::Against;
use super::plan::{Job, Plan};
use super::{Bytes, MakeError, MakeOptions, MakeProgress, NewFile, OldFile, archive, code, mixed, pack};
use crate::delta::code::{Seal, unseal};
use crate::delta::head::Unit;
use crate::delta::streams::{Kind, MAX_AGAINST_OLD};

/// A unit as it was made.
pub(super) struct MadeUnit {
    pub(super) code: bool,
    pub(super) archive: bool,
    pub(super) bases: Vec<usize>,
    pub(super) news: Vec<usize>,
}

impl MadeUnit {
    /// As a delta's head tells it.
    fn describe(&self, old: &[OldFile<'_>], new: &[NewFile<'_>]) -> Unit {
        let list = |indices: &[usize], among: &[OldFile<'_>]| {
            indices.iter().map(|&index| (index as u32, among[index].size)).collect()
        };
        Unit {
            code: self.code,
            archive: self.archive,
            bases: list(&self.bases, old),
            news: list(&self.news, new),
        }
    }
}

/// A group as it was made.
pub(super) struct MadeGroup {
    pub(super) units: Vec<MadeUnit>,
    pub(super) body: Vec<u8>,
}

impl MadeGroup {
    fn or_smaller(self, other: Self) -> Self {
        if other.body.len() < self.body.len() { other } else { self }
    }
}

/// Does something for each item, on several threads; what comes out is in the order of the items.
pub(super) fn each<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = threads.min(items.len());
    if workers < 2 {
        return items.iter().map(work).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let take = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(item);
            if let Ok(mut done) = done.lock() {
                done.push((at, result));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            // If there are no more threads to be had, this one does the work.
            drop(std::thread::Builder::new().name("delta".to_owned()).spawn_scoped(scope, take));
        }
        take();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|result| result.0);
    done.into_iter().map(|result| result.1).collect()
}

/// Memory that jobs share.
struct Room {
    left: Mutex<u64>,
    freed: Condvar,
}

/// A part of the memory, until it is dropped.
struct Held<'a> {
    room: &'a Room,
    bytes: u64,
}

impl Room {
    /// Waits until there is room for so many bytes; there must be in all.
    fn take(&self, bytes: u64) -> Held<'_> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.freed.wait_while(left, |left| *left < bytes);
        *wait.unwrap_or_else(PoisonError::into_inner) -= bytes;
        Held { room: self, bytes }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.room.left.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.room.freed.notify_all();
    }
}

/// The bytes of several files, one after the other.
enum Joint<'a> {
    One(Bytes<'a>),
    Many(Vec<u8>),
}

impl Joint<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }
}

fn join<'a>(files: &[OldFile<'a>], indices: &[usize]) -> Result<Joint<'a>, MakeError> {
    if let [index] = indices {
        return files[*index].open().map(Joint::One);
    }
    let mut joint = Vec::new();
    for &index in indices {
        joint.extend_from_slice(&files[index].open()?);
    }
    Ok(Joint::Many(joint))
}

/// Bytes of the new files of a job.
fn size(job: &Job, new: &[NewFile<'_>]) -> u64 {
    job.news.iter().map(|&index| new[index].size).sum()
}

/// Makes all groups.
pub(super) fn run(
    old: &[OldFile<'_>],
    new: &[NewFile<'_>],
    plan: &Plan,
    (options, known): (&MakeOptions, &[u8]),
    progress: &mut dyn FnMut(MakeProgress),
) -> Result<Vec<MadeGroup>, MakeError> {
    let total = plan.groups.iter().flatten().map(|job| size(job, new)).sum();
    let mut done = 0;
    progress(MakeProgress { done, total });
    let mut groups = Vec::new();
    for jobs in &plan.groups {
        let archive = archive::group(old, new, jobs, (options, known))?;
        let made = match archive {
            Some(archive) if size(&jobs[0], new) >= archive::SURE => archive,
            Some(archive) => archive.or_smaller(group(old, new, jobs, (options, known))?),
            None => group(old, new, jobs, (options, known))?,
        };
        groups.push(made);
        done += jobs.iter().map(|job| size(job, new)).sum::<u64>();
        progress(MakeProgress { done, total });
    }
    Ok(groups)
}

/// Old and new file of a job, if both are programs whose code can be predicted.
fn programs<'a>(
    job: &Job,
    from: &'a [u8],
    (to, seal): (&'a [u8], Option<Seal>),
) -> Option<(code::Program<'a>, code::Program<'a>)> {
    let ([_], [_]) = (job.bases.as_slice(), job.news.as_slice()) else { return None };
    let (from, to) = code::Program::read(from).zip(code::Program::read(to))?;
    from.is_like(&to).then(|| (from, to.sealed(seal)))
}

/// The new file of a job without hashes that the decoder computes, if there are any.
fn bare(job: &Job, to: &[u8]) -> (Option<Seal>, Option<Vec<u8>>) {
    let ([_], [_]) = (job.bases.as_slice(), job.news.as_slice()) else { return (None, None) };
    unseal(to).unzip()
}

fn group(
    old: &[OldFile<'_>],
    new: &[NewFile<'_>],
    jobs: &[Job],
    (options, known): (&MakeOptions, &[u8]),
) -> Result<MadeGroup, MakeError> {
    let all = jobs.iter().map(|job| size(job, new)).sum::<u64>().max(1);
    let room = Room { left: Mutex::new(options.memory), freed: Condvar::new() };
    let aligned = each(jobs, options.threads, |job| -> Result<Vec<Stretch>, MakeError> {
        if job.bases.is_empty() {
            return Ok(Vec::new());
        }
        let (from, to) = (join(old, &job.bases)?, join(new, &job.news)?);
        let (from, to) = (from.bytes(), to.bytes());
        // A job that is nearly all there is gets all threads.
        let inner = ((options.threads as u64 * size(job, new)).div_ceil(all) as usize).max(1);
        // What a job may take does not depend on how many run at once: the result is always the same.
        let cost = (from.len() as u64 * 5 + to.len() as u64 + (64 << 20)).min(options.memory);
        let _held = room.take(cost);
        let (seal, bare) = bare(job, to);
        let code = bare.as_deref().unwrap_or(to);
        if let Some((left, right)) = programs(job, from, (code, seal)) {
            return code::align_programs((&left, from), (&right, code), options, (inner, options.memory));
        }
        align_within(from, to, inner, options.memory, false)
    });
    let mut draft = Draft::default();
    let (mut units, mut olds) = (Vec::new(), Vec::new());
    for (job, stretches) in jobs.iter().zip(aligned) {
        let (from, to) = (join(old, &job.bases)?, join(new, &job.news)?);
        let (before, to, stretches) = (from.bytes(), to.bytes(), stretches?);
        let (seal, bare) = bare(job, to);
        let code = bare.as_deref().unwrap_or(to);
        let both = programs(job, before, (code, seal)).zip(code::map(&stretches, before.len()));
        let (bases, news) = (job.bases.clone(), job.news.clone());
        units.push(MadeUnit { code: both.is_some(), archive: false, bases, news });
        match both {
            Some(((left, right), map)) => {
                code::write(&mut draft, &left, (&right, code), &stretches, &map);
            }
            None => draft.plain(before, to, &stretches),
        }
        olds.push(from);
    }
    let described: Vec<(Unit, &[u8])> =
        units.iter().zip(&olds).map(|(unit, from)| (unit.describe(old, new), from.bytes())).collect();
    let pack = |drafted: &Drafted, against: Option<&[u8]>| {
        let mixed = mixed::pack(&drafted.streams, &described, options.effort);
        pack::body(drafted, against.map(|old| Against { old, known }), mixed, options.effort, options.threads)
    };
    let drafted = draft.finish();
    let [job] = jobs else {
        let body = pack(&drafted, None)?;
        return Ok(MadeGroup { units, body });
    };
    let against = (!job.bases.is_empty()).then(|| described[0].1);
    let mut body = pack(&drafted, against)?;
    let to = join(new, &job.news)?;
    if job.news.len() > 1 && against.is_some() && to.bytes().len() as u64 <= MAX_AGAINST_OLD {
        // Texts that were written anew are better told as a whole, against all the old ones.
        let mut draft = Draft::default();
        draft.plain(&[], to.bytes(), &[]);
        let whole = draft.finish();
        debug_assert_eq!(whole.streams[Kind::Extra as usize].len(), to.bytes().len());
        let other = pack(&whole, against)?;
        if other.len() < body.len() {
            body = other;
        }
    }
    Ok(MadeGroup { units, body })
}
