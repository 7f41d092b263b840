//! Who uses the files of an install, and which of them must end before files are switched.
//!
//! A process that runs a listed file, or has the code of one in memory, must end: it would go on with the old
//! code and load new files into it. One that has a file open, or works in a folder, keeps what it has on Unix,
//! because a switch is a rename; on Windows an open file can't be switched, so it must end too. Files the
//! release does not list are never switched, and whoever uses them may stay. Updaters do not count.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::platform::file::OPEN_FILES_STAY;
use crate::platform::{self, Holder, ProcessId, Use};
use crate::report;

use super::{HostGone, Install, Record};

/// A process that uses files of an install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The process.
    pub process: ProcessId,
    /// What people are told of it.
    pub shown: report::Holder,
}

impl InUse {
    fn of(holder: &Holder, folder: &Path, matters: &dyn Fn(Use, &Path) -> bool) -> Self {
        let weighty = holder.uses.iter().find(|(used, path)| matters(*used, path));
        let (used, path) = match weighty.or(holder.uses.first()) {
            Some((used, path)) => (*used, path.clone()),
            None => (Use::Open, folder.to_path_buf()),
        };
        let inner = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let using = match used {
            Use::Program => report::Using::Program,
            Use::Library => report::Using::Library,
            Use::Open => report::Using::File,
            Use::Folder => report::Using::Folder,
        };
        let shown = report::Holder {
            pid: holder.process.pid,
            name: holder.name.clone(),
            user: if holder.ours { None } else { holder.user.clone() },
            own: holder.ours,
            using,
            file: (!inner.is_empty()).then_some(inner),
            must_end: weighty.is_some(),
        };
        Self { process: holder.process, shown }
    }
}

impl Install {
    /// The processes that use files of this install, those that must end first. `start` is the program to
    /// start, `handover` the program that handed over.
    #[must_use]
    pub fn in_use(&self, record: &Record, start: Option<&Path>, handover: Option<ProcessId>) -> Vec<InUse> {
        let listed = record.receipt.files.keys().chain(&record.entries);
        let files: HashSet<PathBuf> =
            listed.map(|path| path.under(self.root())).chain(start.map(Path::to_path_buf)).collect();
        let mut by_name: Vec<PathBuf> = files.iter().cloned().collect();
        by_name.sort();
        let found = platform::process::holders(self.root(), &by_name);
        let mut all = self.weigh(&found, &files);
        if let Some(process) = handover.filter(|process| platform::process::is_running(*process)) {
            handed_over(&mut all, process, start);
        }
        all.sort_by_key(|user| !user.shown.must_end);
        all
    }

    fn weigh(&self, found: &[Holder], files: &HashSet<PathBuf>) -> Vec<InUse> {
        let updaters = self.updater_folder();
        let is_updater = |holder: &&Holder| {
            holder.uses.iter().any(|(used, path)| *used == Use::Program && path.starts_with(&updaters))
        };
        let matters = |used: Use, path: &Path| match used {
            Use::Program | Use::Library => files.contains(path),
            // Windows tells that one of the files asked about is in use, not which.
            Use::Open => OPEN_FILES_STAY,
            Use::Folder => false,
        };
        let others = found.iter().filter(|holder| !is_updater(holder));
        others.map(|holder| InUse::of(holder, self.root(), &matters)).collect()
    }

    /// The proof that nobody uses the files in a way that matters, or those who use them.
    ///
    /// # Errors
    /// All that use files, if at least one must end.
    pub fn host_gone(
        &self,
        record: &Record,
        start: Option<&Path>,
        handover: Option<ProcessId>,
    ) -> Result<HostGone, Vec<InUse>> {
        let users = self.in_use(record, start, handover);
        if users.iter().any(|user| user.shown.must_end) { Err(users) } else { Ok(HostGone::nobody()) }
    }
}

/// The program that handed over must end whatever it has open: it said that it will.
fn handed_over(all: &mut Vec<InUse>, process: ProcessId, start: Option<&Path>) {
    if let Some(user) = all.iter_mut().find(|user| user.process == process) {
        user.shown.must_end = true;
        return;
    }
    let name = start.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let shown = report::Holder {
        pid: process.pid,
        name: name.unwrap_or_default(),
        user: None,
        own: true,
        using: report::Using::Handover,
        file: None,
        must_end: true,
    };
    all.push(InUse { process, shown });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::RelPath;

    fn holder(pid: u32, uses: &[(Use, &str)]) -> Holder {
        Holder {
            process: ProcessId { pid, started: 1 },
            name: format!("p{pid}"),
            user: Some("anna".to_owned()),
            ours: pid < 100,
            uses: uses.iter().map(|(used, path)| (*used, PathBuf::from(path))).collect(),
        }
    }

    /// A77: which of those who use files must end, and whose name is told.
    #[test]
    fn those_who_run_or_have_loaded_a_listed_file_must_end() {
        let updater: RelPath = "updater".parse().unwrap();
        let install = Install::at(PathBuf::from("/opt/App"), updater);
        let files: HashSet<PathBuf> = ["/opt/App/app", "/opt/App/lib/a.so"].map(PathBuf::from).into();
        let cases: [(Holder, bool); 7] = [
            (holder(1, &[(Use::Program, "/opt/App/app")]), true),
            (holder(2, &[(Use::Library, "/opt/App/mine.so"), (Use::Library, "/opt/App/lib/a.so")]), true),
            (holder(3, &[(Use::Open, "/opt/App/readme.txt")]), OPEN_FILES_STAY),
            (holder(4, &[(Use::Folder, "/opt/App")]), false),
            (holder(5, &[(Use::Program, "/opt/App/tools/mine")]), false),
            (holder(106, &[(Use::Program, "/opt/App/app"), (Use::Folder, "/opt/App")]), true),
            (holder(7, &[(Use::Library, "/opt/App/data.bin")]), false),
        ];
        for (holder, must_end) in cases {
            let told = install.weigh(std::slice::from_ref(&holder), &files);
            assert_eq!(told[0].shown.must_end, must_end, "{holder:?}");
            assert_eq!(
                told[0].shown.user.is_some(),
                holder.process.pid > 100,
                "only another's user is named"
            );
        }
        let second =
            holder(8, &[(Use::Program, "/opt/App/updater/updater"), (Use::Library, "/opt/App/lib/a.so")]);
        assert!(install.weigh(&[second], &files).is_empty(), "an updater is none of them");
    }
}
