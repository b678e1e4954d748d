//! A tenant moves to another cell and back, as docs/scaling.md says: by logical replication between
//! two PostgreSQL servers, with the queries of the page. It works where it is, and its books are as
//! they were.

use crate::{clients::has, rig::until, verify::payterms};
use payterms_proto::{
    invoicing::v1::{ActivateTenantRequest, SuspendTenantRequest},
    wallet::v1::{GetBalanceRequest, GrantCreditRequest, PostDebitRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, postgres, private_postgres::Private, reason};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use std::{
    io::Write,
    process::{Command, Stdio},
};
use tonic::Status;

/// The block of the page that has some words.
fn block(words: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scaling.md"))
        .unwrap();
    let blocks = page.split("```sql\n").skip(1).filter_map(|after| after.split("```").next());
    let mut found = blocks.filter(|block| block.contains(words));
    let block = found.next().unwrap_or_else(|| panic!("no block has {words}"));
    assert_eq!(found.next(), None, "{words}");
    block.to_owned()
}

/// What a block of the page says at a server, in a session that begins as the page says.
async fn at(server: &Private, words: &str) -> String {
    let (host, port) = server.place.rsplit_once(':').unwrap();
    let mut psql = Command::new("psql");
    psql.args([
        "-X",
        "-q",
        "-At",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        host,
        "-p",
        port,
        "-U",
        "postgres",
        "payterms",
    ]);
    let mut running =
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    running
        .stdin
        .take()
        .unwrap()
        .write_all(format!("{}\n{}", block("TEMPORARY VIEW"), block(words)).as_bytes())
        .unwrap();
    let said =
        tokio::task::spawn_blocking(move || running.wait_with_output()).await.unwrap().unwrap();
    assert!(said.status.success(), "{words}");
    String::from_utf8(said.stdout).unwrap()
}

async fn text(conn: &DatabaseConnection, select: &str) -> String {
    let row = conn
        .query_one_raw(Statement::from_string(DbBackend::Postgres, select))
        .await
        .unwrap()
        .unwrap();
    row.try_get_by_index(0).unwrap()
}

/// A cell's database server, and the administrator's connection to it.
async fn cell() -> Option<(Private, DatabaseConnection)> {
    let server = postgres::private("-c wal_level=logical -c max_connections=100")?;
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    let admin = postgres::session(format!("postgres://postgres@{}/payterms", server.place)).await;
    Some((server, admin))
}

/// Copies the tenant's rows from one server to the other, and compares them there.
async fn copy(source: (&Private, &DatabaseConnection), target: (&Private, &DatabaseConnection)) {
    at(source.0, "CREATE PUBLICATION").await;
    let (host, port) = source.0.place.rsplit_once(':').unwrap();
    let subscribe = format!(
        "CREATE SUBSCRIPTION moving CONNECTION 'host={host} port={port} dbname=payterms user=postgres' PUBLICATION moving"
    );
    target.1.execute_unprepared(&subscribe).await.unwrap();
    until(async || Ok::<_, Status>(at(target.0, "pg_subscription_rel").await), String::is_empty)
        .await;
    for compared in ["rows_of", "AS money"] {
        let (there, here) = (at(source.0, compared).await, at(target.0, compared).await);
        assert_eq!(there, here);
        let known =
            if compared == "rows_of" { "wallet.entries|" } else { "credit of wallets|USD|1|4" };
        assert!(here.contains(known), "{here}");
    }
    target.1.execute_unprepared("DROP SUBSCRIPTION moving").await.unwrap();
    source.1.execute_unprepared("DROP PUBLICATION moving").await.unwrap();
}

/// The suite again, at another database, where the tenant becomes active.
async fn switch(world: World, to: &Private) -> World {
    let World { suite, folder, .. } = world;
    suite.stop().await;
    let world = World::again(folder, Some(format!("{}/payterms", to.place))).await;
    let activate = ActivateTenantRequest {
        request_id: request_id(),
        name: "tenants/acme".into(),
        ..Default::default()
    };
    world.someone("OPERATOR", None).tenants().activate_tenant(activate).await.unwrap();
    world
}

async fn suspend(world: &World, refused: GrantCreditRequest) {
    let suspend = SuspendTenantRequest {
        request_id: request_id(),
        name: "tenants/acme".into(),
        ..Default::default()
    };
    world.someone("OPERATOR", None).tenants().suspend_tenant(suspend).await.unwrap();
    let refused = until(
        async || Ok(world.someone("STAFF", None).lots().grant_credit(refused.clone()).await.err()),
        Option::is_some,
    )
    .await;
    assert_eq!(reason(&refused.unwrap()), "TENANT_SUSPENDED");
    is_clean(world).await;
    let (code, out, err) = payterms(world, &["webhooks", "--tenant", "acme"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, "No webhook waits.\n", ""));
}

async fn is_clean(world: &World) {
    let (code, out, _) = payterms(world, &["verify", "--tenant", "acme"]).await;
    assert_eq!(code, 0, "{out}");
}

async fn available(world: &World, wallet: &str) -> Option<payterms_proto::google::r#type::Money> {
    let get = GetBalanceRequest { name: wallet.to_owned(), as_of: None };
    let answer = until(
        async || world.someone("STAFF", None).wallets().get_balance(get.clone()).await,
        |_| true,
    )
    .await;
    answer.into_inner().balance.unwrap().available
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_moves_to_another_cell_and_back() {
    if !has("psql", "--version") {
        return;
    }
    let (Some((source, at_source)), Some((target, at_target))) = (cell().await, cell().await)
    else {
        return;
    };
    let world = World::start_on(Some(format!("{}/payterms", source.place))).await;
    world.tenant("stays").await;
    let (_, wallet) = world.usual().await;
    let grant = |units| GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", units, 0),
        ..GrantCreditRequest::default()
    };
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 8, 0),
        ..Default::default()
    };
    world.someone("STAFF", None).lots().grant_credit(grant(50)).await.unwrap();
    let answered = world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit.clone())
        .await
        .unwrap()
        .into_inner();
    // An endpoint that has had what happened here, further than the other cell's events reach.
    let endpoint = "INSERT INTO wallet.webhook_targets (tenant, endpoint_id, url, types, enabled, generation, secrets, position) \
                    VALUES ('acme', gen_random_uuid(), 'https://hook.example', '', false, 1, '', 1000000)";
    at_source.execute_unprepared(endpoint).await.unwrap();

    suspend(&world, grant(1)).await;
    copy((&source, &at_source), (&target, &at_target)).await;
    // Back before the switch: nothing is left there, and a second attempt finds room.
    at(&target, "DELETE FROM").await;
    assert!(
        at(&target, "rows_of").await.lines().all(|line| line.ends_with("|0|0")),
        "of the tenant nothing is left"
    );
    copy((&source, &at_source), (&target, &at_target)).await;
    at(&target, "webhook_targets' \\gexec").await;
    assert_eq!(text(&at_target, "SELECT position::text FROM wallet.webhook_targets").await, "0");

    let world = switch(world, &target).await;
    // What was answered there is answered here: the request ids came along.
    let service = world.someone("SERVICE", None);
    let again = until(async || service.postings().post_debit(debit.clone()).await, |_| true)
        .await
        .into_inner();
    assert_eq!(again, answered);
    world.someone("STAFF", None).lots().grant_credit(grant(1)).await.unwrap();
    assert_eq!(available(&world, &wallet).await, amount("USD", 43, 0));
    is_clean(&world).await;
    assert_eq!(
        text(&at_target, "SELECT count(*)::text FROM invoicing.tenants WHERE tenant = 'stays'")
            .await,
        "0"
    );
    at(&target, "DELETE FROM").await;
    assert_eq!(
        available(&world, &wallet).await,
        amount("USD", 43, 0),
        "the rows of an active tenant stay"
    );

    // Back after the switch: what happened meanwhile comes along.
    suspend(&world, grant(1)).await;
    at(&source, "DELETE FROM").await;
    copy((&target, &at_target), (&source, &at_source)).await;
    at(&source, "webhook_targets' \\gexec").await;
    let world = switch(world, &source).await;
    world.someone("STAFF", None).lots().grant_credit(grant(1)).await.unwrap();
    assert_eq!(available(&world, &wallet).await, amount("USD", 44, 0));
    is_clean(&world).await;
    assert_eq!(
        text(&at_source, "SELECT count(*)::text FROM invoicing.tenants WHERE tenant = 'stays'")
            .await,
        "1"
    );
    world.end().await;
    for conn in [at_source, at_target] {
        conn.close().await.unwrap();
    }
}
