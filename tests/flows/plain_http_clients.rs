//! Clients that others wrote, over plain HTTP: pages of browsers, the published clients of Connect
//! and gRPC-Web, the five stories as JSON, and the tools that judge the contract as `OpenAPI`.

use crate::{
    clients, invariants,
    plain_http::{Curl, GET_WALLET},
    rig,
    wallets::grant,
};
use payterms_proto::wallet::v1::{GetWalletRequest, GetWalletResponse};
use payterms_suite::client::amount;
use payterms_testkit::{Database, World, on_both, people::person};
use prost::Message;
use reqwest::{Client, Method};
use std::{path::Path, process::Command};

on_both!(pages_call_by_grpc_web,);

async fn pages_call_by_grpc_web(world: &World) {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let staff = Curl::of(world, "STAFF", None);
    let message = GetWalletRequest { name: wallet.clone() }.encode_to_vec();
    let framed =
        [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    let binary =
        staff.post(GET_WALLET, "application/grpc-web+proto", framed.clone()).send().await.unwrap();
    assert_eq!(binary.status(), 200);
    let text = staff.post(GET_WALLET, "application/grpc-web-text", STANDARD.encode(&framed));
    let text = text.header("accept", "application/grpc-web-text").send().await.unwrap();
    // Each frame is base64 of its own, so padding may stand in the middle; four characters stand
    // alone everywhere.
    let text = text.bytes().await.unwrap();
    let text: Vec<u8> = text.chunks(4).flat_map(|four| STANDARD.decode(four).unwrap()).collect();
    for bytes in [binary.bytes().await.unwrap().to_vec(), text] {
        let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
        let read = GetWalletResponse::decode(&bytes[5..5 + length]).unwrap().wallet.unwrap();
        assert_eq!(read.balance.unwrap().posted, amount("USD", 10, 0));
        let trailers = String::from_utf8_lossy(&bytes[5 + length..]).into_owned();
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
    }
    let nobody = Curl { token: "none".to_owned(), ..staff };
    let refused =
        nobody.post(GET_WALLET, "application/grpc-web+proto", framed).send().await.unwrap();
    assert_eq!(refused.headers()["grpc-status"], "16");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_call_only_where_they_are_named() {
    for (options, allowed) in
        [(vec!["--cors-origins=https://shop.example".to_owned()], true), (Vec::new(), false)]
    {
        let Some(rig) = rig::start_with(false, &options).await else { return };
        let asked = |origin: &'static str| {
            let asked = Client::new()
                .request(Method::OPTIONS, format!("http://{}/{GET_WALLET}", rig.gateway));
            let asked =
                asked.header("origin", origin).header("access-control-request-method", "POST");
            asked
                .header(
                    "access-control-request-headers",
                    "authorization,content-type,idempotency-key",
                )
                .send()
        };
        let answer = asked("https://shop.example").await.unwrap();
        let named = answer
            .headers()
            .get("access-control-allow-origin")
            .map(|origin| origin.to_str().unwrap().to_owned());
        assert_eq!(
            (answer.status().is_success(), named.as_deref()),
            (allowed, allowed.then_some("https://shop.example"))
        );
        let answer = asked("https://other.example").await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"));
    }
}

async fn stories_over_json(database: Database) {
    let Some(world) = World::over_json(database).await else { return };
    let world = world.play_the_stories().await;
    invariants::hold(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_stories_run_over_json_on_sqlite() {
    Box::pin(stories_over_json(Database::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_stories_run_over_json_on_postgres() {
    Box::pin(stories_over_json(Database::Postgres)).await;
}

/// The clients that the makers of the protocols publish, in JavaScript.
#[tokio::test(flavor = "multi_thread")]
async fn clients_of_connect_and_grpc_web_do_what_ours_does() {
    let Some(modules) = clients::node_modules() else { return };
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    grant(&world, &wallet, amount("USD", 10, 0), 0).await;
    let token = world.suite.token(&person("acme", "SERVICE", None), 600).unwrap();
    let descriptors = world.folder.path().join("descriptors.bin");
    std::fs::write(&descriptors, payterms_proto::DESCRIPTOR_SET).unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let arguments = [
        modules,
        descriptors.display().to_string(),
        format!("http://{}", world.suite.gateway),
        token,
        wallet.clone(),
    ];
    let run = Command::new("node")
        .arg(here.join("clients/connect.cjs"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let each = "debited 1.00, replayed, refused INSUFFICIENT_FUNDS, streamed 3";
    assert_eq!(
        said.trim(),
        format!("connect+json: {each}\nconnect+proto: {each}\ngrpc-web: {each}\ngrpc: {each}")
    );
    invariants::hold(&world).await;
    world.end().await;
}

/// The contract as `OpenAPI` has it is right by the judgement of tools that others wrote: it is
/// well formed, and what it says of requests and answers holds for calls that are made of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_as_openapi_holds() {
    let (Some(modules), Some(python)) =
        (clients::node_modules(), clients::python_with("schemathesis"))
    else {
        return;
    };
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let at = format!("http://{}/openapi.json", world.suite.gateway);
    let file = world.folder.path().join("openapi.json");
    std::fs::write(&file, Client::new().get(&at).send().await.unwrap().bytes().await.unwrap())
        .unwrap();
    let linted = Command::new(Path::new(&modules).join(".bin/redocly"))
        .args(["lint", "--extends", "minimal"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        linted.status.success(),
        "{}{}",
        String::from_utf8_lossy(&linted.stdout),
        String::from_utf8_lossy(&linted.stderr)
    );
    let token = world.suite.token(&person("acme", "STAFF", None), 600).unwrap();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    let header = format!("Authorization: Bearer {token}");
    let run = Command::new(Path::new(&python).with_file_name("schemathesis"))
        .args([
            "run",
            &at,
            "-H",
            &header,
            "--phases",
            "fuzzing",
            "--max-examples",
            "4",
            "--seed",
            "1",
            "--checks",
            checks,
        ])
        .args(["--no-color", "--workers", "2"])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
    invariants::hold(&world).await;
    world.end().await;
}
