//! `LotService`.

use super::Api;
use crate::{messages::lots as messages, use_cases::lots};
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    GrantCreditRequest, GrantCreditResponse, ListLotsRequest, ListLotsResponse, VoidGrantRequest,
    VoidGrantResponse, lot_service_server::LotService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl LotService for Api {
    async fn grant_credit(
        &self,
        request: Request<GrantCreditRequest>,
    ) -> Result<Response<GrantCreditResponse>, Status> {
        let (call, command) = messages::grant_credit(request)?;
        handler::write(&self.app.flows, &call, || {
            lots::grant::grant_credit(&self.app, &call, command.clone())
        })
        .await
    }

    async fn void_grant(
        &self,
        request: Request<VoidGrantRequest>,
    ) -> Result<Response<VoidGrantResponse>, Status> {
        let (call, lot) = messages::void_grant(request)?;
        handler::write(&self.app.flows, &call, || lots::void::void_grant(&self.app, &call, &lot))
            .await
    }

    async fn list_lots(
        &self,
        request: Request<ListLotsRequest>,
    ) -> Result<Response<ListLotsResponse>, Status> {
        let (wallet, page) = messages::list_lots(request)?;
        handler::read(lots::read::list_lots(&self.app, &wallet, &page)).await
    }
}
