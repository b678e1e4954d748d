//! Auto-recharge waits while a charge is disputed, and until the notice of a lost one.

use crate::{
    chargebacks::{charges, take_back},
    clocks::{self, advance, start},
    collections::{DAY, START},
    disputes::{all_holds, decide, disputed},
    disputes_won::bought,
    mails::{mails_of, text},
    recharges,
    rig::until,
    top_ups::{buy, card},
    wallets::debit,
};
use payterms_proto::{
    invoicing::v1::MailKind,
    wallet::v1::{
        AutoRecharge, GetAutoRechargeRequest, ListTopUpsRequest, TopUp,
        auto_recharge::ThresholdRecharge, dispute, top_up,
    },
};
use payterms_suite::{client::amount, shop as shops};
use payterms_testkit::{World, on_both};

on_both!(nothing_is_recharged_before_the_notice, a_won_dispute_ends_the_wait_of_auto_recharge);

async fn nothing_is_recharged_before_the_notice(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    shops::open(&owner, "acme").await.unwrap();
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    card(world, &admin, &customer, "tok_mastercard").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 60, 0))).await.unwrap();
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    crate::recharges::set(&admin, &wallet, rules).await.unwrap();
    take_back(&simulator, &charges(&simulator).await[0]).await;
    disputed(&owner, dispute::State::Open).await;
    let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
    let paused = admin
        .recharges()
        .get_auto_recharge(get)
        .await
        .unwrap()
        .into_inner()
        .auto_recharge
        .unwrap()
        .paused_until_time;
    // It is 1 January in Sydney; the second day after it is the 3rd.
    let until_then = START + 2 * DAY - 11 * 3_600;
    assert_eq!(paused.map(|at| at.seconds), Some(until_then));
    let words = text(&owner, &mails_of(&owner, MailKind::DisputeOpened, 1).await.remove(0)).await;
    assert!(
        words.contains("before 3 January 2026") && words.contains("card ending in 4444"),
        "{words}"
    );
    let top_ups = async || {
        let list = ListTopUpsRequest { parent: wallet.clone(), ..Default::default() };
        admin.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups
    };
    advance(world, until_then - 1).await;
    assert_eq!(top_ups().await.len(), 1, "another card is not charged yet");
    advance(world, until_then).await;
    let bought = top_ups().await;
    assert_eq!((bought.len(), bought[0].source()), (2, top_up::Source::AutoRecharge));
    all_holds(world).await;
}

/// While a charge is disputed the rules wait (docs/domain/wallet.md#recharge-pause). Won, they buy
/// as soon as they require credit, and not first when the wait would have ended.
async fn a_won_dispute_ends_the_wait_of_auto_recharge(world: &World) {
    world.tenant("acme").await;
    clocks::start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    shops::open(&owner, "acme").await.unwrap();
    card(world, &admin, &customer, "tok_visa").await;
    bought(&admin, &wallet, "", 60).await;
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    recharges::set(&admin, &wallet, rules).await.unwrap();
    let simulator = world.suite.simulator.clone();
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    disputed(&owner, dispute::State::Open).await;
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 20, 0)))
        .await
        .unwrap();
    advance(world, clocks::START + 60).await;
    let read = async || {
        let list = ListTopUpsRequest { parent: wallet.clone(), ..Default::default() };
        Ok(admin.top_ups().list_top_ups(list).await?.into_inner().top_ups)
    };
    until(read, |all: &Vec<TopUp>| {
        all.iter().filter(|top_up| top_up.state() == top_up::State::Succeeded).count() == 2
    })
    .await;
    all_holds(world).await;
}
