//! How a source is written: `http(s)://host/path`, `ip:port/path`, `file:///folder`, or the path of a folder or
//! bundle.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use crate::platform::file::HAS_DRIVES;

/// The place of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceUrl {
    /// A web server; the path ends in `/`.
    Http(Url),
    /// A folder, a share, or the file of a bundle.
    Folder(PathBuf),
}

/// Why a text is no place of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\u{ab}{text}\u{bb} is no source: {rule}")]
pub struct InvalidSource {
    /// The text as it was found, shortened.
    pub text: String,
    /// What is wrong.
    pub rule: &'static str,
}

impl SourceUrl {
    /// Whether the bytes come over an encrypted connection.
    #[must_use]
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Http(url) if url.scheme() == "https")
    }

    /// Whether the bytes are read without a network that we know of.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Folder(_))
    }
}

impl FromStr for SourceUrl {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let text = text.trim();
        let refused = |rule| InvalidSource { text: text.chars().take(200).collect(), rule };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        let path = PathBuf::from(text);
        if path.is_absolute() {
            return Ok(Self::Folder(path));
        }
        if let Some(rule) = half_a_path(text) {
            return Err(refused(rule));
        }
        let Some((scheme, _)) = text.split_once("://") else {
            // Only a host and a port, as one types it in a local network.
            return format!("http://{text}").parse().map_err(|wrong: InvalidSource| refused(wrong.rule));
        };
        let mut url = Url::parse(text).map_err(|_why| refused("it can't be read as a URL"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => {}
            "file" => {}
            _ => return Err(refused("only http, https and file are known")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a ? or # in it"));
        }
        if url.scheme() == "file" {
            if url.host().is_some() && !HAS_DRIVES {
                return Err(refused(MOUNT_IT));
            }
            let path = url.to_file_path().map_err(|()| refused("it does not name a folder"))?;
            return Ok(Self::Folder(path));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self::Http(url))
    }
}

const MOUNT_IT: &str = "a share is named by the folder it is mounted at on this system";

/// Why a text that looks like a path can't be used as one here.
fn half_a_path(text: &str) -> Option<&'static str> {
    let drive = matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let drive = drive && !text.contains("://");
    if text.starts_with("\\\\") {
        Some(MOUNT_IT)
    } else if drive && !HAS_DRIVES {
        Some("there are no drives on this system")
    } else if drive || text.starts_with(['.', '~', '/', '\\']) {
        Some("a folder or bundle is named by its whole path")
    } else {
        None
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => {
                // A password in a URL has no place on a screen or in a log.
                let mut shown = url.clone();
                if !shown.username().is_empty() || shown.password().is_some() {
                    shown.set_password(None).ok();
                    shown.set_username("").ok();
                }
                f.write_str(shown.as_str().trim_end_matches('/'))
            }
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A22: only an address and a port means http.
    #[test]
    fn an_address_and_a_port_alone_mean_http() {
        let shown = |text: &str| text.parse::<SourceUrl>().map(|url| url.to_string());
        assert_eq!(shown("10.0.0.7:4530"), Ok("http://10.0.0.7:4530".to_owned()));
        assert_eq!(shown("10.0.0.7:4530/MyApp"), Ok("http://10.0.0.7:4530/MyApp".to_owned()));
        assert_eq!(shown("[::1]:80/a"), Ok("http://[::1]/a".to_owned()));
        assert_eq!(
            shown("更新.例子:80/应用"),
            Ok("http://xn--efv01a.xn--fsqu00a/%E5%BA%94%E7%94%A8".to_owned())
        );
        assert_eq!(shown("https://me:secret@cdn.example/x/"), Ok("https://cdn.example/x".to_owned()));
        for bad in ["", "ftp://x/y", "http://", "http://h/?a=b", "::::"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_an_absolute_path_or_a_file_url() {
        let here = std::env::temp_dir().join("a b");
        let url = Url::from_file_path(&here).unwrap();
        assert_eq!(url.as_str().parse(), Ok(SourceUrl::Folder(here.clone())));
        assert_eq!(here.to_str().unwrap().parse(), Ok(SourceUrl::Folder(here)));
        for half in ["./repo", "../repo.updraft", "~/repo", "\\repo"] {
            let error = half.parse::<SourceUrl>().unwrap_err();
            assert_eq!(error.rule, "a folder or bundle is named by its whole path", "{half}");
        }
    }

    #[test]
    fn signs_in_a_file_url_are_read_as_written() {
        let here = std::env::temp_dir().join("\u{7a7a} 1%20#?");
        let url = Url::from_file_path(&here).unwrap();
        assert_eq!(url.as_str().parse(), Ok(SourceUrl::Folder(here)));
        assert!("file:///a#b".parse::<SourceUrl>().is_err(), "the rest after # would be lost");
    }

    #[test]
    fn a_share_is_a_folder_where_the_system_has_such_names_and_else_refused() {
        for text in [r"\\server\share\repo", "file://server/share/repo"] {
            let read = text.parse::<SourceUrl>();
            if HAS_DRIVES {
                assert_eq!(read, Ok(SourceUrl::Folder(PathBuf::from(r"\\server\share\repo"))), "{text}");
            } else {
                assert_eq!(read.unwrap_err().rule, MOUNT_IT, "{text}");
            }
        }
        for text in [r"C:\repo", "c:/repo"] {
            assert_eq!(text.parse::<SourceUrl>().is_ok(), HAS_DRIVES, "{text}");
        }
    }
}
