//! `DocumentService`.

use super::Api;
use crate::{
    messages,
    use_cases::documents::{download::download_documents, get::get_document},
};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use payterms_chassis::{AppError, handler};
use payterms_proto::invoicing::v1::{
    DownloadDocumentsRequest, DownloadDocumentsResponse, GetDocumentRequest, GetDocumentResponse,
    document_service_server::DocumentService,
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};
use tracing::Instrument;

#[tonic::async_trait]
impl DocumentService for Api {
    type DownloadDocumentsStream = BoxStream<'static, Result<DownloadDocumentsResponse, Status>>;

    async fn get_document(
        &self,
        request: Request<GetDocumentRequest>,
    ) -> Result<Response<GetDocumentResponse>, Status> {
        let named = messages::documents::get_document(request)?;
        handler::read(get_document(&self.app, &named)).await
    }

    async fn download_documents(
        &self,
        request: Request<DownloadDocumentsRequest>,
    ) -> Result<Response<Self::DownloadDocumentsStream>, Status> {
        let download = messages::documents::download_documents(request)?;
        let mut documents = download_documents(&self.app, download).await?;
        // A task of its own reads and prints: the answer's body may be dropped at any moment, also
        // in the middle of a read.
        let (sender, receiver) = mpsc::channel(1);
        let printing = async move {
            while let Some(document) = documents.next().await {
                if sender.send(document.map_err(AppError::into)).await.is_err() {
                    break;
                }
            }
        };
        tokio::spawn(printing.in_current_span());
        let printed =
            stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        Ok(Response::new(printed.boxed()))
    }
}
