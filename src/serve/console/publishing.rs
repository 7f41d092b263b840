//! Publishing from the console: look what would change, then publish it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use crate::publish::{Order, Report, Watch, next_version};
use crate::release::{RelPath, Stamp, Urgency, Version};
use crate::report::{Failure, bytes};
use crate::serve::plan::Project;
use crate::serve::site::escape;

use super::act::{Fields, spread};
use super::jobs::Job;
use super::layout::{Frame, mark};
use super::projects::{no_keys, tabs};
use super::words::{Lang, moment};
use super::{Desk, Person, Who, problem, shown, url};

/// Paths of each kind that are listed; the rest is counted.
const LISTED: usize = 200;
/// Most bytes of notes in one language.
const MAX_NOTES: usize = 64 * 1024;

pub(super) async fn show(State(desk): State<Arc<Desk>>, Path(slug): Path<String>, person: Who) -> Response {
    let lang = person.lang;
    let Some(project) = desk.project(&slug) else { return person.missing() };
    let job = desk.jobs.last(&slug);
    if job.as_ref().is_some_and(|job| job.outcome().is_none()) {
        return Redirect::to(&format!("{}/job", url(&project))).into_response();
    }
    let next = match project.desk.build.clone() {
        None => None,
        Some(watch) => {
            let next = move || next_version(&watch.order, &watch.version, Stamp::now());
            tokio::task::spawn_blocking(next).await.ok().and_then(Result::ok)
        }
    };
    let scan = job.filter(|job| job.is_scan).and_then(|job| job.outcome());
    person.frame(shown(&project), Vec::new()).page(html! {
        (tabs(lang, &project, "publish"))
        @match (&project.desk.build, &project.desk.keys) {
            (_, None) => (no_keys(lang)),
            (None, Some(_)) => p .note { (lang.say(
                "This server does not know which folder to publish. Start it with --build FOLDER or --watch FOLDER.",
                "本服务器不知道要发布哪个文件夹。请使用 --build 或 --watch 指定文件夹启动。"
            )) },
            (Some(watch), Some(_)) => {
                (source(&person, &project, watch))
                @if let Some((outcome, when)) = &scan { (scanned(lang, outcome, *when)) }
                (form(&person, &project, next.as_ref()))
            }
        }
    })
}

/// Which folder is published, and the button that looks at it.
fn source(person: &Person, project: &Project, watch: &Watch) -> Markup {
    let (lang, order) = (person.lang, &watch.order);
    html! {
        section .card {
            h2 { (lang.say("Folder", "文件夹")) }
            p { code { (order.folder.display()) } " → " (order.channel) " · " (order.platform) }
            @if project.desk.watched {
                p .hint { (lang.fill(
                    "It is watched: what changes is published by itself once nothing has changed for {} s.",
                    "正在监视：文件夹内容变化并稳定 {} 秒后会自动发布。", &[&watch.settle.as_secs_f64().to_string()])) }
            }
            form method="post" action={ (url(project)) "/scan" } {
                (mark(&person.session))
                button type="submit" { (lang.say("Scan now", "立即扫描")) }
                " " span .hint { (lang.say("reads every file and shows what would change", "读取所有文件并显示将发生的变化")) }
            }
        }
    }
}

/// What the last scan found.
fn scanned(lang: Lang, outcome: &Result<Report, Failure>, when: Stamp) -> Markup {
    let report = match outcome {
        Err(failure) => return problem(lang, failure),
        Ok(report) => report,
    };
    let lists = [
        ("changed", &report.changes.changed, lang.say("changed", "已更改")),
        ("added", &report.changes.added, lang.say("added", "新增")),
        ("removed", &report.changes.removed, lang.say("removed", "已删除")),
    ];
    html! {
        section id="scan" {
            h2 { (lang.say("Found", "扫描结果")) " " span .hint { (moment(when)) } }
            @if report.nothing_changed() {
                p { (lang.fill("The folder is the same as release {}: there is nothing to publish.", "文件夹与版本 {} 相同，没有可发布的内容。", &[report.version.as_str()])) }
            } @else {
                p {
                    @for (kind, paths, text) in &lists { span .badge .(if paths.is_empty() { "none" } else { *kind }) { (paths.len()) " " (text) } " " }
                    @if report.changes.settings { span .badge { (lang.say("settings changed", "设置已更改")) } }
                }
                p { (lang.fill("{} files, {}; a new install downloads {}.", "{} 个文件，{}；全新安装需下载 {}。",
                    &[&report.files.to_string(), &bytes(report.bytes), &bytes(report.full_download)])) }
                @if !report.downloads.is_empty() { ul .plain { @for old in &report.downloads {
                    li { (lang.fill("{} downloads {}", "{} 需下载 {}", &[&format!("{} ({})", old.version, old.number), &bytes(old.bytes)])) }
                } } }
                @for (kind, paths, text) in &lists { @if !paths.is_empty() { (list(lang, kind, paths, text)) } }
            }
        }
    }
}

