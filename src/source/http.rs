//! A repository on a web server: HTTP/1.1 with ranges, never decompressed, redirected with care.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::stream;
use reqwest::header::{self, HeaderMap, HeaderName};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use time::macros::format_description;
use url::Url;

use crate::fsx::{self, FsError};
use crate::report::{ErrorCode, Fault};

use super::proxy::{Proxy, Route};
use super::{Answer, Body, RangeFrom, Source, SourceError, parse_content_range};

/// Most redirects of one request.
const MAX_REDIRECTS: usize = 5;
/// Most bytes of a file of certificates.
const MAX_CA: u64 = 4 * 1024 * 1024;
/// The longest a server may ask us to stay away.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How to reach the network.
#[derive(Debug, Clone)]
pub struct NetOptions {
    /// Time to make a connection.
    pub timeout: Duration,
    /// The proxy.
    pub proxy: Proxy,
    /// Hosts reached without it: a list as in the environment variable `NO_PROXY`, which it replaces where the
    /// proxy is given too; `<local>` means the local network.
    pub no_proxy: Option<String>,
    /// A file of certificates (PEM) to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// What we call ourselves.
    pub user_agent: String,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            proxy: Proxy::System,
            no_proxy: None,
            ca: None,
            user_agent: concat!("updraft/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Why the network can't be set up as wished.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// No source is given.
    #[error("no source is configured")]
    NoSource,
    /// The file of certificates can't be read.
    #[error(transparent)]
    Ca(#[from] FsError),
    /// The file of certificates is not one.
    #[error("{} holds a certificate that can't be read: {source}", path.display())]
    BadCa {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: reqwest::Error,
    },
    /// The file of certificates has none in it.
    #[error("{} holds no certificates", path.display())]
    EmptyCa {
        /// The file.
        path: PathBuf,
    },
    /// The client can't be made.
    #[error("the network can't be set up: {0}")]
    Client(#[from] reqwest::Error),
}

impl Fault for NetError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Ca(error) => error.code(),
            Self::NoSource | Self::BadCa { .. } | Self::EmptyCa { .. } => ErrorCode::Config,
            Self::Client(_) => ErrorCode::Insecure,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSource => "Name at least one source in the configuration.",
            Self::Ca(_) | Self::BadCa { .. } | Self::EmptyCa { .. } => "Check the setting \u{ab}ca\u{bb}.",
            Self::Client(_) => {
                "Install the system's CA certificates, or name a file with the setting \u{ab}ca\u{bb}."
            }
        };
        Some(hint.to_owned())
    }
}

/// What all web sources share: one client, and the way it takes to a host.
#[derive(Clone)]
pub(super) struct Web(Arc<RwLock<Line>>);

/// The client in use and its way.
#[derive(Clone)]
struct Line {
    client: Arc<OnceLock<Client>>,
    options: Arc<NetOptions>,
    route: Arc<Route>,
}

impl Line {
    /// The client, made when it is first needed: to read the system's certificates takes longer than all else before
    /// the window is there, and where all sources are plain http they may never be asked for.
    fn client(&self) -> Result<Client, NetError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = match builder(&self.options, &self.route)?.build() {
            Ok(client) => client,
            // A machine without any CA certificate still reaches plain http.
            Err(_) => builder(&self.options, &self.route)?.tls_certs_only(std::iter::empty()).build()?,
        };
        Ok(self.client.get_or_init(|| client).clone())
    }
}

