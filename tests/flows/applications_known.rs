//! What the suite knows of a customer when it applies: invoices, payments and plans, heard of by
//! events or told again.

use crate::{
    applications::{Desk, desk, known},
    chargebacks::take_back,
    clocks::{advance, at},
    collections::{DAY, START},
    disputes::{decide, list, until_invoice},
    disputes_of_parts::charge_of,
    invariants,
    invoices::{draft, issued, line},
    operations::republish,
    payments::by,
    plans::{MIDNIGHT, allow, approve, monthly, plan, proposal, propose},
    top_ups::card,
};
use payterms_proto::{
    common::{peers::v1::DeliverRequest, v1::Event},
    credit::v1::{
        ClaimApplicationRequest, Decision, Feature, Programme, RequestInformationRequest,
    },
    google::r#type::Date,
    invoicing::v1::{
        CreateCreditNoteRequest, CreatePaymentRequest, DatedAmount, Invoice, InvoiceChanged,
        InvoiceToPay, VoidInvoiceRequest, invoice,
    },
    plans::v1::{PlanSettings, ProposePlanRequest, plan::State},
};
use payterms_suite::{
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both};
use prost::Message;
use sea_orm::ConnectionTrait;

on_both!(
    what_the_customer_has_done_here_is_known,
    what_was_there_before_is_known_once_it_is_told_again,
    an_event_that_comes_late_tells_of_its_own_day,
    an_open_dispute_is_held_against_nobody_and_a_lost_one_is,
);

impl Desk {
    async fn bill(&self, currency: &str, units: i64) -> Invoice {
        issued(
            &self.owner,
            draft(&self.customer, currency, vec![line("Plan", amount(currency, units, 0))]),
        )
        .await
    }

    async fn pays(&self, invoice: &Invoice) {
        let request = CreatePaymentRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
            tenders: vec![by("", None)],
            ..Default::default()
        };
        self.admin.payments().create_payment(request).await.unwrap();
    }

    /// A plan in two, on the last days of January and of February; its name.
    async fn plans(&self, invoice: &Invoice, collect_automatically: bool) -> String {
        let asked = ProposePlanRequest {
            collect_automatically,
            ..proposal(&self.customer, &[invoice], monthly(2, 31))
        };
        let asked = propose(&self.admin, asked).await.unwrap();
        approve(&self.owner, &asked, asked.open.clone()).await.unwrap().name
    }

    /// The reviewer asks for more, so that the policy decides again on what is known then.
    async fn again(&self, name: &str) -> Decision {
        let claim = ClaimApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            ..Default::default()
        };
        self.reviewer.applications().claim_application(claim).await.unwrap();
        let ask = RequestInformationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            explanation: "Once more.".into(),
            ..Default::default()
        };
        self.reviewer.applications().request_information(ask).await.unwrap();
        self.submit(name).await.unwrap();
        self.read(&self.reviewer, name).await.advice.unwrap()
    }
}

/// Late, paid, open, plans kept, plans breached.
fn record(advice: &Decision) -> [String; 5] {
    let features = [
        Feature::PaidLate,
        Feature::PaidVolume,
        Feature::OpenInvoices,
        Feature::PlansKept,
        Feature::PlansBreached,
    ];
    features.map(|feature| known(advice, feature).unwrap_or_default())
}

