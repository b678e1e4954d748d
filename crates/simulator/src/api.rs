//! The API of the simulated payment provider: charges, refunds and set-ups. Repeated requests with
//! the same key have one effect.

use crate::{
    World,
    cards::{self, Behaviour},
    disputes,
    store::{Charge, Refund},
};
use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;
use std::sync::atomic::Ordering;

/// How long a late answer takes.
const LATE: std::time::Duration = std::time::Duration::from_secs(3);

/// The body of a charge.
#[derive(Debug, Deserialize)]
pub struct ChargeBody {
    key: String,
    saved: String,
    amount: String,
    currency: String,
    now: DateTime<Utc>,
}

/// The caller's present time. The simulator has no clock, so tests can move time on.
#[derive(Debug, Deserialize)]
pub struct At {
    now: DateTime<Utc>,
}

/// The body of a refund.
#[derive(Debug, Deserialize)]
pub struct RefundBody {
    key: String,
    charge: String,
    amount: String,
}

/// The body of a set-up.
#[derive(Debug, Deserialize)]
pub struct SetupBody {
    key: String,
    kind: String,
}

pub(crate) fn failed(error: &sea_orm::DbErr) -> Response {
    tracing::error!(%error, "the simulator's file failed");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn charge_json(charge: &Charge) -> serde_json::Value {
    json!({
        "id": charge.id, "key": charge.key, "saved": charge.saved, "amount": charge.amount, "currency": charge.currency,
        "state": charge.state, "decline_code": charge.decline_code, "ready_at": charge.ready_at,
    })
}

/// Charges a saved card once per key.
pub async fn charge(
    State(world): State<World>,
    Path(tenant): Path<String>,
    Json(body): Json<ChargeBody>,
) -> Response {
    let token = match world.store.token_of(&tenant, &body.saved).await {
        Ok(token) => token,
        Err(error) => return failed(&error),
    };
    let behaviour = token
        .as_deref()
        .and_then(cards::find)
        .map_or(Behaviour::Declines("no_such_card"), |card| card.behaviour);
    let (state, decline_code, ready_at) = match behaviour {
        Behaviour::Rejected => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Behaviour::Succeeds
        | Behaviour::LosesTheAnswer
        | Behaviour::AnswersLate
        | Behaviour::RefundFails
        | Behaviour::LosesTheRefund
        | Behaviour::AnswersTheRefundLate
        | Behaviour::AnswersTheFailedRefundLate => ("succeeded", "", None),
        Behaviour::Declines(code) => ("declined", code, None),
        Behaviour::Takes(hours) => ("processing", "", Some(body.now + TimeDelta::hours(hours))),
        Behaviour::DeclinesAfter(hours, code) => {
            ("processing", code, Some(body.now + TimeDelta::hours(hours)))
        }
        Behaviour::NeedsAuthentication => ("requires_action", "", None),
    };
    let charge = Charge {
        id: format!("ch_{}", body.key.replace('-', "")),
        key: body.key,
        saved: body.saved,
        amount: body.amount,
        currency: body.currency,
        state: state.to_owned(),
        decline_code: decline_code.to_owned(),
        ready_at,
    };
    match world.store.insert_charge(&tenant, &charge).await {
        Ok(true) if behaviour == Behaviour::LosesTheAnswer => broken_answer(),
        Ok(_) => {
            if behaviour == Behaviour::AnswersLate {
                tokio::time::sleep(LATE).await;
            }
            charge_response(&world, &tenant, &charge.key, body.now).await
        }
        Err(error) => failed(&error),
    }
}

/// An answer whose body breaks off: the caller does not learn the result.
pub(crate) fn broken_answer() -> Response {
    let body = futures::stream::once(async { Err::<String, _>(std::io::Error::other("lost")) });
    Response::new(Body::from_stream(body))
}

/// Refunds a part of a charge, once per key.
pub async fn refund(
    State(world): State<World>,
    Path(tenant): Path<String>,
    Json(body): Json<RefundBody>,
) -> Response {
    let charge = match world.store.charge_of_id(&tenant, &body.charge).await {
        Ok(Some(charge)) if charge.state == "succeeded" => charge,
        Ok(_) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return failed(&error),
    };
    let token = match world.store.token_of(&tenant, &charge.saved).await {
        Ok(token) => token,
        Err(error) => return failed(&error),
    };
    let behaviour = token.as_deref().and_then(cards::find).map(|card| card.behaviour);
    let is_disputed = match disputes::takes_refund(&world, &tenant, &charge, &body.amount).await {
        Ok(takes) => !takes,
        Err(error) => return failed(&error),
    };
    let fails = is_disputed
        || matches!(
            behaviour,
            Some(Behaviour::RefundFails | Behaviour::AnswersTheFailedRefundLate)
        );
    let is_late = matches!(
        behaviour,
        Some(Behaviour::AnswersTheRefundLate | Behaviour::AnswersTheFailedRefundLate)
    );
    let state = if fails { "failed" } else { "succeeded" };
    let id = format!("re_{}", body.key.replace('-', ""));
    let refund = Refund {
        id,
        key: body.key,
        charge: charge.id,
        amount: body.amount,
        currency: charge.currency,
        state: state.to_owned(),
    };
    match world.store.insert_refund(&tenant, &refund).await {
        Ok(true) if behaviour == Some(Behaviour::LosesTheRefund) => broken_answer(),
        Ok(is_new) => {
            if is_new && is_late {
                tokio::time::sleep(LATE).await;
            }
            refund_response(&world, &tenant, &refund.key).await
        }
        Err(error) => failed(&error),
    }
}

async fn refund_response(world: &World, tenant: &str, key: &str) -> Response {
    match world.store.refunds(tenant).await {
        Ok(all) => match all.into_iter().find(|stored| stored.key == key) {
            Some(stored) => Json(stored).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Err(error) => failed(&error),
    }
}

/// How many notifications are not delivered yet. Tests wait until there are none.
pub async fn count_notifications(State(world): State<World>) -> Response {
    Json(world.undelivered.load(Ordering::Relaxed)).into_response()
}

/// All refunds of a tenant, so that tests can compare them with the wallet's ledger.
pub async fn list_refunds(State(world): State<World>, Path(tenant): Path<String>) -> Response {
    match world.store.refunds(&tenant).await {
        Ok(refunds) => Json(refunds).into_response(),
        Err(error) => failed(&error),
    }
}

async fn charge_response(world: &World, tenant: &str, key: &str, now: DateTime<Utc>) -> Response {
    match world.store.charge(tenant, key, now).await {
        Ok(Some(charge)) => Json(charge_json(&charge)).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => failed(&error),
    }
}

/// The charge of a key.
pub async fn get_charge(
    State(world): State<World>,
    Path((tenant, key)): Path<(String, String)>,
    Query(at): Query<At>,
) -> Response {
    charge_response(&world, &tenant, &key, at.now).await
}

/// All charges of a tenant, so that tests can compare them with the wallet's ledger.
pub async fn list_charges(State(world): State<World>, Path(tenant): Path<String>) -> Response {
    match world.store.charges(&tenant).await {
        Ok(charges) => Json(charges.iter().map(charge_json).collect::<Vec<_>>()).into_response(),
        Err(error) => failed(&error),
    }
}

/// Makes a hosted page, once per key.
pub async fn create_setup(
    State(world): State<World>,
    Path(tenant): Path<String>,
    Json(body): Json<SetupBody>,
) -> Response {
    match world.store.setup(&tenant, &body.key, &body.kind).await {
        Ok(id) => {
            Json(json!({ "id": id, "url": format!("/simulator/setups/{id}") })).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// The state of a set-up, and the card once it is saved.
pub async fn get_setup(
    State(world): State<World>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    let saved = match world.store.find_setup(&id).await {
        Ok(Some(setup)) if setup.tenant == tenant => setup.saved,
        Ok(_) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return failed(&error),
    };
    let token = match world.store.token_of(&tenant, &saved).await {
        Ok(token) => token,
        Err(error) => return failed(&error),
    };
    let card = token.as_deref().and_then(cards::find).map(|card| {
        let (month, year) = if card.account { (0, 0) } else { (12, 2099) };
        let mandate = if card.account { format!("MD-{}", saved.trim_start_matches("pm_")) } else { String::new() };
        json!({
            "saved": saved, "brand": card.brand, "last_four": card.last_four, "expire_month": month, "expire_year": year,
            "mandate": mandate,
        })
    });
    Json(json!({ "id": id, "card": card })).into_response()
}
