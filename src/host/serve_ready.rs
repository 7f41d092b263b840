//! What a server program needs so that it can be replaced without losing a connection: take the sockets that were
//! passed, say that it is ready, and let its connections end.
//!
//! The contract is told in `docs/fleet.md`.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::platform::signal::Ends;
use crate::platform::socket;

/// How long a connection is still read after its last answer, so that the answer is not lost to a reset.
pub const LINGER: Duration = Duration::from_millis(50);
/// How long a connection that waits for its client's next request is kept while draining, unless said otherwise.
pub const IDLE: Duration = Duration::from_millis(500);

/// The listening sockets that were passed to this program (`LISTEN_FDS`), the first time this is asked.
///
/// # Errors
/// If one of them is no TCP socket.
pub fn passed() -> io::Result<Vec<TcpListener>> {
    socket::passed_listeners()
}

/// A listening socket for each of `addresses`: those that were passed, in their order, and for what is left a new
/// one. So the same program runs under a supervisor and by hand.
///
/// # Errors
/// If a passed socket can't be used or an address is taken.
pub fn listen(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut sockets = passed()?;
    for address in addresses.iter().skip(sockets.len()) {
        sockets.push(TcpListener::bind(address)?);
    }
    Ok(sockets)
}

/// Says that this program serves (`READY=1`). Without anybody to tell, nothing happens; says whether there was.
///
/// # Errors
/// If it can't be said.
pub fn ready() -> io::Result<bool> {
    socket::notify("READY=1")
}

/// Says that this program takes no more connections and ends soon (`STOPPING=1`).
///
/// # Errors
/// If it can't be said.
pub fn stopping() -> io::Result<bool> {
    socket::notify("STOPPING=1")
}

/// The end of a server's service: told once, heard by everything that serves. Clones are the same.
///
/// While draining, no new connection is accepted (the socket stays open with the supervisor, and who connects waits
/// for the next process), each connection answers its next request with `Connection: close`, and one that waits for
/// a request is kept for a moment more.
#[derive(Debug, Clone)]
pub struct Drain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    begun: watch::Sender<bool>,
    connections: watch::Sender<usize>,
    requests: watch::Sender<usize>,
    idle: Duration,
}

/// Something that is counted until it is dropped: an open connection, or a request being answered.
#[derive(Debug)]
pub struct Counted {
    drain: Drain,
    is_request: bool,
}

impl Default for Drain {
    fn default() -> Self {
        Self::keeping_idle(IDLE)
    }
}

impl Drain {
    /// A service that goes on, whose idle connections are kept for [`IDLE`] while it drains.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another time for idle connections. Too short a time closes a connection on which the client is
    /// just sending.
    #[must_use]
    pub fn keeping_idle(idle: Duration) -> Self {
        let (begun, connections, requests) =
            (watch::Sender::new(false), watch::Sender::new(0), watch::Sender::new(0));
        Self(Arc::new(Inner { begun, connections, requests, idle }))
    }

    /// Begins to drain.
    pub fn begin(&self) {
        self.0.begun.send_replace(true);
    }

    /// Begins to drain when the system, a supervisor or a person asks this process to end, from the moment this returns:
    /// call it before [`ready`]. Works in programs without an event loop, too.
    ///
    /// # Errors
    /// If the system gives no thread or no event queue, or the request can't be heard.
    pub fn begin_when_asked(&self) -> io::Result<()> {
        let queue = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Not on the thread: a request that comes before it runs would end the process by the system's own way.
        let mut ends = {
            let _inside = queue.enter();
            Ends::listen()?
        };
        let drain = self.clone();
        let hear = move || {
            queue.block_on(ends.next());
            drain.begin();
        };
        std::thread::Builder::new().name("drain".to_owned()).spawn(hear).map(drop)
    }

    /// Whether it drains: then the answer to a request says `Connection: close`.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        *self.0.begun.borrow()
    }

    /// Returns when it begins to drain; at once if it has.
    pub async fn begun(&self) {
        let mut watch = self.0.begun.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        watch.wait_for(|begun| *begun).await.ok();
    }

    /// Counts an open connection until the value is dropped.
    #[must_use]
    pub fn connection(&self) -> Counted {
        self.count(false)
    }

    /// Counts a request that is being answered until the value is dropped.
    #[must_use]
    pub fn request(&self) -> Counted {
        self.count(true)
    }

    fn count(&self, is_request: bool) -> Counted {
        let counted = Counted { drain: self.clone(), is_request };
        counted.counter().send_modify(|count| *count += 1);
        counted
    }

    /// Requests being answered now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        *self.0.requests.borrow()
    }

    /// Connections open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.0.connections.borrow()
    }

    /// What `read` gives, or nothing if the connection is to be closed: it drains, and the client has sent nothing
    /// for the time that idle connections are kept.
    pub async fn next<T>(&self, read: impl Future<Output = T>) -> Option<T> {
        let too_long = async {
            self.begun().await;
            tokio::time::sleep(self.0.idle).await;
        };
        tokio::select! {
            biased;
            value = read => Some(value),
            () = too_long => None,
        }
    }

    /// Returns when no connection is open any more, or after `limit`; says whether all have ended.
    pub async fn ended(&self, limit: Duration) -> bool {
        let mut watch = self.0.connections.subscribe();
        tokio::time::timeout(limit, watch.wait_for(|count| *count == 0)).await.is_ok()
    }

    /// The same for a program without an event loop.
    #[must_use]
    pub fn wait_ended(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.connections() > 0 {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

impl Counted {
    fn counter(&self) -> &watch::Sender<usize> {
        if self.is_request { &self.drain.0.requests } else { &self.drain.0.connections }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counter().send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_idle_connection_is_kept_for_a_moment_and_a_request_on_its_way_is_heard() {
        let drain = Drain::keeping_idle(Duration::from_millis(100));
        let open = drain.connection();
        drain.begin();
        let on_its_way = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            7
        };
        assert_eq!(drain.next(on_its_way).await, Some(7));
        assert_eq!(drain.next(std::future::pending::<()>()).await, None);
        assert!(!drain.ended(Duration::from_millis(10)).await, "a connection is open");
        drop(open);
        assert!(drain.ended(Duration::from_secs(60)).await);
    }

    #[test]
    fn requests_are_counted_until_they_are_answered() {
        let drain = Drain::new();
        let (one, two) = (drain.request(), drain.request());
        assert_eq!((drain.in_flight(), drain.connections()), (2, 0));
        drop((one, two));
        assert_eq!(drain.in_flight(), 0);
        assert!(drain.wait_ended(Duration::ZERO));
    }
}
