//! What an update did, step by step, in the person's language: the lines of the details.
//!
//! What is copied for the vendor stays in English.

use crate::report::Step;

use super::format;
use super::texts::Texts;

/// Words of the engine that a person may see, as they stand in its reasons, and the text that says them. A test
/// finds a wording that has changed.
const REASONS: &[(&str, &str)] = &[
    ("the name of the server can't be found", "reason-name"),
    ("the server does not answer", "reason-no-answer"),
    ("the server can't be reached", "reason-unreachable"),
    ("the server went silent", "reason-silent"),
    ("the connection broke", "reason-broke"),
    ("does not connect us to the server", "reason-proxy-refuses"),
    ("asks for a user and a password", "reason-proxy-login"),
    ("its certificate is refused", "reason-certificate"),
    ("the server answers ", "reason-status"),
    ("it ended too early", "reason-ended"),
    ("it did not say in time that it is well", "reason-no-word"),
    ("never showed that it is well", "reason-no-word"),
];

/// A reason of the engine in the person's language; one that is not known stays as it is.
pub(super) fn reason(texts: &Texts, english: &str) -> String {
    let Some((at, phrase, key)) =
        REASONS.iter().find_map(|(phrase, key)| english.find(phrase).map(|at| (at, phrase, key)))
    else {
        return english.to_owned();
    };
    let rest = &english[at + phrase.len()..];
    match *key {
        "reason-status" => texts.with(key, &[("rest", rest)]),
        // The words around these name the proxy, which the settings show, or count the starts.
        "reason-proxy-refuses" | "reason-proxy-login" | "reason-ended" | "reason-no-word" => texts.get(key),
        _ => format!("{}{}{rest}", &english[..at], texts.get(key)),
    }
}

/// A step as one sentence; nothing for steps that say nothing to a person.
pub(super) fn line(texts: &Texts, app: &str, step: &Step) -> Option<String> {
    let plain = |key: &str| texts.with(key, &[("app", app)]);
    let count = |number| format::number(texts, number);
    Some(match step {
        Step::Recovered { forward: true } => plain("story-recovered-forward"),
        Step::Recovered { forward: false } => plain("story-recovered-back"),
        Step::Checking { source } => texts.with("story-checking", &[("source", source)]),
        Step::UpToDate { installed } => match installed.version {
            Some(_) => texts.with("story-current", &[("version", &format::release(installed))]),
            None => plain("current-none"),
        },
        Step::Offered(offer) => {
            let (version, size) =
                (format::release(&offer.release), format::bytes(texts, offer.download_bytes));
            texts.with("story-offered", &[("version", &version), ("size", &size)])
        }
        Step::Planned(totals) => {
            let counts = [totals.add, totals.update, totals.remove, totals.keep].map(count);
            let size = format::bytes(texts, totals.fetch_bytes);
            let [add, update, remove, keep] = counts.each_ref().map(String::as_str);
            let blanks =
                [("add", add), ("update", update), ("remove", remove), ("keep", keep), ("size", &size)];
            texts.with("story-planned", &blanks)
        }
        Step::Downloading => plain("story-downloading"),
        Step::Interrupted { attempt, retry_in, reason } => {
            let (attempt, span) = (count(u64::from(*attempt)), format::span(texts, *retry_in));
            let reason = self::reason(texts, reason);
            texts.with("story-lost", &[("reason", &reason), ("attempt", &attempt), ("span", &span)])
        }
        Step::MirrorLeft { source, reason } => {
            let reason = self::reason(texts, reason);
            texts.with("story-mirror", &[("source", source), ("reason", &reason)])
        }
        Step::SourceUsed { source } => texts.with("story-source", &[("source", source)]),
        Step::Deferred { release } => texts.with("story-deferred", &[("version", &format::release(release))]),
        Step::Continued => plain("story-continued"),
        Step::Paused => plain("story-paused"),
        Step::Unpaused => plain("story-unpaused"),
        Step::Staged => plain("story-staged"),
        Step::WaitingForHost { .. } => plain("story-waiting"),
        Step::Installing => plain("story-installing"),
        Step::Installed(done) => {
            let totals = done.totals;
            let counts = [totals.add, totals.update, totals.remove].map(count);
            let version = format::release(&done.to);
            let [add, update, remove] = counts.each_ref().map(String::as_str);
            let blanks =
                [("version", version.as_str()), ("add", add), ("update", update), ("remove", remove)];
            texts.with("story-installed", &blanks)
        }
        Step::Started { program, .. } => {
            texts.with("story-started", &[("program", &program.display().to_string())])
        }
        Step::Confirmed => plain("story-confirmed"),
        Step::RolledBack { from, to, .. } => {
            texts.with("story-back", &[("from", &format::release(from)), ("to", &format::release(to))])
        }
        Step::Declined { skip: true } => plain("story-skipped"),
        Step::Declined { skip: false } => plain("story-postponed"),
        Step::Cancelled => plain("story-cancelled"),
        Step::Message { text } => text.clone(),
        // The page says it, in more words.
        Step::Accepted | Step::Failed { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_reasons_are_translated_and_others_stay() {
        let german = Texts::new(Some("de"));
        for (english, said) in [
            ("the connection broke (reset by peer)", "die Verbindung brach ab (reset by peer)"),
            ("the server answers 503 Service Unavailable", "der Server antwortet 503 Service Unavailable"),
            (
                "the proxy http://p:1 asks for a user and a password; x",
                "der Proxy verlangt Benutzer und Passwort",
            ),
            ("it ended too early each time it was started", "sie endete zu früh"),
            ("the moon is full", "the moon is full"),
        ] {
            assert_eq!(reason(&german, english), said);
        }
        let english = Texts::new(Some("en"));
        for (phrase, key) in REASONS {
            assert_ne!(english.get(key), *key);
            assert!(!reason(&german, phrase).contains("the "), "{phrase}");
        }
    }

    #[test]
    fn the_words_looked_for_are_those_the_engine_says() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut all = String::new();
        for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().is_file() && !path.components().any(|part| part.as_os_str() == "gui") {
                all.push_str(&String::from_utf8(crate::fsx::read(path, 1 << 20).unwrap()).unwrap());
            }
        }
        for (phrase, _) in REASONS {
            assert!(all.contains(phrase), "nothing says «{phrase}» any more");
        }
    }
}
