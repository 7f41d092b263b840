//! Who may use the console: the token that opens it, the sessions it opens, and the marks of a request that comes
//! from a page of ours.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::fsx::{self, Absent as _};
use crate::platform::file::is_open_to_others;
use crate::release::Digest;

use crate::serve::error::ServeError;

/// The cookie of a session.
pub(super) const COOKIE: &str = "updraft-console";
/// How long a session lasts after it was last used.
const LIFE: Duration = Duration::from_secs(8 * 60 * 60);
/// Sessions at once; the one unused for longest ends.
const MOST: usize = 64;
/// Wrong tokens within a minute before all further ones are refused.
const TRIES: usize = 10;

/// What a person is told on the next page.
#[derive(Debug, Clone)]
pub(super) struct Flash {
    pub(super) good: bool,
    pub(super) text: String,
}

/// One person at one browser.
#[derive(Debug)]
pub(super) struct Session {
    /// Stands in every form; a page of another site can't know it.
    pub(super) mark: String,
    flash: Mutex<Option<Flash>>,
}

impl Session {
    pub(super) fn tell(&self, flash: Flash) {
        *self.flash.lock().unwrap_or_else(PoisonError::into_inner) = Some(flash);
    }

    pub(super) fn take_flash(&self) -> Option<Flash> {
        self.flash.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a form is one of this session.
    pub(super) fn knows(&self, mark: &str) -> bool {
        same(&self.mark, mark)
    }
}

/// All sessions, and the token that opens one.
#[derive(Debug)]
pub(super) struct Sessions {
    token: Digest,
    open: Mutex<HashMap<Digest, (Arc<Session>, Instant)>>,
    wrong: Mutex<Vec<Instant>>,
}

/// What came of a try to log in.
#[derive(Debug)]
pub(super) enum Login {
    /// The secret of the new session.
    Open(String),
    Wrong,
    /// There were too many wrong tries.
    Wait,
}

impl Sessions {
    /// Reads the token, or makes one that only its owner can read.
    pub(super) fn load(file: &Path) -> Result<Self, ServeError> {
        let Some(bytes) = fsx::read(file, 4096).if_present()? else {
            let token = secret()?;
            fsx::write_private(file, format!("{token}\n").as_bytes())?;
            return Ok(Self::new(&token));
        };
        if is_open_to_others(&fsx::stat_follow(file)?) {
            return Err(ServeError::TokenOpen(file.to_path_buf()));
        }
        let text = String::from_utf8(bytes).unwrap_or_default();
        let token = text.trim();
        if token.len() < 20 || token.lines().count() != 1 {
            return Err(ServeError::Token(file.to_path_buf()));
        }
        Ok(Self::new(token))
    }

    fn new(token: &str) -> Self {
        Self { token: Digest::of(token.as_bytes()), open: Mutex::default(), wrong: Mutex::default() }
    }

    /// Opens a session if the token is right.
    pub(super) fn log_in(&self, token: &str) -> Login {
        let now = Instant::now();
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|at| now.duration_since(*at) < Duration::from_secs(60));
        if wrong.len() >= TRIES {
            return Login::Wait;
        }
        // Digests are compared: how long that takes tells nothing of the token.
        if Digest::of(token.trim().as_bytes()) != self.token {
            wrong.push(now);
            return Login::Wrong;
        }
        let (Ok(id), Ok(mark)) = (secret(), secret()) else { return Login::Wait };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, (_, used)| now.duration_since(*used) < LIFE);
        if open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.map(|id| open.remove(&id));
        }
        let session = Session { mark, flash: Mutex::default() };
        open.insert(Digest::of(id.as_bytes()), (Arc::new(session), now));
        Login::Open(id)
    }

    /// The session of a secret, if it is open.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, used) = open.get_mut(&Digest::of(id.as_bytes()))?;
        if now.duration_since(*used) >= LIFE {
            return None;
        }
        *used = now;
        Some(Arc::clone(session))
    }

    pub(super) fn log_out(&self, id: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&Digest::of(id.as_bytes()));
    }
}

/// Compares secrets by their digests.
fn same(a: &str, b: &str) -> bool {
    Digest::of(a.as_bytes()) == Digest::of(b.as_bytes())
}

/// 256 random bits as text.
fn secret() -> Result<String, ServeError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|why| ServeError::Run(std::io::Error::other(why.to_string())))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The secret of a session in a `Cookie` header.
pub(super) fn in_cookies(header: &str) -> Option<&str> {
    header.split(';').find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_a_session_and_guessing_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let made = Sessions::load(&file).unwrap();
        let token = String::from_utf8(fsx::read(&file, 100).unwrap()).unwrap();
        let Login::Open(id) = made.log_in(&token) else { panic!("the token is right") };
        assert!(made.find(&id).is_some() && made.find("x").is_none());
        let again = Sessions::load(&file).unwrap();
        assert!(again.find(&id).is_none(), "a session is of one run");
        assert!(matches!(again.log_in(&token), Login::Open(_)));
        made.log_out(&id);
        assert!(made.find(&id).is_none());
        for _ in 0..TRIES {
            assert!(matches!(made.log_in("guess"), Login::Wrong));
        }
        assert!(matches!(made.log_in(&token), Login::Wait));
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        assert_eq!(in_cookies("a=b; updraft-console=xyz; c=d"), Some("xyz"));
        assert_eq!(in_cookies("updraft-console2=xyz"), None);
        assert_eq!(in_cookies("xupdraft-console=xyz"), None);
    }
}
