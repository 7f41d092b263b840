//! What an operator sees: status as JSON, metrics, and a page with the live graph. Nothing here changes anything.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, stream};
use tokio::net::TcpListener;

use super::service::Status;
use crate::report::{ErrorCode, Fault};

/// How often the page is told what is new.
const BEAT: Duration = Duration::from_millis(500);
/// The page brings everything it needs, and may fetch nothing but its own events.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = include_str!("../../assets/component/page.html");

/// Where the status comes from.
pub type Look = Arc<dyn Fn() -> Status + Send + Sync>;

/// Why there is no admin listener.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address can't be used.
    #[error("can't listen on {addr} for status: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It ended by an error.
    #[error("the status listener failed: {0}")]
    Run(#[source] std::io::Error),
}

impl Fault for AdminError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                ErrorCode::Permission
            }
            Self::Listen { .. } => ErrorCode::Usage,
            Self::Run(_) => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Listen { .. } => Some(
                "Set another address and port as admin in [pipeline], such as 127.0.0.1:4540.".to_owned(),
            ),
            Self::Run(_) => None,
        }
    }
}

/// A listener that does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    local: SocketAddr,
}

impl Admin {
    /// Listens at `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address can't be used.
    pub async fn bind(addr: SocketAddr) -> Result<Self, AdminError> {
        let failed = |source| AdminError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local })
    }

    /// The address it listens at.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Answers until `shutdown` comes.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn run(
        self,
        look: Look,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), AdminError> {
        let router = Router::new()
            .route("/", get(page))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/events", get(events))
            .with_state(look);
        let serve = axum::serve(self.listener, router).into_future();
        // Pages keep their event stream open for ever, so nobody is waited for.
        tokio::select! {
            ended = serve => ended.map_err(AdminError::Run),
            () = shutdown => Ok(()),
        }
    }
}

async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, PAGE)
}

async fn status(State(look): State<Look>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, serde_json::to_string(&look()).unwrap_or_default())
}

async fn metrics(State(look): State<Look>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], look().prometheus())
}

async fn events(State(look): State<Look>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let beats = stream::unfold((look, true), |(look, first)| async move {
        if !first {
            tokio::time::sleep(BEAT).await;
        }
        let data = serde_json::to_string(&look()).unwrap_or_default();
        Some((Ok(Event::default().data(data)), (look, false)))
    });
    Sse::new(beats)
}
