//! The present state of what others hear from credit.

use crate::{
    messages::{
        advised_limits::advised_limit_changed,
        applications::{ApplicationParts, credit_application},
        lines::credit_line,
        purchases::purchase_captured,
    },
    store::{advised_limits, applications, draws, lines},
};
use payterms_chassis::{
    AppError, WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_credit_domain::{AdvisedState, Draw, DrawState};
use payterms_kernel::Id;
use payterms_proto::credit::v1::{
    AdvisedLimitChanged, ApplicationChanged, CreditLineChanged, PurchaseCaptured,
};
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<CreditLineChanged>("credit_line", lines_of)
        .with::<ApplicationChanged>("credit_application", applications_of)
        .with::<PurchaseCaptured>("purchase", purchases_of)
        .with::<AdvisedLimitChanged>("advised_limit", advised_limits_of)
}

fn lines_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = lines::find_many(tx.conn(), tenant, &ids).await?;
        let state = |line| {
            let credit_line = Some(credit_line(tenant, line)?);
            Ok::<_, AppError>(
                CreditLineChanged { credit_line, ..CreditLineChanged::default() }.encode_to_vec(),
            )
        };
        found.iter().map(|line| Ok((line.id.to_string(), state(line)?))).collect()
    })
}

fn purchases_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = draws::find_many(tx.conn(), tenant, &ids).await?;
        let lines = lines::find_many(
            tx.conn(),
            tenant,
            &found.iter().map(|(line, _)| *line).collect::<Vec<_>>(),
        )
        .await?;
        let state = |(line, draw): &(_, Draw)| {
            let line = lines.iter().find(|found| found.id == *line)?;
            Some((draw.id.to_string(), purchase_captured(tenant, line, draw).encode_to_vec()))
        };
        Ok(found
            .iter()
            .filter(|(_, draw)| draw.state == DrawState::Captured)
            .filter_map(state)
            .collect())
    })
}

/// What is decided would be mailed again: who comes later learns of what is open alone.
fn advised_limits_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = advised_limits::find_many(tx.conn(), tenant, &ids).await?;
        let lines = lines::find_many(
            tx.conn(),
            tenant,
            &found.iter().map(|advised_limit| advised_limit.line).collect::<Vec<_>>(),
        )
        .await?;
        let open = found.iter().filter(|advised_limit| advised_limit.state == AdvisedState::Open);
        let state = open.filter_map(|advised_limit| {
            let line = lines.iter().find(|line| line.id == advised_limit.line)?;
            Some((
                advised_limit.id.to_string(),
                advised_limit_changed(tenant, advised_limit, line.limit).encode_to_vec(),
            ))
        });
        Ok(state.collect())
    })
}

/// Only open applications are published. A snapshot of a closed one would cause its mail to be sent
/// again.
fn applications_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let mut states = Vec::new();
        for id in ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid) {
            let Some(application) = applications::find(tx.conn(), tenant, id)
                .await?
                .filter(|application| application.state.is_open())
            else {
                continue;
            };
            let credit_application =
                Some(credit_application(tenant, &application, &ApplicationParts::default(), false));
            states.push((
                application.id.to_string(),
                ApplicationChanged { credit_application, information_requested: false }
                    .encode_to_vec(),
            ));
        }
        Ok(states)
    })
}
