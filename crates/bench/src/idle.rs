//! The cost of standing still: what the suite asks of its database while nobody calls, with one
//! tenant and with many.

use crate::{
    Measure,
    stage::{Durable, NAME, Stage},
};
use futures::StreamExt;
use payterms_chassis::sql;
use payterms_proto::invoicing::v1::{CreateTenantRequest, Tenant};
use payterms_suite::client::request_id;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::time::Duration;

/// The services whose cost is read.
const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
/// Tenants that are made at once.
const AT_ONCE: usize = 16;
/// How long the suite stands still before it is measured: what the making of tenants left to do is
/// done by then.
const SETTLES: Duration = Duration::from_secs(20);

async fn number(owner: &DatabaseConnection, select: &str) -> i64 {
    let row = sql::one(owner, select, vec![]).await.expect("a number").expect("a row");
    row.try_get("", "number").expect("a number")
}

/// Statements that the database has run, BEGIN and COMMIT among them.
async fn statements(owner: &DatabaseConnection) -> i64 {
    let of_database = format!("dbid = (SELECT oid FROM pg_database WHERE datname = '{NAME}')");
    number(owner, &format!("SELECT coalesce(sum(calls), 0)::bigint AS number FROM pg_stat_statements WHERE {of_database}")).await
}

/// Makes tenants until there are so many, and waits until every service knows them.
async fn make_tenants(stage: &Stage, owner: &DatabaseConnection, wanted: usize) {
    let there =
        usize::try_from(number(owner, "SELECT count(*) AS number FROM plans.tenant_states").await)
            .expect("a count");
    let operator = stage.services.rig().someone("OPERATOR", None);
    let made = futures::stream::iter(there..wanted).map(|count| {
        let operator = operator.clone();
        async move {
            let request = CreateTenantRequest {
                request_id: request_id(),
                tenant_id: format!("idle-{count}"),
                tenant: Some(Tenant {
                    display_name: format!("Idle {count}"),
                    country: "AU".to_owned(),
                    time_zone: "Australia/Sydney".to_owned(),
                    ..Tenant::default()
                }),
                ..Default::default()
            };
            operator.tenants().create_tenant(request).await.expect("a tenant");
        }
    });
    made.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    for service in SERVICES {
        let known = format!("SELECT count(*) AS number FROM {service}.tenant_states");
        while usize::try_from(number(owner, &known).await).expect("a count") < wanted {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Prints a line for one tenant and one for many.
pub async fn run(measure: &Measure, tenants: usize, seconds: u64) {
    let durable =
        Durable::start_with(measure, "-c shared_preload_libraries=pg_stat_statements").await;
    let owner = durable.rows().await;
    owner
        .execute_unprepared("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        .await
        .expect("the extension of contrib");
    let stage = Stage::start(Some(&durable)).await;
    let machine = durable.machine(&stage, &SERVICES).await;
    println!(
        "| tenants | statements a second | connections | processor of the four services | processor of the database |"
    );
    println!("|---|---|---|---|---|");
    for many in [1, tenants] {
        make_tenants(&stage, &owner, many).await;
        tokio::time::sleep(SETTLES).await;
        let (before, spent) = (statements(&owner).await, machine.read().await);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (after, spent) = (statements(&owner).await, machine.read().await.since(spent));
        let connections = format!(
            "SELECT count(*) AS number FROM pg_stat_activity WHERE datname = '{NAME}' AND usename LIKE 'payterms_%'"
        );
        let share = |spent: f64| format!("{:.1} %", spent * 100.0 / seconds as f64);
        println!(
            "| {many} | {:.1} | {} | {} | {} |",
            (after - before) as f64 / seconds as f64,
            number(&owner, &connections).await,
            share(spent.server),
            share(spent.database)
        );
    }
    owner.close().await.expect("closes");
}
