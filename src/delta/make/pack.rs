//! Packs streams and heads: each with what makes it smallest.

use std::io::{self, Write as _};

use lzma_rust2::{LzmaOptions, LzmaWriter};
use zstd::zstd_safe::CParameter;

use super::draft::Drafted;
use super::mixed::Mixed;
use super::plan::{Fate, Plan};
use super::work::{MadeGroup, each};
use super::{Effort, MakeError, NewFile, OldFile};
use crate::delta::head::{FileList, MAGIC, MAX_FILES, MAX_HEAD};
use crate::delta::known::{behind, is_told_in};
use crate::delta::streams::{
    Coding, FIELDS_WINDOW_LOG, FLOW_WINDOW_LOG, Kind, MAX_AGAINST_OLD, OLD_WINDOW, STREAMS,
};
use crate::delta::wire::{put, put_signed};

/// A packed stream.
pub(super) type Coded = (Coding, Vec<u8>);

/// What a stream may be packed against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against<'a> {
    /// The old bytes of the group's only unit.
    pub(super) old: &'a [u8],
    /// What whoever applies the delta knows of the new files.
    pub(super) known: &'a [u8],
}

/// Packs the streams of a group into its part of the delta, `against` something if they may be.
pub(super) fn body(
    drafted: &Drafted,
    against: Option<Against<'_>>,
    mixed: Mixed,
    effort: Effort,
    threads: usize,
) -> Result<Vec<u8>, MakeError> {
    let mut raw: Vec<(Kind, &[u8])> = Kind::ALL.map(|kind| (kind, &*drafted.streams[kind as usize])).to_vec();
    let parts = drafted.apart.as_ref().map(|apart| [&*apart.left, &apart.targets, &apart.values]);
    raw.extend(IN_PARTS.into_iter().zip(parts.into_iter().flatten()));
    let mut order: Vec<usize> = (0..raw.len()).filter(|&at| !raw[at].1.is_empty()).collect();
    // The longest first, so that no thread is left alone with it at the end.
    order.sort_by_key(|&at| std::cmp::Reverse(raw[at].1.len()));
    let packed = each(&order, threads, |&at| {
        let (kind, bytes) = raw[at];
        smallest(kind, bytes, against.filter(|_| kind == Kind::Extra), effort)
    });
    let mut coded: Vec<Coded> = vec![(Coding::Stored, Vec::new()); raw.len()];
    for (at, packed) in order.into_iter().zip(packed) {
        coded[at] = packed.map_err(MakeError::Write)?;
    }
    for (at, packed) in [(Kind::Literals, mixed.literals), (Kind::Extra, mixed.extra)] {
        if let Some(packed) = packed.filter(|packed| packed.len() < coded[at as usize].1.len()) {
            coded[at as usize] = (Coding::Mixed, packed);
        }
    }
    let mut told: [(usize, Coding, &[u8]); STREAMS] =
        std::array::from_fn(|at| (raw[at].1.len(), coded[at].0, &*coded[at].1));
    let parts = coded.iter().zip(&raw).skip(STREAMS);
    if raw.len() > STREAMS
        && parts.clone().map(|part| part.0.1.len()).sum::<usize>() < told[Kind::Extra as usize].2.len()
    {
        for ((coding, packed), (kind, bytes)) in parts {
            told[*kind as usize] = (bytes.len(), *coding, packed);
        }
    }
    Ok(join(&told))
}

/// What extra bytes are told in.
const IN_PARTS: [Kind; 3] = [Kind::Extra, Kind::Targets, Kind::Values];

/// The streams as they are, as a group's part of a delta.
pub(super) fn stored(streams: &[Vec<u8>; STREAMS]) -> Vec<u8> {
    join(&streams.each_ref().map(|raw| (raw.len(), Coding::Stored, raw.as_slice())))
}

fn join(streams: &[(usize, Coding, &[u8]); STREAMS]) -> Vec<u8> {
    let mut body = Vec::new();
    for (raw, coding, packed) in streams {
        put(*raw as u64, &mut body);
        if *raw > 0 {
            body.push(*coding as u8);
            put(packed.len() as u64, &mut body);
        }
    }
    streams.iter().for_each(|(_, _, packed)| body.extend_from_slice(packed));
    body
}

fn smallest(kind: Kind, bytes: &[u8], against: Option<Against<'_>>, effort: Effort) -> io::Result<Coded> {
    let window = match kind {
        Kind::Targets | Kind::Values => FIELDS_WINDOW_LOG,
        _ => FLOW_WINDOW_LOG,
    };
    let mut best = (Coding::Stored, bytes.to_vec());
    let mut offer = |coding, packed: Vec<u8>| {
        if packed.len() < best.1.len() {
            best = (coding, packed);
        }
    };
    let large = bytes.len() > 32 << 20;
    let level = if effort == Effort::Fast || large { 12 } else { 22 };
    offer(Coding::Zstd, zstd(bytes, level, window)?);
    let shapes: &[(u32, u32, u32)] = if effort == Effort::Fast || large {
        &[(3, 0, 0)]
    } else {
        &[(3, 0, 0), (4, 0, 0), (1, 0, 0), (0, 2, 2), (0, 0, 0)]
    };
    for &shape in shapes {
        offer(Coding::Lzma, lzma(bytes, shape, window, None)?);
    }
    if let Some(Against { old, known }) = against.filter(|_| bytes.len() as u64 <= MAX_AGAINST_OLD) {
        offer(Coding::ZstdAgainstOld, zstd_against(bytes, old, effort)?);
        // A window that holds a part of the old bytes only finds little.
        if effort != Effort::Fast && old.len() + bytes.len() <= OLD_WINDOW {
            for shape in [(3, 0, 0), (0, 0, 0)] {
                offer(Coding::LzmaAgainstOld, lzma(bytes, shape, window, Some(old))?);
            }
            if is_told_in(known, bytes) {
                let before = behind(old, known, OLD_WINDOW);
                offer(Coding::LzmaAgainstKnown, lzma(bytes, (3, 0, 0), window, Some(&before))?);
            }
        }
    }
    Ok(best)
}

