//! The way of one object: what is on disk, what is missing in runs of pieces, and at last the file.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::delta::{UnpackError, Unpacked, unpack};
use crate::fsx::{self, Absent as _, FsError};
use crate::plan::PackPart;
use crate::platform::{self, ChangeMark};
use crate::release::{Codec, Digest};
use crate::report::Step;

use super::object::Object;
use super::parts::{PIECE, Parts, Shape};
use super::session::{Job, Session};
use super::{Request, TransferError};

/// Most bytes asked for in one request: enough that asking costs little, few enough that streams share.
const RUN: u64 = 16 * PIECE;

impl Session<'_> {
    /// Brings one file, or the blocks of one pack.
    pub(super) async fn bring(&self, job: &Job, object: &Arc<Object>) -> Result<(), TransferError> {
        if object.state().done {
            return Ok(());
        }
        match job {
            Job::File(request) => self.bring_file(request, object).await,
            Job::Pack(part) => self.bring_blocks(part, object).await,
        }
    }

    /// Brings the blocks wanted of a pack; they stay in its part file.
    async fn bring_blocks(&self, part: &PackPart, object: &Arc<Object>) -> Result<(), TransferError> {
        if object.state().parts.is_none() {
            let ends =
                part.blocks.iter().map(|block| (block.start, block.start.checked_add(block.len.into())));
            let mut before = 0;
            for (start, end) in ends {
                if start < before || end.is_none_or(|end| end > object.size) {
                    return Err(object.corrupt("its index names blocks that are not in it"));
                }
                before = end.unwrap_or_default();
            }
            self.open_parts(object, Shape::blocks(object.size, &part.blocks)).await?;
        }
        self.fill(object).await?;
        object.state().parts = None;
        object.state().done = true;
        Ok(())
    }

    /// Brings one file: fetched, verified, unpacked.
    async fn bring_file(&self, request: &Request, object: &Arc<Object>) -> Result<(), TransferError> {
        if object.state().parts.is_none() {
            if self.is_there(request, object).await? {
                // A transfer that was ended in this moment may have left what the file was made of.
                self.tidy(request)?;
                self.count(object, object.size);
                object.state().done = true;
                return Ok(());
            }
            self.open(request, object).await?;
        }
        self.fill(object).await?;
        self.finish(request, object).await?;
        object.state().done = true;
        Ok(())
    }

    /// Whether an earlier transfer has finished this file. It is hashed again.
    async fn is_there(&self, request: &Request, object: &Object) -> Result<bool, TransferError> {
        let path = self.depot.file(&request.sha256);
        // Taken before it is read: whoever changes it meanwhile changes the mark.
        let Some(mark) = mark(&path)? else { return Ok(false) };
        let (wanted, job) = ((request.sha256, request.size), path.clone());
        let found = self.beside(move |stop| hash(&job, wanted.1, stop)).await?;
        match found {
            Ok(unpacked) if (unpacked.digest, unpacked.size) == wanted => {
                object.state().mark = Some(mark);
                Ok(true)
            }
            Ok(_) | Err(UnpackError::TooLong(_)) => {
                fsx::remove_file(&path)?;
                Ok(false)
            }
            Err(error) => Err(local(error, &path, &path)),
        }
    }

    async fn open(&self, request: &Request, object: &Object) -> Result<(), TransferError> {
        if object.size == 0 {
            return Err(object.corrupt("an object is never empty"));
        }
        let shape = match request.content.pieces {
            Some(list) if object.size > PIECE => self.list(request, object, list).await?,
            _ => Shape::whole(object.digest, object.size),
        };
        self.open_parts(object, shape).await
    }

    async fn open_parts(&self, object: &Object, shape: Shape) -> Result<(), TransferError> {
        let (part, side) = (self.depot.part(&object.digest), self.depot.side(&object.digest));
        let parts = if fsx::exists(&part)? {
            self.beside(move |stop| Parts::open(part, side, shape, stop)).await??
        } else {
            Parts::open(part, side, shape, &|| false)?
        };
        if parts.damaged() > 0 {
            let text = format!(
                "{} verified pieces of {} were damaged on disk and are fetched again",
                parts.damaged(),
                object.file
            );
            self.say(Step::Message { text });
        }
        let present = parts.present();
        object.state().parts = Some(parts);
        self.count(object, present);
        Ok(())
    }

    /// Fetches the piece list of an object.
    async fn list(&self, request: &Request, object: &Object, list: Digest) -> Result<Shape, TransferError> {
        let size = object.size.div_ceil(PIECE).saturating_mul(32);
        let lister = Object::list_of(list, size, request, object.index, self.mirrors.count());
        let lister = Arc::new(lister);
        self.open_parts(&lister, Shape::whole(list, size)).await?;
        self.fill(&lister).await?;
        let bytes = fsx::read(&self.depot.part(&list), size)?;
        // The file could have been changed since; it is small enough to look again.
        if Digest::of(&bytes) != list {
            return Err(object.corrupt("its piece list changed on disk"));
        }
        Shape::pieces(object.size, &bytes)
            .ok_or_else(|| object.corrupt("its piece list has the wrong length"))
    }

    /// Fetches all that is missing of an object.
    async fn fill(&self, object: &Arc<Object>) -> Result<(), TransferError> {
        let runs = object.parts(|parts| Ok(parts.open_runs(RUN)))?;
        let fetches = stream::iter(runs).map(|run| self.fetch_run(object, run));
        fetches.buffer_unordered(self.options.streams.max(1)).try_collect::<()>().await?;
        let complete = object.parts(|parts| Ok(parts.is_complete()))?;
        if complete { Ok(()) } else { Err(TransferError::Defect(format!("{} has gaps", object.path))) }
    }

    async fn fetch_run(&self, object: &Arc<Object>, run: Range<usize>) -> Result<(), TransferError> {
        while !object.parts(|parts| Ok(parts.has(&run)))? {
            let chosen = self.choose(object, &run).await?;
            let permit = self.permits.acquire().await;
            let result = self.request(object, &run, chosen.0).await;
            drop(permit);
            if let Err(fall) = result {
                self.fell(object, &run, chosen, fall)?;
            }
        }
        Ok(())
    }

    /// Makes the file out of the object, which is all there.
    async fn finish(&self, request: &Request, object: &Object) -> Result<(), TransferError> {
        // Closes the part file; some systems rename and remove only what is closed.
        object.state().parts = None;
        let (part, file) = (self.depot.part(&object.digest), self.depot.file(&request.sha256));
        let content = &request.content;
        let is_file = content.codec == Codec::Raw && content.object == request.sha256;
        if is_file && request.size == content.size {
            // Each of its pieces was hashed as it came. The list of their digests has the digest that is signed
            // for it, so these are the bytes the publisher cut; see "What proves a file" in docs/transfer.md.
            fsx::rename(&part, &file)?;
        } else {
            let _permit = self.unpacks.acquire().await;
            let unpacked = self.unpack(request, object, &part, &file).await?;
            if (unpacked.digest, unpacked.size) != (request.sha256, request.size) {
                return Err(object.corrupt("it does not unpack to the file that was signed"));
            }
        }
        object.state().mark = mark(&file)?;
        self.tidy(request)
    }

    /// Removes what a finished file was made of.
    fn tidy(&self, request: &Request) -> Result<(), TransferError> {
        let content = &request.content;
        let list = content.pieces.map(|list| self.depot.part(&list));
        let (part, side) = (self.depot.part(&content.object), self.depot.side(&content.object));
        for gone in [Some(part), Some(side), list].into_iter().flatten() {
            fsx::remove_file(&gone).if_present()?;
        }
        Ok(())
    }

    /// Unpacks beside the final name and renames when the digest is right; a whole raw object is renamed.
    async fn unpack(
        &self,
        request: &Request,
        object: &Object,
        part: &Path,
        file: &Path,
    ) -> Result<Unpacked, TransferError> {
        let (from, to, temp) = (part.to_path_buf(), file.to_path_buf(), fsx::sibling(file, ".tmp"));
        let (codec, size, sha256) = (request.content.codec, request.size, request.sha256);
        let job = move |stop: &dyn Fn() -> bool| -> Result<Result<Unpacked, UnpackError>, FsError> {
            let right = |unpacked: &Unpacked| unpacked.digest == sha256 && unpacked.size == size;
            if codec == Codec::Raw {
                let result = hash(&from, size, stop);
                if result.as_ref().is_ok_and(right) {
                    fsx::rename(&from, &to)?;
                }
                return Ok(result);
            }
            let input = fsx::open(&from)?;
            let mut output = fsx::create(&temp)?;
            let result = unpack(codec, input, size, &mut output, stop);
            drop(output);
            if result.as_ref().is_ok_and(right) {
                fsx::rename(&temp, &to)?;
            } else {
                fsx::remove_file(&temp)?;
            }
            Ok(result)
        };
        match self.beside(job).await?? {
            Ok(unpacked) => Ok(unpacked),
            Err(error @ (UnpackError::Damaged(_) | UnpackError::TooLong(_) | UnpackError::Trailing)) => {
                Err(object.corrupt(error.to_string()))
            }
            Err(error) => Err(local(error, part, file)),
        }
    }
}

/// The mark of the file at `path`; nothing if there is none.
pub(super) fn mark(path: &Path) -> Result<Option<ChangeMark>, FsError> {
    Ok(fsx::stat(path).if_present()?.map(|metadata| platform::file::change_mark(&metadata)))
}

/// The digest and size of the file at `path`; it is read no further than `size`.
pub(super) fn hash(path: &Path, size: u64, stop: &dyn Fn() -> bool) -> Result<Unpacked, UnpackError> {
    let file = fsx::open(path).map_err(|error| UnpackError::Read(error.source))?;
    unpack(Codec::Raw, file, size, &mut std::io::sink(), stop)
}

/// An error of this machine, not of the content.
fn local(error: UnpackError, from: &Path, to: &Path) -> TransferError {
    match error {
        UnpackError::Read(source) => FsError::new("read", from, source).into(),
        UnpackError::Write(source) => FsError::new("write", to, source).into(),
        UnpackError::Stopped => TransferError::Cancelled,
        other => TransferError::Defect(other.to_string()),
    }
}
