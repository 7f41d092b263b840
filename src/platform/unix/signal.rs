//! What the system asks a server for on Unix: to end (SIGINT, SIGTERM), to read its settings again (SIGHUP).

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears that this process is to end.
#[derive(Debug)]
pub struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    /// Listens from now on; the signals no longer end the process by themselves.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    /// Returns when the process is asked to end; each time it is asked.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Hears that settings are to be read again.
#[derive(Debug)]
pub struct Reloads(Signal);

impl Reloads {
    /// Listens from now on; the signal no longer ends the process.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Returns when settings are to be read again; each time that is asked for.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}
