//! Requests to neighbours: lock servers, dispatchers, etcd, other agents. Small, bounded, never through a proxy.

use std::time::Duration;

use reqwest::Client;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Most bytes of an answer.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A client for neighbours.
#[derive(Debug, Clone)]
pub(super) struct Web(Client);

/// An answer: its status and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

impl Web {
    /// A client whose requests may take `limit`.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub(super) fn new(limit: Duration) -> Result<Self, String> {
        // Another part of this process may have chosen a provider already.
        rustls::crypto::ring::default_provider().install_default().ok();
        let builder = || {
            Client::builder()
                .user_agent(concat!("updraft/", env!("CARGO_PKG_VERSION")))
                .timeout(limit)
                .connect_timeout(limit)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .http1_only()
                .tcp_nodelay(true)
                .no_proxy()
        };
        // A machine without any CA certificate still reaches plain http.
        let built = builder().build().or_else(|_why| builder().tls_certs_only(std::iter::empty()).build());
        built.map(Self).map_err(|why| why.to_string())
    }

    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.ask(self.0.get(url)).await
    }

    pub(super) async fn post(
        &self,
        url: &str,
        header: Option<(&'static str, &'static str)>,
        body: String,
    ) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let json = HeaderValue::from_static("application/json");
        headers.insert(reqwest::header::CONTENT_TYPE, json);
        self.ask(self.0.post(url).headers(headers).body(body)).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let mut response = request.send().await.map_err(|why| reason(&why))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|why| reason(&why))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err("its answer is too long".to_owned());
            }
        }
        Ok(Answer { status, body })
    }
}

/// The innermost cause says most.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
