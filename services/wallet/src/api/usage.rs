//! `UsageService`.

use super::{Api, refused};
use crate::{
    commands::{batch::BatchItem, wallets::ListOfWallets},
    messages::usage as messages,
    use_cases::{batch, usage::read},
};
use futures::{StreamExt, stream::BoxStream};
use payterms_chassis::{AppError, Scope, batch_verb::BatchOutcome, body, handler};
use payterms_proto::wallet::v1::{
    ExportUsageRecordsRequest, ExportUsageRecordsResponse, ListUsageRecordsRequest,
    ListUsageRecordsResponse, RecordUsageRequest, RecordUsageResponse, RecordUsageStreamRequest,
    RecordUsageStreamResponse, RecordUsagesRequest, RecordUsagesResponse, UsageRefusal,
    UsageResult, usage_service_server::UsageService,
};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

/// Uses of a stream that are recorded together: as many as arrived meanwhile, up to half a batch.
const CHUNK: usize = 500;
/// Refusals that a stream's answer lists one by one; the rest is only counted, so that the answer
/// stays small.
const MAX_LISTED: usize = 100;

#[tonic::async_trait]
impl UsageService for Api {
    type ExportUsageRecordsStream = BoxStream<'static, Result<ExportUsageRecordsResponse, Status>>;

    async fn record_usage(
        &self,
        request: Request<RecordUsageRequest>,
    ) -> Result<Response<RecordUsageResponse>, Status> {
        let item = messages::record_usage(&Scope::of(request.extensions())?, request.get_ref())?;
        handler::once(batch::submit(&self.app, item)).await
    }

    async fn record_usages(
        &self,
        request: Request<RecordUsagesRequest>,
    ) -> Result<Response<RecordUsagesResponse>, Status> {
        let mut results = Vec::new();
        let (mut indexes, mut items) = (Vec::new(), Vec::new());
        for (request_id, parsed) in messages::record_usages(request)? {
            let mut result = UsageResult { request_id, ..UsageResult::default() };
            match parsed {
                Ok(item) => {
                    indexes.push(results.len());
                    items.push(item);
                }
                Err(error) => (result.reason, result.message, result.metadata) = refused(error),
            }
            results.push(result);
        }
        let outcomes = batch::submit_many(&self.app, items).await?;
        for (index, outcome) in indexes.into_iter().zip(outcomes) {
            if let Some(result) = results.get_mut(index) {
                write_outcome(result, outcome)?;
            }
        }
        Ok(Response::new(RecordUsagesResponse { results }))
    }

    async fn record_usage_stream(
        &self,
        request: Request<Streaming<RecordUsageStreamRequest>>,
    ) -> Result<Response<RecordUsageStreamResponse>, Status> {
        let scope = Scope::of(request.extensions())?;
        let mut chunks = request.into_inner().ready_chunks(CHUNK);
        let mut tally = RecordUsageStreamResponse::default();
        let mut index = 0;
        while let Some(chunk) = chunks.next().await {
            let mut items = Vec::with_capacity(chunk.len());
            for message in chunk {
                let record = message.map_err(body::stream_ended)?.record.unwrap_or_default();
                match messages::record_usage(&scope, &record) {
                    Ok(item) => items.push((index, item)),
                    Err(error) => count_refusal(&mut tally, index, record.request_id, error),
                }
                index += 1;
            }
            self.record_chunk(&mut tally, items).await?;
        }
        Ok(Response::new(tally))
    }

    async fn list_usage_records(
        &self,
        request: Request<ListUsageRecordsRequest>,
    ) -> Result<Response<ListUsageRecordsResponse>, Status> {
        let list = messages::list_usage_records(request)?;
        handler::read(read::list_usage_records(&self.app, &list)).await
    }

    async fn export_usage_records(
        &self,
        request: Request<ExportUsageRecordsRequest>,
    ) -> Result<Response<Self::ExportUsageRecordsStream>, Status> {
        let (list, app) = (messages::export_usage_records(request)?, self.app.clone());
        Ok(handler::export(list.listing.clone(), move |listing| {
            let (app, list) = (app.clone(), ListOfWallets { listing, ..list.clone() });
            async move {
                let ListUsageRecordsResponse { usage_records, next_page_token } =
                    read::list_usage_records(&app, &list).await?;
                Ok((
                    ExportUsageRecordsResponse {
                        usage_records,
                        next_page_token: next_page_token.clone(),
                    },
                    next_page_token,
                ))
            }
        }))
    }
}

impl Api {
    /// Records a chunk of a stream and counts the outcome of each use.
    async fn record_chunk(
        &self,
        tally: &mut RecordUsageStreamResponse,
        items: Vec<(i64, BatchItem)>,
    ) -> Result<(), Status> {
        let (indexes, items): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let ids: Vec<_> = items.iter().map(|item: &BatchItem| item.call.request_id).collect();
        let outcomes = batch::submit_many(&self.app, items).await?;
        for ((index, id), outcome) in indexes.into_iter().zip(ids).zip(outcomes) {
            match outcome {
                Ok(answer) if answer.replayed => tally.replayed_count += 1,
                Ok(_) => tally.recorded_count += 1,
                Err(error) => count_refusal(tally, index, id.to_string(), error),
            }
        }
        Ok(())
    }
}

/// Writes the outcome of one use into its result.
fn write_outcome(result: &mut UsageResult, outcome: BatchOutcome) -> Result<(), AppError> {
    match outcome {
        Ok(answer) => {
            result.usage_record =
                RecordUsageResponse::decode(answer.message.as_slice())?.usage_record;
            result.replayed = answer.replayed;
        }
        Err(error) => (result.reason, result.message, result.metadata) = refused(error),
    }
    Ok(())
}

fn count_refusal(
    tally: &mut RecordUsageStreamResponse,
    index: i64,
    request_id: String,
    error: AppError,
) {
    tally.refused_count += 1;
    if tally.refusals.len() < MAX_LISTED {
        let (reason, message, metadata) = refused(error);
        tally.refusals.push(UsageRefusal { index, request_id, reason, message, metadata });
    }
}
