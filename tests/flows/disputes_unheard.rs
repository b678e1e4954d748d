//! The provider's word of a dispute is lost, or is of a dispute that is not known: nothing is
//! decided of another one because of it.

use crate::{
    chargebacks::methods,
    clocks::advance,
    collections::{START, desk},
    disputes::{all_holds, decide, disputed, list, pay_by, until_invoice},
    disputes_of_parts::{charge_of, take_part},
    documents::receipts_of,
    invariants,
    mails::mails_of,
    operations::republish,
    payments::till,
    rig::until,
    top_up_refunds::refund,
    top_ups::{buy, card},
};
use payterms_proto::{
    invoicing::v1::{MailKind, invoice::State},
    wallet::v1::{Dispute, dispute},
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

on_both!(
    by_opening_another_dispute_the_provider_says_that_the_first_is_won,
    what_took_nothing_decides_nothing,
    another_dispute_waits_for_the_end_of_the_first,
    a_refund_waits_for_the_receipt_of_a_won_dispute,
);

/// Another dispute of a charge is opened, and the notification is lost or not.
async fn again(simulator: &str, charge: &str, units: i64, silent: bool) {
    let page = format!(
        "{simulator}/simulator/acme/charges/{charge}/chargeback?again=true&amount={units}&silent={silent}"
    );
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
}

async fn disputes(session: &Session, count: usize, state: dispute::State) -> Vec<Dispute> {
    let all = async || Ok(list(session, "tenants/acme/customers/-", "").await);
    until(all, |found| found.iter().filter(|dispute| dispute.state() == state).count() == count)
        .await
}

/// 100.00 of a payment and 50.00 of a top-up are disputed and won, and 40.00 and 20.00 of them are
/// disputed again; all that is heard is that the second disputes are lost.
async fn by_opening_another_dispute_the_provider_says_that_the_first_is_won(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 50, 0))).await.unwrap();
    let (paid, bought) = (charge_of(&simulator, "100").await, charge_of(&simulator, "50").await);
    for (charge, whole, part) in [(&paid, 100, 40), (&bought, 50, 20)] {
        take_part(&simulator, charge, whole).await;
        disputes(&till.owner, 1, dispute::State::Open).await;
        decide(&simulator, charge, "won?silent=true").await;
        again(&simulator, charge, part, true).await;
        decide(&simulator, charge, "lost").await;
        disputes(&till.owner, 0, dispute::State::Open).await;
    }
    let lost: Vec<_> = disputes(&till.owner, 2, dispute::State::Lost).await;
    let amounts = |state| {
        lost.iter()
            .filter(|dispute| dispute.state() == state)
            .map(|dispute| dispute.amount.as_ref().unwrap().units)
            .sum::<i64>()
    };
    assert_eq!(
        (amounts(dispute::State::Lost), amounts(dispute::State::Won), lost.len()),
        (60, 150, 4)
    );
    assert!(lost.iter().all(|dispute| dispute.provider_outcome() == dispute.state()), "{lost:?}");
    let open = until_invoice(&till.owner, &till.invoice, |invoice| {
        invoice.block.is_none() && invoice.open == amount("USD", 40, 0)
    })
    .await;
    assert_eq!((open.state(), till.available().await), (State::Open, amount("USD", 30, 0)));
    mails_of(&till.owner, MailKind::DisputeWon, 2).await;
    mails_of(&till.owner, MailKind::DisputeLost, 2).await;
    all_holds(world).await;
}

