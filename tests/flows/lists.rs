//! Invoices are found: lists over all customers of a tenant, by filter and in order.

use crate::{
    clocks::{advance, start},
    collections::{DAY, DUE, START, desk},
    invariants,
    invoices::{draft, issued, line},
};
use payterms_proto::{
    google::r#type::{Date, Money},
    invoicing::v1::{
        Block, BlockInvoiceRequest, CreateInvoiceRequest, ExplainInvoiceRequest, Invoice,
        ListInvoicesRequest, PaymentTerm, VoidInvoiceRequest, block::Reason,
        explain_invoice_response::Topic, invoice::State, payment_term::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    invoices_of_all_customers_are_found_by_filter_and_in_order,
    a_member_finds_what_is_the_own_customers_alone,
    a_bad_filter_says_what_is_allowed,
    a_stranger_sees_in_two_calls_why_an_invoice_is_not_paid,
);

/// The first sentence that a refusal says of a field.
pub(crate) fn sentence(status: &Status, field: &str) -> String {
    let details = status.get_error_details();
    let found = details
        .bad_request()
        .and_then(|bad| {
            bad.field_violations.iter().find(|field_violation| field_violation.field == field)
        })
        .cloned();
    found.map(|field_violation| field_violation.description).unwrap_or_default()
}

pub(crate) fn list(parent: &str, filter: &str, order_by: &str) -> ListInvoicesRequest {
    ListInvoicesRequest {
        parent: parent.into(),
        filter: filter.into(),
        order_by: order_by.into(),
        page_size: 2,
        ..Default::default()
    }
}

/// All invoices of a list, by pages of two.
async fn all(session: &Session, mut request: ListInvoicesRequest) -> Vec<Invoice> {
    let mut found = Vec::new();
    loop {
        let page = session.invoices().list_invoices(request.clone()).await.unwrap().into_inner();
        assert!(page.invoices.len() <= 2, "a page holds what was asked for");
        found.extend(page.invoices);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

fn in_days(mut request: CreateInvoiceRequest, days: i32) -> CreateInvoiceRequest {
    request.invoice.as_mut().unwrap().payment_term =
        Some(PaymentTerm { kind: Kind::NetDays.into(), days });
    request
}

/// Two customers with seven invoices: of several days, terms and amounts, one blocked, one a draft,
/// one paid by a credit note.
pub(crate) async fn crowd(world: &World) -> [String; 2] {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customers = [world.customer("acme", "GB").await, world.customer("acme", "GB").await];
    let owner = world.someone("OWNER", None);
    for (place, (customer, days, units)) in
        [(0, 30, 100), (1, 10, 70), (0, 10, 100), (1, 60, 300), (0, 5, 20), (1, 10, 70)]
            .into_iter()
            .enumerate()
    {
        let request =
            draft(&customers[customer], "USD", vec![line("Plan", amount("USD", units, 0))]);
        let made = issued(&owner, in_days(request, days)).await;
        if place == 2 {
            let block = BlockInvoiceRequest {
                request_id: request_id(),
                name: made.name.clone(),
                reason: Reason::Disputed.into(),
                ..Default::default()
            };
            owner.collections().block_invoice(block).await.unwrap();
        }
        if place == 5 {
            let void = VoidInvoiceRequest {
                request_id: request_id(),
                name: made.name,
                explanation: "x".into(),
                ..Default::default()
            };
            owner.invoices().void_invoice(void).await.unwrap();
        }
        advance(world, START + (i64::try_from(place).unwrap() + 1) * 2 * DAY).await;
    }
    owner
        .invoices()
        .create_invoice(draft(&customers[0], "AUD", vec![line("Draft", amount("AUD", 5, 0))]))
        .await
        .unwrap();
    customers
}

pub(crate) fn units(money: Option<&Money>) -> i64 {
    money.unwrap().units
}

fn day(date: Option<&Date>) -> (i32, i32, i32) {
    date.map(|date| (date.year, date.month, date.day)).unwrap_or_default()
}

/// A filter, and what it lets in.
type Rule<'a> = (String, Box<dyn Fn(&Invoice) -> bool + 'a>);

async fn invoices_of_all_customers_are_found_by_filter_and_in_order(world: &World) {
    let customers = crowd(world).await;
    let staff = world.someone("STAFF", None);
    let everyone = "tenants/acme/customers/-";
    let every = all(&staff, list(everyone, "", "")).await;
    assert_eq!(every.len(), 7);
    let blocked = Some(Block { reason: Reason::Disputed.into(), owner: String::new() });
    let rule = |filter: &str, holds: fn(&Invoice) -> bool| -> Rule<'_> {
        (filter.to_owned(), Box::new(holds))
    };
    let rules: Vec<Rule<'_>> = vec![
        rule("state = OPEN", |invoice| invoice.state() == State::Open),
        rule("state != OPEN", |invoice| invoice.state() != State::Open),
        rule("past_due = true", |invoice| invoice.past_due),
        rule("past_due = false", |invoice| !invoice.past_due),
        rule("past_due != true", |invoice| !invoice.past_due),
        rule("due_date < 2026-01-16", |invoice| {
            invoice.due_date.is_some() && day(invoice.due_date.as_ref()) < (2026, 1, 16)
        }),
        rule("due_date >= 2026-01-16 AND issue_date <= 2026-01-07", |invoice| {
            day(invoice.due_date.as_ref()) >= (2026, 1, 16)
                && day(invoice.issue_date.as_ref()) <= (2026, 1, 7)
        }),
        rule("due_date != 2026-01-11", |invoice| day(invoice.due_date.as_ref()) != (2026, 1, 11)),
        rule("number != \"INV-2026-000001\"", |invoice| invoice.number != "INV-2026-000001"),
        rule(
            "metered_service != tenants/acme/customers/00000000-0000-0000-0000-000000000007/meteredServices/00000000-0000-0000-0000-000000000007",
            |_| true,
        ),
        rule("issue_date = 2026-01-05", |invoice| day(invoice.issue_date.as_ref()) == (2026, 1, 5)),
        rule("total > 70", |invoice| units(invoice.total.as_ref()) > 70),
        rule("open >= 70 AND open < 300.01", |invoice| {
            (70..=300).contains(&units(invoice.open.as_ref()))
        }),
        rule("open = 0", |invoice| units(invoice.open.as_ref()) == 0),
        rule("currency = AUD", |invoice| invoice.currency_code == "AUD"),
        rule("collection_state = OFF", |_| true),
        rule("collection_state = FAILED", |_| false),
        rule("create_time >= 2026-01-05T00:00:00Z AND state = OPEN", |invoice| {
            invoice.state() == State::Open
                && invoice.create_time.unwrap().seconds >= START + 4 * DAY
        }),
        ("block_reason = DISPUTED".to_owned(), Box::new(|invoice| invoice.block == blocked)),
        ("block_reason != DISPUTED".to_owned(), Box::new(|invoice| invoice.block != blocked)),
        (
            format!("customer = \"{}\"", customers[1]),
            Box::new(|invoice| invoice.name.starts_with(&customers[1])),
        ),
        (
            format!("number = '{}'", every[2].number),
            Box::new(|invoice| invoice.name == every[2].name),
        ),
    ];
    let mut matched = 0;
    for (filter, holds) in &rules {
        let expected: Vec<_> = every
            .iter()
            .filter(|invoice| holds(invoice))
            .map(|invoice| invoice.name.clone())
            .collect();
        let found: Vec<_> = all(&staff, list(everyone, filter, ""))
            .await
            .into_iter()
            .map(|invoice| invoice.name)
            .collect();
        assert_eq!(found, expected, "{filter}");
        matched += usize::from(!found.is_empty() && found.len() < every.len());
    }
    assert!(matched >= 14, "{matched} filters let some in and keep some out");
    // The ids of equal keys are in order too, and a stable sort keeps the order of the ids.
    let oldest: Vec<_> = every.iter().rev().cloned().collect();
    for (order, key) in [
        ("create_time", (|_: &Invoice| (0, 0, 0)) as fn(&Invoice) -> (i32, i32, i32)),
        ("due_date", |invoice| day(invoice.due_date.as_ref())),
        ("issue_date", |invoice| day(invoice.issue_date.as_ref())),
        ("total", |invoice| (i32::try_from(units(invoice.total.as_ref())).unwrap(), 0, 0)),
    ] {
        let mut expected = oldest.clone();
        expected.sort_by_key(key);
        let names =
            |list: Vec<Invoice>| list.into_iter().map(|invoice| invoice.name).collect::<Vec<_>>();
        assert_eq!(
            names(all(&staff, list(everyone, "", order)).await),
            names(expected.clone()),
            "{order}"
        );
        expected.reverse();
        assert_eq!(
            names(all(&staff, list(everyone, "", &format!("{order} desc"))).await),
            names(expected),
            "{order} desc"
        );
    }
    let of_one = all(&staff, list(&customers[0], "state = OPEN", "due_date")).await;
    assert_eq!(
        of_one.iter().map(|invoice| units(invoice.total.as_ref())).collect::<Vec<_>>(),
        [20, 100, 100]
    );
    invariants::hold(world).await;
}

