//! The wallet service: prepaid credit, its ledger, holds, and everything that fills or empties it.

pub mod api;
pub mod app;
pub mod commands;
pub mod consume;
pub mod jobs;
pub mod messages;
pub mod provider;
pub mod snapshots;
pub mod store;
pub mod use_cases;

use app::App;
use clap::Args;
use payterms_chassis::{
    Parts, Runtime, Service, config::secret_in, flow::Drivers, production::Objections,
};
use payterms_proto::wallet::{
    peers::v1::{
        credit_line_method_service_server::CreditLineMethodServiceServer,
        notification_service_server::NotificationServiceServer,
        settlement_service_server::SettlementServiceServer,
    },
    v1::{
        auto_recharge_service_server::AutoRechargeServiceServer,
        dispute_service_server::DisputeServiceServer, fee_service_server::FeeServiceServer,
        hold_service_server::HoldServiceServer, lot_service_server::LotServiceServer,
        payment_method_service_server::PaymentMethodServiceServer,
        posting_service_server::PostingServiceServer,
        postpaid_service_server::PostpaidServiceServer,
        provider_reconciliation_service_server::ProviderReconciliationServiceServer,
        reversal_service_server::ReversalServiceServer,
        revocation_service_server::RevocationServiceServer,
        settings_service_server::SettingsServiceServer, top_up_service_server::TopUpServiceServer,
        usage_service_server::UsageServiceServer, wallet_service_server::WalletServiceServer,
    },
};
use provider::{
    PaymentProvider,
    measured::Measured,
    simulator::Simulator,
    stripe::{self, Stripe, client::Client},
};
use std::{path::PathBuf, sync::Arc};
use tonic::service::Routes;
use use_cases::{batch, charges, payments, reconciliations, settings, setups, top_ups};

/// Options of the wallet alone.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {
    /// Address of the payment simulator, `http://host:port`; none: no simulator. Production refuses
    /// it.
    #[arg(long, env = "PAYTERMS_SIMULATOR")]
    pub simulator: Option<String>,
    /// Address of Stripe, which tenants connect their accounts at. Their keys are sealed with the
    /// key of webhooks, and without that none can.
    #[arg(long, env = "PAYTERMS_STRIPE", default_value = "https://api.stripe.com")]
    pub stripe: Option<String>,
    /// File with the secret that the simulator signs its notifications with.
    #[arg(long, env = "PAYTERMS_SIMULATOR_SECRET", default_value = "keys/simulator.secret")]
    pub simulator_secret: PathBuf,
}

/// The simulator that the options name; none where they name none.
fn simulator(options: &Options) -> Result<Option<Arc<dyn PaymentProvider>>, String> {
    let simulator = options.simulator.as_ref().map(|base| {
        let file = &options.simulator_secret;
        let secret = secret_in(file)?;
        Simulator::new(base, secret).map(|simulator| {
            Arc::new(Measured::new("simulator", simulator)) as Arc<dyn PaymentProvider>
        })
    });
    simulator.transpose()
}

/// The client of Stripe; none where the options name no address.
fn stripe_client(options: &Options) -> Result<Option<Client>, String> {
    options.stripe.as_deref().map(Client::new).transpose()
}

/// The wallet service.
#[derive(Debug, Clone, Copy)]
pub struct Wallet;

impl Service for Wallet {
    const NAME: &'static str = "wallet";
    const SCHEMA_VERSION: &'static str = "wallet_0033_provider_routes";
    const REQUESTS_IN: &'static [&'static str] = &["transfers", "usage_records"];
    type Options = Options;

    fn check_for_production(options: &Options, objections: &mut Objections) {
        objections.check_outside("--stripe", options.stripe.as_deref());
        if options.simulator.is_some() {
            objections.refuse(
                "--simulator",
                "cards and bank debits would be charged by a simulator, where no money moves; leave --simulator out",
            );
        }
    }

    fn check_files(options: &Options, objections: &mut Objections) {
        objections.take("--simulator-secret", simulator(options).map(drop));
        objections.take("--stripe", stripe_client(options).map(drop));
    }

    async fn build(runtime: Runtime, options: Options) -> Result<Parts, String> {
        let simulator = simulator(&options)?;
        let batches = batch::committer(&runtime.db);
        let sealed = vec![settings::reseal_stripe::sealed(runtime.webhooks.seal.clone())];
        let accounts = stripe_client(&options)?
            .zip(runtime.webhooks.seal)
            .map(|(client, seal)| Stripe::new(client, runtime.db.clone(), seal));
        let stripe = accounts.clone().map(|accounts| {
            Arc::new(Measured::new(stripe::NAME, accounts)) as Arc<dyn PaymentProvider>
        });
        let app = App {
            batches,
            db: runtime.db,
            pages: runtime.pages,
            flows: runtime.flows,
            simulator,
            stripe,
            stripe_accounts: accounts,
        };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(WalletServiceServer::new(api.clone()))
            .add_service(LotServiceServer::new(api.clone()))
            .add_service(PostingServiceServer::new(api.clone()))
            .add_service(ReversalServiceServer::new(api.clone()))
            .add_service(RevocationServiceServer::new(api.clone()))
            .add_service(HoldServiceServer::new(api.clone()))
            .add_service(PaymentMethodServiceServer::new(api.clone()))
            .add_service(TopUpServiceServer::new(api.clone()))
            .add_service(SettingsServiceServer::new(api.clone()))
            .add_service(UsageServiceServer::new(api.clone()))
            .add_service(AutoRechargeServiceServer::new(api.clone()))
            .add_service(FeeServiceServer::new(api.clone()))
            .add_service(PostpaidServiceServer::new(api.clone()))
            .add_service(SettlementServiceServer::new(api.clone()))
            .add_service(ProviderReconciliationServiceServer::new(api.clone()))
            .add_service(DisputeServiceServer::new(api.clone()))
            .add_service(CreditLineMethodServiceServer::new(api.clone()))
            .add_service(NotificationServiceServer::new(api));
        Ok(Parts {
            routes,
            jobs: jobs::all(&app),
            consumers: consume::all(),
            drivers: drivers(&app),
            snapshots: snapshots::all(),
            figures: store::figures::ALL,
            rules: store::rules::ALL,
            shared: store::shared::ALL,
            sealed,
            hides: None,
            webhook_failed: None,
        })
    }
}

fn drivers(app: &App) -> Drivers {
    let (top_ups, setups, charges, refunds) = (app.clone(), app.clone(), app.clone(), app.clone());
    let (top_up_refunds, reconciling) = (app.clone(), app.clone());
    Drivers::default()
        .with(top_ups::create::FLOW, move |lease| {
            let app = top_ups.clone();
            async move { top_ups::create::drive_top_up(&app, &lease).await }
        })
        .with(top_ups::refund::FLOW, move |lease| {
            let app = top_up_refunds.clone();
            async move { top_ups::refund::drive_top_up_refund(&app, &lease).await }
        })
        .with(reconciliations::reconcile::FLOW, move |lease| {
            let app = reconciling.clone();
            async move { reconciliations::reconcile::drive_reconciliation(&app, &lease).await }
        })
        .with(setups::start::FLOW, move |lease| {
            let app = setups.clone();
            async move { setups::start::drive_method_setup(&app, &lease).await }
        })
        .with(charges::create::FLOW, move |lease| {
            let app = charges.clone();
            async move { charges::create::drive_charge(&app, &lease).await }
        })
        .with(payments::refund::FLOW, move |lease| {
            let app = refunds.clone();
            async move { payments::refund::drive_refund(&app, &lease).await }
        })
}