fn zstd(bytes: &[u8], level: i32, window: u32) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    if bytes.len() > 1 << window {
        encoder.window_log(window)?;
    }
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Old bytes above this take long to be sorted by zstd: but for two in a hundred bytes, a shallow search does as well.
const SHALLOW: usize = 64 << 20;

fn zstd_against(bytes: &[u8], old: &[u8], effort: Effort) -> io::Result<Vec<u8>> {
    let level = if effort == Effort::Fast { 12 } else { 22 };
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), level, old)?;
    if effort == Effort::Best && old.len() > SHALLOW {
        encoder.set_parameter(CParameter::SearchLog(3))?;
    }
    let reach = (old.len() + bytes.len()).next_power_of_two().trailing_zeros();
    encoder.window_log(reach.clamp(20, 30))?;
    encoder.long_distance_matching(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Packs with a window of so many bytes, as a power of two, or with one that begins with old bytes.
fn lzma(bytes: &[u8], (lc, lp, pb): (u32, u32, u32), window: u32, old: Option<&[u8]>) -> io::Result<Vec<u8>> {
    let mut options = LzmaOptions::with_preset(9);
    let window = bytes.len().next_power_of_two().clamp(1 << 16, 1 << window);
    (options.dict_size, options.lc, options.lp, options.pb) = (window as u32, lc, lp, pb);
    if let Some(old) = old.filter(|old| !old.is_empty()) {
        (options.dict_size, options.preset_dict) = (OLD_WINDOW as u32, Some(old.to_vec()));
    }
    (options.nice_len, options.depth_limit) = (273, 512);
    let mut writer = LzmaWriter::new_no_header(vec![options.get_props()], &options, false)?;
    writer.write_all(bytes)?;
    writer.finish()
}

/// Writes the head for groups that were made.
pub(super) fn head(
    from: FileList,
    to: FileList,
    old: &[OldFile<'_>],
    new: &[NewFile<'_>],
    plan: &Plan,
    groups: &[MadeGroup],
) -> Result<Vec<u8>, MakeError> {
    if old.len().max(new.len()) as u64 > MAX_FILES {
        return Err(MakeError::TooMuch("a delta can hold a million files"));
    }
    let mut raw = Vec::new();
    raw.extend_from_slice(&from.fingerprint());
    raw.extend_from_slice(&to.fingerprint());
    put(old.len() as u64, &mut raw);
    put(new.len() as u64, &mut raw);
    actions(&plan.fates, &mut raw);
    put(groups.len() as u64, &mut raw);
    for group in groups {
        put(group.body.len() as u64, &mut raw);
        put(group.units.len() as u64, &mut raw);
        for unit in &group.units {
            raw.push(u8::from(unit.code) | u8::from(unit.archive) << 1);
            files(&unit.bases, old, &mut raw);
            files(&unit.news, new, &mut raw);
        }
    }
    if raw.len() as u64 > MAX_HEAD {
        return Err(MakeError::TooMuch("the head of the delta would be too long"));
    }
    let packed = zstd::bulk::compress(&raw, 19).map_err(MakeError::Write)?;
    let stored = if packed.len() < raw.len() { &packed } else { &raw };
    let mut head = MAGIC.to_vec();
    put(raw.len() as u64, &mut head);
    put(stored.len() as u64, &mut head);
    head.extend_from_slice(stored);
    Ok(head)
}

fn files(indices: &[usize], among: &[OldFile<'_>], out: &mut Vec<u8>) {
    put(indices.len() as u64, out);
    let mut next = 0i64;
    for &index in indices {
        put_signed(index as i64 - next, out);
        put(among[index].size, out);
        next = index as i64 + 1;
    }
}

/// Runs of files that follow each other on both sides, runs of copies among the new files, runs of made ones.
fn actions(fates: &[Fate], out: &mut Vec<u8>) {
    let (mut at, mut expected) = (0, 0i64);
    while at < fates.len() {
        let rest = &fates[at..];
        let run = match rest[0] {
            Fate::Old(first) => {
                let run =
                    rest.iter().zip(first..).take_while(|(fate, old)| **fate == Fate::Old(*old)).count();
                put((run as u64) << 2, out);
                put_signed(first as i64 - expected, out);
                expected = (first + run) as i64;
                run
            }
            Fate::Same(_) => {
                let targets = rest.iter().map_while(|fate| match fate {
                    Fate::Same(target) => Some(*target),
                    _ => None,
                });
                let targets: Vec<usize> = targets.collect();
                put((targets.len() as u64) << 2 | 1, out);
                targets.iter().enumerate().for_each(|(more, target)| put((at + more - target) as u64, out));
                targets.len()
            }
            Fate::Made => {
                let run = rest.iter().take_while(|fate| **fate == Fate::Made).count();
                put((run as u64) << 2 | 2, out);
                expected += run as i64;
                run
            }
        };
        at += run;
    }
}
