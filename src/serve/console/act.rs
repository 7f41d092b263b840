//! What buttons of a release do: each ends on the release's page with a sentence that says what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use crate::publish::steer::{self, Promotion, Spread, Steered, Which};
use crate::publish::{PublishError, Signing};
use crate::release::{Channel, Curve, Stamp};
use crate::report::Failure;
use crate::serve::site::escape;
use crate::trust::sign::Lifetimes;

use super::release::{At, find};
use super::words::{Lang, percent};
use super::{Desk, Person, Who, projects};

/// The fields of a form, several of a name allowed once.
#[derive(Debug, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Whether the form is of one of the person's own pages.
    pub(super) fn is_of(&self, person: &Person) -> bool {
        person.session.knows(self.get("mark"))
    }

    /// A field's text without white space around it; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Form::<BTreeMap<String, String>>::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(error) => {
                Err((StatusCode::BAD_REQUEST, format!("the form can't be read: {error}\n")).into_response())
            }
        }
    }
}

impl Person {
    /// The answer to a form without the mark of the session.
    pub(super) fn foreign(&self) -> Response {
        (StatusCode::FORBIDDEN, "this form is not one of this session; load the page again\n").into_response()
    }

    /// A failure as the sentence of a page.
    pub(super) fn sentence(&self, failure: &Failure) -> String {
        let hint = failure.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
        let code = failure.code.as_str();
        self.lang.fill("Not done: {} [{}].{}", "未执行：{} [{}]。{}", &[&failure.message, code, &hint])
    }
}

/// What a button asks for, checked.
struct Asked {
    request: steer::Request,
    version: String,
}

/// Checks who asks and for what, does it, and says what came of it.
async fn act(
    desk: Arc<Desk>,
    at: At,
    person: &Person,
    fields: &Fields,
    work: impl FnOnce(&steer::Request) -> Result<Steered, PublishError> + Send + 'static,
    said: impl FnOnce(Lang, &str, &Steered) -> String,
) -> Response {
    if !fields.is_of(person) {
        return person.foreign();
    }
    let lang = person.lang;
    let Some(project) = desk.project(&at.project) else { return person.missing() };
    let Some(keys) = project.desk.keys.clone() else {
        let told = lang
            .say("Not done: this server has no keys for the project.", "未执行：服务器没有该项目的密钥。");
        return person.go(&super::url(&project), false, told.to_owned());
    };
    let root = project.root.clone();
    let done = tokio::task::spawn_blocking(move || {
        let release = find(&root, &at)?;
        let Some(release) = release else { return Ok(None) };
        let version = release.summary.version.to_string();
        let request = steer::Request {
            signing: Signing::new(root, Some(&keys)),
            channel: release.channel.clone(),
            platform: Some(release.platform.clone()),
            release: Which::Named(version.clone()),
            now: Stamp::now(),
            lifetimes: Lifetimes::default(),
        };
        let asked = Asked { request, version };
        let result = work(&asked.request);
        Ok::<_, PublishError>(Some((release, asked.version, result)))
    });
    match done.await {
        Ok(Ok(Some((release, version, result)))) => {
            let url = projects::release_url(&project, &release);
            match result {
                Ok(steered) => {
                    let mut text = said(lang, &version, &steered);
                    if !steered.changed {
                        text = lang.say("Nothing had to be changed.", "无需更改。").to_owned();
                    }
                    for warning in &steered.warnings {
                        text = format!("{text} {warning}.");
                    }
                    person.go(&url, true, text)
                }
                Err(error) => person.go(&url, false, person.sentence(&Failure::of(&error))),
            }
        }
        Ok(Ok(None)) => person.missing(),
        Ok(Err(error)) => person.go(&super::url(&project), false, person.sentence(&Failure::of(&error))),
        Err(_broken) => (StatusCode::INTERNAL_SERVER_ERROR, "the action broke off\n").into_response(),
    }
}

pub(super) async fn halt(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    act(desk, at, &person, &fields, steer::halt, |lang, version, _| {
        lang.fill(
            "{} is halted: nobody gets it any more until you resume it.",
            "{} 已暂停推送：恢复之前任何人都不会再获得它。",
            &[version],
        )
    })
    .await
}

pub(super) async fn resume(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    act(desk, at, &person, &fields, steer::resume, |lang, version, _| {
        lang.fill("{} goes on where it was halted.", "{} 已从暂停处继续推送。", &[version])
    })
    .await
}

