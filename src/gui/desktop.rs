//! What the window says to the desktop around it: how far the update is, and that somebody is waited for.

use std::fmt;
use std::rc::Rc;

use super::feed::Caller;
use crate::platform::desktop::Bar;
use crate::report::{Board, Phase, Progress};

/// A word to the desktop.
#[derive(Debug)]
pub enum Word {
    /// What the program's entry in the task bar or dock shows.
    Bar(Bar),
    /// A notification, in the place of the one before.
    Told {
        /// Its first line.
        title: String,
        /// The rest.
        text: String,
        /// Who brings the window to the front when it is pressed.
        front: Caller,
    },
    /// The notification has been seen, or has nothing to say any more.
    TakenBack,
}

/// Who speaks to the desktop, on the thread of the window, which some desktops want.
#[derive(Clone)]
pub struct Desktop(Rc<dyn Fn(Word)>);

impl Desktop {
    /// Calls `tell` for each word, on the window's thread. It must not wait.
    pub fn new(tell: impl Fn(Word) + 'static) -> Self {
        Self(Rc::new(tell))
    }

    pub(super) fn call(&self, word: Word) {
        (self.0)(word);
    }
}

impl fmt::Debug for Desktop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desktop")
    }
}

/// What the program's entry shows at `board`, in whole percent: a desktop has no finer bar, and each word wakes it.
pub(super) fn bar(board: &Board) -> Bar {
    let share = share(&board.progress);
    match &board.phase {
        Phase::Planning | Phase::Downloading | Phase::Installing => share.map_or(Bar::None, Bar::Share),
        Phase::Paused | Phase::Reconnecting { .. } | Phase::WaitingForHost { .. } => {
            share.map_or(Bar::None, Bar::Held)
        }
        Phase::Failed { .. } | Phase::RolledBack { .. } => Bar::Stopped,
        Phase::Checking | Phase::Offered | Phase::Done(_) | Phase::UpToDate(_) | Phase::Ended => Bar::None,
    }
}

fn share(progress: &Progress) -> Option<u16> {
    let percent = (u128::from(progress.done) * 100).checked_div(u128::from(progress.total))?;
    u16::try_from(percent.min(100) * 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Event, Step};

    #[test]
    fn the_bar_follows_the_update_and_stands_where_it_waits() {
        let mut board = Board::default();
        board.apply(&Event::Step(Step::Downloading));
        assert_eq!(bar(&board), Bar::None, "nothing is known yet");
        (board.progress.done, board.progress.total) = (333, 1000);
        assert_eq!(bar(&board), Bar::Share(330));
        board.phase = Phase::Paused;
        assert_eq!(bar(&board), Bar::Held(330));
        board.phase = Phase::Installing;
        board.progress.done = 2000;
        assert_eq!(bar(&board), Bar::Share(1000));
        board.phase = Phase::Offered;
        assert_eq!(bar(&board), Bar::None);
    }
}
