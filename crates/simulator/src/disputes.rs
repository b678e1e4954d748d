//! Disputes at the simulated payment provider: an issuer takes a charge back, and the dispute of it
//! is decided.

use crate::{
    NOTIFICATIONS, World,
    api::failed,
    cards,
    store::{Charge, Chargeback},
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use sea_orm::DbErr;
use serde::Deserialize;

/// What a tester may say of a chargeback.
#[derive(Debug, Deserialize)]
pub struct ChargebackQuery {
    /// How much is taken back; else all that is not refunded.
    amount: Option<Decimal>,
    /// The issuer's code.
    reason: Option<String>,
    /// The day until which evidence is taken.
    evidence_due: Option<String>,
    /// Whether the suite is notified once only, whatever it answers.
    #[serde(default)]
    once: bool,
    /// Whether it is another dispute of a charge of which the first was won.
    #[serde(default)]
    again: bool,
    /// Whether the notification is lost.
    #[serde(default)]
    silent: bool,
}

/// What a tester may say of a decision.
#[derive(Debug, Deserialize)]
pub struct DecisionQuery {
    /// Whether the notification is lost.
    #[serde(default)]
    silent: bool,
}

/// The chargeback of a charge.
pub async fn get_chargeback(
    State(world): State<World>,
    Path((tenant, charge)): Path<(String, String)>,
) -> Response {
    match world.store.chargeback(&tenant, &charge).await {
        Ok(Some(chargeback)) => Json(chargeback).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

/// All chargebacks of a tenant, so that tests can compare them with the wallet's ledger.
pub async fn list_chargebacks(State(world): State<World>, Path(tenant): Path<String>) -> Response {
    match world.store.chargebacks(&tenant).await {
        Ok(all) => Json(all).into_response(),
        Err(error) => failed(&error),
    }
}

/// Acts as the issuer: takes back what is not refunded of a charge, or the part that is asked for,
/// and notifies the suite. Of a card a dispute is open then; what a bank returns is final. A
/// repeated request sends the notification again.
pub async fn charge_back(
    State(world): State<World>,
    Path((tenant, charge)): Path<(String, String)>,
    Query(query): Query<ChargebackQuery>,
) -> Response {
    let times = match (query.silent, query.once) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => NOTIFICATIONS,
    };
    match take_back(&world, &tenant, &charge, query).await {
        Ok(Some(chargeback)) => {
            world.notify_up_to(times, &tenant, "charge.returned", &chargeback.charge);
            Json(chargeback).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

async fn take_back(
    world: &World,
    tenant: &str,
    charge: &str,
    query: ChargebackQuery,
) -> Result<Option<Chargeback>, DbErr> {
    let charge = world
        .store
        .charge_of_id(tenant, charge)
        .await?
        .filter(|charge| charge.state == "succeeded");
    let Some(charge) = charge else { return Ok(None) };
    let rest = not_refunded(world, tenant, &charge).await?;
    let token = world.store.token_of(tenant, &charge.saved).await?;
    let is_account = token.as_deref().and_then(cards::find).is_some_and(|card| card.account);
    let (state, reason) =
        if is_account { ("final", "debit_returned") } else { ("open", "fraudulent") };
    let chargeback = Chargeback {
        charge: charge.id.clone(),
        amount: query.amount.map_or(rest, |amount| amount.min(rest)).to_string(),
        currency: charge.currency,
        reason: query.reason.unwrap_or_else(|| reason.to_owned()),
        evidence_due: query.evidence_due.filter(|_| !is_account).unwrap_or_default(),
        state: state.to_owned(),
        id: String::new(),
    };
    if query.again {
        world.store.dispute_again(tenant, &chargeback).await?;
    } else {
        world.store.insert_chargeback(tenant, &chargeback).await?;
    }
    world.store.chargeback(tenant, &charge.id).await
}

/// Whether a charge takes a refund: none while it is disputed, since the issuer has the money
/// already; once that is lost, or a bank has returned a part of it, what the issuer has left.
pub(crate) async fn takes_refund(
    world: &World,
    tenant: &str,
    charge: &Charge,
    amount: &str,
) -> Result<bool, DbErr> {
    let Some(chargeback) = world.store.chargeback(tenant, &charge.id).await? else {
        return Ok(true);
    };
    let decimal = |text: &str| text.parse::<Decimal>().unwrap_or_default();
    let left =
        not_refunded(world, tenant, charge).await?.saturating_sub(decimal(&chargeback.amount));
    Ok(chargeback.state == "won" || (chargeback.state != "open" && decimal(amount) <= left))
}

async fn not_refunded(world: &World, tenant: &str, charge: &Charge) -> Result<Decimal, DbErr> {
    let decimal = |text: &str| text.parse::<Decimal>().unwrap_or_default();
    let refunds = world.store.refunds(tenant).await?;
    let given_back =
        refunds.iter().filter(|refund| refund.charge == charge.id && refund.state == "succeeded");
    Ok(given_back
        .map(|refund| decimal(&refund.amount))
        .fold(decimal(&charge.amount), Decimal::saturating_sub))
}

/// Acts as the issuer: decides the open dispute of a charge, `won` by the seller or `lost`, and
/// notifies the suite. Decided as it was before it sends the notification again; a dispute that was
/// decided otherwise, or is final, stays (409).
pub async fn decide(
    State(world): State<World>,
    Path((tenant, charge, outcome)): Path<(String, String, String)>,
    Query(query): Query<DecisionQuery>,
) -> Response {
    if !matches!(outcome.as_str(), "won" | "lost") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let decided = async {
        world.store.decide_dispute(&tenant, &charge, &outcome).await?;
        world.store.chargeback(&tenant, &charge).await
    };
    match decided.await {
        Ok(Some(chargeback)) if chargeback.state == outcome => {
            world.notify_up_to(
                if query.silent { 0 } else { NOTIFICATIONS },
                &tenant,
                "dispute.closed",
                &chargeback.charge,
            );
            Json(chargeback).into_response()
        }
        Ok(Some(_)) => StatusCode::CONFLICT.into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}
