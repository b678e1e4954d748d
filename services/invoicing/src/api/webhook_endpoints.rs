//! `WebhookEndpointService`.

use super::Api;
use crate::{
    messages::webhook_endpoints as messages,
    use_cases::webhook_endpoints::{
        change::{delete_webhook_endpoint, update_webhook_endpoint},
        create::create_webhook_endpoint,
        read::{get_webhook_endpoint, list_webhook_endpoints},
        rotate::rotate_webhook_secret,
        secret::reveal,
        switch::{disable_webhook_endpoint, enable_webhook_endpoint},
        test::test_webhook_endpoint,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    CreateWebhookEndpointRequest, CreateWebhookEndpointResponse, DeleteWebhookEndpointRequest,
    DeleteWebhookEndpointResponse, DisableWebhookEndpointRequest, DisableWebhookEndpointResponse,
    EnableWebhookEndpointRequest, EnableWebhookEndpointResponse, GetWebhookEndpointRequest,
    GetWebhookEndpointResponse, ListWebhookEndpointsRequest, ListWebhookEndpointsResponse,
    RotateWebhookSecretRequest, RotateWebhookSecretResponse, TestWebhookEndpointRequest,
    TestWebhookEndpointResponse, UpdateWebhookEndpointRequest, UpdateWebhookEndpointResponse,
    webhook_endpoint_service_server::WebhookEndpointService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl WebhookEndpointService for Api {
    async fn create_webhook_endpoint(
        &self,
        request: Request<CreateWebhookEndpointRequest>,
    ) -> Result<Response<CreateWebhookEndpointResponse>, Status> {
        let (call, fields) = messages::create_webhook_endpoint(request, &self.app.webhooks)?;
        let mut answer = handler::write(&self.app.flows, &call, || {
            create_webhook_endpoint(&self.app, &call, &fields)
        })
        .await?;
        let this_answer = answer.get_mut();
        this_answer.secret =
            reveal(&self.app, &call, this_answer.webhook_endpoint.as_ref()).await?;
        Ok(answer)
    }

    async fn get_webhook_endpoint(
        &self,
        request: Request<GetWebhookEndpointRequest>,
    ) -> Result<Response<GetWebhookEndpointResponse>, Status> {
        let named = messages::get_webhook_endpoint(request)?;
        handler::read(get_webhook_endpoint(&self.app, &named)).await
    }

    async fn list_webhook_endpoints(
        &self,
        request: Request<ListWebhookEndpointsRequest>,
    ) -> Result<Response<ListWebhookEndpointsResponse>, Status> {
        let (tenant, page) = messages::list_webhook_endpoints(request)?;
        handler::read(list_webhook_endpoints(&self.app, &tenant, &page)).await
    }

    async fn update_webhook_endpoint(
        &self,
        request: Request<UpdateWebhookEndpointRequest>,
    ) -> Result<Response<UpdateWebhookEndpointResponse>, Status> {
        let (call, change) = messages::update_webhook_endpoint(request, &self.app.webhooks)?;
        handler::write(&self.app.flows, &call, || {
            update_webhook_endpoint(&self.app, &call, &change)
        })
        .await
    }

    async fn delete_webhook_endpoint(
        &self,
        request: Request<DeleteWebhookEndpointRequest>,
    ) -> Result<Response<DeleteWebhookEndpointResponse>, Status> {
        let (call, named) = messages::delete_webhook_endpoint(request)?;
        handler::write(&self.app.flows, &call, || delete_webhook_endpoint(&self.app, &call, &named))
            .await
    }

    async fn enable_webhook_endpoint(
        &self,
        request: Request<EnableWebhookEndpointRequest>,
    ) -> Result<Response<EnableWebhookEndpointResponse>, Status> {
        let (call, named) = messages::enable_webhook_endpoint(request)?;
        handler::write(&self.app.flows, &call, || enable_webhook_endpoint(&self.app, &call, &named))
            .await
    }

    async fn disable_webhook_endpoint(
        &self,
        request: Request<DisableWebhookEndpointRequest>,
    ) -> Result<Response<DisableWebhookEndpointResponse>, Status> {
        let (call, named) = messages::disable_webhook_endpoint(request)?;
        handler::write(&self.app.flows, &call, || {
            disable_webhook_endpoint(&self.app, &call, &named)
        })
        .await
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<RotateWebhookSecretRequest>,
    ) -> Result<Response<RotateWebhookSecretResponse>, Status> {
        let (call, rotation) = messages::rotate_webhook_secret(request)?;
        let mut answer = handler::write(&self.app.flows, &call, || {
            rotate_webhook_secret(&self.app, &call, &rotation)
        })
        .await?;
        let this_answer = answer.get_mut();
        this_answer.secret =
            reveal(&self.app, &call, this_answer.webhook_endpoint.as_ref()).await?;
        Ok(answer)
    }

    async fn test_webhook_endpoint(
        &self,
        request: Request<TestWebhookEndpointRequest>,
    ) -> Result<Response<TestWebhookEndpointResponse>, Status> {
        let (call, named) = messages::test_webhook_endpoint(request)?;
        handler::write(&self.app.flows, &call, || test_webhook_endpoint(&self.app, &call, &named))
            .await
    }
}
