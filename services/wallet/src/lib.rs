//! The wallet service: prepaid credit, its ledger, holds, and everything that fills or empties it.

pub mod api;
pub mod consume;
pub mod jobs;
pub mod parse;
pub mod render;
pub mod store;
pub mod use_cases;

use clap::Args;
use payterms_chassis::{Db, Parts, Runtime, Service, flow::Flows, page::PageSigner};
use payterms_proto::wallet::v1::{
    hold_service_server::HoldServiceServer, lot_service_server::LotServiceServer, posting_service_server::PostingServiceServer,
    wallet_service_server::WalletServiceServer,
};
use tonic::service::Routes;

/// Options of the wallet alone.
#[derive(Debug, Clone, Args)]
pub struct Options {}

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct App {
    /// The wallet's database.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The wallet's flows.
    pub flows: Flows,
}

/// The wallet service.
#[derive(Debug, Clone, Copy)]
pub struct Wallet;

impl Service for Wallet {
    const NAME: &'static str = "wallet";
    const SCHEMA_VERSION: &'static str = "wallet_0001_ledger";
    type Options = Options;

    async fn build(runtime: Runtime, _options: Options) -> Result<Parts, String> {
        let app = App { db: runtime.db, pages: runtime.pages, flows: runtime.flows };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(WalletServiceServer::new(api.clone()))
            .add_service(LotServiceServer::new(api.clone()))
            .add_service(PostingServiceServer::new(api.clone()))
            .add_service(HoldServiceServer::new(api));
        Ok(Parts { routes, jobs: jobs::all(&app), consumers: consume::all(), ..Parts::default() })
    }
}
