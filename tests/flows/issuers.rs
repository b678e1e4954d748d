//! Callers' tokens of an identity provider: its keys at an address that rotates, fails and comes
//! back, or in a file that is replaced; tokens as Keycloak and Auth0 write them.

use crate::{contract::channel, rig::BINARY};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use payterms_kernel::{Clock, SystemClock};
use payterms_proto::{
    invoicing::v1::ListTenantsRequest,
    wallet::v1::{ListEntriesRequest, ListWalletsRequest},
};
use payterms_suite::Session;
use payterms_testkit::{
    Database, World,
    issuer::{Issuer, IssuerKey, Publishes, set_of},
    process::{Process, free_address},
    reason,
};
use serde_json::{Value, json};
use std::{fs, net::SocketAddr, path::Path, time::Duration};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const ISSUER: &str = "https://sso.example/realms/acme";

/// A gateway of its own before the services of a world, which believes an issuer.
struct Door {
    at: SocketAddr,
    _process: Process,
}

impl Door {
    async fn open(world: &World, options: &[String]) -> Self {
        let at = free_address();
        let keys = world.folder.path().join("keys");
        let mut arguments = vec![
            format!("--keys={}", keys.display()),
            "--log=off".to_owned(),
            "--mode=development".to_owned(),
        ];
        arguments.extend(
            world.suite.services.iter().map(|(name, at)| format!("--peer={name}=http://{at}")),
        );
        arguments.extend_from_slice(options);
        Self { at, _process: Process::service(BINARY, "gateway", at, &arguments, &[]).await }
    }

    /// What a call with this token comes to: its reason, or nothing where it is let in.
    async fn refuses(&self, token: &str) -> String {
        let list = ListEntriesRequest {
            parent: "tenants/acme/customers/-/wallets/-".to_owned(),
            ..ListEntriesRequest::default()
        };
        match Session::new(self.at, token).unwrap().wallets().list_entries(list).await {
            Ok(_) => String::new(),
            Err(status) => reason(&status),
        }
    }

    /// Calls until it comes to something, as it will once the keys were read again.
    async fn comes_to(&self, token: &str, expected: &str) {
        while self.refuses(token).await != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let mut health = HealthClient::new(channel(self.at).await);
        let answers: Vec<_> = futures::future::join_all(["", "readiness"].map(|service| {
            let mut health = health.clone();
            async move {
                health
                    .check(HealthCheckRequest { service: service.to_owned() })
                    .await
                    .unwrap()
                    .into_inner()
                    .status
            }
        }))
        .await;
        let alive = health
            .check(HealthCheckRequest { service: "liveness".to_owned() })
            .await
            .unwrap()
            .into_inner()
            .status;
        assert!(alive == 1 && answers[0] == answers[1]);
        answers[0] == 1
    }

    /// The status of `/readyz`, and what it says.
    async fn told(&self) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}/readyz", self.at)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn tells(&self, what: &str) {
        while !self.told().await.1.contains(what) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// The claims of someone of tenant `acme`, with these changed.
fn claims(changed: &Value) -> Value {
    let mut all = json!({ "iss": ISSUER, "aud": ["account", "payterms"], "sub": "f:1:ann", "iat": now(), "exp": now() + 300, "tenant": "acme" });
    all.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    all
}

