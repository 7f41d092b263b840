//! The manifest of a release before its content is packed, complete enough to be checked and compared.

use std::collections::{BTreeMap, HashMap};

use crate::platform::file::HAS_MODES;
use crate::release::{
    App, Codec, Content, Digest, Entry, FileEntry, Health, LinkEntry, Manifest, Policy, RelPath,
    ReleaseNumber, Start,
};

use super::exclude::Pattern;
use super::walk::{Tree, TreeFile};
use super::{Order, PublishError, notes};

/// The manifest that `tree` makes, with every file standing for itself as if nothing were compressed.
///
/// What the order leaves open is taken over from `newest`, the release before.
pub(super) fn draft(
    order: &Order,
    app: App,
    tree: &Tree,
    hashes: &[Digest],
    newest: Option<&Manifest>,
) -> Result<Manifest, PublishError> {
    let number = newest.map_or(ReleaseNumber::NONE, |newest| newest.number).next();
    let old_modes = newest.map(modes).unwrap_or_default();
    let files = tree.files.iter().zip(hashes).map(|(file, sha256)| entry(file, *sha256, &old_modes));
    let links = tree.links.iter().cloned().map(Entry::Link);
    let mut plain: Vec<FileEntry> = files.collect();
    set_policies(&mut plain, order, newest)?;
    let mut files: Vec<Entry> = plain.into_iter().map(Entry::File).chain(links).collect();
    files.sort_by(|a, b| a.path().cmp(b.path()));
    let start = start(order, &files, newest)?;
    let entries = entries(order, &files, start.as_ref(), newest)?;
    let is_kept = |path: &&RelPath| regular(&files, path).is_some_and(|file| file.policy != Policy::Replace);
    if let Some(path) = entries.iter().find(is_kept) {
        return Err(PublishError::KeptEntry(path.clone()));
    }
    let before = newest.map_or_else(Health::default, |newest| newest.health);
    let mut own = notes::read(&order.notes)?;
    own.extend(order.texts.clone());
    let notes = notes::carry(newest.map(|newest| &newest.notes), number, own);
    let versions = notes::versions(&notes, (number, &order.version), newest);
    Ok(Manifest {
        app,
        channel: order.channel.clone(),
        platform: order.platform.clone(),
        number,
        version: order.version.clone(),
        published: order.now,
        urgency: order.urgency,
        minimum: ReleaseNumber::NONE,
        start,
        entries,
        health: Health {
            confirm: order.confirm_health.unwrap_or(before.confirm),
            seconds: order.health_seconds.unwrap_or(before.seconds),
        },
        files,
        folders: tree.folders.clone(),
        packs: Vec::new(),
        deltas: Vec::new(),
        downloads: BTreeMap::new(),
        notes,
        versions,
    })
}

fn modes(manifest: &Manifest) -> HashMap<&RelPath, u32> {
    manifest.regular().map(|file| (&file.path, file.mode)).collect()
}

fn entry(file: &TreeFile, sha256: Digest, old_modes: &HashMap<&RelPath, u32>) -> FileEntry {
    let size = file.mark.size;
    let content = (size > 0).then_some(Content { object: sha256, size, codec: Codec::Raw, pieces: None });
    // Where files have no permission bits, those published from elsewhere stay.
    let known = if HAS_MODES { None } else { old_modes.get(&file.path).copied() };
    let mode = known.unwrap_or(file.mode);
    FileEntry { path: file.path.clone(), size, sha256, mode, policy: Policy::default(), content, pack: None }
}

/// The policy of each file is that of the release before, unless a pattern says another one; of several patterns
/// the last counts.
fn set_policies(
    files: &mut [FileEntry],
    order: &Order,
    newest: Option<&Manifest>,
) -> Result<(), PublishError> {
    let before = newest.map(policies).unwrap_or_default();
    for file in files.iter_mut() {
        file.policy = before.get(&file.path).copied().unwrap_or_default();
    }
    for (text, policy) in &order.policies {
        let pattern = Pattern::new(text);
        let mut is_used = false;
        for file in files.iter_mut().filter(|file| is_meant(&pattern, &file.path)) {
            (file.policy, is_used) = (*policy, true);
        }
        if !is_used {
            return Err(PublishError::NothingMeant(text.clone()));
        }
    }
    Ok(())
}

/// A pattern means a file if it matches the file or a folder above it.
fn is_meant(pattern: &Pattern, path: &RelPath) -> bool {
    pattern.matches(path.as_str()) || path.ancestors().any(|folder| pattern.matches(folder.as_str()))
}

/// The files of a release that stay as the user leaves them, with their policy.
pub(super) fn policies(manifest: &Manifest) -> BTreeMap<RelPath, Policy> {
    let kept = manifest.regular().filter(|file| file.policy != Policy::Replace);
    kept.map(|file| (file.path.clone(), file.policy)).collect()
}

fn regular<'a>(files: &'a [Entry], path: &RelPath) -> Option<&'a FileEntry> {
    files.iter().find_map(|entry| match entry {
        Entry::File(file) if file.path == *path => Some(file),
        Entry::File(_) | Entry::Link(LinkEntry { .. }) => None,
    })
}

fn start(order: &Order, files: &[Entry], newest: Option<&Manifest>) -> Result<Option<Start>, PublishError> {
    if let Some(path) = &order.start {
        return Ok(Some(Start { path: native(path)?, args: Vec::new() }));
    }
    if let Some(start) = newest.and_then(|newest| newest.start.as_ref())
        && regular(files, &start.path).is_some()
    {
        return Ok(Some(start.clone()));
    }
    let mut programs = files.iter().filter_map(|entry| match entry {
        Entry::File(file) if file.path.parent().is_none() && is_program(file, order) => Some(file),
        Entry::File(_) | Entry::Link(_) => None,
    });
    match (programs.next(), programs.next()) {
        (Some(only), None) => Ok(Some(Start { path: only.path.clone(), args: Vec::new() })),
        _ => Ok(None),
    }
}

fn is_program(file: &FileEntry, order: &Order) -> bool {
    let by_name = file.path.name().to_ascii_lowercase().ends_with(".exe");
    if order.platform.as_str().starts_with("windows") { by_name } else { by_name || file.mode & 0o111 != 0 }
}

fn entries(
    order: &Order,
    files: &[Entry],
    start: Option<&Start>,
    newest: Option<&Manifest>,
) -> Result<Vec<RelPath>, PublishError> {
    let mut entries: Vec<RelPath> = if order.entries.is_empty() {
        let before = newest.map(|newest| newest.entries.clone()).unwrap_or_default();
        before.into_iter().filter(|path| regular(files, path).is_some()).collect()
    } else {
        order.entries.iter().map(|path| native(path)).collect::<Result<_, _>>()?
    };
    entries.extend(start.map(|start| start.path.clone()));
    entries.sort();
    entries.dedup();
    Ok(entries)
}

/// A path as a person types it on this machine.
fn native(path: &str) -> Result<RelPath, PublishError> {
    let path = path.replace(std::path::MAIN_SEPARATOR, "/");
    Ok(path.trim_start_matches("./").parse()?)
}
