//! `UsageService`.

use super::{Api, why};
use crate::{
    parse_usage as parse,
    use_cases::{
        hot::{self, Item},
        record_usage,
    },
};
use futures::StreamExt;
use payterms_chassis::{AppError, Scope, answer, body};
use payterms_proto::wallet::v1::{
    ListUsageRecordsRequest, ListUsageRecordsResponse, RecordUsageRequest, RecordUsageResponse, RecordUsageStreamRequest,
    RecordUsageStreamResponse, UsageRefusal, usage_service_server::UsageService,
};
use tonic::{Request, Response, Status, Streaming};

/// Uses of a stream that are recorded together.
const CHUNK: usize = 500;
/// Refusals that a stream's answer tells of one by one.
const TOLD: usize = 100;

#[tonic::async_trait]
impl UsageService for Api {
    async fn record_usage(&self, request: Request<RecordUsageRequest>) -> Result<Response<RecordUsageResponse>, Status> {
        let item = parse::item(&Scope::of(request.extensions())?, request.get_ref())?;
        answer::once(hot::run(&self.app, item)).await
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
                match parse::item(&scope, &record) {
                    Ok(item) => items.push((index, item)),
                    Err(error) => refuse(&mut tally, index, record.request_id, error),
                }
                index += 1;
            }
            self.record(&mut tally, items).await?;
        }
        Ok(Response::new(tally))
    }

    async fn list_usage_records(&self, request: Request<ListUsageRecordsRequest>) -> Result<Response<ListUsageRecordsResponse>, Status> {
        let (wallet, page, product) = parse::list(request)?;
        answer::read(record_usage::list(&self.app, &wallet, &page, &product)).await
    }
}

impl Api {
    /// Records a chunk of a stream, after those that wait, and counts what became of each use.
    async fn record(&self, tally: &mut RecordUsageStreamResponse, items: Vec<(i64, Item)>) -> Result<(), Status> {
        let (places, items): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        let ids: Vec<_> = items.iter().map(|item: &Item| item.call.request_id).collect();
        let outcomes = hot::run_all(&self.app, items).await?;
        for ((index, id), outcome) in places.into_iter().zip(ids).zip(outcomes) {
            match outcome {
                Ok(answer) if answer.replayed => tally.replayed_count += 1,
                Ok(_) => tally.recorded_count += 1,
                Err(error) => refuse(tally, index, id.to_string(), error),
            }
        }
        Ok(())
    }
}

fn refuse(tally: &mut RecordUsageStreamResponse, index: i64, request_id: String, error: AppError) {
    tally.refused_count += 1;
    if tally.refusals.len() < TOLD {
        let (reason, message) = why(error);
        tally.refusals.push(UsageRefusal { index, request_id, reason, message });
    }
}
