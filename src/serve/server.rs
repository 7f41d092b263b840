//! The public server: hands out repositories, and has no way to write.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;

use super::answer::{Pantry, answer};
#[cfg(feature = "vendor")]
use super::census::Census;
use super::error::ServeError;
use super::listen::{Limits, Listening, Security};
use super::log::{Access, AccessLog};
use super::site::Site;
#[cfg(feature = "vendor")]
use super::tls::{Tls, TlsFiles};
use super::traffic::Traffic;

/// The header in which a proxy names the client it asks for.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    limits: Limits,
    security: Security,
    public: Arc<Public>,
}

/// What answers requests, and what it counts.
#[derive(Debug)]
pub struct Public {
    site: RwLock<Arc<Site>>,
    pantry: Arc<Pantry>,
    traffic: Arc<Traffic>,
    log: Option<AccessLog>,
    behind_proxy: bool,
    #[cfg(feature = "vendor")]
    census: Census,
}

impl Server {
    /// Listens at `addr` for what lies at `root`; port 0 takes a free one.
    ///
    /// # Errors
    /// If `root` holds no repository or the address can't be used.
    pub async fn bind(root: &Path, addr: SocketAddr) -> Result<Self, ServeError> {
        Self::of(Site::at(root)?, addr, None, false).await
    }

    /// Listens at `addr` for a site, with a log of requests. `behind_proxy` takes the client's address from what a
    /// proxy in front says.
    ///
    /// # Errors
    /// If the address can't be used.
    pub async fn of(
        site: Site,
        addr: SocketAddr,
        log: Option<AccessLog>,
        behind_proxy: bool,
    ) -> Result<Self, ServeError> {
        let (listener, local) = bind(addr).await?;
        let public = Public {
            site: RwLock::new(Arc::new(site)),
            pantry: Arc::default(),
            traffic: Arc::default(),
            log,
            behind_proxy,
            #[cfg(feature = "vendor")]
            census: Census::default(),
        };
        let (limits, security) = (Limits::default(), Security::Plain);
        Ok(Self { listener, local, limits, security, public: Arc::new(public) })
    }

    /// Sets what the server bears.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Answers over TLS alone.
    ///
    /// # Errors
    /// If certificate or key can't be used.
    #[cfg(feature = "vendor")]
    pub fn with_tls(mut self, files: TlsFiles) -> Result<Self, ServeError> {
        self.security = Security::Tls(Arc::new(Tls::load(files)?));
        Ok(self)
    }

    /// The address it listens at.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The addresses that clients use.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let scheme = match &self.security {
            Security::Plain => "http",
            #[cfg(feature = "vendor")]
            Security::Tls(_) => "https",
        };
        self.public.site().urls(scheme, self.local)
    }

    /// What answers, for looking at it while it does.
    #[must_use]
    pub fn public(&self) -> Arc<Public> {
        Arc::clone(&self.public)
    }

    #[cfg(feature = "vendor")]
    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        match &self.security {
            Security::Plain => None,
            Security::Tls(tls) => Some(Arc::clone(tls)),
        }
    }

    /// Answers until `shutdown` comes; then takes no more, and gives answers under way some seconds to end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, limits, security, public, .. } = self;
        let traffic = Arc::clone(&public.traffic);
        let serve = move |peer: SocketAddr| {
            let public = Arc::clone(&public);
            service_fn(move |request| {
                let public = Arc::clone(&public);
                async move { Ok::<_, Infallible>(public.handle(peer, &request).await) }
            })
        };
        Listening { listener, security, limits, traffic }.run(serve, shutdown).await;
    }
}

/// Listens at an address; says which one it is.
pub(super) async fn bind(addr: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

impl Public {
    /// What is handed out now.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands out another site from now on. Answers under way are not touched.
    pub fn change_site(&self, site: Site) {
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        self.pantry.cache.clear();
    }

    /// What was counted.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The log of requests, if there is one.
    #[must_use]
    pub fn log(&self) -> Option<&AccessLog> {
        self.log.as_ref()
    }

    /// The clients that were seen.
    #[cfg(feature = "vendor")]
    #[must_use]
    pub fn census(&self) -> &Census {
        &self.census
    }

    async fn handle(&self, peer: SocketAddr, request: &Request<Incoming>) -> Response<Body> {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let site = self.site();
        let answered = answer(&site, &self.pantry, method, uri.path(), headers).await;
        let response = answered.response;
        self.traffic.answered(response.status().as_u16());
        let text = |headers: &HeaderMap, name| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        #[cfg(feature = "vendor")]
        if answered.is_check && response.status().as_u16() < 400 {
            let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
            self.census.saw(answered.project.as_deref(), self.client(peer, headers), agent);
        }
        if let Some(log) = &self.log {
            let length = text(response.headers(), CONTENT_LENGTH).and_then(|length| length.parse().ok());
            log.note(Access {
                peer: self.client(peer, headers),
                method: method.to_string(),
                target: uri.path().to_owned(),
                status: response.status().as_u16(),
                length: length.unwrap_or(0),
                agent: text(headers, USER_AGENT).unwrap_or_else(|| "-".to_owned()),
            });
        }
        response
    }

    /// The address of the client: the last one that a proxy in front has added, if there is a proxy.
    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let said = || {
            let mut lines = headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok());
            lines.next_back()?.rsplit(',').next()?.trim().parse().ok()
        };
        self.behind_proxy.then(said).flatten().unwrap_or_else(|| peer.ip())
    }
}
