//! `ProviderReconciliationService`.

use super::Api;
use crate::{
    messages::{provider_payouts, reconciliations as messages},
    use_cases::reconciliations,
};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    GetProviderBalanceRequest, GetProviderBalanceResponse, ListProviderDifferencesRequest,
    ListProviderDifferencesResponse, ListProviderPayoutsRequest, ListProviderPayoutsResponse,
    ListProviderReconciliationsRequest, ListProviderReconciliationsResponse,
    ListProviderTransactionsRequest, ListProviderTransactionsResponse, ReconcileProviderRequest,
    ReconcileProviderResponse, SettleProviderDifferenceRequest, SettleProviderDifferenceResponse,
    provider_reconciliation_service_server::ProviderReconciliationService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ProviderReconciliationService for Api {
    async fn reconcile_provider(
        &self,
        request: Request<ReconcileProviderRequest>,
    ) -> Result<Response<ReconcileProviderResponse>, Status> {
        let (call, command) = messages::reconcile_provider(request)?;
        handler::write(&self.app.flows, &call, || {
            reconciliations::reconcile::reconcile_provider(&self.app, &call, &command)
        })
        .await
    }

    async fn list_provider_reconciliations(
        &self,
        request: Request<ListProviderReconciliationsRequest>,
    ) -> Result<Response<ListProviderReconciliationsResponse>, Status> {
        let list = messages::list_provider_reconciliations(request)?;
        handler::read(reconciliations::read::list_provider_reconciliations(&self.app, &list)).await
    }

    async fn list_provider_differences(
        &self,
        request: Request<ListProviderDifferencesRequest>,
    ) -> Result<Response<ListProviderDifferencesResponse>, Status> {
        let list = messages::list_provider_differences(request)?;
        handler::read(reconciliations::read::list_provider_differences(&self.app, &list)).await
    }

    async fn settle_provider_difference(
        &self,
        request: Request<SettleProviderDifferenceRequest>,
    ) -> Result<Response<SettleProviderDifferenceResponse>, Status> {
        let (call, command) = messages::settle_provider_difference(request)?;
        handler::write(&self.app.flows, &call, || {
            reconciliations::settle::settle_provider_difference(&self.app, &call, &command)
        })
        .await
    }

    async fn list_provider_payouts(
        &self,
        request: Request<ListProviderPayoutsRequest>,
    ) -> Result<Response<ListProviderPayoutsResponse>, Status> {
        let list = provider_payouts::list_provider_payouts(request)?;
        handler::read(reconciliations::read::list_provider_payouts(&self.app, &list)).await
    }

    async fn list_provider_transactions(
        &self,
        request: Request<ListProviderTransactionsRequest>,
    ) -> Result<Response<ListProviderTransactionsResponse>, Status> {
        let list = provider_payouts::list_provider_transactions(request)?;
        handler::read(reconciliations::read::list_provider_transactions(&self.app, &list)).await
    }

    async fn get_provider_balance(
        &self,
        request: Request<GetProviderBalanceRequest>,
    ) -> Result<Response<GetProviderBalanceResponse>, Status> {
        let read = provider_payouts::get_provider_balance(request)?;
        handler::read(reconciliations::read::get_provider_balance(&self.app, &read)).await
    }
}
