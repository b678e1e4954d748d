//! What stands at the provider and at the bank, compared with what they tell themselves.

use crate::invariants::{by_payment, rows_of, selected};
use payterms_kernel::{Currency, Money};
use payterms_testkit::World;
use serde_json::Value;

/// I4: what stands at the provider and at the bank is what they tell themselves.
pub async fn clearing_agrees(world: &World) {
    each_movement_is_known(world).await;
    each_dispute_is_known(world).await;
    let (data, postgres) = (world.folder.path(), world.postgres.as_deref());
    let (conn, s) = rows_of("wallet", data, postgres).await;
    let booked = format!(
        "SELECT account AS payment, sum(amount) AS stands FROM {s}journal WHERE account IN ('BANK_CLEARING', 'PROVIDER_CLEARING') \
         GROUP BY account ORDER BY account"
    );
    let mut booked = by_payment(&conn, &booked).await;
    conn.close().await.unwrap();
    let (conn, s) = rows_of("invoicing", data, postgres).await;
    let lines = format!(
        "SELECT 'BANK_CLEARING' AS payment, -coalesce(sum(l.amount), 0) AS stands FROM {s}bank_lines l JOIN {s}payments p \
         ON p.tenant = l.tenant AND p.id = l.payment_id AND p.state <> 'PROCESSING'"
    );
    let mut stands = by_payment(&conn, &lines).await;
    let made = format!(
        "SELECT 'BANK_CLEARING' AS payment, coalesce(sum(credit + tax), 0) AS stands FROM {s}transfer_refunds WHERE state IN ('SENT', 'RETURNED')"
    );
    stands[0].1 += by_payment(&conn, &made).await[0].1;
    conn.close().await.unwrap();
    let sum = async |what: &str| listed(world, what).await.iter().map(micros).sum::<i64>();
    let (charged, returned) =
        (sum("charges").await, sum("refunds").await + sum("chargebacks").await);
    stands.push(("PROVIDER_CLEARING".to_owned(), returned - charged));
    // An account that nothing was booked on has no row.
    booked.retain(|(_, micros)| *micros != 0);
    stands.retain(|(_, micros)| *micros != 0);
    assert_eq!(booked, stands, "I4 clearing accounts are the provider's and the bank's own lists");
}

/// What the provider lists of the tenant and has done: of chargebacks those that stand, since what
/// is won was given back.
async fn listed(world: &World, what: &str) -> Vec<Value> {
    let all = told_of(world, what).await.into_iter();
    all.filter(|value| {
        if what == "chargebacks" { value["state"] != "won" } else { value["state"] == "succeeded" }
    })
    .collect()
}

/// What the simulator and Stripe list: a tenant may have charged by both.
async fn told_of(world: &World, what: &str) -> Vec<Value> {
    let page = format!("{}/v1/acme/{what}", world.suite.simulator);
    let mut all: Vec<Value> = reqwest::get(page).await.unwrap().json().await.unwrap();
    all.extend(world.stripe.listed(what));
    all
}

/// Each chargeback of the provider is a dispute of the wallet with its amount and, once it is
/// decided, its outcome: of a charge that is disputed again the provider lists the last.
async fn each_dispute_is_known(world: &World) {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let rows = format!(
        "SELECT d.provider_charge_id || ' ' || d.amount || ' ' || d.state FROM {s}disputes d WHERE NOT EXISTS (SELECT 1 FROM \
         {s}disputes o WHERE o.tenant = d.tenant AND o.provider_charge_id = d.provider_charge_id \
         AND (o.created_at > d.created_at OR o.created_at = d.created_at AND o.state <> 'WON' AND d.state = 'WON'))"
    );
    let known = selected(&conn, &rows).await;
    conn.close().await.unwrap();
    let state = |value: &Value| match value["state"].as_str().unwrap() {
        "open" => "OPEN",
        "won" => "WON",
        _ => "LOST",
    };
    let all = told_of(world, "chargebacks").await.into_iter().filter(|value| micros(value) > 0);
    let mut made: Vec<_> = all
        .map(|value| {
            format!("{} {} {}", value["charge"].as_str().unwrap(), micros(&value), state(&value))
        })
        .collect();
    made.sort_unstable();
    assert_eq!(known, made, "I4 disputes are what the provider says of them");
}

fn micros(value: &Value) -> i64 {
    Money::parse(Currency::parse("USD").unwrap(), value["amount"].as_str().unwrap())
        .unwrap()
        .micros()
}

/// Each charge, refund and chargeback of the provider is a row of the wallet, and the other way
/// round.
async fn each_movement_is_known(world: &World) {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let took = "state IN ('SUCCEEDED', 'CHARGED_BACK')";
    let rows = format!(
        "SELECT 'charge ' || provider_charge_id || ' ' || amount FROM {s}top_ups WHERE {took} \
         UNION ALL SELECT 'charge ' || provider_charge_id || ' ' || amount FROM {s}charges WHERE {took} \
         UNION ALL SELECT 'refund ' || provider_refund_id || ' ' || amount FROM {s}refunds WHERE provider_refund_id <> '' AND state = 'RETURNED' \
         UNION ALL SELECT 'refund ' || provider_refund_id || ' ' || (credit + tax) FROM {s}top_up_refunds WHERE state = 'SUCCEEDED' \
         UNION ALL SELECT 'chargeback ' || t.provider_charge_id || ' ' || d.amount FROM {s}top_ups t JOIN {s}disputes d \
         ON d.tenant = t.tenant AND d.top_up_id = t.id AND d.state <> 'WON' WHERE t.state = 'CHARGED_BACK' \
         UNION ALL SELECT 'chargeback ' || provider_charge_id || ' ' || charged_back FROM {s}charges WHERE state = 'CHARGED_BACK'"
    );
    let known = selected(&conn, &rows).await;
    conn.close().await.unwrap();
    let mut moved = Vec::new();
    for (what, list, id) in [
        ("charge", "charges", "id"),
        ("refund", "refunds", "id"),
        ("chargeback", "chargebacks", "charge"),
    ] {
        let made = listed(world, list).await.into_iter().filter(|value| micros(value) > 0);
        moved.extend(
            made.map(|value| format!("{what} {} {}", value[id].as_str().unwrap(), micros(&value))),
        );
    }
    moved.sort_unstable();
    let only = |here: &[String], there: &[String]| {
        here.iter().filter(|text| !there.contains(text)).cloned().collect::<Vec<_>>()
    };
    let (untold, unmade) = (only(&moved, &known), only(&known, &moved));
    assert!(
        moved == known,
        "I4 what only the provider knows: {untold:?}; what only the wallet knows: {unmade:?}"
    );
}
