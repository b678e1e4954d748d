//! The access table, read from `proto/access.toml`: for each method the roles that may call it, and
//! the services whose keys may assert these roles. A method or role that is not listed is refused.
//! A few methods take larger messages than the others.

use crate::{edge::body, wire::call::Grant};
use serde::Deserialize;
use std::collections::HashMap;

/// The roles of callers. No others count in their tokens.
pub const ROLES: [&str; 8] = [
    "OPERATOR",
    "OWNER",
    "ADMIN",
    "STAFF",
    "CUSTOMER_ADMIN",
    "BILLING_MANAGER",
    "MEMBER",
    "SERVICE",
];
/// The role of a service that calls in its own name.
pub const PEER: &str = "PEER";
/// What the name of a package has whose methods are for peers alone: `payterms.wallet.peers.v1`.
const PEERS: &str = ".peers.v1";
/// The issuer of internal tokens that carry callers' roles.
const GATEWAY: &str = "gateway";

/// The roles that may call each method.
#[derive(Debug, Clone)]
pub struct AccessTable {
    rows: HashMap<String, Row>,
}

/// The callers of one method.
#[derive(Debug, Clone, Default)]
struct Row {
    roles: HashMap<String, Grant>,
    /// Services that may call it as PEER.
    peers: Vec<String>,
    /// Services that may call it on behalf of a caller, in the caller's roles.
    asserted_by: Vec<String>,
    /// Bytes of its largest message; none: as of most methods.
    largest: Option<usize>,
    /// Whether people alone call it.
    is_for_people: bool,
}

/// The largest message that a row may allow, in MiB: as much as passes between services.
const MOST_MIB: usize = 15;

/// A cell of the file: the reach of a role, a list of services, a size in MiB, or whether API keys
/// may call.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Cell {
    Reach(String),
    Services(Vec<String>),
    Size(usize),
    Switch(bool),
}

impl Row {
    fn add(&mut self, column: &str, cell: Cell) -> Result<(), String> {
        match (column, cell) {
            (PEER, Cell::Services(services)) if !services.is_empty() => {
                self.roles.insert(PEER.to_owned(), Grant::Tenant);
                self.peers = services;
            }
            ("asserted_by", Cell::Services(services)) => self.asserted_by = services,
            (PEER | "asserted_by", _) => return Err(format!("{column} lists services")),
            ("largest_mib", Cell::Size(mib)) if (1..=MOST_MIB).contains(&mib) => {
                self.largest = Some(mib << 20);
            }
            ("largest_mib", _) => {
                return Err(format!("{column} is a number of MiB up to {MOST_MIB}"));
            }
            ("api_keys", Cell::Switch(false)) => self.is_for_people = true,
            ("api_keys", _) => return Err("api_keys is false where people alone call".to_owned()),
            (role, Cell::Reach(reach)) if reach == "yes" => {
                self.roles.insert(role.to_owned(), Grant::Tenant);
            }
            (role, Cell::Reach(reach)) if reach == "own" => {
                self.roles.insert(role.to_owned(), Grant::OwnCustomer);
            }
            (role, _) => return Err(format!("{role} is neither yes nor own")),
        }
        Ok(())
    }

    /// Whether `issuer` may assert a role in a token. So a leaked key allows no more than its own
    /// service may do.
    fn may_assert(&self, role: &str, issuer: &str) -> bool {
        let lists = |services: &[String]| services.iter().any(|service| service == issuer);
        if role == PEER {
            lists(&self.peers)
        } else {
            issuer == GATEWAY || lists(&self.asserted_by)
        }
    }
}

/// Whether a package, or what is in it, is for peers alone: the gateway neither routes nor shows
/// it.
#[must_use]
pub fn is_for_peers(full_name: &str) -> bool {
    full_name.contains(PEERS)
}

/// The table's decision about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The caller may call the method, within this grant.
    Granted(Grant),
    /// None of the caller's roles may call the method; these roles may.
    Refused(Vec<String>),
    /// There is no such method.
    Unknown,
}

impl AccessTable {
    /// The table of the contract.
    ///
    /// # Errors
    /// A sentence that names the malformed row.
    pub fn load() -> Result<Self, String> {
        Self::parse(payterms_proto::ACCESS_TABLE)
    }

