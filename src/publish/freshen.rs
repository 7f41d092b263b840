//! Keeps a timestamp good: signs it anew with the online key alone before it runs out.

use crate::release::Stamp;
use crate::trust::sign::{self, Expiries, KeyRole, Lifetimes};

use super::init::keys_of;
use super::repository::Repository;
use super::{PublishError, Signing};

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
pub fn freshen(signing: &Signing, now: Stamp) -> Result<Fresh, PublishError> {
    let repository = Repository::open(&signing.repository)?;
    let expiries = repository.state()?.ok_or_else(|| repository.none())?.expiries();
    if !is_due(expiries.timestamp, now) {
        return Ok(Fresh { signed: false, expiries });
    }
    let (repository, state, _lock) = Repository::open_to_sign(&signing.repository)?;
    let keys = keys_of(&repository, signing.keys.as_deref(), None)?;
    let online = sign::open_role(&keys, KeyRole::Online, Some(&state), &signing.unlock)?;
    repository.write_signed(&sign::renew_timestamp(&state, &online, now, Lifetimes::served())?)?;
    let expiries = repository.state()?.ok_or_else(|| repository.none())?.expiries();
    Ok(Fresh { signed: true, expiries })
}
