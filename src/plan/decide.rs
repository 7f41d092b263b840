//! From inventory, receipt and manifest to a plan. Every path gets exactly one action.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::platform::file::HAS_MODES;
use crate::release::{Digest, Entry, FileEntry, LinkEntry, Manifest, RelPath};
use crate::report::ReleaseRef;

use super::action::{Action, Brought, Found, Inventory, Item, Laid, Plan, PlanError, Receipt, Way};
use super::policy::{self, Beside, Conflict, Verdict};

/// What the plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// From one release to another: what the user changed is kept beside.
    Update,
    /// Back to the installed release as signed: what differs from it is damage.
    Repair,
}

/// Makes the plan that turns what is installed into `manifest`.
///
/// `inventory` must tell of every path in `receipt` and `manifest`; a path missing from it counts as free.
///
/// # Errors
/// If a folder or device stands where a file must go.
pub fn make(
    inventory: &Inventory,
    receipt: &Receipt,
    manifest: &Manifest,
    digest: Digest,
    mode: Mode,
) -> Result<Plan, PlanError> {
    let on_disk = by_content(inventory);
    let mut after = Receipt::of(manifest, digest);
    let mut beside = Beside {
        inventory,
        receipt,
        taken: manifest.files.iter().map(|entry| entry.path().fold()).collect(),
        items: Vec::new(),
        laid: BTreeMap::new(),
    };
    let mut items: Vec<Item> = Vec::with_capacity(manifest.files.len());
    for entry in &manifest.files {
        let current = inventory.get(entry.path());
        let laid = laid(receipt, entry.path());
        match (entry, whose(entry, current, laid, mode)) {
            (Entry::File(file), Verdict::Modified) => {
                let conflict = beside.add(file, way(entry, &on_disk));
                items.push(stays(entry, current, conflict));
            }
            (Entry::File(file), Verdict::User) => {
                remember(&mut after, file, laid);
                items.push(stays(entry, current, None));
            }
            _ => items.push(wanted(entry, inventory, receipt, mode, &on_disk)?),
        }
    }
    beside.drop_stale();
    items.append(&mut beside.items);
    after.beside = beside.laid;
    let listed: BTreeSet<&RelPath> = manifest.files.iter().map(Entry::path).collect();
    let gone = receipt.files.iter().filter(|(path, _)| !listed.contains(path));
    items.extend(gone.filter_map(|(path, laid)| removed(path, laid, receipt, inventory, mode)));
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let (make_folders, drop_folders) = folders(receipt, manifest);
    Ok(Plan {
        from: receipt.release(),
        to: ReleaseRef { number: manifest.number, version: Some(manifest.version.clone()) },
        items,
        make_folders,
        drop_folders,
        receipt: after,
        brought: Brought::default(),
    })
}

fn whose(entry: &Entry, current: Option<&Found>, laid: Option<&Laid>, mode: Mode) -> Verdict {
    match entry {
        Entry::File(file) => policy::verdict(file, current, laid, mode),
        Entry::Link(_) => Verdict::Release,
    }
}

/// What an update laid down at a path, as a file of the release or beside one.
fn laid<'a>(receipt: &'a Receipt, path: &RelPath) -> Option<&'a Laid> {
    receipt.files.get(path).or_else(|| receipt.beside.get(path))
}

fn stays(entry: &Entry, current: Option<&Found>, conflict: Option<Conflict>) -> Item {
    Item {
        path: entry.path().clone(),
        action: Action::Keep,
        want: Some(entry.clone()),
        current: current.cloned(),
        keep_beside: false,
        way: Way::Nothing,
        conflict,
    }
}

/// A file that is the user's is remembered as it was laid down, or not at all if it never was.
fn remember(after: &mut Receipt, file: &FileEntry, laid: Option<&Laid>) {
    match laid {
        Some(laid) => after.files.insert(file.path.clone(), laid.clone()),
        None => after.files.remove(&file.path),
    };
}

fn by_content(inventory: &Inventory) -> HashMap<Digest, &RelPath> {
    let files = inventory.iter().filter_map(|(path, found)| match found {
        Found::File { digest, .. } => Some((*digest, path)),
        Found::Link(_) | Found::Folder | Found::Other => None,
    });
    files.collect()
}

