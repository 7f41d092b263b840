//! Whether a program works: an address that answers, a port that accepts, a command that ends well.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::Command;

use super::FleetError;
use super::config::{ProbeConfig, ProbeWay};
use super::web::Web;

/// What probes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// It does not, for this reason.
    Fails(String),
}

/// Asks a program again and again.
#[derive(Debug, Clone)]
pub struct Prober {
    config: ProbeConfig,
    web: Web,
}

impl Prober {
    /// The probes of `config`.
    ///
    /// # Errors
    /// If the network can't be set up.
    pub fn new(config: &ProbeConfig) -> Result<Self, FleetError> {
        let web = Web::new(config.timeout.0).map_err(|why| FleetError::neighbour("the network", why))?;
        Ok(Self { config: config.clone(), web })
    }

    /// Asks once; the reason if it does not work.
    ///
    /// # Errors
    /// Why it does not work, as a sentence.
    pub async fn once(&self) -> Result<(), String> {
        match &self.config.via {
            Some(way) => {
                let asked = ask(&self.web, way);
                let limit = self.config.timeout.0;
                tokio::time::timeout(limit, asked)
                    .await
                    .unwrap_or_else(|_late| Err(format!("no answer in {limit:?}")))
            }
            None => Ok(()),
        }
    }

    /// Asks until it passed so often in a row as is wanted, or the time is over. `lives` says whether the program
    /// runs at all. Without a probe, being alive for the whole time is enough.
    pub async fn watch(&self, lives: &dyn Fn() -> bool) -> Verdict {
        let end = Instant::now() + self.config.within.0;
        let (mut passed, mut last) = (0, "it was not asked in time".to_owned());
        loop {
            if !lives() {
                return Verdict::Fails("it ended by itself".to_owned());
            }
            match self.once().await {
                Ok(()) => passed += 1,
                Err(why) => (passed, last) = (0, why),
            }
            let is_enough = self.config.via.is_some() && passed >= self.config.times;
            if is_enough && lives() {
                return Verdict::Works;
            }
            if Instant::now() >= end {
                let by_living = self.config.via.is_none() && lives();
                return if by_living {
                    Verdict::Works
                } else {
                    Verdict::Fails(format!("its probe fails: {last}"))
                };
            }
            tokio::time::sleep(self.config.every.0.min(Duration::from_secs(60))).await;
        }
    }
}

async fn ask(web: &Web, way: &ProbeWay) -> Result<(), String> {
    match way {
        ProbeWay::Http(url) => match web.get(url).await? {
            answer if answer.is_good() => Ok(()),
            answer => Err(format!("{url} answers with status {}", answer.status)),
        },
        ProbeWay::Tcp(address) => {
            TcpStream::connect(address).await.map(drop).map_err(|why| format!("{address}: {why}"))
        }
        ProbeWay::Command(words) => run(words).await.map(drop),
    }
}

/// Runs a program with its arguments, without a shell; gives what it wrote.
///
/// # Errors
/// If it can't be started or does not end with 0.
pub(super) async fn run(words: &[String]) -> Result<String, String> {
    let Some((program, args)) = words.split_first() else { return Err("no command is given".to_owned()) };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|why| format!("{program}: {why}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{program} ended with {}: {}",
        output.status,
        said.trim().chars().take(200).collect::<String>()
    ))
}
