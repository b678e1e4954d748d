//! `ApprovalService`.

use super::Api;
use crate::{
    messages,
    use_cases::approvals::{
        decide::decide_approval,
        propose::propose_approval,
        read::{get_approval, list_approvals},
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    DecideApprovalRequest, DecideApprovalResponse, GetApprovalRequest, GetApprovalResponse,
    ListApprovalsRequest, ListApprovalsResponse, ProposeCreditNoteRequest,
    ProposeCreditNoteResponse, ProposeWriteOffRequest, ProposeWriteOffResponse,
    approval_service_server::ApprovalService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl ApprovalService for Api {
    async fn propose_write_off(
        &self,
        request: Request<ProposeWriteOffRequest>,
    ) -> Result<Response<ProposeWriteOffResponse>, Status> {
        let (call, proposal) = messages::approvals::propose_write_off(request)?;
        handler::write(&self.app.flows, &call, || propose_approval(&self.app, &call, &proposal))
            .await
    }

    async fn propose_credit_note(
        &self,
        request: Request<ProposeCreditNoteRequest>,
    ) -> Result<Response<ProposeCreditNoteResponse>, Status> {
        let (call, proposal) = messages::approvals::propose_credit_note(request)?;
        handler::write(&self.app.flows, &call, || propose_approval(&self.app, &call, &proposal))
            .await
    }

    async fn decide_approval(
        &self,
        request: Request<DecideApprovalRequest>,
    ) -> Result<Response<DecideApprovalResponse>, Status> {
        let (call, decision) = messages::approvals::decide_approval(request)?;
        handler::write(&self.app.flows, &call, || decide_approval(&self.app, &call, &decision))
            .await
    }

    async fn get_approval(
        &self,
        request: Request<GetApprovalRequest>,
    ) -> Result<Response<GetApprovalResponse>, Status> {
        let (tenant, id) = messages::approvals::get_approval(request)?;
        handler::read(get_approval(&self.app, &tenant, id)).await
    }

    async fn list_approvals(
        &self,
        request: Request<ListApprovalsRequest>,
    ) -> Result<Response<ListApprovalsResponse>, Status> {
        let (tenant, state, page) = messages::approvals::list_approvals(request)?;
        handler::read(list_approvals(&self.app, &tenant, state, &page)).await
    }
}
