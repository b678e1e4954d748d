//! Answers that rows tell: those of debits, fees and uses.

use super::hot::{Command, Item};
use crate::{
    parse_usage, render,
    store::{transfers, usage},
};
use payterms_chassis::{AppError, WriteTx, batch::Known};
use payterms_proto::wallet::v1::{PostDebitResponse, PostFeeResponse, RecordUsageResponse};
use payterms_wallet_domain::TransferKind;
use prost::Message;
use std::collections::HashMap;
use uuid::Uuid;

/// Renders what requests that were seen before were answered, where the same is asked.
pub(super) async fn render(tx: &WriteTx, items: &[Item], answered: &mut HashMap<Uuid, Known>) -> Result<(), AppError> {
    let same = |item: &&Item| {
        answered.get(&item.call.request_id).is_some_and(|known| known.answer.is_none() && known.input_hash == item.call.input_hash)
    };
    let again: Vec<_> = items.iter().filter(same).collect();
    if again.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = again.iter().map(|item| item.call.request_id).collect();
    let (conn, tenant) = (tx.conn(), &tx.call().tenant);
    let (postings, records) = (transfers::asked_by(conn, tenant, &ids).await?, usage::asked_by(conn, tenant, &ids).await?);
    for item in again {
        let (id, name) = (item.call.request_id, item.command.wallet().name());
        let posting = || postings.get(&id).map(|posting| render::posting(&name, posting));
        let answer = match &item.command {
            Command::Take(_, TransferKind::Fee) => PostFeeResponse { posting: posting() }.encode_to_vec(),
            Command::Take(..) => PostDebitResponse { posting: posting() }.encode_to_vec(),
            Command::Use(..) => {
                let usage_record = records.get(&id).map(|record| parse_usage::render(&name, record));
                RecordUsageResponse { usage_record }.encode_to_vec()
            }
            _ => continue,
        };
        if let Some(known) = answered.get_mut(&id) {
            known.answer = Some(answer);
        }
    }
    Ok(())
}
