//! What every page of the console has around it.

use axum::response::{Html, IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};

use super::session::{Flash, Session};
use super::words::Lang;

/// Around the content of a page.
pub(super) struct Frame<'a> {
    pub(super) lang: Lang,
    /// The person; nobody at the login page.
    pub(super) session: Option<&'a Session>,
    pub(super) title: String,
    /// The pages above this one: name and address.
    pub(super) above: Vec<(String, String)>,
    /// Seconds after which the page is to be asked for again.
    pub(super) again: Option<u32>,
}

impl Frame<'_> {
    /// The whole page.
    pub(super) fn page(&self, content: Markup) -> Response {
        let lang = self.lang;
        let flash = self.session.and_then(Session::take_flash);
        let markup = html! {
            (DOCTYPE)
            html lang=(lang.tag()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    @if let Some(seconds) = self.again { meta http-equiv="refresh" content=(seconds); }
                    title { (self.title) " · Updraft" }
                    link rel="stylesheet" href="/static/console.css";
                    link rel="icon" href="/static/icon.svg" type="image/svg+xml";
                }
                body {
                    a .skip href="#content" { (lang.say("Skip to content", "跳到内容")) }
                    header .top {
                        a .brand href="/" { img src="/static/icon.svg" alt="" width="24" height="24"; span { "Updraft" } }
                        @if self.session.is_some() {
                            nav .crumbs aria-label=(lang.say("Path", "路径")) {
                                a href="/" { (lang.say("Projects", "项目")) }
                                @for (name, url) in &self.above { span aria-hidden="true" { "/" } a href=(url) { (name) } }
                            }
                        }
                        @if let Some(session) = self.session {
                            form method="post" action="/logout" .out {
                                (mark(session))
                                button .quiet type="submit" { (lang.say("Log out", "退出")) }
                            }
                        }
                    }
                    main id="content" tabindex="-1" {
                        @if let Some(Flash { good, text }) = flash {
                            div .flash .good[good] .bad[!good] role="status" { (text) }
                        }
                        h1 { (self.title) }
                        (content)
                    }
                }
            }
        };
        Html(markup.into_string()).into_response()
    }
}

/// The hidden field that every form has.
pub(super) fn mark(session: &Session) -> Markup {
    html! { input type="hidden" name="mark" value=(session.mark); }
}
