//! The present state of what others hear from credit.

use crate::{
    messages::{
        applications::{ApplicationParts, credit_application},
        lines::credit_line,
        purchases::purchase_captured,
    },
    store::{applications, draws, lines},
};
use payterms_chassis::{
    AppError, WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_credit_domain::{Draw, DrawState};
use payterms_kernel::Id;
use payterms_proto::credit::v1::{ApplicationChanged, CreditLineChanged, PurchaseCaptured};
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default()
        .with::<CreditLineChanged>("credit_line", lines_of)
        .with::<ApplicationChanged>("credit_application", applications_of)
        .with::<PurchaseCaptured>("purchase", purchases_of)
}

fn lines_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = lines::find_many(tx.conn(), tenant, &ids).await?;
        let state = |line| {
            let credit_line = Some(credit_line(tenant, line)?);
            Ok::<_, AppError>(CreditLineChanged { credit_line, ..CreditLineChanged::default() }.encode_to_vec())
        };
        found.iter().map(|line| Ok((line.id.to_string(), state(line)?))).collect()
    })
}

fn purchases_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = draws::find_many(tx.conn(), tenant, &ids).await?;
        let lines = lines::find_many(tx.conn(), tenant, &found.iter().map(|(line, _)| *line).collect::<Vec<_>>()).await?;
        let state = |(line, draw): &(_, Draw)| {
            let line = lines.iter().find(|found| found.id == *line)?;
            Some((draw.id.to_string(), purchase_captured(tenant, line, draw).encode_to_vec()))
        };
        Ok(found.iter().filter(|(_, draw)| draw.state == DrawState::Captured).filter_map(state).collect())
    })
}

/// A snapshot of what is over would be mailed again: who comes later learns of open applications alone.
fn applications_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let mut states = Vec::new();
        for id in ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid) {
            let Some(application) = applications::find(tx.conn(), tenant, id).await?.filter(|application| application.state.is_open())
            else {
                continue;
            };
            let credit_application = Some(credit_application(tenant, &application, &ApplicationParts::default(), false));
            states.push((application.id.to_string(), ApplicationChanged { credit_application, asked_for_more: false }.encode_to_vec()));
        }
        Ok(states)
    })
}
