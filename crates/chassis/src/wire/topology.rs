//! The topology, read from `proto/topology.toml`: which service calls which, and who subscribes to
//! whose events.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The relations of one service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relations {
    /// The services that it may call.
    pub calls: Vec<String>,
    /// The aggregate types whose events it subscribes to, by source.
    #[serde(default)]
    pub hears: BTreeMap<String, Vec<String>>,
    /// The reasons of those refusals that it bases on its copies.
    pub rests_on_copies: Vec<String>,
}

/// All services of the suite.
pub type Topology = BTreeMap<String, Relations>;

/// The topology of the contract.
///
/// # Errors
/// The parse error, with the name of the file.
pub fn load() -> Result<Topology, String> {
    toml::from_str(payterms_proto::TOPOLOGY).map_err(|error| format!("topology.toml: {error}"))
}

/// The subscribers of `source`, each with the aggregate types that it subscribes to.
#[must_use]
pub fn subscribers(topology: &Topology, source: &str) -> BTreeMap<String, Vec<String>> {
    topology
        .iter()
        .filter_map(|(name, relations)| Some((name.clone(), relations.hears.get(source)?.clone())))
        .collect()
}

/// The services whose tokens a service accepts: the gateway, those that call it or deliver events
/// to it, and the owner of test clocks (invoicing).
#[must_use]
pub fn callers(topology: &Topology, service: &str) -> Vec<String> {
    let calling = topology
        .iter()
        .filter(|(_, relations)| relations.calls.iter().any(|called| called == service))
        .map(|(name, _)| name.clone());
    let sources = topology
        .get(service)
        .map(|relations| relations.hears.keys().cloned().collect::<Vec<_>>())
        .unwrap_or_default();
    let mut callers: Vec<_> =
        calling.chain(sources).chain(["gateway".to_owned(), "invoicing".to_owned()]).collect();
    callers.sort();
    callers.dedup();
    callers
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_go_one_way() {
        let order = ["plans", "invoicing", "credit", "wallet"];
        let index = |name: &str| order.iter().position(|n| *n == name).unwrap();
        for (name, relations) in super::load().unwrap() {
            assert!(relations.calls.iter().all(|called| index(called) > index(&name)), "{name}");
        }
    }
}
