//! Reconciles a period on demand: a flow over the provider, which is asked for page after page.

use super::{
    examine::{Examined, Found, examine},
    save::{difference_id, publish_difference, publish_reconciliation},
};
use crate::{
    app::App,
    commands::reconciliations::ReconcileProvider,
    messages::reconciliations as messages,
    provider::stripe::NAME,
    store::{provider_differences, provider_reconciliations as store, settings},
    use_cases::disputes::ask_again::ask_now,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::wallet::v1::ReconcileProviderResponse;
use payterms_wallet_domain::{
    provider_difference::{DifferenceState, ProviderDifference, RecordKind},
    reconciliation::{Listed, Period, ProviderReconciliation, ReconciliationState},
};
use uuid::Uuid;

/// The kind of flow.
pub const FLOW: &str = "provider_reconciliation";
/// Most differences that are stored of one reconciliation, and most open ones that it looks at
/// again.
const MOST_STORED: u16 = 1_000;

/// Reconciles a period.
///
/// # Errors
/// `FEATURE_DISABLED`, `STRIPE_NOT_CONNECTED`, `RECONCILIATION_RUNNING`, `TIME_OUT_OF_RANGE`.
pub async fn reconcile_provider(
    app: &App,
    call: &Call,
    command: &ReconcileProvider,
) -> Result<Answer<ReconcileProviderResponse>, AppError> {
    app.stripe_accounts()?;
    let mut tx = app.db.begin(call).await?;
    let settings = settings::lock(tx.conn(), &call.tenant).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    settings.must_be_connected_to(NAME)?;
    let period = Period::of(command.from, command.to, tx.time().real)?;
    if store::running(tx.conn(), &call.tenant).await?.is_some() {
        let message = "Another reconciliation is under way: see ListProviderReconciliations, and try again when it has ended.";
        return Err(Refusal::precondition(Reason::RECONCILIATION_RUNNING, message).into());
    }
    let lease = begin_reconciliation(app, &mut tx, period, false).await?;
    tx.commit_intent(lease.intent).await?;
    kill::point("provider_reconciliation.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Stores a reconciliation with its lease, under the lock of the tenant's settings.
pub(super) async fn begin_reconciliation(
    app: &App,
    tx: &mut WriteTx,
    period: Period,
    nightly: bool,
) -> Result<Lease, AppError> {
    let provider_reconciliation = ProviderReconciliation {
        id: tx.id::<ProviderReconciliation>().uuid(),
        provider: NAME.to_owned(),
        state: ReconciliationState::Running,
        period,
        nightly,
        listed: Listed::default(),
        differences: 0,
        created_at: tx.time().real,
        ended_at: None,
    };
    store::save(tx, &provider_reconciliation).await?;
    app.flows.open(tx, FLOW, provider_reconciliation.id).await
}

/// Drives the flow to its close. Nothing is written before all was read, so that whoever takes it
/// over begins anew.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_reconciliation(app: &App, lease: &Lease) -> Result<(), AppError> {
    let (tenant, id) = (&lease.tenant, lease.intent);
    let conn = app.db.read(tenant).await?;
    let Some(mut this_provider_reconciliation) = store::find(&conn, tenant, id).await? else {
        return Ok(());
    };
    let open = provider_differences::list(
        &conn,
        tenant,
        Some(DifferenceState::Open),
        Uuid::nil(),
        MOST_STORED.into(),
    )
    .await?;
    drop(conn);
    let examined = examine(app, tenant, this_provider_reconciliation.period, &open).await?;
    kill::point("provider_reconciliation.before_record");
    let mut tx = app
        .db
        .begin_apart(&Call::internal("wallet", tenant, "provider_reconciled", id, None))
        .await?;
    settings::lock(tx.conn(), tenant).await?;
    flow::hold(&tx, lease).await?;
    match examined {
        Ok(examined) => {
            this_provider_reconciliation.state = ReconciliationState::Completed;
            this_provider_reconciliation.listed = examined.listed;
            this_provider_reconciliation.differences =
                i64::try_from(examined.found.len()).unwrap_or(i64::MAX);
            record(&mut tx, &examined, &open).await?;
        }
        Err(failed) => this_provider_reconciliation.state = failed,
    }
    this_provider_reconciliation.ended_at = Some(tx.time().real);
    publish_reconciliation(&mut tx, &this_provider_reconciliation).await?;
    let provider_reconciliation =
        Some(messages::provider_reconciliation(tenant, &this_provider_reconciliation));
    tx.answer_intent(id, &ReconcileProviderResponse { provider_reconciliation }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("provider_reconciliation.after_record");
    Ok(())
}

/// Stores what was found, and what is equal again. Disputes that the provider knows better are
/// asked for.
async fn record(
    tx: &mut WriteTx,
    examined: &Examined,
    open: &[ProviderDifference],
) -> Result<(), AppError> {
    let now = tx.time().real;
    for found in examined.found.iter().take(MOST_STORED.into()) {
        record_found(tx, found, now).await?;
        if found.settles_itself && found.finding.place.kind == RecordKind::Dispute {
            ask_now(tx, NAME, &found.finding.place.charge).await?;
        }
    }
    for before in open
        .iter()
        .filter(|provider_difference| examined.is_equal(&provider_difference.finding.place))
    {
        let tenant = tx.call().tenant.clone();
        // A person may have settled it meanwhile.
        let again = provider_differences::find(tx.conn(), &tenant, before.id).await?;
        if let Some(mut provider_difference) =
            again.filter(|provider_difference| provider_difference.state == DifferenceState::Open)
        {
            provider_difference.gone(now);
            publish_difference(tx, &provider_difference).await?;
        }
    }
    Ok(())
}

async fn record_found(tx: &mut WriteTx, found: &Found, now: DateTime<Utc>) -> Result<(), AppError> {
    let id = difference_id(NAME, &found.finding.place);
    let tenant = tx.call().tenant.clone();
    let provider_difference = match provider_differences::find(tx.conn(), &tenant, id).await? {
        Some(mut provider_difference) => {
            if !provider_difference.found_again(&found.finding, found.settles_itself, now) {
                return Ok(());
            }
            provider_difference
        }
        None => ProviderDifference {
            id,
            provider: NAME.to_owned(),
            finding: found.finding.clone(),
            step: found.step,
            settles_itself: found.settles_itself,
            state: DifferenceState::Open,
            explanation: String::new(),
            settled_by: String::new(),
            created_at: now,
            updated_at: now,
        },
    };
    if provider_difference.state == DifferenceState::Open && !provider_difference.settles_itself {
        tracing::warn!(%tenant, difference = %provider_difference.id, "a difference between the provider and the ledger waits for a person");
    }
    publish_difference(tx, &provider_difference).await?;
    Ok(())
}
