//! Slots of a group as keys of etcd, through its v3 JSON gateway: leases and transactions, no other client needed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::web::Web;

/// How long one member may take before the next is asked.
const LIMIT: Duration = Duration::from_secs(3);
const ROOT: &str = "/updraft/fleetlock/v1";

/// Why etcd did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EtcdError {
    /// No member answered as it should; the last reason.
    #[error("etcd does not answer: {0}")]
    Outage(String),
    /// An answer can't be understood.
    #[error("an answer of etcd can't be understood: {0}")]
    Answer(String),
    /// The network can't be set up.
    #[error("the network can't be set up: {0}")]
    Network(String),
}

/// Who holds a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The group.
    pub group: String,
    /// The number of the slot, from 0.
    pub slot: u32,
    /// The node.
    pub id: String,
    /// Since when, in seconds since 1970.
    pub since: i64,
}

/// A holder with its lease.
#[derive(Debug, Clone)]
struct Leased {
    held: Held,
    lease: String,
}

/// An etcd cluster.
#[derive(Debug, Clone)]
pub struct Etcd {
    web: Web,
    members: Vec<String>,
}

fn coded(text: &str) -> String {
    STANDARD.encode(text)
}

impl Etcd {
    /// The cluster whose members' client addresses are `members`.
    ///
    /// # Errors
    /// If the network can't be set up.
    pub fn new(members: &[String]) -> Result<Self, EtcdError> {
        let members = members.iter().map(|member| member.trim_end_matches('/').to_owned()).collect();
        Ok(Self { web: Web::new(LIMIT).map_err(EtcdError::Network)?, members })
    }

    /// Asks one member after the other. A transaction that was done although its answer was lost is found by whoever
    /// asks next: keys are by holder.
    async fn ask(&self, path: &str, body: &Value) -> Result<Value, EtcdError> {
        let mut last = "no member is named".to_owned();
        for member in &self.members {
            match self.web.post(&format!("{member}/v3/{path}"), None, body.to_string()).await {
                Ok(answer) if answer.status == 200 => {
                    return serde_json::from_slice(&answer.body)
                        .map_err(|why| EtcdError::Answer(why.to_string()));
                }
                Ok(answer) => last = format!("{member}: status {}: {}", answer.status, answer.text()),
                Err(why) => last = format!("{member}: {why}"),
            }
        }
        Err(EtcdError::Outage(last))
    }

    /// Gives `id` one of `slots` slots of `group`, or renews the one it has; for `ttl` from now. Says whether it has
    /// one.
    ///
    /// # Errors
    /// If etcd does not do as asked.
    pub async fn take(
        &self,
        group: &str,
        id: &str,
        slots: u32,
        ttl: Duration,
        now: i64,
    ) -> Result<bool, EtcdError> {
        let holders = self.leased(group).await?;
        if let Some(own) = holders.iter().find(|holder| holder.held.id == id)
            && self.renew(&own.lease).await?
        {
            return Ok(true);
        }
        let free: Vec<u32> =
            (0..slots).filter(|slot| !holders.iter().any(|holder| holder.held.slot == *slot)).collect();
        let Some(first) = free.first() else { return Ok(false) };
        let lease = self.ask("lease/grant", &json!({"TTL": ttl.as_secs().max(1), "ID": 0})).await?;
        let lease = lease["ID"]
            .as_str()
            .ok_or_else(|| EtcdError::Answer("a lease without ID".to_owned()))?
            .to_owned();
        for slot in std::iter::once(first).chain(&free[1..]) {
            let held = Held { group: group.to_owned(), slot: *slot, id: id.to_owned(), since: now };
            if self.put(&held, &lease).await? {
                return Ok(true);
            }
        }
        // Others were quicker. What is left of the lease runs out by itself.
        self.revoke(&lease).await.ok();
        Ok(false)
    }

    /// Writes a holder if neither its slot nor its name is taken: two requests of one node, through two servers, must
    /// not take two slots.
    async fn put(&self, held: &Held, lease: &str) -> Result<bool, EtcdError> {
        let slot = coded(&format!("{ROOT}/slots/{}/{:06}", held.group, held.slot));
        let name = coded(&format!("{ROOT}/ids/{}/{}", held.group, held.id));
        let value = coded(&serde_json::to_string(held).unwrap_or_default());
        let absent = |key: &str| json!({"target": "CREATE", "key": key, "create_revision": "0"});
        let put = |key: &str| json!({"request_put": {"key": key, "value": value, "lease": lease}});
        let body = json!({"compare": [absent(&slot), absent(&name)], "success": [put(&slot), put(&name)]});
        Ok(self.ask("kv/txn", &body).await?["succeeded"].as_bool().unwrap_or(false))
    }

    /// Whether the lease was still there.
    async fn renew(&self, lease: &str) -> Result<bool, EtcdError> {
        let answer = self.ask("lease/keepalive", &json!({"ID": lease})).await?;
        let ttl = &answer["result"]["TTL"];
        Ok(ttl.as_str().and_then(|ttl| ttl.parse::<i64>().ok()).or(ttl.as_i64()).unwrap_or(0) > 0)
    }

    async fn revoke(&self, lease: &str) -> Result<(), EtcdError> {
        self.ask("lease/revoke", &json!({"ID": lease})).await.map(drop)
    }

    /// Takes the slot of `id` back; says whether it had one.
    ///
    /// # Errors
    /// If etcd does not do as asked.
    pub async fn give_back(&self, group: &str, id: &str) -> Result<bool, EtcdError> {
        let holders = self.leased(group).await?;
        let Some(own) = holders.iter().find(|holder| holder.held.id == id) else { return Ok(false) };
        match self.revoke(&own.lease).await {
            Ok(()) => Ok(true),
            // It may have run out meanwhile.
            Err(error) => {
                let left = self.leased(group).await?;
                if left.iter().any(|holder| holder.held.id == id) { Err(error) } else { Ok(true) }
            }
        }
    }

    /// Who holds slots of `group`; of all groups if none is named.
    ///
    /// # Errors
    /// If etcd does not do as asked.
    pub async fn holders(&self, group: Option<&str>) -> Result<Vec<Held>, EtcdError> {
        let found = match group {
            Some(group) => self.leased(group).await?,
            None => self.range(&format!("{ROOT}/slots/")).await?,
        };
        Ok(found.into_iter().map(|holder| holder.held).collect())
    }

    async fn leased(&self, group: &str) -> Result<Vec<Leased>, EtcdError> {
        self.range(&format!("{ROOT}/slots/{group}/")).await
    }

    /// All keys that begin with `prefix`, which ends with a slash. Read from the leader, never from a member that
    /// lags behind.
    async fn range(&self, prefix: &str) -> Result<Vec<Leased>, EtcdError> {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let body = json!({"key": coded(prefix), "range_end": STANDARD.encode(end)});
        let answer = self.ask("kv/range", &body).await?;
        let wrong = || EtcdError::Answer("a slot that is none of ours".to_owned());
        let one = |kv: &Value| {
            let bytes = STANDARD.decode(kv["value"].as_str().unwrap_or_default()).map_err(|_why| wrong())?;
            let held = serde_json::from_slice(&bytes).map_err(|_why| wrong())?;
            Ok(Leased { held, lease: kv["lease"].as_str().unwrap_or("0").to_owned() })
        };
        answer["kvs"].as_array().into_iter().flatten().map(one).collect()
    }
}
