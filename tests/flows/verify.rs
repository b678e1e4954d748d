//! `payterms verify`: the rows of a played story hold, and each wrong row that is planted is found
//! and named, on both databases.

use crate::rig::BINARY;
use payterms_chassis::call::Caller;
use payterms_proto::common::v1::{CheckRequest, CheckedRule};
use payterms_suite::Session;
use payterms_testkit::{Database, World, reason, violations};
use sea_orm::ConnectionTrait;
use serde_json::Value;
use std::{collections::BTreeSet, process::Output};

/// Wrong rows: the service, what is done to its rows, and the rule that sees it. They stay, so
/// later ones are found beside earlier ones.
const PLANTED: [(&str, &str, &str); 31] = [
    (
        "wallet",
        "UPDATE {s}charges SET amount = amount + 1 WHERE state = 'SUCCEEDED'",
        "I4 What the charges of a payment took",
    ),
    (
        "wallet",
        "INSERT INTO {s}refunds (tenant, id, step_id, wallet_id, payment_id, charge_id, state, amount, currency, provider_refund_id, created_at, \
         updated_at) SELECT tenant, id, step_id, wallet_id, payment_id, id, 'RETURNED', amount, currency, 're_1', created_at, updated_at FROM {s}charges",
        "I4 What refunds of a payment gave back",
    ),
    (
        "wallet",
        "UPDATE {s}top_ups SET amount = amount - 1 WHERE state = 'SUCCEEDED'",
        "I4 What was posted for a charge, a top-up",
    ),
    (
        "wallet",
        "UPDATE {s}entries SET amount = amount + 1 WHERE contra IS NULL",
        "I1 The entries of a transfer sum to zero",
    ),
    (
        "wallet",
        "UPDATE {s}wallets SET posted = posted + 1",
        "I2 A wallet's posted balance is the sum of its entries",
    ),
    (
        "wallet",
        "UPDATE {s}wallets SET sequence = sequence + 1",
        "I2 The entries of a wallet are numbered",
    ),
    (
        "wallet",
        "UPDATE {s}entries SET balance_after = balance_after + 1 WHERE sequence = 1",
        "I2 The balance after an entry",
    ),
    (
        "wallet",
        "UPDATE {s}lots SET remaining = remaining - 1 WHERE remaining > pinned",
        "I3 A wallet's posted balance is what its lots",
    ),
    (
        "wallet",
        "UPDATE {s}wallets SET owed = owed + 1, overdraft = NULL",
        "I3 What a wallet owes for use",
    ),
    (
        "wallet",
        "UPDATE {s}entries SET contra = 'WITHHELD' WHERE sequence = 1 AND contra IS NOT NULL",
        "I4 What is withheld",
    ),
    (
        "wallet",
        "UPDATE {s}lots SET pinned = pinned + 1 WHERE remaining > pinned",
        "I5 What is set aside of a lot",
    ),
    (
        "wallet",
        "INSERT INTO {s}hold_pins (tenant, hold_id, place, lot_id, amount, currency) SELECT h.tenant, h.id, 99, \
         (SELECT l.id FROM {s}lots l WHERE l.tenant = h.tenant AND l.wallet_id = h.wallet_id ORDER BY l.sequence LIMIT 1), h.amount + 1, \
         h.currency FROM {s}holds h; UPDATE {s}holds SET state = 'ACTIVE'",
        "I5 A hold pins no more",
    ),
    ("wallet", "UPDATE {s}usage_records SET actor = NULL", "I36 A use says who asked"),
    (
        "wallet",
        "UPDATE {s}transfers SET kind = 'DEBIT' WHERE kind = 'USAGE'",
        "I36 A debit says who asked",
    ),
    (
        "wallet",
        "INSERT INTO {s}requests (tenant, request_id, method, input_hash, answer, recorded_at) \
         SELECT tenant, request_id, '', input_hash, input_hash, recorded_at FROM {s}usage_records WHERE request_id IS NOT NULL",
        "I36 A request has its effect in one row",
    ),
    (
        "invoicing",
        "UPDATE {s}invoices SET paid = paid - 1 WHERE paid > 0",
        "I8 What is paid of an invoice",
    ),
    (
        "invoicing",
        "UPDATE {s}invoices SET pending = pending + 1, paid = paid - 1 WHERE paid > 1",
        "I8 What is pending",
    ),
    (
        "invoicing",
        "UPDATE {s}invoices SET credited = credited + 1, paid = paid - 1 WHERE paid > 1 AND state <> 'VOID'",
        "I8 What is credited",
    ),
    ("invoicing", "UPDATE {s}invoices SET total = total + 1", "I9 Net and tax make the total"),
    ("invoicing", "UPDATE {s}payments SET surplus = surplus + 1", "I10 What a payment received"),
    (
        "invoicing",
        "UPDATE {s}number_series SET last_number = last_number + 1",
        "I11 The last number of a series",
    ),
    (
        "invoicing",
        "UPDATE {s}invoices SET number = substr(number, 1, 9) || '000999', issue_date = '2000-01-01' \
         WHERE number = (SELECT max(number) FROM {s}invoices)",
        "I11 Numbers of documents have no gap",
    ),
    (
        "invoicing",
        "UPDATE {s}invoices SET memo = memo",
        "I11 Numbers of invoices rise with their date",
    ),
    (
        "invoicing",
        "UPDATE {s}receivables SET amount = amount + 1",
        "I13 What the days of an invoice come to",
    ),
    (
        "credit",
        "UPDATE {s}credit_lines SET captured = captured + 1",
        "I16 What is authorised, captured and repaid on a line is the sum",
    ),
    (
        "credit",
        "UPDATE {s}draw_entries SET bound = 0 WHERE authorized > 0",
        "I16 No authorisation left a line above",
    ),
    (
        "credit",
        "UPDATE {s}draws SET purchased_on = '2999-01-01' WHERE due_on IS NOT NULL",
        "I20 A draw is due no earlier",
    ),
    (
        "plans",
        "UPDATE {s}plans SET state = 'ACTIVE'; UPDATE {s}covered_invoices SET open = open + 1",
        "I21 What is unpaid of a plan's",
    ),
    (
        "plans",
        "UPDATE {s}inbox_heads SET version = 0",
        "I24 What was applied of another service's aggregate",
    ),
    (
        "credit",
        "UPDATE {s}outbox SET version = version + 1 WHERE id = (SELECT max(id) FROM {s}outbox WHERE NOT snapshot)",
        "I24 No event is ahead of its aggregate",
    ),
    ("invoicing", "UPDATE {s}requests SET answer = NULL", "I36 A request without an answer"),
];

