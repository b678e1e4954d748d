//! `ReceiptService`.

use super::Api;
use crate::{
    messages,
    use_cases::receipts::read::{get_receipt, list_receipts},
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    GetReceiptRequest, GetReceiptResponse, ListReceiptsRequest, ListReceiptsResponse, receipt_service_server::ReceiptService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ReceiptService for Api {
    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        let named = messages::receipts::get_receipt(request)?;
        handler::read(get_receipt(&self.app, &named)).await
    }

    async fn list_receipts(&self, request: Request<ListReceiptsRequest>) -> Result<Response<ListReceiptsResponse>, Status> {
        let list = messages::lists::list_receipts(request)?;
        handler::read(list_receipts(&self.app, &list)).await
    }
}
