//! Replays of repeated requests without stored answers: the answers of debits, fees and uses are
//! rendered from the rows that they wrote, which saves storing them.

use crate::{
    commands::batch::{BatchCommand, BatchItem},
    messages,
    store::{transfers, usage, usage_ids},
};
use payterms_chassis::{AppError, WriteTx, batch::StoredRequest};
use payterms_proto::wallet::v1::{PostDebitResponse, PostFeeResponse, RecordUsageResponse};
use payterms_wallet_domain::TransferKind;
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;

/// Renders the missing answers of repeated requests. One that came with other content is left out;
/// it is refused later.
pub(super) async fn render_answers(
    tx: &WriteTx,
    items: &[BatchItem],
    answered: &mut HashMap<Uuid, StoredRequest>,
) -> Result<(), AppError> {
    let needs_rendering = |item: &&BatchItem| {
        answered.get(&item.call.request_id).is_some_and(|stored| {
            stored.answer.is_none() && stored.input_hash == item.call.input_hash
        })
    };
    let repeated: Vec<_> = items.iter().filter(needs_rendering).collect();
    if repeated.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = repeated.iter().map(|item| item.call.request_id).collect();
    let conn = tx.conn();
    let tenant = &tx.call().tenant;
    let postings = transfers::postings_by_request(conn, tenant, &ids).await?;
    let mut records = usage::records_by_request(conn, tenant, &ids).await?;
    usage_ids::fill(conn, tenant, records.values_mut()).await?;
    for item in repeated {
        let id = item.call.request_id;
        let name = item.command.wallet().name();
        let posting =
            || postings.get(&id).map(|posting| messages::postings::posting(&name, posting));
        let answer = match &item.command {
            BatchCommand::Take(_, TransferKind::Fee) => {
                PostFeeResponse { posting: posting() }.encode_to_vec()
            }
            BatchCommand::Take(..) => PostDebitResponse { posting: posting() }.encode_to_vec(),
            BatchCommand::Use(..) => {
                let usage_record =
                    records.get(&id).map(|record| messages::usage::usage_record(&name, record));
                RecordUsageResponse { usage_record }.encode_to_vec()
            }
            // Their answers are stored.
            BatchCommand::Authorize(..) | BatchCommand::Capture(..) | BatchCommand::Void(_) => {
                continue;
            }
        };
        if let Some(stored) = answered.get_mut(&id) {
            stored.answer = Some(answer);
        }
    }
    Ok(())
}
