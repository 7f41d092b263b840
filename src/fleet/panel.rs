//! The agent's own address on its machine: status, orders, metrics.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::release::Stamp;
use crate::report::ReleaseRef;

use super::FleetError;
use super::state::Phase;
use super::web::Web;

/// What an operator can order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A node that went back may go on, and gives its slot back.
    Clear,
    /// The repository is asked now.
    Check,
}

/// Counts since the agent's first start, where they are kept, else since this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Releases installed and kept.
    pub updates: u64,
    /// Releases taken back.
    pub rollbacks: u64,
    /// Times the repository was asked.
    pub checks: u64,
    /// Times that failed.
    pub check_failures: u64,
    /// Times all slots were taken.
    pub lock_busy: u64,
    /// Times the lock did not answer.
    pub lock_outages: u64,
    /// Times the program ended by itself and was started again.
    pub restarts: u64,
}

/// What an agent shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node.
    pub node: String,
    /// Where it stands, and the update it is about.
    #[serde(flatten)]
    pub phase: Phase,
    /// Since when.
    pub since: Stamp,
    /// What stands.
    pub installed: ReleaseRef,
    /// The program's process, while it runs.
    pub pid: Option<u32>,
    /// Whether it serves.
    pub serves: bool,
    /// The last line of the journal.
    pub last: String,
    /// Counts.
    pub numbers: Numbers,
}

/// The status as the panel and the agent share it.
#[derive(Debug, Clone)]
pub(super) struct Shown(Arc<Mutex<Status>>);

impl Shown {
    pub(super) fn new(status: Status) -> Self {
        Self(Arc::new(Mutex::new(status)))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn now(&self) -> Status {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Desk {
    shown: Shown,
    orders: mpsc::UnboundedSender<Order>,
}

/// Answers at `address` until the returned task is dropped or aborted.
///
/// # Errors
/// If the address can't be used.
pub(super) async fn serve(
    address: SocketAddr,
    shown: Shown,
    orders: mpsc::UnboundedSender<Order>,
) -> Result<tokio::task::JoinHandle<()>, FleetError> {
    let listener =
        TcpListener::bind(address).await.map_err(|source| FleetError::Listen { address, source })?;
    let router = Router::new()
        .route("/status", get(status))
        .route("/metrics", get(metrics))
        .route("/clear", post(clear))
        .route("/check", post(check))
        .with_state(Desk { shown, orders });
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).into_future().await {
            tracing::warn!("the panel has ended: {error}");
        }
    }))
}

fn say(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static(kind));
    response
}

async fn status(State(desk): State<Desk>) -> Response {
    let text = serde_json::to_string(&desk.shown.now()).unwrap_or_default();
    say(StatusCode::OK, "application/json", text)
}

