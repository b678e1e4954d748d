//! What the schemas promise: no inexact column, row-level security forced, migrations safe when
//! three start at once and when they are killed, services at the newest version.

use crate::rig::until;
use payterms_chassis::Service;
use payterms_migrations::indexes::{Index, build};
use payterms_testkit::{Database, World, postgres};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigratorTrait;
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};
use tonic::Status;

#[test]
fn services_wait_for_the_newest_migration() {
    let newest = |names: Vec<String>| names.last().cloned().unwrap();
    let names = |migrations: Vec<Box<dyn sea_orm_migration::MigrationTrait>>| {
        migrations.iter().map(|m| m.name().to_owned()).collect()
    };
    assert_eq!(
        newest(names(payterms_migrations::wallet::Wallet::migrations())),
        payterms_wallet::Wallet::SCHEMA_VERSION
    );
    assert_eq!(
        newest(names(payterms_migrations::invoicing::Invoicing::migrations())),
        payterms_invoicing::Invoicing::SCHEMA_VERSION
    );
    assert_eq!(
        newest(names(payterms_migrations::credit::Credit::migrations())),
        payterms_credit::Credit::SCHEMA_VERSION
    );
    assert_eq!(
        newest(names(payterms_migrations::plans::Plans::migrations())),
        payterms_plans::Plans::SCHEMA_VERSION
    );
}

