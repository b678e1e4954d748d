//! The same request many times at once: one effect, and every answer is that effect's, byte for
//! byte.

use crate::{
    invariants,
    invoices::read,
    payments::{Till, by, credit, till},
    top_ups::card,
};
use futures::future::LocalBoxFuture;
use payterms_proto::{
    common::v1::ResealValuesRequest,
    invoicing::v1::{ApplyCreditRequest, InvoiceToPay, invoice::State},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{Database, World, crowd::writes, on_both};
use prost::Message;
use std::collections::BTreeSet;
use tonic::{Response, Status};

on_both!(one_payment_is_made_of_many_equal_requests, credit_is_applied_once_by_many_equal_requests,);

const AT_ONCE: usize = 16;

/// Sends the same call many times at once; all answers must be equal, and one alone is not a
/// replay.
async fn at_once<
    M: Message + Default + 'static,
    F: Future<Output = Result<Response<M>, Status>> + Send + 'static,
>(
    call: impl Fn() -> F,
) {
    let calls: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(call())).collect();
    let answers = futures::future::join_all(calls).await.into_iter().map(Result::unwrap);
    let answers: Vec<_> = answers
        .map(|answer| answer.map_err(|status| format!("{status:?}")))
        .collect::<Result<_, _>>()
        .unwrap();
    let replayed = answers
        .iter()
        .filter(|answer| answer.metadata().contains_key("idempotent-replayed"))
        .count();
    let bytes: Vec<_> = answers.iter().map(|answer| answer.get_ref().encode_to_vec()).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    assert_eq!(replayed, AT_ONCE - 1);
}

async fn one_payment_is_made_of_many_equal_requests(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let request = till.request(vec![by("", None), credit(amount("USD", 30, 0))]);
    let admin = till.admin.clone();
    at_once(move || {
        let (admin, request) = (admin.clone(), request.clone());
        async move { admin.payments().create_payment(request).await }
    })
    .await;
    ended(world, &till).await;
}

async fn credit_is_applied_once_by_many_equal_requests(world: &World) {
    let till = till(world, 100).await;
    let request = ApplyCreditRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: till.invoice.name.clone(), amount: None }],
        ..ApplyCreditRequest::default()
    };
    let staff = world.someone("STAFF", None);
    at_once(move || {
        let (staff, request) = (staff.clone(), request.clone());
        async move { staff.payments().apply_credit(request).await }
    })
    .await;
    ended(world, &till).await;
}

async fn ended(world: &World, till: &Till) {
    let invoice = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(invoice.state(), State::Paid);
    invariants::hold(world).await;
}

