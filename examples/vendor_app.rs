//! A program that keeps itself up to date, as its vendor would write it. The README shows the same lines.
//!
//! Its own work is to write its version into the file named by its first argument.
#![expect(clippy::disallowed_methods, reason = "a vendor's program reads files as it likes")]

use std::io::Write as _;

use updraft::report::Failure;

fn main() -> Result<(), Failure> {
    if let Ok(Some(_offer)) = updraft::has_new_version() {
        updraft::hand_over_to_updater()?;
        return Ok(()); // the updater starts the program again
    }
    do_the_work();
    updraft::confirm_healthy()?; // once the program is usable
    Ok(())
}

fn do_the_work() {
    let version =
        std::env::current_exe().ok().and_then(|exe| std::fs::read(exe.with_file_name("version")).ok());
    let work =
        std::env::args_os().nth(1).map(|path| std::fs::File::options().create(true).append(true).open(path));
    if let (Some(version), Some(Ok(mut work))) = (version, work) {
        work.write_all(&version).ok();
    }
}
