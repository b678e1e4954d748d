//! What the schemas promise: no inexact column, row-level security forced, migrations safe when three start at once,
//! services at the newest version.

use payterms_chassis::Service;
use payterms_testkit::{Database, World, postgres};
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::MigratorTrait;
use std::{collections::BTreeSet, path::Path};

#[test]
fn services_wait_for_the_newest_migration() {
    let newest = |names: Vec<String>| names.last().cloned().unwrap();
    let names = |migrations: Vec<Box<dyn sea_orm_migration::MigrationTrait>>| migrations.iter().map(|m| m.name().to_owned()).collect();
    assert_eq!(newest(names(payterms_migrations::wallet::Wallet::migrations())), payterms_wallet::Wallet::SCHEMA_VERSION);
    assert_eq!(newest(names(payterms_migrations::invoicing::Invoicing::migrations())), payterms_invoicing::Invoicing::SCHEMA_VERSION);
    assert_eq!(newest(names(payterms_migrations::credit::Credit::migrations())), payterms_credit::Credit::SCHEMA_VERSION);
    assert_eq!(newest(names(payterms_migrations::plans::Plans::migrations())), payterms_plans::Plans::SCHEMA_VERSION);
}

/// A Job cannot be changed, so one with another schema is another Job (docs/adr/0034-how-the-suite-is-deployed.md).
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
        for (file, line) in [(format!("k8s/base/{service}/migrate.yaml"), job), ("k8s/chart/values.yaml".to_owned(), value)] {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file)).unwrap();
            assert!(text.contains(&line), "{file}: write {} for {service}", line.trim());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_column_is_inexact_and_every_table_is_guarded() {
    let Some(place) = postgres::database().await else { return };
    let owner = postgres::owner_of(&place).await;
    let query = async |sql: &str| owner.query_all_raw(Statement::from_string(owner.get_database_backend(), sql)).await.unwrap();
    let allowed = ["text", "uuid", "bigint", "boolean", "bytea", "timestamp with time zone", "character varying"];
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
    let open: BTreeSet<String> = query(open).await.iter().map(|row| row.try_get("", "relname").unwrap()).collect();
    assert_eq!(open, BTreeSet::from(["seaql_migrations".to_owned()]), "only what the owner writes is not forced");
    let strong = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'payterms_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)";
    assert!(query(strong).await.is_empty(), "runtime roles are weak");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_raises_without_a_tenant_and_hides_others() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    world.usual().await;
    let place = world.postgres.clone().unwrap();
    let role = postgres::session(format!("postgres://payterms_wallet@{place}")).await;
    let query = async |sql: &str| role.query_all_raw(Statement::from_string(role.get_database_backend(), sql)).await;
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
