//! The rounding of a month is an entry that the customer sees: what was used and its rounding come
//! to what is invoiced.

use crate::{
    clocks::advance,
    invariants,
    postpaid::{Desk, desk, first_of, nanos, used},
    top_ups::{buy, card},
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        EnableMeteredServiceRequest, Invoice, ListInvoicesRequest, MeteredService, PaymentTerm,
        payment_term::Kind as Term,
    },
    wallet::v1::{Entry, GetBalanceRequest, ListEntriesRequest, entry::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both};

on_both!(
    the_rounding_of_a_month_that_deposits_paid_is_an_entry_that_names_it,
    a_postpaid_month_closes_with_its_invoice_and_its_rounding,
    a_metered_month_moves_no_credit,
);

async fn entries(session: &Session, wallet: &str) -> Vec<Entry> {
    let list = ListEntriesRequest { parent: wallet.into(), page_size: 100, ..Default::default() };
    session.wallets().list_entries(list).await.unwrap().into_inner().entries
}

fn micros(money: Option<&Money>) -> i64 {
    money.map_or(0, |money| money.units * 1_000_000 + i64::from(money.nanos) / 1_000)
}

/// What the history sums up to, which is the balance.
async fn summed(session: &Session, wallet: &str) -> i64 {
    let sum =
        entries(session, wallet).await.iter().map(|entry| micros(entry.amount.as_ref())).sum();
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    let balance = session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap();
    assert_eq!(micros(balance.posted.as_ref()), sum, "the entries are the balance");
    sum
}

async fn rounding(session: &Session, wallet: &str) -> Vec<(String, i64)> {
    let found = entries(session, wallet)
        .await
        .into_iter()
        .filter(|entry| entry.kind() == Kind::MonthRounding);
    found.map(|entry| (entry.description.clone(), micros(entry.amount.as_ref()))).collect()
}

async fn invoices(desk: &Desk) -> Vec<Invoice> {
    let list = ListInvoicesRequest { parent: desk.customer.clone(), ..Default::default() };
    desk.admin.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

async fn the_rounding_of_a_month_that_deposits_paid_is_an_entry_that_names_it(world: &World) {
    let desk = desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    let usd = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&usd, "", amount("USD", 50, 0))).await.unwrap();
    let (january, february) = (
        ("Rounding of January 2026".to_owned(), -4_000),
        ("Rounding of February 2026".to_owned(), 4_000),
    );
    // 1.006 is invoiced as 1.01, 1.004 as 1.00.
    used(&desk.service, &usd, "calls", "1", nanos("USD", 1, 6_000_000)).await.unwrap();
    advance(world, first_of(2)).await;
    assert_eq!(
        (rounding(&desk.admin, &usd).await, summed(&desk.admin, &usd).await),
        (vec![january.clone()], 48_990_000)
    );
    used(&desk.service, &usd, "calls", "1", nanos("USD", 1, 4_000_000)).await.unwrap();
    advance(world, first_of(3)).await;
    assert_eq!(
        (rounding(&desk.admin, &usd).await, summed(&desk.admin, &usd).await),
        (vec![february, january], 47_990_000)
    );
    let mut paid: Vec<_> = invoices(&desk)
        .await
        .into_iter()
        .map(|invoice| (invoice.total == invoice.paid, micros(invoice.paid.as_ref())))
        .collect();
    paid.sort_unstable();
    assert_eq!(paid, [(true, 1_000_000), (true, 1_010_000)]);
    // All that is left is used: there is no deposit that could pay 0.004 more, and no debt is made
    // of it.
    used(&desk.service, &usd, "calls", "1", nanos("USD", 47, 986_000_000)).await.unwrap();
    used(&desk.service, &usd, "texts", "1", nanos("USD", 0, 4_000_000)).await.unwrap();
    assert_eq!(summed(&desk.admin, &usd).await, 0);
    advance(world, first_of(4)).await;
    assert_eq!((rounding(&desk.admin, &usd).await.len(), summed(&desk.admin, &usd).await), (2, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_postpaid_month_closes_with_its_invoice_and_its_rounding(world: &World) {
    let desk = desk(world).await;
    desk.approved().await;
    used(&desk.service, &desk.wallet, "calls", "100", nanos("AUD", 2, 501_230_000)).await.unwrap();
    used(&desk.service, &desk.wallet, "texts", "1", nanos("AUD", 0, 9_000_000)).await.unwrap();
    advance(world, first_of(2)).await;
    let found = entries(&desk.admin, &desk.wallet).await;
    let shown: Vec<_> =
        found.iter().take(2).map(|entry| (entry.kind(), micros(entry.amount.as_ref()))).collect();
    // 250.123 and 0.009 are invoiced as 250.12 and 0.01.
    assert_eq!(shown, [(Kind::PostpaidClose, 250_130_000), (Kind::MonthRounding, 2_000)]);
    assert_eq!(summed(&desk.admin, &desk.wallet).await, 0);
    let lines: i64 = invoices(&desk).await[0]
        .lines
        .iter()
        .take(2)
        .map(|line| micros(line.amount.as_ref()))
        .sum();
    assert_eq!(lines, 250_130_000);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_metered_month_moves_no_credit(world: &World) {
    let desk = desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let service = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "AUD".into(),
        payment_term: Some(PaymentTerm { kind: Term::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let enable = EnableMeteredServiceRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        metered_service: Some(service),
        ..Default::default()
    };
    let made = desk.owner.metered_services().enable_metered_service(enable).await.unwrap();
    desk.owner
        .after(&made)
        .wallets()
        .get_balance(GetBalanceRequest { name: desk.wallet.clone(), as_of: None })
        .await
        .unwrap();
    used(&desk.service, &desk.wallet, "maps", "1", nanos("AUD", 1, 6_000_000)).await.unwrap();
    advance(world, first_of(2) + 2 * 3_600 + 60).await;
    let invoice = invoices(&desk).await.remove(0);
    assert_eq!(
        (micros(invoice.lines[0].amount.as_ref()), invoice.paid == invoice.total),
        (1_010_000, true),
        "{invoice:?}"
    );
    assert!(entries(&desk.admin, &desk.wallet).await.is_empty());
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
