//! Bought credit that expires is told of 30 and 7 days before, once for each wallet and day; the
//! receipt says the last day.

use crate::{
    clocks::{advance, at},
    documents::receipts_of,
    holds::authorize,
    invariants,
    mails::{mails, mails_of, text},
    postpaid::{Desk, desk, first_of},
    rig::{self, until},
    top_up_refunds::refund,
    top_ups::{buy, card},
    wallets::debit,
    zones::move_to,
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, Mail, MailKind, StartTestClockRequest,
        test_clock::State,
    },
    wallet::v1::{
        GrantCreditRequest, TopUp, UpdateWalletSettingsRequest, VoidHoldRequest, WalletSettings,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    World, on_both,
    world::{customer_of, wallet_of},
};
use prost_types::FieldMask;
use sea_orm::ConnectionTrait;

on_both!(
    what_was_bought_is_told_of_before_it_expires,
    what_came_late_is_told_of_once_and_what_is_gone_not_at_all,
    a_notice_follows_the_tenants_zone_and_comes_once,
    wallets_from_before_are_looked_through,
);

const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z; eleven in the morning in Sydney
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

pub(crate) async fn expires_after(owner: &Session, days: i32) {
    let wallet_settings = Some(WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        purchased_expire_days: days,
        ..WalletSettings::default()
    });
    let update_mask = Some(FieldMask { paths: vec!["purchased_expire_days".into()] });
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings,
        update_mask,
        ..Default::default()
    };
    owner.settings().update_wallet_settings(update).await.unwrap();
}

