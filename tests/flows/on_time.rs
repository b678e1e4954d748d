//! The clock of payments: on time is judged by the day on which the bank booked it, not by the day
//! on which it became known.

use crate::{
    applications::{self, known},
    bank::{camt, import, paid},
    bank_decisions::match_to,
    clocks::advance,
    collections::{DAY, Desk, START},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::{draft, issued, line, read},
    mails::{mails, mails_of},
    months::remind,
    plans::{MIDNIGHT, allow, approve, blocked, monthly, plan, proposal, propose, proposed, verbs},
    rig::until,
};
use payterms_proto::{
    credit::v1::{Feature, Programme},
    google::r#type::{Date, Money},
    invoicing::v1::{
        BankLine, Invoice, InvoiceToPay, ListPaymentsRequest, MailKind, Payment,
        RecordOutsidePaymentRequest, UnmatchBankLineRequest, block::Reason, invoice,
    },
    plans::v1::{Plan, PlanSettings, ProposePlanRequest, plan::State},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, violations};
use tonic::Status;

on_both!(
    a_match_that_is_taken_back_opens_a_completed_plan,
    nothing_follows_from_what_is_taken_back_before_the_third_day,
    a_payment_outside_counts_from_the_day_on_which_it_came,
    a_customer_who_paid_in_time_has_no_late_payment,
);

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn day(month: i32, day: i32) -> Option<Date> {
    Some(Date { year: 2026, month, day })
}

/// A statement with one line, booked on a day.
pub(crate) async fn transfer(
    session: &Session,
    booked_on: &str,
    money: &str,
    text: &str,
) -> (BankLine, Payment) {
    let file = String::from_utf8(camt(&[(money, text, &format!("{booked_on} {money}"))]))
        .unwrap()
        .replace("2026-01-02", booked_on);
    let imported = import(session, file.into_bytes()).await.unwrap();
    paid(session, &imported.bank_lines[0].name).await
}

async fn unmatch(session: &Session, line: &BankLine) {
    let request = UnmatchBankLineRequest { request_id: request_id(), name: line.name.clone() };
    session.bank().unmatch_bank_line(request).await.unwrap();
}

/// The plan once it is in a state.
pub(crate) async fn becomes(session: &Session, name: &str, state: State) -> Plan {
    until(async || Ok(plan(session, name).await), |plan| plan.state() == state).await
}

/// What stands paid of an invoice, by day.
pub(crate) fn by_day(invoice: &Invoice) -> Vec<(Option<Date>, Option<Money>)> {
    invoice.paid_by_day.iter().map(|dated| (dated.date, dated.amount.clone())).collect()
}

/// A plan of 33.34 on 31 January and 33.33 on the last days of February and March, as its customer
/// has promised to pay.
pub(crate) async fn active(world: &World) -> (Desk, Plan) {
    let (desk, plan) = proposed(world, None).await;
    let active = approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    (desk, active)
}

/// 00:00 in Sydney on 6 February, after the last day of grace.
pub(crate) const BREACH: i64 = MIDNIGHT + 36 * DAY;

