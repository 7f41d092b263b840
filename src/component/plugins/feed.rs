//! A signed repository as a place plugins come from: checked as every release is, fetched as every file is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::catalog::{self, CATALOG, Catalog, CatalogError, Item};
use super::roles::Helper;
use crate::engine::{self, EngineError};
use crate::fsx::{self, Absent as _, FsError};
use crate::plan::{self, AssemblyError, Choice, ChunkStore, Seen, Wanted, choose};
use crate::release::{App, Channel, Codec, Content, Digest, FileEntry, Manifest, Pack, Platform, Stamp};
use crate::report::{Control, ErrorCode, Event, Fault};
use crate::source::{Mirrors, NetError, NetOptions, SourceUrl};
use crate::transfer::{
    self, Depot, Fetched, Options, Patience, Reader, Request, TransferError, fetch_all, fetch_packs,
    read_index,
};
use crate::trust::{MAX_ROOT, Store, TrustError, TrustedRepository, Versions};

/// How long one look, or one file, may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Most bytes of a plugin.
const MAX_PLUGIN: u64 = 1 << 30;

/// Why a repository gives no plugins. What runs goes on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Files of its own can't be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The network can't be used.
    #[error(transparent)]
    Net(#[from] NetError),
    /// What the repository says can't be trusted.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No mirror gives metadata that can be trusted.
    #[error(transparent)]
    Refresh(#[from] EngineError),
    /// It can't be reached.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Its packs do not fit what it has signed.
    #[error(transparent)]
    Packs(#[from] AssemblyError),
    /// The catalogue is wrong.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// It has no release for this channel and platform.
    #[error("the repository has no release for the channel {0}")]
    NoRelease(Channel),
    /// It is the repository of something else.
    #[error("the repository is that of \u{ab}{found}\u{bb}, not of \u{ab}{wanted}\u{bb}")]
    OtherApp {
        /// What was found.
        found: App,
        /// What was wanted.
        wanted: App,
    },
    /// A file is missing in the release.
    #[error("the release has no file {0}")]
    NoFile(String),
    /// It took too long.
    #[error("it took longer than {} s", LIMIT.as_secs())]
    Slow,
    /// There is no event loop.
    #[error("the network can't be used: {0}")]
    Loop(#[source] std::io::Error),
}

impl Fault for FeedError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Fs(error) => error.code(),
            Self::Net(error) => error.code(),
            Self::Trust(error) => error.code(),
            Self::Refresh(error) => error.code(),
            Self::Transfer(error) => error.code(),
            Self::Packs(_) | Self::Catalog(_) => ErrorCode::Malformed,
            Self::NoRelease(_) | Self::NoFile(_) => ErrorCode::Missing,
            Self::OtherApp { .. } => ErrorCode::Mismatch,
            Self::Slow => ErrorCode::Unreachable,
            Self::Loop(_) => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            Self::Trust(_) => Some(
                "Name the root.json of that repository: its metadata/root.json, or a copy you were given."
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A signed repository with a catalogue.
pub struct Feed {
    mirrors: Mirrors,
    app: App,
    channel: Channel,
    folder: PathBuf,
    control: Control,
    manifest: Option<Manifest>,
}

impl Feed {
    /// A repository at `source`, whose root key file has the bytes `root`; `folder` keeps what is known of it.
    ///
    /// # Errors
    /// If the root is none, or the folder can't be used.
    pub fn open(
        source: SourceUrl,
        root: &[u8],
        app: App,
        channel: Channel,
        folder: &Path,
    ) -> Result<Self, FeedError> {
        Store::open(&folder.join("trusted"))?.plant_root(root)?;
        let mirrors = Mirrors::new(&[source], &NetOptions::default())?;
        let control = Control::new();
        Ok(Self { mirrors, app, channel, folder: folder.to_path_buf(), control, manifest: None })
    }

    /// Ends what this feed is doing, from any thread.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The bytes of a root key file.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read_root(path: &Path) -> Result<Vec<u8>, FeedError> {
        Ok(fsx::read(path, MAX_ROOT)?)
    }

    fn block_on<T>(work: impl Future<Output = Result<T, FeedError>>) -> Result<T, FeedError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let limited = async { tokio::time::timeout(LIMIT, work).await.unwrap_or(Err(FeedError::Slow)) };
        runtime.map_err(FeedError::Loop)?.block_on(limited)
    }

    async fn refresh(&self) -> Result<TrustedRepository, FeedError> {
        let floor_file = self.folder.join("versions.json");
        let floor = fsx::read(&floor_file, 4096).if_present()?;
        let floor: Versions = floor.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let store = Store::open(&self.folder.join("trusted"))?;
        let patience = Patience::Until(Instant::now() + LIMIT);
        let repository =
            engine::refresh(&self.mirrors, store, floor, patience, &self.control, &|_| {}).await?;
        let versions = serde_json::to_vec(&repository.versions()).unwrap_or_default();
        fsx::write_durable(&floor_file, &versions)?;
        Ok(repository)
    }

    async fn look(&self) -> Result<Manifest, FeedError> {
        let repository = self.refresh().await?;
        let of = |platform: Platform| repository.releases(&self.channel, &[platform]);
        let mut targets = of(Platform::current());
        targets.extend(of(Platform::any()));
        let seen = Seen { now: Some(Stamp::now()), by_hand: true, ..Seen::default() };
        let none = || FeedError::NoRelease(self.channel.clone());
        let Choice::New(summary, _) =
            choose(targets.iter().map(|target| (&target.summary, target.digest)), &seen)
        else {
            return Err(none());
        };
        let target = targets.iter().find(|target| target.summary == summary).ok_or_else(none)?;
        let silent = |_: Event| {};
        let mut reader =
            Reader::new(&self.mirrors, Patience::Until(Instant::now() + LIMIT), &self.control, &silent);
        let bytes = reader.any(&target.fetch_path, target.length).await?;
        let bytes = bytes.ok_or_else(|| FeedError::NoFile(target.fetch_path.clone()))?;
        let manifest = repository.open_release(target, &bytes)?.manifest().clone();
        if manifest.app != self.app {
            return Err(FeedError::OtherApp { found: manifest.app, wanted: self.app.clone() });
        }
        Ok(manifest)
    }

    async fn fetch(&self, manifest: &Manifest, file: &FileEntry) -> Result<Vec<u8>, FeedError> {
        if file.size == 0 {
            return Ok(Vec::new());
        }
        let depot = Depot::open(&self.folder.join("fetched"))?;
        let fetched = match (&file.content, manifest.pack_of(file)) {
            (Some(content), _) => {
                let (sha256, size, content) = (file.sha256, file.size, content.clone());
                self.object(&depot, Request { file: file.path.clone(), sha256, size, content }).await?
            }
            (None, Some(pack)) => self.packed(&depot, manifest, pack, file).await?,
            (None, None) => return Err(FeedError::NoFile(file.path.to_string())),
        };
        let path = fetched.file(&file.sha256).ok_or_else(|| FeedError::NoFile(file.path.to_string()))?;
        let bytes = fsx::read(path, MAX_PLUGIN)?;
        depot.clear()?;
        Ok(bytes)
    }

    async fn object(&self, depot: &Depot, request: Request) -> Result<Fetched, FeedError> {
        let options = Options::default();
        Ok(fetch_all(&self.mirrors, depot, vec![request], &options, &self.control, &|_| {}).await?)
    }

    /// A file out of blocks of packs: the index first, then what it says the file is made of.
    async fn packed(
        &self,
        depot: &Depot,
        manifest: &Manifest,
        pack: &Pack,
        file: &FileEntry,
    ) -> Result<Fetched, FeedError> {
        let until = Instant::now() + LIMIT;
        let (object, size) = (pack.index.object, pack.index.size);
        let content = Content { codec: Codec::Raw, ..pack.index.clone() };
        let request = Request { file: file.path.clone(), sha256: object, size, content };
        let fetched = self.object(depot, request).await?;
        let path = fetched.file(&object).ok_or_else(|| FeedError::NoFile(file.path.to_string()))?;
        let index = read_index(&file.path, pack, &fsx::read(path, size)?)?;
        let wanted: Vec<Wanted> = Wanted::of(file).into_iter().collect();
        let lookup = |digest: &Digest| (*digest == object).then_some(&index);
        let assembly = plan::assemble(&wanted, &manifest.packs, &lookup, &ChunkStore::new())?;
        let (options, control) = (Options::default(), &self.control);
        let blocks = (Vec::new(), assembly.fetch.as_slice());
        fetch_packs(&self.mirrors, depot, blocks, &options, control, &|_| {}).await?;
        let stop = || control.is_cancelled() || Instant::now() > until;
        match transfer::assemble(depot, &assembly, &[], &|_, _| {}, &stop) {
            Ok(assembled) => Ok(assembled.files),
            Err(TransferError::Cancelled) if !control.is_cancelled() => Err(FeedError::Slow),
            Err(error) => Err(error.into()),
        }
    }

    fn file<'a>(manifest: &'a Manifest, path: &str) -> Result<&'a FileEntry, FeedError> {
        let file = manifest.regular().find(|file| file.path.as_str() == path);
        file.ok_or_else(|| FeedError::NoFile(path.to_owned()))
    }
}

impl Helper for Feed {
    type Error = FeedError;

    fn catalog(&mut self) -> Result<Catalog, FeedError> {
        let (manifest, bytes) = Self::block_on(async {
            let manifest = self.look().await?;
            let bytes = self.fetch(&manifest, Self::file(&manifest, CATALOG)?).await?;
            Ok((manifest, bytes))
        })?;
        let items = catalog::parse(&bytes)?;
        let contents = catalog::contents(&items, &manifest)?;
        self.manifest = Some(manifest);
        Ok((items, contents))
    }

    fn get(&mut self, item: &Item) -> Result<Vec<u8>, FeedError> {
        let none = || FeedError::NoFile(item.file.to_string());
        let manifest = self.manifest.as_ref().ok_or_else(none)?;
        let file = Self::file(manifest, item.file.as_str())?;
        Self::block_on(self.fetch(manifest, file))
    }
}
