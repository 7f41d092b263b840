//! The page of the clients: how many run which release, and what the server knows of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;

use crate::publish::overview;

use super::projects::tabs;
use super::{Desk, Who, shown};

pub(super) async fn show(State(desk): State<Arc<Desk>>, Path(slug): Path<String>, person: Who) -> Response {
    let lang = person.lang;
    let Some(project) = desk.project(&slug) else { return person.missing() };
    let root = project.root.clone();
    let found = tokio::task::spawn_blocking(move || overview(&root)).await;
    let releases = found.ok().and_then(Result::ok).map(|found| found.releases).unwrap_or_default();
    let counted = desk.public.census().count(project.name.as_deref());
    let all: u64 = counted.values().sum();
    let most = counted.values().copied().max().unwrap_or(1).max(1);
    // The same release number of a channel is one version, whichever platform it was asked for.
    let version = |running: &crate::serve::Running| {
        let same = |release: &&crate::trust::ReleaseTarget| {
            release.channel == running.channel && release.summary.number == running.number
        };
        let exact = releases.iter().filter(same).find(|release| release.platform == running.platform);
        let found = exact.or_else(|| releases.iter().find(same));
        found.map(|release| release.summary.version.to_string())
    };
    let frame = person.frame(shown(&project), Vec::new());
    frame.page(html! {
        (tabs(lang, &project, "clients"))
        p { (lang.fill(
            "{} addresses asked for the newest release within the last week, as far as this server has run.",
            "最近一周内（自服务器启动起）共有 {} 个地址查询过最新版本。", &[&all.to_string()])) }
        @if !counted.is_empty() {
            div .scroll tabindex="0" role="region" aria-label=(lang.say("Clients by version", "各版本的客户端")) {
                table {
                    thead { tr {
                        th { (lang.say("Has", "已安装")) }
                        th { (lang.say("Channel", "通道")) }
                        th { (lang.say("Platform", "平台")) }
                        th .number { (lang.say("Addresses", "地址数")) }
                        th .wide { span .unseen { (lang.say("Share", "占比")) } }
                    } }
                    tbody {
                        @for (running, count) in counted.iter().rev() {
                            tr {
                                @match running {
                                    Some(running) => {
                                        td { @if running.number.0 == 0 {
                                            (lang.say("nothing yet", "尚未安装"))
                                        } @else {
                                            strong { (version(running).unwrap_or_default()) } " "
                                            span .hint { (running.number) }
                                        } }
                                        td { (running.channel) }
                                        td { (running.platform) }
                                    }
                                    None => { td colspan="3" { (lang.say("another program", "其他程序")) } }
                                }
                                td .number { (count) }
                                td .wide { meter min="0" max=(most) value=(count) { (count) } }
                            }
                        }
                    }
                }
            }
        }
        section .note {
            h2 { (lang.say("What this server knows of clients", "服务器掌握哪些客户端信息")) }
            p { (lang.say(
                "An updater that asks for updates tells its own version, its channel, its platform and the number of the release it has. As with any web server, its address is seen as well.",
                "更新程序在查询更新时会告知其自身版本、通道、平台以及已安装版本的序号。与任何网站服务器一样，服务器也会看到其网络地址。"
            )) }
            p { (lang.say(
                "For this page only a digest of the address is kept, with a salt made anew at each start, in memory, for a week. It can't be turned back into an address and is never written to disk. Machines behind one address count once. Addresses themselves stand only in the access log, if there is one.",
                "此页面仅在内存中保留地址的摘要（每次启动重新生成盐值），保留一周，无法还原为地址，也不会写入磁盘。同一地址后的多台机器只计一次。地址本身仅出现在访问日志中（如果启用）。"
            )) }
        }
    })
}
