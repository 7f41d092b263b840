//! The pages of all projects and of one: channels, releases, how they stand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use crate::publish::{Overview, overview};
use crate::release::{Channel, Platform, Rollout, Stamp, Summary, Urgency};
use crate::trust::ReleaseTarget;

use super::words::{Lang, moment, percent};
use super::{Desk, Who, problem, shown, url};
use crate::report::{Failure, bytes};
use crate::serve::plan::Project;
use crate::serve::site::escape;

pub(super) async fn all(State(desk): State<Arc<Desk>>, person: Who) -> Response {
    let lang = person.lang;
    let found = tokio::task::spawn_blocking(move || {
        let projects = desk.projects().into_iter();
        projects
            .map(|project| {
                let found = overview(&project.root);
                (project, found)
            })
            .collect::<Vec<_>>()
    });
    let found = found.await.unwrap_or_default();
    let frame = person.frame(lang.say("Projects", "项目"), Vec::new());
    frame.page(html! {
        @if found.is_empty() { p { (lang.say("There is no project yet.", "还没有项目。")) } }
        div .cards {
            @for (project, found) in &found {
                section .card {
                    h2 { a href=(url(project)) { (shown(project)) } }
                    @match found {
                        Ok(found) => { (brief(lang, found)) }
                        Err(error) => { (problem(lang, &Failure::of(error))) }
                    }
                }
            }
        }
    })
}

/// The newest release of each channel and platform.
fn brief(lang: Lang, found: &Overview) -> Markup {
    let groups = groups(found);
    html! {
        @if groups.is_empty() { p .hint { (lang.say("Nothing is published yet.", "尚未发布任何版本。")) } }
        ul .plain {
            @for ((channel, platform), releases) in &groups {
                @if let Some(newest) = releases.first() {
                    li {
                        strong { (newest.summary.version) } " "
                        span .hint { (channel) " · " (platform) " · " (moment(newest.summary.published)) }
                        " " (state(lang, &newest.summary, Stamp::now()))
                    }
                }
            }
        }
        (validity(lang, found))
    }
}

/// How long the signatures hold.
fn validity(lang: Lang, found: &Overview) -> Markup {
    let (first, now) = (found.expiries.first(), Stamp::now());
    let days = first.unix().saturating_sub(now.unix()) / 86_400;
    let text = lang.fill("Signed until {}", "签名有效期至 {}", &[&moment(first)]);
    html! {
        p .hint {
            @if first <= now {
                span .badge .stop { (lang.say("Signatures ran out: nobody gets updates", "签名已过期：无法更新")) }
            } @else if days < 7 {
                span .badge .warn { (text) }
            } @else { (text) }
        }
    }
}

type Group<'a> = BTreeMap<(Channel, Platform), Vec<&'a ReleaseTarget>>;

/// The releases of each channel and platform, the newest first.
fn groups(found: &Overview) -> Group<'_> {
    let mut groups: Group<'_> = BTreeMap::new();
    for release in found.releases.iter().rev() {
        groups.entry((release.channel.clone(), release.platform.clone())).or_default().push(release);
    }
    groups
}

pub(super) async fn one(State(desk): State<Arc<Desk>>, Path(slug): Path<String>, person: Who) -> Response {
    let lang = person.lang;
    let Some(project) = desk.project(&slug) else { return person.missing() };
    let root = project.root.clone();
    let found = tokio::task::spawn_blocking(move || overview(&root)).await;
    let above = vec![(shown(&project), url(&project))];
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return person.failed(&error, above),
        Err(_broken) => return person.missing(),
    };
    let groups = groups(&found);
    person.frame(shown(&project), Vec::new()).page(html! {
        (tabs(lang, &project, "releases"))
        (validity(lang, &found))
        @if project.desk.keys.is_none() { (no_keys(lang)) }
        @if groups.is_empty() {
            p { (lang.say("Nothing is published yet.", "尚未发布任何版本。")) }
        }
        @for ((channel, platform), releases) in &groups {
            section {
                h2 { (channel) " " span .hint { (platform) } }
                (table(lang, &project, releases))
            }
        }
    })
}

fn table(lang: Lang, project: &Project, releases: &[&ReleaseTarget]) -> Markup {
    let now = Stamp::now();
    html! {
        div .scroll tabindex="0" role="region" aria-label=(lang.say("Releases", "版本列表")) {
            table {
                thead { tr {
                    th { (lang.say("Version", "版本")) }
                    th .number { (lang.say("No.", "序号")) }
                    th { (lang.say("State", "状态")) }
                    th { (lang.say("Published", "发布时间")) }
                    th .number { (lang.say("Update size", "更新大小")) }
                } }
                tbody {
                    @for release in releases {
                        tr {
                            td { a href=(release_url(project, release)) { (release.summary.version) } }
                            td .number { (release.summary.number.0) }
                            td { (state(lang, &release.summary, now)) }
                            td .nowrap { (moment(release.summary.published)) }
                            td .number .nowrap { (bytes(release.summary.download_bytes)) }
                        }
                    }
                }
            }
        }
    }
}

/// The address of a release's page.
pub(super) fn release_url(project: &Project, release: &ReleaseTarget) -> String {
    let number = release.summary.number.0;
    format!(
        "{}/r/{}/{}/{number}",
        url(project),
        escape(release.channel.as_str()),
        escape(release.platform.as_str())
    )
}

/// How a release stands, in a word.
pub(super) fn state(lang: Lang, summary: &Summary, now: Stamp) -> Markup {
    let share = summary.rollout.as_ref().map(|said| serde_json::from_value::<Rollout>(said.clone()));
    html! {
        @if summary.withdrawn {
            span .badge .stop { (lang.say("withdrawn", "已撤回")) }
        } @else {
            @match share {
                None => span .badge .good { (lang.say("for everybody", "全部用户")) },
                Some(Ok(rollout)) if rollout.halted => span .badge .stop { (lang.say("halted", "已暂停")) },
                Some(Ok(rollout)) => span .badge .warn { (percent(rollout.share(now))) },
                Some(Err(_)) => span .badge { (lang.say("a rollout of a later kind", "未知的推送方式")) },
            }
        }
        @if summary.urgency == Urgency::Forced {
            " " span .badge { (lang.say("required", "强制")) }
        }
    }
}

/// The ways through a project.
pub(super) fn tabs(lang: Lang, project: &Project, here: &str) -> Markup {
    let base = url(project);
    let tabs = [
        ("releases", base.clone(), lang.say("Releases", "版本")),
        ("publish", format!("{base}/publish"), lang.say("Publish", "发布")),
        ("clients", format!("{base}/clients"), lang.say("Clients", "客户端")),
    ];
    html! {
        nav .tabs aria-label=(lang.say("Project", "项目")) {
            @for (name, url, text) in tabs {
                @if name == here { a href=(url) aria-current="page" { (text) } } @else { a href=(url) { (text) } }
            }
        }
    }
}

/// Says why there are no buttons.
pub(super) fn no_keys(lang: Lang) -> Markup {
    html! {
        p .note { (lang.say(
            "This server has no keys for the project, so nothing can be changed here. Start it with --keys, or use the command line where the keys are.",
            "本服务器没有该项目的密钥，因此此处只能查看。请使用 --keys 启动，或在保存密钥的机器上使用命令行。"
        )) }
    }
}
