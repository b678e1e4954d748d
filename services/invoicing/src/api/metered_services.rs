//! `MeteredServiceService`.

use super::Api;
use crate::{
    messages,
    use_cases::metered_services::{
        disable::disable_metered_service,
        enable::enable_metered_service,
        read::{get_metered_service, list_metered_services},
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    DisableMeteredServiceRequest, DisableMeteredServiceResponse, EnableMeteredServiceRequest,
    EnableMeteredServiceResponse, GetMeteredServiceRequest, GetMeteredServiceResponse,
    ListMeteredServicesRequest, ListMeteredServicesResponse,
    metered_service_service_server::MeteredServiceService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl MeteredServiceService for Api {
    async fn enable_metered_service(
        &self,
        request: Request<EnableMeteredServiceRequest>,
    ) -> Result<Response<EnableMeteredServiceResponse>, Status> {
        let (call, enable) = messages::metered_services::enable_metered_service(request)?;
        handler::write(&self.app.flows, &call, || enable_metered_service(&self.app, &call, &enable))
            .await
    }

    async fn disable_metered_service(
        &self,
        request: Request<DisableMeteredServiceRequest>,
    ) -> Result<Response<DisableMeteredServiceResponse>, Status> {
        let (call, named) = messages::metered_services::disable_metered_service(request)?;
        handler::write(&self.app.flows, &call, || disable_metered_service(&self.app, &call, &named))
            .await
    }

    async fn get_metered_service(
        &self,
        request: Request<GetMeteredServiceRequest>,
    ) -> Result<Response<GetMeteredServiceResponse>, Status> {
        let named = messages::metered_services::get_metered_service(request)?;
        handler::read(get_metered_service(&self.app, &named)).await
    }

    async fn list_metered_services(
        &self,
        request: Request<ListMeteredServicesRequest>,
    ) -> Result<Response<ListMeteredServicesResponse>, Status> {
        let (customer, page) = messages::metered_services::list_metered_services(request)?;
        handler::read(list_metered_services(&self.app, &customer, &page)).await
    }
}
