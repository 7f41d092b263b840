//! Coming in and going out.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::header::{COOKIE as COOKIES, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::guard::lang;
use super::layout::Frame;
use super::session::{COOKIE, Login, in_cookies};
use super::words::Lang;
use super::{Desk, Who, act};

/// What the login page sends.
#[derive(Deserialize)]
pub(super) struct Entering {
    token: String,
}

pub(super) async fn show(headers: HeaderMap) -> Response {
    page(lang(&headers), None)
}

pub(super) async fn enter(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    Form(entering): Form<Entering>,
) -> Response {
    let lang = lang(&headers);
    match desk.sessions.log_in(&entering.token) {
        Login::Open(id) => {
            let cookie = cookie(&desk, &id, "");
            ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Login::Wrong => {
            // Whoever guesses waits; who mistyped hardly notices.
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let told = lang.say("That is not the token.", "令牌不正确。");
            (StatusCode::FORBIDDEN, page(lang, Some(told))).into_response()
        }
        Login::Wait => {
            let told = lang.say("Too many wrong tries. Wait a minute.", "错误次数过多，请一分钟后再试。");
            (StatusCode::TOO_MANY_REQUESTS, page(lang, Some(told))).into_response()
        }
    }
}

pub(super) async fn leave(
    State(desk): State<Arc<Desk>>,
    person: Who,
    headers: HeaderMap,
    form: act::Fields,
) -> Response {
    if !form.is_of(&person) {
        return person.foreign();
    }
    let header = headers.get(COOKIES).and_then(|cookies| cookies.to_str().ok());
    if let Some(id) = header.and_then(in_cookies) {
        desk.sessions.log_out(id);
    }
    ([(SET_COOKIE, cookie(&desk, "", "; Max-Age=0"))], Redirect::to("/login")).into_response()
}

fn cookie(desk: &Desk, id: &str, more: &str) -> String {
    let secure = if desk.is_tls { "; Secure" } else { "" };
    format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

fn page(lang: Lang, told: Option<&'static str>) -> Response {
    let title = lang.say("Log in", "登录").to_owned();
    let frame = Frame { lang, session: None, title, above: Vec::new(), again: None };
    frame.page(html! {
        @if let Some(told) = told { div .flash .bad role="alert" { (told) } }
        form .card .narrow method="post" action="/login" {
            label for="token" { (lang.say("Token", "令牌")) }
            input id="token" name="token" type="password" autocomplete="current-password" required autofocus;
            p .hint { (lang.say(
                "It stands in the file that the server named when it started. Only the owner of that file can read it.",
                "令牌保存在服务器启动时显示的文件中，只有该文件的所有者可以读取。"
            )) }
            button type="submit" { (lang.say("Log in", "登录")) }
        }
    })
}
