//! A balancer of TCP connections, as one stands before the gateways of an installation: it knows
//! nothing of what is in them, and each new connection goes to the next place that takes it.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// A balancer. It lasts as long as the test's runtime.
#[derive(Debug, Clone, Copy)]
pub struct Balancer {
    /// The address to connect to.
    pub at: SocketAddr,
}

impl Balancer {
    /// Begins to take connections for these places. A connection that no place takes is closed.
    ///
    /// # Panics
    /// Where no port can be bound.
    pub async fn before(places: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let next = AtomicUsize::new(0);
            while let Ok((mut client, _)) = listener.accept().await {
                let first = next.fetch_add(1, Ordering::Relaxed);
                let places = places.clone();
                tokio::spawn(async move {
                    for turn in 0..places.len() {
                        let place = places[(first + turn) % places.len()];
                        let Ok(mut server) = TcpStream::connect(place).await else { continue };
                        let _ = (client.set_nodelay(true), server.set_nodelay(true));
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                        return;
                    }
                });
            }
        });
        Self { at }
    }
}
