//! The client of the FleetLock protocol: asks for a slot, renews it, gives it back.

use std::time::Duration;

use serde_json::json;

use super::config::LockConfig;
use super::web::{Answer, Web};

/// How long a server may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a lock server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockAnswer {
    /// The slot is ours, or is given back.
    Done,
    /// Others have all slots, or we lost a race for one: try again.
    Busy(String),
    /// The server can't be reached, or can't reach what it needs: try again, and tell people.
    Outage(String),
    /// The server does not take our id or group: nothing but another configuration helps.
    Refused(String),
}

/// A FleetLock server, as one node sees it.
#[derive(Debug, Clone)]
pub struct FleetLock {
    web: Web,
    url: String,
    body: String,
}

impl FleetLock {
    /// The lock of `config` for the node `id`.
    ///
    /// # Errors
    /// If the network can't be set up.
    pub fn new(config: &LockConfig, id: &str) -> Result<Self, String> {
        let body = json!({"client_params": {"id": id, "group": config.group}}).to_string();
        Ok(Self { web: Web::new(LIMIT)?, url: config.url.trim_end_matches('/').to_owned(), body })
    }

    /// Asks for a slot. Who has one already gets it again, and renews it by that.
    pub async fn take(&self) -> LockAnswer {
        self.post("pre-reboot").await
    }

    /// Gives the slot back. Who has none gives it back, too.
    pub async fn give_back(&self) -> LockAnswer {
        self.post("steady-state").await
    }

    async fn post(&self, what: &str) -> LockAnswer {
        let url = format!("{}/v1/{what}", self.url);
        let header = Some(("fleet-lock-protocol", "true"));
        match self.web.post(&url, header, self.body.clone()).await {
            Ok(answer) => understand(&answer),
            Err(why) => LockAnswer::Outage(format!("{url}: {why}")),
        }
    }
}

/// What an answer means. The servers in use answer a busy slot and a lost race alike with status 500 and the kind
/// `failed_lock`; ours with 409.
fn understand(answer: &Answer) -> LockAnswer {
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = said["kind"].as_str().unwrap_or_default();
    let text = match said["value"].as_str() {
        Some(value) => format!("{kind}: {value}"),
        None => format!("status {}", answer.status),
    };
    match (answer.status, kind) {
        (200, _) => LockAnswer::Done,
        (400 | 404 | 405, _) => LockAnswer::Refused(text),
        (409 | 500, "failed_lock") => LockAnswer::Busy(text),
        _ => LockAnswer::Outage(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A126: busy is told from an outage and from a wrong configuration.
    #[test]
    fn a_busy_slot_is_told_from_an_outage() {
        let said =
            |status: u16, body: &str| match understand(&Answer { status, body: body.as_bytes().to_vec() }) {
                LockAnswer::Done => "done",
                LockAnswer::Busy(_) => "busy",
                LockAnswer::Outage(_) => "outage",
                LockAnswer::Refused(_) => "refused",
            };
        let busy = "{\"kind\":\"failed_lock\",\"value\":\"semaphore is full\"}";
        assert_eq!(said(200, ""), "done");
        assert_eq!([said(500, busy), said(409, busy)], ["busy", "busy"]);
        assert_eq!(said(500, "{\"kind\":\"failed_lock\"}"), "busy");
        assert_eq!(said(400, "{\"kind\":\"bad_request\",\"value\":\"no group\"}"), "refused");
        assert_eq!([said(500, ""), said(502, "<html>"), said(503, busy)], ["outage"; 3]);
    }
}