fn staff() -> Value {
    claims(&json!({ "roles": ["STAFF"] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_at_an_address_rotate_and_hold_while_it_fails() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let issuer = Issuer::start().await;
    let [first, second, third] =
        ["first", "second", "third"].map(|id| IssuerKey::make(id, Algorithm::EdDSA));
    let door = Door::open(
        &world,
        &[
            format!("--jwks-url={}", issuer.url()),
            format!("--issuer={ISSUER}"),
            "--jwks-every-seconds=1".to_owned(),
        ],
    )
    .await;
    // Before there were keys nobody is let in, and nobody should come.
    assert!(!door.is_ready().await);
    door.tells("status 503").await;
    assert_eq!(door.told().await.0, 503);
    assert_eq!(door.refuses(&first.token(&staff())).await, "UNAVAILABLE");
    issuer.publish_keys(&[&first]);
    door.comes_to(&first.token(&staff()), "").await;
    assert!(door.is_ready().await && door.told().await.0 == 200);
    // A key that was published a moment ago counts for the first token that it has signed.
    issuer.publish_keys(&[&first, &second]);
    assert_eq!(door.refuses(&second.token(&staff())).await, "");
    // What was taken away ends, also for a token that was believed.
    let believed = first.token(&staff());
    assert_eq!(door.refuses(&believed).await, "");
    issuer.publish_keys(&[&second]);
    door.comes_to(&believed, "TOKEN_INVALID").await;
    // Tokens of keys that nobody has published do not make the gateway read for each.
    let before = issuer.readings();
    let stranger = third.token(&staff());
    let strangers = Session::new(door.at, &stranger).unwrap();
    let call =
        async || strangers.wallets().list_wallets(ListWalletsRequest::default()).await.map(drop);
    for refused in futures::future::join_all((0..400).map(|_| call())).await {
        assert_eq!(reason(&refused.unwrap_err()), "TOKEN_INVALID");
    }
    assert!(issuer.readings() - before < 100, "{}", issuer.readings() - before);
    // Whatever the address answers, the last keys count, and what is wrong is told.
    for (publishes, this_text) in [
        (Publishes::Status(500), "status 500"),
        (Publishes::Status(302), "status 302"),
        (Publishes::Text("<html>maintenance</html>".to_owned()), "no set of keys"),
        (Publishes::Text("{\"keys\":[]}".to_owned()), "it is empty"),
        (Publishes::Endlessly, "length limit exceeded"),
        (Publishes::Nothing, "no whole answer within 5 s"),
    ] {
        issuer.publish(publishes);
        door.tells(this_text).await;
        assert_eq!(door.refuses(&second.token(&staff())).await, "", "{this_text}");
        assert!(door.is_ready().await);
    }
    issuer.publish_keys(&[&third]);
    door.comes_to(&third.token(&staff()), "").await;
    door.tells("\"notes\":{}").await;
    assert_eq!(door.refuses(&second.token(&staff())).await, "TOKEN_INVALID");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_in_one_process_reads_keys_at_an_address_as_the_gateway_does() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start().await;
    let [first, second] = ["first", "second"].map(|id| IssuerKey::make(id, Algorithm::EdDSA));
    issuer.publish_keys(&[&first]);
    let options = [
        format!("--jwks-url={}", issuer.url()),
        format!("--issuer={ISSUER}"),
        "--jwks-every-seconds=1".to_owned(),
    ];
    let at = free_address();
    let process = Process::suite_with(BINARY, folder.path(), at, free_address(), &options).await;
    let door = Door { at, _process: process };
    let operator = claims(&json!({ "tenant": null, "roles": ["OPERATOR"] }));
    let list = async |key: &IssuerKey| {
        let listed = Session::new(door.at, &key.token(&operator))
            .unwrap()
            .tenants()
            .list_tenants(ListTenantsRequest::default())
            .await;
        listed.map_or_else(|status| reason(&status), |_| String::new())
    };
    while !list(&first).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(list(&second).await, "TOKEN_INVALID");
    issuer.publish_keys(&[&second]);
    while !list(&second).await.is_empty() || list(&first).await != "TOKEN_INVALID" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    issuer.publish(Publishes::Status(500));
    door.tells("status 500").await;
    assert_eq!(list(&second).await, "", "the last keys count while the address fails");
}

/// Options of a gateway with the keys and the map of claims in files.
fn files(folder: &Path, keys: &[&IssuerKey], map: &str) -> Vec<String> {
    let (jwks, claims) = (folder.join("issuer.json"), folder.join("claims.toml"));
    fs::write(&jwks, set_of(keys)).unwrap();
    fs::write(&claims, map).unwrap();
    vec![
        format!("--jwks={}", jwks.display()),
        format!("--claims={}", claims.display()),
        format!("--issuer={ISSUER}"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_as_keycloak_writes_them() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    let id = customer.rsplit('/').next().unwrap();
    let key = IssuerKey::make("4l1-Xn", Algorithm::RS256);
    // Keycloak publishes a key for encryption beside.
    let mut other = IssuerKey::make("enc", Algorithm::ES256);
    other.public["use"] = "enc".into();
    let map = "roles = [[\"realm_access\", \"roles\"], [\"resource_access\", \"payterms\", \"roles\"]]\n[role_names]\nclerk = \"STAFF\"\nbuyer = \"MEMBER\"\n";
    let mut options = files(world.folder.path(), &[&key, &other], map);
    options.extend(["--audience=payterms-api", "--longest-token-seconds=600"].map(str::to_owned));
    let door = Door::open(&world, &options).await;
    let token = |changed: Value| {
        let mut all = claims(&json!({
            "aud": ["account", "payterms-api"], "typ": "Bearer", "azp": "portal", "scope": "openid email",
            "realm_access": { "roles": ["offline_access", "clerk"] }, "resource_access": { "account": { "roles": ["STAFF"] } },
        }));
        all.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        key.token(&all)
    };
    assert_eq!(door.refuses(&token(json!({}))).await, "");
    // A member of the issuer's client sees its own customer alone.
    let member = token(json!({
        "realm_access": { "roles": [] }, "resource_access": { "payterms": { "roles": ["buyer"] } }, "customer": id,
    }));
    let session = Session::new(door.at, &member).unwrap();
    let list = |parent: &str| ListWalletsRequest {
        parent: parent.to_owned(),
        ..ListWalletsRequest::default()
    };
    session.wallets().list_wallets(list(&customer)).await.unwrap();
    let others = session
        .wallets()
        .list_wallets(list(&world.customer("acme", "GB").await))
        .await
        .unwrap_err();
    assert_eq!(reason(&others), "RESOURCE_NOT_FOUND");
    for (changed, expected) in [
        // Our own names count for nothing where the map has names.
        (json!({ "realm_access": { "roles": ["STAFF", "OWNER", "PEER"] } }), "ROLE_REQUIRED"),
        (json!({ "realm_access": { "roles": ["Clerk"] } }), "ROLE_REQUIRED"),
        (json!({ "realm_access": { "roles": "clerk" } }), ""),
        (json!({ "realm_access": { "roles": { "clerk": true } } }), "TOKEN_INVALID"),
        (json!({ "aud": "payterms" }), "TOKEN_INVALID"),
        (json!({ "aud": "payterms-api" }), ""),
        (json!({ "iss": "https://sso.example/realms/other" }), "TOKEN_INVALID"),
        (json!({ "tenant": ["acme"] }), "TOKEN_INVALID"),
        (json!({ "exp": now() + 3_600 }), "TOKEN_INVALID"),
        (json!({ "iat": now() - 3_600 }), "TOKEN_INVALID"),
        (json!({ "exp": now() - 60, "iat": now() - 120 }), "TOKEN_EXPIRED"),
    ] {
        assert_eq!(door.refuses(&token(changed.clone())).await, expected, "{changed}");
    }
    // The algorithm is the key's, whatever the token says, and a key for encryption signs nothing.
    let all = claims(&json!({ "aud": "payterms-api", "realm_access": { "roles": ["clerk"] } }));
    let with = |algorithm, secret: &[u8]| {
        let header = Header { kid: Some("4l1-Xn".to_owned()), ..Header::new(algorithm) };
        encode(&header, &all, &EncodingKey::from_secret(secret)).unwrap()
    };
    let modulus = key.public["n"].as_str().unwrap().as_bytes();
    let signed = token(json!({}));
    let none =
        format!("eyJhbGciOiJub25lIiwia2lkIjoiNGwxLVhuIn0.{}.", signed.split('.').nth(1).unwrap());
    for forged in [
        with(Algorithm::HS256, modulus),
        with(Algorithm::HS256, key.public.to_string().as_bytes()),
        none,
        other.token(&all),
    ] {
        assert_eq!(door.refuses(&forged).await, "TOKEN_INVALID");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_as_auth0_writes_them_and_a_file_that_is_replaced() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let [first, second] = ["NjVBRjY5MDlC", "next"].map(|id| IssuerKey::make(id, Algorithm::ES256));
    let map = "tenant = \"https://acme.example/tenant\"\nroles = [\"https://acme.example/roles\", \"permissions\"]\n";
    let folder = world.folder.path();
    let door = Door::open(&world, &files(folder, &[&first], map)).await;
    let token = |key: &IssuerKey, changed: Value| {
        let mut all = claims(&json!({
            "sub": "aZ09@clients", "gty": "client-credentials", "scope": "read:wallets", "tenant": null,
            "https://acme.example/tenant": "acme", "https://acme.example/roles": ["STAFF", "Billing People"],
        }));
        all.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        key.token(&all)
    };
    assert_eq!(door.refuses(&token(&first, json!({}))).await, "");
    let by_permission = json!({ "https://acme.example/roles": [], "permissions": ["STAFF"] });
    assert_eq!(door.refuses(&token(&first, by_permission)).await, "");
    let elsewhere = json!({ "https://acme.example/roles": [], "roles": ["OWNER"] });
    assert_eq!(door.refuses(&token(&first, elsewhere)).await, "ROLE_REQUIRED");
    // The file is replaced whole, as Kubernetes does it; the gateway itself never writes it.
    let replace = |text: &str| {
        fs::write(folder.join("issuer.json.new"), text).unwrap();
        fs::rename(folder.join("issuer.json.new"), folder.join("issuer.json")).unwrap();
    };
    let set = set_of(&[&second]);
    replace(&set);
    door.comes_to(&token(&second, json!({})), "").await;
    assert_eq!(door.refuses(&token(&first, json!({}))).await, "TOKEN_INVALID");
    assert_eq!(fs::read_to_string(folder.join("issuer.json")).unwrap(), set);
    // What is no set does not count; the last one does for a while, and it is told.
    replace("{");
    door.tells("issuer.json").await;
    assert_eq!(door.refuses(&token(&second, json!({}))).await, "");
    world.end().await;
}
