//! `updraft fleetlock`: a server of the FleetLock protocol that keeps nothing itself; all is in etcd.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::release::Stamp;

use super::{Etcd, FleetError};

/// How many nodes of a group may be out at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// Of a group that is not named.
    pub default: u32,
    /// Of those that are.
    pub groups: BTreeMap<String, u32>,
}

impl Slots {
    /// The slots of a group.
    #[must_use]
    pub fn of(&self, group: &str) -> u32 {
        self.groups.get(group).copied().unwrap_or(self.default)
    }
}

/// A lock server that listens and does not answer yet.
#[derive(Debug)]
pub struct LockServer {
    listener: TcpListener,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    etcd: Etcd,
    slots: Slots,
    ttl: Duration,
    granted: AtomicU64,
    busy: AtomicU64,
    returned: AtomicU64,
    outages: AtomicU64,
}

#[derive(Deserialize)]
struct Ask {
    client_params: Params,
}

#[derive(Deserialize)]
struct Params {
    id: String,
    group: String,
}

impl LockServer {
    /// Listens at `address`. A slot whose holder does not renew it comes back after `ttl`.
    ///
    /// # Errors
    /// If the address can't be used.
    pub async fn bind(
        address: SocketAddr,
        etcd: Etcd,
        slots: Slots,
        ttl: Duration,
    ) -> Result<Self, FleetError> {
        let listen = TcpListener::bind(address).await;
        let listener = listen.map_err(|source| FleetError::Listen { address, source })?;
        let zero = || AtomicU64::new(0);
        let (granted, busy, returned, outages) = (zero(), zero(), zero(), zero());
        let desk = Arc::new(Desk { etcd, slots, ttl, granted, busy, returned, outages });
        Ok(Self { listener, desk })
    }

    /// The address it listens at.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop`.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), FleetError> {
        let router = Router::new()
            .route("/v1/pre-reboot", post(take))
            .route("/v1/steady-state", post(give_back))
            .route("/v1/holders", get(holders))
            .route("/metrics", get(metrics))
            .with_state(self.desk);
        let serving = axum::serve(self.listener, router).into_future();
        tokio::select! {
            ended = serving => ended.map_err(|source| FleetError::System { what: "connections", source }),
            () = stop => Ok(()),
        }
    }
}

fn answer(status: u16, kind: &str, value: &str) -> Response {
    let body =
        if kind.is_empty() { String::new() } else { json!({"kind": kind, "value": value}).to_string() };
    plain(status, "application/json", body)
}

fn plain(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static(kind));
    response
}

/// The node and group of a request, or what is wrong with it.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<(String, String), String> {
    if headers.get("fleet-lock-protocol").is_none_or(|value| value != "true") {
        return Err("the header fleet-lock-protocol: true is missing".to_owned());
    }
    let Ask { client_params: Params { id, group } } =
        serde_json::from_slice(body).map_err(|why| format!("the body can't be read: {why}"))?;
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() <= 200
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:@-".contains(&byte))
    };
    if !is_name(&id) {
        return Err("the id must be a name of letters, digits and . _ : @ -".to_owned());
    }
    if !is_name(&group) {
        return Err("the group must be a name of letters, digits and . _ : @ -".to_owned());
    }
    Ok((id, group))
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let (id, group) = match read(&headers, &body) {
        Ok(read) => read,
        Err(why) => return answer(400, "bad_request", &why),
    };
    let slots = desk.slots.of(&group);
    match desk.etcd.take(&group, &id, slots, desk.ttl, Stamp::now().unix()).await {
        Ok(true) => {
            desk.granted.fetch_add(1, Ordering::Relaxed);
            tracing::info!("{group}: {id} has a slot");
            answer(200, "", "")
        }
        Ok(false) => {
            desk.busy.fetch_add(1, Ordering::Relaxed);
            answer(409, "failed_lock", &format!("all {slots} slots of {group} are taken"))
        }
        Err(error) => outage(&desk, &error),
    }
}

async fn give_back(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let (id, group) = match read(&headers, &body) {
        Ok(read) => read,
        Err(why) => return answer(400, "bad_request", &why),
    };
    match desk.etcd.give_back(&group, &id).await {
        Ok(had) => {
            desk.returned.fetch_add(u64::from(had), Ordering::Relaxed);
            if had {
                tracing::info!("{group}: {id} gave its slot back");
            }
            answer(200, "", "")
        }
        Err(error) => outage(&desk, &error),
    }
}

fn outage(desk: &Desk, error: &super::EtcdError) -> Response {
    desk.outages.fetch_add(1, Ordering::Relaxed);
    tracing::warn!("{error}");
    answer(503, "store_unavailable", &error.to_string())
}

async fn holders(State(desk): State<Arc<Desk>>) -> Response {
    match desk.etcd.holders(None).await {
        Ok(held) => plain(200, "application/json", json!({"holders": held}).to_string()),
        Err(error) => outage(&desk, &error),
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    for (name, help, value) in [
        ("granted", "Slots granted or renewed.", count(&desk.granted)),
        ("busy", "Requests for a slot while all were taken.", count(&desk.busy)),
        ("returned", "Slots given back.", count(&desk.returned)),
        ("outages", "Requests that etcd did not answer.", count(&desk.outages)),
    ] {
        let name = format!("updraft_fleetlock_{name}_total");
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"));
    }
    plain(200, "text/plain; version=0.0.4", text)
}
