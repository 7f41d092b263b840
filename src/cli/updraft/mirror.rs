//! `updraft mirror`

use crate::publish::{self, MirrorChange};
use crate::release::Stamp;

use super::{Outcome, args, fail, say};

pub(super) fn mirror(what: &args::Mirror) -> Outcome {
    let (args, change) = match what {
        args::Mirror::List(args) => {
            let mirrors = publish::mirrors(&args.repo.place()).map_err(fail)?;
            mirrors.iter().for_each(|mirror| say(mirror));
            return Ok(0);
        }
        args::Mirror::Add(args) => (args, MirrorChange::Add(args.url.clone())),
        args::Mirror::Remove(args) => (args, MirrorChange::Remove(args.url.clone())),
    };
    let signing = args.keys.signing(args.repo.place())?;
    let changed = publish::change_mirrors(&signing, Stamp::now(), args.days.lifetimes(), &change);
    let (mirrors, is_new) = changed.map_err(fail)?;
    if !is_new {
        say("It is in the list already; nothing was signed.");
    }
    say(&match mirrors.len() {
        0 => "No mirrors.".to_owned(),
        _ => format!("Installs ask, after the sources in their settings:\n  {}", mirrors.join("\n  ")),
    });
    Ok(0)
}