impl Web {
    fn line(&self) -> Line {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The network of an update that has begun already: the next request takes the way last said.
#[derive(Clone)]
pub struct Network {
    web: Web,
    need_tls: bool,
}

impl Network {
    pub(super) fn new(web: Web, need_tls: bool) -> Self {
        Self { web, need_tls }
    }

    /// Takes another way from the next request on.
    ///
    /// # Errors
    /// If the network can't be set up as wished; it then stays as it was.
    pub fn change(&self, options: &NetOptions) -> Result<(), NetError> {
        let line = line(options, self.need_tls)?;
        *self.web.0.write().unwrap_or_else(PoisonError::into_inner) = line;
        Ok(())
    }
}

/// Makes what all web sources share. `need_tls` says whether a source asks for https.
pub(super) fn client(options: &NetOptions, need_tls: bool) -> Result<Web, NetError> {
    Ok(Web(Arc::new(RwLock::new(line(options, need_tls)?))))
}

fn line(options: &NetOptions, need_tls: bool) -> Result<Line, NetError> {
    let route = Arc::new(Route::of(&options.proxy, options.no_proxy.as_deref()));
    let client = if need_tls || options.ca.is_some() {
        // What is wrong with certificates that are sure to be needed is told at once.
        OnceLock::from(builder(options, &route)?.build()?)
    } else {
        OnceLock::new()
    };
    Ok(Line { client: Arc::new(client), options: Arc::new(options.clone()), route })
}

/// Makes ring the provider of this process's TLS, unless the program has chosen one already.
fn install_provider() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

fn builder(options: &NetOptions, route: &Arc<Route>) -> Result<ClientBuilder, NetError> {
    install_provider();
    let route = Arc::clone(route);
    let mut builder = Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(options.timeout)
        .redirect(Policy::custom(redirect))
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(8)
        .pool_idle_timeout(Duration::from_secs(60))
        .proxy(reqwest::Proxy::custom(move |url| route.via(url).map(Url::from)));
    if let Some(path) = &options.ca {
        let bad = |source| NetError::BadCa { path: path.clone(), source };
        let certificates = reqwest::Certificate::from_pem_bundle(&fsx::read(path, MAX_CA)?).map_err(bad)?;
        if certificates.is_empty() {
            return Err(NetError::EmptyCa { path: path.clone() });
        }
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

fn redirect(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let from_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(format!("it redirects more than {MAX_REDIRECTS} times"))
    } else if from_https && attempt.url().scheme() != "https" {
        attempt.error("it redirects from https to plain http")
    } else {
        attempt.follow()
    }
}

/// A web server as a source.
#[derive(Clone)]
pub struct Http {
    web: Web,
    base: Url,
    name: String,
}

impl Http {
    pub(super) fn new(web: Web, base: Url) -> Self {
        let name = super::SourceUrl::Http(base.clone()).to_string();
        Self { web, base, name }
    }

    async fn ask(&self, path: &str, range: Option<RangeFrom>) -> Result<Answer, SourceError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let line = self.web.line();
        let via = line.route.via(&url);
        let client = line.client().map_err(|error| SourceError::unusable(error.to_string()))?;
        let mut request = client.get(url).header(header::ACCEPT_ENCODING, "identity");
        if let Some(range) = &range {
            let last = range.end.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
            request = request.header(header::RANGE, format!("bytes={}-{last}", range.offset));
            if let Some(etag) = &range.etag {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        let response = request.send().await.map_err(|error| SourceError::of(&error, via.as_ref()))?;
        Ok(answer(response))
    }
}

impl Source for Http {
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        Box::pin(self.ask(path, range))
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}

fn answer(response: reqwest::Response) -> Answer {
    let headers = response.headers();
    let etag = text(headers, &header::ETAG).filter(|etag| etag.starts_with('"'));
    let encoding = text(headers, &header::CONTENT_ENCODING);
    let kind = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    Answer {
        status: response.status().as_u16(),
        etag: etag.map(str::to_owned),
        content_range: text(headers, &header::CONTENT_RANGE).and_then(parse_content_range),
        length: text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        encoded: encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")),
        html: kind.to_ascii_lowercase().starts_with("text/html"),
        retry_after: text(headers, &header::RETRY_AFTER).and_then(retry_after),
        body: body(response),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str) -> Option<Duration> {
    let wait = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let form = format_description!(
                "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
            );
            let when = time::PrimitiveDateTime::parse(text.trim(), form).ok()?.assume_utc();
            SystemTime::from(when).duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn body(response: reqwest::Response) -> Body {
    Box::pin(stream::try_unfold(response, |mut response| async move {
        match response.chunk().await {
            Ok(Some(chunk)) => Ok(Some((chunk, response))),
            Ok(None) => Ok(None),
            Err(error) => Err(SourceError::of(&error, None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_both_forms_and_bounded() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("99999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }

    #[test]
    fn a_client_without_any_certificate_can_be_made() {
        let builder = builder(&NetOptions::default(), &Arc::new(Route::of(&Proxy::Direct, None))).unwrap();
        assert!(builder.tls_certs_only(std::iter::empty()).build().is_ok());
    }
}
