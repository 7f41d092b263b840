//! What must come of a script, by the rules of docs/transfer.md alone: nothing here knows how the code does it.

use std::collections::BTreeSet;
use std::time::Duration;

use updraft::report::ErrorCode;

use super::script::{Mirror, Script, Ware};
use crate::support::fault_server::Fault;

/// Bytes of a piece.
const PIECE: u64 = 1024 * 1024;
/// What a connection may hold that was sent and never read.
const BUFFERS: u64 = 2 * 1024 * 1024;
/// Times a mirror may give something wrong of one object before it is out for it.
const STRIKES: usize = 3;

/// What must happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Every file arrives.
    Complete,
    /// It ends with one of these.
    Fails(BTreeSet<&'static str>),
    /// It goes on for ever, visibly, until it is cancelled.
    Waits,
    /// Both are right: every file, or one of these.
    Either(BTreeSet<&'static str>),
}

/// What the worst is that an answer can count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// Nothing, or that it is asked again.
    Passes,
    /// It is not there.
    Missing,
    /// No usable answer.
    Odd,
    /// Not who it says.
    Insecure,
    /// Other bytes than were signed.
    Lie,
}

fn code(harm: Harm) -> Option<&'static str> {
    let code = match harm {
        Harm::Passes => return None,
        Harm::Missing => ErrorCode::Missing,
        Harm::Odd => ErrorCode::BadAnswer,
        Harm::Insecure => ErrorCode::Insecure,
        Harm::Lie => ErrorCode::Corrupt,
    };
    Some(code.as_str())
}

/// What a fault counts for at most, when it comes once (`for_good`: when it comes every time).
fn harm(fault: &Fault, for_good: bool) -> Harm {
    match fault {
        Fault::Status(403 | 404 | 410) | Fault::StatusPage(404) => Harm::Missing,
        Fault::Status(408 | 425 | 429 | 500..=599) | Fault::RetryAfter(..) | Fault::StatusPage(_) => {
            Harm::Passes
        }
        Fault::Status(416) => Harm::Lie,
        Fault::Status(_) | Fault::Gzip | Fault::Partial => Harm::Odd,
        // Followed so many times only.
        Fault::RedirectLoop if for_good => Harm::Insecure,
        Fault::ShortFile(_)
        | Fault::Length(_)
        | Fault::ContentRange(_)
        | Fault::OtherPlace(_)
        | Fault::Other(_)
        | Fault::Flip(_)
        | Fault::Poison(_)
        | Fault::Extra => Harm::Lie,
        _ => Harm::Passes,
    }
}

/// Whether a fault can bring right bytes of its object.
fn delivers(fault: &Fault) -> bool {
    !matches!(
        fault,
        Fault::Refuse
            | Fault::Reset
            | Fault::Silent
            | Fault::Raw(_)
            | Fault::EndlessHead
            | Fault::SlowHead
            | Fault::Status(_)
            | Fault::RetryAfter(..)
            | Fault::StatusPage(_)
            | Fault::Page
            | Fault::Gzip
            | Fault::Other(_)
            | Fault::Poison(_)
            | Fault::CutAfter(0)
            | Fault::StallAfter(0)
            | Fault::ResetAfter(0)
    )
}

/// What is known of one object.
#[derive(Default)]
struct Fate {
    /// A mirror gives it sooner or later, whatever happens before.
    safe: bool,
    /// No mirror ever gives it, and all say so.
    hopeless: bool,
    /// No mirror ever gives it.
    unreachable: bool,
    codes: BTreeSet<&'static str>,
}

fn fate(script: &Script, path: &str) -> Fate {
    let mut fate = Fate { hopeless: true, unreachable: true, ..Fate::default() };
    let mut worst_for_good = Harm::Passes;
    let mut harms = BTreeSet::new();
    for mirror in script.mirrors.iter().filter(|mirror| !mirror.closed) {
        let lines = mirror.lines.get(path).cloned().unwrap_or_default();
        harms.extend(lines.first.iter().map(|fault| harm(fault, false)));
        if lines.first.iter().any(|fault| matches!(fault, Fault::Status(416))) {
            // Only where a range was asked for does it say anything about the content.
            harms.insert(Harm::Odd);
        }
        // Behind an answer nobody asked for, any object may get the wrong one.
        let strays = extras(mirror);
        harms.extend((strays > 0).then_some(Harm::Lie));
        let count = |wanted: Harm| lines.first.iter().filter(|fault| harm(fault, false) == wanted).count();
        let out_by_chance = count(Harm::Missing) + count(Harm::Insecure) > 0
            || count(Harm::Lie) + count(Harm::Odd) + strays >= STRIKES
            || redirects(&lines.first) > 5;
        if redirects(&lines.first) > 5 {
            harms.insert(Harm::Insecure);
        }
        match &lines.then {
            None => {
                (fate.hopeless, fate.unreachable) = (false, false);
                fate.safe |= !out_by_chance;
            }
            Some(then) => {
                let then = harm(then, true);
                worst_for_good = worst_for_good.max(then);
                harms.insert(then);
            }
        }
        if lines.first.iter().any(delivers) {
            (fate.hopeless, fate.unreachable) = (false, false);
        }
    }
    if script.mirrors.iter().any(|mirror| mirror.closed) {
        fate.hopeless = false;
    }
    if flips(script, path) > 1 {
        // What one of them falsifies another one may give.
        (fate.hopeless, fate.unreachable) = (false, false);
    }
    // The worst of what was seen is what is told; what is seen for certain is what comes for good.
    let told = harms.into_iter().filter(|harm| !fate.hopeless || *harm >= worst_for_good);
    fate.codes = told.filter_map(code).collect();
    fate
}

