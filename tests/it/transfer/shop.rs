//! A repository of objects for the tests of this folder, and a client of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use updraft::delta;
use updraft::release::{Codec, Content, Digest};
use updraft::report::{Control, Event, Progress, Step};
use updraft::source::{Mirrors, NetOptions, Proxy};
use updraft::transfer::{Depot, Fetched, Options, Request, TransferError, fetch_all};

/// Bytes of a piece.
pub(super) const PIECE: usize = 1024 * 1024;

/// A folder of objects and the requests for them.
pub(super) struct Shop {
    pub(super) home: tempfile::TempDir,
    pub(super) requests: Vec<Request>,
    pub(super) contents: Vec<Vec<u8>>,
}

/// Bytes that do not compress and differ with `seed`.
pub(super) fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(step).take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes
}

impl Shop {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { home, requests: Vec::new(), contents: Vec::new() }
    }

    /// A shop with one raw file of noise.
    pub(super) fn with(size: usize) -> Self {
        let mut shop = Self::new();
        shop.add(Codec::Raw, noise(size as u64, size));
        shop
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.home.path().join("repository")
    }

    pub(super) fn depot(&self) -> PathBuf {
        self.home.path().join("partial")
    }

    /// Adds a file, cut in pieces if its object is over one piece.
    pub(super) fn add(&mut self, codec: Codec, bytes: Vec<u8>) {
        let mut object = bytes.clone();
        if codec == Codec::Zstd {
            object = Vec::new();
            delta::pack(3, bytes.as_slice(), bytes.len() as u64, &mut object).unwrap();
        }
        let list: Vec<u8> = object.chunks(PIECE).flat_map(|piece| *Digest::of(piece).as_bytes()).collect();
        let pieces = (object.len() > PIECE).then(|| self.put(&list));
        let size = object.len() as u64;
        let content = Content { object: self.put(&object), size, codec, pieces };
        let file = format!("dir/file {}", self.requests.len()).parse().unwrap();
        let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
        self.requests.push(Request { file, sha256, size, content });
        self.contents.push(bytes);
    }

    fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let path = self.object(&digest);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        digest
    }

    pub(super) fn object(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.repository().join("objects").join(&hex[..2]).join(hex)
    }

    /// The path of the `n`th file's object in a request.
    pub(super) fn path(&self, n: usize) -> String {
        let hex = self.requests[n].content.object.hex();
        format!("/objects/{}/{hex}", &hex[..2])
    }

    /// Bytes of all objects that hold files.
    pub(super) fn bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.content.size).sum()
    }

    /// Checks that every file was fetched as it was put in.
    pub(super) fn check(&self, fetched: &Fetched) {
        for (request, content) in self.requests.iter().zip(&self.contents) {
            let path = fetched.file(&request.sha256).expect("every file is fetched");
            assert!(std::fs::read(path).unwrap() == *content, "{} differs", request.file);
        }
    }

    /// The names in the depot.
    pub(super) fn left(&self) -> Vec<String> {
        names(&self.depot())
    }
}

pub(super) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Options whose waits are short enough for tests.
pub(super) fn quick() -> Options {
    let (first_wait, longest_wait) = (Duration::from_millis(30), Duration::from_millis(200));
    Options { first_wait, longest_wait, idle: Duration::from_secs(10), ..Options::default() }
}

pub(super) fn net() -> NetOptions {
    NetOptions { proxy: Proxy::Direct, ..NetOptions::default() }
}

pub(super) fn mirrors(urls: &[&str]) -> Mirrors {
    let urls: Vec<_> = urls.iter().map(|url| url.parse().unwrap()).collect();
    Mirrors::new(&urls, &net()).unwrap()
}

/// What a transfer said.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Vec<Event>>>);

impl Tape {
    pub(super) fn put(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |event| if let Event::Step(step) = event { Some(step) } else { None };
        self.events().into_iter().filter_map(step).collect()
    }

    pub(super) fn progress(&self) -> Vec<Progress> {
        let progress = |event| if let Event::Progress(progress) = event { Some(progress) } else { None };
        self.events().into_iter().filter_map(progress).collect()
    }

    /// Bytes that have come, as last told.
    pub(super) fn done(&self) -> u64 {
        self.progress().last().map_or(0, |progress| progress.done)
    }

    /// Whether a line like "interrupted" comes before one like "continued".
    pub(super) fn was_interrupted_and_continued(&self) -> bool {
        let steps = self.steps();
        let lost = steps.iter().position(|step| matches!(step, Step::Interrupted { .. }));
        let back = steps.iter().rposition(|step| matches!(step, Step::Continued));
        matches!((lost, back), (Some(lost), Some(back)) if lost < back)
    }
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Fetches everything in `shop` from `urls`.
pub(super) fn fetch(shop: &Shop, urls: &[&str]) -> (Result<Fetched, TransferError>, Tape) {
    fetch_with(shop, urls, &quick(), &Control::new())
}

pub(super) fn fetch_with(
    shop: &Shop,
    urls: &[&str],
    options: &Options,
    control: &Control,
) -> (Result<Fetched, TransferError>, Tape) {
    fetch_taped(shop, urls, options, control, &Tape::default())
}

pub(super) fn fetch_taped(
    shop: &Shop,
    urls: &[&str],
    options: &Options,
    control: &Control,
    tape: &Tape,
) -> (Result<Fetched, TransferError>, Tape) {
    let depot = Depot::open(&shop.depot()).unwrap();
    let report = |event| tape.put(event);
    let mirrors = mirrors(urls);
    let fetched = block_on(fetch_all(&mirrors, &depot, shop.requests.clone(), options, control, &report));
    (fetched, tape.clone())
}
