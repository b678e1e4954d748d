//! `PostingService`.

use super::Api;
use crate::{
    parse,
    use_cases::hot::{self, Command, Item},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    PostDebitRequest, PostDebitResponse, PostFeeRequest, PostFeeResponse, posting_service_server::PostingService,
};
use payterms_wallet_domain::TransferKind;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostingService for Api {
    async fn post_debit(&self, request: Request<PostDebitRequest>) -> Result<Response<PostDebitResponse>, Status> {
        let (call, take) = parse::post_debit(request)?;
        let item = Item { call, command: Command::Take(take, TransferKind::Debit) };
        answer::write(|| hot::run(&self.app, &item)).await
    }

    async fn post_fee(&self, request: Request<PostFeeRequest>) -> Result<Response<PostFeeResponse>, Status> {
        let (call, take) = parse::post_fee(request)?;
        let item = Item { call, command: Command::Take(take, TransferKind::Fee) };
        answer::write(|| hot::run(&self.app, &item)).await
    }
}
