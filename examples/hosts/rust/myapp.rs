//! A program in Rust that keeps itself up to date: it asks when it starts, hands over, and says that it is well.
//!
//! Its work is to note version, second argument, folder, the variable MARK and the version it was updated from in the
//! file named by its first argument. All programs in this folder do the same.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a vendor's program"
)]

use std::io::{IsTerminal as _, Write as _};

use updraft::api::{Asked, Updater};
use updraft::release::Urgency;

fn main() {
    let version = version();
    println!("MyApp {version}");
    let from = updraft::updated_from();
    if let Some(from) = &from {
        println!("updated from {from}");
    }
    if is_updated() {
        return; // the updater starts the program again
    }
    work(&version, from.as_deref().unwrap_or_default());
    if let Err(failure) = updraft::confirm_healthy() {
        eprintln!("{failure}");
    }
}

/// Whether the updater has it from here. Whatever goes wrong, the program goes on as it is.
fn is_updated() -> bool {
    let offer =
        match Updater::beside_this_program().and_then(|updater| updater.has_new_version(Asked::ByItself)) {
            Ok(Some(offer)) => offer,
            Ok(None) => return false,
            Err(failure) => {
                eprintln!("can't check for updates: {failure}");
                return false;
            }
        };
    let new = offer.release.version.map(|version| version.to_string()).unwrap_or_default();
    if offer.urgency == Urgency::Optional && !agrees(&new) {
        return false;
    }
    match updraft::hand_over_to_updater() {
        Ok(()) => true,
        Err(failure) => {
            eprintln!("{failure}");
            false
        }
    }
}

/// Asks in a terminal; elsewhere the updater asks in its window.
fn agrees(new: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        return true;
    }
    print!("Version {new} is here. Update now? [Y/n] ");
    std::io::stdout().flush().ok();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && !answer.trim().eq_ignore_ascii_case("n")
}

fn version() -> String {
    let file = std::env::current_exe().map(|exe| exe.with_file_name("version"));
    file.and_then(std::fs::read_to_string).unwrap_or_default().trim().to_owned()
}

fn work(version: &str, from: &str) {
    let mut args = std::env::args().skip(1);
    let (Some(path), more) = (args.next(), args.next().unwrap_or_default()) else { return };
    let folder = std::env::current_dir().unwrap_or_default();
    let mark = std::env::var("MARK").unwrap_or_default();
    let file = std::fs::File::options().create(true).append(true).open(path);
    if let Ok(mut file) = file {
        writeln!(file, "{version}\t{more}\t{}\t{mark}\t{from}", folder.display()).ok();
    }
}
