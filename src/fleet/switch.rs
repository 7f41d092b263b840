//! `updraft switch`: a small TCP forwarder in front of a few programs on one machine, with drain, counts, and a
//! switch from one to another at once.

use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::fsx::{self, Absent as _};

use super::FleetError;

/// How long a client is held while nobody takes its connection.
const HOLD: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(20);

/// A program behind the forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Its name in orders.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
}

impl std::str::FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\u{ab}{text}\u{bb} is no backend; write it as name=127.0.0.1:8081");
        let (name, address) = text.split_once('=').ok_or_else(wrong)?;
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let address = address.parse().map_err(|_why| wrong())?;
        if is_name { Ok(Self { name: name.to_owned(), address }) } else { Err(wrong()) }
    }
}

/// Who gets new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All that are ready, in turn.
    Balance,
    /// One alone: the first, until another one is switched to.
    Single,
}

#[derive(Debug)]
struct Seat {
    backend: Backend,
    ready: bool,
    in_flight: u64,
    total: u64,
}

#[derive(Debug)]
struct Table {
    seats: Vec<Seat>,
    /// The one who gets all in mode single; where the round goes on in mode balance.
    at: usize,
    /// Connections that nobody took in time.
    failed: u64,
}

/// What is remembered of a forwarder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    drained: Vec<String>,
    active: Option<String>,
}

/// A forwarder that listens and does not forward yet.
#[derive(Debug)]
pub struct Forwarder {
    listener: TcpListener,
    panel: TcpListener,
    desk: Arc<Desk>,
}

#[derive(Debug)]
struct Desk {
    table: Mutex<Table>,
    mode: Mode,
    memory: Option<PathBuf>,
}

/// A connection counted until it is dropped.
struct Counted(Arc<Desk>, usize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.with(|table| table.seats[self.1].in_flight -= 1);
    }
}

impl Desk {
    fn with<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next to try, counted from here on: no order can come between the choice and the count.
    fn choose(self: &Arc<Self>, not: &[usize]) -> Option<(Counted, SocketAddr)> {
        let chosen = self.with(|table| {
            let count = table.seats.len();
            let chosen = match self.mode {
                Mode::Single => Some(table.at).filter(|at| !not.contains(at)),
                Mode::Balance => (1..=count)
                    .map(|step| (table.at + step) % count)
                    .find(|at| table.seats[*at].ready && !not.contains(at)),
            }?;
            if self.mode == Mode::Balance {
                table.at = chosen;
            }
            table.seats[chosen].in_flight += 1;
            Some((chosen, table.seats[chosen].backend.address))
        })?;
        Some((Counted(Arc::clone(self), chosen.0), chosen.1))
    }

    /// A connection to a backend. One that does not accept is left for the next; when none does, all are tried again
    /// for a while, because a program that is just being replaced comes back.
    async fn reach(self: &Arc<Self>) -> Option<(Counted, TcpStream)> {
        let end = Instant::now() + HOLD;
        let mut refused = Vec::new();
        while Instant::now() < end {
            let Some((counted, address)) = self.choose(&refused) else {
                refused.clear();
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                self.with(|table| table.seats[counted.1].total += 1);
                return Some((counted, stream));
            }
            refused.push(counted.1);
        }
        self.with(|table| table.failed += 1);
        None
    }

    /// Carries one connection until both sides have ended.
    async fn carry(self: Arc<Self>, mut client: TcpStream) {
        let Some((_counted, mut backend)) = self.reach().await else { return };
        // Without this a small answer waits for the other side's next packet. If it fails, it only is slow.
        client.set_nodelay(true).ok();
        backend.set_nodelay(true).ok();
        // A side that ends in the middle ends the other one, too.
        tokio::io::copy_bidirectional(&mut client, &mut backend).await.ok();
    }

