//! What every request must be before a page is made: for this console, from one of its own pages, of a known person.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::session::in_cookies;
use super::words::Lang;
use super::{Desk, Person};

/// Nothing is loaded but style and icon of our own; forms go nowhere else; no other page may frame this one.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests under another name (a page elsewhere that made its name lead here), and forms of other pages.
pub(super) async fn only_ours(State(desk): State<Arc<Desk>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = text(headers, HOST).map(str::to_ascii_lowercase);
    let is_known = host.as_ref().is_some_and(|host| desk.hosts.contains(host));
    let mut response = if !is_known {
        let told = "this console does not answer under that name; see hosts in docs/serving.md\n";
        (StatusCode::MISDIRECTED_REQUEST, told).into_response()
    } else if request.method() == Method::POST && !is_from_here(headers, &desk, host.as_deref()) {
        (StatusCode::FORBIDDEN, "this form is not one of this console\n").into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Whether a form comes from a page of this console: every browser of the last years says so in one of two headers.
fn is_from_here(headers: &HeaderMap, desk: &Desk, host: Option<&str>) -> bool {
    let scheme = if desk.is_tls { "https" } else { "http" };
    match (text(headers, ORIGIN), text(headers, SITE)) {
        (Some(origin), _) => {
            host.is_some_and(|host| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")))
        }
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}

/// Lets only people in who have logged in.
pub(super) async fn only_known(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    let session = text(request.headers(), COOKIE).and_then(in_cookies).and_then(|id| desk.sessions.find(id));
    let Some(session) = session else {
        if request.method() != Method::GET {
            return (StatusCode::FORBIDDEN, "log in first\n").into_response();
        }
        return Redirect::to("/login").into_response();
    };
    let lang = lang(request.headers());
    request.extensions_mut().insert(Person { session, lang });
    next.run(request).await
}

/// The language of a request.
pub(super) fn lang(headers: &HeaderMap) -> Lang {
    Lang::of(text(headers, ACCEPT_LANGUAGE))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
