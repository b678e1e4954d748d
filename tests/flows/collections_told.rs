//! Whose invoice is collected by itself is told when and from what, and asked for no transfer; what
//! is transferred all the same becomes credit; the month's mail has its figures of one instant, and
//! comes before the collection.

use crate::{
    bank::{camt, import, paid},
    clocks::advance,
    collections::{DAY, DUE, Desk, START, desk},
    disputes::{all_holds, until_invoice},
    documents::{acme, business},
    invoices::{draft, issued, line, read},
    mails::{mails, mails_of, text},
    months::remind,
    payments::by,
    plans,
};
use payterms_proto::{
    invoicing::v1::{
        BankLine, BusinessDetails, CreatePaymentRequest, Invoice, InvoiceToPay, MailKind,
        bank_line::State as LineState, bank_line::SuggestReason, collection, invoice::State,
    },
    plans::v1::PlanSettings,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    who_is_collected_from_is_asked_for_no_transfer,
    a_failed_try_says_when_the_next_is_and_from_what,
    what_is_transferred_all_the_same_becomes_credit,
    a_transfer_that_arrives_before_lowers_the_charge,
    the_mail_of_the_month_has_figures_of_one_instant_and_comes_before_the_collection,
    a_breach_says_what_is_collected_from_then_on,
    the_next_due_date_of_a_month_is_that_of_what_is_owed,
);

pub(crate) const DETAILS: &str = "Acme Telecom, BSB 062-000, account 1234 5678";

pub(crate) async fn with_details(world: &World) {
    business(world, BusinessDetails { bank_details: DETAILS.into(), ..acme() }).await;
}

async fn invoice(desk: &Desk, units: i64, automatic: bool) -> Invoice {
    let mut request = draft(&desk.customer, "USD", vec![line("Plan", amount("USD", units, 0))]);
    request.invoice.as_mut().unwrap().collect_automatically = automatic;
    issued(&desk.owner, request).await
}

async fn who_is_collected_from_is_asked_for_no_transfer(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    with_details(world).await;
    let by_hand = invoice(&desk, 50, false).await;
    let this_invoice = invoice(&desk, 70, true).await;
    let issue = mails_of(&desk.owner, MailKind::InvoiceIssued, 3).await;
    let of = |all: &[payterms_proto::invoicing::v1::Mail], invoice: &Invoice| {
        all.iter().find(|mail| mail.subject.contains(&invoice.number)).unwrap().clone()
    };
    let words = text(&desk.owner, &of(&issue, &this_invoice)).await;
    assert!(
        words.contains(
            "We will collect the amount on 31 January 2026 from your card ending in 4242."
        ) && !words.contains(DETAILS),
        "{words}"
    );
    remind(world, &[-3]).await;
    advance(world, DUE - 3 * DAY + 60).await;
    let reminders = mails_of(&desk.owner, MailKind::Reminder, 3).await;
    let words = text(&desk.owner, &of(&reminders, &this_invoice)).await;
    assert!(words.contains("We will collect it on 31 January 2026 from your card ending in 4242: you need to do nothing."), "{words}");
    assert!(!words.contains(DETAILS) && words.contains("70.00\u{a0}USD"), "{words}");
    let words = text(&desk.owner, &of(&reminders, &by_hand)).await;
    assert!(words.contains(DETAILS) && !words.contains("We will collect"), "{words}");
    // The month's mail tells each invoice by itself.
    let later = invoice(&desk, 80, true).await;
    advance(world, DUE + DAY + 3_600).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    let said = format!(
        "- {}: 80.00\u{a0}USD, due on 27 February 2026, 80.00\u{a0}USD open, collected on 27 February 2026 from your card ending in 4242",
        later.number
    );
    assert!(words.contains(&said), "{words}");
    assert!(
        words.contains(DETAILS)
            && words.contains(&format!(
                "- {}: 50.00\u{a0}USD open, due on 31 January 2026",
                by_hand.number
            )),
        "{words}"
    );
    // Where nothing else is open nobody is asked for a transfer.
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: by_hand.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    desk.admin.payments().create_payment(pay).await.unwrap();
    let last = {
        advance(world, DUE + 20 * DAY).await;
        invoice(&desk, 90, true).await
    };
    advance(world, DUE + 29 * DAY + 3_600).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 2).await.remove(0)).await;
    assert!(
        words.contains(&last.number)
            && words.contains("90.00\u{a0}USD open, collected on")
            && !words.contains(DETAILS),
        "{words}"
    );
    all_holds(world).await;
}

