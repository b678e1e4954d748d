//! A charge that is taken back was refunded, or is on its way back: the cardholder has the money
//! once.

use crate::{
    chargebacks::{charges, posted, take_back},
    documents::{acme, business, receipts_of, taxed_sale},
    invariants,
    invoices::{read, taxed},
    payments::{by, till},
    rig::until,
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::{CreateCreditNoteRequest, CreatePaymentRequest, InvoiceToPay, invoice::State},
    wallet::{
        peers::v1::{ChargeForPaymentRequest, GetChargeRequest, RefundPaymentRequest},
        v1::{
            GetTopUpRefundRequest, GetTopUpRequest, ListTopUpRefundsRequest, RefundTopUpRequest,
            charge, top_up, top_up_refund,
        },
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    what_was_given_back_is_not_taken_twice,
    a_refund_that_comes_after_it_gives_nothing_back,
    it_waits_for_a_refund_that_succeeds,
    it_waits_for_a_refund_that_fails,
);

async fn what_was_given_back_is_not_taken_twice(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = till.pays(till.request(vec![by("", None)])).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 40, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    take_back(&simulator, &charges(&simulator).await[0]).await;
    till.after_chargeback(&payment).await;
    let open = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(
        (open.open, open.credited, open.paid),
        (amount("USD", 60, 0), amount("USD", 40, 0), amount("USD", 0, 0))
    );
    let booked = invariants::booked(world).await;
    assert!(
        booked.iter().all(|(_, units)| *units == 0),
        "charged, given back, taken back: {booked:?}"
    );
    // It is paid again by another card.
    let other = card(world, &till.admin, &till.customer, "tok_mastercard").await;
    let again = till.pays(CreatePaymentRequest {
        invoices: vec![InvoiceToPay { invoice: till.invoice.name.clone(), amount: None }],
        ..till.request(vec![by(&other, None)])
    });
    assert_eq!(again.await.surplus, amount("USD", 0, 0));
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), State::Paid);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// A refund was on its way when the issuer took the charge back: the cardholder has the money once.
pub(crate) async fn a_refund_that_comes_after_it_gives_nothing_back(world: &World) {
    let peer = world.peer("invoicing", "wallet");
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let method = card(world, &till.admin, &till.customer, "tok_visa").await;
    let (parent, payment) = (
        till.customer.clone(),
        format!("{}/payments/01890000-0000-7000-8000-000000000001", till.customer),
    );
    let charge = ChargeForPaymentRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: payment.clone(),
        payment_method: method,
        amount: amount("USD", 75, 0),
    };
    let charged = peer
        .settlements()
        .charge_for_payment(charge.clone())
        .await
        .unwrap()
        .into_inner()
        .charge
        .unwrap();
    take_back(&simulator, &charges(&simulator).await[0]).await;
    let get = GetChargeRequest { name: charged.name };
    let read = async || {
        peer.settlements()
            .get_charge(get.clone())
            .await
            .map(|answer| answer.into_inner().charge.unwrap())
    };
    until(read, |charge| charge.state() == charge::State::ChargedBack).await;
    for to_credit in [false, true] {
        let refund = RefundPaymentRequest {
            request_id: request_id(),
            parent: parent.clone(),
            payment: payment.clone(),
            amount: amount("USD", 30, 0),
            charge_request_id: charge.request_id.clone(),
            to_credit,
        };
        assert!(!peer.settlements().refund_payment(refund).await.unwrap().into_inner().credited);
    }
    let refunds: Vec<serde_json::Value> =
        reqwest::get(format!("{simulator}/v1/acme/refunds")).await.unwrap().json().await.unwrap();
    assert!(
        refunds.is_empty() && invariants::booked(world).await.iter().all(|(_, units)| *units == 0),
        "{refunds:?}"
    );
    invariants::hold(world).await;
}