/// A customer in March: one invoice paid in time, one late; one past due, one not yet; one taken
/// back at once, one after its due date; one in euros; a plan kept, one breached.
async fn march(world: &World) -> Desk {
    let desk = desk(world, Programme::default()).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    let (in_time, late) = (desk.bill("USD", 100).await, desk.bill("USD", 60).await);
    desk.bill("USD", 40).await;
    desk.bill("EUR", 30).await;
    let back = desk.bill("USD", 50).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: back.name,
        amount: amount("USD", 50, 0),
        explanation: "Wrong".into(),
    };
    desk.owner.invoices().create_credit_note(note).await.unwrap();
    let wrong = desk.bill("USD", 90).await;
    desk.pays(&in_time).await;
    let kept = desk.bill("USD", 200).await;
    let kept = desk.plans(&kept, true).await;
    let breached = desk.bill("USD", 80).await;
    let breached = desk.plans(&breached, false).await;
    advance(world, START + 40 * DAY).await;
    desk.pays(&late).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: wrong.name,
        explanation: "Wrong".into(),
        ..Default::default()
    };
    desk.owner.invoices().void_invoice(void).await.unwrap();
    advance(world, MIDNIGHT + 64 * DAY).await;
    let states =
        (plan(&desk.admin, &kept).await.state(), plan(&desk.admin, &breached).await.state());
    assert_eq!(states, (State::Completed, State::Breached));
    desk.bill("USD", 25).await;
    // What is under way is heard of.
    advance(world, MIDNIGHT + 64 * DAY + 1).await;
    desk
}

async fn what_the_customer_has_done_here_is_known(world: &World) {
    let desk = Box::pin(march(world)).await;
    let name = desk.submitted().await;
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    // Late: one paid late, in USD and EUR one past due each, and the one whose plan was breached.
    // The plan that was kept to the day makes none late.
    assert_eq!(record(&advice), ["4", "360", "145", "1", "1"]);
    let texts: Vec<_> = advice
        .rules
        .iter()
        .filter(|rule_outcome| rule_outcome.matched)
        .map(|rule_outcome| rule_outcome.code.as_str())
        .collect();
    assert_eq!(
        texts,
        ["PLAN_BREACHED", "PAYS_LATE", "ONE_PAYER", "STATEMENTS_OLD", "RETURNS_UNKNOWN"]
    );
    // A year on, what was issued in January does not count, but what is open of it does.
    advance(world, START + 400 * DAY).await;
    assert_eq!(record(&desk.again(&name).await), ["1", "0", "145", "1", "1"]);
    // Another customer of the tenant is another customer.
    let other = Desk { customer: world.customer("acme", "GB").await, ..desk };
    let other = Desk { admin: world.someone("CUSTOMER_ADMIN", Some(&other.customer)), ..other };
    advance(world, START + 400 * DAY + 1).await;
    let name = other.submitted().await;
    let advice = other.read(&other.reviewer, &name).await.advice.unwrap();
    assert_eq!(record(&advice), ["0", "0", "0", "0", "0"]);
    invariants::hold(world).await;
}

async fn what_was_there_before_is_known_once_it_is_told_again(world: &World) {
    let desk = Box::pin(march(world)).await;
    // As where credit is added to a suite that has run for long.
    let (conn, c) = world.rows("credit").await;
    for table in ["known_invoices", "known_plans", "inbox"] {
        conn.execute_unprepared(&format!("DELETE FROM {c}{table}")).await.unwrap();
    }
    let heads = format!("DELETE FROM {c}inbox_heads WHERE aggregate_type IN ('invoice', 'plan')");
    conn.execute_unprepared(&heads).await.unwrap();
    conn.close().await.unwrap();
    let name = desk.submitted().await;
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(record(&advice), ["0", "0", "0", "0", "0"]);
    let operator = world.someone("OPERATOR", None);
    for (service, aggregate, count) in [("invoicing", "invoice", 9), ("plans", "plan", 2)] {
        let answer = operator
            .operations(service)
            .republish(republish(aggregate))
            .await
            .unwrap()
            .into_inner();
        assert_eq!((answer.snapshot_count, answer.next_page_token.as_str()), (count, ""));
    }
    advance(world, MIDNIGHT + 64 * DAY + 2).await;
    // An invoice says by which day what is paid of it was paid.
    assert_eq!(record(&desk.again(&name).await), ["4", "360", "145", "1", "1"]);
    // Told twice is told once.
    operator.operations("invoicing").republish(republish("invoice")).await.unwrap();
    advance(world, MIDNIGHT + 64 * DAY + 3).await;
    assert_eq!(record(&desk.again(&name).await), ["4", "360", "145", "1", "1"]);
    invariants::hold(world).await;
}

