//! The updater beside an installed program.
fn main() {}
