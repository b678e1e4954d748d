//! `BankService`.

use super::Api;
use crate::{
    commands::bank_lines::Matching,
    messages,
    use_cases::bank_lines::{
        confirm::confirm_bank_line,
        credit::credit_bank_line,
        dismiss::dismiss_bank_line,
        import::{describe_bank_statement, import_bank_statement},
        match_line::match_bank_line,
        read::{get_bank_line, list_bank_lines},
        return_line::return_bank_line,
        split::split_bank_line,
        unmatch::unmatch_bank_line,
    },
};
use payterms_chassis::handler;
use payterms_proto::invoicing::v1::{
    ConfirmBankLineRequest, ConfirmBankLineResponse, CreditBankLineRequest, CreditBankLineResponse,
    DescribeBankStatementRequest, DescribeBankStatementResponse, DismissBankLineRequest,
    DismissBankLineResponse, GetBankLineRequest, GetBankLineResponse, ImportBankStatementRequest,
    ImportBankStatementResponse, ListBankLinesRequest, ListBankLinesResponse, MatchBankLineRequest,
    MatchBankLineResponse, SplitBankLineRequest, SplitBankLineResponse, UnmatchBankLineRequest,
    UnmatchBankLineResponse, bank_service_server::BankService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl BankService for Api {
    async fn import_bank_statement(
        &self,
        request: Request<ImportBankStatementRequest>,
    ) -> Result<Response<ImportBankStatementResponse>, Status> {
        let (call, file) = messages::bank_statements::import_bank_statement(request)?;
        handler::write(&self.app.flows, &call, || import_bank_statement(&self.app, &call, &file))
            .await
    }

    async fn describe_bank_statement(
        &self,
        request: Request<DescribeBankStatementRequest>,
    ) -> Result<Response<DescribeBankStatementResponse>, Status> {
        let (tenant, file) = messages::bank_statements::describe_bank_statement(request)?;
        handler::read(describe_bank_statement(&self.app, &tenant, &file)).await
    }

    async fn confirm_bank_line(
        &self,
        request: Request<ConfirmBankLineRequest>,
    ) -> Result<Response<ConfirmBankLineResponse>, Status> {
        let (call, line) = messages::bank_lines::confirm_bank_line(request)?;
        handler::write(&self.app.flows, &call, || confirm_bank_line(&self.app, &call, line)).await
    }

    async fn match_bank_line(
        &self,
        request: Request<MatchBankLineRequest>,
    ) -> Result<Response<MatchBankLineResponse>, Status> {
        let (call, matched) = messages::bank_lines::match_bank_line(request)?;
        let app = &self.app;
        match matched {
            Matching::Invoices(named) => {
                handler::write(&app.flows, &call, || match_bank_line(app, &call, &named)).await
            }
            Matching::Return(named) => {
                handler::write(&app.flows, &call, || return_bank_line(app, &call, &named)).await
            }
        }
    }

    async fn unmatch_bank_line(
        &self,
        request: Request<UnmatchBankLineRequest>,
    ) -> Result<Response<UnmatchBankLineResponse>, Status> {
        let (call, line) = messages::bank_lines::unmatch_bank_line(request)?;
        handler::write(&self.app.flows, &call, || unmatch_bank_line(&self.app, &call, line)).await
    }

    async fn credit_bank_line(
        &self,
        request: Request<CreditBankLineRequest>,
    ) -> Result<Response<CreditBankLineResponse>, Status> {
        let (call, credited) = messages::bank_lines::credit_bank_line(request)?;
        handler::write(&self.app.flows, &call, || credit_bank_line(&self.app, &call, &credited))
            .await
    }

    async fn split_bank_line(
        &self,
        request: Request<SplitBankLineRequest>,
    ) -> Result<Response<SplitBankLineResponse>, Status> {
        let (call, split) = messages::bank_lines::split_bank_line(request)?;
        handler::write(&self.app.flows, &call, || split_bank_line(&self.app, &call, &split)).await
    }

    async fn dismiss_bank_line(
        &self,
        request: Request<DismissBankLineRequest>,
    ) -> Result<Response<DismissBankLineResponse>, Status> {
        let (call, dismissed) = messages::bank_lines::dismiss_bank_line(request)?;
        handler::write(&self.app.flows, &call, || dismiss_bank_line(&self.app, &call, &dismissed))
            .await
    }

    async fn get_bank_line(
        &self,
        request: Request<GetBankLineRequest>,
    ) -> Result<Response<GetBankLineResponse>, Status> {
        let (tenant, line) = messages::bank_lines::get_bank_line(request)?;
        handler::read(get_bank_line(&self.app, &tenant, line)).await
    }

    async fn list_bank_lines(
        &self,
        request: Request<ListBankLinesRequest>,
    ) -> Result<Response<ListBankLinesResponse>, Status> {
        let (tenant, state, page) = messages::bank_lines::list_bank_lines(request)?;
        handler::read(list_bank_lines(&self.app, &tenant, state, &page)).await
    }
}
