//! While a dispute has taken the only method nothing is collected, failed, late or breached,
//! whatever charge it is of; won, another method or lost, what waited goes on, and a mail says when
//! and from what.

use crate::{
    chargebacks::take_back,
    clocks::advance,
    collections::{DAY, DUE, Desk, desk},
    collections_told::{DETAILS, with_details},
    disputes::{all_holds, decide, disputed, next_attempt, until_invoice},
    disputes_of_parts::charge_of,
    invariants_of_plans::plans_agree,
    invoices::read,
    mails::{mails, mails_of, text},
    months::remind,
    plans,
    rig::until,
    top_ups::{buy, card},
};
use payterms_proto::{
    invoicing::v1::{
        ExplainInvoiceRequest, Invoice, MailKind, block::Reason, collection, invoice::State,
    },
    plans::v1::plan::State as PlanState,
    wallet::v1::{Dispute, dispute},
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{World, on_both};

on_both!(
    an_invoice_waits_until_the_only_card_stands_again,
    an_invoice_that_waited_in_vain_is_tried_after_notice,
    an_invoice_that_waits_is_collected_from_another_card,
    instalments_wait_until_the_only_card_stands_again,
    instalments_that_waited_in_vain_are_tried_after_notice_before_a_breach,
    an_instalment_is_announced_for_the_day_on_which_it_is_taken,
);

/// 50.00 of credit were bought by the only card, and are disputed on 1 January.
async fn disputed_top_up(world: &World, desk: &Desk) -> (String, Dispute) {
    let wallet = world.wallet(&desk.customer, "USD").await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    let charge = charge_of(&world.suite.simulator, "50").await;
    take_back(&world.suite.simulator, &charge).await;
    let dispute = disputed(&desk.admin, dispute::State::Open).await;
    let opened =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeOpened, 1).await.remove(0)).await;
    assert!(opened.contains("What would be charged waits, and is not late meanwhile."), "{opened}");
    (charge, dispute)
}

async fn explained(session: &Session, invoice: &Invoice) -> Vec<String> {
    let explain = ExplainInvoiceRequest { name: invoice.name.clone() };
    let answer = session.invoices().explain_invoice(explain).await.unwrap().into_inner();
    let next = answer.next.map(|next| format!("Next: {}", next.sentence));
    answer.facts.into_iter().map(|fact| fact.sentence).chain(next).collect()
}

/// An invoice of 100.00, due on 31 January, that waits for the dispute of a purchase on 10
/// February.
async fn waiting(world: &World) -> (Desk, String, Dispute) {
    let desk = desk(world, Some("tok_visa")).await;
    with_details(world).await;
    remind(world, &[3]).await;
    let (charge, dispute) = disputed_top_up(world, &desk).await;
    let before = explained(&desk.admin, &desk.invoice).await.join("\n");
    assert!(
        before.contains("to be collected on 2026-01-31; while a charge of the only payment method"),
        "{before}"
    );
    advance(world, DUE + 10 * DAY).await;
    let waits = read(&desk.owner, &desk.invoice.name).await.unwrap();
    let block = waits.block.clone().unwrap();
    assert_eq!(
        (block.reason(), block.owner.as_str(), waits.disputed_by.as_str()),
        (Reason::Disputed, dispute.name.as_str(), "")
    );
    let collection = waits.collection.clone().unwrap();
    assert_eq!(
        (collection.state(), collection.failed_attempt_count, next_attempt(&waits)),
        (collection::State::Scheduled, 0, None)
    );
    for kind in [MailKind::CollectionFailed, MailKind::Reminder, MailKind::CollectionPlanned] {
        assert!(mails(&desk.owner, kind).await.is_empty(), "{kind:?}");
    }
    let this_text = explained(&desk.admin, &desk.invoice).await.join("\n");
    assert!(
        this_text.contains("while the dispute is open it is not late")
            && this_text.contains("The end of the dispute, or another"),
        "{this_text}"
    );
    assert!(!this_text.contains("past due by") && !this_text.contains("WinDispute"), "{this_text}");
    let this_text = explained(&desk.owner, &desk.invoice).await.join("\n");
    assert!(this_text.contains("WinDispute or LoseDispute"), "{this_text}");
    // The month's mail says the same.
    let january = mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0);
    let words = text(&desk.owner, &january).await;
    assert!(
        words.contains("100.00\u{a0}USD open, held until a dispute is decided")
            && !words.contains("Past due"),
        "{words}"
    );
    (desk, charge, dispute)
}

