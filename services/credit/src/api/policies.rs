//! `PolicyService`.

use super::Api;
use crate::{
    messages::policies as parse,
    use_cases::policies::{
        back_test::back_test_policy,
        create::create_policy,
        publish::publish_policy,
        read::{get_policy, list_policies},
        test::test_policy,
        update::update_policy,
    },
};
use payterms_chassis::handler;
use payterms_proto::credit::v1::{
    BackTestPolicyRequest, BackTestPolicyResponse, CreatePolicyRequest, CreatePolicyResponse,
    GetPolicyRequest, GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse,
    PublishPolicyRequest, PublishPolicyResponse, TestPolicyRequest, TestPolicyResponse,
    UpdatePolicyRequest, UpdatePolicyResponse, policy_service_server::PolicyService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PolicyService for Api {
    async fn create_policy(
        &self,
        request: Request<CreatePolicyRequest>,
    ) -> Result<Response<CreatePolicyResponse>, Status> {
        let (call, draft) = parse::create_policy(request)?;
        handler::write(&self.app.flows, &call, || create_policy(&self.app, &call, &draft)).await
    }

    async fn update_policy(
        &self,
        request: Request<UpdatePolicyRequest>,
    ) -> Result<Response<UpdatePolicyResponse>, Status> {
        let (call, command) = parse::update_policy(request)?;
        handler::write(&self.app.flows, &call, || update_policy(&self.app, &call, &command)).await
    }

    async fn test_policy(
        &self,
        request: Request<TestPolicyRequest>,
    ) -> Result<Response<TestPolicyResponse>, Status> {
        let policy = parse::test_policy(request)?;
        handler::read(test_policy(&self.app, &policy)).await
    }

    async fn publish_policy(
        &self,
        request: Request<PublishPolicyRequest>,
    ) -> Result<Response<PublishPolicyResponse>, Status> {
        let (call, policy) = parse::publish_policy(request)?;
        handler::write(&self.app.flows, &call, || publish_policy(&self.app, &call, &policy)).await
    }

    async fn back_test_policy(
        &self,
        request: Request<BackTestPolicyRequest>,
    ) -> Result<Response<BackTestPolicyResponse>, Status> {
        let policy = parse::back_test_policy(request)?;
        handler::read(back_test_policy(&self.app, &policy)).await
    }

    async fn get_policy(
        &self,
        request: Request<GetPolicyRequest>,
    ) -> Result<Response<GetPolicyResponse>, Status> {
        let policy = parse::get_policy(request)?;
        handler::read(get_policy(&self.app, &policy)).await
    }

    async fn list_policies(
        &self,
        request: Request<ListPoliciesRequest>,
    ) -> Result<Response<ListPoliciesResponse>, Status> {
        let (tenant, page) = parse::list_policies(request)?;
        handler::read(list_policies(&self.app, &tenant, &page)).await
    }
}
