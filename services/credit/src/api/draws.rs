//! `DrawService`, and `PaymentDrawService` for the service that owns payments.

use super::Api;
use crate::{
    commands::purchases::PurchaseItem,
    messages::{draws as parse, purchases},
    use_cases::{
        batch::submit_purchase,
        draws::{
            authorize_for_payment::authorize_for_payment,
            capture_for_payment::capture_for_payment,
            read::{get_draw, get_line_means, list_draws},
            void_for_payment::void_for_payment,
        },
    },
};
use payterms_chassis::handler;
use payterms_proto::credit::{
    peers::v1::{
        AuthorizeForPaymentRequest, AuthorizeForPaymentResponse, CaptureForPaymentRequest,
        CaptureForPaymentResponse, GetLineMeansRequest, GetLineMeansResponse,
        VoidForPaymentRequest, VoidForPaymentResponse,
        payment_draw_service_server::PaymentDrawService,
    },
    v1::{
        AuthorizeDrawRequest, AuthorizeDrawResponse, CaptureDrawRequest, CaptureDrawResponse,
        GetDrawRequest, GetDrawResponse, ListDrawsRequest, ListDrawsResponse, VoidDrawRequest,
        VoidDrawResponse, draw_service_server::DrawService,
    },
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl DrawService for Api {
    async fn authorize_draw(
        &self,
        request: Request<AuthorizeDrawRequest>,
    ) -> Result<Response<AuthorizeDrawResponse>, Status> {
        let (call, command) = purchases::authorize_draw(request)?;
        handler::once(submit_purchase(&self.app, PurchaseItem { call, command })).await
    }

    async fn capture_draw(
        &self,
        request: Request<CaptureDrawRequest>,
    ) -> Result<Response<CaptureDrawResponse>, Status> {
        let (call, command) = purchases::capture_draw(request)?;
        handler::once(submit_purchase(&self.app, PurchaseItem { call, command })).await
    }

    async fn void_draw(
        &self,
        request: Request<VoidDrawRequest>,
    ) -> Result<Response<VoidDrawResponse>, Status> {
        let (call, command) = purchases::void_draw(request)?;
        handler::once(submit_purchase(&self.app, PurchaseItem { call, command })).await
    }

    async fn get_draw(
        &self,
        request: Request<GetDrawRequest>,
    ) -> Result<Response<GetDrawResponse>, Status> {
        let draw = parse::get_draw(request)?;
        handler::read(get_draw(&self.app, &draw)).await
    }

    async fn list_draws(
        &self,
        request: Request<ListDrawsRequest>,
    ) -> Result<Response<ListDrawsResponse>, Status> {
        let list = parse::list_draws(request)?;
        handler::read(list_draws(&self.app, &list)).await
    }
}

#[tonic::async_trait]
impl PaymentDrawService for Api {
    async fn get_line_means(
        &self,
        request: Request<GetLineMeansRequest>,
    ) -> Result<Response<GetLineMeansResponse>, Status> {
        let line = parse::get_line_means(request)?;
        handler::read(get_line_means(&self.app, &line)).await
    }

    async fn authorize_for_payment(
        &self,
        request: Request<AuthorizeForPaymentRequest>,
    ) -> Result<Response<AuthorizeForPaymentResponse>, Status> {
        let (call, command) = parse::authorize_for_payment(request)?;
        handler::write(&self.app.flows, &call, || authorize_for_payment(&self.app, &call, &command))
            .await
    }

    async fn capture_for_payment(
        &self,
        request: Request<CaptureForPaymentRequest>,
    ) -> Result<Response<CaptureForPaymentResponse>, Status> {
        let (call, payment) = parse::capture_for_payment(request)?;
        handler::write(&self.app.flows, &call, || capture_for_payment(&self.app, &call, &payment))
            .await
    }

    async fn void_for_payment(
        &self,
        request: Request<VoidForPaymentRequest>,
    ) -> Result<Response<VoidForPaymentResponse>, Status> {
        let (call, payment) = parse::void_for_payment(request)?;
        handler::write(&self.app.flows, &call, || void_for_payment(&self.app, &call, &payment))
            .await
    }
}
