//! A line is switched on, and pays later together with credit and a card, while invoicing, credit
//! or the wallet is killed with SIGKILL at each point, each in a process of its own. It always ends
//! whole: drawn once, or released.

use crate::{
    invariants,
    invariants_of_credit::credit_agrees_in,
    invoices::{draft, issued, line as item},
    lines::{offer, programme, usd},
    payments::{by, credit},
    rig::{self, People, Rig, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    credit::v1::{
        ActivateLineRequest, AuthorizeDrawRequest, CaptureDrawRequest, CreditLine,
        GetCreditLineRequest, Programme, VoidDrawRequest, credit_line, draw,
    },
    invoicing::v1::{
        CreatePaymentRequest, GetInvoiceRequest, Invoice, InvoiceToPay, ListInvoicesRequest,
        Payment, invoice, payment::State,
    },
    wallet::v1::{
        GetBalanceRequest, GrantCreditRequest, ListPaymentMethodsRequest, PaymentMethod,
        payment_method::Kind,
    },
};
use payterms_suite::{Session, client::request_id};
use tonic::Status;

/// Where a payment that ends well may die.
const PAID: [(&str, &str); 10] = [
    ("invoicing", "payment.after_intent"),
    ("invoicing", "payment.after_draw"),
    ("invoicing", "payment.after_charge"),
    ("invoicing", "payment.after_capture"),
    ("invoicing", "payment.before_record"),
    ("invoicing", "payment.after_record"),
    ("credit", "draw.before_authorize"),
    ("credit", "commit.after /payterms.credit.peers.v1.PaymentDrawService/AuthorizeForPayment"),
    ("credit", "draw.before_capture"),
    ("credit", "commit.after /payterms.credit.peers.v1.PaymentDrawService/CaptureForPayment"),
];

/// Where one whose card declines may die.
const DECLINED: [(&str, &str); 5] = [
    ("invoicing", "payment.after_void"),
    ("invoicing", "payment.after_release"),
    ("invoicing", "payment.before_record"),
    ("credit", "draw.before_void"),
    ("credit", "commit.after /payterms.credit.peers.v1.PaymentDrawService/VoidForPayment"),
];

/// Where an activation may die.
const ACTIVATED: [(&str, &str); 7] = [
    ("credit", "line.before_intent"),
    ("credit", "line.after_intent"),
    ("credit", "line.after_switch"),
    ("credit", "line.before_record"),
    ("credit", "line.after_record"),
    ("wallet", "switch_credit_line.before_commit"),
    ("wallet", "commit.after /payterms.wallet.peers.v1.CreditLineMethodService/SwitchCreditLine"),
];

/// Where a purchase that is captured may die; invoicing makes the invoice while it hears of it.
const PURCHASED: [(&str, &str); 6] = [
    ("credit", "purchase.before_authorize"),
    ("credit", "commit.after /payterms.credit.v1.DrawService/AuthorizeDraw"),
    ("credit", "purchase.before_capture"),
    ("credit", "commit.after /payterms.credit.v1.DrawService/CaptureDraw"),
    ("invoicing", "purchase.before_invoice"),
    ("invoicing", "commit.after payterms.credit.v1.PurchaseCaptured"),
];

/// Where one that is voided may die.
const VOIDED: [(&str, &str); 2] = [
    ("credit", "purchase.before_void"),
    ("credit", "commit.after /payterms.credit.v1.DrawService/VoidDraw"),
];

/// Scenarios at once: most of their time they wait for a lease to lapse.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_survives_a_kill_of_any_service_on_sqlite() {
    all(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_survives_a_kill_of_any_service_on_postgres() {
    all(true).await;
}

async fn all(on_postgres: bool) {
    let paid = PAID.into_iter().map(|point| (point, "tok_visa"));
    let declined = DECLINED.into_iter().map(|point| (point, "tok_declined"));
    let pays = paid
        .chain(declined)
        .map(|((service, point), token)| pays_later(service, point, token, on_postgres));
    futures::stream::iter(pays).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
    let bought = PURCHASED
        .into_iter()
        .map(|point| (point, true))
        .chain(VOIDED.into_iter().map(|point| (point, false)));
    let bought =
        bought.map(|((service, point), captured)| buys(service, point, captured, on_postgres));
    futures::stream::iter(bought).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
    let switched =
        ACTIVATED.into_iter().map(|(service, point)| switches_on(service, point, on_postgres));
    futures::stream::iter(switched).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
}

async fn prepare(rig: &Rig, token: &str) -> (People, CreditLine) {
    let people = rig.prepare(token).await;
    let owner = rig.someone("OWNER", None);
    let programme = programme(&owner, Programme::default()).await;
    let line = retry(async || offer(&owner, &people.customer, &programme.name, 1_000).await).await;
    (people, line)
}

async fn methods(people: &People) -> Vec<PaymentMethod> {
    let list = ListPaymentMethodsRequest { parent: people.customer.clone(), ..Default::default() };
    let found = async || people.admin.methods().list_payment_methods(list.clone()).await;
    retry(found).await.into_inner().payment_methods
}

async fn switches_on(service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, line) = prepare(&rig, "tok_visa").await;
    let mut services = Services::of(rig).await;
    let request = ActivateLineRequest { request_id: request_id(), name: line.name.clone() };
    let (caller, sent) = (people.admin.clone(), request.clone());
    services.die_at(service, point, async move { caller.lines().activate_line(sent).await }).await;
    let activate = async || {
        people
            .admin
            .lines()
            .activate_line(request.clone())
            .await
            .map(|answer| answer.into_inner().credit_line.unwrap())
    };
    let line = retry(activate).await;
    assert_eq!(
        (line.state(), retry(activate).await),
        (credit_line::State::Active, line),
        "{point}: one answer"
    );
    let default = methods(&people)
        .await
        .into_iter()
        .filter(|payment_method| payment_method.purchase_default)
        .map(|payment_method| payment_method.kind())
        .collect::<Vec<_>>();
    assert_eq!((default, methods(&people).await.len()), (vec![Kind::CreditLine], 2), "{point}");
    credit_agrees_in(services.rig().data(), services.rig().postgres.as_deref()).await;
}

/// 100 = 30 credit + 50 card + 20 line.
async fn pays_later(service: &'static str, point: &'static str, token: &str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, line) = prepare(&rig, token).await;
    let activate = ActivateLineRequest { request_id: request_id(), name: line.name.clone() };
    retry(async || people.admin.lines().activate_line(activate.clone()).await).await;
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: usd(30),
        ..Default::default()
    };
    rig.someone("STAFF", None).lots().grant_credit(grant).await.unwrap();
    let owner = rig.someone("OWNER", None);
    let invoice =
        issued(&owner, draft(&people.customer, "USD", vec![item("Plan", usd(100))])).await;
    let card = methods(&people)
        .await
        .into_iter()
        .find(|payment_method| payment_method.kind() == Kind::Card)
        .unwrap()
        .name;
    let mut services = Services::of(rig).await;
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![credit(usd(30)), by(&card, usd(50)), by("", None)],
        ..Default::default()
    };
    let (caller, sent) = (people.admin.clone(), request.clone());
    services
        .die_at(service, point, async move { caller.payments().create_payment(sent).await })
        .await;
    let pay = async || {
        people
            .admin
            .payments()
            .create_payment(request.clone())
            .await
            .map(|answer| answer.into_inner().payment.unwrap())
    };
    let payment: Payment = retry(pay).await;
    assert_eq!(retry(pay).await, payment, "{point}: one answer");
    ended(&people, &payment, &invoice, &line, point, token == "tok_visa").await;
    if token == "tok_visa" {
        assert_eq!(services.rig().charges().await, ["50"], "{point}: the provider charged once");
    }
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
    credit_agrees_in(data, postgres).await;
}

