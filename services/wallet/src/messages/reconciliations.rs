//! Reconciliations with payment providers, and differences.

use crate::commands::reconciliations::{
    ListDifferences, ListReconciliations, ReconcileProvider, SettleDifference,
};
use payterms_chassis::{
    AppError, Call, Fields,
    page::Page,
    render::{money, timestamp},
};
use payterms_kernel::TenantId;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    DisputeState,
    provider_difference::{Apart, DifferenceState, ProviderDifference, RecordKind, Side},
    reconciliation::{ProviderReconciliation, ReconciliationState},
};
use tonic::Request;

const DIFFERENCE: &[&str] = &["providerDifferences"];

/// Names a period to reconcile.
pub fn reconcile_provider(
    request: Request<pb::ReconcileProviderRequest>,
) -> Result<(Call, ReconcileProvider), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let from = fields.instant("start_time", message.start_time.as_ref());
    let to = fields.optional_instant("end_time", message.end_time.as_ref());
    Ok((fields.write(&message.request_id, tenant)?, ReconcileProvider { from, to }))
}

/// Settles a difference.
pub fn settle_provider_difference(
    request: Request<pb::SettleProviderDifferenceRequest>,
) -> Result<(Call, SettleDifference), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, DIFFERENCE);
    let explanation = fields.text("explanation", &message.explanation, 1, 500);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, SettleDifference { difference: name.id(0), explanation }))
}

/// Asks for reconciliations.
pub fn list_provider_reconciliations(
    request: Request<pb::ListProviderReconciliationsRequest>,
) -> Result<ListReconciliations, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok(ListReconciliations { tenant, page })
}

/// Asks for differences.
pub fn list_provider_differences(
    request: Request<pb::ListProviderDifferencesRequest>,
) -> Result<ListDifferences, AppError> {
    use pb::provider_difference::State;
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let state =
        if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let page = Page::parse(
        &mut fields,
        &format!("{} {}", message.parent, message.state),
        message.page_size,
        &message.page_token,
    );
    fields.finish()?;
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Open => Some(DifferenceState::Open),
        State::Gone => Some(DifferenceState::Gone),
        State::Settled => Some(DifferenceState::Settled),
    });
    Ok(ListDifferences { tenant, state, page })
}

fn count(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A reconciliation.
#[must_use]
pub fn provider_reconciliation(
    tenant: &TenantId,
    reconciliation: &ProviderReconciliation,
) -> pb::ProviderReconciliation {
    use pb::provider_reconciliation::{Problem, State};
    let (state, problem) = match reconciliation.state {
        ReconciliationState::Running => (State::Running, Problem::Unspecified),
        ReconciliationState::Completed => (State::Completed, Problem::Unspecified),
        ReconciliationState::KeyRefused => (State::Failed, Problem::KeyRefused),
        ReconciliationState::TooMany => (State::Failed, Problem::TooMany),
    };
    pb::ProviderReconciliation {
        name: format!("tenants/{tenant}/providerReconciliations/{}", reconciliation.id),
        provider: reconciliation.provider.clone(),
        state: state.into(),
        problem: problem.into(),
        start_time: Some(timestamp(reconciliation.period.from)),
        end_time: Some(timestamp(reconciliation.period.to)),
        nightly: reconciliation.nightly,
        charge_count: count(reconciliation.listed.charges),
        refund_count: count(reconciliation.listed.refunds),
        dispute_count: count(reconciliation.listed.disputes),
        difference_count: count(reconciliation.differences),
        create_time: Some(timestamp(reconciliation.created_at)),
        complete_time: reconciliation.ended_at.map(timestamp),
        payout_count: count(reconciliation.listed.payouts),
    }
}

/// A difference.
#[must_use]
pub fn provider_difference(
    tenant: &TenantId,
    difference: &ProviderDifference,
) -> pb::ProviderDifference {
    use pb::provider_difference::{Kind, Record, State};
    let record = match difference.finding.place.kind {
        RecordKind::Charge => Record::Charge,
        RecordKind::Refund => Record::Refund,
        RecordKind::Dispute => Record::Dispute,
        RecordKind::Payout => Record::Payout,
    };
    let kind = match difference.finding.apart() {
        Apart::OnlyAtProvider => Kind::OnlyAtProvider,
        Apart::OnlyInLedger => Kind::OnlyInLedger,
        Apart::Amount => Kind::AmountDiffers,
        Apart::Outcome => Kind::OutcomeDiffers,
    };
    let state = match difference.state {
        DifferenceState::Open => State::Open,
        DifferenceState::Gone => State::Gone,
        DifferenceState::Settled => State::Settled,
    };
    let amount = |side: Option<Side>| side.map(|side| money(side.amount));
    let outcome = |side: Option<Side>| {
        side.and_then(|side| side.outcome).map(DisputeState::name).unwrap_or_default().to_owned()
    };
    pb::ProviderDifference {
        name: format!("tenants/{tenant}/providerDifferences/{}", difference.id),
        provider: difference.provider.clone(),
        state: state.into(),
        record: record.into(),
        kind: kind.into(),
        provider_id: difference.finding.place.id.clone(),
        provider_charge_id: difference.finding.place.charge.clone(),
        provider_amount: amount(difference.finding.at_provider),
        ledger_amount: amount(difference.finding.in_ledger),
        provider_outcome: outcome(difference.finding.at_provider),
        ledger_outcome: outcome(difference.finding.in_ledger),
        step: difference.step.map(|step| step.to_string()).unwrap_or_default(),
        settles_itself: difference.settles_itself,
        advice: difference.finding.advice().to_owned(),
        explanation: difference.explanation.clone(),
        settled_by: difference.settled_by.clone(),
        create_time: Some(timestamp(difference.created_at)),
        update_time: Some(timestamp(difference.updated_at)),
    }
}
