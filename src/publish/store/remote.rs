//! A repository in a store of objects: S3 and what speaks like it, Azure, Google.
//!
//! What is named by its content is written over without harm. What is numbered is written only where nothing of that
//! name is, and the timestamp only over the one that was read: so of two publishers one is told, and nothing is torn.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, MultipartUpload, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, RetryConfig, UpdateVersion,
};
use tokio::runtime::Runtime;

use crate::fsx::{self, Context as _, FsError};
use crate::publish::{StoreKind, StoreUrl};

use super::{Listed, Store, StoreError, Write};

/// Above this a file is sent in parts.
const ONE_PUT: u64 = 16 * 1024 * 1024;
/// Bytes of a part, unless a file would have more parts than stores take.
const PART: u64 = 8 * 1024 * 1024;
/// Most parts of a file; stores take 10,000.
const PARTS: u64 = 9_000;

/// A store of objects.
#[derive(Debug)]
pub(in crate::publish) struct RemoteStore {
    url: StoreUrl,
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
    /// What was read last under a name, as the store calls it; nothing if there was none.
    versions: Mutex<HashMap<String, Option<UpdateVersion>>>,
}

impl RemoteStore {
    /// The store at an address, with what the environment says of it. Nothing is asked yet.
    pub(in crate::publish) fn open(url: &StoreUrl) -> fsx::Result<Self> {
        let settings =
            |why: String| StoreError::Settings { store: url.to_string(), why }.at("open", &url.to_string());
        // Whoever was first has installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| settings(error.to_string()))?;
        let store = build(url).map_err(|error| settings(plain(&error)))?;
        Ok(Self { url: url.clone(), store, runtime, versions: Mutex::default() })
    }

    fn key(&self, path: &str) -> Key {
        if self.url.prefix.is_empty() {
            Key::from(path)
        } else {
            Key::from(format!("{}/{path}", self.url.prefix))
        }
    }

    /// A path in the repository from a key of the store.
    fn path(&self, key: &Key) -> Option<String> {
        let key = key.as_ref();
        if self.url.prefix.is_empty() {
            return Some(key.to_owned());
        }
        Some(key.strip_prefix(self.url.prefix.as_str())?.strip_prefix('/')?.to_owned())
    }

    fn failed(&self, op: &'static str, path: &str, error: &Error) -> FsError {
        let (store, why) = (self.url.to_string(), plain(error));
        let kind = match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                StoreError::Denied { store, why }
            }
            Error::AlreadyExists { .. } | Error::Precondition { .. } => StoreError::Overtaken { store },
            Error::NotFound { .. } => StoreError::NoBucket { store, why },
            Error::NotImplemented { .. }
            | Error::NotSupported { .. }
            | Error::UnknownConfigurationKey { .. } => StoreError::Settings { store, why },
            other if names_no_bucket(&other.to_string()) => StoreError::NoBucket { store, why },
            _ => StoreError::Unreachable { store, why },
        };
        kind.at(op, path)
    }

    fn remember(&self, path: &str, version: Option<UpdateVersion>) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.insert(path.to_owned(), version);
    }

    fn known(&self, path: &str) -> Option<UpdateVersion> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().flatten()
    }

    async fn send_in_parts(&self, key: &Key, file: &Path, size: u64) -> Result<(), Failed> {
        let options =
            PutMultipartOptions { attributes: attributes("objects/"), ..PutMultipartOptions::default() };
        let mut upload = self.store.put_multipart_opts(key, options).await.map_err(Failed::Store)?;
        let sent = send_parts(upload.as_mut(), file, PART.max(size.div_ceil(PARTS))).await;
        match sent {
            Ok(()) => upload.complete().await.map(drop).map_err(Failed::Store),
            Err(error) => {
                // What is left of it is swept away by the store's own rules.
                upload.abort().await.ok();
                Err(error)
            }
        }
    }
}

/// What went wrong while a file was sent: here or there.
enum Failed {
    Here(FsError),
    Store(Error),
}

