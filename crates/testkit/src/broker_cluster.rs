//! Three brokers that are one: each event is kept by as many as a stream asks for, and one of them
//! may be lost.

use crate::{
    broker::{Broker, program},
    process::free_address,
    rig::until,
};
use async_nats::jetstream::stream::ClusterInfo;

/// A cluster of brokers.
#[derive(Debug)]
pub struct Cluster {
    /// Its servers: `n0`, `n1`, `n2`.
    pub servers: Vec<Broker>,
}

impl Cluster {
    /// Three servers; none where there is no nats-server.
    pub async fn start() -> Option<Self> {
        let program = program()?;
        let routes = [(); 3].map(|()| free_address());
        let all = routes.map(|at| format!("\"nats://{at}\"")).join(", ");
        let mut servers = Vec::new();
        for (number, at) in routes.into_iter().enumerate() {
            let settings = format!(
                "server_name: n{number}\ncluster {{ name: tests, listen: \"{at}\", routes: [{all}] }}\n"
            );
            servers
                .push(Broker::with(program.clone(), tempfile::tempdir().unwrap(), &settings).await);
        }
        // They listen before they have a leader, and without one no stream can be declared.
        for server in &servers {
            let jetstream = server.jetstream().await;
            until(async || Ok(jetstream.query_account().await.is_ok()), |is_led| *is_led).await;
        }
        Some(Self { servers })
    }

    /// The options of a process that speaks to it, with each event on all servers.
    #[must_use]
    pub fn options(&self) -> Vec<String> {
        let all: Vec<_> = self.servers.iter().map(Broker::url).collect();
        vec![format!("--bus={}", all.join(",")), "--bus-replicas=3".to_owned()]
    }

    /// Who keeps the stream of a source, as one of the servers says; none while it does not know.
    pub async fn keepers(&self, server: usize, source: &str) -> Option<ClusterInfo> {
        self.servers[server].stream(source).await?.cached_info().cluster.clone()
    }

    /// The number of the server that leads the stream of a source, and whether all its servers have
    /// all of it.
    pub async fn leader(&self, server: usize, source: &str) -> Option<(usize, bool)> {
        let keepers = self.keepers(server, source).await?;
        let number = keepers.leader.as_deref()?.strip_prefix('n')?.parse().ok()?;
        Some((
            number,
            keepers.replicas.len() == 2
                && keepers.replicas.iter().all(|other| other.current && !other.offline),
        ))
    }
}