async fn an_event_that_comes_late_tells_of_its_own_day(world: &World) {
    let desk = desk(world, Programme::default()).await;
    advance(world, START + 64 * DAY).await;
    let peer = world.peer("invoicing", "credit");
    // Issued on 1 January, due on the 31st, paid on the tenth day and on the fortieth; credit hears
    // of it in March.
    for (paid_on, day) in
        [(10, Date { year: 2026, month: 1, day: 11 }), (40, Date { year: 2026, month: 2, day: 10 })]
    {
        let id = request_id();
        let told = |version: i64, days: i64, (paid, open): (i64, i64)| {
            let invoice = Invoice {
                name: format!("{}/invoices/{id}", desk.customer),
                state: if open == 0 { invoice::State::Paid } else { invoice::State::Open }.into(),
                currency_code: "USD".into(),
                issue_date: Some(Date { year: 2026, month: 1, day: 1 }),
                due_date: Some(Date { year: 2026, month: 1, day: 31 }),
                paid: amount("USD", paid, 0),
                paid_by_day: (paid > 0)
                    .then(|| DatedAmount { date: Some(day), amount: amount("USD", paid, 0) })
                    .into_iter()
                    .collect(),
                open: amount("USD", open, 0),
                ..Invoice::default()
            };
            Event {
                id: request_id(),
                source: "invoicing".into(),
                r#type: "payterms.invoicing.v1.InvoiceChanged".into(),
                tenant: "acme".into(),
                aggregate_type: "invoice".into(),
                aggregate_id: id.clone(),
                version,
                time: at(START + days * DAY),
                data: InvoiceChanged { invoice: Some(invoice) }.encode_to_vec().into(),
                ..Event::default()
            }
        };
        let events = vec![told(1, 0, (0, 70)), told(2, paid_on, (70, 0))];
        peer.inbox().deliver(DeliverRequest { events }).await.unwrap();
    }
    let name = desk.submitted().await;
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(
        record(&advice),
        ["1", "140", "0", "0", "0"],
        "late by the day on which it was paid"
    );
}

/// Three invoices were paid in time, and their charges are disputed after their due date: that
/// counts for nothing. The first is lost, and is late from the second day on; the second is won,
/// and was paid on its own day; the third stays open.
async fn an_open_dispute_is_held_against_nobody_and_a_lost_one_is(world: &World) {
    let desk = desk(world, Programme::default()).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let simulator = world.suite.simulator.clone();
    let mut bills = Vec::new();
    for units in [10, 20, 30] {
        let invoice = desk.bill("USD", units).await;
        desk.pays(&invoice).await;
        bills.push(invoice);
    }
    advance(world, MIDNIGHT + 40 * DAY).await;
    for (invoice, units) in bills.iter().zip(["10", "20", "30"]) {
        take_back(&simulator, &charge_of(&simulator, units).await).await;
        until_invoice(&desk.owner, invoice, |invoice| !invoice.disputed_by.is_empty()).await;
    }
    advance(world, MIDNIGHT + 41 * DAY).await;
    let name = desk.submitted().await;
    let first = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(record(&first), ["0", "0", "60", "0", "0"], "nothing that is disputed is late");
    for (invoice, (units, outcome)) in bills.iter().zip([("10", "lost"), ("20", "won")]) {
        decide(&simulator, &charge_of(&simulator, units).await, outcome).await;
        until_invoice(&desk.owner, invoice, |invoice| invoice.disputed_by.is_empty()).await;
    }
    advance(world, MIDNIGHT + 44 * DAY).await;
    assert_eq!(
        record(&desk.again(&name).await),
        ["1", "20", "40", "0", "0"],
        "the lost one, from the second day after its mail"
    );
    assert_eq!(list(&desk.owner, &desk.customer, "state = OPEN").await.len(), 1);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
