//! Credit is bought by itself: threshold, month end, repair; one at a time; failures climb the
//! ladder.

use crate::{
    clocks::{advance, start},
    invariants,
    mails::{mails_of, text},
    top_ups::card,
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::MailKind,
    wallet::v1::{
        AutoRecharge, GetAutoRechargeRequest, ListTopUpsRequest, PostFeeRequest,
        RetryAutoRechargeRequest, TopUp, UpdateAutoRechargeRequest,
        auto_recharge::{State, ThresholdRecharge},
        top_up::Source,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    a_threshold_recharges_once_whoever_crosses_it,
    the_month_end_is_not_replaced_by_a_threshold,
    a_failure_shows_and_climbs_the_ladder,
    rules_need_prepayment_and_a_card,
    released_credit_pays_what_is_owed,
    a_declined_month_end_is_not_lost,
    one_trigger_makes_one_charge,
    a_month_has_a_ladder_of_its_own,
);

pub(crate) const START: i64 = 1_767_225_600;

// 2026-01-01T00:00:00Z
pub(crate) const DAY: i64 = 86_400;

/// 1 February in Sydney.
pub(crate) const FEBRUARY: i64 = START + 30 * DAY + 13 * 3_600;

/// A shop on a test clock, a wallet with 100.00 USD bought, the customer's admin.
pub(crate) async fn stocked(world: &World, token: &str) -> (String, String, Session) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    shop::open(&world.someone("OWNER", None), "acme").await.unwrap();
    let wallet = world.wallet(&customer, "USD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    card(world, &admin, &customer, token).await;
    crate::wallets::grant(world, &wallet, amount("USD", 100, 0), 0).await;
    (customer, wallet, admin)
}

pub(crate) async fn set(
    admin: &Session,
    wallet: &str,
    rules: AutoRecharge,
) -> Result<AutoRecharge, tonic::Status> {
    let auto_recharge = AutoRecharge { name: format!("{wallet}/autoRecharge"), ..rules };
    let request = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(auto_recharge),
        ..Default::default()
    };
    admin
        .recharges()
        .update_auto_recharge(request)
        .await
        .map(|answer| answer.into_inner().auto_recharge.unwrap())
}

pub(crate) fn threshold(units: i64, buys: i64) -> AutoRecharge {
    let threshold_recharge = amount("USD", buys, 0).map(ThresholdRecharge::ThresholdAmount);
    AutoRecharge {
        threshold: amount("USD", units, 0),
        threshold_recharge,
        ..AutoRecharge::default()
    }
}

pub(crate) async fn recharges(admin: &Session, wallet: &str) -> Vec<TopUp> {
    let list = ListTopUpsRequest { parent: wallet.into(), ..Default::default() };
    let top_ups = admin.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups;
    top_ups.into_iter().filter(|top_up| top_up.source() == Source::AutoRecharge).collect()
}

pub(crate) async fn read(admin: &Session, wallet: &str) -> AutoRecharge {
    let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
    admin.recharges().get_auto_recharge(get).await.unwrap().into_inner().auto_recharge.unwrap()
}

async fn a_threshold_recharges_once_whoever_crosses_it(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    set(&admin, &wallet, threshold(50, 40)).await.unwrap();
    let service = world.someone("SERVICE", None);
    let calls = (0..12).map(|_| {
        let (service, request) = (service.clone(), debit(&wallet, amount("USD", 5, 0)));
        tokio::spawn(async move { service.postings().post_debit(request).await.unwrap() })
    });
    futures::future::join_all(calls).await;
    advance(world, START + 60).await;
    let made = recharges(&admin, &wallet).await;
    assert_eq!(
        made.iter().map(|top_up| top_up.amount.clone()).collect::<Vec<_>>(),
        [amount("USD", 40, 0)]
    );
    assert_eq!(read(&admin, &wallet).await.state(), State::Watching);
    invariants::hold(world).await;
}

async fn the_month_end_is_not_replaced_by_a_threshold(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    let rules = AutoRecharge { month_end_amount: amount("USD", 30, 0), ..threshold(50, 40) };
    set(&admin, &wallet, rules).await.unwrap();
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 60, 0)))
        .await
        .unwrap();
    // Sydney's 31 January begins at 13:00 UTC on the 30th.
    advance(world, START + 29 * DAY + 13 * 3_600 - 1).await;
    assert_eq!(recharges(&admin, &wallet).await.len(), 1);
    advance(world, START + 29 * DAY + 13 * 3_600).await;
    let amounts: Vec<_> =
        recharges(&admin, &wallet).await.into_iter().map(|top_up| top_up.amount).collect();
    assert_eq!(amounts, [amount("USD", 30, 0), amount("USD", 40, 0)]);
    advance(world, START + 60 * DAY).await;
    assert_eq!(recharges(&admin, &wallet).await.len(), 3, "February's last day recharges too");
    invariants::hold(world).await;
}

