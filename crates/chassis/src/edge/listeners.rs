//! The ports of a process: one for calls, and where that one asks for certificates, one for the
//! probes of a supervisor, which has none.

use crate::{
    edge::{layers::small_message, serve},
    net::tls::Port,
};
use axum::{Router, middleware::from_fn};
use std::{net::SocketAddr, os::fd::AsFd};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// The ports of a process.
#[derive(Debug)]
pub struct Listeners {
    /// Where calls come, and probes where they have no port of their own.
    pub calls: TcpListener,
    /// Where probes come without TLS.
    pub probes: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(calls: TcpListener) -> Self {
        Self { calls, probes: None }
    }
}

impl Listeners {
    /// Binds the ports that the options name.
    ///
    /// # Errors
    /// A sentence that names the address that cannot be bound.
    pub async fn bind(calls: SocketAddr, probes: Option<SocketAddr>) -> Result<Self, String> {
        let bind = async |at: SocketAddr| {
            TcpListener::bind(at).await.map_err(|error| format!("{at}: {error}"))
        };
        let probes = match probes {
            Some(at) => Some(bind(at).await?),
            None => None,
        };
        Ok(Self { calls: bind(calls).await?, probes })
    }

    /// The same ports once more, for who serves them before.
    pub(crate) fn shared(&self) -> Result<Self, String> {
        let shared = |listener: &TcpListener| {
            let copy = listener.as_fd().try_clone_to_owned().map(std::net::TcpListener::from);
            copy.and_then(TcpListener::from_std).map_err(|error| format!("the port: {error}"))
        };
        Ok(Self {
            calls: shared(&self.calls)?,
            probes: self.probes.as_ref().map(shared).transpose()?,
        })
    }
}

/// Serves probes on a port of their own, in a task; none where there is no such port.
pub fn serve_probes(
    listener: Option<TcpListener>,
    answers: Router,
    stop: CancellationToken,
) -> Option<JoinHandle<()>> {
    let answers = answers.route_layer(from_fn(small_message));
    listener.map(|listener| tokio::spawn(serve::serve(listener, answers, Port::default(), stop)))
}
