//! Plugins for a program of your own: loaded, called, replaced and unloaded by key while the program runs, and kept
//! up to date from a signed catalogue.
//!
//! A plugin is a component of the role `processor`. A [`Host`] holds them, [`Feed`] is a repository they come from,
//! [`tick`] does what the catalogue says, [`Timer`] does that again and again.

mod catalog;
mod feed;
mod host;
mod roles;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

pub(super) use catalog::is_key;
pub use catalog::{Action, CATALOG, Catalog, CatalogError, Item, contents, decide, parse};
pub use feed::{Feed, FeedError};
pub use host::{Host, HostError, PluginError, PluginInfo};
pub use roles::{Helper, Line, Management, Output, tick};

/// Looks at the catalogue at once and then again and again, on a thread of its own. Dropping it ends that.
pub struct Timer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Timer {
    /// Begins.
    ///
    /// # Errors
    /// If there is no thread for it.
    pub fn start<H, M>(
        mut helper: H,
        management: Arc<M>,
        output: Arc<dyn Output>,
        every: Duration,
    ) -> std::io::Result<Self>
    where
        H: Helper + 'static,
        M: Management + 'static,
    {
        let (stop, stopped) = channel();
        let work = move || {
            loop {
                tick(&mut helper, &*management, &*output);
                if stopped.recv_timeout(every) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("plugin-timer".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
