//! `PgBouncer` in transaction mode before the tests' PostgreSQL, set up as
//! docs/runbooks/postgres.md says.

use crate::process::free_address;
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A pooler that ends with its test.
#[derive(Debug)]
pub struct Pooler {
    /// Where it listens.
    pub at: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

/// What the page lets the pooler say on each connection to the server.
///
/// # Panics
/// Where the page has no such line.
#[must_use]
pub fn connect_query() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbooks/postgres.md");
    let page = fs::read_to_string(page).expect("the page");
    let query = page
        .lines()
        .find_map(|line| line.split_once(" connect_query="))
        .map(|(_, query)| query.to_owned());
    query.expect("the page has a connect_query")
}

impl Pooler {
    /// Starts one before the server `host:port`, whose connections begin with `connect_query`, as
    /// its configuration has it; none where it is not installed.
    ///
    /// # Panics
    /// Where `CI` is set and it is not installed, or where it does not start.
    #[must_use]
    pub fn before(server: &str, connect_query: Option<&str>) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|program| Path::new(program).exists());
        let Some(program) = program else {
            assert!(
                std::env::var_os("CI").is_none(),
                "pgbouncer is not installed: apt-get install pgbouncer"
            );
            eprintln!("pgbouncer is not installed, so nothing is tested with it");
            return None;
        };
        let (at, folder) = (free_address(), tempfile::tempdir().expect("a folder"));
        // It becomes another user, who reads these files.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .expect("a folder of its own");
        let users = folder.path().join("users");
        let roles = ["wallet", "invoicing", "credit", "plans"]
            .map(|service| format!("\"payterms_{service}\" \"\"\n"));
        fs::write(&users, roles.concat()).expect("a file");
        let (host, port) = server.split_once(':').expect("host:port");
        let user = if rustix::process::geteuid().is_root() { "user = postgres\n" } else { "" };
        let query =
            connect_query.map(|query| format!(" connect_query={query}")).unwrap_or_default();
        let configuration = format!(
            "[databases]\n* = host={host} port={port}{query}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 10\nmax_client_conn = 1000\n{user}",
            at.ip(),
            at.port(),
            users.display()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, configuration).expect("a file");
        let process = Command::new(program)
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut pooler = Self { at, process, _folder: folder };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(at).is_err() {
            assert!(
                pooler.process.try_wait().expect("a child").is_none() && Instant::now() < until,
                "pgbouncer serves"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(pooler)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
