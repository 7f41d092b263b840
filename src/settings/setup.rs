//! From settings to what the engine is told.

use std::path::PathBuf;

use crate::engine::{Asking, Launch, Setup, Task};
use crate::host::Handover;
use crate::install::Install;
use crate::release::Platform;
use crate::source::{Mirrors, NetError, NetOptions, Proxy};

use super::Settings;

impl Settings {
    /// What an install calls itself: the vendor's server counts by it which releases are in use.
    fn agent(&self, install: &Install) -> String {
        let installed = install.read_record().map_or(0, |loaded| loaded.record.release().number.0);
        let platform = self.platforms.first().map_or("any", Platform::as_str);
        format!("{} ({}/{platform}/{installed})", NetOptions::default().user_agent, self.channel)
    }

    /// How the network is reached by these settings, but through `proxy`.
    #[must_use]
    pub fn network(&self, proxy: Proxy) -> NetOptions {
        let (no_proxy, ca) = (self.no_proxy.clone(), self.ca.clone());
        NetOptions { proxy, no_proxy, ca, ..NetOptions::default() }
    }

    /// What an update of `install` is told by these settings: to the newest release, asking nobody, starting
    /// nothing. `stub` is the updater's program file.
    ///
    /// # Errors
    /// If the network can't be set up as wished.
    pub fn setup(&self, install: Install, stub: PathBuf) -> Result<Setup, NetError> {
        let net = NetOptions { user_agent: self.agent(&install), ..self.network(self.proxy.clone()) };
        // Mirrors that can't be reached at all, for lack of any certificate say, must not stop the sources here.
        let mirrors = Mirrors::new(&self.all_sources(&install), &net);
        let mirrors = mirrors.or_else(|_why| Mirrors::new(&self.sources, &net))?;
        Ok(Setup {
            install,
            app: self.app.clone(),
            mirrors,
            channel: self.channel.clone(),
            platforms: self.platforms.clone(),
            start: self.start.clone(),
            handover: Handover::default(),
            task: Task::Update,
            asking: Asking::Nobody,
            launch: Launch::Never,
            by_hand: false,
            check_timeout: self.check_timeout,
            wait_for_program: self.policy.wait_for_program,
            in_use: self.policy.in_use,
            close_program: false,
            limit: self.limit,
            start_anyway: self.policy.start_anyway,
            stub,
            log: None,
        })
    }
}