async fn a_member_finds_what_is_the_own_customers_alone(world: &World) {
    let customers = crowd(world).await;
    let member = world.someone("MEMBER", Some(&customers[0]));
    let everyone = "tenants/acme/customers/-";
    let invoices = all(&member, list(everyone, "", "")).await;
    assert_eq!(invoices.len(), 3, "and no draft: {invoices:?}");
    assert!(invoices.iter().all(|invoice| invoice.name.starts_with(&customers[0])));
    assert!(
        all(&member, list(everyone, &format!("customer = \"{}\"", customers[1]), ""))
            .await
            .is_empty()
    );
    let refused = member.invoices().list_invoices(list(&customers[1], "", "")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "another customer's list");
    world.tenant("other").await;
    let other = world.of_tenant("other", "OWNER", None);
    assert_eq!(
        other.invoices().list_invoices(list(everyone, "", "")).await.unwrap_err().code(),
        Code::NotFound
    );
    let foreign =
        list("tenants/other/customers/-", &format!("customer = \"{}\"", customers[0]), "");
    let refused = other.invoices().list_invoices(foreign).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["filter: FILTER_INVALID"],
        "a filter reaches no other tenant"
    );
}

async fn a_bad_filter_says_what_is_allowed(world: &World) {
    world.tenant("acme").await;
    let staff = world.someone("STAFF", None);
    let everyone = "tenants/acme/customers/-";
    let refused = staff
        .invoices()
        .list_invoices(list(everyone, "colour = red", "memo desc"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        violations(&refused),
        ["filter: FILTER_INVALID", "order_by: ORDER_BY_INVALID"],
        "both at once"
    );
    assert_eq!(
        sentence(&refused, "filter"),
        "\"colour\" is no field of this list. Compare one of number, state, block_reason, collection_state, past_due, customer, \
         metered_service, currency, total, open, issue_date, due_date, create_time, update_time, external_id, labels.KEY."
    );
    let text = "Order by one of create_time, update_time, issue_date, due_date, total, with \" desc\" after it for the largest first.";
    assert_eq!(sentence(&refused, "order_by"), text);
    let refused =
        staff.invoices().list_invoices(list(everyone, "state > OPEN", "")).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), violations(&refused)),
        ("FILTER_INVALID", vec!["filter: FILTER_INVALID".to_owned()])
    );
    assert_eq!(
        sentence(&refused, "filter"),
        "Compare state with one of the operators != =, not with \"> OPEN\"."
    );
    let long = format!("number = \"{}\"", "x".repeat(1_000));
    let refused = staff.invoices().list_invoices(list(everyone, &long, "")).await.unwrap_err();
    assert_eq!(violations(&refused), ["filter: FIELD_TOO_LONG"]);
    let refused =
        staff.invoices().list_invoices(list("tenants/acme/customers/*", "", "")).await.unwrap_err();
    assert_eq!(
        sentence(&refused, "parent"),
        "Use the form tenants/{slug}/customers/{uuid}; - stands for all."
    );
}

