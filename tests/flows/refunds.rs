//! What was paid is given back: by credit notes in the reverse order of tenders, or unapplied.

use crate::{
    bank::{camt, import},
    bank_decisions::only,
    invariants,
    invoices::read,
    mails::{mails_of, text},
    payments::{Till, by, credit, till},
    rig::{self, Services, retry},
    sources::{count_of, named_sources},
    top_ups::card,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreateCreditNoteRequest, CreateCreditNoteResponse, GetRefundRequest, ListRefundsRequest,
        MailKind, Payment, Refund, UnapplyPaymentRequest, UnapplyPaymentResponse, invoice,
        refund_part::Destination,
    },
    wallet::v1::{ListLotsRequest, entry::Kind, lot},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    a_note_gives_back_in_the_reverse_order_of_tenders,
    a_note_lowers_what_is_open_first,
    a_note_over_what_a_transfer_paid_says_that_it_becomes_credit,
    what_the_card_does_not_take_becomes_credit_and_a_lost_answer_gives_back_once,
    an_unapplied_payment_is_credit_and_the_invoice_is_open,
    nothing_more_is_given_back_than_was_paid,
);

fn note_of(invoice: &str, money: Option<Money>) -> CreateCreditNoteRequest {
    CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.into(),
        amount: money,
        explanation: "Goodwill".into(),
    }
}

async fn note(till: &Till, cents: i64) -> Result<CreateCreditNoteResponse, Status> {
    let money = amount("USD", cents / 100, i32::try_from(cents % 100).unwrap());
    till.owner
        .invoices()
        .create_credit_note(note_of(&till.invoice.name, money))
        .await
        .map(tonic::Response::into_inner)
}

/// Amount in whole units and destination of each part.
fn parts(refund: &Refund) -> Vec<(i64, bool, Destination)> {
    refund
        .parts
        .iter()
        .map(|part| (part.amount.as_ref().unwrap().units, part.from_credit, part.destination()))
        .collect()
}

async fn provider_gave_back(world: &World) -> Vec<String> {
    let list = format!("{}/v1/acme/refunds", world.suite.simulator);
    let refunds: Vec<serde_json::Value> = reqwest::get(list).await.unwrap().json().await.unwrap();
    let taken = refunds.iter().filter(|refund| refund["state"] == "succeeded");
    taken.map(|refund| refund["amount"].as_str().unwrap().to_owned()).collect()
}

async fn paid(world: &World, token: &str) -> (Till, Payment) {
    let till = Box::pin(till(world, 30)).await;
    card(world, &till.admin, &till.customer, token).await;
    let request = till.request(vec![credit(amount("USD", 30, 0)), by("", None)]);
    let payment =
        till.admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap();
    (till, payment)
}