/// The provider decides, on 10 February.
async fn decided(world: &World, desk: &Desk, charge: &str, outcome: &str, state: dispute::State) {
    decide(&world.suite.simulator, charge, outcome).await;
    disputed(&desk.admin, state).await;
    advance(world, DUE + 10 * DAY + 60).await;
}

async fn planned(desk: &Desk) -> String {
    text(&desk.owner, &mails_of(&desk.owner, MailKind::CollectionPlanned, 1).await.remove(0)).await
}

async fn an_invoice_waits_until_the_only_card_stands_again(world: &World) {
    let (desk, charge, _) = waiting(world).await;
    decided(world, &desk, &charge, "won", dispute::State::Won).await;
    let invoice =
        until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!(next_attempt(&invoice), Some(DUE + 11 * DAY), "the next day");
    let words = planned(&desk).await;
    let said = [
        "We will collect it on 11 February 2026 from your card ending in 4242",
        &desk.invoice.number,
        "100.00\u{a0}USD",
    ];
    assert!(said.iter().all(|part| words.contains(part)), "{words}");
    advance(world, DUE + 11 * DAY).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    assert!(
        mails(&desk.owner, MailKind::CollectionFailed).await.is_empty()
            && mails(&desk.owner, MailKind::Reminder).await.is_empty()
    );
    all_holds(world).await;
}

async fn an_invoice_that_waited_in_vain_is_tried_after_notice(world: &World) {
    let (desk, charge, _) = waiting(world).await;
    decided(world, &desk, &charge, "lost", dispute::State::Lost).await;
    let invoice =
        until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!(next_attempt(&invoice), Some(DUE + 12 * DAY), "the second day after the mail");
    let words = planned(&desk).await;
    assert!(
        words.contains(
            "is to be collected on 12 February 2026, but no saved payment method can be used"
        ),
        "{words}"
    );
    assert!(words.contains(DETAILS), "who is asked to pay is told where to: {words}");
    advance(world, DUE + 12 * DAY - 1).await;
    assert!(
        mails(&desk.owner, MailKind::CollectionFailed).await.is_empty()
            && mails(&desk.owner, MailKind::Reminder).await.is_empty()
    );
    advance(world, DUE + 12 * DAY + 60).await;
    mails_of(&desk.owner, MailKind::CollectionFailed, 1).await;
    let tried = read(&desk.owner, &desk.invoice.name).await.unwrap();
    let collection = tried.collection.clone().unwrap();
    assert_eq!(
        (collection.failed_attempt_count, next_attempt(&tried)),
        (1, Some(DUE + 13 * DAY)),
        "its ladder begins"
    );
    assert!(explained(&desk.admin, &tried).await.join("\n").contains("is past due by 12 days"));
    all_holds(world).await;
}

async fn an_invoice_that_waits_is_collected_from_another_card(world: &World) {
    let (desk, _, dispute) = waiting(world).await;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    advance(world, DUE + 10 * DAY + 60).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_none()).await;
    let words = planned(&desk).await;
    assert!(words.contains("on 11 February 2026 from your card ending in 4444"), "{words}");
    let this_text = explained(&desk.admin, &desk.invoice).await.join("\n");
    assert!(
        this_text.contains("nothing follows from that before 2026-02-11")
            && !this_text.contains("taken back"),
        "{this_text}"
    );
    advance(world, DUE + 11 * DAY).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    assert_eq!(
        disputed(&desk.admin, dispute::State::Open).await.name,
        dispute.name,
        "the dispute is open still"
    );
    all_holds(world).await;
}

/// Three instalments from 31 January on; on 22 March two dates and their days of grace are over.
async fn waiting_plan(world: &World) -> (Desk, String, String) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let (charge, _) = disputed_top_up(world, &desk).await;
    advance(world, plans::MIDNIGHT + 80 * DAY).await;
    let now = plans::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), now.breach_after_date, now.breach_count),
        (PlanState::Active, None, 0)
    );
    assert!(!now.collection.unwrap().under_way);
    for kind in [
        MailKind::InstalmentFailed,
        MailKind::InstalmentDue,
        MailKind::PlanLate,
        MailKind::PlanBreached,
        MailKind::Reminder,
    ] {
        assert!(mails(&desk.owner, kind).await.is_empty(), "{kind:?}");
    }
    let text = explained(&desk.admin, &desk.invoice).await.join("\n");
    assert!(text.contains("no instalment of the payment plan is collected or late"), "{text}");
    assert!(
        text.contains(
            "Next: The dispute is decided by the provider: what waits is collected on the next day"
        ),
        "{text}"
    );
    (desk, plan.name, charge)
}

