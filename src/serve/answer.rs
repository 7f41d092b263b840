//! The answer to one request.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
    IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use futures_util::stream;

use crate::fsx;
use crate::platform::file::change_mark;
use crate::release::Digest;

use super::path::{self, Asked, Refused};
use super::range::{self, Part};

/// Bytes read at once; each connection holds at most three such blocks.
const BLOCK: u64 = 256 * 1024;
/// A file up to this size is read when it is opened, and goes out with its head.
const SMALL: u64 = 64 * 1024;
/// For content whose name is its digest.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For metadata: may be kept, must be asked for again.
const ASK_AGAIN: &str = "no-cache";

/// A file opened for an answer.
struct Opened {
    source: Source,
    length: u64,
    tag: String,
}

/// Where the bytes of an answer come from.
enum Source {
    Small(Bytes),
    Large(File),
}

/// Answers a request for `raw`, the path as it was sent.
pub(super) async fn answer(
    root: &Path,
    is_project: bool,
    method: &Method,
    raw: &str,
    headers: &HeaderMap,
) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    let asked = match path::parse(raw, is_project) {
        Ok(asked) => asked,
        Err(Refused::Malformed) => return plain(StatusCode::BAD_REQUEST, "not a path of a repository"),
        Err(Refused::Absent) => return plain(StatusCode::NOT_FOUND, "not found"),
    };
    let (root, wanted) = (root.to_path_buf(), asked.clone());
    let opened = tokio::task::spawn_blocking(move || open(&root, &wanted)).await;
    match opened {
        Ok(Ok(Some(opened))) => file_answer(opened, &asked, method, headers),
        Ok(Ok(None)) => plain(StatusCode::NOT_FOUND, "not found"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a file can't be served");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read")
        }
        Err(error) => {
            tracing::warn!(%error, "a request failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read")
        }
    }
}

/// Opens the file; what it is, is asked of the open file, so that an answer never mixes two.
fn open(root: &Path, asked: &Asked) -> fsx::Result<Option<Opened>> {
    let Some(real) = path::locate(root, asked) else { return Ok(None) };
    // Looked at before it is opened: a pipe would hold the thread.
    if !fsx::stat(&real)?.is_file() {
        return Ok(None);
    }
    let file = fsx::open(&real)?;
    let metadata = file.metadata().map_err(|error| fsx::FsError::new("read", &real, error))?;
    let tag = match &asked.object {
        Some(digest) => format!("\"{digest}\""),
        None => {
            let mark = change_mark(&metadata);
            let text = format!("{} {} {} {}", mark.size, mark.written, mark.changed, mark.id);
            format!("\"{}\"", &Digest::of(text.as_bytes()).hex()[..24])
        }
    };
    if metadata.len() > SMALL {
        return Ok(Some(Opened { source: Source::Large(file), length: metadata.len(), tag }));
    }
    let mut bytes = Vec::new();
    file.take(SMALL).read_to_end(&mut bytes).map_err(|error| fsx::FsError::new("read", &real, error))?;
    Ok(Some(Opened { length: bytes.len() as u64, source: Source::Small(bytes.into()), tag }))
}

fn file_answer(opened: Opened, asked: &Asked, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(IF_NONE_MATCH).is_some_and(|known| range::names(known, &opened.tag)) {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        describe(answer.headers_mut(), &opened.tag, asked);
        return answer;
    }
    let same = text(IF_RANGE).is_none_or(|tag| tag.trim() == opened.tag);
    let part = match text(RANGE) {
        Some(range) if same && method == Method::GET => range::part(range, opened.length),
        _ => Part::Whole,
    };
    let (status, first, count) = match part {
        Part::Whole => (StatusCode::OK, 0, opened.length),
        Part::Range(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Part::Unsatisfiable => {
            let mut refusal = plain(StatusCode::RANGE_NOT_SATISFIABLE, "the range lies behind the end");
            set(refusal.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", opened.length));
            return refusal;
        }
    };
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    describe(headers, &opened.tag, asked);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(count));
    let is_json = asked.object.is_none();
    let kind = if is_json { "application/json" } else { "application/octet-stream" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::PARTIAL_CONTENT {
        let place = format!("bytes {first}-{}/{}", first + count - 1, opened.length);
        set(headers, CONTENT_RANGE, &place);
    }
    if method == Method::GET && count > 0 {
        *answer.body_mut() = match opened.source {
            Source::Small(bytes) => Body::from(slice(&bytes, first, count)),
            Source::Large(file) => Body::from_stream(blocks(file, first, count)),
        };
    }
    answer
}

fn describe(headers: &mut HeaderMap, tag: &str, asked: &Asked) {
    set(headers, ETAG, tag);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let cache = if asked.is_immutable { FOR_EVER } else { ASK_AGAIN };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(format!("{text}\n")));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn slice(bytes: &Bytes, first: u64, count: u64) -> Bytes {
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(at(first)..at(first + count))
}

/// The bytes of a file in blocks. While one goes out, the next is read on a thread for blocking work.
fn blocks(
    file: File,
    first: u64,
    count: u64,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let begin = (read(file, first, count), first, count);
    stream::try_unfold(begin, |(reading, at, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let (file, block) = reading.await.map_err(std::io::Error::other)??;
        if block.is_empty() {
            // The file became shorter: the connection must break, or the client would take it for whole.
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let taken = block.len() as u64;
        let (at, left) = (at + taken, left - taken);
        Ok(Some((Bytes::from(block), (read(file, at, left), at, left))))
    })
}

type Reading = tokio::task::JoinHandle<std::io::Result<(File, Vec<u8>)>>;

/// Reads the block at `at`; nothing if nothing is `left`.
fn read(mut file: File, at: u64, left: u64) -> Reading {
    tokio::task::spawn_blocking(move || {
        let size = left.min(BLOCK);
        let mut block = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        if size > 0 {
            file.seek(SeekFrom::Start(at))?;
            (&file).take(size).read_to_end(&mut block)?;
        }
        Ok((file, block))
    })
}