async fn a_failed_try_says_when_the_next_is_and_from_what(world: &World) {
    let desk = desk(world, Some("tok_declined")).await;
    with_details(world).await;
    let this_invoice = invoice(&desk, 70, true).await;
    advance(world, DUE + 60).await;
    let all = mails_of(&desk.owner, MailKind::CollectionFailed, 2).await;
    let first = text(
        &desk.owner,
        all.iter().find(|mail| mail.subject.contains(&this_invoice.number)).unwrap(),
    )
    .await;
    assert!(
        first.contains("We will try again on 1 February 2026, from your card ending in")
            && !first.contains(DETAILS),
        "{first}"
    );
    remind(world, &[2]).await;
    advance(world, DUE + 2 * DAY + 60).await;
    let all = mails_of(&desk.owner, MailKind::Reminder, 2).await;
    let late = text(
        &desk.owner,
        all.iter().find(|mail| mail.subject.contains(&this_invoice.number)).unwrap(),
    )
    .await;
    assert!(
        late.contains("are still open.")
            && late.contains("We will collect it on 3 February 2026")
            && !late.contains(DETAILS),
        "{late}"
    );
    advance(world, DUE + 9 * DAY).await;
    let all = mails_of(&desk.owner, MailKind::CollectionFailed, 10).await;
    let last = text(
        &desk.owner,
        all.iter().find(|mail| mail.subject.contains(&this_invoice.number)).unwrap(),
    )
    .await;
    assert!(
        last.contains("We will not try again by ourselves") && last.contains(DETAILS),
        "{last}"
    );
    all_holds(world).await;
}

/// A transfer of so much that names an invoice, booked on a day.
async fn arrives(desk: &Desk, units: &str, day: &str, invoice: &Invoice) -> BankLine {
    let text = format!("Invoice {}", invoice.number);
    let file = String::from_utf8(camt(&[(units, &text, &format!("{day}-{units}"))]))
        .unwrap()
        .replace("2026-01-02", day);
    import(&desk.owner, file.into_bytes()).await.unwrap().bank_lines.remove(0)
}

async fn what_is_transferred_all_the_same_becomes_credit(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    with_details(world).await;
    advance(world, DUE + 60).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    // Made on the day before, it is booked before the charge, or after it.
    let line = arrives(&desk, "100.00", "2026-01-30", &desk.invoice).await;
    let (line, payment) = paid(&desk.owner, &line.name).await;
    assert_eq!(
        (line.state(), payment.surplus.clone()),
        (LineState::Matched, amount("USD", 100, 0)),
        "{line:?}"
    );
    let received = mails_of(&desk.owner, MailKind::PaymentReceived, 2).await.remove(0);
    let words = text(&desk.owner, &received).await;
    assert!(
        words.contains("Beyond what was invoiced: 100.00\u{a0}USD, which is credit for you now"),
        "{words}"
    );
    let said = format!(
        "Invoice {}, which your transfer names, was paid already: nothing of it went there",
        desk.invoice.number
    );
    assert!(words.contains(&said), "{words}");
    // Weeks later it is a question for a person.
    advance(world, DUE + 20 * DAY).await;
    let late = arrives(&desk, "100.00", "2026-02-19", &desk.invoice).await;
    assert_eq!(
        (late.state(), late.suggest_reasons),
        (LineState::Suggested, vec![SuggestReason::InvoiceNotOpen.into()])
    );
    all_holds(world).await;
}

