//! Schedules collections.

use super::collect;
use payterms_chassis::{AppError, WriteTx, jobs::schedule_many};
use payterms_invoicing_domain::Invoice;

/// Schedules the next try of invoices that have one.
pub async fn schedule_collections(tx: &WriteTx, owned: &[Invoice]) -> Result<(), AppError> {
    let due: Vec<_> = owned
        .iter()
        .filter_map(|invoice| invoice.collection.next_at.map(|at| (invoice.id.to_string(), at)))
        .collect();
    Ok(schedule_many(tx, collect::JOB, &due).await?)
}