async fn bought(admin: &Session, wallet: &str, units: i64) -> TopUp {
    admin
        .top_ups()
        .create_top_up(buy(wallet, "", amount("USD", units, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap()
}

/// A desk in Sydney whose bought credit expires after so many days, and a wallet in USD with a
/// card.
async fn shop_where_credit_expires(world: &World, days: i32) -> (Desk, String) {
    let desk = desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    expires_after(&desk.owner, days).await;
    let wallet = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    (desk, wallet)
}

async fn expiry_mail(desk: &Desk, count: usize) -> (Mail, String) {
    let mail = mails_of(&desk.owner, MailKind::CreditExpires, count).await.remove(0);
    let text = text(&desk.owner, &mail).await;
    (mail, text)
}

async fn what_was_bought_is_told_of_before_it_expires(world: &World) {
    let (desk, wallet) = shop_where_credit_expires(world, 60).await;
    let top_up = bought(&desk.admin, &wallet, 50).await;
    bought(&desk.admin, &wallet, 30).await;
    assert_eq!(top_up.expire_time, at(START + 60 * DAY + 13 * HOUR));
    let given = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 10, 0),
        priority: 100,
        expire_time: at(START + 60 * DAY),
        description: "Welcome".into(),
        ..Default::default()
    };
    world.someone("STAFF", None).lots().grant_credit(given).await.unwrap();
    // It ends with 2 March in Sydney.
    let receipt = receipts_of(&desk.admin, &desk.customer, 2).await.remove(0);
    assert_eq!(receipt.credit_last_day, Some(Date { year: 2026, month: 3, day: 2 }));
    let mail = mails_of(&desk.owner, MailKind::Receipt, 2).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(words.contains("What is left of this credit after 2 March 2026 expires."), "{words}");
    // 31 January begins in Sydney.
    let first = first_of(2) - DAY;
    advance(world, first - 1).await;
    let hold = desk
        .service
        .holds()
        .authorize_hold(authorize(&wallet, 20))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    assert!(mails(&desk.owner, MailKind::CreditExpires).await.is_empty());
    advance(world, first).await;
    let (mail, words) = expiry_mail(&desk, 1).await;
    assert_eq!(mail.subject, "80.00 USD of your prepaid credit will expire");
    for part in [
        "- 50.00\u{a0}USD, last day 2 March 2026, which also pays open invoices, of which 20.00\u{a0}USD are reserved now;",
        "- 30.00\u{a0}USD, last day 2 March 2026, which also pays open invoices\n",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(!words.contains("10.00"), "granted credit is not told of: {words}");
    desk.service
        .holds()
        .void_hold(VoidHoldRequest { request_id: request_id(), name: hold.name })
        .await
        .unwrap();
    desk.service.postings().post_debit(debit(&wallet, amount("USD", 55, 0))).await.unwrap();
    // 23 February begins in Sydney.
    advance(world, first + 23 * DAY - 1).await;
    assert_eq!(mails(&desk.owner, MailKind::CreditExpires).await.len(), 1);
    advance(world, first + 23 * DAY).await;
    let (mail, words) = expiry_mail(&desk, 2).await;
    assert!(
        mail.subject.starts_with("25.00 USD") && words.matches(", last day").count() == 1,
        "what is left: {words}"
    );
    // On the last evening it pays; when the day is over it is gone.
    let end = START + 60 * DAY + 13 * HOUR;
    advance(world, end - 1).await;
    desk.service.postings().post_debit(debit(&wallet, amount("USD", 1, 0))).await.unwrap();
    advance(world, end).await;
    let late =
        desk.service.postings().post_debit(debit(&wallet, amount("USD", 1, 0))).await.unwrap_err();
    assert_eq!(payterms_testkit::reason(&late), "INSUFFICIENT_FUNDS");
    advance(world, START + 70 * DAY).await;
    expiry_mail(&desk, 2).await;
    invariants::hold(world).await;
}

async fn what_came_late_is_told_of_once_and_what_is_gone_not_at_all(world: &World) {
    let (desk, wallet) = shop_where_credit_expires(world, 20).await;
    bought(&desk.admin, &wallet, 20).await;
    let back = bought(&desk.admin, &wallet, 30).await;
    refund(&desk.owner, &back, None).await.unwrap();
    // The last day is 21 January; the 14th begins in Sydney.
    let due = START + 13 * DAY - 11 * HOUR;
    advance(world, due - 1).await;
    assert!(mails(&desk.owner, MailKind::CreditExpires).await.is_empty());
    advance(world, due).await;
    let (mail, words) = expiry_mail(&desk, 1).await;
    assert!(
        mail.subject.starts_with("20.00 USD") && words.contains("last day 21 January 2026"),
        "{words}"
    );
    // With three days to go it is told of on the next day; what is spent by then is not.
    expires_after(&desk.owner, 3).await;
    bought(&desk.admin, &wallet, 40).await;
    advance(world, due + DAY).await;
    let (mail, words) = expiry_mail(&desk, 2).await;
    assert!(
        mail.subject.starts_with("40.00 USD") && words.contains("last day 17 January 2026"),
        "{words}"
    );
    desk.service.postings().post_debit(debit(&wallet, amount("USD", 60, 0))).await.unwrap();
    expires_after(&desk.owner, 40).await;
    bought(&desk.admin, &wallet, 25).await;
    desk.service.postings().post_debit(debit(&wallet, amount("USD", 25, 0))).await.unwrap();
    advance(world, due + 50 * DAY).await;
    expiry_mail(&desk, 2).await;
    invariants::hold(world).await;
}

async fn a_notice_follows_the_tenants_zone_and_comes_once(world: &World) {
    let (desk, wallet) = shop_where_credit_expires(world, 60).await;
    bought(&desk.admin, &wallet, 50).await;
    move_to(&desk.owner, "America/Los_Angeles").await;
    // In Los Angeles it ends on 2 March at five in the morning; 30 January begins there at eight in
    // the morning of UTC.
    let first = START + 29 * DAY + 8 * HOUR;
    advance(world, first - 1).await;
    assert!(mails(&desk.owner, MailKind::CreditExpires).await.is_empty());
    advance(world, first).await;
    assert!(expiry_mail(&desk, 1).await.1.contains("last day 1 March 2026"));
    // In Auckland it ends on 3 March at two in the morning; 31 January, on which it would be told
    // of there, tells nothing again.
    move_to(&desk.owner, "Pacific/Auckland").await;
    advance(world, first + 3 * DAY).await;
    expiry_mail(&desk, 1).await;
    // 23 February begins in Auckland at eleven in the morning of UTC of the 22nd.
    let last = START + 52 * DAY + 11 * HOUR;
    advance(world, last - 1).await;
    expiry_mail(&desk, 1).await;
    advance(world, last).await;
    assert!(expiry_mail(&desk, 2).await.1.contains("last day 2 March 2026"));
    advance(world, last + 20 * DAY).await;
    expiry_mail(&desk, 2).await;
    invariants::hold(world).await;
}

/// As the migration leaves a wallet from before: no row of its own, and one that looks all of them
/// through.
async fn wallets_from_before_are_looked_through(world: &World) {
    let (desk, wallet) = shop_where_credit_expires(world, 60).await;
    bought(&desk.admin, &wallet, 50).await;
    let (conn, s) =
        invariants::rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let gone = conn
        .execute_unprepared(&format!("DELETE FROM {s}due WHERE job = 'announce_expiry'"))
        .await
        .unwrap();
    let insert = format!(
        "INSERT INTO {s}due (tenant, job, subject, due_at, ordinal) SELECT tenant, 'plan_expiry_notices', '', MIN(created_at), 0 \
         FROM {s}lots WHERE live AND kind = 'PURCHASED' AND expires_at IS NOT NULL GROUP BY tenant"
    );
    let made = conn.execute_unprepared(&insert).await.unwrap();
    assert_eq!((gone.rows_affected(), made.rows_affected()), (1, 1));
    conn.close().await.unwrap();
    advance(world, first_of(2) - DAY).await;
    assert!(expiry_mail(&desk, 1).await.1.contains("last day 2 March 2026"));
    invariants::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_mailed_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_mailed_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    for point in
        ["expiry_notice.before_commit", "expiry_notice.after_commit", "expiry_notice.before_mail"]
    {
        Box::pin(killed(point, on_postgres)).await;
    }
}

async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    rig.prepare("tok_visa").await;
    let (owner, service) = (rig.someone("OWNER", None), rig.someone("SERVICE", None));
    let begin = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(begin).await.unwrap();
    expires_after(&owner, 60).await;
    let customer = customer_of(&owner, "acme", "GB").await;
    let wallet = wallet_of(&service, &customer, "USD").await;
    let admin = rig.someone("CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, rig.gateway, &customer, "tok_visa").await.unwrap().unwrap();
    bought(&admin, &wallet, 50).await;
    let name = "tenants/acme/testClock";
    let target_time = at(first_of(2));
    let forward =
        AdvanceTestClockRequest { request_id: request_id(), name: name.into(), target_time };
    let caller = owner.clone();
    rig.die_at(point, async move { caller.clock().advance_test_clock(forward).await }).await;
    let get = GetTestClockRequest { name: name.into() };
    let read = async || {
        owner
            .clock()
            .get_test_clock(get.clone())
            .await
            .map(|answer| answer.into_inner().test_clock.unwrap())
    };
    until(read, |clock| clock.state() == State::Ready && clock.now == target_time).await;
    let found = mails_of(&owner, MailKind::CreditExpires, 1).await;
    assert!(found[0].subject.starts_with("50.00 USD"), "{point}: {}", found[0].subject);
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
