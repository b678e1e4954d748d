//! An issuer takes a charge back: the ledger reverses it, invoices are open again, the card is not
//! charged without a person any more.

use crate::{
    documents::{acme, business, receipts_of, taxed_sale},
    invariants,
    invoices::{read, taxed},
    payments::{Till, by, credit, till},
    rig::{self, until},
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreateCreditNoteRequest, CreatePaymentRequest, GetPaymentRequest, InvoiceToPay, Payment,
        invoice::State,
    },
    wallet::{
        peers::v1::{ChargeForPaymentRequest, GetChargeRequest, RefundPaymentRequest},
        v1::{
            GetBalanceRequest, GetTopUpRefundRequest, GetTopUpRequest, ListEntriesRequest,
            ListPaymentMethodsRequest, ListTopUpRefundsRequest, PaymentMethod, PostDebitRequest,
            RefundTopUpRequest, SetCollectionMethodRequest, charge, entry, top_up, top_up_refund,
        },
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    a_top_up_is_reversed_and_may_leave_the_balance_negative,
    a_payment_reopens_its_invoice_and_its_surplus_is_gone,
    what_was_given_back_is_not_taken_twice,
    a_refund_that_comes_after_it_gives_nothing_back,
    it_waits_for_a_refund_that_succeeds,
    it_waits_for_a_refund_that_fails,
);

/// The simulator's ids of what it charged the tenant, oldest first by key.
pub(crate) async fn charges(simulator: &str) -> Vec<String> {
    let found: Vec<serde_json::Value> =
        reqwest::get(format!("{simulator}/v1/acme/charges")).await.unwrap().json().await.unwrap();
    found.iter().map(|value| value["id"].as_str().unwrap().to_owned()).collect()
}

/// The issuer takes a charge back, and the provider tells of it.
pub(crate) async fn take_back(simulator: &str, charge: &str) {
    let page = format!("{simulator}/simulator/acme/charges/{charge}/chargeback");
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
}

pub(crate) async fn methods(session: &Session, customer: &str) -> Vec<PaymentMethod> {
    let list = ListPaymentMethodsRequest { parent: customer.into(), ..Default::default() };
    session.methods().list_payment_methods(list).await.unwrap().into_inner().payment_methods
}

async fn posted(session: &Session, wallet: &str) -> Option<Money> {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().posted
}

