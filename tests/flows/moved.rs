//! A tenant moves to another cell, as docs/scaling.md says: by logical replication between two PostgreSQL servers. Afterwards it works
//! there, and its books are as they were.

use crate::{rig::until, verify::payterms};
use payterms_proto::{
    invoicing::v1::{ActivateTenantRequest, SuspendTenantRequest},
    wallet::v1::{GetBalanceRequest, GrantCreditRequest, PostDebitRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, postgres, private_postgres::Private, reason};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tonic::Status;

/// The query of the page that writes the statement of a publication.
fn publication() -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scaling.md")).unwrap();
    let (_, block) = page.split_once("```sql\n").unwrap();
    let (query, _) = block.split_once("\\gexec").unwrap();
    query.to_owned()
}

async fn text(conn: &DatabaseConnection, select: &str) -> String {
    let row = conn.query_one_raw(Statement::from_string(DbBackend::Postgres, select)).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// A cell's database server, and the administrator's connection to it.
async fn cell() -> Option<(Private, DatabaseConnection)> {
    let server = postgres::private("-c wal_level=logical -c max_connections=100")?;
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    let admin = postgres::session(format!("postgres://postgres@{}/payterms", server.place)).await;
    Some((server, admin))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_moves_to_another_cell() {
    let (Some((source, at_source)), Some((target, at_target))) = (cell().await, cell().await) else { return };
    let world = World::start_on(Some(format!("{}/payterms", source.place))).await;
    world.tenant("stays").await;
    let (_, wallet) = world.usual().await;
    let grant = |units| GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", units, 0),
        ..GrantCreditRequest::default()
    };
    let debit = PostDebitRequest { request_id: request_id(), wallet: wallet.clone(), amount: amount("USD", 8, 0), ..Default::default() };
    world.someone("STAFF", None).lots().grant_credit(grant(50)).await.unwrap();
    let answered = world.someone("SERVICE", None).postings().post_debit(debit.clone()).await.unwrap().into_inner();

    let suspend = SuspendTenantRequest { request_id: request_id(), name: "tenants/acme".into(), ..Default::default() };
    world.someone("OPERATOR", None).tenants().suspend_tenant(suspend).await.unwrap();
    let refused = until(async || Ok(world.someone("STAFF", None).lots().grant_credit(grant(1)).await.err()), Option::is_some).await;
    assert_eq!(reason(&refused.unwrap()), "TENANT_SUSPENDED");
    let (code, out, _) = payterms(&world, &["verify", "--tenant", "acme"]).await;
    assert_eq!(code, 0, "{out}");
    let publish = text(&at_source, &publication()).await;
    at_source.execute_unprepared(&publish).await.unwrap();
    let (host, port) = source.place.rsplit_once(':').unwrap();
    let subscribe = format!("CREATE SUBSCRIPTION acme CONNECTION 'host={host} port={port} dbname=payterms user=postgres' PUBLICATION acme");
    at_target.execute_unprepared(&subscribe).await.unwrap();
    let waiting = "SELECT count(*)::text FROM pg_subscription_rel WHERE srsubstate <> 'r'";
    until(async || Ok::<_, Status>(text(&at_target, waiting).await), |count| count == "0").await;
    at_target.execute_unprepared("DROP SUBSCRIPTION acme").await.unwrap();

    let World { suite, folder, .. } = world;
    suite.stop().await;
    let world = World::again(folder, Some(format!("{}/payterms", target.place))).await;
    let activate = ActivateTenantRequest { request_id: request_id(), name: "tenants/acme".into(), ..Default::default() };
    world.someone("OPERATOR", None).tenants().activate_tenant(activate).await.unwrap();
    // What was answered there is answered here: the request ids came along.
    let service = world.someone("SERVICE", None);
    let again = until(async || service.postings().post_debit(debit.clone()).await, |_| true).await.into_inner();
    assert_eq!(again, answered);
    world.someone("STAFF", None).lots().grant_credit(grant(1)).await.unwrap();
    let get = GetBalanceRequest { name: wallet.clone(), as_of: None };
    let balance = world.someone("STAFF", None).wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap();
    assert_eq!(balance.available, amount("USD", 43, 0));
    let (code, out, _) = payterms(&world, &["verify", "--tenant", "acme"]).await;
    assert_eq!(code, 0, "{out}");
    assert_eq!(text(&at_target, "SELECT count(*)::text FROM invoicing.tenants WHERE tenant = 'stays'").await, "0");
    world.end().await;
    for conn in [at_source, at_target] {
        conn.close().await.unwrap();
    }
}
