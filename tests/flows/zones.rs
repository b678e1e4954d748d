//! The tenant's time zone is changed: what falls due on a date falls due on that date, a month ends
//! once, and no day comes twice.

use crate::{
    clocks::advance,
    collections::{DAY, DUE, START, desk},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails, mails_of},
    months::remind,
    plans::{approve, knows, proposed, usd},
    postpaid::{self, first_of, used},
    reversals,
    top_ups::{buy, card},
    wallets,
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{
        Invoice, ListInvoicesRequest, ListPaymentsRequest, ListStatementsRequest, MailKind,
        Statement, Tenant, UpdateTenantRequest, invoice,
    },
    wallet::v1::{CreateRecurringFeeRequest, ListFeesRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both};
use prost_types::FieldMask;

on_both!(
    a_month_is_turned_once_from_auckland_to_los_angeles_and_back,
    what_falls_due_on_a_date_waits_for_that_date_in_the_new_zone,
    a_zone_further_east_makes_what_has_begun_there_due_at_once,
    an_instalment_is_collected_once_through_changes_of_zone,
    the_mails_of_a_month_wait_for_their_hour_in_the_new_zone,
);

const HOUR: i64 = 3_600;

pub(crate) async fn move_to(owner: &Session, zone: &str) {
    let tenant =
        Tenant { name: "tenants/acme".into(), time_zone: zone.into(), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["time_zone".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap();
}

async fn invoices_of(session: &Session, customer: &str) -> Vec<Invoice> {
    let list = ListInvoicesRequest { parent: customer.into(), ..Default::default() };
    session.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

async fn statements_of(session: &Session, customer: &str) -> Vec<Statement> {
    let list = ListStatementsRequest { parent: customer.into(), ..Default::default() };
    session.statements().list_statements(list).await.unwrap().into_inner().statements
}

fn month_and_day(date: Option<&Date>) -> (i32, i32) {
    date.map(|date| (date.month, date.day)).unwrap()
}

async fn a_month_is_turned_once_from_auckland_to_los_angeles_and_back(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    move_to(&desk.owner, "Pacific/Auckland").await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    used(&desk.service, &wallet, "calls", "1", amount("USD", 1, 0)).await.unwrap();
    let owed = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]),
    )
    .await;
    // 1 February begins in Auckland at 11:00 UTC of 31 January, two hours before Sydney.
    advance(world, first_of(2) - 2 * HOUR - 1).await;
    assert!(statements_of(&desk.admin, &desk.customer).await.is_empty());
    advance(world, first_of(2) + 8 * HOUR).await;
    let turned = |found: Vec<Statement>| {
        let mut months: Vec<_> =
            found.iter().map(|statement| month_and_day(statement.month.as_ref()).0).collect();
        months.sort_unstable();
        months
    };
    let billed = |found: Vec<Invoice>| {
        let mut months: Vec<_> = found
            .iter()
            .filter_map(|invoice| invoice.usage_month.as_ref())
            .map(|usage_month| month_and_day(usage_month.month.as_ref()).0)
            .collect();
        months.sort_unstable();
        months
    };
    assert_eq!(turned(statements_of(&desk.admin, &desk.customer).await), [1]);
    assert_eq!(billed(invoices_of(&desk.admin, &desk.customer).await), [1]);
    // In Los Angeles it is 31 January again; for this tenant it is not.
    move_to(&desk.owner, "America/Los_Angeles").await;
    used(&desk.service, &wallet, "calls", "1", amount("USD", 2, 0)).await.unwrap();
    // What is reversed is taken off the month to which it went, whatever month the zone of now
    // says.
    let debit = desk
        .service
        .postings()
        .post_debit(wallets::debit(&wallet, amount("USD", 4, 0)))
        .await
        .unwrap()
        .into_inner();
    let reverse = reversals::of(&wallet, &debit.posting.unwrap().transfer_id, None);
    desk.owner.reversals().reverse_transfer(reverse).await.unwrap();
    let february =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 10, 0))]))
            .await;
    assert_eq!(
        month_and_day(february.issue_date.as_ref()),
        (2, 1),
        "no document is dated in a month that is over"
    );
    advance(world, first_of(2) + 12 * HOUR).await;
    move_to(&desk.owner, "Pacific/Auckland").await;
    used(&desk.service, &wallet, "calls", "1", amount("USD", 3, 0)).await.unwrap();
    advance(world, first_of(2) + 16 * HOUR).await;
    move_to(&desk.owner, "America/Los_Angeles").await;
    // Over the midnight of Los Angeles nothing is turned: that month is over already.
    advance(world, first_of(2) + 10 * DAY).await;
    assert_eq!(turned(statements_of(&desk.admin, &desk.customer).await), [1]);
    assert_eq!(billed(invoices_of(&desk.admin, &desk.customer).await), [1]);
    // 1 March begins in Los Angeles 19 hours after Sydney.
    advance(world, first_of(3) + 19 * HOUR - 1).await;
    assert_eq!(turned(statements_of(&desk.admin, &desk.customer).await), [1]);
    advance(world, first_of(3) + 20 * HOUR).await;
    let found = statements_of(&desk.admin, &desk.customer).await;
    let of = |month| {
        found
            .iter()
            .find(|statement| statement.month.as_ref().is_some_and(|date| date.month == month))
            .unwrap()
    };
    assert_eq!(
        (of(1).closing.clone(), of(2).opening.clone()),
        (owed.total.clone(), owed.total.clone())
    );
    let units = |invoice: &Invoice| invoice.total.as_ref().unwrap().units;
    let both = units(&owed) + units(&february);
    assert_eq!(
        of(2).closing,
        amount("USD", both, 0),
        "what was issued after the change stands in February"
    );
    assert_eq!(turned(found), [1, 2]);
    let bills = invoices_of(&desk.admin, &desk.customer).await;
    let total: i64 = bills
        .iter()
        .filter(|invoice| invoice.usage_month.is_some())
        .map(|invoice| invoice.total.as_ref().unwrap().units)
        .sum();
    assert_eq!((billed(bills), total), (vec![1, 2], 6), "each use is billed once");
    assert_eq!(read(&desk.owner, &owed.name).await.unwrap().state(), invoice::State::Open);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_falls_due_on_a_date_waits_for_that_date_in_the_new_zone(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    remind(world, &[-3]).await;
    let plain =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    let fee = CreateRecurringFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 5, 0),
        description: "Number".into(),
        ..Default::default()
    };
    world.someone("STAFF", None).fees().create_recurring_fee(fee).await.unwrap();
    move_to(&desk.owner, "America/Los_Angeles").await;
    // The day begins in Los Angeles 19 hours after Sydney.
    let later = 19 * HOUR;
    advance(world, DUE - 3 * DAY + later - 1).await;
    assert!(mails(&desk.owner, MailKind::Reminder).await.is_empty());
    advance(world, DUE - 3 * DAY + later).await;
    mails_of(&desk.owner, MailKind::Reminder, 2).await;
    let invoice = read(&desk.owner, &desk.invoice.name).await.unwrap();
    let next = invoice.collection.unwrap().next_attempt_time.unwrap();
    assert_eq!(
        (next.seconds, month_and_day(invoice.due_date.as_ref())),
        (DUE + later, (1, 31)),
        "the date stays, its beginning moves"
    );
    advance(world, DUE + later - 1).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Open);
    advance(world, DUE + later).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Paid);
    assert_eq!(read(&desk.owner, &plain.name).await.unwrap().state(), invoice::State::Open);
    let fees = async || {
        let list = ListFeesRequest { parent: wallet.clone(), ..Default::default() };
        desk.owner.fees().list_fees(list).await.unwrap().into_inner().fees.len()
    };
    advance(world, DUE + DAY + later - 1).await;
    assert_eq!(fees().await, 1);
    advance(world, DUE + DAY + later).await;
    assert_eq!(fees().await, 2);
    invariants::hold(world).await;
}