async fn a_transfer_that_arrives_before_lowers_the_charge(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    advance(world, DUE - 3_600).await;
    let line = arrives(&desk, "40.00", "2026-01-30", &desk.invoice).await;
    paid(&desk.owner, &line.name).await;
    advance(world, DUE + 60).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    crate::disputes_of_parts::charge_of(&world.suite.simulator, "60").await;
    all_holds(world).await;
}

/// One invoice is paid by hand between the turn and the mail, and one falls due on the first.
async fn the_mail_of_the_month_has_figures_of_one_instant_and_comes_before_the_collection(
    world: &World,
) {
    let desk = desk(world, Some("tok_visa")).await;
    with_details(world).await;
    let by_hand = invoice(&desk, 50, false).await;
    advance(world, START + DAY).await;
    let first = invoice(&desk, 30, true).await;
    let turn = DUE + DAY;
    advance(world, turn + 1_800).await;
    let waits = read(&desk.owner, &first.name).await.unwrap();
    assert_eq!(
        (waits.state(), waits.collection.unwrap().state()),
        (State::Open, collection::State::Scheduled),
        "first the mail"
    );
    assert!(mails(&desk.owner, MailKind::Statement).await.is_empty());
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: by_hand.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    desk.admin.payments().create_payment(pay).await.unwrap();
    advance(world, turn + 3_600).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    assert!(words.contains("180.00\u{a0}USD were invoiced in January 2026. As of now, 30.00\u{a0}USD are open in all"), "{words}");
    assert!(
        words.contains(
            "30.00\u{a0}USD open, collected on 1 February 2026 from your card ending in 4242"
        ),
        "{words}"
    );
    assert!(!words.contains("Past due") && !words.contains(DETAILS), "{words}");
    advance(world, turn + 2 * 3_600).await;
    until_invoice(&desk.owner, &first, |invoice| invoice.state() == State::Paid).await;
    all_holds(world).await;
}

/// Due on 31 January, and breached after its five days of grace: all of it is collected at once, so
/// nobody is asked for a transfer.
async fn a_breach_says_what_is_collected_from_then_on(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_declined")).await;
    with_details(world).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let approved =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PlanApproved, 1).await.remove(0)).await;
    assert!(
        approved.contains("Each instalment is taken from your card ending in 0002 on its date."),
        "{approved}"
    );
    advance(world, plans::MIDNIGHT + 36 * DAY + 60).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::PlanBreached, 1).await.remove(0)).await;
    let collected = format!(
        "We will collect 100.00\u{a0}USD of {} on 6 February 2026 from your card ending in 0002: you need to do nothing.",
        desk.invoice.number
    );
    assert!(words.contains(&collected) && !words.contains(DETAILS), "{words}");
    let tried = until_invoice(&desk.owner, &desk.invoice, |invoice| {
        invoice.collection.as_ref().is_some_and(|collection| collection.failed_attempt_count == 1)
    });
    assert_eq!(tried.await.state(), State::Open, "as the mail says");
    all_holds(world).await;
}

/// Of what a plan pays the plan has the dates: the month's mail names none of its invoices as the
/// next to fall due.
async fn the_next_due_date_of_a_month_is_that_of_what_is_owed(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    plans::allow(&desk.owner, PlanSettings::default(), &[]).await;
    let due_in = async |days: i32| {
        let mut request = draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 90, 0))]);
        request.invoice.as_mut().unwrap().payment_term.as_mut().unwrap().days = days;
        issued(&desk.owner, request).await
    };
    let (in_plan, owed) = (due_in(40).await, due_in(50).await);
    let request = plans::proposal(&desk.customer, &[&in_plan], plans::monthly(2, 28));
    let plan = plans::propose(&desk.admin, request).await.unwrap();
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    advance(world, plans::MIDNIGHT + 32 * DAY).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    let due = owed.due_date.unwrap();
    assert!(words.contains(&format!("the next due on {} February 2026", due.day)), "{words}");
    assert!(words.contains("due on") && words.contains("without the plan"), "{words}");
}