/// Buys for 20 without an invoice: whoever dies, there is one answer to each request, and one
/// invoice or none.
async fn buys(service: &'static str, point: &'static str, captured: bool, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, line) = prepare(&rig, "tok_visa").await;
    let activate = ActivateLineRequest { request_id: request_id(), name: line.name.clone() };
    retry(async || people.admin.lines().activate_line(activate.clone()).await).await;
    let (shop, owner) = (rig.someone("SERVICE", None), rig.someone("OWNER", None));
    let mut services = Services::of(rig).await;
    let (parent, lines) = (line.name.clone(), vec![item("Tea", usd(20))]);
    let request = AuthorizeDrawRequest {
        request_id: request_id(),
        parent,
        lines,
        ..AuthorizeDrawRequest::default()
    };
    let ids = [request_id(), request_id()];
    let buy = move |shop: Session| {
        let (request, ids) = (request.clone(), ids.clone());
        async move {
            let draw = shop.draws().authorize_draw(request).await?.into_inner().draw.unwrap();
            let (name, [capture, void]) = (draw.name, ids);
            if captured {
                let request = CaptureDrawRequest { request_id: capture, name, lines: Vec::new() };
                Ok::<_, Status>(
                    shop.draws().capture_draw(request).await?.into_inner().draw.unwrap(),
                )
            } else {
                Ok(shop
                    .draws()
                    .void_draw(VoidDrawRequest { request_id: void, name })
                    .await?
                    .into_inner()
                    .draw
                    .unwrap())
            }
        }
    };
    services.die_at(service, point, buy(shop.clone())).await;
    let draw = retry(async || buy(shop.clone()).await).await;
    assert_eq!(
        (draw.state() == draw::State::Captured, retry(async || buy(shop.clone()).await).await),
        (captured, draw),
        "{point}: one answer"
    );
    let list =
        ListInvoicesRequest { parent: people.customer.clone(), ..ListInvoicesRequest::default() };
    let made = async || {
        owner
            .invoices()
            .list_invoices(list.clone())
            .await
            .map(|answer| answer.into_inner().invoices)
    };
    let made = until(made, |invoices| invoices.len() == usize::from(captured)).await;
    for this_invoice in &made {
        assert_eq!(
            (this_invoice.state(), this_invoice.number.is_empty(), this_invoice.deferral.is_some()),
            (invoice::State::Open, false, true),
            "{point}"
        );
    }
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    credit_agrees_in(data, postgres).await;
    invariants::hold_in(data, postgres).await;
    assert_eq!(
        owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices,
        made,
        "{point}: exactly one, or none"
    );
}

