//! Statements list what was transferred back, of invoices and of money on account.

use crate::{
    bank::import,
    bank_decisions::only,
    clocks::advance,
    collections::{DAY, START},
    mails::{mails_of, text},
    rig::until,
    transfer_refunds::{PAYER, ask, bought, holds, on_account, refund, send},
    transfer_refunds_returned::{came_back, credit, in_state},
    transfers::desk,
};
use payterms_proto::invoicing::v1::{
    ExplainInvoiceRequest, GetDocumentRequest, ListStatementsRequest, MailKind,
    transfer_refund::{Credit, State},
};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both};

on_both!(
    a_statement_lists_what_was_transferred_back_of_invoices,
    a_statement_lists_money_on_account_that_went_back,
);

async fn a_statement_lists_what_was_transferred_back_of_invoices(world: &World) {
    let (desk, of) = bought(world).await;
    let made =
        refund(&desk.owner, ask(&of.payment, Credit::TopUp, amount("AUD", 100, 1))).await.unwrap();
    send(&desk.owner, &made.name).await.unwrap();
    let explain = ExplainInvoiceRequest { name: of.order.name.clone() };
    let facts = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    assert!(
        facts[0].sentence.contains("109.99") && facts[0].sentence.contains("110.01"),
        "{facts:?}"
    );
    advance(world, START + 33 * DAY).await;
    let list = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements = async || {
        desk.admin
            .statements()
            .list_statements(list.clone())
            .await
            .map(|answer| answer.into_inner().statements)
    };
    let statement = until(statements, |found| !found.is_empty()).await.remove(0);
    let figures = [
        statement.issued.clone(),
        statement.credited.clone(),
        statement.paid.clone(),
        statement.given_back.clone(),
    ];
    assert_eq!(
        figures,
        [
            amount("AUD", 220, 0),
            amount("AUD", 110, 1),
            amount("AUD", 109, 99),
            amount("AUD", 110, 1)
        ]
    );
    assert_eq!(statement.closing, amount("AUD", 0, 0));
    let get = GetDocumentRequest { name: statement.name.clone() };
    assert!(
        desk.admin
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
    holds(world).await;
}

/// In January 30.00 of 80.00 on account go back, in February the bank sends 28.50 of them back.
async fn a_statement_lists_money_on_account_that_went_back(world: &World) {
    let desk = desk(world).await;
    let payment = on_account(&desk.owner, &desk.customer, "A", "80.00", PAYER).await;
    let made =
        refund(&desk.owner, ask(&payment, Credit::Surplus, amount("USD", 30, 0))).await.unwrap();
    send(&desk.owner, &made.name).await.unwrap();
    advance(world, START + 33 * DAY).await;
    let list = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements = async || {
        desk.admin
            .statements()
            .list_statements(list.clone())
            .await
            .map(|answer| answer.into_inner().statements)
    };
    let january = until(statements, |found| found.len() == 1).await.remove(0);
    assert_eq!(
        (january.paid.clone(), january.given_back.clone()),
        (amount("USD", 0, 0), amount("USD", 0, 0)),
        "nothing owed moved"
    );
    let mail = mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("30.00") && words.contains("Transferred to the account ending in 5555"),
        "{words}"
    );
    let get = GetDocumentRequest { name: january.name.clone() };
    assert!(
        desk.admin
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
    let line =
        only(&import(&desk.owner, came_back("B", "28.50", &made.reference)).await.unwrap()).clone();
    credit(&desk.owner, &line, &desk.customer).await;
    in_state(&desk.owner, &made, State::Returned).await;
    advance(world, START + 63 * DAY).await;
    until(statements, |found| found.len() == 2).await;
    let all = mails_of(&desk.owner, MailKind::Statement, 2).await;
    let mut texts = Vec::new();
    for mail in &all {
        texts.push(text(&desk.owner, mail).await);
    }
    let february = texts
        .iter()
        .find(|words| words.contains("Sent back"))
        .unwrap_or_else(|| panic!("{texts:?}"));
    assert!(
        february.contains("account ending in 5555")
            && february.contains("28.50")
            && !february.contains("30.00"),
        "{february}"
    );
    holds(world).await;
}
