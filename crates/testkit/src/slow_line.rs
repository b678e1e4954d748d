//! A line to a server that delays what the server sends, as if it were far away or busy, and that
//! can be lost without a word: both sides keep their connection, and nothing arrives any more.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// A line. It lasts as long as the test's runtime.
#[derive(Debug, Clone)]
pub struct SlowLine {
    /// The address to connect to.
    pub address: SocketAddr,
    /// Connections with a lower number than this are lost.
    lost_below: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
}

impl SlowLine {
    /// Opens a line to `server`, over which each piece that the server sends comes `delay` later.
    ///
    /// # Panics
    /// Where no port can be bound.
    pub async fn open(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let line = Self {
            address: listener.local_addr().expect("an address"),
            lost_below: Arc::default(),
            opened: Arc::default(),
        };
        let accepting = line.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (line, number) =
                    (accepting.clone(), accepting.opened.fetch_add(1, Ordering::SeqCst));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let _ = (client.set_nodelay(true), server.set_nodelay(true));
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::join!(
                        line.pass(number, from_client, to_server, Duration::ZERO),
                        line.pass(number, from_server, to_client, delay)
                    );
                });
            }
        });
        line
    }

    /// Loses every connection that is open; new ones work.
    pub fn lose_open_connections(&self) {
        self.lost_below.store(self.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Loses every connection, also those to come.
    pub fn lose_all(&self) {
        self.lost_below.store(u64::MAX, Ordering::SeqCst);
    }

    /// Passes bytes on until the sender closes, the receiver is gone, or the connection is lost.
    async fn pass(
        &self,
        number: u64,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        delay: Duration,
    ) {
        let mut piece = vec![0; 16_384];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            tokio::time::sleep(delay).await;
            if number < self.lost_below.load(Ordering::SeqCst) {
                // Both sides stay open, and hear nothing.
                std::future::pending::<()>().await;
            }
            let Some(bytes) = piece.get(..count) else { return };
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}