pub(crate) async fn a_match_that_is_taken_back_opens_a_completed_plan(world: &World) {
    let (desk, plan) = active(world).await;
    advance(world, MIDNIGHT + 4 * DAY).await;
    let (line, _) = transfer(&desk.owner, "2026-01-05", "100.00", &desk.invoice.number).await;
    becomes(&desk.admin, &plan.name, State::Completed).await;
    // On 10 February it turns out to be another's.
    advance(world, MIDNIGHT + 40 * DAY).await;
    unmatch(&desk.owner, &line).await;
    let now = becomes(&desk.admin, &plan.name, State::Active).await;
    assert_eq!(
        (now.open.clone(), now.instalment_missed, now.breach_count),
        (amount("USD", 100, 0), false, 0)
    );
    assert_eq!(blocked(&desk).await, Some((Reason::PaymentPlanActive, plan.name.clone())));
    assert_eq!(
        read(&desk.owner, &desk.invoice.name).await.unwrap().no_consequence_before,
        day(2, 13)
    );
    mails_of(&desk.owner, MailKind::PlanReopened, 1).await;
    advance(world, MIDNIGHT + 43 * DAY - 1).await;
    assert_eq!(
        (
            self::plan(&desk.admin, &plan.name).await.state(),
            mails(&desk.owner, MailKind::PlanLate).await.len()
        ),
        (State::Active, 0)
    );
    advance(world, MIDNIGHT + 43 * DAY).await;
    let now = becomes(&desk.admin, &plan.name, State::InGrace).await;
    assert_eq!((now.grace_end_date, now.instalment_missed), (day(2, 17), true));
    // It was theirs after all: as booked on 5 January nothing was ever late.
    match_to(&desk.owner, &line.name, &[&desk.invoice.name]).await.unwrap();
    let done = becomes(&desk.admin, &plan.name, State::Completed).await;
    assert!(!done.instalment_missed);
    until(async || Ok(blocked(&desk).await), Option::is_none).await;
    let taken = verbs(&desk.owner, &plan).await;
    assert_eq!(taken, ["SEND", "APPROVE", "COMPLETE", "REOPEN", "MISS", "CATCH_UP", "COMPLETE"]);
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

async fn nothing_follows_from_what_is_taken_back_before_the_third_day(world: &World) {
    let desk = crate::collections::desk(world, Some("tok_visa")).await;
    remind(world, &[1, 5]).await;
    let (line, _) = transfer(&desk.owner, "2026-01-02", "100.00", &desk.invoice.number).await;
    advance(world, MIDNIGHT + 40 * DAY).await;
    unmatch(&desk.owner, &line).await;
    let open = read(&desk.owner, &desk.invoice.name).await.unwrap();
    let third = MIDNIGHT + 43 * DAY;
    assert_eq!(
        (open.due_date, open.no_consequence_before, open.paid_by_day.len()),
        (desk.invoice.due_date, day(2, 13), 0)
    );
    assert_eq!(open.collection.unwrap().next_attempt_time.map(|at| at.seconds), Some(third));
    advance(world, third - 1).await;
    assert!(mails(&desk.owner, MailKind::Reminder).await.is_empty());
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Open);
    advance(world, third).await;
    let collected = async || read(&desk.owner, &desk.invoice.name).await;
    let collected = until(collected, |invoice| invoice.state() == invoice::State::Paid).await;
    assert_eq!(by_day(&collected), [(day(2, 13), amount("USD", 100, 0))]);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_payment_outside_counts_from_the_day_on_which_it_came(world: &World) {
    let desk = crate::collections::desk(world, None).await;
    advance(world, MIDNIGHT + 40 * DAY).await;
    let outside = |units: i64, receive_date: Option<Date>| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: desk.invoice.name.clone(), amount: None }],
        amount: amount("USD", units, 0),
        reference: "Cash".into(),
        receive_date,
        ..Default::default()
    };
    let record = async |request: RecordOutsidePaymentRequest| {
        let answer = desk.owner.payments().record_outside_payment(request).await?;
        Ok::<_, Status>(answer.into_inner().payment.unwrap())
    };
    let refused = record(outside(10, day(2, 11))).await.unwrap_err();
    assert_eq!(violations(&refused), ["receive_date: DATE_IN_FUTURE"]);
    for (units, came, effective) in
        [(10, day(1, 30), day(1, 30)), (20, None, day(2, 10)), (30, day(2, 10), day(2, 10))]
    {
        assert_eq!(record(outside(units, came)).await.unwrap().effective_date, effective);
    }
    // Nobody pays an invoice before it is issued.
    let early = record(outside(5, Some(Date { year: 2025, month: 12, day: 30 }))).await.unwrap();
    assert_eq!(early.effective_date, Some(Date { year: 2025, month: 12, day: 30 }));
    let invoice = read(&desk.owner, &desk.invoice.name).await.unwrap();
    let expected = [
        (day(1, 1), amount("USD", 5, 0)),
        (day(1, 30), amount("USD", 10, 0)),
        (day(2, 10), amount("USD", 50, 0)),
    ];
    assert_eq!(by_day(&invoice), expected);
    let list =
        ListPaymentsRequest { parent: desk.customer.clone(), page_size: 1, ..Default::default() };
    let payments = desk.owner.payments().list_payments(list).await.unwrap().into_inner().payments;
    let back = payterms_proto::invoicing::v1::UnapplyPaymentRequest {
        request_id: request_id(),
        payment: payments[0].name.clone(),
        invoice: desk.invoice.name.clone(),
        amount: None,
    };
    desk.owner.refunds().unapply_payment(back).await.unwrap();
    let invoice = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(by_day(&invoice), expected[1..], "what was given back does not stand");
    invariants::hold(world).await;
}

/// Two invoices that were booked in time or late, and a plan that was kept to the day, all known
/// only after its breach.
async fn a_customer_who_paid_in_time_has_no_late_payment(world: &World) {
    let desk = applications::desk(world, Programme::default()).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    world.wallet(&desk.customer, "USD").await;
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    let bill = async |units: i64| {
        issued(
            &desk.owner,
            draft(&desk.customer, "USD", vec![line("Plan", amount("USD", units, 0))]),
        )
        .await
    };
    let (in_time, late, planned, undone) =
        (bill(30).await, bill(20).await, bill(80).await, bill(10).await);
    let asked = ProposePlanRequest {
        collect_automatically: false,
        ..proposal(&desk.customer, &[&planned], monthly(2, 31))
    };
    let asked = propose(&desk.admin, asked).await.unwrap();
    let plan = approve(&desk.owner, &asked, asked.open.clone()).await.unwrap();
    let (line, _) = transfer(&desk.owner, "2026-01-02", "10.00", &undone.number).await;
    advance(world, BREACH).await;
    becomes(&desk.owner, &plan.name, State::Breached).await;
    transfer(&desk.owner, "2026-01-31", "30.00", &in_time.number).await;
    transfer(&desk.owner, "2026-02-01", "20.00", &late.number).await;
    transfer(&desk.owner, "2026-01-31", "40.00", &planned.number).await;
    becomes(&desk.owner, &plan.name, State::Active).await;
    advance(world, MIDNIGHT + 58 * DAY).await;
    transfer(&desk.owner, "2026-02-28", "40.00", &planned.number).await;
    becomes(&desk.owner, &plan.name, State::Completed).await;
    // A payment is taken back: its invoice is past due by its date, and late from the third day on.
    unmatch(&desk.owner, &line).await;
    advance(world, START + 59 * DAY).await;
    let record = async |name: &str| {
        let advice = desk.read(&desk.reviewer, name).await.advice.unwrap();
        [Feature::PaidLate, Feature::PaidVolume, Feature::PlansKept, Feature::PlansBreached]
            .map(|feature| known(&advice, feature).unwrap_or_default())
    };
    let name = desk.submitted().await;
    assert_eq!(
        record(&name).await,
        ["1", "130", "1", "0"],
        "the one that was booked after its date"
    );
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}
