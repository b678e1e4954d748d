//! What Stripe lists is compared with the ledger: every difference is named, and nothing else.

use crate::{
    invariants,
    kills_of_stripe::prepare,
    rig,
    stripe::{open, saved},
    top_up_refunds::refund,
    top_ups::buy,
};
use payterms_kernel::{Clock, SystemClock};
use payterms_proto::wallet::v1::{
    ListDisputesRequest, ListProviderDifferencesRequest, ListProviderReconciliationsRequest,
    ProviderDifference, ProviderReconciliation, ReconcileProviderRequest,
    SettleProviderDifferenceRequest, TopUp, dispute,
    provider_difference::{Kind, Record, State},
    provider_reconciliation::{self, Problem},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    World, on_both, reason,
    rig::{retry, until},
    stripe::{Card, Fault, StripeServer},
    violations,
};
use prost_types::Timestamp;
use sea_orm::{ConnectionTrait, Statement};
use std::path::Path;
use tonic::Status;

on_both!(every_difference_is_named, a_night_reconciles_what_came_after_the_last_one);

/// An instant some seconds from now.
fn second(shift: i64) -> Timestamp {
    Timestamp { seconds: SystemClock.now().timestamp() + shift, nanos: 0 }
}

pub(crate) fn last_hour() -> ReconcileProviderRequest {
    ReconcileProviderRequest {
        request_id: request_id(),
        parent: "tenants/acme".to_owned(),
        start_time: Some(second(-3_600)),
        end_time: None,
    }
}

pub(crate) async fn reconciled(
    owner: &Session,
    request: ReconcileProviderRequest,
) -> Result<ProviderReconciliation, Status> {
    Ok(owner
        .reconciliations()
        .reconcile_provider(request)
        .await?
        .into_inner()
        .provider_reconciliation
        .unwrap())
}

pub(crate) async fn differences(owner: &Session, state: State) -> Vec<ProviderDifference> {
    let list = ListProviderDifferencesRequest {
        parent: "tenants/acme".to_owned(),
        state: state.into(),
        ..Default::default()
    };
    let mut all = owner
        .reconciliations()
        .list_provider_differences(list)
        .await
        .unwrap()
        .into_inner()
        .provider_differences;
    all.sort_by_key(|own| (own.record, own.provider_id.clone()));
    all
}

async fn reconciliations(owner: &Session) -> Result<Vec<ProviderReconciliation>, Status> {
    let list = ListProviderReconciliationsRequest {
        parent: "tenants/acme".to_owned(),
        ..Default::default()
    };
    Ok(owner
        .reconciliations()
        .list_provider_reconciliations(list)
        .await?
        .into_inner()
        .provider_reconciliations)
}

/// What is apart, and how.
fn named(differences: &[ProviderDifference]) -> Vec<(Record, Kind, &str)> {
    differences.iter().map(|own| (own.record(), own.kind(), own.provider_id.as_str())).collect()
}

/// The charges, refunds and disputes that a reconciliation saw, and its differences.
pub(crate) fn counts(own: &ProviderReconciliation) -> [i32; 4] {
    assert_eq!(
        (own.state(), own.problem()),
        (provider_reconciliation::State::Completed, Problem::Unspecified),
        "{own:?}"
    );
    [own.charge_count, own.refund_count, own.dispute_count, own.difference_count]
}

