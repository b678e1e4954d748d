//! Whether calls should be sent to this gateway. It has no database; before it can let anybody in
//! it needs the keys of callers' tokens. Once there were some it stays ready: what is wrong later
//! is told, and calls that suffer from it say so.

use crate::{connect::is_only_read, identity::KeySet};
use axum::{Json, Router, http::StatusCode, routing::get};
use payterms_chassis::reflection::READINESS;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};
use tonic_health::{ServingStatus, server::HealthReporter};

/// The answer at `/readyz`.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether calls should be sent here.
    ready: bool,
    /// Problems, by part.
    notes: BTreeMap<&'static str, String>,
}

/// To whom `/readyz` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Anybody, who learns no more than whether calls should come here.
    World,
    /// Who looks after the gateway.
    Supervisor,
}

/// `/readyz`: whether calls should be sent here, and the problems, as JSON.
pub(crate) fn readyz(callers: Arc<KeySet>, asker: Asker) -> Router {
    let answer = move || {
        let fault = callers.fault().filter(|_| asker == Asker::Supervisor);
        let report = Report {
            ready: callers.had_keys(),
            notes: fault.map(|fault| ("keys of callers", fault)).into_iter().collect(),
        };
        let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, Json(report)))
    };
    Router::new().route("/readyz", get(answer).fallback(is_only_read))
}

/// Reports over the health protocol, for `services` and for the process, that calls should not be
/// sent here before there are keys.
pub(crate) async fn wait_for_keys(
    callers: Arc<KeySet>,
    reporter: HealthReporter,
    services: Vec<String>,
) {
    if callers.had_keys() {
        return;
    }
    let names: Vec<_> = services.into_iter().chain([String::new(), READINESS.to_owned()]).collect();
    report(&reporter, &names, ServingStatus::NotServing).await;
    tokio::spawn(async move {
        callers.first_keys().await;
        report(&reporter, &names, ServingStatus::Serving).await;
    });
}

async fn report(reporter: &HealthReporter, names: &[String], status: ServingStatus) {
    for name in names {
        reporter.set_service_status(name.as_str(), status).await;
    }
}
