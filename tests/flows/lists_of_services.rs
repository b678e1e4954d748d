//! Payments, credit notes, top-ups and receipts are found over all customers of a tenant, by filter
//! and in order.

use crate::{
    invariants,
    invoices::{draft, issued, line},
    lists::sentence,
    rig::until,
    top_ups::{buy, card, shop},
};
use payterms_proto::{
    invoicing::v1::{
        CreateCreditNoteRequest, CreditNote, InvoiceToPay, ListCreditNotesRequest,
        ListPaymentsRequest, ListReceiptsRequest, Payment, RecordOutsidePaymentRequest,
    },
    wallet::v1::ListTopUpsRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, violations};
use tonic::{Code, Status};

on_both!(
    payments_and_credit_notes_are_found_over_all_customers,
    top_ups_and_receipts_are_found_over_all_customers,
);

/// A list by pages of one, as names: `$list` of `$request` with the names of `$items`.
macro_rules! names {
    ($client:expr, $list:ident, $request:ident, $items:ident, $parent:expr, $filter:expr, $order:expr) => {{
        let mut request = $request {
            parent: $parent.to_string(),
            filter: $filter.to_string(),
            order_by: $order.to_string(),
            page_size: 1,
            ..Default::default()
        };
        let mut names: Vec<String> = Vec::new();
        let answer: Result<Vec<String>, Status> = loop {
            match $client.$list(request.clone()).await {
                Err(status) => break Err(status),
                Ok(page) => {
                    let page = page.into_inner();
                    assert!(page.$items.len() <= 1, "a page holds what was asked for");
                    names.extend(page.$items.into_iter().map(|item| item.name));
                    if page.next_page_token.is_empty() {
                        break Ok(names);
                    }
                    request.page_token = page.next_page_token;
                }
            }
        };
        answer
    }};
}
pub(crate) use names;

async fn payments(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(session.payments(), list_payments, ListPaymentsRequest, payments, parent, filter, order)
}

async fn notes(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(
        session.invoices(),
        list_credit_notes,
        ListCreditNotesRequest,
        credit_notes,
        parent,
        filter,
        order
    )
}

async fn receipts(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(session.receipts(), list_receipts, ListReceiptsRequest, receipts, parent, filter, order)
}

async fn top_ups(
    session: &Session,
    parent: &str,
    filter: &str,
    order: &str,
) -> Result<Vec<String>, Status> {
    names!(session.top_ups(), list_top_ups, ListTopUpsRequest, top_ups, parent, filter, order)
}

async fn payments_and_credit_notes_are_found_over_all_customers(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    let customers = [world.customer("acme", "GB").await, world.customer("acme", "GB").await];
    let (paid, credited, invoices) = paid_and_credited(&owner, &customers).await;
    let everyone = "tenants/acme/customers/-";
    let [first, second] = [0, 1].map(|place| vec![paid[place].name.clone()]);
    let both = |a: &[String], b: &[String]| a.iter().chain(b).cloned().collect::<Vec<_>>();
    assert_eq!(
        payments(&owner, everyone, "", "").await.unwrap(),
        both(&second, &first),
        "the newest first"
    );
    assert_eq!(
        payments(&owner, everyone, "", "effective_date").await.unwrap(),
        both(&first, &second)
    );
    for (filter, found) in [
        ("state = SUCCEEDED AND amount >= 20".to_owned(), &second),
        ("amount < 20".to_owned(), &first),
        (format!("customer = {}", customers[0]), &first),
        (format!("customer != {}", customers[0]), &second),
        (format!("invoice = {}", invoices[1]), &second),
        (format!("invoice != {} AND automatic = false", invoices[1]), &first),
        ("state = FAILED".to_owned(), &Vec::new()),
        ("effective_date < 2020-01-01".to_owned(), &Vec::new()),
    ] {
        assert_eq!(payments(&owner, everyone, &filter, "").await.unwrap(), *found, "{filter}");
    }
    let [first, second] = [0, 1].map(|place| vec![credited[place].name.clone()]);
    let all = format!("{everyone}/invoices/-");
    assert_eq!(
        notes(&owner, &all, "", "").await.unwrap(),
        both(&first, &second),
        "the oldest first"
    );
    assert_eq!(notes(&owner, &all, "", "issue_date desc").await.unwrap(), both(&second, &first));
    for (parent, filter, found) in [
        (all.clone(), format!("number = \"{}\"", credited[1].number), &second),
        (all.clone(), "amount = 11".to_owned(), &first),
        (all.clone(), format!("customer = {}", customers[1]), &second),
        (all.clone(), format!("customer != {}", customers[1]), &first),
        (all.clone(), format!("invoice = {}", invoices[0]), &first),
        (format!("{}/invoices/-", customers[1]), String::new(), &second),
        (invoices[0].clone(), String::new(), &first),
        (invoices[0].clone(), "amount > 11".to_owned(), &Vec::new()),
    ] {
        assert_eq!(notes(&owner, &parent, &filter, "").await.unwrap(), *found, "{parent} {filter}");
    }
    let member = world.someone("MEMBER", Some(&customers[0]));
    assert_eq!(payments(&member, everyone, "", "").await.unwrap(), [paid[0].name.clone()]);
    assert_eq!(notes(&member, &all, "", "").await.unwrap(), first);
    assert_eq!(
        notes(&member, &format!("{}/invoices/-", customers[1]), "", "").await.unwrap_err().code(),
        Code::NotFound
    );
    let bad = payments(&owner, everyone, "number = 1", "amount").await.unwrap_err();
    assert_eq!(violations(&bad), ["filter: FILTER_INVALID", "order_by: ORDER_BY_INVALID"]);
    assert_eq!(
        sentence(&bad, "order_by"),
        "Order by one of create_time, update_time, effective_date, with \" desc\" after it for the largest first."
    );
    invariants::hold(world).await;
}