/// Different bytes of an object that mirrors falsify for good.
fn flips(script: &Script, path: &str) -> usize {
    let lines = script.mirrors.iter().filter_map(|mirror| mirror.lines.get(path));
    let bytes =
        lines.filter_map(|lines| if let Some(Fault::Flip(byte)) = lines.then { Some(byte) } else { None });
    bytes.collect::<BTreeSet<u64>>().len()
}

fn extras(mirror: &Mirror) -> usize {
    let faults = mirror.lines.values().flat_map(|lines| &lines.first);
    faults.filter(|fault| matches!(fault, Fault::Extra)).count()
}

fn redirects(faults: &[Fault]) -> usize {
    faults.iter().filter(|fault| matches!(fault, Fault::RedirectLoop)).count()
}

/// How a script must end.
pub(super) fn expected(script: &Script, stock: &[Ware]) -> End {
    let paths = script.wares.iter().flat_map(|ware| stock[*ware].parts());
    let fates: Vec<Fate> = paths.map(|(path, _)| fate(script, path)).collect();
    let unsafe_codes =
        || fates.iter().filter(|fate| !fate.safe).flat_map(|fate| fate.codes.iter().copied()).collect();
    if fates.iter().all(|fate| fate.safe) {
        End::Complete
    } else if fates.iter().any(|fate| fate.hopeless) {
        End::Fails(unsafe_codes())
    } else if fates.iter().all(|fate| fate.safe || fate.unreachable) {
        End::Waits
    } else {
        End::Either(unsafe_codes())
    }
}

/// Whether it may go on for ever, so that only a cancel ends it.
pub(super) fn may_wait(script: &Script) -> bool {
    script.mirrors.iter().any(|mirror| mirror.closed)
}

/// A time after which a script that waits has said so: no sooner than silence was given up.
pub(super) fn enough_to_say_so(script: &Script) -> Duration {
    let lines = script.mirrors.iter().flat_map(|mirror| mirror.lines.values());
    let faults = lines.map(|lines| lines.first.len() as u64).sum::<u64>();
    Duration::from_millis(2000 + faults * script.idle)
}

/// Most bytes that may be sent to the client.
pub(super) fn most_bytes(script: &Script, stock: &[Ware]) -> u64 {
    let ignores = |fault: &Fault| {
        matches!(
            fault,
            Fault::IgnoreRange
                | Fault::ContentRange(_)
                | Fault::OtherPlace(_)
                | Fault::Extra
                | Fault::Other(_)
        )
    };
    let faults = || script.mirrors.iter().flat_map(|mirror| mirror.lines.values());
    let rangeless = faults().any(|lines| lines.first.iter().chain(&lines.then).any(ignores));
    let outages: u64 = script.mirrors.iter().map(|mirror| mirror.outages.len() as u64).sum();
    let streams = script.streams as u64 + 1;
    // A machine with a lot else to do lets a connection or two pass for silent.
    let mut most = outages * streams * BUFFERS + 4 * 64 * 1024;
    for (path, size) in script.wares.iter().flat_map(|ware| stock[*ware].parts()) {
        most += size;
        for mirror in &script.mirrors {
            let Some(lines) = mirror.lines.get(path) else { continue };
            // A mirror that ignores ranges sends everything again.
            let again = if rangeless { size } else { 0 };
            let once = lines.first.iter().map(|fault| cost(fault, size) + again).sum::<u64>();
            let tries = if lines.then.is_some() { 3 + 8 } else { 0 };
            most += once + tries * lines.then.as_ref().map_or(0, |fault| cost(fault, size) + again);
        }
    }
    most
}

/// Bytes that come for nothing with a fault.
fn cost(fault: &Fault, size: u64) -> u64 {
    match fault {
        Fault::CutAfter(_) | Fault::ChunkedCut(_) | Fault::ChunkedShort(_) | Fault::ToClose(_) => 64 * 1024,
        Fault::Hints | Fault::Chunked | Fault::Trickle(_) => 64 * 1024,
        Fault::Endless => 2 * BUFFERS,
        _ if !delivers(fault) && !matches!(fault, Fault::Gzip | Fault::Other(_) | Fault::Poison(_)) => 0,
        _ => size.min(PIECE) + size.min(BUFFERS),
    }
}

/// Most bytes on disk at any time: what was announced, and a little.
pub(super) fn most_disk(script: &Script, stock: &[Ware]) -> u64 {
    let announced = script.wares.iter().map(|ware| {
        let ware = &stock[*ware];
        ware.parts().map(|(_, size)| size).sum::<u64>() + ware.unpacked
    });
    announced.sum::<u64>() + 1024 * 1024
}

/// When it must have ended, on a machine with a lot else to do.
pub(super) fn longest(script: &Script, wait: Duration) -> Duration {
    let each = Duration::from_millis(script.idle) + wait * 2;
    let lines = script.mirrors.iter().flat_map(|mirror| mirror.lines.values());
    let faults: usize =
        lines.map(|lines| lines.first.len() + if lines.then.is_some() { 11 } else { 0 }).sum();
    let asked_to_wait = Duration::from_secs(faults as u64);
    let outages = script.mirrors.iter().flat_map(|mirror| &mirror.outages).map(|(_, end)| *end).sum();
    Duration::from_secs(60) + (each * faults as u32 + asked_to_wait + Duration::from_millis(outages)) * 3
}
