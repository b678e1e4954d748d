//! The operator's commands, as programs of their own against a running suite.

use crate::{
    commands_alone::alone,
    operations::{poison, until_dead, update},
    rig::{BINARY, Rig, Services},
    verify::payterms,
};
use payterms_proto::wallet::v1::ListWalletsRequest;
use payterms_testkit::{
    Database, World,
    certificates::{Authority, DOOR},
    security::Security,
};
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_clock_and_health_are_printed() {
    let Some(world) = World::start(Database::Sqlite).await else { return };
    world.usual().await;
    let run = async |arguments: &[&str]| {
        let (code, out, err) = payterms(&world, arguments).await;
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}: {out}");
        out
    };
    let health = json(&run(&["health", "--output", "json"]).await);
    let parts: Vec<_> = health["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["part"].as_str().unwrap())
        .collect();
    assert_eq!(
        (health["well"].as_bool(), parts),
        (Some(true), vec!["gateway", "wallet", "invoicing", "credit", "plans"])
    );
    assert!(run(&["health"]).await.contains("answers"));

    let clock = json(
        &run(&["clock", "start", "acme", "--at", "2026-07-01T00:00:00Z", "--output", "json"]).await,
    );
    assert_eq!(
        (clock["state"].as_str(), clock["now"].as_str()),
        (Some("STATE_READY"), Some("2026-07-01T00:00:00Z"))
    );
    let due = json(&run(&["due", "--output", "json"]).await);
    let jobs = due["dueJobs"].as_array().unwrap();
    assert!(
        !jobs.is_empty()
            && jobs.iter().all(|job| job["tenant"] == "tenants/acme" && job["dueTime"].is_string()),
        "{due}"
    );
    let instants: Vec<_> = jobs
        .iter()
        .filter(|job| job["service"] == jobs[0]["service"])
        .map(|job| job["dueTime"].as_str())
        .collect();
    assert!(instants.is_sorted(), "{due}");
    let clock =
        json(&run(&["clock", "advance", "acme", "--by-days", "31", "--output", "json"]).await);
    assert_eq!(clock["now"].as_str(), Some("2026-08-01T00:00:00Z"));
    assert!(run(&["clock", "show", "acme"]).await.contains("2026-08-01T00:00:00Z"));
    assert_eq!(
        json(&run(&["due", "--overdue", "--output", "json"]).await)["dueJobs"],
        Value::Array(Vec::new())
    );
    assert!(run(&["due", "--service", "wallet", "--limit", "1"]).await.lines().count() <= 2);
    assert_eq!(
        json(&run(&["flows", "--output", "json"]).await)["openFlows"],
        Value::Array(Vec::new())
    );
    assert!(run(&["flows"]).await.contains("No flow is open."));
    let (code, _, err) = payterms(&world, &["clock", "show", "nobody"]).await;
    assert_eq!((code, err.contains("RESOURCE_NOT_FOUND")), (1, true), "{err}");

    // A flow that nobody drives: of a kind that no driver takes over. And a job that the standing
    // clock has passed: it waits for nobody before somebody advances the clock.
    let (conn, s) = world.rows("wallet").await;
    let job = format!(
        "INSERT INTO {s}due (tenant, job, subject, due_at, ordinal) VALUES ('acme', 'nobody', '', '2026-07-15 00:00:00+00:00', 0)"
    );
    sea_orm::ConnectionTrait::execute_unprepared(&conn, &job).await.unwrap();
    let overdue = async || {
        let health = json(&run(&["health", "--output", "json"]).await);
        let jobs = json(&run(&["due", "--overdue", "--output", "json"]).await)["dueJobs"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(
            health["parts"][1]["overdueJobs"].as_u64(),
            u64::try_from(jobs).ok(),
            "{health}"
        );
        jobs
    };
    assert_eq!(overdue().await, 0);
    sea_orm::ConnectionTrait::execute_unprepared(
        &conn,
        &format!("UPDATE {s}tenant_states SET clock_run = 'a run'"),
    )
    .await
    .unwrap();
    assert_eq!(overdue().await, 1);
    let lease = format!(
        "INSERT INTO {s}intent_lease (tenant, flow, intent_id, owner, fence, expires_at) \
         VALUES ('acme', 'nobody', x'01993c7a000070008000000000000001', x'01993c7a000070008000000000000002', 1780236000000000, '2026-06-01 00:00:00+00:00')"
    );
    sea_orm::ConnectionTrait::execute_unprepared(&conn, &lease).await.unwrap();
    conn.close().await.unwrap();
    let flows = json(&run(&["flows", "--output", "json"]).await);
    let flow = &flows["openFlows"][0];
    assert_eq!((flow["service"].as_str(), flow["kind"].as_str()), (Some("wallet"), Some("nobody")));
    assert_eq!(flow["openTime"].as_str(), Some("2026-05-31T14:00:00Z"), "{flow}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_passed_over_on_sqlite() {
    is_passed_over(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_passed_over_on_postgres() {
    is_passed_over(Database::Postgres).await;
}

async fn is_passed_over(database: Database) {
    let Some(world) = World::start(database).await else { return };
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    poison(&world, &customer).await;
    let owner = world.someone("OWNER", None);
    let updated = owner.customers().update_customer(update(&customer)).await.unwrap();
    until_dead(&world).await;
    let (code, out, _) = payterms(&world, &["dead-letters", "list", "--output", "json"]).await;
    let letters = json(&out);
    let letter = &letters["deadLetters"][0];
    assert_eq!(
        (code, letter["service"].as_str(), letter["attemptCount"].as_i64()),
        (0, Some("wallet"), Some(5)),
        "{out}"
    );
    let name = letter["name"].as_str().unwrap();
    let (code, out, _) = payterms(&world, &["health"]).await;
    assert_eq!(code, 3, "{out}");
    let (code, out, _) = payterms(&world, &["dead-letters", "retry", "wallet", name]).await;
    assert_eq!((code, out.contains("still a dead letter")), (3, true), "{out}");
    let (code, out, _) = payterms(&world, &["dead-letters", "dismiss", "wallet", name]).await;
    assert_eq!((code, out.as_str()), (0, "Passed over.\n"));
    // What came after it is applied.
    let list = ListWalletsRequest { parent: customer.clone(), ..Default::default() };
    owner.after(&updated).wallets().list_wallets(list).await.unwrap();
    let (_, out, _) = payterms(&world, &["dead-letters", "list", "--service", "wallet"]).await;
    assert_eq!(out, "There are no dead letters.\n");
    let (code, out, _) =
        payterms(&world, &["dead-letters", "dismiss", "wallet", name, "--output", "json"]).await;
    assert_eq!(
        (code, json(&out)["dismissed"].as_bool()),
        (0, Some(true)),
        "a second time changes nothing"
    );
    let (code, _, err) = payterms(&world, &["dead-letters", "dismiss", "plans", name]).await;
    assert_eq!((code, err.contains("RESOURCE_NOT_FOUND")), (1, true), "{err}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_from_the_cursor_of_before() {
    let Some(world) = World::start(Database::Sqlite).await else { return };
    let (customer, _) = world.usual().await;
    let cursor = world.folder.path().join("acme.cursor");
    let follow = async |arguments: &[&str]| -> Vec<Value> {
        let first = [
            "events",
            "tail",
            "tenants/acme",
            "--output",
            "json",
            "--cursor-file",
            cursor.to_str().unwrap(),
        ];
        let (code, out, err) = payterms(&world, &[&first, arguments].concat()).await;
        assert_eq!(code, 0, "{out}{err}");
        out.lines().map(json).collect()
    };
    let first = follow(&["--from-start", "--count", "1"]).await;
    let owner = world.someone("OWNER", None);
    owner.customers().update_customer(update(&customer)).await.unwrap();
    let mut seen: BTreeSet<String> =
        first.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    loop {
        let next = follow(&["--count", "1"]).await;
        for event in &next {
            assert!(seen.insert(event["id"].as_str().unwrap().to_owned()), "no event comes twice");
        }
        let gold = |event: &Value| {
            event["data"]["customer"]["tier"] == "gold"
                || event["type"] == "payterms.invoicing.v1.CustomerChanged"
        };
        if next.iter().any(|event| gold(event) && event["version"] != "1") {
            break;
        }
    }
    let (code, _, err) =
        payterms(&world, &["events", "tail", "tenants/acme", "--type", "payterms.x.v1.Nothing"])
            .await;
    assert_eq!((code, err.contains("EVENT_TYPE_UNKNOWN")), (1, true), "{err}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_door_with_tls() {
    let rig = Rig::start(BINARY, None, &[]).await;
    let authority = Authority::new("world");
    let services = Services::secured(rig, Security::of(&authority)).await;
    let folder = tempfile::tempdir().unwrap();
    let (ca, token) = (folder.path().join("ca.crt"), folder.path().join("token"));
    std::fs::write(&ca, authority.pem()).unwrap();
    let keys = services.security().keys().to_str().unwrap().to_owned();
    let (code, minted, err) =
        alone(&["token", "--keys", &keys, "--issuer", "callers", "--role", "OPERATOR"]);
    assert_eq!(code, 0, "{err}");
    std::fs::write(&token, minted).unwrap();
    let gateway = format!("https://{}", services.at("gateway"));
    let reach =
        ["--gateway", &gateway, "--token-file", token.to_str().unwrap(), "--server-name", DOOR];
    let believed = [&["verify"], &reach[..], &["--ca", ca.to_str().unwrap()]].concat();
    let (mut code, mut out, mut err) = alone(&believed);
    for _ in 0..50 {
        // Parts that have just started find each other in a moment.
        if code == 0 {
            break;
        }
        (code, out, err) = alone(&believed);
    }
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("holds"), "{out}");
    let (code, out, _) = alone(&[&["health"], &reach[..]].concat());
    assert_eq!(code, 3, "an authority of nobody knows whom is not believed: {out}");
    let plain = gateway.replace("https", "http");
    let health = |output: &str| {
        alone(&[
            "health",
            "--gateway",
            &plain,
            "--token-file",
            token.to_str().unwrap(),
            "--output",
            output,
        ])
    };
    let (code, out, _) = health("table");
    // What a service did not say is not shown as if nothing waited there.
    assert_eq!(
        (
            code,
            out.lines()
                .filter(|line| line.split_whitespace().filter(|word| *word == "-").count() == 3)
                .count()
        ),
        (3, 5),
        "{out}"
    );
    let (code, out, _) = health("json");
    assert_eq!(code, 3, "{out}");
    for part in json(&out)["parts"].as_array().unwrap() {
        for count in ["deadLetters", "openFlows", "overdueJobs"] {
            assert_eq!(part.get(count), Some(&Value::Null), "{out}");
        }
    }
}
