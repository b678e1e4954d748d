//! What mails say of disputes: of an instalment its plan and its day, of what waits for a decision
//! that it waits, and no two of one instant contradict each other.

use crate::{
    chargebacks::{charges, methods, take_back},
    clocks::{advance, start},
    collections::{DAY, START, desk},
    disputes::{all_holds, decide, disputed, list, pay_by, until_invoice},
    disputes_of_parts::charge_of,
    invoices::{draft, issued, line},
    mails::{mails, mails_of, text},
    plans,
    rig::until,
    top_ups::{buy, card},
};
use payterms_proto::{
    invoicing::v1::{ExplainInvoiceRequest, MailKind, invoice::State},
    plans::v1::plan::State as PlanState,
    wallet::v1::{
        AutoRecharge, GetAutoRechargeRequest, LoseDisputeRequest,
        auto_recharge::{State as RechargeState, ThresholdRecharge},
        dispute,
    },
};
use payterms_suite::{
    client::{amount, request_id},
    shop as shops,
};
use payterms_testkit::{World, on_both};

on_both!(
    mails_of_a_disputed_instalment_say_its_plan_and_its_day,
    a_recharge_that_waits_for_a_dispute_is_not_mailed_as_failed,
    what_is_lost_by_hand_says_what_another_card_pays,
    an_explanation_after_a_won_dispute_is_true_of_its_plan,
);

async fn newest(owner: &payterms_suite::Session, kind: MailKind, count: usize) -> String {
    text(owner, &mails_of(owner, kind, count).await.remove(0)).await
}

/// 33.34 of 100.00 were collected on 31 January and are disputed; later all is paid, and the last
/// instalment is disputed.
async fn mails_of_a_disputed_instalment_say_its_plan_and_its_day(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let simulator = world.suite.simulator.clone();
    advance(world, plans::MIDNIGHT + 31 * DAY).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| !invoice.disputed_by.is_empty()).await;
    let of = format!("Of invoice {}, ", desk.invoice.number);
    let opened = newest(&desk.owner, MailKind::DisputeOpened, 1).await;
    assert!(
        opened.contains(&format!("{of}33.34\u{a0}USD is open again, in its payment plan.\n")),
        "{opened}"
    );
    let report = newest(&desk.owner, MailKind::DisputeReported, 1).await;
    // While it is open nobody knows the day of its next instalment.
    let said =
        format!("{of}33.34\u{a0}USD is open again, in its payment plan.\nPlan: {}", plan.name);
    assert!(report.contains(&said), "{report}");
    plans::knows(&desk.admin, &plan.name, &plans::usd(100, 0)).await;
    decide(&simulator, &charge, "won").await;
    disputed(&desk.owner, dispute::State::Won).await;
    let won = newest(&desk.owner, MailKind::DisputeWon, 1).await;
    let left = "66.66\u{a0}USD is left to pay, in its payment plan: the next instalment is 33.33\u{a0}USD, due on 28 February 2026.";
    assert!(won.contains(left), "{won}");
    plans::knows(&desk.admin, &plan.name, &plans::usd(66, 66)).await;
    advance(world, plans::MIDNIGHT + 100 * DAY).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    until(
        async || Ok(plans::plan(&desk.admin, &plan.name).await),
        |plan| plan.state() == PlanState::Completed,
    )
    .await;
    // Who reads only one of the two mails is told by either that nothing is collected or late.
    let last = charges(&simulator).await.into_iter().find(|text| *text != charge).unwrap();
    take_back(&simulator, &last).await;
    until(
        async || Ok(plans::plan(&desk.admin, &plan.name).await),
        |plan| plan.state() == PlanState::Active,
    )
    .await;
    let reopened = newest(&desk.owner, MailKind::PlanReopened, 1).await;
    assert!(reopened.contains("is disputed. Your payment plan, which was paid, is open again: 33.33\u{a0}USD are left."), "{reopened}");
    for words in [reopened, newest(&desk.owner, MailKind::DisputeOpened, 2).await] {
        assert!(
            words.contains("nothing of that is collected, reminded or late")
                && !words.contains("If you think"),
            "{words}"
        );
    }
    all_holds(world).await;
}

