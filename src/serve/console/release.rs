//! The page of one release: how it stands, what can be done with it, notes, files, downloads.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::publish::{self, Changes, Forecast, PublishError, forecast, full_download, overview};
use crate::release::{Entry, Manifest, RelPath, Rollout, Stamp, Urgency};
use crate::report::bytes;
use crate::trust::ReleaseTarget;

use super::layout::mark;
use super::projects::{no_keys, release_url, state};
use super::words::{Lang, moment, percent};
use super::{Desk, Person, Who, shown, url};
use crate::serve::plan::Project;

/// Rows of the grid on one page.
const ROWS: usize = 500;
/// Older releases whose download is shown.
const FORETOLD: usize = 10;

/// Which release an address names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct At {
    pub(super) project: String,
    pub(super) channel: String,
    pub(super) platform: String,
    pub(super) number: u64,
}

/// What of the grid is asked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Grid {
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

/// Everything a page about a release tells.
struct Found {
    release: ReleaseTarget,
    manifest: Manifest,
    /// The release before, with what this one changes; nothing for a first release.
    before: Option<ReleaseTarget>,
    changes: Changes,
    /// Sizes of files that are gone.
    gone: BTreeMap<RelPath, u64>,
    downloads: Vec<Forecast>,
    full: u64,
    channels: Vec<String>,
}

/// The release that an address names.
pub(super) fn find(root: &std::path::Path, at: &At) -> Result<Option<ReleaseTarget>, PublishError> {
    Ok(overview(root)?.releases.into_iter().find(|release| is_at(release, at)))
}

fn is_at(release: &ReleaseTarget, at: &At) -> bool {
    release.channel.as_str() == at.channel
        && release.platform.as_str() == at.platform
        && release.summary.number.0 == at.number
}

fn look(root: &std::path::Path, at: &At) -> Result<Option<Found>, PublishError> {
    let releases = overview(root)?.releases;
    let Some(release) = releases.iter().find(|release| is_at(release, at)).cloned() else { return Ok(None) };
    let manifest = publish::manifest(root, &release)?;
    let patches = release.summary.patches.iter().map(|patch| patch.size);
    let length = patches.min().unwrap_or(release.length);
    let mut older: Vec<&ReleaseTarget> = releases
        .iter()
        .filter(|one| (&one.channel, &one.platform) == (&release.channel, &release.platform))
        .filter(|one| one.summary.number < release.summary.number)
        .collect();
    older.sort_by_key(|one| std::cmp::Reverse(one.summary.number));
    let mut downloads = Vec::new();
    let (mut changes, mut gone) = (Changes::between(None, &manifest), BTreeMap::new());
    for (nth, old) in older.iter().take(FORETOLD).enumerate() {
        // An older manifest that is damaged has nothing to tell; `verify` names it.
        let Ok(before) = publish::manifest(root, old) else { continue };
        if nth == 0 {
            changes = Changes::between(Some(&before), &manifest);
            let removed: HashSet<&RelPath> = changes.removed.iter().collect();
            gone = before
                .regular()
                .filter(|file| removed.contains(&file.path))
                .map(|file| (file.path.clone(), file.size))
                .collect();
        }
        if let Ok(foretold) = forecast(root, &before, &manifest, length) {
            downloads.push(foretold);
        }
    }
    let before = older.first().map(|one| (*one).clone());
    let mut channels: Vec<String> = releases.iter().map(|one| one.channel.to_string()).collect();
    channels.extend(["stable".to_owned(), "beta".to_owned()]);
    channels.sort();
    channels.dedup();
    channels.retain(|channel| channel != release.channel.as_str());
    // A release whose index is damaged has nothing to foretell; `verify` names it.
    let full = full_download(root, &manifest, length).unwrap_or_default();
    Ok(Some(Found { release, manifest, before, changes, gone, downloads, full, channels }))
}

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    Query(grid): Query<Grid>,
    person: Who,
) -> Response {
    let lang = person.lang;
    let Some(project) = desk.project(&at.project) else { return person.missing() };
    let above = vec![(shown(&project), url(&project))];
    let root = project.root.clone();
    let found = match tokio::task::spawn_blocking(move || look(&root, &at)).await {
        Ok(Ok(Some(found))) => found,
        Ok(Ok(None)) | Err(_) => return person.missing(),
        Ok(Err(error)) => return person.failed(&error, above),
    };
    let summary = &found.release.summary;
    let title = format!("{} {}", found.manifest.app, summary.version);
    person.frame(title, above).page(html! {
        p .lead {
            (found.release.channel) " · " (found.release.platform) " · "
            (lang.fill("release {}", "序号 {}", &[&summary.number.0.to_string()])) " · " (moment(summary.published)) " "
            (state(lang, summary, Stamp::now()))
        }
        (actions(&person, &project, &found))
        (notes(lang, &found))
        (downloads(lang, &found))
        (files(lang, &project, &found, &grid))
    })
}

