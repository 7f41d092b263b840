//! `updraft run`

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::component::{
    Admin, CatalogWatch, Events, Happening, Look, Options, Pipeline, RunState, Service, Watch,
};
use crate::platform;
use crate::report::{ErrorCode, Failure};

use super::{Outcome, fail, say};

/// `updraft run`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft run pipeline.toml\n  \
    updraft run pipeline.toml --check\n\n\
    The folder of artifacts and the config are watched: copy a file over, and it takes effect.")]
pub(super) struct RunArgs {
    /// The pipeline's config.
    pub(super) config: PathBuf,
    /// Say whether the config is right, and run nothing.
    #[arg(long)]
    pub(super) check: bool,
    /// Write what happens as lines of JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Seconds that messages have to flow out when the service ends.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(super) patience: u64,
}

pub(super) fn run(args: &RunArgs) -> Outcome {
    let pipeline = Pipeline::read(&args.config).map_err(fail)?;
    if args.check {
        say(&format!("{} is right: {} components.", args.config.display(), pipeline.components.len()));
        return Ok(0);
    }
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // Only the first subscriber of a process counts.
    log.try_init().ok();
    let admin = pipeline.admin;
    let events = speaker(args.json);
    let service = Service::start(pipeline, Options { events: Arc::clone(&events), ..Options::default() });
    let service = Arc::new(service.map_err(fail)?);
    greet(&service);
    let failed = |error: std::io::Error| Failure {
        code: ErrorCode::Start,
        message: format!("the service can't start: {error}"),
        hint: None,
    };
    let catalog = CatalogWatch::start(Arc::clone(&service), Arc::clone(&events)).map_err(fail)?;
    let watch = Watch::start(Arc::clone(&service), Some(args.config.clone()), events).map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let result = runtime.block_on(async {
        let mut ends = platform::signal::Ends::listen().map_err(failed)?;
        let Some(addr) = admin else {
            ends.next().await;
            return Ok(());
        };
        let admin = Admin::bind(addr).await.map_err(fail)?;
        say(&format!("Status: http://{}/", admin.local_addr()));
        // The listener must not be what keeps the service alive.
        let seen = Arc::clone(&service);
        let look: Look = Arc::new(move || seen.status());
        admin.run(look, async move { ends.next().await }).await.map_err(fail)
    });
    drop(runtime);
    drop((watch, catalog));
    let left = Arc::into_inner(service).map_or(0, |service| service.stop(Duration::from_secs(args.patience)));
    say(&if left == 0 {
        "Stopped.".to_owned()
    } else {
        format!("Stopped; {left} messages were not handled.")
    });
    result.map(|()| 0)
}

/// Says what happens, as people or programs read it.
fn speaker(json: bool) -> Events {
    Arc::new(move |happening: &Happening| {
        if json {
            say(&serde_json::to_string(happening).unwrap_or_default());
        } else {
            let Happening { level, event, subject, text } = happening;
            say(&format!("{level:5} {event} {subject}: {text}"));
        }
    })
}

fn greet(service: &Service) {
    let status = service.status();
    for component in &status.components {
        let what = match component.state {
            RunState::Down => "does not run",
            _ => component.version.as_deref().unwrap_or("built in"),
        };
        let to = component.downstreams.join(", ");
        let arrow = if to.is_empty() { "" } else { " -> " };
        say(&format!("  {} ({what}){arrow}{to}", component.name));
    }
    say("Press Ctrl-C to stop.");
}
