//! Archives from the inside: which of their streams zlib remakes to the byte, and with which level.

use std::io;

use super::align::align_within;
use super::draft::Draft;
use super::pack::Against;
use super::plan::Job;
use super::work::{MadeGroup, MadeUnit, each};
use super::{MakeError, MakeOptions, NewFile, OldFile, mixed, pack};
use crate::delta::archive::{
    Entry, Found, Layout, Packed, Packer, Stream, expand, expand_found, find, inflate,
};
use crate::delta::head::Unit;
use crate::delta::streams::Kind;
use crate::platform::Inflater;

/// From so many bytes on, an archive is not tried as other files are.
pub(super) const SURE: u64 = 256 << 10;
/// Levels in the order in which they are tried.
const LEVELS: [u8; 9] = [6, 9, 1, 5, 8, 7, 4, 3, 2];
/// Streams of an archive that are tried before it is taken for one that can be remade.
const SAMPLE: usize = 3;
/// Streams of more bytes are not tried then.
const LONG_SAMPLE: usize = 1 << 20;

/// Whether a file is an archive. A program with an archive behind it is better taken as a program.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    streams(bytes).is_some()
}

fn streams(bytes: &[u8]) -> Option<Found> {
    (bytes.starts_with(b"PK") || bytes.starts_with(&[0x1f, 0x8b])).then(|| find(bytes)).flatten()
}

/// Whether it is one that zlib remakes, as far as its first streams tell.
pub(super) fn can_be_remade(bytes: &[u8]) -> bool {
    let Some(found) = streams(bytes) else { return false };
    let sample = &found.streams[..found.streams.len().min(SAMPLE)];
    let is_long = sample.iter().any(|stream| stream.packed > LONG_SAMPLE);
    is_long || sample.iter().any(|stream| level(bytes, stream, &LEVELS).is_some())
}

/// The first of some levels with which zlib makes the very bytes of a stream.
fn level(bytes: &[u8], stream: &Stream, levels: &[u8]) -> Option<u8> {
    levels.iter().copied().find(|&level| remakes(bytes, stream, level).unwrap_or(false))
}

fn remakes(bytes: &[u8], stream: &Stream, level: u8) -> io::Result<bool> {
    let (mut packer, mut inflater) = (Packer::new(), Inflater::new()?);
    let mut wanted = bytes.get(stream.at..stream.at + stream.packed).unwrap_or_default();
    let mut compare = |made: &[u8]| {
        let differs = || io::Error::from(io::ErrorKind::InvalidData);
        wanted = wanted.strip_prefix(made).ok_or_else(differs)?;
        Ok(())
    };
    packer.begin(level)?;
    let mut chunk = vec![0; 64 << 10];
    let whole = inflate(&mut inflater, bytes, stream, &mut chunk, &mut |raw| {
        if raw.is_empty() { Ok(()) } else { packer.pack(raw, &mut compare) }
    })?;
    packer.pack(&[], &mut compare)?;
    Ok(whole && wanted.is_empty())
}

/// The streams that zlib remakes, with their levels; nothing if that is less than half of their bytes.
fn remade(bytes: &[u8], mut found: Found, threads: usize) -> Option<(Found, Vec<u8>)> {
    let mut levels = each(&found.streams, threads, |stream| level(bytes, stream, &LEVELS));
    let size = |of: &dyn Fn(Option<u8>) -> bool| -> usize {
        let streams = found.streams.iter().zip(&levels).filter(|(_, level)| of(**level));
        streams.map(|(stream, _)| stream.packed).sum()
    };
    if size(&|level| level.is_some()) * 2 < size(&|_| true) {
        return None;
    }
    // One level for all costs least: short streams come out the same with several.
    let usual = LEVELS.into_iter().max_by_key(|&of| size(&|level| level == Some(of)))?;
    let others: Vec<usize> =
        (0..levels.len()).filter(|&at| levels[at].is_some_and(|level| level != usual)).collect();
    let again = each(&others, threads, |&at| level(bytes, &found.streams[at], &[usual]));
    for (at, again) in others.into_iter().zip(again) {
        levels[at] = again.or(levels[at]);
    }
    let mut of = levels.iter();
    found.streams.retain(|_| of.next().is_some_and(Option::is_some));
    Some((found, levels.into_iter().flatten().collect()))
}

/// What a decoder is told of the new archive.
fn layout(bytes: &[u8], found: &Found, entries: &[Entry], levels: &[u8]) -> Layout {
    let end = found.streams.last().map_or(0, |stream| stream.at + stream.packed);
    let streams = entries.iter().zip(levels).map(|(&entry, &level)| Packed { entry, level }).collect();
    let directory = found.directory.map(|at| (at - end) as u64);
    Layout { streams, tail: (bytes.len() - end) as u64, directory }
}

/// Makes a group of an archive; nothing if that is not what is asked for, or it can't be.
pub(super) fn group(
    old: &[OldFile<'_>],
    new: &[NewFile<'_>],
    jobs: &[Job],
    (options, known): (&MakeOptions, &[u8]),
) -> Result<Option<MadeGroup>, MakeError> {
    let [Job { bases, news, archive: true }] = jobs else { return Ok(None) };
    let ([base], [index]) = (bases.as_slice(), news.as_slice()) else { return Ok(None) };
    let (from, to) = (old[*base].open()?, new[*index].open()?);
    let failed = |path: &str| {
        let path = path.to_owned();
        move |source| MakeError::Read { path, source }
    };
    let nowhere = || Err(io::ErrorKind::Unsupported.into());
    let remade = streams(&to).and_then(|found| remade(&to, found, options.threads));
    let Some((found, levels)) = remade else { return Ok(None) };
    let before = expand(&from, u64::MAX, &nowhere).map_err(failed(old[*base].path))?;
    let Some(before) = before else { return Ok(None) };
    let after = expand_found(&to, &found, u64::MAX, &nowhere).map_err(failed(new[*index].path))?;
    let layout = layout(&to, &found, &after.entries, &levels);
    debug_assert_eq!(layout.expanded(), after.bytes.len() as u64);
    let stretches = align_within(&before.bytes, &after.bytes, options.threads, options.memory, false)?;
    let mut draft = Draft::default();
    layout.write(&before.entries, draft.stream(Kind::Layout));
    draft.plain(&before.bytes, &after.bytes, &stretches);
    let drafted = draft.finish();
    let unit = Unit {
        code: false,
        archive: false,
        bases: vec![(*base as u32, before.bytes.len() as u64)],
        news: vec![(*index as u32, after.bytes.len() as u64)],
    };
    let mixed = mixed::pack(&drafted.streams, &[(unit, &before.bytes)], options.effort);
    let against = Against { old: &before.bytes, known };
    let body = pack::body(&drafted, Some(against), mixed, options.effort, options.threads)?;
    let unit = MadeUnit { code: false, archive: true, bases: bases.clone(), news: news.clone() };
    Ok(Some(MadeGroup { units: vec![unit], body }))
}