/// The buttons, each with what it does.
fn actions(person: &Person, project: &Project, found: &Found) -> Markup {
    let (lang, base, summary) = (person.lang, release_url(project, &found.release), &found.release.summary);
    if project.desk.keys.is_none() {
        return no_keys(lang);
    }
    let rollout =
        summary.rollout.as_ref().and_then(|said| serde_json::from_value::<Rollout>(said.clone()).ok());
    let is_halted = rollout.as_ref().is_some_and(|rollout| rollout.halted);
    // Of a halted one the share it would go on with.
    let share =
        rollout.clone().map_or(10_000, |rollout| Rollout { halted: false, ..rollout }.share(Stamp::now()));
    // Hours that are left, so that setting the share alone does not stop it from growing.
    let hours = rollout.as_ref().map_or(0, |rollout| hours_left(rollout, Stamp::now()));
    let one = |action: &str, text: &str, class: &str| {
        html! {
            form method="post" action={ (base) "/" (action) } {
                (mark(&person.session))
                button class=(class) type="submit" { (text) }
            }
        }
    };
    html! {
        section .card {
            h2 { (lang.say("Who gets it", "谁会获得它")) }
            @if summary.withdrawn {
                p { (lang.say("It was withdrawn: nobody installs it any more.", "此版本已撤回：不再安装到任何机器。")) }
                (one("restore", lang.say("Offer it again", "重新提供"), ""))
            } @else {
                p { (spreading(lang, rollout.as_ref())) }
                form .row method="post" action={ (base) "/rollout" } {
                    (mark(&person.session))
                    div { label for="percent" { (lang.say("Share in percent", "推送比例（%）")) }
                        input id="percent" name="percent" inputmode="decimal" required size="6" value=(percent(share).trim_end_matches(" %")); }
                    div { label for="hours" { (lang.say("Grows to everybody within hours (0: stays)", "多少小时后扩大到全部（0 为不变）")) }
                        input id="hours" name="hours" inputmode="numeric" size="6" value=(hours); }
                    button type="submit" { (lang.say("Set rollout", "设置推送")) }
                }
                div .row {
                    @if is_halted { (one("resume", lang.say("Resume", "恢复推送"), "")) }
                    @else { (one("halt", lang.say("Halt", "暂停推送"), "")) }
                    a .button .danger href={ (base) "/withdraw" } { (lang.say("Withdraw…", "撤回…")) }
                }
            }
            form .row method="post" action={ (base) "/promote" } {
                (mark(&person.session))
                div { label for="to" { (lang.say("Bring it to another channel", "发布到其他通道")) }
                    input id="to" name="to" list="channels" required size="12" autocomplete="off";
                    datalist id="channels" { @for channel in &found.channels { option value=(channel) {} } } }
                button type="submit" { (lang.say("Promote", "提升")) }
            }
        }
    }
}

/// Whole hours until everybody may have a release; 0 if its share does not grow.
fn hours_left(rollout: &Rollout, now: Stamp) -> u64 {
    let end = Stamp::from_unix(rollout.start)
        .after(std::time::Duration::from_secs(rollout.duration_minutes.saturating_mul(60)));
    u64::try_from(end.unix().saturating_sub(now.unix())).unwrap_or(0).div_ceil(3600)
}