async fn a_failure_shows_and_climbs_the_ladder(world: &World) {
    let (customer, wallet, admin) = stocked(world, "tok_declined").await;
    set(&admin, &wallet, AutoRecharge { repair_negative: true, ..AutoRecharge::default() })
        .await
        .unwrap();
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 130, 0),
        description: "Porting".into(),
        unlisted: false,
    };
    world.someone("STAFF", None).postings().post_fee(fee).await.unwrap();
    // Days 0, 1, 3, 5 and 7 after the first failure, and then with the next month.
    let month = FEBRUARY;
    let on = |days: i64| START + days * DAY;
    for (days, attempts, next) in
        [(0, 1, on(1)), (2, 2, on(3)), (4, 3, on(5)), (6, 4, on(7)), (8, 5, month), (20, 5, month)]
    {
        advance(world, START + days * DAY + 3_600).await;
        let failed = read(&admin, &wallet).await;
        assert_eq!(
            (failed.state(), failed.failure_reason.as_str()),
            (State::Failed, "card_declined"),
            "day {days}"
        );
        assert_eq!(
            (failed.failed_attempt_count, failed.next_retry_time.map(|at| at.seconds)),
            (attempts, Some(next)),
            "day {days}"
        );
        assert_eq!(
            recharges(&admin, &wallet).await.len(),
            usize::try_from(attempts).unwrap(),
            "day {days}"
        );
    }
    let good = card(world, &admin, &customer, "tok_visa").await;
    let point = payterms_proto::wallet::v1::SetCollectionMethodRequest {
        request_id: request_id(),
        name: good,
        ..Default::default()
    };
    admin.methods().set_collection_method(point).await.unwrap();
    advance(world, START + 21 * DAY).await;
    let mended = read(&admin, &wallet).await;
    assert_eq!(
        (mended.state(), mended.failed_attempt_count),
        (State::Watching, 0),
        "the new method is charged at once"
    );
    assert_eq!(recharges(&admin, &wallet).await[0].amount, amount("USD", 30, 0));
    let retry = RetryAutoRechargeRequest {
        request_id: request_id(),
        name: format!("{wallet}/autoRecharge"),
        ..Default::default()
    };
    let answer = admin.recharges().retry_auto_recharge(retry).await.unwrap().into_inner();
    assert_eq!(
        answer.auto_recharge,
        Some(read(&admin, &wallet).await),
        "there is nothing to retry"
    );
    set(&admin, &wallet, AutoRecharge::default()).await.unwrap();
    let retry = RetryAutoRechargeRequest {
        request_id: request_id(),
        name: format!("{wallet}/autoRecharge"),
        ..Default::default()
    };
    assert_eq!(
        reason(&admin.recharges().retry_auto_recharge(retry).await.unwrap_err()),
        "RECHARGE_STATE"
    );
    invariants::hold(world).await;
}

/// A second customer of the shop that [`stocked`] opened.
pub(crate) async fn another(world: &World, token: &str) -> (String, String, Session) {
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    card(world, &admin, &customer, token).await;
    (customer, wallet, admin)
}

async fn rules_need_prepayment_and_a_card(world: &World) {
    let (customer, wallet) = world.usual().await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    assert_eq!(
        reason(&set(&admin, &wallet, threshold(50, 40)).await.unwrap_err()),
        "FEATURE_DISABLED"
    );
    shop::open(&world.someone("OWNER", None), "acme").await.unwrap();
    assert_eq!(
        reason(&set(&admin, &wallet, threshold(50, 40)).await.unwrap_err()),
        "COLLECTION_METHOD_REQUIRED"
    );
    card(world, &admin, &customer, "tok_visa").await;
    let low = AutoRecharge {
        threshold_recharge: amount("USD", 50, 0).map(ThresholdRecharge::ThresholdUpTo),
        ..threshold(50, 40)
    };
    assert_eq!(reason(&set(&admin, &wallet, low).await.unwrap_err()), "FIELD_OUT_OF_RANGE");
    let half = AutoRecharge { threshold_recharge: None, ..threshold(50, 40) };
    assert_eq!(reason(&set(&admin, &wallet, half).await.unwrap_err()), "FIELD_REQUIRED");
    let set = set(&admin, &wallet, threshold(50, 40)).await.unwrap();
    assert_eq!(set.state(), State::Watching);
}