/// A won dispute's charge is refunded, so that another dispute takes nothing. What the provider
/// decides of that is not of the first one.
async fn what_took_nothing_decides_nothing(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let bought = till
        .admin
        .top_ups()
        .create_top_up(buy(&till.wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner();
    let charge = charge_of(&simulator, "50").await;
    take_part(&simulator, &charge, 50).await;
    disputed(&till.owner, dispute::State::Open).await;
    decide(&simulator, &charge, "won").await;
    disputed(&till.owner, dispute::State::Won).await;
    mails_of(&till.owner, MailKind::DisputeReported, 2).await;
    refund(&till.owner, &bought.top_up.unwrap(), None).await.unwrap();
    again(&simulator, &charge, 10, false).await;
    decide(&simulator, &charge, "lost").await;
    let undelivered = async || {
        Ok(reqwest::get(format!("{simulator}/v1/notifications"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap())
    };
    until(undelivered, |left| left == "0").await;
    let dispute = disputed(&till.owner, dispute::State::Won).await;
    assert_eq!(
        dispute.provider_outcome(),
        dispute::State::Won,
        "what is told of another one is not noted on it"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    mails_of(&till.owner, MailKind::DisputeReported, 2).await;
}

async fn rows(conn: &DatabaseConnection, select: &str) -> i64 {
    let row = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), select))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "rows").unwrap()
}

/// Invoicing hears of a second dispute of a charge before it hears that the first one is won.
async fn another_dispute_waits_for_the_end_of_the_first(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let simulator = world.suite.simulator.clone();
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &visa).await;
    let charge = charge_of(&simulator, "100").await;
    take_part(&simulator, &charge, 100).await;
    let first = disputed(&desk.owner, dispute::State::Open).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.disputed_by == first.name).await;
    mails_of(&desk.owner, MailKind::DisputeOpened, 1).await;
    // What comes next of the first one seems to come out of turn.
    let (conn, i) = world.rows("invoicing").await;
    let out_of_turn =
        format!("UPDATE {i}inbox_heads SET version = version - 1 WHERE aggregate_type = 'dispute'");
    conn.execute_unprepared(&out_of_turn).await.unwrap();
    let waiting = format!("SELECT count(*) AS rows FROM {i}inbox WHERE held IS NOT NULL");
    decide(&simulator, &charge, "won").await;
    until(async || Ok(rows(&conn, &waiting).await), |found| *found == 1).await;
    again(&simulator, &charge, 40, false).await;
    let second = disputes(&desk.owner, 1, dispute::State::Open)
        .await
        .into_iter()
        .find(|dispute| dispute.name != first.name)
        .unwrap();
    let heard = format!("SELECT count(*) AS rows FROM {i}disputes");
    until(async || Ok(rows(&conn, &heard).await), |found| *found == 2).await;
    let blocked =
        until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_some()).await;
    assert_eq!(
        (blocked.open, blocked.disputed_by.as_str()),
        (amount("USD", 100, 0), first.name.as_str()),
        "as the first one left it"
    );
    mails_of(&desk.owner, MailKind::DisputeOpened, 1).await;
    // The first one's end comes after all.
    world
        .someone("OPERATOR", None)
        .operations("wallet")
        .republish(republish("dispute"))
        .await
        .unwrap();
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    mails_of(&desk.owner, MailKind::DisputeWon, 1).await;
    advance(world, START + 2 * 3_600).await;
    let open =
        until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Open).await;
    assert_eq!(
        (open.open, open.disputed_by.as_str()),
        (amount("USD", 40, 0), second.name.as_str())
    );
    mails_of(&desk.owner, MailKind::DisputeOpened, 2).await;
    decide(&simulator, &charge, "lost").await;
    let lost = until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!((lost.state(), lost.open), (State::Open, amount("USD", 40, 0)));
    all_holds(world).await;
}

/// Invoicing hears of the refund of a top-up before it hears that the dispute of it is won, which
/// brings the receipt again.
async fn a_refund_waits_for_the_receipt_of_a_won_dispute(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    let simulator = world.suite.simulator.clone();
    let bought = desk
        .admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let charge = charge_of(&simulator, "50").await;
    take_part(&simulator, &charge, 50).await;
    disputed(&desk.owner, dispute::State::Open).await;
    mails_of(&desk.owner, MailKind::DisputeOpened, 1).await;
    let (conn, i) = world.rows("invoicing").await;
    // What comes next of the dispute seems to come out of turn.
    let out_of_turn =
        format!("UPDATE {i}inbox_heads SET version = version - 1 WHERE aggregate_type = 'dispute'");
    conn.execute_unprepared(&out_of_turn).await.unwrap();
    decide(&simulator, &charge, "won").await;
    disputed(&desk.owner, dispute::State::Won).await;
    refund(&desk.owner, &bought, None).await.unwrap();
    let waiting = format!("SELECT count(*) AS rows FROM {i}waiting_refunds");
    until(async || Ok(rows(&conn, &waiting).await), |found| *found == 1).await;
    world
        .someone("OPERATOR", None)
        .operations("wallet")
        .republish(republish("dispute"))
        .await
        .unwrap();
    mails_of(&desk.owner, MailKind::DisputeWon, 1).await;
    advance(world, START + 2 * 3_600).await;
    mails_of(&desk.owner, MailKind::TopUpRefunded, 1).await;
    let receipts = receipts_of(&desk.owner, &desk.customer, 2).await;
    assert!(
        receipts.iter().all(|receipt| receipt.credit_notes.len() == 1
            && receipt.credit_notes[0].amount == amount("USD", 50, 0)),
        "{receipts:?}"
    );
    assert_eq!(rows(&conn, &waiting).await, 0);
    all_holds(world).await;
}