fn wanted(
    entry: &Entry,
    inventory: &Inventory,
    receipt: &Receipt,
    mode: Mode,
    on_disk: &HashMap<Digest, &RelPath>,
) -> Result<Item, PlanError> {
    let path = entry.path().clone();
    let current = inventory.get(&path).cloned();
    let laid = laid(receipt, &path);
    if matches!(current, Some(Found::Folder | Found::Other)) && !becomes_free(&path, inventory, receipt) {
        return Err(PlanError::Blocked(path));
    }
    let action = match &current {
        None | Some(Found::Folder | Found::Other) => Action::Add,
        Some(found) if is_as_wanted(found, entry) => Action::Keep,
        Some(_) => Action::Update,
    };
    let theirs = current.as_ref().is_some_and(|found| !laid.is_some_and(|laid| laid.is_content_of(found)));
    let keep_beside =
        action == Action::Update && theirs && mode == Mode::Update && !same_content(&current, entry);
    let way = if action == Action::Keep { Way::Nothing } else { way(entry, on_disk) };
    Ok(Item { path, action, want: Some(entry.clone()), current, keep_beside, way, conflict: None })
}

/// A folder of the old release may make room for a file if everything known in it is ours and leaves.
fn becomes_free(path: &RelPath, inventory: &Inventory, receipt: &Receipt) -> bool {
    let is_folder = matches!(inventory.get(path), Some(Found::Folder));
    let is_ours = receipt.files.keys().chain(&receipt.folders).any(|known| known.is_within(path));
    is_folder && is_ours
}

fn is_as_wanted(found: &Found, entry: &Entry) -> bool {
    match (found, entry) {
        (Found::File { digest, mode, .. }, Entry::File(file)) => {
            *digest == file.sha256 && (!HAS_MODES || *mode == file.mode)
        }
        (Found::Link(target), Entry::Link(LinkEntry { target: wanted, .. })) => target == wanted,
        _ => false,
    }
}

fn same_content(current: &Option<Found>, entry: &Entry) -> bool {
    matches!((current, entry), (Some(Found::File { digest, .. }), Entry::File(file)) if *digest == file.sha256)
}

fn way(entry: &Entry, on_disk: &HashMap<Digest, &RelPath>) -> Way {
    let Entry::File(file) = entry else { return Way::Nothing };
    match (&file.content, file.pack, on_disk.get(&file.sha256)) {
        (None, None, _) => Way::Nothing,
        (_, _, Some(path)) => Way::Local((*path).clone()),
        (Some(content), _, None) => Way::Whole(content.clone()),
        (None, Some(pack), None) => Way::Packed(pack),
    }
}

/// A file the old release laid down and the new one does not list. If it is gone already there is nothing to
/// do; what stands there now and is not a file or link is the user's. So is a file that the user might change,
/// and did.
fn removed(
    path: &RelPath,
    laid: &Laid,
    receipt: &Receipt,
    inventory: &Inventory,
    mode: Mode,
) -> Option<Item> {
    let current = inventory.get(path)?.clone();
    if receipt.policies.contains_key(path) && !laid.is_content_of(&current) {
        return None;
    }
    if matches!(current, Found::Folder | Found::Other) {
        return None;
    }
    let keep_beside = mode == Mode::Update && !laid.is_content_of(&current);
    let current = Some(current);
    Some(Item {
        path: path.clone(),
        action: Action::Remove,
        want: None,
        current,
        keep_beside,
        way: Way::Nothing,
        conflict: None,
    })
}

fn folders(receipt: &Receipt, manifest: &Manifest) -> (Vec<RelPath>, Vec<RelPath>) {
    let all = |files: &mut dyn Iterator<Item = &RelPath>, listed: &[RelPath]| -> BTreeSet<RelPath> {
        let inner = files.flat_map(RelPath::ancestors);
        let listed = listed.iter().flat_map(|path| std::iter::once(path.clone()).chain(path.ancestors()));
        inner.chain(listed).collect()
    };
    let new = all(&mut manifest.files.iter().map(Entry::path), &manifest.folders);
    let old = all(&mut receipt.files.keys(), &receipt.folders);
    // A folder sorts before what it holds, so the set is outermost first and its reverse innermost first.
    let drop_folders = old.iter().rev().filter(|folder| !new.contains(*folder)).cloned().collect();
    (new.into_iter().collect(), drop_folders)
}
