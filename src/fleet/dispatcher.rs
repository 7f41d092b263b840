//! Dispatchers: keep new requests away from a node, count what is in flight, let requests come again.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::platform::socket;

use super::FleetError;
use super::config::DrainVia;
use super::probe::run;
use super::web::Web;

/// How long a dispatcher may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What sends requests to this node.
#[derive(Debug, Clone)]
pub struct Dispatcher {
    via: Option<DrainVia>,
    in_flight: Option<String>,
    web: Web,
}

impl Dispatcher {
    /// The dispatcher of a configuration, and the program's own count of requests if it has one.
    ///
    /// # Errors
    /// If the network can't be set up.
    pub fn new(via: Option<DrainVia>, in_flight: Option<String>) -> Result<Self, FleetError> {
        let web = Web::new(LIMIT).map_err(|why| FleetError::neighbour("the network", why))?;
        Ok(Self { via, in_flight, web })
    }

    /// Keeps new requests away.
    ///
    /// # Errors
    /// If the dispatcher does not do so.
    pub async fn drain(&self) -> Result<(), FleetError> {
        match &self.via {
            None => Ok(()),
            Some(DrainVia::Haproxy { socket, backend, server }) => {
                haproxy_do(socket, &format!("set server {backend}/{server} state drain")).await
            }
            Some(DrainVia::Switch { url, backend }) => self.order(&switch_url(url, backend, "drain")).await,
            Some(DrainVia::Http { drain, .. }) => self.order(drain).await,
            Some(DrainVia::Command { drain, .. }) => command(drain).await.map(drop),
        }
    }

    /// Lets requests come again.
    ///
    /// # Errors
    /// If the dispatcher does not do so, or HAProxy's own checks have not found the node well yet: until then it gets
    /// no request, and the next node must not be drained. To be tried again.
    pub async fn ready(&self) -> Result<(), FleetError> {
        match &self.via {
            None => Ok(()),
            Some(DrainVia::Haproxy { socket, backend, server }) => {
                haproxy_do(socket, &format!("set server {backend}/{server} state ready")).await?;
                let status = haproxy_column(socket, backend, server, "status").await?;
                let is_out = ["DOWN", "NOLB", "MAINT"].iter().any(|out| status.starts_with(out));
                let why = || format!("its checks say {status} of {backend}/{server}");
                if is_out { Err(FleetError::neighbour(socket, why())) } else { Ok(()) }
            }
            Some(DrainVia::Switch { url, backend }) => self.order(&switch_url(url, backend, "ready")).await,
            Some(DrainVia::Http { ready, .. }) => self.order(ready).await,
            Some(DrainVia::Command { ready, .. }) => command(ready).await.map(drop),
        }
    }

    /// What is in flight: by the program's own count, else by the dispatcher's; nothing if nobody counts.
    ///
    /// # Errors
    /// If the one who counts does not tell.
    pub async fn in_flight(&self) -> Result<Option<u64>, FleetError> {
        if let Some(url) = &self.in_flight {
            return self.number(url).await.map(Some);
        }
        match &self.via {
            Some(DrainVia::Haproxy { socket, backend, server }) => {
                let said = haproxy_column(socket, backend, server, "scur").await?;
                said.parse().map(Some).map_err(|_why| FleetError::neighbour(socket, no_number(&said)))
            }
            Some(DrainVia::Switch { url, backend }) => {
                self.number(&switch_url(url, backend, "in-flight")).await.map(Some)
            }
            Some(DrainVia::Http { in_flight: Some(url), .. }) => self.number(url).await.map(Some),
            Some(DrainVia::Command { in_flight: Some(words), .. }) => {
                let said = command(words).await?;
                said.parse().map(Some).map_err(|_why| FleetError::neighbour(&words[0], no_number(&said)))
            }
            None | Some(DrainVia::Http { .. } | DrainVia::Command { .. }) => Ok(None),
        }
    }

    async fn order(&self, url: &str) -> Result<(), FleetError> {
        let answer = self.web.post(url, Some(("updraft-order", "true")), String::new()).await;
        match answer {
            Ok(answer) if answer.is_good() => Ok(()),
            Ok(answer) => {
                Err(FleetError::neighbour(url, format!("status {} {}", answer.status, answer.text())))
            }
            Err(why) => Err(FleetError::neighbour(url, why)),
        }
    }