fn list(lang: Lang, kind: &str, paths: &[RelPath], text: &str) -> Markup {
    html! {
        details open[paths.len() <= 20] {
            summary { (paths.len()) " " (text) }
            ul .paths { @for path in paths.iter().take(LISTED) { li class=(kind) { (path) } } }
            @if paths.len() > LISTED {
                p .hint { (lang.fill("and {} more", "以及另外 {} 个", &[&(paths.len() - LISTED).to_string()])) }
            }
        }
    }
}

fn form(person: &Person, project: &Project, next: Option<&Version>) -> Markup {
    let lang = person.lang;
    html! {
        form .card method="post" action={ (url(project)) "/publish" } {
            h2 { (lang.say("Publish", "发布")) }
            (mark(&person.session))
            div .row {
                div { label for="version" { (lang.say("Version", "版本")) }
                    input id="version" name="version" required maxlength="64" value=(next.map(Version::as_str).unwrap_or_default()); }
                div { label for="urgency" { (lang.say("Urgency", "紧急程度")) }
                    select id="urgency" name="urgency" {
                        option value="optional" { (lang.say("may be put off", "可推迟")) }
                        option value="forced" { (lang.say("required to start", "强制更新")) }
                    } }
                div { label for="minimum" { (lang.say("Required below version", "低于此版本必须更新")) }
                    input id="minimum" name="minimum" maxlength="64"; }
            }
            div .row {
                div { label for="percent" { (lang.say("Share in percent", "推送比例（%）")) }
                    input id="percent" name="percent" inputmode="decimal" size="6" required value="100"; }
                div { label for="hours" { (lang.say("Grows to everybody within hours (0: stays)", "多少小时后扩大到全部（0 为不变）")) }
                    input id="hours" name="hours" inputmode="numeric" size="6" value="0"; }
            }
            fieldset {
                legend { (lang.say("Notes in Markdown", "更新说明（Markdown）")) }
                label for="notes-en" { "English" }
                textarea id="notes-en" name="notes-en" rows="4" lang="en" {}
                label for="notes-zh" { "简体中文" }
                textarea id="notes-zh" name="notes-zh" rows="4" lang="zh-CN" {}
                details {
                    summary { (lang.say("Another language", "其他语言")) }
                    label for="language" { (lang.say("Tag, such as de or ja", "语言代码，如 de 或 ja")) }
                    input id="language" name="language" maxlength="20" size="8";
                    label for="notes-other" { (lang.say("Text", "文本")) }
                    textarea id="notes-other" name="notes-other" rows="4" {}
                }
            }
            button .primary type="submit" { (lang.say("Publish", "发布")) }
        }
    }
}

pub(super) async fn scan(
    State(desk): State<Arc<Desk>>,
    Path(slug): Path<String>,
    person: Who,
    fields: Fields,
) -> Response {
    let make = |watch: &Watch, _: &Fields| {
        // Any version will do for looking; one that was used would be refused.
        let version =
            next_version(&watch.order, &watch.version, Stamp::now()).map_err(|error| Failure::of(&error))?;
        Ok(Order { version, dry_run: true, now: Stamp::now(), ..watch.order.clone() })
    };
    begin(&desk, &slug, &person, &fields, make)
}

pub(super) async fn publish(
    State(desk): State<Arc<Desk>>,
    Path(slug): Path<String>,
    person: Who,
    fields: Fields,
) -> Response {
    let lang = person.lang;
    let make = move |watch: &Watch, fields: &Fields| order(lang, watch, fields);
    begin(&desk, &slug, &person, &fields, make)
}

/// The order that a filled form makes.
fn order(lang: Lang, watch: &Watch, fields: &Fields) -> Result<Order, Failure> {
    let refuse = |message: String| Failure { code: crate::report::ErrorCode::Usage, message, hint: None };
    let now = Stamp::now();
    let version: Version = fields.get("version").parse().map_err(|why| refuse(format!("{why}")))?;
    let minimum = match fields.get("minimum") {
        "" => None,
        text => Some(text.parse().map_err(|why| refuse(format!("{why}")))?),
    };
    let spread = spread(fields.get("percent"), fields.get("hours"));
    let spread = spread.map_err(|(en, zh)| refuse(lang.say(en, zh).to_owned()))?;
    let rollout = if spread.start_bp == 10_000 {
        None
    } else {
        Some(spread.rollout(now).map_err(|error| Failure::of(&error))?)
    };
    let mut texts = BTreeMap::new();
    let languages = [("en", "notes-en"), ("zh-CN", "notes-zh"), (fields.get("language"), "notes-other")];
    for (language, field) in languages {
        let text = fields.get(field).replace("\r\n", "\n");
        if text.is_empty() {
            continue;
        }
        let is_tag = (2..=20).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_tag {
            return Err(refuse(
                lang.say("name the language of the further notes", "请填写其他语言的代码").to_owned(),
            ));
        }
        if text.len() > MAX_NOTES {
            return Err(refuse(lang.say("the notes are too long", "更新说明过长").to_owned()));
        }
        texts.insert(language.to_owned(), text);
    }
    let urgency = if fields.get("urgency") == "forced" { Urgency::Forced } else { Urgency::Optional };
    Ok(Order { version, minimum, rollout, urgency, texts, dry_run: false, now, ..watch.order.clone() })
}

