//! The credit service: programmes, credit lines, draws.

pub mod api;
pub mod bank_data;
pub mod consume;
pub mod jobs;
pub mod parse;
pub mod parse_applications;
pub mod parse_draws;
pub mod parse_policies;
pub mod parse_programmes;
pub mod parse_purchases;
pub mod render;
pub mod render_applications;
pub mod render_policies;
pub mod seal;
pub mod snapshots;
pub mod statements;
pub mod store;
pub mod use_cases;
pub mod wallet;

use bank_data::{BankData, plaid::Plaid, simulator::Simulator};
use clap::Args;
use payterms_chassis::{
    AppError, Db, Parts, Runtime, Service,
    flow::{Drivers, Flows},
    page::PageSigner,
    peers::Peers,
};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{
    application_service_server::ApplicationServiceServer, credit_line_service_server::CreditLineServiceServer,
    draw_service_server::DrawServiceServer, policy_service_server::PolicyServiceServer, programme_service_server::ProgrammeServiceServer,
};
use seal::Seal;
use std::{path::PathBuf, sync::Arc};
use tonic::service::Routes;
use use_cases::purchase::PurchaseCommitter;
use uuid::Uuid;

/// Options of credit alone.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Address of the simulator, `http://host:port`, whose banks are linked where no other provider is connected.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// Address of Plaid, such as `https://production.plaid.com`; then accounts are linked there.
    #[arg(long, env = "PAYTERMS_PLAID")]
    pub plaid: Option<String>,
    /// File with what Plaid knows us by: client id and secret, a line each.
    #[arg(long, env = "PAYTERMS_PLAID_CREDENTIALS", default_value = "keys/plaid.credentials")]
    pub plaid_credentials: PathBuf,
    /// File of 32 bytes that what opens bank accounts is sealed with.
    #[arg(long, env = "PAYTERMS_SEAL_KEY", default_value = "keys/seal.key")]
    pub seal_key: PathBuf,
}

/// What the use cases work with.
#[derive(Clone)]
pub struct App {
    /// The database of credit.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The flows of credit.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
    /// Purchases, calls that wait together.
    pub purchases: PurchaseCommitter,
    banks: Option<Banks>,
}

/// The provider of bank data, and what seals its tokens.
#[derive(Clone)]
struct Banks {
    provider: Arc<dyn BankData>,
    seal: Seal,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}

impl App {
    fn banks(&self) -> Result<&Banks, AppError> {
        let message = "No provider of bank data is connected. Upload statements.";
        Ok(self.banks.as_ref().ok_or_else(|| Refusal::precondition("FEATURE_DISABLED", message))?)
    }

    /// The provider of bank data.
    ///
    /// # Errors
    /// `FEATURE_DISABLED` where this installation has none.
    pub fn bank_data(&self) -> Result<&Arc<dyn BankData>, AppError> {
        self.banks().map(|banks| &banks.provider)
    }

    /// Seals what opens the accounts of a link.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`; a fault.
    pub fn seal(&self, link: Uuid, token: &str) -> Result<Vec<u8>, AppError> {
        self.banks()?.seal.seal(link, token).map_err(AppError::Fault)
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`; a fault where the key is another.
    pub fn unseal(&self, link: Uuid, sealed: &[u8]) -> Result<String, AppError> {
        self.banks()?.seal.open(link, sealed).map_err(AppError::Fault)
    }
}

fn banks(options: &Options) -> Result<Option<Banks>, String> {
    let provider: Arc<dyn BankData> = match (&options.plaid, &options.simulator) {
        (Some(base), _) => Arc::new(Plaid::new(base, &options.plaid_credentials)?),
        (None, Some(base)) => Arc::new(Simulator::new(base)?),
        (None, None) => return Ok(None),
    };
    Ok(Some(Banks { provider, seal: Seal::read(&options.seal_key)? }))
}

/// The credit service.
#[derive(Debug, Clone, Copy)]
pub struct Credit;

impl Service for Credit {
    const NAME: &'static str = "credit";
    const SCHEMA_VERSION: &'static str = "system_0004_guarded";
    type Options = Options;

    async fn build(runtime: Runtime, options: Options) -> Result<Parts, String> {
        let banks = banks(&options)?;
        let purchases = use_cases::purchase::committer(&runtime.db);
        let app = App { purchases, db: runtime.db, pages: runtime.pages, flows: runtime.flows, peers: runtime.peers, banks };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(ProgrammeServiceServer::new(api.clone()))
            .add_service(CreditLineServiceServer::new(api.clone()))
            .add_service(PolicyServiceServer::new(api.clone()))
            .add_service(ApplicationServiceServer::new(api.clone()))
            .add_service(DrawServiceServer::new(api));
        let (moves, submissions) = (app.clone(), app.clone());
        let drivers = Drivers::default()
            .with(use_cases::move_line::FLOW, move |lease| {
                let app = moves.clone();
                async move { use_cases::move_line::drive(&app, &lease).await }
            })
            .with(use_cases::submit::FLOW, move |lease| {
                let app = submissions.clone();
                async move { use_cases::submit::drive(&app, &lease).await }
            });
        Ok(Parts { routes, jobs: jobs::all(&app), drivers, snapshots: snapshots::all(), consumers: consume::all() })
    }
}
