//! `PostingService`.

use super::{Api, refused};
use crate::{messages::postings as messages, use_cases::batch};
use payterms_chassis::{AppError, batch_verb::BatchOutcome, handler};
use payterms_proto::wallet::v1::{
    DebitResult, PostDebitRequest, PostDebitResponse, PostDebitsRequest, PostDebitsResponse,
    PostFeeRequest, PostFeeResponse, posting_service_server::PostingService,
};
use prost::Message;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostingService for Api {
    async fn post_debit(
        &self,
        request: Request<PostDebitRequest>,
    ) -> Result<Response<PostDebitResponse>, Status> {
        let item = messages::post_debit(request)?;
        handler::once(batch::submit(&self.app, item)).await
    }

    async fn post_debits(
        &self,
        request: Request<PostDebitsRequest>,
    ) -> Result<Response<PostDebitsResponse>, Status> {
        let mut results = Vec::new();
        let mut indexes = Vec::new();
        let mut items = Vec::new();
        for (request_id, parsed) in messages::post_debits(request)? {
            let mut result = DebitResult { request_id, ..Default::default() };
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
        Ok(Response::new(PostDebitsResponse { results }))
    }

    async fn post_fee(
        &self,
        request: Request<PostFeeRequest>,
    ) -> Result<Response<PostFeeResponse>, Status> {
        let item = messages::post_fee(request)?;
        handler::once(batch::submit(&self.app, item)).await
    }
}

/// Writes the outcome of one debit into its result.
fn write_outcome(result: &mut DebitResult, outcome: BatchOutcome) -> Result<(), AppError> {
    match outcome {
        Ok(answer) => {
            result.posting = PostDebitResponse::decode(answer.message.as_slice())?.posting;
            result.replayed = answer.replayed;
        }
        Err(error) => (result.reason, result.message, result.metadata) = refused(error),
    }
    Ok(())
}
