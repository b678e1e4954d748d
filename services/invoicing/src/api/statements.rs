//! `StatementService`.

use super::Api;
use crate::{
    messages,
    use_cases::statements::read::{get_statement, list_statements},
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    GetStatementRequest, GetStatementResponse, ListStatementsRequest, ListStatementsResponse,
    statement_service_server::StatementService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl StatementService for Api {
    async fn get_statement(
        &self,
        request: Request<GetStatementRequest>,
    ) -> Result<Response<GetStatementResponse>, Status> {
        let named = messages::statements::get_statement(request)?;
        handler::read(get_statement(&self.app, &named)).await
    }

    async fn list_statements(
        &self,
        request: Request<ListStatementsRequest>,
    ) -> Result<Response<ListStatementsResponse>, Status> {
        let (customer, page) = messages::statements::list_statements(request)?;
        handler::read(list_statements(&self.app, &customer, &page)).await
    }
}
