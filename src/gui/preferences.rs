//! What a person may set in the window, and who makes it hold.

use std::fmt;
use std::sync::Arc;

use crate::report::ReleaseRef;

/// What a person may set in the window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The language; the system's if nothing is said.
    pub language: Option<String>,
    /// The proxy as the settings write it; the system's if nothing is said.
    pub proxy: Option<String>,
    /// Most bytes fetched a second; no limit if nothing is said.
    pub limit: Option<u64>,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It holds, and for later times too.
    Saved,
    /// It holds, but could not be written down.
    ThisRun,
    /// It can't be: the proxy is no address of one.
    Refused,
}

type KeepFn = dyn Fn(&Preferences, &Preferences) -> Kept + Send + Sync;

/// Who makes a wish hold: is told what held before and what is wanted.
#[derive(Clone)]
pub struct Keep(Arc<KeepFn>);

impl Keep {
    /// Calls `keep` for every wish, on the window's thread.
    pub fn new(keep: impl Fn(&Preferences, &Preferences) -> Kept + Send + Sync + 'static) -> Self {
        Self(Arc::new(keep))
    }

    pub(super) fn call(&self, before: &Preferences, wanted: &Preferences) -> Kept {
        (self.0)(before, wanted)
    }
}

type BeforeFn = dyn Fn() -> Option<ReleaseRef> + Send + Sync;

/// Who knows the release to which a person can go back.
#[derive(Clone)]
pub struct Before(Arc<BeforeFn>);

impl Before {
    /// Calls `before` when there could be a way back, on the window's thread.
    pub fn new(before: impl Fn() -> Option<ReleaseRef> + Send + Sync + 'static) -> Self {
        Self(Arc::new(before))
    }

    pub(super) fn call(&self) -> Option<ReleaseRef> {
        (self.0)()
    }
}

impl fmt::Debug for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before")
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keep")
    }
}
