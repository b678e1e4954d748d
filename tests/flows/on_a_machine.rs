//! Who has only docs/deploying-on-a-machine.md gets there: its blocks run as they stand, in one
//! shell, in production mode, and those up to the start once more. Beside the shell are stand-ins
//! for what a test cannot have: a release build, another user, systemd.

use crate::{
    clients::has,
    guides::{END, blocks_of, missing},
    rig::BINARY,
};
use payterms_testkit::postgres;
use std::{
    fmt::Write,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

/// Runs as who asks, and without the variables of who asks. What stands for the server's socket and
/// its administrator is handed on.
const SUDO: &str = r#"server=()
case $1 in useradd|chown) exit 0 ;; -u) server=(PGHOST="$PGHOST" PGUSER=postgres); shift 2 ;; esac
exec env -i PATH="$PATH" UNITS="$UNITS" "${server[@]}" "$@""#;
/// Starts the processes of units, with the environment that they name, and again when they end by
/// themselves; what is enabled and runs stays.
const SYSTEMCTL: &str = r#"verb=$1
always() {
  while :; do
    env $(cat "$1") "$2" & child=$!
    trap 'kill $child 2>/dev/null; wait $child; exit 0' TERM
    wait $child
    sleep 1
  done
}
for word in "$@"; do
  case $word in payterms@*) ;; *) continue ;; esac
  name=${word#payterms@}
  value() { sed -n "s/^$1=//p" "$UNITS/payterms@.service" | sed "s/%i/$name/g"; }
  if [ -e "$UNITS/$name.pid" ]; then
    [ "$verb" = restart ] || continue
    kill "$(cat "$UNITS/$name.pid")"
    while kill -0 "$(cat "$UNITS/$name.pid")" 2>/dev/null; do sleep 0.1; done
  fi
  always "$(value EnvironmentFile)" "$(value ExecStart)" >>"$UNITS/$name.log" 2>&1 &
  echo $! >"$UNITS/$name.pid"
done"#;
/// What the page does about certificates that end soon, done to those that were just made: all are
/// renewed, each part takes its own without a restart, and the suite still answers. What parts read
/// has no key of the authority.
const RENEWED: &str = r#"[ -z "$(find "$P" -name authority.key)" ]
[ "$(sudo env RENEW=400 k8s/certificates "$P/tls" "$AUTHORITY" "$NAME" | grep -c 'a certificate for')" = 6 ]
soon() { for attempt in $(seq 100); do "$@" && return; sleep 0.2; done; return 1; }
for part in wallet invoicing credit plans gateway; do soon grep -q 'certificates have changed' "$UNITS/$part.log"; done
serial=$(openssl x509 -in "$P/tls/door/tls.crt" -noout -serial)
shown() { openssl s_client -connect "$NAME:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial | grep -qx "$serial"; }
soon shown
operate health"#;

/// Something that is sealed, before the page's block about keys runs once more.
const SEALED: &str = r#"call "$(token --role ADMIN --tenant acme)" invoicing.v1.WebhookEndpointService/CreateWebhookEndpoint '{ "requestId": "'"$(id)"'",
  "parent": "tenants/acme", "webhookEndpoint": { "url": "https://hook.acme.example/" } }'
before=$(sudo "$BIN/payterms" keys list --keys "$P/keys" seal webhooks | awk '{ print $2 }')"#;
/// All that is sealed is so with other keys than before.
const RESEALED: &str = r#"operate sealed | grep -q 'invoicing.*webhook_endpoints.*all tenants.*seals'
[ "$(operate sealed | grep -cF "$before")" = 0 ]
[ "$(sudo "$BIN/payterms" keys list --keys "$P/keys" seal webhooks | grep -c ,)" = 0 ]
[ "$(stat -c %a "$P/keys/webhooks.key")" = 600 ]"#;

pub(crate) fn program(folder: &Path, name: &str, shell: &str) {
    fs::create_dir_all(folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/usr/bin/env bash\n{shell}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "programs are looked for where the test's own are")]
async fn the_page_leads_from_a_checkout_to_a_verified_suite() {
    if !["bash", "curl", "python3", "openssl", "psql"]
        .iter()
        .all(|program| has(program, "--version"))
    {
        return;
    }
    // Production asks for a server that keeps what it has confirmed.
    let Some(server) = postgres::private("-c fsync=on -c max_connections=100") else { return };
    let (host, port) = server.place.rsplit_once(':').unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let [checkout, bin, units, stand_ins] =
        ["checkout", "bin", "units", "stand-ins"].map(|name| scratch.path().join(name));
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
        program(
            &built,
            &format!("payterms-{part}"),
            &format!("exec '{BINARY}' service {part} \"$@\""),
        );
    }
    program(&stand_ins, "cargo", "exit 0");
    program(&stand_ins, "sudo", SUDO);
    program(&stand_ins, "systemctl", SYSTEMCTL);

    let page = blocks_of(&root.join("docs/deploying-on-a-machine.md"));
    let mut script = "exec 2>&1\nset -eu\ntrap 'kill $(cat \"$UNITS\"/*.pid)' EXIT\n".to_owned();
    let started = page.iter().position(|block| block.shell.contains("systemctl enable")).unwrap();
    let again = page[..=started].iter().map(|block| block.shell.as_str());
    let sealed =
        page.iter().find(|block| block.shell.contains("operate reseal")).unwrap().shell.as_str();
    for block in page
        .iter()
        .map(|block| block.shell.as_str())
        .chain(again)
        .chain([RENEWED, SEALED, sealed, RESEALED])
    {
        writeln!(script, "{block}\necho '{END}'").unwrap();
    }
    // Fifteen ports in a row, below those that other tests take.
    let port_of_gateway = 9_000 + std::process::id() % 150 * 20;
    let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(&checkout).stdin(Stdio::null()).env("PATH", path);
    bash.env("P", scratch.path().join("payterms"))
        .env("AUTHORITY", scratch.path().join("authority"))
        .env("BIN", &bin)
        .env("UNITS", &units)
        .env("PORT", port_of_gateway.to_string());
    bash.env("PGHOST", host).env("PGPORT", port);
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
    // What failed comes last: of a long report only the end is shown.
    assert!(
        run.status.success(),
        "{}\nblock {} fails:\n{}",
        logs(),
        outputs.len(),
        outputs.last().unwrap()
    );
    for (block, output) in page.iter().zip(&outputs) {
        for expected in &block.expected {
            assert_eq!(
                missing(expected, output),
                None,
                "of\n{}\nthe page expects\n{expected}\nand sees\n{output}",
                block.shell
            );
        }
    }
}

