//! `ReceiptService`.

use super::Api;
use crate::{
    messages,
    use_cases::receipts::{
        correct::correct_receipt,
        read::{get_receipt, list_receipt_versions, list_receipts},
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    CorrectReceiptRequest, CorrectReceiptResponse, GetReceiptRequest, GetReceiptResponse,
    ListReceiptVersionsRequest, ListReceiptVersionsResponse, ListReceiptsRequest,
    ListReceiptsResponse, receipt_service_server::ReceiptService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ReceiptService for Api {
    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let named = messages::receipts::get_receipt(request)?;
        handler::read(get_receipt(&self.app, &named)).await
    }

    async fn list_receipts(
        &self,
        request: Request<ListReceiptsRequest>,
    ) -> Result<Response<ListReceiptsResponse>, Status> {
        let list = messages::lists::list_receipts(request)?;
        handler::read(list_receipts(&self.app, &list)).await
    }

    async fn correct_receipt(
        &self,
        request: Request<CorrectReceiptRequest>,
    ) -> Result<Response<CorrectReceiptResponse>, Status> {
        let (call, named, explanation) = messages::receipt_versions::correct_receipt(request)?;
        handler::write(&self.app.flows, &call, || {
            correct_receipt(&self.app, &call, &named, &explanation)
        })
        .await
    }

    async fn list_receipt_versions(
        &self,
        request: Request<ListReceiptVersionsRequest>,
    ) -> Result<Response<ListReceiptVersionsResponse>, Status> {
        let (named, page) = messages::receipt_versions::list_receipt_versions(request)?;
        handler::read(list_receipt_versions(&self.app, &named, &page)).await
    }
}