async fn a_note_gives_back_in_the_reverse_order_of_tenders(world: &World) {
    let (till, _) = paid(world, "tok_visa").await;
    let request = note_of(&till.invoice.name, amount("USD", 80, 0));
    let answer =
        till.owner.invoices().create_credit_note(request.clone()).await.unwrap().into_inner();
    let refund = answer.refund.clone().unwrap();
    assert_eq!(
        parts(&refund),
        [(70, false, Destination::Card), (10, true, Destination::Credit)],
        "the card paid last"
    );
    let words =
        text(&till.owner, &mails_of(&till.owner, MailKind::CreditNoteIssued, 1).await.remove(0))
            .await;
    for part in [
        "We pay 70.00\u{a0}USD back by the way you paid.",
        "In your balance, 10.00\u{a0}USD become credit",
    ] {
        assert!(words.contains(part) && !words.contains("left to pay"), "{part} in {words}");
    }
    let invoice = answer.invoice.clone().unwrap();
    assert_eq!(
        (invoice.state(), invoice.paid, invoice.credited),
        (invoice::State::Paid, amount("USD", 20, 0), amount("USD", 80, 0))
    );
    let again = till.owner.invoices().create_credit_note(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), answer);
    assert_eq!(provider_gave_back(world).await, ["70"]);
    assert_eq!(till.available().await, amount("USD", 10, 0));
    let lots = ListLotsRequest { parent: till.wallet.clone(), ..Default::default() };
    let lots = till.admin.lots().list_lots(lots).await.unwrap().into_inner().lots;
    assert_eq!(lots[0].kind(), lot::Kind::Granted, "granted credit comes back as granted credit");
    let rest = note(&till, 2_000).await.unwrap();
    assert_eq!(
        rest.invoice.unwrap().state(),
        invoice::State::Void,
        "all of it is credited, nothing is open"
    );
    assert_eq!(till.available().await, amount("USD", 30, 0));
    let list = ListRefundsRequest { parent: till.invoice.name.clone(), ..Default::default() };
    let listed = till.admin.refunds().list_refunds(list).await.unwrap().into_inner().refunds;
    assert_eq!((listed.len(), &listed[0]), (2, &refund));
    let read = till
        .admin
        .refunds()
        .get_refund(GetRefundRequest { name: refund.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.refund, Some(refund));
    let entries = named_sources(&till.owner, &till.wallet).await;
    assert!(
        count_of(&entries, Kind::InvoiceCredit) > 0 && count_of(&entries, Kind::InvoiceRefund) > 0,
        "{entries:?}"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_note_over_what_a_transfer_paid_says_that_it_becomes_credit(world: &World) {
    let till = till(world, 0).await;
    let imported =
        import(&till.owner, camt(&[("100.00", &till.invoice.number, "A1")])).await.unwrap();
    crate::bank::paid(&till.owner, &only(&imported).name).await;
    let answer = note(&till, 4_000).await.unwrap();
    assert_eq!(parts(&answer.refund.unwrap()), [(40, true, Destination::Credit)]);
    let words =
        text(&till.owner, &mails_of(&till.owner, MailKind::CreditNoteIssued, 1).await.remove(0))
            .await;
    assert!(words.contains("In your balance, 40.00\u{a0}USD become credit"), "{words}");
    assert!(
        !words.contains("We pay") && !words.contains("outside") && !words.contains("left to pay"),
        "{words}"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_note_lowers_what_is_open_first(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let part = till.request(vec![by("", amount("USD", 40, 0))]);
    till.admin.payments().create_payment(part).await.unwrap();
    let open = note(&till, 1_000).await.unwrap();
    assert_eq!((open.refund, open.invoice.unwrap().open), (None, amount("USD", 50, 0)));
    let answer = note(&till, 7_000).await.unwrap();
    assert_eq!(parts(&answer.refund.unwrap()), [(20, false, Destination::Card)]);
    let words =
        text(&till.owner, &mails_of(&till.owner, MailKind::CreditNoteIssued, 2).await.remove(0))
            .await;
    for part in ["is 50.00\u{a0}USD less: nothing.", "We pay 20.00\u{a0}USD back"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let invoice = answer.invoice.unwrap();
    assert_eq!(
        (invoice.state(), invoice.paid, invoice.credited),
        (invoice::State::Paid, amount("USD", 20, 0), amount("USD", 80, 0))
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_the_card_does_not_take_becomes_credit_and_a_lost_answer_gives_back_once(
    world: &World,
) {
    let (till, _) = paid(world, "tok_refund_fails").await;
    let answer = note(&till, 5_000).await.unwrap();
    assert_eq!(parts(&answer.refund.unwrap()), [(50, false, Destination::Credit)]);
    assert_eq!(till.available().await, amount("USD", 50, 0));
    assert!(provider_gave_back(world).await.is_empty());
    let other = till_again(world, &till, "tok_refund_lost").await;
    let answer = note(&other, 10_000).await.unwrap();
    assert_eq!(parts(&answer.refund.unwrap()), [(100, false, Destination::Card)]);
    assert_eq!(provider_gave_back(world).await, ["100"]);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// The same customer with another invoice of a hundred, paid by a card.
async fn till_again(world: &World, till: &Till, token: &str) -> Till {
    let method = card(world, &till.admin, &till.customer, token).await;
    let invoice = crate::invoices::draft(
        &till.customer,
        "USD",
        vec![crate::invoices::line("More", amount("USD", 100, 0))],
    );
    let invoice = crate::invoices::issued(&till.owner, invoice).await;
    let (customer, wallet) = (till.customer.clone(), till.wallet.clone());
    let other =
        Till { customer, wallet, invoice, admin: till.admin.clone(), owner: till.owner.clone() };
    let request = other.request(vec![by(&method, None)]);
    other.admin.payments().create_payment(request).await.unwrap();
    other
}

async fn unapply(
    owner: &Session,
    payment: &str,
    invoice: &str,
    money: Option<Money>,
) -> Result<UnapplyPaymentResponse, Status> {
    let request = UnapplyPaymentRequest {
        request_id: request_id(),
        payment: payment.into(),
        invoice: invoice.into(),
        amount: money,
    };
    owner.refunds().unapply_payment(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn an_unapplied_payment_is_credit_and_the_invoice_is_open(world: &World) {
    let (till, payment) = paid(world, "tok_visa").await;
    let part = unapply(&till.owner, &payment.name, &till.invoice.name, amount("USD", 20, 0))
        .await
        .unwrap();
    assert_eq!(parts(&part.refund.unwrap()), [(20, false, Destination::Credit)]);
    let invoice = part.invoice.unwrap();
    assert_eq!((invoice.state(), invoice.open), (invoice::State::Open, amount("USD", 20, 0)));
    let rest = unapply(&till.owner, &payment.name, &till.invoice.name, None).await.unwrap();
    assert_eq!(
        parts(&rest.refund.unwrap()),
        [(50, false, Destination::Credit), (30, true, Destination::Credit)]
    );
    let nothing = unapply(&till.owner, &payment.name, &till.invoice.name, None).await.unwrap_err();
    assert_eq!(reason(&nothing), "REFUND_TOO_LARGE");
    assert_eq!(till.available().await, amount("USD", 100, 0));
    assert!(provider_gave_back(world).await.is_empty());
    let again = till.request(vec![credit(None)]);
    till.admin.payments().create_payment(again).await.unwrap();
    assert_eq!(
        read(&till.owner, &till.invoice.name).await.unwrap().state(),
        invoice::State::Paid,
        "it can be paid again"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn nothing_more_is_given_back_than_was_paid(world: &World) {
    let (till, payment) = paid(world, "tok_visa").await;
    let most = note(&till, 10_001).await.unwrap_err();
    assert_eq!(
        (most.code(), reason(&most).as_str()),
        (Code::FailedPrecondition, "CREDIT_NOTE_TOO_LARGE")
    );
    let more = unapply(&till.owner, &payment.name, &till.invoice.name, amount("USD", 101, 0))
        .await
        .unwrap_err();
    assert_eq!(reason(&more), "REFUND_TOO_LARGE");
    let other = till_again(world, &till, "tok_visa").await;
    let foreign = unapply(&till.owner, &payment.name, &other.invoice.name, amount("USD", 1, 0))
        .await
        .unwrap_err();
    assert_eq!(reason(&foreign), "REFUND_TOO_LARGE", "that payment has paid nothing of it");
    let unknown = unapply(
        &till.owner,
        &format!("{}/payments/{}", till.customer, uuid::Uuid::nil()),
        &till.invoice.name,
        None,
    )
    .await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    // Two at once: together they would give back more than there is.
    let (one, two) = tokio::join!(note(&till, 6_000), note(&till, 6_000));
    let refused = one.and(two).unwrap_err();
    assert_eq!(reason(&refused), "CREDIT_NOTE_TOO_LARGE");
    assert_eq!(provider_gave_back(world).await, ["60"]);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// Every point that the flow passes, by the service that dies there.
const POINTS: [(&str, &str); 9] = [
    ("invoicing", "refund.before_intent"),
    ("invoicing", "refund.after_intent"),
    ("invoicing", "refund.after_step"),
    ("invoicing", "refund.before_record"),
    ("invoicing", "refund.after_record"),
    ("wallet", "payment_refund.after_intent"),
    ("wallet", "payment_refund.after_provider"),
    ("wallet", "payment_refund.before_record"),
    ("wallet", "payment_refund.after_record"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_survives_a_kill_of_either_service_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_survives_a_kill_of_either_service_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    use futures::StreamExt;
    let scenarios = POINTS.into_iter().map(|(service, point)| killed(service, point, on_postgres));
    futures::stream::iter(scenarios).for_each_concurrent(3, |scenario| scenario).await;
}

async fn killed(service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    let pay = crate::kills_of_payments::pays(&people, &invoice);
    people.admin.payments().create_payment(pay).await.unwrap();
    let owner = rig.someone("OWNER", None);
    let mut services = Services::of(rig).await;
    let request = note_of(&invoice.name, amount("USD", 80, 0));
    let (caller, sent) = (owner.clone(), request.clone());
    services
        .die_at(service, point, async move { caller.invoices().create_credit_note(sent).await })
        .await;
    let send = async || {
        owner.invoices().create_credit_note(request.clone()).await.map(tonic::Response::into_inner)
    };
    let answer = retry(send).await;
    assert_eq!(retry(send).await, answer, "{point}: one answer");
    assert_eq!(
        parts(&answer.refund.unwrap()),
        [(70, false, Destination::Card), (10, true, Destination::Credit)],
        "{point}"
    );
    assert_eq!(services.rig().refunds().await, ["70"], "{point}: given back once");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}
