//! Every difference between operating systems, behind functions of the same name; all `unsafe` code.
//!
//! Imports no other room. `unix` and `windows` hold the same modules; `linux` and `macos` what Unix systems
//! do differently.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(all(unix, feature = "gui"))]
pub use unix::window;
#[cfg(unix)]
pub use unix::{file, process, signal, socket};
#[cfg(all(windows, feature = "gui"))]
pub use windows::window;
#[cfg(windows)]
pub use windows::{file, process, signal, socket};

#[cfg(feature = "components")]
mod compiled;
#[cfg(feature = "gui")]
pub mod desktop;
pub mod dirs;
mod mapped;
mod trial;
mod types;
mod zlib;

#[cfg(feature = "components")]
pub use compiled::load_compiled;
pub use mapped::Mapped;
pub use trial::{Trial, try_out};
pub use types::{ChangeMark, Holder, ProcessId, Spawned, Use};
pub use zlib::{Deflater, Inflater, ZlibStep};