/// A scenario that was written for one caller.
type Scenario = (&'static str, for<'a> fn(&'a World) -> LocalBoxFuture<'a, ()>);

macro_rules! scenarios {
    ($($module:ident::$scenario:ident),+ $(,)?) => {
        [$((stringify!($module::$scenario), (|world| Box::pin(crate::$module::$scenario(world))) as for<'a> fn(&'a World) -> LocalBoxFuture<'a, ()>)),+]
    };
}

/// Plays a scenario with a crowd in its caller's place.
async fn crowded(on: (Database, bool), (name, play): Scenario, seen: &mut BTreeSet<String>) {
    let Some(world) = World::crowded(on.0, on.1).await else { return };
    eprintln!("{name} ...");
    play(&world).await;
    seen.extend(world.crowds_saw().into_keys());
    world.end().await;
}

/// Played on both databases, on PostgreSQL over two replicas.
const SCENARIOS: [Scenario; 61] = scenarios!(
    stripe::another_account_is_refused_once_a_card_is_saved,
    reconciliations::every_difference_is_named,
    top_up_refunds::a_rule_that_would_buy_it_again_is_named,
    webhooks_endpoints::an_endpoint_is_kept_by_its_tenant,
    webhooks_endpoints::secrets_change_without_a_gap,
    webhooks_endpoints::an_endpoint_is_enabled_and_tested,
    webhooks_deliveries::deliveries_are_listed_and_sent_again,
    limits::a_tenant_has_limits_of_its_own,
    api_keys::nobody_gives_a_key_more_than_they_have,
    versions::details_make_a_new_version_of_a_receipt_too,
    holds::capture_hold_in_parts_and_release_the_rest,
    collections_blocked::an_owner_blocks_all_or_none_and_alone_lifts,
    collections::a_decline_climbs_the_ladder_and_is_retried_by_hand,
    transfers::nothing_else_pays_it_and_nothing_takes_it_back,
    policies::a_policy_is_published_once_its_cases_pass_and_never_changes,
    applications_decided::nobody_decides_their_own_and_one_person_at_a_time,
    applications::who_may_apply_is_told_with_every_reason,
    purchases::a_suspended_or_lowered_line_captures_what_stands,
    lines_closed::deactivating_needs_another_method,
    lines_pay_later::members_pay_later_only_where_the_line_is_the_default,
    lines_closed::an_offer_expires_or_is_declined_and_a_line_closes_once_nothing_is_owed,
    lines_edges::what_is_over_stays_over,
    lines_edges::a_late_driver_changes_nothing,
    wallets::a_grant_can_be_voided_once,
    revocations::two_people_withhold_credit_and_a_person_gives_it_back,
    reversals::a_debit_goes_back_to_its_lots_in_parts_the_last_first,
    reversals_of_months::a_metered_use_is_taken_off_its_open_month,
    mails::templates_are_the_tenants_strict_and_sandboxed,
    plans_proposals::every_reason_why_not_comes_at_once,
    plans_answers::a_counter_offer_is_declined_and_accepted,
    clocks_runs::the_work_of_a_suspended_tenant_waits,
    invoices::a_draft_is_changed_issued_and_then_stands,
    discounts::discounts_become_lines_before_tax_when_a_draft_is_issued,
    tax_numbers::a_person_verifies_a_number_and_only_that_takes_tax_off,
    settlements::steps_outlive_their_stored_answers,
    fees::a_recurring_fee_is_taken_in_advance_each_month_until_cancelled,
    postpaid_agreements::a_termination_invoices_the_rest_of_the_commitment,
    approvals::above_the_limit_a_second_person_decides,
    approvals::a_refund_above_the_limit_is_proposed_and_given_back,
    metered::a_permanent_failure_suspends_and_payment_restores,
    payments::thirty_by_credit_and_seventy_by_card,
    operations::a_dead_letter_holds_only_its_own_aggregate_up,
    operations::a_dead_letter_is_passed_over,
    lines::past_due_suspends_and_payment_restores,
    purchases::each_verb_answers_again_and_acts_once,
    announced::it_is_cancelled_or_lapses_and_nothing_is_collected_meanwhile,
    refunds::an_unapplied_payment_is_credit_and_the_invoice_is_open,
    plans_breaches::what_is_declined_goes_through_grace_to_breach_and_back,
    holds::void_hold_frees_what_it_reserved,
    chargebacks_refunded::a_refund_that_comes_after_it_gives_nothing_back,
    bank_decisions::a_line_is_split_credited_or_dismissed,
    bank_duplicates::what_may_be_a_duplicate_waits_for_a_person,
    bank_returns::a_return_that_fits_no_line_or_several_waits_for_a_person,
    advised::an_advised_limit_is_granted_in_one_step,
    top_up_refunds::what_is_left_goes_back_in_parts_with_its_tax,
    transfer_refunds::bought_credit_goes_back_in_parts_with_its_tax,
    transfer_refunds_on_account::money_on_account_goes_to_the_account_that_it_came_from_alone,
    transfer_refunds_returned::an_account_that_the_bank_did_not_name_takes_two_people,
    disputes_decided::people_decide_where_the_provider_does_not_tell,
    at_once_of_peers::the_steps_of_peers,
    at_once::values_are_sealed_again,
);

async fn stories(on: (Database, bool), seen: &mut BTreeSet<String>) {
    let Some(world) = World::crowded(on.0, on.1).await else { return };
    let world = world.play_the_stories().await;
    seen.extend(world.crowds_saw().into_keys());
    world.end().await;
}

/// Plays the scenarios, and finds no write that none of them sent.
async fn every_write_is_one_effect(on: (Database, bool)) {
    let mut seen = BTreeSet::new();
    Box::pin(stories(on, &mut seen)).await;
    for scenario in SCENARIOS {
        Box::pin(crowded(on, scenario, &mut seen)).await;
    }
    let left: Vec<_> = writes().into_iter().filter(|path| !seen.contains(path)).collect();
    // Without PostgreSQL nothing was played on it.
    assert!(left.is_empty() || seen.is_empty(), "no scenario sends {left:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_is_one_effect_on_sqlite() {
    every_write_is_one_effect((Database::Sqlite, false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_is_one_effect_over_two_replicas() {
    every_write_is_one_effect((Database::Postgres, true)).await;
}

/// What the first key has sealed is passed over.
async fn values_are_sealed_again(world: &World) {
    world.tenant("acme").await;
    let reseal = ResealValuesRequest {
        request_id: request_id(),
        parent: "tenants/acme".to_owned(),
        page_token: String::new(),
    };
    world.someone("OPERATOR", None).operations("invoicing").reseal_values(reseal).await.unwrap();
}
