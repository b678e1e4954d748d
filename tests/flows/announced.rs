//! Money that moves elsewhere: a transfer that is announced keeps its invoice until it comes, is
//! cancelled or lapses; what was paid outside is recorded and given back outside.

use crate::{
    bank::{camt_in, import, paid},
    clocks::advance,
    collections::{DAY, START, desk},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    months::remind,
    payments::{Till, credit, till},
};
use payterms_proto::invoicing::v1::{
    CancelPaymentRequest, CreateCreditNoteRequest, CreatePaymentRequest, ExplainInvoiceRequest,
    GetPaymentRequest, Invoice, InvoiceToPay, MailKind, Payment, RecordOutsidePaymentRequest,
    TenderToUse, explain_invoice_response::Topic, invoice, payment::State,
    refund_part::Destination, tender_to_use::Source,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::Status;

on_both!(
    an_announced_transfer_waits_and_pays_what_comes,
    it_is_cancelled_or_lapses_and_nothing_is_collected_meanwhile,
    one_that_came_to_nothing_makes_the_next_put_nothing_off,
    what_is_announced_again_pays_when_it_comes,
    what_was_paid_outside_is_recorded_and_given_back_there,
    one_line_ends_a_transfer_that_was_announced_for_several_invoices,
);

pub(crate) fn transfer() -> TenderToUse {
    TenderToUse { source: Some(Source::BankTransfer(true)), amount: None }
}

async fn announce(session: &Session, invoice: &Invoice) -> Payment {
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: invoice.name.split("/invoices/").next().unwrap().into(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![transfer()],
        ..Default::default()
    };
    session.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
}

pub(crate) async fn get(session: &Session, payment: &Payment) -> Payment {
    let get = GetPaymentRequest { name: payment.name.clone() };
    session.payments().get_payment(get).await.unwrap().into_inner().payment.unwrap()
}

pub(crate) async fn cancel(session: &Session, payment: &Payment) -> Result<Payment, Status> {
    let request = CancelPaymentRequest {
        request_id: request_id(),
        name: payment.name.clone(),
        ..Default::default()
    };
    session
        .payments()
        .cancel_payment(request)
        .await
        .map(|answer| answer.into_inner().payment.unwrap())
}

async fn one_line_ends_a_transfer_that_was_announced_for_several_invoices(world: &World) {
    let Till { customer, owner, admin, invoice: first, .. } = &till(world, 0).await;
    let second =
        issued(owner, draft(customer, "USD", vec![line("More", amount("USD", 50, 0))])).await;
    let to_pay = |invoice: &Invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None };
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.clone(),
        invoices: vec![to_pay(first), to_pay(&second)],
        tenders: vec![transfer()],
        ..Default::default()
    };
    let announced =
        admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap();
    let text = format!("{} {}", first.number, second.number);
    let imported = import(owner, camt_in("USD", &[("150.00", &text, "M1")])).await.unwrap();
    let (line, payment) = paid(owner, &imported.bank_lines[0].name).await;
    assert_eq!(
        (line.payment.as_str(), payment.surplus),
        (announced.name.as_str(), amount("USD", 0, 0))
    );
    for invoice in [first, &second] {
        assert_eq!(read(owner, &invoice.name).await.unwrap().state(), invoice::State::Paid);
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn an_announced_transfer_waits_and_pays_what_comes(world: &World) {
    let Till { customer, owner, admin, invoice: first, .. } = &till(world, 0).await;
    let other =
        issued(owner, draft(customer, "USD", vec![line("More", amount("USD", 50, 0))])).await;
    for (this_invoice, came, state, open) in
        [(first, "80.00", State::Partial, 20), (&other, "55.00", State::Succeeded, 0)]
    {
        let waiting = announce(admin, this_invoice).await;
        assert_eq!((waiting.state(), waiting.tenders[0].announced), (State::Processing, true));
        let reserved = read(owner, &this_invoice.name).await.unwrap();
        assert_eq!(
            (reserved.state(), reserved.pending == this_invoice.total),
            (invoice::State::Open, true)
        );
        let answer = import(owner, camt_in("USD", &[(came, &this_invoice.number, &request_id())]))
            .await
            .unwrap();
        let line = answer.bank_lines[0].name.clone();
        let ended = crate::rig::until(
            async || Ok(get(admin, &waiting).await),
            |payment| payment.state() != State::Processing,
        )
        .await;
        assert_eq!(
            (ended.state(), ended.tenders[0].bank_line.clone(), ended.tenders[0].announced),
            (state, line, false),
            "{came}"
        );
        let after = read(owner, &this_invoice.name).await.unwrap();
        assert_eq!(
            (after.open, after.pending),
            (amount("USD", open, 0), amount("USD", 0, 0)),
            "{came}"
        );
        assert_eq!(reason(&cancel(admin, &ended).await.unwrap_err()), "PAYMENT_STATE");
    }
    let two = CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.clone(),
        invoices: vec![InvoiceToPay { invoice: first.name.clone(), amount: None }],
        tenders: vec![transfer(), credit(amount("USD", 1, 0))],
        ..Default::default()
    };
    let refused = violations(&admin.payments().create_payment(two).await.unwrap_err());
    assert_eq!(refused, ["tenders[0]: TENDERS_MISMATCH"], "never part of all or nothing");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn it_is_cancelled_or_lapses_and_nothing_is_collected_meanwhile(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let other =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    let waiting = announce(&desk.admin, &other).await;
    let gone = cancel(&desk.admin, &waiting).await.unwrap();
    assert_eq!(
        (gone.state(), cancel(&desk.owner, &gone).await.map_err(|status| reason(&status))),
        (State::Cancelled, Err("PAYMENT_STATE".into()))
    );
    assert_eq!(read(&desk.owner, &other.name).await.unwrap().pending, amount("USD", 0, 0));
    advance(world, START + 20 * DAY).await;
    let again = announce(&desk.admin, &desk.invoice).await;
    // Due on 31 January: what is announced is not collected, until it is not awaited any more; then
    // it is at once.
    advance(world, START + 49 * DAY).await;
    let kept = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(
        (kept.state(), kept.pending, kept.paid),
        (invoice::State::Open, amount("USD", 100, 0), amount("USD", 0, 0))
    );
    advance(world, START + 50 * DAY + 1).await;
    assert_eq!(get(&desk.admin, &again).await.state(), State::Cancelled);
    assert_eq!(
        read(&desk.owner, &desk.invoice.name).await.unwrap().state(),
        invoice::State::Paid,
        "its card paid"
    );
    let late = import(&desk.owner, camt_in("USD", &[("100.00", &desk.invoice.number, "L1")]))
        .await
        .unwrap();
    // The payer could not know of the collection of the day before.
    let (_, surplus) = paid(&desk.owner, &late.bank_lines[0].name).await;
    assert_eq!(
        surplus.surplus,
        amount("USD", 100, 0),
        "what comes late is never refused, and needs nobody"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// What the explanation of an invoice says of payments under way.
async fn pending_facts(session: &Session, invoice: &Invoice) -> Vec<String> {
    let request = ExplainInvoiceRequest { name: invoice.name.clone() };
    let facts = session.invoices().explain_invoice(request).await.unwrap().into_inner().facts;
    facts
        .into_iter()
        .filter(|fact| fact.topic() == Topic::Pending)
        .map(|fact| fact.sentence)
        .collect()
}

pub(crate) async fn one_that_came_to_nothing_makes_the_next_put_nothing_off(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let plain =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    remind(world, &[-3, 7]).await;
    // Two announcements that are cancelled: one for each invoice.
    for invoice in [&desk.invoice, &plain] {
        let first = announce(&desk.admin, invoice).await;
        let facts = pending_facts(&desk.admin, invoice).await;
        assert!(
            facts.len() == 1
                && facts[0].contains("is announced for it and awaited until 2026-01-31"),
            "it is believed: {facts:?}"
        );
        assert_eq!(first.allocations[0].amount, invoice.total);
        cancel(&desk.admin, &first).await.unwrap();
    }
    let mut again = Vec::new();
    for invoice in [&desk.invoice, &plain] {
        let second = announce(&desk.admin, invoice).await;
        assert_eq!(
            (second.state(), second.allocations[0].amount.clone()),
            (State::Processing, amount("USD", 0, 0))
        );
        let texts = pending_facts(&desk.admin, invoice).await;
        assert!(
            texts.len() == 1 && texts[0].contains("neither reminders nor collection"),
            "{texts:?}"
        );
        assert_eq!(read(&desk.owner, &invoice.name).await.unwrap().pending, amount("USD", 0, 0));
        let third = CreatePaymentRequest {
            request_id: request_id(),
            parent: desk.customer.clone(),
            invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
            tenders: vec![transfer()],
            ..Default::default()
        };
        assert_eq!(
            reason(&desk.admin.payments().create_payment(third).await.unwrap_err()),
            "PAYMENT_PENDING"
        );
        again.push(second);
    }
    for (mail, goes_on) in mails_of(&desk.owner, MailKind::TransferAnnounced, 4)
        .await
        .iter()
        .zip([true, true, false, false])
    {
        let words = text(&desk.owner, mail).await;
        assert_eq!(
            words.contains("reminders and collection go on until this one is here"),
            goes_on,
            "{words}"
        );
    }
    // Due on 31 January: both are reminded three days before, and the one that is collected by
    // itself is.
    advance(world, START + 28 * DAY).await;
    mails_of(&desk.owner, MailKind::Reminder, 2).await;
    advance(world, START + 31 * DAY).await;
    assert_eq!(
        read(&desk.owner, &desk.invoice.name).await.unwrap().state(),
        invoice::State::Paid,
        "its card paid"
    );
    let confirmed =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PaymentReceived, 1).await.remove(0))
            .await;
    let this_text = format!(
        "A bank transfer is announced for {}. Please do not make it any more",
        desk.invoice.number
    );
    assert!(confirmed.contains(&this_text), "{confirmed}");
    advance(world, START + 40 * DAY).await;
    mails_of(&desk.owner, MailKind::Reminder, 3).await;
    for payment in again {
        assert_eq!(
            get(&desk.admin, &payment).await.state(),
            State::Cancelled,
            "each has lapsed after its thirty days"
        );
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_is_announced_again_pays_when_it_comes(world: &World) {
    let Till { owner, admin, customer, invoice: first, .. } = &till(world, 0).await;
    let other =
        issued(owner, draft(customer, "USD", vec![line("More", amount("USD", 50, 0))])).await;
    for (invoice, came, state, open) in
        [(first, "80.00", State::Partial, 20), (&other, "55.00", State::Succeeded, 0)]
    {
        cancel(admin, &announce(admin, invoice).await).await.unwrap();
        let again = announce(admin, invoice).await;
        import(owner, camt_in("USD", &[(came, &invoice.number, &request_id())])).await.unwrap();
        let ended = crate::rig::until(
            async || Ok(get(admin, &again).await),
            |payment| payment.state() != State::Processing,
        )
        .await;
        let after = read(owner, &invoice.name).await.unwrap();
        assert_eq!(
            (ended.state(), after.open, after.pending),
            (state, amount("USD", open, 0), amount("USD", 0, 0)),
            "{came}"
        );
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_was_paid_outside_is_recorded_and_given_back_there(world: &World) {
    let till = till(world, 0).await;
    let staff = world.someone("STAFF", None);
    let record = |units: i64| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: till.invoice.name.clone(), amount: None }],
        amount: amount("USD", units, 0),
        reference: "Till receipt 4711".into(),
        receive_date: None,
        ..Default::default()
    };
    let request = record(70);
    let payment = staff
        .payments()
        .record_outside_payment(request.clone())
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(
        (payment.state(), payment.reference.as_str(), payment.tenders[0].outside),
        (State::Succeeded, "Till receipt 4711", true)
    );
    let again = staff
        .payments()
        .record_outside_payment(request)
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(again, payment, "recorded once");
    let more = staff.payments().record_outside_payment(record(31)).await.unwrap_err();
    assert_eq!(reason(&more), "OVERPAYMENT_NOT_ALLOWED");
    staff.payments().record_outside_payment(record(30)).await.unwrap();
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), invoice::State::Paid);
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 40, 0),
        explanation: "Goodwill".into(),
    };
    let refund =
        till.owner.invoices().create_credit_note(note).await.unwrap().into_inner().refund.unwrap();
    assert!(
        refund.parts.iter().all(|part| part.destination() == Destination::Outside),
        "{refund:?}"
    );
    let words =
        text(&till.owner, &mails_of(&till.owner, MailKind::CreditNoteIssued, 1).await.remove(0))
            .await;
    assert!(words.contains("You had paid 40.00\u{a0}USD outside of this account"), "{words}");
    assert!(invariants::booked(world).await.is_empty(), "no money of ours has moved");
    invariants::books_agree(world).await;
}