async fn ended(
    people: &People,
    payment: &Payment,
    invoice: &Invoice,
    line: &CreditLine,
    point: &str,
    paid: bool,
) {
    let read = async || {
        let get = GetInvoiceRequest { name: invoice.name.clone() };
        people
            .admin
            .invoices()
            .get_invoice(get)
            .await
            .map(|answer| answer.into_inner().invoice.unwrap())
    };
    let left = async || {
        let get = GetBalanceRequest { name: people.wallet.clone(), as_of: None };
        people
            .admin
            .wallets()
            .get_balance(get)
            .await
            .map(|answer| answer.into_inner().balance.unwrap().available)
    };
    let drawn = async || {
        let get = GetCreditLineRequest { name: line.name.clone() };
        people
            .admin
            .lines()
            .get_credit_line(get)
            .await
            .map(|answer| answer.into_inner().credit_line.unwrap().exposure)
    };
    let state = if paid { State::Succeeded } else { State::Failed };
    let invoice = until(read, |invoice| invoice.pending == usd(0)).await;
    assert_eq!(
        (payment.state(), invoice.state(), invoice.deferral.is_some()),
        (state, invoice::State::Open, paid),
        "{point}"
    );
    let stands = (until(left, |_| true).await, invoice.open, until(drawn, |_| true).await);
    let should = if paid { (usd(0), usd(20), usd(20)) } else { (usd(30), usd(100), usd(0)) };
    assert_eq!(stands, should, "{point}");
}
