//! 100 = 30 credit + 70 card: invoicing or the wallet is killed with SIGKILL at each point of the
//! flow, each in a process of its own. It always ends whole: paid once, or released.

use crate::{
    invariants,
    invoices::{draft, issued, line},
    payments::{by, credit},
    rig::{self, People, Rig, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    invoicing::v1::{
        CreatePaymentRequest, GetInvoiceRequest, Invoice, InvoiceToPay, Payment, invoice,
        payment::State,
    },
    wallet::v1::{GetBalanceRequest, GrantCreditRequest},
};
use payterms_suite::client::{amount, request_id};

/// Every point that the flow passes, by the service that dies there.
const POINTS: [(&str, &str); 17] = [
    ("invoicing", "payment.before_intent"),
    ("invoicing", "payment.after_intent"),
    ("invoicing", "payment.after_hold"),
    ("invoicing", "payment.after_charge"),
    ("invoicing", "payment.after_settle"),
    ("invoicing", "payment.before_record"),
    ("invoicing", "payment.after_record"),
    ("wallet", "commit.before /payterms.wallet.peers.v1.SettlementService/HoldForPayment"),
    ("wallet", "commit.after /payterms.wallet.peers.v1.SettlementService/HoldForPayment"),
    ("wallet", "commit.before /payterms.wallet.peers.v1.SettlementService/ChargeForPayment"),
    ("wallet", "payment_charge.after_intent"),
    ("wallet", "charge.before payment_charge"),
    ("wallet", "charge.after payment_charge"),
    ("wallet", "payment_charge.before_record"),
    ("wallet", "payment_charge.after_record"),
    ("wallet", "commit.before /payterms.wallet.peers.v1.SettlementService/SettlePayment"),
    ("wallet", "commit.after /payterms.wallet.peers.v1.SettlementService/SettlePayment"),
];

/// Where a payment that is declined may die.
const DECLINED: [(&str, &str); 4] = [
    ("invoicing", "payment.after_release"),
    ("invoicing", "payment.before_record"),
    ("wallet", "charge.after payment_charge"),
    ("wallet", "commit.after /payterms.wallet.peers.v1.SettlementService/ReleasePayment"),
];

/// Scenarios at once: most of their time they wait for a lease to lapse.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_survives_a_kill_of_either_service_on_sqlite() {
    all(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_survives_a_kill_of_either_service_on_postgres() {
    all(true).await;
}

async fn all(on_postgres: bool) {
    let paid = POINTS.into_iter().map(|point| (point, "tok_visa"));
    let lost = [
        (("wallet", "charge.after payment_charge"), "tok_lost_answer"),
        (("invoicing", "payment.after_charge"), "tok_lost_answer"),
    ];
    let declined = DECLINED.into_iter().map(|point| (point, "tok_declined"));
    let scenarios = paid
        .chain(lost)
        .chain(declined)
        .map(|((service, point), token)| scenario(service, point, token, on_postgres));
    futures::stream::iter(scenarios).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
}

pub(crate) async fn prepare(rig: &Rig, token: &str) -> (People, Invoice) {
    let people = rig.prepare(token).await;
    let invoice = to_pay(rig, &people).await;
    (people, invoice)
}

/// Grants 30 of credit, and issues an invoice over 100.
pub(crate) async fn to_pay(rig: &Rig, people: &People) -> Invoice {
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 30, 0),
        ..GrantCreditRequest::default()
    };
    rig.someone("STAFF", None).lots().grant_credit(grant).await.unwrap();
    let owner = rig.someone("OWNER", None);
    issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await
}

/// 30 by credit, the rest by card.
pub(crate) fn pays(people: &People, invoice: &Invoice) -> CreatePaymentRequest {
    CreatePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![credit(amount("USD", 30, 0)), by("", None)],
        ..Default::default()
    }
}

async fn scenario(service: &'static str, point: &'static str, token: &str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = prepare(&rig, token).await;
    let mut services = Services::of(rig).await;
    let request = pays(&people, &invoice);
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
    if token == "tok_declined" {
        assert_eq!(payment.state(), State::Failed, "{point}");
        let invoice = until(read, |invoice| invoice.pending == amount("USD", 0, 0)).await;
        assert_eq!(
            (invoice.state(), invoice.paid),
            (invoice::State::Open, amount("USD", 0, 0)),
            "{point}"
        );
        assert_eq!(until(left, |_| true).await, amount("USD", 30, 0), "{point}: released");
    } else {
        assert_eq!(payment.state(), State::Succeeded, "{point}");
        let invoice = until(read, |_| true).await;
        assert_eq!(
            (invoice.state(), invoice.paid),
            (invoice::State::Paid, amount("USD", 100, 0)),
            "{point}"
        );
        assert_eq!(until(left, |_| true).await, amount("USD", 0, 0), "{point}");
        assert_eq!(services.rig().charges().await, ["70"], "{point}: the provider charged once");
    }
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}
