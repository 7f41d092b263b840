//! `updraft inspect`

use clap::Args;
use serde_json::Value;

use crate::publish::{self, Inspected, InstallView, Looked, ManifestView, MetadataView, RepositoryView};
use crate::release::Stamp;

use super::publish::to_json;
use super::signing::RepoArg;
use super::steer::line;
use super::{Outcome, bytes, fail, say};

/// `updraft inspect`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  updraft inspect ./repo\n  updraft inspect /opt/MyApp\n  \
    updraft inspect MyApp.updraft --json\n\n\
    REPO is a repository, an install or its updater's folder, a bundle, a manifest, a metadata file or a key file.\n\
    Nothing is believed: verify checks.")]
pub(super) struct InspectArgs {
    #[command(flatten)]
    what: RepoArg,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &InspectArgs) -> Outcome {
    let found = publish::inspect(&args.what.place(), Stamp::now()).map_err(fail)?;
    if args.json {
        say(&to_json(&found)?);
        return Ok(0);
    }
    match &found {
        Inspected::Repository(view) => repository(view),
        Inspected::Install(view) => install(view),
        Inspected::Bundle(view) => bundle(view),
        Inspected::Manifest(view) => manifest(view),
        Inspected::Metadata(view) => metadata(view),
        Inspected::Key(view) => {
            let role = view.role.map_or("unknown", |role| role.as_str());
            say(&format!(
                "A {role} key, {}.",
                view.id.as_deref().unwrap_or("of which the public half is not told")
            ));
        }
    }
    Ok(0)
}

fn repository(view: &RepositoryView) {
    say(&format!("A repository of {}.", view.app.as_deref().unwrap_or("a program it does not name")));
    say(&format!("root {}, valid until {}", view.root, view.root_expires));
    say(&format!(
        "releases valid until {}, timestamp until {}",
        view.targets_expires, view.timestamp_expires
    ));
    say(&format!("root keys ({} needed): {}", view.threshold, short(&view.root_keys)));
    say(&format!("release key {}, online key {}", short(&view.release_key), short(&view.online_key)));
    view.mirrors.iter().for_each(|mirror| say(&format!("mirror {mirror}")));
    view.releases.iter().for_each(|release| say(&line(release)));
}

fn install(view: &InstallView) {
    let receipt = &view.record["receipt"];
    let version = receipt["version"].as_str().unwrap_or("no release");
    say(&format!("An install of {version} (r{}), updater in {}.", receipt["number"], view.updater));
    say(&format!("{} files laid down, this install's name is {}", view.files, text(&view.record["id"])));
    if view.is_swap_open {
        say("An update was interrupted; it goes on at the next start.");
    }
    if let Some(damage) = &view.damage {
        say(&format!("Its record is damaged: {damage}"));
    }
    for (name, field) in [
        ("skipped", "skip"),
        ("goes back to", "previous"),
        ("not confirmed", "unconfirmed"),
        ("quarantined", "quarantine"),
    ] {
        let value = &view.record[field];
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            say(&format!("{name}: {}", text(value)));
        }
    }
}

fn bundle(view: &Looked) {
    let app = view.app.as_ref().map_or_else(|| "no program".to_owned(), ToString::to_string);
    say(&format!(
        "A bundle of {app}, {} files, {}, good until {}.",
        view.entries,
        bytes(view.bytes),
        view.expires
    ));
    for release in &view.releases {
        say(&format!("{} {} ({}, {})", release.number, release.version, release.channel, release.platform));
    }
    say("updraft bundle verify checks it.");
}

fn manifest(view: &ManifestView) {
    let manifest = &view.manifest;
    let of = |field: &str| text(&manifest[field]);
    say(&format!(
        "The manifest of {} {} (r{}, {}, {}), published {}.",
        of("app"),
        of("version"),
        of("number"),
        of("channel"),
        of("platform"),
        of("published")
    ));
    say(&format!("{} files, {}", view.files, bytes(view.bytes)));
    for file in manifest["files"].as_array().into_iter().flatten() {
        say(&format!(
            "  {:>12}  {}",
            file["size"].as_u64().map_or_else(|| "link".to_owned(), |size| size.to_string()),
            text(&file["path"])
        ));
    }
}

fn metadata(view: &MetadataView) {
    say(&format!(
        "{} {}, valid until {}, signed by {}.",
        view.role,
        view.version,
        view.expires,
        short(&view.signed_by)
    ));
    for path in view.signed["targets"].as_object().into_iter().flat_map(|targets| targets.keys()) {
        say(&format!("  {path}"));
    }
    for (role, keys) in view.signed["roles"].as_object().into_iter().flatten() {
        let ids: Vec<String> = keys["keyids"].as_array().into_iter().flatten().map(text).collect();
        say(&format!("  {role}: {} of {}", keys["threshold"], short(&ids)));
    }
}

fn short(ids: &[String]) -> String {
    let short: Vec<String> = ids.iter().map(|id| id.chars().take(16).collect()).collect();
    short.join(", ")
}

/// A text without its quotes, anything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
