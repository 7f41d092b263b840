//! `updraft serve`

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use clap::Args;

use crate::report::{ErrorCode, Failure};

use super::{Outcome, fail, say};

/// `updraft serve`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    updraft serve ./repo\n  \
    updraft serve ./all-repos --listen 0.0.0.0:8080 --quiet\n  \
    updraft serve ./repo --watch ./build --admin 127.0.0.1:4531\n  \
    updraft serve --config /etc/updraft/serve.toml\n\n\
    SIGTERM and Ctrl-C end it after the answers under way; SIGHUP reads settings and certificates again.")]
pub(super) struct ServeArgs {
    /// A repository, or a folder of repositories.
    #[cfg_attr(feature = "vendor", arg(required_unless_present_any = ["config", "projects"]))]
    #[cfg_attr(not(feature = "vendor"), arg(required = true))]
    root: Option<PathBuf>,
    /// The address to listen at; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:4530")]
    listen: SocketAddr,
    /// Write no line for each request.
    #[arg(long)]
    quiet: bool,
    #[cfg(feature = "vendor")]
    #[command(flatten)]
    more: operate::More,
}

/// Says warnings of the server on standard error.
fn hear_warnings() {
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(tracing::Level::WARN);
    // Only the first subscriber of a process counts; a second one is not needed.
    log.try_init().ok();
}

fn cannot_start(error: &std::io::Error) -> Failure {
    Failure { code: ErrorCode::Internal, message: format!("the server can't start: {error}"), hint: None }
}

/// Says where clients come to.
fn greet(what: &str, urls: &[String], local: SocketAddr) {
    say(&format!("Serving {what}. Clients use:"));
    for url in urls {
        say(&format!("  {}", url.replacen(&local.to_string(), &seen(local), 1)));
    }
}

/// The address by which other machines see this one. A server that listens everywhere has no address of its
/// own; the one of the way out is the best guess. Nothing is sent to find it.
fn seen(local: SocketAddr) -> String {
    if !local.ip().is_unspecified() {
        return local.to_string();
    }
    let way_out = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    way_out
        .map_or_else(|_unknown| local.to_string(), |way| SocketAddr::new(way.ip(), local.port()).to_string())
}

/// Serves what lies at a folder, and nothing else.
#[cfg(not(feature = "vendor"))]
pub(super) fn serve(args: ServeArgs) -> Outcome {
    use crate::platform::signal::Ends;
    use crate::serve::{AccessLog, LogTo, Server, Site};

    hear_warnings();
    let root = args.root.unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| cannot_start(&error))?.block_on(async {
        let mut ends = Ends::listen().map_err(|error| cannot_start(&error))?;
        let to = if args.quiet { LogTo::Nowhere } else { LogTo::Output };
        let log = AccessLog::open(&to, false).map_err(fail)?;
        let site = Site::at(&root).map_err(fail)?;
        let server = Server::of(site, args.listen, log, false).await.map_err(fail)?;
        greet(&root.display().to_string(), &server.urls(), server.local_addr());
        say("Press Ctrl-C to stop.");
        server.run(ends.next()).await;
        Ok(())
    })?;
    say("Stopped.");
    Ok(0)
}

#[cfg(feature = "vendor")]
pub(super) use operate::serve;

#[cfg(feature = "vendor")]
mod operate;
