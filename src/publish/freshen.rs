//! Keeps a timestamp good: signs it anew with the online key alone before it runs out.

use std::path::Path;

use crate::release::Stamp;
use crate::trust::sign::{self, Expiries, KeyPair, Keys, Lifetimes};

use super::init::keys_of;
use super::repository::{Repository, resolve};
use super::{Place, PublishError};

/// How long a timestamp holds after [`freshen`] has looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// Whether it was signed anew.
    pub signed: bool,
    /// When each part of the metadata runs out now.
    pub expiries: Expiries,
}

/// Whether a timestamp that runs out at `expires` is to be signed anew: when half of what a served one is good for is
/// over.
#[must_use]
fn is_due(expires: Stamp, now: Stamp) -> bool {
    let lifetime = Lifetimes::served().timestamp;
    expires < now.after(lifetime / 2)
}

/// Signs the timestamp of a repository anew if it is due. Nothing else is signed, and no other key is read.
///
/// # Errors
/// If it is no repository, the online key is missing or is another one, another publisher is at work, or the file
/// can't be written.
pub fn freshen(repository: &Path, keys: Option<&Path>, now: Stamp) -> Result<Fresh, PublishError> {
    let root = resolve(repository)?;
    let none = || PublishError::NotARepository(root.clone());
    let expiries = Repository::at(&root).state()?.ok_or_else(none)?.expiries();
    if !is_due(expiries.timestamp, now) {
        return Ok(Fresh { signed: false, expiries });
    }
    let keys = keys_of(&Repository::at(&root), keys, None)?;
    let online = KeyPair::load(&keys.join(Keys::ONLINE))?;
    let (repository, state, _lock) = Repository::open_to_sign(&Place::Folder(root.clone()))?;
    for (path, bytes) in sign::renew_timestamp(&state, &online, now, Lifetimes::served())? {
        repository.write(&path, &bytes)?;
    }
    let expiries = repository.state()?.ok_or_else(none)?.expiries();
    Ok(Fresh { signed: true, expiries })
}
