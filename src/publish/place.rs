//! Where a repository is: a folder of this machine, or a store that is reached over the network.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder.
    Folder(PathBuf),
    /// A store of objects: S3 and what speaks like it, Azure, Google.
    Store(StoreUrl),
}

/// The address of a repository in a store: `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl {
    /// Whose store.
    pub kind: StoreKind,
    /// The bucket or container.
    pub bucket: String,
    /// The folder in it, without a slash at either end; empty for all of it.
    pub prefix: String,
    /// The server, if it is not the usual one of that kind.
    pub endpoint: Option<String>,
}

/// Whose store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// S3, or a server that speaks like it.
    S3,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Google,
}

/// Why a text is not the address of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\u{ab}{0}\u{bb} is not the address of a store: write s3://bucket/prefix, az://container/prefix or gs://bucket/prefix"
)]
pub struct InvalidStore(String);

const KINDS: [(&str, StoreKind); 3] =
    [("s3", StoreKind::S3), ("az", StoreKind::Azure), ("gs", StoreKind::Google)];

impl Place {
    /// A place as a person writes it: everything that is no address of a store is a folder.
    ///
    /// # Errors
    /// If it begins like the address of a store and is none.
    pub fn parse(text: OsString) -> Result<Self, InvalidStore> {
        let known = text.to_str().and_then(|text| text.split_once("://"));
        match known.and_then(|(scheme, rest)| Some((kind_of(scheme)?, rest))) {
            Some((kind, rest)) => Ok(Self::Store(
                StoreUrl::new(kind, rest)
                    .map_err(|()| InvalidStore(text.to_string_lossy().chars().take(200).collect()))?,
            )),
            None => Ok(Self::Folder(text.into())),
        }
    }

    /// The folder, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Store(_) => None,
        }
    }

    /// The same with another server for a store; a folder stays as it is.
    #[must_use]
    pub fn at_endpoint(self, endpoint: Option<String>) -> Self {
        match self {
            Self::Store(url) if endpoint.is_some() => Self::Store(StoreUrl { endpoint, ..url }),
            other => other,
        }
    }
}

fn kind_of(scheme: &str) -> Option<StoreKind> {
    KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme)).map(|(_, kind)| *kind)
}

impl StoreUrl {
    fn new(kind: StoreKind, rest: &str) -> Result<Self, ()> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let parts_are_plain = prefix.is_empty()
            || prefix.split('/').all(|part| !["", ".", ".."].contains(&part) && part.bytes().all(is_plain));
        if bucket.is_empty() || !bucket.bytes().all(is_plain) || !parts_are_plain {
            return Err(());
        }
        Ok(Self { kind, bucket: bucket.to_owned(), prefix: prefix.to_owned(), endpoint: None })
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = KINDS.iter().find(|(_, kind)| *kind == self.kind).map_or("", |(name, _)| name);
        write!(f, "{scheme}://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Store(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<&Path> for Place {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_path_buf())
    }
}

impl From<&PathBuf> for Place {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_told_from_a_folder() {
        let place = |text: &str| Place::parse(text.into());
        let Ok(Place::Store(url)) = place("s3://bucket/a/b/") else { panic!("a store") };
        assert_eq!(
            (url.kind, url.prefix.as_str(), url.to_string().as_str()),
            (StoreKind::S3, "a/b", "s3://bucket/a/b")
        );
        assert!(matches!(place("GS://b"), Ok(Place::Store(_))));
        assert!(matches!(place("az://c/x"), Ok(Place::Store(_))));
        for folder in ["/srv/repo", "repo", "C:\\repo", "./s3:/x"] {
            assert_eq!(place(folder), Ok(Place::Folder(folder.into())));
        }
        for bad in ["s3://", "s3:///x", "s3://b/../x", "s3://b/a//b", "s3://b/a b", "s3://user@host/x"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
