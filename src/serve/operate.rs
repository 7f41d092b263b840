//! A server at work: listeners, watched folders, timestamps kept fresh, reload, and the end of it all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::platform::signal::{Ends, Reloads};
use crate::publish::{self, Bell, Notice, Stopper, freshen};
use crate::release::Stamp;
use crate::report::Failure;

use super::console::Console;
use super::error::ServeError;
use super::log::AccessLog;
use super::plan::{Plan, Project};
use super::server::{Public, Server};

/// How often timestamps are looked at.
const FRESHEN: Duration = Duration::from_secs(10 * 60);
/// How often after one could not be signed.
const FRESHEN_AGAIN: Duration = Duration::from_secs(60);
/// How often the files of the certificate are looked at.
const CERTIFICATES: Duration = Duration::from_secs(10);

/// What a server at work tells.
#[derive(Debug)]
pub enum Event {
    /// It answers.
    Serving {
        /// The addresses that clients use.
        urls: Vec<String>,
        /// Where it listens.
        local: SocketAddr,
        /// The console's address, and the file with its token.
        console: Option<(String, PathBuf)>,
    },
    /// A watched folder has something to tell.
    Watch(Option<String>, Notice),
    /// The timestamp of a project was signed anew.
    Signed(Option<String>, Stamp),
    /// A timestamp can't be signed. Told once.
    NotSigned(Option<String>, Failure),
    /// Settings, projects, certificate and log were taken up again.
    Reloaded,
    /// Something new can't be taken up; the old one counts on.
    NotReloaded(Failure),
    /// What changed and is taken up only by a restart.
    NeedsRestart(&'static str),
    /// There is a new certificate.
    Certificate,
}

/// Told what happens.
pub type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// What gives the plan anew.
pub type Reread = Box<dyn Fn() -> Result<Plan, ServeError> + Send>;

/// The projects as they are now, shared with the console.
pub(super) type Shared = Arc<RwLock<Arc<Plan>>>;

/// Serves by a plan until the process is asked to end.
///
/// # Errors
/// If it can't begin. Afterwards nothing ends it but being asked to.
pub async fn operate(plan: Plan, reread: Reread, tell: Tell) -> Result<(), ServeError> {
    let mut ends = Ends::listen().map_err(ServeError::Run)?;
    let mut reloads = Reloads::listen().map_err(ServeError::Run)?;
    let site = plan.projects.site()?;
    let log = AccessLog::open(&plan.log, plan.anonymous)?;
    let mut server = Server::of(site, plan.listen, log, plan.behind_proxy).await?.with_limits(plan.limits);
    if let Some(files) = &plan.tls {
        server = server.with_tls(files.clone())?;
    }
    let (public, shared) = (server.public(), Arc::new(RwLock::new(Arc::new(plan))));
    let console = match &current(&shared).admin {
        None => None,
        Some(admin) => Some(Console::bind(admin, &shared, &public, server.tls()).await?),
    };
    tell(Event::Serving {
        urls: server.urls(),
        local: server.local_addr(),
        console: console.as_ref().map(|console| (console.url(), console.token_file())),
    });
    let (stop, stopping) = watch::channel(false);
    let stopped = move |mut stopping: watch::Receiver<bool>| async move {
        // If the other end is gone, the server ends as well.
        stopping.wait_for(|stop| *stop).await.map(drop).ok();
    };
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    let tls = server.tls();
    tasks.push(tokio::spawn(server.run(stopped(stopping.clone()))));
    if let Some(console) = console {
        tasks.push(tokio::spawn(console.run(stopped(stopping.clone()))));
    }
    let freshening = tokio::spawn(keep_fresh(Arc::clone(&shared), Arc::clone(&public), Arc::clone(&tell)));
    let mut watches = Watches::start(&current(&shared), &public, &tell);
    let mut look = tokio::time::interval(CERTIFICATES);
    loop {
        tokio::select! {
            () = ends.next() => break,
            () = reloads.next() => {
                watches = reload(&reread, &shared, &public, &tell, watches);
                if let Some(tls) = &tls {
                    told(&tell, tls.reload(true), Event::Certificate);
                }
            }
            _ = look.tick() => {
                if let Some(tls) = &tls {
                    told(&tell, tls.reload(false), Event::Certificate);
                }
            }
        }
    }
    // Nobody listens if both listeners have ended.
    stop.send(true).ok();
    freshening.abort();
    let all = async {
        watches.stop().await;
        for task in tasks {
            // One that broke off has ended too.
            task.await.ok();
        }
    };
    tokio::select! {
        () = all => {}
        // Asked twice, nothing is waited for.
        () = ends.next() => {}
    }
    Ok(())
}

pub(super) fn current(shared: &Shared) -> Arc<Plan> {
    Arc::clone(&shared.read().unwrap_or_else(PoisonError::into_inner))
}

fn told(tell: &Tell, changed: Result<bool, ServeError>, event: Event) {
    match changed {
        Ok(true) => tell(event),
        Ok(false) => {}
        Err(error) => tell(Event::NotReloaded(Failure::of(&error))),
    }
}

/// Takes up what can be taken up without closing a connection.
fn reload(reread: &Reread, shared: &Shared, public: &Public, tell: &Tell, watches: Watches) -> Watches {
    if let Some(log) = public.log() {
        log.reopen();
    }
    let renewed = reread().and_then(|plan| Ok((plan.projects.site()?, plan)));
    let (site, plan) = match renewed {
        Ok(renewed) => renewed,
        Err(error) => {
            tell(Event::NotReloaded(Failure::of(&error)));
            return watches;
        }
    };
    let before = current(shared);
    let fixed = [
        ("listen", before.listen != plan.listen),
        ("tls", before.tls != plan.tls),
        ("admin", before.admin != plan.admin),
        ("limits", before.limits != plan.limits),
        ("access_log", (&before.log, before.anonymous) != (&plan.log, plan.anonymous)),
        ("behind_proxy", before.behind_proxy != plan.behind_proxy),
    ];
    for (name, _) in fixed.iter().filter(|(_, differs)| *differs) {
        tell(Event::NeedsRestart(name));
    }
    public.change_site(site);
    let plan = Arc::new(plan);
    *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&plan);
    watches.ask_to_stop();
    let watches = Watches::start(&plan, public, tell);
    tell(Event::Reloaded);
    watches
}

