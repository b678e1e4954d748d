//! Whether a service could start with its configuration: all that is wrong, without starting it.

use super::{Service, ServiceOptions, has_schema, program, survey};
use crate::{
    config,
    db::{DatabaseOptions, Db},
    net::Network,
    production::{Objection, Objections},
    wire::topology::{self, Topology},
};
use payterms_kernel::SystemClock;
use std::{ffi::OsString, path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;

/// Reads the configuration of a service, and looks at the files, keys and database that it names.
/// Called within a runtime.
///
/// # Errors
/// What is wrong with the settings themselves, and the exit code.
pub async fn check<S: Service>(arguments: Vec<OsString>) -> Result<Vec<Objection>, (String, i32)> {
    let options = config::read::<ServiceOptions<S::Options>>(&program::<S>(), arguments)?;
    let stop = CancellationToken::new();
    let mut objections = Objections::new(options.common.mode);
    let network = survey::<S>(&options, &mut objections, &stop);
    if !objections.is_production() {
        check_peers(&network, peers_of::<S>().into_iter(), &mut objections);
    }
    let _broker = options.broker.open(S::NAME, &mut objections).await;
    let setting = options.address.setting();
    if let Some(url) = objections.take(setting, options.address.url())
        && objections.check_address(setting, &url)
    {
        check_database::<S>(setting, &url, &options.database, &mut objections).await;
    }
    stop.cancel();
    Ok(objections.into_all())
}

/// The services that `S` calls, and those that hear from it.
pub(super) fn peers_of<S: Service>() -> Vec<String> {
    // It is part of the program; where it were malformed, the start would say so.
    let topology: Topology = topology::load().unwrap_or_default();
    let calls = topology.get(S::NAME).map(|relations| relations.calls.clone()).unwrap_or_default();
    calls.into_iter().chain(topology::subscribers(&topology, S::NAME).into_keys()).collect()
}

/// Objects to services that are called, or hear from this part, and have no address.
pub fn check_peers(
    network: &Network,
    needed: impl Iterator<Item = String>,
    objections: &mut Objections,
) {
    let mut missing: Vec<_> =
        needed.filter(|name| !network.addresses.names().any(|named| named == name)).collect();
    missing.sort();
    missing.dedup();
    if !missing.is_empty() {
        objections.take::<()>(
            "--peer",
            Err(format!("there is no address of {}; name it with --peer", missing.join(", "))),
        );
    }
}

/// A server is asked. The file of an embedded database is left alone: opening it would make it, or
/// wait for the process that has it.
async fn check_database<S: Service>(
    setting: &'static str,
    url: &str,
    options: &DatabaseOptions,
    objections: &mut Objections,
) {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let folder = Path::new(file)
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        if !folder.is_dir() {
            objections.take::<()>(
                setting,
                Err(format!("database of {}: {} is no folder", S::NAME, folder.display())),
            );
        }
        return;
    }
    let options =
        DatabaseOptions { must_be_durable: objections.is_production(), ..options.clone() };
    let Some(db) = objections
        .take(setting, Db::open_with(url, S::NAME, Arc::new(SystemClock), &options).await)
    else {
        return;
    };
    if !has_schema::<S>(&db).await {
        objections.take::<()>(
            setting,
            Err(format!(
                "database of {}: the schema is not at {}; run payterms-migrate",
                S::NAME,
                S::SCHEMA_VERSION
            )),
        );
    }
    db.close().await;
}
