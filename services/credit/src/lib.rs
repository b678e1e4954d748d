//! The credit service: programmes, credit lines, draws.

pub mod api;
pub mod consume;
pub mod jobs;
pub mod parse;
pub mod parse_applications;
pub mod parse_draws;
pub mod parse_policies;
pub mod parse_programmes;
pub mod render;
pub mod render_applications;
pub mod render_policies;
pub mod snapshots;
pub mod statements;
pub mod store;
pub mod use_cases;
pub mod wallet;

use clap::Args;
use payterms_chassis::{
    Db, Parts, Runtime, Service,
    flow::{Drivers, Flows},
    page::PageSigner,
    peers::Peers,
};
use payterms_proto::credit::v1::{
    application_service_server::ApplicationServiceServer, credit_line_service_server::CreditLineServiceServer,
    draw_service_server::DrawServiceServer, policy_service_server::PolicyServiceServer, programme_service_server::ProgrammeServiceServer,
};
use tonic::service::Routes;

/// Options of credit alone: none.
#[derive(Debug, Clone, Default, Args)]
pub struct Options {}

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct App {
    /// The database of credit.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The flows of credit.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
}

/// The credit service.
#[derive(Debug, Clone, Copy)]
pub struct Credit;

impl Service for Credit {
    const NAME: &'static str = "credit";
    const SCHEMA_VERSION: &'static str = "credit_0001";
    type Options = Options;

    async fn build(runtime: Runtime, _: Options) -> Result<Parts, String> {
        let app = App { db: runtime.db, pages: runtime.pages, flows: runtime.flows, peers: runtime.peers };
        let api = api::Api { app: app.clone() };
        let routes = Routes::new(ProgrammeServiceServer::new(api.clone()))
            .add_service(CreditLineServiceServer::new(api.clone()))
            .add_service(PolicyServiceServer::new(api.clone()))
            .add_service(ApplicationServiceServer::new(api.clone()))
            .add_service(DrawServiceServer::new(api));
        let moves = app.clone();
        let drivers = Drivers::default().with(use_cases::move_line::FLOW, move |lease| {
            let app = moves.clone();
            async move { use_cases::move_line::drive(&app, &lease).await }
        });
        Ok(Parts { routes, jobs: jobs::all(&app), drivers, snapshots: snapshots::all(), consumers: consume::all() })
    }
}
