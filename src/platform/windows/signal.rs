//! What the system asks a server for on Windows: to end (Ctrl-C, a closed console, a shutdown).

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

/// Hears that this process is to end.
#[derive(Debug)]
pub struct Ends {
    interrupt: CtrlC,
    broken: CtrlBreak,
    closed: CtrlClose,
    shut_down: CtrlShutdown,
}

impl Ends {
    /// Listens from now on; the events no longer end the process by themselves.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        let (interrupt, broken) = (ctrl_c()?, ctrl_break()?);
        Ok(Self { interrupt, broken, closed: ctrl_close()?, shut_down: ctrl_shutdown()? })
    }

    /// Returns when the process is asked to end; each time it is asked.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.broken.recv() => {}
            _ = self.closed.recv() => {}
            _ = self.shut_down.recv() => {}
        }
    }
}

/// Hears that settings are to be read again. Windows has no such event: a changed file is noticed instead.
#[derive(Debug)]
pub struct Reloads(());

impl Reloads {
    /// Listens from now on.
    ///
    /// # Errors
    /// Never.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Never returns.
    pub async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
