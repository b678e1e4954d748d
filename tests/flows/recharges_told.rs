//! What is said of auto-recharge: all that is wrong with rules at once, a month's ceiling once, and
//! no wait that is over.

use crate::{
    chargebacks::take_back,
    clocks::advance,
    collections::{DAY, START},
    disputes::disputed,
    disputes_of_parts::charge_of,
    invariants,
    mails::mails_of,
    recharges::{set, stocked},
    top_ups::{buy, card},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::MailKind,
    wallet::v1::{
        AutoRecharge, GetAutoRechargeRequest,
        auto_recharge::{State, ThresholdRecharge},
        dispute,
    },
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{World, on_both, violations};

on_both!(
    a_target_below_its_threshold_hides_no_other_reason,
    a_months_ceiling_is_mailed_once,
    a_wait_that_is_over_is_not_shown,
);

fn rules(
    below: i64,
    then: fn(payterms_proto::google::r#type::Money) -> ThresholdRecharge,
    figure: i64,
    ceiling: i64,
) -> AutoRecharge {
    AutoRecharge {
        threshold: amount("USD", below, 0),
        threshold_recharge: amount("USD", figure, 0).map(then),
        monthly_ceiling: amount("USD", ceiling, 0),
        ..AutoRecharge::default()
    }
}

async fn now(admin: &Session, wallet: &str) -> AutoRecharge {
    let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
    admin.recharges().get_auto_recharge(get).await.unwrap().into_inner().auto_recharge.unwrap()
}

async fn a_target_below_its_threshold_hides_no_other_reason(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    let refused = set(&admin, &wallet, rules(60, ThresholdRecharge::ThresholdUpTo, 50, 19))
        .await
        .unwrap_err();
    let texts = violations(&refused);
    assert!(
        texts.len() == 3 && texts.iter().any(|text| text.contains("threshold_up_to")),
        "the target, its charge and the least one: {texts:?}"
    );
    set(&admin, &wallet, rules(50, ThresholdRecharge::ThresholdUpTo, 60, 60)).await.unwrap();
    invariants::hold(world).await;
}

/// The ceiling leaves nothing; credit that is bought by hand does not suffice, and changes nothing
/// of that.
async fn a_months_ceiling_is_mailed_once(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_visa").await;
    let owner = world.someone("OWNER", None);
    let service = world.someone("SERVICE", None);
    set(&admin, &wallet, rules(90, ThresholdRecharge::ThresholdAmount, 20, 20)).await.unwrap();
    service.postings().post_debit(debit(&wallet, amount("USD", 20, 0))).await.unwrap();
    advance(world, START + DAY).await;
    service.postings().post_debit(debit(&wallet, amount("USD", 80, 0))).await.unwrap();
    advance(world, START + 2 * DAY).await;
    assert_eq!(now(&admin, &wallet).await.failure_reason, "CEILING");
    mails_of(&owner, MailKind::RechargeFailed, 1).await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 25, 0))).await.unwrap();
    advance(world, START + 3 * DAY).await;
    let stopped = now(&admin, &wallet).await;
    assert_eq!(
        (stopped.state(), stopped.failure_reason.as_str()),
        (State::Failed, "CEILING"),
        "it stays stopped"
    );
    mails_of(&owner, MailKind::RechargeFailed, 1).await;
    // In the next month it buys, and its ceiling is told again.
    advance(world, START + 32 * DAY).await;
    mails_of(&owner, MailKind::RechargeFailed, 2).await;
    invariants::hold(world).await;
}

async fn a_wait_that_is_over_is_not_shown(world: &World) {
    let (customer, wallet, admin) = stocked(world, "tok_visa").await;
    card(world, &admin, &customer, "tok_mastercard").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 60, 0))).await.unwrap();
    set(&admin, &wallet, rules(20, ThresholdRecharge::ThresholdAmount, 20, 200)).await.unwrap();
    take_back(&world.suite.simulator, &charge_of(&world.suite.simulator, "60").await).await;
    disputed(&admin, dispute::State::Open).await;
    let until = START + 2 * DAY - 11 * 3_600;
    assert_eq!(now(&admin, &wallet).await.paused_until_time.map(|at| at.seconds), Some(until));
    advance(world, until).await;
    assert_eq!(now(&admin, &wallet).await.paused_until_time, None);
    invariants::hold(world).await;
}