async fn a_top_up_is_reversed_and_may_leave_the_balance_negative(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let other = card(world, &till.admin, &till.customer, "tok_mastercard").await;
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    let point = SetCollectionMethodRequest {
        request_id: request_id(),
        name: visa.clone(),
        ..Default::default()
    };
    till.admin.methods().set_collection_method(point).await.unwrap();
    let bought = till
        .admin
        .top_ups()
        .create_top_up(buy(&till.wallet, &visa, amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner();
    let bought = bought.top_up.unwrap();
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: till.wallet.clone(),
        amount: amount("USD", 30, 0),
        ..Default::default()
    };
    world.someone("SERVICE", None).postings().post_debit(debit).await.unwrap();
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    let get = GetTopUpRequest { name: bought.name.clone() };
    let read = async || {
        till.admin
            .top_ups()
            .get_top_up(get.clone())
            .await
            .map(|answer| answer.into_inner().top_up.unwrap())
    };
    until(read, |top_up| top_up.state() == top_up::State::ChargedBack).await;
    assert_eq!(posted(&till.admin, &till.wallet).await, amount("USD", -30, 0));
    let payment_methods = methods(&till.admin, &till.customer).await;
    let find = |name: &str| {
        payment_methods.iter().find(|payment_method| payment_method.name == name).unwrap()
    };
    assert!(find(&visa).charged_back && !find(&visa).collection_method);
    assert!(find(&other).collection_method, "the newest other that qualifies");
    let back =
        SetCollectionMethodRequest { request_id: request_id(), name: visa, ..Default::default() };
    assert_eq!(
        reason(&till.admin.methods().set_collection_method(back).await.unwrap_err()),
        "METHOD_STATE"
    );
    take_back(&simulator, &charge).await;
    let list = ListEntriesRequest { parent: till.wallet.clone(), ..Default::default() };
    let entries = till.admin.wallets().list_entries(list).await.unwrap().into_inner().entries;
    assert_eq!(
        entries.iter().filter(|entry| entry.kind() == entry::Kind::Chargeback).count(),
        2,
        "20 of its lot, 30 owed; once"
    );
    let booked = invariants::booked(world).await;
    assert!(
        booked.iter().all(|(account, units)| account != "PROVIDER_CLEARING" || *units == 0),
        "{booked:?}"
    );
    invariants::hold(world).await;
}

impl Till {
    async fn pays(&self, payment: CreatePaymentRequest) -> Payment {
        self.admin.payments().create_payment(payment).await.unwrap().into_inner().payment.unwrap()
    }

    async fn after_chargeback(&self, payment: &Payment) -> Payment {
        let get = GetPaymentRequest { name: payment.name.clone() };
        let read = async || {
            self.admin
                .payments()
                .get_payment(get.clone())
                .await
                .map(|answer| answer.into_inner().payment.unwrap())
        };
        until(read, |payment| {
            payment.tenders.iter().any(|payment_tender| {
                payment_tender.charged_back.as_ref().is_some_and(|amount| amount.units > 0)
            })
        })
        .await
    }
}

async fn a_payment_reopens_its_invoice_and_its_surplus_is_gone(world: &World) {
    let till = till(world, 30).await;
    let simulator = world.suite.simulator.clone();
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = till
        .pays(till.request(vec![credit(amount("USD", 30, 0)), by("", amount("USD", 120, 0))]))
        .await;
    assert_eq!(
        (payment.surplus.clone(), till.available().await),
        (amount("USD", 50, 0), amount("USD", 50, 0))
    );
    take_back(&simulator, &charges(&simulator).await[0]).await;
    let this_payment = till.after_chargeback(&payment).await;
    let taken: Vec<_> = this_payment
        .tenders
        .iter()
        .map(|payment_tender| payment_tender.charged_back.as_ref().unwrap().units)
        .collect();
    assert_eq!((taken, this_payment.surplus), (vec![0, 120], amount("USD", 0, 0)));
    let open = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(
        (open.state(), open.open, open.paid),
        (State::Open, amount("USD", 70, 0), amount("USD", 30, 0))
    );
    assert_eq!(till.available().await, amount("USD", 0, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

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
    waits_for_a_refund(world, "tok_refund_late", (top_up_refund::State::Succeeded, 33, 1)).await;
}

/// The card does not take the refund: the issuer takes 50.00 of credit and all of the tax, and the
/// wallet has 40.00.
async fn it_waits_for_a_refund_that_fails(world: &World) {
    waits_for_a_refund(world, "tok_refund_fails_late", (top_up_refund::State::Failed, 55, 0)).await;
}

async fn waits_for_a_refund(
    world: &World,
    token: &str,
    (ends, taken, notes): (top_up_refund::State, i64, usize),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_chargeback_is_booked_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chargeback_is_booked_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    for point in ["chargeback.before_commit", "chargeback.after_commit"] {
        Box::pin(killed(point, on_postgres)).await;
    }
}

async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    people.admin.payments().create_payment(pay).await.unwrap();
    let simulator = rig.simulator();
    let charge = charges(&simulator).await.remove(0);
    let (at, id) = (simulator.clone(), charge.clone());
    rig.die_at(point, async move { take_back(&at, &id).await }).await;
    // Providers tell again what was not taken in.
    take_back(&simulator, &charge).await;
    let owner = rig.someone("OWNER", None);
    let open =
        until(async || read(&owner, &invoice.name).await, |invoice| invoice.state() == State::Open)
            .await;
    assert_eq!(open.open, invoice.total, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
