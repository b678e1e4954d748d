//! I21 to I23 and I29 of plans, read from the rows of plans and of invoicing: what is told by
//! events may be on its way, so it is looked again until both agree.

use crate::{
    invariants::{broken_rules, rows_of, selected},
    plans::{approve, proposed},
};
use payterms_plans_domain::{EDGES, PlanState};
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::{path::Path, time::Duration};

on_both!(what_does_not_agree_is_seen);

/// Each invariant of plans, broken by hand.
async fn what_does_not_agree_is_seen(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    plans_agree(world).await;
    let (data, postgres) = (world.folder.path(), world.postgres.as_deref());
    let (plans, p) = world.rows("plans").await;
    let (invoicing, i) = world.rows("invoicing").await;
    let breaks =
        async |conn: &DatabaseConnection, (there, back): (String, String), invariant: &str| {
            conn.execute_unprepared(&there).await.unwrap();
            let wrong = differences(data, postgres, &plans, &p, &invoicing, &i).await;
            assert!(wrong.contains(invariant), "{there}: {wrong:?}");
            conn.execute_unprepared(&back).await.unwrap();
        };
    let on = |table: String, set: &str, back: &str| {
        (format!("UPDATE {table} SET {set}"), format!("UPDATE {table} SET {back}"))
    };
    breaks(
        &invoicing,
        on(format!("{i}invoices"), "block_owner = ''", &format!("block_owner = '{}'", plan.name)),
        "I22",
    )
    .await;
    breaks(
        &invoicing,
        on(format!("{i}invoices"), "paid = paid + 1", "paid = paid - 1"),
        "I21 plans know",
    )
    .await;
    breaks(&plans, on(format!("{p}covered_invoices"), "open = open + 1", "open = open - 1"), "I21")
        .await;
    let one = |set: &str| format!("UPDATE {p}instalments SET {set} WHERE place = 1");
    breaks(
        &plans,
        (one("paid = paid + 1"), one("paid = paid - 1")),
        "what is open of its invoices",
    )
    .await;
    breaks(&plans, (one("due_on = '2027-01-01'"), one("due_on = '2026-01-31'")), "I23").await;
    assert_eq!(
        differences(data, postgres, &plans, &p, &invoicing, &i).await,
        "",
        "{}",
        desk.customer
    );
}

/// Plans agree with invoicing.
pub async fn plans_agree(world: &World) {
    plans_agree_in(world.folder.path(), world.postgres.as_deref()).await;
}

/// The same, by folder and database.
pub async fn plans_agree_in(data: &Path, postgres: Option<&str>) {
    let (plans, p) = rows_of("plans", data, postgres).await;
    let (invoicing, i) = rows_of("invoicing", data, postgres).await;
    let mut wrong = String::new();
    for _ in 0..200 {
        wrong = differences(data, postgres, &plans, &p, &invoicing, &i).await;
        if wrong.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(wrong, "");
    history_is_of_the_machine(&plans, &p).await;
    plans.close().await.unwrap();
    invoicing.close().await.unwrap();
}

/// What does not agree; empty where all does.
async fn differences(
    data: &Path,
    postgres: Option<&str>,
    plans: &DatabaseConnection,
    p: &str,
    invoicing: &DatabaseConnection,
    i: &str,
) -> String {
    let sent = "('PROPOSED', 'COUNTERED', 'ACTIVE', 'IN_GRACE')";
    let followed = "('PROPOSED', 'COUNTERED', 'ACTIVE', 'IN_GRACE', 'BREACHED', 'COMPLETED')";
    let moving = selected(
        plans,
        &format!(
            "SELECT HEX(id)HEX || ' moves' FROM {p}plans WHERE moving <> '' OR state = 'PENDING'"
        ),
    )
    .await;
    let held = format!(
        "SELECT HEX(c.invoice_id)HEX || ' ' || HEX(c.plan_id)HEX FROM {p}covered_invoices c \
         JOIN {p}plans p ON p.tenant = c.tenant AND p.id = c.plan_id WHERE p.state IN {sent}"
    );
    let blocked = format!(
        "SELECT HEX(id)HEX || ' ' || replace(substr(block_owner, length(block_owner) - 35), '-', '') FROM {i}invoices \
         WHERE block_owner LIKE '%/plans/%'"
    );
    let (held, blocked) = (selected(plans, &held).await, selected(invoicing, &blocked).await);
    let known = format!(
        "SELECT HEX(c.invoice_id)HEX || ' ' || c.open || ' ' || c.paid FROM {p}covered_invoices c \
         JOIN {p}plans p ON p.tenant = c.tenant AND p.id = c.plan_id WHERE p.state IN {followed}"
    );
    let stands = format!(
        "SELECT HEX(id)HEX || ' ' || (total - paid - credited - written_off) || ' ' || paid FROM {i}invoices WHERE state <> 'DRAFT'"
    );
    let (known, stands) = (selected(plans, &known).await, selected(invoicing, &stands).await);
    let stale: Vec<_> = known.iter().filter(|text| !stands.contains(text)).collect();
    let mut wrong: Vec<String> = moving;
    if held != blocked {
        wrong.push(format!("I22 live plans hold {held:?}; blocked are {blocked:?}"));
    }
    if !stale.is_empty() {
        wrong.push(format!("I21 plans know {stale:?}; invoices stand {stands:?}"));
    }
    wrong.extend(broken_rules("plans", data, postgres).await);
    wrong.join("\n")
}

/// I29: each plan took edges of the machine alone, one after the other.
async fn history_is_of_the_machine(plans: &DatabaseConnection, p: &str) {
    let taken = format!("SELECT from_state || ' ' || verb || ' ' || to_state FROM {p}plan_history");
    let machine: Vec<String> = EDGES
        .iter()
        .map(|(from, verb, to)| format!("{} {} {}", from.name(), verb.name(), to.name()))
        .collect();
    for edge in selected(plans, &taken).await {
        assert!(machine.contains(&edge), "I29 {edge}");
    }
    let broken = format!(
        "SELECT HEX(a.plan_id)HEX FROM {p}plan_history a JOIN {p}plan_history b ON b.tenant = a.tenant AND b.plan_id = a.plan_id \
         AND b.sequence = a.sequence + 1 WHERE b.from_state <> a.to_state"
    );
    assert_eq!(
        selected(plans, &broken).await,
        Vec::<String>::new(),
        "I29 each edge begins where the one before ended"
    );
    let ends = format!(
        "SELECT HEX(p.id)HEX FROM {p}plans p WHERE p.state <> '{}' AND p.state <> (SELECT h.to_state FROM {p}plan_history h \
         WHERE h.tenant = p.tenant AND h.plan_id = p.id ORDER BY h.sequence DESC LIMIT 1)",
        PlanState::Pending.name()
    );
    assert_eq!(
        selected(plans, &ends).await,
        Vec::<String>::new(),
        "I29 a plan is where its last edge led"
    );
}
