//! A place on this machine: a folder, or a bundle if it is a file. It is looked at anew for each request, because
//! sticks and shares come and go.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::fsx;

use super::{Answer, Bundle, Folder, RangeFrom, Source, SourceError};

/// A folder, a share or a bundle as a source.
#[derive(Debug)]
pub struct Local {
    path: PathBuf,
    folder: Folder,
    bundle: Bundle,
}

impl Local {
    /// The repository at `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { folder: Folder::new(path.clone()), bundle: Bundle::new(path.clone()), path }
    }
}

impl Source for Local {
    fn get<'a>(
        &'a self,
        path: &'a str,
        range: Option<RangeFrom>,
    ) -> BoxFuture<'a, Result<Answer, SourceError>> {
        let place = self.path.clone();
        Box::pin(async move {
            let look = move || fsx::stat_follow(&place).is_ok_and(|metadata| metadata.is_file());
            let is_file = tokio::task::spawn_blocking(look).await;
            if is_file.map_err(|why| SourceError::transient(why.to_string()))? {
                self.bundle.get(path, range).await
            } else {
                self.folder.get(path, range).await
            }
        })
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}
