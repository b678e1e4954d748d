//! An issuer takes a charge back: what it had paid is open and blocked until that is decided; won,
//! all is as before; lost, it is collected after notice, by another method.

use crate::{
    chargebacks::{charges, methods, take_back},
    clocks::advance,
    collections::{DAY, DUE, Desk, desk},
    invariants,
    invariants_of_plans::plans_agree,
    invariants_of_provider::clearing_agrees,
    invoices::read,
    mails::{mails, mails_of, text},
    payments::{by, till},
    plans,
    rig::until,
    top_ups::card,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        BlockInvoiceRequest, CreatePaymentRequest, ExplainInvoiceRequest, Invoice, InvoiceToPay,
        ListPaymentsRequest, ListRefundsRequest, MailKind, Payment, block::Reason, collection,
        invoice::State,
    },
    plans::v1::plan::State as PlanState,
    wallet::v1::{Dispute, GetBalanceRequest, ListDisputesRequest, dispute},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    an_open_dispute_blocks_and_a_lost_one_is_collected_after_notice,
    a_payment_that_is_won_after_it_was_paid_otherwise_becomes_credit,
    the_instalments_of_a_plan_wait,
);

/// The issuer decides, and the provider tells of it.
pub(crate) async fn decide(simulator: &str, charge: &str, outcome: &str) {
    let page = format!("{simulator}/simulator/acme/charges/{charge}/dispute/{outcome}");
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
}

pub(crate) async fn list(session: &Session, parent: &str, filter: &str) -> Vec<Dispute> {
    let list =
        ListDisputesRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
    session.disputes().list_disputes(list).await.unwrap().into_inner().disputes
}

/// Waits for the one dispute of the tenant that is in a state.
pub(crate) async fn disputed(session: &Session, state: dispute::State) -> Dispute {
    let all = async || Ok(list(session, "tenants/acme/customers/-", "").await);
    until(all, |found| found.len() == 1 && found[0].state() == state).await.remove(0)
}

pub(crate) async fn pay_by(
    admin: &Session,
    customer: &str,
    invoice: &Invoice,
    method: &str,
) -> Payment {
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![by(method, None)],
        ..Default::default()
    };
    admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
}

pub(crate) async fn until_invoice(
    session: &Session,
    invoice: &Invoice,
    awaited: impl Fn(&Invoice) -> bool,
) -> Invoice {
    until(async || read(session, &invoice.name).await, awaited).await
}

pub(crate) async fn posted(session: &Session, wallet: &str) -> Option<Money> {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().posted
}

pub(crate) fn next_attempt(invoice: &Invoice) -> Option<i64> {
    invoice.collection.as_ref().and_then(|own| own.next_attempt_time).map(|at| at.seconds)
}

pub(crate) async fn all_holds(world: &World) {
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    clearing_agrees(world).await;
}

/// A desk with two cards, whose invoice was paid by the first, on 1 January.
async fn paid_by_visa(world: &World) -> (Desk, String, String) {
    let desk = desk(world, Some("tok_visa")).await;
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    let master = card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &visa).await;
    until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Paid).await;
    (desk, visa, master)
}

async fn an_open_dispute_blocks_and_a_lost_one_is_collected_after_notice(world: &World) {
    let (desk, visa, master) = paid_by_visa(world).await;
    let simulator = world.suite.simulator.clone();
    let charge = charges(&simulator).await.remove(0);
    let page = format!(
        "{simulator}/simulator/acme/charges/{charge}/chargeback?reason=product_not_received&evidence_due=2026-01-20"
    );
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
    let blocked = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Open).await;
    let own = disputed(&desk.admin, dispute::State::Open).await;
    let block = blocked.block.clone().unwrap();
    assert_eq!(
        (block.reason(), block.owner.as_str(), blocked.disputed_by.as_str()),
        (Reason::Disputed, own.name.as_str(), own.name.as_str())
    );
    assert_eq!(
        (own.amount.clone(), own.from_invoices.clone(), own.provider_reason.as_str()),
        (amount("USD", 100, 0), amount("USD", 100, 0), "product_not_received")
    );
    assert_eq!(
        (own.payment_method.as_str(), own.evidence_due_date.unwrap().day, own.r#final),
        (visa.as_str(), 20, false)
    );
    let named = BlockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    let refused = BlockInvoiceRequest { reason: Reason::Manual.into(), ..named };
    assert_eq!(
        reason(&desk.owner.collections().block_invoice(refused).await.unwrap_err()),
        "INVOICE_BLOCKED"
    );
    an_open_dispute_is_named(&desk).await;
    // Past its due date nothing happens while it is open.
    advance(world, DUE + 10 * DAY).await;
    let still = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(
        (still.state(), still.open.clone(), next_attempt(&still)),
        (State::Open, amount("USD", 100, 0), None)
    );
    assert!(
        mails(&desk.owner, MailKind::Reminder).await.is_empty()
            && charges(&simulator).await.len() == 1
    );
    decide(&simulator, &charge, "lost").await;
    let lost = disputed(&desk.admin, dispute::State::Lost).await;
    assert_eq!((lost.provider_outcome(), lost.explanation.as_str()), (dispute::State::Lost, ""));
    // 11:00 or later in Sydney on 10 February: the second day after it is the 12th.
    let collected_at = DUE + 12 * DAY;
    let open = until_invoice(&desk.owner, &desk.invoice, |own| own.block.is_none()).await;
    assert_eq!((open.disputed_by.as_str(), next_attempt(&open)), ("", Some(collected_at)));
    assert_eq!(
        open.collection.as_ref().unwrap().state(),
        collection::State::Scheduled,
        "nobody has tried it: it is not called refused"
    );
    assert!(open.no_consequence_before.is_some());
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(
        words.contains("12 February 2026")
            && words.contains("card ending in 4444")
            && words.contains("4242"),
        "{words}"
    );
    mails_of(&desk.owner, MailKind::DisputeReported, 2).await;
    // What came before comes again, and changes nothing.
    take_back(&simulator, &charge).await;
    decide(&simulator, &charge, "lost").await;
    advance(world, collected_at - 1).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Open);
    advance(world, collected_at).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Paid);
    let payments = ListPaymentsRequest {
        parent: desk.customer.clone(),
        filter: "automatic = true".into(),
        ..Default::default()
    };
    let collected =
        desk.owner.payments().list_payments(payments).await.unwrap().into_inner().payments;
    assert!(
        collected.len() == 1
            && methods(&desk.admin, &desk.customer)
                .await
                .iter()
                .any(|own| own.name == master && own.collection_method)
    );
    assert_eq!(mails(&desk.owner, MailKind::DisputeLost).await.len(), 1);
    all_holds(world).await;
}

