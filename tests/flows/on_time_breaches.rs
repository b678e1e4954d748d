//! A breach is undone by what was booked in time, once, and by a person where another block stands;
//! what was stored before gets its days.

use crate::{
    clocks::advance,
    collections::{DAY, Desk},
    invariants::{self, selected},
    invariants_of_plans::plans_agree,
    invoices::read,
    mails::{mails, mails_of, text},
    months::remind,
    on_time::{BREACH, active, becomes, by_day, day, transfer},
    plans::{MIDNIGHT, allow, approve, blocked, monthly, plan, proposal, propose, verbs},
    rig::until,
};
use payterms_proto::{
    invoicing::v1::{BlockInvoiceRequest, MailKind, UnblockInvoiceRequest, block::Reason},
    plans::v1::{Plan, PlanSettings, ProposePlanRequest, ReinstatePlanRequest, plan::State},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, DbBackend};

on_both!(
    a_statement_of_the_next_morning_undoes_a_breach,
    a_transfer_booked_too_late_stays_late,
    without_days_of_grace_a_breach_is_undone_once,
    where_another_block_stands_a_person_decides,
    what_was_stored_before_gets_its_days,
);

/// The same plan, breached.
async fn breached(world: &World) -> (Desk, Plan) {
    let (desk, plan) = Box::pin(active(world)).await;
    advance(world, BREACH).await;
    let breached = becomes(&desk.admin, &plan.name, State::Breached).await;
    assert_eq!(
        (breached.breach_stands, breached.breach_count, breached.instalment_missed),
        (true, 1, true)
    );
    mails_of(&desk.owner, MailKind::PlanBreached, 1).await;
    (desk, plan)
}

