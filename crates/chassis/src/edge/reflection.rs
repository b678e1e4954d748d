//! The reflection services v1 and v1alpha, and the health service.

use crate::edge::access::is_for_peers;
use axum::Router;
use prost::{DecodeError, Message};
use prost_types::FileDescriptorProto;
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The name under which the health service answers whether the process works at all, whatever its
/// database does. A supervisor restarts a process by this answer. One that waits for its database
/// would not get well by a restart.
pub const LIVENESS: &str = "liveness";
/// The name under which it answers whether calls should be sent here. The empty name, which clients
/// ask for, answers the same.
pub const READINESS: &str = "readiness";

/// The descriptor sets that a client needs to decode the suite's messages and error details.
const SETS: [&[u8]; 3] = [
    payterms_proto::DESCRIPTOR_SET,
    tonic_types::pb::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
];

/// A set of descriptors whose files stay as they are encoded, with their options.
#[derive(Clone, PartialEq, prost::Message)]
struct EncodedSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

/// The descriptor sets without the files of packages that only peers call.
fn sets_for_callers() -> Result<Vec<Vec<u8>>, DecodeError> {
    let filtered = SETS.iter().map(|set| {
        let mut files = Vec::new();
        for file in EncodedSet::decode(*set)?.files {
            if !is_for_peers(FileDescriptorProto::decode(file.as_slice())?.package()) {
                files.push(file);
            }
        }
        Ok(EncodedSet { files }.encode_to_vec())
    });
    filtered.collect()
}

/// The routes of a process with reflection and health.
#[derive(Debug)]
pub struct Open {
    /// All of them.
    pub routes: Router,
    /// Health alone, for a port of probes.
    pub probes: Router,
    /// Changes what health says.
    pub reporter: HealthReporter,
}

/// Adds reflection and health to the routes of a service; reflection lists `services`. It knows
/// what is for peers only where one of these is.
///
/// # Errors
/// A sentence if a descriptor set cannot be read.
pub async fn with_reflection_and_health(
    routes: Routes,
    services: &[String],
) -> Result<Open, String> {
    let has_peers = services.iter().any(|service| is_for_peers(service));
    let sets = if has_peers {
        SETS.map(<[u8]>::to_vec).to_vec()
    } else {
        sets_for_callers().map_err(|error| error.to_string())?
    };
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure();
        let builder = sets
            .iter()
            .fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set));
        services.iter().fold(builder, tonic_reflection::server::Builder::with_service_name)
    };
    let v1 = builder().build_v1().map_err(|error| error.to_string())?;
    let v1alpha = builder().build_v1alpha().map_err(|error| error.to_string())?;
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in [READINESS, LIVENESS] {
        reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    let probes = Routes::new(health.clone()).into_axum_router().reset_fallback();
    let routes = routes.add_service(v1).add_service(v1alpha).add_service(health);
    Ok(Open { routes: routes.into_axum_router(), probes, reporter })
}

/// The health service of a process that waits for its schema: alive, and not ready for calls of
/// `services`.
pub(crate) async fn health_of_waiting(services: &[String]) -> Router {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in services.iter().map(String::as_str).chain(["", READINESS]) {
        reporter.set_service_status(name, ServingStatus::NotServing).await;
    }
    reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
    Routes::new(health).into_axum_router().reset_fallback()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    #[test]
    fn callers_see_no_file_of_a_package_for_peers() {
        let sets = super::sets_for_callers().unwrap();
        let files: Vec<_> = sets
            .iter()
            .flat_map(|set| FileDescriptorSet::decode(set.as_slice()).unwrap().file)
            .collect();
        assert!(files.iter().any(|file| file.package() == "payterms.wallet.v1"));
        let foreign = files.iter().filter(|file| file.package().contains(".peers.")).count();
        let imports = files
            .iter()
            .flat_map(|file| &file.dependency)
            .filter(|name| name.contains("/peers/"))
            .count();
        assert_eq!((foreign, imports), (0, 0), "nor imports one");
    }
}
