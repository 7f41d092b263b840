//! How the bytes of an object stand for the bytes of a file.

use serde::{Deserialize, Serialize};

/// The encoding of an object's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// The object is the file.
    Raw,
    /// The object is one zstd frame (RFC 8878) that decodes to the file.
    Zstd,
}
