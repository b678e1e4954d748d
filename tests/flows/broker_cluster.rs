//! Events over a cluster of three brokers, each of which keeps every event: the one that leads is
//! killed under load, and then the next.

use crate::{
    broker::{Load, all_is_well, more_arrives},
    rig::{self, Services, until},
};
use payterms_testkit::{broker_cluster::Cluster, world::customer_of};

/// The server that leads the stream of invoicing, when all three have all of it, as one of the
/// servers says.
async fn leader(cluster: &Cluster, server: usize) -> usize {
    let said = until(
        async || Ok(cluster.leader(server, "invoicing").await),
        |said| matches!(said, Some((_, true))),
    )
    .await;
    said.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn any_server_of_a_cluster_may_be_lost() {
    let Some(mut cluster) = Cluster::start().await else { return };
    let Some(rig) = rig::start_with(true, &cluster.options()).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let changed = customer_of(&owner, "acme", "AU").await;
    let services = Services::of(rig).await;
    let mut load = Load::start(&owner, &people.admin, &changed, &people.wallet);
    let mut server = 0;
    for _ in 0..2 {
        let lost = leader(&cluster, server).await;
        cluster.servers[lost].kill();
        load.progress().await;
        more_arrives(services.rig(), "wallet").await;
        cluster.servers[lost].start_again().await;
        server = (lost + 1) % 3;
    }
    load.progress().await;
    load.end().await;
    leader(&cluster, server).await;
    all_is_well(services.rig()).await;
}
