//! Where bytes come from: a web server with ranges, a folder, or a bundle. One request, one answer.
//!
//! Nothing here retries, waits or writes files; that is what `transfer` does. An [`Answer`] tells what the
//! other side said without judging it, because a server may lie in every header.

mod bundle;
mod failure;
mod folder;
mod http;
mod local;
mod mirrors;
mod pace;
mod proxy;
mod region;
mod url;

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use bundle::{Bundle, BundleFile, BundleFileError};
pub use failure::{SourceError, Trouble};
pub use folder::Folder;
pub use http::{Http, NetError, NetOptions, Network};
pub use local::Local;
pub use mirrors::{Choice, Mirrors};
pub(crate) use proxy::without_login;
pub use proxy::{InvalidProxy, Proxy, ProxyUrl};
pub use tokio_util::bytes::Bytes;
pub use url::{InvalidSource, SourceUrl};

/// Part of an object, from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeFrom {
    /// The first byte wanted.
    pub offset: u64,
    /// The byte after the last one wanted; nothing for the rest.
    pub end: Option<u64>,
    /// The strong entity tag the earlier bytes came with, if they came from here.
    pub etag: Option<String>,
}

/// What a `Content-Range` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
    /// The size of the whole, if told.
    pub total: Option<u64>,
}

/// What a source said, before the first byte of the body.
pub struct Answer {
    /// The status of HTTP (RFC 9110); folders and bundles use 200, 206, 403, 404 and 416.
    pub status: u16,
    /// The strong entity tag, if there is one.
    pub etag: Option<String>,
    /// The part that follows.
    pub content_range: Option<ContentRange>,
    /// Bytes announced to follow.
    pub length: Option<u64>,
    /// Whether the body is encoded, though that was not asked for.
    pub encoded: bool,
    /// Whether the body calls itself a web page.
    pub html: bool,
    /// How long the source asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The bytes.
    pub body: Body,
}

impl Answer {
    /// An answer that says nothing but its status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        Self {
            status,
            etag: None,
            content_range: None,
            length: None,
            encoded: false,
            html: false,
            retry_after: None,
            body: Box::pin(futures_util::stream::empty()),
        }
    }
}

/// The bytes of an answer, in the order they come.
pub type Body = BoxStream<'static, Result<Bytes, SourceError>>;

/// Where bytes come from.
pub trait Source: Send + Sync {
    /// Asks for the object at `path`, relative to the repository.
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>>;

    /// How people call this source.
    fn describe(&self) -> String;
}

/// Reads `bytes 0-9/10`, with `*` for an unknown size.
fn parse_content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some(ContentRange { first, last, total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read_strictly() {
        let good = ContentRange { first: 2, last: 9, total: Some(10) };
        assert_eq!(parse_content_range("bytes 2-9/10"), Some(good));
        assert_eq!(parse_content_range("bytes 2-9/*"), Some(ContentRange { total: None, ..good }));
        for bad in ["", "bytes */10", "bytes 9-2/10", "lines 2-9/10", "bytes 2-/10", "bytes -2-9/10"] {
            assert_eq!(parse_content_range(bad), None, "{bad}");
        }
    }
}
