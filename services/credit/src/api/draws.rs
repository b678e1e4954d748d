//! `DrawService`.

use super::Api;
use crate::{
    parse_draws as parse, parse_purchases,
    use_cases::{
        draw_for_payment,
        purchase::{self, Item},
        read_draws,
    },
};
use payterms_chassis::answer;
use payterms_proto::credit::v1::{
    AuthorizeDrawRequest, AuthorizeDrawResponse, AuthorizeForPaymentRequest, AuthorizeForPaymentResponse, CaptureDrawRequest,
    CaptureDrawResponse, CaptureForPaymentRequest, CaptureForPaymentResponse, GetDrawRequest, GetDrawResponse, GetLineMeansRequest,
    GetLineMeansResponse, ListDrawsRequest, ListDrawsResponse, VoidDrawRequest, VoidDrawResponse, VoidForPaymentRequest,
    VoidForPaymentResponse, draw_service_server::DrawService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl DrawService for Api {
    async fn authorize_draw(&self, request: Request<AuthorizeDrawRequest>) -> Result<Response<AuthorizeDrawResponse>, Status> {
        let (call, command) = parse_purchases::authorize(request)?;
        let item = Item { call, command };
        answer::once(purchase::run(&self.app, item)).await
    }

    async fn capture_draw(&self, request: Request<CaptureDrawRequest>) -> Result<Response<CaptureDrawResponse>, Status> {
        let (call, command) = parse_purchases::capture(request)?;
        let item = Item { call, command };
        answer::once(purchase::run(&self.app, item)).await
    }

    async fn void_draw(&self, request: Request<VoidDrawRequest>) -> Result<Response<VoidDrawResponse>, Status> {
        let (call, command) = parse_purchases::void(request)?;
        let item = Item { call, command };
        answer::once(purchase::run(&self.app, item)).await
    }

    async fn get_line_means(&self, request: Request<GetLineMeansRequest>) -> Result<Response<GetLineMeansResponse>, Status> {
        let named = parse::means(request)?;
        answer::read(draw_for_payment::means(&self.app, &named)).await
    }

    async fn authorize_for_payment(
        &self,
        request: Request<AuthorizeForPaymentRequest>,
    ) -> Result<Response<AuthorizeForPaymentResponse>, Status> {
        let (call, named, to_defer) = parse::authorize(request)?;
        answer::write(&self.app.flows, &call, || draw_for_payment::authorize(&self.app, &call, &named, &to_defer)).await
    }

    async fn capture_for_payment(&self, request: Request<CaptureForPaymentRequest>) -> Result<Response<CaptureForPaymentResponse>, Status> {
        let (call, named) = parse::capture(request)?;
        answer::write(&self.app.flows, &call, || draw_for_payment::capture(&self.app, &call, &named)).await
    }

    async fn void_for_payment(&self, request: Request<VoidForPaymentRequest>) -> Result<Response<VoidForPaymentResponse>, Status> {
        let (call, named) = parse::void(request)?;
        answer::write(&self.app.flows, &call, || draw_for_payment::void(&self.app, &call, &named)).await
    }

    async fn get_draw(&self, request: Request<GetDrawRequest>) -> Result<Response<GetDrawResponse>, Status> {
        let (named, id) = parse::get(request)?;
        answer::read(read_draws::get(&self.app, &named, id)).await
    }

    async fn list_draws(&self, request: Request<ListDrawsRequest>) -> Result<Response<ListDrawsResponse>, Status> {
        let (named, page) = parse::list(request)?;
        answer::read(read_draws::list(&self.app, &named, &page)).await
    }
}
