//! `updraft serve`

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::report::{ErrorCode, Failure};
use crate::serve::Server;

use super::{Outcome, args, fail, say};

pub(super) fn serve(args: &args::Serve) -> Outcome {
    let level = if args.quiet { tracing::Level::WARN } else { tracing::Level::INFO };
    let log = tracing_subscriber::fmt()
        .with_writer(std::io::stdout)
        .with_ansi(std::io::stdout().is_terminal())
        .with_target(false)
        .with_max_level(level);
    // Only the first subscriber of a process counts; a second one is not needed.
    log.try_init().ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure {
        code: ErrorCode::Internal,
        message: format!("the server can't start: {error}"),
        hint: None,
    })?;
    runtime.block_on(async {
        let server = Server::bind(&args.root, args.listen).await.map_err(fail)?;
        say(&format!("Serving {}. Clients use:", args.root.display()));
        for url in server.urls() {
            say(&format!(
                "  {}",
                url.replacen(&server.local_addr().to_string(), &seen(server.local_addr()), 1)
            ));
        }
        say("Press Ctrl-C to stop.");
        let stop = async {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without a way to hear it, the server runs until it is killed.
                std::future::pending::<()>().await;
            }
        };
        server.run(stop).await.map_err(fail)
    })?;
    say("Stopped.");
    Ok(0)
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
