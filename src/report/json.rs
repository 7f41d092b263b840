//! Events as JSON lines, one object a line, for hosts in any language.

use std::io::Write;

use super::{Event, Reporter, Step};

/// Reads one line back into the event it was written from; nothing if it is none.
#[must_use]
pub fn parse_line(line: &str) -> Option<Event> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    match value.get("event")?.as_str()? {
        "progress" => serde_json::from_value(value).ok().map(Event::Progress),
        // Its notes have numbers as keys, which a tagged enum does not read back.
        "offered" => serde_json::from_value(value).ok().map(Step::Offered).map(Event::Step),
        _ => serde_json::from_value(value).ok().map(Event::Step),
    }
}

/// Writes each event as one line of JSON.
///
/// A step is `{"event": "<name>", ...}`, progress is `{"event": "progress", ...}`. Error codes are those of
/// [`ErrorCode`](super::ErrorCode).
#[derive(Debug)]
pub struct JsonLines<W>(W);

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn report(&mut self, event: &Event) {
        let Ok(mut value) = serde_json::to_value(event) else { return };
        if let (Event::Progress(_), Some(object)) = (event, value.as_object_mut()) {
            object.insert("event".to_owned(), "progress".into());
        }
        // Whoever reads may have gone away; the update goes on.
        writeln!(self.0, "{value}").and_then(|()| self.0.flush()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Offer, Progress, ReleaseRef};
    use super::*;
    use crate::release::{ReleaseNumber, Urgency};

    /// A114: a window that shows what another updater does sees its offer, notes and all.
    #[test]
    fn an_offer_with_notes_is_read_back() {
        let release = |number| ReleaseRef { number: ReleaseNumber(number), version: None };
        let note = [("en".to_owned(), "news".to_owned())].into();
        let offer = Event::Step(Step::Offered(Offer {
            installed: release(1),
            release: release(3),
            urgency: Urgency::Forced,
            download_bytes: 5,
            notes: [(ReleaseNumber(3), note)].into(),
            versions: [(ReleaseNumber(3), "2.1".parse().unwrap())].into(),
        }));
        let mut out = Vec::new();
        JsonLines::new(&mut out).report(&offer);
        assert_eq!(parse_line(&String::from_utf8(out).unwrap()), Some(offer));
    }

    #[test]
    fn every_line_names_its_event() {
        let mut out = Vec::new();
        let mut lines = JsonLines::new(&mut out);
        lines.report(&Event::Step(Step::Interrupted { attempt: 1, retry_in: 2, reason: "x".into() }));
        lines.report(&Event::Progress(Progress { done: 5, total: 10, ..Progress::default() }));
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["event"], "interrupted");
        assert_eq!(lines[0]["retry_in"], 2);
        assert_eq!(lines[1]["event"], "progress");
        assert_eq!(lines[1]["done"], 5);
        let read: Vec<Event> = text.lines().filter_map(parse_line).collect();
        assert!(matches!(read[0], Event::Step(Step::Interrupted { attempt: 1, retry_in: 2, .. })));
        assert!(matches!(read[1], Event::Progress(Progress { done: 5, .. })));
    }
}
