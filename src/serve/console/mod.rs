//! The console: pages for the vendor on a listener of their own, on this machine unless said otherwise.
//!
//! Server-rendered, without a script and without anything from elsewhere. A token from a file opens it; every form
//! carries a mark of its session; what it signs, it signs under the publisher's lock.

mod act;
mod clients;
mod guard;
mod jobs;
mod layout;
mod login;
mod projects;
mod publishing;
mod release;
mod session;
mod words;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use hyper_util::service::TowerToHyperService;
use maud::{Markup, html};
use tokio::net::TcpListener;

use crate::release::Stamp;
use crate::report::{Failure, Fault};

use super::error::ServeError;
use super::listen::{Limits, Listening, Security};
use super::operate::{Shared, current};
use super::plan::{Admin, Project};
use super::server::{Public, bind};
use super::site::escape;
use super::tls::Tls;
use super::traffic::Traffic;

use jobs::Jobs;
use layout::Frame;
use session::{Flash, Session, Sessions};
use words::Lang;

/// A console that listens and does not answer yet.
pub(super) struct Console {
    listener: TcpListener,
    local: SocketAddr,
    security: Security,
    token: PathBuf,
    desk: Arc<Desk>,
}

/// What all pages know.
pub(super) struct Desk {
    shared: Shared,
    public: Arc<Public>,
    sessions: Sessions,
    jobs: Jobs,
    hosts: Vec<String>,
    is_tls: bool,
    started: Stamp,
}

/// The person behind a request.
#[derive(Clone)]
pub(super) struct Person {
    session: Arc<Session>,
    lang: Lang,
}

impl Console {
    pub(super) async fn bind(
        admin: &Admin,
        shared: &Shared,
        public: &Arc<Public>,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self, ServeError> {
        if tls.is_none() && !admin.listen.ip().is_loopback() {
            return Err(ServeError::OpenConsole(admin.listen));
        }
        let sessions = Sessions::load(&admin.token)?;
        let (listener, local) = bind(admin.listen).await?;
        let port = local.port();
        let mut hosts = vec![local.to_string(), format!("localhost:{port}")];
        if local.ip().is_loopback() || local.ip().is_unspecified() {
            hosts.extend([format!("127.0.0.1:{port}"), format!("[::1]:{port}")]);
        }
        for host in &admin.hosts {
            hosts.extend([host.to_ascii_lowercase(), format!("{}:{port}", host.to_ascii_lowercase())]);
        }
        let desk = Desk {
            shared: Arc::clone(shared),
            public: Arc::clone(public),
            sessions,
            jobs: Jobs::default(),
            hosts,
            is_tls: tls.is_some(),
            started: Stamp::now(),
        };
        let security = tls.map_or(Security::Plain, Security::Tls);
        Ok(Self { listener, local, security, token: admin.token.clone(), desk: Arc::new(desk) })
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.desk.is_tls { "https" } else { "http" };
        format!("{scheme}://{}/", self.local)
    }

    pub(super) fn token_file(&self) -> PathBuf {
        self.token.clone()
    }

    pub(super) async fn run(self, stop: impl Future<Output = ()>) {
        let router = router(&self.desk);
        let limits = Limits { connections: 64, ..Limits::default() };
        let (listener, security, traffic) = (self.listener, self.security, Arc::<Traffic>::default());
        let serve = move |_peer: SocketAddr| TowerToHyperService::new(router.clone());
        Listening { listener, security, limits, traffic }.run(serve, stop).await;
    }
}

fn router(desk: &Arc<Desk>) -> Router {
    let release = Router::new()
        .route("/", get(release::show))
        .route("/withdraw", get(release::confirm_withdrawal).post(act::withdraw))
        .route("/restore", post(act::restore))
        .route("/halt", post(act::halt))
        .route("/resume", post(act::resume))
        .route("/rollout", post(act::rollout))
        .route("/promote", post(act::promote));
    Router::new()
        .route("/", get(projects::all))
        .route("/p/{project}", get(projects::one))
        .route("/p/{project}/clients", get(clients::show))
        .route("/p/{project}/publish", get(publishing::show).post(publishing::publish))
        .route("/p/{project}/scan", post(publishing::scan))
        .route("/p/{project}/job", get(publishing::job))
        .nest("/p/{project}/r/{channel}/{platform}/{number}", release)
        .route("/logout", post(login::leave))
        .layer(middleware::from_fn_with_state(Arc::clone(desk), guard::only_known))
        .route("/login", get(login::show).post(login::enter))
        .route("/metrics", get(metrics))
        .route("/static/console.css", get(style))
        .route("/static/icon.svg", get(icon))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(desk), guard::only_ours))
        .with_state(Arc::clone(desk))
}

async fn style() -> Response {
    let kind = (CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (CACHE_CONTROL, "no-cache")], include_str!("../../../assets/console/console.css")).into_response()
}

async fn icon() -> Response {
    let kind = (CONTENT_TYPE, "image/svg+xml");
    ([kind, (CACHE_CONTROL, "max-age=86400")], include_str!("../../../assets/console/icon.svg"))
        .into_response()
}

/// Numbers alone, so without a login: who reaches this listener may read them.
async fn metrics(desk: axum::extract::State<Arc<Desk>>) -> Response {
    let done = tokio::task::spawn_blocking(move || {
        super::metrics::render(&desk.public, &desk.projects(), desk.started)
    });
    let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    match done.await {
        Ok(text) => (kind, text).into_response(),
        Err(_broken) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

impl Desk {
    fn projects(&self) -> Vec<Project> {
        current(&self.shared).projects.all(&self.public.site())
    }

    fn project(&self, slug: &str) -> Option<Project> {
        self.projects().into_iter().find(|project| project.slug() == slug)
    }
}

impl Person {
    /// A frame for a page of this person.
    fn frame(&self, title: impl Into<String>, above: Vec<(String, String)>) -> Frame<'_> {
        Frame { lang: self.lang, session: Some(&self.session), title: title.into(), above, again: None }
    }

    /// Goes to a page that says what came of an action.
    fn go(&self, url: &str, good: bool, text: String) -> Response {
        self.session.tell(Flash { good, text });
        Redirect::to(url).into_response()
    }

    /// The page for something that is not there.
    fn missing(&self) -> Response {
        let text = self.lang.say("There is no such page.", "没有这个页面。");
        let frame = self.frame(self.lang.say("Not found", "未找到"), Vec::new());
        let page = frame.page(html! { p { (text) } });
        (StatusCode::NOT_FOUND, page).into_response()
    }

    /// The page for something that can't be shown.
    fn failed(&self, fault: &dyn Fault, above: Vec<(String, String)>) -> Response {
        let frame = self.frame(self.lang.say("This can't be shown", "无法显示"), above);
        frame.page(problem(self.lang, &Failure::of(fault)))
    }
}

/// A failure on a page.
fn problem(lang: Lang, failure: &Failure) -> Markup {
    html! {
        div .flash .bad role="alert" {
            p { (failure.message) " " code { (failure.code.as_str()) } }
            @if let Some(hint) = &failure.hint { p { (lang.say("What to do: ", "处理办法：")) (hint) } }
        }
    }
}

/// The name of a project on pages.
fn shown(project: &Project) -> String {
    let folder = || project.root.file_name().map(|name| name.to_string_lossy().into_owned());
    project.name.clone().or_else(folder).unwrap_or_else(|| "repository".to_owned())
}

/// The address of a project's page.
fn url(project: &Project) -> String {
    format!("/p/{}", escape(project.slug()))
}

/// What a handler gets of the person.
type Who = Extension<Person>;
