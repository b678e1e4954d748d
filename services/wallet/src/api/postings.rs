//! `PostingService`.

use super::{Api, why};
use crate::{
    parse,
    use_cases::hot::{self, Command, Item},
};
use payterms_chassis::{Answer, AppError, answer};
use payterms_proto::wallet::v1::{
    DebitResult, PostDebitRequest, PostDebitResponse, PostDebitsRequest, PostDebitsResponse, PostFeeRequest, PostFeeResponse,
    posting_service_server::PostingService,
};
use payterms_wallet_domain::TransferKind;
use prost::Message;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostingService for Api {
    async fn post_debit(&self, request: Request<PostDebitRequest>) -> Result<Response<PostDebitResponse>, Status> {
        let (call, take) = parse::post_debit(request)?;
        let item = Item { call, command: Command::Take(take, TransferKind::Debit) };
        answer::once(hot::run(&self.app, item)).await
    }

    async fn post_debits(&self, request: Request<PostDebitsRequest>) -> Result<Response<PostDebitsResponse>, Status> {
        let mut results = Vec::new();
        let (mut places, mut items) = (Vec::new(), Vec::new());
        for (request_id, parsed) in parse::post_debits(request)? {
            let mut result = DebitResult { request_id, ..Default::default() };
            match parsed {
                Ok((call, take)) => {
                    places.push(results.len());
                    items.push(Item { call, command: Command::Take(take, TransferKind::Debit) });
                }
                Err(error) => (result.reason, result.message) = why(error),
            }
            results.push(result);
        }
        let outcomes = hot::run_all(&self.app, items).await?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            if let Some(result) = results.get_mut(place) {
                tell(result, outcome)?;
            }
        }
        Ok(Response::new(PostDebitsResponse { results }))
    }

    async fn post_fee(&self, request: Request<PostFeeRequest>) -> Result<Response<PostFeeResponse>, Status> {
        let (call, take) = parse::post_fee(request)?;
        let item = Item { call, command: Command::Take(take, TransferKind::Fee) };
        answer::once(hot::run(&self.app, item)).await
    }
}

/// Writes down what became of one debit.
fn tell(result: &mut DebitResult, outcome: Result<Answer<Vec<u8>>, AppError>) -> Result<(), AppError> {
    match outcome {
        Ok(answer) => {
            result.posting = PostDebitResponse::decode(answer.message.as_slice())?.posting;
            result.replayed = answer.replayed;
        }
        Err(error) => (result.reason, result.message) = why(error),
    }
    Ok(())
}
