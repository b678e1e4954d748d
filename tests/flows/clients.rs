//! A client generated in another language from the protos does what ours does.

use payterms_chassis::call::Caller;
use payterms_suite::shop;
use payterms_testkit::{Database, World, people::person};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Python with a module: `PAYTERMS_PYTHON`, or the one on the path if it has it. In CI it must be
/// there.
pub(crate) fn python_with(module: &str) -> Option<String> {
    let candidate = option_python();
    let has = Command::new(&candidate)
        .args(["-c", &format!("import {module}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has {
        assert!(!in_ci(), "Python's {module} is not to be had, and CI is set");
        eprintln!("\n*** Python's {module} IS NOT TO BE HAD: what needs it is not tested ***\n");
    }
    has.then_some(candidate)
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn option_python() -> String {
    std::env::var("PAYTERMS_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_tops_up_and_reads_the_balance() {
    let Some(python) = python_with("grpc_tools") else { return };
    let world = World::start(Database::Sqlite).await.unwrap();
    let (customer, wallet) = world.usual().await;
    shop::open(&world.someone("OWNER", None), "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, world.suite.gateway, &customer, "tok_visa").await.unwrap().unwrap();
    let token = world.suite.token(&person("acme", "CUSTOMER_ADMIN", Some(&customer)), 600).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = [
        here.join("../proto").display().to_string(),
        world.suite.gateway.to_string(),
        token,
        wallet,
    ];
    let run =
        Command::new(python).arg(here.join("clients/top_up.py")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(said.trim(), "SUCCEEDED 25.00 USD, balance 25.00 USD, refused: BELOW_MINIMUM");
    world.end().await;
}

/// What every client's story ends in, in each language.
const STORY: &str = "entries DEBIT -3, GRANT 10; refused INSUFFICIENT_FUNDS 7; wrong: amount FIELD_REQUIRED, \
                     request_id REQUEST_ID_REQUIRED, wallet RESOURCE_NAME_INVALID";

/// A program in the folder of `PAYTERMS_PYTHON`, or on the path. In CI it must be there.
pub(crate) fn beside_python(program: &str) -> Option<PathBuf> {
    let beside = Path::new(&option_python()).with_file_name(program);
    let found = if beside.is_file() { beside } else { program.into() };
    has(&found.to_string_lossy(), "--version").then_some(found)
}

/// Whether a program is there. In CI it must be.
pub(crate) fn has(program: &str, argument: &str) -> bool {
    // Some plugins know no argument at all: it is enough that they start.
    let there = Command::new(program).arg(argument).stdin(Stdio::null()).output().is_ok();
    assert!(there || !in_ci(), "{program} is not to be had, and CI is set");
    if !there {
        eprintln!("\n*** {program} IS NOT TO BE HAD: what needs it is not tested ***\n");
    }
    there
}

/// The folder of the protos.
fn protos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto").canonicalize().unwrap()
}

/// Runs `buf generate` with the file of the repository, whose plugins are local programs; answers
/// where it put the clients. `None` where one of the programs is not to be had; in CI they must be.
fn generated(folder: &Path) -> Option<PathBuf> {
    let programs = Path::new(&node_modules()?).join(".bin");
    let texts =
        ["buf", "protoc-gen-es"].map(|program| programs.join(program).display().to_string());
    let all = texts.iter().map(String::as_str).chain([
        "protoc",
        "protoc-gen-go",
        "protoc-gen-go-grpc",
        "grpc_java_plugin",
    ]);
    let there: Vec<_> = all.map(|program| has(program, "--version")).collect();
    if there.contains(&false) {
        return None;
    }
    let path = format!("{}:{}", programs.display(), option_path());
    let run = Command::new(programs.join("buf"))
        .arg("generate")
        .arg("-o")
        .arg(folder)
        .current_dir(protos())
        .env("PATH", path)
        .output();
    let run = run.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let made = folder.join("gen");
    for file in [
        "ts/payterms/wallet/v1/posting_service_pb.ts",
        "python/payterms/wallet/v1/posting_service_pb2.py",
    ] {
        assert!(made.join(file).exists(), "{file}");
    }
    assert!(
        !made.join("ts/payterms/wallet/peers").exists(),
        "what only services call is no client's"
    );
    Some(made)
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn option_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Lets a client of another language be built and played; `play` takes what it is made of, a
/// folder, gateway and token.
async fn plays_the_story(mut play: Command, source: &Path, build: Option<&Path>) {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let both =
        Caller { roles: vec!["STAFF".into(), "SERVICE".into()], ..person("acme", "STAFF", None) };
    let build = build.map_or_else(|| world.folder.path().join("client"), Path::to_path_buf);
    let run = play
        .arg(source)
        .arg(build)
        .arg(world.suite.gateway.to_string())
        .arg(world.suite.token(&both, 600).unwrap());
    let run = run.output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(said.trim(), STORY);
    world.end().await;
}

fn play(language: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(language).join("play"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_client_plays_the_story() {
    let folder = tempfile::tempdir().unwrap();
    if !has("go", "version") {
        return;
    }
    if let Some(made) = generated(folder.path()) {
        plays_the_story(play("go"), &made, None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_java_client_plays_the_story() {
    let folder = tempfile::tempdir().unwrap();
    if !has("javac", "-version") {
        return;
    }
    if let Some(made) = generated(folder.path()) {
        plays_the_story(play("java"), &made, None).await;
    }
}

/// It keeps what it has built in a folder of the workspace's target, since its features are others
/// than those of the workspace.
#[tokio::test(flavor = "multi_thread")]
async fn a_rust_client_outside_the_workspace_plays_the_story() {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-client");
    plays_the_story(play("rust"), &protos(), Some(&build)).await;
}

/// The folder with the JavaScript clients of the Connect protocol: `PAYTERMS_NODE_MODULES`. In CI
/// it must be there.
pub(crate) fn node_modules() -> Option<String> {
    let folder = option_node_modules();
    if folder.is_none() {
        assert!(!in_ci(), "PAYTERMS_NODE_MODULES is not set, and CI is");
        eprintln!(
            "\n*** The clients of the Connect protocol ARE NOT TO BE HAD: what needs them is not tested ***\n"
        );
    }
    folder
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn option_node_modules() -> Option<String> {
    std::env::var("PAYTERMS_NODE_MODULES").ok()
}
