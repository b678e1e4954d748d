//! What is given back of a charge, and what becomes of its credit, while its issuer has a part of
//! it: nothing is lost, and nothing is given twice.

use crate::{
    bank_debits::account,
    chargebacks::{charges, methods, take_back},
    clocks::advance,
    collections::{DAY, START, desk},
    disputes::{all_holds, decide, disputed, list, pay_by, until_invoice},
    disputes_of_parts::{charge_of, take_part},
    invariants,
    invariants_of_plans::plans_agree,
    payments::{Till, by, till},
    plans,
    rig::until,
    top_ups::{buy, card, shop},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreateCreditNoteRequest, CreatePaymentRequest, InvoiceToPay, Payment, Refund,
        UnapplyPaymentRequest, invoice::State, refund_part::Destination,
    },
    plans::v1::plan::State as PlanState,
    wallet::{
        peers::v1::{ChargeForPaymentRequest, GetChargeRequest, RefundPaymentRequest},
        v1::{
            Dispute, GetBalanceRequest, GetDisputeRequest, GetTopUpRequest, charge, dispute, top_up,
        },
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, Statement};

on_both!(
    an_unapplied_rest_of_a_disputed_charge_is_credit,
    a_credit_note_gives_the_rest_of_a_disputed_charge_back,
    a_refund_on_its_way_moves_what_the_issuer_left,
    a_surplus_that_is_settled_after_the_dispute_comes_back_with_it,
    a_method_of_an_old_chargeback_stays_blocked,
    a_lost_instalment_is_collected_though_no_other_falls_due,
);

/// An invoice of 100.00 that a card has paid, of which the issuer has taken 30.00.
pub(crate) async fn paid_and_disputed(world: &World) -> (Till, Payment, String) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 30).await;
    until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Open).await;
    (till, payment, charge)
}

fn parts(refund: &Refund) -> Vec<(i64, Destination)> {
    refund
        .parts
        .iter()
        .map(|refund_part| (refund_part.amount.as_ref().unwrap().units, refund_part.destination()))
        .collect()
}

/// 70.00 are not disputed: taken off the invoice they are credit, and the customer pays 100.00
/// once, also where the dispute is lost.
async fn an_unapplied_rest_of_a_disputed_charge_is_credit(world: &World) {
    let (till, payment, charge) = paid_and_disputed(world).await;
    let unapply = UnapplyPaymentRequest {
        request_id: request_id(),
        payment: payment.name.clone(),
        invoice: till.invoice.name.clone(),
        amount: amount("USD", 70, 0),
    };
    let answer = till.owner.refunds().unapply_payment(unapply).await.unwrap().into_inner();
    assert_eq!(parts(&answer.refund.unwrap()), [(70, Destination::Credit)]);
    assert_eq!(
        (answer.invoice.unwrap().open, till.available().await),
        (amount("USD", 100, 0), amount("USD", 70, 0))
    );
    decide(&world.suite.simulator, &charge, "lost").await;
    disputed(&till.owner, dispute::State::Lost).await;
    let open = until_invoice(&till.owner, &till.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!(
        (open.open, open.paid, till.available().await),
        (amount("USD", 100, 0), amount("USD", 0, 0), amount("USD", 70, 0))
    );
    all_holds(world).await;
}

/// A note over all of it takes 30.00 off what is open and gives 70.00 back. Won, the 30.00 are
/// credit too.
async fn a_credit_note_gives_the_rest_of_a_disputed_charge_back(world: &World) {
    let (till, _, charge) = paid_and_disputed(world).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 100, 0),
        explanation: "Goodwill".into(),
    };
    let answer = till.owner.invoices().create_credit_note(note).await.unwrap().into_inner();
    assert_eq!(parts(&answer.refund.unwrap()), [(70, Destination::Credit)]);
    assert_eq!(till.available().await, amount("USD", 70, 0));
    let booked = invariants::booked(world).await;
    assert!(
        booked.iter().all(|(account, units)| account != "INVOICE_SETTLEMENT" || *units == 0),
        "{booked:?}"
    );
    decide(&world.suite.simulator, &charge, "won").await;
    disputed(&till.owner, dispute::State::Won).await;
    let credit =
        until(async || Ok(till.available().await), |each| *each == amount("USD", 100, 0)).await;
    assert_eq!(credit, amount("USD", 100, 0));
    until(async || Ok(invariants::open_flows(world).await), Vec::is_empty).await;
    all_holds(world).await;
}

/// Invoicing gave 50.00 back before it knew that the issuer has 60.00: 40.00 are there to move, and
/// the payer has 10.00 of it from the issuer. Won, these 10.00 are credit too.
async fn a_refund_on_its_way_moves_what_the_issuer_left(world: &World) {
    let peer = world.peer("invoicing", "wallet");
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let method = card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = format!("{}/payments/01890000-0000-7000-8000-000000000001", till.customer);
    let request = ChargeForPaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        payment: payment.clone(),
        payment_method: method,
        amount: amount("USD", 100, 0),
    };
    let charged = peer
        .settlements()
        .charge_for_payment(request.clone())
        .await
        .unwrap()
        .into_inner()
        .charge
        .unwrap();
    let provided = charges(&simulator).await.remove(0);
    take_part(&simulator, &provided, 60).await;
    let get = GetChargeRequest { name: charged.name };
    let read = async || {
        peer.settlements()
            .get_charge(get.clone())
            .await
            .map(|answer| answer.into_inner().charge.unwrap())
    };
    until(read, |charge| charge.state() == charge::State::ChargedBack).await;
    let refund = |units: i64, to_credit: bool| RefundPaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        payment: payment.clone(),
        amount: amount("USD", units, 0),
        charge_request_id: request.request_id.clone(),
        to_credit,
    };
    let request = refund(50, false);
    let first = peer.settlements().refund_payment(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.credited, first.taken_back.clone()), (true, amount("USD", 10, 0)));
    assert_eq!(till.available().await, amount("USD", 40, 0));
    assert_eq!(
        peer.settlements().refund_payment(request).await.unwrap().into_inner(),
        first,
        "the same step again"
    );
    let second = peer.settlements().refund_payment(refund(50, true)).await.unwrap().into_inner();
    assert_eq!(
        (second.credited, second.taken_back),
        (false, amount("USD", 50, 0)),
        "the issuer has the rest"
    );
    decide(&simulator, &provided, "won").await;
    disputed(&till.owner, dispute::State::Won).await;
    assert_eq!(till.available().await, amount("USD", 100, 0));
    let booked = invariants::booked(world).await;
    assert!(
        booked.iter().all(|(account, units)| account != "INVOICE_SETTLEMENT" || *units == 0),
        "{booked:?}"
    );
    invariants::hold(world).await;
}