async fn send_parts(upload: &mut dyn MultipartUpload, file: &Path, part: u64) -> Result<(), Failed> {
    let mut source = fsx::open(file).map_err(Failed::Here)?;
    loop {
        let mut bytes = Vec::new();
        (&mut source).take(part).read_to_end(&mut bytes).at("read", file).map_err(Failed::Here)?;
        if bytes.is_empty() {
            return Ok(());
        }
        upload.put_part(bytes.into()).await.map_err(Failed::Store)?;
    }
}

fn build(url: &StoreUrl) -> object_store::Result<Box<dyn ObjectStore>> {
    let plain_http = url.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    // A part may take long on a slow line: only silence ends it.
    let client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(Duration::from_secs(10))
        .with_read_timeout(Duration::from_secs(60))
        .with_allow_http(plain_http);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(15),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: patience(),
    };
    Ok(match url.kind {
        StoreKind::S3 => {
            let mut builder = object_store::aws::AmazonS3Builder::from_env()
                .with_bucket_name(&url.bucket)
                .with_client_options(client)
                .with_retry(retry);
            if let Some(endpoint) = &url.endpoint {
                builder = builder.with_endpoint(endpoint).with_allow_http(plain_http);
            }
            Box::new(builder.build()?)
        }
        StoreKind::Azure => {
            let mut builder = object_store::azure::MicrosoftAzureBuilder::from_env()
                .with_container_name(&url.bucket)
                .with_client_options(client)
                .with_retry(retry);
            if let Some(endpoint) = &url.endpoint {
                builder = builder.with_endpoint(endpoint.clone()).with_allow_http(plain_http);
            }
            Box::new(builder.build()?)
        }
        StoreKind::Google => {
            let mut builder = object_store::gcp::GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(&url.bucket)
                .with_client_options(client)
                .with_retry(retry);
            if let Some(endpoint) = &url.endpoint {
                builder = builder.with_config(object_store::gcp::GoogleConfigKey::BaseUrl, endpoint);
            }
            Box::new(builder.build()?)
        }
    })
}

/// How long a request is tried again, unless `UPDRAFT_STORE_PATIENCE` says so many seconds.
fn patience() -> Duration {
    let said = std::env::var("UPDRAFT_STORE_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(said.unwrap_or(120))
}

/// Whether a store's answer to a listing says that there is no such bucket or container.
fn names_no_bucket(text: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"].iter().any(|mark| text.contains(mark))
}

/// What an error says in one line, without the documents that stores answer with.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    let text = text.split("<?xml").next().unwrap_or_default();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(400).collect()
}

/// Files that never change may be kept by caches for ever, the others must be asked for each time.
fn attributes(path: &str) -> Attributes {
    let changes = matches!(path, "metadata/timestamp.json" | "metadata/root.json" | "project.json");
    let kept = if changes { "no-cache" } else { "public, max-age=31536000, immutable" };
    let kind = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::CacheControl, kept.into());
    attributes.insert(Attribute::ContentType, kind.into());
    attributes
}

impl Store for RemoteStore {
    fn describe(&self) -> String {
        self.url.to_string()
    }

    fn read(&self, path: &str, limit: u64) -> fsx::Result<Option<Vec<u8>>> {
        let read = async {
            let found = match self.store.get(&self.key(path)).await {
                Err(Error::NotFound { .. }) => return Ok(None),
                other => other?,
            };
            if found.meta.size > limit {
                return Ok(Some(Err(found.meta.size)));
            }
            let version =
                UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            let bytes = found.bytes().await?;
            Ok(Some(Ok((bytes.to_vec(), version))))
        };
        match self.runtime.block_on(read) {
            Ok(None) => {
                self.remember(path, None);
                Ok(None)
            }
            Ok(Some(Ok((bytes, version)))) => {
                self.remember(path, Some(version));
                Ok(Some(bytes))
            }
            Ok(Some(Err(size))) => {
                let long = std::io::Error::new(
                    std::io::ErrorKind::FileTooLarge,
                    format!("it has {size} bytes, more than {limit}"),
                );
                Err(FsError::new("read", Path::new(path), long))
            }
            Err(error) => Err(self.failed("read", path, &error)),
        }
    }

