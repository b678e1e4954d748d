//! Roles on PostgreSQL: a plain owner of the database migrates it, a service's role reads what is
//! its service's, everybody else reads nothing, and no role gains by its own settings.

use crate::wallets::{debit, grant};
use payterms_proto::wallet::v1::ListWalletsRequest;
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    Database, World,
    people::person,
    postgres,
    process::{Process, free_address},
    reason,
    rig::until,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, Statement};
use std::{
    net::SocketAddr,
    process::{Command, Output},
    time::Duration,
};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
pub const SERVING: i32 = 1;
pub const NOT_SERVING: i32 = 2;

async fn query(conn: &DatabaseConnection, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await
}

async fn run(conn: &DatabaseConnection, statements: &[&str]) {
    for statement in statements {
        conn.execute_unprepared(statement).await.unwrap();
    }
}

/// What a process answers to the probes of a supervisor, by the names that they ask for.
pub async fn health<const N: usize>(at: SocketAddr, names: [&str; N]) -> [i32; N] {
    let channel =
        tonic::transport::Endpoint::from_shared(format!("http://{at}")).unwrap().connect_lazy();
    let mut client = HealthClient::new(channel);
    let mut numbers = [0; N];
    for (number, name) in numbers.iter_mut().zip(names) {
        let mut request = tonic::Request::new(HealthCheckRequest { service: name.to_owned() });
        request.set_timeout(Duration::from_secs(2));
        *number = client.check(request).await.map_or(0, |answer| answer.into_inner().status);
    }
    numbers
}

/// `payterms-migrate`, as a person runs it.
fn migrate(url: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_payterms-under-test");
    Command::new(binary)
        .args(["service", "migrate"])
        .arg(format!("--database-url={url}"))
        .output()
        .unwrap()
}

fn is_up_to_date(url: &str) {
    let migrated = migrate(url);
    let (said, faults) =
        (String::from_utf8_lossy(&migrated.stdout), String::from_utf8_lossy(&migrated.stderr));
    assert!(
        migrated.status.success() && said.matches("up to date").count() == 4,
        "{url}: {said}{faults}"
    );
}

/// The suite on a database: a wallet with credit, and a debit of it.
async fn debits_on(place: String) {
    let world = World::start_on(Some(place)).await;
    let (_, wallet) = world.usual().await;
    debits(&world, &wallet).await;
    world.end().await;
}

async fn debits(world: &World, wallet: &str) {
    grant(world, wallet, amount("USD", 10, 0), 0).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(wallet, amount("USD", 3, 0)))
        .await
        .unwrap();
}

