//! Part of a file as the answer to a request: what folders and bundles have in common.

use std::fs::File;
use std::io::SeekFrom;

use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{Answer, Body, ContentRange, RangeFrom, SourceError};

/// Bytes read at once.
const CHUNK: u64 = 128 * 1024;

/// The bytes that stand for an object.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) file: File,
    /// The first of them.
    pub(super) start: u64,
    /// How many.
    pub(super) length: u64,
}

/// Looks for an object on a thread that may wait for the disk, so that a share that hangs stops nothing else.
/// `Err` of the inner result is a status.
pub(super) async fn answer(
    look: impl FnOnce() -> Result<Result<Region, u16>, SourceError> + Send + 'static,
    range: Option<RangeFrom>,
) -> Result<Answer, SourceError> {
    let found = tokio::task::spawn_blocking(look).await;
    match found.map_err(|why| SourceError::transient(why.to_string()))?? {
        Ok(region) => region.answer(range).await,
        Err(status) => Ok(Answer::of_status(status)),
    }
}

impl Region {
    async fn answer(self, range: Option<RangeFrom>) -> Result<Answer, SourceError> {
        let broken = |error: std::io::Error| SourceError::transient(error.to_string());
        let size = self.length;
        let offset = range.as_ref().map_or(0, |range| range.offset);
        if range.is_some() && offset >= size {
            return Ok(Answer::of_status(416));
        }
        let end = range.as_ref().and_then(|range| range.end).unwrap_or(size).clamp(offset, size);
        let mut file = tokio::fs::File::from_std(self.file);
        file.seek(SeekFrom::Start(self.start.saturating_add(offset))).await.map_err(broken)?;
        let part = ContentRange { first: offset, last: end.saturating_sub(1), total: Some(size) };
        Ok(Answer {
            status: if range.is_some() { 206 } else { 200 },
            content_range: range.is_some().then_some(part),
            length: Some(end - offset),
            body: body(file, end - offset),
            ..Answer::of_status(200)
        })
    }
}

fn body(file: tokio::fs::File, length: u64) -> Body {
    Box::pin(stream::try_unfold((file, length), |(mut file, left)| async move {
        let mut chunk = Vec::new();
        let want = left.min(CHUNK);
        (&mut file)
            .take(want)
            .read_to_end(&mut chunk)
            .await
            .map_err(|error| SourceError::transient(error.to_string()))?;
        let left = left - chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some((chunk.into(), (file, left))))
    }))
}