    fn remember(&self) {
        let Some(path) = &self.memory else { return };
        let remembered = self.with(|table| Remembered {
            drained: table
                .seats
                .iter()
                .filter(|seat| !seat.ready)
                .map(|seat| seat.backend.name.clone())
                .collect(),
            active: table.seats.get(table.at).map(|seat| seat.backend.name.clone()),
        });
        let bytes = serde_json::to_vec(&remembered).unwrap_or_default();
        if let Err(error) = fsx::write_durable(path, &bytes) {
            tracing::warn!("{error}");
        }
    }
}

impl Forwarder {
    /// Listens at `listen` for connections and at `panel` for orders. With `memory`, orders outlive a restart.
    ///
    /// # Errors
    /// If an address can't be used, `panel` is none of this machine itself, or there is no backend.
    pub async fn bind(
        listen: SocketAddr,
        panel: SocketAddr,
        backends: Vec<Backend>,
        mode: Mode,
        memory: Option<PathBuf>,
    ) -> Result<Self, FleetError> {
        let wrong =
            |why: &str| FleetError::Config { path: PathBuf::from("the command"), why: why.to_owned() };
        if !panel.ip().is_loopback() {
            return Err(wrong(
                "the panel takes orders from whoever reaches it: give it an address of this machine itself",
            ));
        }
        if backends.is_empty() {
            return Err(wrong("name at least one backend"));
        }
        let names: std::collections::BTreeSet<&str> = backends.iter().map(|backend| &*backend.name).collect();
        if names.len() < backends.len() {
            return Err(wrong("two backends have the same name"));
        }
        let mut remembered = Remembered::default();
        if let Some(path) = &memory
            && let Some(bytes) = fsx::read(path, 1024 * 1024).if_present()?
        {
            remembered = serde_json::from_slice(&bytes).unwrap_or_default();
        }
        let seat = |backend: Backend| {
            let ready = !remembered.drained.contains(&backend.name);
            Seat { backend, ready, in_flight: 0, total: 0 }
        };
        let seats: Vec<Seat> = backends.into_iter().map(seat).collect();
        let active = |seat: &Seat| Some(&seat.backend.name) == remembered.active.as_ref();
        let at = seats.iter().position(active).unwrap_or(0);
        let bind = async |address| {
            TcpListener::bind(address).await.map_err(|source| FleetError::Listen { address, source })
        };
        let (listener, panel) = (bind(listen).await?, bind(panel).await?);
        let table = Mutex::new(Table { seats, at, failed: 0 });
        Ok(Self { listener, panel, desk: Arc::new(Desk { table, mode, memory }) })
    }

