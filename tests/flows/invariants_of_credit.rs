//! I16 to I20 and I28 of credit, read from the rows of credit and of invoicing: what is told by
//! events may be on its way, so it is looked again until both agree.

use crate::{
    applications::desk_of,
    clocks::advance,
    collections::{DAY, START},
    invariants::{broken_rules, rows_of, selected},
    lines::active,
    payments::by,
};
use payterms_credit_domain::EDGES;
use payterms_proto::credit::v1::Programme;
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::{path::Path, time::Duration};

on_both!(what_does_not_agree_is_seen);

/// Each invariant of credit, broken by hand.
async fn what_does_not_agree_is_seen(world: &World) {
    let credit = active(world, 1_000).await;
    // Another customer applies again after its cool-down of 90 days.
    let programme = Programme { name: credit.line.programme.clone(), ..Programme::default() };
    let desk = desk_of(world, world.customer("acme", "GB").await, programme).await;
    let first = desk.submitted().await;
    desk.withdraw(&first).await;
    advance(world, START + 90 * DAY).await;
    desk.start().await.unwrap();
    let invoice = credit.invoice(100).await;
    credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    credit_agrees(world).await;
    let (data, postgres) = (world.folder.path(), world.postgres.as_deref());
    let (database_connection, c) = world.rows("credit").await;
    let (invoicing, i) = world.rows("invoicing").await;
    let breaks = async |conn: &DatabaseConnection,
                        table: String,
                        (there, back): (&str, &str),
                        invariant: &str| {
        conn.execute_unprepared(&format!("UPDATE {table} SET {there}")).await.unwrap();
        let wrong = differences(data, postgres, &database_connection, &c, &invoicing, &i).await;
        assert!(wrong.contains(invariant), "{there}: {wrong:?}");
        conn.execute_unprepared(&format!("UPDATE {table} SET {back}")).await.unwrap();
    };
    let lines = format!("{c}credit_lines");
    breaks(
        &database_connection,
        lines.clone(),
        ("captured = captured + 1", "captured = captured - 1"),
        "is the sum of its entries",
    )
    .await;
    breaks(
        &database_connection,
        format!("{c}draws"),
        ("repaid = repaid + 1", "repaid = repaid - 1"),
        "is what its draws stand at",
    )
    .await;
    breaks(
        &database_connection,
        format!("{c}draws"),
        ("purchased_on = '2026-07-01'", "purchased_on = '2026-04-01'"),
        "I20",
    )
    .await;
    let until =
        |day: &str| format!("reapply_at = '{day} 00:00:00+00:00' WHERE state = 'WITHDRAWN'");
    breaks(
        &database_connection,
        format!("{c}applications"),
        (&until("2026-04-02"), &until("2026-04-01")),
        "I18",
    )
    .await;
    breaks(&invoicing, format!("{i}invoices"), ("paid = paid + 1", "paid = paid - 1"), "I28").await;
    let (wallet, w) = world.rows("wallet").await;
    let collects = async |by: &str| {
        let update = format!(
            "UPDATE {w}method_pointers SET collection_method_id = {by} WHERE purchase_default_id IS NOT NULL"
        );
        wallet.execute_unprepared(&update).await.unwrap();
        pointers(&wallet, &w).await
    };
    assert_eq!(collects("purchase_default_id").await.len(), 1, "a line that is collected by");
    assert_eq!(collects("NULL").await, Vec::<String>::new());
    assert_eq!(differences(data, postgres, &database_connection, &c, &invoicing, &i).await, "");
}

/// Credit agrees with itself and with invoicing.
pub async fn credit_agrees(world: &World) {
    credit_agrees_in(world.folder.path(), world.postgres.as_deref()).await;
}