/// Begins a job that a form asks for, and goes to the page that shows it.
fn begin(
    desk: &Desk,
    slug: &str,
    person: &Person,
    fields: &Fields,
    make: impl FnOnce(&Watch, &Fields) -> Result<Order, Failure>,
) -> Response {
    if !fields.is_of(person) {
        return person.foreign();
    }
    let lang = person.lang;
    let Some(project) = desk.project(slug) else { return person.missing() };
    let page = format!("{}/publish", url(&project));
    let (Some(watch), Some(_)) = (&project.desk.build, &project.desk.keys) else {
        let told = lang
            .say("Not done: this server may not publish the project.", "未执行：本服务器无权发布该项目。");
        return person.go(&page, false, told.to_owned());
    };
    let begun = make(watch, fields).and_then(|order| desk.jobs.begin(slug, order));
    match begun {
        Ok(Some(_)) => Redirect::to(&format!("{}/job", url(&project))).into_response(),
        Ok(None) => {
            let told = lang.say("Not done: this project is at work already.", "未执行：该项目正在处理中。");
            person.go(&page, false, told.to_owned())
        }
        Err(failure) => person.go(&page, false, person.sentence(&failure)),
    }
}

/// How a job goes; once it has ended, on to what came of it.
pub(super) async fn job(State(desk): State<Arc<Desk>>, Path(slug): Path<String>, person: Who) -> Response {
    let Some(project) = desk.project(&slug) else { return person.missing() };
    let page = format!("{}/publish", url(&project));
    let Some(job) = desk.jobs.last(&slug) else { return Redirect::to(&page).into_response() };
    let Some((outcome, _)) = job.outcome() else { return at_work(&person, &project, &job) };
    if job.is_scan {
        return Redirect::to(&format!("{page}#scan")).into_response();
    }
    desk.jobs.forget(&slug);
    published(&person, &project, &page, outcome)
}

/// Says what a publish came to.
fn published(person: &Person, project: &Project, page: &str, outcome: Result<Report, Failure>) -> Response {
    let lang = person.lang;
    match outcome {
        Err(failure) => person.go(page, false, person.sentence(&failure)),
        Ok(report) if report.nothing_changed() => {
            let text = lang.fill(
                "Nothing changed: the folder is {} already. No release was made.",
                "没有变化：文件夹与 {} 相同，未发布新版本。",
                &[report.version.as_str()],
            );
            person.go(page, true, text)
        }
        Ok(report) => {
            let count = |paths: &[RelPath]| paths.len().to_string();
            let (changes, number) = (&report.changes, report.number.to_string());
            let text = lang.fill(
                "Published {} as {}: {} changed, {} added, {} removed.",
                "已发布 {}（{}）：更改 {}，新增 {}，删除 {}。",
                &[
                    report.version.as_str(),
                    &number,
                    &count(&changes.changed),
                    &count(&changes.added),
                    &count(&changes.removed),
                ],
            );
            let (channel, platform) = (escape(report.channel.as_str()), escape(report.platform.as_str()));
            person.go(&format!("{}/r/{channel}/{platform}/{}", url(project), report.number.0), true, text)
        }
    }
}

fn at_work(person: &Person, project: &Project, job: &Job) -> Response {
    let lang = person.lang;
    let (packs, done, total) = job.progress();
    let doing =
        if packs { lang.say("Compressing", "正在压缩") } else { lang.say("Reading", "正在读取") };
    let title = if job.is_scan {
        lang.say("Scanning", "正在扫描")
    } else {
        lang.say("Publishing", "正在发布")
    };
    let frame = Frame { again: Some(1), ..person.frame(title, vec![(shown(project), url(project))]) };
    frame.page(html! {
        div .card .narrow {
            p { (doing) " " (bytes(done)) " / " (bytes(total)) }
            progress max=(total.max(1)) value=(done) aria-label=(title) {}
            p .hint { (lang.say("This page follows by itself. You may leave it; the work goes on.", "页面会自动刷新。您可以离开，处理会继续进行。")) }
        }
    })
}
