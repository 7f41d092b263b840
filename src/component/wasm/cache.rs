//! Compiled components on disk, each named by the digest of its wasm and the hash of the engine that made it.

use std::hash::{Hash as _, Hasher as _};
use std::path::PathBuf;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::fsx;
use crate::platform;
use crate::release::Digest;

/// Most bytes of a compiled component.
const MAX_COMPILED: u64 = 1 << 30;

/// A folder of compiled components, or none. What lies in it is machine code and is run as such: it belongs to
/// the user of this process alone, and nothing in it comes from a network.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Keeps nothing on disk.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Keeps compiled components in `folder`, which is made if need be and readable by its owner alone.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn at(folder: PathBuf) -> Result<Self, fsx::FsError> {
        fsx::make_dirs(&folder)?;
        fsx::set_mode(&folder, 0o700)?;
        Ok(Self { folder: Some(folder) })
    }

    fn path(&self, engine: &Engine, digest: Digest) -> Option<PathBuf> {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(self.folder.as_ref()?.join(format!("{digest}-{:016x}.compiled", hasher.finish())))
    }

    /// What was compiled before. Anything wrong with it means: compile again.
    pub(super) fn get(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let stored = fsx::read(&self.path(engine, digest)?, MAX_COMPILED).ok()?;
        let (head, compiled) = stored.split_at_checked(32)?;
        (Digest::of(compiled).as_bytes().as_slice() == head)
            .then(|| platform::load_compiled(engine, compiled).ok())
            .flatten()
    }

    /// Keeps what was compiled; if that fails, it is compiled again next time.
    pub(super) fn put(&self, engine: &Engine, digest: Digest, component: &Component) {
        let Some(path) = self.path(engine, digest) else { return };
        let kept = component.serialize().map_err(|error| error.to_string()).and_then(|compiled| {
            let mut stored = Digest::of(&compiled).as_bytes().to_vec();
            stored.extend(compiled);
            fsx::write_durable(&path, &stored).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "a compiled component can't be kept");
        }
    }
}
