//! A PostgreSQL for tests: the one that `TEST_POSTGRES_URL` names, or a private throw-away server
//! made from installed binaries, also when run as root. A database per test, from a template.

use payterms_chassis::db::steady;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

static SERVER: OnceLock<Option<Server>> = OnceLock::new();
static TEMPLATE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
static COPY: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
static NEXT: AtomicU32 = AtomicU32::new(1);

struct Server {
    /// `owner@host:port`.
    owner: String,
    /// `host:port`.
    place: String,
    /// Ends the server when this process ends: its standard input closes then.
    _keeper: Option<Mutex<Child>>,
}

/// A fresh, migrated database, as `host:port/name`; none where PostgreSQL is not to be had.
///
/// # Panics
/// Where `CI` is set and there is no PostgreSQL, or where it does not work.
pub async fn database() -> Option<String> {
    let server = SERVER.get_or_init(start).as_ref()?;
    let template = TEMPLATE.get_or_init(|| template(server)).await;
    let name = format!("{template}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = connect(server, "postgres").await;
    // Copying a template needs that nobody else copies it at this moment.
    let _one = COPY.lock().await;
    admin.execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.expect("a database from the template");
    admin.close().await.expect("closes");
    Some(format!("{}/{name}", server.place))
}

/// A fresh database without any schema, as `host:port/name`.
///
/// # Panics
/// As [`database`].
pub async fn empty_database() -> Option<String> {
    let server = SERVER.get_or_init(start).as_ref()?;
    let name = format!("payterms_{}_empty_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
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

async fn connect(server: &Server, database: &str) -> DatabaseConnection {
    open(format!("postgres://{}/{database}", server.owner)).await
}

/// A pool at an address.
///
/// # Panics
/// Where it does not connect.
pub async fn open(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    Database::connect(steady(&mut options).to_owned()).await.expect("the database connects")
}

async fn template(server: &Server) -> String {
    let name = format!("payterms_{}", std::process::id());
    let admin = connect(server, "postgres").await;
    admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("a template database");
    admin.close().await.expect("closes");
    let db = connect(server, &name).await;
    for service in payterms_migrations::SERVICES {
        payterms_migrations::migrate_postgres(&db, service).await.expect("migrates");
    }
    db.close().await.expect("closes");
    name
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn start() -> Option<Server> {
    if let Ok(url) = std::env::var("TEST_POSTGRES_URL") {
        let owner = url.trim_start_matches("postgres://").split('/').next().unwrap_or_default().to_owned();
        let place = owner.rsplit('@').next().unwrap_or_default().to_owned();
        return Some(Server { owner, place, _keeper: None });
    }
    let Some(binaries) = binaries() else {
        let message = "PostgreSQL IS NOT TO BE HAD: install it or set TEST_POSTGRES_URL. Its tests do not run.";
        assert!(std::env::var("CI").is_err(), "{message}");
        eprintln!("\n*** {message} ***\n");
        return None;
    };
    Some(private(&binaries))
}

fn binaries() -> Option<PathBuf> {
    let packaged = fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let mut places: Vec<PathBuf> = packaged.collect();
    places.sort();
    places.reverse();
    places.extend(["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    places.into_iter().find(|place| place.join("initdb").exists() && place.join("postgres").exists())
}

fn private(binaries: &Path) -> Server {
    let folder = tempfile::Builder::new().prefix("payterms-pg-").tempdir().expect("a folder").keep();
    let data = folder.join("data");
    let root = rustix::process::geteuid().is_root();
    if root {
        let changed = Command::new("chown").arg("postgres").arg(&folder).status().expect("chown runs");
        assert!(changed.success(), "the folder is given to the user postgres");
    }
    let run = |script: &str| {
        let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
        if root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let initdb = format!("{}/initdb -D {} -U postgres -A trust --no-sync -E UTF8", binaries.display(), data.display());
    assert!(run(&initdb).status().expect("sh runs").success(), "initdb: {initdb}");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let server = format!(
        "{}/postgres -D {} -p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300 -c shared_buffers=64MB",
        binaries.display(),
        data.display(),
        folder.display()
    );
    // The shell outlives this process by the time it takes to stop the server.
    let keep = format!("{server} >{0}/log 2>&1 & read _; kill -INT $!; wait; rm -rf {0}", folder.display());
    let keeper = run(&keep).stdin(Stdio::piped()).spawn().expect("sh runs");
    let until = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "PostgreSQL starts: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    let place = format!("127.0.0.1:{port}");
    Server { owner: format!("postgres@{place}"), place, _keeper: Some(Mutex::new(keeper)) }
}