/// Two purchases by the only card are disputed. Nothing is charged until that is decided, which the
/// mails of the disputes say.
async fn a_recharge_that_waits_for_a_dispute_is_not_mailed_as_failed(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    shops::open(&owner, "acme").await.unwrap();
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    for units in [60, 30] {
        admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", units, 0))).await.unwrap();
    }
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    crate::recharges::set(&admin, &wallet, rules).await.unwrap();
    let (sixty, thirty) = (charge_of(&simulator, "60").await, charge_of(&simulator, "30").await);
    for charge in [&sixty, &thirty] {
        take_back(&simulator, charge).await;
    }
    for words in mails_of(&owner, MailKind::DisputeOpened, 2).await {
        let words = text(&owner, &words).await;
        assert!(
            words.contains("Until it is decided, nothing is charged automatically")
                && !words.contains("recharged"),
            "{words}"
        );
    }
    advance(world, START + 4 * DAY).await;
    let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
    let now =
        admin.recharges().get_auto_recharge(get).await.unwrap().into_inner().auto_recharge.unwrap();
    assert_eq!(
        (now.state(), now.failure_reason.as_str()),
        (RechargeState::Failed, "COLLECTION_METHOD_REQUIRED")
    );
    assert!(
        mails(&owner, MailKind::RechargeFailed).await.is_empty(),
        "the mails of the disputes have said it"
    );
    decide(&simulator, &sixty, "won").await;
    let won = newest(&owner, MailKind::DisputeWon, 1).await;
    assert!(
        won.contains(
            "another payment by your card ending in 4242 is disputed. If that payment stands too"
        ),
        "{won}"
    );
    decide(&simulator, &thirty, "lost").await;
    let lost = newest(&owner, MailKind::DisputeLost, 1).await;
    assert!(lost.contains("not charged automatically any more, and no other saved payment method can be. You can save one."), "{lost}");
    assert!(mails(&owner, MailKind::RechargeFailed).await.is_empty());
    all_holds(world).await;
}

/// Two invoices were paid by the first of two cards, one of which is collected by itself. People
/// record that both disputes are lost.
async fn what_is_lost_by_hand_says_what_another_card_pays(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    let by_hand = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Setup", amount("USD", 60, 0))]),
    )
    .await;
    for (invoice, units, said) in [
        (
            &desk.invoice,
            "100",
            [
                "It is collected on 31 January 2026.",
                "What is charged automatically is charged to your card ending in 4444. Your card ending in 4242 is not",
            ],
        ),
        (
            &by_hand,
            "60",
            [
                "Please pay it by 31 January 2026.",
                "Nothing of that is taken by itself; what else is charged automatically is charged to your card ending in 4444, and no more to your card ending in 4242.",
            ],
        ),
    ] {
        pay_by(&desk.admin, &desk.customer, invoice, &visa).await;
        until_invoice(&desk.owner, invoice, |invoice| invoice.state() == State::Paid).await;
        take_back(&world.suite.simulator, &charge_of(&world.suite.simulator, units).await).await;
        until_invoice(&desk.owner, invoice, |invoice| invoice.block.is_some()).await;
        let open = list(&desk.owner, &desk.customer, "state = OPEN").await.remove(0);
        let lose = LoseDisputeRequest {
            request_id: request_id(),
            name: open.name,
            explanation: "We sent no proof.".into(),
            ..Default::default()
        };
        desk.owner.disputes().lose_dispute(lose).await.unwrap();
        until_invoice(&desk.owner, invoice, |invoice| invoice.block.is_none()).await;
        let lost = mails_of(&desk.owner, MailKind::DisputeLost, if units == "100" { 1 } else { 2 })
            .await
            .remove(0);
        let words = text(&desk.owner, &lost).await;
        assert!(
            said.iter().all(|part| words.contains(part))
                && !words.contains("no other saved payment method"),
            "{words}"
        );
        let reports =
            mails_of(&desk.owner, MailKind::DisputeReported, if units == "100" { 2 } else { 4 })
                .await
                .remove(0);
        let words = text(&desk.owner, &reports).await;
        assert!(
            words.contains("A person of yours recorded it, with the note “We sent no proof.”."),
            "{words}"
        );
    }
    // The provider says the same later.
    for units in ["100", "60"] {
        decide(&world.suite.simulator, &charge_of(&world.suite.simulator, units).await, "lost")
            .await;
    }
    let all = async || Ok(list(&desk.owner, &desk.customer, "").await);
    until(all, |found| {
        found.iter().all(|dispute| dispute.provider_outcome() == dispute::State::Lost)
    })
    .await;
    all_holds(world).await;
}

/// The first instalment was collected, is disputed and won: at once what is explained is true of
/// what is open now.
async fn an_explanation_after_a_won_dispute_is_true_of_its_plan(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let simulator = world.suite.simulator.clone();
    advance(world, plans::MIDNIGHT + 31 * DAY).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    plans::knows(&desk.admin, &plan.name, &plans::usd(100, 0)).await;
    decide(&simulator, &charge, "won").await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.disputed_by.is_empty()).await;
    let explain = ExplainInvoiceRequest { name: desk.invoice.name.clone() };
    let answer = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    let next = answer.next.unwrap_or_default().sentence;
    assert_eq!(
        next,
        "The payment plan's instalment of 33.33 USD is collected from the customer's collection method on 2026-02-28.",
        "{:?}",
        answer.facts
    );
    assert!(
        answer
            .facts
            .iter()
            .all(|fact| !fact.sentence.contains("33.34") && !fact.sentence.contains("ispute")),
        "{:?}",
        answer.facts
    );
    all_holds(world).await;
}