/// 120.00 by card and 10.00 by a debit that takes days pay 100.00. The card is disputed meanwhile;
/// then 30.00 are surplus, of which the issuer has 20.00. Won, the customer has them again.
async fn a_surplus_that_is_settled_after_the_dispute_comes_back_with_it(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    let simulator = world.suite.simulator.clone();
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    let debited = account(world, &desk.admin, &desk.customer, "tok_bank").await;
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: desk.invoice.name.clone(), amount: None }],
        tenders: vec![by(&visa, amount("USD", 120, 0)), by(&debited, amount("USD", 10, 0))],
        ..Default::default()
    };
    desk.admin.payments().create_payment(request).await.unwrap();
    let charge = charge_of(&simulator, "120").await;
    take_back(&simulator, &charge).await;
    let open = disputed(&desk.owner, dispute::State::Open).await;
    assert_eq!(
        (open.from_invoices.clone(), open.from_credit.clone()),
        (amount("USD", 120, 0), amount("USD", 0, 0))
    );
    advance(world, START + 5 * DAY).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_some()).await;
    assert_eq!(
        available(&desk.admin, &wallet).await,
        amount("USD", 10, 0),
        "what the debit paid beyond the invoice"
    );
    let known = read_dispute(&desk.admin, &open.name).await;
    assert_eq!(
        (known.from_invoices, known.from_credit, known.from_surplus),
        (amount("USD", 100, 0), amount("USD", 20, 0), amount("USD", 20, 0))
    );
    decide(&simulator, &charge, "won").await;
    disputed(&desk.owner, dispute::State::Won).await;
    let paid =
        until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    assert_eq!(
        (paid.paid, available(&desk.admin, &wallet).await),
        (amount("USD", 100, 0), amount("USD", 30, 0))
    );
    all_holds(world).await;
}

pub(crate) async fn read_dispute(session: &Session, name: &str) -> Dispute {
    let get = GetDisputeRequest { name: name.into() };
    session.disputes().get_dispute(get).await.unwrap().into_inner().dispute.unwrap()
}

pub(crate) async fn available(session: &Session, wallet: &str) -> Option<Money> {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().available
}

/// Two top-ups of one card are taken back, the first before there were disputes. The second is won:
/// the card stays blocked.
async fn a_method_of_an_old_chargeback_stays_blocked(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    let old = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let first = charges(&simulator).await.remove(0);
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 60, 0))).await.unwrap();
    take_back(&simulator, &first).await;
    disputed(&owner, dispute::State::Open).await;
    let get = GetTopUpRequest { name: old.name };
    assert_eq!(
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state(),
        top_up::State::ChargedBack
    );
    let (conn, s) = world.rows("wallet").await;
    let forget =
        Statement::from_string(conn.get_database_backend(), format!("DELETE FROM {s}disputes"));
    conn.execute_raw(forget).await.unwrap();
    let second = charge_of(&simulator, "60").await;
    take_back(&simulator, &second).await;
    disputed(&owner, dispute::State::Open).await;
    decide(&simulator, &second, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert!(
        methods(&admin, &customer).await.iter().all(|payment_method| payment_method.charged_back),
        "the first chargeback stands"
    );
    assert_eq!(list(&owner, &customer, "").await.len(), 1);
    invariants::hold(world).await;
}

/// 33.34 were collected on 31 January, and are lost on 10 February: the other card is charged on
/// the 12th, long before the second date.
async fn a_lost_instalment_is_collected_though_no_other_falls_due(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let simulator = world.suite.simulator.clone();
    advance(world, plans::MIDNIGHT + 31 * DAY).await;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    let charge = charges(&simulator).await.remove(0);
    advance(world, plans::MIDNIGHT + 35 * DAY).await;
    take_back(&simulator, &charge).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| !invoice.disputed_by.is_empty()).await;
    plans::knows(&desk.admin, &plan.name, &plans::usd(100, 0)).await;
    advance(world, plans::MIDNIGHT + 40 * DAY).await;
    decide(&simulator, &charge, "lost").await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.disputed_by.is_empty()).await;
    until(async || Ok(invariants::open_flows(world).await), Vec::is_empty).await;
    advance(world, plans::MIDNIGHT + 41 * DAY).await;
    assert_eq!(charges(&simulator).await.len(), 1, "not before the second day");
    advance(world, plans::MIDNIGHT + 42 * DAY).await;
    assert_eq!(charges(&simulator).await.len(), 2, "the other card pays it");
    advance(world, plans::MIDNIGHT + 55 * DAY).await;
    let this_plan = plans::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (this_plan.state(), this_plan.breach_count, this_plan.open.clone()),
        (PlanState::Active, 0, amount("USD", 66, 66))
    );
    plans_agree(world).await;
    all_holds(world).await;
}
