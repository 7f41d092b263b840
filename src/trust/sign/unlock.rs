//! What opens private keys: a passphrase given, or somebody to ask for one.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::keys::KeyRole;

/// A passphrase. It is not shown, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// A passphrase from a text; line ends after it do not belong to it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// The text, for the one who derives a key of it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it is no passphrase at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Asks a person for the passphrase of a key file; nothing if there is nobody to ask.
pub type Ask = Arc<dyn Fn(&Path) -> Option<Passphrase> + Send + Sync>;

/// What opens private keys.
#[derive(Clone)]
pub struct Unlock {
    /// The passphrase of all keys that have one.
    pub passphrase: Option<Passphrase>,
    /// Asked for each key whose passphrase is not known.
    pub ask: Option<Ask>,
    /// Keys that do not lie in the folder: the text of their files.
    pub given: Vec<(KeyRole, Passphrase)>,
    /// A program and its arguments that sign for a key that is not at hand.
    pub signer: Option<Vec<String>>,
    /// Whether root keys are opened: only a change of keys needs them.
    pub wants_root: bool,
}

impl Default for Unlock {
    fn default() -> Self {
        Self { passphrase: None, ask: None, given: Vec::new(), signer: None, wants_root: true }
    }
}

impl Unlock {
    /// The passphrase of a key file, known or asked for.
    pub(super) fn passphrase_for(&self, path: &Path) -> Option<Passphrase> {
        self.passphrase.clone().or_else(|| self.ask.as_ref().and_then(|ask| ask(path)))
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<&str> = self.given.iter().map(|(role, _)| role.as_str()).collect();
        f.debug_struct("Unlock")
            .field("passphrase", &self.passphrase)
            .field("ask", &self.ask.is_some())
            .field("given", &given)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
