//! Windows.

mod console;
pub mod file;
mod ground;
mod holders;
mod path;
mod person;
pub mod process;
mod rights;
pub mod signal;
pub mod socket;
mod user;
#[cfg(feature = "gui")]
pub mod window;

fn until_zero(text: &[u16]) -> String {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    String::from_utf16_lossy(&text[..end])
}
