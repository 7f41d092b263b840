//! The listening server.

use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_LENGTH, USER_AGENT};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::fsx;
use crate::release::RelPath;

use super::answer::answer;
use super::error::ServeError;

/// How long answers under way may take after the server was asked to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server hands out: one project, or a folder of projects.
#[derive(Debug, Clone)]
pub struct Site {
    root: PathBuf,
    projects: Vec<String>,
    is_project: bool,
}

impl Site {
    /// Looks at what `root` is.
    ///
    /// # Errors
    /// If it can't be read, or is no repository and holds none.
    pub fn at(root: &Path) -> Result<Self, ServeError> {
        let root = fsx::canonical(root)?;
        if is_project(&root) {
            return Ok(Self { root, projects: Vec::new(), is_project: true });
        }
        let names = fsx::list(&root)?.into_iter().filter_map(|name| name.into_string().ok());
        let projects: Vec<String> =
            names.filter(|name| name.parse::<RelPath>().is_ok() && is_project(&root.join(name))).collect();
        if projects.is_empty() {
            return Err(ServeError::NoRepository(root));
        }
        Ok(Self { root, projects, is_project: false })
    }

    /// The addresses that clients use when the server answers at `addr`, one for each project there is now.
    /// A project that is added later is served without a restart.
    #[must_use]
    pub fn urls(&self, addr: SocketAddr) -> Vec<String> {
        if self.is_project {
            return vec![format!("http://{addr}/")];
        }
        self.projects.iter().map(|name| format!("http://{addr}/{}/", escape(name))).collect()
    }
}

fn is_project(folder: &Path) -> bool {
    let timestamp = folder.join("metadata").join("timestamp.json");
    fsx::stat_follow(&timestamp).is_ok_and(|metadata| metadata.is_file())
}

/// A folder's name as a part of a URL.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    site: Site,
    local: SocketAddr,
}

impl Server {
    /// Listens at `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// If `root` holds no repository or the address can't be used.
    pub async fn bind(root: &Path, addr: SocketAddr) -> Result<Self, ServeError> {
        let site = Site::at(root)?;
        let failed = |source| ServeError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, site, local })
    }

    /// The address it listens at.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The addresses that clients use.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.site.urls(self.local)
    }

    /// Answers until `shutdown` comes; then takes no more, and gives answers under way some seconds to end.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let router = Router::new().fallback(handle).with_state(Arc::new(self.site));
        let (asked, heard) = tokio::sync::oneshot::channel::<()>();
        let stop = async move {
            shutdown.await;
            // Nobody listens any more only if the server has ended already.
            asked.send(()).ok();
        };
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = self.listener.tap_io(|connection| {
            // Without this a small answer waits for the client's next packet. If it fails, it only is slow.
            connection.set_nodelay(true).ok();
        });
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop).into_future();
        let too_long = async {
            match heard.await {
                Ok(()) => tokio::time::sleep(PATIENCE).await,
                Err(_server_ended) => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = serving => ended.map_err(ServeError::Run),
            () = too_long => Ok(()),
        }
    }
}

async fn handle(
    State(site): State<Arc<Site>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let began = Instant::now();
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let response = answer(&site.root, site.is_project, method, uri.path(), headers).await;
    let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("-");
    tracing::info!(
        target: "access",
        "{} {method} {:?} {} {} {}ms {agent:?}",
        peer.ip(),
        uri.path(),
        response.status().as_u16(),
        length.unwrap_or("0"),
        began.elapsed().as_millis(),
    );
    response
}
