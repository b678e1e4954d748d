//! `WalletService`.

use super::Api;
use crate::{
    commands::wallets::ListOfWallets,
    messages::wallets as messages,
    store,
    use_cases::wallets::{open, read},
};
use futures::stream::BoxStream;
use payterms_chassis::handler;
use payterms_proto::wallet::v1::{
    ExportEntriesRequest, ExportEntriesResponse, GetBalanceRequest, GetBalanceResponse,
    GetWalletRequest, GetWalletResponse, ListEntriesRequest, ListEntriesResponse,
    ListWalletsRequest, ListWalletsResponse, OpenWalletRequest, OpenWalletResponse,
    wallet_service_server::WalletService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl WalletService for Api {
    type ExportEntriesStream = BoxStream<'static, Result<ExportEntriesResponse, Status>>;

    async fn open_wallet(
        &self,
        request: Request<OpenWalletRequest>,
    ) -> Result<Response<OpenWalletResponse>, Status> {
        let (call, command) = messages::open_wallet(request)?;
        handler::create(&self.app.flows, &call, store::wallets::NAMED, &command.marks, || {
            open::open_wallet(&self.app, &call, &command)
        })
        .await
    }

    async fn get_wallet(
        &self,
        request: Request<GetWalletRequest>,
    ) -> Result<Response<GetWalletResponse>, Status> {
        let wallet = messages::get_wallet(request)?;
        handler::read(read::get_wallet(&self.app, &wallet)).await
    }

    async fn list_wallets(
        &self,
        request: Request<ListWalletsRequest>,
    ) -> Result<Response<ListWalletsResponse>, Status> {
        let list = messages::list_wallets(request)?;
        handler::read(read::list_wallets(&self.app, &list)).await
    }

    async fn get_balance(
        &self,
        request: Request<GetBalanceRequest>,
    ) -> Result<Response<GetBalanceResponse>, Status> {
        let (wallet, as_of) = messages::get_balance(request)?;
        handler::read(read::get_balance(&self.app, &wallet, as_of)).await
    }

    async fn list_entries(
        &self,
        request: Request<ListEntriesRequest>,
    ) -> Result<Response<ListEntriesResponse>, Status> {
        let list = messages::list_entries(request)?;
        handler::read(read::list_entries(&self.app, &list)).await
    }

    async fn export_entries(
        &self,
        request: Request<ExportEntriesRequest>,
    ) -> Result<Response<Self::ExportEntriesStream>, Status> {
        let (list, app) = (messages::export_entries(request)?, self.app.clone());
        Ok(handler::export(list.listing.clone(), move |listing| {
            let (app, list) = (app.clone(), ListOfWallets { listing, ..list.clone() });
            async move {
                let ListEntriesResponse { entries, next_page_token } =
                    read::list_entries(&app, &list).await?;
                Ok((
                    ExportEntriesResponse { entries, next_page_token: next_page_token.clone() },
                    next_page_token,
                ))
            }
        }))
    }
}
