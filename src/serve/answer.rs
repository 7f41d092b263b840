//! The answer to one request.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

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

use super::cache::{Block, Blocks, Cache, Small};
use super::path::{self, Asked, Refused};
use super::range::{self, Part};
use super::site::{Place, Site};

/// Bytes read at once; each connection holds at most three such blocks.
const BLOCK: usize = 256 * 1024;
/// A file up to this size is read when it is opened, and goes out with its head.
const SMALL: u64 = 64 * 1024;
/// For content whose name is its digest.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For metadata: may be kept, must be asked for again.
const ASK_AGAIN: &str = "no-cache";

/// A file opened for an answer.
enum Opened {
    Small(Arc<Small>),
    Large { file: File, length: u64, tag: String, place: Place },
}

impl Opened {
    fn length(&self) -> u64 {
        match self {
            Self::Small(small) => small.bytes.len() as u64,
            Self::Large { length, .. } => *length,
        }
    }

    fn tag(&self) -> &str {
        match self {
            Self::Small(small) => &small.tag,
            Self::Large { tag, .. } => tag,
        }
    }

    fn place(&self) -> &Place {
        match self {
            Self::Small(small) => &small.place,
            Self::Large { place, .. } => place,
        }
    }
}

/// What answers are made of beside the files.
#[derive(Debug, Default)]
pub(super) struct Pantry {
    pub(super) cache: Cache,
    blocks: Arc<Blocks>,
}

/// An answer, and the project it is from if it is a file of one.
pub(super) struct Answered {
    pub(super) response: Response<Body>,
    #[cfg_attr(not(feature = "vendor"), expect(dead_code, reason = "only the census asks"))]
    pub(super) project: Option<String>,
    /// Whether a client asked for what is newest.
    #[cfg_attr(not(feature = "vendor"), expect(dead_code, reason = "only the census asks"))]
    pub(super) is_check: bool,
}

impl From<Response<Body>> for Answered {
    fn from(response: Response<Body>) -> Self {
        Self { response, project: None, is_check: false }
    }
}

/// Answers a request for `raw`, the path as it was sent.
pub(super) async fn answer(
    site: &Site,
    pantry: &Arc<Pantry>,
    method: &Method,
    raw: &str,
    headers: &HeaderMap,
) -> Answered {
    if method != Method::GET && method != Method::HEAD {
        let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal.into();
    }
    if let Some(small) = pantry.cache.get(raw) {
        return file_answer(Opened::Small(small), pantry, method, headers);
    }
    let place = match site.find(raw) {
        Ok(place) => place,
        Err(Refused::Malformed) => {
            return plain(StatusCode::BAD_REQUEST, "not a path of a repository").into();
        }
        Err(Refused::Absent) => return plain(StatusCode::NOT_FOUND, "not found").into(),
    };
    match tokio::task::spawn_blocking(move || open(place)).await {
        Ok(Ok(Some(opened))) => {
            if let Opened::Small(small) = &opened
                && !small.is_linked
            {
                pantry.cache.put(raw, Arc::clone(small));
            }
            file_answer(opened, pantry, method, headers)
        }
        Ok(Ok(None)) => plain(StatusCode::NOT_FOUND, "not found").into(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a file can't be served");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read").into()
        }
        Err(error) => {
            tracing::warn!(%error, "a request failed");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read").into()
        }
    }
}

