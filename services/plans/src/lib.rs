//! The plans service: proposals of customers, payment plans and their instalments.

pub mod api;
pub mod app;
pub mod commands;
pub mod consume;
pub mod jobs;
pub mod messages;
pub mod peers;
pub mod snapshots;
pub mod store;
pub mod use_cases;

use app::App;
use clap::Args;
use payterms_chassis::{Parts, Runtime, Service, flow::Drivers};
use payterms_proto::plans::v1::{
    plan_service_server::PlanServiceServer, plan_settings_service_server::PlanSettingsServiceServer,
};
use tonic::service::Routes;
use use_cases::plans::{
    collect::{self, drive_plan_collection},
    switch_blocks::{self, drive_block_switch},
};

/// Options that only plans have: none.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {}

/// The plans service.
#[derive(Debug, Clone, Copy)]
pub struct Plans;

impl Service for Plans {
    const NAME: &'static str = "plans";
    const SCHEMA_VERSION: &'static str = "plans_0025_collection_waits";
    type Options = Options;

    async fn build(runtime: Runtime, _: Options) -> Result<Parts, String> {
        let app = App {
            db: runtime.db,
            pages: runtime.pages,
            flows: runtime.flows,
            peers: runtime.peers,
        };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(PlanSettingsServiceServer::new(api.clone()))
            .add_service(PlanServiceServer::new(api));
        let (switches, collections) = (app.clone(), app.clone());
        let drivers = Drivers::default()
            .with(switch_blocks::FLOW, move |lease| {
                let app = switches.clone();
                async move { drive_block_switch(&app, &lease).await }
            })
            .with(collect::FLOW, move |lease| {
                let app = collections.clone();
                async move { drive_plan_collection(&app, &lease).await }
            });
        Ok(Parts {
            routes,
            jobs: jobs::all(&app),
            drivers,
            snapshots: snapshots::all(),
            consumers: consume::all(),
            figures: store::figures::ALL,
            rules: store::rules::ALL,
            shared: &[],
            sealed: Vec::new(),
            hides: None,
            webhook_failed: None,
        })
    }
}
