//! Answers requests that were seen before and whose answers no row keeps as bytes: those of debits, fees and uses are
//! rendered from the rows that they wrote.

use crate::{
    commands::batch::{BatchCommand, BatchItem},
    messages,
    store::{transfers, usage},
};
use payterms_chassis::{AppError, WriteTx, batch::StoredRequest};
use payterms_proto::wallet::v1::{PostDebitResponse, PostFeeResponse, RecordUsageResponse};
use payterms_wallet_domain::TransferKind;
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;

/// Renders the answers of requests that were seen before, where they came with the same content.
pub(super) async fn render_answers(tx: &WriteTx, items: &[BatchItem], answered: &mut HashMap<Uuid, StoredRequest>) -> Result<(), AppError> {
    let same = |item: &&BatchItem| {
        answered.get(&item.call.request_id).is_some_and(|seen| seen.answer.is_none() && seen.input_hash == item.call.input_hash)
    };
    let again: Vec<_> = items.iter().filter(same).collect();
    if again.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = again.iter().map(|item| item.call.request_id).collect();
    let (conn, tenant) = (tx.conn(), &tx.call().tenant);
    let (postings, records) =
        (transfers::postings_by_request(conn, tenant, &ids).await?, usage::records_by_request(conn, tenant, &ids).await?);
    for item in again {
        let (id, name) = (item.call.request_id, item.command.wallet().name());
        let posting = || postings.get(&id).map(|posting| messages::postings::posting(&name, posting));
        let answer = match &item.command {
            BatchCommand::Take(_, TransferKind::Fee) => PostFeeResponse { posting: posting() }.encode_to_vec(),
            BatchCommand::Take(..) => PostDebitResponse { posting: posting() }.encode_to_vec(),
            BatchCommand::Use(..) => {
                let usage_record = records.get(&id).map(|record| messages::usage::usage_record(&name, record));
                RecordUsageResponse { usage_record }.encode_to_vec()
            }
            _ => continue,
        };
        if let Some(seen) = answered.get_mut(&id) {
            seen.answer = Some(answer);
        }
    }
    Ok(())
}
