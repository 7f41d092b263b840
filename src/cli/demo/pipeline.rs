//! `updraft demo pipeline`: the middle one of three components is replaced while numbered objects flow, and back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::component::builtin::{Tally, audit};
use crate::component::sample::Counter;
use crate::component::{ComponentStatus, Events, Happening, Options, Pipeline, Service, Watch};
use crate::fsx;
use crate::report::{ErrorCode, Failure, Fault};

/// How long a copied file may take to take effect.
const PATIENCE: Duration = Duration::from_secs(60);
const CONFIG: &str = include_str!("../../../manifests/pipeline.demo.toml");

fn fail(fault: &dyn Fault) -> Failure {
    Failure::of(fault)
}

fn broken(message: String) -> Failure {
    Failure { code: ErrorCode::Internal, message, hint: None }
}

/// Plays it.
pub(super) fn play(folder: Option<PathBuf>, each: Duration) -> Result<(), Failure> {
    let unique = || std::env::temp_dir().join(format!("updraft-pipeline-{}", std::process::id()));
    let root = folder.unwrap_or_else(unique);
    let artifacts = root.join("components");
    fsx::make_dirs(&artifacts).map_err(|error| fail(&error))?;
    let config = root.join("pipeline.toml");
    let version = |number| {
        let built = Counter::version(number).build();
        built.map_err(|error| broken(format!("the component can't be built: {error}")))
    };
    let (first, second) = (version(1)?, version(2)?);
    let file = artifacts.join("processor1.wasm");
    let copy = |bytes: &[u8]| fsx::write_durable(&file, bytes).map_err(|error| fail(&error));
    copy(&first)?;
    fsx::write_durable(&config, CONFIG.as_bytes()).map_err(|error| fail(&error))?;
    println!("The pipeline lives in {}: reader1 -> processor1 -> dispatcher1.", root.display());
    let tally = Arc::new(Mutex::new(Tally::default()));
    let service = start(&config, &tally)?;
    let watch = Watch::start(Arc::clone(&service), Some(config), speaker())
        .map_err(|error| broken(format!("the folder can't be watched: {error}")))?;
    let pid = service.status().pid;
    println!("1. Version 1 runs in process {pid}.");
    std::thread::sleep(each);
    show(&service, &tally);
    for (step, number, bytes) in [(2, 2, &second), (3, 1, &first)] {
        println!("{step}. Version {number} is copied over {}.", name(&file));
        copy(bytes)?;
        wait_for(&tally, number)?;
        std::thread::sleep(each);
        show(&service, &tally);
    }
    drop(watch);
    let sent = find(&service, "reader1").messages_out;
    let left = Arc::into_inner(service).map_or(0, |service| service.stop(PATIENCE));
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Tally { seen, gaps, doubles, .. } = tally;
    println!(
        "4. {seen} objects came through: {gaps} gaps, {doubles} doubled, {left} left. Still process {pid}."
    );
    if gaps + doubles + left > 0 || seen < sent {
        return Err(broken(format!("of {sent} objects some were lost or doubled: {tally:?}")));
    }
    Ok(())
}

/// Says where the counter stands and which version it sees.
fn show(service: &Service, tally: &Mutex<Tally>) {
    let component = find(service, "processor1");
    let Tally { seen, gaps, doubles, .. } = *tally.lock().unwrap_or_else(PoisonError::into_inner);
    let version = component.version.unwrap_or_default();
    println!("   processor1 {version}: {seen} objects dispatched, {gaps} gaps, {doubles} doubled.");
    if let Some(swap) = component.last_swap {
        println!("   prepared in {:.1} ms, stood still for {:.0} us.", swap.prepare_ms, swap.pause_us);
    }
}

fn find(service: &Service, name: &str) -> ComponentStatus {
    let mut all = service.status().components;
    let at = all.iter().position(|component| component.name == name).unwrap_or_default();
    all.swap_remove(at)
}

/// Waits until objects of that version are dispatched.
fn wait_for(tally: &Mutex<Tally>, version: u32) -> Result<(), Failure> {
    let end = Instant::now() + PATIENCE;
    while tally.lock().unwrap_or_else(PoisonError::into_inner).kind != version {
        if Instant::now() > end {
            return Err(broken(format!("version {version} never came into the line")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().display().to_string()
}

fn start(config: &Path, tally: &Arc<Mutex<Tally>>) -> Result<Arc<Service>, Failure> {
    let pipeline = Pipeline::read(config).map_err(|error| fail(&error))?;
    let mut options = Options { events: speaker(), ..Options::default() };
    options.builtins.add("audit", audit(Arc::clone(tally)));
    Service::start(pipeline, options).map(Arc::new).map_err(|error| fail(&error))
}

fn speaker() -> Events {
    Arc::new(|happening: &Happening| println!("   {}: {}", happening.subject, happening.text))
}