/// 55.00 with 10 % tax are 50.00 of credit, of which 10.00 are spent. While 20.00 go back with 2.00
/// of tax, the issuer takes the rest: 30.00 of credit and 3.00 of tax, of which the wallet has
/// 20.00.
async fn it_waits_for_a_refund_that_succeeds(world: &World) {
    waits_for_a_refund(world, "tok_refund_late", top_up_refund::State::Succeeded, 33, 1).await;
}

/// The card does not take the refund: the issuer takes 50.00 of credit and all of the tax, and the
/// wallet has 40.00.
async fn it_waits_for_a_refund_that_fails(world: &World) {
    waits_for_a_refund(world, "tok_refund_fails_late", top_up_refund::State::Failed, 55, 0).await;
}

async fn waits_for_a_refund(
    world: &World,
    token: &str,
    ends: top_up_refund::State,
    taken: i64,
    notes: usize,
) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    card(world, &admin, &customer, token).await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 55, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 10, 0)))
        .await
        .unwrap();
    let (name, credit, explanation) =
        (bought.name.clone(), amount("USD", 20, 0), "Too much.".to_owned());
    let (caller, request) =
        (owner.clone(), RefundTopUpRequest { request_id: request_id(), name, credit, explanation });
    let refunding = tokio::spawn(async move { caller.top_ups().refund_top_up(request).await });
    let list = ListTopUpRefundsRequest { parent: bought.name.clone(), ..Default::default() };
    let refunds = async || {
        owner
            .top_ups()
            .list_top_up_refunds(list.clone())
            .await
            .map(|answer| answer.into_inner().top_up_refunds)
    };
    let refund = until(refunds, |top_up_refunds| top_up_refunds.len() == 1).await.remove(0);
    let simulator = &world.suite.simulator;
    let told = async |what: &str| -> Vec<serde_json::Value> {
        reqwest::get(format!("{simulator}/v1/acme/{what}")).await.unwrap().json().await.unwrap()
    };
    until(async || Ok(told("refunds").await), |values| values.len() == 1).await;
    take_back(simulator, &charges(simulator).await[0]).await;
    let get = GetTopUpRequest { name: bought.name };
    let read = async || {
        admin
            .top_ups()
            .get_top_up(get.clone())
            .await
            .map(|answer| answer.into_inner().top_up.unwrap())
    };
    let waiting = read().await.unwrap();
    let still = owner
        .top_ups()
        .get_top_up_refund(GetTopUpRefundRequest { name: refund.name })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        still.top_up_refund.unwrap().state(),
        top_up_refund::State::Processing,
        "the provider has not answered yet"
    );
    assert_eq!(
        waiting.state(),
        top_up::State::Succeeded,
        "nothing is taken before the refund has ended"
    );
    let ended = refunding.await.unwrap().unwrap().into_inner().top_up_refund.unwrap();
    assert_eq!(ended.state(), ends);
    until(read, |top_up| top_up.state() == top_up::State::ChargedBack).await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", -10, 0), "what is spent is owed");
    let chargeback = told("chargebacks").await.remove(0);
    assert_eq!(chargeback["amount"].as_str().unwrap(), taken.to_string());
    let booked = invariants::booked(world).await;
    let at = |account: &str| booked.iter().find(|pair| pair.0 == account).map_or(0, |pair| pair.1);
    assert_eq!((at("PROVIDER_CLEARING"), at("TAX_PAYABLE")), (0, 0), "{booked:?}");
    let corrected = async || Ok(receipts_of(&owner, &customer, 1).await.remove(0));
    // One note for the refund that succeeded, one for the dispute: together they take off what was
    // bought.
    let receipt = until(corrected, |receipt| receipt.credit_notes.len() == notes + 1).await;
    let noted: Vec<_> = receipt
        .credit_notes
        .iter()
        .map(|note| (note.amount.clone().unwrap().units, note.dispute.is_empty()))
        .collect();
    assert!(
        noted.contains(&(taken, false)) && noted.iter().map(|(units, _)| units).sum::<i64>() == 55,
        "{receipt:?}"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