    /// Where connections and where orders are taken.
    ///
    /// # Errors
    /// What the system says.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.listener.local_addr()?, self.panel.local_addr()?))
    }

    /// Forwards until `stop`.
    ///
    /// # Errors
    /// If the panel fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), FleetError> {
        let router = Router::new()
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/backends/{name}/drain", post(drain))
            .route("/backends/{name}/ready", post(ready))
            .route("/backends/{name}/in-flight", get(in_flight))
            .route("/switch/{name}", post(switch))
            .with_state(Arc::clone(&self.desk));
        let (listener, desk) = (self.listener, self.desk);
        let forward = async {
            loop {
                match listener.accept().await {
                    Ok((client, _peer)) => drop(tokio::spawn(Arc::clone(&desk).carry(client))),
                    // Too many open files, say: connections that end make room.
                    Err(error) => {
                        tracing::warn!("a connection can't be taken: {error}");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        };
        tokio::select! {
            ended = axum::serve(self.panel, router).into_future() => {
                ended.map_err(|source| FleetError::System { what: "connections", source })
            }
            () = forward => Ok(()),
            () = stop => Ok(()),
        }
    }
}

fn say(status: StatusCode, kind: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", axum::http::HeaderValue::from_static(kind));
    response
}

fn text(status: StatusCode, text: &str) -> Response {
    say(status, "text/plain", text.to_owned())
}

/// An order must carry a header that no web page can make a browser send by itself.
fn is_order(headers: &HeaderMap) -> bool {
    headers.get("updraft-order").is_some_and(|value| value == "true")
}

fn set(desk: &Desk, headers: &HeaderMap, name: &str, change: impl FnOnce(&mut Table, usize)) -> Response {
    if !is_order(headers) {
        return text(StatusCode::FORBIDDEN, "the header updraft-order: true is missing");
    }
    let found = desk.with(|table| {
        let at = table.seats.iter().position(|seat| seat.backend.name == name)?;
        change(table, at);
        Some(())
    });
    match found {
        Some(()) => {
            desk.remember();
            text(StatusCode::OK, "done")
        }
        None => text(StatusCode::NOT_FOUND, "there is no backend of that name"),
    }
}

async fn drain(State(desk): State<Arc<Desk>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    set(&desk, &headers, &name, |table, at| table.seats[at].ready = false)
}

async fn ready(State(desk): State<Arc<Desk>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    set(&desk, &headers, &name, |table, at| table.seats[at].ready = true)
}

async fn switch(State(desk): State<Arc<Desk>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    if desk.mode == Mode::Balance {
        return text(StatusCode::CONFLICT, "this forwarder balances; start it with --single to switch");
    }
    set(&desk, &headers, &name, |table, at| table.at = at)
}

async fn in_flight(State(desk): State<Arc<Desk>>, Path(name): Path<String>) -> Response {
    let count = desk
        .with(|table| table.seats.iter().find(|seat| seat.backend.name == name).map(|seat| seat.in_flight));
    match count {
        Some(count) => text(StatusCode::OK, &count.to_string()),
        None => text(StatusCode::NOT_FOUND, "there is no backend of that name"),
    }
}

async fn status(State(desk): State<Arc<Desk>>) -> Response {
    let body = desk.with(|table| {
        let active = (desk.mode == Mode::Single).then(|| table.seats[table.at].backend.name.clone());
        let seats = table.seats.iter().map(|seat| {
            json!({
                "name": seat.backend.name, "address": seat.backend.address, "ready": seat.ready,
                "in_flight": seat.in_flight, "total": seat.total,
            })
        });
        json!({"active": active, "failed": table.failed, "backends": seats.collect::<Vec<_>>()})
    });
    say(StatusCode::OK, "application/json", body.to_string())
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let body = desk.with(|table| {
        let mut text = String::new();
        text.push_str("# HELP updraft_switch_in_flight Connections open now.\n# TYPE updraft_switch_in_flight gauge\n");
        for seat in &table.seats {
            let (name, count) = (&seat.backend.name, seat.in_flight);
            text.push_str(&format!("updraft_switch_in_flight{{backend=\"{name}\"}} {count}\n"));
        }
        text.push_str("# HELP updraft_switch_ready Whether it gets new connections.\n# TYPE updraft_switch_ready gauge\n");
        for (at, seat) in table.seats.iter().enumerate() {
            let gets = if desk.mode == Mode::Single { at == table.at } else { seat.ready };
            let name = &seat.backend.name;
            text.push_str(&format!("updraft_switch_ready{{backend=\"{name}\"}} {}\n", u8::from(gets)));
        }
        text.push_str("# HELP updraft_switch_connections_total Connections.\n# TYPE updraft_switch_connections_total counter\n");
        for seat in &table.seats {
            let (name, count) = (&seat.backend.name, seat.total);
            text.push_str(&format!("updraft_switch_connections_total{{backend=\"{name}\"}} {count}\n"));
        }
        text.push_str("# HELP updraft_switch_failed_total Connections that nobody took.\n# TYPE updraft_switch_failed_total counter\n");
        text.push_str(&format!("updraft_switch_failed_total {}\n", table.failed));
        text
    });
    say(StatusCode::OK, "text/plain; version=0.0.4", body)
}
