//! A PostgreSQL for tests: the one that `TEST_POSTGRES_URL` names, or a private throw-away server.
//! A database per test, from a template: that of this process, or the one that
//! `TEST_POSTGRES_TEMPLATE` names where a runner with a process per test has made it.

use crate::private_postgres::{Private, binaries};
use payterms_chassis::db::steady;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static TEMPLATE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Settings of a server that many tests share.
const SETTINGS: &str = "-c max_connections=1000 -c shared_buffers=64MB";

struct Server {
    /// `owner@host:port`.
    owner: String,
    /// `host:port`.
    place: String,
    _private: Option<Private>,
}

/// A fresh, migrated database, as `host:port/name`; none where PostgreSQL is not to be had.
///
/// # Panics
/// Where `CI` is set and there is no PostgreSQL, or where it does not work.
pub async fn database() -> Option<String> {
    let server = SERVER.get_or_init(start).as_ref()?;
    let template = TEMPLATE.get_or_init(|| template(server)).await;
    let name =
        format!("{template}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = session(format!("postgres://{}/postgres", server.owner)).await;
    // A template that is being copied cannot be copied: processes wait for each other as well.
    admin.execute_unprepared("SELECT pg_advisory_lock(7265)").await.expect("a lock");
    admin
        .execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
        .await
        .expect("a database from the template");
    admin.close().await.expect("closes");
    Some(format!("{}/{name}", server.place))
}

/// A fresh database without any schema, as `host:port/name`.
///
/// # Panics
/// As [`database`].
pub async fn empty_database() -> Option<String> {
    let server = SERVER.get_or_init(start).as_ref()?;
    let name =
        format!("payterms_{}_empty_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(server, "postgres").await;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("an empty database");
    admin.close().await.expect("closes");
    Some(format!("{}/{name}", server.place))
}

/// An owner's connection to a database that [`database`] made.
///
/// # Panics
/// Where it does not connect.
pub async fn owner_of(place: &str) -> DatabaseConnection {
    let server = SERVER.get().and_then(Option::as_ref).expect("a server");
    connect(server, place.rsplit('/').next().unwrap_or_default()).await
}

/// The same, to which the tables of one schema need no prefix.
///
/// # Panics
/// Where it does not connect.
pub async fn owner_within(place: &str, schema: &str) -> DatabaseConnection {
    let server = SERVER.get().and_then(Option::as_ref).expect("a server");
    let database = place.rsplit('/').next().unwrap_or_default();
    open(format!("postgres://{}/{database}?options=-csearch_path%3D{schema}", server.owner)).await
}

async fn connect(server: &Server, database: &str) -> DatabaseConnection {
    open(format!("postgres://{}/{database}", server.owner)).await
}

/// One connection, whose settings and transaction last from statement to statement.
///
/// # Panics
/// Where it does not connect.
pub async fn session(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    Database::connect(steady(&mut options).max_connections(1).to_owned())
        .await
        .expect("the database connects")
}

/// A pool at an address.
///
/// # Panics
/// Where it does not connect.
pub async fn open(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    Database::connect(steady(&mut options).to_owned()).await.expect("the database connects")
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
async fn template(server: &Server) -> String {
    if let Ok(name) = std::env::var("TEST_POSTGRES_TEMPLATE") {
        return name;
    }
    let name = format!("payterms_{}", std::process::id());
    migrated(&server.owner, &name).await;
    name
}

/// Starts a server for a runner with a process per test, until that has ended; answers the
/// environment that leads its tests there, a line for each name. Nothing where PostgreSQL is not to
/// be had.
pub async fn for_runner(runner: u32) -> String {
    let Some(binaries) = binaries() else { return String::new() };
    let place = Private::start_for(&binaries, &format!("-c fsync=off {SETTINGS}"), runner).place;
    let owner = format!("postgres@{place}");
    migrated(&owner, "payterms_template").await;
    format!(
        "TEST_POSTGRES_URL=postgres://{owner}/postgres\nTEST_POSTGRES_TEMPLATE=payterms_template\n"
    )
}

/// Makes a database with all schemas, on the server of `owner@host:port`.
///
/// # Panics
/// Where it does not work.
pub async fn migrated(owner: &str, name: &str) {
    let admin = open(format!("postgres://{owner}/postgres")).await;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a database");
    admin.close().await.expect("closes");
    let db = open(format!("postgres://{owner}/{name}")).await;
    for service in payterms_migrations::SERVICES {
        payterms_migrations::migrate_postgres(&db, service).await.expect("migrates");
    }
    db.close().await.expect("closes");
}

/// A server of the caller's own, with more settings, for what concerns more than one database; none
/// where PostgreSQL is not installed.
///
/// # Panics
/// Where `CI` is set and there is no PostgreSQL, or where it does not start.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub fn private(settings: &str) -> Option<Private> {
    let Some(binaries) = binaries() else {
        let message = "PostgreSQL IS NOT TO BE HAD: install it or set TEST_POSTGRES_URL. Its tests do not run.";
        assert!(std::env::var("CI").is_err(), "{message}");
        eprintln!("\n*** {message} ***\n");
        return None;
    };
    Some(Private::start(&binaries, &format!("-c fsync=off {settings}")))
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn start() -> Option<Server> {
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        let owner =
            url.trim_start_matches("postgres://").split('/').next().unwrap_or_default().to_owned();
        let place = owner.rsplit('@').next().unwrap_or_default().to_owned();
        return Some(Server { owner, place, _private: None });
    }
    let private = private(SETTINGS)?;
    Some(Server {
        owner: format!("postgres@{}", private.place),
        place: private.place.clone(),
        _private: Some(private),
    })
}
