//! Which installs can go to a new release at once.

use crate::release::ReleaseNumber;
use crate::trust::ReleaseTarget;

use super::{Barrier, Order, PublishError};

/// The number of the barrier of a new release, given those before it, the newest first.
pub(super) fn of(order: &Order, releases: &[ReleaseTarget]) -> Result<ReleaseNumber, PublishError> {
    let version = match &order.barrier {
        Barrier::None => return Ok(ReleaseNumber::NONE),
        Barrier::AsBefore => {
            return Ok(releases.first().map_or(ReleaseNumber::NONE, |newest| newest.summary.barrier));
        }
        Barrier::From(version) => version,
    };
    let found = releases.iter().filter(|release| !release.summary.withdrawn);
    let found = found.map(|release| &release.summary).find(|summary| summary.version == *version);
    found.map(|summary| summary.number).ok_or_else(|| PublishError::NoSuchVersion {
        version: version.clone(),
        channel: order.channel.clone(),
        platform: order.platform.clone(),
    })
}