/// A Job cannot be changed, so one with another schema is another Job
/// (docs/adr/0034-how-the-suite-is-deployed.md).
#[test]
fn the_name_of_a_migration_job_has_the_schema_version() {
    let versions = [
        ("wallet", payterms_wallet::Wallet::SCHEMA_VERSION),
        ("invoicing", payterms_invoicing::Invoicing::SCHEMA_VERSION),
        ("credit", payterms_credit::Credit::SCHEMA_VERSION),
        ("plans", payterms_plans::Plans::SCHEMA_VERSION),
    ];
    for (service, version) in versions {
        let job = format!("  name: migrate-{}\n", version.replace('_', "-"));
        let value = format!("    schema: {version}\n");
        for (file, line) in [
            (format!("k8s/base/{service}/migrate.yaml"), job),
            ("k8s/chart/values.yaml".to_owned(), value),
        ] {
            let text = std::fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file),
            )
            .unwrap();
            assert!(text.contains(&line), "{file}: write {} for {service}", line.trim());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_column_is_inexact_and_every_table_is_guarded() {
    let Some(place) = postgres::database().await else { return };
    let owner = postgres::owner_of(&place).await;
    let query = async |sql: &str| {
        owner
            .query_all_raw(Statement::from_string(owner.get_database_backend(), sql))
            .await
            .unwrap()
    };
    let allowed = [
        "text",
        "uuid",
        "bigint",
        "boolean",
        "bytea",
        "timestamp with time zone",
        "character varying",
    ];
    for row in query(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema IN ('wallet', 'invoicing', 'credit', 'plans')",
    )
    .await
    {
        let kind: String = row.try_get("", "data_type").unwrap();
        let column: String = row.try_get("", "column_name").unwrap();
        assert!(allowed.contains(&kind.as_str()), "{column} is {kind}");
    }
    let open = "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE n.nspname IN ('wallet', 'invoicing', 'credit', 'plans') AND relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity)";
    let open: BTreeSet<String> =
        query(open).await.iter().map(|row| row.try_get("", "relname").unwrap()).collect();
    assert_eq!(
        open,
        BTreeSet::from(["seaql_migrations".to_owned()]),
        "only what the owner writes is not forced"
    );
    let strong = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'payterms_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)";
    assert!(query(strong).await.is_empty(), "runtime roles are weak");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_raises_without_a_tenant_and_hides_others() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    world.usual().await;
    let place = world.postgres.clone().unwrap();
    let role = postgres::session(format!("postgres://payterms_wallet@{place}")).await;
    let query = async |sql: &str| {
        role.query_all_raw(Statement::from_string(role.get_database_backend(), sql)).await
    };
    assert!(query("SELECT id FROM wallets").await.is_err(), "no tenant is set");
    query("SELECT set_config('payterms.tenants', 'acme', false)").await.unwrap();
    assert_eq!(query("SELECT id FROM wallets").await.unwrap().len(), 1);
    query("SELECT set_config('payterms.tenants', 'other', false)").await.unwrap();
    assert!(query("SELECT id FROM wallets").await.unwrap().is_empty());
    assert!(query("UPDATE entries SET amount = 0").await.is_err(), "entries never change");
    role.close().await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_migrations_at_once_end_well() {
    let Some(place) = postgres::empty_database().await else { return };
    let runs = (0..3).map(|_| {
        let place = place.clone();
        tokio::spawn(async move {
            let owner = postgres::owner_of(&place).await;
            for service in payterms_migrations::SERVICES {
                payterms_migrations::migrate_postgres(&owner, service).await.unwrap();
            }
        })
    });
    for run in futures::future::join_all(runs).await {
        run.unwrap();
    }
}

/// Services whose schema is there in part: neither no table of it, nor the newest version.
async fn half_done(owner: &sea_orm::DatabaseConnection) -> Vec<String> {
    let versions = [
        ("wallet", payterms_wallet::Wallet::SCHEMA_VERSION),
        ("invoicing", payterms_invoicing::Invoicing::SCHEMA_VERSION),
        ("credit", payterms_credit::Credit::SCHEMA_VERSION),
        ("plans", payterms_plans::Plans::SCHEMA_VERSION),
    ];
    let mut half = Vec::new();
    for (service, version) in versions {
        let is_found = async |select: String| {
            owner
                .query_one_raw(Statement::from_string(owner.get_database_backend(), select))
                .await
                .unwrap()
                .is_some()
        };
        let is_begun =
            is_found(format!("SELECT 1 FROM pg_tables WHERE schemaname = '{service}' LIMIT 1"))
                .await;
        if is_begun
            && !is_found(format!(
                "SELECT 1 FROM {service}.seaql_migrations WHERE version = '{version}'"
            ))
            .await
        {
            half.push(service.to_owned());
        }
    }
    half
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_that_are_killed_leave_nothing_half_done() {
    let Some(place) = postgres::empty_database().await else { return };
    let watcher = postgres::session(format!("postgres://postgres@{place}")).await;
    let at_work = async || {
        let select = "SELECT count(*) AS found FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                      AND backend_xid IS NOT NULL";
        let row = watcher
            .query_one_raw(Statement::from_string(watcher.get_database_backend(), select))
            .await
            .unwrap()
            .unwrap();
        row.try_get::<i64>("", "found").unwrap() > 0
    };
    let mut migrate = Command::new(env!("CARGO_BIN_EXE_payterms-under-test"));
    migrate.args(["service", "migrate"]).arg(format!("--database-url=postgres://postgres@{place}"));
    migrate.stdout(Stdio::null()).stderr(Stdio::null());
    let mut killed = 0;
    // In the midst of the first schema, and of later ones.
    for looks in [1, 20, 60, 120] {
        let mut process = migrate.spawn().unwrap();
        let mut seen = 0;
        while seen < looks && process.try_wait().unwrap().is_none() {
            seen += usize::from(at_work().await);
        }
        killed += usize::from(seen == looks);
        process.kill().unwrap();
        process.wait().unwrap();
        until(async || Ok::<_, Status>(at_work().await), |is_at_work| !is_at_work).await;
        assert_eq!(half_done(&watcher).await, Vec::<String>::new());
    }
    assert!(killed > 0, "at least one was killed in a transaction");
    assert!(migrate.status().unwrap().success() && half_done(&watcher).await.is_empty());
    watcher.close().await.unwrap();
}

/// Who goes back to the programs before runs their migrations too: those leave a newer schema
/// alone, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_before_leaves_a_newer_schema_alone() {
    let Some(place) = postgres::database().await else { return };
    let owner = postgres::owner_of(&place).await;
    let migrate = || {
        let mut migrate = Command::new(env!("CARGO_BIN_EXE_payterms-under-test"));
        migrate
            .args(["service", "migrate"])
            .arg(format!("--database-url=postgres://postgres@{place}"))
            .arg("wallet");
        let output = migrate.output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    owner.execute_unprepared("INSERT INTO wallet.seaql_migrations (version, applied_at) VALUES ('wallet_9999_next', 1)").await.unwrap();
    assert_eq!(
        migrate(),
        (true, "wallet: of a newer release (wallet_9999_next); nothing was changed\n".to_owned())
    );
    let newest = payterms_wallet::Wallet::SCHEMA_VERSION;
    owner
        .execute_unprepared(&format!(
            "DELETE FROM wallet.seaql_migrations WHERE version = '{newest}'"
        ))
        .await
        .unwrap();
    let (is_done, said) = migrate();
    assert!(!is_done && said.contains("wallet_9999_next"), "{said}");
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_a_table_in_use_is_built_beside_its_writers() {
    let Some(place) = postgres::database().await else { return };
    let owner = postgres::owner_of(&place).await;
    let index =
        Index { service: "plans", name: "outbox_tried", on: "outbox (tenant, recorded_at)" };
    // A writer has the table for as long as it likes: the build waits for it, and others write
    // meanwhile.
    let writer = postgres::session(format!("postgres://postgres@{place}")).await;
    writer
        .execute_unprepared("BEGIN; LOCK TABLE plans.outbox IN ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    let builds: Vec<_> = (0..2)
        .map(|_| {
            let owner = owner.clone();
            tokio::spawn(async move { build(&owner, "plans", &[index], true).await })
        })
        .collect();
    let count = async |select: &str| {
        let row = owner
            .query_one_raw(Statement::from_string(owner.get_database_backend(), select))
            .await
            .unwrap()
            .unwrap();
        row.try_get::<i64>("", "found").unwrap()
    };
    let begun = "SELECT count(*) AS found FROM pg_stat_progress_create_index WHERE datname = current_database()";
    until(async || Ok::<_, Status>(count(begun).await), |found| *found > 0).await;
    let other = postgres::session(format!("postgres://postgres@{place}")).await;
    other
        .execute_unprepared(
            "SET lock_timeout = '2s'; BEGIN; LOCK TABLE plans.outbox IN ROW EXCLUSIVE MODE; COMMIT",
        )
        .await
        .unwrap();
    writer.execute_unprepared("COMMIT").await.unwrap();
    for built in futures::future::join_all(builds).await {
        built.unwrap().unwrap();
    }
    // What a killed run has left is built anew.
    owner.execute_unprepared("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'plans.outbox_tried'::regclass").await.unwrap();
    build(&owner, "plans", &[index], true).await.unwrap();
    let valid = "SELECT count(*) AS found FROM pg_index WHERE indexrelid = 'plans.outbox_tried'::regclass AND indisvalid";
    assert_eq!(count(valid).await, 1);
    for conn in [writer, other] {
        conn.close().await.unwrap();
    }
}
