//! Money on account and surpluses that had come by bank transfer go back to the account that they
//! came from, and to no other.

use crate::payments::Till;
use crate::{
    approvals::limited,
    bank::{import, paid},
    bank_decisions::{only, unmatch},
    invariants,
    invoices::read,
    mails::{mails_of, text},
    payments::{by, till},
    top_ups::card,
    transfer_refunds::{
        PAYER, ask, holds, listed, on_account, read_refund, refund, refused, send, statement,
    },
};
use payterms_proto::invoicing::v1::{
    CreatePaymentRequest, InvoiceToPay, ListTransferRefundsRequest, MailKind,
    RefundTransferRequest,
    transfer_refund::{Credit, State},
};
use payterms_proto::invoicing::v1::{Payment, TransferRefund};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both, reason, violations};
use tonic::Code;

on_both!(
    money_on_account_goes_to_the_account_that_it_came_from_alone,
    a_surplus_goes_back_and_invoices_keep_what_is_theirs,
);

pub(crate) async fn money_on_account_goes_to_the_account_that_it_came_from_alone(world: &World) {
    let till = till(world, 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    let payment = on_account(&till.owner, &till.customer, "A", "80.00", PAYER).await;
    let request = |account: &str, units: i64| RefundTransferRequest {
        account: account.into(),
        ..ask(&payment, Credit::Surplus, amount("USD", units, 0))
    };
    let wrong = RefundTransferRequest {
        account: "12 3".into(),
        explanation: String::new(),
        from: 0,
        ..request("", 5)
    };
    let fields: Vec<_> = violations(&refund(&admin, wrong).await.unwrap_err())
        .iter()
        .map(|text| text.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(fields, ["from", "account", "explanation"]);
    let empty = refund(&admin, request("", 5)).await.unwrap_err();
    assert_eq!(violations(&empty), ["account: FIELD_REQUIRED"], "one fault, one violation");
    assert_eq!(
        refused(&admin, request("DE02120300000000202051", 20)).await,
        "PAYER_ACCOUNT_DIFFERS"
    );
    assert_eq!(
        refused(&admin, RefundTransferRequest { from: Credit::TopUp.into(), ..request(PAYER, 20) })
            .await,
        "TRANSFER_CREDIT_REQUIRED"
    );
    assert_eq!(
        refused(&admin, ask(&payment, Credit::Surplus, amount("AUD", 20, 0))).await,
        "CURRENCY_MISMATCH"
    );
    assert_eq!(refused(&admin, request(PAYER, 81)).await, "REFUND_TOO_LARGE");
    assert_eq!(
        refund(&staff, request(PAYER, 20)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let member = refund(&till.admin, request(PAYER, 20)).await.unwrap_err();
    assert_eq!(member.code(), Code::PermissionDenied, "nor does a customer say where money goes");
    let silent = on_account(&till.owner, &till.customer, "B", "10.00", "").await;
    assert_eq!(refused(&admin, ask(&silent, Credit::Surplus, None)).await, "PAYER_ACCOUNT_UNKNOWN");
    let foreign = RefundTransferRequest {
        payment: payment.name.replace("acme", "other"),
        ..request(PAYER, 20)
    };
    assert_eq!(refused(&admin, foreign).await, "RESOURCE_NOT_FOUND");
    let other = world.customer("acme", "GB").await;
    let theirs = RefundTransferRequest {
        payment: payment.name.replace(&till.customer, &other),
        ..request(PAYER, 20)
    };
    assert_eq!(refused(&admin, theirs).await, "RESOURCE_NOT_FOUND");
    // All of a payment together count for one person's limit.
    limited(&till.owner, 30).await;
    let first = refund(&admin, request("gb33 buk b20 2015 5555 5555", 30)).await.unwrap();
    assert_eq!(
        (first.state(), first.tax.clone(), first.account_end.as_str()),
        (State::Pending, amount("USD", 0, 0), "5555")
    );
    assert_eq!(refused(&admin, request(PAYER, 1)).await, "SECOND_PERSON_REQUIRED");
    let second = refund(&till.owner, ask(&payment, Credit::Surplus, None)).await.unwrap();
    assert_eq!(
        (second.amount.clone(), till.available().await),
        (amount("USD", 50, 0), amount("USD", 10, 0))
    );
    assert_ne!(first.reference, second.reference);
    send(&staff, &first.name).await.unwrap();
    let sent = read_refund(&till.admin, &first.name).await.unwrap();
    assert_eq!(
        (sent.state(), sent.credit_note.as_str()),
        (State::Sent, ""),
        "money on account was no sale"
    );
    let mail = mails_of(&till.owner, MailKind::TransferRefunded, 1).await.remove(0);
    assert!(!text(&till.owner, &mail).await.contains("credit note"));
    its_refunds_are_found_by_whom_they_concern(world, &till, &payment, &first, &second).await;
    no_account_is_kept(world).await;
    holds(world).await;
}

/// Whoever has no business with it does not find it.
async fn its_refunds_are_found_by_whom_they_concern(
    world: &World,
    till: &Till,
    payment: &Payment,
    first: &TransferRefund,
    second: &TransferRefund,
) {
    let (staff, other) = (world.someone("STAFF", None), world.customer("acme", "GB").await);
    let stranger = world.someone("CUSTOMER_ADMIN", Some(&other));
    assert_eq!(read_refund(&stranger, &first.name).await.unwrap_err().code(), Code::NotFound);
    assert!(listed(&stranger, "tenants/acme/customers/-", "").await.is_empty());
    assert_eq!(listed(&till.admin, &till.customer, "").await.len(), 2);
    assert_eq!(
        listed(
            &staff,
            "tenants/acme/customers/-",
            &format!("payment = \"{}\" AND state = PENDING", payment.name)
        )
        .await,
        std::slice::from_ref(second)
    );
    let bad = ListTransferRefundsRequest {
        parent: till.customer.clone(),
        filter: "account = 1".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&staff.transfer_refunds().list_transfer_refunds(bad).await.unwrap_err()),
        "FILTER_INVALID"
    );
}

/// No table has the account, but for what banks' files say of their own.
async fn no_account_is_kept(world: &World) {
    let (conn, s) = world.rows("invoicing").await;
    for (table, column) in [
        ("transfer_refunds", "account_key"),
        ("transfer_refunds", "account_end"),
        ("transfer_refunds", "explanation"),
    ] {
        let found = invariants::selected(&conn, &format!("SELECT {column} FROM {s}{table}")).await;
        assert!(
            !found.is_empty() && found.iter().all(|text| !text.contains("20201555")),
            "{column}"
        );
    }
    conn.close().await.unwrap();
}

async fn a_surplus_goes_back_and_invoices_keep_what_is_theirs(world: &World) {
    let till = till(world, 0).await;
    let imported =
        import(&till.owner, statement("S", &[("108.00", "USD", &till.invoice.number, PAYER)]))
            .await
            .unwrap();
    let (line, payment) = paid(&till.owner, &only(&imported).name).await;
    assert_eq!(
        refused(&till.owner, ask(&payment, Credit::Surplus, amount("USD", 9, 0))).await,
        "REFUND_TOO_LARGE"
    );
    let made = refund(&till.owner, ask(&payment, Credit::Surplus, None)).await.unwrap();
    assert_eq!(made.amount, amount("USD", 8, 0));
    send(&till.owner, &made.name).await.unwrap();
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().paid, amount("USD", 100, 0));
    assert_eq!(till.available().await, amount("USD", 0, 0));
    assert_eq!(reason(&unmatch(&till.owner, &line.name).await.unwrap_err()), "PAYMENT_REFUNDED");
    // A card's surplus has no account, nor has a payment by credit.
    let other = crate::bank::another(&till, 20).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let pay = CreatePaymentRequest {
        invoices: vec![InvoiceToPay { invoice: other.name.clone(), amount: None }],
        ..till.request(vec![by("", amount("USD", 25, 0))])
    };
    let by_card =
        till.admin.payments().create_payment(pay).await.unwrap().into_inner().payment.unwrap();
    assert_eq!(
        refused(&till.owner, ask(&by_card, Credit::Surplus, None)).await,
        "TRANSFER_CREDIT_REQUIRED"
    );
    holds(world).await;
}
