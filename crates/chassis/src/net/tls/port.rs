//! How a port is served: plainly, to parts with certificates, or to the world.

use crate::net::{
    ages::ConnectionAges,
    tls::{Door, Followed, LoggedFaults, Part, certificate::Certificate, is_of_tls},
};
use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How a port is served.
#[derive(Debug, Clone, Default)]
pub struct Port {
    /// How long connections to it last.
    pub ages: ConnectionAges,
    /// Who may connect.
    pub guard: Guard,
    /// What was wrong with peers that were refused.
    faults: Arc<LoggedFaults>,
}

/// Who may connect to a port.
#[derive(Debug, Clone, Default)]
pub enum Guard {
    /// Everybody who reaches it, without TLS.
    #[default]
    Plain,
    /// Parts of the suite, by their certificates.
    Parts(Followed<Part>),
    /// Everybody, with TLS.
    World(Followed<Door>),
}

/// The part at the other end of a connection, as its certificate names it.
#[derive(Debug, Clone)]
pub struct Peer(Arc<PeerState>);

#[derive(Debug)]
struct PeerState {
    certificate: Certificate,
    reported: AtomicBool,
}

impl Peer {
    /// Whether a token of this issuer may come over the connection. What does not is logged once
    /// for each connection.
    #[must_use]
    pub fn may_speak_as(&self, issuer: &str) -> bool {
        let may = self.0.certificate.is_of(issuer);
        if !may && !self.0.reported.swap(true, Ordering::Relaxed) {
            let certificate = self.0.certificate.names.join(",");
            tracing::warn!(issuer, certificate, "a token came over a connection of another part");
        }
        may
    }
}

/// A connection after its handshake.
pub(crate) struct Accepted {
    pub(crate) stream: TlsStream<TcpStream>,
    /// Who is at the other end; none at the door.
    pub(crate) peer: Option<Peer>,
    pub(crate) renewal: Renewal,
}

/// When a connection is to be opened again because certificates have changed: others may come in
/// now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renewal(Option<Followed<Part>>);

impl Renewal {
    /// Waits for it; for ever where nobody's certificate was asked for.
    pub(crate) async fn is_due(&mut self) {
        match &mut self.0 {
            Some(part) => part.changed().await,
            None => std::future::pending().await,
        }
    }
}

impl Port {
    /// A port that is served so.
    #[must_use]
    pub fn new(ages: ConnectionAges, guard: Guard) -> Self {
        Self { ages, guard, faults: Arc::default() }
    }

    /// Makes the handshake of a new connection. `None` where it fails, and on a plain port, which
    /// has none.
    pub(crate) async fn accept(&self, stream: TcpStream, from: IpAddr) -> Option<Accepted> {
        let (config, later) = match &self.guard {
            Guard::Plain => return None,
            Guard::Parts(part) => {
                let (now, later) = part.now_and_later();
                (now.server.clone(), Some(later))
            }
            Guard::World(door) => (door.now().server.clone(), None),
        };
        let stream = match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => stream,
            Err(error) => {
                self.report(&error, from);
                return None;
            }
        };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let peer = shown.and_then(|shown| Certificate::read(shown).ok());
        let peer = peer.map(|certificate| {
            Peer(Arc::new(PeerState { certificate, reported: AtomicBool::default() }))
        });
        if matches!(self.guard, Guard::Parts(_)) && peer.is_none() {
            return None;
        }
        Some(Accepted { stream, peer, renewal: Renewal(later) })
    }

    /// A part that is refused is worth a warning, once. What the world sends to the door is not.
    fn report(&self, error: &io::Error, from: IpAddr) {
        let is_refused_part = matches!(self.guard, Guard::Parts(_)) && is_of_tls(error);
        if is_refused_part && self.faults.is_due(&format!("{from} {error}")) {
            tracing::warn!(%from, %error, "a connection is refused");
        } else {
            tracing::debug!(%from, %error, "a connection is refused");
        }
    }
}
