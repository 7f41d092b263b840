//! What lines tell their service: versions that broke, versions that have shown themselves.

use super::status::{Verdict, ms};
use super::{Order, Shared};
use crate::component::line::Notice;
use crate::component::message::Level;
use crate::release::Digest;

impl Shared {
    pub(super) fn hear(&self, notice: Notice) {
        match notice {
            Notice::Fell { component, digest, why, probation, back, took } => {
                self.shelf().quarantine(digest, &why);
                self.gone_back(digest, &why, probation);
                let to = back.map_or_else(
                    || "no version runs".to_owned(),
                    |label| format!("{label} serves again after {:.2} ms", ms(took)),
                );
                let text = format!("the new version broke: {why}; {to}");
                self.say(Level::Error, "swap.rolled-back", &component, text);
            }
            Notice::Restarted { component, why, took } => {
                let text = format!("it broke: {why}; started again in {:.2} ms, nothing lost", ms(took));
                self.say(Level::Error, "component.restarted", &component, text);
            }
            Notice::WentBack { component, to } => {
                let text = format!("back to {to} with the others of its artifact");
                self.say(Level::Warn, "swap.went-back", &component, text);
            }
            Notice::Kept { component, digest } => self.kept(&component, digest),
            Notice::Down { component, why } => self.went_down(&component, &why),
            Notice::Rejected { component, id, why } => {
                let text = format!("message {id} was set aside: {why}");
                self.say(Level::Warn, "message.rejected", &component, text);
            }
            Notice::Spent(spent) => spent.free(),
        }
    }

    /// A content broke: every component that has it goes back.
    fn gone_back(&self, digest: Digest, why: &str, probation: bool) {
        let mut board = self.board();
        let on_it = |member: &&mut super::Member| {
            member.artifact.as_ref().is_some_and(|artifact| artifact.digest == digest)
        };
        for member in board.members.values_mut().filter(on_it) {
            if probation {
                member.handles.iter().for_each(|handle| handle.order(Order::GoBack(digest)));
            }
            if let Some(previous) = member.previous.take() {
                member.artifact = Some(previous);
            }
            if let Some(last) = member.last.as_mut().filter(|last| last.digest == digest) {
                last.verdict = Verdict::RolledBack(why.to_owned());
            }
        }
    }

    fn kept(&self, component: &str, digest: Digest) {
        let mut board = self.board();
        let Some(member) = board.members.get_mut(component) else { return };
        if let Some(last) = member.last.as_mut().filter(|last| last.digest == digest)
            && last.verdict == Verdict::Probation
        {
            last.verdict = Verdict::Kept;
        }
        let kept =
            [&member.artifact, &member.previous].into_iter().flatten().find(|a| a.digest == digest).cloned();
        let is_file = member.config.carrier != crate::component::config::Kind::Builtin;
        drop(board);
        if let Some(artifact) = kept.filter(|_| is_file) {
            self.shelf().keep(&artifact);
        }
    }

    /// Nothing runs there any more: the last good content may.
    fn went_down(&self, component: &str, why: &str) {
        self.say(Level::Error, "component.down", component, format!("it does not run any more: {why}"));
        let mut board = self.board();
        let Some(member) = board.members.get_mut(component) else { return };
        member.trouble = Some(why.to_owned());
        let (name, digest) = (member.config.artifact.clone(), member.artifact.as_ref().map(|a| a.digest));
        drop(board);
        let good = self.shelf().good(&name).filter(|good| Some(good.digest) != digest);
        if let Some(good) = good {
            if let Some(digest) = digest {
                self.shelf().quarantine(digest, why);
            }
            // Whether that went well is said by the swap itself.
            drop(self.replace(&name, good.bytes.to_vec()));
        }
    }
}
