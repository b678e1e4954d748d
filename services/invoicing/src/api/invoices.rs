//! `InvoiceService`.

use super::Api;
use crate::{
    commands::invoices::ListInvoices,
    messages, store,
    use_cases::{
        credit_notes::{create::create_credit_note, read::list_credit_notes},
        invoices::{
            ageing::list_ageing,
            correct::correct_invoice,
            create::create_invoice,
            delete::delete_invoice,
            explain::explain_invoice,
            finalize::finalize_invoice,
            read::{
                batch_get_invoices, get_invoice, get_outstanding, list_invoice_versions,
                list_invoices,
            },
            update::update_invoice,
            void::void_invoice,
            write_off::write_off_invoice,
        },
    },
};
use futures::stream::BoxStream;
use payterms_chassis::{copies::COPIES, handler};
use payterms_proto::invoicing::v1::{
    BatchGetInvoicesRequest, BatchGetInvoicesResponse, CorrectInvoiceRequest,
    CorrectInvoiceResponse, CreateCreditNoteRequest, CreateCreditNoteResponse,
    CreateInvoiceRequest, CreateInvoiceResponse, DeleteInvoiceRequest, DeleteInvoiceResponse,
    ExplainInvoiceRequest, ExplainInvoiceResponse, ExportInvoicesRequest, ExportInvoicesResponse,
    FinalizeInvoiceRequest, FinalizeInvoiceResponse, GetInvoiceRequest, GetInvoiceResponse,
    GetOutstandingRequest, GetOutstandingResponse, ListAgeingRequest, ListAgeingResponse,
    ListCreditNotesRequest, ListCreditNotesResponse, ListInvoiceVersionsRequest,
    ListInvoiceVersionsResponse, ListInvoicesRequest, ListInvoicesResponse, UpdateInvoiceRequest,
    UpdateInvoiceResponse, VoidInvoiceRequest, VoidInvoiceResponse, WriteOffInvoiceRequest,
    WriteOffInvoiceResponse, invoice_service_server::InvoiceService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl InvoiceService for Api {
    type ExportInvoicesStream = BoxStream<'static, Result<ExportInvoicesResponse, Status>>;

    async fn create_invoice(
        &self,
        request: Request<CreateInvoiceRequest>,
    ) -> Result<Response<CreateInvoiceResponse>, Status> {
        let (call, new) = messages::invoice_drafts::create_invoice(request)?;
        handler::create(&self.app.flows, &call, store::invoice_lists::NAMED, &new.marks, || {
            create_invoice(&self.app, &call, &new)
        })
        .await
    }

    async fn update_invoice(
        &self,
        request: Request<UpdateInvoiceRequest>,
    ) -> Result<Response<UpdateInvoiceResponse>, Status> {
        let (call, update) = messages::invoice_drafts::update_invoice(request)?;
        handler::write(&self.app.flows, &call, || update_invoice(&self.app, &call, &update)).await
    }

    async fn delete_invoice(
        &self,
        request: Request<DeleteInvoiceRequest>,
    ) -> Result<Response<DeleteInvoiceResponse>, Status> {
        let (call, named) = messages::invoice_drafts::delete_invoice(request)?;
        handler::write(&self.app.flows, &call, || delete_invoice(&self.app, &call, &named)).await
    }

    async fn finalize_invoice(
        &self,
        request: Request<FinalizeInvoiceRequest>,
    ) -> Result<Response<FinalizeInvoiceResponse>, Status> {
        let (call, named, etag) = messages::invoices::finalize_invoice(request)?;
        Box::pin(handler::write(&self.app.flows, &call, || {
            finalize_invoice(&self.app, &call, &named, &etag)
        }))
        .await
    }

    async fn void_invoice(
        &self,
        request: Request<VoidInvoiceRequest>,
    ) -> Result<Response<VoidInvoiceResponse>, Status> {
        let (call, named, explanation) = messages::invoices::void_invoice(request)?;
        handler::write(&self.app.flows, &call, || {
            void_invoice(&self.app, &call, &named, &explanation)
        })
        .await
    }

    async fn write_off_invoice(
        &self,
        request: Request<WriteOffInvoiceRequest>,
    ) -> Result<Response<WriteOffInvoiceResponse>, Status> {
        let (call, named) = messages::invoices::write_off_invoice(request)?;
        handler::write(&self.app.flows, &call, || write_off_invoice(&self.app, &call, &named)).await
    }

    async fn create_credit_note(
        &self,
        request: Request<CreateCreditNoteRequest>,
    ) -> Result<Response<CreateCreditNoteResponse>, Status> {
        let (call, note) = messages::credit_notes::create_credit_note(request)?;
        handler::write(&self.app.flows, &call, || create_credit_note(&self.app, &call, &note)).await
    }

    async fn get_invoice(
        &self,
        request: Request<GetInvoiceRequest>,
    ) -> Result<Response<GetInvoiceResponse>, Status> {
        let named = messages::invoices::get_invoice(request)?;
        handler::read(get_invoice(&self.app, &named)).await
    }

    async fn list_invoices(
        &self,
        request: Request<ListInvoicesRequest>,
    ) -> Result<Response<ListInvoicesResponse>, Status> {
        let list = messages::invoice_lists::list_invoices(request)?;
        handler::read(list_invoices(&self.app, &list)).await
    }

    async fn batch_get_invoices(
        &self,
        request: Request<BatchGetInvoicesRequest>,
    ) -> Result<Response<BatchGetInvoicesResponse>, Status> {
        let batch = messages::invoices::batch_get_invoices(request)?;
        handler::read(batch_get_invoices(&self.app, &batch)).await
    }

    async fn explain_invoice(
        &self,
        request: Request<ExplainInvoiceRequest>,
    ) -> Result<Response<ExplainInvoiceResponse>, Status> {
        let named = messages::invoices::explain_invoice(request)?;
        let mut rested_on = None;
        let explained = async {
            let (explained, copy) = explain_invoice(&self.app, &named).await?;
            rested_on = copy;
            Ok(explained)
        };
        let mut response = handler::read(explained).await?;
        // The gateway asks the owner of the plan for its version, and repeats the call with it.
        if let Some(copy) = rested_on.and_then(|copy| copy.parse().ok()) {
            response.metadata_mut().insert(COPIES, copy);
        }
        Ok(response)
    }

    async fn get_outstanding(
        &self,
        request: Request<GetOutstandingRequest>,
    ) -> Result<Response<GetOutstandingResponse>, Status> {
        let customer = messages::outstanding::get_outstanding(request)?;
        handler::read(get_outstanding(&self.app, &customer)).await
    }

    async fn list_ageing(
        &self,
        request: Request<ListAgeingRequest>,
    ) -> Result<Response<ListAgeingResponse>, Status> {
        let list = messages::ageing::list_ageing(request)?;
        handler::read(list_ageing(&self.app, &list)).await
    }

    async fn list_credit_notes(
        &self,
        request: Request<ListCreditNotesRequest>,
    ) -> Result<Response<ListCreditNotesResponse>, Status> {
        let list = messages::lists::list_credit_notes(request)?;
        handler::read(list_credit_notes(&self.app, &list)).await
    }

    async fn correct_invoice(
        &self,
        request: Request<CorrectInvoiceRequest>,
    ) -> Result<Response<CorrectInvoiceResponse>, Status> {
        let (call, named, explanation) = messages::invoice_versions::correct_invoice(request)?;
        handler::write(&self.app.flows, &call, || {
            correct_invoice(&self.app, &call, &named, &explanation)
        })
        .await
    }

    async fn list_invoice_versions(
        &self,
        request: Request<ListInvoiceVersionsRequest>,
    ) -> Result<Response<ListInvoiceVersionsResponse>, Status> {
        let (named, page) = messages::invoice_versions::list_invoice_versions(request)?;
        handler::read(list_invoice_versions(&self.app, &named, &page)).await
    }

    async fn export_invoices(
        &self,
        request: Request<ExportInvoicesRequest>,
    ) -> Result<Response<Self::ExportInvoicesStream>, Status> {
        let (list, app) = (messages::invoice_lists::export_invoices(request)?, self.app.clone());
        Ok(handler::export(list.listing.clone(), move |listing| {
            let (app, list) = (app.clone(), ListInvoices { listing, ..list.clone() });
            async move {
                let ListInvoicesResponse { invoices, next_page_token } =
                    list_invoices(&app, &list).await?;
                Ok((
                    ExportInvoicesResponse { invoices, next_page_token: next_page_token.clone() },
                    next_page_token,
                ))
            }
        }))
    }
}
