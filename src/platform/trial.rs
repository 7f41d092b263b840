//! Trying a program out: it runs on its own with little of our environment, is listened to, and is ended when its
//! time is over. The same on every system.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Most bytes of an answer that are listened to.
const MAX_SAID: u64 = 64 * 1024;

/// What a program needs of an environment to run at all.
const KEPT: [&str; 13] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LD_LIBRARY_PATH",
    "SystemRoot",
    "SystemDrive",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
];

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// How it ended, as the system says it; nothing if its time was over.
    pub ended: Option<(bool, String)>,
    /// What it said on standard output.
    pub said: Vec<u8>,
}

/// Runs `program` for `limit` at most.
///
/// # Errors
/// If it can't be started.
pub fn try_out(program: &Path, args: &[OsString], folder: &Path, limit: Duration) -> io::Result<Trial> {
    let mut command = super::process::command(program);
    command.args(args).current_dir(folder).env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    set_apart(&mut command);
    let end = Instant::now() + limit;
    let mut child = spawn(&mut command, end)?;
    let said = listen(&mut child)?;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Some((status.success(), status.to_string()));
        }
        if Instant::now() >= end {
            stop(&mut child)?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    // A grandchild may keep the pipe open; what it says is of no interest.
    let said = said.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Ok(Trial { ended, said })
}

/// A file just written may still be open for writing in a process that is just being started elsewhere.
fn spawn(command: &mut Command, end: Instant) -> io::Result<Child> {
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn listen(child: &mut Child) -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    let listen = move || {
        let mut said = Vec::new();
        if let Some(output) = output {
            output.take(MAX_SAID).read_to_end(&mut said).ok();
        }
        sender.send(said).ok();
    };
    std::thread::Builder::new().name("trial".to_owned()).spawn(listen)?;
    Ok(receiver)
}

/// A process group of its own: what the program started ends with it.
#[cfg(unix)]
fn set_apart(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

/// No console window flashes up.
#[cfg(windows)]
fn set_apart(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    command.creation_flags(windows_sys::Win32::System::Threading::CREATE_NO_WINDOW);
}

#[cfg(unix)]
fn stop(child: &mut Child) -> io::Result<()> {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
    }
    child.kill()?;
    child.wait().map(drop)
}

#[cfg(windows)]
fn stop(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}
