//! The reflection services v1 and v1alpha, and the health service.

use axum::Router;
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The name under which the health service answers whether the process works at all, whatever its database does. A supervisor
/// restarts a process by this answer. One that waits for its database would not get well by a restart.
pub const LIVENESS: &str = "liveness";
/// The name under which it answers whether calls should be sent here. The empty name, which clients ask for, answers the same.
pub const READINESS: &str = "readiness";

/// The descriptor sets that a client needs to decode the suite's messages and error details.
const SETS: [&[u8]; 3] = [payterms_proto::DESCRIPTOR_SET, tonic_types::pb::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];

/// Adds reflection and health to the routes of a service; reflection lists `services`.
///
/// # Errors
/// A sentence if a descriptor set cannot be read.
pub async fn with_reflection_and_health(routes: Routes, services: &[String]) -> Result<(Router, HealthReporter), String> {
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure();
        let builder = SETS.iter().fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set));
        services.iter().fold(builder, tonic_reflection::server::Builder::with_service_name)
    };
    let v1 = builder().build_v1().map_err(|error| error.to_string())?;
    let v1alpha = builder().build_v1alpha().map_err(|error| error.to_string())?;
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in [READINESS, LIVENESS] {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    let routes = routes.add_service(v1).add_service(v1alpha).add_service(health);
    Ok((routes.into_axum_router(), reporter))
}

/// The health service of a process that waits for its schema: alive, and not ready for calls of `services`.
pub(crate) async fn health_of_waiting(services: &[String]) -> Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in services.iter().map(String::as_str).chain(["", READINESS]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
    Routes::new(health).into_axum_router().reset_fallback()
}