/// An invoice for each customer, with a payment and a credit note; the invoices by name.
async fn paid_and_credited(
    owner: &Session,
    customers: &[String; 2],
) -> (Vec<Payment>, Vec<CreditNote>, Vec<String>) {
    let (mut paid, mut credited, mut invoices) = (Vec::new(), Vec::new(), Vec::new());
    for (place, customer) in customers.iter().enumerate() {
        let made =
            issued(owner, draft(customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await;
        let units = 10 * (i64::try_from(place).unwrap() + 1);
        let pay = RecordOutsidePaymentRequest {
            request_id: request_id(),
            parent: customer.clone(),
            invoices: vec![InvoiceToPay { invoice: made.name.clone(), amount: None }],
            amount: amount("USD", units, 0),
            reference: "Cash".into(),
            receive_date: None,
            ..Default::default()
        };
        paid.push(
            owner
                .payments()
                .record_outside_payment(pay)
                .await
                .unwrap()
                .into_inner()
                .payment
                .unwrap(),
        );
        let (parent, explanation) = (made.name.clone(), "Discount".to_owned());
        let note = CreateCreditNoteRequest {
            request_id: request_id(),
            parent,
            amount: amount("USD", units + 1, 0),
            explanation,
        };
        credited.push(
            owner
                .invoices()
                .create_credit_note(note)
                .await
                .unwrap()
                .into_inner()
                .credit_note
                .unwrap(),
        );
        invoices.push(made.name);
    }
    (paid, credited, invoices)
}

async fn top_ups_and_receipts_are_found_over_all_customers(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let other = world.customer("acme", "GB").await;
    let other_wallet = world.wallet(&other, "USD").await;
    let other_admin = world.someone("CUSTOMER_ADMIN", Some(&other));
    let mut bought = Vec::new();
    for (admin, customer, wallet, units) in
        [(&admin, &customer, &wallet, 50), (&other_admin, &other, &other_wallet, 80)]
    {
        let method = card(world, admin, customer, "tok_visa").await;
        let made = admin
            .top_ups()
            .create_top_up(buy(wallet, &method, amount("USD", units, 0)))
            .await
            .unwrap()
            .into_inner();
        bought.push(made.top_up.unwrap().name);
    }
    let all = "tenants/acme/customers/-/wallets/-";
    let [first, second] = [0, 1].map(|place| vec![bought[place].clone()]);
    assert_eq!(
        top_ups(&owner, all, "", "").await.unwrap(),
        [bought[1].clone(), bought[0].clone()],
        "the newest first"
    );
    assert_eq!(top_ups(&owner, all, "", "create_time").await.unwrap(), bought);
    for (filter, found) in [
        ("amount > 50".to_owned(), &second),
        ("state = SUCCEEDED AND source = CUSTOMER AND amount = 50".to_owned(), &first),
        (format!("customer = {other}"), &second),
        (format!("customer != {other}"), &first),
        (format!("wallet = {wallet}"), &first),
        ("source = AUTO_RECHARGE".to_owned(), &Vec::new()),
    ] {
        assert_eq!(top_ups(&owner, all, &filter, "").await.unwrap(), *found, "{filter}");
    }
    assert_eq!(top_ups(&owner, &format!("{other}/wallets/-"), "", "").await.unwrap(), second);
    assert_eq!(top_ups(&owner, &wallet, "", "").await.unwrap(), first);
    assert_eq!(top_ups(&admin, all, "", "").await.unwrap(), first, "a member's own");
    assert_eq!(top_ups(&admin, &other_wallet, "", "").await.unwrap_err().code(), Code::NotFound);
    let nobody = format!("{customer}/wallets/{}", uuid::Uuid::from_u128(9));
    assert_eq!(top_ups(&owner, &nobody, "", "").await.unwrap_err().code(), Code::NotFound);
    // The receipts come by event.
    let everyone = "tenants/acme/customers/-";
    let found = until(
        async || receipts(&owner, everyone, "", "create_time").await,
        |found| found.len() == 2,
    )
    .await;
    let of = |customer: &str| {
        found.iter().filter(|text| text.starts_with(customer)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(receipts(&owner, everyone, "amount >= 80", "").await.unwrap(), of(&other));
    assert_eq!(
        receipts(&owner, everyone, &format!("wallet = {wallet} AND currency = USD"), "issue_date")
            .await
            .unwrap(),
        of(&customer)
    );
    assert_eq!(receipts(&admin, everyone, "", "").await.unwrap(), of(&customer));
    assert!(receipts(&owner, everyone, "issue_date < 2020-01-01", "").await.unwrap().is_empty());
    invariants::hold(world).await;
}