/// The tables and views of the services, by schema and name.
async fn tables(owner: &DatabaseConnection) -> Vec<(String, String)> {
    let select = "SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE nspname IN ('wallet', 'invoicing', 'credit', 'plans') AND relkind IN ('r', 'v')";
    let named = |row: &QueryResult| {
        (row.try_get("", "nspname").unwrap(), row.try_get("", "relname").unwrap())
    };
    query(owner, select).await.unwrap().iter().map(named).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_owner_migrates_its_database_and_the_suite_works_on_it() {
    let Some(server) = postgres::private("-c max_connections=200") else { return };
    let url = |role: &str, database: &str| format!("postgres://{role}@{}/{database}", server.place);
    let admin = postgres::session(url("postgres", "postgres")).await;
    let made = [
        "CREATE ROLE plain LOGIN",
        "CREATE DATABASE plain OWNER plain",
        "CREATE ROLE maker LOGIN CREATEROLE",
    ];
    run(&admin, &made).await;
    run(&admin, &["CREATE DATABASE maker OWNER maker"]).await;
    admin.close().await.unwrap();

    let refused = migrate(&url("plain", "plain"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success()
            && said.contains(
                "CREATE ROLE payterms_wallet LOGIN; CREATE ROLE payterms_invoicing LOGIN;"
            ),
        "{said}"
    );
    // The roles are made by an owner who may, and serve in the database of one who may not.
    for owner in ["maker", "plain"] {
        is_up_to_date(&url(owner, owner));
        is_up_to_date(&url(owner, owner));
        debits_on(format!("{}/{owner}", server.place)).await;
        is_up_to_date(&url(owner, owner));
        let conn = postgres::session(url(owner, owner)).await;
        assert!(
            query(&conn, "SELECT FROM wallet.outbox").await.unwrap().is_empty(),
            "the owner is under row-level security"
        );
        conn.close().await.unwrap();
        let role = postgres::session(url("payterms_wallet", owner)).await;
        for statement in [
            "CREATE TEMPORARY TABLE a (b int)",
            "CREATE TABLE wallet.a (b int)",
            "CREATE TABLE public.a (b int)",
        ] {
            let error = role.execute_unprepared(statement).await.unwrap_err().to_string();
            assert!(error.contains("permission denied"), "{statement}: {error}");
        }
        role.close().await.unwrap();
    }
    let binary = env!("CARGO_BIN_EXE_payterms-under-test");
    let started = Command::new(binary)
        .args(["service", "wallet"])
        .arg(format!("--database-url={}", url("plain", "plain")))
        .output();
    let said = String::from_utf8_lossy(&started.unwrap().stderr).into_owned();
    assert!(
        said.contains("connect as payterms_wallet"),
        "a service does not start as the owner: {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_reads_nothing_of_other_services_and_others_read_nothing() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let (_, wallet) = world.usual().await;
    debits(&world, &wallet).await;
    let place = world.postgres.clone().unwrap();
    let owner = postgres::owner_of(&place).await;
    let tables = tables(&owner).await;
    for service in payterms_migrations::SERVICES {
        let role = postgres::session(format!("postgres://payterms_{service}@{place}")).await;
        query(&role, "SELECT set_config('payterms.tenants', 'acme', false)").await.unwrap();
        let these_rows =
            query(&role, "SELECT FROM tenant_states UNION ALL SELECT FROM seaql_migrations")
                .await
                .unwrap();
        assert!(these_rows.len() > 1, "{service} reads its own tables");
        for (schema, table) in tables.iter().filter(|(schema, _)| schema != service) {
            let error = query(&role, &format!("SELECT FROM {schema}.{table}"))
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("permission denied for schema"),
                "{service} and {schema}.{table}: {error}"
            );
        }
        role.close().await.unwrap();
    }
    // A role of no service, and one that an administrator lets read everything.
    let (stranger, reader) =
        (format!("stranger_{}", std::process::id()), format!("reader_{}", std::process::id()));
    run(
        &owner,
        &[
            &format!("CREATE ROLE {stranger} LOGIN"),
            &format!("CREATE ROLE {reader} LOGIN IN ROLE pg_read_all_data"),
        ],
    )
    .await;
    for name in [&stranger, &reader] {
        let role = postgres::session(format!("postgres://{name}@{place}")).await;
        query(&role, "SELECT set_config('payterms.tenants', 'acme', false)").await.unwrap();
        for (schema, table) in &tables {
            let rows = query(&role, &format!("SELECT FROM {schema}.{table}")).await;
            assert!(
                rows.as_ref().map_or(true, Vec::is_empty),
                "{name} reads {schema}.{table}: {rows:?}"
            );
        }
        assert!(
            query(&role, "SELECT wallet.payterms_tenants()").await.is_err(),
            "{name} calls nothing"
        );
        let statistics =
            "SELECT FROM pg_stats WHERE schemaname IN ('wallet', 'invoicing', 'credit', 'plans')";
        assert!(
            query(&role, statistics).await.unwrap().is_empty(),
            "{name} sees no values in the statistics"
        );
        role.close().await.unwrap();
    }
    run(&owner, &[&format!("DROP ROLE {stranger}"), &format!("DROP ROLE {reader}")]).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_path_that_a_role_set_for_itself_changes_nothing() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let (_, wallet) = world.usual().await;
    let place = world.postgres.clone().unwrap();
    let (url, name) = (
        format!("postgres://payterms_wallet@{place}"),
        place.rsplit('/').next().unwrap().to_owned(),
    );
    let owner = postgres::owner_of(&place).await;
    run(
        &owner,
        &[
            "CREATE SCHEMA evil",
            "CREATE FUNCTION evil.payterms_tenants() RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY['acme'] $$",
            "CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'acme' $$",
            "CREATE FUNCTION evil.string_to_array(text, text) RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY['acme'] $$",
            "CREATE TABLE evil.wallets AS SELECT * FROM wallet.wallets WHERE false",
            "CREATE TABLE evil.outbox AS SELECT * FROM wallet.outbox WHERE false",
            "GRANT USAGE ON SCHEMA evil TO PUBLIC",
            "GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC",
        ],
    )
    .await;
    let role = postgres::session(url.clone()).await;
    // PostgreSQL forbids this to no role.
    run(&role, &[&format!("ALTER ROLE payterms_wallet IN DATABASE {name} SET search_path = evil, pg_catalog, wallet")]).await;
    role.close().await.unwrap();

    let role = postgres::session(url).await;
    let path: String =
        query(&role, "SHOW search_path").await.unwrap()[0].try_get("", "search_path").unwrap();
    assert!(path.starts_with("evil"), "{path}");
    let error = query(&role, "SELECT id FROM wallet.wallets").await.unwrap_err().to_string();
    assert!(error.contains("payterms.tenants is not set"), "{error}");
    query(&role, "SELECT set_config('payterms.tenants', 'other', false)").await.unwrap();
    assert!(query(&role, "SELECT id FROM wallet.wallets").await.unwrap().is_empty());
    role.close().await.unwrap();

    let replica = world.replica().await;
    let world = world.replaced_by(replica).await;
    debits(&world, &wallet).await;
    let stored = query(&owner, "SELECT FROM wallet.transfers UNION ALL SELECT FROM evil.wallets UNION ALL SELECT FROM evil.outbox").await;
    assert_eq!(stored.unwrap().len(), 2, "a grant and a debit, in the service's own schema");
    world.end().await;
}

/// The schema of the wallet as it was before its own tables were guarded.
const UNGUARDED: [&str; 3] = [
    "DO $$ DECLARE name regclass; BEGIN FOR name IN SELECT polrelid FROM pg_policy JOIN pg_class c ON c.oid = polrelid \
     WHERE polname = 'service' AND relnamespace = 'wallet'::regnamespace LOOP EXECUTE format('DROP POLICY service ON %s', name); \
     EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', name); END LOOP; END $$",
    "CREATE FUNCTION wallet.tenant_last(text, text) RETURNS void LANGUAGE sql AS ''",
    "DELETE FROM wallet.seaql_migrations WHERE version = 'system_0004_guarded'",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_in_use_is_guarded_once_it_is_free_and_then_no_more_locked() {
    let Some(place) = postgres::database().await else { return };
    let owner = postgres::owner_of(&place).await;
    run(&owner, &UNGUARDED).await;
    let url = format!("postgres://payterms_wallet@{place}");
    let (user, other) = (postgres::session(url.clone()).await, postgres::session(url).await);
    run(&user, &["BEGIN", "SELECT FROM tenant_states"]).await;
    let migrating = tokio::spawn({
        let place = place.clone();
        async move {
            payterms_migrations::migrate_postgres(&postgres::owner_of(&place).await, "wallet").await
        }
    });
    let waiting = async || {
        let select = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND usename <> 'payterms_wallet'";
        query(&owner, select)
            .await
            .map(|rows| rows.len())
            .map_err(|error| Status::internal(error.to_string()))
    };
    until(waiting, |waiting| *waiting == 1).await;
    // It has locked other tables on its way; it gives way before it is let in.
    query(&other, "SELECT FROM due").await.unwrap();
    until(waiting, |waiting| *waiting == 0).await;
    assert!(!migrating.is_finished(), "it tries again");
    run(&user, &["COMMIT"]).await;
    migrating.await.unwrap().unwrap();
    let open = "SELECT FROM pg_class WHERE relnamespace = 'wallet'::regnamespace AND relkind = 'r' AND NOT relrowsecurity";
    assert!(query(&owner, open).await.unwrap().is_empty(), "all tables are guarded");

    let all = "DO $$ DECLARE name regclass; BEGIN FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'wallet'::regnamespace \
               AND relkind = 'r' AND relname <> 'seaql_migrations' LOOP EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', name); END LOOP; END $$";
    run(&user, &["BEGIN", all]).await;
    payterms_migrations::migrate_postgres(&owner, "wallet").await.unwrap();
    run(&user, &["COMMIT"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_waits_for_its_schema_says_so_and_begins_when_it_is_there() {
    let (Some(world), Some(place)) =
        (World::start(Database::Sqlite).await, postgres::empty_database().await)
    else {
        return;
    };
    let arguments = [
        format!("--database-url=postgres://payterms_wallet@{place}"),
        format!("--keys={}", world.folder.path().join("keys").display()),
        format!(
            "--simulator-secret={}",
            world.folder.path().join("keys/simulator.secret").display()
        ),
        "--mode=development".to_owned(),
    ];
    let at = free_address();
    let probes = SocketAddr::from(([127, 0, 0, 3], at.port()));
    let arguments = [&arguments[..], &[format!("--probes={probes}")]].concat();
    // The role is the server's, not the database's; another database of this server has made it.
    postgres::database().await;
    let _wallet =
        Process::service(env!("CARGO_BIN_EXE_payterms-under-test"), "wallet", at, &arguments, &[])
            .await;
    let readiness = async || {
        let answer = reqwest::get(format!("http://{at}/readyz"))
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        Ok((answer.status().as_u16(), answer.text().await.unwrap()))
    };
    let (status, said) = until(readiness, |_| true).await;
    assert!(status == 503 && said.contains("run payterms-migrate"), "{status} {said}");
    let waiting = ["liveness", "readiness", "", "payterms.wallet.v1"];
    assert_eq!(
        health(at, waiting).await,
        [SERVING, NOT_SERVING, NOT_SERVING, NOT_SERVING],
        "probes must not restart it"
    );
    assert_eq!(
        health(probes, waiting).await,
        [SERVING, NOT_SERVING, NOT_SERVING, NOT_SERVING],
        "nor those at a port of their own"
    );
    let token = world.suite.token(&person("acme", "SERVICE", None), 600).unwrap();
    let list = ListWalletsRequest {
        parent: format!("tenants/acme/customers/{}", request_id()),
        ..ListWalletsRequest::default()
    };
    let refused = Session::new(at, &token).unwrap().wallets().list_wallets(list).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    let owner = postgres::owner_of(&place).await;
    payterms_migrations::migrate_postgres(&owner, "wallet").await.unwrap();
    owner.close().await.unwrap();
    until(readiness, |(status, _)| *status == 200).await;
    until(async || Ok(health(at, waiting).await), |numbers| *numbers == [SERVING; 4]).await;
    until(async || Ok(health(probes, waiting).await), |numbers| *numbers == [SERVING; 4]).await;
    world.end().await;
}
