//! `updraft init --import`: a program that OAUS kept up to date, taken over as release 1.

use std::path::PathBuf;

use crate::publish::{self, Effort, Order, Taken};
use crate::release::{Platform, Stamp};
use crate::report::Failure;

use super::{Outcome, args, bytes, fail, say};

/// What `init` found before it made anything.
pub(super) struct Import {
    folder: PathBuf,
    platform: Platform,
    taken: Taken,
}

/// Looks at the old list and the files, if `init` is asked to import; nothing is made if they do not fit.
pub(super) fn look(args: &args::Init) -> Result<Option<Import>, Failure> {
    let (Some(list), Some(folder)) = (&args.import, &args.folder) else { return Ok(None) };
    let taken = publish::take_over(list, folder).map_err(fail)?;
    Ok(Some(Import { folder: folder.clone(), platform: args.platform.clone(), taken }))
}

/// Publishes what was listed as the first release.
pub(super) fn publish(import: Import, repository: PathBuf, keys: PathBuf, now: Stamp) -> Outcome {
    let Import { folder, platform, taken } = import;
    let version =
        taken.version.to_string().parse().map_err(|error| fail(publish::PublishError::Name(error)))?;
    let order = Order {
        keys: Some(keys),
        platform,
        exclude: taken.exclude.clone(),
        effort: Effort::Small,
        now,
        ..Order::new(folder, repository, version)
    };
    let report = publish::publish(&order, &|_, _, _| {}).map_err(fail)?;
    let (number, files, size) = (report.number, report.files, bytes(report.bytes));
    say(&format!("Taken over: version {} is {number}, {files} files, {size}.", taken.version));
    if !taken.exclude.is_empty() {
        say(&format!("{} paths in the folder are not listed and were left out.", taken.exclude.len()));
    }
    if let Some(first) = taken.changed.first() {
        let count = taken.changed.len();
        say(&format!(
            "{count} files have another size than the list says, such as {first}; they are as they lie there."
        ));
    }
    say(
        "A copy with these files and a folder `updater` beside them updates from here; nothing is fetched twice.",
    );
    Ok(0)
}
