//! The access table: RPC × role, read from `proto/access.toml`; the default is no.

use std::collections::HashMap;

/// How far a role's permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// The member's own customer.
    OwnCustomer,
    /// The whole tenant.
    Tenant,
}

/// Who may call what.
#[derive(Debug, Clone)]
pub struct AccessTable {
    rows: HashMap<String, HashMap<String, Grant>>,
}

/// The answer of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The caller may, this far.
    Granted(Grant),
    /// None of the caller's roles may; these may.
    Refused(Vec<String>),
    /// There is no such method.
    Unknown,
}

impl AccessTable {
    /// The table of the contract.
    ///
    /// # Errors
    /// A sentence that names the row that is wrong.
    pub fn load() -> Result<Self, String> {
        Self::parse(payterms_proto::ACCESS_TABLE)
    }

    fn parse(text: &str) -> Result<Self, String> {
        type Table = HashMap<String, HashMap<String, HashMap<String, String>>>;
        let table: Table = toml::from_str(text).map_err(|error| format!("access.toml: {error}"))?;
        let mut rows = HashMap::new();
        for (service, methods) in table {
            for (method, roles) in methods {
                let mut grants = HashMap::new();
                for (role, cell) in roles {
                    let grant = match cell.as_str() {
                        "yes" => Grant::Tenant,
                        "own" => Grant::OwnCustomer,
                        other => return Err(format!("access.toml: {service}/{method}: {role} = {other:?} is neither yes nor own")),
                    };
                    grants.insert(role, grant);
                }
                rows.insert(format!("/{service}/{method}"), grants);
            }
        }
        Ok(Self { rows })
    }

    /// What a caller with these roles may do with the method at `path`.
    #[must_use]
    pub fn decide(&self, path: &str, roles: &[String]) -> Access {
        let Some(row) = self.rows.get(path) else { return Access::Unknown };
        if let Some(grant) = roles.iter().filter_map(|role| row.get(role)).max() {
            Access::Granted(*grant)
        } else {
            let mut allowed: Vec<_> = row.keys().cloned().collect();
            allowed.sort();
            Access::Refused(allowed)
        }
    }

    /// Full names of the gRPC services of these packages, and of health.
    #[must_use]
    pub fn services(&self, packages: &[&str]) -> Vec<String> {
        let prefixes: Vec<_> = packages.iter().map(|package| format!("payterms.{package}.v1.")).collect();
        let names = self.rows.keys().filter_map(|path| path.split('/').nth(1));
        let mut names: Vec<_> = names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).map(str::to_owned).collect();
        names.push("grpc.health.v1.Health".to_owned());
        names.sort();
        names.dedup();
        names
    }

    /// All rows: path, role, grant.
    pub fn cells(&self) -> impl Iterator<Item = (&str, &HashMap<String, Grant>)> {
        self.rows.iter().map(|(path, row)| (path.as_str(), row))
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, AccessTable, Grant};
    use prost_reflect::DescriptorPool;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_has_a_row_and_every_row_a_method() {
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
        let methods: BTreeSet<_> = pool
            .services()
            .flat_map(|service| service.methods().map(|m| format!("/{}/{}", m.parent_service().full_name(), m.name())).collect::<Vec<_>>())
            .collect();
        let table = AccessTable::load().unwrap();
        let rows: BTreeSet<_> = table.cells().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(methods, rows);
    }

    #[test]
    fn roles_are_known_ones() {
        let known = ["OPERATOR", "OWNER", "ADMIN", "STAFF", "CUSTOMER_ADMIN", "BILLING_MANAGER", "MEMBER", "SERVICE", "PEER"];
        for (path, row) in AccessTable::load().unwrap().cells() {
            assert!(row.keys().all(|role| known.contains(&role.as_str())), "{path}");
        }
    }

    #[test]
    fn the_widest_of_the_callers_roles_counts() {
        let table = AccessTable::parse("[\"a.B\"]\nC = { STAFF = \"yes\", MEMBER = \"own\" }").unwrap();
        let roles = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(table.decide("/a.B/C", &roles(&["MEMBER", "STAFF"])), Access::Granted(Grant::Tenant));
        assert_eq!(table.decide("/a.B/C", &roles(&["MEMBER"])), Access::Granted(Grant::OwnCustomer));
        assert_eq!(table.decide("/a.B/C", &roles(&["OWNER"])), Access::Refused(roles(&["MEMBER", "STAFF"])));
        assert_eq!(table.decide("/a.B/D", &roles(&["STAFF"])), Access::Unknown);
    }
}
