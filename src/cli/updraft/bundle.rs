//! `updraft bundle`

use crate::publish::{self, Listed};
use crate::release::{ReleaseNumber, Stamp};
use crate::report::ErrorCode;

use super::publish::{Bar, to_json};
use super::{Outcome, args, bytes, fail, say};

pub(super) fn bundle(what: args::Bundle) -> Outcome {
    match what {
        args::Bundle::Export(args) => export(args),
        args::Bundle::Import(args) => import(args),
        args::Bundle::List(args) => look(&args, false),
        args::Bundle::Verify(args) => look(&args, true),
    }
}

fn export(args: args::BundleExport) -> Outcome {
    let now = Stamp::now();
    let order = publish::Export {
        repository: args.repo,
        out: args.out,
        channels: args.channels,
        platforms: args.platforms,
        all: args.all,
        from: args.from_release.map(ReleaseNumber),
        now,
    };
    let bar = Bar::new();
    let done = publish::export(&order, &|done, total| bar.show("Writing", done, total));
    bar.close();
    let done = done.map_err(fail)?;
    if args.json {
        say(&to_json(&done)?);
        return Ok(0);
    }
    let (file, size) = (done.file.display(), bytes(done.bytes));
    say(&format!("{} for {}: {}, {size}, {} files.", file, done.app, done.releases.join(", "), done.entries));
    if let Some(from) = order.from {
        say(&format!("For installs of {from} and later ones; content they have was left out."));
    }
    if done.expires <= now {
        say(&format!(
            "No install takes it: the repository's signatures ran out {}. Renew it first.",
            done.expires
        ));
    } else {
        say(&format!("Good until {}; for longer: updraft renew --days N before the export.", done.expires));
    }
    Ok(0)
}

fn import(args: args::BundleImport) -> Outcome {
    let (bundle, repository) = (args.file, args.repo);
    let order = publish::Import { bundle, repository, root: args.root, now: Stamp::now() };
    let bar = Bar::new();
    let done = publish::import(&order, &|done, total| bar.show("Copying", done, total));
    bar.close();
    let done = done.map_err(fail)?;
    if args.json {
        say(&to_json(&done)?);
        return Ok(0);
    }
    let place = done.repository.display();
    if done.is_new {
        say(&format!("{place} is new. From now on it trusts what these root keys sign:"));
        done.root_keys.iter().for_each(|key| say(&format!("  {key}")));
        if order.root.is_none() {
            say("Compare them with the vendor's; they stand in the root.json beside every updater.");
        }
    }
    let (count, size) = (done.new_objects, bytes(done.new_bytes));
    say(&format!("{place} has {}; {count} new objects, {size}.", done.releases.join(", ")));
    say(&format!("Good until {}.", done.expires));
    Ok(0)
}

fn look(args: &args::BundleLook, everything: bool) -> Outcome {
    let bar = Bar::new();
    let show = |done, total| bar.show("Checking", done, total);
    let found = publish::look(&args.file, Stamp::now(), everything, &show);
    bar.close();
    let found = found.map_err(fail)?;
    let code = match found.flaws.first() {
        Some(flaw) => flaw.code.exit(),
        None if everything && found.expired => ErrorCode::Expired.exit(),
        None => 0,
    };
    if args.json {
        say(&to_json(&found)?);
        return Ok(code);
    }
    let app = found.app.as_ref().map_or("no program", |app| app.as_str());
    say(&format!("{app}: {} files, {}", found.entries, bytes(found.bytes)));
    found.releases.iter().for_each(|release| say(&told(release)));
    found.root_keys.iter().for_each(|key| say(&format!("root key {key}")));
    let word = if found.expired { "Was good until" } else { "Good until" };
    say(&format!("{word} {}.", found.expires));
    found.flaws.iter().for_each(|flaw| say(&format!("{}: {} [{}]", flaw.file, flaw.what, flaw.code)));
    if everything && found.flaws.is_empty() {
        say("Every byte is as it was put in.");
    }
    Ok(code)
}

fn told(release: &Listed) -> String {
    let Listed { channel, platform, number, version, left_out } = release;
    let name = format!("{version} ({number}, {channel}, {platform})");
    match left_out {
        0 => name,
        count => format!("{name}, without {count} objects that its installs must have already"),
    }
}
