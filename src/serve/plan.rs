//! What a server is told to do: where to listen, which projects there are, what it may sign.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::publish::Watch;

use super::error::ServeError;
use super::listen::Limits;
use super::log::LogTo;
use super::site::Site;
use super::tls::TlsFiles;

/// Everything about a server.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where clients come to.
    pub listen: SocketAddr,
    /// TLS for clients and console; plain http without.
    pub tls: Option<TlsFiles>,
    /// The console, if there is one.
    pub admin: Option<Admin>,
    /// What the public listener bears.
    pub limits: Limits,
    /// Where the access log goes.
    pub log: LogTo,
    /// Whether addresses in the log are cut to their network.
    pub anonymous: bool,
    /// Whether a proxy in front says where clients are.
    pub behind_proxy: bool,
    /// What is served.
    pub projects: Projects,
}

/// The console's listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file with the token that opens it.
    pub token: PathBuf,
    /// Names by which browsers may call it, beside addresses of this machine.
    pub hosts: Vec<String>,
}

/// Which projects there are.
#[derive(Debug, Clone)]
pub enum Projects {
    /// A repository, or a folder of them. What the server may do counts for a single one.
    Root(PathBuf, Box<Desk>),
    /// Projects by name.
    Named(Vec<(String, PathBuf, Desk)>),
}

/// What the server may do for a project beside handing it out.
#[derive(Debug, Clone, Default)]
pub struct Desk {
    /// The keys it signs with; without them it signs nothing.
    pub keys: Option<PathBuf>,
    /// The folder that is published, and how.
    pub build: Option<Watch>,
    /// Whether that folder is published by itself.
    pub watched: bool,
}

/// A project as the console knows it.
#[derive(Debug, Clone)]
pub(super) struct Project {
    /// Its name in addresses, if the server has several.
    pub(super) name: Option<String>,
    /// Its repository.
    pub(super) root: PathBuf,
    /// What may be done with it.
    pub(super) desk: Desk,
}

impl Projects {
    /// What the public listener hands out.
    pub(super) fn site(&self) -> Result<Site, ServeError> {
        match self {
            Self::Root(root, _) => Site::at(root),
            Self::Named(named) => {
                Site::named(named.iter().map(|(name, root, _)| (name.clone(), root.clone())))
            }
        }
    }

    /// The projects there are now.
    pub(super) fn all(&self, site: &Site) -> Vec<Project> {
        let desk = |name: &Option<String>| match (self, name) {
            (Self::Root(_, desk), None) => Desk::clone(desk),
            (Self::Root(..), Some(_)) | (Self::Named(_), None) => Desk::default(),
            (Self::Named(named), Some(name)) => named
                .iter()
                .find(|(known, ..)| known == name)
                .map(|(.., desk)| desk.clone())
                .unwrap_or_default(),
        };
        let projects = site.projects().into_iter();
        projects.map(|(name, root)| Project { desk: desk(&name), name, root }).collect()
    }
}

impl Project {
    /// The last part of its address in the console.
    pub(super) fn slug(&self) -> &str {
        self.name.as_deref().unwrap_or("-")
    }
}