pub(crate) async fn bought(admin: &Session, wallet: &str, units: i64) -> TopUp {
    admin
        .top_ups()
        .create_top_up(buy(wallet, "", amount("USD", units, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap()
}

async fn lost(owner: &Session) -> Result<usize, Status> {
    let list =
        ListDisputesRequest { parent: "tenants/acme/customers/-".to_owned(), ..Default::default() };
    let listed = owner.disputes().list_disputes(list).await?.into_inner().disputes;
    Ok(listed.iter().filter(|own| own.state() == dispute::State::Lost).count())
}

pub(crate) async fn every_difference_is_named(world: &World) {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    assert_eq!(reason(&reconciled(&owner, last_hour()).await.unwrap_err()), "STRIPE_NOT_CONNECTED");
    open(&owner).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    let top_up = bought(&admin, &wallet, 25).await;
    refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap();
    bought(&admin, &wallet, 30).await;
    let ids: Vec<_> = world
        .stripe
        .objects("payment_intent")
        .iter()
        .map(|own| own["id"].as_str().unwrap().to_owned())
        .collect();
    let [first, second_one] = ids.as_slice() else { panic!("{ids:?}") };
    let dispute = world.stripe.dispute(second_one, 3_000, "needs_response");
    assert_eq!(
        StripeServer::notify(world.suite.gateway, "acme", "charge.dispute.created", &dispute).await,
        204
    );
    invariants::hold(world).await;
    world.stripe.charge_elsewhere(first);
    let request = last_hour();
    let agreed = reconciled(&owner, request.clone()).await.unwrap();
    assert_eq!(counts(&agreed), [2, 1, 1, 0]);
    assert_eq!(reconciled(&owner, request).await.unwrap(), agreed, "one answer");
    assert_eq!(differences(&owner, State::Unspecified).await, []);

    world.stripe.refund_by_hand(first, 500);
    drop(world.stripe.decide_dispute(&dispute, "lost"));
    let unheard = world.stripe.charge_by_hand(first);
    let by_hand = world.stripe.objects("refund").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let disputed = dispute["id"].as_str().unwrap().to_owned();
    assert_eq!(counts(&reconciled(&owner, last_hour()).await.unwrap()), [3, 2, 1, 3]);
    let found = differences(&owner, State::Open).await;
    let of_charge = (Record::Charge, Kind::OnlyAtProvider, unheard.as_str());
    let of_refund = (Record::Refund, Kind::OnlyAtProvider, by_hand.as_str());
    let of_dispute = (Record::Dispute, Kind::OutcomeDiffers, disputed.as_str());
    assert_eq!(named(&found), [of_charge, of_refund, of_dispute]);
    assert!(
        !found[0].step.is_empty()
            && found.iter().all(|own| !own.advice.is_empty() && !own.provider_charge_id.is_empty()),
        "{found:?}"
    );
    assert_eq!(
        (found[0].provider_amount.clone(), found[0].ledger_amount.clone()),
        (amount("USD", 25, 0), None)
    );
    assert_eq!(
        (found[2].provider_outcome.as_str(), found[2].ledger_outcome.as_str()),
        ("LOST", "OPEN")
    );
    assert_eq!(
        found.iter().map(|own| own.settles_itself).collect::<Vec<_>>(),
        [false, false, true]
    );
    // Nobody told of the dispute's end: it is asked for because of the difference.
    until(async || lost(&owner).await, |lost| *lost == 1).await;

    world.stripe.forget(first);
    world.stripe.change_amount(second_one, 2_999);
    assert_eq!(counts(&reconciled(&owner, last_hour()).await.unwrap())[3], 4);
    let (open, gone) =
        (differences(&owner, State::Open).await, differences(&owner, State::Gone).await);
    let missing = (Record::Charge, Kind::OnlyInLedger, first.as_str());
    let other_amount = (Record::Charge, Kind::AmountDiffers, second_one.as_str());
    assert_eq!(
        (named(&open), named(&gone)),
        (vec![missing, other_amount, of_charge, of_refund], vec![of_dispute])
    );

    a_person_settles(&owner, &open[3], of_refund).await;
    periods_that_cannot_be_are_refused(&owner).await;
    world.stripe.fail("GET /v1/balance_transactions", Fault::Forbidden);
    let failed = reconciled(&owner, last_hour()).await.unwrap();
    assert_eq!(
        (failed.state(), failed.problem()),
        (provider_reconciliation::State::Failed, Problem::KeyRefused)
    );
    assert_eq!(
        differences(&owner, State::Open).await.len(),
        3,
        "what was not compared is as it was"
    );
    // What is looked up at Stripe one by one is what the list has not: of this it has nothing.
    for (fault, request) in [
        (Fault::TooMany, "GET /v1/balance_transactions"),
        (Fault::Breaks, "GET /v1/payouts"),
        (Fault::CutAfter, "GET /v1/balance_transactions"),
        (Fault::HalfAfter, "GET /v1/payment_intents"),
        (Fault::PageAfter, "GET /v1/balance_transactions"),
        (Fault::OtherVersion, "GET /v1/payouts"),
    ] {
        world.stripe.fail(request, fault);
        let request = last_hour();
        let patient = retry(async || reconciled(&owner, request.clone()).await).await;
        assert_eq!(
            (counts(&patient)[3], world.stripe.faults_left()),
            (4, 0),
            "{fault:?} is waited for"
        );
    }
}

/// A difference that a person has settled is no matter of anybody any more, once.
async fn a_person_settles(
    owner: &Session,
    difference: &ProviderDifference,
    shown: (Record, Kind, &str),
) {
    let settle = |name: &str| SettleProviderDifferenceRequest {
        request_id: request_id(),
        name: name.to_owned(),
        explanation: "Ann gave it back by phone.".to_owned(),
        ..Default::default()
    };
    let settled = owner
        .reconciliations()
        .settle_provider_difference(settle(&difference.name))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(settled.provider_difference.unwrap().state(), State::Settled);
    let again = owner
        .reconciliations()
        .settle_provider_difference(settle(&difference.name))
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "DIFFERENCE_STATE");
    assert_eq!(counts(&reconciled(owner, last_hour()).await.unwrap())[3], 4, "it is still there");
    assert_eq!(
        named(&differences(owner, State::Settled).await),
        [shown],
        "and not a person's matter any more"
    );
}

/// At most 31 days, none of them to come.
async fn periods_that_cannot_be_are_refused(owner: &Session) {
    for (request, field) in [
        (
            ReconcileProviderRequest { start_time: Some(second(-32 * 86_400)), ..last_hour() },
            "start_time",
        ),
        (ReconcileProviderRequest { end_time: Some(second(-7_200)), ..last_hour() }, "start_time"),
        (ReconcileProviderRequest { end_time: Some(second(600)), ..last_hour() }, "end_time"),
    ] {
        assert_eq!(
            violations(&reconciled(owner, request).await.unwrap_err()),
            [format!("{field}: TIME_OUT_OF_RANGE")]
        );
    }
}

/// Lets the night of the tenant fall now, five hours after it was connected.
async fn night_falls(data: &Path, postgres: Option<&str>) {
    let (conn, s) = invariants::rows_of("wallet", data, postgres).await;
    let past = SystemClock.now() - chrono::TimeDelta::hours(5);
    for update in [
        format!("UPDATE {s}wallet_settings SET stripe_connected_at = $1 WHERE tenant = 'acme'"),
        format!(
            "UPDATE {s}due SET due_at = $1 WHERE tenant = 'acme' AND job = 'reconcile_provider'"
        ),
    ] {
        let statement =
            Statement::from_sql_and_values(conn.get_database_backend(), &update, [past.into()]);
        assert_eq!(conn.execute_raw(statement).await.unwrap().rows_affected(), 1, "{update}");
    }
    conn.close().await.unwrap();
}

async fn a_night_reconciles_what_came_after_the_last_one(world: &World) {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    open(&owner).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    bought(&admin, &wallet, 25).await;
    assert_eq!(reconciliations(&owner).await.unwrap(), []);
    let night_falls = async || night_falls(world.folder.path(), world.postgres.as_deref()).await;
    night_falls().await;
    let is_done = |all: &Vec<ProviderReconciliation>| {
        all.iter().any(|own| own.state() == provider_reconciliation::State::Completed)
    };
    let listed = until(async || reconciliations(&owner).await, is_done).await;
    assert_eq!((listed.len(), listed[0].nightly, counts(&listed[0])), (1, true, [1, 0, 0, 0]));
    // The next night falls in the same hour: there is nothing to ask for, and the night after it is
    // planned.
    let (conn, s) = world.rows("wallet").await;
    let count = async || {
        let select = format!(
            "SELECT due_at FROM {s}due WHERE tenant = 'acme' AND job = 'reconcile_provider'"
        );
        let rows = conn
            .query_all_raw(Statement::from_string(conn.get_database_backend(), select))
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
        Ok::<_, Status>(rows[0].try_get::<chrono::DateTime<chrono::Utc>>("", "due_at").unwrap())
    };
    night_falls().await;
    until(count, |due| *due > SystemClock.now()).await;
    conn.close().await.unwrap();
    assert_eq!(reconciliations(&owner).await.unwrap().len(), 1);
    invariants::hold(world).await;
}

const POINTS: [&str; 3] = [
    "provider_reconciliation.after_intent",
    "provider_reconciliation.before_record",
    "provider_reconciliation.after_record",
];

async fn a_reconciliation_survives_a_kill(on_postgres: bool) {
    let stripe = StripeServer::start().await;
    let Some(mut rig) = rig::start_with(on_postgres, &[format!("--stripe={}", stripe.url())]).await
    else {
        return;
    };
    let people = prepare(&rig, &stripe).await;
    bought(&people.admin, &people.wallet, 25).await;
    let intent = stripe.objects("payment_intent")[0]["id"].as_str().unwrap().to_owned();
    stripe.refund_by_hand(&intent, 500);
    let owner = rig.someone("OWNER", None);
    for point in POINTS {
        let request = last_hour();
        let (caller, sent) = (owner.clone(), request.clone());
        rig.die_at(point, async move { reconciled(&caller, sent).await }).await;
        let answer = retry(async || reconciled(&owner, request.clone()).await).await;
        assert_eq!(counts(&answer), [1, 1, 0, 1], "{point}");
        assert_eq!(reconciled(&owner, request).await.unwrap(), answer, "{point}: one answer");
    }
    assert_eq!(reconciliations(&owner).await.unwrap().len(), POINTS.len(), "one for each request");
    let found = differences(&owner, State::Open).await;
    assert_eq!(found.len(), 1, "one difference, however often it is found: {found:?}");
    // A night is taken from the list of what is due together with its intent: it is neither lost
    // nor begun twice.
    let (data, postgres) = (rig.data().to_owned(), rig.postgres.clone());
    rig.die_at("provider_reconciliation.after_night", async move {
        Box::pin(night_falls(&data, postgres.as_deref())).await;
    })
    .await;
    let nights = async || {
        Ok(reconciliations(&owner).await?.into_iter().filter(|own| own.nightly).collect::<Vec<_>>())
    };
    let is_done = |nights: &Vec<ProviderReconciliation>| {
        nights.iter().any(|own| own.state() == provider_reconciliation::State::Completed)
    };
    let nights = until(nights, is_done).await;
    assert_eq!((nights.len(), counts(&nights[0])), (1, [1, 1, 0, 1]));
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciliation_survives_a_kill_on_sqlite() {
    a_reconciliation_survives_a_kill(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciliation_survives_a_kill_on_postgres() {
    a_reconciliation_survives_a_kill(true).await;
}
