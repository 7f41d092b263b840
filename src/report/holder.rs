//! A process that uses files of the program, as people are told of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a process uses files of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Using {
    /// It runs one.
    Program,
    /// It has code of one in memory.
    Library,
    /// It has one open.
    File,
    /// It works in the folder.
    Folder,
    /// It handed over and has not ended.
    Handover,
}

/// A process that uses files of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The user it belongs to, if that is another than ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether it belongs to the user we run as, and so may be asked to close.
    pub own: bool,
    /// What it does with the file.
    #[serde(rename = "use")]
    pub using: Using,
    /// The file, below the folder of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether files can't be switched before it has ended.
    pub must_end: bool,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "a program" } else { &self.name };
        match &self.user {
            Some(user) => write!(f, "{name} (process {}, run by {user})", self.pid),
            None => write!(f, "{name} (process {})", self.pid),
        }
    }
}

/// Those that must end, as part of a sentence.
#[must_use]
pub fn name_all(holders: &[Holder]) -> String {
    let names: Vec<String> = holders.iter().filter(|h| h.must_end).map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "the program".to_owned(),
    }
}