    async fn number(&self, url: &str) -> Result<u64, FleetError> {
        let answer = self.web.get(url).await.map_err(|why| FleetError::neighbour(url, why))?;
        if !answer.is_good() {
            return Err(FleetError::neighbour(url, format!("status {}", answer.status)));
        }
        answer.text().parse().map_err(|_why| FleetError::neighbour(url, no_number(&answer.text())))
    }
}

fn no_number(said: &str) -> String {
    format!("\u{ab}{}\u{bb} is no number", said.chars().take(60).collect::<String>())
}

fn switch_url(url: &str, backend: &str, what: &str) -> String {
    format!("{}/backends/{backend}/{what}", url.trim_end_matches('/'))
}

async fn command(words: &[String]) -> Result<String, FleetError> {
    let limited = tokio::time::timeout(LIMIT, run(words)).await;
    let name = words.first().cloned().unwrap_or_default();
    match limited {
        Ok(said) => said.map_err(|why| FleetError::neighbour(name, why)),
        Err(_late) => Err(FleetError::neighbour(name, format!("it did not end in {LIMIT:?}"))),
    }
}

/// Says a command that answers with nothing when it was done.
async fn haproxy_do(address: &str, line: &str) -> Result<(), FleetError> {
    let said = haproxy(address, line).await?;
    if said.trim().is_empty() { Ok(()) } else { Err(FleetError::neighbour(address, said.trim())) }
}

/// Says one line to HAProxy's runtime socket, which answers and closes.
async fn haproxy(address: &str, line: &str) -> Result<String, FleetError> {
    let line = format!("{line}\n");
    let said = match address.parse::<std::net::SocketAddr>() {
        Ok(tcp) => {
            tokio::time::timeout(LIMIT, ask_tcp(tcp, line)).await.unwrap_or_else(|late| Err(late.into()))
        }
        Err(_path) => {
            let path = address.to_owned();
            let ask = move || socket::ask_local(Path::new(&path), &line, LIMIT);
            tokio::task::spawn_blocking(ask).await.unwrap_or_else(|broken| Err(std::io::Error::other(broken)))
        }
    };
    said.map_err(|why| FleetError::neighbour(format!("HAProxy at {address}"), why))
}

async fn ask_tcp(address: std::net::SocketAddr, line: String) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(16 * 1024 * 1024).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// What HAProxy's table says of a server in the column `name`.
async fn haproxy_column(
    address: &str,
    backend: &str,
    server: &str,
    name: &str,
) -> Result<String, FleetError> {
    let table = haproxy(address, "show stat").await?;
    let none = || FleetError::neighbour(address, format!("it knows no server {backend}/{server}"));
    column(&table, backend, server, name).map(str::to_owned).ok_or_else(none)
}

/// A column of a server in the table of `show stat`, which names its columns in the first line: `scur` are the current
/// sessions, `status` is what the checks say (HAProxy's management guide, 9.1).
fn column<'a>(table: &'a str, backend: &str, server: &str, name: &str) -> Option<&'a str> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let at = |name: &str| names.iter().position(|column| *column == name);
    let (px, sv, wanted) = (at("pxname")?, at("svname")?, at(name)?);
    let mut rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let row = rows.find(|row| row.get(px) == Some(&backend) && row.get(sv) == Some(&server))?;
    row.get(wanted).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_by_the_names_of_the_columns() {
        let table = "# pxname,svname,qcur,qmax,scur,smax,status\nweb,FRONTEND,,,9,9,OPEN\n\
            nodes,n1,0,0,3,7,UP\nnodes,n2,0,0,0,7,DOWN 1/2\n";
        assert_eq!(column(table, "nodes", "n1", "scur"), Some("3"));
        assert_eq!(column(table, "nodes", "n2", "scur"), Some("0"));
        assert_eq!(column(table, "nodes", "n2", "status"), Some("DOWN 1/2"));
        assert_eq!(column(table, "nodes", "n3", "scur"), None);
        assert_eq!(column(table, "nodes", "n1", "weight"), None);
        assert_eq!(column("", "nodes", "n1", "scur"), None);
    }
}
