//! From a plan to the operations of a swap.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::fsx::Absent as _;
use crate::plan::{Action, Item, Plan, Way};
use crate::release::{Digest, Manifest, RelPath, ReleaseNumber, Stamp};

use super::journal::{Journal, Operation};
use super::lay::{self, Draft, Source, Stage, StageError};
use super::look::{self, Ground, Thing};
use super::record::{Previous, Record};
use super::{Guard, Install, Watch};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The actions.
    pub plan: &'a Plan,
    /// The release they lead to.
    pub manifest: &'a Manifest,
    /// The record as it is, with the marks of the scan the plan was made from.
    pub record: &'a Record,
    /// The running updater: it guards the entries while the swap is open.
    pub stub: &'a Path,
}

impl Install {
    /// Lays everything ready that `job` needs. `fetched` tells where the content with a digest lies; it is
    /// linked, not moved. The program may still run.
    ///
    /// # Errors
    /// If anything is missing, wrong, or changed since the plan was made. The install is as it was.
    pub fn stage(
        &self,
        guard: &Guard,
        job: &Job<'_>,
        fetched: &dyn Fn(&Digest) -> Option<PathBuf>,
        watch: Watch<'_>,
    ) -> Result<Stage, StageError> {
        let unmarked = |digest: &Digest| Some((fetched(digest)?, None));
        self.stage_until(guard, job, &unmarked, watch, &|| false)
    }

    /// As [`stage`](Self::stage), but ends soon after `stop` says so, and `fetched` may also know the mark each file
    /// had when its content was proven. A file that is linked and still has that mark is not read once more.
    ///
    /// # Errors
    /// As `stage`; [`StageError::Stopped`] if it was stopped.
    pub fn stage_until(
        &self,
        _guard: &Guard,
        job: &Job<'_>,
        fetched: &lay::Fetched<'_>,
        watch: Watch<'_>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Stage, StageError> {
        if self.is_swap_open() {
            return Err(StageError::SwapOpen(self.root().to_path_buf()));
        }
        let draft = self.draft(job)?;
        for operation in &draft.journal.operations {
            self.check_old(operation, job.record)?;
        }
        lay::lay(self, draft, job.stub, fetched, watch, stop)
    }

    fn draft(&self, job: &Job<'_>) -> Result<Draft, StageError> {
        let Job { plan, manifest, record, stub } = *job;
        let journal = Journal {
            made: Stamp::now(),
            stub: Digest::of(b""),
            operations: Vec::new(),
            make_folders: Vec::new(),
            drop_folders: Vec::new(),
            start: None,
            before: record.clone(),
            after: record.after(manifest, plan.receipt.clone()),
        };
        let mut draft = Draft { journal, sources: Vec::new() };
        let date = today();
        let mut taken: HashSet<String> = plan.items.iter().map(|item| item.path.fold()).collect();
        for item in plan.changes() {
            self.add_item(item, &date, &mut taken, &mut draft)?;
        }
        self.add_folders(plan, &mut draft)?;
        draft.journal.start = draft.journal.after.start.clone();
        if draft.journal.is_empty() {
            return Ok(draft);
        }
        let mut entries: BTreeSet<RelPath> =
            record.entries.iter().chain(&manifest.entries).cloned().collect();
        entries.extend(record.start.iter().map(|start| start.path.clone()));
        entries.extend(manifest.start.iter().map(|start| start.path.clone()));
        self.add_entries(&entries, plan, &mut draft);
        self.mark_updater(stub, &mut draft);
        // After a repair there is nothing to go back to: before it were damaged files of the same release.
        let (number, version) = (record.receipt.number, record.receipt.version.clone());
        let is_other = number != ReleaseNumber::NONE && number != manifest.number;
        draft.journal.after.previous = is_other.then_some(Previous { number, version });
        self.check_ground(&draft.journal)?;
        Ok(draft)
    }

    fn add_item(
        &self,
        item: &Item,
        date: &str,
        taken: &mut HashSet<String>,
        draft: &mut Draft,
    ) -> Result<(), StageError> {
        if self.is_own_state(&item.path) {
            return Err(StageError::OwnState(item.path.clone()));
        }
        let old = item.current.as_ref().map_or(Thing::Absent, Thing::from);
        let new = item.want.as_ref().map_or(Thing::Absent, Thing::from);
        if item.keep_beside {
            // The user's copy under its new name is an Add like any other, so that undo and recovery need
            // know nothing of it. It is a real copy: a second name would let the user write into the backup.
            let beside = lay::name_beside(self, &item.path, date, taken)?;
            let kept = Operation { path: beside, old: Thing::Absent, new: old.clone(), entry: false };
            draft.push(kept, Source::Copy(item.path.clone()));
        }
        let source = match &item.way {
            Way::Nothing => Source::Nothing,
            Way::Local(path) => Source::Copy(path.clone()),
            Way::Whole(_) | Way::Packed(_) => new.digest().map_or(Source::Nothing, Source::Fetched),
        };
        draft.push(Operation { path: item.path.clone(), old, new, entry: false }, source);
        Ok(())
    }

