//! A listener: takes connections up to a limit, lets each have its answers, and ends them in good order.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::socket::Guarded;
#[cfg(feature = "vendor")]
use super::tls::Tls;
use super::traffic::Traffic;

/// What a listener bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones wait until one has ended.
    pub connections: usize,
    /// How long a client may take for the head of its next request, and so how long an idle connection is kept.
    pub header: Duration,
    /// How long an answer may stand still.
    pub idle: Duration,
    /// How long answers under way may take after the server was asked to stop.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (header, idle) = (Duration::from_secs(30), Duration::from_secs(60));
        Self { connections: 2000, header, idle, patience: Duration::from_secs(10) }
    }
}

/// How connections are made safe.
#[derive(Debug, Clone)]
pub(super) enum Security {
    /// They are not: every byte is verified by the client.
    Plain,
    /// By TLS.
    #[cfg(feature = "vendor")]
    Tls(Arc<Tls>),
}

/// A listener that takes connections.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) security: Security,
    pub(super) limits: Limits,
    pub(super) traffic: Arc<Traffic>,
}

impl Listening {
    /// Answers until `stop` comes; then takes no more, and gives answers under way some time to end. `serve` makes
    /// what answers the requests of one client.
    pub(super) async fn run<S, F>(self, serve: F, stop: impl Future<Output = ()>)
    where
        F: Fn(SocketAddr) -> S,
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send + 'static,
    {
        let Self { listener, security, limits, traffic } = self;
        let permits = Arc::new(Semaphore::new(limits.connections.max(1)));
        let (end, ending) = watch::channel(false);
        let mut open = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&permits).acquire_owned() => permit,
                () = &mut stop => break,
            };
            let (stream, peer) = tokio::select! {
                taken = listener.accept() => match taken {
                    Ok(taken) => taken,
                    Err(error) => {
                        // The connection is gone, or the process has no handles left: neither is an end.
                        tracing::warn!(%error, "a connection can't be taken");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut stop => break,
            };
            let service = serve(peer);
            let (security, traffic, ending) = (security.clone(), Arc::clone(&traffic), ending.clone());
            open.spawn(async move {
                traffic.opened();
                let well = connection(stream, &security, limits, &traffic, service, ending).await;
                if !well {
                    traffic.failed();
                }
                traffic.closed();
                drop(permit);
            });
            while open.try_join_next().is_some() {}
        }
        drop(listener);
        // Nobody listens if no connection is open.
        end.send(true).ok();
        let all = async { while open.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.patience, all).await.is_err() {
            open.abort_all();
        }
    }
}

async fn connection<S>(
    stream: TcpStream,
    security: &Security,
    limits: Limits,
    traffic: &Arc<Traffic>,
    service: S,
    ending: watch::Receiver<bool>,
) -> bool
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    // Without this a small answer waits for the client's next packet. If it fails, it only is slow.
    stream.set_nodelay(true).ok();
    match security {
        Security::Plain => converse(stream, limits, traffic, service, ending).await,
        #[cfg(feature = "vendor")]
        Security::Tls(tls) => match tokio::time::timeout(limits.header, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, limits, traffic, service, ending).await,
            Ok(Err(_)) | Err(_) => false,
        },
    }
}

/// Answers the requests of one connection; says whether it ended well.
async fn converse<I, S>(
    stream: I,
    limits: Limits,
    traffic: &Arc<Traffic>,
    service: S,
    mut ending: watch::Receiver<bool>,
) -> bool
where
    I: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let io = TokioIo::new(Guarded::new(stream, limits.idle, Arc::clone(traffic)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header);
    let mut conversation = std::pin::pin!(http.serve_connection(io, service));
    // If the other end is gone, so is the server: the same thing.
    let asked = async { ending.wait_for(|ending| *ending).await.map(drop).is_ok() };
    let over = tokio::select! {
        over = conversation.as_mut() => over,
        _ = asked => {
            conversation.as_mut().graceful_shutdown();
            conversation.await
        }
    };
    over.is_ok()
}