/// An order must carry a header that no web page can make a browser send by itself.
fn order(desk: &Desk, headers: &HeaderMap, order: Order) -> Response {
    if headers.get("updraft-order").is_none_or(|value| value != "true") {
        return say(
            StatusCode::FORBIDDEN,
            "text/plain",
            "the header updraft-order: true is missing".to_owned(),
        );
    }
    if order == Order::Clear && !matches!(desk.shown.now().phase, Phase::RolledBack { .. }) {
        return say(StatusCode::CONFLICT, "text/plain", "there is nothing to clear".to_owned());
    }
    match desk.orders.send(order) {
        Ok(()) => say(StatusCode::ACCEPTED, "text/plain", "heard".to_owned()),
        Err(_ended) => say(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the agent ends".to_owned()),
    }
}

async fn clear(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    order(&desk, &headers, Order::Clear)
}

async fn check(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    order(&desk, &headers, Order::Check)
}

async fn metrics(State(desk): State<Desk>) -> Response {
    say(StatusCode::OK, "text/plain; version=0.0.4", metrics_text(&desk.shown.now(), Stamp::now()))
}

/// The metrics in the text form that Prometheus reads.
fn metrics_text(status: &Status, now: Stamp) -> String {
    let node = status.node.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = String::new();
    let mut one = |name: &str, kind: &str, help: &str, lines: &[(String, u64)]| {
        text.push_str(&format!("# HELP updraft_agent_{name} {help}\n# TYPE updraft_agent_{name} {kind}\n"));
        for (labels, value) in lines {
            text.push_str(&format!("updraft_agent_{name}{{node=\"{node}\"{labels}}} {value}\n"));
        }
    };
    let is_now = |name: &&str| u64::from(**name == *status.phase.name());
    let states: Vec<(String, u64)> =
        Phase::NAMES.iter().map(|name| (format!(",state=\"{name}\""), is_now(name))).collect();
    one("state", "gauge", "1 for the state the node is in.", &states);
    let plain = |value: u64| [(String::new(), value)];
    let since = u64::try_from(now.unix().saturating_sub(status.since.unix())).unwrap_or(0);
    one("state_seconds", "gauge", "Seconds in that state.", &plain(since));
    one("release", "gauge", "The number of the release that stands.", &plain(status.installed.number.0));
    one(
        "program_serves",
        "gauge",
        "Whether the program runs and is ready.",
        &plain(u64::from(status.serves)),
    );
    let n = &status.numbers;
    one("updates_total", "counter", "Releases installed and kept.", &plain(n.updates));
    one("rollbacks_total", "counter", "Releases taken back.", &plain(n.rollbacks));
    one("checks_total", "counter", "Times the repository was asked.", &plain(n.checks));
    one("check_failures_total", "counter", "Times that failed.", &plain(n.check_failures));
    one("lock_busy_total", "counter", "Times all slots were taken.", &plain(n.lock_busy));
    one("lock_outages_total", "counter", "Times the lock did not answer.", &plain(n.lock_outages));
    one("program_restarts_total", "counter", "Times the program was started again.", &plain(n.restarts));
    text
}

/// Asks the panel at `url`: its status, or what came of an order.
///
/// # Errors
/// If nobody answers there, or the order can't be taken now.
pub async fn ask_panel(url: &str, order: Option<Order>) -> Result<Option<Status>, FleetError> {
    let web = Web::new(Duration::from_secs(5)).map_err(|why| FleetError::neighbour("the network", why))?;
    let url = url.trim_end_matches('/');
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let nobody = |_why| FleetError::NoAgent(url.clone());
    match order {
        None => {
            let answer = web.get(&format!("{url}/status")).await.map_err(nobody)?;
            let read = serde_json::from_slice(&answer.body);
            read.map(Some).map_err(|why| FleetError::neighbour(&url, format!("no status of an agent: {why}")))
        }
        Some(order) => {
            let what = if order == Order::Clear { "clear" } else { "check" };
            let header = Some(("updraft-order", "true"));
            let answer = web.post(&format!("{url}/{what}"), header, String::new()).await.map_err(nobody)?;
            if answer.is_good() { Ok(None) } else { Err(FleetError::neighbour(url, answer.text())) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::ReleaseNumber;

    #[test]
    fn metrics_name_the_state_and_count() {
        let status = Status {
            node: "a\"b".to_owned(),
            phase: Phase::Idle,
            since: Stamp::from_unix(100),
            installed: ReleaseRef { number: ReleaseNumber(7), version: None },
            pid: Some(1),
            serves: true,
            last: String::new(),
            numbers: Numbers { rollbacks: 2, ..Numbers::default() },
        };
        let text = metrics_text(&status, Stamp::from_unix(160));
        for line in [
            "updraft_agent_state{node=\"a\\\"b\",state=\"idle\"} 1",
            "updraft_agent_state{node=\"a\\\"b\",state=\"soaking\"} 0",
            "updraft_agent_state_seconds{node=\"a\\\"b\"} 60",
            "updraft_agent_release{node=\"a\\\"b\"} 7",
            "updraft_agent_rollbacks_total{node=\"a\\\"b\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let again: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
        assert_eq!(again, status);
    }
}