/// The same, by folder and database.
pub async fn credit_agrees_in(data: &Path, postgres: Option<&str>) {
    let (credit, c) = rows_of("credit", data, postgres).await;
    let (invoicing, i) = rows_of("invoicing", data, postgres).await;
    let mut wrong = String::new();
    for _ in 0..200 {
        wrong = differences(data, postgres, &credit, &c, &invoicing, &i).await;
        if wrong.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(wrong, "");
    history_is_of_the_machine(&credit, &c).await;
    let (wallet, w) = rows_of("wallet", data, postgres).await;
    assert_eq!(pointers(&wallet, &w).await, Vec::<String>::new());
    wallet.close().await.unwrap();
    credit.close().await.unwrap();
    invoicing.close().await.unwrap();
}

/// What does not agree; empty where all does.
async fn differences(
    data: &Path,
    postgres: Option<&str>,
    credit: &DatabaseConnection,
    c: &str,
    invoicing: &DatabaseConnection,
    i: &str,
) -> String {
    let mut wrong = selected(
        credit,
        &format!("SELECT HEX(id)HEX || ' moves' FROM {c}credit_lines WHERE moving <> ''"),
    )
    .await;
    let pointless = format!(
        "SELECT 'advised limit ' || HEX(a.id)HEX || ' is open on a line that cannot be raised to it' FROM {c}advised_limits a \
         JOIN {c}credit_lines l ON l.tenant = a.tenant AND l.id = a.line_id \
         WHERE a.state = 'OPEN' AND (l.state NOT IN ('OFFERED', 'ACTIVE', 'INACTIVE') OR l.credit_limit >= a.advised)"
    );
    wrong.extend(selected(credit, &pointless).await);
    wrong.extend(broken_rules("credit", data, postgres).await);
    let owed = format!(
        "SELECT HEX(invoice_id)HEX || ' ' || (captured - repaid) || ' ' || due_on FROM {c}draws WHERE state = 'CAPTURED'"
    );
    let open = "total - paid - credited - written_off";
    let deferred = format!(
        "SELECT HEX(id)HEX || ' ' || (CASE WHEN {open} < deferral_amount THEN {open} ELSE deferral_amount END) || ' ' || due_date \
         FROM {i}invoices WHERE deferral_line IS NOT NULL"
    );
    let (owed, deferred) = (selected(credit, &owed).await, selected(invoicing, &deferred).await);
    if owed != deferred {
        wrong.push(format!("I28 credit has {owed:?}; invoicing has {deferred:?}"));
    }
    wrong.join("\n")
}

/// I17: what is collected by is never a line, and neither pointer names what is no method any more.
/// That a line is activated from an offer alone is I29.
async fn pointers(wallet: &DatabaseConnection, w: &str) -> Vec<String> {
    let wrong = format!(
        "SELECT 'I17 a pointer of ' || HEX(p.customer_id)HEX || ' names a method that it may not' FROM {w}method_pointers p \
         JOIN {w}payment_methods m ON m.tenant = p.tenant AND (m.id = p.purchase_default_id OR m.id = p.collection_method_id) \
         WHERE m.state <> 'ACTIVE' OR m.customer_id <> p.customer_id OR (m.id = p.collection_method_id AND m.kind = 'CREDIT_LINE')"
    );
    selected(wallet, &wrong).await
}

/// I29: each line took edges of the machine alone, one after the other, and is where its last one
/// led.
async fn history_is_of_the_machine(credit: &DatabaseConnection, c: &str) {
    let taken = format!(
        "SELECT from_state || ' ' || verb || ' ' || to_state FROM {c}line_history WHERE from_state IS NOT NULL \
         AND verb NOT IN ('CUT_LIMIT', 'RAISE_LIMIT') AND NOT (from_state = to_state)"
    );
    let machine: Vec<String> = EDGES
        .iter()
        .map(|(from, verb, to)| format!("{} {} {}", from.name(), verb.name(), to.name()))
        .collect();
    for edge in selected(credit, &taken).await {
        assert!(machine.contains(&edge), "I29 {edge}");
    }
    let broken = format!(
        "SELECT HEX(a.line_id)HEX FROM {c}line_history a JOIN {c}line_history b ON b.tenant = a.tenant AND b.line_id = a.line_id \
         AND b.sequence = a.sequence + 1 WHERE b.from_state <> a.to_state"
    );
    assert_eq!(
        selected(credit, &broken).await,
        Vec::<String>::new(),
        "I29 each edge begins where the one before ended"
    );
    let ends = format!(
        "SELECT HEX(l.id)HEX FROM {c}credit_lines l WHERE l.state <> (SELECT h.to_state FROM {c}line_history h \
         WHERE h.tenant = l.tenant AND h.line_id = l.id ORDER BY h.sequence DESC LIMIT 1)"
    );
    assert_eq!(
        selected(credit, &ends).await,
        Vec::<String>::new(),
        "I29 a line is where its last edge led"
    );
}