/// The plan and the explanation of its invoice say the day that the mail has said, and no other
/// mail says another.
async fn planned_for(desk: &Desk, plan: &str, day: &str, at: i64) {
    let next = plans::plan(&desk.admin, plan)
        .await
        .collection
        .and_then(|collection| collection.next_attempt_time);
    assert_eq!(next.map(|next| next.seconds), Some(at));
    let this_text = explained(&desk.admin, &desk.invoice).await.join("\n");
    assert!(
        this_text.contains(&format!("collected on {day}"))
            || this_text.contains(&format!("method on {day}")),
        "{this_text}"
    );
    let announced = mails(&desk.owner, MailKind::InstalmentDue).await;
    assert!(announced.is_empty(), "{announced:?}");
}

async fn instalments_wait_until_the_only_card_stands_again(world: &World) {
    let (desk, plan, charge) = waiting_plan(world).await;
    decide(&world.suite.simulator, &charge, "won").await;
    let words = planned(&desk).await;
    let said =
        ["We will collect it on 23 March 2026 from your card ending in 4242", "66.67\u{a0}USD"];
    assert!(said.iter().all(|part| words.contains(part)), "{words}");
    planned_for(&desk, &plan, "2026-03-23", plans::MIDNIGHT + 81 * DAY).await;
    advance(world, plans::MIDNIGHT + 81 * DAY + 60).await;
    let paid = plans::knows(&desk.admin, &plan, &plans::usd(33, 33)).await;
    assert_eq!((paid.state(), paid.breach_count), (PlanState::Active, 0));
    advance(world, plans::MIDNIGHT + 100 * DAY).await;
    until(
        async || Ok(plans::plan(&desk.admin, &plan).await),
        |plan| plan.state() == PlanState::Completed,
    )
    .await;
    assert!(
        mails(&desk.owner, MailKind::InstalmentFailed).await.is_empty()
            && mails(&desk.owner, MailKind::PlanLate).await.is_empty()
    );
    let announced =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::InstalmentDue, 1).await.remove(0)).await;
    assert!(
        announced.contains("from your card ending in 4242 on 31 March 2026"),
        "what the other mail told is not told again: {announced}"
    );
    plans_agree(world).await;
    all_holds(world).await;
}

async fn instalments_that_waited_in_vain_are_tried_after_notice_before_a_breach(world: &World) {
    let (desk, plan, charge) = waiting_plan(world).await;
    decide(&world.suite.simulator, &charge, "lost").await;
    let words = planned(&desk).await;
    assert!(
        words.contains(
            "is to be collected on 24 March 2026, but no saved payment method can be used"
        ),
        "{words}"
    );
    planned_for(&desk, &plan, "2026-03-24", plans::MIDNIGHT + 82 * DAY).await;
    advance(world, plans::MIDNIGHT + 82 * DAY - 1).await;
    assert!(mails(&desk.owner, MailKind::InstalmentFailed).await.is_empty());
    advance(world, plans::MIDNIGHT + 82 * DAY + 60).await;
    mails_of(&desk.owner, MailKind::InstalmentFailed, 1).await;
    let tried = plans::plan(&desk.admin, &plan).await;
    assert_eq!(
        (tried.state(), tried.breach_count),
        (PlanState::InGrace, 0),
        "its days of grace begin"
    );
    // Another card pays what the ladder tries next.
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    advance(world, plans::MIDNIGHT + 83 * DAY + 3_600).await;
    let paid = plans::knows(&desk.admin, &plan, &plans::usd(33, 33)).await;
    assert_eq!((paid.state(), paid.breach_count), (PlanState::Active, 0));
    plans_agree(world).await;
    all_holds(world).await;
}

/// The first instalment is disputed before the second one, due on 28 February, is announced, and
/// lost on 5 March.
async fn an_instalment_is_announced_for_the_day_on_which_it_is_taken(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    advance(world, plans::MIDNIGHT + 50 * DAY).await;
    let charge = charge_of(&world.suite.simulator, "33.34").await;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    take_back(&world.suite.simulator, &charge).await;
    disputed(&desk.admin, dispute::State::Open).await;
    advance(world, plans::MIDNIGHT + 63 * DAY + 60).await;
    mails_of(&desk.owner, MailKind::InstalmentDue, 1).await;
    decide(&world.suite.simulator, &charge, "lost").await;
    disputed(&desk.admin, dispute::State::Lost).await;
    advance(world, plans::MIDNIGHT + 64 * DAY).await;
    let announced =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::InstalmentDue, 2).await.remove(0)).await;
    assert!(
        announced.contains("from your card ending in 4444 on 7 March 2026")
            && !announced.contains("28 February"),
        "{announced}"
    );
    all_holds(world).await;
}
