//! `CollectionService`, and `OwnerCollectionService` for the service that owns invoices of a plan.

use super::Api;
use crate::{
    messages,
    use_cases::collections::{
        block::{block_invoice, unblock_invoice},
        block_for_owner::{block_for_owner, unblock_for_owner},
        collect_for_owner::collect_for_owner,
        retry::retry_collection,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::{
    peers::v1::{
        BlockForOwnerRequest, BlockForOwnerResponse, CollectForOwnerRequest,
        CollectForOwnerResponse, UnblockForOwnerRequest, UnblockForOwnerResponse,
        owner_collection_service_server::OwnerCollectionService,
    },
    v1::{
        BlockInvoiceRequest, BlockInvoiceResponse, RetryCollectionRequest, RetryCollectionResponse,
        UnblockInvoiceRequest, UnblockInvoiceResponse,
        collection_service_server::CollectionService,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl CollectionService for Api {
    async fn retry_collection(
        &self,
        request: Request<RetryCollectionRequest>,
    ) -> Result<Response<RetryCollectionResponse>, Status> {
        let (call, named) = messages::collections::retry_collection(request)?;
        handler::write(&self.app.flows, &call, || retry_collection(&self.app, &call, &named)).await
    }

    async fn block_invoice(
        &self,
        request: Request<BlockInvoiceRequest>,
    ) -> Result<Response<BlockInvoiceResponse>, Status> {
        let (call, named, reason) = messages::collections::block_invoice(request)?;
        handler::write(&self.app.flows, &call, || block_invoice(&self.app, &call, &named, reason))
            .await
    }

    async fn unblock_invoice(
        &self,
        request: Request<UnblockInvoiceRequest>,
    ) -> Result<Response<UnblockInvoiceResponse>, Status> {
        let (call, named) = messages::collections::unblock_invoice(request)?;
        handler::write(&self.app.flows, &call, || unblock_invoice(&self.app, &call, &named)).await
    }
}

#[tonic::async_trait]
impl OwnerCollectionService for Api {
    async fn block_for_owner(
        &self,
        request: Request<BlockForOwnerRequest>,
    ) -> Result<Response<BlockForOwnerResponse>, Status> {
        let (call, owned, reason) = messages::collections::block_for_owner(request)?;
        handler::write(&self.app.flows, &call, || block_for_owner(&self.app, &call, &owned, reason))
            .await
    }

    async fn unblock_for_owner(
        &self,
        request: Request<UnblockForOwnerRequest>,
    ) -> Result<Response<UnblockForOwnerResponse>, Status> {
        let (call, owned) = messages::collections::unblock_for_owner(request)?;
        handler::write(&self.app.flows, &call, || unblock_for_owner(&self.app, &call, &owned)).await
    }

    async fn collect_for_owner(
        &self,
        request: Request<CollectForOwnerRequest>,
    ) -> Result<Response<CollectForOwnerResponse>, Status> {
        let (call, collect) = messages::collections::collect_for_owner(request)?;
        handler::write(&self.app.flows, &call, || collect_for_owner(&self.app, &call, &collect))
            .await
    }
}
