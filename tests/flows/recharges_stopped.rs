//! What stops auto-recharge, the ceiling of a month or a card that will not succeed, and what ends
//! such a stop.

use crate::{
    clocks::advance,
    invariants,
    mails::mails_of,
    recharges::{DAY, FEBRUARY, START, another, read, recharges, set, stocked, threshold},
    top_ups::card,
    wallets::debit,
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::MailKind,
    wallet::v1::{AutoRecharge, SetCollectionMethodRequest, auto_recharge::State},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, conditions, on_both, reason, violations};

on_both!(
    what_cannot_succeed_is_not_tried_again,
    the_monthly_ceiling_stops_what_would_pass_it,
    another_collection_method_ends_a_final_stop,
    a_stop_ends_when_credit_is_bought_or_a_method_added,
    the_month_end_does_not_mail_a_stop_again,
);

async fn what_cannot_succeed_is_not_tried_again(world: &World) {
    for (token, shown) in [("tok_stolen", "stolen_card"), ("tok_authenticate", "REQUIRES_ACTION")] {
        let customer = if token == "tok_stolen" {
            stocked(world, token).await
        } else {
            another(world, token).await
        };
        let (_, wallet, admin) = customer;
        set(&admin, &wallet, threshold(200, 50)).await.unwrap();
        let now = if token == "tok_stolen" { START } else { START + 12 * DAY };
        advance(world, now + 10 * DAY).await;
        let failed = read(&admin, &wallet).await;
        assert_eq!(
            (failed.failure_reason.as_str(), failed.failed_attempt_count, failed.next_retry_time),
            (shown, 1, None)
        );
        assert_eq!(recharges(&admin, &wallet).await.len(), 1);
    }
}

/// What would pass the ceiling is not charged, and shows; the stop ends with the month, or with
/// other rules.
async fn the_monthly_ceiling_stops_what_would_pass_it(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    let low =
        |ceiling| AutoRecharge { monthly_ceiling: amount("USD", ceiling, 0), ..threshold(50, 20) };
    let refused =
        set(&admin, &wallet, AutoRecharge { month_end_amount: amount("USD", 30, 0), ..low(19) })
            .await
            .unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), violations(&refused).len()),
        ("FIELD_OUT_OF_RANGE", 3),
        "both figures and the least charge"
    );
    let in_euro = AutoRecharge {
        month_end_amount: amount("EUR", 30, 0),
        monthly_ceiling: amount("EUR", 60, 0),
        ..threshold(50, 20)
    };
    let refused = set(&admin, &wallet, in_euro).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), conditions(&refused).len()),
        ("CURRENCY_MISMATCH", 2),
        "each figure: {refused}"
    );
    let shown = set(&admin, &wallet, low(60)).await.unwrap();
    assert_eq!(
        (shown.ceiling_in_force, shown.ceiling_left),
        (amount("USD", 60, 0), amount("USD", 60, 0))
    );
    assert_eq!(
        (shown.largest_charge, shown.month),
        (amount("USD", 60, 0), Some(Date { year: 2026, month: 1, day: 1 }))
    );
    let service = world.someone("SERVICE", None);
    for (day, units) in [(1, 60), (2, 20), (3, 20), (4, 20)] {
        service.postings().post_debit(debit(&wallet, amount("USD", units, 0))).await.unwrap();
        advance(world, START + day * DAY).await;
    }
    assert_eq!(recharges(&admin, &wallet).await.len(), 3);
    let stopped = read(&admin, &wallet).await;
    assert_eq!((stopped.state(), stopped.failure_reason.as_str()), (State::Failed, "CEILING"));
    assert_eq!(stopped.next_retry_time.map(|at| at.seconds), Some(FEBRUARY));
    assert_eq!(
        (stopped.ceiling_left, stopped.largest_charge),
        (amount("USD", 0, 0), amount("USD", 60, 0))
    );
    set(&admin, &wallet, low(80)).await.unwrap();
    advance(world, START + 5 * DAY).await;
    assert_eq!(recharges(&admin, &wallet).await.len(), 4);
    service.postings().post_debit(debit(&wallet, amount("USD", 45, 0))).await.unwrap();
    advance(world, FEBRUARY - 1).await;
    assert_eq!(
        (recharges(&admin, &wallet).await.len(), read(&admin, &wallet).await.state()),
        (4, State::Failed)
    );
    advance(world, FEBRUARY).await;
    let now = read(&admin, &wallet).await;
    assert_eq!(
        (recharges(&admin, &wallet).await[0].amount.clone(), now.state()),
        (amount("USD", 40, 0), State::Watching),
        "15 to 50, twice 20"
    );
    invariants::hold(world).await;
}

