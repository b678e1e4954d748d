//! Who has only docs/deploying-on-a-machine.md gets there: its blocks run as they stand, in one shell, in production mode. Beside the shell
//! are stand-ins for what a test cannot have: a release build, another user, systemd.

use crate::{
    clients::has,
    guides::{END, blocks_of, missing},
    rig::BINARY,
};
use payterms_testkit::postgres;
use std::{
    fmt::Write,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

/// Runs as who asks.
const SUDO: &str = r#"case $1 in useradd|chown) exit 0 ;; -u) shift 2 ;; esac
exec "$@""#;
/// Starts the processes of units, with the environment that they name.
const SYSTEMCTL: &str = r#"for word in "$@"; do
  case $word in payterms@*) ;; *) continue ;; esac
  name=${word#payterms@}
  value() { sed -n "s/^$1=//p" "$UNITS/payterms@.service" | sed "s/%i/$name/g"; }
  [ -e "$UNITS/$name.pid" ] && kill "$(cat "$UNITS/$name.pid")"
  env $(cat "$(value EnvironmentFile)") "$(value ExecStart)" >>"$UNITS/$name.log" 2>&1 &
  echo $! >"$UNITS/$name.pid"
done"#;

pub(crate) fn program(folder: &Path, name: &str, shell: &str) {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/usr/bin/env bash\n{shell}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "programs are looked for where the test's own are")]
async fn the_page_leads_from_a_checkout_to_a_verified_suite() {
    if !["bash", "curl", "python3", "openssl", "psql"].iter().all(|program| has(program, "--version")) {
        return;
    }
    // Production asks for a server that keeps what it has confirmed.
    let Some(server) = postgres::private("-c fsync=on -c max_connections=100") else { return };
    let (host, port) = server.place.rsplit_once(':').unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let [checkout, bin, units, stand_ins] = ["checkout", "bin", "units", "stand-ins"].map(|name| scratch.path().join(name));
    for folder in [&checkout, &bin, &units] {
        fs::create_dir(folder).unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    for folder in ["k8s", "systemd"] {
        symlink(root.join(folder), checkout.join(folder)).unwrap();
    }
    let built = checkout.join("target/release");
    program(&built, "payterms", &format!("exec '{BINARY}' \"$@\""));
    for part in ["wallet", "invoicing", "credit", "plans", "gateway", "migrate"] {
        program(&built, &format!("payterms-{part}"), &format!("exec '{BINARY}' service {part} \"$@\""));
    }
    program(&stand_ins, "cargo", "exit 0");
    program(&stand_ins, "sudo", SUDO);
    program(&stand_ins, "systemctl", SYSTEMCTL);

    let page = blocks_of(&root.join("docs/deploying-on-a-machine.md"));
    let mut script = "exec 2>&1\nset -eu\ntrap 'kill $(cat \"$UNITS\"/*.pid)' EXIT\n".to_owned();
    for block in &page {
        writeln!(script, "{}\necho '{END}'", block.shell).unwrap();
    }
    // Fifteen ports in a row, below those that other tests take.
    let port_of_gateway = 9_000 + std::process::id() % 150 * 20;
    let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(&checkout).stdin(Stdio::null()).env("PATH", path);
    bash.env("P", scratch.path().join("payterms")).env("BIN", &bin).env("UNITS", &units).env("PORT", port_of_gateway.to_string());
    bash.env("PGHOST", host).env("PGPORT", port).env("PGUSER", "postgres");
    let run = tokio::task::spawn_blocking(move || bash.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let outputs: Vec<_> = said.split(END).collect();
    let logs = || {
        let logs = fs::read_dir(&units)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| file.extension().is_some_and(|end| end == "log"));
        logs.map(|file| fs::read_to_string(file).unwrap()).collect::<String>()
    };
    assert!(run.status.success(), "block {} fails:\n{}\n{}", outputs.len(), outputs.last().unwrap(), logs());
    for (block, output) in page.iter().zip(&outputs) {
        for expected in &block.expected {
            assert_eq!(missing(expected, output), None, "of\n{}\nthe page expects\n{expected}\nand sees\n{output}", block.shell);
        }
    }
}
