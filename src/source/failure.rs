//! Why a source gave no answer, and whether it is worth asking again.

use std::error::Error;
use std::time::Duration;

/// A request that got no answer, or a body that broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SourceError {
    /// What happened, as half a sentence.
    pub reason: String,
    /// What it means for the next try.
    pub trouble: Trouble,
}

/// What a failed request means for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The network or the server is busy or gone: the same again, later.
    Transient,
    /// The source can't be trusted to be who it says: its certificate or its redirects.
    Insecure,
    /// What is there is not what it should be: asking again is of little use.
    Unusable,
}

impl SourceError {
    /// Something that passes by itself.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), trouble: Trouble::Transient }
    }

    /// A source that is not what it should be.
    pub fn unusable(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), trouble: Trouble::Unusable }
    }

    /// A source that is not who it says.
    pub fn insecure(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), trouble: Trouble::Insecure }
    }

    /// Nothing came for `limit`.
    #[must_use]
    pub fn silent(limit: Duration) -> Self {
        Self::transient(format!("nothing came for {} s", limit.as_secs_f32()))
    }

    /// Reads what the HTTP library says.
    #[must_use]
    pub fn of(error: &reqwest::Error) -> Self {
        if error.is_redirect() {
            return Self::insecure(innermost(error));
        }
        if let Some(why) = certificate(error) {
            return Self::insecure(format!("its certificate is refused: {why}"));
        }
        let what = if error.is_dns() {
            "the name of the server can't be found"
        } else if error.is_connect() && error.is_timeout() {
            "the server does not answer"
        } else if error.is_connect() {
            "the server can't be reached"
        } else if error.is_timeout() {
            "the server went silent"
        } else {
            "the connection broke"
        };
        Self::transient(format!("{what} ({})", innermost(error)))
    }
}

/// The last cause of a chain, which is the one that says something.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// What is wrong with the certificate, if that is what broke the connection. An `io::Error` hides the error
/// it wraps from `source`, so it is asked by itself.
fn certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause.downcast_ref::<rustls::Error>().or_else(|| inner?.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::InvalidCertificate(why)) = tls {
            return Some(why.to_string());
        }
        next = cause.source();
    }
    None
}
