//! `PostingService`.

use super::Api;
use crate::{parse, use_cases::post_debit};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    PostDebitRequest, PostDebitResponse, PostFeeRequest, PostFeeResponse, posting_service_server::PostingService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PostingService for Api {
    async fn post_debit(&self, request: Request<PostDebitRequest>) -> Result<Response<PostDebitResponse>, Status> {
        let (call, take) = parse::post_debit(request)?;
        answer::write(|| post_debit::debit(&self.app, &call, &take)).await
    }

    async fn post_fee(&self, request: Request<PostFeeRequest>) -> Result<Response<PostFeeResponse>, Status> {
        let (call, take) = parse::post_fee(request)?;
        answer::write(|| post_debit::fee(&self.app, &call, &take)).await
    }
}
