//! The folders of the demonstration: what a vendor builds, and what a user has installed.

use std::path::{Path, PathBuf};

use crate::fsx::{self, Result};
use crate::install::Install;
use crate::platform::process::exe_name;
use crate::release::{InvalidPath, RelPath};

/// Where everything lies.
pub(super) struct Places {
    /// The vendor's build of the first version.
    pub(super) first: PathBuf,
    /// The vendor's build of the second version.
    pub(super) second: PathBuf,
    /// The folder that is served.
    pub(super) served: PathBuf,
    /// The repository in it.
    pub(super) repository: PathBuf,
    /// The vendor's keys.
    pub(super) keys: PathBuf,
    /// The user's copy of the program.
    pub(super) installed: PathBuf,
    /// The updater's folder in it.
    pub(super) updater: PathBuf,
    /// That folder as the program's folder names it.
    inside: RelPath,
    /// Where the program notes each of its starts.
    pub(super) trace: PathBuf,
}

/// Bytes of one module.
const MODULE: usize = 1_500_000;

impl Places {
    /// The places below `root`.
    ///
    /// # Errors
    /// Never in fact: the folder's name is a plain one.
    pub(super) fn below(root: &Path) -> std::result::Result<Self, InvalidPath> {
        let installed = root.join("installed").join("MyApp");
        Ok(Self {
            inside: "updater".parse()?,
            first: root.join("build-1.0"),
            second: root.join("build-2.0"),
            served: root.join("www"),
            repository: root.join("www").join("MyApp"),
            keys: root.join("keys"),
            updater: installed.join("updater"),
            installed,
            trace: root.join("starts.jsonl"),
        })
    }

    /// The program's file in `folder`.
    pub(super) fn program(folder: &Path) -> PathBuf {
        folder.join(exe_name("demo_host".as_ref()))
    }

    /// Builds both versions as a vendor would have them.
    pub(super) fn build(&self, exe: &Path) -> Result<()> {
        for (folder, version) in [(&self.first, 1_u32), (&self.second, 2)] {
            fsx::make_dirs(&folder.join("modules"))?;
            fsx::make_dirs(&folder.join("文档"))?;
            fsx::make_dirs(&folder.join("plugins"))?;
            fsx::copy(exe, &Self::program(folder))?;
            fsx::write_durable(&folder.join("version.txt"), format!("{version}.0\n").as_bytes())?;
            let guide = format!("MyApp {version}.0 使用说明\n");
            fsx::write_durable(&folder.join("文档").join("使用说明.txt"), guide.as_bytes())?;
            for module in 1..=12_u32 {
                self.module(folder, version, module)?;
            }
        }
        Ok(())
    }

    /// Modules 1 to 6 change from one version to the next, 11 goes, 12 comes.
    fn module(&self, folder: &Path, version: u32, module: u32) -> Result<()> {
        if (module == 11 && version == 2) || (module == 12 && version == 1) {
            return Ok(());
        }
        let seed = if module <= 6 { module * 10 + version } else { module * 10 };
        let path = folder.join("modules").join(format!("module{module:02}.dll"));
        fsx::write_durable(&path, &noise(seed, MODULE))
    }

    /// The user's copy as the updater sees it.
    pub(super) fn install(&self) -> Install {
        Install::at(self.installed.clone(), self.inside.clone())
    }

    /// Lays the updater, its settings and the vendor's root keys where a setup program would.
    pub(super) fn install_updater(&self, exe: &Path, url: &str, language: Option<&str>) -> Result<()> {
        fsx::make_dirs(&self.updater)?;
        fsx::copy(exe, &self.updater.join(exe_name("updater".as_ref())))?;
        fsx::copy(&self.repository.join("metadata").join("root.json"), &self.updater.join("root.json"))?;
        let settings = serde_json::json!({
            "app": "MyApp", "title": "MyApp", "sources": [url], "language": language,
            // Slow enough that the bar can be seen.
            "limit": 3_000_000,
        });
        fsx::write_durable(&self.updater.join("updater.json"), format!("{settings:#}\n").as_bytes())
    }
}

impl Places {
    /// The notes of a version, in two languages, as files beside the builds.
    pub(super) fn notes(&self, version: &str) -> Result<Vec<PathBuf>> {
        let texts: &[(&str, &str)] = match version {
            "2.0" => &[
                (
                    "en",
                    "# What is new\n\n- Six modules are **faster**.\n- `module12` is new, `module11` is gone.\n",
                ),
                ("zh-CN", "# 新内容\n\n- 六个模块**更快**了。\n- 新增 `module12`,移除 `module11`。\n"),
            ],
            _ => &[],
        };
        let folder = self.first.parent().unwrap_or(&self.first).join(format!("notes-{version}"));
        let mut files = Vec::new();
        for (language, text) in texts {
            fsx::make_dirs(&folder)?;
            let file = folder.join(format!("notes.{language}.md"));
            fsx::write_durable(&file, text.as_bytes())?;
            files.push(file);
        }
        Ok(files)
    }
}

/// Bytes that do not compress, the same for the same seed (xorshift, Marsaglia 2003).
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) << 32 | 0x9e37_79b9;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
