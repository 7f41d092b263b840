//! The trust client with the command line of the official TUF conformance suite; `docs/trust.md` tells how to
//! run it. Not a program for users.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use reqwest::StatusCode;
use updraft::fsx;
use updraft::release::Stamp;
use updraft::trust::{Answer, Refresh, Search, Store, TrustedRepository, Versions, Want};

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    metadata_dir: PathBuf,
    #[arg(long, default_value = "")]
    metadata_url: String,
    #[arg(long)]
    target_name: Vec<String>,
    #[arg(long, default_value = "")]
    target_base_url: String,
    #[arg(long, default_value = ".")]
    target_dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init { trusted_root: PathBuf },
    Refresh,
    Download,
}

/// Fetches over HTTP; the client itself never does.
struct Web {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    metadata: String,
    targets: String,
}

impl Web {
    fn new(args: &Args) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Building a client needs a provider for TLS even where all is plain http. A second call changes nothing.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let folder = |url: &str| format!("{}/", url.trim_end_matches('/'));
        Ok(Self {
            runtime,
            client,
            metadata: folder(&args.metadata_url),
            targets: folder(&args.target_base_url),
        })
    }

    fn get(&self, want: &Want) -> Result<Answer, Failure> {
        let url = match (want.path.strip_prefix("metadata/"), want.path.strip_prefix("targets/")) {
            (Some(rest), _) => format!("{}{rest}", self.metadata),
            (_, Some(rest)) => format!("{}{rest}", self.targets),
            _ => return Err(format!("no place for {}", want.path).into()),
        };
        self.runtime.block_on(async {
            let mut response = self.client.get(&url).send().await?;
            match response.status() {
                StatusCode::OK => {}
                StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                    return Ok(Answer::Missing);
                }
                other => return Err(format!("{url}: {other}").into()),
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() as u64 > want.limit {
                    break;
                }
            }
            Ok(Answer::Found(bytes))
        })
    }
}

fn refresh(store: &Store, web: &Web, now: Stamp) -> Result<TrustedRepository, Failure> {
    let mut refresh = Refresh::begin(store.clone(), now, Versions::default())?;
    while let Some(want) = refresh.wants() {
        refresh.supply(web.get(&want)?)?;
    }
    Ok(refresh.finish()?)
}

fn download(store: &Store, web: &Web, args: &Args) -> Result<(), Failure> {
    let now = Stamp::now();
    let repository = refresh(store, web, now)?;
    for name in &args.target_name {
        let mut search = Search::begin(store, &repository, now, name)?;
        while let Some(want) = search.wants() {
            search.supply(web.get(&want)?)?;
        }
        let found = search.finish().ok_or_else(|| format!("no target {name}"))?;
        let place = args.target_dir.join(updraft::release::Digest::of(name.as_bytes()).hex());
        if is_there(&place, found.length(), |bytes| found.is(bytes)) {
            continue;
        }
        let want = Want { path: found.fetch_path(), limit: found.length() };
        let Answer::Found(bytes) = web.get(&want)? else { return Err(format!("{name} is missing").into()) };
        if !found.is(&bytes) {
            return Err(format!("{name} is not what was signed").into());
        }
        fsx::write_durable(&place, &bytes)?;
    }
    Ok(())
}

fn is_there(place: &Path, length: u64, is: impl Fn(&[u8]) -> bool) -> bool {
    fsx::read(place, length).is_ok_and(|bytes| is(&bytes))
}

fn run(args: &Args) -> Result<(), Failure> {
    let store = Store::open(&args.metadata_dir)?;
    match &args.command {
        Command::Init { trusted_root } => {
            Ok(fsx::write_durable(&args.metadata_dir.join("root.json"), &fsx::read(trusted_root, 1 << 20)?)?)
        }
        Command::Refresh => refresh(&store, &Web::new(args)?, Stamp::now()).map(drop),
        Command::Download => download(&store, &Web::new(args)?, args),
    }
}

#[expect(clippy::print_stderr, reason = "the suite shows it when a test fails")]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
