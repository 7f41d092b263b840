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

/// Bytes read at once; each connection holds at most two such blocks.
const BLOCK: u64 = 256 * 1024;
/// For content whose name is its digest.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For metadata: may be kept, must be asked for again.
const ASK_AGAIN: &str = "no-cache";

/// A file opened for an answer.
struct Opened {
    file: File,
    length: u64,
    tag: String,
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
    Ok(Some(Opened { file, length: metadata.len(), tag }))
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
        *answer.body_mut() = Body::from_stream(blocks(opened.file, first, count));
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

/// The bytes of a file in blocks, read on the threads for blocking work, one block ahead of none.
fn blocks(
    file: File,
    first: u64,
    count: u64,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((file, first, count), |(mut file, at, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            file.seek(SeekFrom::Start(at))?;
            let mut block = Vec::with_capacity(usize::try_from(left.min(BLOCK)).unwrap_or_default());
            (&file).take(left.min(BLOCK)).read_to_end(&mut block)?;
            Ok::<_, std::io::Error>((file, block))
        });
        let (file, block) = read.await.map_err(std::io::Error::other)??;
        if block.is_empty() {
            // The file became shorter: the connection must break, or the client would take it for whole.
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let taken = block.len() as u64;
        Ok(Some((Bytes::from(block), (file, at + taken, left - taken))))
    })
}