pub(super) async fn withdraw(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    act(desk, at, &person, &fields, steer::withdraw, |lang, version, _| {
        lang.fill(
            "{} is withdrawn: it is not installed any more. Who has it keeps it until there is a newer release.",
            "{} 已撤回：不再安装到任何机器。已安装的用户会保留它，直到有更新的版本。",
            &[version],
        )
    })
    .await
}

pub(super) async fn restore(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    act(desk, at, &person, &fields, steer::restore, |lang, version, _| {
        lang.fill("{} is offered again.", "{} 已重新提供。", &[version])
    })
    .await
}

pub(super) async fn rollout(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    let spread = match spread(fields.get("percent"), fields.get("hours")) {
        Ok(spread) => spread,
        Err((en, zh)) => return person.go(&back(&desk, &at), false, person.lang.say(en, zh).to_owned()),
    };
    let work = move |request: &steer::Request| steer::set_rollout(request, &spread);
    act(desk, at, &person, &fields, work, move |lang, version, _| {
        let share = percent(spread.start_bp);
        match spread.duration_minutes / 60 {
            0 => lang.fill(
                "{} goes to {} of the installs from now on.",
                "{} 从现在起推送给 {} 的用户。",
                &[version, &share],
            ),
            hours => lang.fill(
                "{} goes to {} of the installs now and grows evenly to everybody within {} hours.",
                "{} 现在推送给 {} 的用户，并在 {} 小时内均匀增长到全部用户。",
                &[version, &share, &hours.to_string()],
            ),
        }
    })
    .await
}

pub(super) async fn promote(
    State(desk): State<Arc<Desk>>,
    Path(at): Path<At>,
    person: Who,
    fields: Fields,
) -> Response {
    let to: Channel = match fields.get("to").parse() {
        Ok(to) => to,
        Err(error) => {
            let text = person.lang.fill("Not done: {}.", "未执行：{}。", &[&format!("{error}")]);
            return person.go(&back(&desk, &at), false, text);
        }
    };
    let promotion = Promotion::to(to.clone());
    let work = move |request: &steer::Request| steer::promote(request, &promotion);
    act(desk, at, &person, &fields, work, move |lang, version, steered| {
        let number = steered.releases.first().map_or(String::new(), |one| one.summary.number.to_string());
        lang.fill("{} is now on {} as {}.", "{} 已发布到通道 {}（{}）。", &[version, to.as_str(), &number])
    })
    .await
}

/// The page of the release that a form was on.
fn back(desk: &Desk, at: &At) -> String {
    match desk.project(&at.project) {
        Some(project) => {
            let (channel, platform) = (escape(&at.channel), escape(&at.platform));
            format!("{}/r/{channel}/{platform}/{}", super::url(&project), at.number)
        }
        None => "/".to_owned(),
    }
}

/// What the fields of a rollout say.
pub(super) fn spread(share: &str, hours: &str) -> Result<Spread, (&'static str, &'static str)> {
    let wrong = (
        "Not done: write the share as a percentage from 0 to 100 with at most two decimals.",
        "未执行：请填写 0 到 100 之间的百分比，最多两位小数。",
    );
    let start_bp = points(share).ok_or(wrong)?;
    let hours =
        if hours.is_empty() { Some(0) } else { hours.parse::<u64>().ok().filter(|hours| *hours <= 8784) };
    let hours = hours
        .ok_or(("Not done: write whole hours, a year at most.", "未执行：请填写整数小时，最多一年。"))?;
    Ok(Spread { start_bp, duration_minutes: hours * 60, curve: Curve::Linear, start: None })
}

/// A percentage as basis points.
fn points(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    format!("{whole}{part:0<2}").parse().ok().filter(|points| *points <= 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_read_exactly() {
        let read = |share, hours| spread(share, hours).ok().map(|s| (s.start_bp, s.duration_minutes));
        assert_eq!(read("5", ""), Some((500, 0)));
        assert_eq!(read("0.25", "48"), Some((25, 2880)));
        assert_eq!(read("100", "0"), Some((10_000, 0)));
        for (share, hours) in [("", ""), ("101", ""), ("-1", ""), ("1.234", ""), ("5", "x"), ("5", "99999")] {
            assert_eq!(read(share, hours), None, "{share} {hours}");
        }
    }
}
