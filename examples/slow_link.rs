//! An emulated long fat link for `benches/transfer.sh`: a TCP proxy with delay, a window for each connection and
//! a total rate.
//!
//! Usage: `slow_link LISTEN TARGET`. Each way takes 50 ms, so a round trip takes 100 ms. A connection never has more
//! bytes under way than its window: it begins at 64 KiB, grows by each byte that arrived until 1 MiB (slow start) and is
//! divided by sixteen when a loss strikes; from then on it grows by 16 KiB a round trip, as a TCP that avoids congestion
//! does. Losses strike every connection that is open 1, 3 and 5 seconds after the first byte of a run; a run begins with
//! the first connection after five seconds of silence. Nothing passes on a struck connection for 400 ms. The link carries
//! 50 MB a second in all.
#![expect(clippy::print_stdout, reason = "this program says what it emulates")]

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

const ONE_WAY: Duration = Duration::from_millis(50);
const FIRST_WINDOW: usize = 64 * 1024;
const MOST_WINDOW: usize = 1024 * 1024;
const GROWTH: usize = 16 * 1024;
const LOSSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(5)];
const STILL: Duration = Duration::from_millis(400);
const RATE: f64 = 50_000_000.0;

/// What all connections share.
struct Link {
    /// When the run began, and when a byte passed last.
    run: Mutex<(Instant, Instant)>,
    /// When the wire is free again.
    free: Mutex<Instant>,
}

impl Link {
    fn new() -> Self {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap_or_else(Instant::now);
        Self { run: Mutex::new((long_ago, long_ago)), free: Mutex::new(long_ago) }
    }

    /// When the run began that `now` belongs to.
    fn run_at(&self, now: Instant) -> Instant {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(run.1) > Duration::from_secs(5) {
            run.0 = now;
        }
        run.1 = now;
        run.0
    }

    /// When `bytes` that are sent now have left.
    fn book(&self, bytes: usize) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = (*free).max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / RATE);
        *free
    }
}

/// The window of one connection.
struct Window {
    most: usize,
    under_way: VecDeque<(Instant, usize)>,
    avoids: bool,
    losses: usize,
}

impl Window {
    /// Waits until bytes may be sent; says how many.
    async fn room(&mut self, link: &Link) -> usize {
        loop {
            let now = Instant::now();
            while self.under_way.front().is_some_and(|(back, _)| *back <= now) {
                let bytes = self.under_way.pop_front().map_or(0, |(_, bytes)| bytes);
                let more = if self.avoids { (GROWTH * bytes).div_ceil(self.most) } else { bytes };
                self.most = (self.most + more).min(MOST_WINDOW);
            }
            let age = now.duration_since(link.run_at(now));
            let struck = LOSSES.iter().filter(|loss| **loss <= age).count();
            if struck > self.losses {
                (self.losses, self.avoids) = (struck, true);
                self.most = (self.most / 16).max(GROWTH);
                sleep(STILL).await;
                continue;
            }
            let sent: usize = self.under_way.iter().map(|(_, bytes)| bytes).sum();
            match self.most.checked_sub(sent) {
                Some(room) if room > 0 => return room,
                _ => {
                    let back = self.under_way.front().map(|(back, _)| *back);
                    sleep_until(back.unwrap_or(now + ONE_WAY)).await;
                }
            }
        }
    }
}

/// From the server to the client: delay, window, losses, rate.
async fn down(mut from: OwnedReadHalf, to: OwnedWriteHalf, link: Arc<Link>) -> io::Result<()> {
    let (sender, late) = mpsc::unbounded_channel();
    let arrive = tokio::spawn(deliver(late, to));
    let now = Instant::now();
    let age = now.duration_since(link.run_at(now));
    let losses = LOSSES.iter().filter(|loss| **loss <= age).count();
    let mut window = Window { most: FIRST_WINDOW, under_way: VecDeque::new(), avoids: false, losses };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let room = window.room(&link).await.min(buffer.len());
        let got = from.read(&mut buffer[..room]).await?;
        let left = link.book(got);
        window.under_way.push_back((left + 2 * ONE_WAY, got));
        if sender.send((left + ONE_WAY, buffer[..got].to_vec())).is_err() || got == 0 {
            break;
        }
    }
    drop(sender);
    arrive.await.map_err(io::Error::other)?
}

/// From the client to the server: delay alone.
async fn up(mut from: OwnedReadHalf, to: OwnedWriteHalf) -> io::Result<()> {
    let (sender, late) = mpsc::unbounded_channel();
    let arrive = tokio::spawn(deliver(late, to));
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let got = from.read(&mut buffer).await?;
        if sender.send((Instant::now() + ONE_WAY, buffer[..got].to_vec())).is_err() || got == 0 {
            break;
        }
    }
    drop(sender);
    arrive.await.map_err(io::Error::other)?
}

async fn deliver(
    mut late: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    while let Some((when, bytes)) = late.recv().await {
        sleep_until(when).await;
        if bytes.is_empty() {
            break;
        }
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}

async fn connection(client: TcpStream, target: SocketAddr, link: Arc<Link>) -> io::Result<()> {
    // The handshake's round trip; the first request then takes another one.
    sleep(2 * ONE_WAY).await;
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (_, _) = tokio::join!(down(from_server, to_client, link), up(from_client, to_server));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: slow_link LISTEN TARGET";
    let listen: SocketAddr = args.next().ok_or(usage)?.parse()?;
    let target: SocketAddr = args.next().ok_or(usage)?.parse()?;
    println!(
        "round trip 100 ms, 50 MB/s in all; a connection's window 64 KiB to 1 MiB, a sixteenth after each of 3 losses \
         (1, 3 and 5 s into a run, 400 ms of silence), then 16 KiB more a round trip"
    );
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        let link = Arc::new(Link::new());
        loop {
            let (client, _) = listener.accept().await?;
            let link = Arc::clone(&link);
            tokio::spawn(async move { connection(client, target, link).await.ok() });
        }
    })
}