/// Customer and tenant have their mails, and the explanation names it.
async fn an_open_dispute_is_named(desk: &Desk) {
    let opened = mails_of(&desk.owner, MailKind::DisputeOpened, 1).await.remove(0);
    let words = text(&desk.owner, &opened).await;
    assert!(
        words.contains("100.00")
            && words.contains("nothing was received for it")
            && words.contains("card ending in 4444"),
        "{words}"
    );
    let report = mails_of(&desk.owner, MailKind::DisputeReported, 1).await.remove(0);
    assert!(
        report.customer.is_empty() && text(&desk.owner, &report).await.contains("20 January 2026")
    );
    let explain = ExplainInvoiceRequest { name: desk.invoice.name.clone() };
    let told = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(
        told.facts.iter().any(|fact| fact.sentence.contains("disputed at its issuer")),
        "{told:?}"
    );
}

async fn a_payment_that_is_won_after_it_was_paid_otherwise_becomes_credit(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    let master = card(world, &till.admin, &till.customer, "tok_mastercard").await;
    let first = pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_some()).await;
    // The customer may always pay.
    pay_by(&till.admin, &till.customer, &till.invoice, &master).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), State::Paid);
    decide(&simulator, &charge, "won").await;
    disputed(&till.owner, dispute::State::Won).await;
    let credit =
        until(async || Ok(till.available().await), |own| *own == amount("USD", 100, 0)).await;
    assert_eq!(credit, amount("USD", 100, 0), "the surplus");
    let own = until_invoice(&till.owner, &till.invoice, |own| own.block.is_none()).await;
    assert_eq!(
        (own.state(), own.paid, own.disputed_by.as_str()),
        (State::Paid, amount("USD", 100, 0), "")
    );
    let refunds = ListRefundsRequest { parent: till.invoice.name.clone(), ..Default::default() };
    let refunds = async || {
        till.owner.refunds().list_refunds(refunds.clone()).await.map(|own| own.into_inner().refunds)
    };
    let refunds = until(refunds, |found| found.len() == 1).await;
    assert!(refunds[0].parts.iter().all(|part| part.payment == first.name), "{refunds:?}");
    let won = mails_of(&till.owner, MailKind::DisputeWon, 1).await.remove(0);
    let said = text(&till.owner, &won).await;
    assert!(
        said.contains("100.00\u{a0}USD that you paid otherwise meanwhile is given back as credit")
            && !said.contains("is in your balance"),
        "{said}"
    );
    until(async || Ok(invariants::open_flows(world).await), Vec::is_empty).await;
    all_holds(world).await;
}

/// The first instalment was collected and is disputed. The plan's block stays; nothing is
/// collected, late or breached until it is decided.
async fn the_instalments_of_a_plan_wait(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let simulator = world.suite.simulator.clone();
    advance(world, plans::MIDNIGHT + 31 * DAY).await;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    let own = until_invoice(&desk.owner, &desk.invoice, |own| !own.disputed_by.is_empty()).await;
    assert_eq!(
        (own.block.unwrap().owner, own.open),
        (plan.name.clone(), amount("USD", 100, 0)),
        "the plan's block stays"
    );
    plans::knows(&desk.admin, &plan.name, &plans::usd(100, 0)).await;
    advance(world, plans::MIDNIGHT + 80 * DAY).await;
    let now = plans::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), now.breach_after_date),
        (PlanState::Active, None),
        "two dates and their days of grace are over"
    );
    assert_eq!(charges(&simulator).await.len(), 1);
    decide(&simulator, &charge, "lost").await;
    until_invoice(&desk.owner, &desk.invoice, |own| own.disputed_by.is_empty()).await;
    advance(world, plans::MIDNIGHT + 81 * DAY).await;
    assert_eq!(charges(&simulator).await.len(), 1, "not before the second day");
    advance(world, plans::MIDNIGHT + 100 * DAY).await;
    let after = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Paid).await;
    assert_eq!(after.block, None);
    let now = until(
        async || Ok(plans::plan(&desk.admin, &plan.name).await),
        |own| own.state() == PlanState::Completed,
    )
    .await;
    assert_eq!(now.breach_count, 0);
    plans_agree(world).await;
    all_holds(world).await;
}