    fn parse(text: &str) -> Result<Self, String> {
        type Table = HashMap<String, HashMap<String, HashMap<String, Cell>>>;
        let table: Table = toml::from_str(text).map_err(|error| format!("access.toml: {error}"))?;
        let mut rows = HashMap::new();
        for (service, methods) in table {
            for (method, cells) in methods {
                let mut row = Row::default();
                for (column, cell) in cells {
                    row.add(&column, cell)
                        .map_err(|fault| format!("access.toml: {service}/{method}: {fault}"))?;
                }
                rows.insert(format!("/{service}/{method}"), row);
            }
        }
        Ok(Self { rows })
    }

    /// Whether there is a method at `path`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.rows.contains_key(path)
    }

    /// The roles in a token that its issuer may assert for the method at `path`; the others are
    /// ignored.
    #[must_use]
    pub fn asserted(&self, path: &str, issuer: &str, roles: &[String]) -> Vec<String> {
        let row = self.rows.get(path);
        roles
            .iter()
            .filter(|role| row.is_some_and(|row| row.may_assert(role, issuer)))
            .cloned()
            .collect()
    }

    /// Decides about a call of the method at `path` with these roles.
    #[must_use]
    pub fn decide(&self, path: &str, roles: &[String]) -> Access {
        let Some(row) = self.rows.get(path) else { return Access::Unknown };
        if let Some(grant) = roles.iter().filter_map(|role| row.roles.get(role)).max() {
            Access::Granted(*grant)
        } else {
            let mut allowed: Vec<_> = row.roles.keys().cloned().collect();
            allowed.sort();
            Access::Refused(allowed)
        }
    }

    /// Full names of the gRPC services of these packages and of theirs for peers, and of health.
    #[must_use]
    pub fn services(&self, packages: &[&str]) -> Vec<String> {
        let prefixes: Vec<_> =
            packages.iter().map(|package| format!("payterms.{package}.")).collect();
        let names = self.rows.keys().filter_map(|path| path.split('/').nth(1));
        let mut names: Vec<_> = names
            .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .map(str::to_owned)
            .collect();
        names.push("grpc.health.v1.Health".to_owned());
        names.sort();
        names.dedup();
        names
    }

    /// The services that may call the method at `path` as PEER, and those that may on behalf of a
    /// caller.
    #[must_use]
    pub fn services_of(&self, path: &str) -> (&[String], &[String]) {
        self.rows.get(path).map_or((&[], &[]), |row| (&row.peers, &row.asserted_by))
    }

    /// Bytes of the largest message that the method at `path` takes.
    #[must_use]
    pub fn largest_message(&self, path: &str) -> usize {
        self.rows.get(path).and_then(|row| row.largest).unwrap_or(body::MESSAGE)
    }

    /// Whether people alone call the method at `path`, and no API key.
    #[must_use]
    pub fn is_for_people(&self, path: &str) -> bool {
        self.rows.get(path).is_some_and(|row| row.is_for_people)
    }

    /// All rows: the path of a method, and the grant of each role.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &HashMap<String, Grant>)> {
        self.rows.iter().map(|(path, row)| (path.as_str(), &row.roles))
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessTable, Grant};
    use crate::wire::catalogue::Catalogue;
    use prost_reflect::DescriptorPool;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_has_a_row_and_every_row_a_method() {
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
        let methods: BTreeSet<_> = pool
            .services()
            .flat_map(|service| {
                service
                    .methods()
                    .map(|m| format!("/{}/{}", m.parent_service().full_name(), m.name()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let table = AccessTable::load().unwrap();
        let rows: BTreeSet<_> = table.cells().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(methods, rows);
    }

    #[test]
    fn what_peers_alone_may_call_is_in_packages_of_its_own() {
        for (path, row) in AccessTable::load().unwrap().cells() {
            assert_eq!(
                row.keys().all(|role| role == super::PEER),
                super::is_for_peers(path),
                "{path}"
            );
        }
    }

    #[test]
    fn every_public_event_is_read_by_a_method_for_callers() {
        let (catalogue, access) = (Catalogue::load().unwrap(), AccessTable::load().unwrap());
        assert!(catalogue.iter().count() > 50);
        for (name, kind) in catalogue.iter() {
            assert!(
                access.has(&kind.read_by) && !super::is_for_peers(&kind.read_by),
                "{name}: {}",
                kind.read_by
            );
            assert!(
                kind.read_by.starts_with(&format!("/payterms.{}.v1.", kind.service())),
                "{name}"
            );
            if let Some(each) = &kind.one_for_each {
                assert!(kind.shown.contains(each), "{name}");
            }
        }
    }

    #[test]
    fn roles_are_known_ones() {
        for (path, row) in AccessTable::load().unwrap().cells() {
            assert!(
                row.keys().all(|role| role == super::PEER || super::ROLES.contains(&role.as_str())),
                "{path}"
            );
        }
    }

    #[test]
    fn a_service_is_listed_only_where_it_calls() {
        let (table, topology) =
            (AccessTable::load().unwrap(), crate::wire::topology::load().unwrap());
        for (path, _) in table.cells() {
            let service = path.trim_start_matches("/payterms.").split('.').next().unwrap();
            let (peers, callers) = table.services_of(path);
            for issuer in peers.iter().chain(callers).filter(|issuer| *issuer != "gateway") {
                let relations = &topology[issuer];
                assert!(
                    service == "common" || relations.calls.iter().any(|called| called == service),
                    "{issuer} at {path}"
                );
            }
        }
        let sources: BTreeSet<_> =
            topology.values().flat_map(|relations| relations.hears.keys()).collect();
        let (deliver, _) = table.services_of("/payterms.common.peers.v1.InboxService/Deliver");
        assert_eq!(deliver.iter().collect::<BTreeSet<_>>(), sources, "who is heard may deliver");
    }

    #[test]
    fn a_role_counts_only_in_a_token_of_those_who_may_assert_it() {
        let text = "[\"a.B\"]\nC = { STAFF = \"yes\", PEER = [\"plans\"] }\nD = { STAFF = \"yes\", asserted_by = [\"plans\"] }";
        let table = AccessTable::parse(text).unwrap();
        let claimed = ["PEER".to_owned(), "STAFF".to_owned()];
        assert_eq!(table.asserted("/a.B/C", "plans", &claimed), ["PEER"]);
        assert_eq!(table.asserted("/a.B/C", "gateway", &claimed), ["STAFF"]);
        assert_eq!(table.asserted("/a.B/D", "plans", &claimed), ["STAFF"]);
        assert!(table.asserted("/a.B/D", "credit", &claimed).is_empty());
        assert!(table.asserted("/a.B/E", "gateway", &claimed).is_empty());
        for wrong in [
            "PEER = \"yes\"",
            "PEER = []",
            "STAFF = [\"plans\"]",
            "STAFF = \"some\"",
            "asserted_by = \"plans\"",
        ] {
            assert!(
                AccessTable::parse(&format!("[\"a.B\"]\nC = {{ {wrong} }}")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_method_takes_larger_messages_only_where_its_row_says_so() {
        let table = AccessTable::parse(
            "[\"a.B\"]\nC = { STAFF = \"yes\", largest_mib = 11 }\nD = { STAFF = \"yes\" }",
        )
        .unwrap();
        assert_eq!(
            ["/a.B/C", "/a.B/D", "/a.B/E"].map(|path| table.largest_message(path)),
            [11 << 20, 4 << 20, 4 << 20]
        );
        assert!(
            !table.cells().any(|(_, roles)| roles.contains_key("largest_mib")),
            "it is no role"
        );
        for wrong in ["largest_mib = 0", "largest_mib = 16", "largest_mib = \"yes\"", "STAFF = 4"] {
            assert!(
                AccessTable::parse(&format!("[\"a.B\"]\nC = {{ {wrong} }}")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn people_alone_call_what_says_so() {
        let table = AccessTable::parse(
            "[\"a.B\"]\nC = { STAFF = \"yes\", api_keys = false }\nD = { STAFF = \"yes\" }",
        )
        .unwrap();
        assert_eq!(
            ["/a.B/C", "/a.B/D", "/a.B/E"].map(|path| table.is_for_people(path)),
            [true, false, false]
        );
        assert!(
            AccessTable::parse("[\"a.B\"]\nC = { api_keys = true }").is_err(),
            "it is the rule"
        );
    }

    #[test]
    fn the_widest_of_the_callers_roles_counts() {
        let table =
            AccessTable::parse("[\"a.B\"]\nC = { STAFF = \"yes\", MEMBER = \"own\" }").unwrap();
        let roles = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            table.decide("/a.B/C", &roles(&["MEMBER", "STAFF"])),
            Access::Granted(Grant::Tenant)
        );
        assert_eq!(
            table.decide("/a.B/C", &roles(&["MEMBER"])),
            Access::Granted(Grant::OwnCustomer)
        );
        assert_eq!(
            table.decide("/a.B/C", &roles(&["OWNER"])),
            Access::Refused(roles(&["MEMBER", "STAFF"]))
        );
        assert_eq!(table.decide("/a.B/D", &roles(&["STAFF"])), Access::Unknown);
    }
}
