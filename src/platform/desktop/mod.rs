//! The desktop around a window: a bar in the program's entry of the task bar or dock, and a notification that leads
//! back to the window. The same type on every system; where a desktop has nothing of the kind, it does nothing.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(any(target_os = "linux", windows)))]
mod none;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub use linux::Desktop;
#[cfg(not(any(target_os = "linux", windows)))]
pub use none::Desktop;
#[cfg(windows)]
pub use windows::Desktop;

/// What the program's entry in the task bar or dock shows. Shares are parts of a thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bar {
    /// Nothing.
    #[default]
    None,
    /// So much is done.
    Share(u16),
    /// So much is done, and it does not go on now.
    Held(u16),
    /// It has stopped, and somebody should look.
    Stopped,
}
