//! One object on its way: what is known of it, and which mirrors are out for it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::PackPart;
use crate::platform::ChangeMark;
use crate::release::{Digest, RelPath};

use super::judge::Fall;
use super::parts::Parts;
use super::{Request, TransferError};

/// Tries a mirror has to give the right bytes of one object.
const STRIKES: u32 = 3;
/// Pieces of one object that may begin again with nobody blamed; more than that many can't be left over from
/// an earlier run.
const RESTARTS: u32 = 8;

/// An object on its way.
pub(super) struct Object {
    /// The object.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Bytes of it that are wanted.
    pub(super) wanted: u64,
    /// Its path in a repository.
    pub(super) path: String,
    /// The file it is for.
    pub(super) file: RelPath,
    /// The place of that file, from 1.
    pub(super) index: u64,
    /// Whether its bytes count as progress; those of a piece list do not.
    pub(super) counted: bool,
    /// Held while everything is read from the start, for a mirror without ranges.
    pub(super) sweep: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What changes while an object is on its way.
pub(super) struct State {
    pub(super) parts: Option<Parts>,
    pub(super) done: bool,
    /// The finished file as it was when its content was known.
    pub(super) mark: Option<ChangeMark>,
    /// Bytes of it in the progress told.
    counted: u64,
    shown: u64,
    restarts: u32,
    untied: bool,
    bans: Vec<Ban>,
    /// The source asked last and what was wrong with it.
    last: (String, String),
}

#[derive(Default, Clone)]
struct Ban {
    missing: bool,
    insecure: bool,
    corrupt: u32,
    odd: u32,
}

impl Object {
    /// The object that holds a requested file.
    pub(super) fn of(request: &Request, index: u64, mirrors: usize) -> Self {
        let content = &request.content;
        Self::new((content.object, content.size, content.size), &request.file, index, true, mirrors)
    }

    /// The pack that blocks are wanted of.
    pub(super) fn of_pack(part: &PackPart, index: u64, mirrors: usize) -> Self {
        let wanted = part.blocks.iter().map(|block| u64::from(block.len)).sum();
        Self::new((part.object, part.size, wanted), &part.file, index, true, mirrors)
    }

    /// The piece list of that object.
    pub(super) fn list_of(list: Digest, size: u64, request: &Request, index: u64, mirrors: usize) -> Self {
        Self::new((list, size, size), &request.file, index, false, mirrors)
    }

    fn new(
        (digest, size, wanted): (Digest, u64, u64),
        file: &RelPath,
        index: u64,
        counted: bool,
        mirrors: usize,
    ) -> Self {
        let hex = digest.hex();
        let bans = vec![Ban::default(); mirrors];
        let state = State {
            parts: None,
            done: false,
            mark: None,
            counted: 0,
            shown: 0,
            restarts: 0,
            untied: false,
            bans,
            last: (String::new(), String::new()),
        };
        Self {
            digest,
            size,
            wanted,
            path: format!("objects/{}/{hex}", &hex[..2]),
            file: file.clone(),
            index,
            counted,
            sweep: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in how many bytes are there now. Says how many there were, and the most there ever were: what is
    /// shown of a file never goes back.
    pub(super) fn count(&self, present: u64) -> (u64, u64) {
        let mut state = self.state();
        state.shown = state.shown.max(present);
        (std::mem::replace(&mut state.counted, present), state.shown)
    }

    /// Does something with the open part file.
    pub(super) fn parts<T>(
        &self,
        act: impl FnOnce(&mut Parts) -> Result<T, crate::fsx::FsError>,
    ) -> Result<T, TransferError> {
        match &mut self.state().parts {
            Some(parts) => Ok(act(parts)?),
            None => Err(TransferError::Defect(format!("{} is not open", self.path))),
        }
    }

    /// Whether a piece that came over several connections and is wrong may begin again with nobody blamed.
    pub(super) fn may_restart(&self) -> bool {
        let mut state = self.state();
        state.restarts += 1;
        state.restarts <= RESTARTS
    }

    /// Takes in that a mirror gave all it was asked for, and right: odd answers before were no habit.
    pub(super) fn satisfied(&self, mirror: usize) {
        if let Some(ban) = self.state().bans.get_mut(mirror) {
            ban.odd = 0;
        }
    }

    /// Such beginnings count anew: it was found out who was to blame.
    pub(super) fn forgive(&self) {
        self.state().restarts = 0;
    }

    /// Whether a range may be tied to an entity tag.
    pub(super) fn is_tied(&self) -> bool {
        !self.state().untied
    }

    /// Ties no range of this object again: behind one name may be servers with different tags, and the
    /// digests protect us without them.
    pub(super) fn untie(&self) {
        self.state().untied = true;
    }

    /// Whether a mirror may still be asked for this object.
    pub(super) fn allows(&self, mirror: usize) -> bool {
        let state = self.state();
        let ban = state.bans.get(mirror).cloned().unwrap_or_default();
        !ban.missing && !ban.insecure && ban.corrupt < STRIKES && ban.odd < STRIKES
    }

    /// Remembers what was wrong with a mirror, and that it may be out for it.
    pub(super) fn blame(&self, mirror: usize, source: &str, fall: &Fall) {
        let mut state = self.state();
        let Some(ban) = state.bans.get_mut(mirror) else { return };
        let why = match fall {
            Fall::Missing(why) => {
                ban.missing = true;
                why
            }
            Fall::Insecure(why) => {
                ban.insecure = true;
                why
            }
            Fall::Corrupt(why) => {
                ban.corrupt += 1;
                why
            }
            Fall::BadAnswer(why) => {
                ban.odd += 1;
                why
            }
            Fall::Transient { reason, .. } | Fall::Slow(reason) => reason,
            Fall::Elsewhere | Fall::NoRange | Fall::Changed | Fall::Restart | Fall::Final(_) => return,
        };
        state.last = (source.to_owned(), why.clone());
    }

    /// What was wrong last.
    pub(super) fn reason(&self) -> String {
        self.state().last.1.clone()
    }

    /// What is to be said when no mirror is left.
    pub(super) fn verdict(&self) -> TransferError {
        let state = self.state();
        let (source_name, why) = state.last.clone();
        let any = |test: fn(&Ban) -> bool| state.bans.iter().any(test);
        if any(|ban| ban.corrupt > 0) {
            let why = format!("{source_name}: {why}");
            TransferError::Corrupt { object: self.digest, file: self.file.clone(), why }
        } else if any(|ban| ban.insecure) {
            TransferError::Insecure { source_name, why }
        } else if any(|ban| ban.odd > 0) {
            TransferError::BadAnswer { source_name, path: self.path.clone(), why }
        } else {
            TransferError::Missing { object: self.digest, file: self.file.clone(), source_name }
        }
    }

    /// The error of signed content that can't be right, whoever sends it.
    pub(super) fn corrupt(&self, why: impl Into<String>) -> TransferError {
        TransferError::Corrupt { object: self.digest, file: self.file.clone(), why: why.into() }
    }
}
