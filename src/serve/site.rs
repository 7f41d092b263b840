//! What a server hands out: one project, a folder of projects, or projects by name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::fsx;
use crate::release::RelPath;

use super::error::ServeError;
use super::path::{self, Asked, Refused};

/// What a server hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// The root of the server is this project.
    One(PathBuf),
    /// The first part of a path names a folder in this one. Projects may come and go.
    Folder(PathBuf),
    /// The first part of a path names one of these.
    Named(BTreeMap<String, PathBuf>),
}

impl Site {
    /// Looks at what `root` is: a project, or a folder of projects.
    ///
    /// # Errors
    /// If it can't be read, or is no repository and holds none.
    pub fn at(root: &Path) -> Result<Self, ServeError> {
        let root = fsx::canonical(root)?;
        if is_project(&root) {
            return Ok(Self(Kind::One(root)));
        }
        let site = Self(Kind::Folder(root.clone()));
        if site.projects().is_empty() { Err(ServeError::NoRepository(root)) } else { Ok(site) }
    }

    /// Projects by name, wherever they lie.
    ///
    /// # Errors
    /// If a name can't be a part of a path, or there is no repository where one is said to be.
    pub fn named(projects: impl IntoIterator<Item = (String, PathBuf)>) -> Result<Self, ServeError> {
        let mut named = BTreeMap::new();
        for (name, folder) in projects {
            let is_part = name.parse::<RelPath>().is_ok_and(|path| path.parts().count() == 1);
            if !is_part || named.contains_key(&name) {
                return Err(ServeError::ProjectName(name));
            }
            let root = fsx::canonical(&folder)?;
            if !is_project(&root) {
                return Err(ServeError::NoRepository(root));
            }
            named.insert(name, root);
        }
        if named.is_empty() { Err(ServeError::NoProjects) } else { Ok(Self(Kind::Named(named))) }
    }

    /// The projects there are now, with the name each has in a path; a server of one project has no name for it.
    #[must_use]
    pub fn projects(&self) -> Vec<(Option<String>, PathBuf)> {
        match &self.0 {
            Kind::One(root) => vec![(None, root.clone())],
            Kind::Named(named) => {
                named.iter().map(|(name, root)| (Some(name.clone()), root.clone())).collect()
            }
            Kind::Folder(root) => {
                let names = fsx::list(root).unwrap_or_default().into_iter();
                let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
                names.sort();
                let is_ours = |name: &String| name.parse::<RelPath>().is_ok() && is_project(&root.join(name));
                names.retain(is_ours);
                names.into_iter().map(|name| (Some(name.clone()), root.join(name))).collect()
            }
        }
    }

    /// The addresses that clients use when the server answers at `addr`, one for each project there is now.
    /// A project that is added to a folder later is served without a restart.
    #[must_use]
    pub fn urls(&self, scheme: &str, addr: SocketAddr) -> Vec<String> {
        let url = |(name, _): (Option<String>, PathBuf)| match name {
            None => format!("{scheme}://{addr}/"),
            Some(name) => format!("{scheme}://{addr}/{}/", escape(&name)),
        };
        self.projects().into_iter().map(url).collect()
    }

    /// Takes apart the path of a request, as it stands in the request.
    pub(super) fn find(&self, raw: &str) -> Result<Place, Refused> {
        match &self.0 {
            Kind::One(root) => {
                Ok(Place { root: root.clone(), asked: path::parse(raw, true)?, project: None })
            }
            Kind::Folder(root) => {
                let asked = path::parse(raw, false)?;
                let project = asked.path.parts().next().map(str::to_owned);
                Ok(Place { root: root.clone(), asked, project })
            }
            Kind::Named(named) => {
                let asked = path::parse(raw, false)?;
                let (name, inside) = asked.path.as_str().split_once('/').ok_or(Refused::Absent)?;
                let root = named.get(name).ok_or(Refused::Absent)?.clone();
                let project = Some(name.to_owned());
                let asked = path::inside(inside)?;
                Ok(Place { root, asked, project })
            }
        }
    }
}

/// Where the file of a request would be.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// A folder without links in its path.
    pub(super) root: PathBuf,
    /// The file below it.
    pub(super) asked: Asked,
    /// The name of the project, if the server has several.
    pub(super) project: Option<String>,
}

fn is_project(folder: &Path) -> bool {
    let timestamp = folder.join("metadata").join("timestamp.json");
    fsx::stat_follow(&timestamp).is_ok_and(|metadata| metadata.is_file())
}

/// A folder's name as a part of a URL.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