/// A hold keeps a fee from being paid; when it is released, what is owed is paid at once and the
/// expiry takes only what is left.
async fn released_credit_pays_what_is_owed(world: &World) {
    use payterms_proto::wallet::v1::{AuthorizeHoldRequest, ListLotsRequest, VoidHoldRequest};
    let (_, wallet, _) = stocked(world, "tok_visa").await;
    let service = world.someone("SERVICE", None);
    let authorize = AuthorizeHoldRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 100, 0),
        ..Default::default()
    };
    let hold = service.holds().authorize_hold(authorize).await.unwrap().into_inner().hold.unwrap();
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 30, 0),
        description: "Fee".into(),
        unlisted: false,
    };
    service.postings().post_fee(fee).await.unwrap();
    service
        .holds()
        .void_hold(VoidHoldRequest { request_id: request_id(), name: hold.name })
        .await
        .unwrap();
    let list = ListLotsRequest { parent: wallet, ..Default::default() };
    let lots = service.lots().list_lots(list).await.unwrap().into_inner().lots;
    assert_eq!(lots[0].remaining, amount("USD", 70, 0));
    invariants::hold(world).await;
}

/// What the month's end asked for and a card declined is bought by the retry.
async fn a_declined_month_end_is_not_lost(world: &World) {
    let (customer, wallet, admin) = stocked(world, "tok_declined").await;
    set(
        &admin,
        &wallet,
        AutoRecharge { month_end_amount: amount("USD", 30, 0), ..AutoRecharge::default() },
    )
    .await
    .unwrap();
    advance(world, START + 30 * DAY).await;
    assert_eq!(read(&admin, &wallet).await.state(), State::Failed);
    let good = card(world, &admin, &customer, "tok_visa").await;
    let point = payterms_proto::wallet::v1::SetCollectionMethodRequest {
        request_id: request_id(),
        name: good,
        ..Default::default()
    };
    admin.methods().set_collection_method(point).await.unwrap();
    advance(world, START + 30 * DAY).await;
    let states: Vec<_> = recharges(&admin, &wallet)
        .await
        .iter()
        .map(|top_up| top_up.state().as_str_name().to_owned())
        .collect();
    assert_eq!(states, ["STATE_SUCCEEDED", "STATE_FAILED"]);
}

/// Threshold 100, amount 20, balance 5: one charge of 100.00; with a ceiling of 60.00, one of 60.00
/// and a stop.
async fn one_trigger_makes_one_charge(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 95, 0)))
        .await
        .unwrap();
    set(&admin, &wallet, threshold(100, 20)).await.unwrap();
    advance(world, START + 60).await;
    let amounts = async |wallet: &str, admin: &Session| {
        recharges(admin, wallet).await.into_iter().map(|top_up| top_up.amount).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&wallet, &admin).await, [amount("USD", 100, 0)]);
    let (_, other, buyer) = another(world, "tok_visa").await;
    set(
        &buyer,
        &other,
        AutoRecharge { monthly_ceiling: amount("USD", 60, 0), ..threshold(100, 20) },
    )
    .await
    .unwrap();
    advance(world, START + 120).await;
    assert_eq!(amounts(&other, &buyer).await, [amount("USD", 60, 0)]);
    assert_eq!(read(&buyer, &other).await.failure_reason, "CEILING");
    let owner = world.someone("OWNER", None);
    let stopped =
        text(&owner, &mails_of(&owner, MailKind::RechargeFailed, 1).await.remove(0)).await;
    assert!(
        stopped.contains("The next charge would have passed the monthly limit"),
        "60.00 were bought: {stopped}"
    );
    invariants::hold(world).await;
}

/// A ladder that began on 26 January does not count in February.
async fn a_month_has_a_ladder_of_its_own(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_declined").await;
    let late = START + 26 * DAY;
    advance(world, late).await;
    set(&admin, &wallet, threshold(150, 60)).await.unwrap();
    for (days, attempts) in [(0, 1), (1, 2), (3, 3), (5, 1), (6, 2), (8, 3)] {
        advance(world, late + days * DAY + 60).await;
        assert_eq!(read(&admin, &wallet).await.failed_attempt_count, attempts, "day {days}");
    }
    invariants::hold(world).await;
}
