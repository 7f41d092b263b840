//! A second copy of a program that serves while the first is replaced: a program that can't stop is switched by its
//! port, and switched back.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fsx;
use crate::install::Record;
use crate::release::RelPath;

use super::config::{ProbeConfig, StandbyConfig};
use super::journal::Running;
use super::probe::Prober;
use super::program::{Launch, Program, Sockets};
use super::web::Web;
use super::{FleetError, Verdict};

/// The copy, and the forwarder in front of both.
#[derive(Debug)]
pub(super) struct Standby {
    config: StandbyConfig,
    sockets: Sockets,
    prober: Prober,
    web: Web,
    program: Option<Program>,
}

impl Standby {
    /// The standby of `config`. One that an earlier agent left running is taken over.
    ///
    /// # Errors
    /// If its addresses are taken or the network can't be set up.
    pub(super) fn new(
        config: &StandbyConfig,
        probe: &ProbeConfig,
        left: Option<&Running>,
    ) -> Result<Self, FleetError> {
        let sockets = Sockets::hold(&config.listen, left.as_slice())?;
        let prober = Prober::new(&ProbeConfig { via: Some(config.probe.clone()), ..probe.clone() })?;
        let web =
            Web::new(Duration::from_secs(10)).map_err(|why| FleetError::neighbour("the network", why))?;
        let program = left.cloned().map(Program::adopt).filter(Program::lives);
        Ok(Self { config: config.clone(), sockets, prober, web, program })
    }

    /// The copy that runs.
    pub(super) fn running(&self) -> Option<Running> {
        self.program.as_ref().map(|program| program.running.clone())
    }

    /// Brings the copy up with the files of the release that stands; it gets nothing yet.
    ///
    /// # Errors
    /// If it can't be laid or started.
    pub(super) fn bring_up(
        &mut self,
        root: &Path,
        record: &Record,
        launch: &Launch,
        notify: &Path,
    ) -> Result<(), FleetError> {
        self.end_now()?;
        lay(root, record, &self.config.folder)?;
        let inside = launch.path.strip_prefix(root).unwrap_or(&launch.path);
        let args = self
            .config
            .args
            .as_ref()
            .map_or_else(|| launch.args.clone(), |args| args.iter().map(std::ffi::OsString::from).collect());
        let folder = self.config.folder.clone();
        let launch = Launch { path: folder.join(inside), args, folder, ..launch.clone() };
        let sockets: &[TcpListener] = self.sockets.all();
        self.program = Some(Program::start(&launch, sockets, Some(notify))?);
        Ok(())
    }

    /// Waits until the copy works, and puts it in front: new connections go to it alone.
    ///
    /// # Errors
    /// If it does not work or the forwarder does not switch; the program is in front as before.
    pub(super) async fn take_over(&self) -> Result<(), FleetError> {
        let Some(program) = &self.program else {
            return Err(FleetError::neighbour("the standby", "it does not run"));
        };
        match self.prober.watch(&|| program.lives()).await {
            Verdict::Works => self.switch(&self.config.standby).await,
            Verdict::Fails(why) => Err(FleetError::neighbour("the standby", why)),
        }
    }

    /// Puts the program in front again and ends the copy, which has `limit` for that; if it is to `wait`, its
    /// connections have as long before it is asked.
    ///
    /// # Errors
    /// If the forwarder does not switch; then the copy goes on.
    pub(super) async fn step_back(
        &mut self,
        wait: bool,
        limit: Duration,
        kill: bool,
    ) -> Result<(), FleetError> {
        self.switch(&self.config.primary).await?;
        if let Some(program) = self.program.take() {
            let end = Instant::now() + if wait { limit } else { Duration::ZERO };
            while program.lives() && Instant::now() < end {
                match self.count(&self.config.standby).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
            if let Err(error) = program.ask_to_end() {
                tracing::warn!("the standby can't be asked to end: {error}");
            }
            program.wait_end(limit, kill).await;
        }
        Ok(())
    }

    /// Connections of the program in front of which the copy stands.
    ///
    /// # Errors
    /// If the forwarder does not tell.
    pub(super) async fn in_flight(&self) -> Result<u64, FleetError> {
        self.count(&self.config.primary).await
    }

    async fn count(&self, name: &str) -> Result<u64, FleetError> {
        let url = format!("{}/backends/{name}/in-flight", self.config.switch.trim_end_matches('/'));
        let answer = self.web.get(&url).await.map_err(|why| FleetError::neighbour(&url, why))?;
        let text = answer.text();
        text.parse().map_err(|_why| FleetError::neighbour(url, format!("status {}: {text}", answer.status)))
    }

    async fn switch(&self, name: &str) -> Result<(), FleetError> {
        let url = format!("{}/switch/{name}", self.config.switch.trim_end_matches('/'));
        match self.web.post(&url, Some(("updraft-order", "true")), String::new()).await {
            Ok(answer) if answer.is_good() => Ok(()),
            Ok(answer) => {
                Err(FleetError::neighbour(url, format!("status {}: {}", answer.status, answer.text())))
            }
            Err(why) => Err(FleetError::neighbour(url, why)),
        }
    }

    /// A copy of an earlier try ends before a new one begins.
    fn end_now(&mut self) -> Result<(), FleetError> {
        let Some(program) = self.program.take().filter(Program::lives) else { return Ok(()) };
        crate::platform::process::end_by_force(program.running.process)
            .map_err(|why| FleetError::neighbour("the standby", why))
    }
}

/// Copies the files of a release into `folder`, which then holds nothing else.
fn lay(root: &Path, record: &Record, folder: &Path) -> Result<(), FleetError> {
    if root.starts_with(folder) || folder.starts_with(root) {
        let why = "the folder of the standby must lie outside the install";
        return Err(FleetError::Config { path: folder.to_path_buf(), why: why.to_owned() });
    }
    let mark = folder.join(".updraft-standby");
    // Never a folder that is somebody else's.
    if fsx::exists(folder)? && !fsx::exists(&mark)? && !fsx::list(folder)?.is_empty() {
        let why = "it holds files that are not those of a standby; name an empty folder";
        return Err(FleetError::Config { path: folder.to_path_buf(), why: why.to_owned() });
    }
    fsx::remove_tree(folder)?;
    fsx::make_dirs(folder)?;
    fsx::write_durable(&mark, b"filled by the agent of Updraft\n")?;
    let files: Vec<&RelPath> = record.receipt.files.keys().collect();
    for path in files {
        let (from, to) = (path.under(root), path.under(folder));
        let Ok(found) = fsx::stat(&from) else { continue };
        to.parent().map_or(Ok(()), fsx::make_dirs)?;
        if found.is_symlink() {
            fsx::symlink(&fsx::read_link(&from)?.to_string_lossy(), &to)?;
        } else if found.is_dir() {
            fsx::make_dirs(&to)?;
        } else {
            fsx::copy(&from, &to)?;
        }
    }
    Ok(())
}
