//! The present state of what others hear from credit.

use crate::{render, store::lines};
use payterms_chassis::{
    AppError, WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_kernel::Id;
use payterms_proto::credit::v1::CreditLineChanged;
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default().with::<CreditLineChanged>("credit_line", lines_of)
}

fn lines_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let found = lines::find_many(tx.conn(), tenant, &ids).await?;
        let state = |line| {
            let credit_line = Some(render::line(tenant, line)?);
            Ok::<_, AppError>(CreditLineChanged { credit_line, ..CreditLineChanged::default() }.encode_to_vec())
        };
        found.iter().map(|line| Ok((line.id.to_string(), state(line)?))).collect()
    })
}
