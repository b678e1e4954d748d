//! Where an issuer's tokens say for whom a caller acts, and in which roles: by configuration,
//! because each issuer has other claims.

use payterms_chassis::{access::ROLES, config::value_in, identity::TokenFault};
use payterms_kernel::TenantId;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, path::Path};
use uuid::Uuid;

/// A claim, by the names of the objects that it is in, from outside in, and its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Spelled")]
struct Claim(Vec<String>);

/// How a claim is written in the file: by its name, or, where it is inside of others, by all names.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Spelled {
    Outside(String),
    Inside(Vec<String>),
}

impl From<Spelled> for Claim {
    fn from(spelled: Spelled) -> Self {
        match spelled {
            Spelled::Outside(name) => Self(vec![name]),
            Spelled::Inside(names) => Self(names),
        }
    }
}

impl Claim {
    /// Its value in a token; none where it is missing or null.
    fn of<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, inner) = self.0.split_first()?;
        let value = inner.iter().try_fold(claims.get(first)?, |outer, name| outer.get(name))?;
        (!value.is_null()).then_some(value)
    }
}

/// The claims of an issuer's tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimsMap {
    /// The slug of the tenant.
    tenant: Claim,
    /// The id of the customer that a member acts for.
    customer: Claim,
    /// The roles: lists of names, or names with blanks between.
    roles: Vec<Claim>,
    /// Our roles by the issuer's names. Where it is given, other names count for nothing.
    role_names: Option<BTreeMap<String, String>>,
}

impl Default for ClaimsMap {
    fn default() -> Self {
        let claim = |name: &str| Claim(vec![name.to_owned()]);
        Self {
            tenant: claim("tenant"),
            customer: claim("customer"),
            roles: vec![claim("roles")],
            role_names: None,
        }
    }
}

/// For whom a caller acts, and in which roles.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub tenant: Option<TenantId>,
    pub customer: Option<Uuid>,
    pub roles: Vec<String>,
}

impl ClaimsMap {
    /// Reads the map from a TOML file.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong in it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = value_in(file)?;
        Self::parse(&text).map_err(|fault| format!("{}: {fault}", file.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let map: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let claims = [&map.tenant, &map.customer].into_iter().chain(&map.roles);
        if claims
            .into_iter()
            .any(|claim| claim.0.is_empty() || claim.0.iter().any(String::is_empty))
        {
            return Err("a claim has an empty name".to_owned());
        }
        let named = map.role_names.iter().flatten();
        if let Some((theirs, ours)) =
            named.into_iter().find(|(_, ours)| !ROLES.contains(&ours.as_str()))
        {
            return Err(format!(
                "role_names: {theirs} is to be {ours}, which is none of {}",
                ROLES.join(", ")
            ));
        }
        Ok(map)
    }

    /// The claim of the tenant, as it is to be named to people.
    pub(super) fn tenant_claim(&self) -> String {
        self.tenant.0.join(".")
    }

    /// What the claims of a token say.
    ///
    /// # Errors
    /// The claim that is malformed.
    pub(super) fn standing(&self, claims: &Map<String, Value>) -> Result<Standing, TokenFault> {
        let tenant = text(self.tenant.of(claims), "tenant")?
            .map(str::parse)
            .transpose()
            .map_err(|_| TokenFault::Claim("tenant"))?;
        let customer = text(self.customer.of(claims), "customer")?.map(Uuid::try_parse).transpose();
        let mut roles = Vec::new();
        for claim in &self.roles {
            self.add_roles(&mut roles, claim.of(claims))?;
        }
        Ok(Standing {
            tenant,
            customer: customer.map_err(|_| TokenFault::Claim("customer"))?,
            roles,
        })
    }

    fn add_roles(&self, roles: &mut Vec<String>, value: Option<&Value>) -> Result<(), TokenFault> {
        let named: Vec<&str> = match value {
            None => return Ok(()),
            Some(Value::String(names)) => names.split_whitespace().collect(),
            Some(Value::Array(names)) => names
                .iter()
                .map(|name| name.as_str().ok_or(TokenFault::Claim("roles")))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(TokenFault::Claim("roles")),
        };
        for name in named {
            let ours = self
                .role_names
                .as_ref()
                .map_or(Some(name), |names| names.get(name).map(String::as_str));
            // What is no caller's role is left out: nobody becomes a PEER by a token from outside.
            if let Some(role) =
                ours.filter(|role| ROLES.contains(role) && !roles.iter().any(|known| known == role))
            {
                roles.push(role.to_owned());
            }
        }
        Ok(())
    }
}

fn text<'a>(value: Option<&'a Value>, claim: &'static str) -> Result<Option<&'a str>, TokenFault> {
    value.map(|value| value.as_str().ok_or(TokenFault::Claim(claim))).transpose()
}

#[cfg(test)]
mod tests {
    use super::{ClaimsMap, Standing};
    use payterms_chassis::identity::TokenFault;
    use serde_json::{Value, json};

