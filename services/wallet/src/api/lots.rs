//! `LotService`.

use super::Api;
use crate::{
    parse,
    use_cases::{grant_credit, read, void_grant},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    GrantCreditRequest, GrantCreditResponse, ListLotsRequest, ListLotsResponse, VoidGrantRequest, VoidGrantResponse,
    lot_service_server::LotService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl LotService for Api {
    async fn grant_credit(&self, request: Request<GrantCreditRequest>) -> Result<Response<GrantCreditResponse>, Status> {
        let (call, wallet, new) = parse::grant_credit(request)?;
        answer::write(&self.app.flows, &call, || grant_credit::run(&self.app, &call, &wallet, new.clone())).await
    }

    async fn void_grant(&self, request: Request<VoidGrantRequest>) -> Result<Response<VoidGrantResponse>, Status> {
        let (call, wallet, lot) = parse::void_grant(request)?;
        answer::write(&self.app.flows, &call, || void_grant::run(&self.app, &call, &wallet, lot)).await
    }

    async fn list_lots(&self, request: Request<ListLotsRequest>) -> Result<Response<ListLotsResponse>, Status> {
        let (wallet, page) = parse::list_lots(request)?;
        answer::read(read::lots(&self.app, &wallet, &page)).await
    }
}
