//! The arguments that every command which signs has: the keys, and what opens them.

#[cfg(feature = "vendor")]
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::fsx;
use crate::publish::{Place, Signing};
use crate::report::{ErrorCode, Failure};
use crate::trust::sign::{Ask, KeyRole, Lifetimes, Passphrase, Unlock};

use super::args::{TIMESTAMP_DAYS, days};
use super::fail;

/// Where the keys are, and what opens them. CI gives keys as UPDRAFT_KEY_RELEASE and UPDRAFT_KEY_ONLINE (the text of
/// the files, or that in base64) and their passphrase as UPDRAFT_PASSPHRASE.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The folder with the private keys [default: updraft/keys/NAME in the folder of your settings].
    #[arg(long, value_name = "DIR", env = "UPDRAFT_KEYS")]
    pub(super) keys: Option<PathBuf>,
    /// A file with the passphrase of the keys, instead of UPDRAFT_PASSPHRASE or being asked.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A command that signs with a key that is not in the folder: it gets the bytes on its input and prints the
    /// signature in base64. Its words are split at spaces; no shell is involved.
    #[arg(long, id = "signer", value_name = "COMMAND", env = "UPDRAFT_SIGNER")]
    signer: Option<String>,
}

/// What new keys are put under.
#[derive(Debug, Args)]
pub(super) struct NewKeyArgs {
    /// Put new keys under no passphrase.
    #[arg(long)]
    no_passphrase: bool,
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

/// Reads a place as a person writes it.
pub(super) fn place() -> impl TypedValueParser<Value = Place> {
    OsStringValueParser::new().try_map(Place::parse)
}

/// A repository: a folder, or the address of a store.
#[derive(Debug, Args)]
pub(super) struct RepoArg {
    /// The repository: a folder, s3://bucket/prefix, az://container/prefix or gs://bucket/prefix.
    #[arg(value_name = "REPO", value_parser = place())]
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
        let signer = self.signer.as_deref().map(split).transpose()?;
        let given = [(KeyRole::Release, "UPDRAFT_KEY_RELEASE"), (KeyRole::Online, "UPDRAFT_KEY_ONLINE")];
        let given = given.into_iter().filter_map(|(role, name)| {
            let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
            Some((role, Passphrase::new(&text)))
        });
        Ok(Unlock {
            passphrase: self.passphrase()?,
            ask: asking(),
            given: given.collect(),
            signer,
            wants_root: false,
        })
    }

    /// The passphrase as a file or the environment gives it.
    fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        let text = match &self.passphrase_file {
            Some(file) => {
                let bytes = fsx::read(file, 4096).map_err(fail)?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            None => std::env::var("UPDRAFT_PASSPHRASE").ok(),
        };
        let passphrase = text.map(|text| Passphrase::new(&text));
        Ok(passphrase.filter(|passphrase| !passphrase.is_empty()))
    }

    pub(super) fn signing(&self, repository: Place) -> Result<Signing, Failure> {
        Ok(Signing { repository, keys: self.keys.clone(), unlock: self.unlock()? })
    }
}

impl NewKeyArgs {
    /// What new keys are put under: what is given; in a terminal what the person types; nothing only if that was said, or
    /// there is nobody to ask.
    pub(super) fn passphrase(&self, keys: &KeyArgs) -> Result<Option<Passphrase>, Failure> {
        if self.no_passphrase {
            return Ok(None);
        }
        match keys.passphrase()? {
            Some(passphrase) => Ok(Some(passphrase)),
            None => ask_new(),
        }
    }
}

/// Asks in a terminal; a key that is asked for again gets a new question, others the answer that was given before.
#[cfg(feature = "vendor")]
fn asking() -> Option<Ask> {
    use std::collections::HashSet;
    use std::sync::{Arc, Mutex, PoisonError};
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let known: Mutex<(Option<Passphrase>, HashSet<PathBuf>)> = Mutex::default();
    Some(Arc::new(move |path| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.1.insert(path.to_path_buf())
            && let Some(passphrase) = &known.0
        {
            return Some(passphrase.clone());
        }
        let typed = rpassword::prompt_password(format!("Passphrase of {}: ", path.display())).ok()?;
        known.0 = Some(Passphrase::new(&typed));
        known.0.clone()
    }))
}

#[cfg(not(feature = "vendor"))]
fn asking() -> Option<Ask> {
    None
}

/// Asks for a new passphrase, twice. Without a terminal there is none.
#[cfg(feature = "vendor")]
fn ask_new() -> Result<Option<Passphrase>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let failed = |message: &str| Failure {
        code: ErrorCode::Usage,
        message: message.to_owned(),
        hint: Some("For keys without a passphrase say so: --no-passphrase.".to_owned()),
    };
    let typed = |question: &str| {
        rpassword::prompt_password(question).map_err(|_closed| failed("no passphrase was typed"))
    };
    let (once, again) = (typed("Passphrase for the new keys: ")?, typed("Once more: ")?);
    match (once.is_empty(), once == again) {
        (true, _) => Err(failed("the passphrase is empty")),
        (_, false) => Err(failed("the two passphrases differ")),
        (false, true) => Ok(Some(Passphrase::new(&once))),
    }
}

#[cfg(not(feature = "vendor"))]
fn ask_new() -> Result<Option<Passphrase>, Failure> {
    Ok(None)
}

/// The words of a command; those with spaces stand in quotes.
fn split(text: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() || words.is_empty() {
        return Err(Failure {
            code: ErrorCode::Usage,
            message: format!("the signer \u{ab}{text}\u{bb} is no command"),
            hint: Some("Write the program and its arguments; put words with spaces in quotes.".to_owned()),
        });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_without_a_shell() {
        let words = |text| split(text).unwrap();
        assert_eq!(words("sign --slot 1"), ["sign", "--slot", "1"]);
        assert_eq!(
            words(" \"C:\\my tools\\sign.exe\"  '' a'b c'd $HOME;"),
            ["C:\\my tools\\sign.exe", "", "ab cd", "$HOME;"]
        );
        assert!(split("  ").is_err() && split("a \"b").is_err());
    }
}
