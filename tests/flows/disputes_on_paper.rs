//! What mails and statements say of a dispute: what paid a debt, and which invoices it holds.

use crate::{
    chargebacks::{charges, take_back},
    clocks::advance,
    collections::desk,
    disputes::{all_holds, decide, disputed, pay_by, until_invoice},
    disputes_won::bought,
    documents::{acme, business},
    invoices::{draft, issued, line},
    mails::{mails_of, text},
    postpaid::first_of,
    top_ups::{card, shop},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::{MailKind, invoice::State},
    wallet::v1::dispute,
};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both};

on_both!(
    mails_say_what_paid_a_debt_and_what_they_are_of,
    a_statement_says_that_an_invoice_is_disputed,
);

/// 30.00 of 50.00 are spent. Won, 30.00 pay that debt, and 20.00 are there. Each mail to the tenant
/// names dispute, purchase and charge.
async fn mails_say_what_paid_a_debt_and_what_they_are_of(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let owner = world.someone("OWNER", None);
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let first = bought(&admin, &wallet, &visa, 50).await;
    let charge = charges(&simulator).await.remove(0);
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 30, 0)))
        .await
        .unwrap();
    take_back(&simulator, &charge).await;
    let open = disputed(&owner, dispute::State::Open).await;
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    let won = mails_of(&owner, MailKind::DisputeWon, 1).await.remove(0);
    let words = text(&owner, &won).await;
    for said in [
        "30.00\u{a0}USD of the credit that is given back paid what your balance owed.",
        "Credit of 20.00\u{a0}USD is in your balance.",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let reports = mails_of(&owner, MailKind::DisputeReported, 2).await;
    assert!(
        reports.iter().any(|mail| mail.subject.starts_with("Dispute won: a payment of 50.00")),
        "{reports:?}"
    );
    for report in &reports {
        let words = text(&owner, report).await;
        assert!(
            [&open.name, &first.name, &charge].iter().all(|named| words.contains(named.as_str())),
            "{words}"
        );
    }
    all_holds(world).await;
}

/// Two invoices fell due in January: one is disputed, the other late. Once that is decided both are
/// late.
async fn a_statement_says_that_an_invoice_is_disputed(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    business(world, acme()).await;
    let simulator = world.suite.simulator.clone();
    let visa = crate::chargebacks::methods(&desk.admin, &desk.customer).await.remove(0).name;
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| {
        invoice.state() == State::Open && invoice.block.is_some()
    })
    .await;
    advance(world, first_of(2) + 3_600).await;
    let january =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    let row = format!("- {}: 100.00\u{a0}USD open, due on 31 January 2026", desk.invoice.number);
    let disputed_list = january
        .split("Held until a dispute is decided:")
        .nth(1)
        .unwrap_or_else(|| panic!("{january}"));
    assert!(
        disputed_list.contains(&row)
            && january.contains("100.00\u{a0}USD open, held until a dispute is decided"),
        "{january}"
    );
    assert!(
        !january.contains("Past due") && !january.contains("Bank transfers go to"),
        "{january}"
    );
    let late =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 77, 0))]))
            .await;
    advance(world, first_of(4) + 3_600).await;
    let march =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 3).await.remove(0)).await;
    let past_due = march
        .split("Past due:")
        .nth(1)
        .and_then(|rest| rest.split("Held until a dispute is decided:").next())
        .unwrap_or_else(|| panic!("{march}"));
    assert!(past_due.contains(&late.number) && !past_due.contains(&desk.invoice.number), "{march}");
    assert!(march.contains(&row) && march.contains("Bank transfers go to"), "{march}");
    all_holds(world).await;
}
