//! What was given back and taken back stands on the statement of its month, whatever zone the
//! tenant moves to.

use crate::{
    chargebacks::take_back,
    clocks::{advance, at},
    collections::{DAY, START, desk},
    disputes::{decide, disputed},
    disputes_of_parts::charge_of,
    documents::{acme, business},
    expiry::expires_after,
    invariants,
    invoices::{draft, issued, line},
    mails::{mails_of, text},
    postpaid::{self, first_of, used},
    revocations,
    rig::until,
    top_ups::{buy, card},
    wallets::grant,
    zones::move_to,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        CreateCreditNoteRequest, InvoiceToPay, ListInvoicesRequest, ListStatementsRequest,
        MailKind, RecordOutsidePaymentRequest,
    },
    wallet::v1::{ListLotsRequest, VoidGrantRequest, dispute},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both};

on_both!(
    what_was_taken_back_stands_on_the_statement_of_its_month,
    what_is_given_back_stays_in_its_month_after_a_change_of_zone,
    a_note_gives_a_months_lots_back_after_a_change_of_zone,
);

const HOUR: i64 = 3_600;

async fn note(owner: &Session, invoice: &str, money: Option<Money>) {
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.into(),
        amount: money,
        explanation: "Goodwill".into(),
    };
    owner.invoices().create_credit_note(note).await.unwrap();
}

async fn what_was_taken_back_stands_on_the_statement_of_its_month(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    business(world, acme()).await;
    // What stays open brings a statement each month.
    issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 77, 0))]))
        .await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    for units in [50, 30] {
        desk.admin
            .top_ups()
            .create_top_up(buy(&wallet, "", amount("USD", units, 0)))
            .await
            .unwrap();
    }
    let gift = grant(world, &wallet, amount("USD", 10, 0), 0).await;
    desk.owner
        .lots()
        .void_grant(VoidGrantRequest { request_id: request_id(), name: gift, ..Default::default() })
        .await
        .unwrap();
    let list = ListLotsRequest { parent: wallet.clone(), ..Default::default() };
    let lots = desk.admin.lots().list_lots(list).await.unwrap().into_inner().lots;
    let fifty = lots.iter().find(|lot| lot.amount == amount("USD", 50, 0)).unwrap();
    let proposed =
        revocations::propose(&desk.owner, revocations::of(&fifty.name, amount("USD", 20, 0)))
            .await
            .unwrap();
    let revoked =
        revocations::decide(&world.someone("ADMIN", None), &proposed.name, true).await.unwrap();
    let simulator = world.suite.simulator.clone();
    let charge = charge_of(&simulator, "30").await;
    take_back(&simulator, &charge).await;
    disputed(&desk.owner, dispute::State::Open).await;
    advance(world, first_of(2) + HOUR).await;
    let january =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    for this_text in [
        "Taken back:",
        "- 10.00\u{a0}USD on 1 January 2026: Granted credit taken back\n",
        "- 20.00\u{a0}USD on 1 January 2026: Credit withheld\n",
        "- 30.00\u{a0}USD on 1 January 2026: Payment disputed\n",
    ] {
        assert!(january.contains(this_text), "{this_text} in {january}");
    }
    // In February the dispute is won and the credit restored: both are there again.
    decide(&simulator, &charge, "won").await;
    disputed(&desk.owner, dispute::State::Won).await;
    revocations::restore(&desk.owner, &revoked.name).await.unwrap();
    advance(world, first_of(3) + HOUR).await;
    let february =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 2).await.remove(0)).await;
    let back = february.split("Taken back:").nth(1).unwrap();
    assert!(
        back.contains("-20.00\u{a0}USD on 1 February 2026: Withheld credit given back\n"),
        "{february}"
    );
    assert!(
        back.contains("-30.00\u{a0}USD on 1 February 2026: Dispute won: stands again\n"),
        "{february}"
    );
    assert!(
        !february.contains("Payment disputed") && !february.contains("Granted credit"),
        "{february}"
    );
    invariants::hold(world).await;
}

async fn what_is_given_back_stays_in_its_month_after_a_change_of_zone(world: &World) {
    let desk = postpaid::desk(world).await;
    issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 77, 0))]))
        .await;
    let paid = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Phone", amount("USD", 50, 0))]),
    )
    .await;
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: paid.name.clone(), amount: None }],
        amount: paid.total.clone(),
        reference: "cash".into(),
        receive_date: None,
        ..Default::default()
    };
    desk.owner.payments().record_outside_payment(outside).await.unwrap();
    // Some hours into February in Sydney, which is 31 January in Los Angeles.
    advance(world, first_of(2) + 5 * HOUR).await;
    note(&desk.owner, &paid.name, amount("USD", 20, 0)).await;
    move_to(&desk.owner, "America/Los_Angeles").await;
    advance(world, first_of(2) + 6 * HOUR).await;
    note(&desk.owner, &paid.name, amount("USD", 5, 0)).await;
    advance(world, first_of(3) + 20 * HOUR).await;
    let list = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let found =
        desk.owner.statements().list_statements(list).await.unwrap().into_inner().statements;
    let back: Vec<_> = found
        .iter()
        .map(|statement| (statement.month.as_ref().unwrap().month, statement.given_back.clone()))
        .collect();
    assert_eq!(back, [(2, amount("USD", 25, 0)), (1, amount("USD", 0, 0))]);
    let mail = mails_of(&desk.owner, MailKind::Statement, 2).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    let text = words.split("Given back:").nth(1).unwrap();
    assert_eq!(text.matches("on 1 February 2026, credit note").count(), 2, "{words}");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// January of Los Angeles ends 21 hours after that of Auckland: what was used meanwhile is
/// January's, also after a move to Auckland.
async fn a_note_gives_a_months_lots_back_after_a_change_of_zone(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    move_to(&desk.owner, "America/Los_Angeles").await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    expires_after(&desk.owner, 90).await;
    desk.admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    expires_after(&desk.owner, 0).await;
    advance(world, START + 30 * DAY + 20 * HOUR).await;
    used(&desk.service, &wallet, "calls", "4", amount("USD", 1, 0)).await.unwrap();
    advance(world, START + 31 * DAY + 9 * HOUR).await;
    let list = ListInvoicesRequest { parent: desk.customer.clone(), ..Default::default() };
    let read =
        async || Ok(desk.owner.invoices().list_invoices(list.clone()).await?.into_inner().invoices);
    let january = until(read, |found| found.len() == 1).await.remove(0);
    assert_eq!(january.total, amount("USD", 4, 0));
    move_to(&desk.owner, "Pacific/Auckland").await;
    note(&desk.owner, &january.name, amount("USD", 4, 0)).await;
    let list = ListLotsRequest { parent: wallet.clone(), ..Default::default() };
    let read = async || Ok(desk.admin.lots().list_lots(list.clone()).await?.into_inner().lots);
    let lots = until(read, |found| found.len() == 2).await;
    let back = lots.iter().find(|lot| lot.amount == amount("USD", 4, 0)).unwrap();
    assert_eq!(
        back.expire_time,
        at(START + 90 * DAY + 7 * HOUR),
        "on the terms of the lot that had paid it: to the end of 31 March in Los Angeles"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