    const CUSTOMER: &str = "01990000-0000-7000-8000-000000000001";

    fn standing(map: &str, claims: &Value) -> Result<Standing, TokenFault> {
        ClaimsMap::parse(map).unwrap().standing(claims.as_object().unwrap())
    }

    fn of_acme(roles: &[&str]) -> Standing {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Standing { tenant: "acme".parse().ok(), customer: CUSTOMER.parse().ok(), roles }
    }

    /// Realm roles and those of a client, as Keycloak writes them, and user attributes by mappers.
    #[test]
    fn keycloak() {
        let map = r#"
            roles = [["realm_access", "roles"], ["resource_access", "payterms", "roles"]]
            [role_names]
            billing-admin = "CUSTOMER_ADMIN"
            viewer = "MEMBER"
        "#;
        let token = json!({
            "iss": "https://sso.example/realms/acme", "typ": "Bearer", "azp": "portal", "tenant": "acme", "customer": CUSTOMER,
            "realm_access": { "roles": ["offline_access", "default-roles-acme", "viewer"] },
            "resource_access": {
                "account": { "roles": ["manage-account"] },
                "payterms": { "roles": ["billing-admin", "viewer"] },
            },
        });
        assert_eq!(standing(map, &token), Ok(of_acme(&["MEMBER", "CUSTOMER_ADMIN"])));
        assert_eq!(
            standing(map, &json!({ "realm_access": {} })),
            Ok(Standing { tenant: None, customer: None, roles: vec![] })
        );
    }

    /// Claims with addresses for names, whose dots divide nothing, as Auth0 writes them.
    #[test]
    fn auth0() {
        let map = r#"
            tenant = "https://acme.example/tenant"
            customer = "https://acme.example/customer"
            roles = ["https://acme.example/roles", "scope"]
        "#;
        let token = json!({
            "https://acme.example/tenant": "acme", "https://acme.example/customer": CUSTOMER,
            "https://acme.example/roles": ["BILLING_MANAGER", "Auth0 Admin"], "scope": "openid MEMBER PEER email", "roles": ["OWNER"],
        });
        assert_eq!(standing(map, &token), Ok(of_acme(&["BILLING_MANAGER", "MEMBER"])));
    }

    #[test]
    fn a_malformed_claim_is_no_missing_one() {
        let fault = |token: Value| standing("", &token).unwrap_err();
        for (claim, wrong) in [
            ("tenant", json!({ "tenant": "NO SLUG" })),
            ("tenant", json!({ "tenant": ["acme"] })),
            ("customer", json!({ "customer": "no id" })),
            ("roles", json!({ "roles": { "a": "OWNER" } })),
            ("roles", json!({ "roles": ["OWNER", 7] })),
        ] {
            assert_eq!(fault(wrong.clone()), TokenFault::Claim(claim), "{wrong}");
        }
    }

    #[test]
    fn a_map_that_means_nothing_is_refused() {
        for (map, fault) in [
            ("role = [\"a\"]", "role"),
            ("tenant = \"\"", "empty name"),
            ("roles = [[]]", "empty name"),
            ("[role_names]\nboss = \"PEER\"", "boss is to be PEER"),
            ("[role_names]\nboss = \"BOSS\"", "none of OPERATOR"),
        ] {
            let said = ClaimsMap::parse(map).unwrap_err();
            assert!(said.contains(fault), "{map}: {said}");
        }
    }
}