/// Keys in the middle of their replacement, and an authority that follows another.
#[test]
fn scripts_that_run_again_leave_what_is_there() {
    if !["bash", "openssl"].iter().all(|program| has(program, "--version")) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let [keys, tls, first, second] =
        ["keys", "tls", "first", "second"].map(|name| scratch.path().join(name));
    let script = |name: &str, arguments: &[&Path], renew: &str| {
        let run = Command::new(root.join("k8s").join(name))
            .args(arguments)
            .env("RENEW", renew)
            .output()
            .unwrap();
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    };
    let make_keys = || script("keys", &[&keys, Path::new("callers")], "30");
    make_keys();
    let keys_command = |arguments: &[&str]| {
        let run = Command::new(BINARY)
            .arg("keys")
            .args(arguments)
            .arg("--keys")
            .arg(&keys)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    for step in ["rotate", "switch"] {
        keys_command(&[step, "callers", "wallet", "seal"]);
        keys_command(&["publish", "callers", "--to", keys.join("jwks.json").to_str().unwrap()]);
        let before = files_in(&keys);
        make_keys();
        assert_eq!(files_in(&keys), before, "after {step}");
    }
    fs::remove_file(keys.join("callers.key")).unwrap();
    let set = fs::read(keys.join("jwks.json")).unwrap();
    make_keys();
    assert_ne!(fs::read(keys.join("jwks.json")).unwrap(), set, "the set has the key that is there");

    script("certificates", &[&tls, &first], "30");
    let before = files_in(&tls.join("wallet"));
    script("certificates", &[&tls, &first], "30");
    assert_eq!(files_in(&tls.join("wallet")), before);
    script("certificates", &[&tls, &second], "30");
    let believed = fs::read_to_string(tls.join("wallet/ca.crt")).unwrap();
    for authority in [&first, &second] {
        assert!(believed.contains(&fs::read_to_string(authority.join("authority.crt")).unwrap()));
    }
    let shown = |name: &str| fs::read(tls.join("wallet").join(name)).unwrap();
    let certificate = shown("tls.crt");
    assert_eq!(
        before.iter().find(|(name, _, _)| name == "tls.crt").unwrap().2,
        certificate,
        "not before it is asked for"
    );
    script("certificates", &[&tls, &second], "400");
    assert_ne!(shown("tls.crt"), certificate);
    assert_eq!(fs::read_to_string(tls.join("wallet/ca.crt")).unwrap(), believed);
}

/// The files of a folder by name, each with its inode, which tells that it was not replaced, and
/// its content.
fn files_in(folder: &Path) -> Vec<(String, u64, Vec<u8>)> {
    let file = |entry: fs::DirEntry| {
        (
            entry.file_name().into_string().unwrap(),
            entry.metadata().unwrap().ino(),
            fs::read(entry.path()).unwrap(),
        )
    };
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| file(entry.unwrap())).collect();
    files.sort();
    files
}
