//! `TenantService`.

use super::Api;
use crate::{
    messages,
    use_cases::tenants::{
        create::create_tenant,
        limit::{get_call_limits, limit_tenant},
        read::{get_tenant, list_tenants},
        suspend::{activate_tenant, suspend_tenant},
        update::update_tenant,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::{
    peers::v1::{
        GetCallLimitsRequest, GetCallLimitsResponse, call_limit_service_server::CallLimitService,
    },
    v1::{
        ActivateTenantRequest, ActivateTenantResponse, CreateTenantRequest, CreateTenantResponse,
        GetTenantRequest, GetTenantResponse, LimitTenantRequest, LimitTenantResponse,
        ListTenantsRequest, ListTenantsResponse, SuspendTenantRequest, SuspendTenantResponse,
        UpdateTenantRequest, UpdateTenantResponse, tenant_service_server::TenantService,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl TenantService for Api {
    async fn create_tenant(
        &self,
        request: Request<CreateTenantRequest>,
    ) -> Result<Response<CreateTenantResponse>, Status> {
        let (call, new) = messages::tenants::create_tenant(request)?;
        handler::write(&self.app.flows, &call, || create_tenant(&self.app, &call, &new)).await
    }

    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<GetTenantResponse>, Status> {
        let tenant = messages::tenants::get_tenant(request)?;
        handler::read(get_tenant(&self.app, &tenant)).await
    }

    async fn list_tenants(
        &self,
        request: Request<ListTenantsRequest>,
    ) -> Result<Response<ListTenantsResponse>, Status> {
        let page = messages::tenants::list_tenants(request)?;
        handler::read(list_tenants(&self.app, &page)).await
    }

    async fn update_tenant(
        &self,
        request: Request<UpdateTenantRequest>,
    ) -> Result<Response<UpdateTenantResponse>, Status> {
        let (call, update) = messages::tenants::update_tenant(request)?;
        handler::write(&self.app.flows, &call, || update_tenant(&self.app, &call, &update)).await
    }

    async fn suspend_tenant(
        &self,
        request: Request<SuspendTenantRequest>,
    ) -> Result<Response<SuspendTenantResponse>, Status> {
        let call = messages::tenants::suspend_tenant(request)?;
        handler::write(&self.app.flows, &call, || suspend_tenant(&self.app, &call)).await
    }

    async fn activate_tenant(
        &self,
        request: Request<ActivateTenantRequest>,
    ) -> Result<Response<ActivateTenantResponse>, Status> {
        let call = messages::tenants::activate_tenant(request)?;
        handler::write(&self.app.flows, &call, || activate_tenant(&self.app, &call)).await
    }
    async fn limit_tenant(
        &self,
        request: Request<LimitTenantRequest>,
    ) -> Result<Response<LimitTenantResponse>, Status> {
        let (call, limits) = messages::tenants::limit_tenant(request)?;
        handler::write(&self.app.flows, &call, || limit_tenant(&self.app, &call, limits)).await
    }
}

#[tonic::async_trait]
impl CallLimitService for Api {
    async fn get_call_limits(
        &self,
        request: Request<GetCallLimitsRequest>,
    ) -> Result<Response<GetCallLimitsResponse>, Status> {
        let slugs = messages::tenants::get_call_limits(request)?;
        handler::read(get_call_limits(&self.app, &slugs)).await
    }
}
