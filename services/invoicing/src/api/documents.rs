//! `DocumentService`, `ReceiptService` and `StatementService`.

use super::Api;
use crate::{
    messages,
    use_cases::{documents, read_receipts, read_statements},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use payterms_chassis::{AppError, answer};
use payterms_proto::invoicing::v1::{
    DownloadDocumentsRequest, DownloadDocumentsResponse, GetDocumentRequest, GetDocumentResponse, GetReceiptRequest, GetReceiptResponse,
    GetStatementRequest, GetStatementResponse, ListReceiptsRequest, ListReceiptsResponse, ListStatementsRequest, ListStatementsResponse,
    document_service_server::DocumentService, receipt_service_server::ReceiptService, statement_service_server::StatementService,
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};
use tracing::Instrument;

#[tonic::async_trait]
impl DocumentService for Api {
    type DownloadDocumentsStream = BoxStream<'static, Result<DownloadDocumentsResponse, Status>>;

    async fn get_document(&self, request: Request<GetDocumentRequest>) -> Result<Response<GetDocumentResponse>, Status> {
        let named = messages::documents::get_document(request)?;
        answer::read(documents::one(&self.app, &named)).await
    }

    async fn download_documents(
        &self,
        request: Request<DownloadDocumentsRequest>,
    ) -> Result<Response<Self::DownloadDocumentsStream>, Status> {
        let asked = messages::documents::download_documents(request)?;
        let mut documents = documents::all(&self.app, asked).await?;
        // A task of its own reads and prints: the answer's body may be dropped at any moment, also in the middle of a read.
        let (sender, receiver) = mpsc::channel(1);
        let printing = async move {
            while let Some(document) = documents.next().await {
                if sender.send(document.map_err(AppError::into)).await.is_err() {
                    break;
                }
            }
        };
        tokio::spawn(printing.in_current_span());
        let printed = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        Ok(Response::new(printed.boxed()))
    }
}

#[tonic::async_trait]
impl ReceiptService for Api {
    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        let (tenant, customer, receipt) = messages::receipts::get_receipt(request)?;
        answer::read(read_receipts::receipt(&self.app, (&tenant, customer), receipt)).await
    }

    async fn list_receipts(&self, request: Request<ListReceiptsRequest>) -> Result<Response<ListReceiptsResponse>, Status> {
        let (tenant, customer, page) = messages::receipts::list_receipts(request)?;
        answer::read(read_receipts::receipts(&self.app, (&tenant, customer), &page)).await
    }
}

#[tonic::async_trait]
impl StatementService for Api {
    async fn get_statement(&self, request: Request<GetStatementRequest>) -> Result<Response<GetStatementResponse>, Status> {
        let named = messages::statements::get_statement(request)?;
        answer::read(read_statements::statement(&self.app, &named)).await
    }

    async fn list_statements(&self, request: Request<ListStatementsRequest>) -> Result<Response<ListStatementsResponse>, Status> {
        let (tenant, customer, as_customer, page) = messages::statements::list_statements(request)?;
        answer::read(read_statements::list(&self.app, (&tenant, customer, as_customer), &page)).await
    }
}
