//! The program that the demonstration updates: it shows its version, asks for updates when it starts, and
//! hands over to the updater. `examples/demo_host.rs` is the same program on its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::api;
use crate::fsx;

/// The variable that names a file to which each start is written, one JSON line each.
pub const TRACE_VARIABLE: &str = "UPDRAFT_DEMO_TRACE";

/// Runs the program. Arguments: `--no-check` asks for no update, `--headless` shows no window, `--linger N`
/// stays for N seconds without a window.
#[must_use]
pub fn main() -> ExitCode {
    crate::platform::process::attach_console();
    if let Some(code) = crate::cli::updater::stand_in() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    let folder = own_folder();
    let version = read_line(&folder.join("version.txt")).unwrap_or_else(|| "without version".to_owned());
    trace(&version, &args);
    println!("demo program {version} runs (process {}).", std::process::id());
    let behaviour = read_line(&folder.join("behave.txt")).unwrap_or_default();
    if let Some(code) = misbehave(&behaviour) {
        return code;
    }
    if let Err(failure) = api::confirm_healthy() {
        eprintln!("{failure}");
    }
    if behaviour == "confirm-then-crash" {
        std::thread::sleep(Duration::from_secs(1));
        return ExitCode::from(3);
    }
    if !args.iter().any(|arg| arg == "--no-check") && hand_over_if_new() {
        return ExitCode::SUCCESS;
    }
    stay(&args, &version);
    ExitCode::SUCCESS
}

/// What a sick version does before it could say that it is well; `behave.txt` beside the program says which.
fn misbehave(behaviour: &str) -> Option<ExitCode> {
    match behaviour.split_once(' ').unwrap_or((behaviour, "")) {
        ("crash", _) => Some(ExitCode::from(3)),
        ("crash-after", seconds) => {
            std::thread::sleep(Duration::from_secs(seconds.parse().unwrap_or(1)));
            Some(ExitCode::from(3))
        }
        ("exit", _) => Some(ExitCode::SUCCESS),
        ("ask-then-crash", _) => {
            hand_over_if_new().then_some(ExitCode::SUCCESS).or_else(|| Some(ExitCode::from(3)))
        }
        ("hang", _) => {
            std::thread::sleep(Duration::from_secs(3600));
            None
        }
        _ => None,
    }
}

fn own_folder() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn read_line(path: &Path) -> Option<String> {
    let bytes = fsx::read(path, 1024).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Whether there was a new version and the updater has it from here.
fn hand_over_if_new() -> bool {
    match api::has_new_version() {
        Ok(Some(offer)) => {
            let version = offer.release.version.map(|version| version.to_string()).unwrap_or_default();
            println!("version {version} is available, handing over to the updater.");
            match api::hand_over_to_updater() {
                Ok(()) => return true,
                Err(failure) => eprintln!("{failure}"),
            }
        }
        Ok(None) => println!("no newer version."),
        Err(failure) => eprintln!("can't check for updates: {failure}"),
    }
    false
}

fn trace(version: &str, args: &[String]) {
    let Some(path) = std::env::var_os(TRACE_VARIABLE) else { return };
    let folder = std::env::current_dir().unwrap_or_default();
    let after_update = std::env::var_os(crate::host::CONFIRM_VARIABLE).is_some();
    let mark = std::env::var("DEMO_MARK").ok();
    let line = serde_json::json!({
        "version": version, "pid": std::process::id(), "args": args, "folder": folder,
        "after_update": after_update, "mark": mark, "elevated": crate::platform::process::is_elevated(),
    });
    let written = fsx::append(Path::new(&path)).map(|mut file| writeln!(file, "{line}"));
    if !matches!(written, Ok(Ok(()))) {
        eprintln!("can't write the trace {}", Path::new(&path).display());
    }
}

fn stay(args: &[String], version: &str) {
    let linger = args.iter().position(|arg| arg == "--linger").and_then(|at| args.get(at + 1)?.parse().ok());
    if let Some(seconds) = linger {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        return;
    }
    let headless =
        args.iter().any(|arg| arg == "--headless") || !crate::platform::process::is_display_present();
    if !headless && let Err(reason) = super::face::show(version) {
        eprintln!("no window can be shown: {reason}");
    }
}