async fn a_statement_of_the_next_morning_undoes_a_breach(world: &World) {
    let (desk, plan) = active(world).await;
    remind(world, &[0, 4]).await;
    advance(world, BREACH).await;
    becomes(&desk.admin, &plan.name, State::Breached).await;
    advance(world, BREACH + 8 * 3_600).await;
    let reminded = mails_of(&desk.owner, MailKind::Reminder, 1).await;
    // The bank had booked it on the last day of grace.
    let (_, payment) = transfer(&desk.owner, "2026-02-05", "33.34", &desk.invoice.number).await;
    assert_eq!(payment.effective_date, day(2, 5));
    let now = becomes(&desk.admin, &plan.name, State::Active).await;
    assert_eq!(
        (now.breach_stands, now.breach_count, now.instalment_missed),
        (false, 0, true),
        "late, but within the days of grace"
    );
    assert_eq!(
        (now.due_at_once_date, blocked(&desk).await),
        (None, Some((Reason::PaymentPlanActive, plan.name.clone())))
    );
    let mail = mails_of(&desk.owner, MailKind::PlanBreachUndone, 1).await.remove(0);
    let this_text = text(&desk.owner, &mail).await;
    assert!(
        this_text.contains("had come in time") && this_text.contains("28 February 2026: 33.33"),
        "{this_text}"
    );
    let invoice = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(by_day(&invoice), [(day(2, 5), amount("USD", 33, 34))]);
    // A blocked invoice is not reminded; the next instalment is announced as if nothing had been.
    advance(world, MIDNIGHT + 55 * DAY).await;
    assert_eq!(mails(&desk.owner, MailKind::Reminder).await.len(), reminded.len());
    mails_of(&desk.owner, MailKind::InstalmentDue, 2).await;
    transfer(&desk.owner, "2026-02-24", "66.66", &desk.invoice.number).await;
    becomes(&desk.admin, &plan.name, State::Completed).await;
    assert_eq!(
        verbs(&desk.owner, &plan).await,
        ["SEND", "APPROVE", "MISS", "BREACH", "UNDO_BREACH", "COMPLETE"]
    );
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

async fn a_transfer_booked_too_late_stays_late(world: &World) {
    let (desk, plan) = breached(world).await;
    transfer(&desk.owner, "2026-02-06", "33.34", &desk.invoice.number).await;
    let paid = |plan: &Plan| plan.open == amount("USD", 66, 66);
    let now = until(async || Ok(self::plan(&desk.admin, &plan.name).await), paid).await;
    assert_eq!((now.state(), now.breach_stands, now.breach_count), (State::Breached, true, 1));
    advance(world, BREACH + 3_600).await;
    assert_eq!(verbs(&desk.owner, &plan).await, ["SEND", "APPROVE", "MISS", "BREACH"]);
    assert!(mails(&desk.owner, MailKind::PlanBreachUndone).await.is_empty());
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn without_days_of_grace_a_breach_is_undone_once(world: &World) {
    let desk = crate::collections::desk(world, None).await;
    allow(&desk.owner, PlanSettings { grace_days: 0, ..PlanSettings::default() }, &["grace_days"])
        .await;
    let asked = ProposePlanRequest {
        collect_automatically: false,
        ..proposal(&desk.customer, &[&desk.invoice], monthly(3, 31))
    };
    let asked = propose(&desk.admin, asked).await.unwrap();
    let plan = approve(&world.someone("STAFF", None), &asked, asked.open.clone()).await.unwrap();
    advance(world, MIDNIGHT + 31 * DAY).await;
    becomes(&desk.admin, &plan.name, State::Breached).await;
    // The day after its date is too late for it, the date itself is not.
    transfer(&desk.owner, "2026-02-01", "20.00", &desk.invoice.number).await;
    transfer(&desk.owner, "2026-01-31", "33.34", &desk.invoice.number).await;
    let now = becomes(&desk.admin, &plan.name, State::Active).await;
    assert_eq!((now.breach_count, now.instalment_missed), (0, false));
    advance(world, MIDNIGHT + 50 * DAY).await;
    assert_eq!(
        verbs(&desk.owner, &plan).await,
        ["SEND", "APPROVE", "MISS", "BREACH", "UNDO_BREACH"]
    );
    // The second is missed: nothing disproves that.
    advance(world, MIDNIGHT + 70 * DAY).await;
    let now = becomes(&desk.admin, &plan.name, State::Breached).await;
    assert_eq!((now.breach_stands, now.breach_count), (true, 1));
    assert_eq!(
        verbs(&desk.owner, &plan).await,
        ["SEND", "APPROVE", "MISS", "BREACH", "UNDO_BREACH", "MISS", "BREACH"]
    );
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn where_another_block_stands_a_person_decides(world: &World) {
    let (desk, plan) = breached(world).await;
    let staff = world.someone("STAFF", None);
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    staff.collections().block_invoice(block).await.unwrap();
    transfer(&desk.owner, "2026-02-05", "33.34", &desk.invoice.number).await;
    let disproved = |plan: &Plan| !plan.breach_stands;
    let now = until(async || Ok(self::plan(&desk.admin, &plan.name).await), disproved).await;
    assert_eq!((now.state(), now.breach_count), (State::Breached, 0), "it is seen, and not done");
    advance(world, BREACH + 3_600).await;
    assert_eq!(blocked(&desk).await, Some((Reason::Disputed, String::new())));
    let unblock = UnblockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    staff.collections().unblock_invoice(unblock).await.unwrap();
    let again = ReinstatePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "Paid in time.".into(),
    };
    let reinstated = staff.plans().reinstate_plan(again).await.unwrap().into_inner().plan.unwrap();
    assert_eq!((reinstated.state(), reinstated.breach_count), (State::Active, 0));
    invariants::hold(world).await;
    plans_agree(world).await;
}

/// Takes a step of a migration back by hand, and makes it again.
async fn again(world: &World, service: &str, step: &str, columns: &[(&str, &str)]) {
    let (conn, s) = world.rows(service).await;
    // An index over a column that goes: PostgreSQL drops it by itself.
    conn.execute_unprepared(&format!("DROP INDEX IF EXISTS {s}payments_by_day")).await.unwrap();
    for (table, column) in columns {
        conn.execute_unprepared(&format!("ALTER TABLE {s}{table} DROP COLUMN {column}"))
            .await
            .unwrap();
    }
    conn.execute_unprepared(&format!("DELETE FROM {s}seaql_migrations WHERE version = '{step}'"))
        .await
        .unwrap();
    let migrated = match conn.get_database_backend() {
        DbBackend::Postgres => {
            payterms_migrations::migrate_postgres(&conn, service).await.map(drop)
        }
        _ => payterms_migrations::migrate_sqlite(&conn, service).await,
    };
    migrated.unwrap();
    conn.close().await.unwrap();
}

async fn what_was_stored_before_gets_its_days(world: &World) {
    let (desk, plan) = breached(world).await;
    advance(world, BREACH + 43_200).await;
    transfer(&desk.owner, "2026-02-03", "10.00", &desk.invoice.number).await;
    crate::plans::pay(&desk, amount("USD", 20, 0)).await;
    crate::plans::knows(&desk.admin, &plan.name, &crate::plans::usd(70, 0)).await;
    let stored = async |service: &str, what: &str| {
        let (conn, s) = world.rows(service).await;
        let found = selected(&conn, &what.replace("{s}", &s)).await;
        conn.close().await.unwrap();
        found
    };
    let days = "SELECT paid_by_day FROM {s}invoices UNION ALL SELECT effective_on FROM {s}payments \
                WHERE effective_on IS NOT NULL";
    let before = stored("invoicing", days).await;
    assert_eq!(before, ["2026-02-03", "2026-02-03:10000000 2026-02-06:20000000", "2026-02-06"]);
    let columns = [
        ("invoices", "paid_by_day"),
        ("invoices", "no_consequence_before"),
        ("payments", "effective_on"),
    ];
    again(world, "invoicing", "invoicing_0007_effective_days", &columns).await;
    assert_eq!(stored("invoicing", days).await, before);
    let missed = "SELECT i.due_on || ' ' || p.breach_count FROM {s}instalments i JOIN {s}plans p ON p.tenant = i.tenant \
                  AND p.id = i.plan_id WHERE i.missed";
    let before = stored("plans", missed).await;
    assert_eq!(before, ["2026-01-31 1"]);
    let columns = [
        ("covered_invoices", "paid_by_day"),
        ("covered_invoices", "no_consequence_before"),
        ("instalments", "missed"),
        ("plans", "breach_count"),
        ("plans", "breach_last_day"),
        ("plans", "breach_disproved"),
        ("plans", "breach_disproved_at"),
        ("plans", "restart_refused"),
        ("plans", "paid_at_completion"),
    ];
    again(world, "plans", "plans_0002_on_time", &columns).await;
    assert_eq!(stored("plans", missed).await, before);
}