    /// Folders that are really to be made or dropped, and whether what stands in their way leaves.
    fn add_folders(&self, plan: &Plan, draft: &mut Draft) -> Result<(), StageError> {
        let operations = &draft.journal.operations;
        let leaving: HashSet<&RelPath> =
            operations.iter().filter(|operation| operation.new.is_absent()).map(|op| &op.path).collect();
        let mut made = Vec::new();
        for folder in &plan.make_folders {
            match self.disk().stat(&folder.under(self.root())).if_present()? {
                Some(found) if found.is_dir() => {}
                Some(_) if !leaving.contains(folder) => return Err(StageError::Blocked(folder.clone())),
                _ => made.push(folder.clone()),
            }
        }
        let mut dropped = Vec::new();
        for folder in &plan.drop_folders {
            if self.disk().stat(&folder.under(self.root())).if_present()?.is_some_and(|found| found.is_dir())
            {
                dropped.push(folder.clone());
            }
        }
        for operation in operations.iter().filter(|operation| operation.old == Thing::Folder) {
            if !self.becomes_empty(&operation.path, &leaving, &dropped)? {
                return Err(StageError::Blocked(operation.path.clone()));
            }
        }
        draft.journal.make_folders = made;
        draft.journal.drop_folders = dropped;
        Ok(())
    }

    /// Whether everything in a folder leaves with this swap.
    fn becomes_empty(
        &self,
        folder: &RelPath,
        leaving: &HashSet<&RelPath>,
        dropped: &[RelPath],
    ) -> Result<bool, StageError> {
        if !dropped.contains(folder) {
            return Ok(false);
        }
        for name in self.disk().list(&folder.under(self.root()))? {
            let Some(Ok(path)) = name.to_str().map(|name| folder.join(name)) else { return Ok(false) };
            if !leaving.contains(&path) && !self.becomes_empty(&path, leaving, dropped)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Entries are guarded even if they stay as they are: starting the program by any of them in an open
    /// swap must start recovery.
    fn add_entries(&self, entries: &BTreeSet<RelPath>, plan: &Plan, draft: &mut Draft) {
        let places: HashMap<RelPath, usize> =
            draft.journal.operations.iter().enumerate().map(|(i, op)| (op.path.clone(), i)).collect();
        let stays = |item: &&Item| item.action == Action::Keep;
        let kept: HashMap<&RelPath, &Item> =
            plan.items.iter().filter(stays).map(|item| (&item.path, item)).collect();
        for path in entries {
            if let Some(i) = places.get(path) {
                draft.journal.operations[*i].entry = true;
            } else if let Some(current) = kept.get(path).and_then(|item| item.current.as_ref()) {
                let thing = Thing::from(current);
                let source = Source::Link(path.under(self.root()));
                draft.push(
                    Operation { path: path.clone(), old: thing.clone(), new: thing, entry: true },
                    source,
                );
            }
        }
    }

    /// The updater that does this is switched last too, with the entries.
    fn mark_updater(&self, stub: &Path, draft: &mut Draft) {
        let same = |path: &RelPath| {
            let place = self.disk().canonical(&path.under(self.root()));
            place.is_ok_and(|place| self.disk().canonical(stub).is_ok_and(|stub| stub == place))
        };
        let inside = self.disk().canonical(stub).ok().zip(self.disk().canonical(self.root()).ok());
        if inside.is_some_and(|(stub, root)| stub.starts_with(root)) {
            for operation in &mut draft.journal.operations {
                operation.entry = operation.entry || (operation.old.is_content() && same(&operation.path));
            }
        }
    }

    /// No folder above a path may be a link, unless this swap takes the link away.
    pub(super) fn check_ground(&self, journal: &Journal) -> Result<(), StageError> {
        let mut ground = Ground::new(self.disk(), self.root());
        let made: HashSet<&RelPath> = journal.make_folders.iter().collect();
        for operation in &journal.operations {
            let above_is_made = operation.path.parent().is_some_and(|folder| made.contains(&folder));
            if !above_is_made && !ground.holds(&operation.path)? {
                return Err(StageError::Blocked(operation.path.clone()));
            }
        }
        Ok(())
    }

    /// What the plan was made for must still be there.
    pub(super) fn check_old(&self, operation: &Operation, record: &Record) -> Result<(), StageError> {
        let place = operation.path.under(self.root());
        let mark = look::mark(self.disk(), &place)?;
        let known = record.marks.get(&operation.path).filter(|known| Some(known.mark) == mark);
        let is_same = match known {
            Some(known) => operation.old.digest() == Some(known.sha256),
            None => {
                let seen = if Ground::new(self.disk(), self.root()).holds(&operation.path)? {
                    look::observe(self.disk(), &place)?
                } else {
                    Thing::Absent
                };
                seen.has_content_of(&operation.old)
            }
        };
        if is_same { Ok(()) } else { Err(StageError::Changed(operation.path.clone())) }
    }
}

/// The day as `YYYYMMDD`.
pub(super) fn today() -> String {
    Stamp::now().to_string().chars().take(10).filter(char::is_ascii_digit).collect()
}
