//! What underwriting believes of bank data: money that goes round, deposits that bounce, loans.

use crate::{
    applications::{Desk, desk, known},
    applications_linked::linked,
    invariants,
    invariants_of_credit::credit_agrees,
    lines::usd,
};
use payterms_proto::credit::v1::{
    ApartRule, BackTestPolicyRequest, CreateProgrammeRequest, CreditApplication, Decision, Feature,
    GetCreditLineRequest, GetPolicyRequest, ListPoliciesRequest, Outcome, Programme,
    credit_application::State,
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, violations};

on_both!(
    a_circle_between_own_accounts_goes_to_a_person,
    deposits_that_bounce_are_no_inflow,
    loans_are_no_inflow,
    above_ten_thousand_a_person_decides_on_the_rest,
    both_versions_of_the_standard_policy_can_be_read_and_compared,
);

/// Inflow, limit, and the rules that matched.
pub(crate) fn decided(advice: &Decision) -> (String, Option<i64>, Vec<String>) {
    let matched =
        advice.rules.iter().filter(|rule| rule.matched).map(|rule| rule.code.clone()).collect();
    (
        known(advice, Feature::MonthlyInflow).unwrap_or_default(),
        advice.limit.as_ref().map(|limit| limit.units),
        matched,
    )
}

pub(crate) fn apart(advice: &Decision) -> Vec<(ApartRule, i32, i64, i64)> {
    let units = |money: &Option<payterms_proto::google::r#type::Money>| {
        money.as_ref().map_or(0, |money| money.units)
    };
    advice
        .set_apart
        .iter()
        .map(|set_apart| {
            (
                set_apart.rule(),
                set_apart.booking_count,
                units(&set_apart.inflow),
                units(&set_apart.outflow),
            )
        })
        .collect()
}

/// What the policy came to for an account of a test bank, and where the application stands.
pub(crate) async fn linked_to(
    world: &World,
    desk: &Desk,
    bank: &str,
) -> (CreditApplication, Decision) {
    let credit_application = linked(world, desk, bank).await;
    let shown = desk.submit(&credit_application.name).await.unwrap();
    let advice = desk.read(&desk.reviewer, &credit_application.name).await.advice.unwrap();
    (shown, advice)
}

async fn a_circle_between_own_accounts_goes_to_a_person(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let (shown, advice) = linked_to(world, &desk, "bank_circle").await;
    assert_eq!(shown.state(), State::InReview);
    assert_eq!(decided(&advice), ("10000".into(), Some(1_500), vec!["CIRCULAR_FLOW".into()]));
    assert_eq!(
        known(&advice, Feature::CircularFlow).as_deref(),
        Some("0.4615"),
        "60,000 of 130,000"
    );
    let [(ApartRule::OwnTransfer, count, inflow, outflow)] = apart(&advice)[..] else {
        panic!("{:?}", advice.set_apart)
    };
    assert_eq!(
        (i64::from(count) * 60_000, inflow),
        (inflow + outflow, outflow),
        "both sides of each"
    );
    assert_eq!(advice.reasons[0].code, "CIRCULAR_FLOW");
    invariants::hold(world).await;
}

async fn deposits_that_bounce_are_no_inflow(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let (shown, advice) = linked_to(world, &desk, "bank_bounces").await;
    assert_eq!(shown.state(), State::InReview);
    assert_eq!(decided(&advice), ("10000".into(), Some(1_500), vec!["RETURNED_DEPOSITS".into()]));
    let returned = [Feature::ReturnedPayments, Feature::ReturnedOwnPayments]
        .map(|feature| known(&advice, feature).unwrap());
    assert_eq!(returned, ["2", "0"]);
    assert_eq!(apart(&advice), [(ApartRule::ReturnedDeposit, 4, 400_000, 400_000)]);
}

async fn loans_are_no_inflow(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let (shown, advice) = linked_to(world, &desk, "bank_loans").await;
    assert_eq!((shown.state(), shown.limit), (State::Approved, usd(1_500)));
    assert!(shown.advice.unwrap().set_apart.is_empty(), "what was set apart is the tenant's");
    assert_eq!(decided(&advice), ("10000".into(), Some(1_500), Vec::new()));
    let [(ApartRule::LoanPaidOut, _, inflow, 0)] = apart(&advice)[..] else {
        panic!("{:?}", advice.set_apart)
    };
    assert!(inflow > 200_000);
}

async fn above_ten_thousand_a_person_decides_on_the_rest(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let (shown, advice) = linked_to(world, &desk, "bank_large").await;
    assert_eq!((shown.state(), shown.limit), (State::Approved, usd(10_000)));
    assert_eq!(
        (advice.outcome(), advice.limit.clone(), advice.advised_limit.clone()),
        (Outcome::Approve, usd(10_000), usd(22_500))
    );
    let line = GetCreditLineRequest { name: shown.credit_line };
    assert_eq!(
        desk.admin
            .lines()
            .get_credit_line(line)
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
            .limit,
        usd(10_000)
    );
    let large =
        Programme { title: "Larger".into(), limit_cap: usd(50_001), ..Programme::default() };
    let create = CreateProgrammeRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        programme: Some(large),
        ..Default::default()
    };
    let refused = desk.owner.programmes().create_programme(create).await.unwrap_err();
    assert!(violations(&refused)[0].starts_with("programme.limit_cap"), "{refused:?}");
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn both_versions_of_the_standard_policy_can_be_read_and_compared(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let list =
        ListPoliciesRequest { parent: "tenants/acme".into(), ..ListPoliciesRequest::default() };
    let policies = desk.owner.policies().list_policies(list).await.unwrap().into_inner().policies;
    let version = |number: i64| {
        policies
            .iter()
            .find(|policy| policy.title == format!("Standard policy, version {number}"))
            .unwrap()
            .clone()
    };
    assert_eq!(version(2).name, desk.programme.policy, "new programmes decide by the newest");
    let first = GetPolicyRequest { name: version(1).name };
    let first = desk.owner.policies().get_policy(first).await.unwrap().into_inner().policy.unwrap();
    assert_eq!(
        (first.terms.clone().unwrap().offered_at_once, first.terms.unwrap().rules.len()),
        (None, 8)
    );
    assert_eq!(version(2).terms.unwrap().offered_at_once, usd(10_000));
    linked_to(world, &desk, "bank_circle").await;
    let back = BackTestPolicyRequest { name: version(1).name };
    let tested = desk
        .owner
        .policies()
        .back_test_policy(back)
        .await
        .unwrap()
        .into_inner()
        .decisions
        .remove(0);
    assert_eq!(
        (tested.outcome(), tested.would_be()),
        (Outcome::Refer, Outcome::Approve),
        "version 1 does not see the circle"
    );
}