async fn a_stranger_sees_in_two_calls_why_an_invoice_is_not_paid(world: &World) {
    let desk = desk(world, Some("tok_declined")).await;
    advance(world, DUE + DAY + 2 * 3_600).await;
    let staff = world.someone("STAFF", None);
    let find =
        list("tenants/acme/customers/-", &format!("number = \"{}\"", desk.invoice.number), "");
    let explained = || async {
        let found = all(&staff, find.clone()).await;
        assert_eq!(found.len(), 1);
        let explain = ExplainInvoiceRequest { name: found[0].name.clone() };
        staff.invoices().explain_invoice(explain).await.unwrap().into_inner()
    };
    let answer = explained().await;
    let said = |topic: Topic| {
        answer.facts.iter().find(|fact| fact.topic() == topic).unwrap().sentence.clone()
    };
    assert_eq!(said(Topic::State), "It is open: 100.00 USD of 100.00 USD are left to pay.");
    assert_eq!(said(Topic::Due), "It was due on 2026-01-31 and is past due by 1 day.");
    assert_eq!(
        said(Topic::Collection),
        "2 tries have failed, the last one for this reason: the card was declined by its bank. It is tried again on 2026-02-03."
    );
    let next = answer.next.unwrap();
    assert_eq!((next.topic(), next.time.unwrap().seconds), (Topic::Collection, DUE + 3 * DAY));
    assert_eq!(next.sentence, said(Topic::Collection));
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    staff.collections().block_invoice(block).await.unwrap();
    let answer = explained().await;
    let why = answer.facts.iter().find(|fact| fact.topic() == Topic::Block).unwrap();
    assert!(why.sentence.contains("since 2026-02-01 because the customer disputes it"), "{why:?}");
    assert!(
        why.sentence.ends_with("The tenant's people lift the block with UnblockInvoice."),
        "{why:?}"
    );
    let next = answer.next.unwrap();
    assert_eq!(
        next.sentence,
        "Nothing happens by itself until the block is lifted or the customer pays."
    );
    assert_eq!(next.time, None);
}
