//! `WalletService`.

use super::Api;
use crate::{
    parse,
    use_cases::{open_wallet, read},
};
use payterms_chassis::answer;
use payterms_proto::wallet::v1::{
    GetBalanceRequest, GetBalanceResponse, GetWalletRequest, GetWalletResponse, ListEntriesRequest, ListEntriesResponse,
    ListWalletsRequest, ListWalletsResponse, OpenWalletRequest, OpenWalletResponse, wallet_service_server::WalletService,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl WalletService for Api {
    async fn open_wallet(&self, request: Request<OpenWalletRequest>) -> Result<Response<OpenWalletResponse>, Status> {
        let (call, customer, currency) = parse::open_wallet(request)?;
        answer::write(&self.app.flows, &call, || open_wallet::run(&self.app, &call, customer, currency)).await
    }

    async fn get_wallet(&self, request: Request<GetWalletRequest>) -> Result<Response<GetWalletResponse>, Status> {
        let wallet = parse::get_wallet(request)?;
        answer::read(read::wallet(&self.app, &wallet)).await
    }

    async fn list_wallets(&self, request: Request<ListWalletsRequest>) -> Result<Response<ListWalletsResponse>, Status> {
        let (tenant, customer, page) = parse::list_wallets(request)?;
        answer::read(read::wallets(&self.app, &tenant, customer, &page)).await
    }

    async fn get_balance(&self, request: Request<GetBalanceRequest>) -> Result<Response<GetBalanceResponse>, Status> {
        let (wallet, as_of) = parse::get_balance(request)?;
        answer::read(read::balance(&self.app, &wallet, as_of)).await
    }

    async fn list_entries(&self, request: Request<ListEntriesRequest>) -> Result<Response<ListEntriesResponse>, Status> {
        let (wallet, page) = parse::list_entries(request)?;
        answer::read(read::entries(&self.app, &wallet, &page)).await
    }
}
