//! The credit service: programmes, policies, applications, credit lines, draws.

pub mod api;
pub mod app;
pub mod bank_data;
pub mod bank_files;
pub mod commands;
pub mod consume;
pub mod holder_name;
pub mod jobs;
pub mod messages;
pub mod peers;
pub mod snapshots;
pub mod store;
pub mod use_cases;

use app::App;
use bank_data::{BankData, plaid::Plaid, simulator::Simulator};
use clap::Args;
use payterms_chassis::{
    Parts, Runtime, Service, flow::Drivers, layers::INNER_MESSAGE, production::Objections,
    seal::Seal,
};
use payterms_proto::credit::{
    peers::v1::payment_draw_service_server::PaymentDrawServiceServer,
    v1::{
        application_service_server::ApplicationServiceServer,
        credit_line_service_server::CreditLineServiceServer,
        draw_service_server::DrawServiceServer, policy_service_server::PolicyServiceServer,
        programme_service_server::ProgrammeServiceServer,
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tonic::service::Routes;
use use_cases::{
    applications::submit::{self, drive_submission},
    batch,
    lines::switch::{self, drive_line_switch},
};

/// Options of credit alone.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Address of the simulator, `http://host:port`, whose banks are linked where no other provider
    /// is connected.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// Address of Plaid, such as `https://production.plaid.com`; then accounts are linked there.
    #[arg(long, env = "PAYTERMS_PLAID")]
    pub plaid: Option<String>,
    /// File with what Plaid knows us by: client id and secret, a line each.
    #[arg(long, env = "PAYTERMS_PLAID_CREDENTIALS", default_value = "keys/plaid.credentials")]
    pub plaid_credentials: PathBuf,
    /// File of a key of 32 bytes, or several, that what opens bank accounts, and what applicants
    /// attach, is sealed with; `keys/seal.key` if not given. Where that is not there either,
    /// attachments are refused, and no provider of bank data can be connected.
    #[arg(long, env = "PAYTERMS_SEAL_KEY")]
    pub seal_key: Option<PathBuf>,
}

/// The provider of bank data that the options name; none where they name none.
fn provider(options: &Options) -> Result<Option<Arc<dyn BankData>>, String> {
    Ok(match (&options.plaid, &options.simulator) {
        (Some(base), _) => Some(Arc::new(Plaid::new(base, &options.plaid_credentials)?)),
        (None, Some(base)) => Some(Arc::new(Simulator::new(base)?)),
        (None, None) => None,
    })
}

/// The file of the key that is sealed with, where no other is named.
const SEAL_KEY: &str = "keys/seal.key";

/// The key that is sealed with; none where no file of it is named, there is none in its usual
/// place, and no provider whose tokens it is for.
fn seal(options: &Options, has_provider: bool) -> Result<Option<Seal>, String> {
    match &options.seal_key {
        Some(file) => Seal::read(file).map(Some),
        None if has_provider => Seal::read(Path::new(SEAL_KEY)).map(Some),
        None => Seal::read_if_there(Path::new(SEAL_KEY)),
    }
}

/// The credit service.
#[derive(Debug, Clone, Copy)]
pub struct Credit;

impl Service for Credit {
    const NAME: &'static str = "credit";
    const SCHEMA_VERSION: &'static str = "credit_0025_resealed";
    type Options = Options;

    fn check_for_production(options: &Options, objections: &mut Objections) {
        objections
            .check_secret("--seal-key", options.seal_key.as_deref().unwrap_or(Path::new(SEAL_KEY)));
        objections.check_outside("--plaid", options.plaid.as_deref());
        if options.simulator.is_some() {
            objections.refuse(
                "--simulator",
                "banks are a simulator's, and applications would be decided on invented accounts; name Plaid with --plaid, or none",
            );
        }
    }

    fn check_files(options: &Options, objections: &mut Objections) {
        objections.take("--plaid-credentials", provider(options).map(drop));
        let has_provider = options.plaid.is_some() || options.simulator.is_some();
        objections.take("--seal-key", seal(options, has_provider).map(drop));
    }

    async fn build(runtime: Runtime, options: Options) -> Result<Parts, String> {
        let provider = provider(&options)?;
        let seal = seal(&options, provider.is_some())?;
        let purchases = batch::committer(&runtime.db);
        let app = App {
            purchases,
            db: runtime.db,
            pages: runtime.pages,
            flows: runtime.flows,
            peers: runtime.peers,
            provider,
            seal,
        };
        let sealed = use_cases::applications::reseal::sealed(app.seal.as_ref());
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(ProgrammeServiceServer::new(api.clone()))
            .add_service(CreditLineServiceServer::new(api.clone()))
            .add_service(PolicyServiceServer::new(api.clone()))
            // The layers before it hold each method to its own bound, which is larger for what is
            // uploaded.
            .add_service(
                ApplicationServiceServer::new(api.clone()).max_decoding_message_size(INNER_MESSAGE),
            )
            .add_service(PaymentDrawServiceServer::new(api.clone()))
            .add_service(DrawServiceServer::new(api));
        let (switches, submissions) = (app.clone(), app.clone());
        let drivers = Drivers::default()
            .with(switch::FLOW, move |lease| {
                let app = switches.clone();
                async move { drive_line_switch(&app, &lease).await }
            })
            .with(submit::FLOW, move |lease| {
                let app = submissions.clone();
                async move { drive_submission(&app, &lease).await }
            });
        Ok(Parts {
            routes,
            jobs: jobs::all(&app),
            drivers,
            snapshots: snapshots::all(),
            consumers: consume::all(),
            figures: store::figures::ALL,
            rules: store::rules::ALL,
            shared: store::shared::ALL,
            sealed,
            hides: None,
            webhook_failed: None,
        })
    }
}