/// Folders that are published by themselves.
struct Watches(Vec<(Stopper, std::thread::JoinHandle<()>)>);

impl Watches {
    fn start(plan: &Plan, public: &Public, tell: &Tell) -> Self {
        let projects = plan.projects.all(&public.site()).into_iter();
        Self(projects.filter_map(|project| watch_one(project, tell)).collect())
    }

    fn ask_to_stop(&self) {
        self.0.iter().for_each(|(stopper, _)| stopper.stop());
    }

    /// Waits for releases that are being made.
    async fn stop(self) {
        self.ask_to_stop();
        while !self.0.iter().all(|(_, thread)| thread.is_finished()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn watch_one(project: Project, tell: &Tell) -> Option<(Stopper, std::thread::JoinHandle<()>)> {
    let watch = project.desk.build.filter(|_| project.desk.watched)?;
    let (bell, stopper) = Bell::new();
    let (name, tell) = (project.name, Arc::clone(tell));
    let failed = {
        let (name, tell) = (name.clone(), Arc::clone(&tell));
        move |failure| tell(Event::Watch(name.clone(), Notice::Failed(failure)))
    };
    let watching = move || {
        let mut say = |notice| tell(Event::Watch(name.clone(), notice));
        if let Err(error) = publish::watch(&watch, &bell, &|_, _, _| {}, &mut say) {
            say(Notice::Failed(Failure::of(&error)));
        }
    };
    match std::thread::Builder::new().name("watch".to_owned()).spawn(watching) {
        Ok(thread) => Some((stopper, thread)),
        Err(error) => {
            failed(Failure::of(&ServeError::Run(error)));
            None
        }
    }
}

/// Signs timestamps anew before they run out, where the server has the online key.
async fn keep_fresh(shared: Shared, public: Arc<Public>, tell: Tell) {
    let mut said: HashMap<Option<String>, String> = HashMap::new();
    let mut due: HashMap<Option<String>, Instant> = HashMap::new();
    loop {
        for Project { name, root, desk } in current(&shared).projects.all(&public.site()) {
            let Some(keys) = desk.keys else { continue };
            let now = Instant::now();
            if due.get(&name).is_some_and(|due| now < *due) {
                continue;
            }
            let done = tokio::task::spawn_blocking(move || freshen(&root, Some(&keys), Stamp::now())).await;
            let Ok(done) = done else { continue };
            let wait = if done.is_ok() { FRESHEN } else { FRESHEN_AGAIN };
            due.insert(name.clone(), now + wait);
            match done {
                Ok(fresh) => {
                    said.remove(&name);
                    if fresh.signed {
                        tell(Event::Signed(name, fresh.expiries.timestamp));
                    }
                }
                Err(error) => {
                    let failure = Failure::of(&error);
                    let text = failure.to_string();
                    if said.insert(name.clone(), text.clone()) != Some(text) {
                        tell(Event::NotSigned(name, failure));
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
