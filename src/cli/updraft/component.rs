//! `updraft component`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Subcommand, ValueEnum};

use crate::component::carrier::{Artifact, Limits, Log, Program as _};
use crate::component::{Cache, Wasm, world};
use crate::fsx;
use crate::report::{ErrorCode, Failure};

use super::{Outcome, bytes, fail, say};

/// Most bytes of a component that is checked.
const MAX_COMPONENT: u64 = 1 << 30;

/// `updraft component`
#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Writes the beginning of a component: a processor that counts.
    New {
        /// The folder to make.
        folder: PathBuf,
        /// The language.
        #[arg(long, value_enum, default_value = "rust")]
        lang: Lang,
    },
    /// Says whether a file is a component that a pipeline can run, and what it says of itself.
    Check {
        /// The file.
        file: PathBuf,
        /// Print the result as one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// A language that a beginning is there for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Lang {
    /// Built by cargo alone.
    Rust,
    /// Built by componentize-js.
    Js,
    /// Built by componentize-py.
    Python,
}

macro_rules! template {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../examples/components/", $name)))),*]
    };
}

/// The files of each beginning, by their names below `examples/components`.
fn files(lang: Lang) -> &'static [(&'static str, &'static str)] {
    match lang {
        Lang::Rust => template!["rust/Cargo.toml", "rust/Cargo.lock", "rust/src/lib.rs", "rust/README.md"],
        Lang::Js => template!["js/counter.js", "js/build.js", "js/package.json", "js/README.md"],
        Lang::Python => template!["python/counter.py", "python/README.md"],
    }
}

pub(super) fn component(what: &What) -> Outcome {
    match what {
        What::New { folder, lang } => new(folder, *lang),
        What::Check { file, json } => check(file, *json),
    }
}

fn new(folder: &Path, lang: Lang) -> Outcome {
    if fsx::exists(folder).map_err(fail)? && !fsx::list(folder).map_err(fail)?.is_empty() {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("the folder {} is not empty", folder.display()),
            hint: Some("Name a new or empty folder.".to_owned()),
        });
    }
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), fsx::make_dirs)?;
        fsx::write_durable(&path, text.as_bytes())
    };
    for (name, text) in files(lang) {
        let name = name.split_once('/').map_or(*name, |(_lang, name)| name);
        write(name, text).map_err(fail)?;
    }
    write("wit/updraft.wit", world::WIT).map_err(fail)?;
    say(&format!("{} is begun. README.md there tells how to build it.", folder.display()));
    Ok(0)
}

fn check(file: &Path, json: bool) -> Outcome {
    let content = fsx::read(file, MAX_COMPONENT).map_err(fail)?;
    let size = content.len() as u64;
    let refused = |why: String| Failure {
        code: ErrorCode::Damaged,
        message: format!("{} can't be run: {why}", file.display()),
        hint: Some(
            "The world it must fit is updraft:component; `updraft component new` writes it.".to_owned(),
        ),
    };
    let artifact = Artifact::of(&file.display().to_string(), content);
    let wasm = Wasm::new(Cache::none()).map_err(|error| refused(error.to_string()))?;
    let program = wasm.program(&artifact).map_err(|error| refused(error.to_string()))?;
    let silent: Log = Arc::new(|_, _: &str| {});
    let instance = program.start(&Limits::default(), &silent).map_err(|error| refused(error.to_string()))?;
    let (info, role) = (instance.info(), instance.role());
    if json {
        let result = serde_json::json!({
            "role": role, "name": info.name, "version": info.version, "state_schema": info.state_schema,
            "accepts": info.accepts, "sha256": artifact.digest, "bytes": size,
        });
        say(&result.to_string());
        return Ok(0);
    }
    say(&format!(
        "{} fits: {} {}, a {}, {}.",
        file.display(),
        info.name,
        info.version,
        role.as_str(),
        bytes(size)
    ));
    if info.state_schema != 0 {
        say(&format!("Its state has schema {}; it takes {:?} too.", info.state_schema, info.accepts));
    }
    Ok(0)
}
