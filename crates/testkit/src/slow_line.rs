//! A line to a server that delays what the server sends: a database that is far away, or busy.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Opens a line to `server`, over which each piece that the server sends comes `delay` later, and answers the address
/// to connect to. The line lasts as long as the test's runtime.
///
/// # Panics
/// Where no port can be bound.
pub async fn open(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(server).await else { return };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::join!(pass(from_client, to_server, Duration::ZERO), pass(from_server, to_client, delay));
            });
        }
    });
    address
}

/// Passes bytes on until the sender closes or the receiver is gone; then the receiver's side is closed too.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let mut piece = vec![0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        tokio::time::sleep(delay).await;
        let Some(bytes) = piece.get(..count) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
