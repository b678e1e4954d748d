//! The plans service: what customers may propose, the plans and their instalments.

pub mod api;
pub mod consume;
pub mod invoicing;
pub mod jobs;
pub mod parse;
pub mod parse_settings;
pub mod render;
pub mod snapshots;
pub mod store;
pub mod use_cases;

use clap::Args;
use payterms_chassis::{
    Db, Parts, Runtime, Service,
    flow::{Drivers, Flows},
    page::PageSigner,
    peers::Peers,
};
use payterms_proto::plans::v1::{plan_service_server::PlanServiceServer, plan_settings_service_server::PlanSettingsServiceServer};
use tonic::service::Routes;

/// Options of plans alone: none.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {}

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct App {
    /// The database of plans.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The flows of plans.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
}

/// The plans service.
#[derive(Debug, Clone, Copy)]
pub struct Plans;

impl Service for Plans {
    const NAME: &'static str = "plans";
    const SCHEMA_VERSION: &'static str = "system_0004_guarded";
    type Options = Options;

    async fn build(runtime: Runtime, _: Options) -> Result<Parts, String> {
        let app = App { db: runtime.db, pages: runtime.pages, flows: runtime.flows, peers: runtime.peers };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(PlanSettingsServiceServer::new(api.clone())).add_service(PlanServiceServer::new(api));
        let (moves, collections) = (app.clone(), app.clone());
        let drivers = Drivers::default()
            .with(use_cases::move_plan::FLOW, move |lease| {
                let app = moves.clone();
                async move { use_cases::move_plan::drive(&app, &lease).await }
            })
            .with(use_cases::collect_plan::FLOW, move |lease| {
                let app = collections.clone();
                async move { use_cases::collect_plan::drive(&app, &lease).await }
            });
        Ok(Parts { routes, jobs: jobs::all(&app), drivers, snapshots: snapshots::all(), consumers: consume::all() })
    }
}
