//! One window an install: a second start by a person brings the first window to the front.
//!
//! The first listens on a port of this machine alone and writes it, with a word that only those who can read the
//! install know, beside the lock. Nothing but «to the front» can be said there, and nothing is polled.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fsx;
use crate::gui::Caller;
use crate::install::Install;
use crate::platform::{self, ProcessId};

/// How long the other window may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a window listens.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    #[serde(flatten)]
    process: ProcessId,
    port: u16,
    word: String,
}

fn place_file(install: &Install) -> PathBuf {
    install.state_dir().join("window.json")
}

/// A window that can be called; the file goes with it.
#[derive(Debug)]
pub(super) struct Listening(PathBuf);

impl Drop for Listening {
    fn drop(&mut self) {
        // One that stays names a process that is gone, which the next reader sees.
        fsx::remove_file(&self.0).ok();
    }
}

/// Listens for second starts, on a thread that ends with the process. Without it a second start shows what the
/// first one does in a window of its own.
pub(super) fn listen(install: &Install, caller: Caller) -> Option<Listening> {
    let told = begin(install, caller);
    told.map_err(|error| tracing::warn!("a second start will not find this window: {error}")).ok()
}

fn begin(install: &Install, caller: Caller) -> std::io::Result<Listening> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let word: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = Place {
        process: platform::process::current(),
        port: listener.local_addr()?.port(),
        word: word.clone(),
    };
    let path = place_file(install);
    fsx::make_dirs(&install.state_dir()).map_err(std::io::Error::other)?;
    fsx::remove_file(&path).ok();
    fsx::write_private(&path, &serde_json::to_vec(&place)?).map_err(std::io::Error::other)?;
    std::thread::Builder::new().name("front".to_owned()).spawn(move || {
        for call in listener.incoming().flatten() {
            answer(call, &word, &caller);
        }
    })?;
    Ok(Listening(path))
}

/// Hears one caller. Whoever does not know the word, or says nothing, is sent away.
fn answer(mut call: TcpStream, word: &str, caller: &Caller) {
    let mut said = [0; 32];
    let heard = call.set_read_timeout(Some(PATIENCE)).and_then(|()| call.read_exact(&mut said));
    if heard.is_ok() && said == word.as_bytes() && caller.call() {
        call.write_all(b"front").ok();
    }
}

/// Brings the window of another updater of this install to the front. Returns whether there was one.
pub(super) fn bring(install: &Install) -> bool {
    call(&place_file(install)).unwrap_or(false)
}

fn call(path: &Path) -> Option<bool> {
    let place: Place = serde_json::from_slice(&fsx::read(path, 4096).ok()?).ok()?;
    let is_other = place.process != platform::process::current();
    if !is_other || !platform::process::is_running(place.process) {
        return None;
    }
    // Who was just started by a person may hand that right on.
    platform::window::let_take_focus(place.process.pid);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, place.port));
    let mut other = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    other.set_read_timeout(Some(PATIENCE)).ok()?;
    other.write_all(place.word.as_bytes()).ok()?;
    let mut said = [0; 5];
    other.read_exact(&mut said).ok()?;
    Some(said == *b"front")
}