/// All that a service finds, call after call.
async fn check(operator: &Session, service: &'static str, parent: &str) -> Vec<CheckedRule> {
    let (mut rules, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            CheckRequest { parent: parent.to_owned(), page_token, ..CheckRequest::default() };
        let answer = operator.operations(service).check(request).await.unwrap().into_inner();
        rules.extend(answer.rules);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return rules;
        }
    }
}

fn broken(rules: &[CheckedRule]) -> BTreeSet<String> {
    let broken = rules.iter().filter(|rule| rule.broken_count > 0);
    broken.map(|rule| format!("{} {} {:?}", rule.invariant, rule.rule, rule.examples)).collect()
}

/// Runs the program against a world's gateway, with its development keys.
pub(crate) async fn payterms(world: &World, arguments: &[&str]) -> (i32, String, String) {
    let mut command = std::process::Command::new(BINARY);
    command.args(arguments);
    command
        .env("PAYTERMS_GATEWAY", format!("http://{}", world.suite.gateway))
        .env("PAYTERMS_DATA", world.folder.path());
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (
        status.code().unwrap_or(-1),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

async fn verified(database: Database) {
    let Some(world) = World::start(database).await else { return };
    let world = world.play_the_stories().await;
    let (code, out, err) = payterms(&world, &["verify", "--output", "json"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let all: Value = serde_json::from_str(&out).unwrap();
    let services = all["services"].as_array().unwrap();
    assert_eq!(services.len(), 4);
    for service in services {
        assert_eq!(
            (service["outcome"].as_str(), &service["failure"]),
            (Some("HOLDS"), &Value::Null),
            "{service}"
        );
        let rules = service["rules"].as_array().unwrap();
        assert!(
            rules.len() > 5 && rules.iter().all(|rule| rule["pieceCount"].as_str() != Some("0")),
            "{service}"
        );
    }
    money_between_services(&world).await;
    let operator = world.someone("OPERATOR", None);
    let mut missed = Vec::new();
    for (service, plant, seen) in PLANTED {
        let (conn, s) = world.rows(service).await;
        if s.is_empty() {
            conn.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
        }
        conn.execute_unprepared(&plant.replace("{s}", &s))
            .await
            .unwrap_or_else(|error| panic!("{plant}: {error}"));
        conn.close().await.unwrap();
        let found = broken(&check(&operator, service, "tenants/southern-cross").await);
        if !found
            .iter()
            .any(|broken| broken.starts_with(seen) && broken.contains("tenants/southern-cross "))
        {
            missed.push(plant);
        }
    }
    assert_eq!(missed, Vec::<&str>::new(), "planted, and not found");
    let (code, out, err) =
        payterms(&world, &["verify", "--service", "wallet", "--invariant", "I2", "--limit", "1"])
            .await;
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    assert!(
        out.contains("BROKEN by ")
            && out.contains(" more (")
            && out.contains("breaks: tenants/southern-cross wallet ")
            && !out.contains("I3"),
        "{out}"
    );
    let (code, out, err) =
        payterms(&world, &["verify", "--tenant", "nobody", "--service", "plans"]).await;
    assert!(
        code == 1 && err.contains("There is no tenant \"nobody\"."),
        "of whom there is nothing, all would hold: {out} {err}"
    );
    world.end().await;
}

/// What one service has of a payment and of a deferred invoice, and the other one has not, is
/// named; no service sees it in its own rows.
async fn money_between_services(world: &World) {
    let change = async |service: &str, update: &str| {
        let (conn, s) = world.rows(service).await;
        conn.execute_unprepared(&update.replace("{s}", &s)).await.unwrap();
        conn.close().await.unwrap();
    };
    change("invoicing", "UPDATE {s}payment_allocations SET paid = paid - 1 WHERE paid > 0").await;
    change(
        "credit",
        "UPDATE {s}draws SET repaid = repaid - 1 WHERE state = 'CAPTURED' AND repaid > 0",
    )
    .await;
    let (code, out, err) =
        payterms(world, &["verify", "--invariant", "I28", "--limit", "500"]).await;
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    assert_eq!(out.matches("BROKEN by ").count(), 2, "{out}");
    for named in [
        "wallet I28 breaks: tenants/southern-cross payment ",
        "credit I28 breaks: tenants/southern-cross invoice ",
    ] {
        assert!(out.contains(named), "{out}");
    }
    // What was whole cents is so again.
    change(
        "invoicing",
        "UPDATE {s}payment_allocations SET paid = paid + 1 WHERE paid % 10000 = 9999",
    )
    .await;
    change("credit", "UPDATE {s}draws SET repaid = repaid + 1 WHERE repaid % 10000 = 9999").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_is_found_on_sqlite() {
    verified(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_is_found_on_postgres() {
    verified(Database::Postgres).await;
}

/// Tenants are looked through one after the other and together, and what an invariant's name does
/// not match is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_goes_over_all_tenants_or_one() {
    let Some(world) = World::start(Database::Sqlite).await else { return };
    for tenant in ["acme", "bolt", "crest"] {
        world.tenant(tenant).await;
        let customer = world.customer(tenant, "GB").await;
        world.wallet(&customer, "USD").await;
    }
    let (conn, s) = world.rows("wallet").await;
    conn.execute_unprepared(&format!("UPDATE {s}wallets SET sequence = 7 WHERE tenant <> 'acme'"))
        .await
        .unwrap();
    conn.close().await.unwrap();
    let operator = world.someone("OPERATOR", None);
    let named = |rules: Vec<CheckedRule>| -> Vec<String> {
        let names = rules.into_iter().flat_map(|rule| rule.examples);
        names.map(|name| name.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(named(check(&operator, "wallet", "").await), ["tenants/bolt", "tenants/crest"]);
    assert_eq!(named(check(&operator, "wallet", "tenants/crest").await), ["tenants/crest"]);
    assert_eq!(named(check(&operator, "wallet", "tenants/acme").await), Vec::<String>::new());
    let request =
        CheckRequest { invariants: vec!["I2".into(), "I99".into()], ..CheckRequest::default() };
    let refused = operator.operations("wallet").check(request).await.unwrap_err();
    assert_eq!(violations(&refused), ["invariants[1]: INVARIANT_UNKNOWN"]);
    let token = CheckRequest { page_token: "AAAA".into(), ..CheckRequest::default() };
    assert_eq!(
        reason(&operator.operations("wallet").check(token).await.unwrap_err()),
        "PAGE_TOKEN_INVALID"
    );
    let owner = world.someone("OWNER", None);
    assert_eq!(
        reason(&owner.operations("wallet").check(CheckRequest::default()).await.unwrap_err()),
        "ROLE_REQUIRED"
    );
    let (code, out, err) = payterms(&world, &["verify", "--invariant", "I99"]).await;
    assert_eq!(code, 1, "{out}{err}");
    assert!(err.contains("no service checks the invariant I99"), "{err}");
    let stranger = Caller {
        subject: "x".into(),
        roles: vec!["STAFF".into()],
        tenant: "acme".parse().ok(),
        customer: None,
        run_id: None,
    };
    let file = world.folder.path().join("token");
    std::fs::write(&file, world.suite.token(&stranger, 60).unwrap()).unwrap();
    let (code, out, err) =
        payterms(&world, &["verify", "--token-file", file.to_str().unwrap()]).await;
    assert_eq!(code, 4, "{out}{err}");
    assert!(out.contains("PERMISSION_DENIED ROLE_REQUIRED"), "{out}");
    world.end().await;
}