async fn a_zone_further_east_makes_what_has_begun_there_due_at_once(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    move_to(&desk.owner, "America/Los_Angeles").await;
    advance(world, DUE + HOUR).await;
    assert_eq!(
        read(&desk.owner, &desk.invoice.name).await.unwrap().state(),
        invoice::State::Open,
        "31 January has not begun there"
    );
    move_to(&desk.owner, "Pacific/Auckland").await;
    advance(world, DUE + HOUR + 60).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Paid);
    // The last hours of January were never in this zone: the month turns at once when the zone is
    // left for one where it is over.
    move_to(&desk.owner, "America/Los_Angeles").await;
    advance(world, DUE + DAY + HOUR).await;
    assert!(
        statements_of(&desk.admin, &desk.customer).await.is_empty(),
        "1 February has not begun there"
    );
    move_to(&desk.owner, "Pacific/Auckland").await;
    advance(world, DUE + DAY + HOUR + 60).await;
    assert_eq!(statements_of(&desk.admin, &desk.customer).await.len(), 1);
    invariants::hold(world).await;
}

async fn an_instalment_is_collected_once_through_changes_of_zone(world: &World) {
    let (desk, plan) = proposed(world, Some("tok_visa")).await;
    approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let taken = async || {
        let list = ListPaymentsRequest {
            parent: desk.customer.clone(),
            page_size: 100,
            ..Default::default()
        };
        desk.owner.payments().list_payments(list).await.unwrap().into_inner().payments.len()
    };
    advance(world, DUE + HOUR).await;
    assert_eq!(taken().await, 1, "31 January has begun in Sydney");
    move_to(&desk.owner, "America/Los_Angeles").await;
    advance(world, DUE + 25 * HOUR).await;
    assert_eq!(taken().await, 1, "and in Los Angeles a second time");
    // The second is due on 28 February, which begins in Los Angeles 19 hours after Sydney.
    let second = DUE + 28 * DAY;
    advance(world, second + 19 * HOUR - 1).await;
    assert_eq!(taken().await, 1);
    advance(world, second + 19 * HOUR).await;
    assert_eq!(taken().await, 2);
    move_to(&desk.owner, "Pacific/Auckland").await;
    advance(world, START + 95 * DAY).await;
    assert_eq!(taken().await, 3);
    knows(&desk.admin, &plan.name, &usd(0, 0)).await;
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// January is turned in Sydney; half an hour later the tenant moves to London, where it lasts
/// eleven hours more. The mails that are queued wait for the same hour of 1 February there.
async fn the_mails_of_a_month_wait_for_their_hour_in_the_new_zone(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    let wallet = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    used(&desk.service, &wallet, "calls", "1", amount("USD", 1, 0)).await.unwrap();
    issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]))
        .await;
    mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await;
    advance(world, first_of(2) + HOUR / 2).await;
    assert_eq!(statements_of(&desk.admin, &desk.customer).await.len(), 1, "it is turned");
    move_to(&desk.owner, "Europe/London").await;
    advance(world, first_of(2) + 12 * HOUR - 1).await;
    assert!(
        mails(&desk.owner, MailKind::Statement).await.is_empty(),
        "it is not one o'clock in London"
    );
    assert_eq!(
        mails(&desk.owner, MailKind::InvoiceIssued).await.len(),
        1,
        "the bill of the month goes in that mail"
    );
    advance(world, first_of(2) + 14 * HOUR).await;
    assert_eq!(mails(&desk.owner, MailKind::Statement).await.len(), 1);
    assert_eq!(
        mails(&desk.owner, MailKind::InvoiceIssued).await.len(),
        1,
        "and has not come by itself"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
