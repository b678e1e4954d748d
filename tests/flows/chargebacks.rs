//! An issuer takes a charge back: the ledger reverses it, invoices are open again, the card is not
//! charged without a person any more.

use crate::{
    invariants,
    invoices::read,
    payments::{Till, by, credit, till},
    rig::{self, until},
    top_ups::{buy, card},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreatePaymentRequest, GetPaymentRequest, InvoiceToPay, Payment, invoice::State,
    },
    wallet::v1::{
        GetBalanceRequest, GetTopUpRequest, ListEntriesRequest, ListPaymentMethodsRequest,
        PaymentMethod, PostDebitRequest, SetCollectionMethodRequest, entry, top_up,
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

pub(crate) async fn posted(session: &Session, wallet: &str) -> Option<Money> {
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
    pub(crate) async fn pays(&self, payment: CreatePaymentRequest) -> Payment {
        self.admin.payments().create_payment(payment).await.unwrap().into_inner().payment.unwrap()
    }

    pub(crate) async fn after_chargeback(&self, payment: &Payment) -> Payment {
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