fn spreading(lang: Lang, rollout: Option<&Rollout>) -> String {
    let now = Stamp::now();
    match rollout {
        None => lang.say("Everybody may have it.", "所有用户都可以获得。").to_owned(),
        Some(rollout) if rollout.halted => lang
            .say(
                "It is halted: nobody gets it, also not by hand.",
                "已暂停：任何人都无法获得，手动检查也不行。",
            )
            .to_owned(),
        Some(rollout) => {
            let share = percent(rollout.share(now));
            let whole = Stamp::from_unix(rollout.start)
                .after(std::time::Duration::from_secs(rollout.duration_minutes.saturating_mul(60)));
            if rollout.duration_minutes > 0 && whole > now {
                lang.fill(
                    "{} of the installs may have it now, everybody on {}.",
                    "目前 {} 的用户可以获得，{} 起对所有用户开放。",
                    &[&share, &moment(whole)],
                )
            } else {
                lang.fill(
                    "{} of the installs may have it by themselves; asked by hand, all.",
                    "{} 的用户可以自动获得；手动检查时所有用户均可获得。",
                    &[&share],
                )
            }
        }
    }
}

fn notes(lang: Lang, found: &Found) -> Markup {
    let own = found.manifest.notes.get(&found.release.summary.number);
    let summary = &found.release.summary;
    html! {
        section {
            h2 { (lang.say("Notes", "更新说明")) }
            @if summary.urgency == Urgency::Forced {
                p { (lang.say("The program may not be started without this release.", "必须更新到此版本才能启动程序。")) }
            }
            @if summary.minimum.0 > 0 {
                p { (lang.fill("Installs below {} must update before they may start.", "低于 {} 的安装必须先更新才能启动。", &[&summary.minimum.to_string()])) }
            }
            @match own.filter(|own| !own.is_empty()) {
                None => p .hint { (lang.say("None.", "无。")) },
                Some(own) => div .cards { @for (language, text) in own {
                    div .card { h3 { (language) } pre .notes lang=(language) { (text) } }
                } },
            }
        }
    }
}

fn downloads(lang: Lang, found: &Found) -> Markup {
    html! {
        section {
            h2 { (lang.say("What installs download", "下载量")) }
            div .scroll .fit tabindex="0" role="region" aria-label=(lang.say("Downloads", "下载量")) {
                table {
                    thead { tr {
                        th { (lang.say("From", "从")) }
                        th .number { (lang.say("Objects", "对象数")) }
                        th .number { (lang.say("Bytes", "字节")) }
                    } }
                    tbody {
                        @for old in &found.downloads {
                            tr { td { (old.version) " " span .hint { (old.number) } }
                                td .number { (old.objects) } td .number .nowrap { (bytes(old.bytes)) } }
                        }
                        tr { td { (lang.say("a new install", "全新安装")) } td .number { "" } td .number .nowrap { (bytes(found.full)) } }
                    }
                }
            }
        }
    }
}

/// A row of the grid.
struct Row<'a> {
    path: &'a RelPath,
    size: Option<u64>,
    kind: &'static str,
}

fn rows<'a>(found: &'a Found, grid: &Grid) -> Vec<Row<'a>> {
    let (changed, added): (HashSet<_>, HashSet<_>) =
        (found.changes.changed.iter().collect(), found.changes.added.iter().collect());
    let has_before = found.before.is_some();
    let kind = |path: &RelPath| match (changed.contains(path), has_before && added.contains(path)) {
        (true, _) => "changed",
        (false, true) => "added",
        (false, false) => "",
    };
    let entries = found.manifest.files.iter().map(|entry| {
        let size = match entry {
            Entry::File(file) => Some(file.size),
            Entry::Link(_) => None,
        };
        Row { path: entry.path(), size, kind: kind(entry.path()) }
    });
    let folders = found.manifest.folders.iter().map(|path| Row { path, size: None, kind: kind(path) });
    let gone = found.changes.removed.iter().map(|path| Row {
        path,
        size: found.gone.get(path).copied(),
        kind: "removed",
    });
    let wanted = grid.q.to_lowercase();
    let mut rows: Vec<Row<'a>> = entries.chain(folders).chain(gone).collect();
    rows.retain(|row| {
        (grid.show != "changes" || !row.kind.is_empty()) && row.path.as_str().to_lowercase().contains(&wanted)
    });
    rows.sort_by(|a, b| a.path.cmp(b.path));
    rows
}

