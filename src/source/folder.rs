//! A repository in a folder or on a share.

use std::io::SeekFrom;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::fsx;
use crate::release::RelPath;

use super::{Answer, Body, ContentRange, RangeFrom, Source, SourceError};

/// Bytes read at once.
const CHUNK: u64 = 128 * 1024;

/// A folder as a source.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The repository in the folder `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    async fn open(&self, path: &str, range: Option<RangeFrom>) -> Result<Answer, SourceError> {
        let Ok(path) = path.parse::<RelPath>() else { return Ok(refusal(404)) };
        let path = path.under(&self.root);
        let file = match fsx::open(&path) {
            Ok(file) => file,
            // A share that is not there may come back; a file missing in it is missing.
            Err(error) if error.is_absent() && fsx::stat_follow(&self.root).is_ok() => {
                return Ok(refusal(404));
            }
            Err(error) if error.source.kind() == std::io::ErrorKind::PermissionDenied => {
                return Ok(refusal(403));
            }
            Err(error) => return Err(SourceError::transient(error.to_string())),
        };
        let broken = |error: std::io::Error| SourceError::transient(error.to_string());
        let metadata = file.metadata().map_err(broken)?;
        if !metadata.is_file() {
            return Ok(refusal(404));
        }
        let size = metadata.len();
        let offset = range.as_ref().map_or(0, |range| range.offset);
        if range.is_some() && offset >= size {
            return Ok(refusal(416));
        }
        let end = range.as_ref().and_then(|range| range.end).unwrap_or(size).clamp(offset, size);
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(offset)).await.map_err(broken)?;
        let part = ContentRange { first: offset, last: end.saturating_sub(1), total: Some(size) };
        Ok(Answer {
            status: if range.is_some() { 206 } else { 200 },
            content_range: range.is_some().then_some(part),
            length: Some(end - offset),
            body: body(file, end - offset),
            ..refusal(200)
        })
    }
}

impl Source for Folder {
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        Box::pin(self.open(path, range))
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

fn refusal(status: u16) -> Answer {
    Answer {
        status,
        etag: None,
        content_range: None,
        length: None,
        encoded: false,
        html: false,
        retry_after: None,
        body: Box::pin(stream::empty()),
    }
}

fn body(file: tokio::fs::File, length: u64) -> Body {
    Box::pin(stream::try_unfold((file, length), |(mut file, left)| async move {
        let want = left.min(CHUNK);
        let mut chunk = Vec::with_capacity(usize::try_from(want).unwrap_or_default());
        (&mut file)
            .take(want)
            .read_to_end(&mut chunk)
            .await
            .map_err(|error| SourceError::transient(error.to_string()))?;
        let left = left - chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some((chunk.into(), (file, left))))
    }))
}