    fn top(&self) -> fsx::Result<Vec<String>> {
        let prefix = (!self.url.prefix.is_empty()).then(|| Key::from(self.url.prefix.as_str()));
        let listed = self.runtime.block_on(self.store.list_with_delimiter(prefix.as_ref()));
        let listed = listed.map_err(|error| self.failed("list", &self.describe(), &error))?;
        let files = listed.objects.iter().map(|object| &object.location);
        Ok(files.chain(&listed.common_prefixes).filter_map(|key| self.path(key)).collect())
    }

    fn list(&self, folder: &str) -> fsx::Result<Vec<Listed>> {
        let key = self.key(folder);
        let all = self.runtime.block_on(self.store.list(Some(&key)).try_collect::<Vec<_>>());
        let all = all.map_err(|error| self.failed("list", folder, &error))?;
        let mut found: Vec<Listed> = all
            .into_iter()
            .filter_map(|meta| {
                let path = self.path(&meta.location)?;
                Some(Listed { path, size: meta.size, written: meta.last_modified.into() })
            })
            .collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn write(&self, path: &str, bytes: &[u8], how: Write) -> fsx::Result<()> {
        let mode = match how {
            Write::Over => PutMode::Overwrite,
            Write::New => PutMode::Create,
            Write::Unchanged => self.known(path).map_or(PutMode::Create, PutMode::Update),
        };
        let options = PutOptions { mode, attributes: attributes(path), ..PutOptions::default() };
        let payload = PutPayload::from(bytes.to_vec());
        match self.runtime.block_on(self.store.put_opts(&self.key(path), payload, options)) {
            Ok(put) => {
                self.remember(path, Some(UpdateVersion { e_tag: put.e_tag, version: put.version }));
                Ok(())
            }
            // A try that got through, and whose answer was lost, stands in the way of the next one.
            Err(
                error @ (Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }),
            ) => {
                if self.read(path, bytes.len() as u64).ok().flatten().is_some_and(|there| there == bytes) {
                    Ok(())
                } else {
                    Err(self.failed("write", path, &error))
                }
            }
            Err(error) => Err(self.failed("write", path, &error)),
        }
    }

    fn send(&self, path: &str, file: &Path) -> fsx::Result<()> {
        let (key, size) = (self.key(path), fsx::stat(file)?.len());
        let sent = if size > ONE_PUT {
            self.runtime.block_on(self.send_in_parts(&key, file, size))
        } else {
            let bytes = fsx::read(file, ONE_PUT)?;
            let options = PutOptions { attributes: attributes(path), ..PutOptions::default() };
            let put = self.store.put_opts(&key, bytes.into(), options);
            self.runtime.block_on(put).map(drop).map_err(Failed::Store)
        };
        sent.map_err(|error| match error {
            Failed::Here(error) => error,
            Failed::Store(error) => self.failed("send", path, &error),
        })
    }

    fn bring(&self, path: &str, scratch: &Path) -> fsx::Result<Option<PathBuf>> {
        let mut file = fsx::create(scratch)?;
        let copied: Result<bool, Failed> = self.runtime.block_on(async {
            let found = match self.store.get(&self.key(path)).await {
                Err(Error::NotFound { .. }) => return Ok(false),
                other => other.map_err(Failed::Store)?,
            };
            let mut bytes = found.into_stream();
            while let Some(block) = bytes.next().await {
                file.write_all(&block.map_err(Failed::Store)?).at("write", scratch).map_err(Failed::Here)?;
            }
            Ok(true)
        });
        match copied {
            Ok(true) => Ok(Some(scratch.to_path_buf())),
            Ok(false) => fsx::remove_file(scratch).map(|()| None),
            Err(Failed::Here(error)) => Err(error),
            Err(Failed::Store(error)) => Err(self.failed("read", path, &error)),
        }
    }

    fn remove(&self, paths: &[String]) -> fsx::Result<()> {
        let keys: Vec<object_store::Result<Key>> = paths.iter().map(|path| Ok(self.key(path))).collect();
        let gone = self.store.delete_stream(futures_util::stream::iter(keys).boxed());
        let gone = self.runtime.block_on(gone.collect::<Vec<_>>());
        for result in gone {
            match result {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("remove", &self.describe(), &error)),
            }
        }
        Ok(())
    }
}
