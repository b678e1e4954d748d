//! `PolicyService`.

use super::Api;
use crate::{parse_policies as parse, use_cases::policies};
use payterms_chassis::answer;
use payterms_proto::credit::v1::{
    BackTestPolicyRequest, BackTestPolicyResponse, CreatePolicyRequest, CreatePolicyResponse, GetPolicyRequest, GetPolicyResponse,
    ListPoliciesRequest, ListPoliciesResponse, PublishPolicyRequest, PublishPolicyResponse, TestPolicyRequest, TestPolicyResponse,
    UpdatePolicyRequest, UpdatePolicyResponse, policy_service_server::PolicyService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl PolicyService for Api {
    async fn create_policy(&self, request: Request<CreatePolicyRequest>) -> Result<Response<CreatePolicyResponse>, Status> {
        let (call, asked) = parse::create(request)?;
        answer::write(&self.app.flows, &call, || policies::create(&self.app, &call, &asked)).await
    }

    async fn update_policy(&self, request: Request<UpdatePolicyRequest>) -> Result<Response<UpdatePolicyResponse>, Status> {
        let (call, named, new, etag) = parse::update(request)?;
        answer::write(&self.app.flows, &call, || policies::update(&self.app, &call, &named, (&new, &etag))).await
    }

    async fn test_policy(&self, request: Request<TestPolicyRequest>) -> Result<Response<TestPolicyResponse>, Status> {
        let named = parse::test(request)?;
        answer::read(policies::test(&self.app, &named)).await
    }

    async fn publish_policy(&self, request: Request<PublishPolicyRequest>) -> Result<Response<PublishPolicyResponse>, Status> {
        let (call, named) = parse::publish(request)?;
        answer::write(&self.app.flows, &call, || policies::release(&self.app, &call, &named)).await
    }

    async fn back_test_policy(&self, request: Request<BackTestPolicyRequest>) -> Result<Response<BackTestPolicyResponse>, Status> {
        let named = parse::back_test(request)?;
        answer::read(policies::back_test(&self.app, &named)).await
    }

    async fn get_policy(&self, request: Request<GetPolicyRequest>) -> Result<Response<GetPolicyResponse>, Status> {
        let named = parse::get(request)?;
        answer::read(policies::get(&self.app, &named)).await
    }

    async fn list_policies(&self, request: Request<ListPoliciesRequest>) -> Result<Response<ListPoliciesResponse>, Status> {
        let (tenant, page) = parse::list(request)?;
        answer::read(policies::list(&self.app, &tenant, &page)).await
    }
}
