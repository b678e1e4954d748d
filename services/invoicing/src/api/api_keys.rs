//! `ApiKeyService`, and `ApiKeyLookupService` for the gateway.

use super::Api;
use crate::{
    messages,
    use_cases::api_keys::{
        create::create_api_key,
        read::{get_api_key, list_api_keys},
        resolve::resolve_api_key,
        revoke::revoke_api_key,
        rotate::rotate_api_key,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::{
    peers::v1::{
        ResolveApiKeyRequest, ResolveApiKeyResponse,
        api_key_lookup_service_server::ApiKeyLookupService,
    },
    v1::{
        CreateApiKeyRequest, CreateApiKeyResponse, GetApiKeyRequest, GetApiKeyResponse,
        ListApiKeysRequest, ListApiKeysResponse, RevokeApiKeyRequest, RevokeApiKeyResponse,
        RotateApiKeyRequest, RotateApiKeyResponse, api_key_service_server::ApiKeyService,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ApiKeyService for Api {
    async fn create_api_key(
        &self,
        request: Request<CreateApiKeyRequest>,
    ) -> Result<Response<CreateApiKeyResponse>, Status> {
        let (call, new) = messages::api_keys::create_api_key(request)?;
        handler::write(&self.app.flows, &call, || create_api_key(&self.app, &call, &new)).await
    }

    async fn rotate_api_key(
        &self,
        request: Request<RotateApiKeyRequest>,
    ) -> Result<Response<RotateApiKeyResponse>, Status> {
        let (call, rotation) = messages::api_keys::rotate_api_key(request)?;
        handler::write(&self.app.flows, &call, || rotate_api_key(&self.app, &call, &rotation)).await
    }

    async fn revoke_api_key(
        &self,
        request: Request<RevokeApiKeyRequest>,
    ) -> Result<Response<RevokeApiKeyResponse>, Status> {
        let (call, key) = messages::api_keys::revoke_api_key(request)?;
        handler::write(&self.app.flows, &call, || revoke_api_key(&self.app, &call, key)).await
    }

    async fn get_api_key(
        &self,
        request: Request<GetApiKeyRequest>,
    ) -> Result<Response<GetApiKeyResponse>, Status> {
        let (tenant, id) = messages::api_keys::get_api_key(request)?;
        handler::read(get_api_key(&self.app, &tenant, id)).await
    }

    async fn list_api_keys(
        &self,
        request: Request<ListApiKeysRequest>,
    ) -> Result<Response<ListApiKeysResponse>, Status> {
        let (tenant, page) = messages::api_keys::list_api_keys(request)?;
        handler::read(list_api_keys(&self.app, &tenant, &page)).await
    }
}

#[tonic::async_trait]
impl ApiKeyLookupService for Api {
    async fn resolve_api_key(
        &self,
        request: Request<ResolveApiKeyRequest>,
    ) -> Result<Response<ResolveApiKeyResponse>, Status> {
        let hash = messages::api_keys::resolve_api_key(request)?;
        handler::read(resolve_api_key(&self.app, &hash)).await
    }
}
