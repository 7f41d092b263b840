//! Further places of a repository, told to installs in its signed metadata.

use crate::release::Stamp;
use crate::source::SourceUrl;
use crate::trust::sign::{self, Lifetimes};
use crate::trust::{MAX_MIRROR, MAX_MIRRORS};

use super::repository::Repository;
use super::{Place, PublishError, Signing};

/// A change of the list of mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MirrorChange {
    /// One more, asked after those that are listed.
    Add(String),
    /// One less.
    Remove(String),
}

/// The mirrors a repository tells of, in their order.
///
/// # Errors
/// If it is no repository, or its metadata is damaged.
pub fn mirrors(repository: &Place) -> Result<Vec<String>, PublishError> {
    let repository = Repository::open(repository)?;
    let state = repository.state()?.ok_or_else(|| repository.none())?;
    Ok(state.mirrors())
}

/// Changes the list and signs it. Says what it is now, and whether that is another list than before; if not,
/// nothing is signed.
///
/// # Errors
/// If the address can't be used, there are too many, a key is missing, or something can't be written.
pub fn change_mirrors(
    signing: &Signing,
    now: Stamp,
    lifetimes: Lifetimes,
    change: &MirrorChange,
) -> Result<(Vec<String>, bool), PublishError> {
    let opened = signing.open()?;
    let before = opened.state.mirrors();
    let after = changed(&before, change)?;
    if after == before {
        return Ok((after, false));
    }
    opened.write(&sign::set_mirrors(&opened.state, &opened.keys, now, lifetimes, &after)?)?;
    Ok((after, true))
}

fn changed(before: &[String], change: &MirrorChange) -> Result<Vec<String>, PublishError> {
    let mut after = before.to_vec();
    match change {
        MirrorChange::Add(text) => {
            let mirror = canonical(text)?;
            if !after.contains(&mirror) {
                after.push(mirror);
            }
            if after.len() > MAX_MIRRORS {
                return Err(refused(
                    text,
                    &format!("there are {MAX_MIRRORS} already, the most there may be"),
                ));
            }
        }
        MirrorChange::Remove(text) => {
            // What can't be read is not in the list, or was put there by another program under this very name.
            let mirror = canonical(text).unwrap_or_else(|_why| text.clone());
            if !after.contains(&mirror) {
                return Err(refused(text, "it is not in the list"));
            }
            after.retain(|listed| *listed != mirror);
        }
    }
    Ok(after)
}

/// The one way an address is written in the list.
fn canonical(text: &str) -> Result<String, PublishError> {
    let url = match text.parse::<SourceUrl>() {
        Ok(SourceUrl::Http(url)) => url,
        Ok(SourceUrl::Folder(_)) => {
            return Err(refused(text, "a folder or share of one machine is no place for all installs"));
        }
        Err(error) => return Err(refused(text, error.rule)),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(text, "everybody could read the password in it"));
    }
    let mirror = SourceUrl::Http(url).to_string();
    if mirror.len() > MAX_MIRROR {
        return Err(refused(text, &format!("it is longer than {MAX_MIRROR} bytes")));
    }
    Ok(mirror)
}

fn refused(text: &str, why: &str) -> PublishError {
    PublishError::Mirror { mirror: text.chars().take(200).collect(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_in_one_way() {
        for text in ["https://cdn.example/App/", "https://CDN.example:443/App", " https://cdn.example/App "] {
            assert_eq!(canonical(text).unwrap(), "https://cdn.example/App");
        }
        assert_eq!(canonical("10.0.0.7:4530/App").unwrap(), "http://10.0.0.7:4530/App");
        for bad in ["/srv/repo", "file:///srv/repo", "https://me:x@h/", "ftp://h/", "", "https://h/?q"] {
            assert!(canonical(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_has_a_limit_and_no_doubles() {
        let full: Vec<String> = (0..MAX_MIRRORS).map(|at| format!("http://h{at}")).collect();
        assert_eq!(changed(&full, &MirrorChange::Add("http://h3/".to_owned())).unwrap(), full);
        assert!(changed(&full, &MirrorChange::Add("http://more".to_owned())).is_err());
        assert_eq!(changed(&full, &MirrorChange::Remove("http://h0".to_owned())).unwrap(), full[1..]);
        assert!(changed(&full, &MirrorChange::Remove("http://more".to_owned())).is_err());
    }
}