fn files(lang: Lang, project: &Project, found: &Found, grid: &Grid) -> Markup {
    let rows = rows(found, grid);
    let base = release_url(project, &found.release);
    let pages = rows.len().div_ceil(ROWS).max(1);
    let page = grid.page.min(pages - 1);
    let counts = [
        ("changed", found.changes.changed.len(), lang.say("changed", "已更改")),
        ("added", found.changes.added.len(), lang.say("added", "新增")),
        ("removed", found.changes.removed.len(), lang.say("removed", "已删除")),
    ];
    let told = |kind: &str| counts.iter().find(|(name, ..)| *name == kind).map_or("", |(.., text)| text);
    let link = |page: usize| {
        format!("{base}?show={}&q={}&page={page}#files", grid.show, crate::serve::site::escape(&grid.q))
    };
    html! {
        section id="files" {
            h2 { (lang.say("Files", "文件")) " " span .hint {
                (found.manifest.files.len()) " · " (bytes(found.manifest.installed_bytes()))
            } }
            @if let Some(before) = &found.before {
                p { (lang.fill("Against {}:", "与 {} 相比：", &[before.summary.version.as_str()]))
                    @for (kind, count, text) in &counts { " " span .badge .(if *count > 0 { *kind } else { "none" }) { (count) " " (text) } } }
            }
            form .row method="get" action={ (base) "#files" } role="search" {
                div { label for="q" { (lang.say("Path contains", "路径包含")) } input id="q" name="q" type="search" value=(grid.q); }
                div { label for="show" { (lang.say("Show", "显示")) }
                    select id="show" name="show" {
                        option value="all" selected[grid.show != "changes"] { (lang.say("all files", "全部文件")) }
                        option value="changes" selected[grid.show == "changes"] { (lang.say("only changes", "仅更改")) }
                    } }
                button type="submit" { (lang.say("Show", "显示")) }
            }
            div .scroll tabindex="0" role="region" aria-label=(lang.say("Files", "文件")) {
                table .grid {
                    thead { tr {
                        th { (lang.say("Path", "路径")) }
                        th .number { (lang.say("Size", "大小")) }
                        th { (lang.say("Change", "变化")) }
                    } }
                    tbody {
                        @for row in rows.iter().skip(page * ROWS).take(ROWS) {
                            tr class=(row.kind) {
                                td .path { (row.path) }
                                td .number .nowrap { @if let Some(size) = row.size { (bytes(size)) } }
                                td { @if !row.kind.is_empty() { span class={ "badge " (row.kind) } { (told(row.kind)) } } }
                            }
                        }
                        @if rows.is_empty() { tr { td colspan="3" { (lang.say("None.", "无。")) } } }
                    }
                }
            }
            @if pages > 1 {
                nav .row aria-label=(lang.say("Pages", "页")) {
                    @if page > 0 { a .button href=(link(page - 1)) { (lang.say("Before", "上一页")) } }
                    span { (page + 1) " / " (pages) }
                    @if page + 1 < pages { a .button href=(link(page + 1)) { (lang.say("Next", "下一页")) } }
                }
            }
        }
    }
}

/// Asks whether a release is really to be withdrawn.
pub(super) async fn confirm_withdrawal(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
) -> Response {
    let lang = person.lang;
    let Some(project) = desk.project(&at.project) else { return person.missing() };
    let root = project.root.clone();
    let found = tokio::task::spawn_blocking(move || find(&root, &at)).await;
    let Ok(Ok(Some(release))) = found else { return person.missing() };
    let version = release.summary.version.as_str();
    let base = release_url(&project, &release);
    let title = lang.fill("Withdraw {}?", "撤回 {}？", &[version]);
    let above = vec![(shown(&project), url(&project)), (version.to_owned(), base.clone())];
    person.frame(title, above).page(html! {
        div .card .narrow {
            p { (lang.say(
                "No install takes it any more, from the next time it asks. Who has it keeps it until there is a newer release.",
                "从下次查询起，任何机器都不会再安装它。已安装的用户会保留它，直到有更新的版本。"
            )) }
            div .row {
                form method="post" action={ (base) "/withdraw" } {
                    (mark(&person.session))
                    button .danger type="submit" { (lang.fill("Withdraw {}", "撤回 {}", &[version])) }
                }
                a .button href=(base) { (lang.say("Keep it", "保留")) }
            }
        }
    })
}