async fn point_at(admin: &Session, method: &str) {
    let point = SetCollectionMethodRequest {
        request_id: request_id(),
        name: method.to_owned(),
        ..Default::default()
    };
    admin.methods().set_collection_method(point).await.unwrap();
}

/// A stolen card is not tried again by itself: another card beside it changes nothing until it is
/// the collection method.
async fn another_collection_method_ends_a_final_stop(world: &World) {
    let (customer, wallet, admin) = stocked(world, "tok_stolen").await;
    set(
        &admin,
        &wallet,
        AutoRecharge { month_end_amount: amount("USD", 30, 0), ..threshold(200, 50) },
    )
    .await
    .unwrap();
    advance(world, START + 60).await;
    assert_eq!(
        (
            read(&admin, &wallet).await.failure_reason.as_str(),
            recharges(&admin, &wallet).await.len()
        ),
        ("stolen_card", 1)
    );
    let good = card(world, &admin, &customer, "tok_visa").await;
    advance(world, START + 40 * DAY).await;
    assert_eq!(
        recharges(&admin, &wallet).await.len(),
        1,
        "neither another card, nor the month's end, nor a new month"
    );
    point_at(&admin, &good).await;
    advance(world, START + 40 * DAY + 60).await;
    let now = read(&admin, &wallet).await;
    let bought: Vec<_> =
        recharges(&admin, &wallet).await.into_iter().map(|top_up| top_up.amount).collect();
    assert_eq!((now.state(), now.failed_attempt_count), (State::Watching, 0));
    assert_eq!(
        bought,
        [30, 100, 100].map(|units| amount("USD", units, 0)),
        "January's end was not forgotten"
    );
    invariants::hold(world).await;
}

/// At the ceiling: credit that is bought by hand brings the wallet back, and its rules are watched
/// again.
async fn a_stop_ends_when_credit_is_bought_or_a_method_added(world: &World) {
    let (customer, wallet, admin) = stocked(world, "tok_visa").await;
    let rules = AutoRecharge { monthly_ceiling: amount("USD", 60, 0), ..threshold(150, 20) };
    set(&admin, &wallet, rules).await.unwrap();
    advance(world, START + 60).await;
    assert_eq!(read(&admin, &wallet).await.state(), State::Watching, "60.00 reach the threshold");
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 20, 0)))
        .await
        .unwrap();
    advance(world, START + 120).await;
    assert_eq!(read(&admin, &wallet).await.failure_reason, "CEILING");
    admin
        .top_ups()
        .create_top_up(crate::top_ups::buy(&wallet, "", amount("USD", 30, 0)))
        .await
        .unwrap();
    assert_eq!(read(&admin, &wallet).await.state(), State::Watching);
    // A card that is declined, and one that is saved beside it: the ladder begins again, with the
    // first card.
    let (other, second, buyer) = another(world, "tok_declined").await;
    set(&buyer, &second, threshold(50, 40)).await.unwrap();
    advance(world, START + 180).await;
    assert_eq!(read(&buyer, &second).await.failed_attempt_count, 1);
    card(world, &buyer, &other, "tok_visa").await;
    advance(world, START + 240).await;
    let again = read(&buyer, &second).await;
    assert_eq!((again.failed_attempt_count, recharges(&buyer, &second).await.len()), (1, 2));
    assert_ne!(customer, other);
    invariants::hold(world).await;
}

/// The month's last day only marks a wallet whose recharge has stopped before: nothing was tried,
/// so nothing is mailed.
async fn the_month_end_does_not_mail_a_stop_again(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_declined").await;
    let rules = AutoRecharge { month_end_amount: amount("USD", 30, 0), ..threshold(150, 60) };
    set(&admin, &wallet, rules).await.unwrap();
    // Sydney's 31 January begins at 13:00 UTC on the 30th.
    let last_day = START + 29 * DAY + 13 * 3_600;
    advance(world, last_day - 1).await;
    let (owner, stopped) = (world.someone("OWNER", None), read(&admin, &wallet).await);
    assert_eq!((stopped.state(), stopped.failed_attempt_count), (State::Failed, 5));
    let mails = mails_of(&owner, MailKind::RechargeFailed, 5).await;
    let tried = recharges(&admin, &wallet).await.len();
    advance(world, FEBRUARY - 1).await;
    assert_eq!(recharges(&admin, &wallet).await.len(), tried, "nothing is tried");
    assert_eq!(mails_of(&owner, MailKind::RechargeFailed, 5).await, mails, "and nothing is mailed");
    // The next month tries again, and says what came of it.
    advance(world, FEBRUARY).await;
    assert_eq!(recharges(&admin, &wallet).await.len(), tried + 1);
    mails_of(&owner, MailKind::RechargeFailed, 6).await;
    invariants::hold(world).await;
}
