//! Where standbys confirm commits, positions of events wait for them as everything else does.

use crate::{
    kills::grant,
    rig::{BINARY, Rig, until},
};
use payterms_testkit::postgres;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tonic::Status;

async fn run(conn: &DatabaseConnection, statements: &[&str]) {
    for statement in statements {
        conn.execute_unprepared(statement).await.unwrap();
    }
}

/// How often positions were assigned under this setting.
async fn seen(conn: &DatabaseConnection, setting: &str) -> i64 {
    let select = format!("SELECT count(*) AS seen FROM public.seen WHERE setting = '{setting}'");
    let row = conn
        .query_one_raw(Statement::from_string(DbBackend::Postgres, select))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "seen").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_wait_for_standbys_where_there_are_some() {
    let Some(server) = postgres::private("-c max_connections=200") else { return };
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    let place = format!("{}/payterms", server.place);
    let admin = postgres::session(format!("postgres://postgres@{place}")).await;
    // No standby is there that could confirm anything, so nobody waits for one unless it asks to;
    // what the relay sets itself is noted.
    for service in ["wallet", "invoicing", "credit", "plans"] {
        run(&admin, &[&format!("ALTER ROLE payterms_{service} SET synchronous_commit = local")])
            .await;
    }
    run(
        &admin,
        &[
            "SET synchronous_commit = local",
            "CREATE TABLE public.seen (setting text)",
            "GRANT INSERT ON public.seen TO payterms_wallet",
            "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO public.seen VALUES (pg_catalog.current_setting('synchronous_commit')); RETURN NEW; END $$",
            "CREATE TRIGGER note AFTER UPDATE OF position ON wallet.outbox FOR EACH ROW EXECUTE FUNCTION public.note()",
        ],
    )
    .await;
    let rig = Rig::start(BINARY, Some(place), &[]).await;
    let people = rig.prepare("tok_visa").await;
    until(async || Ok::<_, Status>(seen(&admin, "off").await), |seen| *seen > 0).await;
    assert_eq!(seen(&admin, "local").await, 0, "alone, positions need no fsync of their own");
    run(
        &admin,
        &["ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()"],
    )
    .await;
    grant(&rig, &people, 5).await;
    until(async || Ok::<_, Status>(seen(&admin, "local").await), |seen| *seen > 0).await;
    admin.close().await.unwrap();
}
