//! The arguments that every command which signs has: the keys, and what opens them.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use crate::publish::{Place, Signing};
use crate::report::Failure;
use crate::trust::sign::{Lifetimes, Unlock};

use super::args::{TIMESTAMP_DAYS, days};

/// Where the keys are, and what opens them.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The folder with the private keys [default: the folder of the program's keys in your own configuration].
    #[arg(long, value_name = "DIR", env = "UPDRAFT_KEYS")]
    pub(super) keys: Option<PathBuf>,
}

/// How long signatures hold.
#[derive(Debug, Args)]
pub(super) struct DaysArg {
    /// Days until the timestamp runs out: more for bundles and machines that are seldom reached.
    #[arg(long, value_name = "N", default_value_t = TIMESTAMP_DAYS, value_parser = days())]
    days: u32,
}

impl DaysArg {
    pub(super) fn lifetimes(&self) -> Lifetimes {
        Lifetimes::of_days(self.days)
    }
}

/// A repository: a folder, or the address of a store.
#[derive(Debug, Args)]
pub(super) struct RepoArg {
    /// The repository: a folder, s3://bucket/prefix, az://container/prefix or gs://bucket/prefix.
    #[arg(value_name = "REPO", value_parser = OsStringValueParser::new().try_map(Place::parse))]
    repo: Place,
    #[command(flatten)]
    endpoint: EndpointArg,
}

/// The server of a store.
#[derive(Debug, Args)]
pub(super) struct EndpointArg {
    /// The server of the store, if it is not the usual one: https://minio.example:9000.
    #[arg(long, value_name = "URL", env = "UPDRAFT_ENDPOINT")]
    endpoint: Option<String>,
}

impl EndpointArg {
    pub(super) fn at(&self, place: Place) -> Place {
        place.at_endpoint(self.endpoint.clone())
    }
}

impl RepoArg {
    pub(super) fn place(&self) -> Place {
        self.endpoint.at(self.repo.clone())
    }
}

impl KeyArgs {
    /// What opens the keys.
    pub(super) fn unlock(&self) -> Result<Unlock, Failure> {
        Ok(Unlock::default())
    }

    pub(super) fn signing(&self, repository: Place) -> Result<Signing, Failure> {
        Ok(Signing { repository, keys: self.keys.clone(), unlock: self.unlock()? })
    }
}