/// Opens the file; what it is, is asked of the open file, so that an answer never mixes two.
fn open(place: Place) -> fsx::Result<Option<Opened>> {
    let Some(real) = path::locate(&place.root, &place.asked) else { return Ok(None) };
    // Looked at before it is opened: a pipe would hold the thread.
    if !fsx::stat(&real)?.is_file() {
        return Ok(None);
    }
    let file = fsx::open(&real)?;
    let metadata = file.metadata().map_err(|error| fsx::FsError::new("read", &real, error))?;
    let mark = change_mark(&metadata);
    let tag = match &place.asked.object {
        Some(digest) => format!("\"{digest}\""),
        None => {
            let text = format!("{} {} {} {}", mark.size, mark.written, mark.changed, mark.id);
            format!("\"{}\"", &Digest::of(text.as_bytes()).hex()[..24])
        }
    };
    if metadata.len() > SMALL {
        return Ok(Some(Opened::Large { file, length: metadata.len(), tag, place }));
    }
    let is_linked = real != place.asked.path.under(&place.root);
    let mut bytes = Vec::new();
    file.take(SMALL).read_to_end(&mut bytes).map_err(|error| fsx::FsError::new("read", &real, error))?;
    Ok(Some(Opened::Small(Arc::new(Small { is_linked, place, real, mark, bytes: bytes.into(), tag }))))
}

fn file_answer(opened: Opened, pantry: &Arc<Pantry>, method: &Method, headers: &HeaderMap) -> Answered {
    let project = opened.place().project.clone();
    let is_check = opened.place().asked.path.name() == "timestamp.json" && method == Method::GET;
    Answered { response: respond(opened, pantry, method, headers), project, is_check }
}

fn respond(opened: Opened, pantry: &Arc<Pantry>, method: &Method, headers: &HeaderMap) -> Response<Body> {
    let (asked, length) = (&opened.place().asked, opened.length());
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(IF_NONE_MATCH).is_some_and(|known| range::names(known, opened.tag())) {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        describe(answer.headers_mut(), opened.tag(), asked);
        return answer;
    }
    let same = text(IF_RANGE).is_none_or(|tag| tag.trim() == opened.tag());
    let part = match text(RANGE) {
        Some(range) if same && method == Method::GET => range::part(range, length),
        _ => Part::Whole,
    };
    let (status, first, count) = match part {
        Part::Whole => (StatusCode::OK, 0, length),
        Part::Range(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Part::Unsatisfiable => {
            let mut refusal = plain(StatusCode::RANGE_NOT_SATISFIABLE, "the range lies behind the end");
            set(refusal.headers_mut(), CONTENT_RANGE, &format!("bytes */{length}"));
            return refusal;
        }
    };
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    describe(headers, opened.tag(), asked);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(count));
    let is_json = asked.object.is_none();
    let kind = if is_json { "application/json" } else { "application/octet-stream" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if status == StatusCode::PARTIAL_CONTENT {
        let place = format!("bytes {first}-{}/{}", first + count - 1, length);
        set(headers, CONTENT_RANGE, &place);
    }
    if method == Method::GET && count > 0 {
        *answer.body_mut() = match opened {
            Opened::Small(small) => Body::from(slice(&small.bytes, first, count)),
            Opened::Large { file, .. } => {
                Body::from_stream(blocks(file, Arc::clone(&pantry.blocks), first, count))
            }
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
    home: Arc<Blocks>,
    first: u64,
    count: u64,
) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let begin = (read(file, Arc::clone(&home), Some(first), count), home, count);
    stream::try_unfold(begin, |(reading, home, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let (file, block) = reading.await.map_err(std::io::Error::other)??;
        let taken = block.as_ref().len() as u64;
        if taken == 0 {
            // The file became shorter: the connection must break, or the client would take it for whole.
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - taken;
        let next = read(file, Arc::clone(&home), None, left);
        Ok(Some((Bytes::from_owner(block), (next, home, left))))
    })
}

type Reading = tokio::task::JoinHandle<std::io::Result<(File, Block)>>;

/// Reads the next block, or the one at `at`; nothing if nothing is `left`.
fn read(mut file: File, home: Arc<Blocks>, at: Option<u64>, left: u64) -> Reading {
    tokio::task::spawn_blocking(move || {
        let mut block = home.take(BLOCK);
        if left > 0 {
            if let Some(at) = at {
                file.seek(SeekFrom::Start(at))?;
            }
            block.fill(&mut file, usize::try_from(left).unwrap_or(usize::MAX))?;
        }
        Ok((file, block))
    })
}
