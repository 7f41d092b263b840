//! Why a source gave no answer, and whether it is worth asking again.

use std::error::Error;
use std::time::Duration;

use super::proxy::ProxyUrl;

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
    /// Someone on the way does not let us through until a setting is changed.
    Refused,
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

    /// Someone on the way who does not let us through.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), trouble: Trouble::Refused }
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

    /// Reads what the HTTP library says; `via` is the proxy that was asked.
    #[must_use]
    pub fn of(error: &reqwest::Error, via: Option<&ProxyUrl>) -> Self {
        if let Some(proxy) = via
            && error.is_connect()
        {
            return Self::of_proxy(error, proxy);
        }
        if error.is_redirect() {
            return Self::insecure(innermost(error));
        }
        if let Some(why) = certificate(error) {
            return Self::insecure(format!("its certificate is refused: {why}"));
        }
        Self::transient(format!("{} ({})", Self::what(error), innermost(error)))
    }

    /// A connection that did not come about, with a proxy on its way.
    fn of_proxy(error: &reqwest::Error, proxy: &ProxyUrl) -> Self {
        if let Some(why) = certificate(error) {
            return Self::insecure(format!("a certificate is refused: {why} (through the proxy {proxy})"));
        }
        let why = innermost(error);
        // The words of the library's tunnel, whose type is not public.
        if why.contains("proxy authorization required") {
            Self::refused(format!(
                "the proxy {proxy} asks for a user and a password; give them in the setting \u{ab}proxy\u{bb}"
            ))
        } else if why.contains("tunnel error: unsuccessful") {
            Self::transient(format!("the proxy {proxy} does not connect us to the server"))
        } else {
            Self::transient(format!("{} through the proxy {proxy} ({why})", Self::what(error)))
        }
    }

    fn what(error: &reqwest::Error) -> &'static str {
        if error.is_dns() {
            "the name of the server can't be found"
        } else if error.is_connect() && error.is_timeout() {
            "the server does not answer"
        } else if error.is_connect() {
            "the server can't be reached"
        } else if error.is_timeout() {
            "the server went silent"
        } else {
            "the connection broke"
        }
    }
}

/// The last cause, which is the one that says something.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// What is wrong with the certificate, if that is what broke the connection.
fn certificate(error: &reqwest::Error) -> Option<String> {
    causes(error).iter().find_map(|layer| match layer.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(why)) => Some(why.to_string()),
        _ => None,
    })
}

/// An error and all its causes, the outermost first. An `io::Error` leaves the error it wraps out of `source`, also
/// when that is an `io::Error` again, so each is asked by itself.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut found: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(layer) = next {
        found.push(layer);
        let wrapped = layer.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| layer.source());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_within_two_io_errors_is_found() {
        let why = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let nested = std::io::Error::other(std::io::Error::other(why));
        let layers = causes(&nested);
        assert!(layers.last().is_some_and(|last| last.is::<rustls::Error>()));
    }
}
