//! The manifests of Kubernetes follow `proto/topology.toml`: a service lets in whom the topology
//! lets call it, may open connections to whom it calls, and is given the addresses of the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use toml::{Table, Value};

type Names = BTreeSet<String>;

/// Who opens connections to whom: callers to those they call, publishers to their subscribers, the
/// owner of test clocks and the gateway to every service.
fn connections(topology: &Table) -> BTreeMap<String, Names> {
    let lists = |name: &str, key: &str| -> Names {
        match topology.get(name).and_then(|value| value.get(key)) {
            Some(Value::Array(names)) => {
                names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
            }
            Some(Value::Table(names)) => names.keys().cloned().collect(),
            _ => Names::new(),
        }
    };
    let services: Names = topology.keys().cloned().collect();
    let opened_by = |caller: &String| -> Names {
        let subscribers =
            services.iter().filter(|name| lists(name, "hears").contains(caller)).cloned();
        // Its own clock invoicing runs by the same way as those of the others.
        let clocks = if caller == "invoicing" { services.clone() } else { Names::new() };
        lists(caller, "calls").into_iter().chain(subscribers).chain(clocks).collect()
    };
    let mut all: BTreeMap<_, _> =
        services.iter().map(|caller| (caller.clone(), opened_by(caller))).collect();
    all.insert("gateway".to_owned(), services.clone());
    all
}

/// Notes each policy and each list of addresses that differs from the topology.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    let Ok(topology) = payterms_proto::TOPOLOGY.parse::<Table>() else { return };
    let connections = connections(&topology);
    for (name, opened) in &connections {
        let file = format!("k8s/base/{name}/networkpolicy.yaml");
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        let (_, rules) = text.split_once("\n  ingress:\n").unwrap_or_default();
        let (ingress, egress) = rules.split_once("\n  egress:\n").unwrap_or_default();
        let from: Names = connections
            .iter()
            .filter(|(_, opened)| opened.contains(name))
            .map(|(caller, _)| caller.clone())
            .collect();
        for (what, texts, expected) in
            [("lets in", names(ingress), &from), ("lets out to", names(egress), opened)]
        {
            if texts != *expected {
                wrong.push(format!(
                    "{file}: {what} {texts:?}; proto/topology.toml asks for {expected:?}"
                ));
            }
        }
        let file = format!("k8s/base/{name}/deployment.yaml");
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        let expected: Vec<_> =
            opened.iter().map(|peer| format!("{peer}=https://{peer}-headless:50051")).collect();
        let expected =
            format!("name: PAYTERMS_PEERS\n              value: {}\n", expected.join(","));
        if !text.contains(&expected) {
            wrong.push(format!("{file}: proto/topology.toml asks for {expected}"));
        }
    }
}

/// The names of pods that a part of a policy selects.
fn names(text: &str) -> Names {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("app.kubernetes.io/name: "))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn publishers_connect_to_subscribers_and_invoicing_to_all() {
        let topology =
            "[a]\ncalls = []\n[b]\ncalls = [\"a\"]\nhears.a = [\"x\"]\n[invoicing]\ncalls = []";
        let connections = connections(&topology.parse().unwrap());
        let lines_of =
            |name: &str| connections[name].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((lines_of("a"), lines_of("b")), (vec!["b"], vec!["a"]));
        assert_eq!(
            (lines_of("invoicing"), lines_of("gateway")),
            (vec!["a", "b", "invoicing"], vec!["a", "b", "invoicing"])
        );
    }
}
